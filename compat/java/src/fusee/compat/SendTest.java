package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import java.util.TreeSet;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Test;

class SendTest extends ClientTest {
    private static final int SYSTEM_ERROR = 1;
    private static final int MESSAGE_ILLEGAL = 13;
    private static final int LARGEST_BODY = 4 * 1024 * 1024;

    @Test
    void syncSendAnswersWithPlaceAndIds() throws Exception {
        String topic = topic(4);
        SendResult result = producer().send(message(topic, "hello"));
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        assertEquals(topic, result.getMessageQueue().getTopic());
        assertEquals(Site.BROKER_NAME, result.getMessageQueue().getBrokerName());
        assertEquals(0, result.getQueueOffset());
        assertTrue(result.getMsgId().length() == 32 || result.getMsgId().length() == 56, "id of a client with an IPv4 or IPv6 address");
        assertEquals(32, result.getOffsetMsgId().length());
        assertTrue(result.getOffsetMsgId().startsWith("7F000001" + String.format("%08X", Integer.parseInt(site.broker().split(":")[1]))), result.getOffsetMsgId());
        assertEquals("DefaultRegion", result.getRegionId());
        assertTrue(result.isTraceOn());
        MessageExt stored = read(puller(), result);
        assertEquals("hello", body(stored));
        assertEquals(result.getMsgId(), stored.getMsgId());
        assertEquals(0, stored.getReconsumeTimes());
        assertTrue(stored.getStoreTimestamp() >= stored.getBornTimestamp() - 1);
        assertEquals(site.broker(), stored.getStoreHost().toString().replaceFirst("^.*/", ""));
    }

    @Test
    void queueOffsetsGrowByOne() throws Exception {
        MessageQueue queue = queue(topic(2), 1);
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 50; i++) {
            SendResult result = producer.send(message(queue.getTopic(), "m" + i), queue);
            assertEquals(queue, result.getMessageQueue());
            assertEquals(i, result.getQueueOffset());
        }
    }

    @Test
    void producerGoesRoundAllQueues() throws Exception {
        String topic = topic(4);
        TreeSet<Integer> used = new TreeSet<>();
        send(producer(), topic, 0, 8).forEach(r -> used.add(r.getMessageQueue().getQueueId()));
        assertEquals(new TreeSet<>(List.of(0, 1, 2, 3)), used);
    }

    @Test
    void selectorChoosesTheQueue() throws Exception {
        String topic = topic(4);
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 12; i++) {
            SendResult result = producer.send(message(topic, "m"), (queues, m, key) -> queues.get((Integer) key % queues.size()), i);
            assertEquals(i % 4, result.getMessageQueue().getQueueId());
            assertEquals(i / 4, result.getQueueOffset());
        }
    }

    @Test
    void asyncSend() throws Exception {
        String topic = topic(4);
        DefaultMQProducer producer = producer();
        List<CompletableFuture<SendResult>> answers = new ArrayList<>();
        for (int i = 0; i < 200; i++) {
            CompletableFuture<SendResult> answer = new CompletableFuture<>();
            answers.add(answer);
            producer.send(message(topic, Integer.toString(i)), new SendCallback() {
                @Override
                public void onSuccess(SendResult result) {
                    answer.complete(result);
                }

                @Override
                public void onException(Throwable e) {
                    answer.completeExceptionally(e);
                }
            });
        }
        TreeSet<String> places = new TreeSet<>();
        TreeSet<String> bodies = new TreeSet<>();
        DefaultMQPullConsumer puller = puller();
        for (CompletableFuture<SendResult> answer : answers) {
            SendResult result = answer.get(30, TimeUnit.SECONDS);
            assertEquals(SendStatus.SEND_OK, result.getSendStatus());
            places.add(result.getMessageQueue().getQueueId() + "/" + result.getQueueOffset());
            bodies.add(body(read(puller, result)));
        }
        assertEquals(200, places.size());
        assertEquals(numbers(0, 200), bodies);
    }

    @Test
    void onewaySend() throws Exception {
        MessageQueue queue = queue(topic(1), 0);
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 20; i++) {
            producer.sendOneway(message(queue.getTopic(), Integer.toString(i)), queue);
        }
        DefaultMQPullConsumer puller = puller();
        Wait.until("20 messages stored", () -> puller.maxOffset(queue) == 20);
        assertEquals(numbers(0, 20), new TreeSet<>(Inbox.bodies(puller.pull(queue, "*", 0, 32).getMsgFoundList())));
    }

    @Test
    void onewaySendWithSelector() throws Exception {
        String topic = topic(3);
        producer().sendOneway(message(topic, "m"), (queues, m, arg) -> queues.get(2), null);
        DefaultMQPullConsumer puller = puller();
        Wait.until("stored in queue 2", () -> puller.maxOffset(queue(topic, 2)) == 1);
        assertEquals(0, puller.maxOffset(queue(topic, 0)));
    }

    @Test
    void batchIsStoredAsConsecutiveMessages() throws Exception {
        String topic = topic(2);
        DefaultMQProducer producer = producer();
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 10; i++) {
            Message m = new Message(topic, "tag" + i, "key" + i, ("m" + i).getBytes(StandardCharsets.UTF_8));
            m.putUserProperty("number", Integer.toString(i));
            m.setFlag(i);
            batch.add(m);
        }
        SendResult result = producer.send(batch, queue(topic, 1));
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        assertEquals(0, result.getQueueOffset());
        assertEquals(10, result.getMsgId().split(",").length);
        assertEquals(10, result.getOffsetMsgId().split(",").length);
        DefaultMQPullConsumer puller = puller();
        List<MessageExt> stored = puller.pull(queue(topic, 1), "*", 0, 32).getMsgFoundList();
        assertEquals(10, stored.size());
        for (int i = 0; i < 10; i++) {
            MessageExt m = stored.get(i);
            assertEquals(i, m.getQueueOffset());
            assertEquals("m" + i, body(m));
            assertEquals("tag" + i, m.getTags());
            assertEquals("key" + i, m.getKeys());
            assertEquals(Integer.toString(i), m.getUserProperty("number"));
            assertEquals(i, m.getFlag());
            assertEquals(result.getMsgId().split(",")[i], m.getMsgId());
            assertEquals("m" + i, body(puller.viewMessage(topic, result.getOffsetMsgId().split(",")[i])));
        }
        assertEquals(10, producer.send(message(topic, "next"), queue(topic, 1)).getQueueOffset());
    }

    @Test
    void batchOfOneMessage() throws Exception {
        String topic = topic(1);
        SendResult result = producer().send(List.of(message(topic, "alone")));
        assertEquals("alone", body(read(puller(), result)));
        assertFalse(result.getMsgId().contains(","));
    }

    @Test
    void asyncBatch() throws Exception {
        String topic = topic(1);
        CompletableFuture<SendResult> answer = new CompletableFuture<>();
        producer().send(List.of(message(topic, "a"), message(topic, "b")), new SendCallback() {
            @Override
            public void onSuccess(SendResult result) {
                answer.complete(result);
            }

            @Override
            public void onException(Throwable e) {
                answer.completeExceptionally(e);
            }
        });
        assertEquals(SendStatus.SEND_OK, answer.get(30, TimeUnit.SECONDS).getSendStatus());
        assertEquals(List.of("a", "b"), Inbox.bodies(puller().pull(queue(topic, 0), "*", 0, 32).getMsgFoundList()));
    }

    @Test
    void oversizedBatchIsRefusedAsAWhole() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = newProducer();
        producer.setMaxMessageSize(16 * 1024 * 1024);
        producer.start();
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            batch.add(new Message(topic, random(1024 * 1024)));
        }
        // Apache answers 1, which the client retries and then wraps; 13, as for a single message, ends at once.
        Exception refused = assertThrows(Exception.class, () -> producer.send(batch));
        int code = refused instanceof MQBrokerException broker ? broker.getResponseCode() : ((MQClientException) refused).getResponseCode();
        assertTrue(code == MESSAGE_ILLEGAL || code == SYSTEM_ERROR, refused.toString());
        assertEquals(0, puller().maxOffset(queue(topic, 0)));
    }

    @Test
    void tagsKeysPropertiesAndFlagAreKept() throws Exception {
        String topic = topic(1);
        Message sent = new Message(topic, "TagÄ", "key1 key2", 0x7A5A5A5A, "body".getBytes(StandardCharsets.UTF_8), true);
        sent.putUserProperty("plain", "value");
        sent.putUserProperty("spaced", " a b ");
        sent.putUserProperty("日本", "語 😀 \" \\ \n {}");
        sent.setBuyerId("buyer");
        MessageExt stored = read(puller(), producer().send(sent));
        assertEquals("TagÄ", stored.getTags());
        assertEquals("key1 key2", stored.getKeys());
        assertEquals(0x7A5A5A5A, stored.getFlag());
        assertEquals("value", stored.getUserProperty("plain"));
        assertEquals(" a b ", stored.getUserProperty("spaced"));
        assertEquals("語 😀 \" \\ \n {}", stored.getUserProperty("日本"));
        assertEquals("buyer", stored.getBuyerId());
    }

    @Test
    void everyByteOfABodyIsKept() throws Exception {
        byte[] bytes = new byte[512];
        for (int i = 0; i < bytes.length; i++) {
            bytes[i] = (byte) i;
        }
        assertArrayEquals(bytes, read(puller(), producer().send(new Message(topic(1), bytes))).getBody());
    }

    @Test
    void emptyBodyIsRefused() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        MQClientException refused = assertThrows(MQClientException.class, () -> producer.send(new Message(topic, new byte[0])));
        assertEquals(MESSAGE_ILLEGAL, refused.getResponseCode());
    }

    @Test
    void oneByteBody() throws Exception {
        assertArrayEquals(new byte[] {0}, read(puller(), producer().send(new Message(topic(1), new byte[1]))).getBody());
    }

    @Test
    void largeBodyIsCompressedOnTheWayAndKept() throws Exception {
        byte[] body = new byte[1_000_000];
        Arrays.fill(body, (byte) 'x');
        MessageExt stored = read(puller(), producer().send(new Message(topic(1), body)));
        assertTrue(stored.getStoreSize() < 100_000, "stored in " + stored.getStoreSize() + " bytes");
        assertArrayEquals(body, stored.getBody());
    }

    @Test
    void bodyUnderTheThresholdIsNotCompressed() throws Exception {
        byte[] body = new byte[4095];
        MessageExt stored = read(puller(), producer().send(new Message(topic(1), body)));
        assertTrue(stored.getStoreSize() > 4095);
        assertArrayEquals(body, stored.getBody());
    }

    @Test
    void largestBody() throws Exception {
        byte[] body = random(LARGEST_BODY);
        DefaultMQProducer producer = newProducer();
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.start();
        SendResult result = producer.send(new Message(topic(1), body));
        MessageExt stored = read(puller(), result);
        assertArrayEquals(body, stored.getBody());
    }

    @Test
    void oneByteMoreIsRefused() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = newProducer();
        producer.setCompressMsgBodyOverHowmuch(Integer.MAX_VALUE);
        producer.setMaxMessageSize(2 * LARGEST_BODY);
        producer.start();
        MQBrokerException refused = assertThrows(MQBrokerException.class, () -> producer.send(new Message(topic, random(LARGEST_BODY + 1))));
        assertEquals(MESSAGE_ILLEGAL, refused.getResponseCode());
        assertEquals(SendStatus.SEND_OK, producer.send(message(topic, "the connection still works")).getSendStatus());
    }

    @Test
    void propertiesUpToTheLimitAreKeptAndBeyondItRefused() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        Message large = message(topic, "m");
        large.putUserProperty("large", "v".repeat(32_000));
        assertEquals("v".repeat(32_000), read(puller(), producer.send(large)).getUserProperty("large"));
        Message tooLarge = message(topic, "m");
        tooLarge.putUserProperty("large", "v".repeat(32_767));
        MQBrokerException refused = assertThrows(MQBrokerException.class, () -> producer.send(tooLarge));
        assertEquals(MESSAGE_ILLEGAL, refused.getResponseCode());
    }

    @Test
    void sendThroughTheVipPort() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = newProducer();
        producer.setVipChannelEnabled(true);
        producer.start();
        assertEquals("vip", body(read(puller(), producer.send(message(topic, "vip")))));
    }

    @Test
    void sendWithoutWaitingForTheDisk() throws Exception {
        Message m = message(topic(1), "m");
        m.setWaitStoreMsgOK(false);
        SendResult result = producer().send(m);
        assertEquals(SendStatus.SEND_OK, result.getSendStatus());
        assertFalse(read(puller(), result).isWaitStoreMsgOK());
    }

    @Test
    void manyProducersOnOneTopic() throws Exception {
        String topic = topic(2);
        List<DefaultMQProducer> producers = new ArrayList<>();
        for (int i = 0; i < 5; i++) {
            producers.add(producer());
        }
        List<CompletableFuture<Void>> running = new ArrayList<>();
        for (DefaultMQProducer producer : producers) {
            int from = running.size() * 100;
            running.add(CompletableFuture.runAsync(() -> assertEquals(100, sendQuietly(producer, topic, from, from + 100).size())));
        }
        for (CompletableFuture<Void> one : running) {
            one.get(60, TimeUnit.SECONDS);
        }
        assertEquals(500, puller().maxOffset(queue(topic, 0)) + puller().maxOffset(queue(topic, 1)));
    }

    @Test
    void messageSentBeforeIsFoundByItsOffsetId() throws Exception {
        String topic = topic(1);
        SendResult result = producer().send(message(topic, "find me"));
        DefaultMQPullConsumer puller = puller();
        MessageExt found = puller.viewMessage(topic, result.getOffsetMsgId());
        assertNotNull(found);
        assertEquals("find me", body(found));
        assertEquals(result.getQueueOffset(), found.getQueueOffset());
        assertEquals(result.getMessageQueue().getQueueId(), found.getQueueId());
    }

    private static List<SendResult> sendQuietly(DefaultMQProducer producer, String topic, int from, int to) {
        try {
            return send(producer, topic, from, to);
        } catch (Exception e) {
            throw new AssertionError(e);
        }
    }

    private static byte[] random(int size) {
        byte[] bytes = new byte[size];
        new Random(7).nextBytes(bytes);
        return bytes;
    }
}
