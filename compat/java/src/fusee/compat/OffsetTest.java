package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.junit.jupiter.api.Test;

/** Where a group is: kept on the broker, found again by the next member. */
class OffsetTest extends ClientTest {
    @Test
    void aRestartedConsumerGoesOnWhereItWas() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        DefaultMQProducer producer = producer();
        Inbox before = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, before.concurrently());
        send(producer, topic, 0, 40);
        before.await(40);
        first.shutdown();
        send(producer, topic, 40, 60);
        Inbox after = new Inbox();
        consumer(group, topic, after.concurrently());
        assertEquals(numbers(40, 60), after.await(20).distinctBodies());
        assertEquals(20, after.size());
    }

    @Test
    void aRestartedOrderlyConsumerToo() throws Exception {
        String topic = topic(2);
        String group = fresh("group");
        DefaultMQProducer producer = producer();
        Inbox before = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, before.orderly());
        send(producer, topic, 0, 20);
        before.await(20);
        first.shutdown();
        send(producer, topic, 20, 30);
        Inbox after = new Inbox();
        consumer(group, topic, after.orderly());
        assertEquals(numbers(20, 30), after.await(10).distinctBodies());
    }

    @Test
    void offsetsAreReportedWhileConsuming() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        send(producer(), topic, 0, 7);
        inbox.await(7);
        Wait.until("the broker knows 7", () -> storedOffset(group, queue(topic, 0)) == 7);
    }

    @Test
    void groupsDoNotShareOffsets() throws Exception {
        String topic = topic(1);
        Inbox one = new Inbox();
        DefaultMQPushConsumer first = consumer(fresh("group"), topic, one.concurrently());
        send(producer(), topic, 0, 10);
        one.await(10);
        first.shutdown();
        Inbox other = new Inbox();
        consumer(fresh("group"), topic, other.concurrently());
        assertEquals(numbers(0, 10), other.await(10).distinctBodies());
    }

    @Test
    void adminSetsAnOffset() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        send(producer(), topic, 0, 10);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), Line.group(group));
        admin().updateConsumeOffset(site.broker(), group, queue(topic, 0), 6);
        Inbox inbox = new Inbox();
        consumer(group, topic, inbox.concurrently());
        assertEquals(numbers(6, 10), inbox.await(4).distinctBodies());
        assertEquals(4, inbox.size());
    }

    @Test
    void filteredMessagesMoveTheOffsetToo() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setPersistConsumerOffsetInterval(500);
        consumer.subscribe(topic, "mine");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        send(producer(), topic, 0, 10);
        Wait.until("past all that did not match", () -> storedOffset(group, queue(topic, 0)) == 10);
        assertEquals(Set.of(), inbox.distinctBodies());
    }
}
