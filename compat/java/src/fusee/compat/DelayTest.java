package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;

/** Delay levels, as set in compat/broker.conf: 1 is 1 s, 2 is 2 s, 18 is 4 s, the others 1 s. */
class DelayTest extends ClientTest {
    /** Sends with a level and says after how many milliseconds it was consumed. */
    private long delayOf(int level) throws Exception {
        String topic = topic(1);
        Map<String, Long> at = new ConcurrentHashMap<>();
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently(m -> {
            at.put(body(m), System.currentTimeMillis());
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        }));
        Message m = message(topic, "late");
        m.setDelayTimeLevel(level);
        long sent = System.currentTimeMillis();
        producer().send(m);
        MessageExt got = inbox.await(1).messages().get(0);
        assertEquals(topic, got.getTopic());
        assertEquals(0, got.getReconsumeTimes());
        return at.get("late") - sent;
    }

    private static void assertAbout(long expectedMs, long ms) {
        assertTrue(ms >= expectedMs - 50 && ms < expectedMs + 3000, ms + " ms instead of " + expectedMs);
    }

    @Test
    void level1() throws Exception {
        assertAbout(1000, delayOf(1));
    }

    @Test
    void level2() throws Exception {
        assertAbout(2000, delayOf(2));
    }

    @Test
    void level18() throws Exception {
        assertAbout(4000, delayOf(18));
    }

    @Test
    void aLevelBeyondTheLastIsTheLast() throws Exception {
        assertAbout(4000, delayOf(99));
    }

    @Test
    void everyLevelDelivers() throws Exception {
        String topic = topic(4);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        DefaultMQProducer producer = producer();
        for (int level = 1; level <= 18; level++) {
            Message m = message(topic, Integer.toString(level));
            m.setDelayTimeLevel(level);
            producer.send(m);
        }
        assertEquals(numbers(1, 19), inbox.await(18).distinctBodies());
    }

    @Test
    void propertiesTagsAndQueueAreKept() throws Exception {
        String topic = topic(4);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, "mine", inbox.concurrently());
        Message m = new Message(topic, "mine", "key", "body".getBytes());
        m.putUserProperty("colour", "red");
        m.setDelayTimeLevel(1);
        var result = producer().send(m, queue(topic, 3));
        MessageExt got = inbox.await(1).messages().get(0);
        assertEquals(3, got.getQueueId());
        assertEquals("mine", got.getTags());
        assertEquals("key", got.getKeys());
        assertEquals("red", got.getUserProperty("colour"));
        assertEquals(result.getMsgId(), got.getMsgId());
        assertEquals(1, got.getDelayTimeLevel());
    }

    @Test
    void messagesOfOneLevelKeepTheirOrder() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        List<String> expected = new ArrayList<>();
        for (int i = 0; i < 50; i++) {
            Message m = message(topic, Integer.toString(i));
            m.setDelayTimeLevel(1);
            producer.send(m);
            expected.add(Integer.toString(i));
        }
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.orderly());
        assertEquals(expected, inbox.await(50).bodies());
    }
}
