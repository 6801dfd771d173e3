/* What admins ask: figures, configuration, relays to clients; and the frames of real tools and clients. */
#include "tests/unit/broker/messages.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/group_table.h"
#include "broker/offset_table.h"
#include "broker/topic_table.h"

Suite *suite_admin(void);

/* ---- configuration ---- */

static struct sim_answer *update(const char *text) { return ask(client, UPDATE_BROKER_CONFIG, NULL, NULL, text); }

START_TEST(configuration_is_shown_and_changed)
{
	struct sim_answer *a = ask(client, GET_BROKER_CONFIG, NULL, NULL, "");

	expect_in(a, "autoCreateTopicEnable=true\n");
	expect_in(a, "brokerName=b\n");
	ck_assert_ptr_nonnull(strstr(sim_ext(a, "version"), "{\"counter\":0,\"stateVersion\":0,\"timestamp\":"));
	expect_answer(update("autoCreateTopicEnable=false\ntraceOn=false\n"), SUCCESS, NULL);
	ck_assert(!b->config->auto_create_topic_enable);
	ck_assert_ptr_nonnull(memmem(b->broker_properties.data, b->broker_properties.len, "TRACE_ON\1false\2", 15));
	a = ask(client, GET_BROKER_CONFIG, NULL, NULL, "");
	expect_in(a, "autoCreateTopicEnable=false\n");
	ck_assert_ptr_nonnull(strstr(sim_ext(a, "version"), "{\"counter\":1,"));
}
END_TEST

static const struct {
	const char *text, *named;
} bad_updates[] = {
	{"noSuchKey=1\n", "noSuchKey"},
	{"autoCreateTopicEnable=perhaps\n", "autoCreateTopicEnable"},
	{"autoCreateTopicEnable=false\nnoSuchKey=1\n", "noSuchKey"},
	{"listenPort=1\n", "listenPort"},
	{"autoCreateTopicEnable=false\ndeleteWhen=25\n", "deleteWhen"}, /* texts with a grammar */
	{"autoCreateTopicEnable=false\nnamesrvAddr=nonsense\n", "namesrvAddr"},
	{"autoCreateTopicEnable=false\nmaxMessageSize=0\n", "maxMessageSize"},
	{"autoCreateTopicEnable=false\nfileReservedTime=-1\n", "fileReservedTime"},
};

START_TEST(a_bad_change_is_refused_whole_and_named)
{
	struct sim_answer *a = update(bad_updates[_i].text);

	ck_assert_int_eq(sim_code(a), INVALID_PARAMETER);
	ck_assert_msg(strstr(sim_remark(a), bad_updates[_i].named) != NULL, "%s", sim_remark(a));
	ck_assert(b->config->auto_create_topic_enable);
}
END_TEST

START_TEST(black_listed_keys_need_another_way)
{
	expect_answer(update("configBlackList=a\n"), NO_PERMISSION, "Can not update config in black list.");
}
END_TEST

/* Each key is either taken, or refused with the reason. */
START_TEST(each_key_can_be_changed_or_says_why_not)
{
	int taken = 0, at_start = 0, hidden = 0;

	for (size_t i = 0; i < broker_config_schema.count; i++) {
		const struct config_row *row = &broker_config_schema.rows[i];
		struct buf text = {0};
		struct sim_answer *a;

		buf_printf(&text, "%s=", row->key);
		config_value_text(row, b->config, &text);
		buf_put_u8(&text, 0);
		a = update((char *)text.data);
		if (sim_code(a) == SUCCESS) {
			taken++;
		} else if (sim_code(a) == NO_PERMISSION) {
			hidden++;
		} else if (strstr(sim_remark(a), "takes effect at start only: change the configuration file and restart") !=
			   NULL) {
			ck_assert_int_eq(sim_code(a), INVALID_PARAMETER);
			at_start++;
		} else { /* a number that has no default */
			ck_assert_msg(row->default_text == NULL, "%s: %s", row->key, sim_remark(a));
			ck_assert_ptr_nonnull(strstr(sim_remark(a), row->key));
		}
		buf_free(&text);
	}
	ck_assert_int_gt(taken, 480);
	ck_assert_int_eq(hidden, 2);
	ck_assert_int_eq(at_start, 36);
}
END_TEST

static int32_t send_bytes(size_t count)
{
	char *body = mem_zalloc(count + 1);
	int32_t code;

	memset(body, 'x', count);
	code = sim_code(send_message(&(struct send){.topic = "T", .body = body}));
	free(body);
	return code;
}

START_TEST(the_largest_message_changes_at_once)
{
	ck_assert_int_eq(send_bytes(2000), SUCCESS);
	expect_answer(update("maxMessageSize=1000\n"), SUCCESS, NULL);
	ck_assert_int_eq(send_bytes(1001), MESSAGE_ILLEGAL);
	ck_assert_int_eq(send_bytes(1000), SUCCESS);
	expect_answer(update("maxMessageSize=5000000\n"), SUCCESS, NULL);
	ck_assert_int_eq(send_bytes(4194305), MESSAGE_ILLEGAL); /* its segment of 1 MiB: the store's limit, not the key's */
	ck_assert_int_eq(send_bytes(2000), SUCCESS);
}
END_TEST

static int64_t log_begin(void)
{
	struct store_figures figures;

	sim_elapse(sim, 30000);
	store_get_figures(b->store, &figures);
	return figures.min_offset;
}

/* The age of a file is the real one. */
START_TEST(old_files_go_by_the_new_rules)
{
	for (int i = 0; i < 40; i++)
		ck_assert_int_eq(send_bytes(100000), SUCCESS);
	sim_step_wall(sim, ((int64_t)time(NULL) + 10 * 3600) * 1000 - (int64_t)sim_wall(sim));
	expect_answer(update("deleteWhen=00;01;02;03;04;05;06;07;08;09;10;11;12;13;14;15;16;17;18;19;20;21;22;23\n"
			     "diskMaxUsedSpaceRatio=100\ndiskSpaceCleanForciblyRatio=100\ndiskSpaceWarningLevelRatio=100\n"),
		      SUCCESS, NULL);
	ck_assert_int_eq(log_begin(), 0);
	expect_answer(update("fileReservedTime=9\n"), SUCCESS, NULL);
	ck_assert_int_ge(log_begin(), 1048576);
}
END_TEST

START_TEST(new_topics_follow_the_template)
{
	restart_with("autoCreateTopicEnable=false\n");
	topic_delete(b, SLICE_LIT("TBW102"));
	ck_assert_int_eq(sim_code(send_message(&(struct send){.topic = "New", .body = "x"})), TOPIC_NOT_EXIST);
	expect_answer(update("autoCreateTopicEnable=true\ndefaultTopicQueueNums=3\n"), SUCCESS, NULL);
	expect_answer(send_message(&(struct send){.topic = "New", .body = "x", .default_queues = 16}), SUCCESS, NULL);
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("New"))->write_queues, 3);
	expect_answer(update("defaultTopicQueueNums=5\n"), SUCCESS, NULL);
	expect_answer(send_message(&(struct send){.topic = "Newer", .body = "x", .default_queues = 16}), SUCCESS, NULL);
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("Newer"))->write_queues, 5);
}
END_TEST

START_TEST(offsets_are_saved_at_the_new_period)
{
	char *text;

	expect_answer(update("flushConsumerOffsetInterval=100\n"), SUCCESS, NULL);
	put_message("T", 0, "a", "x");
	offset_put(b->offsets, SLICE_LIT("G"), SLICE_LIT("T"), 0, 1);
	sim_elapse(sim, 1000);
	text = state_text("consumerOffset.json");
	ck_assert_ptr_nonnull(strstr(text, "T@G"));
	free(text);
}
END_TEST

START_TEST(the_region_is_on_what_is_sent_next)
{
	expect_answer(update("regionId=north\n"), SUCCESS, NULL);
	expect_answer(send_message(&(struct send){.topic = "T", .body = "x"}), SUCCESS, NULL);
	ck_assert_str_eq(property_of_first(pull(client, "T", 0, 0, NULL, 0), "MSG_REGION"), "north");
}
END_TEST

START_TEST(a_change_is_answered_when_it_is_in_the_file)
{
	char *settings = mem_printf("brokerConfigPath=%s/new/broker.properties\n", sim_folder(sim));
	struct sim_answer *a;

	restart_with(settings);
	sim_run(sim);
	sim_hold_jobs(sim, true);
	a = update("traceOn=false\n");
	ck_assert(!a->is_done);
	while (sim_job_count(sim) > 0)
		sim_run_one_job(sim);
	sim_run(sim);
	expect_answer(a, SUCCESS, NULL);
	a = update("traceOn=true\n");
	ck_assert(!a->is_done);
	sim_close(sim, "client", "b"); /* the asker leaves */
	sim_hold_jobs(sim, false);
	sim_run(sim);
	ck_assert(b->config->trace_on);
	free(settings);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_told)
{
	struct sim_answer *a;

	restart_with("brokerConfigPath=/dev/null/broker.conf\n");
	a = update("traceOn=false\n");
	ck_assert_int_eq(sim_code(a), SYSTEM_ERROR);
	ck_assert_msg(strstr(sim_remark(a), "configuration is changed, but not saved to '/dev/null/broker.conf'") != NULL, "%s",
		      sim_remark(a));
	ck_assert(!b->config->trace_on);
}
END_TEST

START_TEST(a_change_is_written_behind_the_file)
{
	char *path = mem_printf("%s/broker.conf", sim_folder(sim)), *settings = mem_printf("brokerConfigPath=%s\n", path);
	struct buf text = {0};

	ck_assert_int_eq(small_file_replace(path, SLICE_LIT("# ours\ntraceOn=true\nbrokerName=b\n"), false), RC_OK);
	restart_with(settings);
	expect_answer(update("traceOn=false\nautoCreateTopicEnable=false\n"), SUCCESS, NULL);
	sim_run(sim);
	ck_assert_int_eq(small_file_read(path, &text), RC_OK);
	buf_put_u8(&text, 0);
	ck_assert_str_eq((char *)text.data, "# ours\ntraceOn=false\nbrokerName=b\nautoCreateTopicEnable=false\n");
	buf_free(&text);
	free(settings);
	free(path);
}
END_TEST

START_TEST(a_change_of_perm_makes_a_new_version)
{
	int64_t counter = topic_table_version(b->topics)->counter;

	expect_answer(update("brokerPermission=4\n"), SUCCESS, NULL);
	ck_assert_int_eq(topic_table_version(b->topics)->counter, counter + 1);
}
END_TEST

/* ---- figures ---- */

static cJSON *parsed(struct slice text)
{
	cJSON *tree = NULL;

	ck_assert_int_eq(json_parse(text, &tree), RC_OK);
	return tree;
}

static struct slice golden(struct buf *buf, const char *name)
{
	char *path = mem_printf("%s/%s", GOLDEN_FOLDER, name);

	ck_assert_msg(small_file_read(path, buf) == RC_OK, "%s", path);
	free(path);
	return buf_slice(buf);
}

/* Every key that 5.5.0 sent (but for the one per path), and those that 4.9.8's tools want; all texts. */
START_TEST(runtime_info_has_apaches_keys)
{
	static const char *const more[] = {"getTransferedTps", "brokerVersion", "scheduleMessageOffset_18"};
	struct sim_answer *a = ask(client, GET_BROKER_RUNTIME_INFO, NULL, NULL, "");
	struct buf frame = {0};
	struct command cmd;
	const char *why;
	cJSON *ours, *theirs;

	ck_assert_int_eq(sim_code(a), SUCCESS);
	ours = parsed(a->cmd.body);
	ck_assert_int_eq(command_decode(golden(&frame, "4.9.8-tools-28-get_broker_runtime_info-response-0.bin"), &cmd, &why),
			 RC_OK);
	theirs = parsed(cmd.body);
	JSON_EACH (item, json_get_object(theirs, "table")) {
		const cJSON *mine = json_get(json_get_object(ours, "table"), item->string);

		if (strncmp(item->string, "commitLogDiskRatio_", 19) == 0)
			continue;
		ck_assert_msg(mine != NULL, "%s is missing", item->string);
		ck_assert_msg(cJSON_IsString(mine), "%s is no text", item->string);
	}
	for (size_t i = 0; i < COUNT_OF(more); i++)
		ck_assert_msg(cJSON_IsString(json_get(json_get_object(ours, "table"), more[i])), "%s", more[i]);
	json_free(ours);
	json_free(theirs);
	buf_free(&frame);
}
END_TEST

static struct sim_answer *view(const char *name, const char *key)
{
	struct view_broker_stats_data_request_header h = {.present = HEADER_ALL(view_broker_stats_data_request_header),
							  .stats_name = slice_of(name),
							  .stats_key = slice_of(key)};

	return ask(client, VIEW_BROKER_STATS_DATA, &view_broker_stats_data_request_header_schema, &h, "");
}

START_TEST(statistics_of_a_topic)
{
	expect_answer(view("TOPIC_PUT_NUMS", "T"), SYSTEM_ERROR, "The stats <TOPIC_PUT_NUMS> <T> not exist");
	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	for (int i = 0; i < 10; i++)
		put_message("T", 0, "A", "12345");
	sim_elapse(sim, 10000);
	expect_in(view("TOPIC_PUT_NUMS", "T"), "\"statsMinute\":{\"avgpt\":1.0,\"sum\":10,\"tps\":1.0}");
	expect_in(view("BROKER_PUT_NUMS", "DefaultCluster"), "\"sum\":10");
	ck_assert_uint_eq(stats_totals(b->stats)->put_messages, 10);
	sim_elapse(sim, 120000);
	expect_in(view("TOPIC_PUT_NUMS", "T"), "\"statsMinute\":{\"avgpt\":0.0,\"sum\":0,\"tps\":0.0}");
	expect_in(view("TOPIC_PUT_NUMS", "T"), "\"statsHour\":{\"avgpt\":1.0,\"sum\":10,");
	expect_in(view("TOPIC_PUT_NUMS", "T"), "\"statsDay\":{\"avgpt\":1.0,\"sum\":10,");
	sim_elapse(sim, 4200000); /* six samples of ten minutes, and the one under way */
	expect_in(view("TOPIC_PUT_NUMS", "T"), "\"statsHour\":{\"avgpt\":0.0,\"sum\":0,");
	ck_assert(topic_delete(b, SLICE_LIT("T")));
	expect_answer(view("TOPIC_PUT_NUMS", "T"), SYSTEM_ERROR, NULL);
}
END_TEST

START_TEST(statistics_of_a_group)
{
	struct topic *t;

	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	t = topic_find(b->topics, SLICE_LIT("T"));
	stats_count_get(b, t, SLICE_LIT("G"), 3, 300);
	stats_count_get(b, t, SLICE_LIT("G"), 1, 100);
	stats_count_get(b, NULL, SLICE_LIT("G"), 1, 100); /* the topic is gone */
	stats_count_send_back(b, t, SLICE_LIT("G"));
	sim_elapse(sim, 10000);
	expect_in(view("GROUP_GET_NUMS", "T@G"), "\"statsMinute\":{\"avgpt\":2.0,\"sum\":4,");
	expect_in(view("GROUP_GET_SIZE", "T@G"), "\"statsMinute\":{\"avgpt\":200.0,\"sum\":400,");
	expect_in(view("SNDBCK_PUT_NUMS", "T@G"), "\"sum\":1");
	expect_in(view("BROKER_GET_NUMS", "DefaultCluster"), "\"sum\":5");
	stats_group_deleted(b, SLICE_LIT("G"));
	expect_answer(view("GROUP_GET_NUMS", "T@G"), SYSTEM_ERROR, NULL);
	stats_count_get(b, t, SLICE_LIT("G"), 1, 100);
	expect_in(view("GROUP_GET_SIZE", "T@G"), "\"sum\":100");
}
END_TEST

START_TEST(rates_of_the_broker)
{
	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	sim_elapse(sim, 60000);
	for (int i = 0; i < 60; i++)
		put_message("T", 0, "A", "x");
	sim_elapse(sim, 1000);
	ck_assert_double_eq_tol(stats_rate(b->stats, RATE_PUT, 10), 6.0, 0.7);
	ck_assert_double_eq_tol(stats_rate(b->stats, RATE_PUT, 60), 1.0, 0.1);
	sim_elapse(sim, 120000);
	ck_assert_double_eq_tol(stats_rate(b->stats, RATE_PUT, 10), 0.0, 0.001);
	ck_assert_double_gt(stats_rate(b->stats, RATE_PUT, 600), 0.1);
}
END_TEST

START_TEST(midnight)
{
	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	put_message("T", 0, "A", "x");
	sim_elapse(sim, 24 * 3600 * 1000);
	put_message("T", 0, "A", "x");
	ck_assert_uint_eq(stats_totals(b->stats)->put_today_morning, 1);
	ck_assert_uint_eq(stats_totals(b->stats)->put_yesterday_morning, 0);
	sim_elapse(sim, 24 * 3600 * 1000);
	ck_assert_uint_eq(stats_totals(b->stats)->put_today_morning, 2);
	ck_assert_uint_eq(stats_totals(b->stats)->put_yesterday_morning, 1);
}
END_TEST

static struct sim_answer *consume_stats(const char *group, const char *topic)
{
	struct get_consume_stats_request_header h = {.present = HEADER_BIT(get_consume_stats_request_header, consumer_group) |
								HEADER_BIT(get_consume_stats_request_header, topic),
						     .consumer_group = slice_of(group),
						     .topic = slice_of(topic)};

	return ask(client, GET_CONSUME_STATS, &get_consume_stats_request_header_schema, &h, "");
}

START_TEST(consume_and_topic_stats)
{
	struct get_topic_stats_info_request_header h = {.present = HEADER_ALL(get_topic_stats_info_request_header),
							.topic = SLICE_LIT("T")};
	struct query_topic_consume_by_who_request_header who = {.present = HEADER_ALL(query_topic_consume_by_who_request_header),
								.topic = SLICE_LIT("T")};
	struct query_topics_by_consumer_request_header topics = {.present = HEADER_ALL(query_topics_by_consumer_request_header),
								 .group = SLICE_LIT("G")};
	const struct schema *schema = &get_topic_stats_info_request_header_schema;

	expect_answer(ask(client, GET_TOPIC_STATS_INFO, schema, &h, ""), TOPIC_NOT_EXIST, "topic[T] not exist");
	expect_answer(make_topic("T", 2, ""), SUCCESS, NULL);
	put_message("T", 1, "A", "x");
	put_message("T", 1, "A", "y");
	expect_in(ask(client, GET_TOPIC_STATS_INFO, schema, &h, ""),
		  "{\"offsetTable\":{{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:{\"lastUpdateTimestamp\":0,"
		  "\"maxOffset\":0,\"minOffset\":0},"
		  "{\"brokerName\":\"b\",\"queueId\":1,\"topic\":\"T\"}:{\"lastUpdateTimestamp\":");
	expect_in(consume_stats("Nobody", ""), "{\"consumeTps\":0.0,\"offsetTable\":{}}");
	offset_put(b->offsets, SLICE_LIT("G"), SLICE_LIT("T"), 1, 1);
	expect_in(consume_stats("G", ""),
		  "{\"brokerName\":\"b\",\"queueId\":1,\"topic\":\"T\"}:{\"brokerOffset\":2,\"consumerOffset\":1,");
	expect_in(ask(client, QUERY_TOPIC_CONSUME_BY_WHO, &query_topic_consume_by_who_request_header_schema, &who, ""),
		  "{\"groupList\":[\"G\"]}");
	offset_put(b->offsets, SLICE_LIT("F"), SLICE_LIT("T"), 0, 1);
	offset_put(b->offsets, SLICE_LIT("GG"), SLICE_LIT("U"), 0, 1);
	offset_put(b->offsets, SLICE_LIT("G"), SLICE_LIT("A"), 0, 1);
	expect_in(ask(client, QUERY_TOPICS_BY_CONSUMER, &query_topics_by_consumer_request_header_schema, &topics, ""),
		  "\"topicList\":[\"A\",\"T\"]}");
	heartbeat(client, "c1", "G", "U:*:1"); /* live, and not on T any more */
	expect_in(consume_stats("G", "T"), "\"offsetTable\":{}}");
	group_find_or_create(b, SLICE_LIT("G"));
	expect_in(ask(client, GET_BROKER_CONSUME_STATS, NULL, NULL, ""),
		  "\"brokerAddr\":\"127.0.0.1:10911\",\"consumeStatsList\":[{");
}
END_TEST

/* ---- relays ---- */

static struct sim_answer *ask_running_info(struct sim_node *admin, const char *client_id)
{
	struct get_consumer_running_info_request_header h = {.present = HEADER_ALL(get_consumer_running_info_request_header),
							     .consumer_group = SLICE_LIT("G"),
							     .client_id = slice_of(client_id),
							     .jstack_enable = true};

	return ask(admin, GET_CONSUMER_RUNNING_INFO, &get_consumer_running_info_request_header_schema, &h, "");
}

/* The client answers what came to it. */
static void answer_with(const struct command *call, const char *body)
{
	struct command answer = {.code = SUCCESS,
				 .opaque = call->opaque,
				 .flag = FLAG_RESPONSE | FLAG_ONEWAY,
				 .version = FUSEE_VERSION,
				 .body = slice_of(body)};
	struct buf frame = {0};

	command_encode(&frame, &answer, NULL, NULL, NULL, 0, 0);
	sim_send_frame(client, BROKER, buf_slice(&frame));
	buf_free(&frame);
}

static const struct command *received(int32_t code)
{
	const struct command *cmd;

	while ((cmd = sim_received(client)) != NULL && cmd->code != code)
		;
	ck_assert_msg(cmd != NULL, "no %d came", code);
	return cmd;
}

START_TEST(running_info_is_relayed)
{
	struct sim_node *admin = sim_client(sim, "admin");
	struct sim_answer *a;

	expect_answer(ask_running_info(admin, "c1"), SYSTEM_ERROR, "The Consumer <G> <c1> not online");
	heartbeat(client, "c1", "G", "T:*:1");
	a = ask_running_info(admin, "c1");
	ck_assert(!a->is_done);
	answer_with(received(GET_CONSUMER_RUNNING_INFO), "{\"mqTable\":{{\"queueId\":1}:{}}}");
	expect_answer(a, SUCCESS, NULL);
	ck_assert_str_eq(sim_body(a), "{\"mqTable\":{{\"queueId\":1}:{}}}");
}
END_TEST

START_TEST(a_silent_client_is_waited_for_ten_seconds)
{
	struct sim_node *admin = sim_client(sim, "admin");
	struct sim_answer *a;

	heartbeat(client, "c1", "G", "T:*:1");
	a = ask_running_info(admin, "c1");
	sim_elapse(sim, 9999);
	ck_assert(!a->is_done);
	sim_elapse(sim, 1);
	ck_assert_int_eq(sim_code(a), CONSUME_MSG_TIMEOUT);
}
END_TEST

START_TEST(relays_survive_who_goes_away)
{
	struct sim_node *admin = sim_client(sim, "admin");
	struct sim_answer *a;

	heartbeat(client, "c1", "G", "T:*:1");
	a = ask_running_info(admin, "c1");
	sim_close(sim, "admin", "b"); /* the admin first, the answer comes to nobody */
	sim_run(sim);
	answer_with(received(GET_CONSUMER_RUNNING_INFO), "{}");
	ck_assert_int_eq(a->rc, RC_CLOSED);
	a = ask_running_info(admin, "c1");
	sim_close(sim, "client", "b"); /* then the client */
	sim_run(sim);
	ck_assert_int_eq(sim_code(a), SYSTEM_ERROR);
	heartbeat(client, "c1", "G", "T:*:1");
	ask_running_info(admin, "c1"); /* and the broker stops meanwhile */
}
END_TEST

START_TEST(consume_directly)
{
	struct sim_node *admin = sim_client(sim, "admin");
	char id[57];
	struct consume_message_directly_result_request_header h = {
		.present = HEADER_BIT(consume_message_directly_result_request_header, consumer_group) |
			   HEADER_BIT(consume_message_directly_result_request_header, client_id) |
			   HEADER_BIT(consume_message_directly_result_request_header, msg_id),
		.consumer_group = SLICE_LIT("G"),
		.client_id = SLICE_LIT("c1"),
		.msg_id = SLICE_LIT("nonsense")};
	const struct schema *schema = &consume_message_directly_result_request_header_schema;
	const struct command *call;
	struct message m;
	struct sim_answer *a;

	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	put_message("T", 0, "A", "direct");
	heartbeat(client, "c1", "G", "T:*:1");
	ck_assert_int_eq(sim_code(ask(admin, CONSUME_MESSAGE_DIRECTLY, schema, &h, "")), SYSTEM_ERROR);
	message_id_encode(&b->store_host, 0, id);
	h.msg_id = slice_of(id);
	a = ask(admin, CONSUME_MESSAGE_DIRECTLY, schema, &h, "");
	call = received(CONSUME_MESSAGE_DIRECTLY);
	ck_assert_int_eq(message_decode(call->body, true, &m), RC_OK);
	ck_assert(slice_is(m.body, "direct"));
	answer_with(call, "{\"consumeResult\":\"CR_SUCCESS\"}");
	expect_in(a, "CR_SUCCESS");
	message_id_encode(&b->store_host, 999999, id);
	ck_assert_int_eq(sim_code(ask(admin, CONSUME_MESSAGE_DIRECTLY, schema, &h, "")), SYSTEM_ERROR);
}
END_TEST

START_TEST(consumer_status_is_gathered)
{
	struct get_consumer_status_request_header h = {.present = HEADER_BIT(get_consumer_status_request_header, topic) |
								  HEADER_BIT(get_consumer_status_request_header, group),
						       .topic = SLICE_LIT("T"),
						       .group = SLICE_LIT("G")};
	const struct schema *schema = &get_consumer_status_request_header_schema;
	struct sim_answer *a;

	expect_answer(ask(client, INVOKE_BROKER_TO_GET_CONSUMER_STATUS, schema, &h, ""), SYSTEM_ERROR,
		      "No Any Consumer online in the consumer group: [G]");
	heartbeat(client, "c1", "G", "T:*:1");
	heartbeat(sim_client(sim, "silent"), "c2", "G", "T:*:1");
	a = ask(sim_client(sim, "admin"), INVOKE_BROKER_TO_GET_CONSUMER_STATUS, schema, &h, "");
	answer_with(received(GET_CONSUMER_STATUS_FROM_CLIENT),
		    "{\"consumerTable\":{},\"messageQueueTable\":{{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:7}}");
	ck_assert(!a->is_done); /* the other one is waited for */
	sim_elapse(sim, 5000);
	expect_in(
		a,
		"{\"consumerTable\":{\"c1\":{{\"brokerName\":\"b\",\"queueId\":0,\"topic\":\"T\"}:7}},\"messageQueueTable\":{}}");
}
END_TEST

/* ---- frames of the real ones ---- */

static bool has_route(int32_t code)
{
	for (size_t i = 0; i < broker_dispatch.count; i++)
		if (broker_dispatch.routes[i].code == code)
			return true;
	return false;
}

static void check_golden_request(const char *name, struct slice frame, size_t *tried)
{
	struct sim_node *from;
	struct sim_answer *a;
	struct command cmd;
	const char *why;

	ck_assert_int_eq(command_decode(frame, &cmd, &why), RC_OK);
	if ((cmd.flag & (FLAG_RESPONSE | FLAG_ONEWAY)) || !has_route(cmd.code) || strstr(name, "-notify-") != NULL)
		return;
	from = sim_client(sim, name);
	a = sim_send_frame(from, BROKER, frame);
	(*tried)++;
	if (!a->is_done) /* a held pull, a relay */
		return;
	ck_assert_msg(sim_code(a) != REQUEST_CODE_NOT_SUPPORTED, "%s", name);
	ck_assert_msg(strstr(sim_remark(a), "field") == NULL, "%s: %s", name, sim_remark(a));
	sim_close(sim, name, "b");
}

/* Each request that a real client or tool sent to a broker is understood: no header field is missing or of a wrong kind. */
START_TEST(real_requests_are_understood)
{
	DIR *folder = opendir(GOLDEN_FOLDER);
	struct dirent *entry;
	size_t tried = 0;

	ck_assert_ptr_nonnull(folder);
	while ((entry = readdir(folder)) != NULL) {
		struct buf frame = {0};

		if (strstr(entry->d_name, "-request") == NULL || strstr(entry->d_name, ".bin") == NULL)
			continue;
		check_golden_request(entry->d_name, golden(&frame, entry->d_name), &tried);
		buf_free(&frame);
	}
	closedir(folder);
	ck_assert_uint_gt(tried, 100);
}
END_TEST

static const char *const heartbeats[] = {
	"4.9.8-client-34-heart_beat-request.bin",   "4.9.8-client-binary-34-heart_beat-request.bin",
	"5.5.0-client-34-heart_beat-request-2.bin", "5.5.0-client-binary-v1-34-heart_beat-request-2.bin",
	"ali-ons-3.12-34-heart_beat-request.bin",   "go-2.1.2-34-heart_beat-request.bin"};

START_TEST(real_heartbeats_are_taken)
{
	struct buf frame = {0};

	expect_answer(sim_send_frame(client, BROKER, golden(&frame, heartbeats[_i])), SUCCESS, NULL);
	buf_free(&frame);
}
END_TEST

Suite *suite_admin(void)
{
	Suite *s = suite_create("admin");
	TCase *tc = tcase_create("admin");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, configuration_is_shown_and_changed);
	tcase_add_loop_test(tc, a_bad_change_is_refused_whole_and_named, 0, COUNT_OF(bad_updates));
	tcase_add_test(tc, black_listed_keys_need_another_way);
	tcase_add_test(tc, each_key_can_be_changed_or_says_why_not);
	tcase_add_test(tc, the_largest_message_changes_at_once);
	tcase_add_test(tc, old_files_go_by_the_new_rules);
	tcase_add_test(tc, new_topics_follow_the_template);
	tcase_add_test(tc, offsets_are_saved_at_the_new_period);
	tcase_add_test(tc, the_region_is_on_what_is_sent_next);
	tcase_add_test(tc, a_change_is_answered_when_it_is_in_the_file);
	tcase_add_test(tc, a_file_that_cannot_be_written_is_told);
	tcase_add_test(tc, a_change_is_written_behind_the_file);
	tcase_add_test(tc, a_change_of_perm_makes_a_new_version);
	tcase_add_test(tc, runtime_info_has_apaches_keys);
	tcase_add_test(tc, statistics_of_a_topic);
	tcase_add_test(tc, statistics_of_a_group);
	tcase_add_test(tc, rates_of_the_broker);
	tcase_add_test(tc, midnight);
	tcase_add_test(tc, consume_and_topic_stats);
	tcase_add_test(tc, running_info_is_relayed);
	tcase_add_test(tc, a_silent_client_is_waited_for_ten_seconds);
	tcase_add_test(tc, relays_survive_who_goes_away);
	tcase_add_test(tc, consume_directly);
	tcase_add_test(tc, consumer_status_is_gathered);
	tcase_add_test(tc, real_requests_are_understood);
	tcase_add_loop_test(tc, real_heartbeats_are_taken, 0, COUNT_OF(heartbeats));
	suite_add_tcase(s, tc);
	return s;
}
