#include "tests/unit/namesrv/fixture.h"

#include <stdio.h>

#include <string.h>

#include "base/json_writer.h"

struct sim *sim;
struct sim_node *ns, *client;

void setup_with(const char *settings)
{
	sim = sim_new();
	ns = sim_namesrv(sim, "ns", NS, settings);
	client = sim_client(sim, "client");
}

void setup(void) { setup_with(""); }
void teardown(void) { sim_free(sim); }

static const char *or_else(const char *text, const char *otherwise) { return text ? text : otherwise; }

static void write_topic(struct json_writer *w, struct slice row)
{
	struct slice part[5] = {{0}};
	int32_t numbers[5] = {0};

	for (int i = 0; i < 5; i++) {
		ck_assert(slice_split(&row, ':', &part[i]));
		ck_assert(i == 0 || slice_to_i32(part[i], &numbers[i]));
	}
	json_key_text(w, part[0]);
	json_object(w);
	json_member_bool(w, "order", false);
	json_member_i64(w, "perm", numbers[3]);
	json_member_i64(w, "readQueueNums", numbers[1]);
	json_member_text(w, "topicFilterType", SLICE_LIT("SINGLE_TAG"));
	json_member_text(w, "topicName", part[0]);
	json_member_i64(w, "topicSysFlag", numbers[4]);
	json_member_i64(w, "writeQueueNums", numbers[2]);
	json_object_end(w);
}

static void write_body(const struct test_broker *b, struct buf *out)
{
	struct slice rows = slice_of(or_else(b->topics, "T1:4:4:6:0 T2:4:4:6:0")), row;
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "filterServerList");
	json_raw(&w, slice_of(or_else(b->filter_servers, "[]")));
	json_key(&w, "topicConfigSerializeWrapper");
	json_object(&w);
	json_key(&w, "dataVersion");
	json_object(&w);
	json_member_i64(&w, "counter", b->counter);
	json_member_i64(&w, "stateVersion", b->state_version);
	json_member_i64(&w, "timestamp", 1000);
	json_object_end(&w);
	json_key(&w, "topicConfigTable");
	json_object(&w);
	while (slice_split(&rows, ' ', &row))
		write_topic(&w, row);
	json_object_end(&w);
	json_object_end(&w);
	json_object_end(&w);
}

struct sim_answer *register_broker(const struct test_broker *b)
{
	struct register_broker_request_header h = {
		.present = HEADER_ALL(register_broker_request_header) & ~HEADER_BIT(register_broker_request_header, body_crc32),
		.broker_name = slice_of(b->name),
		.broker_addr = slice_of(b->address),
		.cluster_name = slice_of(or_else(b->cluster, "c")),
		.ha_server_addr = SLICE_LIT("9.9.9.9:10912"),
		.broker_id = b->id,
		.heartbeat_timeout_millis = b->timeout_ms,
		.enable_acting_master = b->is_acting_on,
	};
	struct ext_field zone = {SLICE_LIT("zoneName"), slice_of(b->zone)};
	struct buf body = {0};
	struct sim_answer *a;
	struct sim_request r = {.code = REGISTER_BROKER,
				.schema = &register_broker_request_header_schema,
				.header = &h,
				.extra = &zone,
				.extra_count = b->zone != NULL};

	if (b->timeout_ms == 0)
		h.present &= ~HEADER_BIT(register_broker_request_header, heartbeat_timeout_millis);
	if (b->is_v4)
		h.present &= ~HEADER_BIT(register_broker_request_header, enable_acting_master);
	write_body(b, &body);
	r.body = buf_slice(&body);
	a = sim_send(b->node, NS, &r);
	buf_free(&body);
	return a;
}

void expect_registered(const struct test_broker *b) { ck_assert_int_eq(sim_code(register_broker(b)), SUCCESS); }

struct sim_answer *unregister_broker(const struct test_broker *b)
{
	struct unregister_broker_request_header h = {
		.present = HEADER_ALL(unregister_broker_request_header),
		.broker_name = slice_of(b->name),
		.broker_addr = slice_of(b->address),
		.cluster_name = slice_of(or_else(b->cluster, "c")),
		.broker_id = b->id,
	};

	return sim_send(b->node, NS,
			&(struct sim_request){
				.code = UNREGISTER_BROKER, .schema = &unregister_broker_request_header_schema, .header = &h});
}

struct sim_answer *heartbeat(const struct test_broker *b)
{
	struct broker_heartbeat_request_header h = {
		.present = HEADER_BIT(broker_heartbeat_request_header, cluster_name) |
			   HEADER_BIT(broker_heartbeat_request_header, broker_addr) |
			   HEADER_BIT(broker_heartbeat_request_header, broker_name),
		.broker_name = slice_of(b->name),
		.broker_addr = slice_of(b->address),
		.cluster_name = slice_of(or_else(b->cluster, "c")),
	};

	return sim_send(
		b->node, NS,
		&(struct sim_request){.code = BROKER_HEARTBEAT, .schema = &broker_heartbeat_request_header_schema, .header = &h});
}

const char *query_version(const struct test_broker *b, int64_t counter)
{
	struct query_data_version_request_header h = {
		.present = HEADER_ALL(query_data_version_request_header),
		.broker_name = slice_of(b->name),
		.broker_addr = slice_of(b->address),
		.cluster_name = slice_of(or_else(b->cluster, "c")),
		.broker_id = b->id,
	};
	char body[128];
	int n = snprintf(body, sizeof(body), "{\"counter\":%lld,\"stateVersion\":%lld,\"timestamp\":1000}", (long long)counter,
			 (long long)b->state_version);
	struct sim_answer *a = sim_send(b->node, NS,
					&(struct sim_request){.code = QUERY_DATA_VERSION,
							      .schema = &query_data_version_request_header_schema,
							      .header = &h,
							      .body = {body, (size_t)n}});

	ck_assert_int_eq(sim_code(a), SUCCESS);
	return sim_ext(a, "changed");
}

struct sim_answer *ask_with(int32_t code, const struct schema *schema, const void *header)
{
	return sim_send(client, NS, &(struct sim_request){.code = code, .schema = schema, .header = header});
}

struct sim_answer *ask(int32_t code) { return ask_with(code, NULL, NULL); }

struct sim_answer *route_of(const char *topic)
{
	struct get_route_info_request_header h = {.present = HEADER_BIT(get_route_info_request_header, topic),
						  .topic = slice_of(topic)};

	return ask_with(GET_ROUTEINFO_BY_TOPIC, &get_route_info_request_header_schema, &h);
}

bool has_route(const char *topic)
{
	int32_t code = sim_code(route_of(topic));

	ck_assert(code == SUCCESS || code == TOPIC_NOT_EXIST);
	return code == SUCCESS;
}

void expect_in(const struct sim_answer *a, const char *part)
{
	const char *body = sim_body(a);

	ck_assert_msg(strstr(body, part) != NULL, "'%s' is not in '%s'", part, body);
}

void expect_not_in(const struct sim_answer *a, const char *part)
{
	const char *body = sim_body(a);

	ck_assert_msg(strstr(body, part) == NULL, "'%s' is in '%s'", part, body);
}
