#include <check.h>

#include "base/timers.h"

Suite *suite_timers(void);

static struct timers ts;
static struct timer timers_of_test[3];
static char fired[16];
static size_t fired_count;

static void on_timer(struct timer *t) { fired[fired_count++] = (char)('a' + (t - timers_of_test)); }

static void setup(void)
{
	timers_init(&ts, 1000);
	for (int i = 0; i < 3; i++)
		timers_of_test[i].on_timer = on_timer;
}

static void teardown(void) { timers_free(&ts); }

START_TEST(fires_in_order_of_deadline_then_start)
{
	timer_start(&ts, &timers_of_test[0], 20);
	timer_start(&ts, &timers_of_test[1], 10);
	timer_start(&ts, &timers_of_test[2], 10);
	ck_assert_uint_eq(timers_next(&ts), 1010);
	timers_run(&ts, 1009);
	ck_assert_str_eq(fired, "");
	timers_run(&ts, 1030);
	ck_assert_str_eq(fired, "bca");
	ck_assert_uint_eq(timers_next(&ts), UINT64_MAX);
}
END_TEST

START_TEST(stopped_timer_stays_silent)
{
	timer_start(&ts, &timers_of_test[0], 10);
	timer_start(&ts, &timers_of_test[1], 20);
	timer_stop(&ts, &timers_of_test[0]);
	timers_run(&ts, 5000);
	ck_assert_str_eq(fired, "b");
	ck_assert(!timer_is_running(&timers_of_test[0]));
}
END_TEST

static void on_again(struct timer *t)
{
	on_timer(t);
	timer_start(&ts, t, 0);
}

START_TEST(restart_for_now_waits_for_the_next_run)
{
	timers_of_test[0].on_timer = on_again;
	timer_start(&ts, &timers_of_test[0], 0);
	timers_run(&ts, 1000);
	ck_assert_str_eq(fired, "a");
	timers_run(&ts, 1000);
	ck_assert_str_eq(fired, "aa");
}
END_TEST

Suite *suite_timers(void)
{
	Suite *s = suite_create("timers");
	TCase *tc = tcase_create("timers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, fires_in_order_of_deadline_then_start);
	tcase_add_test(tc, stopped_timer_stays_silent);
	tcase_add_test(tc, restart_for_now_waits_for_the_next_run);
	suite_add_tcase(s, tc);
	return s;
}
