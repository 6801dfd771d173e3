#include <check.h>

#include "remoting/language.h"
#include "remoting/command.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

Suite *suite_codes(void);

START_TEST(lists_are_sorted)
{
#define NUMBER(name, number) number,
	static const int32_t requests[] = {REQUEST_CODE_LIST(NUMBER)}, responses[] = {RESPONSE_CODE_LIST(NUMBER)};

	for (size_t i = 1; i < COUNT_OF(requests); i++)
		ck_assert_int_lt(requests[i - 1], requests[i]);
	for (size_t i = 1; i < COUNT_OF(responses); i++)
		ck_assert_int_lt(responses[i - 1], responses[i]);
}
END_TEST

/* Numbers from Apache's RequestCode and ResponseCode, typed here by hand. */
START_TEST(names_and_numbers)
{
	ck_assert_int_eq(SEND_MESSAGE_V2, 310);
	ck_assert_int_eq(LITE_PULL_MESSAGE, 361);
	ck_assert_int_eq(POP_MESSAGE, 200050);
	ck_assert_int_eq(PULL_OFFSET_MOVED, 21);
	ck_assert_int_eq(CONSUMER_NOT_ONLINE, 206);
	ck_assert_str_eq(request_code_name(34), "HEART_BEAT");
	ck_assert_str_eq(request_code_name(-34), "?");
	ck_assert_str_eq(response_code_name(16), "NO_PERMISSION");
	ck_assert_str_eq(response_code_name(99999), "?");
}
END_TEST

/* Whatever goes wrong inside, the peer gets a code that exists, and success only for success. */
START_TEST(every_rc_has_a_response_code)
{
	int32_t code = response_code_from_rc((enum rc)_i);

	ck_assert_str_ne(response_code_name(code), "?");
	ck_assert_int_eq(code == SUCCESS, _i == RC_OK);
}
END_TEST

START_TEST(languages)
{
	ck_assert_int_eq(language_from_name(SLICE_LIT("JAVA")), LANGUAGE_JAVA);
	ck_assert_int_eq(language_from_name(SLICE_LIT("GO")), 9);
	ck_assert_int_eq(language_from_name(SLICE_LIT("NODE_JS")), 13);
	ck_assert_int_eq(language_from_name(SLICE_LIT("KLINGON")), LANGUAGE_OTHER);
	ck_assert_int_eq(language_from_name((struct slice){0}), LANGUAGE_OTHER);
	ck_assert_int_eq(language_from_ordinal(14), LANGUAGE_OTHER);
	ck_assert_int_eq(language_from_ordinal(-1), LANGUAGE_OTHER);
	for (int32_t i = 0; i <= 13; i++)
		ck_assert_int_eq(language_from_name(language_name(i)), i);
}
END_TEST

Suite *suite_codes(void)
{
	Suite *s = suite_create("codes");
	TCase *tc = tcase_create("codes");

	tcase_add_test(tc, lists_are_sorted);
	tcase_add_test(tc, names_and_numbers);
	tcase_add_loop_test(tc, every_rc_has_a_response_code, 0, RC_COUNT);
	tcase_add_test(tc, languages);
	suite_add_tcase(s, tc);
	return s;
}
