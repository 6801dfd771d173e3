/* core: what a fuzz target needs to drive a whole server core: time, jobs, a folder, and an input that is a script of frames.
 *
 *   input = frame, frame ...      each begins with the byte 0xFF and has a header (JSON text), then, behind a byte 0xFE, a body
 *
 * So the fuzzer changes texts, and the lengths in the frames are always right: wrong ones are fuzz_frame's business. A byte 0xFD
 * between frames lets 40 s pass. Frames come from two connections in turn, so that one can meet what another left behind.
 * The core lives as long as the process; each input gets fresh connections. */
#ifndef TESTS_FUZZ_CORE_H
#define TESTS_FUZZ_CORE_H

#include "base/job.h"
#include "base/slice.h"
#include "base/timers.h"
#include "remoting/outbound.h"
#include "remoting/request.h"

struct fuzz_core {
	struct timers timers;
	struct executor executor; /* jobs run at the end of a turn */
	struct outbound outbound; /* everybody is unreachable */
	struct job *jobs, **last_job;
	uint64_t wall_ms;
	char folder[256]; /* removed when the process ends */

	/* the target's */
	void *core;
	const struct dispatch *dispatch;
	void (*on_close)(struct peer *peer);
	void (*set_time)(void *core, uint64_t wall_ms);
	void (*end_turn)(void *core); /* NULL: none */
};

/* Everything but the target's own members. */
void fuzz_core_init(struct fuzz_core *f);

/* One input; then all connections close, whatever is still parked on them. */
void fuzz_core_run(struct fuzz_core *f, struct slice script);

/* One frame on a connection of its own. Returns the code of its answer, -1 when there was none in this turn. */
int32_t fuzz_core_send(struct fuzz_core *f, struct slice header, struct slice body);

/* What the above is made of, for programs that measure (tests/perf): a connection from 127.0.0.1:`port`, a turn's end with its jobs, and
 * what came back meanwhile, which is checked and taken: the code of the last answer, -1 when there was none. */
struct peer *fuzz_core_connect(struct fuzz_core *f, unsigned port);
void fuzz_core_end_turn(struct fuzz_core *f);
void fuzz_core_pass_time(struct fuzz_core *f); /* STEP_MS, from timer to timer, a turn for each */
int32_t fuzz_core_answers(struct peer *peer);

#endif
