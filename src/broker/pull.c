/* pull: PULL_MESSAGE (11) and LITE_PULL_MESSAGE (361).
 *
 * Happy path: checks in Apache's order (PullMessageProcessor.processRequest), store_get_plan decides what the answer holds, and the
 * bytes are read straight behind the answer's head in the peer's output. An empty queue's end parks the pull in pull_hold.c.
 * Failure: pages that are not in memory come back as RC_PENDING: the pull parks, a job reads them, and it is tried again, so that a
 * consumer of last week's messages never stops the core.
 * Better than Apache: a held pull wakes by the arrival itself, its time-out is kept to the millisecond, and an answer is never dropped
 * because the socket is slow (the server stops reading that peer instead). */
#include "broker/pull.h"

#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/offset_table.h"
#include "broker/pull_hold.h"
#include "broker/refusals.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define PULL_FLAG_COMMIT_OFFSET 0x1
#define PULL_FLAG_SUSPEND 0x2
#define PULL_FLAG_SUBSCRIPTION 0x4

#define PULL_HOLD_MAX_MS 600000 /* longest hold a request can ask for; clients ask for 15 to 30 s */

/* ForbiddenType, in the answer header of a NO_PERMISSION. */
enum { FORBIDDEN_BROKER = 1, FORBIDDEN_GROUP = 2, FORBIDDEN_TOPIC = 3, FORBIDDEN_BROADCASTING = 4, FORBIDDEN_SUBSCRIPTION = 5 };

static enum outcome forbid(struct request *req, int32_t type, const char *remark)
{
	struct pull_message_response_header h = {.forbidden_type = type};
	struct reply r = {.code = NO_PERMISSION, .remark = remark, .schema = &pull_message_response_header_schema, .header = &h};

	h.present = HEADER_BIT(pull_message_response_header, forbidden_type);
	return reply_with(req, &r);
}

/* ---- answers ---- */

static int32_t code_of_status(enum get_status status, int64_t offset)
{
	switch (status) {
	case GET_FOUND:
		return SUCCESS;
	case GET_MESSAGE_WAS_REMOVING:
	case GET_NO_MATCHED_MESSAGE:
		return PULL_RETRY_IMMEDIATELY;
	case GET_NO_MESSAGE_IN_QUEUE:
		return offset != 0 ? PULL_OFFSET_MOVED : PULL_NOT_FOUND;
	case GET_OFFSET_OVERFLOW_ONE:
		return PULL_NOT_FOUND;
	case GET_OFFSET_OVERFLOW_BADLY:
	case GET_OFFSET_TOO_SMALL:
		return PULL_OFFSET_MOVED;
	}
	return SYSTEM_ERROR;
}

static const char *name_of_status(enum get_status status)
{
	static const char *const names[] = {
		[GET_FOUND] = "FOUND",
		[GET_NO_MATCHED_MESSAGE] = "NO_MATCHED_MESSAGE",
		[GET_OFFSET_OVERFLOW_ONE] = "OFFSET_OVERFLOW_ONE",
		[GET_OFFSET_OVERFLOW_BADLY] = "OFFSET_OVERFLOW_BADLY",
		[GET_OFFSET_TOO_SMALL] = "OFFSET_TOO_SMALL",
		[GET_NO_MESSAGE_IN_QUEUE] = "NO_MESSAGE_IN_QUEUE",
		[GET_MESSAGE_WAS_REMOVING] = "MESSAGE_WAS_REMOVING",
	};

	return names[status];
}

/* All four offsets must be in every pull answer: clients unbox them unasked. */
static void fill_header(const struct pull *p, struct pull_message_response_header *h)
{
	struct broker *b = p->req->core;
	const struct group *group = group_find(b->groups, p->group);
	const struct topic *topic = topic_find(b->topics, p->topic_name);

	*h = (struct pull_message_response_header){
		.suggest_which_broker_id = b->config->slave_read_enable && group ? group->broker_id : 0,
		.next_begin_offset = p->get.next_offset,
		.min_offset = p->get.min_offset,
		.max_offset = p->get.max_offset,
		.topic_sys_flag = topic ? topic->sys_flag : 0,
		.group_sys_flag = group ? group->sys_flag : 0,
	};
	h->present = HEADER_ALL(pull_message_response_header) & ~HEADER_BIT(pull_message_response_header, forbidden_type);
}

static enum outcome answer_without_messages(struct pull *p, int32_t code, const char *remark)
{
	struct pull_message_response_header h;
	struct reply r = {.code = code, .remark = remark, .schema = &pull_message_response_header_schema, .header = &h};

	fill_header(p, &h);
	return reply_with(p->req, &r);
}

static void on_warm(struct store_get *g);

/* Copies what the handler's return would take away, once. */
static void park(struct pull *p)
{
	if (p->is_parked)
		return;
	p->is_parked = true;
	p->group = arena_dup(&p->req->arena, p->group);
	p->topic_name = arena_dup(&p->req->arena, p->topic_name);
}

static void on_cancel(struct request *req)
{
	struct pull *p = req->state;
	struct broker *b = req->core;

	pull_hold_remove(b, p);
	store_get_cancel(b->store, &p->get);
}

static enum outcome wait_until_warm(struct pull *p)
{
	park(p);
	p->req->on_cancel = on_cancel;
	return PENDING;
}

static void on_warm(struct store_get *g)
{
	struct pull *p = CONTAINER_OF(g, struct pull, get);

	if (pull_try(p) == DONE)
		request_finish(p->req);
}

static enum outcome answer_messages(struct pull *p)
{
	struct broker *b = p->req->core;
	struct pull_message_response_header h;
	struct reply r = {.code = SUCCESS, .remark = "FOUND", .schema = &pull_message_response_header_schema, .header = &h};
	uint8_t *body;
	enum rc rc;

	fill_header(p, &h);
	body = reply_reserve_body(p->req, &r, (size_t)p->get.bytes);
	if (body == NULL) /* a oneway pull: nobody wants it */
		return DONE;
	rc = store_get_read(b->store, &p->get, body);
	if (rc == RC_OK) {
		stats_count_get(b, topic_find(b->topics, p->topic_name), p->group, (uint64_t)p->get.count,
				(uint64_t)p->get.bytes);
		return DONE;
	}
	reply_cancel_body(p->req);
	if (rc == RC_PENDING)
		return wait_until_warm(p);
	return reply_error(p->req, SYSTEM_ERROR, "read of topic '%.*s' queue %d at %lld: %s", SLICE_ARG(p->topic_name),
			   p->queue_id, (long long)p->offset, rc_text(rc));
}

/* ---- looking ---- */

static bool filter_by_tag(const struct store_get *g, int64_t tags_code)
{
	return subscription_matches_tag(g->filter_arg, tags_code);
}

const struct subscription *pull_subscription(const struct pull *p)
{
	struct broker *b = p->req->core;
	struct consumer_group *members;

	if (p->has_own_subscription)
		return &p->own;
	members = consumer_group_find(b->clients, p->group);
	return members ? consumer_group_subscription(members, p->topic_name) : NULL;
}

/* Nothing to give yet: hold it when it may be, at most until its time is up. */
static enum outcome hold_or_answer(struct pull *p, int32_t code)
{
	struct broker *b = p->req->core;

	if (code == PULL_NOT_FOUND && p->may_hold && b->timers->now_ms < p->hold_until_ms && !b->is_stopping) {
		park(p);
		/* Not "nothing found": a Java client would ask again at once, and does so in 3 s. */
		if (!pull_hold_add(b, p))
			return reply_error(p->req, SYSTEM_BUSY, "%zu pulls are held already", pull_hold_count(b->holds));
		p->req->on_cancel = on_cancel;
		return PENDING;
	}
	stats_count_get_miss(b);
	return answer_without_messages(p, code, name_of_status(p->get.status));
}

/* A queue that was never written to has no store queue; its waiters need one to hang on. */
static struct store_queue *queue_of(struct pull *p, struct topic *topic)
{
	return topic_queue(p->req->core, topic, p->queue_id, p->may_hold);
}

/* An admin has reset the group's offset here: the client is told where to go, once. */
static bool take_reset(struct pull *p, struct topic *topic)
{
	struct broker *b = p->req->core;
	int64_t reset = offset_take_reset(b->offsets, p->group, p->topic_name, p->queue_id);

	if (reset < 0)
		return false;
	p->get.queue = queue_of(p, topic);
	p->get.next_offset = reset;
	p->get.min_offset = store_queue_min(p->get.queue);
	p->get.max_offset = store_queue_max(p->get.queue);
	return true;
}

enum outcome pull_try(struct pull *p)
{
	struct broker *b = p->req->core;
	const struct subscription *subscription = pull_subscription(p);
	struct topic *topic = topic_find(b->topics, p->topic_name);
	struct store_get *g = &p->get;
	enum rc rc;

	if (topic == NULL) /* deleted while the pull was held */
		return refuse_unknown_topic(p->req, p->topic_name);
	if (subscription == NULL)
		return reply_error(p->req, SUBSCRIPTION_NOT_EXIST, "the consumer's subscription not exist");
	if (take_reset(p, topic)) /* before or while it was held */
		return answer_without_messages(p, PULL_OFFSET_MOVED, "OFFSET_RESET");
	g->queue = queue_of(p, topic);
	g->offset = p->offset;
	g->max_count = p->max_count;
	g->max_bytes = b->config->max_transfer_bytes_on_message_in_memory;
	g->filter = subscription->takes_all ? NULL : filter_by_tag;
	g->filter_arg = subscription;
	g->filter_bits = subscription->takes_all ? 0 : subscription_tag_bits(subscription);
	g->on_warm = on_warm;
	if (g->queue == NULL && p->may_hold)
		return reply_error(p->req, SYSTEM_BUSY, "the broker holds as many queues as it can (%d)", STORE_QUEUES_MAX);
	if (g->queue == NULL) { /* not one message yet, and it may not wait for one */
		g->status = GET_NO_MESSAGE_IN_QUEUE;
		g->next_offset = g->min_offset = g->max_offset = 0;
		return hold_or_answer(p, code_of_status(g->status, p->offset));
	}
	rc = store_get_plan(b->store, g);
	if (rc == RC_PENDING)
		return wait_until_warm(p);
	if (rc != RC_OK)
		return reply_error(p->req, SYSTEM_ERROR, "look-up in topic '%.*s' queue %d at %lld: %s", SLICE_ARG(p->topic_name),
				   p->queue_id, (long long)p->offset, rc_text(rc));
	if (g->status == GET_FOUND)
		return answer_messages(p);
	return hold_or_answer(p, code_of_status(g->status, p->offset));
}

/* ---- the request ---- */

static bool is_tag_type(struct slice type) { return type.len == 0 || slice_is(type, "TAG"); }

/* The subscription that came with the pull. PENDING: fine; DONE: refused. */
static enum outcome take_own_subscription(struct pull *p, const struct pull_message_request_header *h)
{
	struct slice expression = arena_dup(&p->req->arena, h->subscription);
	struct slice type = arena_dup(&p->req->arena, h->expression_type);
	enum rc rc = subscription_parse(&p->req->arena, p->topic_name, expression, type, &p->own);

	if (rc != RC_OK)
		return reply_error(p->req, SUBSCRIPTION_PARSE_FAILED, "parse the consumer's subscription failed");
	p->has_own_subscription = true;
	return PENDING;
}

/* The subscription that the group's heartbeat told. PENDING: fine; DONE: refused. */
static enum outcome check_group_subscription(struct pull *p, const struct group *group,
					     const struct pull_message_request_header *h)
{
	struct broker *b = p->req->core;
	struct consumer_group *members = consumer_group_find(b->clients, p->group);
	const struct subscription *s;

	if (members == NULL)
		return reply_error(p->req, SUBSCRIPTION_NOT_EXIST, "the consumer's group info not exist");
	if (!group->consume_broadcast_enable && consumer_group_model(members) == MODEL_BROADCASTING)
		return forbid(p->req, FORBIDDEN_BROADCASTING,
			      arena_printf(&p->req->arena, "the consumer group[%.*s] can not consume by broadcast way",
					   SLICE_ARG(p->group)));
	if (group_forbidden(b->groups, p->group, p->topic_name) & PERM_READ)
		return forbid(p->req, FORBIDDEN_SUBSCRIPTION,
			      arena_printf(&p->req->arena, "the consumer group[%.*s] is forbidden for topic[%.*s]",
					   SLICE_ARG(p->group), SLICE_ARG(p->topic_name)));
	s = consumer_group_subscription(members, p->topic_name);
	if (s == NULL)
		return reply_error(p->req, SUBSCRIPTION_NOT_EXIST, "the consumer's subscription not exist");
	if (s->version < h->sub_version) {
		consumer_group_member_is_ahead(members, p->req->peer);
		return reply_error(p->req, SUBSCRIPTION_NOT_LATEST, "the consumer's subscription not latest");
	}
	return PENDING;
}

/* Broker, group, topic, queue: may this pull be at all? PENDING: yes, *group and *topic are set; DONE: refused. */
static enum outcome check_pull(struct request *req, const struct pull_message_request_header *h, struct group **group,
			       struct topic **topic)
{
	struct broker *b = req->core;

	if (!(b->config->broker_permission & PERM_READ))
		return forbid(req, FORBIDDEN_BROKER,
			      arena_printf(&req->arena, "the broker[%s] pulling message is forbidden", b->config->broker_ip1));
	if (req->cmd.code == LITE_PULL_MESSAGE && !b->config->lite_pull_message_enable)
		return forbid(
			req, FORBIDDEN_BROKER,
			arena_printf(&req->arena, "the broker[%s] for lite pull consumer is forbidden", b->config->broker_ip1));
	*group = group_find_or_create(b, h->consumer_group);
	if (*group == NULL)
		return reply_error(req, SUBSCRIPTION_GROUP_NOT_EXIST, "subscription group [%.*s] does not exist",
				   SLICE_ARG(h->consumer_group));
	if (!(*group)->consume_enable)
		return forbid(req, FORBIDDEN_GROUP,
			      arena_printf(&req->arena, "subscription group no permission, %.*s", SLICE_ARG(h->consumer_group)));
	*topic = topic_find(b->topics, h->topic);
	if (*topic == NULL)
		return refuse_unknown_topic(req, h->topic);
	if (!((*topic)->perm & PERM_READ))
		return forbid(req, FORBIDDEN_TOPIC,
			      arena_printf(&req->arena, "the topic[%.*s] pulling message is forbidden", SLICE_ARG(h->topic)));
	if (h->queue_id < 0 || h->queue_id >= (*topic)->read_queues)
		return reply_error(req, INVALID_PARAMETER,
				   "queueId[%d] is illegal, topic:[%.*s] topicConfig.readQueueNums:[%d] consumer:[%s]",
				   h->queue_id, SLICE_ARG(h->topic), (*topic)->read_queues, req->peer->address);
	return PENDING;
}

static uint64_t hold_time(const struct broker *b, const struct pull_message_request_header *h)
{
	int64_t ms = b->config->long_polling_enable ? h->suspend_timeout_ms : b->config->short_polling_time_mills;

	return ms <= 0 ? 0 : ms > PULL_HOLD_MAX_MS ? PULL_HOLD_MAX_MS : (uint64_t)ms;
}

enum outcome handle_pull(struct request *req)
{
	struct broker *b = req->core;
	const struct pull_message_request_header *h = req->header;
	struct group *group = NULL;
	struct topic *topic = NULL;
	struct pull *p;

	if (check_pull(req, h, &group, &topic) == DONE)
		return DONE;
	p = arena_alloc(&req->arena, sizeof(*p));
	req->state = p;
	p->req = req;
	list_init(&p->link);
	p->group = h->consumer_group;
	p->topic_name = h->topic;
	p->queue_id = h->queue_id;
	p->max_count = h->max_msg_nums < 1 ? 1 : h->max_msg_nums;
	if (p->max_count > b->config->max_transfer_count_on_message_in_memory)
		p->max_count = b->config->max_transfer_count_on_message_in_memory;
	p->offset = h->queue_offset;
	p->may_hold = (h->sys_flag & PULL_FLAG_SUSPEND) != 0;
	p->hold_until_ms = b->timers->now_ms + hold_time(b, h);
	p->sub_version = h->sub_version;
	if ((h->sys_flag & PULL_FLAG_SUBSCRIPTION ? take_own_subscription(p, h) : check_group_subscription(p, group, h)) == DONE)
		return DONE;
	/* Whatever enablePropertyFilter says: a filter that is not served must not let everything through. */
	if (!is_tag_type(p->has_own_subscription ? h->expression_type : pull_subscription(p)->expression_type))
		return reply_error(req, SYSTEM_ERROR, "The broker does not support consumer to filter message by %.*s",
				   SLICE_ARG(h->expression_type));
	if (h->sys_flag & PULL_FLAG_COMMIT_OFFSET)
		offset_put(b->offsets, p->group, p->topic_name, p->queue_id, h->commit_offset);
	return pull_try(p);
}
