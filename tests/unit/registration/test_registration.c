/* A whole broker and whole name servers on virtual time: who registers where, and when. Times of Apache: a register each 30 s
 * (registerNameServerPeriod); that a lost connection or a name server that comes back is not waited for is ours. */
#include <check.h>
#include <stdio.h>

#include "base/log.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"
#include "tests/unit/run.h"
#include "tests/unit/sim_broker.h"
#include "tests/unit/sim_namesrv.h"

#define BROKER "127.0.0.1:10911"
#define NS1 "127.0.0.1:9876"
#define NS2 "127.0.0.1:9877"
#define NS1_AND_2 "namesrvAddr=" NS1 "; " NS2 "\n"

static struct sim *sim;
static struct sim_node *ns1, *ns2, *broker, *client;

static void setup(void)
{
	sim = sim_new();
	client = sim_client(sim, "client");
	ns1 = sim_namesrv(sim, "ns1", NS1, "");
}

static void start(const char *settings)
{
	broker = sim_broker(sim, "b", BROKER, settings);
	sim_run(sim);
}

static void teardown(void) { sim_free(sim); }

static struct sim_answer *route_of(const char *name_server, const char *topic)
{
	struct get_route_info_request_header h = {.present = HEADER_BIT(get_route_info_request_header, topic),
						  .topic = slice_of(topic)};

	return sim_send(client, name_server,
			&(struct sim_request){
				.code = GET_ROUTEINFO_BY_TOPIC, .schema = &get_route_info_request_header_schema, .header = &h});
}

static bool has_route(const char *name_server, const char *topic)
{
	int32_t code = sim_code(route_of(name_server, topic));

	ck_assert(code == SUCCESS || code == TOPIC_NOT_EXIST);
	return code == SUCCESS;
}

static void make_topic(const char *name)
{
	struct topic config = {.name = slice_of(name), .read_queues = 2, .write_queues = 2, .perm = PERM_READ | PERM_WRITE};
	const char *why = NULL;
	struct arena arena;

	arena_init(&arena);
	ck_assert_int_eq(topic_put(sim_broker_core(broker), &config, (struct slice){0}, &arena, &why), RC_OK);
	arena_reset(&arena);
}

START_TEST(at_start_and_each_30_seconds)
{
	ns2 = sim_namesrv(sim, "ns2", NS2, "");
	start(NS1_AND_2);
	sim_expect(sim, "[0] b > ns1 REGISTER_BROKER");
	sim_expect(sim, "[0] b > ns2 REGISTER_BROKER");
	sim_expect(sim, "[0] ns1 > b answer 0");
	sim_expect(sim, "[0] ns2 > b answer 0");
	sim_elapse(sim, 29999);
	sim_expect_none(sim, "REGISTER_BROKER");
	sim_elapse(sim, 1);
	sim_expect(sim, "[30000] b > ns1 REGISTER_BROKER");
	sim_expect(sim, "[30000] b > ns2 REGISTER_BROKER");
	sim_elapse(sim, 300000);
	ck_assert(has_route(NS1, "TBW102") && has_route(NS2, "TBW102"));
}
END_TEST

START_TEST(the_route_is_the_brokers)
{
	start("namesrvAddr=" NS1 "\nbrokerClusterName=c\n");
	ck_assert_str_eq(
		sim_body(route_of(NS1, "TBW102")),
		"{\"brokerDatas\":[{\"brokerAddrs\":{\"0\":\"127.0.0.1:10911\"},\"brokerName\":\"b\",\"cluster\":\"c\","
		"\"enableActingMaster\":false}],\"filterServerTable\":{},\"queueDatas\":[{\"brokerName\":\"b\",\"perm\":7,"
		"\"readQueueNums\":8,\"topicSysFlag\":0,\"writeQueueNums\":8}]}");
	ck_assert(has_route(NS1, "SCHEDULE_TOPIC_XXXX"));
}
END_TEST

START_TEST(broker_permission_narrows_the_route)
{
	start("namesrvAddr=" NS1 "\nbrokerPermission=4\n");
	ck_assert_ptr_nonnull(strstr(sim_body(route_of(NS1, "TBW102")), "\"perm\":5,"));
}
END_TEST

START_TEST(new_topic_is_known_at_once)
{
	start("namesrvAddr=" NS1 "\n");
	sim_elapse(sim, 1000);
	make_topic("T");
	sim_run(sim);
	sim_expect(sim, "[1000] b > ns1 REGISTER_BROKER");
	ck_assert(has_route(NS1, "T"));
}
END_TEST

/* The first one leaves at once, those behind it together. */
START_TEST(many_topics_of_one_turn_are_two_registers)
{
	start("namesrvAddr=" NS1 "\n");
	sim_forget(sim);
	for (int i = 0; i < 10; i++) {
		char name[8];

		snprintf(name, sizeof(name), "T%d", i);
		make_topic(name);
	}
	sim_run(sim);
	sim_expect(sim, "[0] b > ns1 REGISTER_BROKER");
	sim_expect(sim, "[0] b > ns1 REGISTER_BROKER");
	sim_expect_none(sim, "REGISTER_BROKER");
	ck_assert(has_route(NS1, "T0") && has_route(NS1, "T1") && has_route(NS1, "T9"));
}
END_TEST

static struct sim_answer *ask_for_topic(const char *name)
{
	struct create_topic_request_header h = {
		.present = HEADER_ALL(create_topic_request_header) & ~HEADER_BIT(create_topic_request_header, attributes),
		.topic = slice_of(name),
		.default_topic = SLICE_LIT("TBW102"),
		.read_queue_nums = 1,
		.write_queue_nums = 1,
		.perm = 6,
		.topic_filter_type = SLICE_LIT("SINGLE_TAG"),
	};

	return sim_send(client, BROKER,
			&(struct sim_request){
				.code = UPDATE_AND_CREATE_TOPIC, .schema = &create_topic_request_header_schema, .header = &h});
}

START_TEST(made_topic_is_answered_when_it_is_known)
{
	struct sim_answer *a, *b;

	start("namesrvAddr=" NS1 ";" NS2 "\n"); /* ns2 is dead, and not waited for */
	sim_elapse(sim, 1000);
	sim_delay(sim, "b", "ns1", 100);
	a = ask_for_topic("T1");
	b = ask_for_topic("T2"); /* goes behind the register of T1 */
	sim_elapse(sim, 199);
	ck_assert(!a->is_done);
	sim_elapse(sim, 201);
	ck_assert_int_eq(sim_code(a), SUCCESS);
	ck_assert_int_eq(sim_code(b), SUCCESS);
	ck_assert(has_route(NS1, "T1") && has_route(NS1, "T2"));
}
END_TEST

START_TEST(made_topic_is_answered_in_a_second_at_most)
{
	struct sim_answer *a;

	start("namesrvAddr=" NS1 "\n");
	sim_cut(sim, "b", "ns1", true);
	a = ask_for_topic("T1");
	sim_elapse(sim, 999);
	ck_assert(!a->is_done);
	sim_elapse(sim, 1);
	ck_assert_int_eq(sim_code(a), SUCCESS);
}
END_TEST

START_TEST(asker_of_a_topic_leaves)
{
	struct sim_answer *a;

	start("namesrvAddr=" NS1 "\n");
	sim_cut(sim, "b", "ns1", true);
	a = ask_for_topic("T1");
	sim_close(sim, "client", "b");
	ck_assert_int_eq(a->rc, RC_CLOSED);
	sim_cut(sim, "b", "ns1", false);
	sim_elapse(sim, 60000);
	ck_assert(has_route(NS1, "T1"));
}
END_TEST

START_TEST(change_behind_a_register_under_way)
{
	sim_delay(sim, "b", "ns1", 100);
	start("namesrvAddr=" NS1 "\n");
	make_topic("T1");
	sim_elapse(sim, 50);
	make_topic("T2");
	sim_elapse(sim, 150);
	ck_assert(!has_route(NS1, "T1")); /* the first one was on its way already */
	sim_expect(sim, "[100] b > ns1 REGISTER_BROKER");
	sim_elapse(sim, 100);
	sim_expect(sim, "[300] b > ns1 REGISTER_BROKER");
	ck_assert(has_route(NS1, "T1") && has_route(NS1, "T2"));
	sim_elapse(sim, 1000);
	sim_expect_none(sim, "REGISTER_BROKER");
}
END_TEST

START_TEST(a_dead_name_server_costs_the_others_nothing)
{
	start("namesrvAddr=" NS2 ";" NS1 "\n");
	sim_expect(sim, "[0] b > ns1 REGISTER_BROKER");
	ck_assert(has_route(NS1, "TBW102"));
	make_topic("T");
	sim_run(sim);
	ck_assert(has_route(NS1, "T"));
	sim_expect(sim, "[0] b > ns1 REGISTER_BROKER");
	sim_elapse(sim, 29999);
	sim_expect_none(sim, "b > ns1");
}
END_TEST

START_TEST(name_server_that_comes_late)
{
	start(NS1_AND_2);
	sim_elapse(sim, 15000);
	sim_forget(sim);
	ns2 = sim_namesrv(sim, "ns2", NS2, "");
	sim_elapse(sim, 4000); /* RETRY_MAX_MS */
	ck_assert(has_route(NS2, "TBW102"));
	sim_expect(sim, "[19000] b > ns2 QUERY_DATA_VERSION"); /* tries: 0, 1, 3, 7, 11, 15 s */
	sim_expect(sim, "[19000] b > ns2 REGISTER_BROKER");
}
END_TEST

START_TEST(name_server_that_restarts)
{
	start("namesrvAddr=" NS1 "\n");
	sim_elapse(sim, 1000);
	sim_node_stop(ns1);
	sim_elapse(sim, 9000);
	ns1 = sim_namesrv(sim, "ns1", NS1, "");
	sim_elapse(sim, 4000);
	ck_assert(has_route(NS1, "TBW102"));
}
END_TEST

START_TEST(lost_connection_is_repaired_at_once)
{
	start("namesrvAddr=" NS1 "\n");
	sim_elapse(sim, 1000);
	sim_close(sim, "b", "ns1");
	sim_expect(sim, "[1000] b > ns1 REGISTER_BROKER");
	ck_assert(has_route(NS1, "TBW102"));
}
END_TEST

static void change_servers(const char *text)
{
	ck_assert_int_eq(
		sim_code(sim_send(client, BROKER, &(struct sim_request){.code = UPDATE_BROKER_CONFIG, .body = slice_of(text)})),
		SUCCESS);
}

START_TEST(name_servers_are_changed_while_it_runs)
{
	ns2 = sim_namesrv(sim, "ns2", NS2, "");
	start("namesrvAddr=" NS1 "\n");
	change_servers("namesrvAddr=" NS2 "\n");
	ck_assert(!has_route(NS1, "TBW102"));
	ck_assert(has_route(NS2, "TBW102"));
	sim_forget(sim);
	sim_elapse(sim, 60000);
	sim_expect_none(sim, "> ns1");
	ck_assert(has_route(NS2, "TBW102"));
	change_servers(NS1_AND_2);
	ck_assert(has_route(NS1, "TBW102"));
	ck_assert(has_route(NS2, "TBW102"));
	make_topic("T");
	sim_run(sim);
	ck_assert(has_route(NS1, "T") && has_route(NS2, "T"));
	change_servers("namesrvAddr=\n");
	ck_assert(!has_route(NS1, "T") && !has_route(NS2, "T"));
	for (int i = 0; i < 100; i++) /* more than there are places for */ {
		char text[64];

		snprintf(text, sizeof(text), "namesrvAddr=10.0.0.%d:9876\n", i);
		change_servers(text);
		sim_elapse(sim, 10);
	}
	change_servers("namesrvAddr=" NS1 "\n");
	ck_assert(has_route(NS1, "T"));
}
END_TEST

/* A silent one is left while a register to it is under way; the answers of the others do not wait for it. */
START_TEST(a_name_server_is_left_while_it_is_silent)
{
	ns2 = sim_namesrv(sim, "ns2", NS2, "");
	start("namesrvAddr=" NS1 "\n");
	sim_cut(sim, "b", "ns1", true);
	sim_elapse(sim, 31000);
	change_servers("namesrvAddr=" NS2 "\n");
	ck_assert(has_route(NS2, "TBW102"));
	change_servers(NS1_AND_2);
	sim_cut(sim, "b", "ns1", false);
	sim_elapse(sim, 60000);
	ck_assert(has_route(NS1, "TBW102"));
	ck_assert(has_route(NS2, "TBW102"));
}
END_TEST

START_TEST(an_ipv6_address_is_told_in_brackets)
{
	start("namesrvAddr=" NS1 "\nbrokerIP1=fd00::7\n");
	ck_assert_ptr_nonnull(strstr(sim_body(route_of(NS1, "TBW102")), "\"[fd00::7]:10911\""));
}
END_TEST

/* Bytes vanish: the register of 30 s is given up after registerBrokerTimeoutMills, 24 s; the other name server sees none of it. */
START_TEST(silent_network)
{
	ns2 = sim_namesrv(sim, "ns2", NS2, "");
	start(NS1_AND_2);
	sim_elapse(sim, 20000);
	sim_cut(sim, "b", "ns1", true);
	sim_elapse(sim, 99999); /* it was heard at 0 */
	ck_assert(has_route(NS1, "TBW102"));
	sim_elapse(sim, 1);
	ck_assert(!has_route(NS1, "TBW102"));
	ck_assert(has_route(NS2, "TBW102"));
	sim_forget(sim);
	sim_cut(sim, "b", "ns1", false);
	sim_elapse(sim, 30000);
	ck_assert(has_route(NS1, "TBW102"));
	ck_assert(has_route(NS2, "TBW102"));
}
END_TEST

START_TEST(unchanged_table_stays_at_home_by_option)
{
	start("namesrvAddr=" NS1 "\nforceRegister=false\n");
	sim_elapse(sim, 30000);
	sim_expect(sim, "[0] b > ns1 REGISTER_BROKER");
	sim_expect(sim, "[30000] b > ns1 QUERY_DATA_VERSION");
	sim_elapse(sim, 270000);
	sim_expect_none(sim, "REGISTER_BROKER");
	ck_assert(has_route(NS1, "TBW102"));
	make_topic("T");
	sim_run(sim);
	sim_expect(sim, "[300000] b > ns1 REGISTER_BROKER");
	ck_assert(has_route(NS1, "T"));
}
END_TEST

START_TEST(order_topics_come_with_the_answer)
{
	struct put_kv_config_request_header h = {.present = HEADER_ALL(put_kv_config_request_header),
						 .namespace = SLICE_LIT("ORDER_TOPIC_CONFIG"),
						 .key = SLICE_LIT("T"),
						 .value = SLICE_LIT("b:2")};
	struct sim_request r = {.code = PUT_KV_CONFIG, .schema = &put_kv_config_request_header_schema, .header = &h};
	struct topic *topic;

	start("namesrvAddr=" NS1 "\n");
	make_topic("T");
	topic = topic_find(sim_broker_core(broker)->topics, SLICE_LIT("T"));
	sim_run(sim);
	ck_assert(!topic->is_order);
	ck_assert_int_eq(sim_code(sim_send(client, NS1, &r)), SUCCESS);
	sim_elapse(sim, 30000);
	ck_assert(topic->is_order);
	sim_forget(sim);
	sim_elapse(sim, 29999);
	sim_expect_none(sim, "REGISTER_BROKER"); /* told once, not over and over */
}
END_TEST

static void on_stopped(void *ctx) { *(uint64_t *)ctx = sim_now(sim); }

START_TEST(stop_unregisters)
{
	uint64_t stopped_at = UINT64_MAX;

	ns2 = sim_namesrv(sim, "ns2", NS2, "");
	start(NS1_AND_2);
	sim_elapse(sim, 1000);
	broker_stop(sim_broker_core(broker), on_stopped, &stopped_at);
	ck_assert_uint_eq(stopped_at, UINT64_MAX); /* never inside */
	sim_run(sim);
	ck_assert_uint_eq(stopped_at, 1000);
	sim_expect(sim, "[1000] b > ns1 UNREGISTER_BROKER");
	sim_expect(sim, "[1000] b > ns2 UNREGISTER_BROKER");
	ck_assert(!has_route(NS1, "TBW102") && !has_route(NS2, "TBW102"));
	sim_elapse(sim, 60000);
	sim_expect_none(sim, "b > ns1");
}
END_TEST

START_TEST(stop_waits_3_seconds_at_most)
{
	uint64_t stopped_at = UINT64_MAX;

	start(NS1_AND_2);
	sim_cut(sim, "b", "ns1", true);
	broker_stop(sim_broker_core(broker), on_stopped, &stopped_at);
	sim_elapse(sim, 2999);
	ck_assert_uint_eq(stopped_at, UINT64_MAX);
	sim_elapse(sim, 1);
	ck_assert_uint_eq(stopped_at, 3000);
}
END_TEST

START_TEST(stop_without_a_name_server)
{
	uint64_t stopped_at = UINT64_MAX;

	start("");
	broker_stop(sim_broker_core(broker), on_stopped, &stopped_at);
	ck_assert_uint_eq(stopped_at, UINT64_MAX);
	sim_run(sim);
	ck_assert_uint_eq(stopped_at, 0);
}
END_TEST

static Suite *suite_registration(void)
{
	Suite *s = suite_create("registration");
	TCase *tc = tcase_create("registration");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, at_start_and_each_30_seconds);
	tcase_add_test(tc, the_route_is_the_brokers);
	tcase_add_test(tc, broker_permission_narrows_the_route);
	tcase_add_test(tc, new_topic_is_known_at_once);
	tcase_add_test(tc, many_topics_of_one_turn_are_two_registers);
	tcase_add_test(tc, made_topic_is_answered_when_it_is_known);
	tcase_add_test(tc, made_topic_is_answered_in_a_second_at_most);
	tcase_add_test(tc, asker_of_a_topic_leaves);
	tcase_add_test(tc, change_behind_a_register_under_way);
	tcase_add_test(tc, a_dead_name_server_costs_the_others_nothing);
	tcase_add_test(tc, name_server_that_comes_late);
	tcase_add_test(tc, name_server_that_restarts);
	tcase_add_test(tc, lost_connection_is_repaired_at_once);
	tcase_add_test(tc, an_ipv6_address_is_told_in_brackets);
	tcase_add_test(tc, name_servers_are_changed_while_it_runs);
	tcase_add_test(tc, a_name_server_is_left_while_it_is_silent);
	tcase_add_test(tc, silent_network);
	tcase_add_test(tc, unchanged_table_stays_at_home_by_option);
	tcase_add_test(tc, order_topics_come_with_the_answer);
	tcase_add_test(tc, stop_unregisters);
	tcase_add_test(tc, stop_waits_3_seconds_at_most);
	tcase_add_test(tc, stop_without_a_name_server);
	suite_add_tcase(s, tc);
	return s;
}

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_registration};

	log_level = LOG_ERROR;
	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
