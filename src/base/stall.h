/* stall: which part of a long loop turn took the time.
 *
 *   loop: stall_begin -> code says what it is at: stall_at(STALL_REQUEST, 310) ... stall_at(STALL_APPEND, 0) ... -> loop: stall_end
 *                                                                                     turn over STALL_LIMIT_NS: counted, and a log line
 *
 * Always on: a change of what a thread is at costs one reading of the clock (some 25 ns), saying the same again a comparison. Cores only
 * say what they are at; the recorder that their loop has put on the thread reads the clock. Without one (unit tests of cores)
 * nothing is read or kept.
 * Thread: one recorder a thread, that of its loop. Memory: the recorder is its loop's. */
#ifndef BASE_STALL_H
#define BASE_STALL_H

#include <stddef.h>
#include <stdint.h>

#define STALL_LIMIT_NS 5000000u /* a turn that takes longer is a stall */

/* What the thread is at, and how logs and runtime info call it. */
#define STALL_PHASES(X)                                                                                                          \
	X(NETWORK, "network read")    /* sockets read, frames cut; every callback begins here */                                 \
	X(REQUEST, "request")         /* the handler of one request code */                                                      \
	X(APPEND, "append")           /* the stage written to the commit log */                                                  \
	X(SEGMENT, "segment")         /* a commit log file that was not ready in time */                                         \
	X(DISPATCH, "dispatch")       /* queue entries, index keys */                                                            \
	X(WAITERS, "flush waits")     /* what waited for the log to be written or flushed */                                     \
	X(HELD_PULLS, "held pulls")   /* tried again */                                                                          \
	X(ANSWERS, "network write")   /* one write a connection */                                                               \
	X(TIMERS, "timers")           /* what is none of the others */                                                           \
	X(JOBS, "jobs")               /* the end of what ran on workers */                                                       \
	X(STATE_FILES, "state files") /* their text encoded */                                                                   \
	X(DELAY, "delay delivery")                                                                                               \
	X(TRANSACTIONS, "transactions")                                                                                          \
	X(STATISTICS, "statistics")                                                                                              \
	X(REGISTRATION, "registration")                                                                                          \
	X(STORE_FILES, "store files") /* consume queues, index, checkpoint, retention: what of them runs on the core */

#define STALL_ENUM(name, text) STALL_##name,
enum stall_phase { STALL_PHASES(STALL_ENUM) STALL_PHASE_COUNT };

struct stall {
	uint64_t (*now_ns)(void); /* monotonic */
	uint32_t where;           /* phase and code, packed */
	uint64_t began_ns, since_ns;
	uint64_t spent_ns[STALL_PHASE_COUNT]; /* in this turn */
	uint64_t longest_ns;                  /* one stretch of this turn */
	uint32_t longest_where;

	/* since the start, for whoever reports them */
	uint64_t count, longest_turn_ns;
	uint64_t counts[STALL_PHASE_COUNT]; /* by the phase that took most of the turn */
	uint64_t logged_ms, dropped;
};

extern _Thread_local struct stall *stall_here; /* the thread's recorder, or NULL */

void stall_init(struct stall *s, uint64_t (*now_ns)(void)); /* and make it the thread's */
void stall_fini(struct stall *s);                           /* it is the thread's no longer */

void stall_begin(struct stall *s); /* first thing in a turn */
void stall_end(struct stall *s);   /* last thing in it */

const char *stall_phase_name(enum stall_phase phase);

/* stall.c only: stall_at() when it is something new. */
uint32_t stall_change(struct stall *s, uint32_t where);

#define STALL_CODE_BITS 24

/* The thread is at `phase` from now on; `code` is a request's, else 0. Returns where it was, for stall_back(). */
static inline uint32_t stall_at(enum stall_phase phase, int32_t code)
{
	uint32_t where = (uint32_t)phase << STALL_CODE_BITS | ((uint32_t)code & ((1u << STALL_CODE_BITS) - 1));
	struct stall *s = stall_here;

	return s == NULL || s->where == where ? where : stall_change(s, where);
}

static inline void stall_back(uint32_t where)
{
	if (stall_here != NULL && stall_here->where != where)
		(void)stall_change(stall_here, where);
}

#endif
