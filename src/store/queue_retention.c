/* Taking queue files away: those that only point below the log, and all of a deleted topic.
 *
 * Retention: a snapshot of all queues is walked in slices of QUEUE_RETENTION_SLICE, each one job on LANE_FILES: list the folder, look at
 * the last entry of each file but the last, unlink while it points below the log; then the first entry that is still in the log is found
 * by halving, and the core moves `first` and `min`. Queues that are not loaded lose files the same way, and see the rest when they load.
 * Failures: an entry that cannot be read keeps its file; what cannot be unlinked is said, and tried again the next time. */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"

struct retention_item {
	struct store_queue *queue;
	struct queue_place place;
	int64_t filed;      /* -1: not loaded */
	int64_t first, min; /* out; -1: as they were */
};

struct retention_job {
	struct job job;
	struct queue_table *table;
	int64_t log_min;
	size_t at, end, count; /* this slice, and all */
	struct retention_item items[];
};

/* ---- on LANE_FILES ---- */

static enum rc remove_file(struct retention_job *j, const struct queue_place *p, int64_t begin)
{
	char path[PATH_MAX];
	enum rc rc;

	if (!queue_file_path(p, begin, path))
		return RC_INVALID;
	fd_cache_forget(j->table->lane_fds, p->serial, begin);
	rc = io_unlink(path);
	if (rc != RC_OK)
		log_warn("store", "unlink '%s': %s", path, rc_text(rc));
	return rc;
}

static void look_at_files(struct retention_job *j, struct retention_item *item)
{
	const struct queue_place *p = &item->place;
	struct fd_cache *fds = j->table->lane_fds;
	size_t count, i = 0;
	int64_t *begins;
	struct queue_entry e;

	if (queue_file_list(p, &begins, &count) != RC_OK || count == 0) {
		free(begins);
		return;
	}
	while (i + 1 < count && queue_file_entry(p, fds, begins[i] + p->file_entries - 1, &e) == RC_OK &&
	       queue_entry_is_valid(e) && queue_entry_is_below(e, j->log_min) && remove_file(j, p, begins[i]) == RC_OK)
		i++;
	item->first = begins[i];
	if (item->filed >= 0 && queue_file_first_alive(p, fds, begins[i], item->filed > begins[i] ? item->filed : begins[i],
						       j->log_min, &item->min) != RC_OK)
		item->min = -1;
	free(begins);
}

/* A queue that is not loaded may be cut by the core when it is: no descriptor of a file that is unlinked then may be left here. */
static void retain_one(struct retention_job *j, struct retention_item *item)
{
	look_at_files(j, item);
	if (item->filed < 0)
		fd_cache_forget_owner(j->table->lane_fds, item->place.serial);
}

static void run_retention(struct job *job)
{
	struct retention_job *j = CONTAINER_OF(job, struct retention_job, job);

	for (size_t i = j->at; i < j->end; i++)
		retain_one(j, &j->items[i]);
}

/* ---- core ---- */

/* Entries that are only in memory can point below the log too: a queue that was written long ago and not since. */
static int64_t skip_gone(struct store_queue *q, int64_t min, int64_t log_min)
{
	struct queue_entry e;

	while (q->tail && min >= q->tail->from && min < q->end && consume_queue_entry(q, min, &e) == RC_OK &&
	       queue_entry_is_below(e, log_min))
		min++;
	return min;
}

static void apply(struct retention_job *j, struct retention_item *item)
{
	struct store_queue *q = item->queue;

	if (!q->is_deleted && q->is_loaded && item->first >= 0 && item->filed >= 0) {
		if (item->first > q->first) {
			fd_cache_forget_owner(j->table->store->fds, q->serial);
			q->first = item->first;
		}
		if (item->min > q->min)
			q->min = item->min <= q->end ? item->min : q->end;
		if (q->min < q->first)
			q->min = q->first;
		if (q->min >= item->filed)
			q->min = skip_gone(q, q->min, j->log_min);
	}
	queue_job_ended(q);
}

static void next_slice(struct retention_job *j);

static void retention_done(struct job *job)
{
	struct retention_job *j = CONTAINER_OF(job, struct retention_job, job);

	for (; j->at < j->end; j->at++)
		apply(j, &j->items[j->at]);
	next_slice(j);
}

static void next_slice(struct retention_job *j)
{
	if (j->at == j->count) {
		j->table->retention_is_running = false;
		free(j);
		return;
	}
	j->end = j->count - j->at < QUEUE_RETENTION_SLICE ? j->count : j->at + QUEUE_RETENTION_SLICE;
	for (size_t i = j->at; i < j->end; i++) {
		struct retention_item *item = &j->items[i];

		item->filed = item->queue->is_loaded && item->queue->has_files ? item->queue->filed : -1;
	}
	executor_submit(j->table->store->ex, LANE_FILES, &j->job);
}

void queue_table_delete_before(struct queue_table *t, int64_t log_min)
{
	struct queue_topic *topic, *next;
	struct retention_job *j;

	if (t->retention_is_running || t->count == 0)
		return; /* the next time sees what this one missed */
	j = mem_alloc(sizeof(*j) + t->count * sizeof(j->items[0]));
	*j = (struct retention_job){.job = {.run = run_retention, .done = retention_done}, .table = t, .log_min = log_min};
	HASH_ITER (hh, t->topics, topic, next) {
		for (uint32_t i = 0; i < topic->count; i++) {
			struct store_queue *q = topic->queues[i];

			j->items[j->count++] = (struct retention_item){q, queue_place_of(q), -1, -1, -1};
			q->jobs++;
		}
	}
	t->retention_is_running = true;
	t->is_running = true;
	next_slice(j);
}

/* ---- a deleted topic ---- */

struct removal_job {
	struct job job;
	struct queue_table *table;
	struct queue_topic *topic; /* out of the table; freed with its last queue */
};

static void remove_queue_files(struct queue_table *t, const struct queue_place *p)
{
	char path[PATH_MAX];
	int64_t *begins;
	size_t count;

	fd_cache_forget_owner(t->lane_fds, p->serial);
	if (queue_file_list(p, &begins, &count) == RC_OK) {
		for (size_t i = 0; i < count; i++) {
			enum rc rc = queue_file_path(p, begins[i], path) ? io_unlink(path) : RC_INVALID;

			if (rc != RC_OK)
				log_warn("store", "unlink '%s': %s", path, rc_text(rc));
		}
	}
	free(begins);
	if (queue_file_path(p, -1, path) && rmdir(path) < 0 && errno != ENOENT)
		log_warn("store", "remove '%s': %s", path, strerror(errno));
}

/* The queues of the topic do not move any more: it is out of the table, and each has this job. */
static void run_removal(struct job *job)
{
	struct removal_job *j = CONTAINER_OF(job, struct removal_job, job);
	char path[PATH_MAX];

	for (uint32_t i = 0; i < j->topic->count; i++) {
		struct queue_place p = queue_place_of(j->topic->queues[i]);

		remove_queue_files(j->table, &p);
	}
	if (mem_format(path, sizeof(path), "%s/%s", j->table->folder, j->topic->name) && rmdir(path) < 0 && errno != ENOENT)
		log_warn("store", "remove '%s': %s", path, strerror(errno));
}

static void removal_done(struct job *job)
{
	struct removal_job *j = CONTAINER_OF(job, struct removal_job, job);
	struct store_queue **queues = j->topic->queues;
	uint32_t count = j->topic->count;

	j->topic->queues = NULL; /* the topic goes with its last queue, which another job may still have */
	free(j);
	for (uint32_t i = 0; i < count; i++)
		queue_job_ended(queues[i]);
	free(queues);
}

static void leave_lists(struct queue_table *t, struct store_queue *q)
{
	t->unfiled -= q->end - q->filed;
	list_remove(&q->dirty_link);
	list_remove(&q->sync_link);
	queue_tail_free(q);
	fd_cache_forget_owner(t->store->fds, q->serial);
	get_forget_queue(t->store, q);
	dispatch_forget(&t->store->dispatch, q);
	q->is_deleted = true;
	q->jobs++;
}

void queue_table_delete_topic(struct queue_table *t, struct slice name)
{
	struct removal_job *j;
	struct queue_topic *topic;

	HASH_FIND(hh, t->topics, name.at, name.len, topic);
	if (topic == NULL)
		return;
	HASH_DEL(t->topics, topic);
	t->count -= topic->count;
	for (uint32_t i = 0; i < topic->count; i++)
		leave_lists(t, topic->queues[i]);
	j = mem_alloc(sizeof(*j));
	*j = (struct removal_job){.job = {.run = run_removal, .done = removal_done}, .table = t, .topic = topic};
	t->is_running = true;
	executor_submit(t->store->ex, LANE_FILES, &j->job);
}
