#include "bench/requests.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "bench/clock.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"

#define SUSPEND_MS 15000   /* how long a broker may hold a pull; Apache's clients say so too */
#define SYS_FLAG_SUSPEND 2 /* PullSysFlag */
#define SYS_FLAG_SUBSCRIPTION 4
#define SYS_FLAG_PREPARED 4 /* MessageSysFlag.TRANSACTION_PREPARED_TYPE */
#define COMMIT 8            /* MessageSysFlag.TRANSACTION_COMMIT_TYPE */
#define PERM_READ_WRITE 6

static int64_t wall_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME_COARSE, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static struct command command_of(const struct requests *r, int32_t code, int32_t opaque)
{
	return (struct command){.code = code,
				.language = LANGUAGE_JAVA, /* as the clients that this stands for */
				.version = FUSEE_VERSION,
				.opaque = opaque,
				.codec = r->o->is_binary ? CODEC_BINARY : CODEC_JSON};
}

static struct slice topic_of(const struct requests *r, int topic) { return slice_of(r->topics[topic]); }

/* ---- sends ---- */

static void put_properties(const struct requests *r, struct buf *out, int tag)
{
	buf_printf(out, "UNIQ_KEY\x01%016llX" MARKER_NUMBER "\x02WAIT\x01%s\x02", (unsigned long long)r->run,
		   r->o->waits ? "true" : "false");
	if (r->o->tags.count > 0)
		buf_printf(out, "TAGS\x01%s\x02", r->o->tags.values[tag]);
	for (int i = 0; i < r->o->keys; i++)
		buf_printf(out, "%s%02d" MARKER_NUMBER "%s", i == 0 ? "KEYS\x01key-" : " key-", i,
			   i == r->o->keys - 1 ? "\x02" : "");
	for (int i = 0; i < r->o->property_count; i++) {
		const char *equals = strchr(r->o->properties[i], '=');

		buf_printf(out, "%.*s\x01%s\x02", (int)(equals - r->o->properties[i]), r->o->properties[i], equals + 1);
	}
	if (r->o->delay_level > 0)
		buf_printf(out, "DELAY\x01%d\x02", r->o->delay_level);
	if (r->o->is_transaction)
		buf_printf(out, "TRAN_MSG\x01true\x02PGROUP\x01%s\x02", r->o->group);
}

static void put_body(const struct requests *r, struct buf *out, size_t size)
{
	uint8_t *body = buf_grow(out, size);

	memset(body, 'x', size);
	if (is_end_to_end(r->o))
		memcpy(body, MARKER_STAMP, STAMP_BYTES);
}

/* One message of a batch: total, magic, CRC, flag, body, properties (MessageDecoder.encodeMessage). */
static void put_inner(const struct requests *r, struct buf *out, size_t size, int tag)
{
	struct buf properties = {0};

	put_properties(r, &properties, tag);
	buf_put_u32(out, (uint32_t)(4 + 4 + 4 + 4 + 4 + size + 2 + properties.len));
	buf_put_u32(out, 0);
	buf_put_u32(out, 0);
	buf_put_u32(out, 0);
	buf_put_u32(out, (uint32_t)size);
	put_body(r, out, size);
	buf_put_u16(out, (uint16_t)properties.len);
	buf_put_slice(out, buf_slice(&properties));
	buf_free(&properties);
}

static void make_send(const struct requests *r, struct frame_template *t, int topic, int queue, int size, int tag)
{
	struct buf properties = {0}, body = {0};
	size_t bytes = (size_t)atoi(r->o->sizes.values[size]);
	struct command cmd = command_of(r, r->o->batch > 1 ? SEND_BATCH_MESSAGE : SEND_MESSAGE_V2, MARKER_OPAQUE);
	struct send_message_request_header h = {
		.present =
			HEADER_ALL(send_message_request_header) & ~HEADER_BIT(send_message_request_header, max_reconsume_times),
		.producer_group = slice_of(r->o->group),
		.topic = topic_of(r, topic),
		.default_topic = SLICE_LIT("TBW102"),
		.default_topic_queue_nums = r->o->queues,
		.queue_id = queue,
		.sys_flag = r->o->is_transaction ? SYS_FLAG_PREPARED : 0,
		.born_timestamp = MARKER_BORN_MS,
		.broker_name = SLICE_LIT("bench"),
		.batch = r->o->batch > 1,
	};

	if (r->o->batch > 1) {
		for (int i = 0; i < r->o->batch; i++)
			put_inner(r, &body, bytes, tag);
	} else {
		put_properties(r, &properties, tag);
		put_body(r, &body, bytes);
	}
	h.properties = buf_slice(&properties);
	cmd.body = buf_slice(&body);
	cmd.flag = r->o->is_oneway ? FLAG_ONEWAY : 0;
	buf_clear(&t->bytes);
	command_encode(&t->bytes, &cmd, &send_message_request_header_v2_schema, &h, NULL, 0, 0);
	frame_template_scan(t, cmd.codec);
	buf_free(&properties);
	buf_free(&body);
}

/* The template of a send; made now when it was not yet. Beyond the bounds: the scratch one. */
static const struct frame_template *template_of(struct requests *r, int topic, int queue)
{
	int size = mix_pick(&r->sizes), tag = mix_pick(&r->tags), tags = r->tags.count ? r->tags.count : 1;
	size_t place =
		(((size_t)topic * (size_t)r->o->queues + (size_t)queue) * (size_t)r->sizes.count + (size_t)size) * (size_t)tags +
		(size_t)tag;
	struct frame_template *t = place < r->template_count ? &r->templates[place] : &r->scratch;

	if (t != &r->scratch && t->bytes.len == 0 && r->template_bytes > TEMPLATES_BYTES_MAX)
		t = &r->scratch;
	if (t == &r->scratch || t->bytes.len == 0) {
		make_send(r, t, topic, queue, size, tag);
		r->template_bytes += t == &r->scratch ? 0 : t->bytes.len;
	}
	return t;
}

void put_send(struct requests *r, struct buf *out, int32_t opaque, int topic, int queue, const struct stamp *stamp)
{
	frame_template_put(template_of(r, topic, queue), out, opaque, wall_ms(), &r->number, stamp);
}

void put_commit(struct requests *r, struct buf *out, int32_t opaque, int topic, const struct half_message *half)
{
	struct command cmd = command_of(r, END_TRANSACTION, opaque);
	struct end_transaction_request_header h = {
		.present = HEADER_ALL(end_transaction_request_header),
		.topic = topic_of(r, topic),
		.producer_group = slice_of(r->o->group),
		.tran_state_table_offset = half->queue_offset,
		.commit_log_offset = half->log_offset,
		.commit_or_rollback = COMMIT,
		.msg_id = slice_of(half->transaction_id),
		.transaction_id = slice_of(half->transaction_id),
	};

	command_encode(out, &cmd, &end_transaction_request_header_schema, &h, NULL, 0, 0);
}

/* ---- pulls and offsets ---- */

void put_pull(struct requests *r, struct buf *out, int32_t opaque, int topic, int queue, int64_t offset, bool is_held)
{
	struct command cmd = command_of(r, PULL_MESSAGE, opaque);
	struct pull_message_request_header h = {
		.present = HEADER_BIT(pull_message_request_header, consumer_group) |
			   HEADER_BIT(pull_message_request_header, topic) | HEADER_BIT(pull_message_request_header, queue_id) |
			   HEADER_BIT(pull_message_request_header, queue_offset) |
			   HEADER_BIT(pull_message_request_header, max_msg_nums) |
			   HEADER_BIT(pull_message_request_header, sys_flag) |
			   HEADER_BIT(pull_message_request_header, commit_offset) |
			   HEADER_BIT(pull_message_request_header, suspend_timeout_ms) |
			   HEADER_BIT(pull_message_request_header, subscription) |
			   HEADER_BIT(pull_message_request_header, sub_version) |
			   HEADER_BIT(pull_message_request_header, expression_type),
		.consumer_group = slice_of(r->o->group),
		.topic = topic_of(r, topic),
		.queue_id = queue,
		.queue_offset = offset,
		.max_msg_nums = r->o->pull_max,
		.sys_flag = SYS_FLAG_SUBSCRIPTION | (is_held ? SYS_FLAG_SUSPEND : 0),
		.suspend_timeout_ms = SUSPEND_MS,
		.subscription = slice_of(r->o->subscription),
		.expression_type = r->o->is_sql ? SLICE_LIT("SQL92") : SLICE_LIT("TAG"),
	};

	command_encode(out, &cmd, &pull_message_request_header_schema, &h, NULL, 0, 0);
}

void put_max_offset(struct requests *r, struct buf *out, int32_t opaque, int topic, int queue)
{
	struct command cmd = command_of(r, GET_MAX_OFFSET, opaque);
	struct get_max_offset_request_header h = {.present = HEADER_BIT(get_max_offset_request_header, topic) |
							     HEADER_BIT(get_max_offset_request_header, queue_id),
						  .topic = topic_of(r, topic),
						  .queue_id = queue};

	command_encode(out, &cmd, &get_max_offset_request_header_schema, &h, NULL, 0, 0);
}

void put_create_topic(struct requests *r, struct buf *out, int32_t opaque, int topic)
{
	struct command cmd = command_of(r, UPDATE_AND_CREATE_TOPIC, opaque);
	struct create_topic_request_header h = {.present = HEADER_ALL(create_topic_request_header) &
							   ~(HEADER_BIT(create_topic_request_header, attributes) |
							     HEADER_BIT(create_topic_request_header, force)),
						.topic = topic_of(r, topic),
						.default_topic = SLICE_LIT("TBW102"),
						.read_queue_nums = r->o->queues,
						.write_queue_nums = r->o->queues,
						.perm = PERM_READ_WRITE,
						.topic_filter_type = SLICE_LIT("SINGLE_TAG")};

	command_encode(out, &cmd, &create_topic_request_header_schema, &h, NULL, 0, 0);
}

/* ---- name servers ---- */

void put_route(struct requests *r, struct buf *out, int32_t opaque, int topic)
{
	struct command cmd = command_of(r, GET_ROUTEINFO_BY_TOPIC, opaque);
	struct get_route_info_request_header h = {.present = HEADER_BIT(get_route_info_request_header, topic),
						  .topic = topic_of(r, topic)};

	command_encode(out, &cmd, &get_route_info_request_header_schema, &h, NULL, 0, 0);
}

static void put_topic_config(const struct requests *r, struct json_writer *w, int topic)
{
	json_key_text(w, topic_of(r, topic));
	json_object(w);
	json_key(w, "attributes");
	json_object(w);
	json_object_end(w);
	json_member_bool(w, "order", false);
	json_member_i64(w, "perm", PERM_READ_WRITE);
	json_member_i64(w, "readQueueNums", r->o->queues);
	json_member_text(w, "topicFilterType", SLICE_LIT("SINGLE_TAG"));
	json_member_text(w, "topicName", topic_of(r, topic));
	json_member_i64(w, "topicSysFlag", 0);
	json_member_i64(w, "writeQueueNums", r->o->queues);
	json_object_end(w);
}

/* RegisterBrokerBody. The data version never changes: these brokers have the same topics each time. */
static void put_register_body(const struct requests *r, struct buf *out, int broker)
{
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "filterServerList");
	json_array(&w);
	json_array_end(&w);
	json_key(&w, "topicConfigSerializeWrapper");
	json_object(&w);
	json_key(&w, "dataVersion");
	json_object(&w);
	json_member_i64(&w, "counter", 1);
	json_member_i64(&w, "stateVersion", 0);
	json_member_i64(&w, "timestamp", (int64_t)(r->run >> 1));
	json_object_end(&w);
	json_key(&w, "topicConfigTable");
	json_object(&w);
	for (int i = broker; i < r->o->topics; i += r->o->brokers)
		put_topic_config(r, &w, i);
	json_object_end(&w);
	json_object_end(&w);
	json_object_end(&w);
}

void put_registration(struct requests *r, struct buf *out, int32_t opaque, int broker)
{
	struct command cmd = command_of(r, REGISTER_BROKER, opaque);
	struct buf body = {0};
	char name[32], address[32];
	struct register_broker_request_header h = {
		.present = HEADER_BIT(register_broker_request_header, broker_name) |
			   HEADER_BIT(register_broker_request_header, broker_addr) |
			   HEADER_BIT(register_broker_request_header, cluster_name) |
			   HEADER_BIT(register_broker_request_header, ha_server_addr) |
			   HEADER_BIT(register_broker_request_header, broker_id) |
			   HEADER_BIT(register_broker_request_header, compressed),
		.cluster_name = SLICE_LIT("bench"),
	};

	mem_format(name, sizeof(name), "bench-%d", broker);
	mem_format(address, sizeof(address), "10.9.%d.%d:10911", broker / 250, broker % 250 + 1);
	h.broker_name = slice_of(name);
	h.broker_addr = h.ha_server_addr = slice_of(address);
	put_register_body(r, &body, broker);
	cmd.body = buf_slice(&body);
	command_encode(out, &cmd, &register_broker_request_header_schema, &h, NULL, 0, 0);
	buf_free(&body);
}

/* ---- idle clients ---- */

static void put_subscription(struct json_writer *w, struct slice topic)
{
	json_object(w);
	json_member_bool(w, "classFilterMode", false);
	json_key(w, "codeSet");
	json_array(w);
	json_array_end(w);
	json_member_text(w, "expressionType", SLICE_LIT("TAG"));
	json_member_text(w, "subString", SLICE_LIT("*"));
	json_member_i64(w, "subVersion", 1);
	json_key(w, "tagsSet");
	json_array(w);
	json_array_end(w);
	json_member_text(w, "topic", topic);
	json_object_end(w);
}

/* HeartbeatData of one push consumer: its topic, and its group's retry topic. */
static void put_heartbeat_body(const struct requests *r, struct buf *out, int connection)
{
	char client[64], group[128], retry[160];
	struct json_writer w;

	mem_format(client, sizeof(client), "127.0.0.1@%d-%d", (int)getpid(), connection);
	mem_format(group, sizeof(group), "%s-%d", r->o->group, connection / r->o->group_size);
	mem_format(retry, sizeof(retry), "%%RETRY%%%s", group);
	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_member_text(&w, "clientID", slice_of(client));
	json_key(&w, "consumerDataSet");
	json_array(&w);
	json_object(&w);
	json_member_text(&w, "consumeFromWhere", SLICE_LIT("CONSUME_FROM_LAST_OFFSET"));
	json_member_text(&w, "consumeType", SLICE_LIT("CONSUME_PASSIVELY"));
	json_member_text(&w, "groupName", slice_of(group));
	json_member_text(&w, "messageModel", SLICE_LIT("CLUSTERING"));
	json_key(&w, "subscriptionDataSet");
	json_array(&w);
	put_subscription(&w, topic_of(r, connection / r->o->group_size % r->o->topics));
	put_subscription(&w, slice_of(retry));
	json_array_end(&w);
	json_member_bool(&w, "unitMode", false);
	json_object_end(&w);
	json_array_end(&w);
	json_member_i64(&w, "heartbeatFingerprint", 0);
	json_key(&w, "producerDataSet");
	json_array(&w);
	json_array_end(&w);
	json_member_bool(&w, "withoutSub", false);
	json_object_end(&w);
}

void put_heartbeat(struct requests *r, struct buf *out, int32_t opaque, int connection)
{
	struct command cmd = command_of(r, HEART_BEAT, opaque);
	struct buf body = {0};

	put_heartbeat_body(r, &body, connection);
	cmd.body = buf_slice(&body);
	command_encode(out, &cmd, NULL, NULL, NULL, 0, 0);
	buf_free(&body);
}

/* ---- life ---- */

void requests_init(struct requests *r, const struct options *o)
{
	size_t tags = o->tags.count ? (size_t)o->tags.count : 1;

	*r = (struct requests){.o = o, .sizes = o->sizes, .tags = o->tags, .run = clock_now_ns() ^ (uint64_t)getpid() << 48};
	r->topics = mem_zalloc((size_t)o->topics * sizeof(*r->topics));
	for (int i = 0; i < o->topics; i++)
		r->topics[i] = o->topics == 1 ? mem_strdup(o->topic) : mem_printf("%s-%d", o->topic, i);
	r->template_count = (size_t)o->topics * (size_t)o->queues * (size_t)o->sizes.count * tags;
	if (r->template_count > TEMPLATES_MAX)
		r->template_count = TEMPLATES_MAX;
	r->templates = mem_zalloc(r->template_count * sizeof(*r->templates));
}

void requests_free(struct requests *r)
{
	for (int i = 0; i < r->o->topics; i++)
		free(r->topics[i]);
	free(r->topics);
	for (size_t i = 0; i < r->template_count; i++)
		frame_template_free(&r->templates[i]);
	free(r->templates);
	frame_template_free(&r->scratch);
}
