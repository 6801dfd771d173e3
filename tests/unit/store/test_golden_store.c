/* Stores that Apache 4.9.7 and 5.5.0 wrote (tests/unit/golden/store-*): what we make of their log is, byte for byte, what they made. */
#include <check.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/log_walk.h"
#include "tests/unit/run.h"
#include "tests/unit/store/rig.h"

Suite *suite_golden_store(void);

static const char *const stores[] = {"store-4.9.7", "store-5.5.0"};

static struct rig *r;
static char *golden; /* folder */

static void setup(void)
{
	static const int64_t levels[] = {1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200};

	r = rig_new();
	r->config.segment_bytes = 1 << 20;
	r->config.queue_file_entries = 300000;
	r->config.index_slots = 5000000;
	r->config.index_entries = 20000000;
	r->config.delay_levels = (int)COUNT_OF(levels);
	for (size_t i = 0; i < COUNT_OF(levels); i++)
		r->config.delay_ms[i] = levels[i] * 1000;
	r->wall = 1795300000000; /* after the captures */
}

static void teardown(void)
{
	rig_free(r);
	free(golden);
}

static void copy_file(const char *from, const char *to, int64_t size)
{
	char bytes[65536];
	int in = open(from, O_RDONLY), out;
	ssize_t n;
	char *folder = mem_strdup(to);

	*strrchr(folder, '/') = '\0';
	ck_assert_int_eq(io_make_folders(folder), RC_OK);
	out = open(to, O_RDWR | O_CREAT, 0644);
	ck_assert_msg(in >= 0 && out >= 0, "%s", from);
	while ((n = read(in, bytes, sizeof(bytes))) > 0)
		ck_assert_int_eq(write(out, bytes, (size_t)n), n);
	ck_assert_int_eq(ftruncate(out, size), 0);
	close(in);
	close(out);
	free(folder);
}

/* All files below golden/sub, to the same place of the rig's store, or handed to `each`. */
static void each_queue_file(void (*each)(const char *golden_file, const char *store_file, const char *topic, int id))
{
	char *root = mem_printf("%s/consumequeue", golden);
	DIR *topics = opendir(root);
	const struct dirent *t, *i;

	ck_assert_ptr_nonnull(topics);
	while ((t = readdir(topics)) != NULL) {
		char *folder = mem_printf("%s/%s", root, t->d_name);
		DIR *ids = t->d_name[0] == '.' ? NULL : opendir(folder);

		while (ids && (i = readdir(ids)) != NULL) {
			char *from = mem_printf("%s/%s/00000000000000000000", folder, i->d_name);
			char *to = mem_printf("%s/consumequeue/%s/%s/00000000000000000000", r->folder, t->d_name, i->d_name);

			if (i->d_name[0] != '.')
				each(from, to, t->d_name, atoi(i->d_name));
			free(from);
			free(to);
		}
		if (ids)
			closedir(ids);
		free(folder);
	}
	closedir(topics);
	free(root);
}

static void copy_queue(const char *from, const char *to, const char *topic, int id)
{
	(void)topic;
	(void)id;
	copy_file(from, to, 6000000);
}

static void copy_store(int which, bool queues)
{
	char *log, *to = rig_path(r, "commitlog/00000000000000000000");

	golden = mem_printf("%s/tests/unit/golden/%s", getenv("top_srcdir") ? getenv("top_srcdir") : "..", stores[which]);
	log = mem_printf("%s/commitlog/00000000000000000000", golden);
	copy_file(log, to, 1 << 20);
	if (queues)
		each_queue_file(copy_queue);
	free(log);
	free(to);
}

static void make_abort(void)
{
	char *path = rig_path(r, "abort");

	close(open(path, O_CREAT | O_RDWR, 0644));
	free(path);
}

static int entries_compared;

static void compare_queue(const char *golden_file, const char *store_file, const char *topic, int id)
{
	struct store_queue *q = store_queue_find(r->store, slice_of(topic), id);
	uint8_t want[20], got[20];
	int fd = open(golden_file, O_RDONLY);
	struct queue_entry e;
	int64_t n = 0;

	(void)store_file;
	ck_assert_msg(q != NULL, "%s %d", topic, id);
	for (; read(fd, want, sizeof(want)) == (ssize_t)sizeof(want); n++) {
		ck_assert_int_eq(consume_queue_entry(q, n, &e), RC_OK);
		queue_entry_put(got, e);
		ck_assert_msg(memcmp(want, got, sizeof(want)) == 0, "%s %d entry %d: %lld %d %lld", topic, id, (int)n,
			      (long long)e.at, e.size, (long long)e.tags_code);
		entries_compared++;
	}
	close(fd);
	ck_assert_int_eq(store_queue_max(q), n);
}

START_TEST(messages_are_encoded_as_apache_does)
{
	static uint8_t ours[65536], theirs[65536];
	struct log_walk w;
	struct message m;
	int count = 0;

	copy_store(_i, true);
	rig_open(r);
	log_walk_init(&w, &r->store->log, 0, true);
	while (log_walk_next(&w, &m) == WALK_MESSAGE) {
		ck_assert_uint_le(m.size, sizeof(ours));
		ck_assert_uint_eq(message_size(&m), m.size);
		message_encode(&m, ours);
		ck_assert_int_eq(commit_log_read(&r->store->log, w.at, theirs, m.size, false), RC_OK);
		ck_assert_mem_eq(ours, theirs, m.size);
		count++;
	}
	ck_assert_int_ge(count, 15);
	ck_assert_int_eq(w.at, r->store->log.written);
	log_walk_free(&w);
}
END_TEST

/* _i: store, and whether queues are there or lost, the stop clean or not. */
START_TEST(queues_are_what_apache_made)
{
	copy_store(_i & 1, (_i & 2) == 0);
	if (_i & 4)
		make_abort();
	rig_open(r);
	each_queue_file(compare_queue);
	ck_assert_int_ge(entries_compared, 15);
	rig_send(r, "Topic", 0, "ours");
	rig_turn(r);
	rig_kill(r);
	rig_open(r);
	ck_assert_str_eq(rig_body(r, "Topic", 0, rig_max(r, "Topic", 0) - 1), "ours");
}
END_TEST

static char *only_file(const char *folder)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	char *path = NULL;

	ck_assert_ptr_nonnull(dir);
	while ((e = readdir(dir)) != NULL) {
		if (e->d_name[0] == '.')
			continue;
		ck_assert_ptr_null(path);
		path = mem_printf("%s/%s", folder, e->d_name);
	}
	closedir(dir);
	ck_assert_ptr_nonnull(path);
	return path;
}

/* The index that we make of their log against the entries they made: hash, offset, seconds, in their order. 4.9.7 has no entries for tags,
 * so ours are passed over there, and chains are compared for 5.5.0 only. */
START_TEST(the_index_is_what_apache_made)
{
	bool has_tags = _i == 1;
	char *theirs, *ours, *folder, line[256];
	int fd, compared = 0;
	unsigned skipped = 0;
	FILE *tsv;

	copy_store(_i, false);
	make_abort();
	rig_open(r);
	rig_close(r);
	folder = rig_path(r, "index");
	ours = only_file(folder);
	free(folder);
	folder = mem_printf("%s/index", golden);
	theirs = only_file(folder);
	free(folder);
	tsv = fopen(theirs, "r");
	fd = open(ours, O_RDONLY);
	ck_assert(tsv != NULL && fd >= 0);
	while (fgets(line, sizeof(line), tsv)) {
		unsigned number, hash, seconds, previous;
		unsigned long long at;
		uint8_t e[20];

		if (sscanf(line, "entry %u %u %llu %u %u", &number, &hash, &at, &seconds, &previous) != 5)
			continue;
		do
			ck_assert_int_eq(pread(fd, e, sizeof(e), 40 + 4ll * 5000000 + 20ll * (number + skipped)),
					 (ssize_t)sizeof(e));
		while (!has_tags && get_u32(e) != hash && ++skipped < 100);
		ck_assert_uint_eq(get_u32(e), hash);
		ck_assert_uint_eq(get_u64(e + 4), at);
		ck_assert_uint_eq(get_u32(e + 12), seconds);
		if (has_tags)
			ck_assert_uint_eq(get_u32(e + 16), previous);
		compared++;
	}
	ck_assert_int_ge(compared, 20);
	fclose(tsv);
	close(fd);
	free(ours);
	free(theirs);
}
END_TEST

Suite *suite_golden_store(void)
{
	Suite *s = suite_create("golden_store");
	TCase *tc = tcase_create("golden_store");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, messages_are_encoded_as_apache_does, 0, 2);
	tcase_add_loop_test(tc, queues_are_what_apache_made, 0, 8);
	tcase_add_loop_test(tc, the_index_is_what_apache_made, 0, 2);
	suite_add_tcase(s, tc);
	return s;
}
