import java.io.BufferedReader;
import java.io.ByteArrayOutputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.tools.command.MQAdminStartup;

/*
 * Runs commands of the real mqadmin in one JVM, beside a live producer and a live consumer.
 * Arguments: name server, topic, consumer group, producer group, messages to send.
 * Says "sent QUEUE OFFSET OFFSETID UNIQUEKEY KEY" for each message, and "ready CLIENTID" when all were consumed.
 * Then for each line of standard input, MILLISECONDS and the command's words with tabs between: what it printed, and a line with \1 alone.
 */
public class Admin {
    static final PrintStream OUT = System.out;

    static DefaultMQProducer producer(String[] args) throws Exception {
        DefaultMQProducer p = new DefaultMQProducer(args[3]);
        p.setNamesrvAddr(args[0]);
        p.setInstanceName("producer");
        p.setSendMsgTimeout(30000);             /* the machine may be loaded */
        p.setHeartbeatBrokerInterval(1000);     /* the first one finds no broker yet, the next would come 30 s later */
        p.start();
        return p;
    }

    static DefaultMQPushConsumer consumer(String[] args, AtomicInteger seen) throws Exception {
        DefaultMQPushConsumer c = new DefaultMQPushConsumer(args[2]);
        c.setNamesrvAddr(args[0]);
        c.setInstanceName("consumer");
        c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        c.setPersistConsumerOffsetInterval(500);
        c.setHeartbeatBrokerInterval(1000);
        c.subscribe(args[1], "*");
        c.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            seen.addAndGet(messages.size());
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        c.start();
        return c;
    }

    static void send(DefaultMQProducer p, String topic, int count) throws Exception {
        for (int i = 0; i < count; i++) {
            SendResult r = p.send(new Message(topic, "TagA", "key" + i, ("body" + i).getBytes(StandardCharsets.UTF_8)));
            MessageQueue q = r.getMessageQueue();
            OUT.println("sent " + q.getQueueId() + " " + r.getQueueOffset() + " " + r.getOffsetMsgId() + " " + r.getMsgId() + " key" + i);
        }
    }

    static String run(String[] words, long limitMs) throws Exception {
        ByteArrayOutputStream bytes = new ByteArrayOutputStream();
        PrintStream to = new PrintStream(bytes, true);
        System.setOut(to);
        System.setErr(to);
        Thread command = new Thread(() -> MQAdminStartup.main0(words, null));
        command.setDaemon(true);
        command.start();
        command.join(limitMs);
        command.interrupt();                /* clusterRT goes on for ever */
        command.join(3000);
        return new String(bytes.toByteArray(), StandardCharsets.UTF_8);
    }

    public static void main(String[] args) throws Exception {
        int count = Integer.parseInt(args[4]);
        AtomicInteger seen = new AtomicInteger();
        DefaultMQProducer p = producer(args);
        send(p, args[1], count);
        DefaultMQPushConsumer c = consumer(args, seen);
        long deadline = System.nanoTime() + 60_000_000_000L;
        while (seen.get() < count && System.nanoTime() < deadline)
            Thread.sleep(20);
        if (seen.get() < count)
            throw new IllegalStateException("consumed " + seen.get() + " of " + count);
        c.getDefaultMQPushConsumerImpl().persistConsumerOffset();
        OUT.println("ready " + c.buildMQClientId());
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line; (line = in.readLine()) != null; ) {
            String[] words = line.split("\t");
            String text = run(java.util.Arrays.copyOfRange(words, 1, words.length), Long.parseLong(words[0]));
            OUT.println(text);
            OUT.println("\1");
            OUT.flush();
        }
        p.shutdown();
        c.shutdown();
        System.exit(0);
    }
}
