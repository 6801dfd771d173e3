package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

/** A message that a listener does not take: again later, and in the end to the dead letters. Delay levels as in compat/broker.conf. */
@SuppressWarnings("deprecation")
class RetryTest extends ClientTest {
    @Test
    void consumedAgainLater() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently(
            m -> m.getReconsumeTimes() < 2 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS));
        Message sent = new Message(topic, "tag", "key", "again".getBytes(StandardCharsets.UTF_8));
        sent.putUserProperty("kept", "yes");
        SendResult result = producer().send(sent);
        List<MessageExt> got = inbox.await(3).messages();
        for (int i = 0; i < 3; i++) {
            assertEquals(i, got.get(i).getReconsumeTimes());
            assertEquals(topic, got.get(i).getTopic(), "listeners see the topic that they know");
            assertEquals("again", body(got.get(i)));
            assertEquals("tag", got.get(i).getTags());
            assertEquals("key", got.get(i).getKeys());
            assertEquals("yes", got.get(i).getUserProperty("kept"));
            assertEquals(result.getMsgId(), got.get(i).getMsgId());
        }
        assertEquals(result.getOffsetMsgId(), got.get(2).getProperty("ORIGIN_MESSAGE_ID"));
    }

    @Test
    void theDelayBeforeARetryIsKept() throws Exception {
        String topic = topic(1);
        Map<Integer, Long> at = new ConcurrentHashMap<>();
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently(m -> {
            at.put(m.getReconsumeTimes(), System.currentTimeMillis());
            return m.getReconsumeTimes() == 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        }));
        producer().send(message(topic, "m"));
        inbox.await(2);
        long waited = at.get(1) - at.get(0);
        assertTrue(waited >= 950 && waited < 5000, waited + " ms for level 3, which is 1 s here");
    }

    @Test
    void aRetryGoesToTheWholeGroupAndToNoOther() throws Exception {
        String topic = topic(1);
        Inbox failing = new Inbox();
        Inbox other = new Inbox();
        consumer(fresh("group"), topic, failing.concurrently(
            m -> m.getReconsumeTimes() == 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS));
        consumer(fresh("group"), topic, other.concurrently());
        send(producer(), topic, 0, 5);
        failing.await(10);
        assertEquals(5, other.size());
        assertEquals(numbers(0, 5), other.distinctBodies());
    }

    @Test
    void deadLetterAfterTheLastRetry() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setMaxReconsumeTimes(2);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently(m -> ConsumeConcurrentlyStatus.RECONSUME_LATER));
        consumer.start();
        SendResult result = producer().send(new Message(topic, "tag", "key", "dead".getBytes(StandardCharsets.UTF_8)));
        MessageExt dead = deadLetter(group);
        assertEquals(List.of(0, 1, 2), inbox.messages().stream().map(MessageExt::getReconsumeTimes).toList());
        assertEquals("dead", body(dead));
        assertEquals("key", dead.getKeys());
        assertEquals(topic, dead.getProperty("RETRY_TOPIC"));
        assertEquals(result.getOffsetMsgId(), dead.getProperty("ORIGIN_MESSAGE_ID"));
        assertEquals(result.getMsgId(), dead.getMsgId());
        assertEquals(3, dead.getReconsumeTimes());
    }

    @Test
    void straightToTheDeadLetters() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        consumer(group, topic, (MessageListenerConcurrently) (batch, context) -> {
            inbox.add(batch);
            context.setDelayLevelWhenNextConsume(-1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        producer().send(message(topic, "dead"));
        assertEquals("dead", body(deadLetter(group)));
        assertEquals(1, inbox.size());
    }

    @Test
    void theListenerChoosesTheDelay() throws Exception {
        String topic = topic(1);
        List<Long> at = Collections.synchronizedList(new ArrayList<>());
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, (MessageListenerConcurrently) (batch, context) -> {
            at.add(System.currentTimeMillis());
            inbox.add(batch);
            context.setDelayLevelWhenNextConsume(2);
            return batch.get(0).getReconsumeTimes() == 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        producer().send(message(topic, "m"));
        inbox.await(2);
        assertTrue(at.get(1) - at.get(0) >= 1950, at.get(1) - at.get(0) + " ms for level 2, which is 2 s");
    }

    @Test
    void aGroupWithoutRetriesSendsToTheDeadLettersAtOnce() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        var config = Line.group(group);
        config.setRetryMaxTimes(0);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setMaxReconsumeTimes(0);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently(m -> ConsumeConcurrentlyStatus.RECONSUME_LATER));
        consumer.start();
        producer().send(message(topic, "dead"));
        assertEquals("dead", body(deadLetter(group)));
        assertEquals(1, inbox.size());
    }

    @Test
    void deadLettersCanBeConsumed() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        consumer(group, topic, (MessageListenerConcurrently) (batch, context) -> {
            context.setDelayLevelWhenNextConsume(-1);
            return ConsumeConcurrentlyStatus.RECONSUME_LATER;
        });
        send(producer(), topic, 0, 3);
        deadLetter(group);
        Inbox dead = new Inbox();
        consumer(fresh("undertaker"), "%DLQ%" + group, dead.concurrently());
        assertEquals(numbers(0, 3), dead.await(3).distinctBodies());
    }

    @Test
    void orderlyRetriesHoldTheQueue() throws Exception {
        String topic = topic(1);
        AtomicInteger refusals = new AtomicInteger();
        Inbox taken = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.setSuspendCurrentQueueTimeMillis(100);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener((MessageListenerOrderly) (batch, context) -> {
            if (body(batch.get(0)).equals("2") && refusals.incrementAndGet() <= 3) {
                return ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT;
            }
            taken.add(batch);
            return ConsumeOrderlyStatus.SUCCESS;
        });
        consumer.start();
        send(producer(), topic, 0, 5);
        assertEquals(List.of("0", "1", "2", "3", "4"), taken.await(5).bodies());
        assertEquals(4, refusals.get());
    }

    @Test
    void orderlyGivesUpAfterTheLastRetry() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setMaxReconsumeTimes(2);
        consumer.setSuspendCurrentQueueTimeMillis(100);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.orderly(
            m -> body(m).equals("0") ? ConsumeOrderlyStatus.SUSPEND_CURRENT_QUEUE_A_MOMENT : ConsumeOrderlyStatus.SUCCESS));
        consumer.start();
        send(producer(), topic, 0, 2);
        Wait.until("the next message is consumed", () -> inbox.bodies().contains("1"));
        assertEquals("0", body(deadLetter(group)));
        assertEquals(1, inbox.bodies().stream().filter("1"::equals).count());
    }

    @Test
    void sentBackToABroadcastGroupIsDropped() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        Line.broadcasting(consumer);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently(m -> ConsumeConcurrentlyStatus.RECONSUME_LATER));
        consumer.start();
        send(producer(), topic, 0, 3);
        inbox.await(3);
        assertEquals(numbers(0, 3), inbox.distinctBodies());
    }

    @Test
    void manyFailuresAllComeAgain() throws Exception {
        String topic = topic(4);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently(
            m -> m.getReconsumeTimes() == 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS));
        send(producer(), topic, 0, 100);
        inbox.await(200);
        TreeSet<String> again = new TreeSet<>();
        inbox.messages().stream().filter(m -> m.getReconsumeTimes() == 1).forEach(m -> again.add(body(m)));
        assertEquals(numbers(0, 100), again);
    }

    private MessageExt deadLetter(String group) throws Exception {
        DefaultMQPullConsumer puller = puller();
        MessageQueue queue = queue("%DLQ%" + group, 0);
        Wait.until("a dead letter of " + group, () -> puller.maxOffset(queue) >= 1);
        List<MessageExt> found = puller.pull(queue, "*", 0, 1).getMsgFoundList();
        return found.get(0);
    }
}
