/* Each message is the half message with a few things changed. Failure: message_put's. */
#include "broker/half_message.h"

#include <stdio.h>

#include "broker/broker_config.h"
#include "broker/message_put.h"
#include "broker/topic_table.h"

#define CHECK_TIMES "TRANSACTION_CHECK_TIMES"
#define FIRST_OFFSET "TRAN_PREPARED_QUEUE_OFFSET"
#define IMMUNITY_MAX_S (365 * 24 * 3600) /* keeps the sums in range */

bool half_read(struct slice stored, struct half_message *out)
{
	struct half_message h = {0};
	struct message_props props;
	struct slice text;
	int64_t first;

	if (message_decode(stored, false, &h.m) != RC_OK)
		return false;
	message_props_scan(h.m.properties, &props);
	if (props.real_topic.len == 0 || !slice_to_i32(props.real_queue_id, &h.real_queue_id) || h.real_queue_id < 0)
		return false;
	h.real_topic = props.real_topic;
	h.unique_key = props.uniq_key;
	message_property(h.m.properties, "PGROUP", &h.group);
	message_property(h.m.properties, "CHECK_IMMUNITY_TIME_IN_SECONDS", &h.immunity);
	h.is_checked = message_property(h.m.properties, CHECK_TIMES, &text);
	if (h.is_checked && (!slice_to_i32(text, &h.checks) || h.checks < 0))
		h.checks = 0;
	h.key = h.m.queue_offset;
	if (message_property(h.m.properties, FIRST_OFFSET, &text) && slice_to_i64(text, &first) && first >= 0 && first < h.key)
		h.key = first;
	*out = h;
	return true;
}

int64_t half_immunity_ms(const struct broker *b, struct slice immunity)
{
	int64_t least = b->config->transaction_time_out, seconds;

	if (immunity.len == 0 || !slice_to_i64(immunity, &seconds) || seconds < 0)
		return least;
	if (seconds > IMMUNITY_MAX_S)
		seconds = IMMUNITY_MAX_S;
	return seconds * 1000 > least ? seconds * 1000 : least;
}

void half_make(struct message *m, struct buf *props_text, struct slice unique_key)
{
	char number[16];

	snprintf(number, sizeof(number), "%d", m->queue_id);
	/* A delay is for ordinary messages: Java's producer drops it, and the half queue must not wait. */
	message_property_remove(props_text, "DELAY");
	message_property_remove(props_text, FIRST_OFFSET);
	message_property_remove(props_text, CHECK_TIMES);
	message_property_put(props_text, "__transactionId__", unique_key);
	message_property_put(props_text, "REAL_TOPIC", m->topic);
	message_property_put(props_text, "REAL_QID", slice_of(number));
	m->properties = buf_slice(props_text);
	m->topic = SLICE_LIT(TOPIC_HALF);
	m->queue_id = 0;
}

/* The half message's own, in b->put_properties. */
static struct buf *copy_properties(struct broker *b, const struct half_message *h, const char *const *without)
{
	buf_clear(&b->put_properties);
	message_props_copy(&b->put_properties, h->m.properties, without);
	return &b->put_properties;
}

static void set_again(struct broker *b, const struct half_message *h, int32_t checks, struct message *m)
{
	static const char *const without[] = {CHECK_TIMES, FIRST_OFFSET, NULL};
	struct buf *text = copy_properties(b, h, without);
	char number[24];

	snprintf(number, sizeof(number), "%d", checks);
	message_property_put(text, CHECK_TIMES, slice_of(number));
	snprintf(number, sizeof(number), "%lld", (long long)h->key);
	message_property_put(text, FIRST_OFFSET, slice_of(number));
	*m = h->m;
	m->properties = buf_slice(text);
}

static enum rc put(struct broker *b, struct message *m, const char *topic, struct append_result *at)
{
	m->topic = slice_of(topic);
	m->queue_id = 0;
	m->sys_flag &= ~SYS_FLAG_TRANSACTION_MASK;
	return message_put(b, NULL, m, &b->put_properties, 0, at);
}

enum rc half_put_again(struct broker *b, const struct half_message *h, int32_t checks, struct append_result *at)
{
	struct message m;

	set_again(b, h, checks, &m);
	return put(b, &m, TOPIC_HALF, at);
}

enum rc half_put_resumed(struct broker *b, const struct half_message *h, struct append_result *at)
{
	static const char *const without[] = {CHECK_TIMES, FIRST_OFFSET, NULL};
	struct buf *text = copy_properties(b, h, without);
	struct message m = h->m;

	message_property_put(text, CHECK_TIMES, SLICE_LIT("0"));
	m.properties = buf_slice(text);
	return put(b, &m, TOPIC_HALF, at);
}

enum rc half_put_final(struct broker *b, const struct half_message *h, struct append_result *at)
{
	static const char *const without[] = {"REAL_TOPIC", "REAL_QID", FIRST_OFFSET, NULL};
	struct buf *text = copy_properties(b, h, without);
	struct message_props props;
	struct message m = h->m;

	m.properties = buf_slice(text);
	m.topic = h->real_topic;
	m.queue_id = h->real_queue_id;
	m.sys_flag = (m.sys_flag & ~SYS_FLAG_TRANSACTION_MASK) | SYS_FLAG_TRANSACTION_COMMIT;
	m.prepared_transaction_offset = h->m.physical_offset;
	message_props_scan(m.properties, &props);
	return message_put(b, NULL, &m, text, message_props_delay_level(&props), at);
}

enum rc half_put_discarded(struct broker *b, const struct half_message *h, struct append_result *at)
{
	static const char *const nothing[] = {NULL};
	struct message m = h->m;

	if (topic_ensure(b, SLICE_LIT(TOPIC_CHECKED_TOO_OFTEN), 1, PERM_READ | PERM_WRITE, 0) == NULL)
		return RC_BUSY;
	m.properties = buf_slice(copy_properties(b, h, nothing));
	return put(b, &m, TOPIC_CHECKED_TOO_OFTEN, at);
}

enum rc half_put_op(struct broker *b, int64_t half_offset, struct append_result *at)
{
	char number[24];
	struct message m = {
		.born_timestamp = (int64_t)b->wall_ms,
		.born_host = b->store_host,
		.properties = SLICE_LIT("WAIT\1true\2TAGS\1d\2"),
	};

	snprintf(number, sizeof(number), "%lld", (long long)half_offset);
	m.body = slice_of(number);
	return put(b, &m, TOPIC_OP, at);
}

void half_encode_check(struct broker *b, const struct half_message *h, int32_t checks, const struct append_result *at,
		       struct buf *out)
{
	struct message m;
	size_t size;

	set_again(b, h, checks, &m);
	m.topic = h->real_topic;
	m.queue_id = h->real_queue_id;
	m.queue_offset = at->queue_offset;
	m.physical_offset = at->physical_offset;
	m.store_timestamp = (int64_t)b->wall_ms;
	m.store_host = b->store_host;
	size = message_size(&m);
	if (size != 0) /* the topic is longer than any of ours */
		message_encode(&m, buf_grow(out, size));
}

bool half_is_op(const struct message *m)
{
	struct slice tag;

	return message_property(m->properties, "TAGS", &tag) && slice_is(tag, "d");
}

bool half_op_next(struct slice *body, int64_t *half_offset)
{
	struct slice number;

	while (slice_split(body, ',', &number))
		if (slice_to_i64(number, half_offset) && *half_offset >= 0)
			return true;
	return false;
}
