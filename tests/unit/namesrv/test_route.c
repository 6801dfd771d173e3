/* What clients and tools are told. Facts: Apache ClientRequestProcessor, DefaultRequestProcessor; texts seen on 5.5.0. */
#include "tests/unit/namesrv/fixture.h"

static struct test_broker a, b;

static void start_with(const char *settings)
{
	setup_with(settings);
	a = (struct test_broker){.node = sim_client(sim, "broker-a"), .name = "a", .address = "10.0.0.1:10911"};
	b = (struct test_broker){.node = sim_client(sim, "broker-b"),
				 .name = "b",
				 .address = "10.0.0.2:10911",
				 .cluster = "d",
				 .topics = "T2:1:1:7:0 U1:1:1:6:1 U2:1:1:6:2 U3:1:1:6:3"};
	expect_registered(&b);
	expect_registered(&a);
}

static void start(void) { start_with(""); }

START_TEST(whole_answer)
{
	ck_assert_str_eq(
		sim_body(route_of("T1")),
		"{\"brokerDatas\":[{\"brokerAddrs\":{\"0\":\"10.0.0.1:10911\"},\"brokerName\":\"a\",\"cluster\":\"c\","
		"\"enableActingMaster\":false}],\"filterServerTable\":{},\"queueDatas\":[{\"brokerName\":\"a\",\"perm\":6,"
		"\"readQueueNums\":4,\"topicSysFlag\":0,\"writeQueueNums\":4}]}");
	expect_in(route_of("T2"), "\"queueDatas\":[{\"brokerName\":\"a\",\"perm\":6,\"readQueueNums\":4,\"topicSysFlag\":0,"
				  "\"writeQueueNums\":4},{\"brokerName\":\"b\",\"perm\":7,");
}
END_TEST

static const struct {
	int32_t version;
	bool standard;
	const char *addresses;
} dialects[] = {
	{400, false, "{0:\"10.0.0.1:10911\"}"},
	{401, false, "{\"0\":\"10.0.0.1:10911\"}"},
	{400, true, "{\"0\":\"10.0.0.1:10911\"}"},
	{513, false, "{\"0\":\"10.0.0.1:10911\"}"},
};

START_TEST(dialect_by_version)
{
	struct get_route_info_request_header h = {.present = HEADER_ALL(get_route_info_request_header),
						  .topic = SLICE_LIT("T1"),
						  .accept_standard_json_only = dialects[_i].standard};
	struct sim_request r = {.code = GET_ROUTEINFO_BY_TOPIC,
				.version = dialects[_i].version,
				.codec = CODEC_BINARY,
				.schema = &get_route_info_request_header_schema,
				.header = &h};

	expect_in(sim_send(client, NS, &r), dialects[_i].addresses);
	ck_assert(has_route("T1")); /* the other dialect's answer is its own */
	expect_in(sim_send(client, NS, &r), dialects[_i].addresses);
}
END_TEST

START_TEST(unknown_topic)
{
	struct sim_answer *answer = route_of("nope");

	ck_assert_int_eq(sim_code(answer), TOPIC_NOT_EXIST);
	ck_assert_str_eq(sim_remark(answer), "No topic route info in name server for the topic: nope\n"
					     "See https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.");
	ck_assert_int_eq(sim_code(ask(GET_ROUTEINFO_BY_TOPIC)), SYSTEM_ERROR); /* no topic at all */
}
END_TEST

/* What is no UTF-8 comes back as Java would write it: strict readers of JSON take the answer. */
START_TEST(a_name_that_is_no_utf8_is_still_json_in_the_remark)
{
	struct sim_answer *answer = route_of("no\xFFpe\xC3");

	ck_assert_int_eq(sim_code(answer), TOPIC_NOT_EXIST);
	ck_assert_ptr_nonnull(strstr(sim_remark(answer), "topic: no\xEF\xBF\xBDpe\xEF\xBF\xBD\n"));
}
END_TEST

START_TEST(unknown_code)
{
	struct sim_answer *answer = ask(PULL_MESSAGE);

	ck_assert_int_eq(sim_code(answer), REQUEST_CODE_NOT_SUPPORTED);
	ck_assert_str_eq(sim_remark(answer), " request type 11 not supported");
}
END_TEST

START_TEST(cluster_info)
{
	ck_assert_str_eq(sim_body(ask(GET_BROKER_CLUSTER_INFO)),
			 "{\"brokerAddrTable\":{\"b\":{\"brokerAddrs\":{\"0\":\"10.0.0.2:10911\"},\"brokerName\":\"b\","
			 "\"cluster\":\"d\",\"enableActingMaster\":false},\"a\":{\"brokerAddrs\":{\"0\":\"10.0.0.1:10911\"},"
			 "\"brokerName\":\"a\",\"cluster\":\"c\",\"enableActingMaster\":false}},"
			 "\"clusterAddrTable\":{\"d\":[\"b\"],\"c\":[\"a\"]}}");
}
END_TEST

START_TEST(member_group)
{
	struct get_broker_member_group_request_header h = {.present = HEADER_ALL(get_broker_member_group_request_header),
							   .cluster_name = SLICE_LIT("c"),
							   .broker_name = SLICE_LIT("a")};
	const struct schema *schema = &get_broker_member_group_request_header_schema;

	ck_assert_str_eq(
		sim_body(ask_with(GET_BROKER_MEMBER_GROUP, schema, &h)),
		"{\"brokerMemberGroup\":{\"brokerAddrs\":{\"0\":\"10.0.0.1:10911\"},\"brokerName\":\"a\",\"cluster\":\"c\"}}");
	h.broker_name = SLICE_LIT("nope");
	ck_assert_str_eq(sim_body(ask_with(GET_BROKER_MEMBER_GROUP, schema, &h)),
			 "{\"brokerMemberGroup\":{\"brokerAddrs\":{},\"brokerName\":\"nope\",\"cluster\":\"c\"}}");
}
END_TEST

static const struct {
	int32_t code;
	const char *body;
} lists[] = {
	{GET_ALL_TOPIC_LIST_FROM_NAMESERVER, "{\"topicList\":[\"T2\",\"U1\",\"U2\",\"U3\",\"T1\"]}"},
	{GET_UNIT_TOPIC_LIST, "{\"topicList\":[\"U1\",\"U3\"]}"},
	{GET_HAS_UNIT_SUB_TOPIC_LIST, "{\"topicList\":[\"U2\",\"U3\"]}"},
	{GET_HAS_UNIT_SUB_UNUNIT_TOPIC_LIST, "{\"topicList\":[\"U2\"]}"},
	{GET_SYSTEM_TOPIC_LIST_FROM_NS, "{\"brokerAddr\":\"10.0.0.2:10911\",\"topicList\":[\"d\",\"c\",\"b\",\"a\"]}"},
};

START_TEST(topic_lists) { ck_assert_str_eq(sim_body(ask(lists[_i].code)), lists[_i].body); }
END_TEST

START_TEST(topic_lists_switched_off)
{
	sim_node_stop(ns);
	ns = sim_namesrv(sim, "ns", NS, "enableAllTopicList=false\nenableTopicList=false\n");
	if (lists[_i].code == GET_SYSTEM_TOPIC_LIST_FROM_NS) {
		ck_assert_str_eq(sim_body(ask(lists[_i].code)), "{\"topicList\":[]}");
		return;
	}
	ck_assert_int_eq(sim_code(ask(lists[_i].code)), SYSTEM_ERROR);
	ck_assert_str_eq(sim_remark(ask(lists[_i].code)), "disable");
}
END_TEST

START_TEST(topics_of_a_cluster)
{
	struct get_topics_by_cluster_request_header h = {.present = HEADER_ALL(get_topics_by_cluster_request_header),
							 .cluster = SLICE_LIT("c")};
	const struct schema *schema = &get_topics_by_cluster_request_header_schema;
	struct test_broker other = {.node = sim_client(sim, "other"), .name = "a2", .address = "10.0.0.3:10911"};

	expect_registered(&other); /* same topics: listed once */
	ck_assert_str_eq(sim_body(ask_with(GET_TOPICS_BY_CLUSTER, schema, &h)), "{\"topicList\":[\"T1\",\"T2\"]}");
	h.cluster = SLICE_LIT("nope");
	ck_assert_str_eq(sim_body(ask_with(GET_TOPICS_BY_CLUSTER, schema, &h)), "{\"topicList\":[]}");
}
END_TEST

static struct sim_answer *delete_topic(const char *topic, const char *cluster)
{
	struct delete_topic_from_namesrv_request_header h = {.present =
								     HEADER_BIT(delete_topic_from_namesrv_request_header, topic),
							     .topic = slice_of(topic),
							     .cluster_name = slice_of(cluster)};

	if (cluster)
		h.present = HEADER_ALL(delete_topic_from_namesrv_request_header);
	return ask_with(DELETE_TOPIC_IN_NAMESRV, &delete_topic_from_namesrv_request_header_schema, &h);
}

START_TEST(delete_topics)
{
	expect_in(route_of("T2"), "\"a\"");
	ck_assert_int_eq(sim_code(delete_topic("T2", "c")), SUCCESS);
	expect_not_in(route_of("T2"), "\"a\"");
	expect_in(route_of("T2"), "\"b\"");
	ck_assert_int_eq(sim_code(delete_topic("T2", "nope")), SUCCESS);
	ck_assert(has_route("T2"));
	ck_assert_int_eq(sim_code(delete_topic("T2", NULL)), SUCCESS);
	ck_assert(!has_route("T2"));
	ck_assert_int_eq(sim_code(delete_topic("T2", NULL)), SUCCESS);
	expect_registered(&a); /* the broker still has it */
	expect_in(route_of("T2"), "\"a\"");
}
END_TEST

static struct sim_answer *register_topic(const char *body)
{
	struct register_topic_request_header h = {.present = HEADER_ALL(register_topic_request_header), .topic = SLICE_LIT("R")};

	return sim_send(client, NS,
			&(struct sim_request){.code = REGISTER_TOPIC_IN_NAMESRV,
					      .schema = &register_topic_request_header_schema,
					      .header = &h,
					      .body = slice_of(body)});
}

START_TEST(register_topics)
{
	ck_assert_int_eq(sim_code(register_topic("")), SUCCESS);
	ck_assert_int_eq(sim_code(register_topic("{\"queueDatas\":[]}")), SUCCESS);
	ck_assert_int_eq(sim_code(register_topic("{\"queueDatas\":[{\"brokerName\":\"a\"},{\"brokerName\":\"nope\"}]}")),
			 SUCCESS);
	ck_assert(!has_route("R"));
	ck_assert_int_eq(sim_code(register_topic("{\"queueDatas\":[1]}")), SYSTEM_ERROR);
	ck_assert_int_eq(sim_code(register_topic("{")), SYSTEM_ERROR);
	ck_assert_int_eq(sim_code(register_topic("{\"queueDatas\":[{\"brokerName\":\"a\",\"perm\":6,\"readQueueNums\":3,"
						 "\"topicSysFlag\":0,\"writeQueueNums\":2}]}")),
			 SUCCESS);
	expect_in(route_of("R"), "\"perm\":6,\"readQueueNums\":3,\"topicSysFlag\":0,\"writeQueueNums\":2");
}
END_TEST

static const char *set_write(const char *broker, bool wipe)
{
	struct wipe_write_perm_of_broker_request_header h = {.present = HEADER_ALL(wipe_write_perm_of_broker_request_header),
							     .broker_name = slice_of(broker)};
	int32_t code = wipe ? WIPE_WRITE_PERM_OF_BROKER : ADD_WRITE_PERM_OF_BROKER;

	return sim_ext(ask_with(code, &wipe_write_perm_of_broker_request_header_schema, &h),
		       wipe ? "wipeTopicCount" : "addTopicCount");
}

START_TEST(write_permission_comes_back_as_it_was)
{
	expect_in(route_of("T2"), "\"perm\":7");
	ck_assert_str_eq(set_write("b", true), "4");
	expect_in(route_of("T2"), "\"perm\":5");
	expect_in(route_of("T2"), "\"perm\":6"); /* the other broker's */
	expect_registered(&b);                   /* nothing new: stays wiped */
	expect_in(route_of("T2"), "\"perm\":5");
	ck_assert_str_eq(set_write("b", false), "4");
	expect_in(route_of("T2"), "\"perm\":7"); /* with the inherit bit that Apache loses */
	ck_assert_str_eq(set_write("nope", true), "0");
	ck_assert_str_eq(set_write("nope", false), "0");
}
END_TEST

START_TEST(new_data_version_ends_a_wipe)
{
	ck_assert_str_eq(set_write("b", true), "4");
	b.counter = 1;
	expect_registered(&b);
	expect_in(route_of("T2"), "\"perm\":7");
}
END_TEST

static void start_acting(void) { start_with("supportActingMaster=true\n"); }

START_TEST(slave_acts_for_a_lost_master)
{
	struct test_broker slave = {
		.node = sim_client(sim, "slave"), .name = "a", .address = "10.0.0.9:10911", .id = 2, .is_acting_on = true};

	a.is_acting_on = true;
	expect_registered(&a);
	expect_registered(&slave);
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.1:10911\",\"2\":\"10.0.0.9:10911\"}");
	expect_in(route_of("T1"), "\"enableActingMaster\":true");
	sim_close(sim, "broker-a", "ns");
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.9:10911\"}");
	expect_in(route_of("T1"), "\"perm\":4");
	expect_in(ask(GET_BROKER_CLUSTER_INFO), "{\"2\":\"10.0.0.9:10911\"}");
	expect_registered(&a);
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.1:10911\",\"2\":\"10.0.0.9:10911\"}");
	expect_in(route_of("T1"), "\"perm\":6");
}
END_TEST

START_TEST(waits_for_brokers_by_option)
{
	sim_node_stop(ns);
	ns = sim_namesrv(sim, "ns", NS, "needWaitForService=true\nwaitSecondsForService=45\n");
	expect_registered(&a);
	ck_assert_str_eq(sim_remark(route_of("T1")), "name server not ready");
	sim_elapse(sim, 44999);
	ck_assert_int_eq(sim_code(route_of("T1")), SYSTEM_ERROR);
	sim_elapse(sim, 1);
	ck_assert(has_route("T1"));
}
END_TEST

Suite *suite_route(void)
{
	Suite *s = suite_create("route");
	TCase *tc = tcase_create("route");
	TCase *acting = tcase_create("acting");

	tcase_add_checked_fixture(tc, start, teardown);
	tcase_add_test(tc, whole_answer);
	tcase_add_loop_test(tc, dialect_by_version, 0, COUNT_OF(dialects));
	tcase_add_test(tc, unknown_topic);
	tcase_add_test(tc, a_name_that_is_no_utf8_is_still_json_in_the_remark);
	tcase_add_test(tc, unknown_code);
	tcase_add_test(tc, cluster_info);
	tcase_add_test(tc, member_group);
	tcase_add_loop_test(tc, topic_lists, 0, COUNT_OF(lists));
	tcase_add_loop_test(tc, topic_lists_switched_off, 0, COUNT_OF(lists));
	tcase_add_test(tc, topics_of_a_cluster);
	tcase_add_test(tc, delete_topics);
	tcase_add_test(tc, register_topics);
	tcase_add_test(tc, write_permission_comes_back_as_it_was);
	tcase_add_test(tc, new_data_version_ends_a_wipe);
	tcase_add_test(tc, waits_for_brokers_by_option);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(acting, start_acting, teardown);
	tcase_add_test(acting, slave_acts_for_a_lost_master);
	suite_add_tcase(s, acting);
	return s;
}
