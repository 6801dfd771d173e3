#include <check.h>

#include "base/slice.h"

Suite *suite_slice(void);

static const struct {
	const char *text;
	bool ok;
	int64_t value;
} numbers[] = {
	{"0", true, 0},
	{"-1", true, -1},
	{"9223372036854775807", true, INT64_MAX},
	{"-9223372036854775808", true, INT64_MIN},
	{"9223372036854775808", false, 0},
	{"", false, 0},
	{"-", false, 0},
	{"1 ", false, 0},
	{"1e3", false, 0},
	{"+7", true, 7},
	{"-0", true, 0},
	{"/", false, 0}, /* the neighbours of the digits */
	{":", false, 0},
	{"\xB0", false, 0},
	{"999999999999999999", true, 999999999999999999},
	{"-999999999999999999", true, -999999999999999999},
	{"1000000000000000000", true, 1000000000000000000},
	{"000000000000000000012", true, 12},
	{"-9223372036854775809", false, 0},
	{"99999999999999999:", false, 0},
	{"12345678901234567890123", false, 0},
};

START_TEST(decimal_numbers)
{
	int64_t value = 42;

	ck_assert_int_eq(slice_to_i64(slice_of(numbers[_i].text), &value), numbers[_i].ok);
	ck_assert_int_eq(value, numbers[_i].ok ? numbers[_i].value : 42);
}
END_TEST

/* Values from Java: "Aa".hashCode() etc.; the emoji is two UTF-16 units. */
START_TEST(java_hashes)
{
	ck_assert_int_eq(slice_java_hash(slice_of("")), 0);
	ck_assert_int_eq(slice_java_hash(slice_of("Aa")), 2112);
	ck_assert_int_eq(slice_java_hash(slice_of("BB")), 2112);
	ck_assert_int_eq(slice_java_hash(slice_of("TagA")), 2598919);
	ck_assert_int_eq(slice_java_hash(slice_of("\xF0\x9F\x98\x80")), 1772899);
}
END_TEST

Suite *suite_slice(void)
{
	Suite *s = suite_create("slice");
	TCase *tc = tcase_create("slice");

	tcase_add_loop_test(tc, decimal_numbers, 0, sizeof(numbers) / sizeof(numbers[0]));
	tcase_add_test(tc, java_hashes);
	suite_add_tcase(s, tc);
	return s;
}
