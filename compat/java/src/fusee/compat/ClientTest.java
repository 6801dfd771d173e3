package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertNotNull;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.ThreadLocalRandom;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.ClientConfig;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterEach;

/** Makes clients, topics and groups, each under a name of its own so that tests can run side by side, and shuts them down after the test. */
abstract class ClientTest {
    private static final String RUN = Integer.toString(ThreadLocalRandom.current().nextInt(36 * 36 * 36 * 36), 36);
    private static final int QUERY_CONSUMER_OFFSET = 14;
    private static final int TOPIC_NOT_EXIST = 17;
    private static final AtomicInteger COUNT = new AtomicInteger();

    private static final ExecutorService CLOSERS = Executors.newCachedThreadPool(task -> {
        Thread thread = new Thread(task, "closer");
        thread.setDaemon(true);
        return thread;
    });
    private static DefaultMQAdminExt sharedAdmin;

    /** Where the clients of this test connect to. */
    protected Site site = Site.SHARED;

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private DefaultMQAdminExt admin;
    private Raw raw;

    /** In the background: the shutdown of a client takes up to 3 s, and nobody has to wait for it. */
    @AfterEach
    void closeAll() {
        CompletableFuture.runAsync(() -> {
            while (!open.isEmpty()) {
                try {
                    open.pop().close();
                } catch (Exception e) {
                    System.err.println("closing: " + e);
                }
            }
        }, CLOSERS);
    }

    /** Closed after the test, last one first. */
    protected <T extends AutoCloseable> T closeLater(T thing) {
        open.push(thing);
        return thing;
    }

    protected PrivateCluster privateCluster(String... keysAndValues) throws Exception {
        Map<String, String> keys = new HashMap<>();
        for (int i = 0; i < keysAndValues.length; i += 2) {
            keys.put(keysAndValues[i], keysAndValues[i + 1]);
        }
        PrivateCluster cluster = closeLater(PrivateCluster.start(keys));
        site = cluster.site;
        return cluster;
    }

    /** A name nobody else uses, in topics, groups and clients. */
    protected String fresh(String what) {
        return what + "-" + RUN + "-" + COUNT.incrementAndGet();
    }

    private <T extends ClientConfig> T here(T client) {
        client.setNamesrvAddr(site.namesrv());
        client.setInstanceName(fresh("client"));
        // A new group's retry topic, and in 5.x the first rebalance, take effect at the client's next round; by default that is 30 s.
        client.setPollNameServerInterval(1000);
        client.setHeartbeatBrokerInterval(1000);
        return client;
    }

    protected DefaultMQAdminExt admin() throws Exception {
        if (admin == null && site == Site.SHARED) {
            synchronized (ClientTest.class) {
                if (sharedAdmin == null) {
                    sharedAdmin = newAdmin();
                }
                admin = sharedAdmin;
            }
        }
        if (admin == null) {
            admin = newAdmin();
            closeLater(admin::shutdown);
        }
        return admin;
    }

    private DefaultMQAdminExt newAdmin() throws Exception {
        DefaultMQAdminExt made = here(new DefaultMQAdminExt(10_000));
        made.setAdminExtGroup(fresh("admin"));
        made.start();
        return made;
    }

    /** Not started yet. */
    protected DefaultMQProducer newProducer() {
        return settle(new DefaultMQProducer(fresh("producer")));
    }

    protected DefaultMQProducer settle(DefaultMQProducer producer) {
        here(producer);
        producer.setSendMsgTimeout(20_000);
        closeLater(producer::shutdown);
        return producer;
    }

    protected DefaultMQProducer producer() throws Exception {
        DefaultMQProducer producer = newProducer();
        producer.start();
        return producer;
    }

    /** Not started yet; begins at the first message. */
    protected DefaultMQPushConsumer newConsumer(String group) {
        return settle(new DefaultMQPushConsumer(group));
    }

    protected DefaultMQPushConsumer settle(DefaultMQPushConsumer consumer) {
        here(consumer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setConsumeThreadMin(4);
        consumer.setConsumeThreadMax(4);
        // Or the message whose listener is about to return is not in the offset that shutdown stores.
        consumer.setAwaitTerminationMillisWhenShutdown(10_000);
        closeLater(consumer::shutdown);
        return consumer;
    }

    protected DefaultMQPushConsumer consumer(String group, String topic, String tags, MessageListenerConcurrently listener) throws Exception {
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.subscribe(topic, tags);
        consumer.registerMessageListener(listener);
        consumer.start();
        return consumer;
    }

    protected DefaultMQPushConsumer consumer(String group, String topic, MessageListenerConcurrently listener) throws Exception {
        return consumer(group, topic, "*", listener);
    }

    protected DefaultMQPushConsumer consumer(String group, String topic, MessageListenerOrderly listener) throws Exception {
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(listener);
        consumer.start();
        return consumer;
    }

    @SuppressWarnings("deprecation")
    protected DefaultMQPullConsumer newPuller(String group) {
        DefaultMQPullConsumer consumer = here(new DefaultMQPullConsumer(group));
        closeLater(consumer::shutdown);
        return consumer;
    }

    @SuppressWarnings("deprecation")
    protected DefaultMQPullConsumer puller() throws Exception {
        DefaultMQPullConsumer consumer = newPuller(fresh("puller"));
        consumer.start();
        return consumer;
    }

    protected DefaultLitePullConsumer newLitePuller(String group) {
        DefaultLitePullConsumer consumer = here(new DefaultLitePullConsumer(group));
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.setPullThreadNums(4);
        closeLater(consumer::shutdown);
        return consumer;
    }

    protected Raw raw() {
        if (raw == null) {
            raw = closeLater(new Raw());
        }
        return raw;
    }

    /** What the broker keeps for a group, -1 for nothing. Asked without joining the group: that would change its subscriptions. */
    protected long storedOffset(String group, MessageQueue queue) throws Exception {
        RemotingCommand answer = raw().ask(site.broker(), QUERY_CONSUMER_OFFSET,
            Map.of("consumerGroup", group, "topic", queue.getTopic(), "queueId", Integer.toString(queue.getQueueId())), null);
        return answer.getCode() == 0 ? Long.parseLong(answer.getExtFields().get("offset")) : -1;
    }

    /** A new topic that the name server knows. */
    protected String topic(int queues) throws Exception {
        String topic = fresh("topic");
        createTopic(topic, queues, 6);
        return topic;
    }

    protected void createTopic(String topic, int queues, int perm) throws Exception {
        for (String broker : site.brokers()) {
            // A busy machine may take longer than the client allows for a first connection.
            Wait.until("topic " + topic, () -> {
                admin().createAndUpdateTopicConfig(broker, new TopicConfig(topic, queues, queues, perm));
                return true;
            });
        }
        Wait.until("route of " + topic, () -> admin().examineTopicRouteInfo(topic).getQueueDatas().size() == site.brokers().size());
    }

    /** On the broker, then on the name server; again if a registration that was under way brought the route back. */
    protected void deleteTopic(String topic) throws Exception {
        for (String broker : site.brokers()) {
            admin().deleteTopicInBroker(Set.of(broker), topic);
        }
        Wait.until("no route of " + topic, () -> {
            Line.deleteRoute(admin(), site.namesrv(), Site.CLUSTER, topic);
            return !hasRoute(topic);
        });
    }

    protected boolean hasRoute(String topic) throws Exception {
        try {
            return !admin().examineTopicRouteInfo(topic).getQueueDatas().isEmpty();
        } catch (MQClientException e) {
            if (e.getResponseCode() == TOPIC_NOT_EXIST) {
                return false;
            }
            throw e;
        }
    }

    protected static MessageQueue queue(String topic, int id) {
        return new MessageQueue(topic, Site.BROKER_NAME, id);
    }

    protected static Message message(String topic, String body) {
        return new Message(topic, body.getBytes(StandardCharsets.UTF_8));
    }

    protected static String body(MessageExt message) {
        return new String(message.getBody(), StandardCharsets.UTF_8);
    }

    /** Bodies "from" .. "to" - 1, one after the other. */
    protected static List<SendResult> send(DefaultMQProducer producer, String topic, int from, int to) throws Exception {
        List<SendResult> results = new ArrayList<>();
        for (int i = from; i < to; i++) {
            results.add(producer.send(message(topic, Integer.toString(i))));
        }
        return results;
    }

    protected static Set<String> numbers(int from, int to) {
        return IntStream.range(from, to).mapToObj(Integer::toString).collect(Collectors.toCollection(TreeSet::new));
    }

    /** The queues of a topic that a push consumer holds now. */
    protected static Set<Integer> queuesOf(DefaultMQPushConsumer consumer, String topic) {
        return consumer.getDefaultMQPushConsumerImpl().getRebalanceImpl().getProcessQueueTable().keySet().stream()
            .filter(queue -> queue.getTopic().equals(topic)).map(MessageQueue::getQueueId).collect(Collectors.toSet());
    }

    /** The one message at a place, by the pull API. */
    @SuppressWarnings("deprecation")
    protected MessageExt read(DefaultMQPullConsumer puller, SendResult at) throws Exception {
        List<MessageExt> found = puller.pull(at.getMessageQueue(), "*", at.getQueueOffset(), 1).getMsgFoundList();
        assertNotNull(found, () -> "nothing at " + at);
        return found.get(0);
    }
}
