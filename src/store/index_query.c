/* Looking up a key: what is in memory on the core, then the files, newest first, on LANE_COLD_READ.
 *
 * Happy path: the newest records first; slot -> entry -> previous entry, while the time is in range (Apache IndexFile.selectPhyOffset). Files that
 * cannot hold the time are passed over; a file that begins before the range is the last one looked at.
 * Failures: a file that cannot be read is passed over and said; a chain that goes on without getting older, or leads out of the file, ends there. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/index_internal.h"
#include "store/io.h"

struct look_up {
	struct job job;
	struct message_index *index;
	struct store_query *query;
	uint32_t hash;
	int64_t begin_ms, end_ms;
	int32_t max, count;
	int64_t found[INDEX_QUERY_MAX];
	size_t file_count;
	struct index_file files[]; /* as they were; a writer may have gone on */
};

/* What is in memory may be on its way to the files, so the same message can come twice; so it can when two of its keys are equal. */
static void found_one(struct look_up *l, int64_t at)
{
	for (int32_t i = 0; i < l->count; i++)
		if (l->found[i] == at)
			return;
	if (l->count < l->max)
		l->found[l->count++] = at;
}

static void search_memory(struct look_up *l, const struct index_records *records)
{
	for (size_t i = records->count; i-- > 0 && l->count < l->max;) {
		const struct index_record *r = &records->at[i];

		if (r->hash == l->hash && r->store_ms >= l->begin_ms && r->store_ms <= l->end_ms)
			found_one(l, r->at);
	}
}

/* Whole seconds are kept: the time of an entry is up to a second early. */
static void search_chain(struct look_up *l, int fd, const struct index_file *f)
{
	struct index_shape shape = l->index->shape;
	struct index_entry e;
	uint32_t i;
	enum rc rc = index_slot_read(fd, l->hash % shape.slots, &i);

	for (int n = 0; rc == RC_OK && i > 0 && i < shape.entries && l->count < l->max && n < INDEX_QUERY_CHAIN; n++) {
		int64_t ms;

		rc = index_entry_read(fd, shape, i, &e);
		if (rc != RC_OK || e.seconds > INT32_MAX)
			break;
		ms = f->header.begin_ms + (int64_t)e.seconds * 1000;
		if (e.hash == l->hash && ms + 999 >= l->begin_ms && ms <= l->end_ms)
			found_one(l, e.at);
		if (e.previous >= i || ms + 999 < l->begin_ms)
			break;
		i = e.previous;
	}
}

static bool has_time(const struct index_header *h, int64_t begin, int64_t end)
{
	return begin <= h->end_ms && end >= h->begin_ms;
}

static void run_look_up(struct job *job)
{
	struct look_up *l = CONTAINER_OF(job, struct look_up, job);

	for (size_t i = l->file_count; i-- > 0 && l->count < l->max;) {
		const struct index_file *f = &l->files[i];
		bool is_last = i + 1 == l->file_count; /* its end may have moved on */
		char path[PATH_MAX];
		enum rc rc;
		int fd;

		if (has_time(&f->header, l->begin_ms, l->end_ms) || is_last) {
			rc = index_file_path(l->index, f->name, path) ? io_open(path, O_RDONLY, &fd) : RC_INVALID;
			if (rc == RC_OK) {
				search_chain(l, fd, f);
				io_close(fd);
			} else if (rc != RC_NOT_FOUND) { /* retention took it */
				log_warn("store", "open '%s': %s", path, rc_text(rc));
			}
		}
		if (f->header.begin_ms < l->begin_ms)
			return;
	}
}

static void look_up_done(struct job *job)
{
	struct look_up *l = CONTAINER_OF(job, struct look_up, job);
	int64_t end = store_visible_end(l->index->store), min = l->index->store->log.min;
	struct store_query *q = l->query;

	for (int32_t i = 0; i < l->count; i++)
		if (l->found[i] >= min && l->found[i] < end)
			q->offsets[q->count++] = l->found[i];
	free(l);
	q->on_done(q, RC_OK);
}

static void run_nothing(struct job *job) { (void)job; }

static void nothing_done(struct job *job)
{
	struct store_query *q = CONTAINER_OF(job, struct store_query, job);

	q->on_done(q, RC_OK);
}

/* 5.5.0 indexes tags as topic#T#tag (seen in its files); other keys as topic#key. */
static uint32_t query_hash(const struct store_query *q)
{
	char *key;
	uint32_t hash;

	if (q->type != 'T')
		return index_hash(q->topic, q->key);
	key = mem_printf("T#%.*s", SLICE_ARG(q->key));
	hash = index_hash(q->topic, slice_of(key));
	free(key);
	return hash;
}

void store_query_keys(struct store *s, struct store_query *q)
{
	struct message_index *x = s->index;
	struct look_up *l;

	q->store = s;
	q->count = 0;
	q->index_last_update_ms = x ? x->newest_ms : 0;
	q->index_last_physical_offset = x && x->newest_at > 0 ? x->newest_at : 0;
	if (x == NULL) {
		q->job = (struct job){.run = run_nothing, .done = nothing_done};
		executor_submit(s->ex, LANE_COLD_READ, &q->job);
		return;
	}
	l = mem_zalloc(sizeof(*l) + x->file_count * sizeof(l->files[0]));
	l->job = (struct job){.run = run_look_up, .done = look_up_done};
	l->index = x;
	l->query = q;
	l->hash = query_hash(q);
	l->begin_ms = q->begin_ms;
	l->end_ms = q->end_ms;
	l->max = q->max < INDEX_QUERY_MAX ? q->max : INDEX_QUERY_MAX;
	l->file_count = x->file_count;
	if (x->file_count)
		memcpy(l->files, x->files, x->file_count * sizeof(l->files[0]));
	search_memory(l, &x->pending);
	search_memory(l, &x->flying);
	executor_submit(s->ex, LANE_COLD_READ, &l->job);
}
