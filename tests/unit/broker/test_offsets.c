/* Consumer offsets: 14, 15, 29, 30, 31, 32, their file, resets and clones. Facts: Apache ConsumerManageProcessor, oddities.md. */
#include "tests/unit/broker/fixture.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "broker/group_table.h"
#include "broker/offset_table.h"
#include "broker/topic_table.h"

Suite *suite_offsets(void);

#define G SLICE_LIT("G")
#define T SLICE_LIT("T")

static struct sim_answer *query(const char *group, const char *topic, int32_t queue_id, int set_zero)
{
	struct query_consumer_offset_request_header h = {.present = HEADER_ALL(query_consumer_offset_request_header),
							 .consumer_group = slice_of(group),
							 .topic = slice_of(topic),
							 .queue_id = queue_id,
							 .set_zero_if_not_found = set_zero != 0};

	if (set_zero < 0)
		h.present &= ~HEADER_BIT(query_consumer_offset_request_header, set_zero_if_not_found);
	return ask(client, QUERY_CONSUMER_OFFSET, &query_consumer_offset_request_header_schema, &h, "");
}

static struct sim_answer *update(const char *group, const char *topic, int32_t queue_id, int64_t offset, uint64_t without)
{
	struct update_consumer_offset_request_header h = {.present = HEADER_ALL(update_consumer_offset_request_header) & ~without,
							  .consumer_group = slice_of(group),
							  .topic = slice_of(topic),
							  .queue_id = queue_id,
							  .commit_offset = offset};

	return ask(client, UPDATE_CONSUMER_OFFSET, &update_consumer_offset_request_header_schema, &h, "");
}

static void expect_offset(const struct sim_answer *a, const char *offset)
{
	expect_answer(a, SUCCESS, NULL);
	ck_assert_str_eq(sim_ext(a, "offset"), offset);
}

static void setup_group(void)
{
	setup();
	expect_answer(make_topic("T", 4, ""), SUCCESS, NULL);
	ck_assert_ptr_nonnull(group_find_or_create(b, G));
}

START_TEST(a_new_group_has_no_offset_on_an_empty_queue)
{
	expect_answer(query("G", "T", 0, -1), QUERY_NOT_FOUND, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
	expect_answer(query("G", "Unknown", 0, -1), QUERY_NOT_FOUND, NULL);
	expect_answer(query("G", "T", -1, -1), QUERY_NOT_FOUND, NULL);
}
END_TEST

START_TEST(a_new_group_starts_at_zero_while_the_first_message_is_in_memory)
{
	put_message("T", 1, "A", "hello");
	expect_offset(query("G", "T", 1, -1), "0");
	expect_offset(query("G", "T", 1, 1), "0");
	expect_answer(query("G", "T", 1, 0), QUERY_NOT_FOUND, "Not found, do not set to zero, maybe this group boot first");
	expect_answer(query("G", "T", 0, -1), QUERY_NOT_FOUND, NULL);
}
END_TEST

START_TEST(update_and_query)
{
	expect_answer(update("G", "T", 2, 17, 0), SUCCESS, NULL);
	expect_offset(query("G", "T", 2, -1), "17");
	expect_answer(update("G", "T", 2, 3, 0), SUCCESS, NULL); /* back: resets by old tools do that */
	expect_offset(query("G", "T", 2, -1), "3");
}
END_TEST

START_TEST(update_is_refused_with_apaches_codes)
{
	const uint64_t no_queue = HEADER_BIT(update_consumer_offset_request_header, queue_id);
	const uint64_t no_offset = HEADER_BIT(update_consumer_offset_request_header, commit_offset);

	expect_answer(update("Nobody", "T", 0, 1, 0), SUBSCRIPTION_GROUP_NOT_EXIST, "Group Nobody not exist!");
	expect_answer(update("G", "Nothing", 0, 1, 0), TOPIC_NOT_EXIST, "Topic Nothing not exist!");
	expect_answer(update("G", "T", 0, 1, no_queue), INVALID_PARAMETER, "QueueId is null, topic is T");
	expect_answer(update("G", "T", 0, 1, no_offset), INVALID_PARAMETER, "Offset is null, topic is T");
	expect_answer(update("G", "T", -1, 1, 0), SYSTEM_BUSY, NULL);
	expect_answer(update("G", "T", TOPIC_QUEUES_MAX, 1, 0), SYSTEM_BUSY, NULL);
	ck_assert_uint_eq(offset_table_count(b->offsets), 0);
	expect_answer(update("G", "T", TOPIC_QUEUES_MAX - 1, 1, 0), SUCCESS, NULL);
}
END_TEST

/* Queue ids in any order stay findable. */
START_TEST(sparse_queue_ids)
{
	static const int32_t ids[] = {7, 0, 3, 65535, 1, 2, 100};

	for (size_t i = 0; i < COUNT_OF(ids); i++)
		ck_assert(offset_put(b->offsets, G, T, ids[i], ids[i] * 10));
	for (size_t i = 0; i < COUNT_OF(ids); i++)
		ck_assert_int_eq(offset_get(b->offsets, G, T, ids[i]), ids[i] * 10);
	ck_assert_int_eq(offset_get(b->offsets, G, T, 4), -1);
	ck_assert_uint_eq(offset_table_count(b->offsets), COUNT_OF(ids));
}
END_TEST

START_TEST(names_longer_than_any_legal_one_are_refused)
{
	static char name[5000];

	memset(name, 'a', sizeof(name));
	ck_assert(!offset_put(b->offsets, (struct slice){name, sizeof(name)}, T, 0, 1));
	ck_assert_int_eq(offset_get(b->offsets, G, (struct slice){name, sizeof(name)}, 0), -1);
}
END_TEST

static struct sim_answer *bound(int32_t code, const char *topic, int32_t queue_id)
{
	struct get_min_offset_request_header h = {
		.present = HEADER_ALL(get_min_offset_request_header), .topic = slice_of(topic), .queue_id = queue_id};

	return ask(client, code, &get_min_offset_request_header_schema, &h, "");
}

START_TEST(min_max_and_earliest_time)
{
	expect_offset(bound(GET_MAX_OFFSET, "T", 0), "0");
	expect_answer(bound(GET_EARLIEST_MSG_STORETIME, "T", 0), SUCCESS, NULL);
	ck_assert_str_eq(sim_ext(bound(GET_EARLIEST_MSG_STORETIME, "T", 0), "timestamp"), "-1");
	put_message("T", 0, "A", "one");
	put_message("T", 0, "A", "two");
	expect_offset(bound(GET_MAX_OFFSET, "T", 0), "2");
	expect_offset(bound(GET_MIN_OFFSET, "T", 0), "0");
	expect_offset(bound(GET_MAX_OFFSET, "Unknown", 0), "0");
	expect_offset(bound(GET_MAX_OFFSET, "T", 99), "0");
	ck_assert_str_ne(sim_ext(bound(GET_EARLIEST_MSG_STORETIME, "T", 0), "timestamp"), "-1");
}
END_TEST

static struct sim_answer *search(int64_t timestamp, const char *boundary)
{
	struct search_offset_request_header h = {.present = HEADER_ALL(search_offset_request_header) &
							    ~HEADER_BIT(search_offset_request_header, lite_topic),
						 .topic = SLICE_LIT("T"),
						 .queue_id = 0,
						 .timestamp = timestamp,
						 .boundary_type = slice_of(boundary)};

	return ask(client, SEARCH_OFFSET_BY_TIMESTAMP, &search_offset_request_header_schema, &h, "");
}

START_TEST(search_by_time)
{
	int64_t first = (int64_t)sim_wall(sim);

	for (int i = 0; i < 3; i++) {
		put_message("T", 0, "A", "x");
		sim_elapse(sim, 1000);
	}
	expect_offset(search(first + 1000, "LOWER"), "1");
	expect_offset(search(first + 1, "LOWER"), "1");
	expect_offset(search(first + 999, "UPPER"), "0");
	expect_offset(search(first - 5000, "LOWER"), "0");
	expect_offset(search(first + 900000, "LOWER"), "3");
}
END_TEST

START_TEST(saved_after_five_seconds_and_read_again)
{
	char *text;

	update("G", "T", 0, 5, 0);
	update("G", "T", 3, 7, 0);
	sim_elapse(sim, 5000);
	text = state_text("consumerOffset.json");
	ck_assert_msg(strstr(text, "\t\"offsetTable\":{\n\t\t\"T@G\":{\n\t\t\t0:5,\n\t\t\t3:7\n\t\t}\n\t}\n}") != NULL, "%s",
		      text);
	ck_assert_msg(strstr(text, "\t\"groupTopicMap\":{\n\t\t\"G\":[\n\t\t\t\"T\"\n\t\t]\n\t},") != NULL, "%s", text);
	free(text);
	update("G", "T", 0, 6, 0); /* written by the stop */
	restart_with("");
	expect_offset(query("G", "T", 0, -1), "6");
	expect_offset(query("G", "T", 3, -1), "7");
}
END_TEST

START_TEST(deleting_topic_or_group_forgets_offsets)
{
	struct delete_subscription_group_request_header h = {.present = HEADER_ALL(delete_subscription_group_request_header),
							     .group_name = SLICE_LIT("G"),
							     .clean_offset = true};

	group_find_or_create(b, SLICE_LIT("H"));
	update("G", "T", 0, 5, 0);
	update("H", "T", 0, 5, 0);
	expect_answer(ask(client, DELETE_SUBSCRIPTIONGROUP, &delete_subscription_group_request_header_schema, &h, ""), SUCCESS,
		      NULL);
	ck_assert_int_eq(offset_get(b->offsets, G, T, 0), -1);
	ck_assert_int_eq(offset_get(b->offsets, SLICE_LIT("H"), T, 0), 5);
	ck_assert(topic_delete(b, T));
	ck_assert_uint_eq(offset_table_count(b->offsets), 0);
}
END_TEST

static struct sim_answer *reset(const char *group, const char *topic, int32_t queue_id, int64_t offset, int64_t timestamp)
{
	struct reset_offset_request_header h = {.present = HEADER_ALL(reset_offset_request_header),
						.group = slice_of(group),
						.topic = slice_of(topic),
						.queue_id = queue_id,
						.offset = offset,
						.timestamp = timestamp};

	return ask(client, INVOKE_BROKER_TO_RESET_OFFSET, &reset_offset_request_header_schema, &h, "");
}

START_TEST(reset_on_the_broker)
{
	put_message("T", 0, "A", "one");
	put_message("T", 0, "A", "two");
	expect_answer(reset("G", "Nothing", -1, -1, 0), TOPIC_NOT_EXIST, "Topic Nothing does not exist");
	expect_answer(reset("Nobody", "T", -1, -1, 0), SUBSCRIPTION_GROUP_NOT_EXIST, "Group Nobody does not exist");
	expect_answer(reset("G", "T", 0, 9, -1), SYSTEM_ERROR, "Target offset 9 not in consume queue range [0-2]");
	expect_in(reset("G", "T", 0, 1, -1), "{\"offsetTable\":{{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:1}}");
	expect_offset(query("G", "T", 0, -1), "1");
	expect_answer(update("G", "T", 0, 2, 0), SUCCESS, "Offset has been previously reset");
	ck_assert_int_eq(offset_take_reset(b->offsets, G, T, 0), 1);
	ck_assert_int_eq(offset_take_reset(b->offsets, G, T, 0), -1);
	expect_answer(update("G", "T", 0, 2, 0), SUCCESS, "");
	expect_in(reset("G", "T", -1, -1, -1), "{\"brokerName\":\"b\",\"queueId\":3,\"topic\":\"T\"}:0");
	expect_offset(query("G", "T", 0, -1), "2");
}
END_TEST

/* A pull that is held hears of the reset at once. */
START_TEST(reset_wakes_held_pulls)
{
	struct pull_message_request_header h = {
		.present = HEADER_ALL(pull_message_request_header) & ~HEADER_BIT(pull_message_request_header, max_msg_bytes),
		.consumer_group = G,
		.topic = T,
		.queue_offset = 2,
		.max_msg_nums = 32,
		.sys_flag = 2,
		.suspend_timeout_ms = 15000,
		.subscription = SLICE_LIT("*"),
		.sub_version = 1,
		.expression_type = SLICE_LIT("TAG"),
	};
	struct sim_node *consumer = sim_client(sim, "consumer");
	struct sim_answer *a;

	put_message("T", 0, "A", "one");
	put_message("T", 0, "A", "two");
	heartbeat(consumer, "c1", "G", "T:*:1");
	a = ask(consumer, PULL_MESSAGE, &pull_message_request_header_schema, &h, "");
	ck_assert(!a->is_done);
	expect_answer(reset("G", "T", 0, 1, -1), SUCCESS, NULL);
	ck_assert_int_eq(sim_code(a), PULL_OFFSET_MOVED);
	ck_assert_str_eq(sim_ext(a, "nextBeginOffset"), "1");
	ck_assert(!offset_has_reset(b->offsets, G, T, 0));
}
END_TEST

START_TEST(reset_through_the_clients)
{
	const struct command *told;

	restart_with("useServerSideResetOffset=false\n");
	put_message("T", 0, "A", "one");
	expect_answer(reset("G", "T", -1, -1, 0), SYSTEM_ERROR, "THe consumer group <G> not exist");
	for (int32_t i = 0; i < 4; i++)
		update("G", "T", i, 1, 0);
	expect_answer(reset("G", "T", -1, -1, 0), CONSUMER_NOT_ONLINE,
		      "Consumer not online, so can not reset offset, Group: G Topic: T Timestamp: 0");
	heartbeat(client, "c1", "G", "T:*:1");
	expect_told(client, "G");
	expect_in(reset("G", "T", -1, -1, 0), "{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:0");
	told = sim_received(client);
	ck_assert_ptr_nonnull(told);
	ck_assert_int_eq(told->code, RESET_CONSUMER_CLIENT_OFFSET);
	ck_assert_ptr_nonnull(memmem(told->body.at, told->body.len, "{{\"brokerName\":\"b\"", 18));
}
END_TEST

START_TEST(clone_and_correction)
{
	struct clone_group_offset_request_header c = {.present = HEADER_BIT(clone_group_offset_request_header, src_group) |
								 HEADER_BIT(clone_group_offset_request_header, dest_group),
						      .src_group = G,
						      .dest_group = SLICE_LIT("H")};
	struct query_correction_offset_header q = {.present = HEADER_BIT(query_correction_offset_header, topic) |
							      HEADER_BIT(query_correction_offset_header, compare_group),
						   .topic = T,
						   .compare_group = G};

	update("G", "T", 0, 5, 0);
	update("G", "T", 1, 6, 0);
	expect_answer(ask(client, CLONE_GROUP_OFFSET, &clone_group_offset_request_header_schema, &c, ""), SUCCESS, NULL);
	ck_assert_int_eq(offset_get(b->offsets, SLICE_LIT("H"), T, 1), 6);
	offset_put(b->offsets, SLICE_LIT("H"), T, 0, 9);
	expect_in(ask(client, QUERY_CORRECTION_OFFSET, &query_correction_offset_header_schema, &q, ""),
		  "{\"correctionOffsets\":{\"0\":5,\"1\":6}}");
}
END_TEST

Suite *suite_offsets(void)
{
	Suite *s = suite_create("offsets");
	TCase *tc = tcase_create("offsets");

	tcase_add_checked_fixture(tc, setup_group, teardown);
	tcase_add_test(tc, a_new_group_has_no_offset_on_an_empty_queue);
	tcase_add_test(tc, a_new_group_starts_at_zero_while_the_first_message_is_in_memory);
	tcase_add_test(tc, update_and_query);
	tcase_add_test(tc, update_is_refused_with_apaches_codes);
	tcase_add_test(tc, sparse_queue_ids);
	tcase_add_test(tc, names_longer_than_any_legal_one_are_refused);
	tcase_add_test(tc, min_max_and_earliest_time);
	tcase_add_test(tc, search_by_time);
	tcase_add_test(tc, saved_after_five_seconds_and_read_again);
	tcase_add_test(tc, deleting_topic_or_group_forgets_offsets);
	tcase_add_test(tc, reset_on_the_broker);
	tcase_add_test(tc, reset_wakes_held_pulls);
	tcase_add_test(tc, reset_through_the_clients);
	tcase_add_test(tc, clone_and_correction);
	suite_add_tcase(s, tc);
	return s;
}
