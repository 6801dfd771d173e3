package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;

/** DefaultMQPushConsumer, concurrently: clustering, broadcasting, subscriptions, where a group begins. */
class PushTest extends ClientTest {
    @Test
    void everyMessageOnce() throws Exception {
        String topic = topic(4);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        send(producer(), topic, 0, 200);
        assertEquals(numbers(0, 200), inbox.await(200).distinctBodies());
        assertEquals(200, inbox.size());
    }

    @Test
    void aMessageArrivesAsItWasSent() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        Message sent = new Message(topic, "tag", "key", "body".getBytes(StandardCharsets.UTF_8));
        sent.putUserProperty("colour", "grün");
        var result = producer().send(sent);
        MessageExt got = inbox.await(1).messages().get(0);
        assertEquals(result.getMsgId(), got.getMsgId());
        assertEquals(topic, got.getTopic());
        assertEquals("tag", got.getTags());
        assertEquals("key", got.getKeys());
        assertEquals("grün", got.getUserProperty("colour"));
        assertEquals(result.getQueueOffset(), got.getQueueOffset());
        assertEquals(0, got.getReconsumeTimes());
    }

    @Test
    void eachGroupGetsEverything() throws Exception {
        String topic = topic(4);
        Inbox one = new Inbox();
        Inbox other = new Inbox();
        consumer(fresh("group"), topic, one.concurrently());
        consumer(fresh("group"), topic, other.concurrently());
        send(producer(), topic, 0, 50);
        assertEquals(numbers(0, 50), one.await(50).distinctBodies());
        assertEquals(numbers(0, 50), other.await(50).distinctBodies());
    }

    @Test
    void membersOfAGroupShareTheWork() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox one = new Inbox();
        Inbox other = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, one.concurrently());
        DefaultMQPushConsumer second = consumer(group, topic, other.concurrently());
        Wait.until("two queues each", () -> queuesOf(first, topic).size() == 2 && queuesOf(second, topic).size() == 2);
        send(producer(), topic, 0, 100);
        Wait.until(() -> "100 together, now " + one.size() + " + " + other.size(), Wait.LONG, () -> one.size() + other.size() >= 100);
        assertEquals(50, one.size());
        assertEquals(50, other.size());
        Set<String> all = new TreeSet<>(one.bodies());
        all.addAll(other.bodies());
        assertEquals(numbers(0, 100), all);
    }

    @Test
    void broadcastingReachesEveryMember() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        List<Inbox> inboxes = List.of(new Inbox(), new Inbox(), new Inbox());
        for (Inbox inbox : inboxes) {
            DefaultMQPushConsumer consumer = newConsumer(group);
            Line.broadcasting(consumer);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener(inbox.concurrently());
            consumer.start();
            Wait.until("all queues", () -> queuesOf(consumer, topic).size() == 4);
        }
        send(producer(), topic, 0, 40);
        for (Inbox inbox : inboxes) {
            assertEquals(numbers(0, 40), inbox.await(40).distinctBodies());
        }
    }

    @Test
    void severalTopics() throws Exception {
        String one = topic(2);
        String other = topic(3);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.subscribe(one, "*");
        consumer.subscribe(other, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        DefaultMQProducer producer = producer();
        send(producer, one, 0, 10);
        send(producer, other, 10, 20);
        assertEquals(numbers(0, 20), inbox.await(20).distinctBodies());
    }

    @Test
    void tags() throws Exception {
        String topic = topic(2);
        Inbox both = new Inbox();
        Inbox all = new Inbox();
        consumer(fresh("group"), topic, "red || green", both.concurrently());
        consumer(fresh("group"), topic, all.concurrently());
        DefaultMQProducer producer = producer();
        for (String tag : List.of("red", "blue", "green", "blue", "red")) {
            producer.send(new Message(topic, tag, tag.getBytes(StandardCharsets.UTF_8)));
        }
        producer.send(message(topic, "without"));
        all.await(6);
        assertEquals(List.of("green", "red", "red"), sorted(both.await(3).bodies()));
        assertEquals(3, both.size());
    }

    @Test
    void tagsThatCollideInHashCode() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, "BB", inbox.concurrently());
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 10; i++) {
            producer.send(new Message(topic, i % 2 == 0 ? "Aa" : "BB", Integer.toString(i).getBytes(StandardCharsets.UTF_8)));
        }
        assertEquals(List.of("1", "3", "5", "7", "9"), sorted(inbox.await(5).bodies()));
    }

    @Test
    void aChangedSubscriptionTakesEffect() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = consumer(fresh("group"), topic, "old", inbox.concurrently());
        DefaultMQProducer producer = producer();
        producer.send(new Message(topic, "old", "1".getBytes(StandardCharsets.UTF_8)));
        inbox.await(1);
        consumer.subscribe(topic, "new");
        // The client still judges the pull that is under way by the old tags, so the first of these may be dropped.
        Wait.until("a message with the new tag", () -> {
            producer.send(new Message(topic, "new", "2".getBytes(StandardCharsets.UTF_8)));
            return inbox.bodies().contains("2");
        });
        int before = inbox.size();
        producer.send(new Message(topic, "old", "3".getBytes(StandardCharsets.UTF_8)));
        producer.send(new Message(topic, "new", "4".getBytes(StandardCharsets.UTF_8)));
        Wait.until("the next one too", () -> inbox.size() > before && inbox.bodies().contains("4"));
        assertTrue(!inbox.bodies().contains("3"), "the old tag is out");
    }

    @Test
    void largeAndCompressedBodies() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        byte[] plain = new byte[2_000_000];
        new Random(3).nextBytes(plain);
        byte[] packed = new byte[2_000_000];
        Arrays.fill(packed, (byte) 7);
        DefaultMQProducer producer = producer();
        producer.send(new Message(topic, plain));
        producer.send(new Message(topic, packed));
        List<MessageExt> got = new ArrayList<>(inbox.await(2).messages());
        got.sort((a, b) -> Long.compare(a.getQueueOffset(), b.getQueueOffset()));
        assertArrayEquals(plain, got.get(0).getBody());
        assertArrayEquals(packed, got.get(1).getBody());
    }

    @Test
    void consumedInBatches() throws Exception {
        String topic = topic(1);
        send(producer(), topic, 0, 100);
        List<Integer> sizes = Collections.synchronizedList(new ArrayList<>());
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.setConsumeMessageBatchMaxSize(10);
        consumer.setPullBatchSize(20);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerConcurrently) (batch, context) -> {
            sizes.add(batch.size());
            inbox.add(batch);
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        consumer.start();
        assertEquals(numbers(0, 100), inbox.await(100).distinctBodies());
        assertEquals(10, Collections.max(sizes));
    }

    @Test
    void newGroupsBeginAtTheFirstMessageWhileTheQueueIsYoung() throws Exception {
        // Also with LAST and TIMESTAMP: while offset 0 is in memory, brokers answer 0 for a group that they do not know.
        String topic = topic(1);
        send(producer(), topic, 0, 5);
        for (ConsumeFromWhere from : List.of(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET, ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET,
            ConsumeFromWhere.CONSUME_FROM_TIMESTAMP)) {
            Inbox inbox = new Inbox();
            DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
            consumer.setConsumeFromWhere(from);
            consumer.subscribe(topic, "*");
            consumer.registerMessageListener(inbox.concurrently());
            consumer.start();
            assertEquals(numbers(0, 5), inbox.await(5).distinctBodies(), from.toString());
        }
    }

    @Test
    void newBroadcastMembersBeginWhereTheyAsked() throws Exception {
        // Broadcasting asks no broker for the group's offset, so LAST really is the end.
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 5);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        Line.broadcasting(consumer);
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_LAST_OFFSET);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        Wait.until("queue assigned", () -> queuesOf(consumer, topic).size() == 1);
        send(producer, topic, 5, 8);
        inbox.await(3);
        assertEquals(numbers(5, 8), inbox.distinctBodies());
    }

    @Test
    void deliveredWhenItArrives() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = consumer(fresh("group"), topic, inbox.concurrently());
        DefaultMQProducer producer = producer();
        producer.send(message(topic, "warm"));
        inbox.await(1);
        List<Long> millis = new ArrayList<>();
        for (int i = 0; i < 20; i++) {
            int expected = i + 2;
            long sent = System.nanoTime();
            producer.send(message(topic, Integer.toString(i)));
            inbox.await(expected);
            millis.add((System.nanoTime() - sent) / 1_000_000);
        }
        Collections.sort(millis);
        assertTrue(millis.get(10) < 300, "milliseconds from send to listener: " + millis);
        assertEquals(21, inbox.size(), consumer.toString());
    }

    @Test
    void suspendAndResume() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = consumer(fresh("group"), topic, inbox.concurrently());
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 3);
        inbox.await(3);
        consumer.suspend();
        // The pull that is held already may still bring one answer; what comes later waits.
        send(producer, topic, 3, 4);
        send(producer, topic, 4, 10);
        assertTrue(inbox.size() < 10, "suspended, but all was consumed");
        consumer.resume();
        assertEquals(numbers(0, 10), inbox.awaitDistinct(10, Wait.LONG).distinctBodies());
    }

    @Test
    void manyProducersAndConsumers() throws Exception {
        String topic = topic(8);
        String group = fresh("group");
        List<Inbox> inboxes = new ArrayList<>();
        for (int i = 0; i < 3; i++) {
            Inbox inbox = new Inbox();
            inboxes.add(inbox);
            consumer(group, topic, inbox.concurrently());
        }
        for (int i = 0; i < 3; i++) {
            send(producer(), topic, i * 50, i * 50 + 50);
        }
        Wait.until("150 different messages", () -> {
            Set<String> all = new TreeSet<>();
            inboxes.forEach(inbox -> all.addAll(inbox.bodies()));
            return all.equals(numbers(0, 150));
        });
    }

    @Test
    @SuppressWarnings("deprecation")
    void namespaces() throws Exception {
        String namespace = fresh("ns");
        String topic = fresh("topic");
        createTopic(namespace + "%" + topic, 1, 6);
        DefaultMQProducer producer = newProducer();
        producer.setNamespace(namespace);
        producer.start();
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.setNamespace(namespace);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        producer.send(message(topic, "inside"));
        MessageExt got = inbox.await(1).messages().get(0);
        assertEquals(topic, got.getTopic());
        assertEquals(1, puller().maxOffset(queue(namespace + "%" + topic, 0)));
    }

    private static List<String> sorted(List<String> list) {
        return list.stream().sorted().toList();
    }
}
