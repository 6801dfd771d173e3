package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendCallback;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.SendStatus;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.compression.CompressionType;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** What only the 5.x client can do. */
class Client5Test extends ClientTest {
    @ParameterizedTest
    @EnumSource(CompressionType.class)
    void compression(CompressionType type) throws Exception {
        byte[] body = new byte[500_000];
        Arrays.fill(body, (byte) 'x');
        DefaultMQProducer producer = newProducer();
        producer.setCompressType(type);
        producer.start();
        MessageExt stored = read(puller(), producer.send(new Message(topic(1), body)));
        assertArrayEquals(body, stored.getBody());
        assertTrue(stored.getStoreSize() < 50_000, type + ": " + stored.getStoreSize() + " bytes");
    }

    @Test
    void singleSendsGatheredIntoBatches() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = newProducer();
        producer.setAutoBatch(true);
        producer.batchMaxDelayMs(20);
        producer.start();
        List<CompletableFuture<SendResult>> answers = new ArrayList<>();
        for (int i = 0; i < 100; i++) {
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
        for (CompletableFuture<SendResult> answer : answers) {
            assertEquals(SendStatus.SEND_OK, answer.get(30, TimeUnit.SECONDS).getSendStatus());
        }
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        assertEquals(numbers(0, 100), inbox.await(100).distinctBodies());
        assertEquals(100, inbox.size());
    }

    @Test
    void secondVersionOfHeartbeats() throws Exception {
        String topic = topic(4);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer[] members = new DefaultMQPushConsumer[2];
        for (int i = 0; i < 2; i++) {
            members[i] = newConsumer(group);
            members[i].setUseHeartbeatV2(true);
            // The client drops a heartbeat when another is on its way; its pulls are refused with 25 until the next one.
            members[i].setHeartbeatBrokerInterval(1000);
            members[i].subscribe(topic, "a || b");
            members[i].registerMessageListener(inbox.concurrently());
            members[i].start();
        }
        Wait.until("two queues each", () -> queuesOf(members[0], topic).size() == 2 && queuesOf(members[1], topic).size() == 2);
        DefaultMQProducer producer = newProducer();
        producer.setUseHeartbeatV2(true);
        producer.start();
        for (int i = 0; i < 30; i++) {
            producer.send(new Message(topic, List.of("a", "b", "c").get(i % 3), Integer.toString(i).getBytes()));
        }
        inbox.await(20);
        assertTrue(inbox.messages().stream().noneMatch(m -> m.getTags().equals("c")));
        assertEquals(20, inbox.distinctBodies().size());
    }

    @Test
    void concurrentHeartbeats() throws Exception {
        String topic = topic(2);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.setEnableConcurrentHeartbeat(true);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        send(producer(), topic, 0, 10);
        assertEquals(numbers(0, 10), inbox.await(10).distinctBodies());
    }

    @Test
    void secondVersionOfNamespaces() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = newProducer();
        producer.setNamespaceV2("namespace");
        producer.start();
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.setNamespaceV2("namespace");
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(inbox.concurrently());
        consumer.start();
        producer.send(message(topic, "m"));
        assertEquals(topic, inbox.await(1).messages().get(0).getTopic());
    }

    @Test
    void attributesOfTopicsAreKept() throws Exception {
        String topic = fresh("fifo");
        TopicConfig config = new TopicConfig(topic, 2, 2, 6);
        config.setAttributes(Map.of("+message.type", "FIFO"));
        admin().createAndUpdateTopicConfig(site.broker(), config);
        assertEquals("FIFO", admin().examineTopicConfig(site.broker(), topic).getAttributes().get("message.type"));
        config.setAttributes(Map.of("+message.type", "NORMAL"));
        admin().createAndUpdateTopicConfig(site.broker(), config);
        assertEquals("NORMAL", admin().examineTopicConfig(site.broker(), topic).getAttributes().get("message.type"));
    }

    /** 18 */
    @Test
    void severalTopicsAtOnce() throws Exception {
        String one = fresh("one");
        String two = fresh("two");
        admin().createAndUpdateTopicConfigList(site.broker(), List.of(new TopicConfig(one, 1, 1, 6), new TopicConfig(two, 2, 2, 4)));
        assertEquals(1, admin().examineTopicConfig(site.broker(), one).getReadQueueNums());
        assertEquals(4, admin().examineTopicConfig(site.broker(), two).getPerm());
        Wait.until("both routes", () -> hasRoute(one) && hasRoute(two));
    }

    /** 225 */
    @Test
    void severalGroupsAtOnce() throws Exception {
        var one = Line.group(fresh("one"));
        var two = Line.group(fresh("two"));
        one.setRetryMaxTimes(1);
        two.setRetryMaxTimes(2);
        admin().createAndUpdateSubscriptionGroupConfigList(site.broker(), List.of(one, two));
        assertEquals(1, admin().examineSubscriptionGroupConfig(site.broker(), one.getGroupName()).getRetryMaxTimes());
        assertEquals(2, admin().examineSubscriptionGroupConfig(site.broker(), two.getGroupName()).getRetryMaxTimes());
    }

    /** 343, 345 */
    @Test
    void whatAGroupSubscribesTo() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        consumer(group, topic, "a || b", inbox.concurrently());
        producer().send(new Message(topic, "a", "m".getBytes()));
        inbox.await(1);
        Wait.until("the topic of the group", () -> admin().queryTopicsByConsumer(group).getTopicList().contains(topic));
        assertEquals("a || b", admin().querySubscription(group, topic).getSubString());
    }

    /** 353 */
    @Test
    void aGroupIsForbiddenToReadATopic() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), Line.group(group));
        assertEquals(false, admin().updateAndGetGroupReadForbidden(site.broker(), group, topic, null).getReadable() == null);
        var forbidden = admin().updateAndGetGroupReadForbidden(site.broker(), group, topic, false);
        assertEquals(group, forbidden.getGroup());
        assertEquals(topic, forbidden.getTopic());
        assertEquals(false, forbidden.getReadable());
        Inbox inbox = new Inbox();
        consumer(group, topic, inbox.concurrently());
        Inbox witness = new Inbox();
        consumer(fresh("group"), topic, witness.concurrently());
        send(producer(), topic, 0, 3);
        witness.await(3);
        assertEquals(0, inbox.size());
        assertEquals(true, admin().updateAndGetGroupReadForbidden(site.broker(), group, topic, true).getReadable());
        assertEquals(numbers(0, 3), inbox.await(3).distinctBodies());
    }
}
