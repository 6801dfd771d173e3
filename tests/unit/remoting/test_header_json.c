#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "remoting/headers.h"
#include "remoting/json_scan.h"
#include "tests/unit/remoting/frames.h"

Suite *suite_header_json(void);

static struct buf frame;
static struct arena arena;
static struct command cmd;
static const char *why;

static void setup(void)
{
	frame = (struct buf){0};
	arena_init(&arena);
	why = NULL;
}

static void teardown(void)
{
	buf_free(&frame);
	arena_reset(&arena);
}

static enum rc decode(const char *json)
{
	buf_clear(&frame);
	put_frame(&frame, CODEC_JSON, slice_of(json), (struct slice){0});
	return command_decode(buf_slice(&frame), &cmd, &why);
}

static const char *const good[] = {
	/* as fastjson, ali-ons and the Go client write it, and what a reader must not stumble over */
	"{\"code\":11,\"extFields\":{\"queueId\":\"3\"},\"flag\":2,\"language\":\"JAVA\",\"opaque\":7,\"remark\":\"r\","
	"\"version\":409}",
	"{\"version\":409,\"remark\":\"r\",\"opaque\":7,\"language\":\"JAVA\",\"flag\":2,\"extFields\":{\"queueId\":\"3\"},"
	"\"code\":11}",
	" { \"code\" : 11 , \"extFields\" : { \"queueId\" : \"3\" } "
	",\t\"flag\":2,\r\n\"language\":\"JAVA\",\"opaque\":7,\"remark\":\"r\",\"version\":409 } \n",
	"{\"code\":\"11\",\"extFields\":{\"queueId\":3},\"flag\":\"2\",\"language\":0,\"opaque\":\"7\",\"remark\":\"r\","
	"\"version\":\"409\"}",
	"{\"code\":10,\"flag\":2,\"code\":11,\"opaque\":7,\"language\":\"JAVA\",\"version\":409,\"remark\":\"q\",\"remark\":"
	"\"r\","
	"\"extFields\":{\"queueId\":\"9\",\"queueId\":\"3\"}}",
	"{\"code\":11,\"extFields\":{\"queueId\":\"4\"},\"extFields\":{\"queueId\":\"3\"},\"flag\":2,\"language\":\"JAVA\","
	"\"opaque\":7,"
	"\"remark\":\"r\",\"version\":409}",
	"{\"new\":{\"a\":[1,{\"b\":\"}]\\\"\"}]},\"list\":[],\"code\":11,\"extFields\":{\"deep\":{\"x\":[{}]},\"queueId\":\"3\","
	"\"none\":null},"
	"\"flag\":2,\"language\":\"JAVA\",\"opaque\":7,\"remark\":\"r\",\"version\":409,\"t\":true,\"n\":null,\"f\":-1.5e+3}",
	"{\"c\\u006Fde\":11,\"ext\\u0046ields\":{\"queu\\u0065Id\":\"\\u0033\"},\"flag\":2,\"language\":\"JAVA\",\"opaque\":7,"
	"\"remark\":\"r\","
	"\"version\":409}",
};

START_TEST(one_command_in_many_spellings)
{
	struct get_max_offset_request_header h;
	const char *bad;

	ck_assert_msg(decode(good[_i]) == RC_OK, "%s", why);
	ck_assert_int_eq(cmd.code, 11);
	ck_assert_int_eq(cmd.flag, 2);
	ck_assert_int_eq(cmd.language, LANGUAGE_JAVA);
	ck_assert_int_eq(cmd.opaque, 7);
	ck_assert_int_eq(cmd.version, 409);
	ck_assert_int_eq(cmd.codec, CODEC_JSON);
	ck_assert(slice_is(command_remark(&cmd, &arena), "r"));
	ck_assert_int_eq(command_decode_ext(&cmd, &get_max_offset_request_header_schema, &h, &arena, &bad), RC_MISSING);
	ck_assert_str_eq(bad, "topic");
	ck_assert_int_eq(h.queue_id, 3);
	ck_assert(HEADER_HAS(get_max_offset_request_header, &h, queue_id));
	ck_assert(!HEADER_HAS(get_max_offset_request_header, &h, topic));
}
END_TEST

START_TEST(remarks)
{
	ck_assert_int_eq(decode("{\"code\":1,\"remark\":\"two\\nlines \\u00e4\"}"), RC_OK);
	ck_assert(slice_is(command_remark(&cmd, &arena), "two\nlines \xC3\xA4"));
	ck_assert_int_eq(decode("{\"code\":1,\"remark\":\"bad \\q\"}"), RC_OK); /* it is only for people: shown as it came */
	ck_assert(slice_is(command_remark(&cmd, &arena), "bad \\q"));
	ck_assert_int_eq(decode("{\"code\":1,\"remark\":null}"), RC_OK);
	ck_assert_uint_eq(command_remark(&cmd, &arena).len, 0);
	ck_assert_int_eq(decode("{\"code\":1,\"remark\":{\"a\":\"b\"}}"), RC_OK);
	ck_assert_uint_eq(command_remark(&cmd, &arena).len, 0);
}
END_TEST

/* Names as long as ours are not ours. */
START_TEST(unknown_members)
{
	ck_assert_int_eq(
		decode("{\"abcd\":\"x\",\"abcdef\":[],\"abcdefg\":1.5,\"abcdefgh\":null,\"abcdefghi\":{},\"\":0,\"code\":7}"),
		RC_OK);
	ck_assert_int_eq(cmd.code, 7);
	ck_assert_int_eq(cmd.opaque, 0);
	ck_assert_int_eq(cmd.language, LANGUAGE_OTHER);
	ck_assert_uint_eq(cmd.ext.len, 0);
}
END_TEST

static const char *const malformed[] = {
	"",
	" ",
	"{",
	"[]",
	"11",
	"null",
	"{}", /* no code */
	"{\"code\":null}",
	"{\"opaque\":1}",
	"{\"code\":11",
	"{\"code\":11,}",
	"{\"code\":11,,\"flag\":1}",
	"{\"code\":11 \"flag\":1}",
	"{\"code\" 11}",
	"{\"code\":}",
	"{code:11}",
	"{'code':11}",
	"{\"code\":11}x",
	"{\"code\":11}{}",
	"{\"code\":11.5}",
	"{\"code\":1e1}",
	"{\"code\":2147483648}",
	"{\"code\":-2147483649}",
	"{\"code\":4294967295}",
	"{\"code\":\"\"}",
	"{\"code\":{}}",
	"{\"code\":[11]}",
	"{\"code\":true}",
	"{\"code\":11,\"opaque\":\"x\"}",
	"{\"code\":11,\"flag\":\"x\"}",
	"{\"code\":11,\"version\":\"x\"}",
	"{\"code\":11,\"extFields\":[]}",
	"{\"code\":11,\"extFields\":\"x\"}",
	"{\"code\":11,\"extFields\":7}",
	"{\"code\":11,\"extFields\":{\"a\":\"b\"}",
	"{\"code\":11,\"extFields\":{\"a\":\"b\",}}",
	"{\"code\":11,\"extFields\":{\"a\"}}",
	"{\"code\":11,\"extFields\":{\"a\":}}",
	"{\"code\":11,\"extFields\":{\"a\":\"b}}",
	"{\"code\":11,\"extFields\":{\"a\":\"b\\\"}}",
	"{\"code\":11,\"remark\":\"abc}",
	"{\"code\":11,\"remark\":\"abc\\",
	"{\"code\":11,\"x\":[}",
	"{\"code\":11,\"x\":{]}",
	"{\"code\":11,\"x\":[\"}",
	"{\"code\":11,\"x\":@}",
};

START_TEST(what_is_no_header)
{
	cmd.code = 4711;
	ck_assert_msg(decode(malformed[_i]) == RC_MALFORMED, "%s", malformed[_i]);
	ck_assert_ptr_nonnull(why);
	ck_assert_int_eq(cmd.code, 4711); /* untouched */
}
END_TEST

/* Every cut of a good header is malformed, and no byte behind it is looked at (the sanitizers see to that). */
START_TEST(every_cut_is_malformed)
{
	const char *whole = good[6];
	size_t len = strlen(whole);

	for (size_t n = 0; n < len; n++) {
		char *cut = strndup(whole, n);

		ck_assert_msg(decode(cut) == RC_MALFORMED, "%s", cut);
		free(cut);
	}
}
END_TEST

static const struct {
	const char *json, *text; /* NULL: refused */
} escapes[] = {
	{"plain", "plain"},
	{"", ""},
	{"\\\"\\\\\\/\\b\\f\\n\\r\\t", "\"\\/\b\f\n\r\t"},
	{"\\v\\'", "\v'"},
	{"a\\u0001b\\u0002", "a\001b\002"},
	{"\\u00e4\\u00E4", "\xC3\xA4\xC3\xA4"},
	{"\\u20AC", "\xE2\x82\xAC"},
	{"\\uD83D\\uDE00", "\xF0\x9F\x98\x80"},
	{"\\uD83D", "?"},
	{"\\uDE00\\uD83D", "??"},
	{"\\uD83Dx\\n", "?x\n"},
	{"\\uD83D\\u0041", "?A"},
	{"\xC3\xA4\xF0\x9F\x98\x80", "\xC3\xA4\xF0\x9F\x98\x80"},
	{"tab\tnewline\n", "tab\tnewline\n"},
	{"\\", NULL},
	{"\\x41", NULL},
	{"a\\u0001b\\u0002", "a\001b\002"},
	{"\\u007F\\u0080", "\x7F\xC2\x80"},
	{"\\u002", NULL},
	{"\\u", NULL},
	{"\\u004", NULL},
	{"\\u00g0", NULL},
	{"\\uD83D\\uZZZZ", NULL},
};

START_TEST(escapes_are_resolved)
{
	struct slice raw = slice_of(escapes[_i].json);
	char out[64];
	size_t len = 0;

	ck_assert_int_eq(json_unescape(raw, out, &len), escapes[_i].text != NULL);
	if (escapes[_i].text == NULL)
		return;
	ck_assert_uint_le(len, raw.len);
	ck_assert_uint_eq(len, strlen(escapes[_i].text));
	ck_assert_mem_eq(out, escapes[_i].text, len);
}
END_TEST

/* Written escaped and read back, every ASCII character is itself, and so is every other one that is whole. */
START_TEST(every_character_survives_escaping)
{
	static const char others[] = "\xC3\xA4\xE4\xBD\xA0\xF0\x9F\x98\x80"; /* of 2, 3 and 4 bytes */
	char all[128 + sizeof(others) - 1], escaped[sizeof(all) * JSON_ESCAPED_MAX], back[sizeof(escaped)];
	size_t len, back_len;

	for (size_t i = 0; i < 128; i++)
		all[i] = (char)i;
	memcpy(all + 128, others, sizeof(others) - 1);
	len = (size_t)(json_put_escaped(escaped, (struct slice){all, sizeof(all)}) - escaped);
	for (size_t i = 0; i < len; i++)
		ck_assert((unsigned char)escaped[i] >= 0x20);
	ck_assert(json_unescape((struct slice){escaped, len}, back, &back_len));
	ck_assert_uint_eq(back_len, sizeof(all));
	ck_assert_mem_eq(back, all, sizeof(all));
}
END_TEST

static const struct {
	const char *bytes, *written;
} no_utf8[] = {
	{"\xFF", "\xEF\xBF\xBD"},
	{"a\x80z", "a\xEF\xBF\xBDz"},
	{"\xC3", "\xEF\xBF\xBD"},                                 /* cut off */
	{"\xE4\xBD", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* each byte for itself */
	{"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                 /* over-long */
	{"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"}, /* a surrogate */
	{"\xF5\x80\x80\x80 0123456789abcdef", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD 0123456789abcdef"},
	{"0123456789abcdef\xE4\xBD\xA0 0123456789\xE4", "0123456789abcdef\xE4\xBD\xA0 0123456789\xEF\xBF\xBD"},
};

/* Names from the wire come back in remarks: what is written is JSON all the same. */
START_TEST(what_is_no_utf8_is_replaced)
{
	struct slice text = slice_of(no_utf8[_i].bytes);
	char *out = mem_alloc(text.len * JSON_ESCAPED_MAX);
	size_t len = (size_t)(json_put_escaped(out, text) - out);

	ck_assert_uint_eq(len, strlen(no_utf8[_i].written));
	ck_assert_mem_eq(out, no_utf8[_i].written, len);
	free(out);
}
END_TEST

/* Each special byte at each place of each length: the whole steps and the steps that overlap agree with a byte at a time. */
static void check_escaping(size_t len, size_t place, char special)
{
	char *text = mem_alloc(len), *out = mem_alloc(len * JSON_ESCAPED_MAX), expected[64 * JSON_ESCAPED_MAX];
	char *end = expected;

	memset(text, 'a', len);
	text[place] = special;
	for (size_t i = 0; i < len; i++)
		end = json_put_escaped(end, (struct slice){text + i, 1});
	ck_assert_uint_eq((size_t)(json_put_escaped(out, (struct slice){text, len}) - out), (size_t)(end - expected));
	ck_assert_mem_eq(out, expected, (size_t)(end - expected));
	free(text);
	free(out);
}

START_TEST(escaping_is_the_same_at_every_place)
{
	static const char special[] = {'"', '\\', '\0', '\x1F', '\n', ' ', '!', '\x7F', '\x80', '\xFF', '#', '['};

	for (size_t len = 1; len < 50; len++)
		for (size_t place = 0; place < len; place++)
			for (size_t i = 0; i < COUNT_OF(special); i++)
				check_escaping(len, place, special[i]);
}
END_TEST

static const struct {
	const char *field; /* in extFields of a GET_MAX_OFFSET */
	enum rc rc;
	const char *bad;
	int32_t queue_id;
} values[] = {
	{"\"queueId\":\"2147483647\"", RC_OK, NULL, INT32_MAX},
	{"\"queueId\":-2147483648", RC_OK, NULL, INT32_MIN},
	{"\"queueId\":\"2147483648\"", RC_MALFORMED, "queueId", 0},
	{"\"queueId\":\"4294967295\"", RC_MALFORMED, "queueId", 0},
	{"\"queueId\":\" 1\"", RC_MALFORMED, "queueId", 0},
	{"\"queueId\":\"one\"", RC_MALFORMED, "queueId", 0},
	{"\"queueId\":true", RC_MALFORMED, "queueId", 0},
	{"\"queueId\":\"\\u0031\\u0032\"", RC_OK, NULL, 12},
	{"\"queueId\":\"\\u\"", RC_MALFORMED, "queueId", 0},
	{"\"queueId\":null", RC_MISSING, "queueId", 0},
	{"\"queueId\":\"\"", RC_MISSING, "queueId", 0},
	{"\"queueId\":{\"a\":1}", RC_MISSING, "queueId", 0},
	{"\"queueid\":\"1\"", RC_MISSING, "queueId", 0},
	{"\"ignored\":\"\\u\",\"queueId\":1", RC_OK, NULL, 1},
};

START_TEST(values_of_fields)
{
	struct get_max_offset_request_header h;
	const char *bad = NULL;
	char json[256];

	snprintf(json, sizeof(json), "{\"code\":30,\"extFields\":{\"topic\":\"T\",%s}}", values[_i].field);
	ck_assert_int_eq(decode(json), RC_OK);
	ck_assert_int_eq(command_decode_ext(&cmd, &get_max_offset_request_header_schema, &h, &arena, &bad), values[_i].rc);
	if (values[_i].rc == RC_OK) {
		ck_assert(slice_is(h.topic, "T"));
		ck_assert_int_eq(h.queue_id, values[_i].queue_id);
	} else {
		ck_assert_str_eq(bad, values[_i].bad);
	}
}
END_TEST

/* Boolean.parseBoolean: "true" in any case, everything else is false, as C++ clients' "0" and "1" are. */
START_TEST(booleans_are_javas)
{
	static const struct {
		const char *value;
		bool is;
	} rows[] = {{"\"true\"", true}, {"true", true},   {"\"TRUE\"", true}, {"\"false\"", false},
		    {"false", false},   {"\"1\"", false}, {"0", false},       {"\"yes\"", false}};
	struct delete_subscription_group_request_header h;
	const char *bad;
	char json[128];

	for (size_t i = 0; i < COUNT_OF(rows); i++) {
		snprintf(json, sizeof(json), "{\"code\":207,\"extFields\":{\"groupName\":\"g\",\"cleanOffset\":%s}}",
			 rows[i].value);
		ck_assert_int_eq(decode(json), RC_OK);
		ck_assert_int_eq(command_decode_ext(&cmd, &delete_subscription_group_request_header_schema, &h, &arena, &bad),
				 RC_OK);
		ck_assert_int_eq(h.clean_offset, rows[i].is);
	}
}
END_TEST

START_TEST(one_field_by_name)
{
	struct slice value;

	ck_assert_int_eq(
		decode("{\"code\":12,\"extFields\":{\"_UNIQUE_KEY_QUERY\":\"no\",\"n\":7,\"e\":\"a\\nb\",\"bad\":\"\\q\","
		       "\"none\":null,\"_UNIQUE_KEY_QUERY\":\"true\"}}"),
		RC_OK);
	ck_assert(command_ext_get(&cmd, "_UNIQUE_KEY_QUERY", &arena, &value));
	ck_assert(slice_is(value, "true"));
	ck_assert(command_ext_get(&cmd, "n", &arena, &value));
	ck_assert(slice_is(value, "7"));
	ck_assert(command_ext_get(&cmd, "e", &arena, &value));
	ck_assert(slice_is(value, "a\nb"));
	ck_assert(!command_ext_get(&cmd, "bad", &arena, &value));
	ck_assert(!command_ext_get(&cmd, "none", &arena, &value));
	ck_assert(!command_ext_get(&cmd, "absent", &arena, &value));
	ck_assert_int_eq(decode("{\"code\":12}"), RC_OK);
	ck_assert(!command_ext_get(&cmd, "n", &arena, &value));
	ck_assert_int_eq(decode("{\"code\":12,\"extFields\":null}"), RC_OK);
	ck_assert(!command_ext_get(&cmd, "n", &arena, &value));
}
END_TEST

static enum rc decode_with_fields(size_t count)
{
	struct buf json = {0};
	enum rc rc;

	buf_put_text(&json, "{\"code\":1,\"extFields\":{");
	for (size_t i = 0; i < count; i++)
		buf_printf(&json, "%s\"f%zu\":\"%zu\"", i ? "," : "", i, i);
	buf_put_text(&json, "}}");
	buf_put_u8(&json, 0);
	rc = decode((const char *)json.data);
	buf_free(&json);
	return rc;
}

START_TEST(count_of_fields_is_bounded)
{
	struct slice value;

	ck_assert_int_eq(decode_with_fields(EXT_FIELDS_MAX), RC_OK);
	ck_assert(command_ext_get(&cmd, "f255", &arena, &value));
	ck_assert(slice_is(value, "255"));
	ck_assert_int_eq(decode_with_fields(EXT_FIELDS_MAX + 1), RC_TOO_BIG);
	ck_assert_ptr_nonnull(why);
}
END_TEST

static enum rc decode_nested(size_t depth, char open, char close)
{
	struct buf json = {0};
	enum rc rc;

	buf_put_text(&json, "{\"code\":1,\"x\":");
	memset(buf_grow(&json, depth), open, depth);
	memset(buf_grow(&json, depth), close, depth);
	buf_put_text(&json, "}");
	buf_put_u8(&json, 0);
	rc = decode((const char *)json.data);
	buf_free(&json);
	return rc;
}

START_TEST(depth_is_bounded)
{
	ck_assert_int_eq(decode_nested(JSON_DEPTH_MAX, '[', ']'), RC_OK);
	ck_assert_int_eq(decode_nested(JSON_DEPTH_MAX + 1, '[', ']'), RC_MALFORMED);
	ck_assert_int_eq(decode_nested(100000, '{', '}'), RC_MALFORMED);
}
END_TEST

/* fastjson's spelling, to the byte: what 4.9 and 5.x clients have always been sent. */
START_TEST(what_we_write)
{
	static const char expected[] = "{\"code\":0,\"extFields\":{\"offset\":\"42\",\"MSG_REGION\":\"a\\\"\\\\\\u0001\\n\"},"
				       "\"flag\":1,\"language\":\"CPP\",\"opaque\":-7,"
				       "\"remark\":\"say \\\"no\\\"\",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":513}";
	struct get_max_offset_response_header h = {.present = HEADER_ALL(get_max_offset_response_header), .offset = 42};
	struct ext_field extra = {SLICE_LIT("MSG_REGION"), SLICE_LIT("a\"\\\001\n")};
	struct command out = {.language = LANGUAGE_CPP,
			      .version = FUSEE_VERSION,
			      .opaque = -7,
			      .flag = FLAG_RESPONSE,
			      .remark = SLICE_LIT("say \"no\"")};

	command_encode(&frame, &out, &get_max_offset_response_header_schema, &h, &extra, 1, 0);
	ck_assert_uint_eq(frame.len, 8 + sizeof(expected) - 1);
	ck_assert_mem_eq(frame.data + 8, expected, sizeof(expected) - 1);
	ck_assert_uint_eq(get_u32(frame.data), frame.len - 4);
	ck_assert_uint_eq(get_u32(frame.data + 4), sizeof(expected) - 1);
}
END_TEST

START_TEST(nothing_to_say_writes_no_ext_fields)
{
	static const char expected[] =
		"{\"code\":17,\"flag\":1,\"language\":\"OTHER\",\"opaque\":1,\"serializeTypeCurrentRPC\":\"JSON\",\"version\":0}";
	struct command out = {.code = 17, .language = 99, .opaque = 1, .flag = FLAG_RESPONSE};
	struct get_max_offset_response_header h = {.offset = 42}; /* not present */

	command_encode(&frame, &out, &get_max_offset_response_header_schema, &h, NULL, 0, 0);
	ck_assert_uint_eq(frame.len, 8 + sizeof(expected) - 1);
	ck_assert_mem_eq(frame.data + 8, expected, sizeof(expected) - 1);
}
END_TEST

/* The reader looks at 16, 8 and single bytes: the end of a string, an escape and the end of the text, at each place of each of them. Its own
 * allocation for each text, so that AddressSanitizer sees a read beyond the end. */
START_TEST(strings_end_where_they_end)
{
	for (int len = 0; len < 70; len++) {
		for (int escape = -1; escape + 1 < len; escape++) {
			size_t size = (size_t)len + 6; /* {" and ":1} */
			char *text = malloc(size);
			struct json_scan scan;
			struct json_text name;

			memset(text, 'x', size);
			memcpy(text, "{\"", 2);
			memcpy(text + 2 + len, "\":1}", 4);
			if (escape >= 0)
				memcpy(text + 2 + escape, "\\\"", 2);
			ck_assert(json_scan_begin(&scan, (struct slice){text, size}));
			ck_assert_int_eq(json_name(&scan, &name), RC_OK);
			ck_assert_uint_eq(name.text.len, (size_t)len);
			ck_assert_int_eq(name.is_escaped, escape >= 0);
			ck_assert(json_scan_begin(&scan, (struct slice){text, (size_t)len + 2})); /* no closing quote */
			ck_assert_int_eq(json_name(&scan, &name), RC_MALFORMED);
			free(text);
		}
	}
}
END_TEST

/* The same for a whole member behind another, which is taken in one step. */
START_TEST(members_end_where_they_end)
{
	for (int name_len = 0; name_len < 36; name_len++) {
		for (int value_len = 0; value_len < 36; value_len++) {
			char text[128];
			int len = snprintf(text, sizeof(text), "{\"a\":1,\"%.*s\":\"%.*s\"", name_len,
					   "nnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnnn", value_len,
					   "vvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvvv");

			for (int cut = 7; cut <= len; cut++) {
				char *own = strndup(text, (size_t)cut);
				struct json_scan scan;
				struct json_text name;
				struct json_value v;

				ck_assert(json_scan_begin(&scan, (struct slice){own, (size_t)cut}));
				ck_assert_int_eq(json_member(&scan, &name, &v), RC_OK);
				ck_assert_int_eq(v.kind, JSON_LITERAL);
				ck_assert_int_eq(json_member(&scan, &name, &v), cut == len ? RC_OK : RC_MALFORMED);
				if (cut == len) {
					ck_assert_uint_eq(name.text.len, (size_t)name_len);
					ck_assert_uint_eq(v.as.text.len, (size_t)value_len);
					ck_assert_uint_eq(json_rest(&scan).len, 0);
				}
				free(own);
			}
		}
	}
}
END_TEST

/* ---- one walk: what command_decode_with says must be what command_decode and then command_decode_ext say ---- */

static const struct schema *only_30_has_one(const struct header_reader *reader, int32_t code)
{
	(*(int *)reader->ctx)++;
	return code == 30 ? &get_max_offset_request_header_schema : NULL;
}

static void check_one_walk(const char *json)
{
	struct get_max_offset_request_header h, *one;
	const char *bad = NULL, *with_why = NULL;
	int asked = 0;
	struct header_reader reader = {.schema_of = only_30_has_one, .ctx = &asked, .arena = &arena};
	struct command with;
	enum rc rc = decode(json);

	ck_assert_msg(command_decode_with(buf_slice(&frame), &with, &reader, &with_why) == rc, "%s", json);
	if (rc != RC_OK) {
		ck_assert_str_eq(with_why, why);
		return;
	}
	ck_assert_int_gt(asked, 0);
	ck_assert_int_eq(with.code, cmd.code);
	ck_assert(slice_eq(with.ext, cmd.ext));
	if (cmd.code != 30) { /* nobody reads them */
		ck_assert_ptr_null(reader.header);
		ck_assert_int_eq(reader.rc, RC_OK);
		return;
	}
	one = reader.header;
	rc = command_decode_ext(&cmd, &get_max_offset_request_header_schema, &h, &arena, &bad);
	ck_assert_msg(reader.rc == rc, "%s", json);
	if (rc != RC_OK)
		ck_assert_str_eq(reader.bad, bad);
	ck_assert_uint_eq(one->present, h.present);
	ck_assert_int_eq(one->queue_id, h.queue_id);
	ck_assert(slice_eq(one->topic, h.topic));
}

static const char *const walks[] = {
	"{\"code\":30,\"extFields\":{\"queueId\":\"3\",\"topic\":\"T\"},\"flag\":0}",
	"{\"extFields\":{\"queueId\":\"3\",\"topic\":\"T\"},\"code\":30}",
	"{\"code\":30}",
	"{\"code\":30,\"extFields\":{}}",
	"{\"code\":30,\"extFields\":null}",
	"{\"code\":31,\"extFields\":{\"queueId\":\"3\",\"topic\":\"T\"},\"code\":30}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"3\",\"topic\":\"T\"},\"code\":31}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"3\"},\"extFields\":{\"topic\":\"T\"}}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"3\",\"topic\":\"T\"},\"extFields\":null}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"x\"},\"extFields\":{\"queueId\":\"3\",\"topic\":\"T\"}}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"x\",\"queueId\":\"3\",\"topic\":\"\\u\"}}",
	"{\"code\":30,\"extFields\":{\"topic\":\"\\u0041\",\"queueId\":{\"topic\":\"B\"}}}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"x\",\"a\":}}",
	"{\"code\":30,\"extFields\":{\"queueId\":\"x\"},\"flag\":\"y\"}",
	"{\"code\":30,\"extFields\":{\"qu\\u0065ueId\" : 7 , \"top\\u0069c\":\"a\\tb\"}}",
};

START_TEST(one_walk_says_what_two_say) { check_one_walk(walks[_i]); }
END_TEST

START_TEST(one_walk_over_all_the_others)
{
	for (size_t i = 0; i < COUNT_OF(good); i++)
		check_one_walk(good[i]);
	for (size_t i = 0; i < COUNT_OF(malformed); i++)
		check_one_walk(malformed[i]);
	for (size_t i = 0; i < COUNT_OF(values); i++) {
		char json[256];

		snprintf(json, sizeof(json), "{\"code\":30,\"extFields\":{\"topic\":\"T\",%s}}", values[i].field);
		check_one_walk(json);
	}
}
END_TEST

Suite *suite_header_json(void)
{
	Suite *s = suite_create("header_json");
	TCase *tc = tcase_create("header_json");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, one_command_in_many_spellings, 0, COUNT_OF(good));
	tcase_add_test(tc, remarks);
	tcase_add_test(tc, unknown_members);
	tcase_add_loop_test(tc, what_is_no_header, 0, COUNT_OF(malformed));
	tcase_add_test(tc, every_cut_is_malformed);
	tcase_add_loop_test(tc, escapes_are_resolved, 0, COUNT_OF(escapes));
	tcase_add_test(tc, every_character_survives_escaping);
	tcase_add_loop_test(tc, what_is_no_utf8_is_replaced, 0, COUNT_OF(no_utf8));
	tcase_add_test(tc, escaping_is_the_same_at_every_place);
	tcase_add_loop_test(tc, values_of_fields, 0, COUNT_OF(values));
	tcase_add_test(tc, booleans_are_javas);
	tcase_add_test(tc, one_field_by_name);
	tcase_add_test(tc, count_of_fields_is_bounded);
	tcase_add_test(tc, depth_is_bounded);
	tcase_add_test(tc, strings_end_where_they_end);
	tcase_add_test(tc, members_end_where_they_end);
	tcase_add_loop_test(tc, one_walk_says_what_two_say, 0, COUNT_OF(walks));
	tcase_add_test(tc, one_walk_over_all_the_others);
	tcase_add_test(tc, what_we_write);
	tcase_add_test(tc, nothing_to_say_writes_no_ext_fields);
	suite_add_tcase(s, tc);
	return s;
}
