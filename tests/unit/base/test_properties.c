#include <check.h>

#include "base/buf.h"
#include "base/properties.h"

Suite *suite_properties(void);

static struct buf seen;

static enum rc note(void *ctx, unsigned line, struct slice key, struct slice value)
{
	(void)ctx;
	buf_printf(&seen, "%u[%.*s|%.*s]", line, SLICE_ARG(key), SLICE_ARG(value));
	return slice_is(key, "stop") ? RC_BUSY : RC_OK;
}

static void teardown(void) { buf_free(&seen); }

/* Expected: what java.util.Properties of JDK 17 loads from the same text. */
static const struct {
	const char *text, *pairs;
} cases[] = {
	{"", ""},
	{"a=b", "1[a|b]"},
	{"a=b\n", "1[a|b]"},
	{"  a = b \n", "1[a|b ]"},
	{"a:b\nc d\ne\t=\tf\n", "1[a|b]2[c|d]3[e|f]"},
	{"a==b", "1[a|=b]"},
	{"a = : b", "1[a|: b]"},
	{"a", "1[a|]"},
	{"=b", "1[|b]"},
	{"# c\n ! d\n\n \t\na=b # no comment\n", "5[a|b # no comment]"},
	{"a=b\\\n  c\nd=e", "1[a|bc]3[d|e]"},
	{"a=b\\\\\nd=e", "1[a|b\\]2[d|e]"},
	{"a=b\\\r\n   c\r\nd=e\r", "1[a|bc]3[d|e]"},
	{"a=b\\", "1[a|b]"},
	{"a=b\\\n# not a comment", "1[a|b# not a comment]"},
	{"a\\=b\\:\\ c=d", "1[a=b: c|d]"},
	{"a=\\t\\n\\r\\f\\q\\\"", "1[a|\t\n\r\fq\"]"},
	{"a=\\u0041\\u00e4\\u20AC", "1[a|A\xc3\xa4\xe2\x82\xac]"},
	{"a=\\uD83D\\uDE00\\ud800x", "1[a|\xf0\x9f\x98\x80\xef\xbf\xbdx]"},
	{"a=1\na=2", "1[a|1]2[a|2]"},
	{"messageDelayLevel=1s 5s 10s", "1[messageDelayLevel|1s 5s 10s]"},
};

START_TEST(reads_what_java_reads)
{
	unsigned bad_line = 0;

	ck_assert_int_eq(properties_parse(slice_of(cases[_i].text), note, NULL, &bad_line), RC_OK);
	buf_put_u8(&seen, 0);
	ck_assert_str_eq((const char *)seen.data, cases[_i].pairs);
}
END_TEST

START_TEST(damaged_escape_names_its_line)
{
	static const char *const texts[] = {"a=b\n\nc=\\u12x4", "a=b\n\nc=\\u123", "a=b\n\n\\u", "a=b\n\nc=\\u0000"};
	unsigned bad_line = 0;

	ck_assert_int_eq(properties_parse(slice_of(texts[_i]), note, NULL, &bad_line), RC_MALFORMED);
	ck_assert_uint_eq(bad_line, 3);
}
END_TEST

START_TEST(nul_byte_is_refused)
{
	unsigned bad_line = 0;

	ck_assert_int_eq(properties_parse(SLICE_LIT("a=b\0c"), note, NULL, &bad_line), RC_MALFORMED);
}
END_TEST

START_TEST(visitor_ends_the_parse)
{
	unsigned bad_line = 0;

	ck_assert_int_eq(properties_parse(SLICE_LIT("a=b\nstop=1\nc=d"), note, NULL, &bad_line), RC_BUSY);
	ck_assert(slice_is(buf_slice(&seen), "1[a|b]2[stop|1]"));
}
END_TEST

START_TEST(text_over_the_limit_is_refused)
{
	struct buf text = {0};
	unsigned bad_line = 0;

	buf_put_text(&text, "a=");
	while (text.len < PROPERTIES_MAX_BYTES)
		buf_put_u8(&text, 'x');
	ck_assert_int_eq(properties_parse(buf_slice(&text), note, NULL, &bad_line), RC_OK);
	buf_put_u8(&text, 'x');
	buf_clear(&seen);
	ck_assert_int_eq(properties_parse(buf_slice(&text), note, NULL, &bad_line), RC_TOO_BIG);
	ck_assert_uint_eq(seen.len, 0);
	buf_free(&text);
}
END_TEST

Suite *suite_properties(void)
{
	Suite *s = suite_create("properties");
	TCase *tc = tcase_create("properties");

	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_loop_test(tc, reads_what_java_reads, 0, sizeof(cases) / sizeof(cases[0]));
	tcase_add_loop_test(tc, damaged_escape_names_its_line, 0, 4);
	tcase_add_test(tc, nul_byte_is_refused);
	tcase_add_test(tc, visitor_ends_the_parse);
	tcase_add_test(tc, text_over_the_limit_is_refused);
	suite_add_tcase(s, tc);
	return s;
}
