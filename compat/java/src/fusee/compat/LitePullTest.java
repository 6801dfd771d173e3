package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Collection;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

/** DefaultLitePullConsumer (request code 361). */
class LitePullTest extends ClientTest {
    private static List<MessageExt> poll(DefaultLitePullConsumer consumer, int count) {
        List<MessageExt> got = new ArrayList<>();
        Wait.until(() -> count + " messages polled, so far " + got.size(), Wait.LONG, () -> {
            got.addAll(consumer.poll(200));
            return got.size() >= count;
        });
        return got;
    }

    private DefaultLitePullConsumer subscribed(String group, String topic) throws Exception {
        DefaultLitePullConsumer consumer = newLitePuller(group);
        consumer.subscribe(topic, "*");
        consumer.start();
        return consumer;
    }

    private DefaultLitePullConsumer assigned(String topic, int queues) throws Exception {
        DefaultLitePullConsumer consumer = newLitePuller(fresh("group"));
        consumer.setAutoCommit(false);
        consumer.start();
        Set<MessageQueue> mine = new HashSet<>();
        for (int i = 0; i < queues; i++) {
            mine.add(queue(topic, i));
        }
        consumer.assign(mine);
        return consumer;
    }

    /** Paused before it starts: a pull that is under way when the client seeks may still hand out what it found. */
    private DefaultLitePullConsumer assignedAndPaused(Set<MessageQueue> mine) throws Exception {
        DefaultLitePullConsumer consumer = newLitePuller(fresh("group"));
        consumer.setAutoCommit(false);
        consumer.assign(mine);
        consumer.pause(mine);
        consumer.start();
        return consumer;
    }

    @Test
    void subscribed() throws Exception {
        String topic = topic(4);
        DefaultLitePullConsumer consumer = subscribed(fresh("group"), topic);
        send(producer(), topic, 0, 50);
        assertEquals(numbers(0, 50), new TreeSet<>(Inbox.bodies(poll(consumer, 50))));
    }

    @Test
    void tags() throws Exception {
        String topic = topic(1);
        DefaultLitePullConsumer consumer = newLitePuller(fresh("group"));
        consumer.subscribe(topic, "b || c");
        consumer.start();
        DefaultMQProducer producer = producer();
        for (String tag : List.of("a", "b", "c", "a")) {
            producer.send(new Message(topic, tag, tag.getBytes()));
        }
        assertEquals(List.of("b", "c"), Inbox.bodies(poll(consumer, 2)));
    }

    @Test
    void membersShareTheQueues() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        DefaultLitePullConsumer first = subscribed(group, topic);
        DefaultLitePullConsumer second = subscribed(group, topic);
        Wait.until("two queues each", () -> {
            first.poll(10);
            second.poll(10);
            return first.assignment().size() == 2 && second.assignment().size() == 2;
        });
        send(producer(), topic, 0, 20);
        Set<String> all = new TreeSet<>();
        Wait.until("all", () -> {
            all.addAll(Inbox.bodies(first.poll(50)));
            all.addAll(Inbox.bodies(second.poll(50)));
            return all.equals(numbers(0, 20));
        });
    }

    @Test
    void autoCommitIsFoundByTheNextMember() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        DefaultLitePullConsumer first = newLitePuller(group);
        first.setAutoCommitIntervalMillis(1000);
        first.subscribe(topic, "*");
        first.start();
        send(producer(), topic, 0, 10);
        poll(first, 10);
        Wait.until("committed", () -> {
            first.poll(10);
            return first.committed(queue(topic, 0)) == 10;
        });
        first.shutdown();
        send(producer(), topic, 10, 15);
        assertEquals(numbers(10, 15), new TreeSet<>(Inbox.bodies(poll(subscribed(group, topic), 5))));
    }

    @Test
    void commitByHand() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        send(producer(), topic, 0, 10);
        DefaultLitePullConsumer consumer = newLitePuller(group);
        consumer.setAutoCommit(false);
        consumer.subscribe(topic, "*");
        consumer.start();
        poll(consumer, 10);
        MessageQueue queue = queue(topic, 0);
        consumer.commit(Set.of(queue), true);
        Wait.until("committed", () -> consumer.committed(queue) == 10);
        Wait.until("the broker has it", () -> storedOffset(group, queue) == 10);
    }

    @Test
    void assignAndSeek() throws Exception {
        String topic = topic(2);
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 20; i++) {
            producer.send(message(topic, Integer.toString(i)), queue(topic, i % 2));
        }
        Set<MessageQueue> mine = Set.of(queue(topic, 0), queue(topic, 1));
        DefaultLitePullConsumer consumer = assignedAndPaused(mine);
        consumer.seekToBegin(queue(topic, 0));
        consumer.seek(queue(topic, 1), 0);
        consumer.resume(mine);
        assertEquals(numbers(0, 20), new TreeSet<>(Inbox.bodies(poll(consumer, 20))));
        // Here a pull may be under way: it waits at the end of the queue and finds nothing.
        consumer.seek(queue(topic, 0), 9);
        assertEquals(List.of("18"), Inbox.bodies(poll(consumer, 1)));
    }

    @Test
    void seekToEnd() throws Exception {
        String topic = topic(1);
        send(producer(), topic, 0, 10);
        Set<MessageQueue> mine = Set.of(queue(topic, 0));
        DefaultLitePullConsumer consumer = assignedAndPaused(mine);
        consumer.seekToEnd(queue(topic, 0));
        consumer.resume(mine);
        send(producer(), topic, 10, 12);
        assertEquals(List.of("10", "11"), Inbox.bodies(poll(consumer, 2)));
    }

    @Test
    void pauseAndResume() throws Exception {
        String topic = topic(1);
        MessageQueue queue = queue(topic, 0);
        DefaultLitePullConsumer consumer = assigned(topic, 1);
        consumer.seekToBegin(queue);
        send(producer(), topic, 0, 1);
        poll(consumer, 1);
        consumer.pause(Set.of(queue));
        DefaultMQProducer producer = producer();
        send(producer, topic, 1, 2);
        // The pull that was waiting when the queue was paused may still bring this one.
        Set<String> got = new TreeSet<>(Inbox.bodies(consumer.poll(1500)));
        send(producer, topic, 2, 5);
        List<MessageExt> whilePaused = consumer.poll(1500);
        assertTrue(whilePaused.isEmpty(), Inbox.bodies(whilePaused).toString());
        consumer.resume(Set.of(queue));
        Wait.until("the rest", () -> {
            got.addAll(Inbox.bodies(consumer.poll(100)));
            return got.containsAll(numbers(1, 5));
        });
    }

    @Test
    void offsetForTimestamp() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 3);
        DefaultLitePullConsumer consumer = assigned(topic, 1);
        MessageQueue queue = queue(topic, 0);
        assertEquals(0, consumer.offsetForTimestamp(queue, 0L));
        var puller = puller();
        long last = puller.pull(queue, "*", 2, 1).getMsgFoundList().get(0).getStoreTimestamp();
        assertEquals(3, consumer.offsetForTimestamp(queue, last + 10_000));
    }

    @Test
    void queuesAndTheirChange() throws Exception {
        String topic = topic(2);
        DefaultLitePullConsumer consumer = newLitePuller(fresh("group"));
        consumer.setTopicMetadataCheckIntervalMillis(500);
        consumer.start();
        Collection<MessageQueue> queues = consumer.fetchMessageQueues(topic);
        assertEquals(Set.of(queue(topic, 0), queue(topic, 1)), new HashSet<>(queues));
        AtomicInteger seen = new AtomicInteger();
        consumer.registerTopicMessageQueueChangeListener(topic, (name, now) -> seen.set(now.size()));
        createTopic(topic, 3, 6);
        Wait.until("told of three queues", () -> seen.get() == 3);
    }
}
