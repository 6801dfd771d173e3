package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** The name server's own administration, and clusters with more than one name server. */
class NamesrvTest extends ClientTest {
    private static final int NOT_FOUND = 22;

    @Test
    void keysAndValues() throws Exception {
        String namespace = fresh("namespace");
        admin().createAndUpdateKvConfig(namespace, "one", "1 = eins; \"ü\"");
        admin().createAndUpdateKvConfig(namespace, "two", "2");
        assertEquals("1 = eins; \"ü\"", admin().getKVConfig(namespace, "one"));
        assertEquals(Map.of("one", "1 = eins; \"ü\"", "two", "2"), admin().getKVListByNamespace(namespace).getTable());
        admin().createAndUpdateKvConfig(namespace, "two", "zwei");
        assertEquals("zwei", admin().getKVConfig(namespace, "two"));
        admin().deleteKvConfig(namespace, "one");
        assertEquals(NOT_FOUND, assertThrows(MQClientException.class, () -> admin().getKVConfig(namespace, "one")).getResponseCode());
        admin().deleteKvConfig(namespace, "never");
        assertEquals(NOT_FOUND, assertThrows(MQClientException.class, () -> admin().getKVListByNamespace(fresh("none"))).getResponseCode());
    }

    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void orderTopics() throws Exception {
        privateCluster();
        String topic = topic(4);
        admin().createOrUpdateOrderConf(topic, Site.BROKER_NAME + ":4", true);
        assertEquals(Site.BROKER_NAME + ":4", admin().getKVConfig("ORDER_TOPIC_CONFIG", topic));
        assertNull(admin().examineTopicRouteInfo(topic).getOrderTopicConf(), "orderMessageEnable is off");
        Properties on = new Properties();
        on.setProperty("orderMessageEnable", "true");
        admin().updateNameServerConfig(on, List.of(site.namesrv()));
        assertEquals("true", admin().getNameServerConfig(List.of(site.namesrv())).get(site.namesrv()).getProperty("orderMessageEnable"));
        assertEquals(Site.BROKER_NAME + ":4", admin().examineTopicRouteInfo(topic).getOrderTopicConf());
        DefaultMQProducer producer = producer();
        assertEquals(4, producer.fetchPublishMessageQueues(topic).size());
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.orderly());
        send(producer, topic, 0, 20);
        assertEquals(numbers(0, 20), inbox.await(20).distinctBodies());
    }

    @Test
    void configuration() throws Exception {
        Properties all = admin().getNameServerConfig(List.of(site.namesrv())).get(site.namesrv());
        assertEquals(site.namesrv().split(":")[1], all.getProperty("listenPort"));
        assertEquals("false", all.getProperty("orderMessageEnable"));
        Properties forbidden = new Properties();
        forbidden.setProperty("kvConfigPath", "/tmp/elsewhere");
        assertThrows(Exception.class, () -> admin().updateNameServerConfig(forbidden, List.of(site.namesrv())));
        assertEquals(all.getProperty("kvConfigPath"), admin().getNameServerConfig(List.of(site.namesrv())).get(site.namesrv()).getProperty("kvConfigPath"));
    }

    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void writePermission() throws Exception {
        privateCluster("registerNameServerPeriod", "60000");
        String topic = topic(2);
        int topics = admin().fetchAllTopicList().getTopicList().size();
        int wiped = admin().wipeWritePermOfBroker(site.namesrv(), Site.BROKER_NAME);
        assertTrue(wiped > 0 && wiped <= topics, wiped + " of " + topics);
        assertEquals(4, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getPerm());
        assertThrows(MQClientException.class, () -> producer().send(message(topic, "m")));
        assertEquals(wiped, admin().addWritePermOfBroker(site.namesrv(), Site.BROKER_NAME));
        assertEquals(6, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getPerm());
        assertEquals(0, producer().send(message(topic, "m")).getQueueOffset());
        assertEquals(0, admin().wipeWritePermOfBroker(site.namesrv(), "broker-of-nobody"));
    }

    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void twoNameServers() throws Exception {
        String firstPort = PrivateCluster.freePorts();
        Path folder = Path.of(System.getProperty("compat.folder"), fresh("two-name-servers"));
        Server first = closeLater(new Server("mqnamesrv", folder.resolve("first"), Map.of("listenPort", firstPort)));
        first.start();
        PrivateCluster cluster = closeLater(PrivateCluster.start(Map.of(), "127.0.0.1:" + firstPort + ";"));
        Site both = cluster.site;
        site = both;
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        send(producer, topic, 0, 3);
        inbox.await(3);
        for (String one : both.namesrv().split(";")) {
            site = new Site(one, both.brokers());
            assertEquals(3, send(producer(), topic, 3, 6).size(), "through " + one);
        }
        inbox.await(9);
        first.kill();
        site = both;
        // A new client may try the dead one first, and then asks the other.
        DefaultMQProducer late = producer();
        Wait.until("a send", () -> send(late, topic, 6, 7).size() == 1);
        assertEquals(numbers(0, 7), inbox.awaitDistinct(7, Wait.LONG).distinctBodies());
    }
}
