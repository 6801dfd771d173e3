/* What a register changes, and what it does not. Facts: Apache RouteInfoManager.registerBroker, json_bodies.md section 5. */
#include "tests/unit/namesrv/fixture.h"

#include <stdio.h>

#include <zlib.h>

#include "namesrv/register_body.h"

static struct test_broker a;

static void start(void)
{
	setup();
	a = (struct test_broker){.node = sim_client(sim, "broker-a"), .name = "a", .address = "10.0.0.1:10911"};
	expect_registered(&a);
}

START_TEST(changes_come_with_a_new_data_version)
{
	a.topics = "T1:8:2:4:0 T2:4:4:6:0";
	expect_registered(&a);
	expect_in(route_of("T1"), "\"perm\":6,\"readQueueNums\":4,\"topicSysFlag\":0,\"writeQueueNums\":4");
	ck_assert_str_eq(query_version(&a, 1), "true");
	a.counter = 1;
	expect_registered(&a);
	expect_in(route_of("T1"), "\"perm\":4,\"readQueueNums\":8,\"topicSysFlag\":0,\"writeQueueNums\":2");
	ck_assert_str_eq(query_version(&a, 1), "false");
}
END_TEST

START_TEST(new_topic_comes_without_a_new_data_version)
{
	a.topics = "T3:1:1:6:0";
	expect_registered(&a);
	ck_assert(has_route("T3"));
}
END_TEST

/* 4.3 and later send one topic when one changes; 5.1.4 may spread the table over several registers. */
START_TEST(partial_register_removes_nothing)
{
	a.counter = 1;
	a.topics = "T2:2:2:6:0";
	expect_registered(&a);
	expect_in(route_of("T1"), "\"readQueueNums\":4");
	expect_in(route_of("T2"), "\"readQueueNums\":2");
}
END_TEST

START_TEST(complete_register_removes_by_option)
{
	struct test_broker b = {.node = sim_client(sim, "broker-b"), .name = "b", .address = "10.0.0.2:10911"};
	struct sim_answer *answer =
		sim_send(client, NS,
			 &(struct sim_request){.code = UPDATE_NAMESRV_CONFIG,
					       .body = SLICE_LIT("deleteTopicWithBrokerRegistration=true\n")});

	ck_assert_int_eq(sim_code(answer), SUCCESS);
	expect_registered(&b);
	a.counter = 1;
	a.topics = "T2:2:2:6:0 T3:2:2:6:0";
	expect_registered(&a);
	expect_not_in(route_of("T1"), "\"a\"");
	expect_in(route_of("T1"), "\"b\"");
	b.counter = 1;
	b.topics = "T2:2:2:6:0 T3:2:2:6:0";
	expect_registered(&b);
	ck_assert(!has_route("T1"));
}
END_TEST

START_TEST(first_register_with_one_topic_is_refused)
{
	struct test_broker b = {.node = sim_client(sim, "b"), .name = "b", .address = "10.0.0.2:10911", .topics = "T9:1:1:6:0"};
	struct sim_answer *answer = register_broker(&b);

	ck_assert_int_eq(sim_code(answer), SYSTEM_ERROR);
	ck_assert_str_eq(sim_remark(answer), "register broker failed");
	ck_assert(!has_route("T9"));
	expect_not_in(ask(GET_BROKER_CLUSTER_INFO), "10.0.0.2"); /* and leaves no trace */
}
END_TEST

START_TEST(restart_at_a_new_address)
{
	a.address = "10.0.0.99:10911";
	a.topics = "T1:2:2:6:0 T2:2:2:6:0";
	expect_registered(&a);
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.99:10911\"}");
	expect_in(route_of("T1"), "\"readQueueNums\":2"); /* taken over, though its data version is the old one's */
}
END_TEST

START_TEST(old_state_version_is_ignored)
{
	struct test_broker old = a;

	a.state_version = 5;
	expect_registered(&a);
	old.node = sim_client(sim, "old");
	old.address = "10.0.0.66:10911";
	old.state_version = 4;
	expect_registered(&old); /* told success, as by Apache */
	expect_not_in(route_of("T1"), "10.0.0.66");
	old.state_version = 5;
	expect_registered(&old);
	expect_in(route_of("T1"), "10.0.0.66");
}
END_TEST

START_TEST(slave_is_listed_and_told_its_master)
{
	struct test_broker slave = {.node = sim_client(sim, "slave"),
				    .name = "a",
				    .address = "10.0.0.2:10911",
				    .id = 1,
				    .topics = "T1:9:9:6:0 T8:4:4:6:0"};
	struct sim_answer *answer = register_broker(&slave);

	ck_assert_int_eq(sim_code(answer), SUCCESS);
	ck_assert_str_eq(sim_ext(answer, "masterAddr"), "10.0.0.1:10911");
	ck_assert_str_eq(sim_ext(answer, "haServerAddr"), "9.9.9.9:10912");
	ck_assert_ptr_null(sim_ext(register_broker(&a), "masterAddr"));
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.1:10911\",\"1\":\"10.0.0.2:10911\"}");
	expect_in(route_of("T1"), "\"readQueueNums\":4"); /* a slave's topics do not count while its master lives */
	ck_assert(!has_route("T8"));
	sim_close(sim, "broker-a", "ns");
	expect_in(route_of("T1"), "{\"1\":\"10.0.0.2:10911\"}");
	ck_assert_ptr_null(sim_ext(register_broker(&slave), "masterAddr"));
	ck_assert(has_route("T8")); /* the lowest 5.x slave stands in */
}
END_TEST

START_TEST(old_slave_never_brings_topics)
{
	struct test_broker slave = {.node = sim_client(sim, "slave"),
				    .name = "s",
				    .address = "10.0.0.2:10911",
				    .id = 1,
				    .is_v4 = true,
				    .topics = "T8:4:4:6:0 T7:4:4:6:0"};

	expect_registered(&slave);
	ck_assert(!has_route("T8"));
	expect_in(ask(GET_BROKER_CLUSTER_INFO), "10.0.0.2");
}
END_TEST

START_TEST(slave_becomes_master_at_its_address)
{
	struct test_broker slave = {.node = sim_client(sim, "slave"), .name = "a", .address = "10.0.0.2:10911", .id = 1};

	expect_registered(&slave);
	sim_close(sim, "broker-a", "ns");
	slave.id = 0;
	expect_registered(&slave);
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.2:10911\"}");
}
END_TEST

START_TEST(master_and_slave_change_places)
{
	struct test_broker slave = {.node = sim_client(sim, "slave"), .name = "a", .address = "10.0.0.2:10911", .id = 1};

	expect_registered(&slave);
	slave.id = 0;
	expect_registered(&slave); /* takes id 0 from the living master */
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.2:10911\"}");
	a.id = 1;
	expect_registered(&a);
	expect_in(route_of("T1"), "{\"0\":\"10.0.0.2:10911\",\"1\":\"10.0.0.1:10911\"}");
}
END_TEST

START_TEST(broker_moves_to_another_cluster)
{
	a.cluster = "d";
	expect_registered(&a);
	expect_in(ask(GET_BROKER_CLUSTER_INFO), "\"clusterAddrTable\":{\"d\":[\"a\"]}");
}
END_TEST

START_TEST(filter_servers_and_zone)
{
	a.filter_servers = "[\"10.0.0.1:30000\",\"10.0.0.1:30001\"]";
	a.zone = "z1";
	expect_registered(&a);
	expect_in(route_of("T1"), "\"filterServerTable\":{\"10.0.0.1:10911\":[\"10.0.0.1:30000\",\"10.0.0.1:30001\"]}");
	expect_in(route_of("T1"), "\"enableActingMaster\":false,\"zoneName\":\"z1\"}");
	a.filter_servers = NULL;
	a.zone = NULL;
	expect_registered(&a);
	expect_in(route_of("T1"), "\"filterServerTable\":{}");
	expect_not_in(route_of("T1"), "zone");
}
END_TEST

static struct sim_answer *register_bytes(struct slice body, int32_t crc, int32_t version)
{
	struct register_broker_request_header h = {
		.present = HEADER_ALL(register_broker_request_header),
		.broker_name = SLICE_LIT("x"),
		.broker_addr = SLICE_LIT("10.0.0.7:10911"),
		.cluster_name = SLICE_LIT("c"),
		.ha_server_addr = SLICE_LIT("10.0.0.7:10912"),
		.body_crc32 = crc,
	};

	return sim_send(a.node, NS,
			&(struct sim_request){.code = REGISTER_BROKER,
					      .version = version,
					      .schema = &register_broker_request_header_schema,
					      .header = &h,
					      .body = body});
}

START_TEST(body_of_old_brokers)
{
	struct slice body = SLICE_LIT("{\"dataVersion\":{\"counter\":1,\"timestamp\":2},\"topicConfigTable\":{\"O1\":{"
				      "\"topicName\":\"O1\"},\"O2\":{}}}");

	ck_assert_int_eq(sim_code(register_bytes(body, 0, 36)), SUCCESS);
	expect_in(route_of("O1"), "\"perm\":6,\"readQueueNums\":16,\"topicSysFlag\":0,\"writeQueueNums\":16");
	ck_assert(has_route("O2"));
}
END_TEST

START_TEST(crc_of_the_body)
{
	struct slice body = SLICE_LIT("{\"topicConfigSerializeWrapper\":{\"topicConfigTable\":{\"O1\":{},\"O2\":{}}}}");
	int32_t crc = (int32_t)(crc32(0, (const Bytef *)body.at, (uInt)body.len) & 0x7FFFFFFF);
	struct sim_answer *answer = register_bytes(body, crc + 1, 0);

	ck_assert_int_eq(sim_code(answer), SYSTEM_ERROR);
	ck_assert_str_eq(sim_remark(answer), "crc32 not match");
	ck_assert(!has_route("O1"));
	ck_assert_int_eq(sim_code(register_bytes(body, crc, 0)), SUCCESS);
	ck_assert(has_route("O1"));
}
END_TEST

static const char *const bad_bodies[] = {
	"x",
	"[]",
	"{\"topicConfigSerializeWrapper\":{\"topicConfigTable\":{\"T\":1,\"U\":2}}}",
	"{\"topicConfigSerializeWrapper\":{\"topicConfigTable\":{\"T\":{\"perm\":\"x\"},\"U\":{}}}}",
	"{\"topicConfigSerializeWrapper\":{\"topicConfigTable\":{\"T\":{\"readQueueNums\":4294967296},\"U\":{}}}}",
	"{\"topicConfigSerializeWrapper\":{\"topicConfigTable\":{\"\":{},\"U\":{}}}}",
	"{\"topicConfigSerializeWrapper\":{\"dataVersion\":{\"counter\":{}},\"topicConfigTable\":{\"U\":{},\"V\":{}}}}",
	"{\"filterServerList\":[1],\"topicConfigSerializeWrapper\":{\"topicConfigTable\":{\"U\":{},\"V\":{}}}}",
	"x\x9c\x01\x02\x03", /* no deflate stream */
};

START_TEST(bad_body_changes_nothing)
{
	ck_assert_int_eq(sim_code(register_bytes(slice_of(bad_bodies[_i]), 0, 0)), SYSTEM_ERROR);
	ck_assert(!has_route("U"));
	expect_not_in(ask(GET_BROKER_CLUSTER_INFO), "10.0.0.7");
	ck_assert(has_route("T1"));
}
END_TEST

static void put_text(struct buf *out, const char *text)
{
	buf_put_u32(out, (uint32_t)strlen(text));
	buf_put_text(out, text);
}

static void compress_body(const struct buf *plain, struct buf *out)
{
	uLongf size = compressBound(plain->len);

	ck_assert_int_eq(compress(buf_grow(out, size), &size, plain->data, plain->len), Z_OK);
	out->len = size;
}

/* What an Apache 5.x broker with a static topic sends; the header says compressed=false, as theirs does. */
START_TEST(compressed_body)
{
	struct buf plain = {0}, body = {0};

	put_text(&plain, "{\"counter\":3,\"stateVersion\":1,\"timestamp\":9}");
	buf_put_u32(&plain, 2);
	put_text(&plain, "Z1 3 5 6 SINGLE_TAG {}");
	put_text(&plain, "Z2 1 1 4 SINGLE_TAG {\"+a\":\"b\"}");
	put_text(&plain, "[]");
	buf_put_u32(&plain, 1);
	put_text(&plain, "{\"bname\":\"x\",\"currIdMap\":{0:1},\"topic\":\"Z2\",\"totalQueues\":1}");
	compress_body(&plain, &body);
	ck_assert_int_eq(sim_code(register_bytes(buf_slice(&body), 0, 0)), SUCCESS);
	expect_in(route_of("Z1"), "\"perm\":6,\"readQueueNums\":3,\"topicSysFlag\":0,\"writeQueueNums\":5");
	expect_in(route_of("Z2"), "\"topicQueueMappingByBroker\":{\"x\":{\"bname\":\"x\",\"currIdMap\":{\"0\":1},\"topic\":"
				  "\"Z2\",\"totalQueues\":1}}");
	buf_free(&plain);
	buf_free(&body);
}
END_TEST

/* Every cut of the compressed text, and counts that lie, are refused. */
START_TEST(cut_compressed_body)
{
	struct buf plain = {0}, body = {0};
	struct register_body decoded;
	size_t whole;

	put_text(&plain, "{\"counter\":3}");
	buf_put_u32(&plain, 1);
	put_text(&plain, "Z1 3 5 6 SINGLE_TAG");
	put_text(&plain, "[]");
	whole = plain.len;
	compress_body(&plain, &body);
	ck_assert_int_eq(register_body_decode(buf_slice(&body), &decoded), RC_OK);
	ck_assert_uint_eq(decoded.topic_count, 1);
	register_body_free(&decoded);
	for (plain.len = 0; plain.len < whole; plain.len++) {
		buf_clear(&body);
		compress_body(&plain, &body);
		ck_assert_int_ne(register_body_decode(buf_slice(&body), &decoded), RC_OK);
	}
	plain.len = 0;
	put_text(&plain, "{}");
	buf_put_u32(&plain, UINT32_MAX);
	buf_clear(&body);
	compress_body(&plain, &body);
	ck_assert_int_eq(register_body_decode(buf_slice(&body), &decoded), RC_TOO_BIG);
	buf_free(&plain);
	buf_free(&body);
}
END_TEST

/* A small body that inflates without end is given up at the bound. */
START_TEST(inflated_size_is_bounded)
{
	struct buf plain = {0}, body = {0};
	struct register_body decoded;

	put_text(&plain, "{}");
	memset(buf_grow(&plain, REGISTER_INFLATED_MAX), 0, REGISTER_INFLATED_MAX);
	compress_body(&plain, &body);
	ck_assert_uint_lt(body.len, 1000000);
	ck_assert_int_eq(register_body_decode(buf_slice(&body), &decoded), RC_TOO_BIG);
	memset(plain.data, 0, 4); /* zeros only: known by its first length, without the memory */
	buf_clear(&body);
	compress_body(&plain, &body);
	ck_assert_int_eq(register_body_decode(buf_slice(&body), &decoded), RC_MALFORMED);
	buf_free(&plain);
	buf_free(&body);
}
END_TEST

START_TEST(names_are_bounded)
{
	static char name[ROUTE_NAME_MAX + 2];

	memset(name, 'n', ROUTE_NAME_MAX);
	a.name = name;
	expect_registered(&a);
	name[ROUTE_NAME_MAX] = 'n';
	ck_assert_int_eq(sim_code(register_broker(&a)), SYSTEM_ERROR);
	a.name = "";
	ck_assert_int_eq(sim_code(register_broker(&a)), SYSTEM_ERROR);
	a.name = "a";
	a.id = -1;
	ck_assert_int_eq(sim_code(register_broker(&a)), SYSTEM_ERROR);
}
END_TEST

START_TEST(members_are_bounded)
{
	char address[32];

	a.address = address;
	for (a.id = 1; a.id < ROUTE_MEMBERS_MAX; a.id++) {
		snprintf(address, sizeof(address), "10.0.1.%d:1", (int)a.id);
		expect_registered(&a);
	}
	snprintf(address, sizeof(address), "10.0.2.1:1");
	ck_assert_int_eq(sim_code(register_broker(&a)), SYSTEM_ERROR);
	a.id--;
	expect_registered(&a);
}
END_TEST

Suite *suite_register(void)
{
	Suite *s = suite_create("register");
	TCase *tc = tcase_create("register");

	tcase_add_checked_fixture(tc, start, teardown);
	tcase_add_test(tc, changes_come_with_a_new_data_version);
	tcase_add_test(tc, new_topic_comes_without_a_new_data_version);
	tcase_add_test(tc, partial_register_removes_nothing);
	tcase_add_test(tc, complete_register_removes_by_option);
	tcase_add_test(tc, first_register_with_one_topic_is_refused);
	tcase_add_test(tc, restart_at_a_new_address);
	tcase_add_test(tc, old_state_version_is_ignored);
	tcase_add_test(tc, slave_is_listed_and_told_its_master);
	tcase_add_test(tc, old_slave_never_brings_topics);
	tcase_add_test(tc, slave_becomes_master_at_its_address);
	tcase_add_test(tc, master_and_slave_change_places);
	tcase_add_test(tc, broker_moves_to_another_cluster);
	tcase_add_test(tc, filter_servers_and_zone);
	tcase_add_test(tc, body_of_old_brokers);
	tcase_add_test(tc, crc_of_the_body);
	tcase_add_loop_test(tc, bad_body_changes_nothing, 0, COUNT_OF(bad_bodies));
	tcase_add_test(tc, compressed_body);
	tcase_add_test(tc, cut_compressed_body);
	tcase_add_test(tc, inflated_size_is_bounded);
	tcase_add_test(tc, names_are_bounded);
	tcase_add_test(tc, members_are_bounded);
	suite_add_tcase(s, tc);
	return s;
}
