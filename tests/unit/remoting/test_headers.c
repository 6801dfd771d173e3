/* Every table of headers.h, through both codecs. */
#include <check.h>
#include <stdio.h>

#include "remoting/headers.h"
#include "tests/unit/remoting/frames.h"

Suite *suite_headers(void);

#define HEADER_BYTES_MAX 1024 /* largest header struct; asserted below */

/* Header structs hold uint64_t and pointers. */
struct any_header {
	_Alignas(16) char bytes[HEADER_BYTES_MAX];
};

static struct buf frame;
static struct arena arena;

static void setup(void)
{
	frame = (struct buf){0};
	arena_init(&arena);
}

static void teardown(void)
{
	buf_free(&frame);
	arena_reset(&arena);
}

/* A value for a row: different for each, with what has to be escaped, and both ends of each integer type. */
static void fill_row(const struct schema *s, void *header, size_t row, bool is_max)
{
	char *member = (char *)header + s->fields[row].offset;

	switch (s->fields[row].type) {
	case FIELD_STRING:
		*(struct slice *)(void *)member = slice_of(arena_printf(&arena, "v%zu \"\\\001\n\xC3\xA4", row));
		break;
	case FIELD_I32:
		*(int32_t *)(void *)member = is_max ? INT32_MAX - (int32_t)row : INT32_MIN + (int32_t)row;
		break;
	case FIELD_I64:
		*(int64_t *)(void *)member = is_max ? INT64_MAX - (int64_t)row : INT64_MIN + (int64_t)row;
		break;
	case FIELD_BOOL:
		*(bool *)(void *)member = is_max;
		break;
	}
	*(uint64_t *)header |= (uint64_t)1 << row;
}

static void check_row(const struct schema *s, const void *a, const void *b, size_t row)
{
	const char *x = (const char *)a + s->fields[row].offset, *y = (const char *)b + s->fields[row].offset;
	const char *name = s->fields[row].name;

	switch (s->fields[row].type) {
	case FIELD_STRING:
		ck_assert_msg(slice_eq(*(const struct slice *)(const void *)x, *(const struct slice *)(const void *)y), "%s.%s",
			      s->name, name);
		break;
	case FIELD_I32:
		ck_assert_msg(memcmp(x, y, 4) == 0, "%s.%s", s->name, name);
		break;
	case FIELD_I64:
		ck_assert_msg(memcmp(x, y, 8) == 0, "%s.%s", s->name, name);
		break;
	case FIELD_BOOL:
		ck_assert_msg(*(const bool *)x == *(const bool *)y, "%s.%s", s->name, name);
		break;
	}
}

static void round_trip(const struct schema *s, enum codec codec, const struct any_header *in)
{
	struct any_header out;
	struct command cmd = {.code = 1, .codec = codec};
	const char *bad = NULL;
	struct slice bytes;
	enum rc rc;

	buf_clear(&frame);
	command_encode(&frame, &cmd, s, in, NULL, 0, 0);
	bytes = buf_slice(&frame);
	cmd = take_frame(&bytes);
	ck_assert_int_eq(cmd.codec, codec);
	rc = command_decode_ext(&cmd, s, &out, &arena, &bad);
	ck_assert_msg(rc == RC_OK, "%s: %s %s", s->name, rc_text(rc), bad);
	ck_assert_uint_eq(*(uint64_t *)(void *)&out, *(const uint64_t *)(const void *)in);
	for (size_t row = 0; row < s->count; row++)
		check_row(s, in, &out, row);
}

START_TEST(every_field_survives_both_codecs)
{
	const struct schema *s = header_schemas[_i];

	ck_assert_uint_le(s->size, HEADER_BYTES_MAX);
	for (int is_max = 0; is_max <= 1; is_max++) {
		struct any_header in = {0};

		for (size_t row = 0; row < s->count; row++)
			fill_row(s, &in, row, is_max);
		ck_assert_uint_eq(*(uint64_t *)(void *)&in, schema_all(s));
		round_trip(s, CODEC_JSON, &in);
		round_trip(s, CODEC_BINARY, &in);
	}
}
END_TEST

/* With one required field less, decoding says which one; with one optional less, it is not present. */
START_TEST(every_field_can_be_absent)
{
	const struct schema *s = header_schemas[_i];

	for (size_t absent = 0; absent < s->count; absent++) {
		struct any_header in = {0}, out;
		struct command cmd = {.code = 1, .codec = absent % 2 ? CODEC_JSON : CODEC_BINARY};
		const char *bad = NULL;
		struct slice bytes;
		enum rc rc;

		for (size_t row = 0; row < s->count; row++)
			if (row != absent)
				fill_row(s, &in, row, true);
		buf_clear(&frame);
		command_encode(&frame, &cmd, s, &in, NULL, 0, 0);
		bytes = buf_slice(&frame);
		cmd = take_frame(&bytes);
		rc = command_decode_ext(&cmd, s, &out, &arena, &bad);
		ck_assert_int_eq(rc, s->fields[absent].is_required ? RC_MISSING : RC_OK);
		if (rc == RC_MISSING)
			ck_assert_str_eq(bad, s->fields[absent].name);
		ck_assert_uint_eq(*(uint64_t *)(void *)&out, schema_all(s) & ~((uint64_t)1 << absent));
	}
}
END_TEST

/* The index finds each name, and nothing that only looks like one. */
START_TEST(every_name_is_found)
{
	const struct schema *s = header_schemas[_i];

	for (size_t row = 0; row < s->count; row++) {
		struct slice name = {s->fields[row].name, s->fields[row].name_len};
		char longer[64];
		int n = snprintf(longer, sizeof(longer), "%sx", s->fields[row].name);

		ck_assert(n > 0 && (size_t)n < sizeof(longer));
		ck_assert_int_eq(schema_find(s, name), (int)row);
		ck_assert_int_eq(schema_find(s, (struct slice){longer, (size_t)n}), -1);
		for (size_t i = 0; i < name.len; i++) { /* a byte that differs counts, wherever it is */
			longer[i] ^= 0x80;
			ck_assert_int_eq(schema_find(s, (struct slice){longer, name.len}), -1);
			longer[i] ^= 0x80;
		}
	}
	ck_assert_int_eq(schema_find(s, (struct slice){0}), -1);
	ck_assert_int_eq(schema_find(s, SLICE_LIT("\xFF\xFF\xFF")), -1);
}
END_TEST

/* One struct, two sets of names: what V1 and V2 write reads the same. */
START_TEST(both_send_headers_fill_one_struct)
{
	const struct schema *v1 = &send_message_request_header_schema, *v2 = &send_message_request_header_v2_schema;
	struct any_header in = {0};
	static const char letters[] = "abcdefghijklmn";

	ck_assert_uint_eq(v1->count, v2->count);
	ck_assert_uint_eq(v1->count, sizeof(letters) - 1);
	for (size_t row = 0; row < v1->count; row++) {
		ck_assert_uint_eq(v1->fields[row].offset, v2->fields[row].offset);
		ck_assert_uint_eq(v1->fields[row].type, v2->fields[row].type);
		ck_assert_int_eq(v1->fields[row].is_required, v2->fields[row].is_required);
		ck_assert_uint_eq(v2->fields[row].name_len, 1);
		ck_assert_int_eq(v2->fields[row].name[0], letters[row]);
		fill_row(v1, &in, row, true);
	}
	round_trip(v2, CODEC_JSON, &in);
}
END_TEST

/* 32767 bytes of properties, all of which JSON has to escape, are still a header that we read. */
START_TEST(longest_properties)
{
	struct send_message_request_header h = {.present = HEADER_BIT(send_message_request_header, properties)};
	struct send_message_request_header out;
	struct command cmd = {.code = 310};
	char *text = arena_alloc(&arena, 32767);
	const char *bad;
	struct slice bytes;

	memset(text, 1, 32767);
	h.properties = (struct slice){text, 32767};
	command_encode(&frame, &cmd, &send_message_request_header_v2_schema, &h, NULL, 0, 0);
	bytes = buf_slice(&frame);
	cmd = take_frame(&bytes);
	ck_assert_int_eq(command_decode_ext(&cmd, &send_message_request_header_v2_schema, &out, &arena, &bad), RC_MISSING);
	ck_assert(slice_eq(out.properties, h.properties));
}
END_TEST

Suite *suite_headers(void)
{
	Suite *s = suite_create("headers");
	TCase *tc = tcase_create("headers");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, every_field_survives_both_codecs, 0, (int)header_schema_count);
	tcase_add_loop_test(tc, every_field_can_be_absent, 0, (int)header_schema_count);
	tcase_add_loop_test(tc, every_name_is_found, 0, (int)header_schema_count);
	tcase_add_test(tc, both_send_headers_fill_one_struct);
	tcase_add_test(tc, longest_properties);
	suite_add_tcase(s, tc);
	return s;
}
