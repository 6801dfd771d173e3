/* measure: what counts, and when. Only what falls into [from_ns, until_ns) does: in a closed loop by when it was done, in an open
 * loop by when it was due (what was due and is never done counts too, with the time that it has waited).
 * Thread: the owner's. Memory: fixed, inside the struct. */
#ifndef BENCH_MEASURE_H
#define BENCH_MEASURE_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/histogram.h"

struct measure {
	uint64_t from_ns, until_ns;
	bool by_due;              /* open loop */
	struct histogram latency; /* of what the load is about */
	struct histogram other;   /* of answers to sends (pingpong, mixed), to registrations (namesrv) */
	struct histogram this_second;
	uint64_t messages;    /* or requests, where there are no messages */
	uint64_t passed_over; /* by a filter, on top of messages */
	uint64_t messages_this_second;
	uint64_t pulls; /* that brought messages */
	uint64_t errors;
	int32_t first_error_code;
	uint64_t unsent, unanswered, unreceived;      /* at the end of the run */
	double seconds, cpu_seconds, own_cpu_seconds; /* cpu: of the peer; of this program */
	double rss_mib, anonymous_mib;
};

bool measure_counts(const struct measure *m, uint64_t due_ns, uint64_t done_ns);

/* One sample for messages that were done together. */
void measure_note(struct measure *m, uint64_t due_ns, uint64_t done_ns, uint64_t messages);
void measure_note_other(struct measure *m, uint64_t due_ns, uint64_t done_ns);
void measure_error(struct measure *m, int32_t code);

#endif
