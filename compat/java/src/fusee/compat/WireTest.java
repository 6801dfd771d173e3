package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.SocketException;
import java.net.SocketTimeoutException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.Map;
import org.apache.rocketmq.remoting.protocol.RemotingCommand;
import org.junit.jupiter.api.Test;

/** Requests that the public API would not send, sent through Apache's own remoting client. */
class WireTest extends ClientTest {
    private static final int SEND_MESSAGE = 10;
    private static final int PULL_MESSAGE = 11;
    private static final int QUERY_CONSUMER_OFFSET = 14;
    private static final int UPDATE_CONSUMER_OFFSET = 15;
    private static final int GET_MAX_OFFSET = 30;
    private static final int GET_CONSUMER_LIST_BY_GROUP = 38;
    private static final int CHECK_CLIENT_CONFIG = 46;
    private static final int GET_ROUTE = 105;

    private static final int SUCCESS = 0;
    private static final int SYSTEM_ERROR = 1;
    private static final int NOT_SUPPORTED = 3;
    private static final int MESSAGE_ILLEGAL = 13;
    private static final int NO_PERMISSION = 16;
    private static final int TOPIC_NOT_EXIST = 17;
    private static final int NOT_FOUND = 22;
    private static final int SUBSCRIPTION_NOT_EXIST = 24;
    private static final int INVALID_PARAMETER = 29;

    private RemotingCommand ask(String address, int code, String... fields) throws Exception {
        return raw().ask(address, code, map(fields), null);
    }

    private static Map<String, String> map(String... fields) {
        Map<String, String> map = new HashMap<>();
        for (int i = 0; i < fields.length; i += 2) {
            map.put(fields[i], fields[i + 1]);
        }
        return map;
    }

    private RemotingCommand send(String topic, int queueId) throws Exception {
        return send(topic, queueId, "body".getBytes(StandardCharsets.UTF_8));
    }

    private RemotingCommand send(String topic, int queueId, byte[] body) throws Exception {
        return raw().ask(site.broker(), SEND_MESSAGE, map("producerGroup", "raw", "topic", topic, "defaultTopic", "TBW102", "defaultTopicQueueNums", "4", "queueId",
            Integer.toString(queueId), "sysFlag", "0", "bornTimestamp", Long.toString(System.currentTimeMillis()), "flag", "0", "properties", "",
            "reconsumeTimes", "0", "unitMode", "false", "batch", "false"), body);
    }

    private Map<String, String> pull(String group, String topic, int queueId) {
        return map("consumerGroup", group, "topic", topic, "queueId", Integer.toString(queueId), "queueOffset", "0", "maxMsgNums", "32", "sysFlag", "0",
            "commitOffset", "0", "suspendTimeoutMillis", "0", "subscription", "*", "subVersion", "0", "expressionType", "TAG");
    }

    @Test
    void unknownCodes() throws Exception {
        for (String address : new String[] {site.broker(), site.namesrv()}) {
            RemotingCommand answer = ask(address, 9999);
            assertEquals(NOT_SUPPORTED, answer.getCode());
            assertEquals("request type 9999 not supported", answer.getRemark().trim());
        }
    }

    @Test
    void theOldSendRequest() throws Exception {
        String topic = topic(1);
        RemotingCommand answer = send(topic, 0);
        assertEquals(SUCCESS, answer.getCode(), answer.getRemark());
        assertEquals("0", answer.getExtFields().get("queueOffset"));
        assertEquals("0", answer.getExtFields().get("queueId"));
        assertEquals(32, answer.getExtFields().get("msgId").length());
        assertEquals("DefaultRegion", answer.getExtFields().get("MSG_REGION"));
        assertEquals("true", answer.getExtFields().get("TRACE_ON"));
    }

    /** As the Java producer refuses to send one (SendTest), so does the broker refuse to store it. */
    @Test
    void anEmptyBodyIsRefused() throws Exception {
        String topic = topic(1);
        assertEquals(MESSAGE_ILLEGAL, send(topic, 0, new byte[0]).getCode());
        assertEquals("0", send(topic, 0).getExtFields().get("queueOffset"), "nothing was stored");
    }

    @Test
    void sendToABadTopic() throws Exception {
        assertEquals(INVALID_PARAMETER, send("a b", 0).getCode());
        assertEquals(INVALID_PARAMETER, send("x".repeat(128), 0).getCode());
        assertEquals(NO_PERMISSION, send("SCHEDULE_TOPIC_XXXX", 0).getCode());
    }

    @Test
    void sendToABadQueue() throws Exception {
        String topic = topic(2);
        assertEquals(INVALID_PARAMETER, send(topic, 2).getCode());
        assertEquals(SUCCESS, send(topic, 1).getCode());
    }

    @Test
    void aNegativeQueueIsTheBrokersChoice() throws Exception {
        RemotingCommand answer = send(topic(2), -1);
        assertEquals(SUCCESS, answer.getCode(), answer.getRemark());
        int chosen = Integer.parseInt(answer.getExtFields().get("queueId"));
        assertTrue(chosen == 0 || chosen == 1);
    }

    @Test
    void routeOfNothing() throws Exception {
        String topic = fresh("none");
        RemotingCommand answer = ask(site.namesrv(), GET_ROUTE, "topic", topic);
        assertEquals(TOPIC_NOT_EXIST, answer.getCode());
        assertTrue(answer.getRemark().startsWith("No topic route info in name server for the topic: " + topic), answer.getRemark());
    }

    @Test
    void maxOffsetOfABadQueueIsZero() throws Exception {
        RemotingCommand answer = ask(site.broker(), GET_MAX_OFFSET, "topic", topic(1), "queueId", "77");
        assertEquals(SUCCESS, answer.getCode());
        assertEquals("0", answer.getExtFields().get("offset"));
    }

    @Test
    void offsetOfANewGroup() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        String[] fields = {"consumerGroup", group, "topic", topic, "queueId", "0"};
        assertEquals(NOT_FOUND, ask(site.broker(), QUERY_CONSUMER_OFFSET, fields).getCode());
        send(topic, 0);
        Wait.until("0 while the queue is young", () -> {
            RemotingCommand answer = ask(site.broker(), QUERY_CONSUMER_OFFSET, fields);
            return answer.getCode() == SUCCESS && answer.getExtFields().get("offset").equals("0");
        });
    }

    @Test
    void offsetsAreSetAndRead() throws Exception {
        String topic = topic(1);
        String group = fresh("group");
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), Line.group(group));
        assertEquals(SUCCESS, ask(site.broker(), UPDATE_CONSUMER_OFFSET, "consumerGroup", group, "topic", topic, "queueId", "0", "commitOffset", "5").getCode());
        assertEquals("5", ask(site.broker(), QUERY_CONSUMER_OFFSET, "consumerGroup", group, "topic", topic, "queueId", "0").getExtFields().get("offset"));
    }

    @Test
    void offsetOfAnUnknownTopic() throws Exception {
        String group = fresh("group");
        admin().createAndUpdateSubscriptionGroupConfig(site.broker(), Line.group(group));
        assertEquals(TOPIC_NOT_EXIST,
            ask(site.broker(), UPDATE_CONSUMER_OFFSET, "consumerGroup", group, "topic", fresh("none"), "queueId", "0", "commitOffset", "5").getCode());
    }

    @Test
    void pullWithoutSubscription() throws Exception {
        assertEquals(SUBSCRIPTION_NOT_EXIST, raw().ask(site.broker(), PULL_MESSAGE, pull(fresh("group"), topic(1), 0), null).getCode());
    }

    @Test
    void pullOfAnUnknownTopicOrQueue() throws Exception {
        assertEquals(TOPIC_NOT_EXIST, raw().ask(site.broker(), PULL_MESSAGE, pull(fresh("group"), fresh("none"), 0), null).getCode());
        assertEquals(INVALID_PARAMETER, raw().ask(site.broker(), PULL_MESSAGE, pull(fresh("group"), topic(1), 5), null).getCode());
    }

    @Test
    void noPullsOnTheVipPort() throws Exception {
        String[] hostAndPort = site.broker().split(":");
        String vip = hostAndPort[0] + ":" + (Integer.parseInt(hostAndPort[1]) - 2);
        assertEquals(NOT_SUPPORTED, raw().ask(vip, PULL_MESSAGE, pull(fresh("group"), topic(1), 0), null).getCode());
        assertEquals(SUCCESS, ask(vip, GET_MAX_OFFSET, "topic", topic(1), "queueId", "0").getCode());
    }

    @Test
    void membersOfAnUnknownGroup() throws Exception {
        assertEquals(SYSTEM_ERROR, ask(site.broker(), GET_CONSUMER_LIST_BY_GROUP, "consumerGroup", fresh("group")).getCode());
    }

    @Test
    void subscriptionsAreChecked() throws Exception {
        String body = "{\"clientId\":\"client\",\"group\":\"" + fresh("group") + "\",\"subscriptionData\":{\"classFilterMode\":false,\"codeSet\":[],"
            + "\"expressionType\":\"TAG\",\"subString\":\"a || b\",\"subVersion\":1,\"tagsSet\":[],\"topic\":\"" + topic(1) + "\"}}";
        assertEquals(SUCCESS, raw().ask(site.broker(), CHECK_CLIENT_CONFIG, map(), body.getBytes(StandardCharsets.UTF_8)).getCode());
    }

    @Test
    void unknownFieldsAreIgnored() throws Exception {
        RemotingCommand answer = ask(site.broker(), GET_MAX_OFFSET, "topic", topic(1), "queueId", "0", "fromTheFuture", "1", "", "");
        assertEquals(SUCCESS, answer.getCode());
    }

    @Test
    void aBrokenFrameEndsItsOwnConnectionOnly() throws Exception {
        String topic = topic(1);
        assertEquals(SUCCESS, send(topic, 0).getCode());
        for (String address : new String[] {site.broker(), site.namesrv()}) {
            assertClosedAfter(address, 0x7FFFFFFF, 0x00000010);     // longer than any frame
            assertClosedAfter(address, 64, 0x00FFFFFF);             // header longer than the frame
            assertClosedAfter(address, 64, 0x05000010);             // unknown serialize type
        }
        assertEquals(SUCCESS, send(topic, 0).getCode());
        assertEquals(TOPIC_NOT_EXIST, ask(site.namesrv(), GET_ROUTE, "topic", fresh("none")).getCode());
    }

    private static void assertClosedAfter(String address, int length, int mark) throws IOException {
        String[] hostAndPort = address.split(":");
        try (Socket socket = new Socket()) {
            socket.connect(new InetSocketAddress(hostAndPort[0], Integer.parseInt(hostAndPort[1])), 5000);
            socket.setSoTimeout(10_000);
            socket.getOutputStream().write(ByteBuffer.allocate(68).putInt(length).putInt(mark).array());
            assertTrue(isClosed(socket), String.format("connection to %s stays open after length %x, mark %x", address, length, mark));
        }
    }

    /** By end of stream or reset. */
    private static boolean isClosed(Socket socket) throws IOException {
        try {
            return socket.getInputStream().read() < 0;
        } catch (SocketTimeoutException e) {
            return false;
        } catch (SocketException e) {
            return true;
        }
    }
}
