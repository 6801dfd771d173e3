/* Reading through store.h: each get status, limits, filters, cold pages, damage. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/get.h"
#include "store/io.h"
#include "tests/unit/store/rig.h"

Suite *suite_get(void);

static struct rig *r;
static int warm_calls;

static void setup(void)
{
	r = rig_new();
	warm_calls = 0;
	rig_open(r);
}

static void teardown(void) { rig_free(r); }

static void on_warm(struct store_get *g)
{
	(void)g;
	warm_calls++;
}

static struct store_get get_of(const char *topic, int64_t offset, int count, int bytes)
{
	return (struct store_get){.queue = store_queue_find(r->store, slice_of(topic), 0),
				  .offset = offset,
				  .max_count = count,
				  .max_bytes = bytes,
				  .on_warm = on_warm};
}

static void send_many(const char *topic, int n)
{
	char body[32];

	for (int i = 0; i < n; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		rig_send(r, topic, 0, body);
	}
	rig_turn(r);
}

static void plan(struct store_get *g) { ck_assert_int_eq(store_get_plan(r->store, g), RC_OK); }

/* The planned bytes hold exactly these messages: "body <first>" and on. */
static void check_bodies(struct store_get *g, int first)
{
	uint8_t *bytes = mem_alloc((size_t)g->bytes);
	int32_t pos = 0;
	char body[32];

	ck_assert_int_eq(store_get_read(r->store, g, bytes), RC_OK);
	for (int i = 0; i < g->count; i++) {
		struct message m;

		ck_assert_int_eq(message_decode((struct slice){(char *)bytes + pos, (size_t)(g->bytes - pos)}, true, &m), RC_OK);
		mem_format(body, sizeof(body), "body %d", first + i);
		ck_assert(slice_is(m.body, body));
		pos += (int32_t)m.size;
	}
	ck_assert_int_eq(pos, g->bytes);
	free(bytes);
}

static const struct {
	int64_t offset;
	enum get_status status;
	int64_t next;
} by_offset[] = {
	{0, GET_FOUND, 10},
	{9, GET_FOUND, 10},
	{10, GET_OFFSET_OVERFLOW_ONE, 10},
	{11, GET_OFFSET_OVERFLOW_BADLY, 10},
	{INT64_MAX, GET_OFFSET_OVERFLOW_BADLY, 10},
	{-1, GET_OFFSET_TOO_SMALL, 0},
	{INT64_MIN, GET_OFFSET_TOO_SMALL, 0},
};

START_TEST(status_follows_the_offset)
{
	struct store_get g;

	send_many("T", 10);
	g = get_of("T", by_offset[_i].offset, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.status, by_offset[_i].status);
	ck_assert_int_eq(g.next_offset, by_offset[_i].next);
	ck_assert_int_eq(g.min_offset, 0);
	ck_assert_int_eq(g.max_offset, 10);
}
END_TEST

START_TEST(empty_and_absent_queues_hold_no_message)
{
	struct store_get g = get_of("absent", 7, 32, 100000);

	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MESSAGE_IN_QUEUE);
	ck_assert_int_eq(g.next_offset, 0);
	ck_assert_ptr_nonnull(store_queue_open(r->store, slice_of("empty"), 0));
	g = get_of("empty", 7, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MESSAGE_IN_QUEUE);
	ck_assert_int_eq(g.next_offset, 0);
}
END_TEST

START_TEST(neighbours_are_one_range)
{
	struct store_get g;

	send_many("T", 40);
	g = get_of("T", 3, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.count, 32);
	ck_assert_int_eq(g.next_offset, 35);
	ck_assert_int_eq(g.range_count, 1);
	check_bodies(&g, 3);
}
END_TEST

START_TEST(other_queues_in_between_split_the_ranges)
{
	struct store_get g;
	char body[32];

	for (int i = 0; i < 6; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		rig_send(r, "T", 0, body);
		rig_send(r, "T", 1, "other");
	}
	rig_turn(r);
	g = get_of("T", 0, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.range_count, 6);
	check_bodies(&g, 0);
}
END_TEST

START_TEST(ranges_end_at_their_table)
{
	struct store_get g;
	char body[32];

	for (int i = 0; i < GET_RANGES_MAX + 5; i++) {
		mem_format(body, sizeof(body), "body %d", i);
		rig_send(r, "T", 0, body);
		rig_send(r, "T", 1, "other");
	}
	rig_turn(r);
	g = get_of("T", 0, 1000, 1000000);
	plan(&g);
	ck_assert_int_eq(g.count, GET_RANGES_MAX);
	ck_assert_int_eq(g.next_offset, GET_RANGES_MAX);
	check_bodies(&g, 0);
}
END_TEST

static const struct {
	int count, bytes, got;
} limits[] = {
	{1, 100000, 1},
	{5, 100000, 5},
	{0, 100000, 1},
	{-1, 100000, 1},
	{32, 1, 1},
	{32, 0, 1},
	{32, -5, 1},
	{32, 98 * 2, 2},
	{32, 98 * 2 + 97, 2},
	{32, 98 * 3, 3},
	{INT32_MAX, INT32_MAX, 10},
};

START_TEST(limits_hold_and_one_message_always_comes)
{
	struct store_get g;

	send_many("T", 10); /* 91 + topic 1 + body 6 = 98 bytes each */
	g = get_of("T", 0, limits[_i].count, limits[_i].bytes);
	plan(&g);
	ck_assert_int_eq(g.status, GET_FOUND);
	ck_assert_int_eq(g.count, limits[_i].got);
	ck_assert_int_eq(g.next_offset, limits[_i].got);
	check_bodies(&g, 0);
}
END_TEST

static bool only_tag(const struct store_get *g, int64_t tags_code) { return tags_code == *(const int64_t *)g->filter_arg; }

static void send_tagged(int n)
{
	for (int i = 0; i < n; i++)
		rig_send_keys(r, "T", 0, "x", i % 10 == 9 ? "TAGS\x01yes" : "TAGS\x01no");
	rig_turn(r);
}

START_TEST(filter_leaves_out_what_it_refuses)
{
	int64_t yes = slice_java_hash(SLICE_LIT("yes")), none = 4711;
	struct store_get g;

	send_tagged(50);
	g = get_of("T", 0, 3, 100000);
	g.filter = only_tag;
	g.filter_arg = &yes;
	plan(&g);
	ck_assert_int_eq(g.status, GET_FOUND);
	ck_assert_int_eq(g.count, 3);
	ck_assert_int_eq(g.next_offset, 30); /* it ends where it is full, as Apache does */
	g.offset = 40;
	g.filter_arg = &none;
	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MATCHED_MESSAGE);
	ck_assert_int_eq(g.next_offset, 50);
}
END_TEST

START_TEST(a_filtered_get_looks_at_800_entries)
{
	int64_t none = 4711;
	struct store_get g;

	send_tagged(1000);
	g = get_of("T", 5, 32, 100000);
	g.filter = only_tag;
	g.filter_arg = &none;
	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MATCHED_MESSAGE);
	ck_assert_int_eq(g.next_offset, 805);
	g.max_count = 900;
	plan(&g);
	ck_assert_int_eq(g.next_offset, 905);
}
END_TEST

static int asked;

static bool count_and_compare(const struct store_get *g, int64_t tags_code)
{
	asked++;
	return only_tag(g, tags_code);
}

/* With the bits: the same messages, in the tail and from the files, and nobody is asked about the others. */
START_TEST(bits_of_a_filter_change_nothing_but_its_cost)
{
	int64_t tag = slice_java_hash(SLICE_LIT("yes")), no = slice_java_hash(SLICE_LIT("no"));
	struct store_get g, bits;

	ck_assert_int_ne(tag & 63, no & 63);
	for (int i = 0; i < 50; i++)
		send_tagged(100);
	for (int max = 1; max < GET_RANGES_MAX; max += 3)
		for (int64_t from = 0; from < 5000; from += 333) {
			g = bits = get_of("T", from, max, 100000);
			g.filter = bits.filter = count_and_compare;
			g.filter_arg = bits.filter_arg = &tag;
			bits.filter_bits = (uint64_t)1 << (tag & 63);
			asked = 0;
			plan(&bits);
			ck_assert_int_eq(asked, bits.count);
			plan(&g);
			ck_assert_int_eq(bits.status, g.status);
			ck_assert_int_eq(bits.count, g.count);
			ck_assert_int_eq(bits.bytes, g.bytes);
			ck_assert_int_eq(bits.next_offset, g.next_offset);
			ck_assert_mem_eq(bits.ranges, g.ranges, sizeof(g.ranges[0]) * (size_t)g.range_count);
		}
}
END_TEST

/* What the bits leave out costs a twentieth of what is looked at. */
START_TEST(a_get_that_skips_goes_twenty_times_as_far)
{
	int64_t none = 4712;
	struct store_get g;

	ck_assert_int_ne(none & 63, slice_java_hash(SLICE_LIT("no")) & 63);
	ck_assert_int_ne(none & 63, slice_java_hash(SLICE_LIT("yes")) & 63);
	for (int i = 0; i < 41; i++)
		send_tagged(400);
	g = get_of("T", 5, 32, 100000);
	g.filter = only_tag;
	g.filter_arg = &none;
	g.filter_bits = (uint64_t)1 << (none & 63);
	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MATCHED_MESSAGE);
	ck_assert_int_eq(g.next_offset, 5 + GET_SCAN_ENTRIES * GET_SKIP_ENTRIES);
	g.offset = 16000;
	plan(&g);
	ck_assert_int_eq(g.next_offset, 16400);
}
END_TEST

START_TEST(nothing_is_seen_before_its_watermark)
{
	struct store_get g;

	rig_send(r, "T", 0, "body 0");
	g = get_of("T", 0, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MESSAGE_IN_QUEUE);
	rig_turn(r);
	plan(&g);
	ck_assert_int_eq(g.status, GET_FOUND);
	check_bodies(&g, 0);
}
END_TEST

START_TEST(a_closed_store_serves_the_same_after_open)
{
	struct store_get g;

	send_many("T", 350); /* several files of 100 entries */
	rig_close(r);
	rig_open(r);
	for (int64_t at = 0; at < 350; at = g.next_offset) {
		g = get_of("T", at, 32, 100000);
		while (store_get_plan(r->store, &g) == RC_PENDING)
			rig_run_all(r);
		ck_assert_int_eq(g.status, GET_FOUND);
		ck_assert_int_gt(g.next_offset, at);
		check_bodies(&g, (int)at);
	}
	g = get_of("T", 350, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.status, GET_OFFSET_OVERFLOW_ONE);
	rig_send(r, "T", 0, "body 350");
	rig_turn(r);
	plan(&g);
	check_bodies(&g, 350);
}
END_TEST

/* ---- cold pages ---- */

static bool is_cold;
static int waits; /* reads that were let through because nobody said RWF_NOWAIT */

static ssize_t cold_preadv2(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
	if (is_cold && (flags & RWF_NOWAIT)) {
		errno = EAGAIN;
		return -1;
	}
	waits++;
	return io_system.preadv2(fd, iov, count, at, flags);
}

static struct io_calls calls;

static void setup_cold(void)
{
	calls = io_system;
	calls.preadv2 = cold_preadv2;
	io_set_calls(&calls);
	is_cold = false;
	setup();
	send_many("T", 350);
	rig_close(r);
	rig_open(r);
	is_cold = true;
}

static void teardown_cold(void)
{
	teardown();
	io_set_calls(NULL);
}

/* All pages are always cold, as far as the core is told: it still gets on, without waiting itself. */
START_TEST(cold_pages_are_read_by_jobs)
{
	int64_t at = 0;

	while (at < 350) {
		struct store_get g = get_of("T", at, 32, 100000);
		uint8_t bytes[32 * 100];
		int tries = 0;
		enum rc rc;

		do {
			rc = store_get_plan(r->store, &g);
			if (rc == RC_OK)
				rc = store_get_read(r->store, &g, bytes);
			if (rc == RC_PENDING) {
				int calls_before = warm_calls;

				rig_run_all(r);
				ck_assert_int_eq(warm_calls, calls_before + 1);
			}
			ck_assert_int_lt(tries++, 4);
		} while (rc == RC_PENDING);
		ck_assert_int_eq(rc, RC_OK);
		ck_assert_int_gt(g.count, 0);
		ck_assert_ptr_null(g.job);
		at = g.next_offset;
	}
	ck_assert_int_gt(warm_calls, 10);
}
END_TEST

START_TEST(a_canceled_get_is_not_called)
{
	struct store_get g = get_of("T", 0, 32, 100000);

	is_cold = true;
	ck_assert_int_eq(store_get_plan(r->store, &g), RC_PENDING);
	store_get_cancel(r->store, &g);
	rig_run_all(r);
	ck_assert_int_eq(warm_calls, 0);
	ck_assert_int_eq(store_get_plan(r->store, &g), RC_PENDING);
	rig_run_all(r);
	ck_assert_int_eq(warm_calls, 1);
	store_get_cancel(r->store, &g); /* between on_warm and the next plan */
	store_get_cancel(r->store, &g);
	ck_assert_ptr_null(g.job);
}
END_TEST

START_TEST(a_get_of_a_deleted_topic_ends)
{
	struct store_get g = get_of("T", 0, 32, 100000);

	ck_assert_int_eq(store_get_plan(r->store, &g), RC_PENDING);
	store_delete_topic(r->store, SLICE_LIT("T"));
	rig_run_all(r);
	ck_assert_int_eq(warm_calls, 1);
	plan(&g);
	ck_assert_int_eq(g.status, GET_NO_MESSAGE_IN_QUEUE);
	ck_assert_ptr_null(g.job);
}
END_TEST

START_TEST(one_cold_message_is_read_by_a_job)
{
	struct store_get g = {.on_warm = on_warm};
	struct buf out = {0};
	struct queue_entry e;
	struct message m;
	enum rc rc;

	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT("T"), 0), 77, &e), RC_OK);
	buf_put_text(&out, "before");
	ck_assert_int_eq(store_read_message(r->store, e.at, &out, &g), RC_PENDING);
	rig_run_all(r);
	ck_assert_int_eq(warm_calls, 1);
	rc = store_read_message(r->store, e.at, &out, &g);
	ck_assert_int_eq(rc, RC_OK);
	ck_assert_uint_eq(out.len, 6 + (size_t)e.size);
	ck_assert_int_eq(message_decode((struct slice){(char *)out.data + 6, out.len - 6}, true, &m), RC_OK);
	ck_assert_int_eq(m.queue_offset, 77);
	buf_free(&out);
}
END_TEST

/* ---- one message ---- */

static const struct {
	int64_t shift; /* from the place of a message */
	enum rc rc;
} places[] = {{0, RC_OK}, {1, RC_NOT_FOUND}, {-1, RC_NOT_FOUND}, {1 << 20, RC_NOT_FOUND}, {-(1 << 20), RC_NOT_FOUND}};

START_TEST(a_message_is_found_only_where_it_begins)
{
	struct store_get g = {.on_warm = on_warm};
	struct buf out = {0};
	struct queue_entry e;

	send_many("T", 10);
	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT("T"), 0), 5, &e), RC_OK);
	ck_assert_int_eq(store_read_message(r->store, e.at + places[_i].shift, &out, &g), places[_i].rc);
	ck_assert_uint_eq(out.len, places[_i].rc == RC_OK ? (size_t)e.size : 0);
	buf_free(&out);
}
END_TEST

START_TEST(large_messages_are_read_whole)
{
	char *body = mem_zalloc(20001);
	struct append_result a;
	struct store_get g = {.on_warm = on_warm};
	struct buf out = {0};

	memset(body, 'x', 20000);
	a = rig_send(r, "T", 0, body);
	rig_turn(r);
	ck_assert_int_eq(store_read_message(r->store, a.physical_offset, &out, &g), RC_OK);
	ck_assert_uint_eq(out.len, (size_t)(a.end - a.physical_offset));
	buf_free(&out);
	free(body);
}
END_TEST

/* ---- damage ---- */

static void damage(int64_t queue_offset, int64_t from_start, const char *bytes)
{
	struct queue_entry e;
	char *path = rig_path(r, "commitlog/00000000000000000000");
	int fd = open(path, O_WRONLY);

	ck_assert_int_ge(fd, 0);
	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT("T"), 0), queue_offset, &e), RC_OK);
	ck_assert_int_eq(pwrite(fd, bytes, strlen(bytes), e.at + from_start), (int)strlen(bytes));
	close(fd);
	free(path);
}

static const struct {
	int64_t at;      /* in the message: 0 its size, 4 its magic, 88 its body, 94 its topic */
	bool needs_cold; /* only who reads from the device looks at the body */
} damages[] = {{0, false}, {4, false}, {89, true}, {92, true}};

START_TEST(a_damaged_message_is_skipped_and_counted)
{
	struct store_get g;
	struct store_figures figures;
	uint8_t bytes[32 * 100];
	int got = 0;

	io_set_calls(&calls);
	calls = io_system;
	calls.preadv2 = cold_preadv2;
	send_many("T", 20);
	damage(7, damages[_i].at, "ZZZZ");
	is_cold = damages[_i].needs_cold;
	for (int64_t at = 0; at < 20; at = g.next_offset) {
		enum rc rc;
		int tries = 0;

		g = get_of("T", at, 32, 100000);
		do {
			rc = store_get_plan(r->store, &g);
			if (rc == RC_OK)
				rc = store_get_read(r->store, &g, bytes);
			if (rc == RC_PENDING)
				rig_run_all(r);
			ck_assert_int_lt(tries++, 6);
		} while (rc == RC_PENDING);
		ck_assert_int_eq(rc, RC_OK);
		got += g.count;
	}
	io_set_calls(NULL);
	ck_assert_int_eq(got, 19);
	store_get_figures(r->store, &figures);
	ck_assert_uint_eq(figures.damaged_messages, 1);
}
END_TEST

START_TEST(a_get_of_nothing_but_damage_gets_past_it)
{
	struct store_get g = {0};
	uint8_t bytes[100];

	send_many("T", 3);
	damage(1, 0, "ZZZZ");
	g = get_of("T", 1, 1, 100);
	plan(&g);
	ck_assert_int_eq(store_get_read(r->store, &g, bytes), RC_PENDING);
	rig_run_all(r);
	ck_assert_int_eq(warm_calls, 1);
	plan(&g);
	ck_assert_int_eq(g.status, GET_FOUND);
	ck_assert_int_eq(g.next_offset, 3);
	check_bodies(&g, 2);
}
END_TEST

/* ---- what retention took ---- */

START_TEST(messages_below_the_log_are_removing)
{
	struct store_get g;
	struct queue_entry e;

	send_many("T", 20);
	send_many("T", 700); /* past the first segment of 65536 bytes */
	ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT("T"), 0), 719, &e), RC_OK);
	ck_assert_int_gt(e.at, RIG_SEGMENT);
	r->store->log.min = RIG_SEGMENT;
	g = get_of("T", 0, 32, 100000);
	plan(&g);
	/* 800 entries are looked at in one call, so the living are found */
	ck_assert_int_eq(g.status, GET_FOUND);
	ck_assert_int_ge(g.ranges[0].at, RIG_SEGMENT);
	r->store->log.min = RIG_SEGMENT * 4;
	g = get_of("T", 0, 32, 100000);
	plan(&g);
	ck_assert_int_eq(g.status, GET_MESSAGE_WAS_REMOVING);
	ck_assert_int_eq(g.next_offset, 720);
	r->store->log.min = 0;
}
END_TEST

Suite *suite_get(void)
{
	Suite *s = suite_create("get");
	TCase *tc = tcase_create("get");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, status_follows_the_offset, 0, (int)COUNT_OF(by_offset));
	tcase_add_test(tc, empty_and_absent_queues_hold_no_message);
	tcase_add_test(tc, neighbours_are_one_range);
	tcase_add_test(tc, other_queues_in_between_split_the_ranges);
	tcase_add_test(tc, ranges_end_at_their_table);
	tcase_add_loop_test(tc, limits_hold_and_one_message_always_comes, 0, (int)COUNT_OF(limits));
	tcase_add_test(tc, filter_leaves_out_what_it_refuses);
	tcase_add_test(tc, a_filtered_get_looks_at_800_entries);
	tcase_add_test(tc, bits_of_a_filter_change_nothing_but_its_cost);
	tcase_add_test(tc, a_get_that_skips_goes_twenty_times_as_far);
	tcase_add_test(tc, nothing_is_seen_before_its_watermark);
	tcase_add_test(tc, a_closed_store_serves_the_same_after_open);
	tcase_add_loop_test(tc, a_message_is_found_only_where_it_begins, 0, (int)COUNT_OF(places));
	tcase_add_test(tc, large_messages_are_read_whole);
	tcase_add_loop_test(tc, a_damaged_message_is_skipped_and_counted, 0, (int)COUNT_OF(damages));
	tcase_add_test(tc, a_get_of_nothing_but_damage_gets_past_it);
	tcase_add_test(tc, messages_below_the_log_are_removing);
	suite_add_tcase(s, tc);
	tc = tcase_create("cold");
	tcase_add_checked_fixture(tc, setup_cold, teardown_cold);
	tcase_add_test(tc, cold_pages_are_read_by_jobs);
	tcase_add_test(tc, a_canceled_get_is_not_called);
	tcase_add_test(tc, a_get_of_a_deleted_topic_ends);
	tcase_add_test(tc, one_cold_message_is_read_by_a_job);
	suite_add_tcase(s, tc);
	return s;
}
