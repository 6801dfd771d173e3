package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Path;
import java.time.Duration;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Stream;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.ResourceLock;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

/** Apache's brokers on the name server under test, and the broker under test on Apache's name servers: what one asks, the other answers. */
@Timeout(300)       // Apache's servers start in seconds, on a busy machine in a minute
class ApacheServersTest extends ClientTest {
    /** A JUnit resource: they start one after the other, beside the private clusters. */
    private static final String APACHES_SERVERS = "Apache's servers";
    private static final int GET_MAX_OFFSET = 30;
    private static final int REGISTER_BROKER = 103;
    private static final int REGISTER_TOPIC_IN_NAMESRV = 217;
    private static final int QUERY_DATA_VERSION = 322;
    private static final int GET_BROKER_MEMBER_GROUP = 901;
    private static final int BROKER_HEARTBEAT = 904;
    /** Every 10 s at most; a master's time-out is that long too. */
    private static final Duration NEXT_REGISTRATION = Duration.ofSeconds(60);

    private Path folder;

    private Path folder() {
        if (folder == null) {
            folder = Path.of(System.getProperty("compat.folder"), fresh("apache-servers"));
        }
        return folder;
    }

    private Server namesrv(String port, String... keysAndValues) throws IOException {
        return closeLater(new Server("mqnamesrv", folder().resolve("namesrv"), keys(Map.of("listenPort", port), keysAndValues)));
    }

    private Map<String, String> brokerKeys(String name, String namesrv, String port, String... keysAndValues) throws IOException {
        Map<String, String> keys = PrivateCluster.commonBrokerKeys();
        keys.put("brokerName", Site.BROKER_NAME);
        keys.put("listenPort", port);
        keys.put("namesrvAddr", namesrv);
        keys.put("storePathRootDir", folder().resolve(name + "/store").toString());
        keys.put("storePathCommitLog", folder().resolve(name + "/store/commitlog").toString());
        return keys(keys, keysAndValues);
    }

    private Server apacheBroker(String version, String name, String namesrv, String port, String... keysAndValues) throws IOException {
        return closeLater(Server.apache(version, "mqbroker", folder().resolve(name), brokerKeys(name, namesrv, port, keysAndValues)));
    }

    private static Map<String, String> keys(Map<String, String> from, String... keysAndValues) {
        Map<String, String> keys = new HashMap<>(from);
        for (int i = 0; i < keysAndValues.length; i += 2) {
            keys.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        return keys;
    }

    /** A topic is made, sent to, consumed, retried, shared by two members, deleted; the broker is killed and comes back. */
    private void clientsWork(Server broker) throws Exception {
        Wait.until("registered",
            () -> admin().examineBrokerClusterInfo().getBrokerAddrTable().get(Site.BROKER_NAME).getBrokerAddrs().equals(Map.of(0L, site.broker())));
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, inbox.concurrently(
            m -> m.getReconsumeTimes() == 0 && body(m).equals("3") ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS));
        DefaultMQPushConsumer second = consumer(group, topic, inbox.concurrently());
        Wait.until("two queues each", () -> queuesOf(first, topic).size() == 2 && queuesOf(second, topic).size() == 2);
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 40);
        assertEquals(numbers(0, 40), inbox.awaitDistinct(40, Wait.LONG).distinctBodies());
        String auto = fresh("auto");
        send(producer, auto, 0, 4);
        Inbox ofAuto = new Inbox();
        consumer(fresh("group"), auto, ofAuto.orderly());
        assertEquals(numbers(0, 4), ofAuto.await(4).distinctBodies());
        deleteTopic(auto);
        assertTrue(admin().fetchAllTopicList().getTopicList().containsAll(Set.of(topic, "%RETRY%" + group)));

        broker.kill();
        Wait.until("a closed connection is enough", () -> !hasRoute(topic));
        broker.start();
        Wait.until("sent", () -> producer.send(message(topic, "after")) != null);
        Wait.until("consumed", Duration.ofSeconds(60), () -> inbox.distinctBodies().contains("after"));
    }

    @ParameterizedTest
    @ValueSource(strings = {"4.9.7", "5.5.0"})
    @ResourceLock(APACHES_SERVERS)
    void clientsWorkThroughApachesBroker(String version) throws Exception {
        String namesrvPort = PrivateCluster.freePorts();
        String brokerPort = PrivateCluster.freePorts();
        namesrv(namesrvPort).start();
        site = new Site("127.0.0.1:" + namesrvPort, List.of("127.0.0.1:" + brokerPort));
        Server broker = apacheBroker(version, "broker", site.namesrv(), brokerPort);
        broker.start();
        clientsWork(broker);
    }

    @ParameterizedTest
    @ValueSource(strings = {"4.9.7", "5.5.0"})
    @ResourceLock(APACHES_SERVERS)
    void clientsWorkThroughApachesNameServer(String version) throws Exception {
        String namesrvPort = PrivateCluster.freePorts();
        String brokerPort = PrivateCluster.freePorts();
        closeLater(Server.apache(version, "mqnamesrv", folder().resolve("namesrv"), Map.of("listenPort", namesrvPort))).start();
        site = new Site("127.0.0.1:" + namesrvPort, List.of("127.0.0.1:" + brokerPort));
        Server broker = closeLater(new Server("mqbroker", folder().resolve("broker"), brokerKeys("broker", site.namesrv(), brokerPort)));
        broker.start();
        clientsWork(broker);
    }

    /** 217 with enableSingleTopicRegister; 322 with forceRegister=false, which spares the name server what it has and tells a new one all. */
    @Test
    @Tag("once")
    void aBrokerThatRegistersOnlyWhatChanged() throws Exception {
        String namesrvPort = PrivateCluster.freePorts();
        String brokerPort = PrivateCluster.freePorts();
        Server namesrv = namesrv(namesrvPort);
        namesrv.start();
        Tap tap = closeLater(new Tap(namesrvPort));
        apacheBroker("5.5.0", "broker", tap.address(), brokerPort, "enableSingleTopicRegister", "true", "forceRegister", "false",
            "registerNameServerPeriod", "10000").start();
        site = new Site("127.0.0.1:" + namesrvPort, List.of("127.0.0.1:" + brokerPort));

        String topic = topic(3);
        assertEquals(List.of(0), codes(tap.answersTo(REGISTER_TOPIC_IN_NAMESRV)));
        assertEquals(3, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getWriteQueueNums());
        send(producer(), topic, 0, 3);

        // The version of its topics has changed with the topic, so it registers once more; then nothing is new.
        Wait.until("told that nothing changed", NEXT_REGISTRATION, () -> tap.answersTo(QUERY_DATA_VERSION).stream().anyMatch(a -> changed(a, false)));
        assertEquals(Set.of(0), new TreeSet<>(codes(tap.answersTo(QUERY_DATA_VERSION))));
        assertTrue(hasRoute(topic));
        int registrations = tap.answersTo(REGISTER_BROKER).size();
        namesrv.kill();
        namesrv.start();
        Wait.until("registered with a name server that knows nothing", NEXT_REGISTRATION, () -> hasRoute(topic));
        assertTrue(changed(tap.answersTo(QUERY_DATA_VERSION).get(tap.answersTo(QUERY_DATA_VERSION).size() - 1), true));
        assertEquals(registrations + 1, tap.answersTo(REGISTER_BROKER).size());
        assertEquals(3, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getReadQueueNums());
    }

    private static List<Integer> codes(List<RemotingCommand> answers) {
        return answers.stream().map(RemotingCommand::getCode).toList();
    }

    private static boolean changed(RemotingCommand answer, boolean expected) {
        return Boolean.toString(expected).equals(answer.getExtFields().get("changed"));
    }

    /** The slave finds its master by what the name server answers to its registration. */
    @Test
    @Tag("once")
    @ResourceLock(APACHES_SERVERS)
    void aSlaveTakesOverTheReading() throws Exception {
        String namesrvPort = PrivateCluster.freePorts();
        String masterPort = PrivateCluster.freePorts();
        String slavePort = PrivateCluster.freePorts();
        namesrv(namesrvPort).start();
        site = new Site("127.0.0.1:" + namesrvPort, List.of("127.0.0.1:" + masterPort));
        Server master = apacheBroker("4.9.7", "master", site.namesrv(), masterPort);
        master.start();
        String topic = topic(1);
        send(producer(), topic, 0, 10);
        apacheBroker("4.9.7", "slave", site.namesrv(), slavePort, "brokerId", "1", "brokerRole", "SLAVE").start();
        Map<Long, String> both = Map.of(0L, site.broker(), 1L, "127.0.0.1:" + slavePort);
        Wait.until("both are known", () -> admin().examineTopicRouteInfo(topic).getBrokerDatas().get(0).getBrokerAddrs().equals(both));
        Wait.until("the slave has all", NEXT_REGISTRATION, () -> storedOn("127.0.0.1:" + slavePort, topic) == 10);
        master.kill();
        Wait.until("the slave alone is known",
            () -> admin().examineTopicRouteInfo(topic).getBrokerDatas().get(0).getBrokerAddrs().equals(Map.of(1L, "127.0.0.1:" + slavePort)));
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        assertEquals(numbers(0, 10), inbox.await(10).distinctBodies());
    }

    private long storedOn(String broker, String topic) throws Exception {
        RemotingCommand answer = raw().ask(broker, GET_MAX_OFFSET, Map.of("topic", topic, "queueId", "0"), null);
        return Long.parseLong(answer.getExtFields().get("offset"));
    }

    /** 901 and 904: a master and a slave that may act for it. The master freezes: only its heartbeats had kept it in the route. */
    @Test
    @Tag("once")
    @ResourceLock(APACHES_SERVERS)
    void aSlaveActsForItsMaster() throws Exception {
        String namesrvPort = PrivateCluster.freePorts();
        String masterPort = PrivateCluster.freePorts();
        String slavePort = PrivateCluster.freePorts();
        namesrv(namesrvPort, "supportActingMaster", "true").start();
        Tap tap = closeLater(new Tap(namesrvPort));
        String[] acting = {"enableSlaveActingMaster", "true", "totalReplicas", "2", "compatibleWithOldNameSrv", "false",
            "brokerNotActiveTimeoutMillis", "10000", "brokerHeartbeatInterval", "500", "registerNameServerPeriod", "60000"};
        Server master = apacheBroker("5.5.0", "master", tap.address(), masterPort, acting);
        master.start();
        site = new Site("127.0.0.1:" + namesrvPort, List.of("127.0.0.1:" + masterPort));
        String topic = topic(1);
        send(producer(), topic, 0, 10);
        Wait.until("it asked who else is there", () -> codes(tap.answersTo(GET_BROKER_MEMBER_GROUP)).contains(0));
        apacheBroker("5.5.0", "slave", "127.0.0.1:" + namesrvPort, slavePort, with(acting, "brokerId", "1", "brokerRole", "SLAVE")).start();
        Map<Long, String> both = Map.of(0L, site.broker(), 1L, "127.0.0.1:" + slavePort);
        Wait.until("both are known", NEXT_REGISTRATION, () -> admin().examineTopicRouteInfo(topic).getBrokerDatas().get(0).getBrokerAddrs().equals(both));
        Wait.until("the slave has all", NEXT_REGISTRATION, () -> storedOn("127.0.0.1:" + slavePort, topic) == 10);
        int heartbeats = tap.requests(BROKER_HEARTBEAT);
        Wait.until("more heartbeats than the time-out is long", NEXT_REGISTRATION, () -> {
            assertEquals(both, admin().examineTopicRouteInfo(topic).getBrokerDatas().get(0).getBrokerAddrs());
            return tap.requests(BROKER_HEARTBEAT) >= heartbeats + 24;
        });
        master.freeze();
        Wait.until("the slave stands in for it", NEXT_REGISTRATION, () -> {
            var route = admin().examineTopicRouteInfo(topic);
            return route.getBrokerDatas().get(0).getBrokerAddrs().equals(Map.of(0L, "127.0.0.1:" + slavePort)) && route.getQueueDatas().get(0).getPerm() == 4;
        });
    }

    private static String[] with(String[] some, String... more) {
        return Stream.concat(Stream.of(some), Stream.of(more)).toArray(String[]::new);
    }
}
