/* When a broker comes and goes. Facts: Apache RouteInfoManager; exact times are ours. */
#include "tests/unit/namesrv/fixture.h"

static struct test_broker a;

static void start(void)
{
	setup();
	a = (struct test_broker){.node = sim_client(sim, "broker-a"), .name = "a", .address = "10.0.0.1:10911"};
	expect_registered(&a);
}

START_TEST(expires_after_120_seconds_of_silence)
{
	sim_elapse(sim, 119999);
	ck_assert(has_route("T1"));
	sim_elapse(sim, 1);
	ck_assert(!has_route("T1"));
	ck_assert_uint_eq(sim_link_count(sim, "broker-a", "ns"), 0); /* so that the broker connects anew */
	sim_expect(sim, "[0] broker-a > ns REGISTER_BROKER");
	sim_expect(sim, "[0] ns > broker-a answer 0");
	sim_expect(sim, "[119999] ns > client answer 0");
	sim_expect(sim, "[120000] ns > client answer 17");
}
END_TEST

/* Expiry counts the time that passes, whatever the wall clock is set to. */
START_TEST(a_wall_clock_that_is_set_expires_nobody)
{
	static const int64_t steps_ms[] = {-30 * 24 * 3600000ll, -3600000, 3600000, 30 * 24 * 3600000ll};

	sim_step_wall(sim, steps_ms[_i]);
	sim_elapse(sim, 119999);
	ck_assert(has_route("T1"));
	sim_step_wall(sim, -steps_ms[_i]);
	ck_assert(has_route("T1"));
	sim_elapse(sim, 1);
	ck_assert(!has_route("T1"));
}
END_TEST

START_TEST(each_sign_of_life_counts)
{
	sim_elapse(sim, 100000);
	expect_registered(&a);
	sim_elapse(sim, 100000);
	ck_assert_str_eq(query_version(&a, 0), "false");
	sim_elapse(sim, 100000);
	ck_assert_int_eq(sim_code(heartbeat(&a)), SUCCESS);
	sim_elapse(sim, 119999);
	ck_assert(has_route("T1"));
	sim_elapse(sim, 1);
	ck_assert(!has_route("T1"));
}
END_TEST

START_TEST(time_out_of_its_own)
{
	a.timeout_ms = 10000;
	expect_registered(&a);
	sim_elapse(sim, 9999);
	ck_assert(has_route("T1"));
	sim_elapse(sim, 1);
	ck_assert(!has_route("T1"));
}
END_TEST

START_TEST(absurd_time_outs_are_bounded)
{
	a.timeout_ms = 1;
	expect_registered(&a);
	sim_elapse(sim, 999);
	ck_assert(has_route("T1"));
	a.timeout_ms = INT64_MAX;
	expect_registered(&a);
	sim_elapse(sim, 86399999);
	ck_assert(has_route("T1"));
	sim_elapse(sim, 1);
	ck_assert(!has_route("T1"));
}
END_TEST

START_TEST(gone_at_once_when_its_connection_closes)
{
	sim_close(sim, "broker-a", "ns");
	ck_assert(!has_route("T1"));
	ck_assert_str_eq(sim_body(ask(GET_BROKER_CLUSTER_INFO)), "{\"brokerAddrTable\":{},\"clusterAddrTable\":{}}");
}
END_TEST

START_TEST(late_close_of_an_old_connection_drops_nothing)
{
	struct test_broker again = a;

	again.node = sim_client(sim, "broker-a again");
	expect_registered(&again);
	sim_close(sim, "broker-a", "ns");
	ck_assert(has_route("T1"));
	sim_close(sim, "broker-a again", "ns");
	ck_assert(!has_route("T1"));
}
END_TEST

/* The old connection is half dead; the new one only carried a query, because nothing had changed. */
START_TEST(query_over_a_new_connection_moves_the_broker)
{
	struct test_broker again = a;

	sim_cut(sim, "broker-a", "ns", true);
	again.node = sim_client(sim, "broker-a again");
	ck_assert_str_eq(query_version(&again, 0), "false");
	sim_close(sim, "broker-a", "ns");
	ck_assert(has_route("T1"));
}
END_TEST

START_TEST(unregister)
{
	ck_assert_int_eq(sim_code(unregister_broker(&a)), SUCCESS);
	ck_assert(!has_route("T1"));
	ck_assert_int_eq(sim_code(unregister_broker(&a)), SUCCESS);
	ck_assert_int_eq(sim_code(heartbeat(&a)), SUCCESS);
	ck_assert_str_eq(query_version(&a, 0), "true");
	ck_assert(!has_route("T1"));
}
END_TEST

/* One connection of a process with two brokers: each has its own life. */
START_TEST(two_brokers_on_one_connection)
{
	struct test_broker b = {.node = a.node, .name = "b", .address = "10.0.0.2:10911", .timeout_ms = 5000};

	expect_registered(&b);
	sim_elapse(sim, 5000);
	expect_not_in(route_of("T1"), "10.0.0.2");
	expect_in(route_of("T1"), "10.0.0.1");
	ck_assert_uint_eq(sim_link_count(sim, "broker-a", "ns"), 1);
	sim_close(sim, "broker-a", "ns");
	ck_assert(!has_route("T1"));
}
END_TEST

START_TEST(name_servers_do_not_share)
{
	struct sim_node *ns2 = sim_namesrv(sim, "ns2", "127.0.0.1:9877", "");
	struct get_route_info_request_header h = {.present = HEADER_BIT(get_route_info_request_header, topic),
						  .topic = SLICE_LIT("T1")};
	struct sim_request r = {.code = GET_ROUTEINFO_BY_TOPIC, .schema = &get_route_info_request_header_schema, .header = &h};

	ck_assert_int_eq(sim_code(sim_send(client, "127.0.0.1:9877", &r)), TOPIC_NOT_EXIST);
	ck_assert(has_route("T1"));
	sim_node_stop(ns2);
	ck_assert_int_eq(sim_send(client, "127.0.0.1:9877", &r)->rc, RC_UNREACHABLE);
	ck_assert(has_route("T1"));
}
END_TEST

Suite *suite_liveness(void)
{
	Suite *s = suite_create("liveness");
	TCase *tc = tcase_create("liveness");

	tcase_add_checked_fixture(tc, start, teardown);
	tcase_add_test(tc, expires_after_120_seconds_of_silence);
	tcase_add_loop_test(tc, a_wall_clock_that_is_set_expires_nobody, 0, 4);
	tcase_add_test(tc, each_sign_of_life_counts);
	tcase_add_test(tc, time_out_of_its_own);
	tcase_add_test(tc, absurd_time_outs_are_bounded);
	tcase_add_test(tc, gone_at_once_when_its_connection_closes);
	tcase_add_test(tc, late_close_of_an_old_connection_drops_nothing);
	tcase_add_test(tc, query_over_a_new_connection_moves_the_broker);
	tcase_add_test(tc, unregister);
	tcase_add_test(tc, two_brokers_on_one_connection);
	tcase_add_test(tc, name_servers_do_not_share);
	suite_add_tcase(s, tc);
	return s;
}
