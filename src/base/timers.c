#include "base/timers.h"

#include <stdlib.h>

#include "base/defs.h"
#include "base/mem.h"
#include "base/stall.h"

void timers_init(struct timers *ts, uint64_t now_ms) { *ts = (struct timers){.now_ms = now_ms}; }

void timers_free(struct timers *ts)
{
	free(ts->heap);
	*ts = (struct timers){0};
}

static bool is_before(const struct timer *a, const struct timer *b)
{
	return a->deadline_ms != b->deadline_ms ? a->deadline_ms < b->deadline_ms : a->order < b->order;
}

static void put(struct timers *ts, size_t i, struct timer *t)
{
	ts->heap[i] = t;
	t->place = i + 1;
}

static void sift_up(struct timers *ts, size_t i, struct timer *t)
{
	for (; i > 0 && is_before(t, ts->heap[(i - 1) / 2]); i = (i - 1) / 2)
		put(ts, i, ts->heap[(i - 1) / 2]);
	put(ts, i, t);
}

static void sift_down(struct timers *ts, size_t i, struct timer *t)
{
	for (;;) {
		size_t child = 2 * i + 1;

		if (child >= ts->count)
			break;
		if (child + 1 < ts->count && is_before(ts->heap[child + 1], ts->heap[child]))
			child++;
		if (!is_before(ts->heap[child], t))
			break;
		put(ts, i, ts->heap[child]);
		i = child;
	}
	put(ts, i, t);
}

void timer_start_at(struct timers *ts, struct timer *t, uint64_t at_ms)
{
	ASSERT(t->on_timer != NULL);
	timer_stop(ts, t);
	if (ts->count == ts->cap) {
		ts->cap = ts->cap ? ts->cap * 2 : 64;
		ts->heap = mem_realloc(ts->heap, ts->cap * sizeof(*ts->heap));
	}
	t->deadline_ms = at_ms;
	t->order = ts->started++;
	sift_up(ts, ts->count++, t);
}

void timer_start(struct timers *ts, struct timer *t, uint64_t in_ms)
{
	timer_start_at(ts, t, in_ms > UINT64_MAX - ts->now_ms ? UINT64_MAX : ts->now_ms + in_ms);
}

void timer_stop(struct timers *ts, struct timer *t)
{
	struct timer *last;
	size_t i;

	if (t->place == 0)
		return;
	i = t->place - 1;
	t->place = 0;
	last = ts->heap[--ts->count];
	if (last == t)
		return;
	if (i > 0 && is_before(last, ts->heap[(i - 1) / 2]))
		sift_up(ts, i, last);
	else
		sift_down(ts, i, last);
}

uint64_t timers_next(const struct timers *ts) { return ts->count ? ts->heap[0]->deadline_ms : UINT64_MAX; }

void timers_run(struct timers *ts, uint64_t now_ms)
{
	uint64_t before = ts->started;

	ts->now_ms = now_ms;
	while (ts->count && ts->heap[0]->deadline_ms <= now_ms && ts->heap[0]->order < before) {
		struct timer *t = ts->heap[0];

		timer_stop(ts, t);
		(void)stall_at(STALL_TIMERS, 0);
		t->on_timer(t);
	}
}
