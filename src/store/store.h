/* store: the commit log, the consume queues and the index of one broker, as one thing.
 *
 *   store_append ... (stage, in memory) ... store_end_turn: one pwritev -> `written` moves on -> queues and index follow ->
 *   arrivals are told, waiters for `written` released -> LANE_FLUSH: fdatasync -> `flushed` moves on -> waiters for it released
 *
 *   | 0 .... min .... flushed .... written .... staged |        only grow, but for min after retention, all in bytes of the log
 *
 * Nobody sees a message that is not acknowledgeable: store_get and max offsets stop at the watermark that acknowledges
 * (written for ASYNC_FLUSH, flushed for SYNC_FLUSH).
 * Files are Apache's (docs/disk-format.md). The log is the truth, all else is rebuilt from it.
 * Thread: core only, every function. What blocks runs on the executor. Memory: the store owns its queues; a struct store_queue *
 * stays valid until store_delete_topic of its topic. */
#ifndef STORE_STORE_H
#define STORE_STORE_H

#include "base/job.h"
#include "base/list.h"
#include "base/timers.h"
#include "store/message.h"

#define STORE_QUEUES_MAX 200000 /* most queues that clients can make the store open */
#define STORE_HOLES_MAX 1024    /* places of damage that a start remembers */
#define DELAY_LEVELS_MAX 64
#define TOPIC_SCHEDULE "SCHEDULE_TOPIC_XXXX"

struct store;
struct store_queue;

struct store_config {                                         /* Apache's keys beside each; see config_defaults.tsv */
	const char *root;                                     /* storePathRootDir */
	const char *commit_log_path;                          /* storePathCommitLog; NULL: root/commitlog */
	uint64_t segment_bytes;                               /* mappedFileSizeCommitLog */
	uint32_t queue_file_entries;                          /* mappedFileSizeConsumeQueue / 20 */
	uint32_t index_slots, index_entries;                  /* maxHashSlotNum, maxIndexNum */
	bool index_enabled;                                   /* messageIndexEnable */
	bool sync_flush;                                      /* flushDiskType == SYNC_FLUSH */
	uint32_t flush_interval_ms;                           /* flushIntervalCommitLog */
	uint32_t flush_least_pages;                           /* flushCommitLogLeastPages */
	uint32_t flush_thorough_interval_ms;                  /* flushCommitLogThoroughInterval */
	uint32_t sync_flush_timeout_ms;                       /* syncFlushTimeout */
	uint32_t queue_flush_interval_ms;                     /* flushIntervalConsumeQueue */
	uint32_t max_message_bytes;                           /* maxMessageSize, of the body */
	uint32_t file_reserved_hours;                         /* fileReservedTime */
	const char *delete_when;                              /* deleteWhen: "04" or "04;16" */
	uint32_t disk_max_used_percent;                       /* diskMaxUsedSpaceRatio */
	double disk_warning_ratio, disk_clean_forcibly_ratio; /* diskSpaceWarningLevelRatio, diskSpaceCleanForciblyRatio */
	bool clean_file_forcibly;                             /* cleanFileForciblyEnable */
	bool check_crc_on_recover;                            /* checkCRCOnRecover */
	int64_t delay_ms[DELAY_LEVELS_MAX];                   /* messageDelayLevel, [0] = level 1 */
	int delay_levels;
};

/* Open or create; recovers after an unclean stop (blocks; this is start-up). `error`, out on failure: one malloc'ed line that names
 * path, reason and remedy. Returns RC_OK, RC_LOCKED, RC_PERMISSION, RC_UNSUPPORTED (something there that we cannot read:
 * nothing was touched), RC_CORRUPT, RC_IO ... */
enum rc store_open(const struct store_config *config, struct executor *ex, struct timers *timers, uint64_t wall_ms,
		   struct store **out, char **error);

/* Take what may change while the store is open: flush intervals and limits, syncFlushTimeout, maxMessageSize, and what says which files are
 * deleted when. The rest of `config` is not looked at. From the next time on that each is asked for: timers that run are not moved. */
void store_reconfigure(struct store *s, const struct store_config *config);

/* Clean stop: writes, flushes, checkpoints, removes `abort`. Blocks. No job may be under way on the executor any more
 * (the shell drains it first). */
void store_close(struct store *s);

/* ---- append ---- */

struct append_result {
	int64_t physical_offset; /* where the message begins */
	int64_t end;             /* where it ends: what to wait for */
	int64_t queue_offset;
};

/* Queue of a topic, made when absent. NULL when STORE_QUEUES_MAX is reached or the name cannot be a folder. */
struct store_queue *store_queue_open(struct store *s, struct slice topic, int32_t queue_id) MUST_USE;
struct store_queue *store_queue_find(struct store *s, struct slice topic, int32_t queue_id); /* NULL when absent */

/* Stage one message: topic, body, properties are copied; queue_offset, physical_offset, store_timestamp = wall_ms are set here.
 * `queue` NULL: appended to the log but to no consume queue.
 * Half messages and rollbacks are appended to the queue given (the broker passes RMQ_SYS_TRANS_HALF_TOPIC's).
 * Returns RC_OK and *result; RC_TOO_BIG; RC_READ_ONLY, RC_DISK_FULL, RC_IO (nothing was changed). Never blocks, but for a segment
 * that was not allocated in time. */
enum rc store_append(struct store *s, struct store_queue *queue, const struct message *m, uint64_t wall_ms,
		     struct append_result *result) MUST_USE;

/* Once a loop turn, after all handlers: writes the stage, moves `written`, tells arrivals, releases waiters (callbacks run inside). */
void store_end_turn(struct store *s, uint64_t wall_ms);
bool store_has_staged(const struct store *s);
/* All that was appended to the device, before store_close: blocks, no job is under way, nobody is told. RC_OK, or why not. */
enum rc store_flush(struct store *s, uint64_t wall_ms);

enum watermark { WATERMARK_WRITTEN, WATERMARK_FLUSHED };

struct store_wait { /* embedded in the waiting request */
	struct list link;
	int64_t end;
	uint64_t deadline_ms; /* the store's */
	/* rc: RC_OK, RC_DISK_FULL, RC_IO, RC_READ_ONLY (the write or the fsync failed: not acknowledgeable), RC_TIMEOUT (no fsync within
	 * syncFlushTimeout: the message may still be kept, Apache's FLUSH_DISK_TIMEOUT). Runs on the core, inside
	 * store_end_turn or a job's completion, never inside store_wait_for. */
	void (*on_ready)(struct store_wait *w, enum rc rc);
};
void store_wait_for(struct store *s, struct store_wait *w, int64_t end, enum watermark mark);
void store_wait_cancel(struct store_wait *w);

/* ---- read ---- */

enum get_status { /* as Apache's GetMessageStatus; src/broker/pull.c turns them into response codes */
		  GET_FOUND,
		  GET_NO_MATCHED_MESSAGE,    /* all filtered out; next_offset is past what was looked at */
		  GET_OFFSET_OVERFLOW_ONE,   /* offset == max: nothing there yet */
		  GET_OFFSET_OVERFLOW_BADLY, /* offset > max; next_offset = max */
		  GET_OFFSET_TOO_SMALL,      /* next_offset = min */
		  GET_NO_MESSAGE_IN_QUEUE,   /* max == 0 */
		  GET_MESSAGE_WAS_REMOVING   /* log segment gone under the queue; next_offset = first entry that is still there */
};

#define GET_RANGES_MAX 32 /* most messages in one answer; neighbours share a range */
struct store_get {
	/* in; unchanged by the store */
	struct store_queue *queue;
	int64_t offset;                                               /* queue offset */
	int32_t max_count;                                            /* messages */
	int32_t max_bytes;                                            /* a first message that is larger comes alone */
	bool (*filter)(const struct store_get *g, int64_t tags_code); /* NULL: all */
	const void *filter_arg;
	uint64_t
		filter_bits; /* not 0: filter refuses every tags code c whose bit 1 << (c & 63) is not set here, so that it need not be asked */
	/* out of store_get_plan */
	enum get_status status;
	int64_t next_offset, min_offset, max_offset;
	int32_t count, bytes;
	struct {
		int64_t at;
		int32_t bytes;
	} ranges[GET_RANGES_MAX]; /* of the log, neighbours merged */
	int range_count;
	/* when RC_PENDING was returned: called on the core when it is worth calling again */
	void (*on_warm)(struct store_get *g);
	struct list link; /* the store's */
	void *job;        /* the store's */
};

/* Decide what an answer holds. RC_OK: out fields are set. RC_PENDING: pages are cold, a job reads them, on_warm follows (not inside). */
enum rc store_get_plan(struct store *s, struct store_get *g);
/* Read the planned bytes to dest (g->bytes). RC_OK; RC_PENDING as above (dest's contents are undefined; plan again after on_warm);
 * RC_IO / RC_CORRUPT. */
enum rc store_get_read(struct store *s, struct store_get *g, uint8_t *dest);
void store_get_cancel(struct store *s, struct store_get *g); /* on_warm will not be called */

/* One stored message by physical offset, whole, appended to `out`. RC_OK; RC_NOT_FOUND; RC_PENDING (then on_warm is called with g;
 * only g->on_warm must be set); RC_CORRUPT. */
enum rc store_read_message(struct store *s, int64_t physical_offset, struct buf *out, struct store_get *g);

/* The stop before this start was a crash: what lies outside the store may be ahead of it. */
bool store_was_unclean(const struct store *s);
/* Messages behind which something is missing after an unclean stop: the last one of the log (i = 0), then those in front of damage that
 * was passed over (at most STORE_HOLES_MAX). Where each begins; -1: there are no more. */
int64_t store_unfollowed(const struct store *s, size_t i);

int64_t store_queue_min(const struct store_queue *q); /* queue offsets; 0 for NULL */
int64_t store_queue_max(const struct store_queue *q); /* the offset that the next visible message gets */
struct slice store_queue_topic(const struct store_queue *q);
int32_t store_queue_id(const struct store_queue *q);
void *store_queue_user(const struct store_queue *q); /* one pointer for the broker: the pulls that wait on this queue */
void store_queue_set_user(struct store_queue *q, void *user);

/* Told at the end of a turn for each newly visible message of a queue whose user pointer is set. */
typedef void store_arrival_fn(void *ctx, struct store_queue *q, int64_t queue_offset, int64_t tags_code);
void store_on_arrival(struct store *s, store_arrival_fn *on_arrival, void *ctx);

/* Queue offset by time (Apache getOffsetInQueueByTime): LOWER = first message stored at or after, UPPER = last one before or at. Blocks for
 * a few page reads at most. */
enum boundary { BOUNDARY_LOWER, BOUNDARY_UPPER };
int64_t store_offset_by_time(struct store *s, struct store_queue *q, int64_t timestamp_ms, enum boundary b);
int64_t store_message_time(struct store *s, struct store_queue *q,
			   int64_t queue_offset); /* store time of that message, -1 when not there */
/* What the queue has at an offset: where the message is in the log, how long it is, and the code of its tag. RC_OK; RC_NOT_FOUND outside of
 * [min, max); RC_IO, RC_CORRUPT. Blocks for one page at most; for admins. */
struct store_entry {
	int64_t physical_offset, tags_code;
	int32_t size;
};
enum rc store_queue_entry(struct store_queue *q, int64_t queue_offset, struct store_entry *out);
int64_t store_earliest_time(struct store *s); /* of the log, -1 when empty */

/* Messages by key, from the index (Apache IndexService.queryOffset): physical offsets, newest first, at most max (<= 64). */
struct store_query {
	struct slice topic, key; /* must live until on_done */
	char type;               /* 'K' keys, 'U' unique key, 'T' tags, 0 = any of K and U */
	int64_t begin_ms, end_ms;
	int32_t max;
	int64_t *offsets; /* out, caller's, max entries */
	int32_t count;
	int64_t index_last_update_ms, index_last_physical_offset;
	void (*on_done)(struct store_query *q, enum rc rc); /* on the core, never inside store_query_keys */
	struct job job;
	struct store *store; /* the store's */
};
void store_query_keys(struct store *s, struct store_query *q);

/* Forget a topic's queues (its files are removed off the core; the log keeps the messages). Waiting gets end with GET_NO_MESSAGE_IN_QUEUE. */
void store_delete_topic(struct store *s, struct slice topic);
void store_each_queue(struct store *s, void (*visit)(void *ctx, struct store_queue *q), void *ctx);

/* Delete what is older than fileReservedTime now, whatever the hour (DELETE_EXPIRED_COMMITLOG, 329). */
void store_delete_expired(struct store *s);

/* ---- figures, for GET_BROKER_RUNTIME_INFO and metrics ---- */
struct store_figures {
	int64_t min_offset, staged, written, flushed; /* of the log */
	uint64_t puts_total, put_bytes_total, puts_failed;
	uint64_t put_max_us;                             /* longest write of a turn's messages to the log */
	double disk_ratio_commit_log, disk_ratio_queues; /* 0..1 used */
	bool is_writable, is_broken;                     /* broken: what is not flushed never will be */
	char why_read_only[128];
	uint64_t queue_count;
	uint64_t damaged_messages; /* skipped by readers */
};
void store_get_figures(const struct store *s, struct store_figures *f);
bool store_is_writable(const struct store *s);

#endif
