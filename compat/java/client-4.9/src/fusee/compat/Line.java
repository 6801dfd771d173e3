package fusee.compat;

import java.util.Set;
import org.apache.rocketmq.client.MQAdmin;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.exception.MQClientException;
import org.apache.rocketmq.common.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.common.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

/** What is spelt differently in the two client lines. */
final class Line {
    private Line() {
    }

    static void broadcasting(DefaultMQPushConsumer consumer) {
        consumer.setMessageModel(MessageModel.BROADCASTING);
    }

    static void createTopic(MQAdmin client, String likeTopic, String topic, int queues) throws MQClientException {
        client.createTopic(likeTopic, topic, queues);
    }

    static void deleteRoute(DefaultMQAdminExt admin, String namesrv, String cluster, String topic) throws Exception {
        admin.deleteTopicInNameServer(Set.of(namesrv), topic, cluster);
    }

    static SubscriptionGroupConfig group(String name) {
        SubscriptionGroupConfig group = new SubscriptionGroupConfig();
        group.setGroupName(name);
        return group;
    }
}
