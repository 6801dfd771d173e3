package fusee.compat;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.TreeSet;
import org.junit.jupiter.api.Test;

/** Clients whose process was started with options that change the wire. */
class HeaderTest extends ClientTest {
    @Test
    void binaryHeaders() throws Exception {
        String topic = topic(2);
        try (ChildConsumer child = ChildConsumer.start(site, fresh("group"), topic, "concurrently", "-Drocketmq.serialize.type=ROCKETMQ")) {
            send(producer(), topic, 0, 20);
            child.await(20);
            assertEquals(numbers(0, 20), new TreeSet<>(child.bodies()));
        }
    }
}
