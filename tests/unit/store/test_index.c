/* The index: files byte for byte as Apache's IndexFile.putKey writes them (a model of it here, in memory), look-ups, torn writes. */
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/index_internal.h"
#include "tests/unit/store/rig.h"

Suite *suite_index(void);

static struct rig *r;
static int query_calls;
static int64_t found[64];

static void setup(void)
{
	r = rig_new();
	query_calls = 0;
}

static void teardown(void) { rig_free(r); }

/* ---- hash ---- */

static const struct {
	const char *topic, *key;
	uint32_t hash;
} hashes[] = {
	/* java: Math.abs((topic + "#" + key).hashCode()) */
	{"T", "k", 84 * 31 * 31 + 35 * 31 + 107},
	{"", "", 35},
	{"\xC3\xA9", "", 233 * 31 + 35}, /* U+00E9 is one UTF-16 unit */
	{"\xF0\x9F\x98\x80", "", (0xD83Du * 31 + 0xDE00u) * 31 + 35},
};

static void put_key(struct message_index *x, const char *topic, const char *key, int64_t at, int64_t ms)
{
	struct index_topic t = index_topic_of(slice_of(topic));

	index_put(x, &t, INDEX_KEY, slice_of(key), at, ms);
}

START_TEST(hash_is_javas)
{
	ck_assert_uint_eq(index_hash(slice_of(hashes[_i].topic), slice_of(hashes[_i].key)), hashes[_i].hash);
}
END_TEST

/* Whole steps and rests of both, and a byte that is no ASCII at each place, agree with Java's hash of the text in one piece. */
START_TEST(hash_of_two_is_the_hash_of_the_whole)
{
	for (int non_ascii = -1; non_ascii < _i + 9; non_ascii++) {
		char topic[32] = "", key[64] = "", *text;
		int32_t java;

		for (int i = 0; i < _i; i++)
			strcat(topic, i == non_ascii ? "\xC3\xA9" : "t");
		for (int i = 0; i < 9; i++)
			strcat(key, _i + i == non_ascii ? "\xC3\xA9" : &"kxyz"[i % 4]);
		text = mem_printf("%s#%s", topic, key);
		java = slice_java_hash(slice_of(text));
		ck_assert_uint_eq(index_hash(slice_of(topic), slice_of(key)), java < 0 ? 0u - (uint32_t)java : (uint32_t)java);
		free(text);
	}
}
END_TEST

/* ---- a model of Apache's file ---- */

struct model {
	uint8_t *bytes;
	size_t len;
	int64_t begin_ms, end_ms, begin_at, end_at;
	uint32_t slots_used, count;
};

static void model_init(struct model *m, const struct model *before)
{
	*m = (struct model){.count = 1};
	m->len = (size_t)(40 + 4 * r->config.index_slots + 20 * r->config.index_entries);
	m->bytes = mem_zalloc(m->len);
	if (before == NULL)
		return;
	m->begin_ms = m->end_ms = before->end_ms;
	m->begin_at = m->end_at = before->end_at;
}

static void model_put(struct model *m, uint32_t hash, int64_t at, int64_t ms)
{
	uint8_t *slot = m->bytes + 40 + 4 * (hash % r->config.index_slots);
	uint8_t *e = m->bytes + 40 + 4 * r->config.index_slots + 20 * m->count;
	uint32_t old = get_u32(slot);

	put_u32(e, hash);
	put_u64(e + 4, (uint64_t)at);
	put_u32(e + 12, m->begin_ms <= 0 ? 0 : (uint32_t)((ms - m->begin_ms) / 1000));
	put_u32(e + 16, old);
	put_u32(slot, m->count);
	if (m->count <= 1) {
		m->begin_at = at;
		m->begin_ms = ms;
	}
	m->slots_used += old == 0;
	m->count++;
	m->end_at = at;
	m->end_ms = ms;
	put_u64(m->bytes, (uint64_t)m->begin_ms);
	put_u64(m->bytes + 8, (uint64_t)m->end_ms);
	put_u64(m->bytes + 16, (uint64_t)m->begin_at);
	put_u64(m->bytes + 24, (uint64_t)m->end_at);
	put_u32(m->bytes + 32, m->slots_used);
	put_u32(m->bytes + 36, m->count);
}

static int only_names(const struct dirent *e) { return e->d_name[0] != '.'; }

static void check_file(const char *name, const struct model *m)
{
	char *path = mem_printf("%s/index/%s", r->folder, name);
	uint8_t *bytes = mem_alloc(m->len);
	int fd = open(path, O_RDONLY);
	struct stat st;

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(fstat(fd, &st), 0);
	ck_assert_int_eq(st.st_size, (int64_t)m->len);
	ck_assert_int_eq(pread(fd, bytes, m->len, 0), (int64_t)m->len);
	for (size_t i = 0; i < m->len; i++)
		ck_assert_msg(bytes[i] == m->bytes[i], "%s: byte %zu", name, i);
	close(fd);
	free(bytes);
	free(path);
}

static void check_files(struct model *models, int count)
{
	char *folder = rig_path(r, "index");
	struct dirent **names;

	ck_assert_int_eq(scandir(folder, &names, only_names, alphasort), count);
	for (int i = 0; i < count; i++) {
		ck_assert_uint_eq(strlen(names[i]->d_name), 17);
		check_file(names[i]->d_name, &models[i]);
		free(names[i]);
		free(models[i].bytes);
	}
	free(names);
	free(folder);
}

/* 399 keys fit into a file of 400 entries; flushes come at odd moments, and the clock is virtual. */
START_TEST(files_are_apaches_byte_for_byte)
{
	struct model models[4];
	int files = 1;

	rig_open(r);
	model_init(&models[0], NULL);
	for (int i = 0; i < 1000; i++) {
		int64_t at = 100 + i / 2 * 150, ms = (int64_t)RIG_WALL + i * 37;
		char key[32];

		mem_format(key, sizeof(key), "key-%d", i * 7919 % 613);
		put_key(r->store->index, "Topic", key, at, ms);
		if (models[files - 1].count == r->config.index_entries) {
			model_init(&models[files], &models[files - 1]);
			files++;
		}
		model_put(&models[files - 1], index_hash(SLICE_LIT("Topic"), slice_of(key)), at, ms);
		if (i % 97 == 3)
			index_flush(r->store->index, i % 2, NULL);
		if (i % 61 == 0)
			rig_run_all(r);
	}
	rig_run_all(r);
	ck_assert_int_eq(index_flush_now(r->store->index), RC_OK);
	index_release_now(r->store->index); /* as a clean stop does */
	ck_assert_int_eq(files, 3);
	check_files(models, files);
}
END_TEST

/* ---- look-ups ---- */

static void on_done(struct store_query *q, enum rc rc)
{
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_int_le(q->count, q->max);
	query_calls++;
}

static int look_up(const char *topic, const char *key, int64_t begin, int64_t end, int max)
{
	struct store_query q = {.topic = slice_of(topic),
				.key = slice_of(key),
				.begin_ms = begin,
				.end_ms = end,
				.max = max,
				.offsets = found,
				.on_done = on_done};
	int before = query_calls;

	store_query_keys(r->store, &q);
	ck_assert_int_eq(query_calls, before);
	rig_run(r, LANE_COLD_READ);
	ck_assert_int_eq(query_calls, before + 1);
	return q.count;
}

static struct append_result send(const char *properties)
{
	struct append_result a = rig_send_keys(r, "T", 0, "x", properties);

	rig_turn(r);
	return a;
}

START_TEST(every_key_of_a_message_finds_it)
{
	struct append_result a, b;

	rig_open(r);
	a = send("KEYS\x01one two\x02UNIQ_KEY\x01uk1");
	r->wall += 5000;
	b = send("KEYS\x01  two  two three \x02");
	for (int flushed = 0; flushed < 3; flushed++) { /* in memory, with the job, in the file */
		ck_assert_int_eq(look_up("T", "one", 0, INT64_MAX, 10), 1);
		ck_assert_int_eq(found[0], a.physical_offset);
		ck_assert_int_eq(look_up("T", "uk1", 0, INT64_MAX, 10), 1);
		ck_assert_int_eq(look_up("T", "two", 0, INT64_MAX, 10), 2);
		ck_assert_int_eq(found[0], b.physical_offset);
		ck_assert_int_eq(found[1], a.physical_offset);
		ck_assert_int_eq(look_up("T", "two", 0, INT64_MAX, 1), 1);
		ck_assert_int_eq(look_up("T", "two", 0, INT64_MAX, 0), 0);
		ck_assert_int_eq(look_up("T", "two", (int64_t)r->wall - 1000, INT64_MAX, 10), 1);
		ck_assert_int_eq(look_up("T", "two", 0, (int64_t)r->wall - 1000, 10), 1);
		ck_assert_int_eq(found[0], a.physical_offset);
		ck_assert_int_eq(look_up("T", "", 0, INT64_MAX, 10), 0);
		ck_assert_int_eq(look_up("U", "two", 0, INT64_MAX, 10), 0);
		if (flushed == 0)
			index_flush(r->store->index, false, NULL);
		else
			rig_run_all(r);
	}
}
END_TEST

START_TEST(tags_are_found_by_their_type)
{
	struct store_query q = {.topic = SLICE_LIT("T"),
				.key = SLICE_LIT("red"),
				.type = 'T',
				.end_ms = INT64_MAX,
				.max = 10,
				.offsets = found,
				.on_done = on_done};
	struct append_result a;

	rig_open(r);
	a = send("TAGS\x01red\x02KEYS\x01k");
	ck_assert_int_eq(look_up("T", "red", 0, INT64_MAX, 10), 0);
	store_query_keys(r->store, &q);
	rig_run_all(r);
	ck_assert_int_eq(q.count, 1);
	ck_assert_int_eq(found[0], a.physical_offset);
}
END_TEST

START_TEST(rollbacks_have_no_keys)
{
	struct message m = {.topic = SLICE_LIT("T"),
			    .body = SLICE_LIT("x"),
			    .properties = SLICE_LIT("KEYS\x01one"),
			    .sys_flag = SYS_FLAG_TRANSACTION_ROLLBACK};
	struct append_result result;

	rig_open(r);
	ck_assert_int_eq(store_append(r->store, NULL, &m, r->wall, &result), RC_OK);
	rig_turn(r);
	ck_assert_int_eq(look_up("T", "one", 0, INT64_MAX, 10), 0);
}
END_TEST

START_TEST(old_keys_are_found_after_files_and_restarts)
{
	int64_t at[1300];
	char properties[64];

	rig_open(r);
	for (int i = 0; i < 1300; i++) { /* four files */
		mem_format(properties, sizeof(properties), "KEYS\x01k%d", i);
		at[i] = send(properties).physical_offset;
		r->wall += 100;
		if (i % 300 == 299) {
			rig_close(r);
			rig_open(r);
		} else if (i % 50 == 0) {
			rig_elapse(r, 1000);
		}
	}
	for (int i = 0; i < 1300; i++) {
		mem_format(properties, sizeof(properties), "k%d", i);
		ck_assert_int_eq(look_up("T", properties, 0, INT64_MAX, 10), 1);
		ck_assert_int_eq(found[0], at[i]);
	}
}
END_TEST

/* ---- unclean stops ---- */

static void check_all(const int64_t *at, int count)
{
	char key[32];

	for (int i = 0; i < count; i++) {
		mem_format(key, sizeof(key), "k%d", i);
		ck_assert_msg(look_up("T", key, 0, INT64_MAX, 10) == 1, "key %s: %d", key, look_up("T", key, 0, INT64_MAX, 10));
		ck_assert_int_eq(found[0], at[i]);
	}
}

START_TEST(killed_store_finds_all_keys)
{
	char properties[64];
	int64_t at[600];

	rig_open(r);
	for (int i = 0; i < 600; i++) {
		mem_format(properties, sizeof(properties), "KEYS\x01k%d", i);
		at[i] = send(properties).physical_offset;
		if (i % 100 == 50)
			rig_elapse(r, 1000);
		if (i % 151 == 150) {
			rig_run_all(r);
			rig_kill(r);
			rig_open(r);
		}
	}
	check_all(at, 600);
	rig_elapse(r, 5000);
	check_all(at, 600);
	rig_close(r);
	rig_open(r);
	check_all(at, 600);
}
END_TEST

static int open_last(struct index_header *h)
{
	struct message_index *x = r->store->index;
	char path[PATH_MAX];
	int fd;

	ck_assert_uint_gt(x->file_count, 0);
	*h = x->files[x->file_count - 1].header;
	ck_assert(index_file_path(x, x->files[x->file_count - 1].name, path));
	fd = open(path, O_RDWR);
	ck_assert_int_ge(fd, 0);
	return fd;
}

/* The write ended before the header: what it left must not be in the way of doing it again, with other keys even. */
static void torn_append(bool lose_entries)
{
	struct index_record records[40];
	struct index_header h, ignored;
	struct index_shape shape = {r->config.index_slots, r->config.index_entries};
	uint8_t zeros[40 * INDEX_ENTRY_BYTES] = {0};
	int fd = open_last(&h);

	ignored = h;
	for (int i = 0; i < 40; i++)
		records[i] = (struct index_record){1000000 + i, (int64_t)r->wall, (uint32_t)i * 3 % 100};
	ck_assert_int_eq(index_file_append(fd, shape, &ignored, records, 40), RC_OK);
	ck_assert_int_eq(index_header_write(fd, &h), RC_OK);
	if (lose_entries)
		ck_assert_int_eq(pwrite(fd, zeros, sizeof(zeros), 40 + 4 * shape.slots + 20 * h.count), (int)sizeof(zeros));
	close(fd);
}

START_TEST(a_torn_write_loses_no_older_key)
{
	char properties[64];
	int64_t at[300];

	rig_open(r);
	for (int i = 0; i < 300; i++) {
		if (i == 150) {
			index_flush(r->store->index, false, NULL);
			rig_run_all(r);
			torn_append(_i & 1);
			r->store->index->must_heal = true; /* what a failed write says */
			if (_i & 3) {                      /* or it was killed, or the power went and took entries */
				rig_kill(r);
				rig_open(r);
				if (_i & 4)
					rig_elapse(r, 2000);
			}
		}
		mem_format(properties, sizeof(properties), "KEYS\x01k%d", i);
		at[i] = send(properties).physical_offset;
	}
	index_flush(r->store->index, false, NULL);
	rig_run_all(r);
	check_all(at, 300);
}
END_TEST

/* ---- in turns with Apache's broker ---- */

static void read_page(uint8_t page[CHECKPOINT_BYTES])
{
	char *path = rig_path(r, "checkpoint");
	int fd = open(path, O_RDONLY);

	ck_assert_int_eq(pread(fd, page, CHECKPOINT_BYTES, 0), CHECKPOINT_BYTES);
	close(fd);
	free(path);
}

static void write_page(const uint8_t page[CHECKPOINT_BYTES])
{
	char *path = rig_path(r, "checkpoint");
	int fd = open(path, O_WRONLY);

	ck_assert_int_eq(pwrite(fd, page, CHECKPOINT_BYTES, 0), CHECKPOINT_BYTES);
	close(fd);
	free(path);
}

static int64_t index_ms(void)
{
	char *path = rig_path(r, "checkpoint");
	struct checkpoint c;

	ck_assert_int_eq(checkpoint_read(path, &c), RC_OK);
	free(path);
	return c.index_ms;
}

static int64_t number_at(const char *path, int64_t at)
{
	uint8_t b[8];
	int fd = open(path, O_RDONLY);

	ck_assert_int_eq(pread(fd, b, sizeof(b), at), (ssize_t)sizeof(b));
	close(fd);
	return (int64_t)get_u64(b);
}

/* Apache IndexService.load after a kill: what ends later than the checkpoint says is deleted. -> files; *last_end: the newest's time */
static int files_that_apache_keeps(int64_t *last_end)
{
	char *folder = rig_path(r, "index");
	struct dirent **names = NULL; /* none: there is no folder yet */
	int count = scandir(folder, &names, only_names, alphasort);

	for (int i = 0; i < count; i++) {
		char *path = mem_printf("%s/%s", folder, names[i]->d_name);

		*last_end = number_at(path, 8);
		ck_assert_msg(*last_end <= index_ms(), "%s ends at %lld, the checkpoint's index time is %lld", names[i]->d_name,
			      (long long)*last_end, (long long)index_ms());
		free(path);
		free(names[i]);
	}
	free(names);
	free(folder);
	return count;
}

static void send_keys(int64_t *at, int from, int to, uint64_t step_ms)
{
	char properties[64];

	for (int i = from; i < to; i++) {
		mem_format(properties, sizeof(properties), "KEYS\x01k%d", i);
		at[i] = send(properties).physical_offset;
		r->wall += step_ms;
	}
}

START_TEST(apache_keeps_the_index_of_a_killed_broker)
{
	int64_t at[1000], end, last_ms;
	int files = 0;

	rig_open(r);
	for (int turn = 0; turn < 10; turn++) { /* checkpoints and index flushes fall between, files fill up */
		send_keys(at, turn * 100, turn * 100 + 100, 7);
		for (int i = 0; i < 3; i++) {
			rig_elapse(r, 700);
			files = files_that_apache_keeps(&end);
		}
	}
	ck_assert_int_eq(files, 3);
	send_keys(at, 0, 50, 7); /* the same keys again: not in the checkpoint */
	last_ms = (int64_t)r->wall - 7;
	index_flush(r->store->index, false, NULL);
	rig_run_all(r);
	ck_assert_int_eq(files_that_apache_keeps(&end), 3);
	ck_assert_int_lt(end, last_ms);
	rig_kill(r);
	rig_open(r);
	ck_assert_int_ge(r->store->index->newest_ms, last_ms);
	for (int i = 0; i < 50; i++) { /* by a time that only the entries know */
		char key[32];

		mem_format(key, sizeof(key), "k%d", i);
		ck_assert_int_eq(look_up("T", key, last_ms - 50 * 7, INT64_MAX, 10), 1);
		ck_assert_int_eq(found[0], at[i]);
	}
	rig_elapse(r, 4000);
	files_that_apache_keeps(&end);
	rig_close(r);
	files_that_apache_keeps(&end);
	ck_assert_int_eq(end, last_ms);
}
END_TEST

static void make_abort(void)
{
	char *path = rig_path(r, "abort");
	int fd = open(path, O_CREAT | O_RDWR, 0644);

	ck_assert_int_ge(fd, 0);
	close(fd);
	free(path);
}

/* The times of the checkpoint are Apache's by now, ours behind them is old or (_i) not there, and Apache has not filled an index file. */
static void checkpoint_of_apache(const uint8_t old[CHECKPOINT_BYTES])
{
	uint8_t page[CHECKPOINT_BYTES];

	read_page(page);
	memcpy(page + 16, old + 16, CHECKPOINT_BYTES - 16);
	write_page(page);
}

START_TEST(keys_before_apaches_recovery_are_kept)
{
	uint8_t old[CHECKPOINT_BYTES];
	int64_t at[3000];

	if (_i)
		r->config.index_entries = 20000; /* one file, and it is not full */
	rig_open(r);
	send_keys(at, 0, 300, 7);
	rig_elapse(r, 4000);
	read_page(old);
	if (_i)
		memset(old, 0, sizeof(old));
	send_keys(at, 300, 3000, 7);
	rig_close(r);
	checkpoint_of_apache(old);
	make_abort();
	rig_open(r);
	ck_assert_uint_gt(r->store->log.count, 3);
	check_all(at, 3000);
}
END_TEST

START_TEST(a_store_of_apaches_has_its_index_time_at_once)
{
	uint8_t page[CHECKPOINT_BYTES];
	int64_t at[100], end;

	rig_open(r);
	send_keys(at, 0, 100, 7);
	rig_close(r);
	read_page(page);
	memset(page + 16, 0, CHECKPOINT_BYTES - 16); /* as Apache's, whose index file is not full */
	write_page(page);
	rig_open(r);
	ck_assert_int_eq(files_that_apache_keeps(&end), 1);
	ck_assert_int_eq(end, (int64_t)r->wall - 7);
	check_all(at, 100);
}
END_TEST

/* _i: which file; gone, or with a header that cannot be. */
START_TEST(a_lost_file_is_made_again)
{
	char path[PATH_MAX];
	int64_t at[1000];
	uint8_t rubbish[40];
	int fd;

	memset(rubbish, 0xFF, sizeof(rubbish));
	rig_open(r);
	send_keys(at, 0, 1000, 7);
	rig_elapse(r, 2000);
	ck_assert_uint_eq(r->store->index->file_count, 3);
	ck_assert(index_file_path(r->store->index, r->store->index->files[_i / 2].name, path));
	rig_close(r);
	if (_i % 2) {
		fd = open(path, O_WRONLY);
		ck_assert_int_eq(pwrite(fd, rubbish, sizeof(rubbish), 0), (ssize_t)sizeof(rubbish));
		close(fd);
	} else {
		ck_assert_int_eq(unlink(path), 0);
	}
	rig_open(r);
	check_all(at, 1000);
	rig_elapse(r, 4000);
	rig_close(r);
	rig_open(r);
	check_all(at, 1000);
}
END_TEST

START_TEST(cut_forgets_what_is_behind_the_log)
{
	struct message_index *x;
	char key[32];

	rig_open(r);
	x = r->store->index;
	for (int i = 0; i < 500; i++) { /* two files: 399 and 101 */
		mem_format(key, sizeof(key), "k%d", i);
		put_key(x, "T", key, 1000 + i * 10, (int64_t)r->wall);
	}
	ck_assert_int_eq(index_flush_now(x), RC_OK);
	ck_assert_uint_eq(x->file_count, 2);
	ck_assert_int_eq(index_cut(x, 1000 + 450 * 10), RC_OK);
	ck_assert_uint_eq(x->file_count, 2);
	ck_assert_int_eq(index_newest(x), 1000 + 449 * 10);
	ck_assert_int_eq(index_cut(x, 1000 + 100 * 10), RC_OK);
	ck_assert_uint_eq(x->file_count, 1);
	ck_assert_int_eq(index_newest(x), 1000 + 99 * 10);
	ck_assert_uint_eq(x->files[0].header.count, 101);
	ck_assert_int_eq(index_cut(x, 0), RC_OK);
	ck_assert_uint_eq(x->file_count, 0);
	ck_assert_int_eq(index_newest(x), -1);
}
END_TEST

static uint32_t used_slots(int fd)
{
	uint32_t used = 0, i;

	for (uint32_t slot = 0; slot < r->config.index_slots; slot++) {
		ck_assert_int_eq(index_slot_read(fd, slot, &i), RC_OK);
		used += i != 0;
	}
	return used;
}

/* Cut and written again, over and over: a header that counts slots twice would be over their number, and the file refused. */
START_TEST(slots_in_use_are_counted_once)
{
	struct index_header h;
	struct message_index *x;
	char key[32];
	int fd;

	rig_open(r);
	x = r->store->index;
	for (int turn = 0; turn < 5; turn++) {
		for (int i = 0; i < 200; i++) {
			mem_format(key, sizeof(key), "k%d", i);
			put_key(x, "T", key, 1000 + i * 10, (int64_t)r->wall);
		}
		ck_assert_int_eq(index_flush_now(x), RC_OK);
		fd = open_last(&h);
		ck_assert_uint_eq(h.slots_used, used_slots(fd));
		ck_assert_int_eq(index_header_read(fd, x->shape, &h), RC_OK);
		ck_assert_uint_eq(h.slots_used, used_slots(fd));
		close(fd);
		ck_assert_int_eq(index_cut(x, 1000 + 20 * 10), RC_OK);
	}
}
END_TEST

START_TEST(files_below_the_log_go_but_the_last)
{
	struct message_index *x;
	char key[32];

	rig_open(r);
	x = r->store->index;
	for (int i = 0; i < 1000; i++) {
		mem_format(key, sizeof(key), "k%d", i);
		put_key(x, "T", key, 1000 + i * 10, (int64_t)r->wall);
	}
	ck_assert_int_eq(index_flush_now(x), RC_OK);
	ck_assert_uint_eq(x->file_count, 3);
	index_delete_before(x, 1000 + 398 * 10);
	ck_assert_uint_eq(x->file_count, 3);
	index_delete_before(x, 1000 + 399 * 10);
	ck_assert_uint_eq(x->file_count, 2);
	index_delete_before(x, INT64_MAX);
	ck_assert_uint_eq(x->file_count, 1);
	rig_run_all(r);
	rig_kill(r);
	rig_open(r);
	ck_assert_uint_le(r->store->index->file_count, 1);
}
END_TEST

START_TEST(foreign_and_damaged_files_are_left_alone)
{
	static const char *const names[] = {"20240101000000000", "20240101000000001", "20240101000000002", "notes.txt", "2024"};
	char *folder = rig_path(r, "index");
	size_t len = 40 + 4 * 100 + 20 * 400;
	uint8_t *bytes = mem_zalloc(len);
	FILE *f;

	ck_assert_int_eq(mkdir(folder, 0755), 0);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *path = mem_printf("%s/%s", folder, names[i]);

		memset(bytes, 0, len);
		if (i == 0)
			put_u32(bytes + 36, 401); /* count over the shape */
		if (i == 1)
			memset(bytes, 0xFF, 40);
		f = fopen(path, "w");
		ck_assert_ptr_nonnull(f);
		ck_assert_uint_eq(fwrite(bytes, i == 2 ? 39 : len, 1, f), 1);
		fclose(f);
		free(path);
	}
	rig_open(r);
	ck_assert_uint_eq(r->store->index->file_count, 0); /* offsets of -1 do not pass */
	send("KEYS\x01one");
	rig_elapse(r, 1000);
	ck_assert_int_eq(look_up("T", "one", 0, INT64_MAX, 10), 1);
	for (size_t i = 0; i < COUNT_OF(names); i++) {
		char *name = mem_printf("index/%s", names[i]);

		ck_assert(rig_exists(r, name));
		free(name);
	}
	free(bytes);
	free(folder);
}
END_TEST

Suite *suite_index(void)
{
	Suite *s = suite_create("index");
	TCase *tc = tcase_create("index");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, hash_of_two_is_the_hash_of_the_whole, 0, 10);
	tcase_add_loop_test(tc, hash_is_javas, 0, (int)COUNT_OF(hashes));
	tcase_add_test(tc, files_are_apaches_byte_for_byte);
	tcase_add_test(tc, every_key_of_a_message_finds_it);
	tcase_add_test(tc, tags_are_found_by_their_type);
	tcase_add_test(tc, rollbacks_have_no_keys);
	tcase_add_test(tc, old_keys_are_found_after_files_and_restarts);
	tcase_add_test(tc, killed_store_finds_all_keys);
	tcase_add_loop_test(tc, a_torn_write_loses_no_older_key, 0, 8);
	tcase_add_test(tc, apache_keeps_the_index_of_a_killed_broker);
	tcase_add_loop_test(tc, keys_before_apaches_recovery_are_kept, 0, 2);
	tcase_add_test(tc, a_store_of_apaches_has_its_index_time_at_once);
	tcase_add_loop_test(tc, a_lost_file_is_made_again, 0, 6);
	tcase_add_test(tc, cut_forgets_what_is_behind_the_log);
	tcase_add_test(tc, slots_in_use_are_counted_once);
	tcase_add_test(tc, files_below_the_log_go_but_the_last);
	tcase_add_test(tc, foreign_and_damaged_files_are_left_alone);
	suite_add_tcase(s, tc);
	return s;
}
