package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.Arrays;
import java.util.BitSet;
import java.util.List;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.parallel.Isolated;

/** 32 threads send 100,000 messages to 8 queues; two consumers of one group take them. Nothing lost, nothing twice, in order in each queue. */
@Isolated
class ConcurrentRunTest extends ClientTest {
    private static final int THREADS = 32;
    private static final int PER_THREAD = 3125;
    private static final int MESSAGES = THREADS * PER_THREAD;
    private static final int QUEUES = 8;

    /** What has been consumed, by number (thread * PER_THREAD + n), and the last offset of each queue. */
    private static final class Ledger {
        private final BitSet seen = new BitSet(MESSAGES);
        private final long[] lastOffset = new long[QUEUES];
        private final int[] lastOfThread = new int[THREADS];
        private final AtomicInteger twice = new AtomicInteger();
        private final AtomicReference<String> disorder = new AtomicReference<>();

        Ledger() {
            Arrays.fill(lastOffset, -1);
            Arrays.fill(lastOfThread, -1);
        }

        synchronized void take(MessageExt message, boolean inOrder) {
            int number = Integer.parseInt(body(message));
            if (seen.get(number)) {
                twice.incrementAndGet();
            }
            seen.set(number);
            if (inOrder) {
                check("queue " + message.getQueueId(), lastOffset[message.getQueueId()] + 1, message.getQueueOffset());
                lastOffset[message.getQueueId()] = message.getQueueOffset();
                int thread = number / PER_THREAD;
                check("thread " + thread, lastOfThread[thread] + 1, number % PER_THREAD);
                lastOfThread[thread] = number % PER_THREAD;
            }
        }

        private void check(String what, long expected, long got) {
            if (expected != got) {
                disorder.compareAndSet(null, what + ": " + got + " came instead of " + expected);
            }
        }

        synchronized int count() {
            return seen.cardinality();
        }
    }

    private void sendAll(String topic) throws Exception {
        DefaultMQProducer producer = producer();
        ExecutorService pool = closeLater(new Pool(THREADS)).executor;
        AtomicReference<Throwable> trouble = new AtomicReference<>();
        CountDownLatch done = new CountDownLatch(THREADS);
        for (int t = 0; t < THREADS; t++) {
            int thread = t;
            pool.execute(() -> {
                try {
                    for (int n = 0; n < PER_THREAD; n++) {
                        SendResult result = producer.send(message(topic, Integer.toString(thread * PER_THREAD + n)), queue(topic, thread % QUEUES));
                        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
                    }
                } catch (Throwable e) {
                    trouble.compareAndSet(null, e);
                } finally {
                    done.countDown();
                }
            });
        }
        assertTrue(done.await(120, TimeUnit.SECONDS), "the senders took more than 120 s");
        assertNull(trouble.get(), () -> "a sender failed: " + trouble.get());
    }

    private void awaitAll(Ledger ledger) {
        Wait.until(() -> "all consumed, so far " + ledger.count(), Duration.ofSeconds(120), () -> ledger.count() == MESSAGES);
        assertEquals(0, ledger.twice.get(), "consumed twice");
        assertNull(ledger.disorder.get());
    }

    @SuppressWarnings("deprecation")
    private void assertStored(String topic) throws Exception {
        var puller = puller();
        long stored = 0;
        for (int q = 0; q < QUEUES; q++) {
            stored += puller.maxOffset(queue(topic, q));
        }
        assertEquals(MESSAGES, stored);
    }

    @Test
    @Timeout(300)
    void orderly() throws Exception {
        String topic = topic(QUEUES);
        String group = fresh("group");
        Ledger ledger = new Ledger();
        DefaultMQPushConsumer[] members = new DefaultMQPushConsumer[2];
        for (int i = 0; i < 2; i++) {
            members[i] = consumer(group, topic, (MessageListenerOrderly) (batch, context) -> {
                batch.forEach(m -> ledger.take(m, true));
                return ConsumeOrderlyStatus.SUCCESS;
            });
        }
        awaitHalves(topic, members);
        sendAll(topic);
        awaitAll(ledger);
        assertStored(topic);
    }

    @Test
    @Timeout(300)
    void concurrently() throws Exception {
        String topic = topic(QUEUES);
        String group = fresh("group");
        Ledger ledger = new Ledger();
        DefaultMQPushConsumer[] members = new DefaultMQPushConsumer[2];
        for (int i = 0; i < 2; i++) {
            members[i] = consumer(group, topic, (MessageListenerConcurrently) (batch, context) -> {
                batch.forEach(m -> ledger.take(m, false));
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        awaitHalves(topic, members);
        sendAll(topic);
        awaitAll(ledger);
        assertStored(topic);
    }

    private static void awaitHalves(String topic, DefaultMQPushConsumer[] members) {
        Wait.until("four queues each", Duration.ofSeconds(60), () -> List.of(members).stream().allMatch(m -> queuesOf(m, topic).size() == QUEUES / 2));
    }

    private record Pool(ExecutorService executor) implements AutoCloseable {
        Pool(int threads) {
            this(Executors.newFixedThreadPool(threads));
        }

        @Override
        public void close() {
            executor.shutdownNow();
        }
    }
}
