/* The wall clock is set while the broker runs, or while it does not. What waits, waits for a time to pass; delivery times are stored as wall
 * clock times all the same (Apache's tagsCode of SCHEDULE_TOPIC_XXXX). */
#include "tests/unit/broker/messages.h"

#include <stdio.h>
#include <string.h>

#include "base/defs.h"
#include "broker/broker_config.h"
#include "broker/lock_table.h"

Suite *suite_clock(void);

#define SECOND INT64_C(1000)
#define MINUTE (60 * SECOND)
#define HOUR (60 * MINUTE)

static const int64_t steps[] = {-30 * 24 * HOUR, -3 * HOUR, -1 * HOUR, 1 * HOUR, 3 * HOUR, 30 * 24 * HOUR};

static void elapse(int64_t ms) { sim_elapse(sim, (uint64_t)ms); }

static void park(int level, const char *body)
{
	char properties[32];

	snprintf(properties, sizeof(properties), "DELAY\1%d\2", level);
	expect_answer(send_message(&(struct send){.topic = "T", .queue_id = 1, .properties = properties, .body = body}), SUCCESS,
		      NULL);
}

static void expect_delivered(const char *expected)
{
	struct sim_answer *a = pull(client, "T", 1, 0, NULL, 0);

	if (*expected == '\0')
		ck_assert_int_eq(sim_code(a), PULL_NOT_FOUND);
	else
		ck_assert_str_eq(bodies(a), expected);
}

/* ---- what does not look at the wall clock ---- */

START_TEST(clients_do_not_expire)
{
	heartbeat(client, "c1", "G", "T:*:1");
	sim_step_wall(sim, steps[_i]);
	elapse(119 * SECOND);
	expect_in(ask(client, GET_CONSUMER_LIST_BY_GROUP, &get_consumer_list_by_group_request_header_schema,
		      &(struct get_consumer_list_by_group_request_header){
			      .present = HEADER_ALL(get_consumer_list_by_group_request_header), .consumer_group = SLICE_LIT("G")},
		      ""),
		  "\"c1\"");
	sim_step_wall(sim, -steps[_i]);
	elapse(31 * SECOND);
	ck_assert_uint_eq(sim_link_count(sim, "client", "b"), 0); /* silent for too long: closed */
}
END_TEST

START_TEST(leases_of_queues_last_as_long)
{
	ck_assert(lock_table_lock(b->locks, SLICE_LIT("G"), SLICE_LIT("T"), 0, SLICE_LIT("c1")));
	sim_step_wall(sim, steps[_i]);
	elapse(LOCK_LEASE_MS);
	ck_assert(!lock_table_lock(b->locks, SLICE_LIT("G"), SLICE_LIT("T"), 0, SLICE_LIT("c2")));
	elapse(1);
	ck_assert(lock_table_lock(b->locks, SLICE_LIT("G"), SLICE_LIT("T"), 0, SLICE_LIT("c2")));
}
END_TEST

START_TEST(pulls_are_held_as_long)
{
	struct sim_answer *a;

	put_message("T", 0, "a", "one");
	a = pull(client, "T", 0, 1, NULL, 15 * SECOND);
	elapse(5 * SECOND);
	sim_step_wall(sim, steps[_i]);
	elapse(10 * SECOND - 1);
	ck_assert(!a->is_done);
	elapse(1);
	ck_assert_int_eq(sim_code(a), PULL_NOT_FOUND);
	a = pull(client, "T", 0, 1, NULL, 15 * SECOND);
	sim_step_wall(sim, steps[_i]);
	put_message("T", 0, "a", "two");
	ck_assert_str_eq(bodies(a), "two");
}
END_TEST

START_TEST(up_time_is_time_that_passed)
{
	elapse(2 * HOUR + 3 * MINUTE);
	sim_step_wall(sim, steps[_i]);
	expect_in(ask(client, GET_BROKER_RUNTIME_INFO, NULL, NULL, ""), "\"[ 0 days, 2 hours, 3 minutes, 0 seconds ]\"");
}
END_TEST

/* ---- delays ---- */

static const struct {
	int level;
	int64_t delay_ms, back_ms;
} went_back[] = {
	{1, SECOND, 5 * SECOND},        {1, SECOND, HOUR},        {5, MINUTE, HOUR},
	{18, 2 * HOUR, 10 * MINUTE},    {18, 2 * HOUR, 3 * HOUR}, {18, 2 * HOUR, HOUR},
	{18, 2 * HOUR, 30 * 24 * HOUR},
};

/* Neither later nor earlier than without the step, those from before and those from after it. */
START_TEST(a_clock_that_goes_back_changes_no_delay)
{
	int64_t half = went_back[_i].delay_ms / 2;

	park(went_back[_i].level, "a");
	elapse(half);
	park(went_back[_i].level, "b");
	sim_step_wall(sim, -went_back[_i].back_ms);
	park(went_back[_i].level, "c");
	elapse(half - 1);
	expect_delivered("");
	elapse(1);
	expect_delivered("a");
	elapse(half - 1);
	expect_delivered("a");
	elapse(1);
	expect_delivered("a,b,c");
}
END_TEST

START_TEST(nor_does_one_that_goes_back_twice)
{
	park(18, "a");
	elapse(30 * MINUTE);
	sim_step_wall(sim, -HOUR);
	park(18, "b");
	elapse(30 * MINUTE);
	sim_step_wall(sim, -3 * HOUR);
	park(18, "c");
	elapse(HOUR - 1);
	expect_delivered("");
	elapse(1);
	expect_delivered("a");
	elapse(30 * MINUTE);
	expect_delivered("a,b");
	elapse(30 * MINUTE - 1);
	expect_delivered("a,b");
	elapse(1);
	expect_delivered("a,b,c");
}
END_TEST

START_TEST(a_step_that_is_taken_back_is_none)
{
	park(18, "a");
	elapse(30 * MINUTE);
	sim_step_wall(sim, -HOUR);
	elapse(30 * MINUTE);
	sim_step_wall(sim, HOUR);
	elapse(HOUR - 1);
	expect_delivered("");
	elapse(1);
	expect_delivered("a");
}
END_TEST

START_TEST(many_steps_back_hold_nothing_up)
{
	for (int i = 0; i < 20; i++) {
		park(18, "x");
		sim_step_wall(sim, -10 * MINUTE);
	}
	elapse(2 * HOUR - 1);
	expect_delivered("");
	elapse(2 * HOUR + 1); /* those from before the steps that are not remembered: later by their level's delay at most */
	ck_assert_uint_eq(strlen(bodies(pull(client, "T", 1, 0, NULL, 0))), 20 * 2 - 1);
}
END_TEST

/* As after a sleep of the machine: the time has passed for everybody but us. */
START_TEST(a_clock_that_goes_forward_makes_due_what_it_passes)
{
	park(18, "a");
	elapse(10 * MINUTE);
	park(18, "b");
	sim_step_wall(sim, HOUR);
	expect_delivered("");
	elapse(50 * MINUTE - 1);
	expect_delivered("");
	elapse(1);
	expect_delivered("a");
	sim_step_wall(sim, HOUR);
	expect_delivered("a,b");
	park(2, "c");
	elapse(5 * SECOND - 1);
	expect_delivered("a,b");
	elapse(1);
	expect_delivered("a,b,c");
}
END_TEST

static void restart_after_step(int64_t ms)
{
	sim_node_stop(node);
	sim_step_wall(sim, ms);
	node = sim_broker(sim, "b", BROKER, "");
	b = sim_broker_core(node);
}

/* How long it was down is not known: the newest waits from the start, the others keep their distance to it. */
START_TEST(over_a_restart_none_is_early_nor_later_than_its_delay)
{
	park(18, "a");
	elapse(30 * MINUTE);
	park(18, "b");
	restart_after_step(-went_back[_i].back_ms - HOUR);
	elapse(90 * MINUTE - 1);
	expect_delivered("");
	elapse(1);
	expect_delivered("a");
	elapse(30 * MINUTE - 1);
	expect_delivered("a");
	elapse(1);
	expect_delivered("a,b");
}
END_TEST

/* ---- transactions ---- */

static int64_t checks(void)
{
	const struct command *cmd;
	int64_t n = 0;

	while ((cmd = sim_received(client)) != NULL)
		n += cmd->code == CHECK_TRANSACTION_STATE;
	return n;
}

static void open_transaction(void)
{
	expect_answer(
		send_message(&(struct send){
			.topic = "T", .sys_flag = 4, .properties = "TRAN_MSG\1true\2PGROUP\1P\2UNIQ_KEY\1K\2", .body = "x"}),
		SUCCESS, NULL);
	produce_heartbeat(client, "p", "P");
}

START_TEST(open_transactions_are_checked_in_time)
{
	open_transaction();
	sim_step_wall(sim, -steps[_i]);
	elapse(6 * SECOND - 1);
	ck_assert_int_eq(checks(), 0);
	elapse(1);
	if (-steps[_i] < b->config->file_reserved_time * HOUR) /* older ones are put aside */
		ck_assert_int_eq(checks(), 1);
}
END_TEST

START_TEST(open_transactions_are_checked_in_time_over_a_restart)
{
	open_transaction();
	restart_after_step(-30 * 24 * HOUR);
	produce_heartbeat(client, "p", "P");
	elapse(30 * SECOND);
	ck_assert_int_eq(checks(), 1);
}
END_TEST

Suite *suite_clock(void)
{
	Suite *s = suite_create("clock");
	TCase *tc = tcase_create("clock");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, clients_do_not_expire, 0, COUNT_OF(steps));
	tcase_add_loop_test(tc, leases_of_queues_last_as_long, 0, COUNT_OF(steps));
	tcase_add_loop_test(tc, pulls_are_held_as_long, 0, COUNT_OF(steps));
	tcase_add_loop_test(tc, up_time_is_time_that_passed, 0, COUNT_OF(steps));
	tcase_add_loop_test(tc, a_clock_that_goes_back_changes_no_delay, 0, COUNT_OF(went_back));
	tcase_add_test(tc, nor_does_one_that_goes_back_twice);
	tcase_add_test(tc, a_step_that_is_taken_back_is_none);
	tcase_add_test(tc, many_steps_back_hold_nothing_up);
	tcase_add_test(tc, a_clock_that_goes_forward_makes_due_what_it_passes);
	tcase_add_loop_test(tc, over_a_restart_none_is_early_nor_later_than_its_delay, 0, COUNT_OF(went_back));
	tcase_add_loop_test(tc, open_transactions_are_checked_in_time, 0, COUNT_OF(steps));
	tcase_add_test(tc, open_transactions_are_checked_in_time_over_a_restart);
	suite_add_tcase(s, tc);
	return s;
}
