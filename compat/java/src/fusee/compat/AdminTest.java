package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.Set;
import org.apache.rocketmq.client.exception.MQBrokerException;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.TopicConfig;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** DefaultMQAdminExt of rocketmq-tools: topics, groups and configuration of a broker. */
class AdminTest extends ClientTest {
    private static final int TOPIC_NOT_EXIST = 17;
    private static final int CONSUMER_NOT_ONLINE = 206;

    @Test
    void routeOfATopic() throws Exception {
        String topic = topic(3);
        var route = admin().examineTopicRouteInfo(topic);
        assertEquals(1, route.getQueueDatas().size());
        assertEquals(Site.BROKER_NAME, route.getQueueDatas().get(0).getBrokerName());
        assertEquals(3, route.getQueueDatas().get(0).getReadQueueNums());
        assertEquals(3, route.getQueueDatas().get(0).getWriteQueueNums());
        assertEquals(6, route.getQueueDatas().get(0).getPerm());
        assertEquals(1, route.getBrokerDatas().size());
        assertEquals(Site.CLUSTER, route.getBrokerDatas().get(0).getCluster());
        assertEquals(Site.BROKER_NAME, route.getBrokerDatas().get(0).getBrokerName());
        assertEquals(Map.of(0L, site.broker()), route.getBrokerDatas().get(0).getBrokerAddrs());
    }

    @Test
    void routeOfNothing() throws Exception {
        assertEquals(TOPIC_NOT_EXIST, assertThrows(MQClientException.class, () -> admin().examineTopicRouteInfo(fresh("none"))).getResponseCode());
    }

    @Test
    void clusterInfo() throws Exception {
        var info = admin().examineBrokerClusterInfo();
        assertEquals(Set.of(Site.BROKER_NAME), info.getClusterAddrTable().get(Site.CLUSTER));
        assertEquals(site.broker(), info.getBrokerAddrTable().get(Site.BROKER_NAME).getBrokerAddrs().get(0L));
        assertEquals(Set.of(Site.CLUSTER), admin().getTopicClusterList(topic(1)));
    }

    @Test
    void topicLists() throws Exception {
        String topic = topic(1);
        Set<String> all = admin().fetchAllTopicList().getTopicList();
        assertTrue(all.containsAll(Set.of(topic, "TBW102", "SELF_TEST_TOPIC", "BenchmarkTest", "OFFSET_MOVED_EVENT", Site.CLUSTER, Site.BROKER_NAME)), all.toString());
        assertTrue(admin().fetchTopicsByCLuster(Site.CLUSTER).getTopicList().contains(topic));
        assertTrue(admin().fetchTopicsByCLuster("elsewhere").getTopicList().isEmpty());
    }

    @Test
    void topicIsMadeChangedAndRead() throws Exception {
        String topic = fresh("made");
        TopicConfig config = new TopicConfig(topic, 3, 5, 6);
        config.setOrder(false);
        admin().createAndUpdateTopicConfig(site.broker(), config);
        Wait.until("route", () -> admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getReadQueueNums() == 3);
        assertEquals(5, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getWriteQueueNums());
        admin().createAndUpdateTopicConfig(site.broker(), new TopicConfig(topic, 7, 7, 4));
        Wait.until("changed route", () -> admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getReadQueueNums() == 7);
        assertEquals(4, admin().examineTopicRouteInfo(topic).getQueueDatas().get(0).getPerm());
        TopicConfig read = admin().examineTopicConfig(site.broker(), topic);
        assertEquals(topic, read.getTopicName());
        assertEquals(7, read.getReadQueueNums());
        assertEquals(4, read.getPerm());
        assertEquals(7, admin().getAllTopicConfig(site.broker(), 5000).getTopicConfigTable().get(topic).getWriteQueueNums());
        assertNotNull(admin().getAllTopicConfig(site.broker(), 5000).getDataVersion());
    }

    @Test
    void badTopicsAreRefused() throws Exception {
        for (String bad : List.of("a b", "x".repeat(128), "ü", "SCHEDULE_TOPIC_XXXX")) {
            assertThrows(MQClientException.class, () -> admin().createAndUpdateTopicConfig(site.broker(), new TopicConfig(bad, 1, 1, 6)), bad);
        }
        Set<String> all = admin().fetchAllTopicList().getTopicList();
        assertFalse(all.contains("a b"));
    }

    @Test
    void topicIsDeleted() throws Exception {
        String topic = topic(2);
        send(producer(), topic, 0, 4);
        deleteTopic(topic);
        assertEquals(TOPIC_NOT_EXIST, assertThrows(MQClientException.class, () -> admin().examineTopicRouteInfo(topic)).getResponseCode());
        assertFalse(admin().fetchAllTopicList().getTopicList().contains(topic));
        assertFalse(admin().getAllTopicConfig(site.broker(), 5000).getTopicConfigTable().containsKey(topic));
    }

    @Test
    void deletingWhatIsNotThereIsFine() throws Exception {
        admin().deleteTopicInBroker(Set.of(site.broker()), fresh("none"));
        Line.deleteRoute(admin(), site.namesrv(), Site.CLUSTER, fresh("none"));
        admin().deleteSubscriptionGroup(site.broker(), fresh("none"));
        assertTrue(admin().examineBrokerClusterInfo().getBrokerAddrTable().containsKey(Site.BROKER_NAME));
    }

    @Test
    void groupIsMadeChangedReadAndDeleted() throws Exception {
        String group = fresh("group");
        var config = Line.group(group);
        config.setRetryMaxTimes(5);
        config.setRetryQueueNums(2);
        config.setConsumeBroadcastEnable(false);
        config.setBrokerId(0);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        var read = admin().examineSubscriptionGroupConfig(site.broker(), group);
        assertEquals(group, read.getGroupName());
        assertEquals(5, read.getRetryMaxTimes());
        assertEquals(2, read.getRetryQueueNums());
        assertFalse(read.isConsumeBroadcastEnable());
        assertTrue(read.isConsumeEnable());
        config.setRetryMaxTimes(6);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        assertEquals(6, admin().examineSubscriptionGroupConfig(site.broker(), group).getRetryMaxTimes());
        assertEquals(6, admin().getAllSubscriptionGroup(site.broker(), 5000).getSubscriptionGroupTable().get(group).getRetryMaxTimes());
        admin().deleteSubscriptionGroup(site.broker(), group);
        // Apache 5.5.0 makes it anew in the same breath, with default values.
        var after = admin().getAllSubscriptionGroup(site.broker(), 5000).getSubscriptionGroupTable().get(group);
        assertTrue(after == null || after.getRetryMaxTimes() == 16 && after.getRetryQueueNums() == 1, () -> "still there: " + after);
    }

    @Test
    void presetGroups() throws Exception {
        Set<String> groups = admin().getAllSubscriptionGroup(site.broker(), 5000).getSubscriptionGroupTable().keySet();
        assertTrue(groups.containsAll(Set.of("TOOLS_CONSUMER", "FILTERSRV_CONSUMER", "SELF_TEST_C_GROUP", "CID_ONSAPI_OWNER", "CID_ONSAPI_PERMISSION",
            "CID_ONS-HTTP-PROXY", "CID_ONSAPI_PULL")), groups.toString());
    }

    @Test
    void aGroupThatMayNotConsumeGetsNothing() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        var config = Line.group(group);
        config.setConsumeEnable(false);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        send(producer(), topic, 0, 3);
        Inbox inbox = new Inbox();
        consumer(group, topic, inbox.concurrently());
        Inbox witness = new Inbox();
        consumer(fresh("group"), topic, witness.concurrently());
        witness.await(3);
        assertEquals(0, inbox.size());
        config.setConsumeEnable(true);
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), config);
        assertEquals(numbers(0, 3), inbox.await(3).distinctBodies());
    }

    @Test
    void consumerConnection() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        consumer(group, topic, "a || b", new Inbox().concurrently());
        // Admin finds the broker through the route of the group's retry topic.
        Wait.until("the member is known", () -> admin().examineConsumerConnectionInfo(group).getConnectionSet().size() == 1);
        var connection = admin().examineConsumerConnectionInfo(group);
        var member = connection.getConnectionSet().iterator().next();
        assertTrue(member.getClientAddr().startsWith("127.0.0.1:"), member.getClientAddr());
        assertTrue(member.getClientId().contains("client-"), member.getClientId());
        assertEquals("JAVA", member.getLanguage().toString());
        assertTrue(member.getVersion() > 0);
        assertEquals("CLUSTERING", connection.getMessageModel().toString());
        assertEquals("CONSUME_PASSIVELY", connection.getConsumeType().toString());
        assertEquals("a || b", connection.getSubscriptionTable().get(topic).getSubString());
        assertTrue(connection.getSubscriptionTable().containsKey("%RETRY%" + group));
    }

    @Test
    void consumerConnectionOfAGroupThatIsNotThere() throws Exception {
        String group = fresh("group");
        MQBrokerException none = assertThrows(MQBrokerException.class, () -> admin().examineConsumerConnectionInfo(group, site.broker()));
        assertEquals(CONSUMER_NOT_ONLINE, none.getResponseCode());
    }

    @Test
    void brokerConfiguration() throws Exception {
        Properties all = admin().getBrokerConfig(site.broker());
        assertEquals(Site.BROKER_NAME, all.getProperty("brokerName"));
        assertEquals(Site.CLUSTER, all.getProperty("brokerClusterName"));
        assertEquals("4194304", all.getProperty("maxMessageSize"));
        assertEquals("ASYNC_FLUSH", all.getProperty("flushDiskType"));
        assertEquals("true", all.getProperty("autoCreateTopicEnable"));
    }

    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void brokerConfigurationIsChangedWhileItRuns() throws Exception {
        privateCluster();
        Properties change = new Properties();
        change.setProperty("autoCreateTopicEnable", "false");
        admin().updateBrokerConfig(site.broker(), change);
        assertEquals("false", admin().getBrokerConfig(site.broker()).getProperty("autoCreateTopicEnable"));
        assertThrows(MQClientException.class, () -> producer().send(message(fresh("auto"), "m")));
        assertEquals(0, producer().send(message(topic(1), "m")).getQueueOffset());
    }
}
