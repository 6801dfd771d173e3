/* Kills, torn tails, damage, lost files, and what is refused. A kill is a store dropped without store_close. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"
#include "tests/unit/run.h"
#include "tests/unit/store/fault.h"
#include "tests/unit/store/rig.h"

Suite *suite_recovery(void);

static struct rig *r;

static void setup(void)
{
	r = rig_new();
	rig_open(r);
}

static void teardown(void)
{
	fault_clear();
	rig_free(r);
}

static void send_many(int from, int to)
{
	char body[32];

	for (int i = from; i < to; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		rig_send(r, "T", i % 3, body);
		if (i % 7 == 0)
			rig_turn(r);
	}
	rig_turn(r);
}

static void check_many(int count)
{
	char body[32];

	for (int i = 0; i < count; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		ck_assert_str_eq(rig_body(r, "T", i % 3, i / 3), body);
	}
	for (int q = 0; q < 3; q++)
		ck_assert_int_eq(rig_max(r, "T", q), (count + 2 - q) / 3);
}

static void overwrite(const char *name, int64_t at, const void *bytes, size_t n)
{
	char *path = rig_path(r, name);
	int fd = open(path, O_RDWR);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(pwrite(fd, bytes, n, at), (ssize_t)n);
	close(fd);
	free(path);
}

static const char first_segment[] = "commitlog/00000000000000000000";

/* Each row: what was done between the sends and the kill. */
static const struct {
	uint64_t elapse_ms;
	bool sync;
} kills[] = {{0, false}, {700, false}, {1500, false}, {4000, false}, {20000, false}, {0, true}, {4000, true}};

START_TEST(a_kill_loses_nothing_acknowledged)
{
	rig_close(r);
	r->config.sync_flush = kills[_i].sync;
	rig_open(r);
	send_many(0, 1500); /* three segments */
	rig_elapse(r, kills[_i].elapse_ms);
	send_many(1500, 2000);
	rig_kill(r);
	rig_open(r);
	check_many(2000);
	send_many(2000, 2100);
	rig_elapse(r, 100);
	check_many(2100);
	rig_close(r);
	rig_open(r);
	check_many(2100);
}
END_TEST

START_TEST(many_kills_in_a_row)
{
	for (int round = 0; round < 12; round++) {
		send_many(round * 50, round * 50 + 50);
		rig_elapse(r, (uint64_t)round * 400);
		if (round % 5 == 4)
			rig_close(r);
		else
			rig_kill(r);
		rig_open(r);
		check_many(round * 50 + 50);
	}
}
END_TEST

START_TEST(a_checkpoint_bounds_the_work)
{
	struct checkpoint c;
	char *path = rig_path(r, "checkpoint");

	send_many(0, 1500);
	rig_elapse(r, 20000);
	ck_assert_int_eq(checkpoint_read(path, &c), RC_OK);
	ck_assert(c.has_safe && c.is_ours);
	ck_assert_int_eq(c.safe, r->store->log.written);
	ck_assert_int_eq(c.log_end, -1);
	ck_assert_int_ge(c.log_ms, (int64_t)RIG_WALL);
	send_many(1500, 1510);
	fault_set(FAULT_PREADV2, first_segment, 0, 0);
	rig_kill(r);
	rig_open(r);
	ck_assert_int_le(fault_calls(FAULT_PREADV2), 2); /* only its first message's time */
	fault_clear();
	check_many(1510);
	free(path);
}
END_TEST

/* Cut at each byte of the last message: it goes, those before it stay. */
START_TEST(a_torn_tail_is_cut)
{
	struct append_result last;
	uint8_t zeros[200] = {0};

	send_many(0, 10);
	rig_elapse(r, 20000);
	last = rig_send_keys(r, "T", 1, "body 10",
			     "A\x01"
			     "1\x02");
	rig_turn(r);
	rig_kill(r);
	overwrite(first_segment, last.physical_offset + 1 + _i, zeros, (size_t)(last.end - last.physical_offset - 1 - _i));
	rig_open(r);
	check_many(10);
	ck_assert_int_eq(r->store->log.written, last.physical_offset);
	ck_assert_int_eq(rig_send(r, "T", 1, "body 10").queue_offset, 3);
	rig_turn(r);
	rig_kill(r);
	rig_open(r);
	check_many(11);
}
END_TEST

/* The format has a CRC over the body, and lengths, magic, the message's own offset and its place in the queue: what is elsewhere (flags,
 * times, hosts) cannot be seen to be wrong. */
static bool is_guarded(int at) { return at <= 10 || (at >= 18 && at <= 35) || at >= 81; }

START_TEST(damage_in_the_middle_is_passed_over)
{
	struct append_result victim;
	uint8_t junk[4] = {1, 2, 3, 4};

	send_many(0, 30);
	victim = rig_send(r, "T", 0, "body 30");
	rig_turn(r);
	send_many(31, 60);
	rig_kill(r);
	overwrite(first_segment, victim.physical_offset + _i, junk, sizeof(junk));
	rig_open(r);
	if (is_guarded(_i))
		ck_assert_uint_eq(r->store->damaged_messages, 1);
	ck_assert_int_eq(rig_max(r, "T", 0), 20);
	for (int i = 0; i < 20; i++)
		if (i != 10)
			ck_assert_int_gt(strlen(rig_body(r, "T", 0, i)), 5);
	ck_assert_str_eq(rig_body(r, "T", 2, 19), "body 59");
}
END_TEST

/* The final message of a commit and its op message are neighbours. Row 0: the first is damaged, so the other must not count; row 1: the
 * second is, and the store names the first, whose op message is missing. */
START_TEST(damage_between_a_commit_and_its_op_message_is_told)
{
	static const char op[] = "RMQ_SYS_TRANS_OP_HALF_TOPIC";
	struct append_result before, final, end;
	uint8_t junk[4] = {1, 2, 3, 4};

	rig_send(r, op, 0, "1");
	before = rig_send(r, "T", 0, "before");
	final = rig_send(r, "T", 0, "final");
	end = rig_send(r, op, 0, "2");
	rig_send(r, "T", 0, "behind");
	rig_send(r, op, 0, "3");
	rig_turn(r);
	rig_kill(r);
	overwrite(first_segment, _i == 0 ? final.physical_offset : end.physical_offset, junk, sizeof(junk));
	rig_open(r);
	ck_assert_int_eq(rig_max(r, op, 0), 3);
	ck_assert_str_eq(rig_body(r, op, 0, 0), "1");
	ck_assert_str_eq(rig_body(r, op, 0, 2), "3");
	ck_assert_int_lt(store_unfollowed(r->store, 2), 0);
	ck_assert_int_eq(store_unfollowed(r->store, 1), _i == 0 ? before.physical_offset : final.physical_offset);
	ck_assert_int_gt(store_unfollowed(r->store, 0), end.physical_offset);
	if (_i == 0) {
		struct store_entry e;

		ck_assert_int_eq(store_queue_entry(store_queue_find(r->store, slice_of(op), 0), 1, &e), RC_OK);
		ck_assert_int_eq(e.size, QUEUE_FILLER_SIZE);
	}
}
END_TEST

static void remove_tree(const char *name)
{
	char *path = rig_path(r, name);

	test_folder_remove(path);
	free(path);
}

static void overwrite_blank(int segment, int64_t at, int64_t segment_bytes)
{
	char *name = mem_printf("commitlog/%020lld", (long long)segment * segment_bytes);
	uint8_t blank[8];

	put_u32(blank, (uint32_t)(segment_bytes - at));
	put_u32(blank + 4, MESSAGE_MAGIC_BLANK);
	overwrite(name, at, blank, sizeof(blank));
	free(name);
}

static const struct {
	const char *what;
	bool kill;
} losses[] = {
	{"consumequeue", false},  {"consumequeue", true}, {"consumequeue/T/1", true}, {"checkpoint", true}, {"checkpoint", false},
	{"consumequeue/T", true}, {"index", true},
};

START_TEST(lost_files_are_rebuilt_from_the_log)
{
	send_many(0, 1000);
	rig_elapse(r, 20000);
	send_many(1000, 1200);
	if (losses[_i].kill)
		rig_kill(r);
	else
		rig_close(r);
	remove_tree(losses[_i].what);
	rig_open(r);
	check_many(1200);
	rig_close(r);
	rig_open(r);
	check_many(1200);
}
END_TEST

static struct {
	int calls;
	int32_t count;
} found;

static void on_found(struct store_query *q, enum rc rc)
{
	ck_assert_int_eq(rc, RC_OK);
	found.calls++;
	found.count = q->count;
}

static int32_t count_key(const char *key)
{
	int64_t offsets[8];
	struct store_query q = {.topic = SLICE_LIT("K"),
				.key = slice_of(key),
				.end_ms = INT64_MAX,
				.max = 8,
				.offsets = offsets,
				.on_done = on_found};

	found.calls = 0;
	store_query_keys(r->store, &q);
	rig_run_all(r);
	ck_assert_int_eq(found.calls, 1);
	return found.count;
}

/* The second walk, for the queues, knew of times that it had not come to yet: behind the hole at the begin it took no message but the last. */
START_TEST(a_rebuild_passes_over_a_hole_at_the_begin)
{
	struct append_result first = {0};
	uint8_t junk[4] = {1, 2, 3, 4};

	for (int i = 0; i < 10; i++) {
		struct append_result a = rig_send(r, "T", 0, "body");

		if (i == 0)
			first = a;
		rig_turn(r);
		rig_elapse(r, 1000);
	}
	rig_kill(r);
	overwrite(first_segment, first.physical_offset, junk, sizeof(junk));
	remove_tree("consumequeue");
	remove_tree("checkpoint");
	rig_open(r);
	ck_assert_uint_eq(r->store->damaged_messages, 1);
	ck_assert_int_eq(rig_min(r, "T", 0), 1);
	ck_assert_int_eq(rig_max(r, "T", 0), 10);
	for (int i = 1; i < 10; i++)
		ck_assert_str_eq(rig_body(r, "T", 0, i), "body");
}
END_TEST

START_TEST(a_lost_index_is_rebuilt_from_the_log)
{
	rig_send_keys(r, "K", 0, "x",
		      "KEYS\x01"
		      "early\x02");
	rig_turn(r);
	send_many(0, 300);
	rig_elapse(r, 20000);
	rig_send_keys(r, "K", 0, "x",
		      "KEYS\x01"
		      "late\x02");
	rig_turn(r);
	if (_i)
		rig_kill(r);
	else
		rig_close(r);
	remove_tree("index");
	rig_open(r);
	ck_assert_int_eq(count_key("early"), 1);
	ck_assert_int_eq(count_key("late"), 1);
	check_many(300);
	rig_close(r);
	rig_open(r);
	ck_assert_int_eq(count_key("early"), 1);
}
END_TEST

/* 100 segments of 1 GiB, sparse, one message each: what is read after a kill does not grow with the store. */
START_TEST(recovery_does_not_read_the_whole_store)
{
	const int64_t gib = 1 << 30;
	struct append_result a;

	rig_close(r);
	remove_tree("commitlog");
	remove_tree("consumequeue");
	remove_tree("checkpoint");
	r->config.segment_bytes = (uint64_t)gib;
	rig_open(r);
	for (int i = 0; i < 100; i++) {
		a = rig_send(r, "T", 0, "one in a segment");
		rig_turn(r);
		if (i == 99)
			break;
		/* as if a whole segment had been written: the blank is all that a walk needs */
		overwrite_blank(i, a.end - i * gib, gib);
		r->store->log.staged = r->store->log.written = (i + 1) * gib;
		r->wall += 60000;
	}
	ck_assert_int_eq(a.physical_offset, 99 * gib);
	rig_elapse(r, 20000);
	for (int i = 0; i < 50; i++)
		rig_send(r, "T", 0, "after the checkpoint");
	rig_turn(r);
	rig_kill(r);
	fault_set(FAULT_PREADV2, "/commitlog/", 0, 0);
	rig_open(r);
	ck_assert_int_le(fault_calls(FAULT_PREADV2), 6000 / 2); /* the tail is looked at in pages of 4 KiB, 8 MiB of it */
	fault_clear();
	ck_assert_int_eq(rig_max(r, "T", 0), 150);
	ck_assert_str_eq(rig_body(r, "T", 0, 0), "one in a segment");
	ck_assert_str_eq(rig_body(r, "T", 0, 149), "after the checkpoint");
}
END_TEST

START_TEST(a_queue_never_points_behind_the_log)
{
	char *path = rig_path(r, first_segment);
	uint8_t zeros[1000] = {0};
	struct append_result a;

	send_many(0, 30);
	a = rig_send(r, "T", 0, "body 30");
	rig_turn(r);
	send_many(31, 40);
	rig_elapse(r, 2000); /* queue files are written, no checkpoint yet */
	rig_kill(r);
	overwrite(first_segment, a.physical_offset, zeros, sizeof(zeros)); /* as a power loss would */
	rig_open(r);
	check_many(30);
	send_many(30, 35);
	check_many(35);
	free(path);
}
END_TEST

/* Retention took the messages of entries that no sync had reached when the power went. Those that are zero are where halving meets them when
 * it looks for the first message that is there, and does not when it looks for the end. */
START_TEST(a_queue_begins_with_the_first_message_of_the_log)
{
	char *body = mem_zalloc(3001), *segment = rig_path(r, first_segment), *checkpoint = rig_path(r, "checkpoint");
	uint8_t zeros[4 * QUEUE_ENTRY_BYTES] = {0};
	struct append_result a;
	int64_t first = -1;

	rig_close(r);
	r->config.queue_file_entries = 64;
	rig_open(r);
	memset(body, 'x', 3000);
	for (int i = 0; i < 60; i++) {
		a = rig_send(r, "T", 0, body);
		if (first < 0 && a.physical_offset >= RIG_SEGMENT)
			first = a.queue_offset;
	}
	rig_turn(r);
	rig_elapse(r, 2000);
	rig_kill(r);
	ck_assert_int_eq(first, 21);
	overwrite("consumequeue/T/0/00000000000000000000", 9 * QUEUE_ENTRY_BYTES, zeros, sizeof(zeros));
	ck_assert_int_eq(unlink(segment), 0);
	(void)!unlink(checkpoint);
	rig_open(r);
	ck_assert_int_eq(rig_min(r, "T", 0), first);
	ck_assert_int_eq(rig_max(r, "T", 0), 60);
	ck_assert_str_eq(rig_body(r, "T", 0, first), body);
	free(checkpoint);
	free(segment);
	free(body);
}
END_TEST

/* Of the entries from 64 on the power left the last 12 bytes of entry 102: it seems to point at the begin of the log, and halving meets it.
 * Row 1: the messages are gone as well. Row 2: retention had taken the first segment. */
START_TEST(an_entry_torn_between_two_sectors_is_no_end)
{
	static const uint8_t torn[QUEUE_ENTRY_BYTES] = {[10] = 0x01, [11] = 0x2c}; /* its size */
	char *segment = rig_path(r, first_segment), body[32];
	uint8_t *zeros = mem_zalloc(RIG_SEGMENT);
	struct append_result a = {0}, lost = {0};

	rig_close(r);
	r->config.queue_file_entries = 204; /* halved to entry 102 */
	rig_open(r);
	for (int i = 0; i < 60; i++)
		rig_send(r, "T", 0, "body");
	while (_i == 2 && a.physical_offset < RIG_SEGMENT)
		a = rig_send(r, "Filler", 0, "body");
	for (int i = 60; i < 64; i++)
		rig_send(r, "T", 0, "body");
	rig_turn(r);
	rig_elapse(r, 20000);
	for (int i = 64; i < 120; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		a = rig_send(r, "T", 0, body);
		if (i == 64)
			lost = a;
	}
	rig_turn(r);
	rig_kill(r);
	overwrite("consumequeue/T/0/00000000000000000000", 102 * QUEUE_ENTRY_BYTES, torn, sizeof(torn));
	if (_i == 1)
		overwrite(first_segment, lost.physical_offset, zeros, (size_t)(a.end - lost.physical_offset));
	if (_i == 2)
		ck_assert_int_eq(unlink(segment), 0);
	rig_open(r);
	ck_assert_int_eq(rig_max(r, "T", 0), _i == 1 ? 64 : 120);
	for (int i = 60; i < 64; i++)
		ck_assert_str_eq(rig_body(r, "T", 0, i), "body");
	for (int i = 64; i < 120; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		if (_i == 1) {
			rig_send(r, "T", 0, body);
			rig_turn(r);
		}
		ck_assert_str_eq(rig_body(r, "T", 0, i), body);
	}
	free(zeros);
	free(segment);
}
END_TEST

START_TEST(a_damaged_checkpoint_is_no_obstacle)
{
	uint8_t junk[4096];

	send_many(0, 1000);
	rig_elapse(r, 20000);
	rig_kill(r);
	memset(junk, 0x5A, sizeof(junk));
	overwrite("checkpoint", _i ? 1024 : 0, junk, _i ? 64 : sizeof(junk));
	rig_open(r);
	check_many(1000);
}
END_TEST

/* ---- what stops the start ---- */

static const struct {
	const char *folder, *file, *says;
} foreign[] = {
	{"consumequeue", "CURRENT", "RocksDB"},
	{"config/topics", "CURRENT", "RocksDB"},
	{"config/consumerOffsets", "CURRENT", "RocksDB"},
	{"config/rdb", "CURRENT", "RocksDB"},
	{"dledger-n0", "data", "DLedger"},
	{"consumequeue_rocksdb", "CURRENT", "RocksDB"},
	{"consumequeue_ext", "topic", "enableConsumeQueueExt"},
	{"batchconsumequeue", "topic", "BatchCQ"},
	{"config", "tieredStoreMetadata.json", "tiered"},
};

START_TEST(what_we_cannot_read_is_refused_untouched)
{
	struct rig *other = rig_new();
	char *folder = rig_path(other, foreign[_i].folder), *file = mem_printf("%s/%s", folder, foreign[_i].file);
	int fd;

	ck_assert_int_eq(io_make_folders(folder), RC_OK);
	fd = open(file, O_CREAT | O_RDWR, 0644);
	ck_assert_int_ge(fd, 0);
	close(fd);
	ck_assert_int_eq(rig_try_open(other), RC_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(other->error, foreign[_i].says));
	ck_assert_ptr_nonnull(strstr(other->error, foreign[_i].folder));
	ck_assert(!rig_exists(other, "lock") && !rig_exists(other, "commitlog") && !rig_exists(other, "abort"));
	ck_assert_int_eq(unlink(file) | rmdir(folder), 0);
	rig_open(other); /* and nothing else was in the way */
	free(folder);
	free(file);
	rig_free(other);
}
END_TEST

START_TEST(an_empty_rocksdb_of_5_5_is_no_obstacle)
{
	struct rig *other = rig_new();
	char *folder = rig_path(other, "rocksdbstore"), *file = rig_path(other, "rocksdbstore/CURRENT");

	ck_assert_int_eq(io_make_folders(folder), RC_OK);
	close(open(file, O_CREAT | O_RDWR, 0644));
	rig_open(other);
	free(folder);
	free(file);
	rig_free(other);
}
END_TEST

START_TEST(segments_of_another_size_are_refused)
{
	send_many(0, 10);
	rig_close(r);
	r->config.segment_bytes = 2 * RIG_SEGMENT;
	ck_assert_int_eq(rig_try_open(r), RC_OK); /* the only file is extended: it may be a new one, cut short by a power loss */
	rig_close(r);
	r->config.segment_bytes = RIG_SEGMENT;
	ck_assert_int_eq(rig_try_open(r), RC_UNSUPPORTED);
	ck_assert_ptr_nonnull(strstr(r->error, "mappedFileSizeCommitLog"));
	ck_assert_ptr_nonnull(strstr(r->error, "131072"));
	r->config.segment_bytes = 2 * RIG_SEGMENT;
	rig_open(r);
	check_many(10);
}
END_TEST

START_TEST(a_missing_segment_is_named)
{
	char *path = rig_path(r, "commitlog/00000000000000065536");

	send_many(0, 2000);
	rig_close(r);
	ck_assert_int_eq(unlink(path), 0);
	ck_assert_int_eq(rig_try_open(r), RC_CORRUPT);
	ck_assert_ptr_nonnull(strstr(r->error, "00000000000000065536"));
	free(path);
}
END_TEST

/* The child holds the lock; it answers over a pipe. */
START_TEST(a_second_broker_is_told_who_has_the_store)
{
	int ready[2], stop[2];
	char byte, pid_text[32];
	pid_t pid;

	rig_close(r);
	ck_assert_int_eq(pipe(ready) | pipe(stop), 0);
	pid = fork();
	if (pid == 0) {
		rig_open(r);
		(void)!write(ready[1], "x", 1);
		(void)!read(stop[0], &byte, 1);
		_exit(0);
	}
	ck_assert_int_eq(read(ready[0], &byte, 1), 1);
	ck_assert_int_eq(rig_try_open(r), RC_LOCKED);
	mem_format(pid_text, sizeof(pid_text), "process %d", (int)pid);
	ck_assert_msg(strstr(r->error, pid_text) != NULL, "%s", r->error);
	ck_assert_int_eq(write(stop[1], "x", 1), 1);
	ck_assert_int_eq(waitpid(pid, NULL, 0), pid);
	rig_open(r); /* the lock went with the process; `abort` is there */
	close(ready[0]), close(ready[1]), close(stop[0]), close(stop[1]);
}
END_TEST

START_TEST(a_root_that_is_no_folder_is_named)
{
	char *path = rig_path(r, "file");
	struct store_config config = r->config;
	struct store *s;
	char *error = NULL;

	close(open(path, O_CREAT | O_RDWR, 0644));
	config.root = path;
	ck_assert_int_ne(store_open(&config, &r->ex, &r->timers, r->wall, &s, &error), RC_OK);
	ck_assert_ptr_nonnull(strstr(error, path));
	free(error);
	free(path);
}
END_TEST

Suite *suite_recovery(void)
{
	Suite *s = suite_create("recovery");
	TCase *tc = tcase_create("recovery");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, a_kill_loses_nothing_acknowledged, 0, (int)COUNT_OF(kills));
	tcase_add_test(tc, many_kills_in_a_row);
	tcase_add_test(tc, a_checkpoint_bounds_the_work);
	tcase_add_loop_test(tc, a_torn_tail_is_cut, 0, 102);
	tcase_add_loop_test(tc, damage_in_the_middle_is_passed_over, 0, 95);
	tcase_add_loop_test(tc, damage_between_a_commit_and_its_op_message_is_told, 0, 2);
	tcase_add_loop_test(tc, lost_files_are_rebuilt_from_the_log, 0, (int)COUNT_OF(losses));
	tcase_add_test(tc, a_rebuild_passes_over_a_hole_at_the_begin);
	tcase_add_loop_test(tc, a_lost_index_is_rebuilt_from_the_log, 0, 2);
	tcase_add_test(tc, recovery_does_not_read_the_whole_store);
	tcase_add_test(tc, a_queue_never_points_behind_the_log);
	tcase_add_test(tc, a_queue_begins_with_the_first_message_of_the_log);
	tcase_add_loop_test(tc, an_entry_torn_between_two_sectors_is_no_end, 0, 3);
	tcase_add_loop_test(tc, a_damaged_checkpoint_is_no_obstacle, 0, 2);
	tcase_add_loop_test(tc, what_we_cannot_read_is_refused_untouched, 0, (int)COUNT_OF(foreign));
	tcase_add_test(tc, an_empty_rocksdb_of_5_5_is_no_obstacle);
	tcase_add_test(tc, segments_of_another_size_are_refused);
	tcase_add_test(tc, a_missing_segment_is_named);
	tcase_add_test(tc, a_second_broker_is_told_who_has_the_store);
	tcase_add_test(tc, a_root_that_is_no_folder_is_named);
	suite_add_tcase(s, tc);
	return s;
}
