/* checkpointer: writes `checkpoint` from time to time, so that a recovery has little to do.
 *
 *   timer -> queues to the device -> index to the device -> checkpoint written -> end times of index files (all on LANE_FILES), with
 *   what was in the log at the start
 *
 * Thread: core. Memory: embedded in struct store. */
#ifndef STORE_CHECKPOINTER_H
#define STORE_CHECKPOINTER_H

#include "base/job.h"
#include "base/timers.h"
#include "store/checkpoint.h"

#define CHECKPOINT_INTERVAL_MS 3000

struct store;

struct checkpointer {
	struct store *store;
	struct timer timer;
	struct job job;
	bool is_running;
	bool is_frozen; /* a queue or index file could not be synced: nothing new is ever called safe */
	int64_t at, ms; /* end of the log, and its newest store time, when this round began */
	struct checkpoint saved, next;
	char *path;
	enum rc rc;
};

void checkpointer_init(struct checkpointer *c, struct store *s, const struct checkpoint *read);
void checkpointer_start(struct checkpointer *c); /* the timer */
void checkpointer_stop(struct checkpointer *c);
/* Recovery found that Apache's broker had stopped cleanly: everything is on the device. Without this a kill in the first seconds
 * would cost Apache's next start its newest index file. Blocks. */
void checkpointer_take_over(struct checkpointer *c);
enum rc checkpointer_finish(struct checkpointer *c); /* at a clean stop, everything being on the device; blocks */

#endif
