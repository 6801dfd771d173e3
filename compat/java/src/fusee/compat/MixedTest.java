package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** Brokers of different makers on one name server (compat/run --with-broker). */
@Tag("mixed")
class MixedTest extends ClientTest {
    private static final List<String> NAMES = List.of("broker-a", "broker-b", "broker-c");

    private List<String> brokerNames() {
        return NAMES.subList(0, site.brokers().size());
    }

    @Test
    void theNameServerKnowsAllBrokers() throws Exception {
        var info = admin().examineBrokerClusterInfo();
        assertEquals(Set.copyOf(brokerNames()), info.getClusterAddrTable().get(Site.CLUSTER));
        for (int i = 0; i < site.brokers().size(); i++) {
            assertEquals(Map.of(0L, site.brokers().get(i)), info.getBrokerAddrTable().get(NAMES.get(i)).getBrokerAddrs());
        }
    }

    @Test
    void sendsGoToAllBrokersAndAllIsConsumed() throws Exception {
        String topic = topic(2);
        String group = fresh("group");
        Inbox inbox = new Inbox();
        DefaultMQPushConsumer first = consumer(group, topic, inbox.concurrently());
        DefaultMQPushConsumer second = consumer(group, topic, inbox.concurrently());
        Wait.until("each member has queues", () -> !queuesOf(first, topic).isEmpty() && !queuesOf(second, topic).isEmpty());
        Set<String> used = send(producer(), topic, 0, 40).stream().map(r -> r.getMessageQueue().getBrokerName()).collect(Collectors.toSet());
        assertEquals(Set.copyOf(brokerNames()), used);
        assertEquals(numbers(0, 40), inbox.awaitDistinct(40, Wait.LONG).distinctBodies());
    }

    @Test
    void orderlyOnEveryBroker() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.orderly());
        DefaultMQProducer producer = producer();
        for (int i = 0; i < 30; i++) {
            for (String broker : brokerNames()) {
                producer.send(message(topic, broker + " " + i), new MessageQueue(topic, broker, 0));
            }
        }
        inbox.await(30 * brokerNames().size());
        for (String broker : brokerNames()) {
            List<Long> offsets = inbox.messages().stream().filter(m -> m.getBrokerName().equals(broker)).map(MessageExt::getQueueOffset).toList();
            assertEquals(offsets.stream().sorted().distinct().toList(), offsets, broker);
            assertEquals(30, offsets.size());
        }
    }

    @Test
    void retriesOnEveryBroker() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently(
            m -> m.getReconsumeTimes() == 0 ? ConsumeConcurrentlyStatus.RECONSUME_LATER : ConsumeConcurrentlyStatus.CONSUME_SUCCESS));
        DefaultMQProducer producer = producer();
        for (String broker : brokerNames()) {
            producer.send(message(topic, broker), new MessageQueue(topic, broker, 0));
        }
        inbox.await(2 * brokerNames().size());
        Set<String> again = inbox.messages().stream().filter(m -> m.getReconsumeTimes() == 1).map(ClientTest::body).collect(Collectors.toCollection(TreeSet::new));
        assertEquals(new TreeSet<>(brokerNames()), again);
    }

    @Test
    void messagesAreFoundByTheirIds() throws Exception {
        String topic = topic(1);
        DefaultMQProducer producer = producer();
        for (String broker : brokerNames()) {
            SendResult result = producer.send(message(topic, broker), new MessageQueue(topic, broker, 0));
            assertEquals(broker, body(puller().viewMessage(topic, result.getOffsetMsgId())));
        }
    }

    @Test
    void aTopicMadeOnTheFlyIsOnSomeBroker() throws Exception {
        String topic = fresh("auto");
        send(producer(), topic, 0, 20);
        Wait.until("route", () -> !admin().examineTopicRouteInfo(topic).getBrokerDatas().isEmpty());
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        assertEquals(numbers(0, 20), inbox.awaitDistinct(20, Wait.LONG).distinctBodies());
        assertTrue(brokerNames().containsAll(admin().examineTopicRouteInfo(topic).getBrokerDatas().stream().map(b -> b.getBrokerName()).toList()));
    }
}
