/* store_handlers: admins look at the store and clean it: CLEAN_EXPIRED_CONSUMEQUEUE (306), CLEAN_UNUSED_TOPIC (316), QUERY_CONSUME_QUEUE
 * (321), DELETE_EXPIRED_COMMITLOG (329).
 * Facts: Apache AdminBrokerProcessor, DefaultMessageStore.cleanUnusedTopic; json_bodies.md QueryConsumeQueueResponseBody. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/client_table.h"
#include "broker/handlers.h"
#include "broker/pull_hold.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define QUERY_ENTRIES_MAX 1024 /* most entries in one answer of 321 */

/* ---- 321 ---- */

static void write_entries(struct json_writer *w, struct store_queue *q, int64_t from, int32_t count)
{
	struct store_entry e;

	json_key(w, "queueData");
	json_array(w);
	for (int64_t offset = from; offset - from < count && store_queue_entry(q, offset, &e) == RC_OK; offset++) {
		json_object(w);
		json_member_bool(w, "eval", false);
		json_member_i64(w, "physicOffset", e.physical_offset);
		json_member_i64(w, "physicSize", e.size);
		json_member_i64(w, "tagsCode", e.tags_code);
		json_object_end(w);
	}
	json_array_end(w);
}

enum outcome handle_query_queue(struct request *req)
{
	const struct query_consume_queue_request_header *h = req->header;
	struct broker *b = req->core;
	struct topic *topic = topic_find(b->topics, h->topic);
	struct store_queue *q = topic ? topic_queue(b, topic, h->queue_id, false) : NULL;
	struct consumer_group *group = h->consumer_group.len ? consumer_group_find(b->clients, h->consumer_group) : NULL;
	const struct subscription *sub = group ? consumer_group_subscription(group, h->topic) : NULL;
	int32_t count = h->count < 0 ? 0 : h->count > QUERY_ENTRIES_MAX ? QUERY_ENTRIES_MAX : h->count;
	struct json_body body;

	if (q == NULL)
		return reply_error(req, SYSTEM_ERROR, "%d@%.*s is not exist!", h->queue_id, SLICE_ARG(h->topic));
	if (h->index < store_queue_min(q) || h->index >= store_queue_max(q))
		return reply_empty(req, SUCCESS,
				   arena_printf(&req->arena, "Index %lld of %d@%.*s is not exist!", (long long)h->index,
						h->queue_id, SLICE_ARG(h->topic)));
	json_body_begin(&body, req);
	json_object(&body.w);
	if (h->consumer_group.len != 0 && sub == NULL)
		json_member_text(&body.w, "filterData",
				 slice_of(arena_printf(&req->arena, "%.*s@%.*s is not online!", SLICE_ARG(h->consumer_group),
						       SLICE_ARG(h->topic))));
	json_member_i64(&body.w, "maxQueueIndex", store_queue_max(q));
	json_member_i64(&body.w, "minQueueIndex", store_queue_min(q));
	write_entries(&body.w, q, h->index, count);
	if (sub != NULL) {
		json_key(&body.w, "subscriptionData");
		json_raw(&body.w, slice_of(sub->json));
	}
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- cleaning ---- */

/* Files of queues that only point below the log's begin go with every round of retention, so there is nothing left to do. */
enum outcome handle_clean_queues(struct request *req) { return reply_empty(req, SUCCESS, NULL); }

enum outcome handle_delete_expired(struct request *req)
{
	struct broker *b = req->core;

	store_delete_expired(b->store);
	return reply_empty(req, SUCCESS, NULL);
}

struct unused {
	struct broker *broker;
	struct slice *topics; /* malloc'ed, and the texts */
	size_t count, cap;
};

static void collect_unused(void *ctx, struct store_queue *q)
{
	struct unused *u = ctx;
	struct slice topic = store_queue_topic(q);

	if (topic_find(u->broker->topics, topic) != NULL)
		return;
	for (size_t i = 0; i < u->count; i++)
		if (slice_eq(u->topics[i], topic))
			return;
	if (u->count == u->cap) {
		u->cap = u->cap ? u->cap * 2 : 16;
		u->topics = mem_realloc(u->topics, u->cap * sizeof(*u->topics));
	}
	u->topics[u->count++] = (struct slice){slice_dup(topic), topic.len};
}

/* Queues whose topic is configured no more. */
enum outcome handle_clean_topics(struct request *req)
{
	struct broker *b = req->core;
	struct unused unused = {.broker = b};

	store_each_queue(b->store, collect_unused, &unused);
	for (size_t i = 0; i < unused.count; i++) {
		log_info("broker", "topic '%.*s': unknown, its queues are removed", SLICE_ARG(unused.topics[i]));
		pull_hold_topic_deleted(b, unused.topics[i]);
		store_delete_topic(b->store, unused.topics[i]);
		free((char *)unused.topics[i].at);
	}
	free(unused.topics);
	return reply_empty(req, SUCCESS, NULL);
}
