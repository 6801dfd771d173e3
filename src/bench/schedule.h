/* schedule: the open loop's clock: event k is due at start + k / rate, whatever became of the ones before it.
 * Thread: the owner's. Memory: none. */
#ifndef BENCH_SCHEDULE_H
#define BENCH_SCHEDULE_H

#include <stdint.h>

#include "bench/clock.h"

struct schedule {
	uint64_t start_ns;
	double rate;    /* events a second; 0: there are none */
	uint64_t count; /* events taken from it so far */
};

/* When the next event is due; UINT64_MAX: never. */
static inline uint64_t schedule_due_ns(const struct schedule *s)
{
	return s->rate > 0 ? s->start_ns + (uint64_t)((double)s->count * (double)NS_A_SECOND / s->rate) : UINT64_MAX;
}

static inline void schedule_take(struct schedule *s, uint64_t events) { s->count += events; }

#endif
