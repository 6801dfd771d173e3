/* reply_message: SEND_REPLY_MESSAGE (324) and its V2 (325): the answer of a consumer to a producer's request().
 *
 *   consumer --325--> parked + kept in CLUSTER_REPLY_TOPIC + --326--> the producer named in REPLY_TO_CLIENT
 *                        ^                                              |
 *                        +---------- 0, or 1 and why <------------------+
 *
 * The push decides the answer; that the reply is stored too is for those who look it up later (storeReplyMessageEnable).
 * Facts: Apache ReplyMessageProcessor. */
#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/client_table.h"
#include "broker/handlers.h"
#include "broker/message_put.h"
#include "broker/send.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define PUSH_TIMEOUT_MS 10000

struct push {                /* outlives its request when the consumer goes away first */
	struct request *req; /* NULL: the consumer is gone */
	char *client_id;
	int32_t queue_id;
	int64_t queue_offset;
	char msg_id[57];
};

static void on_cancel(struct request *req) { ((struct push *)req->state)->req = NULL; }

static enum outcome answer(struct push *p, enum rc rc, const struct command *answer)
{
	const struct broker *b = p->req->core;
	struct send_message_response_header h = {
		.msg_id = slice_of(p->msg_id),
		.queue_id = p->queue_id,
		.queue_offset = p->queue_offset,
		.msg_region = slice_of(b->config->region_id),
		.trace_on = b->config->trace_on ? SLICE_LIT("true") : SLICE_LIT("false"),
	};

	if (rc != RC_OK || answer->code != SUCCESS)
		return reply_error(p->req, SYSTEM_ERROR, "push reply message to %s fail: %s", p->client_id,
				   rc == RC_OK ? "the client refused it" : rc_text(rc));
	h.present = HEADER_ALL(send_message_response_header) & ~(HEADER_BIT(send_message_response_header, transaction_id) |
								 HEADER_BIT(send_message_response_header, batch_uniq_id));
	return reply_header(p->req, SUCCESS, &send_message_response_header_schema, &h);
}

static void on_pushed(void *ctx, enum rc rc, const struct command *pushed)
{
	struct push *p = ctx;

	if (p->req != NULL && answer(p, rc, pushed) == DONE)
		request_finish(p->req);
	free(p->client_id);
	free(p);
}

/* Keep it like a message sent; a store that takes none does not keep the reply from its producer. */
static void keep(struct request *req, const struct send_message_request_header *h, struct topic *topic, struct push *p)
{
	struct broker *b = req->core;
	struct message m = {
		.topic = h->topic,
		.body = req->cmd.body,
		.queue_id = p->queue_id,
		.flag = h->flag,
		.sys_flag = h->sys_flag,
		.born_timestamp = h->born_timestamp,
		.born_host = peer_host(req->peer),
		.reconsume_times = h->reconsume_times,
	};
	struct append_result at;

	snprintf(p->msg_id, sizeof(p->msg_id), "0");
	if (!b->config->store_reply_message_enable || m.body.len == 0 || m.body.len > (size_t)b->config->max_message_size)
		return;
	buf_clear(&b->put_properties);
	buf_put_slice(&b->put_properties, h->properties);
	m.properties = buf_slice(&b->put_properties);
	if (message_put(b, NULL, &m, &b->put_properties, 0, &at) != RC_OK)
		return;
	stats_count_put(b, topic, 1, (uint64_t)(at.end - at.physical_offset));
	p->queue_offset = at.queue_offset;
	message_id_encode(&b->store_host, at.physical_offset, p->msg_id);
}

static void push(struct request *req, const struct send_message_request_header *h, struct peer *client, struct push *p)
{
	struct broker *b = req->core;
	struct buf properties = {0};
	char store_host[64], now[24];
	struct reply_message_request_header out = {
		.present = HEADER_ALL(reply_message_request_header),
		.producer_group = h->producer_group,
		.topic = h->topic,
		.default_topic = h->default_topic,
		.default_topic_queue_nums = h->default_topic_queue_nums,
		.queue_id = h->queue_id,
		.sys_flag = h->sys_flag,
		.born_timestamp = h->born_timestamp,
		.flag = h->flag,
		.reconsume_times = h->reconsume_times,
		.unit_mode = h->unit_mode,
		.born_host = slice_of(req->peer->address),
		.store_timestamp = (int64_t)b->wall_ms,
	};

	host_format(&b->store_host, store_host);
	out.store_host = slice_of(store_host);
	snprintf(now, sizeof(now), "%lld", (long long)b->wall_ms);
	buf_put_slice(&properties, h->properties);
	message_property_put(&properties, "PUSH_REPLY_TIME", slice_of(now));
	out.properties = buf_slice(&properties);
	peer_call(client, PUSH_REPLY_MESSAGE_TO_CLIENT, &reply_message_request_header_schema, &out, req->cmd.body,
		  PUSH_TIMEOUT_MS, on_pushed, p);
	buf_free(&properties);
}

enum outcome handle_reply_message(struct request *req)
{
	struct broker *b = req->core;
	const struct send_message_request_header *h = req->header;
	struct topic *topic = NULL;
	struct slice client_id;
	struct peer *client;
	struct push *p;

	if (send_check(req, h, &topic) == DONE)
		return DONE;
	if (!message_property(h->properties, "REPLY_TO_CLIENT", &client_id))
		return reply_error(req, SYSTEM_ERROR, "reply message properties[REPLY_TO_CLIENT] is null");
	client = producer_peer_by_client(b->clients, client_id);
	if (client == NULL)
		return reply_error(req, SYSTEM_ERROR, "push reply message fail, channel of <%.*s> not found.",
				   SLICE_ARG(client_id));
	p = mem_zalloc(sizeof(*p));
	p->req = req;
	p->client_id = slice_dup(client_id);
	p->queue_id = h->queue_id < 0 ? random_queue(topic->write_queues) : h->queue_id;
	req->state = p;
	req->on_cancel = on_cancel;
	keep(req, h, topic, p);
	push(req, h, client, p);
	return PENDING;
}
