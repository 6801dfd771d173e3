package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.apache.rocketmq.client.consumer.DefaultMQPushConsumer;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.parallel.ResourceLock;

/** mqbroker --standalone: broker and name server in one process. */
class StandaloneTest extends ClientTest {
    @Test
    @ResourceLock(PrivateCluster.ONE_AT_A_TIME)
    void produceConsumeRestart() throws Exception {
        Path folder = Path.of(System.getProperty("compat.folder"), fresh("standalone"));
        String brokerPort = PrivateCluster.freePorts();
        String namesrvPort = PrivateCluster.freePorts();
        Map<String, String> keys = PrivateCluster.commonBrokerKeys();
        keys.putAll(Map.of("brokerName", Site.BROKER_NAME, "listenPort", brokerPort, "namesrvListenPort", namesrvPort,
            "storePathRootDir", folder.resolve("store").toString()));
        Server server = closeLater(new Server("mqbroker", folder, keys, "--standalone"));
        server.start();
        site = new Site("127.0.0.1:" + namesrvPort, List.of("127.0.0.1:" + brokerPort));

        String topic = fresh("auto");
        String group = fresh("group");
        Inbox before = new Inbox();
        send(producer(), topic, 0, 20);
        DefaultMQPushConsumer first = consumer(group, topic, before.concurrently());
        assertEquals(numbers(0, 20), before.await(20).distinctBodies());
        first.shutdown();
        send(producer(), topic, 20, 25);
        server.stop();
        server.start();
        Wait.until("the route is back", () -> hasRoute(topic));
        Inbox after = new Inbox();
        consumer(group, topic, after.concurrently());
        assertEquals(numbers(20, 25), after.await(5).distinctBodies());
    }
}
