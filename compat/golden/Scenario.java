/*
 * Makes a real client send as many different requests as it can, once or twice each, for the capture.
 * Arguments: name server address, what to do (clients | admin | store), name prefix of topics and groups.
 * Steps report their failures and go on: a refusal is an answer worth capturing.
 */
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collections;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.apache.rocketmq.client.consumer.DefaultLitePullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPullConsumer;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.client.producer.DefaultMQProducer;
import org.apache.rocketmq.client.producer.LocalTransactionState;
import org.apache.rocketmq.client.producer.SendResult;
import org.apache.rocketmq.client.producer.TransactionListener;
import org.apache.rocketmq.client.producer.TransactionMQProducer;
import org.apache.rocketmq.common.TopicConfig;
import org.apache.rocketmq.common.consumer.ConsumeFromWhere;
import org.apache.rocketmq.common.message.Message;
import org.apache.rocketmq.common.message.MessageExt;
import org.apache.rocketmq.common.message.MessageQueue;
import org.apache.rocketmq.remoting.protocol.heartbeat.MessageModel;
import org.apache.rocketmq.remoting.protocol.subscription.SubscriptionGroupConfig;
import org.apache.rocketmq.tools.admin.DefaultMQAdminExt;

public class Scenario {
    static String namesrv;
    static String prefix;
    static String topic;

    interface Step {
        void run() throws Exception;
    }

    static void step(String name, Step step) {
        try {
            step.run();
            System.out.println("ok " + name);
        } catch (Throwable e) {
            System.out.println("refused " + name + ": " + e.toString().split("\n")[0]);
        }
    }

    static byte[] bytes(String s) {
        return s.getBytes(StandardCharsets.UTF_8);
    }

    static DefaultMQProducer producer(String group) throws Exception {
        DefaultMQProducer p = new DefaultMQProducer(prefix + group);
        p.setNamesrvAddr(namesrv);
        p.setInstanceName(group);
        p.start();
        return p;
    }

    static DefaultMQPushConsumer consumer(String group, String instance, MessageModel model, String t, String tags)
        throws Exception {
        DefaultMQPushConsumer c = new DefaultMQPushConsumer(prefix + group);
        c.setNamesrvAddr(namesrv);
        c.setInstanceName(instance);
        c.setMessageModel(model);
        c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
        c.setConsumeThreadMin(1);
        c.setConsumeThreadMax(2);
        c.setPersistConsumerOffsetInterval(1000);
        c.subscribe(t, tags);
        return c;
    }

    static void wait(CountDownLatch latch, String what) throws Exception {
        if (!latch.await(90, TimeUnit.SECONDS))
            throw new IllegalStateException("waited in vain for " + what);
    }

    public static void main(String[] args) throws Exception {
        namesrv = args[0];
        prefix = args[2];
        topic = prefix + "Topic";
        int status = 1;    /* the clients' threads keep a JVM alive, so exit whatever happens */
        try {
            switch (args[1]) {
                case "clients": clients(); break;
                case "admin": admin(); break;
                case "store": store(); break;
                default: throw new IllegalArgumentException(args[1]);
            }
            status = 0;
        } catch (Throwable e) {
            e.printStackTrace();
        }
        System.exit(status);
    }

    static void clients() throws Exception {
        DefaultMQProducer p = producer("Producer");
        step("send sync", () -> {
            Message m = new Message(topic, "TagA", "key1 key2", bytes("hello sync"));
            m.putUserProperty("colour", "blue");
            System.out.println(p.send(m));
        });
        step("send oneway", () -> p.sendOneway(new Message(topic, "TagB", bytes("hello oneway"))));
        step("send async", () -> {
            CountDownLatch done = new CountDownLatch(1);
            p.send(new Message(topic, bytes("hello async")), new org.apache.rocketmq.client.producer.SendCallback() {
                public void onSuccess(SendResult r) { done.countDown(); }
                public void onException(Throwable e) { System.out.println(e); done.countDown(); }
            });
            wait(done, "async answer");
        });
        step("send batch", () -> {
            List<Message> batch = new ArrayList<>();
            for (int i = 0; i < 3; i++)
                batch.add(new Message(topic, "TagA", "batch" + i, bytes("batch " + i)));
            System.out.println(p.send(batch));
        });
        step("send delayed", () -> {
            Message m = new Message(topic, "TagD", bytes("hello delayed"));
            m.setDelayTimeLevel(1);
            p.send(m);
        });
        step("send compressed", () -> {
            byte[] body = new byte[5000];
            java.util.Arrays.fill(body, (byte) 'z');
            p.send(new Message(topic, "TagZ", body));
        });
        step("send to a bad topic", () -> p.send(new Message("SCHEDULE_TOPIC_XXXX", bytes("no"))));
        step("request", () -> {
            DefaultMQPushConsumer c = consumer("Replier", "replier", MessageModel.CLUSTERING, prefix + "Request", "*");
            DefaultMQProducer r = producer("ReplyProducer");
            r.send(new Message(prefix + "Request", bytes("make the topic")));
            c.registerMessageListener((MessageListenerConcurrently) (list, context) -> {
                for (MessageExt m : list) {
                    try {
                        if (m.getProperty("REPLY_TO_CLIENT") != null)
                            r.send(org.apache.rocketmq.client.utils.MessageUtil.createReplyMessage(m, bytes("the reply")));
                    } catch (Exception e) {
                        System.out.println(e);
                    }
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            c.start();
            System.out.println(p.request(new Message(prefix + "Request", bytes("the request")), 20000).getBody().length);
            c.shutdown();
            r.shutdown();
        });
        step("transactions", Scenario::transactions);
        step("offset queries", () -> {
            List<MessageQueue> queues = p.fetchPublishMessageQueues(topic);
            MessageQueue q = queues.get(0);
            p.maxOffset(q);
            p.minOffset(q);
            p.earliestMsgStoreTime(q);
            p.searchOffset(q, System.currentTimeMillis());
            p.queryMessage(topic, "key1", 10, 0, System.currentTimeMillis() + 1000);
        });
        step("view message", () -> {
            SendResult r = p.send(new Message(topic, "TagV", bytes("view me")));
            p.viewMessage(topic, r.getOffsetMsgId());
            p.viewMessage(topic, r.getOffsetMsgId().substring(0, 24) + "00000000");
        });
        step("push, two consumers, retry", () -> {
            CountDownLatch first = new CountDownLatch(1);
            CountDownLatch again = new CountDownLatch(1);
            MessageListenerConcurrently listener = (list, context) -> {
                for (MessageExt m : list) {
                    if (m.getReconsumeTimes() > 0) {
                        again.countDown();
                    } else if ("TagR".equals(m.getTags())) {
                        context.setDelayLevelWhenNextConsume(1);
                        first.countDown();
                        return ConsumeConcurrentlyStatus.RECONSUME_LATER;
                    }
                }
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            };
            DefaultMQPushConsumer a = consumer("Group", "a", MessageModel.CLUSTERING, topic, "TagA || TagB || TagR");
            a.registerMessageListener(listener);
            a.start();
            DefaultMQPushConsumer b = consumer("Group", "b", MessageModel.CLUSTERING, topic, "TagA || TagB || TagR");
            b.registerMessageListener(listener);
            b.start();
            p.send(new Message(topic, "TagR", bytes("try again")));
            wait(first, "first delivery");
            wait(again, "redelivery");
            b.shutdown();
            a.shutdown();
        });
        step("push, SQL filter", () -> {
            CountDownLatch seen = new CountDownLatch(1);
            DefaultMQPushConsumer c = consumer("SqlGroup", "sql", MessageModel.CLUSTERING, topic, "*");
            c.subscribe(topic, org.apache.rocketmq.client.consumer.MessageSelector.bySql("colour = 'blue'"));
            c.registerMessageListener((MessageListenerConcurrently) (list, context) -> {
                seen.countDown();
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            c.start();
            wait(seen, "blue message");
            c.shutdown();
        });
        step("push, broadcasting", () -> {
            CountDownLatch seen = new CountDownLatch(1);
            DefaultMQPushConsumer c = consumer("BroadcastGroup", "bc", MessageModel.BROADCASTING, topic, "*");
            c.registerMessageListener((MessageListenerConcurrently) (list, context) -> {
                seen.countDown();
                return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
            });
            c.start();
            wait(seen, "broadcast message");
            c.shutdown();
        });
        step("push, orderly", () -> {
            CountDownLatch seen = new CountDownLatch(1);
            DefaultMQPushConsumer c = consumer("OrderGroup", "order", MessageModel.CLUSTERING, topic, "*");
            c.registerMessageListener((MessageListenerOrderly) (list, context) -> {
                seen.countDown();
                return ConsumeOrderlyStatus.SUCCESS;
            });
            c.start();
            wait(seen, "ordered message");
            c.shutdown();
        });
        step("pull outcomes", () -> {
            DefaultMQPullConsumer c = new DefaultMQPullConsumer(prefix + "PullGroup");
            c.setNamesrvAddr(namesrv);
            c.setInstanceName("pull");
            c.setBrokerSuspendMaxTimeMillis(2000);
            c.setRegisterTopics(new HashSet<>(Collections.singletonList(topic)));
            c.start();
            for (MessageQueue q : c.fetchSubscribeMessageQueues(topic)) {
                System.out.println(c.pull(q, "*", 0, 32).getPullStatus());
                System.out.println(c.pull(q, "NoSuchTag", 0, 32).getPullStatus());
                System.out.println(c.pull(q, "*", c.maxOffset(q), 32).getPullStatus());
                System.out.println(c.pull(q, "*", c.maxOffset(q) + 100, 32).getPullStatus());
                System.out.println(c.pullBlockIfNotFound(q, "*", c.maxOffset(q), 32).getPullStatus());
                c.updateConsumeOffset(q, 1);
                c.getDefaultMQPullConsumerImpl().updateConsumeOffsetToBroker(q, 1, false);
                System.out.println(c.fetchConsumeOffset(q, true));
                break;
            }
            c.shutdown();
        });
        step("lite pull", () -> {
            DefaultLitePullConsumer c = new DefaultLitePullConsumer(prefix + "LiteGroup");
            c.setNamesrvAddr(namesrv);
            c.setInstanceName("lite");
            c.setConsumeFromWhere(ConsumeFromWhere.CONSUME_FROM_FIRST_OFFSET);
            c.subscribe(topic, "*");
            c.start();
            for (int i = 0; i < 10 && c.poll(3000).isEmpty(); i++)
                ;
            c.commitSync();
            c.shutdown();
        });
        step("create topic (4.x)", () -> call(p, "createTopic", "TBW102", prefix + "Created", 4));
        step("create topic (5.x)", () -> call(p, "createTopic", "TBW102", prefix + "Created", 4, new HashMap<String, String>()));
        p.shutdown();
    }

    static TransactionMQProducer transactionProducer(CountDownLatch checked) throws Exception {
        TransactionMQProducer t = new TransactionMQProducer(prefix + "TransactionProducer");
        t.setNamesrvAddr(namesrv);
        t.setInstanceName("transaction");
        t.setTransactionListener(new TransactionListener() {
            public LocalTransactionState executeLocalTransaction(Message m, Object arg) {
                return (LocalTransactionState) arg;
            }
            public LocalTransactionState checkLocalTransaction(MessageExt m) {
                checked.countDown();
                return LocalTransactionState.COMMIT_MESSAGE;
            }
        });
        t.start();
        return t;
    }

    static void transactions() throws Exception {
        CountDownLatch checked = new CountDownLatch(1);
        TransactionMQProducer t = transactionProducer(checked);
        String name = prefix + "Transaction";
        t.sendMessageInTransaction(new Message(name, "T", "tkey", bytes("commit")), LocalTransactionState.COMMIT_MESSAGE);
        t.sendMessageInTransaction(new Message(name, "T", bytes("roll back")), LocalTransactionState.ROLLBACK_MESSAGE);
        t.sendMessageInTransaction(new Message(name, "T", bytes("ask me")), LocalTransactionState.UNKNOW);
        wait(checked, "transaction check");
        TimeUnit.SECONDS.sleep(1);
        t.shutdown();
    }

    static void admin() throws Exception {
        DefaultMQProducer p = producer("AdminProducer");
        p.send(new Message(topic, "TagA", "akey", bytes("for the tools")));
        CountDownLatch seen = new CountDownLatch(1);
        AtomicReference<MessageExt> got = new AtomicReference<>();
        DefaultMQPushConsumer c = consumer("AdminGroup", "adm", MessageModel.CLUSTERING, topic, "*");
        c.registerMessageListener((MessageListenerConcurrently) (list, context) -> {
            got.set(list.get(0));
            seen.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        c.start();
        wait(seen, "a message");
        TimeUnit.SECONDS.sleep(2);

        DefaultMQAdminExt a = new DefaultMQAdminExt(20000);
        a.setNamesrvAddr(namesrv);
        a.setInstanceName("tools");
        a.start();
        String group = prefix + "AdminGroup";
        var cluster = a.examineBrokerClusterInfo();
        String name = cluster.getBrokerAddrTable().keySet().iterator().next();
        String addr = cluster.getBrokerAddrTable().get(name).getBrokerAddrs().get(0L);
        String clusterName = cluster.getClusterAddrTable().keySet().iterator().next();
        String clientId = c.getDefaultMQPushConsumerImpl().getmQClientFactory().getClientId();

        step("topic", () -> {
            TopicConfig t = new TopicConfig(prefix + "AdminTopic");
            t.setReadQueueNums(2);
            t.setWriteQueueNums(2);
            a.createAndUpdateTopicConfig(addr, t);
            a.createAndUpdateTopicConfig(addr, new TopicConfig("bad topic name"));
        });
        step("route", () -> a.examineTopicRouteInfo(topic));
        step("route of nothing", () -> a.examineTopicRouteInfo(prefix + "Nothing"));
        step("all topics", a::fetchAllTopicList);
        step("topics by cluster", () -> a.fetchTopicsByCLuster(clusterName));
        step("topic stats", () -> a.examineTopicStats(topic));
        step("consume stats", () -> a.examineConsumeStats(group));
        step("consumer connection", () -> a.examineConsumerConnectionInfo(group));
        step("offline consumer connection", () -> a.examineConsumerConnectionInfo(prefix + "Nobody"));
        step("producer connection", () -> a.examineProducerConnectionInfo(prefix + "AdminProducer", topic));
        step("runtime", () -> a.fetchBrokerRuntimeStats(addr));
        step("broker config", () -> a.getBrokerConfig(addr));
        step("set broker config", () -> {
            var config = new java.util.Properties();
            config.setProperty("flushDelayOffsetInterval", "10000");
            a.updateBrokerConfig(addr, config);
        });
        step("name server config", () -> a.getNameServerConfig(List.of(namesrv)));
        step("all topic config", () -> a.getAllTopicConfig(addr, 5000));
        step("user topic config", () -> a.getUserTopicConfig(addr, false, 5000));
        step("all groups", () -> a.getAllSubscriptionGroup(addr, 5000));
        step("user groups", () -> a.getUserSubscriptionGroup(addr, 5000));
        step("group", () -> {
            SubscriptionGroupConfig g = new SubscriptionGroupConfig();
            g.setGroupName(prefix + "MadeGroup");
            g.setRetryMaxTimes(3);
            a.createAndUpdateSubscriptionGroupConfig(addr, g);
            a.examineSubscriptionGroupConfig(addr, prefix + "MadeGroup");
            a.deleteSubscriptionGroup(addr, prefix + "MadeGroup");
        });
        step("kv", () -> {
            a.createAndUpdateKvConfig(prefix + "space", "k", "v");
            a.getKVConfig(prefix + "space", "k");
            a.getKVListByNamespace(prefix + "space");
            a.deleteKvConfig(prefix + "space", "k");
            a.getKVConfig(prefix + "space", "k");
        });
        step("order conf", () -> a.createOrUpdateOrderConf(prefix + "AdminTopic", name + ":2", false));
        step("running info", () -> a.getConsumerRunningInfo(group, clientId, true));
        step("consume directly", () ->
            a.consumeMessageDirectly(group, clientId, topic, got.get().getMsgId()));
        step("consume status", () -> a.getConsumeStatus(topic, group, clientId));
        step("who consumes", () -> a.queryTopicConsumeByWho(topic));
        step("time span", () -> a.queryConsumeTimeSpan(topic, group));
        step("reset offset", () -> a.resetOffsetByTimestamp(topic, group, 0, true));
        step("reset offset old", () -> a.resetOffsetByTimestampOld(group, topic, 0, true));
        step("reset offset new", () -> a.resetOffsetNew(group, topic, 0));
        step("clone offset", () -> a.cloneGroupOffset(group, prefix + "CloneGroup", topic, true));
        step("query by key", () -> a.queryMessage(topic, "akey", 5, 0, System.currentTimeMillis() + 1000));
        step("query by unique key", () -> a.viewMessage(topic, got.get().getMsgId()));
        step("query consume queue", () -> a.queryConsumeQueue(addr, topic, 0, 0, 5, group));
        step("stats data", () -> a.viewBrokerStatsData(addr, "TOPIC_PUT_NUMS", topic));
        step("unknown stats data", () -> a.viewBrokerStatsData(addr, "NO_SUCH", topic));
        step("broker consume stats", () -> a.fetchConsumeStatsInBroker(addr, false, 5000));
        step("clean unused topics", () -> a.cleanUnusedTopicByAddr(addr));
        step("clean expired queues", () -> a.cleanExpiredConsumerQueueByAddr(addr));
        step("delete expired log", () -> a.deleteExpiredCommitLogByAddr(addr));
        step("all producers", () -> a.getAllProducerInfo(addr));
        step("wipe write perm", () -> a.wipeWritePermOfBroker(namesrv, name));
        step("add write perm", () -> a.addWritePermOfBroker(namesrv, name));
        step("delete topic", () -> {
            a.deleteTopicInBroker(Set.of(addr), prefix + "AdminTopic");
        });
        step("delete topic in name server (5.x)", () ->
            call(a, "deleteTopicInNameServer", Set.of(namesrv), prefix + "AdminTopic"));
        step("delete topic in name server (4.x)", () -> {
            call(a, "deleteTopicInNameServer", Set.of(namesrv), clusterName, prefix + "AdminTopic");
        });
        step("system topics", () -> {
            var m = Class.forName("org.apache.rocketmq.tools.admin.DefaultMQAdminExtImpl");
            var api = a.getClass().getDeclaredField("defaultMQAdminExtImpl");
            api.setAccessible(true);
            var instance = m.getDeclaredField("mqClientInstance");
            instance.setAccessible(true);
            var client = (org.apache.rocketmq.client.impl.factory.MQClientInstance) instance.get(api.get(a));
            client.getMQClientAPIImpl().getSystemTopicList(5000);
            client.getMQClientAPIImpl().getSystemTopicListFromBroker(addr, 5000);
            client.getMQClientAPIImpl().getUnitTopicList(false, 5000);
            client.getMQClientAPIImpl().queryConsumerOffset(addr, offsetOf(group), 5000);
        });
        step("ha status and members (5.x)", () -> {
            for (String method : List.of("getBrokerHAStatus", "getBrokerEpochCache"))
                call(a, method, addr);
        });
        step("topic config (5.x)", () -> call(a, "examineTopicConfig", addr, topic));
        step("read only groups (5.x)", () -> call(a, "queryTopicsByConsumer", group));
        step("subscription (5.x)", () -> call(a, "querySubscription", group, topic));
        step("cold data (5.x)", () -> call(a, "getColdDataFlowCtrInfo", addr));
        step("users (5.x)", () -> call(a, "listUser", addr, ""));
        a.shutdown();
        c.shutdown();
        p.shutdown();
    }

    static org.apache.rocketmq.remoting.protocol.header.QueryConsumerOffsetRequestHeader offsetOf(String group) {
        var h = new org.apache.rocketmq.remoting.protocol.header.QueryConsumerOffsetRequestHeader();
        h.setConsumerGroup(group + "Unknown");
        h.setTopic(topic);
        h.setQueueId(0);
        return h;
    }

    /* By name, because 4.x has no such method. */
    static void call(Object target, String method, Object... args) throws Exception {
        for (var m : target.getClass().getMethods()) {
            if (m.getName().equals(method) && m.getParameterCount() == args.length) {
                try {
                    m.invoke(target, args);
                } catch (java.lang.reflect.InvocationTargetException e) {
                    throw (Exception) e.getCause();
                }
                return;
            }
        }
        throw new NoSuchMethodException(method);
    }

    /* A small store with one of each: plain, tags and keys, batch, delayed, sent back, half (committed, rolled back, open). */
    static void store() throws Exception {
        DefaultMQProducer p = producer("StoreProducer");
        p.send(new Message(topic, bytes("plain")));
        Message tagged = new Message(topic, "TagA", "keyA keyB", bytes("tags and keys"));
        tagged.putUserProperty("colour", "blue");
        p.send(tagged);
        List<Message> batch = new ArrayList<>();
        for (int i = 0; i < 3; i++)
            batch.add(new Message(topic, "TagBatch", "batch" + i, bytes("batch " + i)));
        p.send(batch);
        byte[] large = new byte[4500];
        java.util.Arrays.fill(large, (byte) 'z');
        p.send(new Message(topic, "TagZ", large));
        Message delayed = new Message(topic, "TagD", bytes("delayed"));
        delayed.setDelayTimeLevel(1);
        p.send(delayed);

        CountDownLatch again = new CountDownLatch(1);
        CountDownLatch late = new CountDownLatch(1);
        DefaultMQPushConsumer c = consumer("StoreGroup", "store", MessageModel.CLUSTERING, topic, "*");
        c.setConsumeMessageBatchMaxSize(1);
        c.registerMessageListener((MessageListenerConcurrently) (list, context) -> {
            MessageExt m = list.get(0);
            if ("TagD".equals(m.getTags()))
                late.countDown();
            if ("TagR".equals(m.getTags()) && m.getReconsumeTimes() == 0) {
                context.setDelayLevelWhenNextConsume(1);
                return ConsumeConcurrentlyStatus.RECONSUME_LATER;
            }
            if (m.getReconsumeTimes() > 0)
                again.countDown();
            return ConsumeConcurrentlyStatus.CONSUME_SUCCESS;
        });
        c.start();
        wait(late, "the delayed message");
        p.send(new Message(topic, "TagR", bytes("sent back once")));
        wait(again, "the message sent back");

        TransactionMQProducer t = transactionProducer(new CountDownLatch(1));
        t.sendMessageInTransaction(new Message(topic, "T", "tkey", bytes("half, committed")),
            LocalTransactionState.COMMIT_MESSAGE);
        t.sendMessageInTransaction(new Message(topic, "T", bytes("half, rolled back")),
            LocalTransactionState.ROLLBACK_MESSAGE);
        t.sendMessageInTransaction(new Message(topic, "T", bytes("half, open")), LocalTransactionState.UNKNOW);
        TimeUnit.SECONDS.sleep(7);    /* offsets and delay offsets reach their files every 5 s, operation records every 3 s */
        t.shutdown();
        c.shutdown();
        p.shutdown();
    }
}
