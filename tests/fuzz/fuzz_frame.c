/* A connection: input is what a peer sends, cut into frames as the server does it, through dispatch to handlers that answer, park and
 * forget. Whatever comes, answers are frames, and nothing is left when the connection closes. */
#include "base/log.h"
#include "remoting/headers.h"
#include "remoting/request.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"
#include "tests/fuzz/target.h"

static enum outcome answer(struct request *req)
{
	struct pull_message_response_header h = {.present = HEADER_ALL(pull_message_response_header),
						 .min_offset = req->cmd.opaque};
	struct slice remark = command_remark(&req->cmd, &req->arena);

	return reply_with(req, &(struct reply){.code = SUCCESS,
					       .schema = &pull_message_response_header_schema,
					       .header = &h,
					       .body = remark.len ? remark : req->cmd.body});
}

static enum outcome park(struct request *req)
{
	(void)req;
	return PENDING;
}

static enum outcome forget(struct request *req)
{
	(void)req;
	return DONE;
}

static const struct route routes[] = {
	{SEND_MESSAGE, "SEND_MESSAGE", &send_message_request_header_schema, 0, answer},
	{PULL_MESSAGE, "PULL_MESSAGE", &pull_message_request_header_schema, ROUTE_NOT_ON_VIP, answer},
	{HEART_BEAT, "HEART_BEAT", NULL, 0, answer},
	{UNREGISTER_CLIENT, "UNREGISTER_CLIENT", &unregister_client_request_header_schema, 0, park},
	{GET_CONSUMER_LIST_BY_GROUP, "GET_CONSUMER_LIST_BY_GROUP", &get_consumer_list_by_group_request_header_schema, 0, park},
	{REGISTER_BROKER, "REGISTER_BROKER", &register_broker_request_header_schema, 0, forget},
	{GET_ROUTEINFO_BY_TOPIC, "GET_ROUTEINFO_BY_TOPIC", &get_route_info_request_header_schema, 0, answer},
	{SEND_MESSAGE_V2, "SEND_MESSAGE_V2", &send_message_request_header_v2_schema, 0, answer},
	{POP_MESSAGE, "POP_MESSAGE", NULL, 0, park},
};
static const struct dispatch dispatch = {.routes = routes, .count = COUNT_OF(routes)};

static void on_answer(void *ctx, enum rc rc, const struct command *cmd)
{
	ASSERT((rc == RC_OK) == (cmd != NULL));
	++*(int *)ctx;
}

static void receive_all(struct peer *peer, struct slice in)
{
	const char *why;
	size_t bytes;

	while (frame_size(in, &bytes) == RC_OK && bytes <= in.len) {
		ASSERT(bytes >= 8 && bytes <= FRAME_MAX_BYTES);
		if (peer_receive(peer, slice_sub(in, 0, bytes), &why) != RC_OK)
			return;
		in = slice_sub(in, bytes, in.len);
	}
}

static void check_output(struct slice out)
{
	struct command cmd;
	const char *why;
	size_t bytes;

	while (out.len != 0) {
		enum rc rc = frame_size(out, &bytes);

		if (rc == RC_TOO_BIG) /* a remark of ours that JSON's escapes made longer than what we read ourselves */
			return;
		ASSERT(rc == RC_OK && bytes <= out.len);
		ASSERT(command_decode(slice_sub(out, 0, bytes), &cmd, &why) == RC_OK);
		out = slice_sub(out, bytes, out.len);
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct timers timers;
	struct peer *peer;
	int answers = 0;

	log_level = LOG_ERROR + 1;
	timers_init(&timers, 0);
	peer = peer_new(&timers, &dispatch, NULL);
	for (int i = 0; i < 3; i++) /* with the opaques 1, 2, 3 */
		peer_call(peer, NOTIFY_CONSUMER_IDS_CHANGED, NULL, NULL, (struct slice){0}, 1000, on_answer, &answers);
	peer->is_vip = size % 2;
	receive_all(peer, (struct slice){(const char *)data, size});
	check_output(buf_slice(&peer->out));
	peer_close(peer);
	ASSERT(answers == 3 && timers.count == 0);
	timers_free(&timers);
	return 0;
}
