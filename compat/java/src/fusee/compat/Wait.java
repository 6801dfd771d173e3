package fusee.compat;

import java.time.Duration;
import java.util.concurrent.Callable;
import java.util.function.Supplier;
import org.junit.jupiter.api.Assertions;

/** Waiting for conditions, never for time. */
final class Wait {
    static final Duration LONG = Duration.ofSeconds(30);

    private Wait() {
    }

    static void until(String what, Callable<Boolean> condition) {
        until(what, LONG, condition);
    }

    static void until(String what, Duration atMost, Callable<Boolean> condition) {
        until(() -> what, atMost, condition);
    }

    /** An exception of the condition counts as "not yet"; the last one is shown if it never holds. */
    static void until(Supplier<String> what, Duration atMost, Callable<Boolean> condition) {
        long deadline = System.nanoTime() + atMost.toNanos();
        Throwable last;
        do {
            last = null;
            try {
                if (condition.call()) {
                    return;
                }
            } catch (InterruptedException e) {
                Thread.currentThread().interrupt();
                Assertions.fail("interrupted while waiting until " + what.get());
            } catch (Exception e) {
                last = e;
            }
            try {
                Thread.sleep(10);
            } catch (InterruptedException e) {
                Assertions.fail("interrupted while waiting until " + what.get());
            }
        } while (System.nanoTime() < deadline);
        Assertions.fail("not within " + atMost.toMillis() + " ms: " + what.get(), last);
    }
}
