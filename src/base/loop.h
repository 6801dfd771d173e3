/* loop: one libuv loop with the cores' time on it, and the end of a turn.
 *
 *   poll -> callbacks (each begins with loop_enter) -> core hooks' on_end -> flush hooks' on_end -> poll, may block
 *
 * A turn is everything between two polls: all callbacks of one poll, and the timers that were due. The first loop_enter of a turn sets the
 * cores' clocks and tells the hooks; at its end, just before the loop may block, the hooks run once: first the cores (stage ->
 * one pwritev, answers are released), then the flushers (one write for each connection).
 * Why a prepare handle and not a check handle: prepare runs after timers and closing callbacks too, so that one place ends every turn.
 * Thread: the loop's, every function. Memory: the loop is the caller's; hooks are embedded in their owners. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <uv.h>

#include "base/list.h"
#include "base/rc.h"
#include "base/stall.h"
#include "base/timers.h"

#define LOOP_SCRATCH_BYTES (512 * 1024)

enum loop_phase { LOOP_PHASE_CORE, LOOP_PHASE_FLUSH, LOOP_PHASE_COUNT };

struct loop_hook {
	struct list link;
	void (*on_begin)(struct loop_hook *h, uint64_t wall_ms); /* may be NULL; first thing in a turn */
	void (*on_end)(struct loop_hook *h);                     /* once a turn that had callbacks */
};

struct loop {
	uv_loop_t uv;
	struct timers timers; /* of every core on this loop; now_ms = uv_now of this turn */
	uint64_t wall_ms;     /* of this turn */
	bool is_in_turn;

	/* loop.c only */
	uv_timer_t timer;
	uv_prepare_t prepare;
	uint64_t armed_for_ms; /* deadline that `timer` waits for; UINT64_MAX = none */
	struct list hooks[LOOP_PHASE_COUNT];
	uint8_t *scratch;
	const bool *until; /* of loop_until */
	struct stall stall;
};

enum rc rc_from_uv(int status); /* libuv's negative errno values; 0 and more are RC_OK; UV_EOF is RC_CLOSED */

void loop_init(struct loop *l);
/* All handles of others must be closed, or closing: this runs the loop until they are. */
void loop_fini(struct loop *l);

/* Record long turns (base/stall.h). On the thread that runs the loop, before it runs; loop_fini ends it. */
void loop_record_stalls(struct loop *l);

/* First statement of every callback that libuv makes into our code. */
void loop_enter(struct loop *l);

/* End the turn now if one is going on (the loop does it by itself; shutdown and tests call it). */
void loop_end_turn(struct loop *l);

void loop_hook_add(struct loop *l, enum loop_phase phase, struct loop_hook *h);
void loop_hook_remove(struct loop_hook *h);

/* Receive buffer that every connection of this loop shares: LOOP_SCRATCH_BYTES, contents die with the callback. */
uint8_t *loop_scratch(struct loop *l);

/* Run until loop_stop (or nothing is left to wait for). */
void loop_run(struct loop *l);
void loop_stop(struct loop *l);

/* Run until *done is true or in_ms have passed; returns *done. */
bool loop_until(struct loop *l, const bool *done, uint64_t in_ms);

#endif
