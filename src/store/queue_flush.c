/* Writing the queues to their files.
 *
 *   IDLE ── queue_table_flush, timer, hurry ──> WRITING ── nothing left to write ──> SYNCING (asked for) ── nothing left ──> IDLE
 *
 * A round takes the queues that are dirty when it begins. Each job carries a copy of at most QUEUE_FLUSH_SLICE entries, so that the core never
 * copies long and other work gets its turn on LANE_FILES; its done starts the next. Syncing goes the same way, file by file.
 * Failures: the round ends with the first error, what was not written stays dirty (in memory, and readable), and the next round tries again;
 * whoever waits is told. A queue that is deleted meanwhile is skipped, and freed when its job is back. */
#include <inttypes.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "store/io.h"
#include "store/queue_internal.h"

#define PARTS_MAX 1024 /* queues in one job */

struct flush_part {
	struct store_queue *queue;
	struct queue_place place;
	int64_t from, to;
	const uint8_t *entries; /* NULL: sync the files */
	bool begins;
	bool goes_on; /* the slice was full before the queue was written */
	enum rc rc;
};

struct flush_job {
	struct job job;
	struct queue_table *table;
	struct flush_part parts[PARTS_MAX];
	int part_count, entry_count;
	uint8_t *entries;
	bool sync_all;
	enum rc rc; /* of sync_all */
};

static void next_job(struct queue_table *t);

void queue_mark_dirty(struct store_queue *q)
{
	if (list_is_empty(&q->dirty_link))
		list_append(&queue_table_of(q)->dirty, &q->dirty_link);
}

void queue_mark_unsynced(struct store_queue *q, int64_t from)
{
	if (from < q->synced)
		q->synced = from;
	if (list_is_empty(&q->sync_link))
		list_append(&queue_table_of(q)->unsynced, &q->sync_link);
}

/* ---- jobs ---- */

/* The folder of a topic is synced once for its queues, which stand side by side more often than not, and the folder above once a job. */
static void sync_parts(struct flush_job *j)
{
	const struct queue_place *last = NULL;

	for (int i = 0; i < j->part_count; i++) {
		struct flush_part *p = &j->parts[i];
		bool is_new = false;

		p->rc = queue_file_sync(&p->place, j->table->lane_fds, p->from, p->to, &is_new);
		if (p->rc == RC_OK && is_new && (last == NULL || last->topic != p->place.topic))
			p->rc = queue_file_sync_topic(&p->place);
		if (p->rc == RC_OK && is_new && last == NULL)
			p->rc = io_sync_folder(j->table->folder);
		if (p->rc == RC_OK && is_new)
			last = &p->place;
	}
}

static void run_flush(struct job *job)
{
	struct flush_job *j = CONTAINER_OF(job, struct flush_job, job);

	if (j->sync_all)
		j->rc = io_sync_all(j->table->folder);
	else if (j->part_count && j->parts[0].entries == NULL)
		sync_parts(j);
	else
		for (int i = 0; i < j->part_count; i++) {
			struct flush_part *p = &j->parts[i];

			p->rc = queue_file_write(&p->place, j->table->lane_fds, p->begins, p->from, p->entries,
						 (int)(p->to - p->from));
		}
}

static void part_written(struct flush_part *p)
{
	struct store_queue *q = p->queue;
	struct queue_table *t = queue_table_of(q);

	if (p->rc == RC_OK) {
		queue_stamp_files(q, p->from, p->to);
		t->unfiled -= p->to - q->filed;
		queue_mark_unsynced(q, q->filed);
		q->filed = p->to;
		q->has_files = true;
		queue_touch(q);
	}
	if (q->filed == q->end) {
		queue_tail_shrink(q);
		return;
	}
	if (p->goes_on && list_is_empty(&q->dirty_link))
		list_prepend(&t->flush.round, &q->dirty_link);
	else
		queue_mark_dirty(q);
}

static void part_synced(struct flush_part *p)
{
	struct store_queue *q = p->queue;

	if (p->rc == RC_OK && q->synced >= p->from && q->synced < p->to)
		q->synced = p->to;
	if (q->synced < q->filed)
		queue_mark_unsynced(q, q->synced);
}

static void part_done(struct queue_table *t, struct flush_part *p)
{
	if (p->rc != RC_OK && t->flush.rc == RC_OK) {
		t->flush.rc = p->rc;
		log_error("store", "topic '%s' queue %" PRId32 ": %s its consume queue: %s", p->place.topic, p->place.id,
			  p->entries ? "write" : "sync", rc_text(p->rc));
	}
	if (!p->queue->is_deleted) {
		if (p->entries)
			part_written(p);
		else
			part_synced(p);
	}
	queue_job_ended(p->queue);
}

/* Nothing was written meanwhile: that would have been another round. */
static void all_synced(struct queue_table *t, enum rc rc)
{
	struct list *node;

	if (rc != RC_OK) {
		t->flush.rc = rc;
		log_error("store", "sync the file system of '%s': %s", t->folder, rc_text(rc));
		return;
	}
	while ((node = list_pop(&t->flush.round)) != NULL) {
		struct store_queue *q = CONTAINER_OF(node, struct store_queue, sync_link);

		q->synced = q->filed;
	}
}

static void flush_done(struct job *job)
{
	struct flush_job *j = CONTAINER_OF(job, struct flush_job, job);
	struct queue_table *t = j->table;

	for (int i = 0; i < j->part_count; i++)
		part_done(t, &j->parts[i]);
	if (j->sync_all)
		all_synced(t, j->rc);
	free(j->entries);
	free(j);
	queue_tails_trim(t);
	next_job(t);
}

static struct flush_part *add_part(struct flush_job *j, struct store_queue *q, int64_t from, int64_t to)
{
	struct flush_part *p = &j->parts[j->part_count++];

	*p = (struct flush_part){.queue = q, .place = queue_place_of(q), .from = from, .to = to};
	q->jobs++;
	return p;
}

/* A queue with more than the rest of the slice stays first in the round and goes on in the next job. */
static void fill_write(struct flush_job *j)
{
	struct list *round = &j->table->flush.round;
	size_t used = 0, cap = 0;

	while (!list_is_empty(round) && j->part_count < PARTS_MAX && j->entry_count < QUEUE_FLUSH_SLICE) {
		struct store_queue *q = CONTAINER_OF(round->next, struct store_queue, dirty_link);
		int64_t left = QUEUE_FLUSH_SLICE - j->entry_count;
		int n = (int)(q->end - q->filed < left ? q->end - q->filed : left);
		struct flush_part *p;

		list_remove(&q->dirty_link);
		if (n == 0)
			continue;
		if (used + (size_t)n > cap) {
			cap = (used + (size_t)n) * 2;
			j->entries = mem_realloc(j->entries, cap * QUEUE_ENTRY_BYTES);
		}
		queue_tail_copy(q, q->filed, n, j->entries + used * QUEUE_ENTRY_BYTES);
		p = add_part(j, q, q->filed, q->filed + n);
		p->begins = !q->has_files;
		p->goes_on = p->to < q->end;
		used += (size_t)n;
		j->entry_count += n;
	}
	used = 0;
	for (int i = 0; i < j->part_count; i++) { /* the memory has stopped moving */
		j->parts[i].entries = j->entries + used * QUEUE_ENTRY_BYTES;
		used += (size_t)(j->parts[i].to - j->parts[i].from);
	}
}

static bool is_longer(const struct list *l, int n)
{
	LIST_FOR_EACH (it, l)
		if (n-- == 0)
			return true;
	return false;
}

static void fill_sync(struct flush_job *j)
{
	struct list *round = &j->table->flush.round;

	j->sync_all = is_longer(round, QUEUE_SYNC_ALL);
	if (j->sync_all)
		return;

	while (!list_is_empty(round) && j->part_count < QUEUE_SYNC_SLICE) {
		struct store_queue *q = CONTAINER_OF(round->next, struct store_queue, sync_link);

		list_remove(&q->sync_link);
		if (q->synced < q->filed)
			add_part(j, q, q->synced, q->filed);
	}
}

/* ---- rounds ---- */

static void begin_round(struct queue_table *t, bool is_sync, void (*on_done)(struct store *s, enum rc rc))
{
	struct queue_flush *f = &t->flush;

	f->state = FLUSH_WRITING;
	f->is_sync = is_sync;
	f->on_done = on_done;
	f->rc = RC_OK;
	f->had_job = false;
	f->hurry = false;
	list_splice(&f->round, &t->dirty);
	next_job(t);
}

static void end_round(struct queue_table *t)
{
	struct queue_flush *f = &t->flush;
	void (*on_done)(struct store * s, enum rc rc) = f->on_done;
	bool again = f->again, sync = f->again_sync;

	list_splice(f->state == FLUSH_SYNCING ? &t->unsynced : &t->dirty, &f->round);
	f->state = FLUSH_IDLE;
	f->on_done = NULL;
	if (on_done)
		on_done(t->store, f->rc);
	if (f->state != FLUSH_IDLE)
		return; /* on_done began another one */
	f->again = f->again_sync = false;
	if (again) {
		on_done = f->again_done;
		f->again_done = NULL;
		begin_round(t, sync, on_done);
	} else if (f->hurry && f->rc == RC_OK) {
		begin_round(t, false, NULL);
	}
}

/* The next job of the round, or its end. A round without work ends with a job all the same: on_done never runs inside the call. */
static void next_job(struct queue_table *t)
{
	struct queue_flush *f = &t->flush;
	struct flush_job *j;

	if (f->rc != RC_OK) {
		end_round(t);
		return;
	}
	j = mem_alloc(sizeof(*j));
	j->job = (struct job){.run = run_flush, .done = flush_done};
	j->table = t;
	j->part_count = j->entry_count = 0;
	j->entries = NULL;
	j->sync_all = false;
	if (f->state == FLUSH_WRITING) {
		fill_write(j);
		if (j->part_count == 0 && f->is_sync) {
			f->state = FLUSH_SYNCING;
			list_splice(&f->round, &t->unsynced);
		}
	}
	if (f->state == FLUSH_SYNCING)
		fill_sync(j);
	if (j->part_count == 0 && !j->sync_all && (f->on_done == NULL || f->had_job)) {
		free(j);
		end_round(t);
		return;
	}
	f->had_job = true;
	executor_submit(t->store->ex, LANE_FILES, &j->job);
}

void queue_table_flush(struct queue_table *t, bool sync, void (*on_done)(struct store *s, enum rc rc))
{
	struct queue_flush *f = &t->flush;

	t->is_running = true;
	if (f->state == FLUSH_IDLE) {
		begin_round(t, sync, on_done);
		return;
	}
	ASSERT(f->again_done == NULL || on_done == NULL);
	f->again = true;
	f->again_sync |= sync;
	if (on_done)
		f->again_done = on_done;
}

/* Before the executor runs (recovery of a long log) the entries go to the files in place; their memory is bounded so. */
void queue_flush_hurry(struct queue_table *t)
{
	if (!t->is_running) {
		if (t->unfiled >= QUEUE_FLUSH_SLICE)
			(void)!queue_table_write_all(t);
		return;
	}
	t->flush.hurry = true;
	if (t->flush.state == FLUSH_IDLE)
		begin_round(t, false, NULL);
}

static void on_timer(struct timer *timer)
{
	struct queue_table *t = CONTAINER_OF(timer, struct queue_table, flush.timer);

	(void)stall_at(STALL_STORE_FILES, 0);
	t->is_running = true;
	if (t->flush.state == FLUSH_IDLE && !list_is_empty(&t->dirty))
		begin_round(t, false, NULL);
	timer_start(t->store->timers, timer, t->store->config.queue_flush_interval_ms);
}

void queue_flush_init(struct queue_table *t)
{
	list_init(&t->flush.round);
	t->flush.timer.on_timer = on_timer;
	timer_start(t->store->timers, &t->flush.timer, t->store->config.queue_flush_interval_ms);
}

void queue_flush_fini(struct queue_table *t) { timer_stop(t->store->timers, &t->flush.timer); }

/* ---- in place ---- */

enum rc queue_table_write_all(struct queue_table *t)
{
	enum rc rc = RC_OK;

	LIST_FOR_EACH_SAFE (it, &t->dirty) {
		rc = queue_write_now(CONTAINER_OF(it, struct store_queue, dirty_link));
		if (rc != RC_OK)
			return rc;
	}
	queue_tails_trim(t);
	return rc;
}

static enum rc sync_now(struct queue_table *t)
{
	struct flush_job *j = mem_zalloc(sizeof(*j));
	enum rc rc = RC_OK;

	j->table = t;
	list_splice(&t->flush.round, &t->unsynced);
	do {
		j->part_count = 0;
		fill_sync(j);
		run_flush(&j->job);
		for (int i = 0; i < j->part_count; i++)
			part_done(t, &j->parts[i]);
		if (j->sync_all)
			all_synced(t, j->rc);
		rc = t->flush.rc;
	} while (rc == RC_OK && !list_is_empty(&t->flush.round));
	list_splice(&t->unsynced, &t->flush.round);
	free(j);
	return rc;
}

enum rc queue_table_flush_now(struct queue_table *t)
{
	enum rc rc = queue_table_write_all(t);

	t->flush.rc = RC_OK;
	return rc == RC_OK ? sync_now(t) : rc;
}
