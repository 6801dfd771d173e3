/* connection_handlers: who is connected: GET_CONSUMER_CONNECTION_LIST (203), GET_PRODUCER_CONNECTION_LIST (204), GET_ALL_PRODUCER_INFO (328),
 * QUERY_SUBSCRIPTION_BY_CONSUMER (345).
 * Facts: Apache AdminBrokerProcessor; json_bodies.md ConsumerConnection, ProducerConnection, ProducerTableInfo. */
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/client_table.h"
#include "broker/handlers.h"
#include "broker/reply_json.h"
#include "remoting/headers.h"
#include "remoting/language.h"
#include "remoting/response_code.h"

static void write_connection(void *ctx, const struct client_member *m)
{
	struct json_writer *w = ctx;

	json_object(w);
	json_member_text(w, "clientAddr", slice_of(m->peer->address));
	json_member_text(w, "clientId", m->client_id);
	json_member_text(w, "language", language_name(m->language));
	json_member_i64(w, "version", m->version);
	json_object_end(w);
}

static void write_subscription(void *ctx, const struct subscription *s)
{
	json_key_text(ctx, s->topic);
	json_raw(ctx, slice_of(s->json));
}

enum outcome handle_consumer_connections(struct request *req)
{
	const struct get_consumer_connection_list_request_header *h = req->header;
	struct broker *b = req->core;
	struct consumer_group *g = consumer_group_find(b->clients, h->consumer_group);
	struct json_body body;

	if (g == NULL)
		return reply_error(req, CONSUMER_NOT_ONLINE, "the consumer group[%.*s] not online", SLICE_ARG(h->consumer_group));
	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "connectionSet");
	json_array(&body.w);
	consumer_group_each_member(g, write_connection, &body.w);
	json_array_end(&body.w);
	json_member_text(&body.w, "consumeFromWhere", slice_of(consume_from_where_names[consumer_group_from_where(g)]));
	json_member_text(&body.w, "consumeType", slice_of(consume_type_names[consumer_group_type(g)]));
	json_member_text(&body.w, "messageModel", slice_of(message_model_names[consumer_group_model(g)]));
	json_key(&body.w, "subscriptionTable");
	json_object(&body.w);
	consumer_group_each_subscription(g, write_subscription, &body.w);
	json_object_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

enum outcome handle_producer_connections(struct request *req)
{
	const struct get_producer_connection_list_request_header *h = req->header;
	struct broker *b = req->core;
	struct json_body body;

	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "connectionSet");
	json_array(&body.w);
	if (!producer_group_each_member(b->clients, h->producer_group, write_connection, &body.w))
		return reply_error(req, SYSTEM_ERROR, "the producer group[%.*s] not exist", SLICE_ARG(h->producer_group));
	json_array_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- 328 ---- */

struct producer_dump {
	struct broker *broker;
	struct json_writer *w;
};

static void write_producer(void *ctx, const struct client_member *m)
{
	struct producer_dump *d = ctx;
	uint64_t silent_ms = d->broker->timers->now_ms - m->last_ms;
	char address[sizeof(m->peer->address) + 1];

	json_object(d->w);
	json_member_text(d->w, "clientId", m->client_id);
	json_member_text(d->w, "language", language_name(m->language));
	json_member_i64(d->w, "lastUpdateTimestamp", (int64_t)(d->broker->wall_ms - silent_ms));
	mem_format(address, sizeof(address), "/%s", m->peer->address); /* as Java prints it: SocketAddress.toString */
	json_member_text(d->w, "remoteIP", slice_of(address));
	json_member_i64(d->w, "version", m->version);
	json_object_end(d->w);
}

static void write_producer_group(void *ctx, struct slice group)
{
	struct producer_dump *d = ctx;

	json_key_text(d->w, group);
	json_array(d->w);
	producer_group_each_member(d->broker->clients, group, write_producer, d);
	json_array_end(d->w);
}

enum outcome handle_all_producers(struct request *req)
{
	struct broker *b = req->core;
	struct json_body body;
	struct producer_dump dump = {.broker = b, .w = &body.w};

	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "data");
	json_object(&body.w);
	client_table_each_producer_group(b->clients, write_producer_group, &dump);
	json_object_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- 345 ---- */

enum outcome handle_query_subscription(struct request *req)
{
	const struct query_subscription_by_consumer_request_header *h = req->header;
	struct broker *b = req->core;
	struct consumer_group *g = consumer_group_find(b->clients, h->group);
	const struct subscription *s = g ? consumer_group_subscription(g, h->topic) : NULL;
	struct json_body body;

	json_body_begin(&body, req);
	json_object(&body.w);
	json_member_text(&body.w, "group", h->group);
	if (s != NULL) {
		json_key(&body.w, "subscriptionData");
		json_raw(&body.w, slice_of(s->json));
	}
	json_member_text(&body.w, "topic", h->topic);
	json_object_end(&body.w);
	return json_body_reply(&body);
}
