#include "tests/unit/broker/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/small_file.h"

struct sim *sim;
struct sim_node *node, *client;
struct broker *b;

void setup_with(const char *settings)
{
	sim = sim_new();
	node = sim_broker(sim, "b", BROKER, settings);
	b = sim_broker_core(node);
	client = sim_client(sim, "client");
}

void setup(void) { setup_with(""); }
void teardown(void) { sim_free(sim); }

void restart_with(const char *settings)
{
	sim_node_stop(node);
	node = sim_broker(sim, "b", BROKER, settings);
	b = sim_broker_core(node);
}

struct sim_answer *ask(struct sim_node *from, int32_t code, const struct schema *schema, const void *header, const char *body)
{
	return sim_send(from, BROKER,
			&(struct sim_request){.code = code, .schema = schema, .header = header, .body = slice_of(body)});
}

void expect_answer(const struct sim_answer *a, int32_t code, const char *remark)
{
	ck_assert_msg(sim_code(a) == code, "code %d '%s', expected %d", sim_code(a), sim_remark(a), code);
	if (remark != NULL)
		ck_assert_str_eq(sim_remark(a), remark);
}

void expect_in(const struct sim_answer *a, const char *part)
{
	ck_assert_int_eq(sim_code(a), SUCCESS);
	ck_assert_msg(strstr(sim_body(a), part) != NULL, "'%s' is not in '%s'", part, sim_body(a));
}

void expect_not_in(const struct sim_answer *a, const char *part)
{
	ck_assert_int_eq(sim_code(a), SUCCESS);
	ck_assert_msg(strstr(sim_body(a), part) == NULL, "'%s' is in '%s'", part, sim_body(a));
}

static void write_subscription(struct json_writer *w, struct slice row)
{
	struct slice part[3] = {{0}};
	int64_t version = 0;

	for (int i = 0; i < 3; i++)
		slice_split(&row, ':', &part[i]);
	slice_to_i64(part[2], &version);
	json_object(w);
	json_member_bool(w, "classFilterMode", false);
	json_member_text(w, "expressionType", SLICE_LIT("TAG"));
	json_member_text(w, "subString", part[1]);
	json_member_i64(w, "subVersion", version);
	json_member_text(w, "topic", part[0]);
	json_object_end(w);
}

struct sim_answer *heartbeat(struct sim_node *from, const char *client_id, const char *group, const char *subscriptions)
{
	struct slice rows = slice_of(subscriptions), row;
	struct buf text = {0};
	struct json_writer w;
	struct sim_answer *a;

	json_begin(&w, &text, JSON_COMPACT);
	json_object(&w);
	json_member_text(&w, "clientID", slice_of(client_id));
	json_key(&w, "consumerDataSet");
	json_array(&w);
	json_object(&w);
	json_member_text(&w, "consumeFromWhere", SLICE_LIT("CONSUME_FROM_LAST_OFFSET"));
	json_member_text(&w, "consumeType", SLICE_LIT("CONSUME_PASSIVELY"));
	json_member_text(&w, "groupName", slice_of(group));
	json_member_text(&w, "messageModel", SLICE_LIT("CLUSTERING"));
	json_key(&w, "subscriptionDataSet");
	json_array(&w);
	while (slice_split(&rows, ' ', &row))
		write_subscription(&w, row);
	json_array_end(&w);
	json_member_bool(&w, "unitMode", false);
	json_object_end(&w);
	json_array_end(&w);
	json_object_end(&w);
	buf_put_u8(&text, 0);
	a = heartbeat_json(from, (char *)text.data);
	buf_free(&text);
	return a;
}

struct sim_answer *heartbeat_json(struct sim_node *from, const char *json) { return ask(from, HEART_BEAT, NULL, NULL, json); }

struct sim_answer *produce_heartbeat(struct sim_node *from, const char *client_id, const char *group)
{
	char *text = mem_printf("{\"clientID\":\"%s\",\"producerDataSet\":[{\"groupName\":\"%s\"}]}", client_id, group);
	struct sim_answer *a = heartbeat_json(from, text);

	free(text);
	return a;
}

void expect_told(struct sim_node *who, const char *group)
{
	const struct command *cmd = sim_received(who);
	struct arena arena;
	struct slice name = {NULL, 0};

	ck_assert_msg(cmd != NULL, "nothing came");
	ck_assert_int_eq(cmd->code, NOTIFY_CONSUMER_IDS_CHANGED);
	arena_init(&arena);
	ck_assert(command_ext_get(cmd, "consumerGroup", &arena, &name));
	ck_assert_msg(slice_is(name, group), "told of '%.*s'", SLICE_ARG(name));
	arena_reset(&arena);
}

void expect_not_told(struct sim_node *who)
{
	const struct command *cmd = sim_received(who);

	ck_assert_msg(cmd == NULL, "code %d came", cmd ? cmd->code : 0);
}

struct sim_answer *make_topic(const char *name, int32_t queues, const char *attributes)
{
	struct create_topic_request_header h = {
		.present = HEADER_ALL(create_topic_request_header),
		.topic = slice_of(name),
		.default_topic = SLICE_LIT("TBW102"),
		.read_queue_nums = queues,
		.write_queue_nums = queues,
		.perm = 6,
		.topic_filter_type = SLICE_LIT("SINGLE_TAG"),
		.attributes = slice_of(attributes),
	};

	return ask(client, UPDATE_AND_CREATE_TOPIC, &create_topic_request_header_schema, &h, "");
}

void put_message(const char *topic, int32_t queue_id, const char *tags, const char *body)
{
	char *properties = mem_printf("TAGS\1%s\2", tags);
	struct send_message_request_header h = {
		.present = HEADER_ALL(send_message_request_header) & ~HEADER_BIT(send_message_request_header, broker_name) &
			   ~HEADER_BIT(send_message_request_header, max_reconsume_times),
		.producer_group = SLICE_LIT("P"),
		.topic = slice_of(topic),
		.default_topic = SLICE_LIT("TBW102"),
		.default_topic_queue_nums = 4,
		.queue_id = queue_id,
		.born_timestamp = (int64_t)sim_wall(sim),
		.properties = slice_of(properties),
	};

	expect_answer(ask(client, SEND_MESSAGE, &send_message_request_header_schema, &h, body), SUCCESS, NULL);
	free(properties);
}

char *state_text(const char *name)
{
	char *path = mem_printf("%s/b/store/config/%s", sim_folder(sim), name);
	struct buf text = {0};

	ck_assert_msg(small_file_read(path, &text) == RC_OK, "%s", path);
	free(path);
	buf_put_u8(&text, 0);
	return (char *)text.data;
}
