package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.PullResult;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.apache.rocketmq.remoting.protocol.RemotingSerializable;
import org.junit.jupiter.api.Test;

/** What each page of rocketmq-dashboard (1.0.0 on tools 4.9, 2.x on tools 5.3) asks of DefaultMQAdminExt, with the arguments that it gives. */
class DashboardTest extends ClientTest {
    private static final int GET_ALL_SUBSCRIPTIONGROUP_CONFIG = 201;
    private static final int GET_TOPIC_CONFIG = 351;
    private static final int QUERY_MESSAGE_MAX_NUM = 64;

    /** A topic of one queue, ten messages with keys "key0" .. "key9", and a member of a group that has consumed them. */
    private final class Traffic {
        final String topic = topic(1);
        final String group = fresh("group");
        final MessageQueue queue = queue(topic, 0);
        final DefaultMQProducer producer = producer();
        final List<SendResult> sent = new ArrayList<>();
        final Inbox inbox = new Inbox();
        final DefaultMQPushConsumer member;

        Traffic() throws Exception {
            for (int i = 0; i < 10; i++) {
                sent.add(producer.send(new Message(topic, "tag", "key" + i, Integer.toString(i).getBytes())));
            }
            member = newConsumer(group);
            member.setPersistConsumerOffsetInterval(500);
            member.subscribe(topic, "*");
            member.registerMessageListener(inbox.concurrently());
            member.start();
            inbox.await(10);
            Wait.until("the offset of the group", () -> storedOffset(group, queue) == 10);
            // The tools find the members of a group through the route of its retry topic.
            Wait.until("the member is known", () -> admin().examineConsumerConnectionInfo(group).getConnectionSet().size() == 1);
        }

        String memberId() {
            return member.buildMQClientId();
        }
    }

    @Test
    void clusterPage() throws Exception {
        var cluster = admin().examineBrokerClusterInfo();
        assertEquals(Set.of(Site.CLUSTER), cluster.getClusterAddrTable().keySet());
        for (var broker : cluster.getBrokerAddrTable().values()) {
            for (String address : broker.getBrokerAddrs().values()) {
                Map<String, String> figures = admin().fetchBrokerRuntimeStats(address).getTable();
                for (String shown : List.of("msgPutTotalTodayMorning", "msgPutTotalTodayNow", "msgPutTotalYesterdayMorning", "msgGetTotalTodayMorning",
                    "msgGetTotalTodayNow", "msgGetTotalYesterdayMorning")) {
                    assertTrue(Long.parseLong(figures.get(shown)) >= 0, shown);
                }
                for (String shown : List.of("putTps", "getTotalTps", "getTransferredTps")) {
                    // The last 10 s, minute, ten minutes; the page shows the first, and a young Apache broker has no more.
                    assertTrue(figures.get(shown).trim().matches("\\d+\\.\\d+( \\d+\\.\\d+){0,2}"), shown + ": " + figures.get(shown));
                }
                assertTrue(figures.get("brokerVersionDesc").matches("V\\d_\\d+_\\d+.*"), figures.get("brokerVersionDesc"));
                assertEquals(Site.BROKER_NAME, admin().getBrokerConfig(address).getProperty("brokerName"));
            }
        }
    }

    @Test
    void topicPage() throws Exception {
        String topic = fresh("topic");
        TopicConfig config = new TopicConfig(topic, 2, 2, 6);
        admin().createAndUpdateTopicConfig(site.broker(), config);
        Wait.until("listed", () -> admin().fetchAllTopicList().getTopicList().contains(topic));
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 6; i++) {
            producer.send(message(topic, "m"), queue(topic, i % 2));
        }
        Wait.until("counted", () -> admin().examineTopicStats(topic).getOffsetTable().get(queue(topic, 1)).getMaxOffset() == 3);
        var stats = admin().examineTopicStats(topic).getOffsetTable();
        assertEquals(Set.of(queue(topic, 0), queue(topic, 1)), stats.keySet());
        assertEquals(0, stats.get(queue(topic, 0)).getMinOffset());
        assertTrue(Math.abs(System.currentTimeMillis() - stats.get(queue(topic, 0)).getLastUpdateTimestamp()) < 600_000);
        assertEquals(2, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getReadQueueNums());
        assertEquals(2, admin().getAllTopicConfig(site.broker(), 10_000).getTopicConfigTable().get(topic).getReadQueueNums());
        RemotingCommand read = raw().ask(site.broker(), GET_TOPIC_CONFIG, Map.of("topic", topic), null);
        assertEquals(0, read.getCode(), read.getRemark());
        assertEquals(2, RemotingSerializable.decode(read.getBody(), TopicConfig.class).getWriteQueueNums());
        admin().deleteTopicInBroker(Set.of(site.broker()), topic);
        Wait.until("no route", () -> {
            Line.deleteRoute(admin(), site.namesrv(), null, topic);
            return !hasRoute(topic);
        });
        Wait.until("not listed", () -> !admin().fetchAllTopicList().getTopicList().contains(topic));
    }

    @Test
    void consumerPage() throws Exception {
        Traffic t = new Traffic();
        assertTrue(admin().getAllSubscriptionGroup(site.broker(), 30_000).getSubscriptionGroupTable().containsKey(t.group));
        RemotingCommand groups = raw().ask(site.broker(), GET_ALL_SUBSCRIPTIONGROUP_CONFIG, Map.of(), null);
        assertTrue(new String(groups.getBody()).contains("\"" + t.group + "\""));
        var lag = admin().examineConsumeStats(t.group);
        assertEquals(10, lag.getOffsetTable().get(t.queue).getBrokerOffset());
        assertEquals(10, lag.getOffsetTable().get(t.queue).getConsumerOffset());
        assertEquals(0, lag.computeTotalDiff());
        var ofTopic = admin().examineConsumeStats(t.group, t.topic).getOffsetTable();
        assertEquals(Set.of(t.queue), ofTopic.keySet());
        assertTrue(ofTopic.get(t.queue).getLastTimestamp() > 0);
        assertEquals(Set.of(t.group), admin().queryTopicConsumeByWho(t.topic).getGroupList());
        assertEquals("CONSUME_PASSIVELY", admin().examineConsumerConnectionInfo(t.group).getConsumeType().toString());
        assertEquals("*", admin().examineConsumerConnectionInfo(t.group).getSubscriptionTable().get(t.topic).getSubString());
    }

    @Test
    void clientOfTheConsumerPage() throws Exception {
        Traffic t = new Traffic();
        var brief = admin().getConsumerRunningInfo(t.group, t.memberId(), false);
        assertEquals("CONSUME_PASSIVELY", brief.getProperties().getProperty("PROP_CONSUME_TYPE"));
        assertTrue(brief.getMqTable().containsKey(t.queue), brief.getMqTable().toString());
        assertTrue(brief.getSubscriptionSet().stream().anyMatch(s -> s.getTopic().equals(t.topic)));
        assertTrue(admin().getConsumerRunningInfo(t.group, t.memberId(), true).getJstack().contains("ConsumeMessageThread"));
    }

    @Test
    void groupIsMadeAndDeleted() throws Exception {
        String group = fresh("group");
        var config = Line.group(group);
        config.setRetryMaxTimes(3);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        assertEquals(3, admin().examineSubscriptionGroupConfig(site.broker(), group).getRetryMaxTimes());
        admin().deleteSubscriptionGroup(site.broker(), group, true);
        var after = admin().getAllSubscriptionGroup(site.broker(), 30_000).getSubscriptionGroupTable().get(group);
        assertTrue(after == null || after.getRetryMaxTimes() == 16, "still there");
    }

    @Test
    void offsetsAreSetBack() throws Exception {
        Traffic t = new Traffic();
        assertEquals(Map.of(t.queue, 0L), admin().resetOffsetByTimestamp(t.topic, t.group, 0, true));
        Wait.until("all are consumed again", () -> t.inbox.size() >= 20);
        assertEquals(numbers(0, 10), t.inbox.distinctBodies());
    }

    /** What the dashboard falls back to when nobody of the group is online. */
    @Test
    void offsetsOfAGroupThatIsAwayAreSetBack() throws Exception {
        Traffic t = new Traffic();
        t.member.shutdown();
        Wait.until("the member is gone", () -> {
            try {
                return admin().examineConsumerConnectionInfo(t.group, site.broker()).getConnectionSet().isEmpty();
            } catch (org.apache.rocketmq.client.exception.MQBrokerException e) {
                return e.getResponseCode() == 206;
            }
        });
        var back = admin().resetOffsetByTimestampOld(t.group, t.topic, 0, true);
        assertEquals(1, back.size(), back.toString());
        assertEquals(0, back.get(0).getRollbackOffset());
        assertEquals(10, back.get(0).getConsumerOffset());
        assertEquals(0, storedOffset(t.group, t.queue));
    }

    @Test
    void producerPage() throws Exception {
        Traffic t = new Traffic();
        Wait.until("the producer is known",
            () -> admin().examineProducerConnectionInfo(t.producer.getProducerGroup(), t.topic).getConnectionSet().size() == 1);
        var connection = admin().examineProducerConnectionInfo(t.producer.getProducerGroup(), t.topic).getConnectionSet().iterator().next();
        assertEquals(t.producer.buildMQClientId(), connection.getClientId());
        assertEquals("JAVA", connection.getLanguage().toString());
    }

    @Test
    void messagePageByKeyAndId() throws Exception {
        Traffic t = new Traffic();
        // Apache's index follows the log at its own pace.
        Wait.until("found by its key",
            () -> admin().queryMessage(t.topic, "key7", QUERY_MESSAGE_MAX_NUM, 0, System.currentTimeMillis() + 1).getMessageList().size() == 1);
        var found = admin().queryMessage(t.topic, "key7", QUERY_MESSAGE_MAX_NUM, 0, System.currentTimeMillis() + 1).getMessageList();
        assertEquals("7", body(found.get(0)));
        for (String id : List.of(t.sent.get(7).getMsgId(), t.sent.get(7).getOffsetMsgId())) {
            MessageExt message = admin().viewMessage(t.topic, id);
            assertEquals("7", body(message), id);
            assertEquals(7, message.getQueueOffset());
        }
    }

    @Test
    void messagePageByTime() throws Exception {
        Traffic t = new Traffic();
        long now = System.currentTimeMillis();
        var puller = newPuller("TOOLS_CONSUMER");
        puller.start();
        assertEquals(Set.of(t.queue), puller.fetchSubscribeMessageQueues(t.topic));
        long offset = puller.searchOffset(t.queue, now - 3_600_000);
        long end = puller.searchOffset(t.queue, now + 3_600_000);
        assertEquals(0, offset);
        assertTrue(end == 9 || end == 10, "the last message, or behind it: " + end);
        Set<String> bodies = new TreeSet<>();
        while (offset <= end) {
            PullResult page = puller.pull(t.queue, "*", offset, 32);
            offset = page.getNextBeginOffset();
            if (page.getPullStatus() != PullStatus.FOUND) {
                break;
            }
            bodies.addAll(Inbox.bodies(page.getMsgFoundList()));
        }
        assertEquals(numbers(0, 10), bodies);
    }

    @Test
    void whereAMessageWent() throws Exception {
        Traffic t = new Traffic();
        MessageExt message = admin().viewMessage(t.topic, t.sent.get(3).getOffsetMsgId());
        Wait.until("consumed", () -> {
            var track = admin().messageTrackDetail(message);
            return track.size() == 1 && track.get(0).getConsumerGroup().equals(t.group) && track.get(0).getTrackType().toString().equals("CONSUMED");
        });
    }

    @Test
    void aMessageIsConsumedOnceMore() throws Exception {
        Traffic t = new Traffic();
        String id = t.sent.get(4).getMsgId();
        Wait.until("found by its id", () -> admin().viewMessage(t.topic, id) != null);
        var result = admin().consumeMessageDirectly(t.group, t.memberId(), t.topic, id);
        assertEquals("CR_SUCCESS", result.getConsumeResult().toString());
        assertFalse(result.isOrder());
        assertEquals(11, t.inbox.size());
        assertEquals("4", t.inbox.bodies().get(10));
    }

    @Test
    void aDeadLetterIsFoundAndConsumed() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer member = newConsumer(group);
        member.setMaxReconsumeTimes(1);
        member.subscribe(topic, "*");
        member.registerMessageListener(inbox.concurrently(m -> inbox.size() <= 2 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS));
        member.start();
        SendResult sent = producer().send(new Message(topic, "tag", "key", "dead".getBytes()));
        String dead = "%DLQ%" + group;
        Wait.until("a dead letter", Duration.ofSeconds(60), () -> admin().examineTopicStats(dead).getOffsetTable().values().stream().mapToLong(o -> o.getMaxOffset()).sum() == 1);
        // By the id that the message had when it was sent; the index may lag.
        Wait.until("found by its id", () -> admin().viewMessage(dead, sent.getMsgId()) != null);
        MessageExt letter = admin().viewMessage(dead, sent.getMsgId());
        assertEquals("dead", body(letter));
        assertEquals(topic, letter.getProperty("RETRY_TOPIC"));
        var result = admin().consumeMessageDirectly(group, member.buildMQClientId(), dead, letter.getMsgId());
        assertEquals("CR_SUCCESS", result.getConsumeResult().toString(), result.getRemark());
        assertEquals(3, inbox.size());
    }

    /** The figures of the dashboard's own chart: taken once a minute from what the broker samples every 10 s. */
    @Test
    void traffic() throws Exception {
        Traffic t = new Traffic();
        Wait.until("both figures", Duration.ofSeconds(90), () -> {
            t.producer.send(message(t.topic, "more"));
            return admin().viewBrokerStatsData(site.broker(), "TOPIC_PUT_NUMS", t.topic).getStatsMinute().getTps() > 0
                && admin().viewBrokerStatsData(site.broker(), "GROUP_GET_NUMS", t.topic + "@" + t.group).getStatsMinute().getTps() > 0;
        });
        assertNotNull(admin().viewBrokerStatsData(site.broker(), "TOPIC_PUT_NUMS", t.topic).getStatsDay());
    }
}
