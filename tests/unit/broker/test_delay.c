/* Delay levels and retries: SCHEDULE_TOPIC_XXXX, 36, %RETRY%, %DLQ%. Facts: Apache ScheduleMessageService, consumerSendMsgBack,
 * oddities.md "Consuming". */
#include "tests/unit/broker/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "broker/delay_service.h"
#include "broker/offset_table.h"
#include "store/io.h"

Suite *suite_delay(void);

static struct sim_answer *send_delayed(const char *level, const char *body)
{
	char properties[64];

	snprintf(properties, sizeof(properties), "DELAY\1%s\2", level);
	return send_message(&(struct send){.topic = "T", .queue_id = 1, .properties = properties, .body = body});
}

START_TEST(delivered_when_due)
{
	expect_answer(send_delayed("1", "in a second"), SUCCESS, NULL);
	sim_elapse(sim, 999);
	ck_assert_int_eq(sim_code(pull(client, "T", 1, 0, NULL, 0)), PULL_NOT_FOUND);
	sim_elapse(sim, 1);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "in a second");
}
END_TEST

START_TEST(a_held_pull_is_woken_by_the_delivery)
{
	struct sim_answer *a;

	send_delayed("2", "five");
	a = pull(client, "T", 1, 0, NULL, 15000);
	sim_elapse(sim, 4999);
	ck_assert(!a->is_done);
	sim_elapse(sim, 1);
	ck_assert_str_eq(bodies(a), "five");
	ck_assert_str_eq(property_of_first(a, "DELAY"), "2"); /* Apache leaves it */
	ck_assert_str_eq(property_of_first(a, "REAL_TOPIC"), "T");
}
END_TEST

START_TEST(levels_do_not_wait_for_one_another)
{
	send_delayed("3", "ten");
	sim_elapse(sim, 1000);
	send_delayed("1", "two");
	sim_elapse(sim, 1000);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "two");
	sim_elapse(sim, 8000);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "two,ten");
}
END_TEST

START_TEST(many_of_one_level_keep_their_order)
{
	char body[16];

	for (int i = 0; i < 100; i++) {
		snprintf(body, sizeof(body), "%d", i);
		send_delayed("1", body);
		sim_elapse(sim, 10);
	}
	sim_elapse(sim, 1000);
	for (int i = 0; i < 100; i++) {
		snprintf(body, sizeof(body), "%d", i);
		ck_assert_int_eq(strncmp(bodies(pull(client, "T", 1, i, NULL, 0)), body, strlen(body)), 0);
	}
}
END_TEST

START_TEST(a_level_over_the_last_is_the_last)
{
	expect_answer(send_delayed("99", "late"), SUCCESS, NULL);
	sim_elapse(sim, 2 * 3600 * 1000 - 1);
	ck_assert_int_eq(sim_code(pull(client, "T", 1, 0, NULL, 0)), PULL_NOT_FOUND);
	sim_elapse(sim, 1);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "late");
}
END_TEST

START_TEST(parked_over_a_restart)
{
	send_delayed("1", "delivered before");
	sim_elapse(sim, 1000);
	send_delayed("2", "parked");
	restart_with("");
	sim_elapse(sim, 5000);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "delivered before,parked");
}
END_TEST

static int no_sync(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static bool state_has(const char *file, const char *part)
{
	char *text = state_text(file);
	bool has = strstr(text, part) != NULL;

	free(text);
	return has;
}

/* Else a loss of power could take the copy and leave the offset behind it. */
START_TEST(the_offset_waits_for_the_flush_of_what_was_delivered)
{
	struct io_calls calls = io_system;

	send_delayed("1", "flushed");
	sim_elapse(sim, 30000);
	ck_assert(state_has("delayOffset.json", "\t\t1:1"));
	send_delayed("1", "again");
	sim_elapse(sim, 900);
	calls.fdatasync = no_sync;
	io_set_calls(&calls);
	sim_elapse(sim, 100);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "flushed,again");
	ck_assert_int_eq(delay_service_offset(b->delay, 1), 2);
	offset_put(b->offsets, SLICE_LIT("G"), SLICE_LIT("T"), 1, 2);
	sim_elapse(sim, 30000);
	ck_assert(state_has("delayOffset.json", "\t\t1:1"));
	ck_assert(state_has("consumerOffset.json", "\t\t\t1:2")); /* a store that takes no copies does not hold up consumers */
	sim_node_stop(node);                                      /* writes what it may */
	io_set_calls(NULL);
	node = sim_broker(sim, "b", BROKER, "");
	b = sim_broker_core(node);
	ck_assert_str_eq(bodies(pull(client, "T", 1, 0, NULL, 0)), "flushed,again,again");
}
END_TEST

/* A message of topic T, taken by group G. */
static int64_t taken(void)
{
	put_message("T", 0, "a", "hard");
	heartbeat(client, "c1", "G", "T:*:1");
	return physical_of_first(pull(client, "T", 0, 0, NULL, 0));
}

START_TEST(given_back_comes_again_as_a_retry)
{
	struct sim_answer *a;

	expect_answer(send_back("G", taken(), 0, 16), SUCCESS, NULL);
	sim_elapse(sim, 9999);
	ck_assert_int_eq(sim_code(pull(client, "%RETRY%G", 0, 0, NULL, 0)), PULL_NOT_FOUND);
	sim_elapse(sim, 1); /* level 3 + 0: 10 s */
	a = pull(client, "%RETRY%G", 0, 0, NULL, 0);
	ck_assert_str_eq(bodies(a), "hard");
	ck_assert_int_eq(reconsume_times_of_first(a), 1);
	ck_assert_str_eq(property_of_first(a, "RETRY_TOPIC"), "T");
	ck_assert_uint_eq(strlen(property_of_first(a, "ORIGIN_MESSAGE_ID")), 32);
	ck_assert_str_eq(property_of_first(a, "TAGS"), "a");
	/* Again: level 4, 30 s. */
	expect_answer(send_back("G", physical_of_first(a), 0, 16), SUCCESS, NULL);
	sim_elapse(sim, 30000);
	a = pull(client, "%RETRY%G", 0, 1, NULL, 0);
	ck_assert_int_eq(reconsume_times_of_first(a), 2);
	ck_assert_str_eq(property_of_first(a, "RETRY_TOPIC"), "T");
}
END_TEST

START_TEST(at_its_maximum_it_is_a_dead_letter)
{
	struct sim_answer *a;

	expect_answer(send_back("G", taken(), 0, 0), SUCCESS, NULL);
	a = pull(client, "%DLQ%G", 0, 0, NULL, 0);
	ck_assert_str_eq(bodies(a), "hard");
	ck_assert_int_eq(reconsume_times_of_first(a), 1);
	ck_assert_str_eq(property_of_first(a, "DELAY"), "0");
	ck_assert_str_eq(property_of_first(a, "WAIT"), "false");
	ck_assert_str_eq(property_of_first(a, "RETRY_TOPIC"), "T");
}
END_TEST

START_TEST(a_negative_level_is_a_dead_letter_at_once)
{
	expect_answer(send_back("G", taken(), -1, 16), SUCCESS, NULL);
	ck_assert_str_eq(bodies(pull(client, "%DLQ%G", 0, 0, NULL, 0)), "hard");
}
END_TEST

START_TEST(an_offset_without_a_message_is_said)
{
	taken();
	expect_answer(send_back("G", 5, 0, 16), SYSTEM_ERROR, "look message by offset failed, 5");
	expect_answer(send_back("G", 1 << 30, 0, 16), SYSTEM_ERROR, "look message by offset failed, 1073741824");
	expect_answer(send_back("G", -1, 0, 16), SYSTEM_ERROR, "look message by offset failed, -1");
}
END_TEST

Suite *suite_delay(void)
{
	Suite *s = suite_create("delay");
	TCase *tc = tcase_create("delay");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, delivered_when_due);
	tcase_add_test(tc, a_held_pull_is_woken_by_the_delivery);
	tcase_add_test(tc, levels_do_not_wait_for_one_another);
	tcase_add_test(tc, many_of_one_level_keep_their_order);
	tcase_add_test(tc, a_level_over_the_last_is_the_last);
	tcase_add_test(tc, parked_over_a_restart);
	tcase_add_test(tc, the_offset_waits_for_the_flush_of_what_was_delivered);
	tcase_add_test(tc, given_back_comes_again_as_a_retry);
	tcase_add_test(tc, at_its_maximum_it_is_a_dead_letter);
	tcase_add_test(tc, a_negative_level_is_a_dead_letter_at_once);
	tcase_add_test(tc, an_offset_without_a_message_is_said);
	suite_add_tcase(s, tc);
	return s;
}
