#include <check.h>

#include "bench/mix.h"

Suite *suite_mix(void);

static const struct {
	const char *text;
	bool ok;
	int count;
} texts[] = {
	{"1024", true, 1},
	{"128:7,1024:2,4096", true, 3},
	{"a:99,b:1", true, 2},
	{"", false, 0},
	{":3", false, 0},
	{"a:", false, 0},
	{"a:0", false, 0},
	{"a:-1", false, 0},
	{"a:100000", true, 1},
	{"a:100001", false, 0},
	{"a:x", false, 0},
	{"a,,b", false, 0},
	{"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16", true, 16},
	{"1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17", false, 0},
};

START_TEST(texts_are_taken_or_refused)
{
	struct mix m;

	ck_assert_int_eq(mix_parse(&m, texts[_i].text), texts[_i].ok);
	if (texts[_i].ok)
		ck_assert_int_eq(m.count, texts[_i].count);
}
END_TEST

START_TEST(a_value_that_is_too_long_is_refused)
{
	char text[MIX_VALUE_CHARS + 2];
	struct mix m;

	for (int i = 0; i <= MIX_VALUE_CHARS; i++)
		text[i] = 'a';
	text[MIX_VALUE_CHARS + 1] = '\0';
	ck_assert(!mix_parse(&m, text));
	text[MIX_VALUE_CHARS] = '\0';
	ck_assert(mix_parse(&m, text));
}
END_TEST

START_TEST(each_value_comes_as_often_as_its_share_says)
{
	int counts[3] = {0};
	struct mix m;

	ck_assert(mix_parse(&m, "a:7,b:2,c"));
	for (int i = 0; i < 1000; i++)
		counts[mix_pick(&m)]++;
	ck_assert_int_eq(counts[0], 700);
	ck_assert_int_eq(counts[1], 200);
	ck_assert_int_eq(counts[2], 100);
}
END_TEST

START_TEST(the_rare_value_is_spread_over_the_calls)
{
	struct mix m;
	int last = -1;

	ck_assert(mix_parse(&m, "a:99,b:1"));
	for (int i = 0; i < 1000; i++) {
		if (mix_pick(&m) == 0)
			continue;
		ck_assert(last < 0 || i - last == 100);
		last = i;
	}
	ck_assert_int_ge(last, 900);
}
END_TEST

Suite *suite_mix(void)
{
	Suite *s = suite_create("mix");
	TCase *t = tcase_create("mix");

	tcase_add_loop_test(t, texts_are_taken_or_refused, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(t, a_value_that_is_too_long_is_refused);
	tcase_add_test(t, each_value_comes_as_often_as_its_share_says);
	tcase_add_test(t, the_rare_value_is_spread_over_the_calls);
	suite_add_tcase(s, t);
	return s;
}
