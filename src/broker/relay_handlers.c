/* relay_handlers: questions that the broker hands on to a client: GET_CONSUMER_RUNNING_INFO (307), CONSUME_MESSAGE_DIRECTLY (309),
 * INVOKE_BROKER_TO_GET_CONSUMER_STATUS (223, asks with 221).
 *
 *   admin --307--> parked request + relay --307--> client
 *                        ^                            |
 *                        +------ answer as it is <----+      or 207 after CALL_TIMEOUT_MS
 *
 * A relay outlives its request when the admin goes away first: it then only waits for the client's answer and is freed.
 * Facts: Apache AdminBrokerProcessor.callConsumer, Broker2Client. */
#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/client_table.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define CALL_TIMEOUT_MS 10000
#define STATUS_TIMEOUT_MS 5000
#define VERSION_V3_1_8_SNAPSHOT 62 /* the first clients that answer 307 and 309 */
#define VERSION_V3_0_7_SNAPSHOT 28 /* 221 */

struct relay {
	struct request *req; /* NULL: the admin is gone */
	char *group, *client_id;
};

static void free_relay(struct relay *r)
{
	free(r->group);
	free(r->client_id);
	free(r);
}

static void on_cancel(struct request *req)
{
	struct relay *r = req->state;

	r->req = NULL;
}

static enum outcome reply_from(struct relay *r, enum rc rc, const struct command *answer)
{
	struct reply reply = {0};

	if (rc == RC_TIMEOUT)
		return reply_error(r->req, CONSUME_MSG_TIMEOUT, "consumer <%s> <%s> Timeout: no answer in %d ms", r->group,
				   r->client_id, CALL_TIMEOUT_MS);
	if (rc != RC_OK)
		return reply_error(r->req, SYSTEM_ERROR, "invoke consumer <%s> <%s> Exception: %s", r->group, r->client_id,
				   rc_text(rc));
	reply.code = answer->code;
	if (answer->remark.len != 0)
		reply.remark = arena_printf(&r->req->arena, "%.*s", SLICE_ARG(command_remark(answer, &r->req->arena)));
	reply.body = answer->body;
	return reply_with(r->req, &reply);
}

static void on_answer(void *ctx, enum rc rc, const struct command *answer)
{
	struct relay *r = ctx;

	if (r->req != NULL && reply_from(r, rc, answer) == DONE)
		request_finish(r->req);
	free_relay(r);
}

/* The client, or NULL with *outcome = the refusal. */
static struct peer *find_client(struct request *req, struct slice group, struct slice client_id, enum outcome *outcome)
{
	struct broker *b = req->core;
	struct consumer_group *g = consumer_group_find(b->clients, group);
	const struct client_member *m = g ? consumer_group_member(g, client_id) : NULL;

	if (m == NULL) {
		*outcome = reply_error(req, SYSTEM_ERROR, "The Consumer <%.*s> <%.*s> not online", SLICE_ARG(group),
				       SLICE_ARG(client_id));
		return NULL;
	}
	if (m->version < VERSION_V3_1_8_SNAPSHOT) {
		*outcome = reply_error(req, SYSTEM_ERROR,
				       "The Consumer <%.*s> Version <%d> too low to finish, please upgrade it to V3_1_8_SNAPSHOT",
				       SLICE_ARG(client_id), m->version);
		return NULL;
	}
	return m->peer;
}

static enum outcome relay(struct request *req, struct peer *client, struct slice group, struct slice client_id,
			  const struct schema *schema, const void *header, struct slice body)
{
	struct relay *r = mem_zalloc(sizeof(*r));

	r->req = req;
	r->group = slice_dup(group);
	r->client_id = slice_dup(client_id);
	req->state = r;
	req->on_cancel = on_cancel;
	peer_call(client, req->cmd.code, schema, header, body, CALL_TIMEOUT_MS, on_answer, r);
	return PENDING;
}

enum outcome handle_consumer_running_info(struct request *req)
{
	const struct get_consumer_running_info_request_header *h = req->header;
	enum outcome refused = DONE;
	struct peer *client = find_client(req, h->consumer_group, h->client_id, &refused);

	if (client == NULL)
		return refused;
	return relay(req, client, h->consumer_group, h->client_id, &get_consumer_running_info_request_header_schema, h,
		     req->cmd.body);
}

/* ---- 309 ---- */

struct direct { /* in the request's arena, until the message is read */
	struct request *req;
	struct store_get get;
	struct slice group, client_id, message_id, topic;
	int64_t offset;
};

static void on_cancel_read(struct request *req)
{
	struct direct *d = req->state;
	struct broker *b = req->core;

	store_get_cancel(b->store, &d->get);
}

static enum outcome hand_over(struct direct *d, struct slice message)
{
	struct request *req = d->req;
	struct broker *b = req->core;
	const struct topic *topic = d->topic.len ? topic_find(b->topics, d->topic) : NULL;
	const struct group *group = group_find_or_create(b, d->group);
	struct consume_message_directly_result_request_header h = {
		.consumer_group = d->group,
		.client_id = d->client_id,
		.msg_id = d->message_id,
		.broker_name = slice_of(b->config->broker_name),
		.topic = d->topic,
		.topic_sys_flag = topic ? topic->sys_flag : 0,
		.group_sys_flag = group ? group->sys_flag : 0,
	};
	enum outcome refused = DONE;
	struct peer *client = find_client(req, d->group, d->client_id, &refused);

	if (client == NULL)
		return refused;
	h.present = HEADER_ALL(consume_message_directly_result_request_header);
	if (d->topic.len == 0)
		h.present &= ~HEADER_BIT(consume_message_directly_result_request_header, topic);
	if (topic == NULL)
		h.present &= ~HEADER_BIT(consume_message_directly_result_request_header, topic_sys_flag);
	req->cmd.code = CONSUME_MESSAGE_DIRECTLY;
	return relay(req, client, d->group, d->client_id, &consume_message_directly_result_request_header_schema, &h, message);
}

static enum outcome read_and_hand_over(struct direct *d)
{
	struct broker *b = d->req->core;
	struct buf *message = request_buf(d->req);
	enum rc rc = store_read_message(b->store, d->offset, message, &d->get);

	if (rc == RC_PENDING) {
		d->req->state = d;
		d->req->on_cancel = on_cancel_read;
		return PENDING;
	}
	if (rc != RC_OK)
		return reply_error(d->req, SYSTEM_ERROR, "can not find the message of msgId %.*s: %s", SLICE_ARG(d->message_id),
				   rc_text(rc));
	return hand_over(d, buf_slice(message));
}

static void on_warm(struct store_get *g)
{
	struct direct *d = CONTAINER_OF(g, struct direct, get);

	if (read_and_hand_over(d) == DONE)
		request_finish(d->req);
}

enum outcome handle_consume_directly(struct request *req)
{
	const struct consume_message_directly_result_request_header *h = req->header;
	struct direct *d = arena_alloc(&req->arena, sizeof(*d));
	enum outcome refused = DONE;
	struct host store_host;

	if (find_client(req, h->consumer_group, h->client_id, &refused) == NULL)
		return refused;
	d->req = req;
	list_init(&d->get.link);
	d->get.on_warm = on_warm;
	/* The frame is gone when a cold message has been read. */
	d->group = arena_dup(&req->arena, h->consumer_group);
	d->client_id = arena_dup(&req->arena, h->client_id);
	d->message_id = arena_dup(&req->arena, h->msg_id);
	d->topic = arena_dup(&req->arena, h->topic);
	if (message_id_decode(d->message_id, &store_host, &d->offset) != RC_OK)
		return reply_error(req, SYSTEM_ERROR, "'%.*s' is not a message id with an offset", SLICE_ARG(d->message_id));
	return read_and_hand_over(d);
}

/* ---- 223 ---- */

struct status { /* malloc'ed: freed when the last client has answered */
	struct request *req;
	size_t waiting;
	struct buf tables; /* "clientId":{..}, one after the other */
};

struct status_call {
	struct status *status;
	struct slice client_id;
};

static void on_cancel_status(struct request *req)
{
	struct status *s = req->state;

	s->req = NULL;
}

static void end_status(struct status *s)
{
	struct buf *text;

	if (s->waiting != 0)
		return;
	if (s->req != NULL) {
		text = request_buf(s->req);
		buf_put_text(text, "{\"consumerTable\":{");
		buf_put_slice(text, buf_slice(&s->tables));
		buf_put_text(text, "},\"messageQueueTable\":{}}");
		if (reply_body(s->req, buf_slice(text)) == DONE)
			request_finish(s->req);
	}
	buf_free(&s->tables);
	free(s);
}

/* {{queue}:offset,..} of one client, as it came. */
static void add_table(struct status *s, struct slice client_id, const cJSON *table)
{
	const char *comma = "";
	int64_t offset;

	buf_put_text(&s->tables, s->tables.len ? "," : "");
	json_put_quoted(&s->tables, client_id);
	buf_put_text(&s->tables, ":{");
	JSON_EACH (item, table) {
		if (item->string[0] != '{' || !json_value_i64(item, &offset))
			continue;
		buf_printf(&s->tables, "%s%s:%lld", comma, item->string, (long long)offset);
		comma = ",";
	}
	buf_put_text(&s->tables, "}");
}

static void on_status(void *ctx, enum rc rc, const struct command *answer)
{
	struct status_call *call = ctx;
	struct status *s = call->status;
	cJSON *tree;

	if (rc == RC_OK && answer->code == SUCCESS && s->req != NULL && json_parse(answer->body, &tree) == RC_OK) {
		add_table(s, call->client_id, json_get_object(tree, "messageQueueTable"));
		json_free(tree);
	}
	free((char *)call->client_id.at);
	free(call);
	s->waiting--;
	end_status(s);
}

static void ask_status(void *ctx, const struct client_member *m)
{
	struct status *s = ctx;
	const struct get_consumer_status_request_header *asked = s->req->header;
	struct get_consumer_status_request_header h = {.topic = asked->topic, .group = asked->group};
	struct status_call *call;

	if (m->version < VERSION_V3_0_7_SNAPSHOT || (asked->client_addr.len != 0 && !slice_eq(asked->client_addr, m->client_id)))
		return;
	h.present = HEADER_BIT(get_consumer_status_request_header, topic) | HEADER_BIT(get_consumer_status_request_header, group);
	call = mem_zalloc(sizeof(*call));
	call->status = s;
	call->client_id = (struct slice){slice_dup(m->client_id), m->client_id.len};
	s->waiting++;
	peer_call(m->peer, GET_CONSUMER_STATUS_FROM_CLIENT, &get_consumer_status_request_header_schema, &h,
		  (struct slice){NULL, 0}, STATUS_TIMEOUT_MS, on_status, call);
}

enum outcome handle_consumer_status(struct request *req)
{
	const struct get_consumer_status_request_header *h = req->header;
	struct broker *b = req->core;
	struct consumer_group *g = consumer_group_find(b->clients, h->group);
	struct status *s;

	if (g == NULL)
		return reply_error(req, SYSTEM_ERROR, "No Any Consumer online in the consumer group: [%.*s]",
				   SLICE_ARG(h->group));
	s = mem_zalloc(sizeof(*s));
	s->req = req;
	consumer_group_each_member(g, ask_status, s);
	if (s->waiting == 0) {
		free(s);
		return reply_body(req, SLICE_LIT("{\"consumerTable\":{},\"messageQueueTable\":{}}"));
	}
	req->state = s;
	req->on_cancel = on_cancel_status;
	return PENDING;
}
