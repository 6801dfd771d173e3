/* Frames that real brokers, clients and tools sent, answered as Apache's name server answered them. See golden/INDEX.tsv. */
#include "tests/unit/namesrv/fixture.h"

#include <stdlib.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "base/small_file.h"

static struct buf frames[64]; /* of one test; freed with its process */
static unsigned frame_count;

static struct slice golden(const char *name)
{
	char *path = mem_printf("%s/%s.bin", GOLDEN_FOLDER, name);
	struct buf *b = &frames[frame_count++];

	ck_assert_uint_le(frame_count, COUNT_OF(frames));
	ck_assert_msg(small_file_read(path, b) == RC_OK, "%s", path);
	free(path);
	return buf_slice(b);
}

static void stop(void)
{
	while (frame_count)
		buf_free(&frames[--frame_count]);
	teardown();
}

static struct command decoded(const char *name)
{
	struct command cmd;
	const char *why;

	ck_assert_int_eq(command_decode(golden(name), &cmd, &why), RC_OK);
	return cmd;
}

static struct sim_answer *send_as(const char *node, const char *name)
{
	return sim_send_frame(sim_client(sim, node), NS, golden(name));
}

/* "4.9.7-broker" and the like: register, is routed, unregister. `topic`: one of its topics, and what is told of it. */
static const struct {
	const char *name;
	const char *topic, *queues;
} brokers[] = {
	{"4.9.7-broker-103-register_broker-request", "TBW102",
	 "\"perm\":7,\"readQueueNums\":8,\"topicSysFlag\":0,\"writeQueueNums\":8"},
	{"4.9.7-compressed-broker-103-register_broker-request", "SCHEDULE_TOPIC_XXXX", "\"perm\":6,\"readQueueNums\":18"},
	{"5.5.0-broker-103-register_broker-request", "BenchmarkTest", "\"perm\":6,\"readQueueNums\":1024"},
	{"5.5.0-compressed-broker-103-register_broker-request", "BenchmarkTest", "\"perm\":6,\"readQueueNums\":1024"},
	{"5.5.0-binary-broker-103-register_broker-request", "TBW102", "\"perm\":7,\"readQueueNums\":8"},
	{"5.5.0-plain-broker-103-register_broker-request", "TBW102", "\"perm\":7,\"readQueueNums\":8"},
	{"5.5.0-others-broker-103-register_broker-request", "TBW102", "\"perm\":7,\"readQueueNums\":8"},
};

START_TEST(brokers_register)
{
	ck_assert_int_eq(sim_code(send_as("broker-a", brokers[_i].name)), SUCCESS);
	expect_in(route_of(brokers[_i].topic), brokers[_i].queues);
	expect_in(ask(GET_BROKER_CLUSTER_INFO), "\"clusterAddrTable\":{\"DefaultCluster\":[\"broker-a\"]}");
}
END_TEST

static const struct {
	const char *registers, *unregisters;
} pairs[] = {
	{"4.9.7-broker-103-register_broker-request", "4.9.7-broker-104-unregister_broker-request"},
	{"5.5.0-broker-103-register_broker-request", "5.5.0-broker-104-unregister_broker-request"},
	{"5.5.0-binary-broker-103-register_broker-request", "5.5.0-binary-broker-104-unregister_broker-request"},
};

START_TEST(brokers_unregister)
{
	ck_assert_int_eq(sim_code(send_as("one", pairs[_i].registers)), SUCCESS);
	ck_assert(has_route("TBW102"));
	ck_assert_int_eq(sim_code(send_as("two", pairs[_i].unregisters)), SUCCESS);
	ck_assert(!has_route("TBW102"));
}
END_TEST

/* The route of TBW102 that Apache 5.5.0 told, byte by byte. Both lines' answers were captured; the 5.5.0 client asked for it later than
 * with the request that is kept here, which is of another topic. */
START_TEST(route_is_apaches)
{
	static const char *const answers[] = {"4.9.8-client-105-get_routeinfo_by_topic-response-0",
					      "5.5.0-client-105-get_routeinfo_by_topic-response-0"};
	struct sim_answer *a;
	struct command theirs = decoded(answers[_i]);

	ck_assert_int_eq(sim_code(send_as("broker-a", "5.5.0-broker-103-register_broker-request")), SUCCESS);
	a = send_as("client-4.9.8", "4.9.8-client-105-get_routeinfo_by_topic-request");
	ck_assert_int_eq(sim_code(a), SUCCESS);
	ck_assert_msg(slice_eq(a->cmd.body, theirs.body), "ours '%.*s', theirs '%.*s'", SLICE_ARG(a->cmd.body),
		      SLICE_ARG(theirs.body));
}
END_TEST

static const char *const asks_of_unknown_topics[] = {"go-2.1.2-105-get_routeinfo_by_topic-request",
						     "ali-ons-3.12-105-get_routeinfo_by_topic-request",
						     "4.9.8-client-binary-105-get_routeinfo_by_topic-request-2",
						     "5.5.0-client-binary-v1-105-get_routeinfo_by_topic-request-2"};

START_TEST(clients_without_a_route) { ck_assert_int_eq(sim_code(send_as("asker", asks_of_unknown_topics[_i])), TOPIC_NOT_EXIST); }
END_TEST

/* The tools' requests on an empty name server: code and, where it does not depend on time, body. */
static const struct {
	const char *name;
	int32_t code;
	const char *body;
} asks[] = {
	{"4.9.8-tools-100-put_kv_config-request", SUCCESS, ""},
	{"5.5.0-tools-100-put_kv_config-request", SUCCESS, ""},
	{"4.9.8-tools-101-get_kv_config-request", QUERY_NOT_FOUND, ""},
	{"5.5.0-tools-101-get_kv_config-request", QUERY_NOT_FOUND, ""},
	{"4.9.8-tools-102-delete_kv_config-request", SUCCESS, ""},
	{"5.5.0-tools-102-delete_kv_config-request", SUCCESS, ""},
	{"4.9.8-tools-106-get_broker_cluster_info-request", SUCCESS, "{\"brokerAddrTable\":{},\"clusterAddrTable\":{}}"},
	{"5.5.0-binary-broker-106-get_broker_cluster_info-request", SUCCESS, "{\"brokerAddrTable\":{},\"clusterAddrTable\":{}}"},
	{"4.9.8-tools-205-wipe_write_perm_of_broker-request", SUCCESS, ""},
	{"5.5.0-tools-205-wipe_write_perm_of_broker-request", SUCCESS, ""},
	{"4.9.8-tools-206-get_all_topic_list_from_nameserver-request", SUCCESS, "{\"topicList\":[]}"},
	{"5.5.0-tools-206-get_all_topic_list_from_nameserver-request", SUCCESS, "{\"topicList\":[]}"},
	{"4.9.8-tools-216-delete_topic_in_namesrv-request", SUCCESS, ""},
	{"5.5.0-tools-216-delete_topic_in_namesrv-request", SUCCESS, ""},
	{"5.5.0-tools-216-delete_topic_in_namesrv-request-2", SUCCESS, ""},
	{"4.9.8-tools-219-get_kvlist_by_namespace-request", QUERY_NOT_FOUND, ""},
	{"5.5.0-tools-219-get_kvlist_by_namespace-request", QUERY_NOT_FOUND, ""},
	{"4.9.8-tools-224-get_topics_by_cluster-request", SUCCESS, "{\"topicList\":[]}"},
	{"5.5.0-tools-224-get_topics_by_cluster-request", SUCCESS, "{\"topicList\":[]}"},
	{"4.9.8-tools-304-get_system_topic_list_from_ns-request", SUCCESS, "{\"topicList\":[]}"},
	{"5.5.0-tools-304-get_system_topic_list_from_ns-request", SUCCESS, "{\"topicList\":[]}"},
	{"4.9.8-tools-311-get_unit_topic_list-request", SUCCESS, "{\"topicList\":[]}"},
	{"5.5.0-tools-311-get_unit_topic_list-request", SUCCESS, "{\"topicList\":[]}"},
	{"4.9.8-tools-319-get_namesrv_config-request", SUCCESS, NULL},
	{"5.5.0-tools-319-get_namesrv_config-request", SUCCESS, NULL},
	{"4.9.8-tools-327-add_write_perm_of_broker-request", SUCCESS, ""},
	{"5.5.0-tools-327-add_write_perm_of_broker-request", SUCCESS, ""},
};

START_TEST(tools_ask)
{
	struct sim_answer *a = send_as("tool", asks[_i].name);

	ck_assert_int_eq(sim_code(a), asks[_i].code);
	if (asks[_i].body)
		ck_assert_str_eq(sim_body(a), asks[_i].body);
}
END_TEST

/* Where Apache's answer was captured too: the same code and the same ext fields by name. */
START_TEST(answers_have_apaches_shape)
{
	ck_assert_int_eq(sim_code(send_as("broker-a", "5.5.0-broker-103-register_broker-request")), SUCCESS);
	ck_assert_ptr_nonnull(sim_ext(send_as("t1", "4.9.8-tools-205-wipe_write_perm_of_broker-request"), "wipeTopicCount"));
	ck_assert_ptr_nonnull(sim_ext(send_as("t2", "4.9.8-tools-327-add_write_perm_of_broker-request"), "addTopicCount"));
	ck_assert_int_eq(sim_code(send_as("t3", "4.9.8-tools-100-put_kv_config-request")), SUCCESS);
	ck_assert_str_eq(sim_body(send_as("t4", "4.9.8-tools-219-get_kvlist_by_namespace-request")), "{\"table\":{\"k\":\"v\"}}");
	ck_assert_str_eq(sim_ext(send_as("t5", "4.9.8-tools-101-get_kv_config-request"), "value"), "v");
}
END_TEST

/* Every key that a 5.5.0 name server shows is shown. */
START_TEST(configuration_has_apaches_keys)
{
	struct command theirs = decoded("4.9.8-tools-319-get_namesrv_config-response-0");
	struct slice rest = theirs.body, line;
	struct sim_answer *a = ask(GET_NAMESRV_CONFIG);
	size_t count = 0;

	while (slice_split(&rest, '\n', &line)) {
		char *key = mem_printf("\n%.*s=", (int)slice_find(line, '='), line.at);
		const char *body = sim_body(a);

		/* rocketmqHome is the environment's, and unset here */
		if (line.len && slice_find(line, '=') < line.len - 1 && !slice_has_prefix(line, SLICE_LIT("rocketmqHome"))) {
			ck_assert_msg(strstr(body, key) || strncmp(body, key + 1, strlen(key + 1)) == 0, "no key '%s'", key + 1);
			count++;
		}
		free(key);
	}
	ck_assert_uint_gt(count, 30);
}
END_TEST

Suite *suite_golden(void)
{
	Suite *s = suite_create("golden");
	TCase *tc = tcase_create("golden");

	tcase_add_checked_fixture(tc, setup, stop);
	tcase_add_loop_test(tc, brokers_register, 0, COUNT_OF(brokers));
	tcase_add_loop_test(tc, brokers_unregister, 0, COUNT_OF(pairs));
	tcase_add_loop_test(tc, route_is_apaches, 0, 2);
	tcase_add_loop_test(tc, clients_without_a_route, 0, COUNT_OF(asks_of_unknown_topics));
	tcase_add_loop_test(tc, tools_ask, 0, COUNT_OF(asks));
	tcase_add_test(tc, answers_have_apaches_shape);
	tcase_add_test(tc, configuration_has_apaches_keys);
	suite_add_tcase(s, tc);
	return s;
}
