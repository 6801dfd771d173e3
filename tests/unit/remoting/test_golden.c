/* Frames captured from Apache's clients, tools and servers (tests/unit/golden, INDEX.tsv): decoded, compared with what the capture
 * said about them, encoded again in both codecs and decoded again. */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "tests/unit/remoting/frames.h"

Suite *suite_golden(void);

#define ROWS_MAX 1024
#define HEADER_BYTES_MAX 1024

enum column { FILE_NAME, FROM, DIRECTION, CODE, NAME, RESPONSE_CODE, HEADER, BYTES, BODY_BYTES, FIELDS, COLUMNS };

static char *index_text;
static struct slice rows[ROWS_MAX][COLUMNS];
static int row_count;

/* Fields that we know and do not read: RpcRequestHeader's and TopicRequestHeader's, a zone's, and what has no schema. */
static const char *const ignored[] = {
	"bname", "lo", "ns", "nsd", "oway", "ReqT", "clientID", "_UNIQUE_KEY_QUERY", "IS_SUPPORT_HEART_BEAT_V2", "IS_SUB_CHANGE"};

#define R(name) &name##_request_header_schema
#define A(name) &name##_response_header_schema
static const struct {
	int32_t code;
	const struct schema *request, *response;
} schemas[] = {
	{SEND_MESSAGE, R(send_message), A(send_message)},
	{PULL_MESSAGE, R(pull_message), A(pull_message)},
	{QUERY_MESSAGE, R(query_message), A(query_message)},
	{QUERY_CONSUMER_OFFSET, R(query_consumer_offset), A(query_consumer_offset)},
	{UPDATE_CONSUMER_OFFSET, R(update_consumer_offset), NULL},
	{UPDATE_AND_CREATE_TOPIC, R(create_topic), NULL},
	{GET_ALL_TOPIC_CONFIG, R(get_all_topic_config), A(get_all_topic_config)},
	{GET_BROKER_CONFIG, NULL, A(get_broker_config)},
	{SEARCH_OFFSET_BY_TIMESTAMP, R(search_offset), A(search_offset)},
	{GET_MAX_OFFSET, R(get_max_offset), A(get_max_offset)},
	{GET_MIN_OFFSET, R(get_min_offset), A(get_min_offset)},
	{GET_EARLIEST_MSG_STORETIME, R(get_earliest_msg_storetime), A(get_earliest_msg_storetime)},
	{VIEW_MESSAGE_BY_ID, R(view_message), NULL},
	{UNREGISTER_CLIENT, R(unregister_client), NULL},
	{CONSUMER_SEND_MSG_BACK, R(consumer_send_msg_back), NULL},
	{END_TRANSACTION, R(end_transaction), NULL},
	{GET_CONSUMER_LIST_BY_GROUP, R(get_consumer_list_by_group), NULL},
	{CHECK_TRANSACTION_STATE, R(check_transaction_state), NULL},
	{NOTIFY_CONSUMER_IDS_CHANGED, R(notify_consumer_ids_changed), NULL},
	{PUT_KV_CONFIG, R(put_kv_config), NULL},
	{GET_KV_CONFIG, R(get_kv_config), A(get_kv_config)},
	{DELETE_KV_CONFIG, R(delete_kv_config), NULL},
	{REGISTER_BROKER, R(register_broker), A(register_broker)},
	{UNREGISTER_BROKER, R(unregister_broker), NULL},
	{GET_ROUTEINFO_BY_TOPIC, R(get_route_info), NULL},
	{GET_ALL_SUBSCRIPTIONGROUP_CONFIG, R(get_all_subscription_group), A(get_all_subscription_group)},
	{GET_TOPIC_STATS_INFO, R(get_topic_stats_info), NULL},
	{GET_CONSUMER_CONNECTION_LIST, R(get_consumer_connection_list), NULL},
	{GET_PRODUCER_CONNECTION_LIST, R(get_producer_connection_list), NULL},
	{WIPE_WRITE_PERM_OF_BROKER, R(wipe_write_perm_of_broker), A(wipe_write_perm_of_broker)},
	{DELETE_SUBSCRIPTIONGROUP, R(delete_subscription_group), NULL},
	{GET_CONSUME_STATS, R(get_consume_stats), NULL},
	{DELETE_TOPIC_IN_BROKER, R(delete_topic), NULL},
	{DELETE_TOPIC_IN_NAMESRV, R(delete_topic_from_namesrv), NULL},
	{GET_KVLIST_BY_NAMESPACE, R(get_kv_list_by_namespace), NULL},
	{RESET_CONSUMER_CLIENT_OFFSET, R(reset_offset), NULL},
	{GET_CONSUMER_STATUS_FROM_CLIENT, R(get_consumer_status), NULL},
	{INVOKE_BROKER_TO_RESET_OFFSET, R(reset_offset), NULL},
	{INVOKE_BROKER_TO_GET_CONSUMER_STATUS, R(get_consumer_status), NULL},
	{GET_TOPICS_BY_CLUSTER, R(get_topics_by_cluster), NULL},
	{QUERY_TOPIC_CONSUME_BY_WHO, R(query_topic_consume_by_who), NULL},
	{QUERY_CONSUME_TIME_SPAN, R(query_consume_time_span), NULL},
	{GET_CONSUMER_RUNNING_INFO, R(get_consumer_running_info), NULL},
	{CONSUME_MESSAGE_DIRECTLY, R(consume_message_directly_result), NULL},
	{SEND_MESSAGE_V2, &send_message_request_header_v2_schema, A(send_message)},
	{CLONE_GROUP_OFFSET, R(clone_group_offset), NULL},
	{VIEW_BROKER_STATS_DATA, R(view_broker_stats_data), NULL},
	{GET_BROKER_CONSUME_STATS, &get_consume_stats_in_broker_header_schema, NULL},
	{SEND_BATCH_MESSAGE, &send_message_request_header_v2_schema, A(send_message)},
	{QUERY_CONSUME_QUEUE, R(query_consume_queue), NULL},
	{QUERY_DATA_VERSION, R(query_data_version), A(query_data_version)},
	{SEND_REPLY_MESSAGE, R(send_message), A(send_message)},
	{SEND_REPLY_MESSAGE_V2, &send_message_request_header_v2_schema, A(send_message)},
	{PUSH_REPLY_MESSAGE_TO_CLIENT, R(reply_message), NULL},
	{ADD_WRITE_PERM_OF_BROKER, R(add_write_perm_of_broker), A(add_write_perm_of_broker)},
	{QUERY_TOPICS_BY_CONSUMER, R(query_topics_by_consumer), NULL},
	{QUERY_SUBSCRIPTION_BY_CONSUMER, R(query_subscription_by_consumer), NULL},
	{GET_TOPIC_CONFIG, R(get_topic_config), NULL},
	{GET_SUBSCRIPTIONGROUP_CONFIG, R(get_subscription_group_config), NULL},
	{LITE_PULL_MESSAGE, R(pull_message), A(pull_message)},
	{GET_BROKER_MEMBER_GROUP, R(get_broker_member_group), NULL},
	{BROKER_HEARTBEAT, R(broker_heartbeat), NULL},
	{NOTIFY_MIN_BROKER_ID_CHANGE, R(notify_min_broker_id_change), NULL},
	{EXCHANGE_BROKER_HA_INFO, R(exchange_ha_info), A(exchange_ha_info)},
};

static char *golden_path(const char *name, size_t len)
{
	const char *top = getenv("top_srcdir");
	static char path[1024];

	snprintf(path, sizeof(path), "%s/tests/unit/golden/%.*s", top ? top : "../", (int)len, name);
	return path;
}

static char *read_file(const char *path, size_t *len)
{
	FILE *f = fopen(path, "rb");
	char *text;

	if (f == NULL)
		return NULL;
	fseek(f, 0, SEEK_END);
	*len = (size_t)ftell(f);
	rewind(f);
	text = malloc(*len + 1);
	if (text == NULL || fread(text, 1, *len, f) != *len)
		abort();
	fclose(f);
	return text;
}

static void read_index(void)
{
	size_t len = 0;
	struct slice rest, line;

	index_text = read_file(golden_path("INDEX.tsv", 9), &len);
	rest = (struct slice){index_text, index_text ? len : 0};
	slice_split(&rest, '\n', &line); /* the column names */
	while (row_count < ROWS_MAX && slice_split(&rest, '\n', &line)) {
		if (line.len < 5 || memcmp(line.at + slice_find(line, '\t') - 4, ".bin", 4) != 0)
			continue;
		for (int i = 0; i < COLUMNS; i++)
			slice_split(&line, '\t', &rows[row_count][i]);
		row_count++;
	}
}

static int32_t number(int row, enum column column)
{
	int32_t n = -1;

	ck_assert_msg(slice_to_i32(rows[row][column], &n), "row %d column %d", row, column);
	return n;
}

static bool is_ignored(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(ignored); i++)
		if (slice_is(name, ignored[i]))
			return true;
	return false;
}

static const struct schema *schema_of(int32_t code, bool is_response)
{
	for (size_t i = 0; i < COUNT_OF(schemas); i++)
		if (schemas[i].code == code)
			return is_response ? schemas[i].response : schemas[i].request;
	return NULL;
}

/* Every field that the capture saw is there; and the schema knows it, or we ignore it on purpose. */
static void check_fields(const struct command *cmd, struct slice list, const struct schema *s, struct arena *arena)
{
	struct slice name, value;

	if (slice_is(list, "-")) {
		ck_assert_uint_eq(cmd->ext.len, 0);
		return;
	}
	while (slice_split(&list, ',', &name)) {
		char *text = arena_printf(arena, "%.*s", SLICE_ARG(name));

		ck_assert_msg(command_ext_get(cmd, text, arena, &value), "%s", text);
		ck_assert_msg(s == NULL || schema_find(s, name) >= 0 || is_ignored(name), "%s has no '%s'", s->name, text);
	}
}

/* Decoded again from our own encoding, in both codecs, the header is the same. */
static void check_round_trip(const struct command *cmd, const struct schema *s, const void *header, struct arena *arena)
{
	for (int codec = CODEC_JSON; codec <= CODEC_BINARY; codec++) {
		_Alignas(16) char again[HEADER_BYTES_MAX];
		struct command out = *cmd;
		struct buf b = {0};
		const char *bad;
		struct slice in;

		out.codec = (enum codec)codec;
		out.remark = command_remark(cmd, arena);
		command_encode(&b, &out, s, header, NULL, 0, 0);
		in = buf_slice(&b);
		out = take_frame(&in);
		ck_assert_int_eq(out.codec, codec);
		ck_assert_int_eq(out.code, cmd->code);
		ck_assert_int_eq(out.opaque, cmd->opaque);
		ck_assert_int_eq(out.flag, cmd->flag);
		ck_assert_int_eq(out.language, cmd->language);
		ck_assert_int_eq(out.version, cmd->version);
		ck_assert(slice_eq(out.body, cmd->body));
		ck_assert(slice_eq(command_remark(&out, arena), command_remark(cmd, arena)));
		ck_assert_int_eq(command_decode_ext(&out, s, again, arena, &bad), RC_OK);
		ck_assert_uint_eq(*(uint64_t *)(void *)again, *(const uint64_t *)header);
		for (size_t row = 0; row < s->count; row++) {
			char x[SCHEMA_TEXT_MAX], y[SCHEMA_TEXT_MAX];

			ck_assert(slice_eq(schema_text(s, again, row, x), schema_text(s, header, row, y)));
		}
		buf_free(&b);
	}
}

static void check_header(const struct command *cmd, const struct schema *s, bool must_be_whole, struct arena *arena)
{
	_Alignas(16) char header[HEADER_BYTES_MAX];
	const char *bad = NULL;
	enum rc rc;

	ck_assert_uint_le(s->size, sizeof(header));
	rc = command_decode_ext(cmd, s, header, arena, &bad);
	if (rc == RC_MISSING && !must_be_whole)
		return; /* an error's answer carries no header */
	ck_assert_msg(rc == RC_OK, "%s: %s '%s'", s->name, rc_text(rc), bad);
	check_round_trip(cmd, s, header, arena);
}

START_TEST(captured_frame)
{
	struct slice *row = rows[_i];
	bool is_response = !slice_is(row[RESPONSE_CODE], "-");
	int32_t code = number(_i, CODE);
	const struct schema *s = schema_of(code, is_response);
	struct arena arena;
	struct slice in;
	struct command cmd;
	size_t len;
	char *bytes = read_file(golden_path(row[FILE_NAME].at, row[FILE_NAME].len), &len);

	ck_assert_msg(bytes != NULL, "%.*s", SLICE_ARG(row[FILE_NAME]));
	ck_assert_uint_eq(len, (size_t)number(_i, BYTES));
	arena_init(&arena);
	in = (struct slice){bytes, len};
	cmd = take_frame(&in);
	ck_assert_uint_eq(in.len, 0);
	ck_assert_int_eq(cmd.code, is_response ? number(_i, RESPONSE_CODE) : code);
	ck_assert_int_eq(cmd.flag & FLAG_RESPONSE, is_response);
	ck_assert_int_eq(cmd.codec == CODEC_BINARY, !slice_is(row[HEADER], "json"));
	ck_assert_uint_eq(cmd.body.len, (size_t)number(_i, BODY_BYTES));
	ck_assert_int_ge(cmd.version, 121); /* what ali-ons announces: MQVersion.V3_4_9 */
	check_fields(&cmd, row[FIELDS], s, &arena);
	if (s != NULL)
		check_header(&cmd, s, !is_response || cmd.code == 0, &arena);
	arena_reset(&arena);
	free(bytes);
}
END_TEST

/* The captures say something about the codes that matter most, in both directions. */
START_TEST(index_is_whole)
{
	static const int32_t codes[] = {SEND_MESSAGE_V2, PULL_MESSAGE, HEART_BEAT, REGISTER_BROKER, GET_ROUTEINFO_BY_TOPIC};

	ck_assert_int_gt(row_count, 100);
	for (size_t i = 0; i < COUNT_OF(codes); i++) {
		int requests = 0, answers = 0;

		for (int row = 0; row < row_count; row++)
			if (number(row, CODE) == codes[i])
				*(slice_is(rows[row][RESPONSE_CODE], "-") ? &requests : &answers) += 1;
		ck_assert_msg(requests > 0 && answers > 0, "code %d", codes[i]);
	}
}
END_TEST

Suite *suite_golden(void)
{
	Suite *s = suite_create("golden");
	TCase *tc = tcase_create("golden");

	if (index_text == NULL)
		read_index();
	tcase_add_test(tc, index_is_whole);
	tcase_add_loop_test(tc, captured_frame, 0, row_count);
	suite_add_tcase(s, tc);
	return s;
}
