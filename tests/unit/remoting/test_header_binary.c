#include <check.h>

#include "remoting/headers.h"
#include "tests/unit/remoting/frames.h"

Suite *suite_header_binary(void);

static struct buf header, ext, frame;
static struct arena arena;
static struct command cmd;
static const char *why;

static void setup(void)
{
	header = ext = frame = (struct buf){0};
	arena_init(&arena);
	why = NULL;
}

static void teardown(void)
{
	buf_free(&header);
	buf_free(&ext);
	buf_free(&frame);
	arena_reset(&arena);
}

static enum rc decode(void)
{
	buf_clear(&frame);
	put_frame(&frame, CODEC_BINARY, buf_slice(&header), SLICE_LIT("body"));
	return command_decode(buf_slice(&frame), &cmd, &why);
}

static void put_pull(void)
{
	buf_clear(&header);
	buf_clear(&ext);
	put_binary_field(&ext, "topic", SLICE_LIT("T"));
	put_binary_field(&ext, "unknown", SLICE_LIT("\x01\x02"));
	put_binary_field(&ext, "queueId", SLICE_LIT("8"));
	put_binary_field(&ext, "queueId", SLICE_LIT("3"));
	put_binary_header(&header, 30, -5, FLAG_ONEWAY, SLICE_LIT("a \\ remark"), buf_slice(&ext));
}

START_TEST(all_fields)
{
	struct get_max_offset_request_header h;
	struct slice value;
	const char *bad;

	put_pull();
	ck_assert_msg(decode() == RC_OK, "%s", why);
	ck_assert_int_eq(cmd.code, 30);
	ck_assert_int_eq(cmd.language, LANGUAGE_JAVA);
	ck_assert_int_eq(cmd.version, 409);
	ck_assert_int_eq(cmd.opaque, -5);
	ck_assert_int_eq(cmd.flag, FLAG_ONEWAY);
	ck_assert_int_eq(cmd.codec, CODEC_BINARY);
	ck_assert(slice_is(command_remark(&cmd, &arena), "a \\ remark"));
	ck_assert(slice_is(cmd.body, "body"));
	ck_assert_int_eq(command_decode_ext(&cmd, &get_max_offset_request_header_schema, &h, &arena, &bad), RC_OK);
	ck_assert(slice_is(h.topic, "T"));
	ck_assert_int_eq(h.queue_id, 3); /* the last one */
	ck_assert(command_ext_get(&cmd, "unknown", &arena, &value));
	ck_assert(slice_is(value, "\x01\x02"));
	ck_assert(!command_ext_get(&cmd, "absent", &arena, &value));
}
END_TEST

START_TEST(every_cut_is_malformed)
{
	size_t whole;

	put_pull();
	for (whole = header.len; header.len > 0; header.len--)
		ck_assert_int_eq(decode(), header.len == whole ? RC_OK : RC_MALFORMED);
	ck_assert_int_eq(decode(), RC_MALFORMED);
	ck_assert_ptr_nonnull(why);
}
END_TEST

/* Lengths inside the header at their limits: exact fit, one more, 2^31, 2^32 - 1. */
static const struct {
	size_t place; /* of the length field in the header made by put_pull() */
	size_t bytes;
	uint32_t value;
	bool is_added; /* to what is there */
	enum rc rc;
} lengths[] = {
	{13, 4, 0, true, RC_OK},
	{13, 4, 1, true, RC_MALFORMED}, /* remark: the ext length is then read a byte late */
	{13, 4, UINT32_MAX, false, RC_MALFORMED},
	{13, 4, 0x80000000u, false, RC_MALFORMED},
	{27, 4, 0, true, RC_OK},
	{27, 4, 1, true, RC_MALFORMED},          /* ext: past the header */
	{27, 4, UINT32_MAX, true, RC_MALFORMED}, /* one less: cuts the last field */
	{27, 4, UINT32_MAX, false, RC_MALFORMED},
	{31, 2, 1, true, RC_MALFORMED}, /* name of the first field */
	{31, 2, 0xFFFF, false, RC_MALFORMED},
	{38, 4, UINT32_MAX, false, RC_MALFORMED}, /* its value */
	{38, 4, 0x7FFFFFFF, false, RC_MALFORMED},
};

START_TEST(lengths_inside_the_header)
{
	uint8_t *at;

	put_pull();
	at = header.data + lengths[_i].place;
	if (lengths[_i].bytes == 2)
		put_u16(at, (uint16_t)(lengths[_i].value + (lengths[_i].is_added ? get_u16(at) : 0)));
	else
		put_u32(at, lengths[_i].value + (lengths[_i].is_added ? get_u32(at) : 0));
	ck_assert_int_eq(decode(), lengths[_i].rc);
}
END_TEST

START_TEST(count_of_fields_is_bounded)
{
	for (size_t i = 0; i < EXT_FIELDS_MAX; i++)
		put_binary_field(&ext, "f", SLICE_LIT("v"));
	put_binary_header(&header, 1, 1, 0, (struct slice){0}, buf_slice(&ext));
	ck_assert_int_eq(decode(), RC_OK);
	buf_clear(&header);
	put_binary_field(&ext, "f", SLICE_LIT("v"));
	put_binary_header(&header, 1, 1, 0, (struct slice){0}, buf_slice(&ext));
	ck_assert_int_eq(decode(), RC_TOO_BIG);
	ck_assert_ptr_nonnull(why);
}
END_TEST

/* Java 5.x reads an empty value as null, 4.9 as "": a number cannot be made of it, so it did not come. */
START_TEST(empty_values)
{
	struct get_max_offset_request_header h;
	const char *bad = NULL;

	put_binary_field(&ext, "topic", (struct slice){0});
	put_binary_field(&ext, "", SLICE_LIT("x"));
	put_binary_field(&ext, "queueId", (struct slice){0});
	put_binary_header(&header, 30, 1, 0, (struct slice){0}, buf_slice(&ext));
	ck_assert_int_eq(decode(), RC_OK);
	ck_assert_int_eq(command_decode_ext(&cmd, &get_max_offset_request_header_schema, &h, &arena, &bad), RC_MISSING);
	ck_assert_str_eq(bad, "queueId");
	ck_assert_uint_eq(h.topic.len, 0);
}
END_TEST

START_TEST(codes_of_sixteen_bits)
{
	put_binary_header(&header, INT16_MAX, 1, 0, (struct slice){0}, (struct slice){0});
	ck_assert_int_eq(decode(), RC_OK);
	ck_assert_int_eq(cmd.code, 32767);
	buf_clear(&header);
	put_binary_header(&header, -1, 1, 0, (struct slice){0}, (struct slice){0});
	ck_assert_int_eq(decode(), RC_OK);
	ck_assert_int_eq(cmd.code, -1);
}
END_TEST

START_TEST(larger_codes_are_written_as_json)
{
	struct command out = {.code = 32767, .codec = CODEC_BINARY, .opaque = 9};
	struct slice in;

	command_encode(&frame, &out, NULL, NULL, NULL, 0, 0);
	out.code = 32768;
	command_encode(&frame, &out, NULL, NULL, NULL, 0, 0);
	in = buf_slice(&frame);
	cmd = take_frame(&in);
	ck_assert_int_eq(cmd.codec, CODEC_BINARY);
	ck_assert_int_eq(cmd.code, 32767);
	cmd = take_frame(&in);
	ck_assert_int_eq(cmd.codec, CODEC_JSON);
	ck_assert_int_eq(cmd.code, 32768);
	ck_assert_uint_eq(in.len, 0);
}
END_TEST

START_TEST(what_we_write)
{
	static const uint8_t expected[] = {0,   0,   0,   59,  1,   0,   0, 55,                        /* lengths */
					   0,   0,   1,   2,   1,   0,   0, 0,  7,   0,   0,   0,   1, /* code .. flag */
					   0,   0,   0,   2,   'n', 'o', 0, 0,  0,   32,  0,   6,   'o', 'f',
					   'f', 's', 'e', 't', 0,   0,   0, 2,  '4', '2', 0,   8,   'T', 'R',
					   'A', 'C', 'E', '_', 'O', 'N', 0, 0,  0,   4,   't', 'r', 'u', 'e'};
	struct get_max_offset_response_header h = {.present = HEADER_ALL(get_max_offset_response_header), .offset = 42};
	struct ext_field extra = {SLICE_LIT("TRACE_ON"), SLICE_LIT("true")};
	struct command out = {.language = LANGUAGE_CPP,
			      .version = FUSEE_VERSION,
			      .opaque = 7,
			      .flag = FLAG_RESPONSE,
			      .codec = CODEC_BINARY,
			      .remark = SLICE_LIT("no")};

	command_encode(&frame, &out, &get_max_offset_response_header_schema, &h, &extra, 1, 0);
	ck_assert_uint_eq(frame.len, get_u32(frame.data) + 4);
	ck_assert_uint_eq(frame.len, sizeof(expected));
	ck_assert_mem_eq(frame.data, expected, sizeof(expected));
}
END_TEST

Suite *suite_header_binary(void)
{
	Suite *s = suite_create("header_binary");
	TCase *tc = tcase_create("header_binary");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, all_fields);
	tcase_add_test(tc, every_cut_is_malformed);
	tcase_add_loop_test(tc, lengths_inside_the_header, 0, COUNT_OF(lengths));
	tcase_add_test(tc, count_of_fields_is_bounded);
	tcase_add_test(tc, empty_values);
	tcase_add_test(tc, codes_of_sixteen_bits);
	tcase_add_test(tc, larger_codes_are_written_as_json);
	tcase_add_test(tc, what_we_write);
	suite_add_tcase(s, tc);
	return s;
}
