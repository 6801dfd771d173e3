/* Pulls: 11 and 361: outcomes, offsets, filters, holding. Facts: Apache PullMessageProcessor, DefaultPullMessageResultHandler,
 * oddities.md "Consuming". */
#include "tests/unit/broker/messages.h"

#include "broker/broker_config.h"
#include "broker/group_table.h"
#include "broker/offset_table.h"
#include "broker/pull_hold.h"
#include "broker/topic_table.h"

Suite *suite_pull(void);

static void setup_three(void)
{
	setup();
	make_topic("T", 2, "");
	put_message("T", 0, "a", "one");
	put_message("T", 0, "b", "two");
	put_message("T", 0, "a", "three");
}

START_TEST(found)
{
	struct sim_answer *a = pull(client, "T", 0, 0, NULL, 0);

	ck_assert_str_eq(bodies(a), "one,two,three");
	ck_assert_int_eq(ext_number(a, "nextBeginOffset"), 3);
	ck_assert_int_eq(ext_number(a, "minOffset"), 0);
	ck_assert_int_eq(ext_number(a, "maxOffset"), 3);
	ck_assert_int_eq(ext_number(a, "suggestWhichBrokerId"), 0);
	ck_assert_str_eq(bodies(pull(client, "T", 0, 2, NULL, 0)), "three");
}
END_TEST

static const struct {
	int32_t queue_id;
	int64_t offset;
	int32_t code;
	int64_t next;
	const char *tags;
} outcomes[] = {
	{0, 3, PULL_NOT_FOUND, 3, NULL},           /* at the end */
	{0, 4, PULL_OFFSET_MOVED, 3, NULL},        /* past it */
	{0, -1, PULL_OFFSET_MOVED, 0, NULL},       /* before the beginning */
	{1, 0, PULL_NOT_FOUND, 0, NULL},           /* an empty queue */
	{1, 7, PULL_OFFSET_MOVED, 0, NULL},        /* past its end */
	{0, 0, PULL_RETRY_IMMEDIATELY, 3, "none"}, /* all filtered out */
};

START_TEST(outcomes_without_messages)
{
	struct sim_answer *a = pull(client, "T", outcomes[_i].queue_id, outcomes[_i].offset, outcomes[_i].tags, 0);

	ck_assert_int_eq(sim_code(a), outcomes[_i].code);
	ck_assert_int_eq(ext_number(a, "nextBeginOffset"), outcomes[_i].next);
	ck_assert_ptr_nonnull(sim_ext(a, "suggestWhichBrokerId"));
	ck_assert_ptr_nonnull(sim_ext(a, "minOffset"));
	ck_assert_ptr_nonnull(sim_ext(a, "maxOffset"));
}
END_TEST

START_TEST(filtered_by_tag)
{
	ck_assert_str_eq(bodies(pull(client, "T", 0, 0, "a", 0)), "one,three");
	ck_assert_str_eq(bodies(pull(client, "T", 0, 0, "b || none", 0)), "two");
	ck_assert_int_eq(ext_number(pull(client, "T", 0, 0, "b", 0), "nextBeginOffset"), 3);
}
END_TEST

START_TEST(no_more_than_32)
{
	for (int i = 0; i < 40; i++)
		put_message("T", 1, "a", "x");
	ck_assert_int_eq(ext_number(pull(client, "T", 1, 0, NULL, 0), "nextBeginOffset"), 32);
	ck_assert_int_eq(ext_number(pull(client, "T", 1, 32, NULL, 0), "nextBeginOffset"), 40);
}
END_TEST

START_TEST(refused)
{
	ck_assert_int_eq(sim_code(pull(client, "None", 0, 0, NULL, 0)), TOPIC_NOT_EXIST);
	ck_assert_int_eq(sim_code(pull(client, "T", 2, 0, NULL, 0)), INVALID_PARAMETER);
	ck_assert_int_eq(sim_code(pull(client, "T", -1, 0, NULL, 0)), INVALID_PARAMETER);
	topic_ensure(b, SLICE_LIT("WriteOnly"), 1, PERM_WRITE, 0);
	ck_assert_int_eq(sim_code(pull(client, "WriteOnly", 0, 0, NULL, 0)), NO_PERMISSION);
	ck_assert_int_eq(sim_code(pull_as(client, "Nobody", "T", 0, 0, 0)), SUBSCRIPTION_NOT_EXIST);
	heartbeat(client, "c1", "G1", "T:*:100");
	ck_assert_int_eq(sim_code(pull_as(client, "G1", "T", 0, 101, 0)), SUBSCRIPTION_NOT_LATEST);
	ck_assert_int_eq(sim_code(pull_as(client, "G1", "T", 0, 100, 0)), SUCCESS);
	ck_assert_int_eq(sim_code(pull_as(client, "G1", "BenchmarkTest", 0, 100, 0)), SUBSCRIPTION_NOT_EXIST);
}
END_TEST

/* Each refusal of NO_PERMISSION says what forbade it (ForbiddenType). */
START_TEST(forbidden)
{
	struct update_group_forbidden_request_header pair = {.present = HEADER_ALL(update_group_forbidden_request_header),
							     .group = SLICE_LIT("G1"),
							     .topic = SLICE_LIT("T"),
							     .readable = false};
	struct sim_answer *a;

	heartbeat(client, "c1", "G1", "T:*:100");
	ask(client, UPDATE_AND_GET_GROUP_FORBIDDEN, &update_group_forbidden_request_header_schema, &pair, "");
	a = pull_as(client, "G1", "T", 0, 100, 0);
	expect_answer(a, NO_PERMISSION, "the consumer group[G1] is forbidden for topic[T]");
	ck_assert_int_eq(ext_number(a, "forbiddenType"), 5);
	pair.readable = true;
	ask(client, UPDATE_AND_GET_GROUP_FORBIDDEN, &update_group_forbidden_request_header_schema, &pair, "");
	ck_assert_int_eq(sim_code(pull_as(client, "G1", "T", 0, 100, 0)), SUCCESS);
	topic_find(b->topics, SLICE_LIT("T"))->perm = PERM_WRITE;
	ck_assert_int_eq(ext_number(pull_as(client, "G1", "T", 0, 100, 0), "forbiddenType"), 3);
	group_find(b->groups, SLICE_LIT("G1"))->consume_enable = false;
	ck_assert_int_eq(ext_number(pull_as(client, "G1", "T", 0, 100, 0), "forbiddenType"), 2);
	b->config->broker_permission = PERM_WRITE;
	ck_assert_int_eq(ext_number(pull_as(client, "G1", "T", 0, 100, 0), "forbiddenType"), 1);
}
END_TEST

START_TEST(held_until_a_message_arrives)
{
	struct sim_answer *a = pull(client, "T", 0, 3, NULL, 15000);

	ck_assert(!a->is_done);
	ck_assert_uint_eq(pull_hold_count(b->holds), 1);
	sim_elapse(sim, 14999);
	ck_assert(!a->is_done);
	put_message("T", 1, "a", "elsewhere");
	ck_assert(!a->is_done);
	put_message("T", 0, "a", "four");
	ck_assert_str_eq(bodies(a), "four");
	ck_assert_uint_eq(pull_hold_count(b->holds), 0);
}
END_TEST

START_TEST(held_to_the_millisecond)
{
	struct sim_answer *a = pull(client, "T", 0, 3, NULL, 15000);

	sim_elapse(sim, 14999);
	ck_assert(!a->is_done);
	sim_elapse(sim, 1);
	ck_assert_int_eq(sim_code(a), PULL_NOT_FOUND);
	ck_assert_int_eq(ext_number(a, "nextBeginOffset"), 3);
}
END_TEST

START_TEST(held_on_a_queue_that_was_never_written)
{
	struct sim_answer *a = pull(client, "T", 1, 0, NULL, 15000);

	ck_assert(!a->is_done);
	put_message("T", 1, "a", "first");
	ck_assert_str_eq(bodies(a), "first");
}
END_TEST

START_TEST(woken_only_by_its_tags)
{
	struct sim_answer *a = pull(client, "T", 0, 3, "b", 15000);

	put_message("T", 0, "a", "not mine");
	ck_assert(!a->is_done);
	put_message("T", 0, "b", "mine");
	ck_assert_str_eq(bodies(a), "mine");
	ck_assert_int_eq(ext_number(a, "nextBeginOffset"), 5);
}
END_TEST

START_TEST(its_time_over_it_skips_what_it_does_not_want)
{
	struct sim_answer *a = pull(client, "T", 0, 3, "b", 15000);

	put_message("T", 0, "a", "not mine");
	sim_elapse(sim, 15000);
	ck_assert_int_eq(sim_code(a), PULL_RETRY_IMMEDIATELY);
	ck_assert_int_eq(ext_number(a, "nextBeginOffset"), 4);
}
END_TEST

START_TEST(judged_by_the_subscription_at_wake_up)
{
	struct sim_answer *a;

	heartbeat(client, "c1", "G1", "T:a:100");
	a = pull_as(client, "G1", "T", 3, 100, 15000);
	ck_assert(!a->is_done);
	heartbeat(client, "c1", "G1", "T:b:101");
	put_message("T", 0, "a", "not any more");
	ck_assert(!a->is_done);
	put_message("T", 0, "b", "now");
	ck_assert_str_eq(bodies(a), "now");
}
END_TEST

/* Over all connections; a woken pull makes room for the next. */
START_TEST(held_pulls_are_bounded)
{
	struct sim_node *other = sim_client(sim, "other");
	struct sim_answer *a = pull(client, "T", 0, 3, NULL, 15000), *second = pull(other, "T", 0, 3, NULL, 15000), *last;

	pull_hold_set_max(b->holds, 2, HOLD_BYTES_MAX);
	expect_answer(pull(sim_client(sim, "third"), "T", 0, 3, NULL, 15000), SYSTEM_BUSY, "2 pulls are held already");
	ck_assert_int_eq(sim_code(pull(other, "T", 0, 3, NULL, 0)), PULL_NOT_FOUND); /* wants no hold */
	put_message("T", 0, "a", "four");
	ck_assert(a->is_done && second->is_done);
	pull_hold_set_max(b->holds, 2, 6000);
	a = pull(client, "T", 0, 4, NULL, 15000);
	second = pull(client, "T", 0, 4, NULL, 15000);
	ck_assert(!a->is_done && !second->is_done);
	sim_close(sim, "client", "b");
	ck_assert_uint_eq(pull_hold_count(b->holds), 0);
	last = pull(other, "T", 0, 4, "a-tag || b-tag", 15000);
	ck_assert(!last->is_done);
	pull_hold_set_max(b->holds, 2, 3000);
	expect_answer(pull(other, "T", 0, 4, NULL, 15000), SYSTEM_BUSY, "1 pulls are held already");
}
END_TEST

START_TEST(several_wait_for_one_queue)
{
	struct sim_answer *first = pull(client, "T", 0, 3, NULL, 15000);
	struct sim_answer *second = pull(client, "T", 0, 3, "b", 15000);
	struct sim_answer *third = pull(client, "T", 0, 3, NULL, 15000);

	put_message("T", 0, "a", "x");
	ck_assert_str_eq(bodies(first), "x");
	ck_assert_str_eq(bodies(third), "x");
	ck_assert(!second->is_done);
}
END_TEST

START_TEST(a_closed_connection_takes_its_holds_along)
{
	struct sim_node *other = sim_client(sim, "other");
	struct sim_answer *a = pull(other, "T", 0, 3, NULL, 15000);

	ck_assert(!a->is_done);
	sim_close(sim, "other", "b");
	sim_run(sim);
	ck_assert_uint_eq(pull_hold_count(b->holds), 0);
	put_message("T", 0, "a", "x");
}
END_TEST

START_TEST(a_deleted_topic_wakes_its_waiters)
{
	struct sim_answer *a = pull(client, "T", 0, 3, NULL, 15000);

	ck_assert(topic_delete(b, SLICE_LIT("T")));
	sim_run(sim);
	sim_elapse(sim, 1);
	ck_assert_int_eq(sim_code(a), TOPIC_NOT_EXIST);
}
END_TEST

START_TEST(a_reset_moves_the_next_pull_once)
{
	struct sim_answer *a;

	offset_put_reset(b->offsets, SLICE_LIT("G"), SLICE_LIT("T"), 0, 1);
	a = pull(client, "T", 0, 3, NULL, 15000);
	ck_assert_int_eq(sim_code(a), PULL_OFFSET_MOVED);
	ck_assert_int_eq(ext_number(a, "nextBeginOffset"), 1);
	ck_assert_str_eq(bodies(pull(client, "T", 0, 1, NULL, 0)), "two,three");
}
END_TEST

START_TEST(short_polling)
{
	struct sim_answer *a;

	teardown();
	setup_with("longPollingEnable=false\nshortPollingTimeMills=1000\n");
	make_topic("T", 1, "");
	a = pull(client, "T", 0, 0, NULL, 15000);
	sim_elapse(sim, 999);
	ck_assert(!a->is_done);
	sim_elapse(sim, 1);
	ck_assert_int_eq(sim_code(a), PULL_NOT_FOUND);
}
END_TEST

Suite *suite_pull(void)
{
	Suite *s = suite_create("pull");
	TCase *tc = tcase_create("pull");

	tcase_add_checked_fixture(tc, setup_three, teardown);
	tcase_add_test(tc, found);
	tcase_add_loop_test(tc, outcomes_without_messages, 0, sizeof(outcomes) / sizeof(outcomes[0]));
	tcase_add_test(tc, filtered_by_tag);
	tcase_add_test(tc, no_more_than_32);
	tcase_add_test(tc, refused);
	tcase_add_test(tc, forbidden);
	tcase_add_test(tc, held_until_a_message_arrives);
	tcase_add_test(tc, held_to_the_millisecond);
	tcase_add_test(tc, held_on_a_queue_that_was_never_written);
	tcase_add_test(tc, woken_only_by_its_tags);
	tcase_add_test(tc, its_time_over_it_skips_what_it_does_not_want);
	tcase_add_test(tc, judged_by_the_subscription_at_wake_up);
	tcase_add_test(tc, held_pulls_are_bounded);
	tcase_add_test(tc, several_wait_for_one_queue);
	tcase_add_test(tc, a_closed_connection_takes_its_holds_along);
	tcase_add_test(tc, a_deleted_topic_wakes_its_waiters);
	tcase_add_test(tc, a_reset_moves_the_next_pull_once);
	tcase_add_test(tc, short_polling);
	suite_add_tcase(s, tc);
	return s;
}
