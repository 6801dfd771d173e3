#include <check.h>

#include "base/buf.h"
#include "bench/answer.h"
#include "remoting/command.h"

Suite *suite_answer(void);

static const struct {
	const char *header;
	bool ok;
	int32_t opaque, code;
} headers[] = {
	/* fastjson's order, as Apache's servers write it */
	{"{\"code\":0,\"flag\":1,\"language\":\"JAVA\",\"opaque\":1000000003,\"serializeTypeCurrentRPC\":\"JSON\",\"version\":"
	 "513}",
	 true, 1000000003, 0},
	{"{\"code\":-1,\"opaque\":2147483647}", true, 2147483647, -1},
	{"{\"code\":1,\"opaque\":2147483648}", false, 0, 0},
	{"{\"code\":1,\"opaque\":\"7\"}", false, 0, 0},
	{"{\"code\":1,\"opaque\":", false, 0, 0},
	{"{\"code\":1,\"opaque\":-", false, 0, 0},
	{"{\"opaque\":1}", false, 0, 0},
	{"", false, 0, 0},
};

static struct buf frame;

static void setup(void) { frame = (struct buf){0}; }
static void teardown(void) { buf_free(&frame); }

START_TEST(json_headers)
{
	struct slice header = slice_of(headers[_i].header);
	int32_t opaque = 42, code = 42;

	buf_put_u32(&frame, (uint32_t)(4 + header.len));
	buf_put_u32(&frame, (uint32_t)header.len);
	buf_put_slice(&frame, header);
	ck_assert_int_eq(answer_peek(buf_slice(&frame), &opaque, &code), headers[_i].ok);
	if (headers[_i].ok) {
		ck_assert_int_eq(opaque, headers[_i].opaque);
		ck_assert_int_eq(code, headers[_i].code);
	}
}
END_TEST

START_TEST(binary_headers)
{
	struct command cmd = {.code = 21, .opaque = 1000000009, .flag = FLAG_RESPONSE, .codec = CODEC_BINARY};
	int32_t opaque = 0, code = 0;

	command_encode(&frame, &cmd, NULL, NULL, NULL, 0, 0);
	ck_assert(answer_peek(buf_slice(&frame), &opaque, &code));
	ck_assert_int_eq(opaque, 1000000009);
	ck_assert_int_eq(code, 21);
	for (size_t len = 0; len < 17; len++)
		ck_assert(!answer_peek(slice_sub(buf_slice(&frame), 0, len), &opaque, &code));
}
END_TEST

Suite *suite_answer(void)
{
	Suite *s = suite_create("answer");
	TCase *t = tcase_create("answer");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, json_headers, 0, sizeof(headers) / sizeof(headers[0]));
	tcase_add_test(t, binary_headers);
	suite_add_tcase(s, t);
	return s;
}
