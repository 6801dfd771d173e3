/* Happy path: find where to start, walk, dispatch again, cut, sync. Failure modes: a hole is passed over when good messages follow it; a
 * queue whose entries are not where they must be (files lost) makes the whole rebuild start at the begin of the log, once; a log that
 * cannot be read is an error, never an empty store. */
#include "store/recovery.h"

#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/consume_queue.h"
#include "store/index.h"
#include "store/io.h"
#include "store/log_walk.h"
#include "store/queue_table.h"
#include "store/store_internal.h"

#define APACHE_SAFETY_MS 3000 /* StoreCheckpoint.getMinTimestamp */
#define PROGRESS_BYTES (64 << 20)
#define GAP_MAX 65536          /* entries that a hole may have cost a queue */
#define OFFSET_MAX (1ll << 48) /* no queue gets there */
#define CLOCK_STEP_MS 86400000 /* a store time further ahead than this is damage */

struct recovery {
	struct store *s;
	struct log_walk walk;
	bool dispatch;    /* queues and index get what is walked over */
	bool rebuild;     /* from the begin of the log: a queue may begin anywhere */
	bool queues_lost; /* found out on the way: start again with rebuild */
	uint32_t walks;   /* begun */
	int64_t start, end;
	int64_t newest_ms, last_message;
	int64_t hole;    /* begin of the newest damaged message; -1 */
	int64_t indexed; /* newest message whose keys were put */
	bool is_behind_hole;
	uint64_t messages, damaged;
	struct timespec began;
	int64_t said; /* progress */
};

/* ---- what we cannot read ---- */

static bool exists(const char *root, const char *name)
{
	char *path = mem_printf("%s/%s", root, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static bool is_rocksdb(const char *root, const char *folder)
{
	char *name = mem_printf("%s/CURRENT", folder);
	bool there = exists(root, name);

	free(name);
	return there;
}

static bool has_entries(const char *root, const char *folder)
{
	char *path = mem_printf("%s/%s", root, folder);
	DIR *dir = opendir(path);
	const struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir)) != NULL)
		found = e->d_name[0] != '.';
	if (dir)
		closedir(dir);
	free(path);
	return found;
}

/* Folder names: RocksDBConsumeQueueStore (consumequeue), RocksDB*Manager and ConfigStorage (config/...) of Apache 5.3.3 and 5.5.0. They come with
 * storeType=defaultRocksDB, useSingleRocksDBForAllConfigs and configManagerVersion=v2. Under default settings 5.5.0 makes an empty
 * rocksdbstore/, which holds nothing. */
static const char *find_rocksdb(const char *root, const char **remedy)
{
	static const char *const config[] = {"config/topics", "config/subscriptionGroups", "config/consumerOffsets", "config/rdb",
					     "config/metadata"};
	static const char *const queues[] = {"consumequeue",
					     "consumequeue_rocksdb"}; /* the other: 5.5, useSeparateStorePathForRocksdbCQ */

	*remedy = "let Apache's broker write it as JSON (mqadmin rocksDBConfigToJson), stop it and move this folder away";
	for (size_t i = 0; i < COUNT_OF(config); i++)
		if (is_rocksdb(root, config[i]))
			return config[i];
	*remedy = "move this folder away, the queues are made again from the commit log";
	for (size_t i = 0; i < COUNT_OF(queues); i++)
		if (is_rocksdb(root, queues[i]))
			return queues[i];
	return NULL;
}

static bool has_dledger(const char *root, char name[256])
{
	DIR *dir = opendir(root);
	const struct dirent *e;
	bool found = false;

	while (dir && !found && (e = readdir(dir)) != NULL)
		if (strncmp(e->d_name, "dledger-", 8) == 0)
			found = mem_format(name, 256, "%s", e->d_name);
	if (dir)
		closedir(dir);
	return found;
}

enum rc recovery_refuse(const struct store_config *config, char **error)
{
	const char *root = config->root, *remedy, *folder = find_rocksdb(root, &remedy);
	char name[256];

	if (folder)
		*error =
			mem_printf("store: '%s/%s' is a RocksDB, which fusee cannot read: %s, or choose another storePathRootDir",
				   root, folder, remedy);
	else if (has_dledger(root, name))
		*error = mem_printf(
			"store: '%s/%s' is a DLedger log, which fusee cannot read: copy its messages with Apache's tools to "
			"a broker without enableDLegerCommitLog, or choose another storePathRootDir",
			root, name);
	else if (has_entries(root, "batchconsumequeue"))
		*error = mem_printf(
			"store: '%s/batchconsumequeue' holds BatchCQ topics, which fusee cannot read: consume and delete the "
			"topics with queue.type=BatchCQ on Apache's broker first",
			root);
	else if (has_entries(root, "consumequeue_ext"))
		*error = mem_printf(
			"store: '%s/consumequeue_ext' holds consume queue extensions (enableConsumeQueueExt), which fusee "
			"cannot read: move this folder and consumequeue away, the queues are made again from the commit log",
			root);
	else if (exists(root, "config/tieredStoreMetadata.json"))
		*error = mem_printf(
			"store: '%s/config/tieredStoreMetadata.json' says that messages are in tiered storage, which fusee "
			"cannot read: turn it off on Apache's broker, let what is there expire, and remove this file",
			root);
	else
		return RC_OK;
	return RC_UNSUPPORTED;
}

/* ---- where to start ---- */

static int64_t log_limit(const struct commit_log *log)
{
	return log->count ? log->segments[log->count - 1]->base + log->segment_bytes : log->min;
}

/* Store time of the first message of a segment, 0 when it has none. */
static int64_t first_time(struct store *s, const struct segment *seg)
{
	struct log_walk w;
	struct message m;
	int64_t ms = 0;

	log_walk_init(&w, &s->log, seg->base, false);
	if (log_walk_next(&w, &m) == WALK_MESSAGE && w.at == seg->base)
		ms = m.store_timestamp;
	log_walk_free(&w);
	return ms;
}

static int64_t apache_start(struct store *s, const struct checkpoint *c)
{
	int64_t newest = (c->log_ms < c->queues_ms ? c->log_ms : c->queues_ms) - APACHE_SAFETY_MS;

	for (size_t i = s->log.count; i-- > 0;) {
		int64_t ms = first_time(s, s->log.segments[i]);

		if (ms > 0 && ms <= newest)
			return s->log.segments[i]->base;
	}
	return s->log.min;
}

static int64_t last_used_segment(struct store *s)
{
	for (size_t i = s->log.count; i-- > 0;)
		if (first_time(s, s->log.segments[i]) > 0)
			return s->log.segments[i]->base;
	return s->log.min;
}

/* `at` is a place where a message begins or could begin. */
static bool is_boundary(struct store *s, int64_t at)
{
	struct log_walk w;
	struct message m;
	enum walk_step step;

	if (at < s->log.min || at > log_limit(&s->log))
		return false;
	log_walk_init(&w, &s->log, at, true);
	step = log_walk_next(&w, &m);
	log_walk_free(&w);
	return step == WALK_MESSAGE || step == WALK_END;
}

static int64_t unclean_start(struct store *s, const struct checkpoint *c)
{
	int64_t start = apache_start(s, c);

	if (c->has_safe && c->safe > start && is_boundary(s, c->safe))
		start = c->safe;
	return start;
}

/* The end that our own clean stop wrote down: proved by the last message, which must be whole and end there. */
static bool clean_end(struct recovery *r, const struct checkpoint *c)
{
	struct log_walk w;
	struct message m;
	bool proved;

	if (!c->is_ours || c->log_end < 0 || c->log_end < r->s->log.min || c->log_end > log_limit(&r->s->log))
		return false;
	if (c->last_message < r->s->log.min)
		return c->last_message < 0 && c->log_end == r->s->log.min;
	log_walk_init(&w, &r->s->log, c->last_message, true);
	proved = log_walk_next(&w, &m) == WALK_MESSAGE && w.next == c->log_end;
	if (proved) {
		r->newest_ms = m.store_timestamp;
		r->last_message = w.at;
		proved = log_walk_next(&w, &m) == WALK_END; /* nobody wrote behind it */
	}
	log_walk_free(&w);
	return proved;
}

/* ---- the walk ---- */

static void say_progress(struct recovery *r)
{
	int64_t done = r->walk.next - r->start, all = log_limit(&r->s->log) - r->start;
	struct timespec now;
	double seconds, rate;

	if (r->walk.next - r->said < PROGRESS_BYTES)
		return;
	r->said = r->walk.next;
	clock_gettime(CLOCK_MONOTONIC, &now);
	seconds = (double)(now.tv_sec - r->began.tv_sec) + (double)(now.tv_nsec - r->began.tv_nsec) / 1e9;
	rate = (double)done / (seconds > 0.001 ? seconds : 0.001);
	log_info("store", "recovery: %.0f%%, %.0f MB/s, at most %.0f s left", 100.0 * (double)done / (double)all, rate / 1e6,
		 (double)(all - done) / rate);
}

/* The newest entry of a queue points below the log: retention took the rest, and the queue may go on anywhere. */
static bool is_behind_log(struct recovery *r, struct store_queue *q)
{
	struct queue_entry e;

	return consume_queue_entry(q, q->end - 1, &e) != RC_OK || e.at < r->s->log.min;
}

/* Only the body has a CRC: a queue offset that cannot be is damage too. The message is in the log, but no queue has it. */
static enum rc suspect(struct recovery *r, const struct message *m)
{
	r->damaged++;
	r->hole = m->physical_offset;
	log_error("store",
		  "commit log: message at %lld has queue offset %lld, which does not follow in '%.*s' queue %d: left out",
		  (long long)m->physical_offset, (long long)m->queue_offset, SLICE_ARG(m->topic), m->queue_id);
	return RC_EXISTS;
}

/* Entries that must be there and are not. Behind a hole they may be missing: readers skip what stands in for them. RC_OK: the entry of
 * m can be put; RC_EXISTS: it must not. */
static enum rc fill_gap(struct recovery *r, struct store_queue *q, const struct message *m)
{
	bool is_empty = q->end == q->first && !q->has_files;
	int64_t hole = r->hole >= 0 ? r->hole : m->physical_offset;

	if (!r->rebuild && (is_empty || r->hole < 0)) {
		r->queues_lost = true;
		return RC_EXISTS;
	}
	if (is_empty)
		return RC_OK; /* it begins there */
	if (is_behind_log(r, q))
		return consume_queue_reset(q);
	if (m->queue_offset - q->end > GAP_MAX)
		return suspect(r, m);
	for (int64_t i = q->end; i < m->queue_offset; i++) {
		enum rc rc = consume_queue_put(q, i, hole, QUEUE_FILLER_SIZE, 0);

		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* An entry that this walk made may be made anew (a damaged message took its place), and what a power failure left of one; an older one is
 * right. A queue without any begins earlier: retention was stopped between its files and the log's. */
static enum rc take_place(struct recovery *r, struct store_queue *q, const struct message *m)
{
	struct queue_entry e;

	if (q->end == q->first && m->queue_offset >= 0 && q->end - m->queue_offset <= GAP_MAX)
		return consume_queue_reset(q);
	if (m->queue_offset < 0 || consume_queue_entry(q, m->queue_offset, &e) != RC_OK)
		return suspect(r, m);
	return e.at >= r->start || consume_queue_is_wreck(q, m->queue_offset, e) ? RC_OK : suspect(r, m);
}

/* What stands in front of the first message of a whole log points below it, or was lost with the power before retention took its messages. */
static void begin_at(const struct recovery *r, struct store_queue *q, int64_t queue_offset)
{
	if (q->walk != r->walks && r->start == r->s->log.min && queue_offset > q->min)
		q->min = queue_offset;
	q->walk = r->walks;
}

static enum rc put_entry(struct recovery *r, const struct message *m, int32_t size, int64_t tags_code)
{
	struct store_queue *q = queue_table_get(r->s->queues, m->topic, m->queue_id, true);
	enum rc rc = RC_OK;

	if (q == NULL)
		return RC_OK; /* a name that is no folder: said by the table */
	if (m->queue_offset > OFFSET_MAX)
		rc = suspect(r, m);
	else if (m->queue_offset > q->end)
		rc = fill_gap(r, q, m);
	else if (m->queue_offset < q->end)
		rc = take_place(r, q, m);
	if (rc == RC_OK) {
		rc = consume_queue_put(q, m->queue_offset, m->physical_offset, size, tags_code);
		if (rc == RC_OK || rc == RC_EXISTS)
			begin_at(r, q, m->queue_offset);
	}
	q->next = q->visible = q->end;
	return rc == RC_EXISTS ? RC_OK : rc;
}

static enum rc dispatch_again(struct recovery *r, const struct message *m, bool is_damaged)
{
	struct dispatch_words words;
	enum rc rc = RC_OK;

	dispatch_pick(m->properties, &words);
	if (dispatch_has_entry(m))
		rc = put_entry(r, m, is_damaged ? QUEUE_FILLER_SIZE : (int32_t)m->size, dispatch_tags_code(r->s, m, &words));
	if (rc == RC_OK && !is_damaged && m->physical_offset > r->indexed) {
		dispatch_keys(r->s, m, &words);
		r->indexed = m->physical_offset; /* a rebuild walks over it once more */
	}
	return rc;
}

/* An op message says that a transaction is over; the final message of a commit stands right in front of it. When damage stands there, the
 * transaction must stay open: its producer is asked again. */
static bool ends_what_is_lost(const struct message *m)
{
	if (!slice_is(m->topic, "RMQ_SYS_TRANS_OP_HALF_TOPIC"))
		return false;
	log_warn("store", "commit log: the message at %lld ends a transaction whose final message may be damaged: left out",
		 (long long)m->physical_offset);
	return true;
}

/* And a final message whose op message is damaged: the broker writes another one. */
static void remember_before_hole(struct recovery *r)
{
	struct store *s = r->s;

	r->is_behind_hole = true;
	if (r->last_message < 0 || s->before_hole_count == STORE_HOLES_MAX)
		return;
	s->before_holes = mem_realloc(s->before_holes, (s->before_hole_count + 1) * sizeof(s->before_holes[0]));
	s->before_holes[s->before_hole_count++] = r->last_message;
}

static enum rc take_message(struct recovery *r, const struct message *m)
{
	enum rc rc = RC_OK;

	if (m->store_timestamp <= (int64_t)r->s->wall_ms + CLOCK_STEP_MS)
		r->newest_ms = m->store_timestamp;
	r->last_message = r->walk.at;
	r->messages++;
	say_progress(r);
	if (r->dispatch)
		rc = dispatch_again(r, m, r->is_behind_hole && ends_what_is_lost(m));
	r->is_behind_hole = false;
	return rc;
}

/* Bytes that are no good message: a hole when good ones follow, else the end. True: go on at walk.next. */
static bool pass_hole(struct recovery *r, const struct message *m, enum rc *rc)
{
	int64_t at = r->walk.at;
	struct message damaged = *m; /* its slices die with the next read */
	char *topic = slice_dup(m->topic), *properties = slice_dup(m->properties);

	damaged.topic.at = topic;
	damaged.properties.at = properties;
	if (!log_walk_resync(&r->walk, RESYNC_BYTES, r->newest_ms)) {
		free(topic);
		free(properties);
		return false;
	}
	r->hole = at;
	remember_before_hole(r);
	if (r->dispatch && damaged.size)
		*rc = dispatch_again(r, &damaged, true);
	free(topic);
	free(properties);
	r->damaged++;
	log_error("store", "commit log: %lld damaged bytes at %lld are passed over, good messages follow",
		  (long long)(r->walk.next - at), (long long)at);
	return true;
}

static enum rc walk(struct recovery *r)
{
	enum rc rc = RC_OK;
	struct message m;

	while (rc == RC_OK && !r->queues_lost) {
		enum walk_step step = log_walk_next(&r->walk, &m);

		if (step == WALK_MESSAGE)
			rc = take_message(r, &m);
		else if (step == WALK_FAILED)
			rc = r->walk.rc;
		else if (!pass_hole(r, &m, &rc))
			break;
	}
	return rc;
}

/* Walk from `start`. The end is behind the last good message, or, behind a blank, where the next segment begins. */
static enum rc walk_from(struct recovery *r, int64_t start, bool check_crc)
{
	enum rc rc;

	r->start = r->said = start;
	r->end = start;
	r->hole = -1;
	r->walks++;
	r->newest_ms = 0; /* of this walk: behind a hole no message counts that is older */
	r->last_message = -1;
	r->messages = r->damaged = 0;
	r->s->before_hole_count = 0;
	r->is_behind_hole = false;
	clock_gettime(CLOCK_MONOTONIC, &r->began);
	if (r->dispatch)
		queue_table_set_log_end(r->s->queues, start);
	log_walk_init(&r->walk, &r->s->log, start, check_crc);
	rc = walk(r);
	r->end = r->walk.at;
	log_walk_free(&r->walk);
	return rc;
}

/* ---- after the walk ---- */

/* How many bytes behind the end are not zero, within what a turn writes. */
static int64_t torn_bytes(struct store *s, int64_t end)
{
	struct segment *seg = commit_log_segment(&s->log, end);
	int64_t torn = 0, left;
	uint8_t page[4096];

	if (seg == NULL)
		return 0;
	left = seg->base + seg->bytes - end;
	for (int64_t at = 0; at < left && at < RESYNC_BYTES; at += (int64_t)sizeof(page)) {
		size_t n = left - at < (int64_t)sizeof(page) ? (size_t)(left - at) : sizeof(page);

		if (segment_read(seg, end + at, page, n, false) != RC_OK)
			break;
		for (size_t i = 0; i < n; i++)
			if (page[i])
				torn = at + (int64_t)i + 1;
	}
	return torn;
}

static enum rc sync_from(struct store *s, int64_t start, int64_t end)
{
	while (start < end) {
		struct segment *seg = commit_log_segment(&s->log, start);
		enum rc rc = seg ? io_sync(seg->fd) : RC_IO;

		if (rc != RC_OK)
			return rc;
		start = seg->base + seg->bytes;
	}
	return RC_OK;
}

/* What stands in the page cache after a kill must be on the device before anybody calls it flushed. */
static enum rc finish(struct recovery *r, bool clean)
{
	struct store *s = r->s;
	int64_t torn = clean ? 0 : torn_bytes(s, r->end);
	enum rc rc = commit_log_cut(&s->log, r->end, torn > 0);

	if (torn > 0)
		log_warn("store", "commit log: cut at %lld, %lld bytes behind it were not a whole message", (long long)r->end,
			 (long long)torn);
	if (rc == RC_OK && !clean)
		rc = sync_from(s, r->start, r->end);
	if (rc == RC_OK && s->index)
		rc = index_cut(s->index, r->end);
	s->written_ms = s->flushed_ms = r->newest_ms > s->checkpointer.saved.log_ms ? r->newest_ms : s->checkpointer.saved.log_ms;
	s->last_message = r->last_message;
	s->damaged_messages = r->damaged;
	if (rc == RC_OK && clean && !r->dispatch && r->end > s->log.min && !s->checkpointer.saved.is_ours)
		checkpointer_take_over(&s->checkpointer);
	return rc;
}

static enum rc rebuild_all(struct recovery *r)
{
	enum rc rc;

	log_warn("store", "consume queues or index files are missing or damaged: they are rebuilt from the commit log, %lld MB",
		 (long long)((log_limit(&r->s->log) - r->s->log.min) >> 20));
	r->dispatch = r->rebuild = true;
	r->queues_lost = false;
	rc = walk_from(r, r->s->log.min, true);
	return rc;
}

/* A store without keys has no index files; one that had some has lost them. How many exactly is known after a clean stop only: retention takes
 * some, and goes on after a checkpoint. */
static bool index_is_lost(const struct store *s, bool clean, const struct checkpoint *c)
{
	size_t count = s->index ? index_file_count(s->index) : 0;

	if (s->index == NULL || !c->has_safe || c->index_files == 0)
		return false;
	return count == 0 || (clean && c->is_ours && c->log_end >= 0 && count < c->index_files);
}

static enum rc recover(struct recovery *r, bool clean, const struct checkpoint *c)
{
	struct store *s = r->s;
	bool no_queues = queue_table_count(s->queues) == 0;
	int64_t start;
	enum rc rc;

	if (index_is_lost(s, clean, c)) {
		r->queues_lost = true;
		rc = index_cut(s->index, 0); /* the keys of those that are left come again in their places */
	} else if (clean && clean_end(r, c)) {
		r->start = r->end = c->log_end;
		rc = RC_OK;
	} else {
		start = clean ? last_used_segment(s) : unclean_start(s, c);
		r->dispatch = !clean && !no_queues;
		rc = clean || s->index == NULL ? RC_OK : index_cut(s->index, start);
		if (rc == RC_OK)
			rc = walk_from(r, start, !clean && s->config.check_crc_on_recover);
		log_info("store", "recovery: %llu messages between %lld and %lld", (unsigned long long)r->messages,
			 (long long)start, (long long)r->end);
	}
	if (rc == RC_OK && (r->queues_lost || (no_queues && r->end > s->log.min)))
		rc = rebuild_all(r);
	else if (rc == RC_OK && !r->dispatch)
		queue_table_set_log_end(s->queues, r->end);
	return rc;
}

enum rc recovery_run(struct store *s, bool clean, char **error)
{
	struct recovery r = {.s = s, .last_message = -1, .indexed = -1};
	enum rc rc = recover(&r, clean, &s->checkpointer.saved);

	if (rc == RC_OK)
		rc = finish(&r, clean);
	if (rc != RC_OK)
		*error = mem_printf("store: recover '%s' at %lld: %s", s->log.folder, (long long)r.walk.at, rc_text(rc));
	return rc;
}
