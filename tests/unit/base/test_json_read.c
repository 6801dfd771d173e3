#include <check.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/json_read.h"

Suite *suite_json_read(void);

/* What goes in, and how cJSON prints what was understood; NULL: refused. */
static const struct {
	const char *text, *understood;
} texts[] = {
	{"{}", "{}"},
	{" {\"a\" : 1 , \"b\":[true,null,\"x\"]} \n", "{\"a\":1,\"b\":[true,null,\"x\"]}"},
	{"{0:\"a\",-1 : 2}", "{\"0\":\"a\",\"-1\":2}"},
	{"{\"t@g\":{0:12,1:7}}", "{\"t@g\":{\"0\":12,\"1\":7}}"},
	{"{{\"q\":0,\"t\":\"}\\\"\"}:5}", "{\"{\\\"q\\\":0,\\\"t\\\":\\\"}\\\\\\\"\\\"}\":5}"},
	{"[1,2, ]", "[1,2]"},
	{"{\"a\":1,}", "{\"a\":1}"},
	{"{\"a\":9223372036854775807}", "{\"a\":\"9223372036854775807\"}"},
	{"{\"a\":0.12345678901234567890}", "{\"a\":0.12345678901234568}"},
	{"{\"a\":\"0:1,}\"}", "{\"a\":\"0:1,}\"}"},
	{"{\"a\":\"x\xFFy\xC3\xA4\"}", "{\"a\":\"x\xEF\xBF\xBDy\xC3\xA4\"}"},
	{"{\"\xC3\":1}", "{\"\xEF\xBF\xBD\":1}"},
	{"", NULL},
	{"{", NULL},
	{"{\"a\":1}x", NULL},
	{"{{\"a\":1:2}", NULL},
	{"{\"a\":tru}", NULL},
	{"]", NULL},
	{"\"\\", NULL},
};

START_TEST(lenient)
{
	cJSON *tree = NULL;
	enum rc rc = json_parse(slice_of(texts[_i].text), &tree);
	char *printed;

	if (texts[_i].understood == NULL) {
		ck_assert_int_eq(rc, RC_MALFORMED);
		ck_assert_ptr_null(tree);
		return;
	}
	ck_assert_int_eq(rc, RC_OK);
	printed = cJSON_PrintUnformatted(tree);
	ck_assert_str_eq(printed, texts[_i].understood);
	free(printed);
	json_free(tree);
}
END_TEST

START_TEST(accessors)
{
	cJSON *tree = NULL;
	struct slice text = SLICE_LIT("before");
	int64_t big = 5;
	int32_t small = 6;
	bool yes = false;
	double number = 1;
	int place = 9;
	static const char *const names[] = {"PULL", "POP"};

	ck_assert_int_eq(
		json_parse(
			slice_of("{\"s\":\"x\",\"max\":9223372036854775807,\"q\":\"12\",\"d\":12.0,\"half\":12.5,\"null\":null,"
				 "\"b\":\"TRUE\",\"e\":\"POP\",\"dup\":1,\"dup\":2,\"o\":{},\"wide\":2147483648}"),
			&tree),
		RC_OK);
	ck_assert(json_read_text(tree, "s", &text) && slice_is(text, "x"));
	ck_assert(!json_read_text(tree, "d", &text) && slice_is(text, "x"));
	ck_assert(json_read_text(tree, "none", &text) && slice_is(text, "x"));
	ck_assert(json_read_i64(tree, "max", &big) && big == INT64_MAX);
	ck_assert(json_read_i64(tree, "null", &big) && big == INT64_MAX);
	ck_assert(json_read_i64(tree, "q", &big) && big == 12);
	ck_assert(json_read_i64(tree, "dup", &big) && big == 2);
	ck_assert(!json_read_i64(tree, "half", &big) && big == 2);
	ck_assert(json_read_i32(tree, "d", &small) && small == 12);
	ck_assert(!json_read_i32(tree, "wide", &small) && small == 12);
	ck_assert(json_read_bool(tree, "b", &yes) && yes);
	ck_assert(!json_read_bool(tree, "s", &yes) && yes);
	ck_assert(json_read_double(tree, "half", &number) && number == 12.5);
	ck_assert(json_read_enum(tree, "e", names, 2, &place) && place == 1);
	ck_assert(json_read_enum(tree, "s", names, 2, &place) && place == 1);
	ck_assert(!json_read_enum(tree, "d", names, 2, &place));
	ck_assert_ptr_nonnull(json_get_object(tree, "o"));
	ck_assert_ptr_null(json_get_array(tree, "o"));
	ck_assert_ptr_null(json_get(NULL, "o"));
	json_free(tree);
}
END_TEST

START_TEST(depth_is_bounded)
{
	struct buf text = {0};
	cJSON *tree = NULL;

	for (int i = 0; i < JSON_READ_DEPTH_MAX; i++)
		buf_put_u8(&text, '[');
	for (int i = 0; i < JSON_READ_DEPTH_MAX; i++)
		buf_put_u8(&text, ']');
	ck_assert_int_eq(json_parse(buf_slice(&text), &tree), RC_OK);
	json_free(tree);
	tree = NULL;
	buf_clear(&text);
	for (int i = 0; i < JSON_READ_DEPTH_MAX + 1; i++)
		buf_put_u8(&text, '[');
	ck_assert_int_eq(json_parse(buf_slice(&text), &tree), RC_TOO_BIG);
	ck_assert_ptr_null(tree);
	buf_free(&text);
}
END_TEST

START_TEST(items_are_bounded)
{
	struct buf text = {0};
	cJSON *tree = NULL;

	buf_put_u8(&text, '[');
	for (int i = 0; i < JSON_ITEMS_MAX; i++)
		buf_put(&text, "1,", 2);
	buf_put_text(&text, "1]");
	ck_assert_int_eq(json_parse(buf_slice(&text), &tree), RC_TOO_BIG);
	ck_assert_ptr_null(tree);
	buf_free(&text);
}
END_TEST

Suite *suite_json_read(void)
{
	Suite *s = suite_create("json_read");
	TCase *tc = tcase_create("json_read");

	tcase_add_loop_test(tc, lenient, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_test(tc, accessors);
	tcase_add_test(tc, depth_is_bounded);
	tcase_add_test(tc, items_are_bounded);
	suite_add_tcase(s, tc);
	return s;
}
