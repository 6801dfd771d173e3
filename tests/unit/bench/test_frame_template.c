/* What is patched must decode to what was asked for, in both codecs, single and in batches. */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/arena.h"
#include "base/mem.h"
#include "bench/requests.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"

Suite *suite_frame_template(void);

static struct options o;
static struct requests r;
static struct buf out;
static struct arena arena;

static const struct stamp stamp = {.run = 0x1122334455667788, .intended_ns = 99, .link = 3, .slot = 7};

static void setup(void)
{
	o = (struct options){
		.kind = LOAD_MIXED, .topic = "T", .group = "g", .topics = 1, .queues = 4, .batch = 1, .keys = 2, .waits = true};
	ck_assert(mix_parse(&o.sizes, "100"));
	out = (struct buf){0};
	arena_init(&arena);
}

static void teardown(void)
{
	requests_free(&r);
	buf_free(&out);
	arena_reset(&arena);
}

/* The send in `out`, decoded. */
static struct command decoded(struct send_message_request_header *h)
{
	struct command cmd;
	const char *why = NULL;

	ck_assert_int_eq(command_decode(buf_slice(&out), &cmd, &why), RC_OK);
	ck_assert_int_eq(command_decode_ext(&cmd, &send_message_request_header_v2_schema, h, &arena, &why), RC_OK);
	return cmd;
}

static void check_body(struct slice body, size_t size)
{
	struct stamp found;

	ck_assert_uint_eq(body.len, size);
	ck_assert(stamp_read(body, &found));
	ck_assert_uint_eq(found.run, stamp.run);
	ck_assert_uint_eq(found.intended_ns, 99);
	ck_assert_uint_eq(found.link, 3);
	ck_assert_uint_eq(found.slot, 7);
}

START_TEST(a_send_is_patched)
{
	struct send_message_request_header h;
	struct command cmd;

	o.is_binary = _i == 1;
	requests_init(&r, &o);
	for (int i = 1; i <= 3; i++) {
		char *unique = mem_printf("UNIQ_KEY\x01%016llX%016llX\x02", (unsigned long long)r.run, (unsigned long long)i);
		char *keys = mem_printf("KEYS\x01key-00%016llX key-01%016llX\x02", (unsigned long long)i, (unsigned long long)i);

		buf_clear(&out);
		put_send(&r, &out, 1000000000 + i, 0, 2, &stamp);
		cmd = decoded(&h);
		ck_assert_int_eq(cmd.code, SEND_MESSAGE_V2);
		ck_assert_int_eq(cmd.opaque, 1000000000 + i);
		ck_assert_int_eq(cmd.codec, o.is_binary ? CODEC_BINARY : CODEC_JSON);
		ck_assert(slice_is(h.topic, "T"));
		ck_assert_int_eq(h.queue_id, 2);
		ck_assert_int_gt(h.born_timestamp, 1600000000000);
		ck_assert(h.born_timestamp != MARKER_BORN_MS);
		ck_assert_ptr_nonnull(memmem(h.properties.at, h.properties.len, unique, strlen(unique)));
		ck_assert_ptr_nonnull(memmem(h.properties.at, h.properties.len, keys, strlen(keys)));
		check_body(cmd.body, 100);
		free(unique);
		free(keys);
		arena_reset(&arena);
	}
}
END_TEST

START_TEST(each_message_of_a_batch_has_its_own_number)
{
	struct send_message_request_header h;
	struct command cmd;
	size_t at = 0;

	o.batch = 3;
	requests_init(&r, &o);
	put_send(&r, &out, 1000000000, 0, 0, &stamp);
	cmd = decoded(&h);
	ck_assert_int_eq(cmd.code, SEND_BATCH_MESSAGE);
	ck_assert(h.batch);
	for (int i = 1; i <= 3; i++) {
		struct slice message = slice_sub(cmd.body, at, get_u32(cmd.body.at + at));
		uint32_t body = get_u32(message.at + 16);
		char *number = mem_printf("%016llX", (unsigned long long)i);

		check_body(slice_sub(message, 20, body), 100);
		ck_assert_ptr_nonnull(memmem(message.at, message.len, number, strlen(number)));
		ck_assert_uint_eq(20 + body + 2 + get_u16(message.at + 20 + body), message.len);
		free(number);
		at += message.len;
	}
	ck_assert_uint_eq(at, cmd.body.len);
}
END_TEST

START_TEST(a_short_body_has_no_stamp)
{
	struct stamp s;

	requests_init(&r, &o);
	ck_assert(!stamp_read(SLICE_LIT("12345678901234567890123"), &s));
	ck_assert(stamp_read(SLICE_LIT("123456789012345678901234"), &s));
}
END_TEST

Suite *suite_frame_template(void)
{
	Suite *s = suite_create("frame_template");
	TCase *t = tcase_create("frame_template");

	tcase_add_checked_fixture(t, setup, teardown);
	tcase_add_loop_test(t, a_send_is_patched, 0, 2);
	tcase_add_test(t, each_message_of_a_batch_has_its_own_number);
	tcase_add_test(t, a_short_body_has_no_stamp);
	suite_add_tcase(s, t);
	return s;
}
