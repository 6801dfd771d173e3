#include "tests/unit/broker/messages.h"

#include <stdio.h>

#include "base/buf.h"
#include "store/message.h"

static struct buf text; /* of the last call that gives text */

struct sim_answer *send_message(const struct send *s)
{
	struct send_message_request_header h = {
		.present = HEADER_ALL(send_message_request_header),
		.producer_group = SLICE_LIT("P"),
		.topic = slice_of(s->topic),
		.default_topic = SLICE_LIT("TBW102"),
		.default_topic_queue_nums = s->default_queues ? s->default_queues : 4,
		.queue_id = s->queue_id,
		.sys_flag = s->sys_flag,
		.born_timestamp = (int64_t)sim_wall(sim),
		.properties = slice_of(s->properties ? s->properties : ""),
		.reconsume_times = s->reconsume_times,
		.max_reconsume_times = s->max_reconsume_times,
	};
	struct sim_request r = {
		.code = s->code ? s->code : SEND_MESSAGE_V2,
		.schema = &send_message_request_header_v2_schema,
		.header = &h,
		.body = s->raw_body.at ? s->raw_body : slice_of(s->body ? s->body : "body"),
	};

	if (!s->has_max_reconsume_times)
		h.present &= ~HEADER_BIT(send_message_request_header, max_reconsume_times);
	return sim_send(client, BROKER, &r);
}

static struct sim_answer *send_pull(struct sim_node *from, struct pull_message_request_header *h)
{
	struct sim_request r = {.code = PULL_MESSAGE, .schema = &pull_message_request_header_schema, .header = h};

	h->present = HEADER_ALL(pull_message_request_header) & ~HEADER_BIT(pull_message_request_header, max_msg_bytes);
	h->max_msg_nums = 32;
	h->expression_type = SLICE_LIT("TAG");
	return sim_send(from, BROKER, &r);
}

struct sim_answer *pull(struct sim_node *from, const char *topic, int32_t queue_id, int64_t offset, const char *tags,
			int64_t hold_ms)
{
	struct pull_message_request_header h = {
		.consumer_group = SLICE_LIT("G"),
		.topic = slice_of(topic),
		.queue_id = queue_id,
		.queue_offset = offset,
		.sys_flag = 4 | (hold_ms > 0 ? 2 : 0),
		.suspend_timeout_ms = hold_ms,
		.subscription = slice_of(tags ? tags : "*"),
	};

	return send_pull(from, &h);
}

struct sim_answer *pull_as(struct sim_node *from, const char *group, const char *topic, int64_t offset, int64_t sub_version,
			   int64_t hold_ms)
{
	struct pull_message_request_header h = {
		.consumer_group = slice_of(group),
		.topic = slice_of(topic),
		.queue_offset = offset,
		.sys_flag = hold_ms > 0 ? 2 : 0,
		.suspend_timeout_ms = hold_ms,
		.sub_version = sub_version,
	};

	return send_pull(from, &h);
}

static struct message first_of(const struct sim_answer *a)
{
	struct message m;

	ck_assert_int_eq(sim_code(a), SUCCESS);
	ck_assert_int_eq(message_decode(a->cmd.body, true, &m), RC_OK);
	return m;
}

const char *bodies(const struct sim_answer *a)
{
	struct slice rest = a->cmd.body;

	ck_assert_int_eq(sim_code(a), SUCCESS);
	buf_clear(&text);
	while (rest.len > 0) {
		struct message m;

		ck_assert_int_eq(message_decode(rest, true, &m), RC_OK);
		if (text.len > 0)
			buf_put_u8(&text, ',');
		buf_put_slice(&text, m.body);
		rest = slice_sub(rest, m.size, rest.len);
	}
	buf_put_u8(&text, 0);
	return (const char *)text.data;
}

const char *property_of_first(const struct sim_answer *a, const char *name)
{
	struct message m = first_of(a);
	struct slice value;

	if (!message_property(m.properties, name, &value))
		return NULL;
	buf_clear(&text);
	buf_put_slice(&text, value);
	buf_put_u8(&text, 0);
	return (const char *)text.data;
}

int64_t ext_number(const struct sim_answer *a, const char *name)
{
	const char *value = sim_ext(a, name);
	int64_t number;

	ck_assert_msg(value != NULL && slice_to_i64(slice_of(value), &number), "%s", name);
	return number;
}

int64_t physical_of_first(const struct sim_answer *a) { return first_of(a).physical_offset; }

int32_t reconsume_times_of_first(const struct sim_answer *a) { return first_of(a).reconsume_times; }

struct sim_answer *send_back(const char *group, int64_t physical_offset, int32_t delay_level, int32_t max_reconsume_times)
{
	struct consumer_send_msg_back_request_header h = {
		.present = HEADER_ALL(consumer_send_msg_back_request_header),
		.offset = physical_offset,
		.group = slice_of(group),
		.delay_level = delay_level,
		.origin_msg_id = SLICE_LIT(""),
		.origin_topic = SLICE_LIT("T"),
		.max_reconsume_times = max_reconsume_times,
	};

	return ask(client, CONSUMER_SEND_MSG_BACK, &consumer_send_msg_back_request_header_schema, &h, "");
}
