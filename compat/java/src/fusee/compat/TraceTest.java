package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;

/** Traces that clients write: ordinary messages on a trace topic, with the traced message's id as a key. */
class TraceTest extends ClientTest {
    private List<MessageExt> traces(Inbox inbox, String messageId, String kind) {
        return inbox.messages().stream().filter(m -> m.getKeys() != null && m.getKeys().contains(messageId) && body(m).contains(kind)).toList();
    }

    private void producerAndConsumer(String traceTopic) throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = settle(new DefaultMQProducer(fresh("producer"), true, traceTopic));
        producer.start();
        SendResult result = producer.send(new Message(topic, "tag", "key", "traced".getBytes()));
        Inbox traced = new Inbox();
        String where = traceTopic == null ? "RMQ_SYS_TRACE_TOPIC" : traceTopic;
        Wait.until("the trace topic", () -> !admin().examineTopicRouteInfo(where).getQueueDatas().isEmpty());
        consumer(fresh("tracer"), where, traced.concurrently());
        // The producer's tracer and the consumer's share one client: when both ask for the first route at once, one drops its trace.
        Wait.until("trace of the send", () -> !traces(traced, result.getMsgId(), "Pub").isEmpty());
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = settle(new DefaultMQPushConsumer(fresh("group"), true, traceTopic));
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        inbox.await(1);
        Wait.until("trace of the consumption", () -> !traces(traced, result.getMsgId(), "SubAfter").isEmpty());
        String pub = body(traces(traced, result.getMsgId(), "Pub").get(0));
        assertTrue(pub.contains(topic) && pub.contains("tag") && pub.contains("key") && pub.contains("DefaultRegion"), pub);
        assertEquals(1, inbox.size());
    }

    @Test
    void onTheDefaultTraceTopic() throws Exception {
        producerAndConsumer(null);
    }

    @Test
    void onATopicOfOnesOwn() throws Exception {
        producerAndConsumer(topic(2));
    }
}
