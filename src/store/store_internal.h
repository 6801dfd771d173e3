/* store_internal: how the modules of the store see each other. Included by src/store/ and its tests only.
 *
 *   store.c ─ stage, watermarks, waits ─→ commit_log ─→ segment ─→ io
 *      │  written: dispatch.c ─→ consume_queue_put, index_put (memory; files follow lazily on LANE_FILES)
 *      │  visible: dispatch.c ─→ queue->visible, arrivals
 *      └─ get.c ─→ queue_table, consume_queue, commit_log_read
 *
 * Two numbers of a queue are moved from the log's side: `next` (offset that the next staged message gets) and `visible` (what
 * store_queue_max says). They are fields of struct store_queue (consume_queue.h).
 *
 * What each side offers the other stands in its headers: queue_table.h, consume_queue.h, index.h; commit_log.h, dispatch.h, io.h.
 * Thread: core. */
#ifndef STORE_STORE_INTERNAL_H
#define STORE_STORE_INTERNAL_H

#include "store/checkpointer.h"
#include "store/commit_log.h"
#include "store/dispatch.h"
#include "store/store.h"
#include "store/store_lock.h"

struct queue_table;
struct message_index;
struct fd_cache;
struct retention;

enum store_state {
	STORE_WRITABLE,
	STORE_FULL,  /* no space or over the ratio; writable again when space is freed */
	STORE_BROKEN /* a write or an fsync failed: read-only until the next start */
};

struct flush_job;

struct store {
	struct store_config config; /* a copy; strings are owned */
	struct executor *ex;
	struct timers *timers;
	uint64_t wall_ms; /* of this turn */

	struct commit_log log;
	struct queue_table *queues;
	struct message_index *index; /* NULL: messageIndexEnable=false */
	struct fd_cache *fds;        /* the queue side's */
	struct dispatch dispatch;
	struct store_lock lock;
	struct checkpointer checkpointer;
	struct retention *retention;

	bool was_unclean; /* the stop before this start */
	bool has_abort;   /* the file that says so to the next start; nothing is written without it */
	enum store_state state;
	char why[128]; /* of a state that is not STORE_WRITABLE */

	struct list wait_written, wait_flushed; /* struct store_wait, by end */
	struct timer flush_timer, wait_timer;
	struct flush_job *flush;        /* under way, or NULL */
	uint64_t last_flush_ms;         /* timers' clock */
	int64_t written_ms, flushed_ms; /* store time of the last message below that watermark */
	int64_t last_message;           /* its offset; -1: none known */
	int64_t *before_holes;          /* messages right in front of the damage that the recovery passed over */
	size_t before_hole_count;

	store_arrival_fn *on_arrival;
	void *on_arrival_ctx;

	uint64_t puts_total, put_bytes_total, puts_failed, put_max_us;
	uint64_t damaged_messages;
	double disk_ratio_log, disk_ratio_queues;
};

/* End of what readers may see: flushed under sync flush, else written. */
static inline int64_t store_visible_end(const struct store *s) { return s->config.sync_flush ? s->log.flushed : s->log.written; }

/* Frees everything and writes nothing, as a kill would: tests of recovery. Jobs that were submitted must never run. */
void store_abandon(struct store *s);

/* Say and count a damaged message that a reader skips; once a second at most in the log. */
void store_report_damage(struct store *s, int64_t at, const char *what);

#endif
