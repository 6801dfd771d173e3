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
 * What the log's side calls in the queues' side (queue_table.h, consume_queue.h, index.h):
 *
 *   enum rc queue_table_open(struct store *s, struct queue_table **out, char **error);
 *           lists the folders; opens no file. (What we cannot read at all, RocksDB or BatchCQ, recovery.c refused before.)
 *   void    queue_table_close(struct queue_table *t);                       frees; flushes nothing
 *   void    queue_table_set_log_end(struct queue_table *t, int64_t end);    recovery: entries at or beyond it do not exist; applied
 *                                                                           to each queue when it is first loaded
 *   size_t  queue_table_count(const struct queue_table *t);                 queues known, loaded or not
 *   struct store_queue *queue_table_get(struct queue_table *t, struct slice topic, int32_t id, bool make);
 *           loaded: next = visible = entries there. NULL as store_queue_open.
 *   enum rc consume_queue_put(struct store_queue *q, int64_t queue_offset, int64_t at, int32_t size, int64_t tags_code);
 *           memory only, never fails in normal running (queue_offset == end). In recovery: RC_EXISTS when queue_offset is below the
 *           end (the entry is made to say this), RC_MISSING when it is above it (a gap: files were lost; the caller rebuilds)
 *   void    consume_queue_fill(struct store_queue *q, int64_t upto, int64_t at, int32_t size);   recovery, after RC_MISSING: entries from
 *           the end up to queue offset `upto` (not itself). An empty queue begins there (Apache's fill { 0, 0x7FFFFFFF, 0 }); otherwise
 *           they point at a damaged message (`at`, `size`), which readers skip and count. next = visible = upto afterwards
 *   void    queue_table_flush(struct queue_table *t, bool sync, void (*on_done)(struct store *s, enum rc rc));
 *           what was put before this call goes to the files (sync: and to the device) on LANE_FILES; one at a time
 *   enum rc queue_table_flush_now(struct queue_table *t);                   the same, sync, blocking: store_close
 *   void    queue_table_delete_before(struct queue_table *t, int64_t log_min);  retention: files that only point below; min follows
 *   and of the index: index_open(s, clean, out, error), index_close, index_put(x, topic, key, at, store_ms),
 *           index_flush(x, sync, on_done), index_flush_now, index_delete_before(x, log_min), index_cut(x, log_end).
 *           index_put ignores an offset at or below the newest one of its last file (so recovery may repeat), as Apache does.
 *           A look-up leaves out offsets >= store_visible_end().
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

	enum store_state state;
	char why[128]; /* of a state that is not STORE_WRITABLE */

	struct list wait_written, wait_flushed; /* struct store_wait, by end */
	struct timer flush_timer, wait_timer;
	struct flush_job *flush;       /* under way, or NULL */
	uint64_t last_flush_ms;        /* timers' clock */
	int64_t written_ms, flushed_ms; /* store time of the last message below that watermark */
	int64_t last_message;           /* its offset; -1: none known */

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
