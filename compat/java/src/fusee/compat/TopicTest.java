package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Topics as producers and consumers meet them: made on the fly, refused, changed under their feet. */
class TopicTest extends ClientTest {
    private static final int NO_ROUTE = 10005;

    @Test
    void firstSendMakesTheTopic() throws Exception {
        String topic = fresh("auto");
        producer().send(message(topic, "first"));
        Wait.until("route", () -> admin().examineTopicRouteInfo(topic).getQueueDatas().size() == 1);
        var queues = admin().examineTopicRouteInfo(topic).getQueueDatas().get(0);
        assertEquals(4, queues.getReadQueueNums());
        assertEquals(4, queues.getWriteQueueNums());
        assertEquals(6, queues.getPerm());
    }

    @Test
    void theProducerSaysHowManyQueues() throws Exception {
        String topic = fresh("auto");
        DefaultMQProducer producer = newProducer();
        producer.setDefaultTopicQueueNums(2);
        producer.start();
        producer.send(message(topic, "first"));
        Wait.until("route", () -> admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getReadQueueNums() == 2);
    }

    @Test
    void neverMoreQueuesThanTheTemplateHas() throws Exception {
        String topic = fresh("auto");
        DefaultMQProducer producer = newProducer();
        producer.setDefaultTopicQueueNums(100);
        producer.start();
        producer.send(message(topic, "first"));
        Wait.until("route", () -> admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getReadQueueNums() == 8);
    }

    @Test
    void aTopicMadeOnTheFlyCanBeConsumed() throws Exception {
        String topic = fresh("auto");
        send(producer(), topic, 0, 20);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        assertEquals(numbers(0, 20), inbox.await(20).distinctBodies());
    }

    @Test
    void createTopicThroughAClient() throws Exception {
        String topic = fresh("made");
        DefaultMQProducer producer = producer();
        Line.createTopic(producer, "TBW102", topic, 3);
        Wait.until("3 queues to publish to", () -> producer.fetchPublishMessageQueues(topic).size() == 3);
    }

    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void autoCreationCanBeForbidden() throws Exception {
        privateCluster("autoCreateTopicEnable", "false");
        DefaultMQProducer producer = producer();
        MQClientException refused = assertThrows(MQClientException.class, () -> producer.send(message(fresh("auto"), "m")));
        assertEquals(NO_ROUTE, refused.getResponseCode());
        String made = topic(1);
        assertEquals(0, producer.send(message(made, "m")).getQueueOffset());
    }

    @Test
    void namesThatTheClientRefuses() throws Exception {
        DefaultMQProducer producer = producer();
        for (String bad : new String[] {"", "a b", "a.b", "ü", "a/b", "x".repeat(128), "SCHEDULE_TOPIC_XXXX"}) {
            assertThrows(MQClientException.class, () -> producer.send(message(bad, "m")), bad);
        }
    }

    @Test
    void everyLegalCharacterAndTheLongestName() throws Exception {
        String topic = (fresh("abcXYZ019%|-_") + "x".repeat(127)).substring(0, 127);
        DefaultMQProducer producer = producer();
        assertEquals("m", body(read(puller(), producer.send(message(topic, "m")))));
    }

    @Test
    void aTopicOneMayOnlyReadFrom() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 3);
        createTopic(topic, 1, 4);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        assertEquals(numbers(0, 3), inbox.await(3).distinctBodies());
        DefaultMQProducer another = producer();
        assertEquals(NO_ROUTE, assertThrows(MQClientException.class, () -> another.send(message(topic, "m"))).getResponseCode());
    }

    @Test
    void moreQueuesLater() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        send(producer, topic, 0, 2);
        createTopic(topic, 3, 6);
        Wait.until("the producer uses queue 2", () -> producer.send(message(topic, "m")).getMessageQueue().getQueueId() == 2);
    }

    @Test
    void sendToADeletedTopicMakesItAnew() throws Exception {
        String topic = topic(1);
        send(producer(), topic, 0, 5);
        deleteTopic(topic);
        admin().createAndUpdateTopicConfig(site.broker(), new TopicConfig(topic, 1, 1, 6));
        Wait.until("route", () -> !admin().examineTopicRouteInfo(topic).getQueueDatas().isEmpty());
        assertTrue(producer().send(message(topic, "m")).getQueueOffset() >= 0);
    }
}
