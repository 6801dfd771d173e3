package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.rebalance.AllocateMessageQueueAveragelyByCircle;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.junit.jupiter.api.Test;

/** Queues move when members come and go. compat/run sets the clients' own rebalance timer to 1 s, but not for ChildConsumers: theirs is the default, 20 s. */
class RebalanceTest extends ClientTest {
    private static final Duration SOON = Duration.ofSeconds(12);

    @Test
    void aMemberJoinsAndLeaves() throws Exception {
        String topic = topic(8);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQProducer producer = producer();
        DefaultMQPushConsumer first = consumer(group, topic, inbox.concurrently());
        Wait.until("all 8 queues", SOON, () -> queuesOf(first, topic).size() == 8);
        send(producer, topic, 0, 40);
        inbox.await(40);
        DefaultMQPushConsumer second = consumer(group, topic, inbox.concurrently());
        Wait.until("four queues each", SOON, () -> shared(topic, 8, first, second) && queuesOf(first, topic).size() == 4);
        send(producer, topic, 40, 80);
        inbox.awaitDistinct(80, Wait.LONG);
        second.shutdown();
        Wait.until("all 8 queues again", SOON, () -> queuesOf(first, topic).size() == 8);
        send(producer, topic, 80, 120);
        assertEquals(numbers(0, 120), inbox.awaitDistinct(120, Wait.LONG).distinctBodies());
    }

    @Test
    void theBrokerTellsTheOthersAtOnce() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        try (ChildConsumer first = ChildConsumer.start(site, group, topic, "concurrently")) {
            Wait.until("all four queues", Duration.ofSeconds(60), () -> first.queues() == 4);
            try (ChildConsumer second = ChildConsumer.start(site, group, topic, "concurrently")) {
                Wait.until("it holds queues", Duration.ofSeconds(60), () -> second.queues() > 0);
                Wait.until("the first knows of the second", SOON, () -> first.queues() == 2);
                second.kill();
                Wait.until("the first knows that the second is gone", SOON, () -> first.queues() == 4);
                DefaultMQPushConsumer third = consumer(group, topic, new Inbox().concurrently());
                Wait.until("the first knows of the third", SOON, () -> first.queues() == 2);
                third.shutdown();
                Wait.until("the first knows that the third left", SOON, () -> first.queues() == 4);
            }
        }
    }

    @Test
    void threeMembers() throws Exception {
        String topic = topic(8);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer a = consumer(group, topic, inbox.concurrently());
        DefaultMQPushConsumer b = consumer(group, topic, inbox.concurrently());
        DefaultMQPushConsumer c = consumer(group, topic, inbox.concurrently());
        Wait.until("8 queues over three members", SOON, () -> shared(topic, 8, a, b, c)
            && queuesOf(a, topic).size() >= 2 && queuesOf(b, topic).size() >= 2 && queuesOf(c, topic).size() >= 2);
        send(producer(), topic, 0, 80);
        assertEquals(numbers(0, 80), inbox.awaitDistinct(80, Wait.LONG).distinctBodies());
    }

    @Test
    void moreMembersThanQueues() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, inbox.concurrently());
        Wait.until("its queue", SOON, () -> queuesOf(first, topic).size() == 1);
        DefaultMQPushConsumer second = consumer(group, topic, inbox.concurrently());
        Wait.until("one of them has it", SOON, () -> shared(topic, 1, first, second));
        (queuesOf(first, topic).isEmpty() ? second : first).shutdown();
        send(producer(), topic, 0, 10);
        assertEquals(numbers(0, 10), inbox.awaitDistinct(10, Wait.LONG).distinctBodies());
    }

    @Test
    void aMemberIsKilled() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        try (ChildConsumer child = ChildConsumer.start(site, group, topic, "concurrently")) {
            DefaultMQProducer producer = producer();
            send(producer, topic, 0, 8);
            child.await(8);
            DefaultMQPushConsumer survivor = consumer(group, topic, inbox.concurrently());
            Wait.until("two queues", SOON, () -> queuesOf(survivor, topic).size() == 2);
            child.kill();
            Wait.until("all four queues", SOON, () -> queuesOf(survivor, topic).size() == 4);
            send(producer, topic, 8, 40);
            Set<String> all = new TreeSet<>(child.bodies());
            Wait.until("nothing is lost", () -> {
                all.addAll(inbox.bodies());
                return all.equals(numbers(0, 40));
            });
        }
    }

    @Test
    void anotherStrategy() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer[] members = new DefaultMQPushConsumer[2];
        for (int i = 0; i < members.length; i++) {
            members[i] = newConsumer(group);
            members[i].setAllocateMessageQueueStrategy(new AllocateMessageQueueAveragelyByCircle());
            members[i].subscribe(topic, "*");
            members[i].registerMessageListener(inbox.concurrently());
            members[i].start();
        }
        Wait.until("every second queue", SOON, () -> {
            Set<Integer> one = queuesOf(members[0], topic);
            Set<Integer> other = queuesOf(members[1], topic);
            return one.equals(Set.of(0, 2)) && other.equals(Set.of(1, 3)) || one.equals(Set.of(1, 3)) && other.equals(Set.of(0, 2));
        });
        send(producer(), topic, 0, 20);
        assertEquals(numbers(0, 20), inbox.awaitDistinct(20, Wait.LONG).distinctBodies());
    }

    @Test
    void newQueuesAreTakenUp() throws Exception {
        String topic = topic(2);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        Wait.until("two queues", SOON, () -> queuesOf(consumer, topic).size() == 2);
        createTopic(topic, 4, 6);
        Wait.until("four queues", Wait.LONG, () -> queuesOf(consumer, topic).size() == 4);
        producer().send(message(topic, "new"), queue(topic, 3));
        assertEquals(1, inbox.await(1).size());
        assertTrue(inbox.bodies().contains("new"));
    }

    /** Every queue has exactly one owner. */
    private static boolean shared(String topic, int queues, DefaultMQPushConsumer... members) {
        Set<Integer> all = new TreeSet<>();
        int count = 0;
        for (DefaultMQPushConsumer member : members) {
            Set<Integer> held = queuesOf(member, topic);
            count += held.size();
            all.addAll(held);
        }
        return count == queues && all.size() == queues;
    }
}
