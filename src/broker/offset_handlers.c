/* offset_handlers: QUERY_CONSUMER_OFFSET (14), UPDATE_CONSUMER_OFFSET (15), SEARCH_OFFSET_BY_TIMESTAMP (29), GET_MAX_OFFSET (30),
 * GET_MIN_OFFSET (31), GET_EARLIEST_MSG_STORETIME (32).
 * Facts: Apache ConsumerManageProcessor, AdminBrokerProcessor; oddities.md, "Consuming". */
#include <unistd.h>

#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/offset_table.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

/* The store's queue of a topic that may be unknown; NULL when there is none: it then counts as empty. */
static struct store_queue *find_queue(struct broker *b, struct slice name, int32_t queue_id)
{
	struct topic *topic = topic_find(b->topics, name);

	return topic ? topic_queue(b, topic, queue_id, false) : NULL;
}

static enum outcome reply_offset(struct request *req, int64_t offset)
{
	struct query_consumer_offset_response_header h = {.present = HEADER_ALL(query_consumer_offset_response_header),
							  .offset = offset};

	/* All five answers have one field, "offset". */
	return reply_header(req, SUCCESS, &query_consumer_offset_response_header_schema, &h);
}

/* A group that never committed starts at 0 while the queue still has its first message, and that message is near enough to the log's end
 * to be in memory: Apache's way to let a new group read a young topic from its beginning, but not replay an old one
 * (checkInMemByConsumeOffset; accessMessageInMemoryMaxRatio percent of the machine's memory). */
static bool starts_at_zero(struct broker *b, struct store_queue *q)
{
	struct store_get g = {.queue = q, .max_count = 1, .max_bytes = 1};
	struct store_figures figures;
	int64_t memory =
		(int64_t)sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE) / 100 * b->config->access_message_in_memory_max_ratio;

	if (q == NULL || store_queue_min(q) > 0 || store_queue_max(q) == 0)
		return false;
	list_init(&g.link);
	g.on_warm = NULL;
	if (store_get_plan(b->store, &g) != RC_OK) { /* cold: as good as on disk */
		store_get_cancel(b->store, &g);
		return false;
	}
	store_get_figures(b->store, &figures);
	return g.status == GET_FOUND && g.range_count > 0 && figures.written - g.ranges[0].at <= memory;
}

enum outcome handle_query_offset(struct request *req)
{
	const struct query_consumer_offset_request_header *h = req->header;
	struct broker *b = req->core;
	int64_t offset = offset_get(b->offsets, h->consumer_group, h->topic, h->queue_id);

	if (offset >= 0)
		return reply_offset(req, offset);
	if (HEADER_HAS(query_consumer_offset_request_header, h, set_zero_if_not_found) && !h->set_zero_if_not_found)
		return reply_error(req, QUERY_NOT_FOUND, "Not found, do not set to zero, maybe this group boot first");
	if (starts_at_zero(b, find_queue(b, h->topic, h->queue_id)))
		return reply_offset(req, 0);
	return reply_error(req, QUERY_NOT_FOUND, "Not found, V3_0_6_SNAPSHOT maybe this group consumer boot first");
}

enum outcome handle_update_offset(struct request *req)
{
	const struct update_consumer_offset_request_header *h = req->header;
	struct broker *b = req->core;

	if (group_find(b->groups, h->consumer_group) == NULL)
		return reply_error(req, SUBSCRIPTION_GROUP_NOT_EXIST, "Group %.*s not exist!", SLICE_ARG(h->consumer_group));
	if (topic_find(b->topics, h->topic) == NULL)
		return reply_error(req, TOPIC_NOT_EXIST, "Topic %.*s not exist!", SLICE_ARG(h->topic));
	if (!HEADER_HAS(update_consumer_offset_request_header, h, queue_id))
		return reply_error(req, INVALID_PARAMETER, "QueueId is null, topic is %.*s", SLICE_ARG(h->topic));
	if (!HEADER_HAS(update_consumer_offset_request_header, h, commit_offset))
		return reply_error(req, INVALID_PARAMETER, "Offset is null, topic is %.*s", SLICE_ARG(h->topic));
	if (b->config->use_server_side_reset_offset && offset_has_reset(b->offsets, h->consumer_group, h->topic, h->queue_id))
		return reply_empty(req, SUCCESS, "Offset has been previously reset");
	if (!offset_put(b->offsets, h->consumer_group, h->topic, h->queue_id, h->commit_offset))
		return reply_error(req, SYSTEM_BUSY, "the offset of queue %d of topic %.*s cannot be stored", h->queue_id,
				   SLICE_ARG(h->topic));
	return reply_empty(req, SUCCESS, NULL);
}

enum outcome handle_search_offset(struct request *req)
{
	const struct search_offset_request_header *h = req->header;
	struct broker *b = req->core;
	struct store_queue *q = find_queue(b, h->topic, h->queue_id);
	enum boundary boundary =
		slice_is(h->boundary_type, "UPPER") || slice_is(h->boundary_type, "upper") ? BOUNDARY_UPPER : BOUNDARY_LOWER;

	return reply_offset(req, q ? store_offset_by_time(b->store, q, h->timestamp, boundary) : 0);
}

enum outcome handle_max_offset(struct request *req)
{
	const struct get_max_offset_request_header *h = req->header;
	struct store_queue *q = find_queue(req->core, h->topic, h->queue_id);

	return reply_offset(req, q ? store_queue_max(q) : 0);
}

enum outcome handle_min_offset(struct request *req)
{
	const struct get_min_offset_request_header *h = req->header;
	struct store_queue *q = find_queue(req->core, h->topic, h->queue_id);

	return reply_offset(req, q ? store_queue_min(q) : 0);
}

enum outcome handle_earliest_time(struct request *req)
{
	const struct get_earliest_msg_storetime_request_header *h = req->header;
	struct broker *b = req->core;
	struct store_queue *q = find_queue(b, h->topic, h->queue_id);
	struct get_earliest_msg_storetime_response_header answer = {
		.present = HEADER_ALL(get_earliest_msg_storetime_response_header),
		.timestamp =
			q && store_queue_max(q) > store_queue_min(q) ? store_message_time(b->store, q, store_queue_min(q)) : -1,
	};

	return reply_header(req, SUCCESS, &get_earliest_msg_storetime_response_header_schema, &answer);
}
