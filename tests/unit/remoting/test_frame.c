#include <check.h>

#include "tests/unit/remoting/frames.h"

Suite *suite_frame(void);

#define ANY ((size_t)-1)

/* The first eight bytes decide, whatever follows. */
static const struct {
	const char *what;
	uint32_t length, mark;
	enum rc rc;
	size_t bytes;
} sizes[] = {
	{"no header, no body", 4, 0, RC_OK, 8},
	{"header fills the frame", 104, 100, RC_OK, 108},
	{"header one over the frame", 103, 100, RC_MALFORMED, 0},
	{"binary", 104, 0x01000064, RC_OK, 108},
	{"serialize type 2", 104, 0x02000064, RC_MALFORMED, 0},
	{"serialize type 255", 104, 0xFF000064, RC_MALFORMED, 0},
	{"length 0", 0, 0, RC_MALFORMED, 0},
	{"length 3", 3, 0, RC_MALFORMED, 0},
	{"length at the maximum", FRAME_MAX_BYTES - 4, 0, RC_OK, FRAME_MAX_BYTES},
	{"length one over the maximum", FRAME_MAX_BYTES - 3, 0, RC_TOO_BIG, 0},
	{"length 2^31 - 1", INT32_MAX, 0, RC_TOO_BIG, 0},
	{"length 2^31", 0x80000000u, 0, RC_TOO_BIG, 0},
	{"length 2^32 - 1", UINT32_MAX, 0, RC_TOO_BIG, 0},
	{"header at the maximum", FRAME_MAX_BYTES - 4, HEADER_MAX_BYTES, RC_OK, FRAME_MAX_BYTES},
	{"header one over the maximum", FRAME_MAX_BYTES - 4, HEADER_MAX_BYTES + 1, RC_TOO_BIG, 0},
	{"header 2^24 - 1", FRAME_MAX_BYTES - 4, 0x00FFFFFF, RC_MALFORMED, 0},
};

START_TEST(sizes_of_frames)
{
	uint8_t prefix[8];
	size_t bytes = ANY;

	put_u32(prefix, sizes[_i].length);
	put_u32(prefix + 4, sizes[_i].mark);
	ck_assert_msg(frame_size((struct slice){(char *)prefix, 8}, &bytes) == sizes[_i].rc, "%s", sizes[_i].what);
	ck_assert_uint_eq(bytes, sizes[_i].rc == RC_OK ? sizes[_i].bytes : ANY);
}
END_TEST

START_TEST(fewer_than_eight_bytes_say_nothing)
{
	static const char bytes[8] = {0, 0, 0, 4};
	size_t size = ANY;

	for (size_t n = 0; n < 8; n++)
		ck_assert_int_eq(frame_size((struct slice){bytes, n}, &size), RC_AGAIN);
	ck_assert_uint_eq(size, ANY);
	ck_assert_int_eq(frame_size((struct slice){bytes, 8}, &size), RC_OK);
}
END_TEST

/* command_decode is given what frame_size measured; anything else is refused and nothing is read past the end. */
START_TEST(cut_frames_are_refused)
{
	struct buf b = {0};
	struct command cmd;
	const char *why;

	put_json_frame(&b, "{\"code\":34,\"extFields\":{\"a\":\"b\"}}");
	ck_assert_int_eq(command_decode(buf_slice(&b), &cmd, &why), RC_OK);
	for (size_t n = 0; n < b.len; n++) {
		why = NULL;
		ck_assert_int_eq(command_decode(slice_sub(buf_slice(&b), 0, n), &cmd, &why), RC_MALFORMED);
		ck_assert_ptr_nonnull(why);
	}
	buf_free(&b);
}
END_TEST

START_TEST(body_is_what_is_left)
{
	struct buf b = {0};
	struct slice in;
	struct command cmd;

	put_frame(&b, CODEC_JSON, SLICE_LIT("{\"code\":1}"), SLICE_LIT("the body"));
	put_frame(&b, CODEC_JSON, SLICE_LIT("{\"code\":2}"), (struct slice){0});
	in = buf_slice(&b);
	cmd = take_frame(&in);
	ck_assert_int_eq(cmd.code, 1);
	ck_assert(slice_is(cmd.body, "the body"));
	cmd = take_frame(&in);
	ck_assert_int_eq(cmd.code, 2);
	ck_assert_uint_eq(cmd.body.len, 0);
	ck_assert_uint_eq(in.len, 0);
	buf_free(&b);
}
END_TEST

START_TEST(body_may_come_later)
{
	struct command cmd = {.code = 0, .language = LANGUAGE_CPP, .version = FUSEE_VERSION, .opaque = 5, .flag = FLAG_RESPONSE};
	struct buf b = {0};
	struct slice in;

	command_encode(&b, &cmd, NULL, NULL, NULL, 0, 3);
	buf_put_text(&b, "abc");
	in = buf_slice(&b);
	ck_assert(slice_is(take_frame(&in).body, "abc"));
	ck_assert_uint_eq(in.len, 0);
	buf_free(&b);
}
END_TEST

Suite *suite_frame(void)
{
	Suite *s = suite_create("frame");
	TCase *tc = tcase_create("frame");

	tcase_add_loop_test(tc, sizes_of_frames, 0, COUNT_OF(sizes));
	tcase_add_test(tc, fewer_than_eight_bytes_say_nothing);
	tcase_add_test(tc, cut_frames_are_refused);
	tcase_add_test(tc, body_is_what_is_left);
	tcase_add_test(tc, body_may_come_later);
	suite_add_tcase(s, tc);
	return s;
}
