/* Reading through store.h: each get status, limits, filters, cold pages, damage. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/get.h"
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
	{1, 100000, 1},       {5, 100000, 5}, {0, 100000, 1}, {-1, 100000, 1}, {32, 1, 1}, {32, 0, 1}, {32, -5, 1},
	{32, 98 * 2, 2},      {32, 98 * 2 + 97, 2}, {32, 98 * 3, 3}, {INT32_MAX, INT32_MAX, 10},
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
	tcase_add_test(tc, nothing_is_seen_before_its_watermark);
	tcase_add_test(tc, a_closed_store_serves_the_same_after_open);
	suite_add_tcase(s, tc);
	return s;
}
