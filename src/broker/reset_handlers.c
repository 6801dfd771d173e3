/* reset_handlers: admins move the offsets of groups: INVOKE_BROKER_TO_RESET_OFFSET (222), CLONE_GROUP_OFFSET (314),
 * QUERY_CORRECTION_OFFSET (308), GET_ALL_CONSUMER_OFFSET (43), GET_ALL_DELAY_OFFSET (45).
 *
 * Two ways of 222: on the broker (useServerSideResetOffset, the default: the next pull of each queue is told where to go), or through the
 * online clients (220).
 * Facts: Apache AdminBrokerProcessor.resetOffsetInner, Broker2Client.resetOffset. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/client_table.h"
#include "broker/delay_service.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/offset_table.h"
#include "broker/pull_hold.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define VERSION_V3_0_7_SNAPSHOT 28 /* the first clients that take 220 */

struct new_offset {
	int32_t queue_id;
	int64_t offset;
};

struct new_offsets {
	struct new_offset *items; /* in the request's arena */
	int32_t count;
};

static int64_t offset_of_time(struct broker *b, struct topic *topic, int32_t queue_id, int64_t timestamp)
{
	struct store_queue *q = topic_queue(b, topic, queue_id, false);

	if (q == NULL)
		return 0;
	return timestamp < 0 ? store_queue_max(q) : store_offset_by_time(b->store, q, timestamp, BOUNDARY_LOWER);
}

/* {"offsetTable":{{queue}:offset}}; is_list: the form for C++ admins, [{"brokerName":..,"offset":..}]. */
static void write_offset_table(struct json_writer *w, const struct broker *b, struct slice topic,
			       const struct new_offsets *offsets, bool is_list)
{
	json_object(w);
	json_key(w, "offsetTable");
	if (is_list)
		json_array(w);
	else
		json_object(w);
	for (int32_t i = 0; i < offsets->count; i++) {
		const struct new_offset *o = &offsets->items[i];

		if (is_list) {
			json_object(w);
			json_member_text(w, "brokerName", slice_of(b->config->broker_name));
			json_member_i64(w, "offset", o->offset);
			json_member_i64(w, "queueId", o->queue_id);
			json_member_text(w, "topic", topic);
			json_object_end(w);
			continue;
		}
		json_key_object(w);
		json_message_queue(w, slice_of(b->config->broker_name), topic, o->queue_id);
		json_key_object_end(w);
		json_i64(w, o->offset);
	}
	if (is_list)
		json_array_end(w);
	else
		json_object_end(w);
	json_object_end(w);
}

/* ---- on the broker ---- */

/* Where each queue goes. PENDING: *out is set; DONE: refused. */
static enum outcome choose_offsets(struct request *req, struct topic *topic, struct new_offsets *out)
{
	const struct reset_offset_request_header *h = req->header;
	struct broker *b = req->core;
	bool is_one = HEADER_HAS(reset_offset_request_header, h, queue_id) && h->queue_id >= 0;
	bool has_offset = HEADER_HAS(reset_offset_request_header, h, offset) && h->offset != -1;
	struct store_queue *q = is_one ? topic_queue(b, topic, h->queue_id, false) : NULL;

	if (is_one && has_offset && (h->offset < store_queue_min(q) || h->offset > (q ? store_queue_max(q) : 0) + 1))
		return reply_error(req, SYSTEM_ERROR, "Target offset %lld not in consume queue range [%lld-%lld]",
				   (long long)h->offset, (long long)store_queue_min(q), (long long)(q ? store_queue_max(q) : 0));
	out->count = is_one ? 1 : topic->read_queues;
	if (out->count <= 0)
		return reply_error(req, SYSTEM_ERROR, "No queues to reset.");
	out->items = arena_alloc(&req->arena, (size_t)out->count * sizeof(*out->items));
	for (int32_t i = 0; i < out->count; i++) {
		int32_t queue_id = is_one ? h->queue_id : i;

		out->items[i] = (struct new_offset){
			queue_id, is_one && has_offset ? h->offset : offset_of_time(b, topic, queue_id, h->timestamp)};
	}
	return PENDING;
}

static enum outcome reset_on_broker(struct request *req)
{
	const struct reset_offset_request_header *h = req->header;
	struct broker *b = req->core;
	struct topic *topic = topic_find(b->topics, h->topic);
	struct new_offsets offsets = {NULL, 0};
	struct json_body body;

	if (topic == NULL)
		return reply_error(req, TOPIC_NOT_EXIST, "Topic %.*s does not exist", SLICE_ARG(h->topic));
	if (group_find(b->groups, h->group) == NULL)
		return reply_error(req, SUBSCRIPTION_GROUP_NOT_EXIST, "Group %.*s does not exist", SLICE_ARG(h->group));
	if (choose_offsets(req, topic, &offsets) == DONE)
		return DONE;
	for (int32_t i = 0; i < offsets.count; i++)
		offset_put_reset(b->offsets, h->group, h->topic, offsets.items[i].queue_id, offsets.items[i].offset);
	log_info("broker", "group '%.*s': offsets of %d queues of topic '%.*s' reset", SLICE_ARG(h->group), offsets.count,
		 SLICE_ARG(h->topic));
	pull_hold_group_changed(b, h->group); /* held pulls hear of it now, not at their deadline */
	json_body_begin(&body, req);
	write_offset_table(&body.w, b, h->topic, &offsets, false);
	return json_body_reply(&body);
}

/* ---- through the clients ---- */

struct push {
	struct reset_offset_request_header header;
	struct slice body;
	int32_t too_old; /* version of a client that cannot */
};

static void push_to(void *ctx, const struct client_member *m)
{
	struct push *p = ctx;

	if (m->version < VERSION_V3_0_7_SNAPSHOT) {
		p->too_old = m->version;
		return;
	}
	peer_call(m->peer, RESET_CONSUMER_CLIENT_OFFSET, &reset_offset_request_header_schema, &p->header, p->body, 0, NULL, NULL);
}

static enum outcome reset_on_clients(struct request *req)
{
	const struct reset_offset_request_header *h = req->header;
	struct broker *b = req->core;
	struct topic *topic = topic_find(b->topics, h->topic);
	struct consumer_group *g = consumer_group_find(b->clients, h->group);
	struct new_offsets offsets = {NULL, 0};
	struct push push = {.header = {.group = h->group, .topic = h->topic, .timestamp = h->timestamp}, .too_old = -1};
	struct json_body body;
	struct buf *text = request_buf(req);
	struct json_writer w;

	if (topic == NULL)
		return reply_error(req, TOPIC_NOT_EXIST,
				   "[reset-offset] reset offset failed, no topic in this broker. topic=%.*s",
				   SLICE_ARG(h->topic));
	offsets.items = arena_alloc(&req->arena, ((size_t)topic->write_queues + 1) * sizeof(*offsets.items));
	for (int32_t i = 0; i < topic->write_queues; i++) {
		int64_t consumed = offset_get(b->offsets, h->group, h->topic, i), to = offset_of_time(b, topic, i, h->timestamp);

		if (consumed == -1)
			return reply_error(req, SYSTEM_ERROR, "THe consumer group <%.*s> not exist", SLICE_ARG(h->group));
		offsets.items[offsets.count++] = (struct new_offset){i, h->is_force || to < consumed ? to : consumed};
	}
	if (g == NULL)
		return reply_error(req, CONSUMER_NOT_ONLINE,
				   "Consumer not online, so can not reset offset, Group: %.*s Topic: %.*s Timestamp: %lld",
				   SLICE_ARG(h->group), SLICE_ARG(h->topic), (long long)h->timestamp);
	json_begin(&w, text, JSON_COMPACT);
	write_offset_table(&w, b, h->topic, &offsets, req->cmd.language == LANGUAGE_CPP);
	push.body = buf_slice(text);
	push.header.present = HEADER_BIT(reset_offset_request_header, group) | HEADER_BIT(reset_offset_request_header, topic) |
			      HEADER_BIT(reset_offset_request_header, timestamp) |
			      HEADER_BIT(reset_offset_request_header, is_force);
	consumer_group_each_member(g, push_to, &push);
	if (push.too_old >= 0)
		return reply_error(req, SYSTEM_ERROR, "the client does not support this feature. version=%d", push.too_old);
	json_body_begin(&body, req);
	write_offset_table(&body.w, b, h->topic, &offsets, false);
	return json_body_reply(&body);
}

enum outcome handle_reset_offset(struct request *req)
{
	struct broker *b = req->core;

	return b->config->use_server_side_reset_offset ? reset_on_broker(req) : reset_on_clients(req);
}

/* ---- 314 ---- */

struct clone {
	struct broker *broker;
	const struct clone_group_offset_request_header *header;
	struct slice *topics;
	size_t count, cap;
};

/* A live source group gives only the topics it subscribes to, unless the admin says that it is offline. */
static void collect_cloned(void *ctx, struct slice topic, struct slice group, const int32_t *queue_ids, const int64_t *offsets,
			   size_t count)
{
	struct clone *c = ctx;
	struct consumer_group *g;

	(void)queue_ids;
	(void)offsets;
	(void)count;
	if (!slice_eq(group, c->header->src_group) || (c->header->topic.len != 0 && !slice_eq(topic, c->header->topic)) ||
	    topic_find(c->broker->topics, topic) == NULL)
		return;
	g = c->header->offline ? NULL : consumer_group_find(c->broker->clients, group);
	if (g != NULL && consumer_group_subscription_count(g) > 0 && consumer_group_subscription(g, topic) == NULL)
		return;
	if (c->count == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->topics = mem_realloc(c->topics, c->cap * sizeof(*c->topics));
	}
	c->topics[c->count++] = topic;
}

enum outcome handle_clone_offset(struct request *req)
{
	struct broker *b = req->core;
	struct clone c = {.broker = b, .header = req->header};
	bool ok = true;

	offset_each(b->offsets, collect_cloned, &c);
	for (size_t i = 0; i < c.count; i++)
		ok &= offset_clone(b->offsets, c.header->src_group, c.header->dest_group, c.topics[i]);
	free(c.topics);
	if (!ok)
		return reply_error(req, SYSTEM_BUSY,
				   "this broker has as many offsets as it takes, or the group's name is too long");
	return reply_empty(req, SUCCESS, NULL);
}

/* ---- 308 ---- */

struct correction {
	const struct query_correction_offset_header *header;
	struct new_offset *least; /* malloc'ed, by queue id as they come */
	size_t count, cap;
	bool is_compare; /* second pass: the compared group */
};

static bool is_filtered(struct slice list, struct slice group)
{
	struct slice one;

	while (slice_split(&list, ',', &one))
		if (slice_eq(one, group))
			return true;
	return false;
}

static struct new_offset *least_of(struct correction *c, int32_t queue_id, bool make)
{
	for (size_t i = 0; i < c->count; i++)
		if (c->least[i].queue_id == queue_id)
			return &c->least[i];
	if (!make)
		return NULL;
	if (c->count == c->cap) {
		c->cap = c->cap ? c->cap * 2 : 16;
		c->least = mem_realloc(c->least, c->cap * sizeof(*c->least));
	}
	c->least[c->count] = (struct new_offset){queue_id, INT64_MAX};
	return &c->least[c->count++];
}

static void correct(void *ctx, struct slice topic, struct slice group, const int32_t *queue_ids, const int64_t *offsets,
		    size_t count)
{
	struct correction *c = ctx;

	if (!slice_eq(topic, c->header->topic))
		return;
	if (c->is_compare ? !slice_eq(group, c->header->compare_group) : is_filtered(c->header->filter_groups, group))
		return;
	for (size_t i = 0; i < count; i++) {
		struct new_offset *least = least_of(c, queue_ids[i], !c->is_compare);

		if (least == NULL)
			continue;
		if (c->is_compare)
			least->offset = least->offset > offsets[i] ? INT64_MAX : least->offset;
		else if (offsets[i] < least->offset)
			least->offset = offsets[i];
	}
}

enum outcome handle_correction_offset(struct request *req)
{
	struct broker *b = req->core;
	struct correction c = {.header = req->header};
	struct json_body body;

	offset_each(b->offsets, correct, &c);
	c.is_compare = true;
	offset_each(b->offsets, correct, &c);
	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "correctionOffsets");
	json_object(&body.w);
	for (size_t i = 0; i < c.count; i++) {
		json_key_i64(&body.w, c.least[i].queue_id, JSON_QUOTED);
		json_i64(&body.w, c.least[i].offset);
	}
	json_object_end(&body.w);
	json_object_end(&body.w);
	free(c.least);
	return json_body_reply(&body);
}

/* ---- 43, 45: what a slave copies ---- */

enum outcome handle_all_offsets(struct request *req)
{
	struct buf *text = request_buf(req);

	offset_table_encode(req->core, text);
	return reply_body(req, buf_slice(text));
}

enum outcome handle_all_delay_offsets(struct request *req)
{
	struct buf *text = request_buf(req);

	delay_service_write_json(req->core, text);
	return reply_body(req, buf_slice(text));
}
