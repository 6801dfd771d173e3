/* queue_table: topic + id -> queue, and the writing of queues to their files.
 *
 *   topics (hash by name) -> queue_topic: name once, its queues sorted by id -> store_queue
 *
 *   put -> dirty list -> flush: slices of QUEUE_FLUSH_SLICE entries are copied, LANE_FILES writes them, `filed` moves on
 *                     -> sync:  files written since the last sync, fdatasync in slices, so that the lane stays free for others
 *
 * An idle queue costs sizeof(struct store_queue) and its share of the name; all tails together keep QUEUE_TAILS_BYTES at most
 * beyond what is not filed yet (the least used go first).
 * Thread: core. Memory: the table owns all. */
#ifndef STORE_QUEUE_TABLE_H
#define STORE_QUEUE_TABLE_H

#include "base/list.h"
#include "store/consume_queue.h"
#include "store/store.h"

#define QUEUE_TAILS_BYTES (32u << 20) /* tails that are only kept for readers */
#define QUEUE_FLUSH_SLICE 32768       /* entries that one job writes */
#define QUEUE_FDS_MAX 256             /* descriptors of queue files, for readers */
#define QUEUE_LANE_FDS_MAX 64         /* the same for the jobs that write */
#define QUEUE_SYNC_SLICE 64           /* files that one job syncs */
#define QUEUE_SYNC_ALL 256            /* queues from which on the file system is synced as a whole */
#define QUEUE_RETENTION_SLICE 512     /* queues that one job looks at */
#define QUEUE_TOPIC_MAX 255           /* bytes of a folder name */

struct queue_table;

/* Lists the folders; opens no queue file but one (its size must be what the configuration says). RC_UNSUPPORTED and one line,
 * malloc'ed, for what we cannot read. Sets s->fds. */
enum rc queue_table_open(struct store *s, struct queue_table **out, char **error);
void queue_table_close(struct queue_table *t); /* frees; flushes nothing; no job may be under way */

/* Entries whose message ends beyond `end` do not exist: they are cut off when the queue is first loaded (at once where it is). */
void queue_table_set_log_end(struct queue_table *t, int64_t end);

size_t queue_table_count(const struct queue_table *t); /* queues known, loaded or not */

/* Loaded: next = visible = end at the first use. NULL when absent (make false), when STORE_QUEUES_MAX is reached, when the name
 * cannot be a folder, or when its files cannot be read (a line in the log says so). */
struct store_queue *queue_table_get(struct queue_table *t, struct slice topic, int32_t id, bool make);

/* What was put before this call goes to the files (sync: and to the device) on LANE_FILES; on_done runs on the core, never inside.
 * One at a time for each kind of caller; NULL on_done: nobody waits. Without it the table flushes each queue_flush_interval_ms. */
void queue_table_flush(struct queue_table *t, bool sync, void (*on_done)(struct store *s, enum rc rc));
/* The same, sync, blocking. No job may be under way. */
enum rc queue_table_flush_now(struct queue_table *t);

/* Retention: files that only point below log_min are removed on LANE_FILES, never the last of a queue; then min and first follow. */
void queue_table_delete_before(struct queue_table *t, int64_t log_min);

/* All queues of a topic leave the table at once; their files are removed on LANE_FILES. */
void queue_table_delete_topic(struct queue_table *t, struct slice topic);

void queue_table_each(struct queue_table *t, void (*visit)(void *ctx, struct store_queue *q), void *ctx); /* loads all */

struct slice queue_topic_name(const struct store_queue *q);
uint64_t queue_table_tail_bytes(const struct queue_table *t); /* memory of all tails */

#endif
