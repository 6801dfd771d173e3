package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.stream.IntStream;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.PullCallback;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

/** DefaultMQPullConsumer: the broker's answers to a pull, one by one. */
@SuppressWarnings("deprecation")
class PullTest extends ClientTest {
    private static final int MOST_MESSAGES_A_PULL = 32;
    private static final int MOST_BYTES_A_PULL = 256 * 1024;

    private MessageQueue filled(int messages) throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        for (int i = 0; i < messages; i++) {
            producer.send(message(queue.getTopic(), Integer.toString(i)), queue);
        }
        Wait.until("all in the queue", () -> puller().maxOffset(queue) == messages);
        return queue;
    }

    private static List<String> inOrder(int from, int to) {
        return IntStream.range(from, to).mapToObj(Integer::toString).toList();
    }

    @Test
    void found() throws Exception {
        MessageQueue queue = filled(10);
        PullResult result = puller().pull(queue, "*", 3, 4);
        assertEquals(PullStatus.FOUND, result.getPullStatus());
        assertEquals(inOrder(3, 7), Inbox.bodies(result.getMsgFoundList()));
        assertEquals(7, result.getNextBeginOffset());
        assertEquals(0, result.getMinOffset());
        assertEquals(10, result.getMaxOffset());
    }

    @Test
    void neverMoreThan32() throws Exception {
        MessageQueue queue = filled(40);
        DefaultMQPullConsumer puller = puller();
        PullResult result = puller.pull(queue, "*", 0, 100);
        assertEquals(MOST_MESSAGES_A_PULL, result.getMsgFoundList().size());
        assertEquals(inOrder(32, 40), Inbox.bodies(puller.pull(queue, "*", result.getNextBeginOffset(), 100).getMsgFoundList()));
    }

    @Test
    void neverMuchMoreThan256KiB() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = newProducer();
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();
        for (int i = 0; i < 10; i++) {
            producer.send(new Message(queue.getTopic(), new byte[60_000]), queue);
        }
        DefaultMQPullConsumer puller = puller();
        Wait.until("stored", () -> puller.maxOffset(queue) == 10);
        int bytes = puller.pull(queue, "*", 0, 32).getMsgFoundList().stream().mapToInt(MessageExt::getStoreSize).sum();
        assertTrue(bytes > 60_000 && bytes <= MOST_BYTES_A_PULL, bytes + " bytes");
    }

    @Test
    void aFirstMessageLargerThanThatComesAlone() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = newProducer();
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();
        producer.send(new Message(queue.getTopic(), new byte[MOST_BYTES_A_PULL + 1000]), queue);
        producer.send(message(queue.getTopic(), "small"), queue);
        DefaultMQPullConsumer puller = puller();
        Wait.until("stored", () -> puller.maxOffset(queue) == 2);
        PullResult result = puller.pull(queue, "*", 0, 32);
        assertEquals(1, result.getMsgFoundList().size());
        assertEquals(1, result.getNextBeginOffset());
    }

    @Test
    void atTheEndNothingNew() throws Exception {
        MessageQueue queue = filled(5);
        PullResult result = puller().pull(queue, "*", 5, 32);
        assertEquals(PullStatus.NO_NEW_MSG, result.getPullStatus());
        assertEquals(5, result.getNextBeginOffset());
    }

    @Test
    void pastTheEnd() throws Exception {
        MessageQueue queue = filled(5);
        PullResult result = puller().pull(queue, "*", 6, 32);
        assertEquals(PullStatus.OFFSET_ILLEGAL, result.getPullStatus());
        assertEquals(5, result.getNextBeginOffset());
    }

    @Test
    void anOffsetThatAnEmptyQueueNeverHad() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        PullResult result = puller().pull(queue, "*", 7, 32);
        assertEquals(PullStatus.OFFSET_ILLEGAL, result.getPullStatus());
        assertEquals(0, result.getNextBeginOffset());
    }

    @Test
    void anEmptyQueue() throws Exception {
        assertEquals(PullStatus.NO_NEW_MSG, puller().pull(queue(topic(1), 0), "*", 0, 32).getPullStatus());
    }

    @Test
    void whenNothingMatchesTheOffsetMovesOn() throws Exception {
        MessageQueue queue = filled(5);
        PullResult result = puller().pull(queue, "other", 0, 32);
        assertEquals(PullStatus.NO_MATCHED_MSG, result.getPullStatus());
        assertEquals(5, result.getNextBeginOffset());
    }

    @Test
    void tagsAreFilteredOnTheBroker() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        for (String tag : List.of("a", "b", "c", "a", "b", "c")) {
            producer.send(new Message(queue.getTopic(), tag, tag.getBytes()), queue);
        }
        DefaultMQPullConsumer puller = puller();
        Wait.until("stored", () -> puller.maxOffset(queue) == 6);
        assertEquals(List.of("a", "a"), Inbox.bodies(puller.pull(queue, "a", 0, 32).getMsgFoundList()));
        assertEquals(List.of("b", "c", "b", "c"), Inbox.bodies(puller.pull(queue, "b || c", 0, 32).getMsgFoundList()));
    }

    @Test
    void tagsThatCollideInHashCodeAreToldApart() throws Exception {
        assertEquals("Aa".hashCode(), "BB".hashCode());
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        for (String tag : List.of("Aa", "BB", "Aa")) {
            producer.send(new Message(queue.getTopic(), tag, tag.getBytes()), queue);
        }
        DefaultMQPullConsumer puller = puller();
        Wait.until("stored", () -> puller.maxOffset(queue) == 3);
        PullResult result = puller.pull(queue, "BB", 0, 32);
        assertEquals(List.of("BB"), Inbox.bodies(result.getMsgFoundList()));
        assertEquals(3, result.getNextBeginOffset());
    }

    @Test
    void asyncPull() throws Exception {
        MessageQueue queue = filled(3);
        CompletableFuture<PullResult> answer = new CompletableFuture<>();
        puller().pull(queue, "*", 0, 32, callback(answer));
        assertEquals(inOrder(0, 3), Inbox.bodies(answer.get(30, TimeUnit.SECONDS).getMsgFoundList()));
    }

    @Test
    void aWaitingPullIsWokenByTheArrival() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        DefaultMQPullConsumer puller = puller();
        long slowest = 0;
        for (int i = 0; i < 10; i++) {
            int offset = i;
            CompletableFuture<PullResult> answer = new CompletableFuture<>();
            puller.pullBlockIfNotFound(queue, "*", offset, 32, callback(answer));
            assertThrows(TimeoutException.class, () -> answer.get(100, TimeUnit.MILLISECONDS), "the pull waits");
            long sent = System.nanoTime();
            producer.send(message(queue.getTopic(), "m" + i), queue);
            assertEquals(List.of("m" + i), Inbox.bodies(answer.get(10, TimeUnit.SECONDS).getMsgFoundList()));
            slowest = Math.max(slowest, System.nanoTime() - sent);
        }
        assertTrue(slowest < 1_500_000_000L, "slowest wake-up " + slowest / 1_000_000 + " ms: woken by a scan, not by the arrival");
    }

    @Test
    void aWaitingPullSleepsOnWhenTheTagDoesNotMatch() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        CompletableFuture<PullResult> answer = new CompletableFuture<>();
        puller().pullBlockIfNotFound(queue, "mine", 0, 32, callback(answer));
        assertThrows(TimeoutException.class, () -> answer.get(500, TimeUnit.MILLISECONDS), "the pull waits");
        producer.send(new Message(queue.getTopic(), "other", "no".getBytes()), queue);
        assertThrows(TimeoutException.class, () -> answer.get(700, TimeUnit.MILLISECONDS), "the pull still waits");
        producer.send(new Message(queue.getTopic(), "mine", "yes".getBytes()), queue);
        assertEquals(List.of("yes"), Inbox.bodies(answer.get(10, TimeUnit.SECONDS).getMsgFoundList()));
    }

    @Test
    void aWaitingPullEndsAtItsTimeOut() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQPullConsumer puller = newPuller(fresh("puller"));
        puller.setBrokerSuspendMaxTimeMillis(1000);
        puller.start();
        long begin = System.nanoTime();
        PullResult result = puller.pullBlockIfNotFound(queue, "*", 0, 32);
        long ms = (System.nanoTime() - begin) / 1_000_000;
        assertEquals(PullStatus.NO_NEW_MSG, result.getPullStatus());
        assertTrue(ms >= 950 && ms < 9000, ms + " ms");       // Apache looks every 5 s
    }

    @Test
    void manyWaitingPullsOnOneQueue() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        List<CompletableFuture<PullResult>> answers = IntStream.range(0, 8).mapToObj(i -> new CompletableFuture<PullResult>()).toList();
        for (CompletableFuture<PullResult> answer : answers) {
            puller().pullBlockIfNotFound(queue, "*", 0, 32, callback(answer));
        }
        producer().send(message(queue.getTopic(), "for all"), queue);
        for (CompletableFuture<PullResult> answer : answers) {
            assertEquals(List.of("for all"), Inbox.bodies(answer.get(10, TimeUnit.SECONDS).getMsgFoundList()));
        }
    }

    @Test
    void queuesOfATopic() throws Exception {
        String topic = topic(3);
        Set<MessageQueue> queues = puller().fetchSubscribeMessageQueues(topic);
        assertEquals(Set.of(queue(topic, 0), queue(topic, 1), queue(topic, 2)), new HashSet<>(queues));
    }

    @Test
    void minMaxAndEarliest() throws Exception {
        long before = System.currentTimeMillis() - 1000;
        MessageQueue queue = filled(4);
        DefaultMQPullConsumer puller = puller();
        assertEquals(0, puller.minOffset(queue));
        assertEquals(4, puller.maxOffset(queue));
        long earliest = puller.earliestMsgStoreTime(queue);
        assertTrue(earliest >= before && earliest <= System.currentTimeMillis() + 1000, Long.toString(earliest));
        MessageQueue empty = queue(topic(1), 0);
        assertEquals(0, puller.minOffset(empty));
        assertEquals(0, puller.maxOffset(empty));
        assertEquals(-1, puller.earliestMsgStoreTime(empty));
    }

    @Test
    void searchOffsetByTime() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        DefaultMQPullConsumer puller = puller();
        long[] stored = new long[4];
        for (int i = 0; i < stored.length; i++) {
            stored[i] = read(puller, producer.send(message(queue.getTopic(), "m" + i), queue)).getStoreTimestamp();
            long taken = stored[i];
            Wait.until("the clock moves on", () -> System.currentTimeMillis() > taken + 20);
        }
        for (int i = 0; i < stored.length; i++) {
            assertEquals(i, puller.searchOffset(queue, stored[i]), "at the time of message " + i);
            assertEquals(Math.min(i + 1, stored.length - 1 + (i == stored.length - 1 ? 1 : 0)), puller.searchOffset(queue, stored[i] + 10), "after message " + i);
        }
        assertEquals(0, puller.searchOffset(queue, stored[0] - 60_000));
    }

    @Test
    void offsetsOfAGroupAreKeptOnTheBroker() throws Exception {
        MessageQueue queue = filled(5);
        String group = fresh("puller");
        DefaultMQPullConsumer first = newPuller(group);
        first.start();
        first.pull(queue, "*", 0, 3);
        first.updateConsumeOffset(queue, 3);
        first.persist(queue);
        first.shutdown();
        DefaultMQPullConsumer second = newPuller(group);
        second.start();
        Wait.until("the stored offset", () -> second.fetchConsumeOffset(queue, true) == 3);
        assertTrue(puller().fetchConsumeOffset(queue, true) <= 0, "another group has none");
    }

    @Test
    void queuesAreSharedAmongPullConsumers() throws Exception {
        String topic = topic(4);
        String group = fresh("puller");
        DefaultMQPullConsumer first = newPuller(group);
        first.setRegisterTopics(new HashSet<>(Set.of(topic)));
        first.registerMessageQueueListener(topic, null);
        first.start();
        DefaultMQPullConsumer second = newPuller(group);
        second.setRegisterTopics(new HashSet<>(Set.of(topic)));
        second.registerMessageQueueListener(topic, null);
        second.start();
        Wait.until("each has two queues", () -> {
            Set<MessageQueue> one = first.fetchMessageQueuesInBalance(topic);
            Set<MessageQueue> other = second.fetchMessageQueuesInBalance(topic);
            return one.size() == 2 && other.size() == 2 && one.stream().noneMatch(other::contains);
        });
    }

    @Test
    void sendMessageBack() throws Exception {
        MessageQueue queue = filled(1);
        String group = fresh("puller");
        DefaultMQPullConsumer puller = newPuller(group);
        puller.start();
        MessageExt taken = puller.pull(queue, "*", 0, 1).getMsgFoundList().get(0);
        // The retry topic comes with the group's first heartbeat.
        Wait.until("sent back", () -> {
            puller.sendMessageBack(taken, 1, null, group);
            return true;
        });
        MessageQueue retry = queue("%RETRY%" + group, 0);
        Wait.until("it comes again on the retry topic", () -> puller.maxOffset(retry) >= 1);
        MessageExt again = puller.pull(retry, "*", 0, 32).getMsgFoundList().get(0);
        assertEquals("0", body(again));
        assertEquals(1, again.getReconsumeTimes());
        assertEquals(queue.getTopic(), again.getProperty("RETRY_TOPIC"));
    }

    @Test
    void viewByOffsetIdOfNothing() throws Exception {
        MessageQueue queue = filled(1);
        DefaultMQPullConsumer puller = puller();
        SendResult result = producer().send(message(queue.getTopic(), "m"), queue);
        String beyond = result.getOffsetMsgId().substring(0, 16) + "00000FFFFFFFFFFF";
        assertThrows(Exception.class, () -> {
            MessageExt found = puller.viewMessage(queue.getTopic(), beyond);
            assertNull(found);
            throw new IllegalStateException("nothing was found, as it should be");
        });
        assertFalse(puller.viewMessage(queue.getTopic(), result.getOffsetMsgId()).getBody().length == 0);
    }

    private static PullCallback callback(CompletableFuture<PullResult> answer) {
        return new PullCallback() {
            @Override
            public void onSuccess(PullResult result) {
                answer.complete(result);
            }

            @Override
            public void onException(Throwable e) {
                answer.completeExceptionally(e);
            }
        };
    }
}
