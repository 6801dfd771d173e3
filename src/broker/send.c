/* send: SEND_MESSAGE (10), SEND_MESSAGE_V2 (310), SEND_BATCH_MESSAGE (320).
 *
 *   checks in Apache's order -> properties completed -> message_put (staged) -> parked until the watermark -> answer
 *
 * The checks and their remarks are AbstractSendMessageProcessor.msgCheck's; the answer is handlePutMessageResult's.
 * A oneway goes the same way and is simply not answered. */
#include <stdio.h>
#include <stdlib.h>

#include "base/wire.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/group_table.h"
#include "broker/half_message.h"
#include "broker/handlers.h"
#include "broker/lock_table.h"
#include "broker/message_put.h"
#include "broker/refusals.h"
#include "broker/state_files.h"
#include "broker/send.h"
#include "broker/topic_table.h"
#include "broker/transaction_service.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

/* What a client may say of its message: compressed, several tags, how it is compressed. Transaction states, host sizes and inner batches are
 * the broker's to say: a rebuilt consume queue goes by them. */
#define CLIENT_SYS_FLAGS (SYS_FLAG_COMPRESSED | SYS_FLAG_MULTI_TAGS | 0x700)
#define BATCH_ITEMS_MAX 65536 /* messages in one batch; the body limit allows 190,000 empty ones */
#define MESSAGE_ID_CHARS 57   /* longest offsetMsgId, or a comma, and the NUL */

struct pending_send { /* in the request's arena */
	struct store_wait wait;
	struct state_wait topic_wait; /* a topic that was just made must be on file first */
	uint64_t topic_change;
	struct request *req;
	struct topic *topic;
	struct send_message_response_header header;
	uint32_t messages;
	uint64_t bytes;
};

void send_prepare(struct request *req) { req->body_crc = message_body_crc(req->cmd.body); }

/* ---- checks ---- */

/* The topic to send to, made when that is allowed; NULL with *out = the refusal's outcome. */
static struct topic *select_topic(struct request *req, const struct send_message_request_header *h)
{
	struct broker *b = req->core;
	struct topic *topic = topic_find(b->topics, h->topic);
	bool is_retry = slice_has_prefix(h->topic, SLICE_LIT("%RETRY%"));
	int32_t sys_flag = h->unit_mode ? (is_retry ? 2 : 1) : 0;

	if (topic == NULL)
		topic = topic_auto_create(b, h->topic, h->default_topic, h->default_topic_queue_nums, sys_flag);
	if (topic == NULL && is_retry)
		topic = topic_ensure(b, h->topic, 1, PERM_READ | PERM_WRITE, sys_flag);
	return topic;
}

/* Everything that can be said before the body is looked at. DONE: refused and answered; PENDING: go on, *out is the topic. */
enum outcome send_check(struct request *req, const struct send_message_request_header *h, struct topic **out)
{
	struct broker *b = req->core;
	const char *name_error;
	int32_t queues;
	struct topic *topic;

	if ((int64_t)b->wall_ms < b->config->start_accept_send_request_time_stamp)
		return reply_error(req, SYSTEM_ERROR, "broker unable to service, until %lld",
				   (long long)b->config->start_accept_send_request_time_stamp);
	topic = topic_find(b->topics, h->topic);
	if (!(b->config->broker_permission & PERM_WRITE) && topic != NULL && topic->is_order)
		return reply_error(req, NO_PERMISSION, "the broker[%s] sending message is forbidden", b->config->broker_ip1);
	if (topic == NULL) { /* a known topic has passed the grammar already */
		name_error = topic_name_error(h->topic, &req->arena);
		if (name_error != NULL)
			return reply_error(req, INVALID_PARAMETER, "%s", name_error);
	}
	if (topic_is_not_allowed_send(h->topic))
		return reply_error(req, NO_PERMISSION, "Sending message to topic[%.*s] is forbidden.", SLICE_ARG(h->topic));
	if (topic == NULL)
		topic = select_topic(req, h);
	if (topic == NULL)
		return refuse_unknown_topic(req, h->topic);
	/* Apache takes sends to a topic without the write bit and to ids between the write and read counts; no client of its own sends
	 * them, so we refuse the first and take the second (a shrunk topic's queues drain that way). */
	if (!(topic->perm & PERM_WRITE))
		return reply_error(req, NO_PERMISSION, "the topic[%.*s] sending message is forbidden", SLICE_ARG(h->topic));
	queues = topic->write_queues > topic->read_queues ? topic->write_queues : topic->read_queues;
	if (h->queue_id >= queues)
		return reply_error(
			req, INVALID_PARAMETER,
			"request queueId[%d] is illegal, TopicConfig [topicName=%.*s, readQueueNums=%d, writeQueueNums=%d] "
			"Producer: %s",
			h->queue_id, SLICE_ARG(h->topic), topic->read_queues, topic->write_queues, req->peer->address);
	if (topic->write_queues <= 0)
		return reply_error(req, NO_PERMISSION, "the topic[%.*s] has no queue to write to", SLICE_ARG(h->topic));
	*out = topic;
	return PENDING;
}

/* ---- answer ---- */

static void answer(struct pending_send *p, int32_t code, const char *remark)
{
	struct reply r = {.code = code, .remark = remark, .schema = &send_message_response_header_schema, .header = &p->header};

	if (reply_with(p->req, &r) == DONE)
		request_finish(p->req);
}

/* Held while the store has not answered: the topic may be deleted meanwhile. */
static void drop_topic(struct pending_send *p)
{
	struct broker *b = p->req->core;

	if (p->topic != NULL)
		topic_drop(b->topics, p->topic);
	p->topic = NULL;
}

static void on_topic_saved(struct state_wait *wait)
{
	answer(CONTAINER_OF(wait, struct pending_send, topic_wait), SUCCESS, NULL);
}

static void on_stored(struct store_wait *wait, enum rc rc)
{
	struct pending_send *p = CONTAINER_OF(wait, struct pending_send, wait);
	struct request *req = p->req;
	const char *remark = NULL;

	if (rc == RC_OK)
		stats_count_put(req->core, p->topic && p->topic->is_deleted ? NULL : p->topic, p->messages, p->bytes);
	drop_topic(p);
	if (rc == RC_OK) {
		if (!topic_wait_saved(req->core, p->topic_change, &p->topic_wait))
			answer(p, SUCCESS, NULL);
		return;
	}
	int32_t code = message_put_error(req->core, rc, &req->arena, &remark);
	if (reply_empty(req, code, remark) == DONE)
		request_finish(req);
}

static void on_cancel(struct request *req)
{
	struct pending_send *p = req->state;

	drop_topic(p);
	store_wait_cancel(&p->wait);
	state_wait_cancel(&p->topic_wait);
}

/* SYNC_FLUSH took longer than syncFlushTimeout: stored, not yet known to be on the device. */
static void on_flush_timeout(struct request *req)
{
	struct pending_send *p = req->state;

	on_cancel(req);
	answer(p, FLUSH_DISK_TIMEOUT, NULL);
}

/* Park until the store has it. */
static enum outcome wait_and_answer(struct request *req, struct pending_send *p, int64_t end, bool waits)
{
	struct broker *b = req->core;
	enum watermark mark = message_put_mark(b, waits);

	p->req = req;
	if (p->topic != NULL)
		topic_hold(p->topic);
	p->header.present = HEADER_ALL(send_message_response_header);
	p->header.msg_region = slice_of(b->config->region_id);
	p->header.trace_on = b->config->trace_on ? SLICE_LIT("true") : SLICE_LIT("false");
	if (p->header.batch_uniq_id.len == 0)
		p->header.present &= ~HEADER_BIT(send_message_response_header, batch_uniq_id);
	if (p->header.transaction_id.len == 0) /* a batch whose client gave it none */
		p->header.present &= ~HEADER_BIT(send_message_response_header, transaction_id);
	p->wait.on_ready = on_stored;
	p->topic_wait.on_saved = on_topic_saved;
	list_init(&p->topic_wait.link);
	req->state = p;
	req->on_cancel = on_cancel;
	store_wait_for(b->store, &p->wait, end, mark);
	if (mark == WATERMARK_FLUSHED) {
		req->on_deadline = on_flush_timeout;
		request_set_deadline(req, (uint64_t)b->config->sync_flush_timeout);
	}
	return PENDING;
}

static enum outcome refuse_put(struct request *req, enum rc rc)
{
	const char *remark = NULL;
	int32_t code = message_put_error(req->core, rc, &req->arena, &remark);

	return reply_empty(req, code, remark);
}

/* ---- one message ---- */

/* A message that the client itself sends to %RETRY%: over its maximum it becomes a dead letter (handleRetryAndDLQ). Changes m and *topic.
 * Returns NULL, or the remark of a refusal with *code. */
static const char *retry_or_dead_letter(struct request *req, const struct send_message_request_header *h, struct message *m,
					struct topic **topic, bool *is_dead, int32_t *code)
{
	struct broker *b = req->core;
	struct slice group_name = slice_sub(h->topic, 7, h->topic.len);
	struct group *group = group_find_or_create(b, group_name);
	int32_t most;

	if (group == NULL) {
		*code = SUBSCRIPTION_GROUP_NOT_EXIST;
		return arena_printf(&req->arena, "subscription group not exist, %.*s", SLICE_ARG(group_name));
	}
	most = HEADER_HAS(send_message_request_header, h, max_reconsume_times) ? h->max_reconsume_times : group->retry_max_times;
	/* An orderly consumer (it holds locks) gives up only for good. */
	if (h->reconsume_times <= most && !lock_table_group_is_locked(b->locks, group_name))
		return NULL;
	m->topic = slice_of(arena_printf(&req->arena, "%%DLQ%%%.*s", SLICE_ARG(group_name)));
	m->queue_id = 0;
	*is_dead = true;
	*topic = topic_ensure(b, m->topic, 1, PERM_READ | PERM_WRITE, 0);
	if (*topic != NULL)
		return NULL;
	*code = SYSTEM_ERROR;
	return arena_printf(&req->arena, "topic[%.*s] not exist", SLICE_ARG(m->topic));
}

/* The message's own properties, then the broker's: UNIQ_KEY when it has none, MSG_REGION, TRACE_ON, CLUSTER. */
static void complete_properties(struct broker *b, struct slice own, struct message_props *props, struct buf *out)
{
	static const char *const reserved[] = {"POP_CK", "MSG_REGION", "TRACE_ON", "CLUSTER", NULL};
	char id[33];

	buf_clear(out);
	if (props->has_reserved) {
		message_props_copy(out, own, reserved);
	} else {
		buf_put_slice(out, own);
		if (own.len && own.at[own.len - 1] != '\x02')
			buf_put_u8(out, '\x02');
	}
	if (props->uniq_key.len == 0) {
		unique_id(b, id);
		buf_put_text(out, "UNIQ_KEY\x01");
		buf_put(out, id, 32);
		buf_put_u8(out, '\x02');
	}
	buf_put_slice(out, buf_slice(&b->broker_properties));
}

static const char *bool_is_true(struct slice text)
{
	bool value;

	return slice_to_bool(text, &value) && value ? "true" : NULL;
}

/* The message of a transaction: it waits in the half queue, and is counted there. */
static enum rc put_half(struct broker *b, struct message *m, struct pending_send *p, struct slice sent_properties,
			struct append_result *at)
{
	struct slice immunity = {0};
	enum rc rc;

	message_property(sent_properties, "CHECK_IMMUNITY_TIME_IN_SECONDS", &immunity);
	half_make(m, &b->put_properties, p->header.transaction_id);
	p->topic = topic_find(b->topics, m->topic);
	rc = message_put(b, p->topic, m, &b->put_properties, 0, at);
	if (rc == RC_OK)
		transaction_staged(b, &(struct transaction_event){.kind = EVENT_HALF,
								  .key = at->queue_offset,
								  .offset = at->queue_offset,
								  .physical = at->physical_offset,
								  .end = at->end,
								  .due_ms = (int64_t)b->wall_ms + half_immunity_ms(b, immunity)});
	return rc;
}

static enum outcome send_one(struct request *req, const struct send_message_request_header *h, struct topic *topic)
{
	struct broker *b = req->core;
	struct buf *text = &b->put_properties;
	struct message_props props;
	struct pending_send *p;
	struct append_result at;
	struct message m = {
		.topic = h->topic,
		.body = req->cmd.body,
		.queue_id = h->queue_id,
		.flag = h->flag,
		.sys_flag = h->sys_flag & CLIENT_SYS_FLAGS,
		.born_timestamp = h->born_timestamp,
		.born_host = peer_host(req->peer),
		.reconsume_times = h->reconsume_times,
		.body_crc = req->is_prepared ? req->body_crc : 0,
		.is_crc_known = req->is_prepared,
	};
	const char *refusal = NULL;
	bool is_dead = false, is_half;
	int32_t code = 0, level;
	enum rc rc;

	if (m.body.len == 0)
		return reply_error(req, MESSAGE_ILLEGAL, "the message body is empty");
	if (m.body.len > (size_t)b->config->max_message_size || h->properties.len > MESSAGE_PROPERTIES_MAX)
		return refuse_put(req, RC_TOO_BIG);
	if (m.queue_id < 0)
		m.queue_id = random_queue(topic->write_queues);
	if (slice_has_prefix(h->topic, SLICE_LIT("%RETRY%")))
		refusal = retry_or_dead_letter(req, h, &m, &topic, &is_dead, &code);
	if (refusal != NULL)
		return reply_empty(req, code, refusal);

	message_props_scan(h->properties, &props);
	level = is_dead ? 0 : message_props_delay_level(&props);
	/* A retried message may still carry TRAN_MSG from its first life (clients before 4.6.1). */
	is_half = bool_is_true(props.tran_msg) && !is_dead && !(m.reconsume_times > 0 && level > 0);
	if (is_half && b->config->reject_transaction_message)
		return reply_error(req, NO_PERMISSION, "the broker[%s] sending transaction message is forbidden",
				   b->config->broker_ip1);
	if (props.has_timer && level <= 0)
		return reply_error(req, SYSTEM_ERROR, "accurate timer message is not enabled, timerWheelEnable is false");
	if (topic->is_multi_tag)
		m.sys_flag |= SYS_FLAG_MULTI_TAGS;
	complete_properties(b, h->properties, &props, text);
	if (is_dead)
		message_property_put(text, "DELAY", SLICE_LIT("-1"));
	m.properties = buf_slice(text);

	p = arena_alloc(&req->arena, sizeof(*p));
	p->topic = topic;
	p->messages = 1;
	p->topic_change = topic->change;
	p->header.queue_id = m.queue_id;
	if (props.uniq_key.len == 0)
		message_property(buf_slice(text), "UNIQ_KEY", &props.uniq_key);
	p->header.transaction_id = arena_dup(&req->arena, props.uniq_key);
	rc = is_half ? put_half(b, &m, p, h->properties, &at) : message_put(b, topic, &m, text, level, &at);
	if (rc != RC_OK)
		return refuse_put(req, rc);
	p->bytes = (uint64_t)(at.end - at.physical_offset);
	p->header.queue_offset = at.queue_offset;
	p->header.msg_id.at = arena_alloc(&req->arena, MESSAGE_ID_CHARS);
	message_id_encode(&b->store_host, at.physical_offset, (char *)p->header.msg_id.at);
	p->header.msg_id.len = b->store_host.is_v6 ? 56 : 32;
	return wait_and_answer(req, p, at.end, message_props_waits(&props));
}

/* ---- batch ---- */

struct batch_item {
	struct slice body, properties;
	int32_t flag;
};

/* Next item of a batch body: totalSize, magic, crc, flag, body, properties (constants.md section 3). */
static bool next_item(struct wire *w, struct batch_item *item)
{
	size_t before = wire_left(w);
	uint32_t size = wire_u32(w);

	wire_take(w, 8);
	item->flag = (int32_t)wire_u32(w);
	item->body = wire_take(w, wire_u32(w));
	item->properties = wire_take(w, wire_u16(w));
	return w->rc == RC_OK && before - wire_left(w) == size && item->properties.len <= MESSAGE_PROPERTIES_MAX;
}

/* Walk the whole body before anything is staged, so that a broken batch leaves nothing behind. Returns the number of messages, 0 when it is
 * malformed. */
static uint32_t count_items(struct slice body)
{
	struct wire w = wire_over(body);
	struct batch_item item;
	uint32_t count = 0;

	while (wire_left(&w) > 0) {
		if (!next_item(&w, &item) || ++count > BATCH_ITEMS_MAX)
			return 0;
	}
	return count;
}

/* Item properties, then those of the batch that the item does not have itself (Apache appends them all, and the UNIQ_KEY that 5.x
 * clients put on the batch then hides each message's own). */
static void merge_properties(struct broker *b, struct slice own, struct slice batch, struct buf *out)
{
	struct message_props props;
	struct slice name, value;

	message_props_scan(own, &props);
	complete_properties(b, own, &props, out);
	while (message_next_property(&batch, &name, &value)) {
		struct slice had;
		char *key = slice_dup(name);

		if (!message_property(buf_slice(out), key, &had))
			message_property_put(out, key, value);
		free(key);
	}
}

static enum outcome send_batch(struct request *req, const struct send_message_request_header *h, struct topic *topic)
{
	struct broker *b = req->core;
	struct wire w = wire_over(req->cmd.body);
	struct message m = {
		.topic = h->topic,
		.queue_id = h->queue_id < 0 ? random_queue(topic->write_queues) : h->queue_id,
		.sys_flag = (h->sys_flag & CLIENT_SYS_FLAGS) | (topic->is_multi_tag ? SYS_FLAG_MULTI_TAGS : 0),
		.born_timestamp = h->born_timestamp,
		.born_host = peer_host(req->peer),
		.reconsume_times = h->reconsume_times,
	};
	struct message_props batch_props;
	struct batch_item item;
	struct append_result at = {0};
	struct pending_send *p;
	char *ids;
	uint32_t count;
	enum rc rc;

	if (slice_has_prefix(h->topic, SLICE_LIT("%RETRY%")))
		return reply_error(req, MESSAGE_ILLEGAL, "batch request does not support retry group %.*s", SLICE_ARG(h->topic));
	if (req->cmd.body.len > (size_t)b->config->max_message_size)
		return reply_error(req, SYSTEM_ERROR, "message body size exceeded");
	count = count_items(req->cmd.body);
	if (count == 0)
		return reply_error(req, MESSAGE_ILLEGAL, "the batch is malformed: a message in it does not fit its stated size");
	ids = arena_try_alloc(&req->arena, (size_t)count * MESSAGE_ID_CHARS);
	if (ids == NULL)
		return reply_error(req, SYSTEM_BUSY, "no memory for the ids of %u messages", count);

	message_props_scan(h->properties, &batch_props);
	p = arena_alloc(&req->arena, sizeof(*p));
	p->topic = topic;
	p->topic_change = topic->change;
	p->header.queue_id = m.queue_id;
	p->header.msg_id = (struct slice){ids, 0};
	for (p->messages = 0; p->messages < count; p->messages++) {
		next_item(&w, &item);
		m.body = item.body;
		m.flag = item.flag;
		merge_properties(b, item.properties, h->properties, &b->put_properties);
		m.properties = buf_slice(&b->put_properties);
		rc = message_put(b, topic, &m, &b->put_properties, 0, &at);
		if (rc != RC_OK)
			return refuse_put(req, rc);
		if (p->messages == 0)
			p->header.queue_offset = at.queue_offset;
		else
			ids[p->header.msg_id.len++] = ',';
		message_id_encode(&b->store_host, at.physical_offset, ids + p->header.msg_id.len);
		p->header.msg_id.len += b->store_host.is_v6 ? 56 : 32;
		p->bytes += (uint64_t)(at.end - at.physical_offset);
	}
	p->header.transaction_id = arena_dup(&req->arena, batch_props.uniq_key);
	return wait_and_answer(req, p, at.end, message_props_waits(&batch_props));
}

/* ---- handlers ---- */

enum outcome handle_send(struct request *req)
{
	const struct send_message_request_header *h = req->header;
	struct topic *topic = NULL;
	enum outcome refused = send_check(req, h, &topic);

	if (refused == DONE)
		return DONE;
	return h->batch ? send_batch(req, h, topic) : send_one(req, h, topic);
}

enum outcome handle_send_batch(struct request *req)
{
	const struct send_message_request_header *h = req->header;
	struct topic *topic = NULL;
	enum outcome refused = send_check(req, h, &topic);

	return refused == DONE ? DONE : send_batch(req, h, topic);
}
