/* Appending, watermarks, waiting, and what a failing device does to them. */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/store/fault.h"
#include "tests/unit/store/rig.h"

Suite *suite_append(void);

static struct rig *r;

static void setup(void) { r = rig_new(); }

static void teardown(void)
{
	fault_clear();
	rig_free(r);
}

static void setup_open(void)
{
	setup();
	rig_open(r);
}

static void setup_sync(void)
{
	setup();
	r->config.sync_flush = true;
	rig_open(r);
}

START_TEST(offsets_count_up_and_bodies_come_back)
{
	struct append_result a = rig_send(r, "T", 0, "one"), b = rig_send(r, "T", 0, "two"), c = rig_send(r, "T", 1, "other");

	ck_assert_int_eq(a.queue_offset, 0);
	ck_assert_int_eq(b.queue_offset, 1);
	ck_assert_int_eq(c.queue_offset, 0);
	ck_assert_int_eq(a.end, b.physical_offset);
	ck_assert_int_eq(rig_max(r, "T", 0), 0); /* not before the turn ends */
	rig_turn(r);
	ck_assert_int_eq(rig_max(r, "T", 0), 2);
	ck_assert_str_eq(rig_body(r, "T", 0, 0), "one");
	ck_assert_str_eq(rig_body(r, "T", 0, 1), "two");
	ck_assert_str_eq(rig_body(r, "T", 1, 0), "other");
}
END_TEST

START_TEST(a_clean_stop_keeps_everything)
{
	for (int i = 0; i < 500; i++)
		rig_send(r, "T", i % 3, "body");
	rig_turn(r);
	ck_assert(rig_exists(r, "abort"));
	rig_close(r);
	ck_assert(!rig_exists(r, "abort"));
	rig_open(r);
	ck_assert_int_eq(rig_max(r, "T", 0), 167);
	ck_assert_int_eq(rig_max(r, "T", 2), 166);
	ck_assert_str_eq(rig_body(r, "T", 1, 100), "body");
	ck_assert_int_eq(rig_send(r, "T", 0, "next").queue_offset, 167);
	rig_turn(r);
	ck_assert_str_eq(rig_body(r, "T", 0, 167), "next");
}
END_TEST

START_TEST(segments_roll_with_a_blank)
{
	char body[5000];
	uint8_t blank[8];
	struct append_result last = {0};

	memset(body, 'x', sizeof(body));
	for (int i = 0; i < 40; i++) {
		struct append_result a;

		ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
		ck_assert_int_eq(a.physical_offset / RIG_SEGMENT, (a.end + 8 - 1) / RIG_SEGMENT);
		if (a.physical_offset != last.end) {
			ck_assert_int_eq(a.physical_offset % RIG_SEGMENT, 0);
			rig_turn(r);
			ck_assert_int_eq(commit_log_read(&r->store->log, last.end, blank, 8, false), RC_OK);
			ck_assert_uint_eq(get_u32(blank), (uint32_t)(a.physical_offset - last.end));
			ck_assert_uint_eq(get_u32(blank + 4), MESSAGE_MAGIC_BLANK);
		}
		last = a;
	}
	rig_turn(r);
	ck_assert_uint_eq(r->store->log.count, 4);
	rig_close(r);
	rig_open(r);
	ck_assert_int_eq(rig_max(r, "T", 0), 40);
	for (int i = 0; i < 40; i++)
		ck_assert_uint_eq(strlen(rig_body(r, "T", 0, i)), sizeof(body));
}
END_TEST

START_TEST(the_next_segment_is_allocated_ahead)
{
	char body[20000];
	struct append_result a;

	memset(body, 'x', sizeof(body));
	rig_run_all(r);
	ck_assert(!rig_exists(r, "commitlog/00000000000000065536"));
	for (int i = 0; i < 2; i++) {
		ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
		rig_turn(r);
		rig_run(r, LANE_FILES);
	}
	ck_assert(rig_exists(r, "commitlog/00000000000000065536"));
	ck_assert_uint_eq(r->store->log.count, 1);
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
	rig_turn(r);
	ck_assert_int_eq(a.physical_offset, RIG_SEGMENT);
}
END_TEST

START_TEST(too_large_is_refused)
{
	struct append_result a;
	char *body = mem_zalloc(40000);

	ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, 32769}, &a), RC_TOO_BIG);
	ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, 32768}, &a), RC_OK);
	ck_assert_int_eq(a.queue_offset, 0);
	rig_turn(r);
	free(body);
}
END_TEST

START_TEST(without_a_queue_nothing_is_seen)
{
	struct message m = {.topic = SLICE_LIT("T"), .body = SLICE_LIT("half")};
	struct append_result a;

	ck_assert_int_eq(store_append(r->store, NULL, &m, r->wall, &a), RC_OK);
	rig_turn(r);
	ck_assert_int_gt(r->store->log.written, a.physical_offset);
	ck_assert_int_eq(rig_max(r, "T", 0), 0);
}
END_TEST

static struct {
	int calls;
	int64_t offset, tags_code;
} arrival;

static void on_arrival(void *ctx, struct store_queue *q, int64_t offset, int64_t tags_code)
{
	ck_assert_ptr_eq(ctx, r);
	ck_assert_ptr_eq(store_queue_user(q), &arrival);
	ck_assert_int_gt(store_queue_max(q), offset);
	arrival.calls++;
	arrival.offset = offset;
	arrival.tags_code = tags_code;
}

START_TEST(arrivals_are_told_to_who_waits)
{
	store_on_arrival(r->store, on_arrival, r);
	rig_send(r, "T", 0, "nobody waits");
	rig_turn(r);
	store_queue_set_user(store_queue_find(r->store, SLICE_LIT("T"), 0), &arrival);
	rig_send_keys(r, "T", 0, "x", "TAGS\x01TagA\x02");
	ck_assert_int_eq(arrival.calls, 0);
	rig_turn(r);
	ck_assert_int_eq(arrival.calls, r->config.sync_flush ? 0 : 1);
	rig_run_all(r);
	ck_assert_int_eq(arrival.calls, r->config.sync_flush ? 2 : 1); /* under sync flush the first one was not visible before */
	ck_assert_int_eq(arrival.offset, 1);
	ck_assert_int_eq(arrival.tags_code, 2598919);
}
END_TEST

START_TEST(delayed_messages_carry_their_time)
{
	struct queue_entry e;

	rig_send_keys(r, TOPIC_SCHEDULE, 1, "x",
		      "DELAY\x01"
		      "2\x02TAGS\x01TagA\x02");
	rig_send_keys(r, TOPIC_SCHEDULE, 1, "x",
		      "DELAY\x01"
		      "99\x02");
	rig_send_keys(r, TOPIC_SCHEDULE, 1, "x",
		      "DELAY\x01"
		      "0\x02TAGS\x01TagA\x02");
	rig_turn(r);
	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT(TOPIC_SCHEDULE), 1), 0, &e), RC_OK);
	ck_assert_int_eq(e.tags_code, (int64_t)RIG_WALL + 5000);
	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT(TOPIC_SCHEDULE), 1), 1, &e), RC_OK);
	ck_assert_int_eq(e.tags_code, (int64_t)RIG_WALL + 10000);
	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT(TOPIC_SCHEDULE), 1), 2, &e), RC_OK);
	ck_assert_int_eq(e.tags_code, 2598919);
}
END_TEST

/* ---- waiting ---- */

START_TEST(written_is_waited_for_until_the_turn_ends)
{
	struct rig_wait w, before;

	rig_wait(r, &before, 0, WATERMARK_WRITTEN);
	rig_wait(r, &w, rig_send(r, "T", 0, "x").end, WATERMARK_WRITTEN);
	ck_assert_int_eq(w.calls + before.calls, 0);
	rig_turn(r);
	ck_assert_int_eq(w.calls, 1);
	ck_assert_int_eq(before.calls, 1);
	ck_assert_int_eq(w.rc, RC_OK);
}
END_TEST

START_TEST(one_fdatasync_serves_all_that_wait)
{
	struct rig_wait a, b, c;
	int64_t first_end;

	fault_set(FAULT_FDATASYNC, "/commitlog/", 0, 0);
	rig_wait(r, &a, rig_send(r, "T", 0, "1").end, WATERMARK_FLUSHED);
	first_end = a.wait.end;
	rig_turn(r);
	rig_wait(r, &b, rig_send(r, "T", 0, "2").end, WATERMARK_FLUSHED);
	rig_turn(r);
	rig_wait(r, &c, rig_send(r, "T", 0, "3").end, WATERMARK_FLUSHED);
	rig_turn(r);
	ck_assert_int_eq(a.calls + b.calls + c.calls, 0);
	ck_assert_int_eq(rig_max(r, "T", 0), 0);
	ck_assert_uint_eq(rig_run(r, LANE_FLUSH), 2); /* the first took what was there at its start */
	ck_assert_int_eq(a.calls + b.calls + c.calls, 3);
	ck_assert_int_eq(fault_calls(FAULT_FDATASYNC), 2);
	ck_assert_int_gt(r->store->log.flushed, first_end);
	ck_assert_int_eq(rig_max(r, "T", 0), 3);
}
END_TEST

START_TEST(a_slow_fdatasync_times_out)
{
	struct rig_wait w;

	rig_wait(r, &w, rig_send(r, "T", 0, "x").end, WATERMARK_FLUSHED);
	rig_turn(r);
	timers_run(&r->timers, r->timers.now_ms + 4999);
	ck_assert_int_eq(w.calls, 0);
	timers_run(&r->timers, r->timers.now_ms + 1);
	ck_assert_int_eq(w.calls, 1);
	ck_assert_int_eq(w.rc, RC_TIMEOUT);
	rig_run_all(r);
	ck_assert_int_eq(w.calls, 1);
	ck_assert_int_eq(rig_max(r, "T", 0), 1);
}
END_TEST

START_TEST(canceled_waits_are_not_called)
{
	struct rig_wait w;

	rig_wait(r, &w, rig_send(r, "T", 0, "x").end, WATERMARK_FLUSHED);
	store_wait_cancel(&w.wait);
	rig_turn(r);
	rig_run_all(r);
	ck_assert_int_eq(w.calls, 0);
}
END_TEST

START_TEST(async_flush_waits_for_its_interval_and_pages)
{
	char body[20000];
	struct append_result a;

	memset(body, 'x', sizeof(body));
	rig_send(r, "T", 0, "small");
	rig_turn(r);
	rig_elapse(r, 499);
	ck_assert_int_eq(r->store->log.flushed, 0);
	rig_elapse(r, 5000);
	ck_assert_int_eq(r->store->log.flushed, 0); /* one page only */
	ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
	rig_turn(r);
	rig_elapse(r, 500);
	ck_assert_int_eq(r->store->log.flushed, a.end);
	rig_send(r, "T", 0, "small");
	rig_turn(r);
	rig_elapse(r, 10600);
	ck_assert_int_eq(r->store->log.flushed, r->store->log.written); /* thorough */
}
END_TEST

/* ---- a device that fails ---- */

static const int write_errors[] = {ENOSPC, EIO, EDQUOT};

START_TEST(a_failed_write_counts_for_nothing)
{
	int err = write_errors[_i];
	enum rc said = err == EIO ? RC_IO : RC_DISK_FULL;
	struct rig_wait w, f;
	struct append_result a;
	struct store_figures figures;

	rig_send(r, "T", 0, "kept");
	rig_turn(r);
	fault_set(FAULT_PWRITEV, "/commitlog/", 1, err);
	fault_short(150);
	rig_send(r, "T", 0, "lost 1");
	rig_wait(r, &f, rig_send(r, "T", 1, "lost 2").end, WATERMARK_FLUSHED);
	rig_wait(r, &w, rig_send(r, "T", 0, "lost 3").end, WATERMARK_WRITTEN);
	rig_turn(r);
	ck_assert_int_eq(w.calls, 1);
	ck_assert_int_eq(w.rc, said);
	ck_assert_int_eq(f.calls, 1);
	ck_assert_int_eq(f.rc, said);
	ck_assert_int_eq(rig_max(r, "T", 0), 1);
	ck_assert_int_eq(rig_max(r, "T", 1), 0);
	ck_assert(!store_is_writable(r->store));
	ck_assert_int_eq(rig_try_send(r, "T", 0, SLICE_LIT("x"), &a), err == EIO ? RC_READ_ONLY : RC_DISK_FULL);
	store_get_figures(r->store, &figures);
	ck_assert_uint_eq(figures.puts_failed, 4);
	ck_assert(!figures.is_writable && strstr(figures.why_read_only, "write commit log") != NULL);
	ck_assert_str_eq(rig_body(r, "T", 0, 0), "kept"); /* consumers go on */
	fault_clear();
	rig_kill(r);
	rig_open(r);
	ck_assert(store_is_writable(r->store));
	ck_assert_int_eq(rig_max(r, "T", 0), 1);
	ck_assert_str_eq(rig_body(r, "T", 0, 0), "kept");
	ck_assert_int_eq(rig_try_send(r, "T", 0, SLICE_LIT("after"), &a), RC_OK);
	rig_turn(r);
	ck_assert_str_eq(rig_body(r, "T", 0, a.queue_offset), "after");
}
END_TEST

/* Refused messages that reached the file must not come back behind a later, shorter one. */
START_TEST(remains_of_a_failed_write_do_not_come_back)
{
	fault_set(FAULT_PWRITEV, "/commitlog/", 1, ENOSPC);
	fault_short(220); /* all of the first two, of 101 bytes each */
	rig_send(r, "T", 0, "refused 1");
	rig_send(r, "T", 1, "refused 2");
	rig_send(r, "T", 1, "refused 3");
	rig_turn(r);
	fault_clear();
	r->store->state = STORE_WRITABLE; /* as retention does when space is freed */
	rig_send(r, "T", 0, "better 01"); /* as long as the first refused one */
	rig_turn(r);
	rig_kill(r);
	rig_open(r);
	ck_assert_int_eq(rig_max(r, "T", 0), 1);
	ck_assert_int_eq(rig_max(r, "T", 1), 0);
	ck_assert_str_eq(rig_body(r, "T", 0, 0), "better 01");
}
END_TEST

START_TEST(a_failed_fdatasync_is_final)
{
	struct rig_wait w, late;
	struct append_result a;

	rig_wait(r, &w, rig_send(r, "T", 0, "x").end, WATERMARK_FLUSHED);
	fault_set(FAULT_FDATASYNC, "/commitlog/", 1, EIO);
	rig_turn(r);
	rig_run_all(r);
	fault_clear();
	ck_assert_int_eq(w.calls, 1);
	ck_assert_int_eq(w.rc, RC_IO);
	ck_assert_int_eq(rig_max(r, "T", 0), 0); /* never visible under sync flush */
	ck_assert_int_eq(rig_try_send(r, "T", 0, SLICE_LIT("y"), &a), RC_READ_ONLY);
	rig_wait(r, &late, w.wait.end, WATERMARK_FLUSHED);
	rig_turn(r);
	ck_assert_int_eq(late.rc, RC_IO);
	rig_elapse(r, 60000);
	ck_assert(!store_is_writable(r->store));
	rig_close(r);
	ck_assert(rig_exists(r, "abort")); /* so that the next start recovers */
	rig_open(r);
	ck_assert(store_is_writable(r->store));
}
END_TEST

START_TEST(a_segment_that_cannot_be_made_is_tried_again)
{
	char body[30000];
	struct append_result a;

	memset(body, 'x', sizeof(body));
	for (int i = 0; i < 2; i++)
		ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
	fault_set(FAULT_OPEN, "/commitlog/", 1, EMFILE);
	ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_IO);
	ck_assert(!store_is_writable(r->store));
	ck_assert_ptr_nonnull(strstr(r->store->why, "create segment"));
	fault_clear();
	ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_DISK_FULL);
	rig_turn(r);
	ck_assert_int_eq(rig_max(r, "T", 0), 2);
	rig_elapse(r, 1000);
	ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
	rig_turn(r);
	ck_assert_int_eq(a.queue_offset, 2);
	ck_assert_int_eq(rig_max(r, "T", 0), 3);
}
END_TEST

Suite *suite_append(void)
{
	Suite *s = suite_create("append");
	TCase *tc = tcase_create("append"), *sync = tcase_create("sync flush");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup_open, teardown);
	tcase_add_test(tc, offsets_count_up_and_bodies_come_back);
	tcase_add_test(tc, a_clean_stop_keeps_everything);
	tcase_add_test(tc, segments_roll_with_a_blank);
	tcase_add_test(tc, the_next_segment_is_allocated_ahead);
	tcase_add_test(tc, too_large_is_refused);
	tcase_add_test(tc, without_a_queue_nothing_is_seen);
	tcase_add_test(tc, arrivals_are_told_to_who_waits);
	tcase_add_test(tc, delayed_messages_carry_their_time);
	tcase_add_test(tc, written_is_waited_for_until_the_turn_ends);
	tcase_add_test(tc, async_flush_waits_for_its_interval_and_pages);
	tcase_add_loop_test(tc, a_failed_write_counts_for_nothing, 0, (int)COUNT_OF(write_errors));
	tcase_add_test(tc, remains_of_a_failed_write_do_not_come_back);
	tcase_add_test(tc, a_segment_that_cannot_be_made_is_tried_again);
	suite_add_tcase(s, tc);
	tcase_set_timeout(sync, 60);
	tcase_add_checked_fixture(sync, setup_sync, teardown);
	tcase_add_test(sync, one_fdatasync_serves_all_that_wait);
	tcase_add_test(sync, a_slow_fdatasync_times_out);
	tcase_add_test(sync, canceled_waits_are_not_called);
	tcase_add_test(sync, arrivals_are_told_to_who_waits);
	tcase_add_test(sync, a_failed_fdatasync_is_final);
	suite_add_tcase(s, sync);
	return s;
}
