import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.AtomicLongArray;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;

/**
 * The published Java client as a load: THREADS threads send bodies of SIZE bytes, each waits for its answer; with "push" a push consumer
 * takes them, and what counts is what it has got, with the time from send to listener.
 *
 * Arguments: send|push NAMESRV TOPIC THREADS SIZE WARM_UP_SECONDS SECONDS BROKER_PID. Prints one line of JSON.
 */
public final class JavaLoad {
    private static final int PER_POWER = 32;                      // steps of the histogram in each power of two: 3 %
    private static final int SEND_TIMEOUT_MS = 10000, ROUTE_SECONDS = 40;
    private final AtomicLongArray latencies = new AtomicLongArray(64 * PER_POWER);
    private final AtomicLong count = new AtomicLong(), errors = new AtomicLong();
    private volatile long maxNanos;
    private volatile boolean measuring;

    /* Ends at its time whatever threads the client still has, and whatever its queues still hold. */
    public static void main(String[] a) {
        int status = 0;
        try {
            new JavaLoad().run(a[0].equals("push"), a[1], a[2], Integer.parseInt(a[3]), Integer.parseInt(a[4]), Double.parseDouble(a[5]),
                    Double.parseDouble(a[6]), a[7]);
        } catch (Exception e) {
            System.err.println("JavaLoad: " + e);
            status = 1;
        }
        System.out.flush();
        Runtime.getRuntime().halt(status);
    }

    private void run(boolean push, String namesrv, String topic, int threads, int size, double warmUp, double seconds, String pid)
            throws Exception {
        DefaultMQProducer producer = new DefaultMQProducer("JavaLoad-" + topic);
        producer.setNamesrvAddr(namesrv);
        producer.setSendMsgTimeout(SEND_TIMEOUT_MS);
        producer.start();
        makeTopic(producer, topic);
        if (push) {
            consumer(namesrv, topic);
        }
        for (int i = 0; i < threads; i++) {
            Thread t = new Thread(() -> sendAll(producer, topic, size, !push));
            t.setDaemon(true);
            t.start();
        }
        sleep(warmUp);
        measuring = true;
        double brokerBefore = brokerCpuSeconds(pid), ownBefore = ownCpuSeconds();
        long begin = System.nanoTime();
        sleep(seconds);
        measuring = false;
        double took = (System.nanoTime() - begin) / 1e9;
        print(took, brokerCpuSeconds(pid) - brokerBefore, ownCpuSeconds() - ownBefore);
    }

    /* So that the consumer finds its queues. A broker that has just been let go on may not have registered yet. */
    private static void makeTopic(DefaultMQProducer producer, String topic) throws Exception {
        long end = System.nanoTime() + ROUTE_SECONDS * 1_000_000_000L;
        while (true) {
            try {
                producer.send(new Message(topic, new byte[1]));
                return;
            } catch (Exception e) {
                if (System.nanoTime() > end) {
                    throw e;
                }
                sleep(0.2);
            }
        }
    }

    private void consumer(String namesrv, String topic) throws Exception {
        DefaultMQPushConsumer c = new DefaultMQPushConsumer("JavaLoad-" + topic + "-" + System.nanoTime());
        c.setNamesrvAddr(namesrv);
        c.subscribe(topic, "*");
        c.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            long now = System.nanoTime();
            for (var m : messages) {
                if (m.getBody().length >= 8) {
                    note(ByteBuffer.wrap(m.getBody()).getLong(), now);
                }
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        c.start();
    }

    private void sendAll(DefaultMQProducer producer, String topic, int size, boolean counts) {
        while (true) {
            byte[] body = new byte[size];
            Arrays.fill(body, (byte) 'x');
            long begin = System.nanoTime();
            ByteBuffer.wrap(body).putLong(begin);
            try {
                if (producer.send(new Message(topic, body)).getSendStatus() != SendStatus.SEND_OK) {
                    errors.incrementAndGet();
                } else if (counts) {
                    note(begin, System.nanoTime());
                }
            } catch (Exception e) {
                errors.incrementAndGet();
            }
        }
    }

    private void note(long begin, long end) {
        if (!measuring) {
            return;
        }
        long nanos = Math.max(1, end - begin);
        int power = 63 - Long.numberOfLeadingZeros(nanos);
        int step = power < 5 ? 0 : (int) (nanos >>> (power - 5)) & (PER_POWER - 1);
        latencies.incrementAndGet(power * PER_POWER + step);
        count.incrementAndGet();
        if (nanos > maxNanos) {
            maxNanos = nanos;
        }
    }

    private double percentileMicros(double percent) {
        long rank = Math.max(1, Math.round(count.get() * percent / 100)), seen = 0;
        for (int i = 0; i < latencies.length(); i++) {
            seen += latencies.get(i);
            if (seen >= rank) {
                int power = i / PER_POWER;
                return (power < 5 ? 1L << power : (long) (i % PER_POWER + PER_POWER) << (power - 5)) / 1000.0;
            }
        }
        return 0;
    }

    private void print(double seconds, double broker, double own) {
        double n = Math.max(1, count.get());
        System.out.printf(java.util.Locale.ROOT,
                "{\"messages\":%d,\"per_second\":%.1f,\"errors\":%d,\"p50_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"max_us\":%.1f,"
                        + "\"cpu_us_per_message\":%.3f,\"cpu_percent\":%.2f,\"own_cpu_us\":%.3f,\"own_cpu_percent\":%.2f}%n",
                count.get(), count.get() / seconds, errors.get(), percentileMicros(50), percentileMicros(99), percentileMicros(99.9),
                maxNanos / 1000.0, broker * 1e6 / n, broker * 100 / seconds, own * 1e6 / n, own * 100 / seconds);
    }

    private static void sleep(double seconds) throws InterruptedException {
        Thread.sleep((long) (seconds * 1000));
    }

    private static double ownCpuSeconds() {
        return ((com.sun.management.OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean()).getProcessCpuTime() / 1e9;
    }

    /** User and system time of all threads, in hundredths of a second. */
    private static double brokerCpuSeconds(String pid) throws IOException {
        String stat = Files.readString(Path.of("/proc", pid, "stat"));
        String[] fields = stat.substring(stat.lastIndexOf(')') + 2).split(" ");
        return (Long.parseLong(fields[11]) + Long.parseLong(fields[12])) / 100.0;
    }
}
