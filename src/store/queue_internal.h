/* queue_internal: what queue_table.c, consume_queue.c, queue_files.c, queue_flush.c and queue_retention.c share. Included by them only.
 *
 *   queue_table ─ topics ─ queues          consume_queue.c: tail and reading          queue_files.c: names, loading, writing a run
 *   queue_flush.c: dirty -> LANE_FILES     queue_retention.c: removing files
 *
 * Thread: core, but for the queue_file_* functions, which work on names and descriptors and run anywhere. */
#ifndef STORE_QUEUE_INTERNAL_H
#define STORE_QUEUE_INTERNAL_H

#include <limits.h>
#include <uthash.h>

#include "base/job.h"
#include "base/timers.h"
#include "store/fd_cache.h"
#include "store/get.h"
#include "store/queue_table.h"
#include "store/store_internal.h"

struct queue_topic {
	struct queue_table *table;
	struct store_queue **queues; /* by id, ascending */
	uint32_t count, cap;
	UT_hash_handle hh;
	size_t name_len;
	char name[]; /* NUL behind it */
};

struct queue_tail {
	int64_t from; /* first entry here; the last is the queue's end - 1 */
	uint32_t cap; /* power of two; entry i stands at (i & (cap - 1)) * 20 */
	uint8_t entries[];
};

enum flush_state { FLUSH_IDLE, FLUSH_WRITING, FLUSH_SYNCING };

struct queue_flush {
	enum flush_state state;
	bool is_sync;                                 /* of the round under way */
	void (*on_done)(struct store *s, enum rc rc); /* of the round under way */
	bool had_job;                                 /* the round has left the core at least once */
	bool again, again_sync;                       /* another round is wanted behind it */
	void (*again_done)(struct store *s, enum rc rc);
	enum rc rc;
	struct list round; /* queues that this round still has to write (dirty_link) or to sync (sync_link) */
	struct timer timer;
	bool hurry; /* a queue has many entries that are not filed */
};

struct queue_table {
	struct store *store;
	struct queue_topic *topics; /* uthash */
	char *folder;               /* consumequeue */
	int64_t file_entries;
	size_t count;
	uint32_t serial;
	int64_t log_end;      /* INT64_MAX: not said */
	bool is_running;      /* the executor runs jobs; before, in recovery, everything is written in place */
	struct list hot;      /* tails, least used first */
	struct list dirty;    /* entries not filed */
	struct list unsynced; /* entries filed but not known to be on the device */
	uint64_t tail_bytes;
	int64_t unfiled;           /* entries, all queues */
	struct fd_cache *lane_fds; /* used by jobs of LANE_FILES, and by the core while no job can run */
	struct queue_flush flush;
	bool retention_is_running;
	struct list gets;          /* get.c: struct store_get that wait for a job */
	struct get_damage *damage; /* get.c: messages that readers skip */
};

static inline struct queue_table *queue_table_of(const struct store_queue *q) { return q->topic->table; }
static inline int64_t queue_file_begin(const struct queue_table *t, int64_t i) { return i - i % t->file_entries; }
/* Entry without a message: before the first message of a queue that began above zero (at is 0), or for a damaged one (recovery). */
static inline bool queue_entry_is_filler(struct queue_entry e) { return e.size == QUEUE_FILLER_SIZE; }
static inline bool queue_entry_is_below(struct queue_entry e, int64_t log_min)
{
	return e.at < log_min || (queue_entry_is_filler(e) && e.at == 0);
}
/* It belongs to a queue whose log ends at log_end. */
static inline bool queue_entry_is_inside(struct queue_entry e, int64_t log_end)
{
	return e.at >= 0 && e.size > 0 && (queue_entry_is_filler(e) ? e.at == 0 || e.at < log_end : e.size <= log_end - e.at);
}
static inline bool queue_entry_is_valid(struct queue_entry e) { return e.at >= 0 && e.size > 0; }

/* ---- names and files (any thread) ---- */

/* What a job needs to know of a queue's files, without touching the queue: topic's name and id live as long as the queue, and
 * a queue lives as long as its jobs. */
struct queue_place {
	const char *folder, *topic;
	int32_t id;
	uint32_t serial;
	int64_t file_entries;
};

static inline struct queue_place queue_place_of(const struct store_queue *q)
{
	const struct queue_table *t = queue_table_of(q);

	return (struct queue_place){t->folder, q->topic->name, q->id, q->serial, t->file_entries};
}

bool queue_file_path(const struct queue_place *p, int64_t begin, char out[PATH_MAX]); /* begin < 0: the folder */
/* Files of the folder, ascending, by first entry; malloc'ed. RC_OK also when there is no folder. */
enum rc queue_file_list(const struct queue_place *p, int64_t **begins, size_t *count);
/* Write `count` encoded entries from queue offset `from` on; makes folders and files; `begins`: the first file is new, and filled up
 * to `from`. */
enum rc queue_file_write(const struct queue_place *p, struct fd_cache *fds, bool begins, int64_t from, const uint8_t *entries,
			 int count);
/* fdatasync of the files that hold [from, to); *is_new: a file may be new, and with it the names of its folders. */
enum rc queue_file_sync(const struct queue_place *p, struct fd_cache *fds, int64_t from, int64_t to, bool *is_new);
enum rc queue_file_sync_topic(const struct queue_place *p); /* the names of the topic's queues */
/* One entry, read with the given descriptors; RC_NOT_FOUND when its file is not there or too short. */
enum rc queue_file_entry(const struct queue_place *p, struct fd_cache *fds, int64_t i, struct queue_entry *e);
/* First entry in [from, to) whose message begins at log_min or later; `to` when there is none. */
enum rc queue_file_first_alive(const struct queue_place *p, struct fd_cache *fds, int64_t from, int64_t to, int64_t log_min,
			       int64_t *found);

/* ---- queues (core) ---- */

enum rc queue_load(struct store_queue *q);                 /* folder and files -> first, min, filed, end */
enum rc queue_cut(struct store_queue *q, int64_t log_end); /* entries beyond the log go (blocks; recovery) */
void queue_tail_free(struct store_queue *q);
void queue_tail_shrink(struct store_queue *q); /* after a burst, when all is filed: to QUEUE_TAIL_HOT */
void queue_tails_trim(struct queue_table *t);  /* to QUEUE_TAILS_BYTES */
void queue_touch(struct store_queue *q);       /* used now */
void queue_mark_dirty(struct store_queue *q);
void queue_mark_unsynced(struct store_queue *q, int64_t from);
/* Entries [from, to) stand in the files now, and in the tail still. Apache 4.9 chooses the file to search for a time by the files' times of change
 * (MappedFileQueue.getMappedFileByTime): a full one gets the store time of its last message. */
void queue_stamp_files(struct store_queue *q, int64_t from, int64_t to);
enum rc queue_write_now(struct store_queue *q);   /* what is not filed, in place; recovery and close */
void queue_job_ended(struct store_queue *q);      /* q->jobs - 1; frees a deleted queue with its last job */
void queue_topic_drop(struct queue_topic *topic); /* frees it when its last queue is gone */
/* Encoded entries [from, from + count) of the tail, copied. */
void queue_tail_copy(const struct store_queue *q, int64_t from, int count, uint8_t *out);

void queue_flush_init(struct queue_table *t);
void queue_flush_fini(struct queue_table *t);
void queue_flush_hurry(struct queue_table *t);
enum rc queue_table_write_all(struct queue_table *t); /* what is not filed, in place; no job may be under way */

#endif
