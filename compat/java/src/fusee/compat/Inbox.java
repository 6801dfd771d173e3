package fusee.compat;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.TreeSet;
import java.util.function.Function;
import org.apache.rocketmq.client.consumer.listener.ConsumeConcurrentlyStatus;
import org.apache.rocketmq.client.consumer.listener.ConsumeOrderlyStatus;
import org.apache.rocketmq.client.consumer.listener.MessageListenerConcurrently;
import org.apache.rocketmq.client.consumer.listener.MessageListenerOrderly;
import org.apache.rocketmq.common.message.MessageExt;

/** Keeps what a push consumer was given, in the order in which it was given. */
final class Inbox {
    private final List<MessageExt> messages = new ArrayList<>();

    MessageListenerConcurrently concurrently() {
        return concurrently(message -> ConsumeConcurrentlyStatus.CONSUME_SUCCESS);
    }

    MessageListenerConcurrently concurrently(Function<MessageExt, ConsumeConcurrentlyStatus> answer) {
        return (batch, context) -> {
            add(batch);
            return answer.apply(batch.get(0));
        };
    }

    MessageListenerOrderly orderly() {
        return orderly(message -> ConsumeOrderlyStatus.SUCCESS);
    }

    MessageListenerOrderly orderly(Function<MessageExt, ConsumeOrderlyStatus> answer) {
        return (batch, context) -> {
            add(batch);
            return answer.apply(batch.get(0));
        };
    }

    synchronized void add(List<MessageExt> batch) {
        messages.addAll(batch);
    }

    synchronized List<MessageExt> messages() {
        return List.copyOf(messages);
    }

    synchronized int size() {
        return messages.size();
    }

    List<String> bodies() {
        return bodies(messages());
    }

    static List<String> bodies(List<MessageExt> messages) {
        return messages.stream().map(m -> new String(m.getBody(), StandardCharsets.UTF_8)).toList();
    }

    TreeSet<String> distinctBodies() {
        return new TreeSet<>(bodies());
    }

    Inbox await(int count) {
        return await(count, Wait.LONG);
    }

    Inbox await(int count, Duration atMost) {
        Wait.until(() -> count + " messages consumed, so far " + size(), atMost, () -> size() >= count);
        return this;
    }

    /** For groups that were rebalanced meanwhile: at least once, so copies are allowed. */
    Inbox awaitDistinct(int count, Duration atMost) {
        Wait.until(() -> count + " different messages consumed, so far " + distinctBodies().size(), atMost, () -> distinctBodies().size() >= count);
        return this;
    }
}
