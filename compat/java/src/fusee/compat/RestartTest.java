package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Servers that stop, are killed and come back: clients go on, and nothing acknowledged is lost. */
@SuppressWarnings("deprecation")
@ResourceLock(PrivateCluster.ONE_AT_A_TIME)
class RestartTest extends ClientTest {
    private static final Duration RECONNECTED = Duration.ofSeconds(60);

    private void sendEventually(DefaultMQProducer producer, String topic, String body) {
        Wait.until("send works again", RECONNECTED, () -> producer.send(message(topic, body)).getSendStatus() == SendStatus.SEND_OK);
    }

    @Test
    void cleanRestartKeepsEverything() throws Exception {
        PrivateCluster cluster = privateCluster();
        String topic = topic(2);
        String group = fresh("group");
        createTopic(fresh("other"), 5, 4);
        var config = Line.group(fresh("configured"));
        config.setRetryMaxTimes(3);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        DefaultMQProducer producer = producer();
        Inbox before = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, before.concurrently());
        List<SendResult> sent = new ArrayList<>(send(producer, topic, 0, 20));
        before.await(20);
        first.shutdown();
        sent.addAll(send(producer, topic, 20, 30));
        Message late = message(topic, "late");
        late.setDelayTimeLevel(18);
        producer.send(late);

        cluster.broker.stop();
        Wait.until("no route while it is down", () -> !hasRoute(topic));
        cluster.broker.start();

        sendEventually(producer, topic, "after");
        Inbox after = new Inbox();
        consumer(group, topic, after.concurrently());
        Set<String> expected = new TreeSet<>(numbers(20, 30));
        expected.addAll(Set.of("late", "after"));
        Wait.until(() -> "exactly what was not consumed, the delayed message among it: " + after.bodies(), RECONNECTED,
            () -> after.distinctBodies().containsAll(expected));
        assertEquals(expected, after.distinctBodies());
        DefaultMQPullConsumer puller = puller();
        for (int i = 0; i < 30; i++) {
            assertEquals(Integer.toString(i), body(read(puller, sent.get(i))));
        }
        assertEquals("7", body(puller.viewMessage(topic, sent.get(7).getOffsetMsgId())));
        var wrapper = admin().getAllSubscriptionGroup(site.broker(), 5000);
        assertEquals(3, wrapper.getSubscriptionGroupTable().get(config.getGroupName()).getRetryMaxTimes());
    }

    /** Sends from four threads until told to stop; keeps what was acknowledged, by place. */
    private static final class Load {
        final Map<String, String> acknowledged = new ConcurrentHashMap<>();
        private final List<Thread> threads = new ArrayList<>();
        private volatile boolean stopped;

        Load(DefaultMQProducer producer, String topic) {
            for (int t = 0; t < 4; t++) {
                int thread = t;
                threads.add(new Thread(() -> {
                    for (int n = 0; !stopped; n++) {
                        String body = thread + "-" + n;
                        try {
                            SendResult result = producer.send(message(topic, body));
                            if (result.getSendStatus() == SendStatus.SEND_OK) {
                                acknowledged.put(result.getMessageQueue().getQueueId() + "/" + result.getQueueOffset(), body);
                            }
                        } catch (Exception e) {
                            // Not acknowledged: it may be there or not.
                        }
                    }
                }, "load-" + t));
            }
            threads.forEach(Thread::start);
        }

        void stop() throws InterruptedException {
            stopped = true;
            for (Thread thread : threads) {
                thread.join();
            }
        }
    }

    private void killUnderLoad(String flushDiskType) throws Exception {
        PrivateCluster cluster = privateCluster("flushDiskType", flushDiskType);
        String topic = topic(4);
        DefaultMQProducer producer = newProducer();
        producer.setSendMsgTimeout(3000);
        producer.setRetryTimesWhenSendFailed(0);
        producer.start();
        Load load = new Load(producer, topic);
        Wait.until("2000 acknowledged", Duration.ofSeconds(60), () -> load.acknowledged.size() > 2000);
        cluster.broker.kill();
        load.stop();
        cluster.broker.start();
        sendEventually(producer, topic, "after");

        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        Wait.until(() -> "all that was acknowledged (" + load.acknowledged.size() + "), so far " + inbox.size(), RECONNECTED,
            () -> inbox.size() > load.acknowledged.size());
        Map<String, String> stored = new ConcurrentHashMap<>();
        for (MessageExt m : inbox.messages()) {
            String before = stored.put(m.getQueueId() + "/" + m.getQueueOffset(), body(m));
            assertEquals(null, before, "two messages at one place");
        }
        load.acknowledged.forEach((place, body) -> assertEquals(body, stored.get(place), "acknowledged at " + place));
    }

    @Test
    void killedUnderLoad() throws Exception {
        killUnderLoad("ASYNC_FLUSH");
    }

    @Test
    void killedUnderLoadWithSyncFlush() throws Exception {
        killUnderLoad("SYNC_FLUSH");
    }

    @Test
    void killedBrokerKeepsOldOffsetsAndItsClients() throws Exception {
        PrivateCluster cluster = privateCluster();
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 10);
        inbox.await(10);
        Wait.until("the offset is on disk", () -> Files.readString(cluster.store.resolve("config/consumerOffset.json")).replaceAll("\\s", "")
            .contains("\"" + topic + "@" + group + "\":{0:10"));

        cluster.broker.kill();
        Wait.until("the name server drops a broker whose connection closed", () -> !hasRoute(topic));
        cluster.broker.start();
        sendEventually(producer, topic, "10");
        assertEquals(numbers(0, 11), inbox.awaitDistinct(11, RECONNECTED).distinctBodies());
        consumer.shutdown();

        sendEventually(producer, topic, "11");
        Inbox after = new Inbox();
        consumer(group, topic, after.concurrently());
        after.awaitDistinct(1, RECONNECTED);
        assertTrue(after.distinctBodies().contains("11"));
        assertTrue(numbers(10, 12).containsAll(after.distinctBodies()), "consumed again: " + after.bodies());
    }

    @Test
    void nameServerRestart() throws Exception {
        PrivateCluster cluster = privateCluster("registerNameServerPeriod", "10000");
        String topic = topic(2);
        DefaultMQProducer producer = producer();
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        send(producer, topic, 0, 5);
        inbox.await(5);
        admin().putKVConfig("namespace", "key", "value");
        admin().createAndUpdateKvConfig("namespace", "key", "value");

        cluster.namesrv.kill();
        send(producer, topic, 5, 10);
        inbox.await(10);
        cluster.namesrv.start();
        Wait.until("the broker registers again", Duration.ofSeconds(40), () -> admin().examineTopicRouteInfo(topic).getQueueDatas().size() == 1);
        assertEquals("value", admin().getKVConfig("namespace", "key"));
        send(producer(), topic, 10, 15);
        assertEquals(numbers(0, 15), inbox.awaitDistinct(15, RECONNECTED).distinctBodies());
    }
}
