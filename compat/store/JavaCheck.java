import java.security.MessageDigest;
import java.util.List;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.common.message.MessageClientIDSetter;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;

/*
 * Consumes as a group that has offsets already, and prints each message and how it is found again by its two ids and its first key:
 *   topic queue queueOffset offsetId uniqueKey md5(body) byOffsetId byUniqueKey byKey
 * Arguments: name server, group, how many messages are to come, topics. Ends when nothing came for two seconds after the last of them.
 */
public class JavaCheck {
    static final int SECONDS = 240, QUIET_MS = 2000, API_MS = 30000;

    static String md5(byte[] body) throws Exception {
        StringBuilder text = new StringBuilder();
        for (byte b : MessageDigest.getInstance("MD5").digest(body))
            text.append(String.format("%02x", b));
        return text.toString();
    }

    static boolean same(MessageExt a, MessageExt b) {
        return a.getTopic().equals(b.getTopic()) && a.getQueueId() == b.getQueueId() && a.getQueueOffset() == b.getQueueOffset()
            && a.getCommitLogOffset() == b.getCommitLogOffset() && java.util.Arrays.equals(a.getBody(), b.getBody());
    }

    static String found(DefaultMQPushConsumer c, MessageExt m) throws Exception {
        String offsetId = ((org.apache.rocketmq.common.message.MessageClientExt) m).getOffsetMsgId(), unique = MessageClientIDSetter.getUniqID(m);
        boolean byOffset = same(m, c.viewMessage(m.getTopic(), offsetId)), byUnique = same(m, c.viewMessage(m.getTopic(), unique));
        List<MessageExt> all = c.queryMessage(m.getTopic(), m.getKeys().split(" ")[0], 32, 0, Long.MAX_VALUE).getMessageList();
        return offsetId + " " + unique + " " + md5(m.getBody()) + " " + byOffset + " " + byUnique + " " + (all.size() == 1 && same(m, all.get(0)));
    }

    public static void main(String[] args) throws Exception {
        AtomicLong left = new AtomicLong(Long.parseLong(args[2])), last = new AtomicLong(System.nanoTime());
        long deadline = System.nanoTime() + SECONDS * 1_000_000_000L;
        DefaultMQPushConsumer c = null;
        while (c == null)
            c = started(args, left, last, deadline);
        while (System.nanoTime() < deadline && (left.get() > 0 || System.nanoTime() - last.get() < QUIET_MS * 1_000_000L))
            Thread.sleep(50);
        c.shutdown();               /* writes its offsets to the broker */
        System.exit(0);
    }

    /* A client that does not get its first routes within three seconds, on a busy machine, does not start. */
    static DefaultMQPushConsumer started(String[] args, AtomicLong left, AtomicLong last, long deadline) throws Exception {
        DefaultMQPushConsumer c = new DefaultMQPushConsumer(args[1]);
        c.setNamesrvAddr(args[0]);
        c.setMqClientApiTimeout(API_MS);
        c.setMessageModel(MessageModel.CLUSTERING);
        c.setConsumeThreadMin(2);
        c.setConsumeThreadMax(2);
        for (int i = 3; i < args.length; i++)
            c.subscribe(args[i], "*");
        c.registerMessageListener((MessageListenerConcurrently) (messages, context) -> {
            for (MessageExt m : messages) {
                String found;
                try {
                    found = found(c, m);
                } catch (Throwable e) {
                    found = "- - " + e.toString().replaceAll("\\s+", "_") + " false false false";
                }
                synchronized (System.out) {
                    System.out.println(m.getTopic() + " " + m.getQueueId() + " " + m.getQueueOffset() + " " + found);
                }
                left.decrementAndGet();
                last.set(System.nanoTime());
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        try {
            c.start();
            return c;
        } catch (org.apache.rocketmq.client.exception.MQClientException e) {
            c.shutdown();
            if (System.nanoTime() > deadline)
                throw e;
            return null;
        }
    }
}
