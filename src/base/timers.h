/* timers: one-shot timers of a core, on the core's own time, so that tests run them without waiting.
 *
 * A binary heap by deadline; equal deadlines fire in the order they were started. Times are monotonic milliseconds,
 * chosen by whoever calls timers_run (the loop's clock, or a test's).
 * Thread: the core's. Memory: a timer is embedded in its owner and must be stopped before it is freed. */
#ifndef BASE_TIMERS_H
#define BASE_TIMERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct timer {
	void (*on_timer)(
		struct timer *t); /* set by the owner before the first start; may start or stop any timer, this one too */
	uint64_t deadline_ms;
	uint64_t order;
	size_t place; /* index in the heap + 1; 0 = not running */
};

struct timers {
	struct timer **heap;
	size_t count, cap;
	uint64_t now_ms; /* time of the current turn */
	uint64_t started;
};

void timers_init(struct timers *ts, uint64_t now_ms);
void timers_free(struct timers *ts);                                     /* the timers themselves are their owners' */
void timer_start_at(struct timers *ts, struct timer *t, uint64_t at_ms); /* restarts a running one */
void timer_start(struct timers *ts, struct timer *t, uint64_t in_ms);    /* from ts->now_ms */
void timer_stop(struct timers *ts, struct timer *t);                     /* no effect when not running */
static inline bool timer_is_running(const struct timer *t) { return t->place != 0; }

/* Deadline of the earliest timer, or UINT64_MAX when there is none. */
uint64_t timers_next(const struct timers *ts);

/* Set the time and fire what is due. A timer that is restarted for now or earlier while firing waits for the next call. */
void timers_run(struct timers *ts, uint64_t now_ms);

#endif
