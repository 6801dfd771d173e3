/* send_back: CONSUMER_SEND_MSG_BACK (36): a consumer could not handle a message; it comes again after a delay, or becomes a dead letter.
 *
 *   checks -> read the message at the physical offset (it may be cold: then parked) -> put to %RETRY%group with DELAY, or to %DLQ%group
 *
 * Facts: Apache AbstractSendMessageProcessor.consumerSendMsgBack. */
#include <stdio.h>

#include "base/log.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/message_put.h"
#include "broker/reply_json.h"
#include "broker/state_files.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define FIRST_RETRY_LEVEL 3 /* delayLevel 0 means 3 + reconsumeTimes: 10 s, 30 s, 1 m ... */

struct send_back { /* in the request's arena */
	struct request *req;
	struct store_get get;
	struct store_wait wait;
	struct state_wait topic_wait; /* %RETRY% or %DLQ% may be new */
	uint64_t topic_change;
	struct buf bytes; /* the message as stored; freed with the arena */
	struct slice group;
	int64_t offset;
	int32_t delay_level, max_reconsume_times;
	int32_t retry_queues;
	int32_t topic_sys_flag;
};

static enum outcome attempt(struct send_back *s);

static void on_cancel(struct request *req)
{
	struct send_back *s = req->state;
	struct broker *b = req->core;

	store_get_cancel(b->store, &s->get);
	store_wait_cancel(&s->wait);
	state_wait_cancel(&s->topic_wait);
}

static void on_warm(struct store_get *g)
{
	struct send_back *s = CONTAINER_OF(g, struct send_back, get);

	if (attempt(s) == DONE)
		request_finish(s->req);
}

static void answer(struct send_back *s, int32_t code, const char *remark)
{
	if (reply_empty(s->req, code, remark) == DONE)
		request_finish(s->req);
}

static void on_topic_saved(struct state_wait *wait) { answer(CONTAINER_OF(wait, struct send_back, topic_wait), SUCCESS, NULL); }

static void on_stored(struct store_wait *wait, enum rc rc)
{
	struct send_back *s = CONTAINER_OF(wait, struct send_back, wait);
	const char *remark = NULL;

	if (rc != RC_OK) {
		int32_t code = message_put_error(s->req->core, rc, &s->req->arena, &remark);

		answer(s, code, remark);
	} else if (!topic_wait_saved(s->req->core, s->topic_change, &s->topic_wait)) {
		answer(s, SUCCESS, NULL);
	}
}

/* Properties of the copy: the original's, with where it came from; WAIT=false and DELAY as Apache leaves them. */
static void copy_properties(struct send_back *s, const struct message *old, int32_t level, struct buf *out)
{
	static const char *const replaced[] = {"RETRY_TOPIC", "ORIGIN_MESSAGE_ID", "WAIT", "DELAY",
					       "REAL_TOPIC",  "REAL_QID",          NULL};
	struct message_props props;
	char id[57], number[16];

	(void)s;
	message_props_scan(old->properties, &props);
	buf_clear(out);
	message_props_copy(out, old->properties, replaced);
	message_property_put(out, "RETRY_TOPIC", props.retry_topic.len ? props.retry_topic : old->topic);
	message_id_encode(&old->store_host, old->physical_offset, id);
	message_property_put(out, "ORIGIN_MESSAGE_ID", props.origin_message_id.len ? props.origin_message_id : slice_of(id));
	message_property_put(out, "WAIT", SLICE_LIT("false"));
	snprintf(number, sizeof(number), "%d", level);
	message_property_put(out, "DELAY", slice_of(number));
}

/* Where it goes now. NULL when the topic cannot be made. */
static struct topic *target_of(struct send_back *s, bool is_dead, int32_t *queue_id)
{
	struct broker *b = s->req->core;
	struct slice name = slice_of(arena_printf(&s->req->arena, "%s%.*s", is_dead ? "%DLQ%" : "%RETRY%", SLICE_ARG(s->group)));

	*queue_id = is_dead ? 0 : random_queue(s->retry_queues);
	return topic_ensure(b, name, is_dead ? 1 : s->retry_queues, PERM_READ | PERM_WRITE, is_dead ? 0 : s->topic_sys_flag);
}

static enum outcome put_copy(struct send_back *s, const struct message *old)
{
	struct broker *b = s->req->core;
	bool is_dead = old->reconsume_times >= s->max_reconsume_times || s->delay_level < 0;
	int32_t level = is_dead ? 0 : s->delay_level == 0 ? FIRST_RETRY_LEVEL + old->reconsume_times : s->delay_level;
	struct message m = *old;
	struct append_result at;
	struct topic *topic = target_of(s, is_dead, &m.queue_id);
	const char *remark = NULL;
	enum rc rc;

	if (topic == NULL)
		return reply_error(s->req, SYSTEM_ERROR, "topic[%s%.*s] not exist", is_dead ? "%DLQ%" : "%RETRY%",
				   SLICE_ARG(s->group));
	if (!(topic->perm & PERM_WRITE))
		return reply_error(s->req, NO_PERMISSION, "the topic[%.*s] sending message is forbidden", SLICE_ARG(topic->name));
	copy_properties(s, old, level, &b->put_properties);
	m.topic = topic->name;
	m.properties = buf_slice(&b->put_properties);
	m.reconsume_times = old->reconsume_times + 1;
	m.sys_flag &= ~SYS_FLAG_TRANSACTION_MASK;
	m.prepared_transaction_offset = 0;
	rc = message_put(b, NULL, &m, &b->put_properties, level, &at);
	if (rc != RC_OK) {
		int32_t code = message_put_error(b, rc, &s->req->arena, &remark);
		return reply_empty(s->req, code, remark);
	}
	if (is_dead)
		log_info("broker", "dead letter of group '%.*s': message at %lld of topic '%.*s' after %d attempts",
			 SLICE_ARG(s->group), (long long)s->offset, SLICE_ARG(old->topic), old->reconsume_times);
	stats_count_send_back(b, topic_find(b->topics, old->topic), s->group);
	s->wait.on_ready = on_stored;
	s->req->on_cancel = on_cancel;
	s->topic_change = topic->change;
	/* Apache answers before the flush (WAIT=false). Ours waits as a sender would: the consumer takes the answer as leave to go on, and
	 * its offset passes the original. */
	store_wait_for(b->store, &s->wait, at.end, message_put_mark(b, true));
	return PENDING;
}

static enum outcome attempt(struct send_back *s)
{
	struct broker *b = s->req->core;
	struct message old;
	enum rc rc;

	buf_clear(&s->bytes);
	rc = store_read_message(b->store, s->offset, &s->bytes, &s->get);
	if (rc == RC_PENDING) {
		s->req->on_cancel = on_cancel;
		return PENDING;
	}
	if (rc != RC_OK || message_decode(buf_slice(&s->bytes), false, &old) != RC_OK)
		return reply_error(s->req, SYSTEM_ERROR, "look message by offset failed, %lld", (long long)s->offset);
	return put_copy(s, &old);
}

enum outcome handle_send_back(struct request *req)
{
	struct broker *b = req->core;
	const struct consumer_send_msg_back_request_header *h = req->header;
	struct group *group = group_find_or_create(b, h->group);
	struct send_back *s;

	if (group == NULL)
		return reply_error(req, SUBSCRIPTION_GROUP_NOT_EXIST, "subscription group not exist, %.*s", SLICE_ARG(h->group));
	if (!(b->config->broker_permission & PERM_WRITE))
		return reply_error(req, NO_PERMISSION, "the broker[%s] sending message is forbidden", b->config->broker_ip1);
	if (group->retry_queue_nums <= 0) /* the group wants no retries: acknowledged and dropped */
		return reply_empty(req, SUCCESS, NULL);
	s = arena_alloc(&req->arena, sizeof(*s));
	request_owns_buf(req, &s->bytes);
	req->state = s;
	s->req = req;
	list_init(&s->wait.link);
	list_init(&s->topic_wait.link);
	s->topic_wait.on_saved = on_topic_saved;
	s->get.on_warm = on_warm;
	s->group = arena_dup(&req->arena, h->group);
	s->offset = h->offset;
	s->delay_level = h->delay_level;
	s->retry_queues = group->retry_queue_nums;
	s->topic_sys_flag = h->unit_mode ? 2 : 0;
	s->max_reconsume_times = HEADER_HAS(consumer_send_msg_back_request_header, h, max_reconsume_times)
					 ? h->max_reconsume_times
					 : group->retry_max_times;
	return attempt(s);
}
