#include <check.h>
#include <string.h>

#include "bench/histogram.h"

Suite *suite_histogram(void);

static struct histogram h, other;

static void setup(void)
{
	histogram_reset(&h);
	histogram_reset(&other);
}

START_TEST(an_empty_one_says_zero)
{
	ck_assert_double_eq(histogram_percentile_us(&h, 50), 0);
	ck_assert_double_eq(histogram_percentile_us(&h, 100), 0);
}
END_TEST

/* 1 us ... 1 s: the value told is within 1.6 % of the one that was added. */
START_TEST(percentiles_are_near_the_truth)
{
	static const double percents[] = {1, 50, 90, 99, 99.9};

	for (uint64_t us = 1; us <= 1000000; us++)
		histogram_add(&h, us * 1000);
	for (size_t i = 0; i < sizeof(percents) / sizeof(percents[0]); i++) {
		double truth = percents[i] * 10000, told = histogram_percentile_us(&h, percents[i]);

		ck_assert_double_ge(told, truth * 0.984);
		ck_assert_double_le(told, truth * 1.016);
	}
	ck_assert_double_eq(histogram_percentile_us(&h, 100), 1000000);
	ck_assert_uint_eq(h.max_ns, 1000000000);
}
END_TEST

START_TEST(one_outlier_is_the_last_percentile_only)
{
	for (int i = 0; i < 9999; i++)
		histogram_add(&h, 100000);
	histogram_add(&h, 70000000);
	ck_assert_double_le(histogram_percentile_us(&h, 99.9), 102);
	ck_assert_double_eq(histogram_percentile_us(&h, 100), 70000);
}
END_TEST

START_TEST(the_largest_values_have_a_place)
{
	histogram_add(&h, UINT64_MAX);
	histogram_add(&h, 0);
	ck_assert_uint_eq(h.total, 2);
	ck_assert_uint_eq(h.max_ns, UINT64_MAX);
	ck_assert_double_eq(histogram_percentile_us(&h, 50), 0);
}
END_TEST

START_TEST(merged_it_knows_both)
{
	histogram_add(&h, 1000);
	histogram_add(&other, 5000);
	histogram_merge(&h, &other);
	ck_assert_uint_eq(h.total, 2);
	ck_assert_uint_eq(h.max_ns, 5000);
}
END_TEST

Suite *suite_histogram(void)
{
	Suite *s = suite_create("histogram");
	TCase *t = tcase_create("histogram");

	tcase_add_checked_fixture(t, setup, NULL);
	tcase_add_test(t, an_empty_one_says_zero);
	tcase_add_test(t, percentiles_are_near_the_truth);
	tcase_add_test(t, one_outlier_is_the_last_percentile_only);
	tcase_add_test(t, the_largest_values_have_a_place);
	tcase_add_test(t, merged_it_knows_both);
	suite_add_tcase(s, t);
	return s;
}
