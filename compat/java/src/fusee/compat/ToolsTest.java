package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.Map;
import java.util.Set;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.MessageSelector;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.client.impl.MQClientAPIImpl;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** Requests that a client library has a method for, but few tools call: DefaultMQAdminExt, MQClientAPIImpl, and what a slave asks its master. */
class ToolsTest extends ClientTest {
    private static final int GET_ALL_CONSUMER_OFFSET = 43;
    private static final int GET_ALL_DELAY_OFFSET = 45;

    private MQClientAPIImpl api() throws Exception {
        return producer().getDefaultMQProducerImpl().getMqClientFactory().getMQClientAPIImpl();
    }

    private DefaultMQPushConsumer consumed(String topic, String group, int messages) throws Exception {
        send(producer(), topic, 0, messages);
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer member = newConsumer(group);
        member.setPersistConsumerOffsetInterval(500);
        member.subscribe(topic, "*");
        member.registerMessageListener(inbox.concurrently());
        member.start();
        inbox.await(messages);
        Wait.until("the offset of the group", () -> storedOffset(group, queue(topic, 0)) == messages);
        Wait.until("the member is known", () -> admin().examineConsumerConnectionInfo(group).getConnectionSet().size() == 1);
        return member;
    }

    /** 223 to the broker, 221 from the broker to its clients. */
    @Test
    void offsetsThatMembersHaveInMind() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        DefaultMQPushConsumer member = consumed(topic, group, 4);
        Map<MessageQueue, Long> expected = Map.of(queue(topic, 0), 4L);
        assertEquals(Map.of(member.buildMQClientId(), expected), admin().getConsumeStatus(topic, group, ""));
        assertEquals(Map.of(member.buildMQClientId(), expected), admin().getConsumeStatus(topic, group, member.buildMQClientId()));
    }

    /** 303 */
    @Test
    void whenMessagesOfAQueueWereStored() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        consumed(topic, group, 4);
        var spans = admin().queryConsumeTimeSpan(topic, group);
        assertEquals(1, spans.size());
        assertEquals(queue(topic, 0), spans.get(0).getMessageQueue());
        assertTrue(spans.get(0).getMinTimeStamp() > 0);
        assertTrue(spans.get(0).getMaxTimeStamp() >= spans.get(0).getMinTimeStamp());
        assertEquals(0, spans.get(0).getDelayTime());
    }

    /** 304, 305 */
    @Test
    void systemTopics() throws Exception {
        Set<String> known = api().getSystemTopicList(10_000).getTopicList();
        assertTrue(known.containsAll(Set.of(Site.CLUSTER, Site.BROKER_NAME)), known.toString());
        Set<String> made = api().getSystemTopicListFromBroker(site.broker(), 10_000).getTopicList();
        assertTrue(made.containsAll(Set.of("TBW102", "SELF_TEST_TOPIC", "BenchmarkTest", "OFFSET_MOVED_EVENT", Site.CLUSTER)), made.toString());
    }

    /** 308: the lowest offset of several groups that filter one topic. */
    @Test
    void offsetsOfFilteringGroups() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        consumed(topic, group, 4);
        String behind = fresh("group");
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), Line.group(behind));
        admin().updateConsumeOffset(site.broker(), behind, queue(topic, 0), 2);
        Map<Integer, Long> lowest = Map.of(0, 2L);
        Wait.until("the lower one is known", () -> lowest.equals(api().queryCorrectionOffset(site.broker(), topic, group, Set.of(), 10_000)));
    }

    /** 311, 312, 313 */
    @Test
    void unitTopics() throws Exception {
        String topic = fresh("unit");
        DefaultMQProducer producer = newProducer();
        producer.setUnitMode(true);
        producer.start();
        producer.send(message(topic, "m"));
        String group = fresh("group");
        DefaultMQPushConsumer consumer = newConsumer(group);
        consumer.setUnitMode(true);
        consumer.subscribe(topic, "*");
        consumer.registerMessageListener(new Inbox().concurrently());
        consumer.start();
        String retry = "%RETRY%" + group;
        Wait.until("both are known", () -> api().getUnitTopicList(true, 10_000).getTopicList().contains(topic)
            && api().getHasUnitSubTopicList(true, 10_000).getTopicList().contains(retry));
        assertTrue(api().getHasUnitSubUnUnitTopicList(true, 10_000).getTopicList().contains(retry));
    }

    /** 329 */
    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void expiredSegments() throws Exception {
        privateCluster();
        String topic = topic(1);
        send(producer(), topic, 0, 3);
        assertTrue(admin().deleteExpiredCommitLogByAddr(site.broker()));
        assertTrue(admin().deleteExpiredCommitLog(Site.CLUSTER));
        assertEquals(0, puller().minOffset(queue(topic, 0)), "what is young stays");
    }

    /** 46: asked by a consumer that starts with a filter. */
    @Test
    void filtersAreRefusedWhereTheyAreNotEnabled() throws Exception {
        DefaultMQPushConsumer consumer = newConsumer(fresh("group"));
        consumer.subscribe(topic(1), MessageSelector.bySql("a > 5"));
        consumer.registerMessageListener(new Inbox().concurrently());
        MQClientException refused = assertThrows(MQClientException.class, consumer::start);
        assertTrue(refused.getMessage().contains("The broker does not support consumer to filter message by SQL92"), refused.getMessage());
    }

    /** 43, as a slave asks. */
    @Test
    void allOffsets() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        consumed(topic, group, 4);
        RemotingCommand answer = raw().ask(site.broker(), GET_ALL_CONSUMER_OFFSET, Map.of(), null);
        assertEquals(0, answer.getCode(), answer.getRemark());
        // Read as text: Apache 5.5.0 writes bare integer keys, which its own class cannot read beside a table of reset offsets.
        String table = new String(answer.getBody()).replaceAll("\\s", "");
        assertTrue(table.contains("\"" + topic + "@" + group + "\":{0:4}") || table.contains("\"" + topic + "@" + group + "\":{\"0\":4}"), table);
    }

    /** 45, as a slave asks. */
    @Test
    void offsetsOfDelayLevels() throws Exception {
        String topic = topic(1);
        var message = message(topic, "later");
        message.setDelayTimeLevel(2);
        producer().send(message);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        inbox.await(1);
        Wait.until("level 2 has moved on", () -> {
            RemotingCommand answer = raw().ask(site.broker(), GET_ALL_DELAY_OFFSET, Map.of(), null);
            assertEquals(0, answer.getCode(), answer.getRemark());
            String table = new String(answer.getBody()).replaceAll("\\s", "");
            return table.matches(".*\"offsetTable\":\\{.*\\b2\"?:[1-9].*");
        });
    }

    /** 324: what a replier sends that was told to write its headers out in full. */
    @Test
    void oldRepliesReachWhoAsked() throws Exception {
        String topic = topic(1);
        closeLater(ChildConsumer.start(site, fresh("group"), topic, "replying", "-Dorg.apache.rocketmq.client.sendSmartMsg=false"));
        DefaultMQProducer asking = producer();
        Wait.until("a reply", ChildConsumer.START, () -> new String(asking.request(message(topic, "question"), 5000).getBody()).equals("re: question"));
    }
}
