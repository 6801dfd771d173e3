package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.charset.StandardCharsets;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.exception.RequestTimeoutException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.RequestCallback;
import org.apache.rocketmq.client.utils.MessageUtil;
import org.apache.rocketmq.common.message.Message;
import org.junit.jupiter.api.Test;

/** A producer asks, a consumer answers, the broker pushes the answer to the one who asked. */
class RequestReplyTest extends ClientTest {
    private String answering() throws Exception {
        String topic = topic(1);
        DefaultMQProducer replier = producer();
        MessageListenerConcurrently listener = (messages, context) -> {
            try {
                for (Message m : messages) {
                    String text = new String(m.getBody(), StandardCharsets.UTF_8);
                    replier.send(MessageUtil.createReplyMessage(m, ("re: " + text).getBytes(StandardCharsets.UTF_8)), 5000);
                }
            } catch (Exception e) {
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        };
        consumer(fresh("group"), topic, listener);
        return topic;
    }

    @Test
    void everyRequestGetsItsReply() throws Exception {
        String topic = answering();
        DefaultMQProducer asking = producer();
        for (int i = 0; i < 10; i++) {
            Message reply = asking.request(new Message(topic, ("question " + i).getBytes(StandardCharsets.UTF_8)), 30000);
            assertEquals("re: question " + i, new String(reply.getBody(), StandardCharsets.UTF_8));
        }
    }

    @Test
    void asynchronously() throws Exception {
        String topic = answering();
        CompletableFuture<Message> reply = new CompletableFuture<>();
        producer().request(new Message(topic, "later".getBytes(StandardCharsets.UTF_8)), new RequestCallback() {
            @Override
            public void onSuccess(Message message) {
                if (message != null) { // the client calls back without one, too, when the request has been sent
                    reply.complete(message);
                }
            }

            @Override
            public void onException(Throwable e) {
                reply.completeExceptionally(e);
            }
        }, 30000);
        assertEquals("re: later", new String(reply.get(30, TimeUnit.SECONDS).getBody(), StandardCharsets.UTF_8));
    }

    @Test
    void withoutAReplyTheRequestTimesOut() throws Exception {
        String topic = topic(1);
        Message question = new Message(topic, "anybody?".getBytes(StandardCharsets.UTF_8));
        Exception e = assertThrows(RequestTimeoutException.class, () -> producer().request(question, 2000));
        assertTrue(e.getMessage().contains("timeout"), e.getMessage());
    }
}
