package fusee.compat;

import java.nio.charset.StandardCharsets;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Set;
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
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;
import org.junit.jupiter.api.AfterEach;

/** Makes clients, topics and groups, each under a name of its own so that tests can run side by side, and shuts them down after the test. */
abstract class ClientTest {
    private static final String RUN = Integer.toString(ThreadLocalRandom.current().nextInt(36 * 36 * 36 * 36), 36);
    private static final AtomicInteger COUNT = new AtomicInteger();

    /** Where the clients of this test connect to. */
    protected Site site = Site.SHARED;

    private final Deque<AutoCloseable> open = new ArrayDeque<>();
    private DefaultMQAdminExt admin;

    @AfterEach
    void closeAll() throws Exception {
        while (!open.isEmpty()) {
            open.pop().close();
        }
    }

    /** Closed after the test, last one first. */
    protected <T extends AutoCloseable> T closeLater(T thing) {
        open.push(thing);
        return thing;
    }

    protected PrivateCluster privateCluster(String... keysAndValues) throws Exception {
        java.util.Map<String, String> keys = new java.util.HashMap<>();
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
        return client;
    }

    protected DefaultMQAdminExt admin() throws Exception {
        if (admin == null) {
            DefaultMQAdminExt made = here(new DefaultMQAdminExt(10_000));
            made.setAdminExtGroup(fresh("admin"));
            made.start();
            closeLater(made::shutdown);
            admin = made;
        }
        return admin;
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

    /** A new topic that the name server knows. */
    protected String topic(int queues) throws Exception {
        String topic = fresh("topic");
        createTopic(topic, queues, 6);
        return topic;
    }

    protected void createTopic(String topic, int queues, int perm) throws Exception {
        for (String broker : site.brokers()) {
            admin().createAndUpdateTopicConfig(broker, new TopicConfig(topic, queues, queues, perm));
        }
        Wait.until("route of " + topic, () -> admin().examineTopicRouteInfo(topic).getQueueDatas().size() == site.brokers().size());
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
        return IntStream.range(from, to).mapToObj(Integer::toString).collect(Collectors.toCollection(java.util.TreeSet::new));
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
        org.junit.jupiter.api.Assertions.assertNotNull(found, () -> "nothing at " + at);
        return found.get(0);
    }
}
