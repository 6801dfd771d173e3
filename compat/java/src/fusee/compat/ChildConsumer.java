package fusee.compat;

import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.MessageExt;

/** A push consumer in a JVM of its own, to be killed, with the client's default intervals. It prints "got BODY" for each message, and how many queues it holds. */
final class ChildConsumer implements AutoCloseable {
    /** A JVM starts in one second, on a busy machine in half a minute. */
    static final Duration START = Duration.ofSeconds(90);

    private final Process process;
    private final List<String> bodies = new ArrayList<>();
    private volatile int queues;

    private ChildConsumer(Process process) {
        this.process = process;
    }

    /** model: "orderly", "concurrently", or "replying" (to requests, "re: " and the body); more JVM options as they stand on a command line. */
    static ChildConsumer start(Site site, String group, String topic, String model, String... jvmOptions) throws IOException {
        List<String> command = new ArrayList<>(List.of(Path.of(System.getProperty("java.home"), "bin", "java").toString(), "-Xmx96m", "-XX:+UseSerialGC",
            "-Duser.home=" + System.getProperty("user.home")));
        command.addAll(List.of(jvmOptions));
        command.addAll(List.of("-cp", System.getProperty("java.class.path"), ChildConsumer.class.getName(), site.namesrv(), group, topic, model));
        Process process = new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.INHERIT).start();
        ChildConsumer child = new ChildConsumer(process);
        BufferedReader out = new BufferedReader(new InputStreamReader(process.getInputStream(), StandardCharsets.UTF_8));
        CompletableFuture.runAsync(() -> out.lines().forEach(child::read));
        Runtime.getRuntime().addShutdownHook(new Thread(process::destroyForcibly));
        return child;
    }

    private synchronized void read(String line) {
        if (line.startsWith("got ")) {
            bodies.add(line.substring(4));
        } else if (line.startsWith("queues ")) {
            queues = Integer.parseInt(line.substring(7));
        }
    }

    /** How many queues it holds; 0 once it has been killed. */
    int queues() {
        return process.isAlive() ? queues : 0;
    }

    synchronized List<String> bodies() {
        return List.copyOf(bodies);
    }

    void await(int count) {
        Wait.until(() -> count + " messages in the child, so far " + bodies().size(), START, () -> bodies().size() >= count);
    }

    /** SIGKILL: no goodbye, only a closed socket. */
    void kill() throws InterruptedException {
        process.destroyForcibly().waitFor();
    }

    @Override
    public void close() throws InterruptedException {
        kill();
    }

    public static void main(String[] args) throws Exception {
        DefaultMQPushConsumer consumer = new DefaultMQPushConsumer(args[1]);
        consumer.setNamesrvAddr(args[0]);
        consumer.setInstanceName("child-" + ProcessHandle.current().pid());
        consumer.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        consumer.subscribe(args[2], "*");
        if (args[3].equals("orderly")) {
            consumer.registerMessageListener((MessageListenerOrderly) (batch, context) -> {
                print(batch);
                return ConsumeOrderlyStatus.SUCCESS;
            });
        } else {
            DefaultMQProducer replier = args[3].equals("replying") ? replier(args[0]) : null;
            consumer.registerMessageListener((MessageListenerConcurrently) (batch, context) -> {
                print(batch);
                if (replier != null) {
                    reply(replier, batch);
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
        }
        consumer.start();
        for (int before = -1;; Thread.sleep(20)) {
            int now = ClientTest.queuesOf(consumer, args[2]).size();
            if (now != before) {
                System.out.println("queues " + now);
            }
            before = now;
        }
    }

    private static DefaultMQProducer replier(String namesrv) throws Exception {
        DefaultMQProducer replier = new DefaultMQProducer("child-" + ProcessHandle.current().pid());
        replier.setNamesrvAddr(namesrv);
        replier.start();
        return replier;
    }

    private static void reply(DefaultMQProducer replier, List<MessageExt> batch) {
        try {
            for (MessageExt m : batch) {
                replier.send(MessageUtil.createReplyMessage(m, ("re: " + new String(m.getBody(), StandardCharsets.UTF_8)).getBytes(StandardCharsets.UTF_8)));
            }
        } catch (Exception e) {
            System.err.println("replying: " + e);
        }
    }

    private static synchronized void print(List<MessageExt> batch) {
        batch.forEach(m -> System.out.println("got " + new String(m.getBody(), StandardCharsets.UTF_8)));
    }
}
