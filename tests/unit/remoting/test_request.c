/* Requests through a small dispatch table: answered, parked, cancelled, timed out, refused. */
#include <check.h>

#include "base/log.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"
#include "tests/unit/remoting/frames.h"

Suite *suite_request(void);

enum { ECHO = 1, HEADER = 30, PARK = 50, SILENT = 60, RESERVE = 70, TAKE_BACK = 80, NOT_ON_VIP = 90, LARGE = 200050 };

static struct timers timers;
static struct peer *peer;
static struct list parked;
static int cancelled, touched;
static int64_t core; /* only its address counts */

static enum outcome echo(struct request *req)
{
	ck_assert_ptr_eq(req->core, &core);
	return reply_body(req, req->cmd.body);
}

static enum outcome header(struct request *req)
{
	const struct get_max_offset_request_header *h = req->header;
	struct get_max_offset_response_header answer = {.present = HEADER_ALL(get_max_offset_response_header),
							.offset = h->queue_id * 10};

	return reply_header(req, SUCCESS, &get_max_offset_response_header_schema, &answer);
}

static void on_cancel(struct request *req)
{
	(void)req;
	cancelled++;
}

static void on_deadline(struct request *req)
{
	ck_assert_int_eq(reply_error(req, PULL_NOT_FOUND, "nothing after %d ms", 500), DONE);
	request_finish(req);
}

static enum outcome park(struct request *req)
{
	req->state = arena_printf(&req->arena, "%.*s", SLICE_ARG(req->cmd.body));
	req->on_cancel = on_cancel;
	req->on_deadline = on_deadline;
	list_append(&parked, &req->parked);
	request_set_deadline(req, 500);
	return PENDING;
}

static enum outcome silent(struct request *req)
{
	(void)req;
	return DONE;
}

static enum outcome reserve(struct request *req)
{
	uint8_t *at = reply_reserve_body(req, &(struct reply){.code = SUCCESS, .remark = "FOUND"}, 5);

	if (at != NULL)
		memcpy(at, "12345", 5);
	return DONE;
}

static enum outcome take_back(struct request *req)
{
	size_t before = req->peer->out.len;

	(void)reply_reserve_body(req, &(struct reply){.code = SUCCESS}, 100000);
	reply_cancel_body(req);
	ck_assert_uint_eq(req->peer->out.len, before);
	return reply_empty(req, SERVICE_NOT_AVAILABLE, NULL);
}

static const struct route routes[] = {
	{ECHO, "ECHO", NULL, 0, echo},
	{HEADER, "GET_MAX_OFFSET", &get_max_offset_request_header_schema, 0, header},
	{PARK, "PARK", NULL, 0, park},
	{SILENT, "SILENT", NULL, 0, silent},
	{RESERVE, "RESERVE", NULL, 0, reserve},
	{TAKE_BACK, "TAKE_BACK", NULL, 0, take_back},
	{NOT_ON_VIP, "NOT_ON_VIP", NULL, ROUTE_NOT_ON_VIP, echo},
	{LARGE, "LARGE", NULL, 0, echo},
};
static const struct dispatch dispatch = {.routes = routes, .count = COUNT_OF(routes)};

static void touch(struct peer *p)
{
	ck_assert_ptr_eq(p, peer);
	touched++;
}

static void setup(void)
{
	log_level = LOG_ERROR + 1;
	timers_init(&timers, 1000);
	dispatch_check(&dispatch);
	list_init(&parked);
	cancelled = touched = 0;
	peer = peer_new(&timers, &dispatch, &core);
	peer->touch = touch;
}

static void teardown(void)
{
	if (peer != NULL)
		peer_close(peer);
	ck_assert(list_is_empty(&parked));
	ck_assert_uint_eq(timers.count, 0);
	timers_free(&timers);
	request_pool_free();
}

static void receive(int32_t code, enum codec codec, int32_t opaque, int32_t flag, const char *body)
{
	struct command cmd = {.code = code, .codec = codec, .opaque = opaque, .flag = flag, .body = slice_of(body)};
	struct buf b = {0};
	const char *why;

	command_encode(&b, &cmd, NULL, NULL, NULL, 0, 0);
	ck_assert_int_eq(peer_receive(peer, buf_slice(&b), &why), RC_OK);
	memset(b.data, 0xEE, b.len); /* slices of the frame die with it */
	buf_free(&b);
}

static void receive_text(const char *json)
{
	struct buf b = {0};
	const char *why;

	put_json_frame(&b, "%s", json);
	ck_assert_int_eq(peer_receive(peer, buf_slice(&b), &why), RC_OK);
	buf_free(&b);
}

/* The only answer in the output; takes it. */
static struct command answer(void)
{
	struct slice in = buf_slice(&peer->out);
	struct command cmd = take_frame(&in);

	ck_assert_uint_eq(in.len, 0);
	ck_assert_int_eq(cmd.flag, FLAG_RESPONSE);
	ck_assert_int_eq(cmd.version, FUSEE_VERSION);
	ck_assert_int_eq(cmd.language, LANGUAGE_CPP);
	buf_clear(&peer->out);
	return cmd;
}

static bool remark_is(const struct command *cmd, const char *text)
{
	struct arena a;
	bool is;

	arena_init(&a);
	is = slice_is(command_remark(cmd, &a), text);
	arena_reset(&a);
	return is;
}

START_TEST(answer_has_opaque_and_codec_of_the_request)
{
	enum codec codec = _i ? CODEC_BINARY : CODEC_JSON;
	struct command cmd;

	receive(ECHO, codec, -77, 0, "hello");
	ck_assert_int_eq(touched, 1);
	cmd = answer();
	ck_assert_int_eq(cmd.code, SUCCESS);
	ck_assert_int_eq(cmd.opaque, -77);
	ck_assert_int_eq(cmd.codec, codec);
	ck_assert(slice_is(cmd.body, "hello"));
}
END_TEST

START_TEST(header_is_decoded_and_answered)
{
	struct get_max_offset_response_header h;
	struct command cmd;
	struct arena a;
	const char *bad;

	arena_init(&a);
	receive_text("{\"code\":30,\"opaque\":1,\"extFields\":{\"topic\":\"T\",\"queueId\":\"3\",\"unknown\":\"x\"}}");
	cmd = answer();
	ck_assert_int_eq(command_decode_ext(&cmd, &get_max_offset_response_header_schema, &h, &a, &bad), RC_OK);
	ck_assert_int_eq(h.offset, 30);
	arena_reset(&a);
}
END_TEST

static const struct {
	const char *json;
	int32_t code;
	const char *remark;
} refusals[] = {
	{"{\"code\":31,\"opaque\":5}", REQUEST_CODE_NOT_SUPPORTED, " request type 31 not supported"},
	{"{\"code\":-1,\"opaque\":5}", REQUEST_CODE_NOT_SUPPORTED, " request type -1 not supported"},
	{"{\"code\":2147483647,\"opaque\":5}", REQUEST_CODE_NOT_SUPPORTED, " request type 2147483647 not supported"},
	{"{\"code\":30,\"opaque\":5}", SYSTEM_ERROR, "GET_MAX_OFFSET: field 'topic' is missing"},
	{"{\"code\":30,\"opaque\":5,\"extFields\":{\"topic\":\"T\",\"queueId\":\"x\"}}", SYSTEM_ERROR,
	 "GET_MAX_OFFSET: field 'queueId' has a value that cannot be read"},
	{"{\"code\":60,\"opaque\":5}", SYSTEM_ERROR, "SILENT gave no answer"},
};

START_TEST(what_is_refused)
{
	struct command cmd;

	receive_text(refusals[_i].json);
	cmd = answer();
	ck_assert_int_eq(cmd.code, refusals[_i].code);
	ck_assert_int_eq(cmd.opaque, 5);
	ck_assert(remark_is(&cmd, refusals[_i].remark));
}
END_TEST

START_TEST(oneways_are_never_answered)
{
	static const int32_t codes[] = {ECHO, 31, HEADER, SILENT, RESERVE, TAKE_BACK};

	for (size_t i = 0; i < COUNT_OF(codes); i++)
		receive(codes[i], CODEC_JSON, 1, FLAG_ONEWAY, "x");
	ck_assert_uint_eq(peer->out.len, 0);
	ck_assert_int_eq(touched, 0);
	receive(PARK, CODEC_JSON, 1, FLAG_ONEWAY, "x");
	timers_run(&timers, 1500);
	ck_assert_uint_eq(peer->out.len, 0);
	ck_assert_uint_eq(peer->request_count, 0);
}
END_TEST

START_TEST(some_codes_are_not_on_the_vip_port)
{
	peer->is_vip = true;
	receive(NOT_ON_VIP, CODEC_JSON, 1, 0, "x");
	ck_assert_int_eq(answer().code, REQUEST_CODE_NOT_SUPPORTED);
	receive(ECHO, CODEC_JSON, 1, 0, "x");
	ck_assert_int_eq(answer().code, SUCCESS);
	peer->is_vip = false;
	receive(NOT_ON_VIP, CODEC_JSON, 1, 0, "x");
	ck_assert_int_eq(answer().code, SUCCESS);
}
END_TEST

START_TEST(codes_over_32767_are_dispatched)
{
	struct command cmd;

	receive(LARGE, CODEC_BINARY, 1, 0, "pop"); /* is encoded as JSON */
	cmd = answer();
	ck_assert_int_eq(cmd.code, SUCCESS);
	ck_assert_int_eq(cmd.codec, CODEC_JSON);
}
END_TEST

START_TEST(body_is_written_in_place)
{
	struct command cmd;

	receive(RESERVE, CODEC_BINARY, 1, 0, "");
	cmd = answer();
	ck_assert(slice_is(cmd.body, "12345"));
	ck_assert(slice_is(cmd.remark, "FOUND"));
}
END_TEST

START_TEST(reserved_body_can_be_taken_back)
{
	receive(ECHO, CODEC_JSON, 1, 0, "first");
	receive(TAKE_BACK, CODEC_JSON, 2, 0, "");
	{
		struct slice in = buf_slice(&peer->out);
		struct command cmd = take_frame(&in);

		ck_assert(slice_is(cmd.body, "first"));
		cmd = take_frame(&in);
		ck_assert_int_eq(cmd.code, SERVICE_NOT_AVAILABLE);
		ck_assert_int_eq(cmd.opaque, 2);
		ck_assert_uint_eq(in.len, 0);
	}
}
END_TEST

START_TEST(long_remarks_are_cut)
{
	struct command cmd;
	struct buf b = {0};
	const char *why;

	put_json_frame(&b, "{\"code\":30,\"extFields\":{\"topic\":\"T\",\"queueId\":\"%0*d\"}}", 3000, 1);
	ck_assert_int_eq(peer_receive(peer, buf_slice(&b), &why), RC_OK);
	cmd = answer();
	ck_assert_uint_lt(cmd.remark.len, REMARK_MAX_BYTES);
	buf_free(&b);
}
END_TEST

/* ---- pending ---- */

static struct request *first_parked(void) { return CONTAINER_OF(parked.next, struct request, parked); }

START_TEST(parked_request_is_answered_later)
{
	struct request *req;
	struct command cmd;

	receive(PARK, CODEC_BINARY, 9, 0, "kept");
	ck_assert_uint_eq(peer->request_count, 1);
	ck_assert_uint_eq(peer->out.len, 0);
	req = first_parked();
	ck_assert_str_eq(req->state, "kept");
	ck_assert_uint_eq(req->received_ms, 1000);
	ck_assert_int_eq(reply_body(req, slice_of(req->state)), DONE);
	request_finish(req);
	cmd = answer();
	ck_assert(slice_is(cmd.body, "kept"));
	ck_assert_int_eq(cmd.opaque, 9);
	ck_assert_int_eq(cmd.codec, CODEC_BINARY);
	ck_assert_uint_eq(peer->request_count, 0);
	ck_assert_uint_eq(timers.count, 0);
	ck_assert_int_eq(cancelled, 0);
}
END_TEST

START_TEST(deadline_is_on_time)
{
	struct command cmd;

	receive(PARK, CODEC_JSON, 9, 0, "x");
	timers_run(&timers, 1499);
	ck_assert_uint_eq(peer->out.len, 0);
	timers_run(&timers, 1500);
	cmd = answer();
	ck_assert_int_eq(cmd.code, PULL_NOT_FOUND);
	ck_assert(remark_is(&cmd, "nothing after 500 ms"));
	ck_assert_uint_eq(peer->request_count, 0);
}
END_TEST

START_TEST(closing_cancels_once_and_sends_nothing)
{
	for (int i = 0; i < 5; i++)
		receive(PARK, CODEC_JSON, i, 0, "x");
	ck_assert_uint_eq(peer->request_count, 5);
	peer_close(peer);
	peer = NULL;
	ck_assert_int_eq(cancelled, 5);
	timers_run(&timers, 100000);
	ck_assert_int_eq(cancelled, 5);
}
END_TEST

START_TEST(pipelined_answers_come_in_the_order_they_are_given)
{
	struct slice in;
	struct request *req;

	receive(ECHO, CODEC_JSON, 1, 0, "a");
	receive(PARK, CODEC_JSON, 2, 0, "b");
	receive(ECHO, CODEC_BINARY, 3, 0, "c");
	req = first_parked();
	ck_assert_int_eq(reply_empty(req, SUCCESS, NULL), DONE);
	request_finish(req);
	in = buf_slice(&peer->out);
	ck_assert_int_eq(take_frame(&in).opaque, 1);
	ck_assert_int_eq(take_frame(&in).opaque, 3);
	ck_assert_int_eq(take_frame(&in).opaque, 2);
	ck_assert_uint_eq(in.len, 0);
}
END_TEST

START_TEST(a_closing_peer_drops_output_and_takes_nothing_new)
{
	struct request *req;

	receive(PARK, CODEC_JSON, 1, 0, "x");
	peer->is_closing = true;
	req = first_parked();
	ck_assert_ptr_null(reply_reserve_body(req, &(struct reply){.code = SUCCESS}, 10));
	request_finish(req);
	receive(ECHO, CODEC_JSON, 2, 0, "x");
	ck_assert_uint_eq(peer->out.len, 0);
	ck_assert_int_eq(touched, 0);
}
END_TEST

START_TEST(parked_requests_are_bounded)
{
	for (int i = 0; i < PEER_REQUESTS_MAX; i++)
		receive(PARK, CODEC_BINARY, i, 0, "x");
	ck_assert_uint_eq(peer->request_count, PEER_REQUESTS_MAX);
	ck_assert_uint_eq(peer->out.len, 0);
	receive(PARK, CODEC_BINARY, 7, 0, "x");
	ck_assert_int_eq(answer().code, SYSTEM_BUSY);
	ck_assert_uint_eq(peer->request_count, PEER_REQUESTS_MAX);
}
END_TEST

START_TEST(so_are_those_of_all_peers_together)
{
	struct peer *first = peer;

	request_set_parked_max(3);
	receive(PARK, CODEC_BINARY, 1, 0, "x");
	receive(PARK, CODEC_BINARY, 2, 0, "x");
	peer = peer_new(&timers, &dispatch, &core);
	peer->touch = touch;
	receive(PARK, CODEC_BINARY, 3, 0, "x");
	receive(PARK, CODEC_BINARY, 4, 0, "x");
	ck_assert_int_eq(answer().code, SYSTEM_BUSY);
	ck_assert_uint_eq(request_parked_count(), 3);
	peer_close(first); /* makes room */
	ck_assert_uint_eq(request_parked_count(), 1);
	buf_clear(&peer->out);
	receive(PARK, CODEC_BINARY, 5, 0, "x");
	ck_assert_uint_eq(peer->out.len, 0);
	ck_assert_uint_eq(request_parked_count(), 2);
	request_set_parked_max(REQUESTS_PARKED_MAX);
}
END_TEST

Suite *suite_request(void)
{
	Suite *s = suite_create("request");
	TCase *tc = tcase_create("request");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, answer_has_opaque_and_codec_of_the_request, 0, 2);
	tcase_add_test(tc, header_is_decoded_and_answered);
	tcase_add_loop_test(tc, what_is_refused, 0, COUNT_OF(refusals));
	tcase_add_test(tc, oneways_are_never_answered);
	tcase_add_test(tc, some_codes_are_not_on_the_vip_port);
	tcase_add_test(tc, codes_over_32767_are_dispatched);
	tcase_add_test(tc, body_is_written_in_place);
	tcase_add_test(tc, reserved_body_can_be_taken_back);
	tcase_add_test(tc, long_remarks_are_cut);
	tcase_add_test(tc, parked_request_is_answered_later);
	tcase_add_test(tc, deadline_is_on_time);
	tcase_add_test(tc, closing_cancels_once_and_sends_nothing);
	tcase_add_test(tc, pipelined_answers_come_in_the_order_they_are_given);
	tcase_add_test(tc, a_closing_peer_drops_output_and_takes_nothing_new);
	tcase_add_test(tc, parked_requests_are_bounded);
	tcase_add_test(tc, so_are_those_of_all_peers_together);
	suite_add_tcase(s, tc);
	return s;
}
