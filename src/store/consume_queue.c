/* The tail of a queue in memory, and reading.
 *
 * Happy path: put writes 20 bytes into the ring and says that the queue is dirty; a reader near the end gets a pointer into the ring; further
 * back one preadv2 with RWF_NOWAIT fetches a run of entries.
 * The ring grows while it holds entries that are not filed, or up to QUEUE_TAIL_HOT; then its oldest entries, which are filed, make room.
 * Failures: none in put. A file that retention has taken answers RC_NOT_FOUND. */
#include "store/consume_queue.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"

static uint8_t *slot(struct queue_tail *tail, int64_t i)
{
	return tail->entries + (size_t)(i & (tail->cap - 1)) * QUEUE_ENTRY_BYTES;
}

static size_t tail_bytes(uint32_t cap) { return sizeof(struct queue_tail) + (size_t)cap * QUEUE_ENTRY_BYTES; }

/* Entries that stand one behind another from i on, before the ring's end. */
static int run_length(const struct queue_tail *tail, int64_t i, int64_t end)
{
	int64_t left = tail->cap - (i & (tail->cap - 1));

	return (int)(end - i < left ? end - i : left);
}

void queue_tail_copy(const struct store_queue *q, int64_t from, int count, uint8_t *out)
{
	while (count > 0) {
		int n = run_length(q->tail, from, from + count);

		memcpy(out, slot(q->tail, from), (size_t)n * QUEUE_ENTRY_BYTES);
		out += (size_t)n * QUEUE_ENTRY_BYTES;
		from += n;
		count -= n;
	}
}

void queue_tail_free(struct store_queue *q)
{
	if (q->tail == NULL)
		return;
	queue_table_of(q)->tail_bytes -= tail_bytes(q->tail->cap);
	list_remove(&q->hot_link);
	free(q->tail);
	q->tail = NULL;
}

void queue_touch(struct store_queue *q)
{
	list_remove(&q->hot_link);
	if (q->tail)
		list_append(&queue_table_of(q)->hot, &q->hot_link);
}

/* A tail that is all filed is only a convenience of readers. Walks from the least used; those with entries that are not filed stay. */
void queue_tails_trim(struct queue_table *t)
{
	LIST_FOR_EACH_SAFE (it, &t->hot) {
		struct store_queue *q = CONTAINER_OF(it, struct store_queue, hot_link);

		if (t->tail_bytes <= QUEUE_TAILS_BYTES)
			return;
		if (q->filed == q->end)
			queue_tail_free(q);
	}
}

static void tail_set_size(struct store_queue *q, uint32_t cap)
{
	struct queue_tail *tail = mem_alloc(tail_bytes(cap));

	tail->cap = cap;
	tail->from = q->tail ? q->tail->from : q->end;
	if (q->tail) {
		for (int64_t i = tail->from; i < q->end;) {
			int n = run_length(q->tail, i, q->end), m = run_length(tail, i, i + n);

			memcpy(slot(tail, i), slot(q->tail, i), (size_t)m * QUEUE_ENTRY_BYTES);
			i += m;
		}
		queue_table_of(q)->tail_bytes -= tail_bytes(q->tail->cap);
		free(q->tail);
	}
	q->tail = tail;
	queue_table_of(q)->tail_bytes += tail_bytes(cap);
	queue_touch(q);
}

void queue_tail_shrink(struct store_queue *q)
{
	if (q->tail == NULL || q->tail->cap <= QUEUE_TAIL_FILE_AT * 2)
		return;
	if (q->end - q->tail->from > QUEUE_TAIL_HOT)
		q->tail->from = q->end - QUEUE_TAIL_HOT;
	tail_set_size(q, QUEUE_TAIL_HOT);
}

static void tail_make_room(struct store_queue *q)
{
	struct queue_tail *tail = q->tail;

	if (tail == NULL)
		tail_set_size(q, QUEUE_TAIL_FIRST);
	else if (q->end - tail->from < tail->cap)
		return;
	else if (tail->cap >= QUEUE_TAIL_HOT && tail->from < q->filed)
		tail->from++;
	else
		tail_set_size(q, tail->cap * 2);
}

static void append(struct store_queue *q, struct queue_entry e)
{
	struct queue_table *t = queue_table_of(q);

	tail_make_room(q);
	queue_entry_put(slot(q->tail, q->end), e);
	if (q->filed == q->end++)
		queue_mark_dirty(q);
	t->unfiled++;
	if (q->end - q->filed >= QUEUE_TAIL_FILE_AT && ((q->end - q->filed) & (QUEUE_TAIL_FILE_AT - 1)) == 0)
		queue_flush_hurry(t);
}

/* Recovery meets entries that are there already. What the file says may be older than the log; then the log is right. */
static enum rc put_again(struct store_queue *q, int64_t i, struct queue_entry e)
{
	struct queue_place p = queue_place_of(q);
	int64_t file_end = queue_file_begin(queue_table_of(q), i) + p.file_entries;
	uint8_t bytes[QUEUE_ENTRY_BYTES];
	struct queue_entry was;
	enum rc rc;

	if (i < q->first)
		return RC_EXISTS;
	if (q->tail && i >= q->tail->from) {
		queue_entry_put(slot(q->tail, i), e);
		if (i >= q->filed)
			return RC_EXISTS;
	}
	rc = queue_file_entry(&p, queue_table_of(q)->store->fds, i, &was);
	if (rc != RC_OK || was.at != e.at || was.size != e.size || was.tags_code != e.tags_code) {
		queue_entry_put(bytes, e);
		rc = queue_file_write(&p, queue_table_of(q)->lane_fds, false, i, bytes, 1);
		if (rc != RC_OK)
			return rc;
		queue_stamp_files(q, i, q->filed < file_end ? i : file_end);
	}
	queue_mark_unsynced(q, i);
	return RC_EXISTS;
}

enum rc consume_queue_put(struct store_queue *q, int64_t queue_offset, int64_t at, int32_t size, int64_t tags_code)
{
	struct queue_entry e = {at, tags_code, size};

	if (queue_offset < q->end)
		return put_again(q, queue_offset, e);
	if (queue_offset > q->end) {
		if (q->has_files || q->end != q->first)
			return RC_MISSING;
		q->first = q->min = q->filed = q->synced = q->end = queue_offset;
		if (q->tail)
			q->tail->from = queue_offset;
	}
	append(q, e);
	return RC_OK;
}

enum rc consume_queue_reset(struct store_queue *q)
{
	struct queue_table *t = queue_table_of(q);
	struct queue_place p = queue_place_of(q);
	char path[PATH_MAX];
	int64_t *begins;
	size_t count;
	enum rc rc = queue_file_list(&p, &begins, &count);

	for (size_t i = 0; rc == RC_OK && i < count; i++)
		rc = queue_file_path(&p, begins[i], path) ? io_unlink(path) : RC_INVALID;
	free(begins);
	fd_cache_forget_owner(t->store->fds, q->serial);
	fd_cache_forget_owner(t->lane_fds, q->serial);
	queue_tail_free(q);
	list_remove(&q->dirty_link);
	list_remove(&q->sync_link);
	t->unfiled -= q->end - q->filed;
	q->first = q->min = q->filed = q->synced = q->end = q->next = q->visible = 0;
	q->has_files = false;
	return rc;
}

/* ---- reading ---- */

static enum rc read_file(struct store_queue *q, int64_t from, int n, bool nowait, uint8_t *scratch)
{
	struct queue_table *t = queue_table_of(q);
	int64_t begin = queue_file_begin(t, from);
	struct queue_place p = queue_place_of(q);
	int fd = fd_cache_find(t->store->fds, q->serial, begin);
	char path[PATH_MAX];
	enum rc rc;

	if (fd < 0) {
		if (!queue_file_path(&p, begin, path))
			return RC_INVALID;
		rc = fd_cache_get(t->store->fds, q->serial, begin, path, O_RDWR, &fd);
		if (rc != RC_OK)
			return rc;
	}
	return io_read_at(fd, scratch, (size_t)n * QUEUE_ENTRY_BYTES, (from - begin) * QUEUE_ENTRY_BYTES, nowait);
}

enum rc consume_queue_read(struct store_queue *q, int64_t from, int max, bool nowait, uint8_t *scratch, const uint8_t **entries,
			   int *count)
{
	int64_t end = q->end, file_end;
	enum rc rc;

	if (from < q->first || from >= end || max <= 0)
		return RC_NOT_FOUND;
	if (q->tail && from >= q->tail->from) {
		*entries = slot(q->tail, from);
		*count = run_length(q->tail, from, from + max < end ? from + max : end);
		return RC_OK;
	}
	if (q->tail)
		end = q->tail->from;
	file_end = queue_file_begin(queue_table_of(q), from) + queue_table_of(q)->file_entries;
	if (end > file_end)
		end = file_end;
	*count = end - from < max ? (int)(end - from) : max;
	rc = read_file(q, from, *count, nowait, scratch);
	*entries = scratch;
	return rc;
}

enum rc consume_queue_entry(struct store_queue *q, int64_t queue_offset, struct queue_entry *e)
{
	uint8_t scratch[QUEUE_ENTRY_BYTES];
	const uint8_t *entry;
	int count;
	enum rc rc = consume_queue_read(q, queue_offset, 1, false, scratch, &entry, &count);

	if (rc == RC_OK)
		*e = queue_entry_get(entry);
	return rc;
}

void queue_stamp_files(struct store_queue *q, int64_t from, int64_t to)
{
	struct queue_place p = queue_place_of(q);
	char path[PATH_MAX];

	for (int64_t next = queue_file_begin(queue_table_of(q), from) + p.file_entries; next <= to; next += p.file_entries) {
		struct queue_entry e;
		int64_t ms = consume_queue_entry(q, next - 1, &e) == RC_OK && queue_entry_is_valid(e)
				     ? commit_log_store_time(&queue_table_of(q)->store->log, e.at)
				     : -1;

		if (ms > 0 && queue_file_path(&p, next - p.file_entries, path))
			(void)!io_set_file_time(path, ms); /* only 4.9 misses it, and only for times about the file's end */
	}
}

enum rc queue_write_now(struct store_queue *q)
{
	struct queue_table *t = queue_table_of(q);
	struct queue_place p = queue_place_of(q);

	while (q->filed < q->end) {
		int64_t from = q->filed;
		int n = run_length(q->tail, from, q->end);
		enum rc rc = queue_file_write(&p, t->lane_fds, !q->has_files, from, slot(q->tail, from), n);

		if (rc != RC_OK)
			return rc;
		queue_stamp_files(q, from, from + n);
		q->has_files = true;
		q->filed += n;
		t->unfiled -= n;
		queue_mark_unsynced(q, from);
	}
	list_remove(&q->dirty_link);
	return RC_OK;
}
