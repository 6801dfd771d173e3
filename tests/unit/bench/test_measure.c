#include <check.h>

#include "bench/measure.h"
#include "bench/schedule.h"

Suite *suite_measure(void);

static struct measure m;

static void setup(void) { m = (struct measure){.from_ns = 1000, .until_ns = 2000}; }

START_TEST(closed_loop_counts_by_when_it_was_done)
{
	measure_note(&m, 900, 999, 1);
	ck_assert_uint_eq(m.messages, 0);
	measure_note(&m, 900, 1000, 1);
	measure_note(&m, 1900, 1999, 1);
	ck_assert_uint_eq(m.messages, 2);
	measure_note(&m, 1900, 2000, 1);
	ck_assert_uint_eq(m.messages, 2);
	ck_assert_uint_eq(m.latency.total, 2);
}
END_TEST

/* A stall at the end of the measured time: what was due in it counts when it is done at last. */
START_TEST(open_loop_counts_by_when_it_was_due)
{
	m.by_due = true;
	measure_note(&m, 999, 1500, 1);
	ck_assert_uint_eq(m.messages, 0);
	measure_note(&m, 1999, 900000, 16);
	measure_note(&m, 2000, 2001, 1);
	ck_assert_uint_eq(m.messages, 16);
	ck_assert_uint_eq(m.latency.max_ns, 900000 - 1999);
}
END_TEST

START_TEST(done_before_it_was_due_takes_no_time)
{
	measure_note(&m, 1600, 1500, 1);
	ck_assert_uint_eq(m.latency.max_ns, 0);
}
END_TEST

START_TEST(the_first_error_code_is_kept)
{
	measure_error(&m, 14);
	measure_error(&m, 2);
	ck_assert_uint_eq(m.errors, 2);
	ck_assert_int_eq(m.first_error_code, 14);
}
END_TEST

/* Late or not, event k stays due at start + k / rate. */
START_TEST(a_schedule_does_not_wait)
{
	struct schedule s = {.start_ns = 5000, .rate = 10000};

	ck_assert_uint_eq(schedule_due_ns(&s), 5000);
	schedule_take(&s, 1);
	ck_assert_uint_eq(schedule_due_ns(&s), 105000);
	schedule_take(&s, 16);
	ck_assert_uint_eq(schedule_due_ns(&s), 1705000);
	s.rate = 0;
	ck_assert_uint_eq(schedule_due_ns(&s), UINT64_MAX);
}
END_TEST

Suite *suite_measure(void)
{
	Suite *s = suite_create("measure");
	TCase *t = tcase_create("measure");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, closed_loop_counts_by_when_it_was_done);
	tcase_add_test(t, open_loop_counts_by_when_it_was_due);
	tcase_add_test(t, done_before_it_was_due_takes_no_time);
	tcase_add_test(t, the_first_error_code_is_kept);
	tcase_add_test(t, a_schedule_does_not_wait);
	suite_add_tcase(s, t);
	return s;
}
