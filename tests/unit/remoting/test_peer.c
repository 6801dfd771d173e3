/* Calls towards a peer, their answers and their ends; and what is done with frames nobody expects. */
#include <check.h>

#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "tests/unit/remoting/frames.h"

Suite *suite_peer(void);

#define RESULTS_MAX (PEER_CALLS_MAX + 8)

static struct timers timers;
static struct peer *peer;
static enum rc results[RESULTS_MAX];
static size_t result_count;
static int32_t last_code;
static bool calls_again, is_calling;

static void on_answer(void *ctx, enum rc rc, const struct command *answer)
{
	ck_assert(!is_calling); /* never inside peer_call */
	ck_assert_uint_lt(result_count, RESULTS_MAX);
	ck_assert_int_eq(answer != NULL, rc == RC_OK);
	last_code = answer ? answer->code : -1;
	results[result_count++] = rc;
	if (calls_again) {
		calls_again = false;
		peer_call(ctx, CHECK_TRANSACTION_STATE, NULL, NULL, (struct slice){0}, 100, on_answer, ctx);
	}
}

static void call(void)
{
	struct notify_consumer_ids_changed_request_header h = {.present = HEADER_ALL(notify_consumer_ids_changed_request_header),
							       .consumer_group = SLICE_LIT("g")};

	is_calling = true;
	peer_call(peer, NOTIFY_CONSUMER_IDS_CHANGED, &notify_consumer_ids_changed_request_header_schema, &h, SLICE_LIT("body"),
		  3000, on_answer, peer);
	is_calling = false;
}

static void answer(int32_t opaque, int32_t code)
{
	struct command cmd = {.code = code, .opaque = opaque, .flag = FLAG_RESPONSE};
	struct buf b = {0};
	const char *why;

	command_encode(&b, &cmd, NULL, NULL, NULL, 0, 0);
	ck_assert_int_eq(peer_receive(peer, buf_slice(&b), &why), RC_OK);
	buf_free(&b);
}

static void setup(void)
{
	timers_init(&timers, 1000);
	peer = peer_new(&timers, NULL, NULL);
	result_count = 0;
	calls_again = is_calling = false;
}

static void close_peer(void)
{
	peer_close(peer);
	peer = NULL;
}

static void teardown(void)
{
	if (peer != NULL)
		close_peer();
	ck_assert_uint_eq(timers.count, 0);
	timers_free(&timers);
	request_pool_free();
}

START_TEST(ids_are_never_reused)
{
	struct peer *other = peer_new(&timers, NULL, NULL);
	uint64_t id = other->id;

	ck_assert_uint_ne(id, peer->id);
	peer_close(other);
	other = peer_new(&timers, NULL, NULL);
	ck_assert_uint_gt(other->id, id);
	peer_close(other);
}
END_TEST

START_TEST(call_and_answer)
{
	struct slice in;
	struct command cmd;

	call();
	in = buf_slice(&peer->out);
	cmd = take_frame(&in);
	ck_assert_int_eq(cmd.code, 40);
	ck_assert_int_eq(cmd.flag, 0);
	ck_assert(slice_is(cmd.body, "body"));
	ck_assert_uint_eq(peer->call_count, 1);
	answer(cmd.opaque, 17);
	ck_assert_uint_eq(result_count, 1);
	ck_assert_int_eq(results[0], RC_OK);
	ck_assert_int_eq(last_code, 17);
	ck_assert_uint_eq(peer->call_count, 0);
	answer(cmd.opaque, 0); /* a second answer is dropped */
	ck_assert_uint_eq(result_count, 1);
}
END_TEST

START_TEST(oneway_expects_nothing)
{
	struct slice in;

	peer_call(peer, NOTIFY_CONSUMER_IDS_CHANGED, NULL, NULL, (struct slice){0}, 3000, NULL, NULL);
	in = buf_slice(&peer->out);
	ck_assert_int_eq(take_frame(&in).flag, FLAG_ONEWAY);
	ck_assert_uint_eq(peer->call_count, 0);
	ck_assert_uint_eq(timers.count, 0);
}
END_TEST

START_TEST(time_out_and_late_answer)
{
	struct slice in;
	int32_t opaque;

	call();
	in = buf_slice(&peer->out);
	opaque = take_frame(&in).opaque;
	timers_run(&timers, 3999);
	ck_assert_uint_eq(result_count, 0);
	timers_run(&timers, 4000);
	ck_assert_uint_eq(result_count, 1);
	ck_assert_int_eq(results[0], RC_TIMEOUT);
	answer(opaque, 0);
	ck_assert_uint_eq(result_count, 1);
}
END_TEST

START_TEST(answers_find_their_calls_in_any_order)
{
	struct slice in;
	int32_t opaques[3];

	for (size_t i = 0; i < 3; i++)
		call();
	in = buf_slice(&peer->out);
	for (size_t i = 0; i < 3; i++)
		opaques[i] = take_frame(&in).opaque;
	for (size_t i = 3; i-- > 0;) {
		answer(opaques[i], (int32_t)i);
		ck_assert_int_eq(last_code, (int32_t)i);
	}
	ck_assert_uint_eq(result_count, 3);
}
END_TEST

START_TEST(opaques_wrap_around_what_still_waits)
{
	struct slice in;
	int32_t first;

	call();
	in = buf_slice(&peer->out);
	first = take_frame(&in).opaque;
	peer->last_opaque = INT32_MAX;
	buf_clear(&peer->out);
	call();
	in = buf_slice(&peer->out);
	ck_assert_int_ne(take_frame(&in).opaque, first);
	answer(first, 0);
	ck_assert_uint_eq(result_count, 1);
	ck_assert_uint_eq(peer->call_count, 1);
}
END_TEST

START_TEST(calls_are_bounded)
{
	for (size_t i = 0; i < PEER_CALLS_MAX; i++)
		call();
	ck_assert_uint_eq(peer->call_count, PEER_CALLS_MAX);
	call();
	ck_assert_uint_eq(peer->call_count, PEER_CALLS_MAX);
	ck_assert_uint_eq(result_count, 0);
	timers_run(&timers, 1000);
	ck_assert_uint_eq(result_count, 1);
	ck_assert_int_eq(results[0], RC_BUSY);
	close_peer();
	ck_assert_uint_eq(result_count, PEER_CALLS_MAX + 1);
	for (size_t i = 1; i <= PEER_CALLS_MAX; i++)
		ck_assert_int_eq(results[i], RC_CLOSED);
}
END_TEST

START_TEST(closing_fails_calls_and_those_that_are_made_then)
{
	call();
	call();
	calls_again = true;
	close_peer();
	ck_assert_uint_eq(result_count, 2);
	timers_run(&timers, 1000); /* the one made by the callback */
	ck_assert_uint_eq(result_count, 3);
	for (size_t i = 0; i < 3; i++)
		ck_assert_int_eq(results[i], RC_CLOSED);
}
END_TEST

START_TEST(callback_may_call_again)
{
	struct slice in;
	int32_t opaque;

	call();
	in = buf_slice(&peer->out);
	opaque = take_frame(&in).opaque;
	buf_clear(&peer->out);
	calls_again = true;
	answer(opaque, 0);
	in = buf_slice(&peer->out);
	ck_assert_int_eq(take_frame(&in).code, CHECK_TRANSACTION_STATE);
	ck_assert_uint_eq(peer->call_count, 1);
}
END_TEST

static int closes;
static void on_close(struct peer *p)
{
	ck_assert(p->is_closing);
	ck_assert_uint_eq(p->request_count, 0);
	ck_assert_uint_eq(result_count, 1); /* calls failed before */
	closes++;
}

START_TEST(the_core_is_told_last)
{
	closes = 0;
	peer->on_close = on_close;
	call();
	close_peer();
	ck_assert_int_eq(closes, 1);
}
END_TEST

START_TEST(requests_on_a_connection_that_we_opened)
{
	struct buf b = {0};
	struct slice in;
	const char *why;

	put_json_frame(&b, "{\"code\":40,\"opaque\":3}");
	ck_assert_int_eq(peer_receive(peer, buf_slice(&b), &why), RC_OK);
	in = buf_slice(&peer->out);
	ck_assert_int_eq(take_frame(&in).code, 3);
	buf_free(&b);
}
END_TEST

START_TEST(malformed_frames_are_reported)
{
	struct buf b = {0};
	const char *why = NULL;

	put_json_frame(&b, "{\"code\":}");
	ck_assert_int_eq(peer_receive(peer, buf_slice(&b), &why), RC_MALFORMED);
	ck_assert_ptr_nonnull(why);
	ck_assert_uint_eq(peer->out.len, 0);
	buf_free(&b);
}
END_TEST

Suite *suite_peer(void)
{
	Suite *s = suite_create("peer");
	TCase *tc = tcase_create("peer");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, ids_are_never_reused);
	tcase_add_test(tc, call_and_answer);
	tcase_add_test(tc, oneway_expects_nothing);
	tcase_add_test(tc, time_out_and_late_answer);
	tcase_add_test(tc, answers_find_their_calls_in_any_order);
	tcase_add_test(tc, opaques_wrap_around_what_still_waits);
	tcase_add_test(tc, calls_are_bounded);
	tcase_add_test(tc, closing_fails_calls_and_those_that_are_made_then);
	tcase_add_test(tc, callback_may_call_again);
	tcase_add_test(tc, the_core_is_told_last);
	tcase_add_test(tc, requests_on_a_connection_that_we_opened);
	tcase_add_test(tc, malformed_frames_are_reported);
	suite_add_tcase(s, tc);
	return s;
}
