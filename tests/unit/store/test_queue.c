/* Consume queues: what stands in their files, loading what others wrote, cutting, deleting, times, the table. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"
#include "tests/unit/run.h"
#include "tests/unit/store/rig.h"

Suite *suite_queue(void);

#define FILE_ENTRIES 100 /* of the rig */
#define FILE_BYTES (FILE_ENTRIES * QUEUE_ENTRY_BYTES)

static struct rig *r;

static void setup(void) { r = rig_new(); }

static void teardown(void) { rig_free(r); }

/* ---- files by hand ---- */

static char *queue_path(const char *topic, int id, int64_t begin)
{
	return begin < 0
		       ? mem_printf("%s/consumequeue/%s/%d", r->folder, topic, id)
		       : mem_printf("%s/consumequeue/%s/%d/%020lld", r->folder, topic, id, (long long)begin * QUEUE_ENTRY_BYTES);
}

static void make_file(const char *topic, int id, int64_t begin, const struct queue_entry *entries, int count, int64_t bytes)
{
	char *folder = queue_path(topic, id, -1), *path = queue_path(topic, id, begin);
	int fd;

	ck_assert_int_eq(io_make_folders(folder), RC_OK);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	ck_assert_int_ge(fd, 0);
	for (int i = 0; i < count; i++) {
		uint8_t b[QUEUE_ENTRY_BYTES];

		queue_entry_put(b, entries[i]);
		ck_assert_int_eq(pwrite(fd, b, sizeof(b), i * QUEUE_ENTRY_BYTES), (int)sizeof(b));
	}
	ck_assert_int_eq(ftruncate(fd, bytes), 0);
	close(fd);
	free(folder);
	free(path);
}

/* Entries of messages of 10 bytes, one behind the other, from log offset `at` on. */
static void fill(struct queue_entry *entries, int count, int64_t at)
{
	for (int i = 0; i < count; i++)
		entries[i] = (struct queue_entry){at + i * 10, 7, 10};
}

static uint8_t *read_file(const char *topic, int id, int64_t begin, off_t *len)
{
	char *path = queue_path(topic, id, begin);
	int fd = open(path, O_RDONLY);
	uint8_t *bytes;
	struct stat st;

	free(path);
	if (fd < 0)
		return NULL;
	ck_assert_int_eq(fstat(fd, &st), 0);
	*len = st.st_size;
	bytes = mem_alloc((size_t)st.st_size + 1);
	ck_assert_int_eq(pread(fd, bytes, (size_t)st.st_size, 0), st.st_size);
	close(fd);
	return bytes;
}

/* A table alone, over an empty log that says what we want. */
static struct store alone;

static struct queue_table *open_table(int64_t log_min, int64_t log_end)
{
	struct queue_table *t;
	char *error = NULL;

	alone = (struct store){.config = r->config, .ex = &r->ex, .timers = &r->timers};
	alone.log.min = log_min;
	alone.log.segment_bytes = RIG_SEGMENT;
	alone.log.written = alone.log.flushed = log_end;
	ck_assert_int_eq(queue_table_open(&alone, &t, &error), RC_OK);
	alone.queues = t;
	if (log_end >= 0)
		queue_table_set_log_end(t, log_end);
	return t;
}

static void check_queue(struct store_queue *q, int64_t first, int64_t min, int64_t end)
{
	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(q->first, first);
	ck_assert_int_eq(q->min, min);
	ck_assert_int_eq(q->end, end);
	ck_assert_int_eq(q->next, end);
	ck_assert_int_eq(q->visible, end);
}

/* ---- loading ---- */

static const struct {
	int64_t begins[4]; /* files; -1: none */
	int counts[4];     /* entries in each */
	int64_t log_min, log_end;
	int64_t first, min, end;
} loads[] = {
	{{-1, -1, -1, -1}, {0}, 0, 5000, 0, 0, 0}, /* a folder without files */
	{{0, -1, -1, -1}, {0}, 0, 5000, 0, 0, 0},  /* a file without entries */
	{{0, -1, -1, -1}, {1}, 0, 5000, 0, 0, 1},
	{{0, -1, -1, -1}, {99}, 0, 5000, 0, 0, 99},
	{{0, -1, -1, -1}, {100}, 0, 5000, 0, 0, 100},
	{{0, 100, -1, -1}, {100, 0}, 0, 5000, 0, 0, 100}, /* the next file is there, and empty */
	{{0, 100, 200, -1}, {100, 100, 50}, 0, 5000, 0, 0, 250},
	{{100, 200, -1, -1}, {100, 50}, 0, 5000, 100, 100, 250},    /* the first file is gone */
	{{0, 200, 300, -1}, {100, 100, 5}, 0, 5000, 200, 200, 305}, /* a gap: what is before it does not count */
	{{300, -1, -1, -1}, {0}, 0, 5000, 300, 300, 300},           /* nothing but a place */
	{{0, 100, -1, -1}, {100, 50}, 705, 5000, 0, 71, 150},       /* messages are gone */
	{{0, 100, -1, -1}, {100, 50}, 1000, 5000, 0, 100, 150},
	{{0, 100, -1, -1}, {100, 50}, 1490, 5000, 0, 149, 150},
	{{0, 100, -1, -1}, {100, 50}, 4000, 5000, 0, 150, 150}, /* all are */
	{{0, 100, -1, -1}, {100, 50}, 0, 1495, 0, 0, 149},      /* the log ends before */
	{{0, 100, -1, -1}, {100, 50}, 0, 1000, 0, 0, 100},
	{{0, 100, -1, -1}, {100, 50}, 0, 995, 0, 0, 99},
	{{0, 100, -1, -1}, {100, 50}, 0, 0, 0, 0, 0},
};

START_TEST(loads_what_stands_in_the_files)
{
	struct queue_entry entries[FILE_ENTRIES];
	struct queue_table *t;
	char *folder = queue_path("T", 3, -1);

	ck_assert_int_eq(io_make_folders(folder), RC_OK);
	for (int i = 0; i < 4; i++) {
		if (loads[_i].begins[i] < 0)
			continue;
		fill(entries, FILE_ENTRIES, loads[_i].begins[i] * 10);
		make_file("T", 3, loads[_i].begins[i], entries, loads[_i].counts[i], FILE_BYTES);
	}
	for (int again = 0; again < 2; again++) { /* a second time the cut has been made */
		t = open_table(loads[_i].log_min, loads[_i].log_end);
		ck_assert_uint_eq(queue_table_count(t), 1);
		check_queue(queue_table_get(t, SLICE_LIT("T"), 3, false), loads[_i].first, loads[_i].min, loads[_i].end);
		queue_table_close(t);
	}
	free(folder);
}
END_TEST

START_TEST(fillers_are_before_the_first_message)
{
	struct queue_entry entries[FILE_ENTRIES];
	struct queue_table *t;

	for (int i = 0; i < FILE_ENTRIES; i++)
		entries[i] = i < 40 ? (struct queue_entry){0, 0, QUEUE_FILLER_SIZE} : (struct queue_entry){(i - 40) * 10, 0, 10};
	make_file("T", 0, 0, entries, 60, FILE_BYTES);
	t = open_table(0, 5000);
	check_queue(queue_table_get(t, SLICE_LIT("T"), 0, false), 0, 40, 60);
	queue_table_close(t);
}
END_TEST

START_TEST(nothing_stands_behind_a_cut)
{
	struct queue_entry entries[FILE_ENTRIES];
	struct queue_table *t;
	uint8_t *bytes;
	off_t len;

	for (int i = 0; i < 3; i++) {
		fill(entries, FILE_ENTRIES, i * 1000);
		make_file("T", 0, i * 100, entries, FILE_ENTRIES, FILE_BYTES);
	}
	t = open_table(0, 505);
	check_queue(queue_table_get(t, SLICE_LIT("T"), 0, false), 0, 0, 50);
	queue_table_close(t);
	bytes = read_file("T", 0, 0, &len);
	ck_assert_int_eq(len, FILE_BYTES);
	for (int i = 50 * QUEUE_ENTRY_BYTES; i < FILE_BYTES; i++)
		ck_assert_uint_eq(bytes[i], 0);
	free(bytes);
	ck_assert_ptr_null(read_file("T", 0, 100, &len));
	ck_assert_ptr_null(read_file("T", 0, 200, &len));
}
END_TEST

/* Entries of messages that a power failure took from the log stay in the files of a queue that nobody used since; the log goes on over them. */
START_TEST(entries_of_other_messages_are_cut)
{
	struct queue_entry entries[10], e;
	struct store_queue *q;

	rig_open(r);
	for (int i = 0; i < 10; i++)
		rig_send(r, "A", 0, "one");
	rig_turn(r);
	q = store_queue_find(r->store, SLICE_LIT("A"), 0);
	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(consume_queue_entry(q, i, &entries[i]), RC_OK);
	for (int i = 0; i < 10; i++)
		rig_send(r, "B", 0, "two");
	rig_turn(r);
	q = store_queue_find(r->store, SLICE_LIT("B"), 0);
	for (int i = 6; i < 10; i++) {
		ck_assert_int_eq(consume_queue_entry(q, i, &e), RC_OK);
		entries[i] = e; /* same place, same size: B's messages from the 6th on */
	}
	rig_close(r);
	make_file("A", 0, 0, entries, 10, FILE_BYTES);
	rig_open(r);
	ck_assert_int_eq(rig_max(r, "A", 0), 6);
	ck_assert_int_eq(rig_max(r, "B", 0), 10);
	rig_send(r, "A", 0, "three");
	rig_turn(r);
	ck_assert_str_eq(rig_body(r, "A", 0, 6), "three");
}
END_TEST

/* One bad entry, wherever halving may look: the others stay, readers go past it. */
START_TEST(a_damaged_entry_takes_no_other_with_it)
{
	static const uint8_t bad[] = {0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0};
	static const int places[] = {0, 49, 50, 75, 99, 100, 149, 150, 174, 186, 198};
	char *path = queue_path("A", 0, places[_i] / 100 * 100);
	struct store_get g;
	int fd, got = 0;

	rig_open(r);
	for (int i = 0; i < 200; i++)
		rig_send(r, "A", 0, "one");
	rig_turn(r);
	rig_close(r);
	fd = open(path, O_WRONLY);
	ck_assert_int_eq(pwrite(fd, bad, sizeof(bad), places[_i] % 100 * QUEUE_ENTRY_BYTES), (int)sizeof(bad));
	close(fd);
	rig_open(r);
	g = (struct store_get){.queue = store_queue_find(r->store, SLICE_LIT("A"), 0), .max_count = 32, .max_bytes = 100000};
	ck_assert_int_eq(store_queue_max(g.queue), 200);
	for (g.offset = store_queue_min(g.queue); g.offset < 200; g.offset = g.next_offset) {
		ck_assert_int_eq(store_get_plan(r->store, &g), RC_OK);
		got += g.count;
	}
	ck_assert_int_eq(got, 199);
	free(path);
}
END_TEST

START_TEST(nothing_stands_behind_a_hole)
{
	struct queue_entry entries[FILE_ENTRIES];
	struct queue_table *t;
	uint8_t *bytes;
	off_t len;

	fill(entries, FILE_ENTRIES, 0);
	memset(entries + 30, 0, 40 * sizeof(entries[0]));
	make_file("T", 0, 0, entries, FILE_ENTRIES - 1, FILE_BYTES);
	make_file("T", 0, 100, entries + 31, 50, FILE_BYTES); /* begins with a hole */
	t = open_table(0, 5000);
	ck_assert_int_eq(queue_table_get(t, SLICE_LIT("T"), 0, false)->end, 30);
	queue_table_close(t);
	bytes = read_file("T", 0, 0, &len);
	for (int i = 30 * QUEUE_ENTRY_BYTES; i < FILE_BYTES; i++)
		ck_assert_uint_eq(bytes[i], 0);
	free(bytes);
	ck_assert_ptr_null(read_file("T", 0, 100, &len));
}
END_TEST

START_TEST(short_file_has_its_whole_entries_and_grows_again)
{
	struct queue_entry entries[FILE_ENTRIES];
	struct queue_table *t;
	struct store_queue *q;
	uint8_t *bytes;
	off_t len;

	fill(entries, FILE_ENTRIES, 0);
	make_file("T", 0, 0, entries, 60, 30 * QUEUE_ENTRY_BYTES + 7);
	t = open_table(0, 5000);
	q = queue_table_get(t, SLICE_LIT("T"), 0, false);
	check_queue(q, 0, 0, 30);
	ck_assert_int_eq(consume_queue_put(q, 30, 4000, 10, 1), RC_OK);
	ck_assert_int_eq(queue_table_flush_now(t), RC_OK);
	queue_table_close(t);
	bytes = read_file("T", 0, 0, &len);
	ck_assert_int_eq(len, FILE_BYTES);
	ck_assert_int_eq(queue_entry_get(bytes + 30 * QUEUE_ENTRY_BYTES).at, 4000);
	free(bytes);
}
END_TEST

START_TEST(larger_files_stop_the_start)
{
	struct queue_table *t;
	char *error = NULL;

	make_file("T", 0, 0, NULL, 0, FILE_BYTES + 20);
	alone = (struct store){.config = r->config, .ex = &r->ex, .timers = &r->timers};
	ck_assert_int_eq(queue_table_open(&alone, &t, &error), RC_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(error, "mappedFileSizeConsumeQueue"));
	free(error);
}
END_TEST

/* Any bytes in the files: it loads, and says something that can be. */
START_TEST(rubbish_in_the_files_is_survived)
{
	struct queue_table *t;
	uint8_t bytes[FILE_BYTES];
	struct store_queue *q;
	unsigned seed = 4711u + (unsigned)_i;

	for (int f = 0; f < 3; f++) {
		char *path = queue_path("T", 0, f * 100);
		int fd;

		make_file("T", 0, f * 100, NULL, 0, FILE_BYTES);
		for (int i = 0; i < FILE_BYTES; i++)
			bytes[i] = rand_r(&seed) % 4 ? (uint8_t)rand_r(&seed) : 0;
		fd = open(path, O_WRONLY);
		ck_assert_int_eq(pwrite(fd, bytes, (size_t)rand_r(&seed) % FILE_BYTES, 0) >= 0, 1);
		close(fd);
		free(path);
	}
	t = open_table(_i % 2 ? 1000 : 0, 5000);
	q = queue_table_get(t, SLICE_LIT("T"), 0, false);
	ck_assert_ptr_nonnull(q);
	ck_assert_int_le(q->first, q->min);
	ck_assert_int_le(q->min, q->end);
	ck_assert_int_le(q->end, 300);
	ck_assert_int_eq(consume_queue_put(q, q->end, 4000, 10, 1), RC_OK);
	for (int64_t i = q->first; i < q->end; i++) {
		struct queue_entry e;

		ck_assert_int_eq(consume_queue_entry(q, i, &e), RC_OK);
	}
	ck_assert_int_eq(queue_table_write_all(t), RC_OK);
	queue_table_close(t);
}
END_TEST

/* ---- putting ---- */

START_TEST(files_are_apaches)
{
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q = queue_table_get(t, SLICE_LIT("T"), 2, true);
	static const uint8_t entry[] = {0, 0, 0, 0, 0, 0, 0x10, 0, 0, 0, 1, 2, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFE};
	uint8_t *bytes;
	off_t len;

	ck_assert_int_eq(consume_queue_put(q, 0, 0x1000, 0x102, -2), RC_OK);
	ck_assert_int_eq(queue_table_flush_now(t), RC_OK);
	queue_table_close(t);
	bytes = read_file("T", 2, 0, &len);
	ck_assert_int_eq(len, FILE_BYTES);
	ck_assert_mem_eq(bytes, entry, sizeof(entry));
	for (int i = QUEUE_ENTRY_BYTES; i < FILE_BYTES; i++)
		ck_assert_uint_eq(bytes[i], 0);
	free(bytes);
}
END_TEST

static const struct {
	int64_t begin;
} begins[] = {{1}, {99}, {100}, {250}};

START_TEST(a_queue_that_begins_late_is_filled_up)
{
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q = queue_table_get(t, SLICE_LIT("T"), 0, true);
	int64_t begin = begins[_i].begin, file = begin - begin % FILE_ENTRIES;
	uint8_t *bytes;
	off_t len;

	ck_assert_int_eq(consume_queue_put(q, begin, 500, 10, 0), RC_OK);
	ck_assert_int_eq(q->min, begin);
	ck_assert_int_eq(q->end, begin + 1);
	ck_assert_int_eq(queue_table_flush_now(t), RC_OK);
	queue_table_close(t);
	bytes = read_file("T", 0, file, &len);
	ck_assert_ptr_nonnull(bytes);
	ck_assert_int_eq(len, FILE_BYTES);
	for (int64_t i = 0; i < begin % FILE_ENTRIES; i++) {
		struct queue_entry e = queue_entry_get(bytes + i * QUEUE_ENTRY_BYTES);

		ck_assert(e.at == 0 && e.size == 0x7FFFFFFF && e.tags_code == 0);
	}
	ck_assert_int_eq(queue_entry_get(bytes + begin % FILE_ENTRIES * QUEUE_ENTRY_BYTES).at, 500);
	free(bytes);
	t = open_table(0, 5000);
	check_queue(queue_table_get(t, SLICE_LIT("T"), 0, false), file, begin, begin + 1);
	queue_table_close(t);
}
END_TEST

START_TEST(put_says_what_is_there_and_what_is_missing)
{
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q = queue_table_get(t, SLICE_LIT("T"), 0, true);
	struct queue_entry e;

	for (int i = 0; i < 10; i++)
		ck_assert_int_eq(consume_queue_put(q, i, i * 10, 10, i), RC_OK);
	ck_assert_int_eq(consume_queue_put(q, 11, 0, 10, 0), RC_MISSING);
	ck_assert_int_eq(consume_queue_put(q, 3, 33, 34, 35), RC_EXISTS); /* in memory */
	ck_assert_int_eq(queue_table_flush_now(t), RC_OK);
	ck_assert_int_eq(consume_queue_put(q, 4, 43, 44, 45), RC_EXISTS); /* in memory and file */
	queue_tail_free(q);
	ck_assert_int_eq(consume_queue_put(q, 5, 53, 54, 55), RC_EXISTS); /* in the file */
	ck_assert_int_eq(consume_queue_entry(q, 4, &e), RC_OK);
	ck_assert_int_eq(e.at, 43);
	ck_assert_int_eq(queue_table_flush_now(t), RC_OK);
	queue_table_close(t);
	t = open_table(0, 5000);
	q = queue_table_get(t, SLICE_LIT("T"), 0, false);
	for (int i = 3; i < 6; i++) {
		ck_assert_int_eq(consume_queue_entry(q, i, &e), RC_OK);
		ck_assert(e.at == i * 10 + 3 && e.size == i * 10 + 4 && e.tags_code == i * 10 + 5);
	}
	ck_assert_int_eq(q->end, 10);
	ck_assert_int_eq(consume_queue_reset(q), RC_OK);
	ck_assert_int_eq(consume_queue_put(q, 77, 1, 10, 0), RC_OK);
	ck_assert_int_eq(q->min, 77);
	queue_table_close(t);
}
END_TEST

static int flushes;
static enum rc flush_rc;

static void on_flushed(struct store *s, enum rc rc)
{
	(void)s;
	flushes++;
	flush_rc = rc;
}

/* Every mix of putting, flushing and reading back; more than the hot end, over many files. */
START_TEST(entries_are_the_same_wherever_they_stand)
{
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q[3];
	int64_t put[3] = {0};
	unsigned seed = (unsigned)_i + 1;

	flushes = 0;
	for (int i = 0; i < 3; i++)
		q[i] = queue_table_get(t, SLICE_LIT("T"), i, true);
	for (int step = 0; step < 400; step++) {
		int k = rand_r(&seed) % 3, n = rand_r(&seed) % (step % 50 == 0 ? 5000 : 60);

		while (n-- > 0) {
			ck_assert_int_eq(consume_queue_put(q[k], put[k], put[k] * 10 + k, 10 + k, -put[k]), RC_OK);
			put[k]++;
		}
		if (rand_r(&seed) % 7 == 0)
			queue_table_flush(t, rand_r(&seed) % 2, NULL);
		if (rand_r(&seed) % 3 == 0)
			rig_run(r, LANE_FILES);
		if (rand_r(&seed) % 29 == 0 && q[k]->filed == q[k]->end)
			queue_tail_free(q[k]);
		for (int probe = 0; probe < 20 && put[k]; probe++) {
			int64_t i = rand_r(&seed) % put[k];
			struct queue_entry e;

			ck_assert_int_eq(consume_queue_entry(q[k], i, &e), RC_OK);
			ck_assert(e.at == i * 10 + k && e.size == 10 + k && e.tags_code == -i);
		}
	}
	rig_run_all(r);
	queue_table_flush(t, true, on_flushed);
	ck_assert_int_eq(flushes, 0);
	rig_run_all(r);
	ck_assert_int_eq(flushes, 1);
	ck_assert_int_eq(flush_rc, RC_OK);
	ck_assert_int_eq(t->unfiled, 0);
	for (int i = 0; i < 3; i++)
		ck_assert(q[i]->filed == put[i] && q[i]->synced == put[i] && q[i]->jobs == 0);
	queue_table_close(t);
}
END_TEST

START_TEST(many_queues_are_synced_together)
{
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q = NULL;

	flushes = 0;
	for (int i = 0; i < QUEUE_SYNC_ALL + 50; i++) {
		q = queue_table_get(t, SLICE_LIT("T"), i, true);
		ck_assert_int_eq(consume_queue_put(q, 0, i * 10, 10, i), RC_OK);
	}
	queue_table_flush(t, true, on_flushed);
	rig_run_all(r);
	ck_assert_int_eq(flushes, 1);
	ck_assert_int_eq(flush_rc, RC_OK);
	ck_assert_int_eq(q->synced, 1);
	ck_assert(list_is_empty(&t->unsynced));
	queue_table_close(t);
}
END_TEST

START_TEST(a_flush_without_work_is_answered_too)
{
	struct queue_table *t = open_table(0, -1);

	flushes = 0;
	queue_table_flush(t, true, on_flushed);
	ck_assert_int_eq(flushes, 0);
	queue_table_flush(t, false, NULL);
	rig_run_all(r);
	ck_assert_int_eq(flushes, 1);
	queue_table_close(t);
}
END_TEST

static int fail_with;
static ssize_t failing_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	if (fail_with == 0)
		return io_system.pwritev(fd, iov, count, at);
	errno = fail_with;
	return -1;
}
static int failing_sync(int fd)
{
	if (fail_with == 0)
		return io_system.fdatasync(fd);
	errno = fail_with;
	return -1;
}

START_TEST(what_cannot_be_written_stays_readable_and_is_tried_again)
{
	struct io_calls calls = io_system;
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q = queue_table_get(t, SLICE_LIT("T"), 0, true);
	struct queue_entry e;

	if (_i)
		calls.fdatasync = failing_sync;
	else
		calls.pwritev = failing_pwritev;
	io_set_calls(&calls);
	flushes = 0;
	for (int i = 0; i < 150; i++)
		ck_assert_int_eq(consume_queue_put(q, i, i * 10, 10, i), RC_OK);
	fail_with = ENOSPC;
	queue_table_flush(t, true, on_flushed);
	rig_run_all(r);
	ck_assert_int_eq(flushes, 1);
	ck_assert_int_eq(flush_rc, RC_DISK_FULL);
	ck_assert_int_eq(consume_queue_entry(q, 149, &e), RC_OK);
	ck_assert_int_eq(consume_queue_put(q, 150, 1500, 10, 150), RC_OK);
	fail_with = 0;
	queue_table_flush(t, true, on_flushed);
	rig_run_all(r);
	ck_assert_int_eq(flushes, 2);
	ck_assert_int_eq(flush_rc, RC_OK);
	queue_table_close(t);
	t = open_table(0, 5000);
	check_queue(queue_table_get(t, SLICE_LIT("T"), 0, false), 0, 0, 151);
	queue_table_close(t);
	io_set_calls(NULL);
}
END_TEST

/* ---- the table ---- */

static const struct {
	const char *name;
	int32_t id;
	bool made;
} names[] = {
	{"T", 0, true},  {"%RETRY%group", 5, true}, {"T", INT32_MAX, true}, {"T", -1, false},   {"", 0, false},
	{".", 0, false}, {"..", 0, false},          {"a/b", 0, false},      {"../x", 0, false},
};

START_TEST(names_must_be_folders)
{
	struct queue_table *t = open_table(0, -1);

	ck_assert_int_eq(queue_table_get(t, slice_of(names[_i].name), names[_i].id, true) != NULL, names[_i].made);
	queue_table_close(t);
}
END_TEST

START_TEST(ids_are_found_in_any_order)
{
	static const int32_t ids[] = {7, 0, 3, 1000000, 1, 2, 5};
	struct queue_table *t = open_table(0, -1);
	struct store_queue *q[COUNT_OF(ids)];

	for (size_t i = 0; i < COUNT_OF(ids); i++)
		q[i] = queue_table_get(t, SLICE_LIT("T"), ids[i], true);
	for (size_t i = 0; i < COUNT_OF(ids); i++) {
		ck_assert_ptr_eq(queue_table_get(t, SLICE_LIT("T"), ids[i], false), q[i]);
		ck_assert_int_eq(store_queue_id(q[i]), ids[i]);
	}
	ck_assert_ptr_null(queue_table_get(t, SLICE_LIT("T"), 4, false));
	ck_assert_uint_eq(queue_table_count(t), COUNT_OF(ids));
	queue_table_close(t);
}
END_TEST

START_TEST(descriptors_are_bounded)
{
	struct queue_table *t = open_table(0, -1);
	struct queue_entry e;

	for (int i = 0; i < QUEUE_FDS_MAX + 50; i++) {
		struct store_queue *q = queue_table_get(t, SLICE_LIT("T"), i, true);

		ck_assert_int_eq(consume_queue_put(q, 0, i, 10, 0), RC_OK);
		ck_assert_int_eq(queue_table_write_all(t), RC_OK);
		queue_tail_free(q);
		ck_assert_int_eq(consume_queue_entry(q, 0, &e), RC_OK);
		ck_assert_int_eq(e.at, i);
	}
	ck_assert_int_eq(fd_cache_count(alone.fds), QUEUE_FDS_MAX);
	ck_assert_int_eq(fd_cache_count(t->lane_fds), QUEUE_LANE_FDS_MAX);
	queue_table_close(t);
}
END_TEST

/* ---- retention and deleting ---- */

static void put_many(struct store_queue *q, int count)
{
	for (int i = 0; i < count; i++)
		ck_assert_int_eq(consume_queue_put(q, q->end, q->end * 10, 10, 0), RC_OK);
	q->next = q->visible = q->end;
}

static const struct {
	int64_t log_min, first, min;
} retentions[] = {
	{0, 0, 0},        {5, 0, 1},        {990, 0, 99},     {991, 100, 100},  {1000, 100, 100},
	{2505, 200, 251}, {3490, 300, 349}, {3491, 300, 350}, {9999, 300, 350},
};

START_TEST(files_that_point_below_the_log_go)
{
	struct queue_table *t = open_table(0, -1);
	struct store_queue *loaded = queue_table_get(t, SLICE_LIT("loaded"), 0, true);
	int64_t log_min = retentions[_i].log_min;
	off_t len;

	put_many(loaded, 350);
	put_many(queue_table_get(t, SLICE_LIT("not"), 0, true), 350);
	put_many(queue_table_get(t, SLICE_LIT("short"), 0, true), 3);
	ck_assert_int_eq(queue_table_write_all(t), RC_OK);
	queue_table_close(t);
	t = open_table(0, 5000);
	loaded = queue_table_get(t, SLICE_LIT("loaded"), 0, false);
	alone.log.min = log_min;
	queue_table_delete_before(t, log_min);
	rig_run_all(r);
	ck_assert_int_eq(loaded->first, retentions[_i].first);
	ck_assert_int_eq(loaded->min, retentions[_i].min);
	ck_assert_int_eq(loaded->end, 350);
	ck_assert_int_eq(loaded->jobs, 0);
	check_queue(queue_table_get(t, SLICE_LIT("not"), 0, false), retentions[_i].first, retentions[_i].min, 350);
	for (int64_t f = 0; f < 400; f += 100) {
		uint8_t *bytes = read_file("not", 0, f, &len);

		ck_assert_int_eq(bytes != NULL, f >= retentions[_i].first);
		free(bytes);
	}
	ck_assert_int_eq(queue_table_get(t, SLICE_LIT("short"), 0, false)->end, 3);
	queue_table_close(t);
}
END_TEST

START_TEST(a_deleted_topic_is_gone_whatever_is_under_way)
{
	struct queue_table *t = open_table(0, -1);
	char *path = queue_path("T", 0, -1);

	put_many(queue_table_get(t, SLICE_LIT("T"), 0, true), 250);
	put_many(queue_table_get(t, SLICE_LIT("T"), 1, true), 5);
	put_many(queue_table_get(t, SLICE_LIT("U"), 0, true), 5);
	queue_table_flush(t, true, NULL);
	if (_i & 1)
		rig_run_all(r);
	if (_i & 2)
		queue_table_delete_before(t, 1000);
	if (_i & 4)
		put_many(queue_table_get(t, SLICE_LIT("T"), 0, true), 5);
	queue_table_delete_topic(t, SLICE_LIT("T"));
	ck_assert_uint_eq(queue_table_count(t), 1);
	ck_assert_ptr_null(queue_table_get(t, SLICE_LIT("T"), 0, false));
	rig_run_all(r);
	ck_assert_int_ne(access(path, F_OK), 0);
	put_many(queue_table_get(t, SLICE_LIT("T"), 0, true), 3); /* the same name again is another topic */
	ck_assert_int_eq(queue_table_flush_now(t), RC_OK);
	queue_table_close(t);
	t = open_table(0, 5000);
	ck_assert_int_eq(queue_table_get(t, SLICE_LIT("T"), 0, false)->end, 3);
	ck_assert_int_eq(queue_table_get(t, SLICE_LIT("U"), 0, false)->end, 5);
	queue_table_close(t);
	free(path);
}
END_TEST

/* A kill between the files of a queue and those of the log: the log still has what the queue has forgotten. */
START_TEST(a_queue_begins_where_the_log_does_after_a_rebuild)
{
	char *file = queue_path("T", 0, 0), *index = rig_path(r, "index");

	rig_open(r);
	for (int i = 0; i < 150; i++)
		rig_send_keys(r, "T", 0, "x", "KEYS\x01k");
	rig_turn(r);
	rig_elapse(r, 2000);
	rig_kill(r);
	ck_assert_int_eq(unlink(file), 0);
	test_folder_remove(index);
	rig_open(r);
	ck_assert_int_eq(rig_min(r, "T", 0), 0);
	ck_assert_int_eq(rig_max(r, "T", 0), 150);
	ck_assert_str_eq(rig_body(r, "T", 0, 0), "x");
	ck_assert_str_eq(rig_body(r, "T", 0, 149), "x");
	free(file);
	free(index);
}
END_TEST

/* ---- times ---- */

static const struct {
	int64_t ms; /* after the first */
	int64_t lower, upper;
} times[] = {
	/* stored at 0 0 0 20 20 50 */
	{-1, 0, 0}, {0, 0, 2}, {1, 3, 2}, {19, 3, 2}, {20, 3, 4}, {21, 5, 4}, {50, 5, 5}, {51, 6, 5}, {INT32_MAX, 6, 5},
};

START_TEST(times_find_their_offsets)
{
	static const int after[] = {0, 0, 0, 20, 20, 50};
	struct store_queue *q;
	int64_t begin = (int64_t)r->wall;

	rig_open(r);
	ck_assert_int_eq(store_offset_by_time(r->store, NULL, begin, BOUNDARY_LOWER), 0);
	for (size_t i = 0; i < COUNT_OF(after); i++) {
		r->wall = (uint64_t)(begin + after[i]);
		rig_send(r, "T", 0, "x");
		rig_send(r, "T", 1, "x");
		rig_turn(r);
	}
	q = store_queue_find(r->store, SLICE_LIT("T"), 0);
	ck_assert_int_eq(store_offset_by_time(r->store, q, begin + times[_i].ms, BOUNDARY_LOWER), times[_i].lower);
	ck_assert_int_eq(store_offset_by_time(r->store, q, begin + times[_i].ms, BOUNDARY_UPPER), times[_i].upper);
	ck_assert_int_eq(store_message_time(r->store, q, 3), begin + 20);
	ck_assert_int_eq(store_message_time(r->store, q, 6), -1);
	ck_assert_int_eq(store_message_time(r->store, q, -1), -1);
}
END_TEST

/* Apache 4.9 MappedFileQueue.getMappedFileByTime: the first file that was changed at that time or later, else the last one. */
static int64_t file_of_4_9(int64_t ms, int files)
{
	for (int i = 0; i < files - 1; i++) {
		char *path = queue_path("T", 0, i * 100);
		int64_t changed = io_file_time_ms(path);

		free(path);
		ck_assert_int_gt(changed, 0);
		if (changed >= ms)
			return i;
	}
	return files - 1;
}

static void check_file_times(const int64_t *ms, int count)
{
	for (int i = 0; i < count; i++)
		ck_assert_msg(file_of_4_9(ms[i], count / 100 + 1) == i / 100, "message %d: file %d", i,
			      (int)file_of_4_9(ms[i], count / 100 + 1));
}

/* _i: the files are written as time goes by, or made again from the log long after. */
START_TEST(files_have_the_time_of_their_last_message)
{
	char *folder = rig_path(r, "consumequeue");
	int64_t ms[450];

	r->config.sync_flush = _i == 2;
	rig_open(r);
	for (int i = 0; i < 450; i++) {
		ms[i] = (int64_t)r->wall;
		rig_send(r, "T", 0, "x");
		rig_turn(r);
		if (i % 70 == 13)
			rig_elapse(r, 1500);
		r->wall += 37;
	}
	if (_i == 1) {
		rig_kill(r);
		test_folder_remove(folder);
		r->wall += 86400000;
		rig_open(r);
	}
	rig_elapse(r, 5000);
	check_file_times(ms, 450);
	rig_close(r);
	check_file_times(ms, 450);
	rig_open(r);
	check_file_times(ms, 450);
	free(folder);
}
END_TEST

Suite *suite_queue(void)
{
	Suite *s = suite_create("queue");
	TCase *tc = tcase_create("queue");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 30);
	tcase_add_loop_test(tc, loads_what_stands_in_the_files, 0, (int)COUNT_OF(loads));
	tcase_add_test(tc, fillers_are_before_the_first_message);
	tcase_add_test(tc, nothing_stands_behind_a_cut);
	tcase_add_test(tc, entries_of_other_messages_are_cut);
	tcase_add_loop_test(tc, a_damaged_entry_takes_no_other_with_it, 0, 11);
	tcase_add_test(tc, nothing_stands_behind_a_hole);
	tcase_add_test(tc, short_file_has_its_whole_entries_and_grows_again);
	tcase_add_test(tc, larger_files_stop_the_start);
	tcase_add_loop_test(tc, rubbish_in_the_files_is_survived, 0, 40);
	tcase_add_test(tc, files_are_apaches);
	tcase_add_loop_test(tc, files_have_the_time_of_their_last_message, 0, 3);
	tcase_add_loop_test(tc, a_queue_that_begins_late_is_filled_up, 0, (int)COUNT_OF(begins));
	tcase_add_test(tc, put_says_what_is_there_and_what_is_missing);
	tcase_add_loop_test(tc, entries_are_the_same_wherever_they_stand, 0, 4);
	tcase_add_test(tc, many_queues_are_synced_together);
	tcase_add_test(tc, a_flush_without_work_is_answered_too);
	tcase_add_loop_test(tc, what_cannot_be_written_stays_readable_and_is_tried_again, 0, 2);
	tcase_add_loop_test(tc, names_must_be_folders, 0, (int)COUNT_OF(names));
	tcase_add_test(tc, ids_are_found_in_any_order);
	tcase_add_test(tc, descriptors_are_bounded);
	tcase_add_loop_test(tc, files_that_point_below_the_log_go, 0, (int)COUNT_OF(retentions));
	tcase_add_loop_test(tc, a_deleted_topic_is_gone_whatever_is_under_way, 0, 8);
	tcase_add_test(tc, a_queue_begins_where_the_log_does_after_a_rebuild);
	tcase_add_loop_test(tc, times_find_their_offsets, 0, (int)COUNT_OF(times));
	suite_add_tcase(s, tc);
	return s;
}
