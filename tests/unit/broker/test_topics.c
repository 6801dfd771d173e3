/* Topics and groups made, changed and deleted, with attributes. Facts: Apache AdminBrokerProcessor, TopicValidator, AttributeUtil. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "broker/group_table.h"
#include "broker/topic_table.h"
#include "tests/unit/broker/messages.h"

Suite *suite_topics(void);

static struct topic *find(const char *name) { return topic_find(b->topics, slice_of(name)); }

static struct sim_answer *by_topic(int32_t code, const char *name)
{
	struct get_topic_config_request_header h = {.present = HEADER_ALL(get_topic_config_request_header),
						    .topic = slice_of(name)};

	return ask(client, code, &get_topic_config_request_header_schema, &h, "");
}

static const struct {
	const char *name;
	int32_t queues, perm;
} system_topics[] = {
	{"TBW102", 8, 7},
	{"SELF_TEST_TOPIC", 1, 6},
	{"BenchmarkTest", 1024, 6},
	{"DefaultCluster", 16, 7},
	{"b", 1, 7},
	{"OFFSET_MOVED_EVENT", 1, 6},
	{"SCHEDULE_TOPIC_XXXX", 18, 6},
	{"DefaultCluster_REPLY_TOPIC", 1, 6},
	{"RMQ_SYS_TRANS_HALF_TOPIC", 1, 6},
	{"RMQ_SYS_TRANS_OP_HALF_TOPIC", 1, 6},
	{"RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", 1, 6},
	{"RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", 1, 6},
	{"rmq_sys_REVIVE_LOG_DefaultCluster", 8, 6},
	{"rmq_sys_SYNC_BROKER_MEMBER_b", 1, 1},
	{"rmq_sys_wheel_timer", 1, 6},
};

START_TEST(system_topics_are_made_at_start)
{
	const struct topic *t = find(system_topics[_i].name);

	ck_assert_ptr_nonnull(t);
	ck_assert_int_eq(t->read_queues, system_topics[_i].queues);
	ck_assert_int_eq(t->write_queues, system_topics[_i].queues);
	ck_assert_int_eq(t->perm, system_topics[_i].perm);
	ck_assert(t->is_system);
	ck_assert_uint_eq(topic_table_count(b->topics), COUNT_OF(system_topics));
	expect_in(ask(client, GET_SYSTEM_TOPIC_LIST_FROM_BROKER, NULL, NULL, ""), system_topics[_i].name);
}
END_TEST

START_TEST(make_change_read_delete)
{
	int64_t counter = topic_table_version(b->topics)->counter;

	expect_answer(make_topic("T", 4, "+message.type=FIFO"), SUCCESS, NULL);
	ck_assert_int_eq(topic_table_version(b->topics)->counter, counter + 1);
	expect_answer(by_topic(GET_TOPIC_CONFIG, "T"), SUCCESS, NULL);
	ck_assert_str_eq(sim_body(by_topic(GET_TOPIC_CONFIG, "T")),
			 "{\"attributes\":{\"message.type\":\"FIFO\"},\"order\":false,\"perm\":6,\"readQueueNums\":4,"
			 "\"topicFilterType\":\"SINGLE_TAG\",\"topicName\":\"T\",\"topicSysFlag\":0,\"writeQueueNums\":4}");
	expect_answer(make_topic("T", 4, ""), SUCCESS, NULL); /* the same: no new version */
	ck_assert_int_eq(topic_table_version(b->topics)->counter, counter + 1);
	expect_answer(make_topic("T", 8, "-message.type"), SUCCESS, NULL);
	ck_assert_int_eq(find("T")->read_queues, 8);
	ck_assert_ptr_null(find("T")->attributes);
	expect_answer(by_topic(DELETE_TOPIC_IN_BROKER, "T"), SUCCESS, NULL);
	expect_answer(by_topic(GET_TOPIC_CONFIG, "T"), TOPIC_NOT_EXIST, "No topic in this broker. topic: T");
	expect_answer(by_topic(DELETE_TOPIC_IN_BROKER, "T"), SUCCESS, NULL);
}
END_TEST

#define LONG_127                                                                                                                 \
	"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa" \
	"aaaaaaaaa"

static const struct {
	const char *name;
	int32_t code;
	const char *remark;
} names[] = {
	{"", INVALID_PARAMETER, "The specified topic is blank."},
	{"  ", INVALID_PARAMETER, "The specified topic is blank."},
	{"a b", INVALID_PARAMETER, "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"},
	{"a/../b", INVALID_PARAMETER, "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$"},
	{"a.b", INVALID_PARAMETER, NULL},
	{"\xC3\xA4", INVALID_PARAMETER, NULL},
	{LONG_127, SUCCESS, NULL},
	{LONG_127 "a", INVALID_PARAMETER, "The specified topic is longer than topic max length."},
	{"TBW102", INVALID_PARAMETER, "The topic[TBW102] is conflict with system topic."},
	{"rmq_sys_mine", INVALID_PARAMETER, "The topic[rmq_sys_mine] is conflict with system topic."},
	{"DefaultCluster", INVALID_PARAMETER, "The topic[DefaultCluster] is conflict with system topic."},
	{"%RETRY%G", SUCCESS, NULL},
	{"a|b-c_d%E9", SUCCESS, NULL},
};

/* Each asks with jobs held back. */
static struct sim_answer *put_topic(void)
{
	sim_hold_jobs(sim, true);
	return make_topic("Made", 4, "");
}

static struct sim_answer *drop_topic(void)
{
	make_topic("Dropped", 4, "");
	sim_hold_jobs(sim, true);
	return ask(client, DELETE_TOPIC_IN_BROKER, &delete_topic_request_header_schema,
		   &(struct delete_topic_request_header){.present = HEADER_ALL(delete_topic_request_header),
							 .topic = SLICE_LIT("Dropped")},
		   "");
}

static struct sim_answer *put_group(void)
{
	sim_hold_jobs(sim, true);
	return ask(client, UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, NULL, NULL, "{\"groupName\":\"Made\"}");
}

static struct sim_answer *send_to_new(void)
{
	sim_hold_jobs(sim, true);
	return send_message(&(struct send){.topic = "Made", .body = "x"});
}

static struct sim_answer *send_back_first(void)
{
	int64_t at;

	put_message("T", 0, "a", "x");
	heartbeat(client, "c1", "G", "T:*:1");
	at = physical_of_first(pull(client, "T", 0, 0, NULL, 0));
	sim_hold_jobs(sim, true);
	return send_back("G", at, -1, 16);
}

static const struct {
	struct sim_answer *(*ask)(void);
	const char *file, *part;
	bool gone;
} saved[] = {
	{put_topic, "topics.json", "\"Made\"", false},
	{drop_topic, "topics.json", "\"Dropped\"", true},
	{send_to_new, "topics.json", "\"Made\"", false},
	{send_back_first, "topics.json", "\"%DLQ%G\"", false},
	{put_group, "subscriptionGroup.json", "\"Made\"", false},
};

/* No crash may take back what was answered. */
START_TEST(answered_when_it_is_on_file)
{
	struct sim_answer *a;
	char *text;

	a = saved[_i].ask();
	ck_assert(!a->is_done);
	sim_hold_jobs(sim, false);
	sim_run(sim);
	expect_answer(a, SUCCESS, NULL);
	text = state_text(saved[_i].file);
	ck_assert_int_eq(strstr(text, saved[_i].part) == NULL, saved[_i].gone);
	free(text);
}
END_TEST

START_TEST(a_file_that_cannot_be_written_is_said)
{
	char *path = mem_printf("%s/b/store/config/topics.json.tmp", sim_folder(sim));
	struct sim_answer *a;

	ck_assert_int_eq(mkdir(path, 0755), 0); /* no file can be made in its place */
	a = make_topic("Made", 4, "");
	sim_elapse(sim, 3000);
	expect_answer(a, SYSTEM_ERROR, "changed, but config/topics.json cannot be written: a restart may take it back");
	ck_assert_int_eq(rmdir(path), 0);
	sim_elapse(sim, 5000);
	a = make_topic("Made", 4, "");
	expect_answer(a, SUCCESS, NULL);
	free(path);
}
END_TEST

START_TEST(topic_names)
{
	expect_answer(make_topic(names[_i].name, 1, ""), names[_i].code, names[_i].remark);
	ck_assert_int_eq(find(names[_i].name) != NULL && !find(names[_i].name)->is_system, names[_i].code == SUCCESS);
}
END_TEST

static const struct {
	const char *first, *second; /* of a new topic, and of a change to it */
	int32_t code;
	const char *remark;
} attributes[] = {
	{"+unknown=1", NULL, SYSTEM_ERROR, "unsupported key: unknown"},
	{"message.type=FIFO", NULL, SYSTEM_ERROR, "add/alter attribute format is wrong: message.type"},
	{"message.type", NULL, SYSTEM_ERROR, "delete attribute format is wrong: message.type"},
	{"-message.type", NULL, SYSTEM_ERROR, "only add attribute is supported while creating topic. key: message.type"},
	{"+message.type=ODD", NULL, SYSTEM_ERROR,
	 "value is not in set: [UNSPECIFIED, MIXED, TRANSACTION, PRIORITY, FIFO, DELAY, LITE, NORMAL]"},
	{"+message.type=FIFO,+message.type=DELAY", NULL, SYSTEM_ERROR, "key duplication: +message.type"},
	{"+message.type=MIXED", NULL, INVALID_PARAMETER, "MIXED message type is not supported."},
	{"+queue.type=BatchCQ", NULL, INVALID_PARAMETER, "queue.type BatchCQ is not supported."},
	{"+queue.type=SimpleCQ", "+queue.type=SimpleCQ", SYSTEM_ERROR,
	 "attempt to update an unchangeable attribute. key: queue.type"},
	{"", "-message.type", SYSTEM_ERROR, "attempt to delete a nonexistent key: message.type"},
	{"+reserve.time=-2", NULL, SYSTEM_ERROR, "value is not in range(-1, 9223372036854775807)"},
	{"+reserve.time=x", NULL, SYSTEM_ERROR, "For input string: \"x\""},
	{"+a+b=1", NULL, SYSTEM_ERROR, "kv string format wrong."},
	{"+cleanup.policy=COMPACTION,+lite.topic.expiration=30", "-lite.topic.expiration,+message.type=DELAY", SUCCESS, NULL},
};

START_TEST(topic_attributes)
{
	struct sim_answer *a = make_topic("T", 1, attributes[_i].first);

	if (attributes[_i].second != NULL) {
		expect_answer(a, SUCCESS, NULL);
		a = make_topic("T", 1, attributes[_i].second);
	}
	expect_answer(a, attributes[_i].code, attributes[_i].remark);
	if (attributes[_i].code == SUCCESS)
		expect_in(by_topic(GET_TOPIC_CONFIG, "T"), "{\"cleanup.policy\":\"COMPACTION\",\"message.type\":\"DELAY\"}");
}
END_TEST

START_TEST(bad_perm_and_queue_counts)
{
	struct create_topic_request_header h = {.present = HEADER_ALL(create_topic_request_header),
						.topic = SLICE_LIT("T"),
						.read_queue_nums = 4,
						.write_queue_nums = 4,
						.perm = 16};

	expect_answer(ask(client, UPDATE_AND_CREATE_TOPIC, &create_topic_request_header_schema, &h, ""), NO_PERMISSION,
		      "invalid perm: 16");
	h.perm = 6;
	h.read_queue_nums = TOPIC_QUEUES_MAX + 1;
	expect_answer(ask(client, UPDATE_AND_CREATE_TOPIC, &create_topic_request_header_schema, &h, ""), INVALID_PARAMETER, NULL);
	h.read_queue_nums = TOPIC_QUEUES_MAX;
	expect_answer(ask(client, UPDATE_AND_CREATE_TOPIC, &create_topic_request_header_schema, &h, ""), SUCCESS, NULL);
}
END_TEST

START_TEST(a_list_is_taken_whole_or_not_at_all)
{
	expect_answer(ask(client, UPDATE_AND_CREATE_TOPIC_LIST, NULL, NULL,
			  "{\"topicConfigList\":[{\"topicName\":\"L1\",\"readQueueNums\":2,\"writeQueueNums\":2,\"perm\":6},{"
			  "\"topicName\":\"b d\"}]}"),
		      INVALID_PARAMETER, NULL);
	ck_assert_ptr_null(find("L1"));
	expect_answer(ask(client, UPDATE_AND_CREATE_TOPIC_LIST, NULL, NULL,
			  "{\"topicConfigList\":[{\"topicName\":\"L1\",\"readQueueNums\":2,\"writeQueueNums\":2,\"perm\":6},{"
			  "\"topicName\":\"L2\"}]}"),
		      SUCCESS, NULL);
	ck_assert_int_eq(find("L1")->read_queues, 2);
	ck_assert_int_eq(find("L2")->read_queues, 16);
}
END_TEST

static struct sim_answer *page(int32_t sequence, const char *version, int32_t most)
{
	struct get_all_topic_config_request_header h = {.present = HEADER_ALL(get_all_topic_config_request_header),
							.topic_seq = sequence,
							.data_version = slice_of(version),
							.max_topic_num = most};

	return ask(client, GET_ALL_TOPIC_CONFIG, &get_all_topic_config_request_header_schema, &h, "");
}

START_TEST(all_topics_whole_and_in_pages)
{
	struct sim_answer *a = ask(client, GET_ALL_TOPIC_CONFIG, NULL, NULL, "");
	char *version;

	expect_in(a, "\"SELF_TEST_TOPIC\":{");
	expect_in(a, "\"b\":{\"attributes\":{}");
	ck_assert_str_eq(sim_ext(a, "totalTopicNum"), "15");
	version = mem_printf("{\"counter\":%lld,\"stateVersion\":0,\"timestamp\":%lld}",
			     (long long)topic_table_version(b->topics)->counter,
			     (long long)topic_table_version(b->topics)->timestamp);
	a = page(0, version, 2); /* BenchmarkTest, DefaultCluster */
	expect_in(a, "\"BenchmarkTest\":{");
	expect_not_in(a, "\"SELF_TEST_TOPIC\":{");
	expect_in(page(14, version, 5), "\"topicConfigTable\":{\"rmq_sys_wheel_timer\":{");
	expect_in(page(99, version, 5), "\"topicConfigTable\":{}");
	expect_in(page(99, "{}", 5), "\"BenchmarkTest\":{");
	free(version);
}
END_TEST

START_TEST(auto_creation_leaves_the_template_alone)
{
	ck_assert_ptr_nonnull(topic_auto_create(b, SLICE_LIT("A"), SLICE_LIT("TBW102"), 4, 0));
	ck_assert_int_eq(find("A")->read_queues, 4);
	ck_assert_int_eq(find("A")->perm, 6);
	ck_assert_int_eq(topic_auto_create(b, SLICE_LIT("B"), SLICE_LIT("TBW102"), 99, 0)->read_queues, 8);
	ck_assert_int_eq(topic_auto_create(b, SLICE_LIT("C"), SLICE_LIT("TBW102"), -5, 0)->read_queues, 0);
	ck_assert_ptr_null(topic_auto_create(b, SLICE_LIT("D"), SLICE_LIT("SELF_TEST_TOPIC"), 4, 0));
	ck_assert_ptr_null(topic_auto_create(b, SLICE_LIT("D"), SLICE_LIT("Unknown"), 4, 0));
	restart_with("autoCreateTopicEnable=false\n");
	ck_assert_ptr_null(topic_auto_create(b, SLICE_LIT("E"), SLICE_LIT("TBW102"), 4, 0));
	ck_assert_int_eq(find("TBW102")->perm, 7);
}
END_TEST

START_TEST(a_deleted_topic_loses_its_messages)
{
	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	put_message("T", 0, "A", "old");
	expect_answer(by_topic(DELETE_TOPIC_IN_BROKER, "T"), SUCCESS, NULL);
	expect_answer(make_topic("T", 1, ""), SUCCESS, NULL);
	ck_assert_int_eq(store_queue_max(topic_queue(b, find("T"), 0, true)), 0);
}
END_TEST

/* ---- groups ---- */

static struct sim_answer *by_group(int32_t code, const char *name)
{
	struct get_subscription_group_config_request_header h = {
		.present = HEADER_ALL(get_subscription_group_config_request_header), .group = slice_of(name)};

	return ask(client, code, &get_subscription_group_config_request_header_schema, &h, "");
}

START_TEST(group_put_read_delete)
{
	struct delete_subscription_group_request_header h = {
		.present = HEADER_BIT(delete_subscription_group_request_header, group_name), .group_name = SLICE_LIT("G")};

	expect_answer(ask(client, UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, NULL, NULL,
			  "{\"groupName\":\"G\",\"retryMaxTimes\":3,\"consumeBroadcastEnable\":false,\"attributes\":{\"+priority."
			  "factor\":\"50\"},"
			  "\"groupRetryPolicy\":{\"type\":\"EXPONENTIAL\"},\"unknown\":1}"),
		      SUCCESS, NULL);
	ck_assert_str_eq(
		sim_body(by_group(GET_SUBSCRIPTIONGROUP_CONFIG, "G")),
		"{\"attributes\":{\"priority.factor\":\"50\"},\"brokerId\":0,\"consumeBroadcastEnable\":false,\"consumeEnable\":"
		"true,"
		"\"consumeFromMinEnable\":true,\"consumeMessageOrderly\":false,\"consumeTimeoutMinute\":15,\"groupName\":\"G\","
		"\"groupRetryPolicy\":{\"type\":\"EXPONENTIAL\"},\"groupSysFlag\":0,\"notifyConsumerIdsChangedEnable\":true,"
		"\"retryMaxTimes\":3,\"retryQueueNums\":1,\"whichBrokerWhenConsumeSlowly\":1}");
	expect_in(ask(client, GET_ALL_SUBSCRIPTIONGROUP_CONFIG, NULL, NULL, ""),
		  "\"forbiddenTable\":{},\"subscriptionGroupTable\":{");
	expect_answer(ask(client, DELETE_SUBSCRIPTIONGROUP, &delete_subscription_group_request_header_schema, &h, ""), SUCCESS,
		      NULL);
	expect_answer(ask(client, DELETE_SUBSCRIPTIONGROUP, &delete_subscription_group_request_header_schema, &h, ""), SUCCESS,
		      NULL);
	ck_assert_ptr_null(group_find(b->groups, SLICE_LIT("G")));
	expect_in(by_group(GET_SUBSCRIPTIONGROUP_CONFIG, "G"), "\"retryMaxTimes\":16"); /* made by the question, as Apache */
}
END_TEST

static const struct {
	const char *body;
	int32_t code;
} bad_groups[] = {
	{"", INVALID_PARAMETER},
	{"[]", INVALID_PARAMETER},
	{"{}", INVALID_PARAMETER},
	{"{\"groupName\":\"a b\"}", INVALID_PARAMETER},
	{"{\"groupName\":\"G\",\"retryQueueNums\":-1}", SYSTEM_ERROR},
	{"{\"groupName\":\"G\",\"retryQueueNums\":99999999999}", SYSTEM_ERROR},
	{"{\"groupName\":\"G\",\"consumeEnable\":\"perhaps\"}", SYSTEM_ERROR},
	{"{\"groupName\":\"G\",\"attributes\":{\"+odd\":\"1\"}}", SYSTEM_ERROR},
};

START_TEST(bad_groups_are_refused)
{
	expect_answer(ask(client, UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, NULL, NULL, bad_groups[_i].body), bad_groups[_i].code,
		      NULL);
	ck_assert_ptr_null(group_find(b->groups, SLICE_LIT("G")));
}
END_TEST

START_TEST(forbidden_pairs)
{
	struct update_group_forbidden_request_header h = {.present = HEADER_ALL(update_group_forbidden_request_header),
							  .group = SLICE_LIT("G"),
							  .topic = SLICE_LIT("T"),
							  .readable = false};
	const struct schema *schema = &update_group_forbidden_request_header_schema;

	expect_in(ask(client, UPDATE_AND_GET_GROUP_FORBIDDEN, schema, &h, ""),
		  "{\"group\":\"G\",\"readable\":false,\"topic\":\"T\"}");
	expect_in(ask(client, GET_ALL_SUBSCRIPTIONGROUP_CONFIG, NULL, NULL, ""), "\"forbiddenTable\":{\"G\":{\"T\":4}}");
	restart_with("");
	h.present &= ~HEADER_BIT(update_group_forbidden_request_header, readable);
	expect_in(ask(client, UPDATE_AND_GET_GROUP_FORBIDDEN, schema, &h, ""), "\"readable\":false");
	h.present = HEADER_ALL(update_group_forbidden_request_header);
	h.readable = true;
	expect_in(ask(client, UPDATE_AND_GET_GROUP_FORBIDDEN, schema, &h, ""), "\"readable\":true");
	expect_in(ask(client, GET_ALL_SUBSCRIPTIONGROUP_CONFIG, NULL, NULL, ""), "\"forbiddenTable\":{},");
}
END_TEST

Suite *suite_topics(void)
{
	Suite *s = suite_create("topics");
	TCase *tc = tcase_create("topics");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, system_topics_are_made_at_start, 0, COUNT_OF(system_topics));
	tcase_add_test(tc, make_change_read_delete);
	tcase_add_loop_test(tc, answered_when_it_is_on_file, 0, COUNT_OF(saved));
	tcase_add_test(tc, a_file_that_cannot_be_written_is_said);
	tcase_add_loop_test(tc, topic_names, 0, COUNT_OF(names));
	tcase_add_loop_test(tc, topic_attributes, 0, COUNT_OF(attributes));
	tcase_add_test(tc, bad_perm_and_queue_counts);
	tcase_add_test(tc, a_list_is_taken_whole_or_not_at_all);
	tcase_add_test(tc, all_topics_whole_and_in_pages);
	tcase_add_test(tc, auto_creation_leaves_the_template_alone);
	tcase_add_test(tc, a_deleted_topic_loses_its_messages);
	tcase_add_test(tc, group_put_read_delete);
	tcase_add_loop_test(tc, bad_groups_are_refused, 0, COUNT_OF(bad_groups));
	tcase_add_test(tc, forbidden_pairs);
	suite_add_tcase(s, tc);
	return s;
}
