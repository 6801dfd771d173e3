#include <check.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "remoting/number.h"

Suite *suite_number(void);

static void check(int64_t v)
{
	char expected[32], text[NUMBER_TEXT_MAX];
	int n = snprintf(expected, sizeof(expected), "%" PRId64, v);

	ck_assert_uint_eq(number_put_i64(text, v), (size_t)n);
	ck_assert_mem_eq(text, expected, (size_t)n);
}

START_TEST(every_length_and_both_ends)
{
	check(0);
	check(INT64_MAX);
	check(INT64_MIN);
	check(INT32_MIN);
	for (int64_t v = 1; v <= INT64_MAX / 10; v *= 10) {
		check(v - 1);
		check(v);
		check(-v);
		check(v * 7 + 3);
	}
}
END_TEST

Suite *suite_number(void)
{
	Suite *s = suite_create("number");
	TCase *tc = tcase_create("number");

	tcase_add_test(tc, every_length_and_both_ends);
	suite_add_tcase(s, tc);
	return s;
}
