#include <check.h>
#include <math.h>

#include "base/json_writer.h"

Suite *suite_json_writer(void);

static struct buf out;
static struct json_writer w;

static void setup(void) { json_begin(&w, &out, JSON_COMPACT); }
static void teardown(void) { buf_free(&out); }

static void expect(const char *text)
{
	buf_put_u8(&out, 0);
	ck_assert_str_eq((char *)out.data, text);
}

static void write_sample(void)
{
	json_object(&w);
	json_key(&w, "brokerAddrs");
	json_object(&w);
	json_key_i64(&w, 0, JSON_QUOTED);
	json_text(&w, slice_of("1.2.3.4:10911"));
	json_key_i64(&w, 1, JSON_BARE);
	json_text(&w, slice_of("1.2.3.5:10911"));
	json_object_end(&w);
	json_key(&w, "empty");
	json_object(&w);
	json_object_end(&w);
	json_key(&w, "list");
	json_array(&w);
	json_i64(&w, INT64_MIN);
	json_bool(&w, true);
	json_raw(&w, slice_of("{}"));
	json_array_end(&w);
	json_member_bool(&w, "order", false);
	json_object_end(&w);
}

START_TEST(compact)
{
	write_sample();
	expect("{\"brokerAddrs\":{\"0\":\"1.2.3.4:10911\",1:\"1.2.3.5:10911\"},\"empty\":{},"
	       "\"list\":[-9223372036854775808,true,{}],\"order\":false}");
}
END_TEST

START_TEST(pretty)
{
	json_begin(&w, &out, JSON_PRETTY);
	write_sample();
	expect("{\n\t\"brokerAddrs\":{\n\t\t\"0\":\"1.2.3.4:10911\",\n\t\t1:\"1.2.3.5:10911\"\n\t},\n\t\"empty\":{},\n\t"
	       "\"list\":[\n\t\t-9223372036854775808,\n\t\ttrue,\n\t\t{}\n\t],\n\t\"order\":false\n}");
}
END_TEST

START_TEST(object_as_key)
{
	json_object(&w);
	for (int i = 0; i < 2; i++) {
		json_key_object(&w);
		json_object(&w);
		json_member_text(&w, "topic", slice_of("t"));
		json_member_i64(&w, "queueId", i);
		json_object_end(&w);
		json_key_object_end(&w);
		json_i64(&w, 7);
	}
	json_object_end(&w);
	expect("{{\"topic\":\"t\",\"queueId\":0}:7,{\"topic\":\"t\",\"queueId\":1}:7}");
}
END_TEST

static const struct {
	const char *text, *json;
} texts[] = {
	{"", "\"\""},
	{"%RETRY%g", "\"%RETRY%g\""},
	{"a\"b\\c/", "\"a\\\"b\\\\c/\""},
	{"\b\f\n\r\t\x01\x1f", "\"\\b\\f\\n\\r\\t\\u0001\\u001F\""},
	{"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80", "\"\xC3\xA9\xE4\xB8\xAD\xF0\x9F\x98\x80\""},
	{"a\xFFz\xC3", "\"a\xEF\xBF\xBDz\xEF\xBF\xBD\""},             /* no UTF-8, and a cut sequence at the end */
	{"\xED\xA0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\""}, /* a surrogate */
	{"\xC0\x80", "\"\xEF\xBF\xBD\xEF\xBF\xBD\""},                 /* over-long */
};

START_TEST(escapes)
{
	json_text(&w, slice_of(texts[_i].text));
	expect(texts[_i].json);
}
END_TEST

static const struct {
	double value;
	const char *json;
} doubles[] = {{0, "0.0"}, {1, "1.0"}, {0.1, "0.1"}, {-2.5, "-2.5"}, {1e21, "1e+21"}, {NAN, "null"}, {INFINITY, "null"}};

START_TEST(doubles_as_java_reads_them)
{
	json_double(&w, doubles[_i].value);
	expect(doubles[_i].json);
}
END_TEST

Suite *suite_json_writer(void)
{
	Suite *s = suite_create("json_writer");
	TCase *tc = tcase_create("json_writer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, compact);
	tcase_add_test(tc, pretty);
	tcase_add_test(tc, object_as_key);
	tcase_add_loop_test(tc, escapes, 0, sizeof(texts) / sizeof(texts[0]));
	tcase_add_loop_test(tc, doubles_as_java_reads_them, 0, sizeof(doubles) / sizeof(doubles[0]));
	suite_add_tcase(s, tc);
	return s;
}
