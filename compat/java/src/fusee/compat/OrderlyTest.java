package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;

/** Ordered consumption: in order in each queue, by one member at a time, through every take-over. */
class OrderlyTest extends ClientTest {
    /** Sends 0 .. count - 1; number i goes to queue i % queues. */
    private void sendInOrder(DefaultMQProducer producer, String topic, int queues, int from, int to) throws Exception {
        for (int i = from; i < to; i++) {
            producer.send(message(topic, Integer.toString(i)), queue(topic, i % queues));
        }
    }

    private static void assertInOrder(List<MessageExt> messages, int queues, int count) {
        Map<Integer, List<Integer>> got = new HashMap<>();
        for (MessageExt m : messages) {
            got.computeIfAbsent(m.getQueueId(), q -> new ArrayList<>()).add(Integer.parseInt(body(m)));
        }
        for (int q = 0; q < queues; q++) {
            int queue = q;
            assertEquals(IntStream.range(0, count).filter(i -> i % queues == queue).boxed().toList(), got.get(q), "queue " + q);
        }
    }

    @Test
    void eachQueueInOrder() throws Exception {
        String topic = topic(4);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.orderly());
        sendInOrder(producer(), topic, 4, 0, 200);
        assertInOrder(inbox.await(200).messages(), 4, 200);
    }

    @Test
    void orderByKey() throws Exception {
        String topic = topic(3);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.orderly());
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 90; i++) {
            Message m = new Message(topic, "", "order" + i % 10, Integer.toString(i).getBytes());
            producer.send(m, (queues, message, key) -> queues.get(Math.floorMod(key.hashCode(), queues.size())), m.getKeys());
        }
        Map<String, Integer> last = new HashMap<>();
        for (MessageExt m : inbox.await(90).messages()) {
            int number = Integer.parseInt(body(m));
            assertTrue(last.getOrDefault(m.getKeys(), -1) < number, m.getKeys() + " out of order");
            last.put(m.getKeys(), number);
        }
        assertEquals(10, last.size());
    }

    @Test
    void twoMembersShareTheQueues() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, inbox.orderly());
        DefaultMQPushConsumer second = consumer(group, topic, inbox.orderly());
        Wait.until("two queues each", Duration.ofSeconds(60), () -> queuesOf(first, topic).size() == 2 && queuesOf(second, topic).size() == 2);
        sendInOrder(producer(), topic, 4, 0, 200);
        assertInOrder(inbox.await(200, Duration.ofSeconds(60)).messages(), 4, 200);
    }

    @Test
    void orderIsKeptWhenAMemberLeaves() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer stays = consumer(group, topic, inbox.orderly());
        DefaultMQPushConsumer leaves = consumer(group, topic, inbox.orderly());
        Wait.until("two queues each", Duration.ofSeconds(60), () -> queuesOf(stays, topic).size() == 2 && queuesOf(leaves, topic).size() == 2);
        DefaultMQProducer producer = producer();
        sendInOrder(producer, topic, 4, 0, 100);
        inbox.awaitDistinct(100, Duration.ofSeconds(60));
        leaves.shutdown();
        sendInOrder(producer, topic, 4, 100, 200);
        inbox.awaitDistinct(200, Duration.ofSeconds(60));
        assertInOrder(firstTimes(inbox.messages()), 4, 200);
        assertEquals(4, queuesOf(stays, topic).size());
    }

    @Test
    void orderIsKeptWhenAMemberJoins() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, inbox.orderly());
        DefaultMQProducer producer = producer();
        sendInOrder(producer, topic, 4, 0, 100);
        DefaultMQPushConsumer second = consumer(group, topic, inbox.orderly());
        sendInOrder(producer, topic, 4, 100, 200);
        Wait.until("two queues each", Duration.ofSeconds(60), () -> queuesOf(first, topic).size() == 2 && queuesOf(second, topic).size() == 2);
        sendInOrder(producer, topic, 4, 200, 300);
        inbox.awaitDistinct(300, Duration.ofSeconds(60));
        assertInOrder(firstTimes(inbox.messages()), 4, 300);
    }

    @Test
    void takeOverFromAKilledMember() throws Exception {
        // The broker lends a queue to a member for 60 s; the dead member cannot give it back earlier.
        String topic = topic(2);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        try (ChildConsumer child = ChildConsumer.start(site, group, topic, "orderly")) {
            DefaultMQProducer producer = producer();
            sendInOrder(producer, topic, 2, 0, 20);
            child.await(20);
            DefaultMQPushConsumer survivor = consumer(group, topic, inbox.orderly());
            Wait.until("one queue each", Duration.ofSeconds(60), () -> queuesOf(survivor, topic).size() == 1);
            child.kill();
            sendInOrder(producer, topic, 2, 20, 40);
            inbox.awaitDistinct(20, Duration.ofSeconds(100));
            Wait.until("the numbers that the dead member never saw", Duration.ofSeconds(100), () -> inbox.distinctBodies().containsAll(numbers(20, 40)));
            Map<Integer, Integer> last = new HashMap<>();
            for (MessageExt m : firstTimes(inbox.messages())) {
                int number = Integer.parseInt(body(m));
                assertTrue(last.getOrDefault(m.getQueueId(), -1) < number, "queue " + m.getQueueId() + " out of order");
                last.put(m.getQueueId(), number);
            }
        }
    }

    /** Take-over is at least once: without the copies, the order must be whole. */
    private static List<MessageExt> firstTimes(List<MessageExt> messages) {
        Set<String> seen = new HashSet<>();
        return messages.stream().filter(m -> seen.add(m.getQueueId() + "/" + m.getQueueOffset())).toList();
    }
}
