package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.concurrent.ConcurrentHashMap;
import org.apache.rocketmq.client.consumer.PullStatus;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.client.producer.TransactionSendResult;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageClientExt;
import org.apache.rocketmq.common.message.MessageExt;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** TransactionMQProducer: half messages, END_TRANSACTION (37), and the broker that asks back (39). */
@ResourceLock(PrivateCluster.ONE_AT_A_TIME)
class TransactionTest extends ClientTest {
    /** The body says how the producer decides: "commit ...", "roll back ..."; anything else is left open, and a check answers it by `later`. */
    private static final class Decisions implements TransactionListener {
        final Map<String, LocalTransactionState> later = new ConcurrentHashMap<>();
        final Set<String> asked = ConcurrentHashMap.newKeySet();

        @Override
        public LocalTransactionState executeLocalTransaction(Message message, Object argument) {
            String body = new String(message.getBody());
            if (body.startsWith("commit")) {
                return LocalTransactionState.COMMIT_MESSAGE;
            }
            return body.startsWith("roll back") ? LocalTransactionState.ROLLBACK_MESSAGE : LocalTransactionState.UNKNOW;
        }

        @Override
        public LocalTransactionState checkLocalTransaction(MessageExt message) {
            String body = body(message);
            asked.add(body);
            return later.getOrDefault(body, LocalTransactionState.UNKNOW);
        }
    }

    private TransactionMQProducer producer(String group, Decisions decisions) throws Exception {
        TransactionMQProducer producer = new TransactionMQProducer(group);
        settle(producer);
        producer.setTransactionListener(decisions);
        producer.start();
        return producer;
    }

    private static TransactionSendResult send(TransactionMQProducer producer, String topic, String body) throws Exception {
        Message message = new Message(topic, "tag", "key-" + body.replace(' ', '-'), body.getBytes());
        message.putUserProperty("own", "kept");
        return producer.sendMessageInTransaction(message, null);
    }

    @Test
    void committedOnesArriveAndRolledBackOnesNever() throws Exception {
        String topic = topic(2);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, "tag", inbox.concurrently());
        TransactionMQProducer producer = producer(fresh("producer"), new Decisions());
        TreeSet<String> committed = new TreeSet<>();
        for (int i = 0; i < 10; i++) {
            assertEquals(LocalTransactionState.ROLLBACK_MESSAGE, send(producer, topic, "roll back " + i).getLocalTransactionState());
            TransactionSendResult result = send(producer, topic, "commit " + i);
            assertEquals(LocalTransactionState.COMMIT_MESSAGE, result.getLocalTransactionState());
            committed.add("commit " + i);
        }
        inbox.await(10);
        // What follows in the same queues is behind everything that a wrong roll back would have delivered.
        send(producer, topic, "commit last");
        committed.add("commit last");
        inbox.await(11);
        assertEquals(committed, inbox.distinctBodies());
        assertEquals(11, inbox.size());
        MessageExt one = inbox.messages().get(0);
        assertEquals(topic, one.getTopic());
        assertEquals("tag", one.getTags());
        assertEquals("kept", one.getUserProperty("own"));
        assertTrue(one.getKeys().startsWith("key-commit-"), one.getKeys());
    }

    @Test
    void theMessageKeepsItsUniqueIdAndIsFoundByKey() throws Exception {
        String topic = topic(1);
        TransactionSendResult result = send(producer(fresh("producer"), new Decisions()), topic, "commit");
        Wait.until("found by key", () -> {
            List<MessageExt> found = admin().queryMessage(topic, "key-commit", 10, 0, Long.MAX_VALUE).getMessageList();
            return found.size() == 1 && found.get(0).getMsgId().equals(result.getMsgId());
        });
        assertNotEquals(null, result.getTransactionId());
    }

    @Test
    void openOnesAreCheckedUntilTheProducerKnows() throws Exception {
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        Decisions decisions = new Decisions();
        TransactionMQProducer producer = producer(fresh("producer"), decisions);
        assertEquals(LocalTransactionState.UNKNOW, send(producer, topic, "good").getLocalTransactionState());
        send(producer, topic, "bad");
        Wait.until("both are asked about", Wait.LONG, () -> decisions.asked.containsAll(Set.of("good", "bad")));
        assertEquals(0, inbox.size());
        decisions.later.put("bad", LocalTransactionState.ROLLBACK_MESSAGE);
        decisions.later.put("good", LocalTransactionState.COMMIT_MESSAGE);
        inbox.await(1);
        send(producer, topic, "commit");
        inbox.await(2);
        assertEquals(List.of("good", "commit"), inbox.bodies());
    }

    @Test
    void anotherProducerOfTheGroupIsAsked() throws Exception {
        String topic = topic(1);
        String group = fresh("producer");
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        TransactionMQProducer first = producer(group, new Decisions());
        send(first, topic, "left open");
        first.shutdown();
        Decisions decisions = new Decisions();
        decisions.later.put("left open", LocalTransactionState.COMMIT_MESSAGE);
        // A producer makes itself known only to brokers of topics that it has sent to.
        send(producer(group, decisions), topic, "commit");
        assertEquals(Set.of("left open", "commit"), inbox.await(2).distinctBodies());
    }

    @Test
    void openOnesSurviveACrashOfTheBroker() throws Exception {
        PrivateCluster cluster = privateCluster();
        String topic = topic(1);
        Inbox inbox = new Inbox();
        Decisions decisions = new Decisions();
        TransactionMQProducer producer = producer(fresh("producer"), decisions);
        send(producer, topic, "left open");
        send(producer, topic, "roll back");
        cluster.broker.kill();
        decisions.later.put("left open", LocalTransactionState.COMMIT_MESSAGE);
        cluster.broker.start();
        consumer(fresh("group"), topic, inbox.concurrently());
        inbox.await(1);
        assertEquals(List.of("left open"), inbox.bodies());
    }

    /** 323: an administrator has a message checked again that was given up. */
    @Test
    @SuppressWarnings("deprecation")
    void aMessageThatWasGivenUpIsCheckedAgain() throws Exception {
        privateCluster("transactionCheckMax", "1");
        String topic = topic(1);
        Inbox inbox = new Inbox();
        consumer(fresh("group"), topic, inbox.concurrently());
        Decisions decisions = new Decisions();
        send(producer(fresh("producer"), decisions), topic, "left open");
        var puller = puller();
        var givenUp = queue("TRANS_CHECK_MAX_TIME_TOPIC", 0);
        Wait.until("given up", () -> puller.pull(givenUp, "*", 0, 1).getPullStatus() == PullStatus.FOUND);
        assertTrue(decisions.asked.contains("left open"));
        MessageExt found = puller.pull(givenUp, "*", 0, 1).getMsgFoundList().get(0);
        assertEquals("left open", body(found));
        decisions.later.put("left open", LocalTransactionState.COMMIT_MESSAGE);
        assertTrue(admin().resumeCheckHalfMessage(givenUp.getTopic(), ((MessageClientExt) found).getOffsetMsgId()));
        assertEquals(List.of("left open"), inbox.await(1).bodies());
    }
}
