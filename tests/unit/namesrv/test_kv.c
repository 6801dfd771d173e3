/* KV configuration: in Apache's file, answered when it is there. Facts: Apache KVConfigManager. */
#include "tests/unit/namesrv/fixture.h"

#include <stdio.h>

#include <stdlib.h>

#include "base/mem.h"
#include "base/small_file.h"
#include "namesrv/kv_config.h"

static struct sim_answer *put(const char *space, const char *key, const char *value)
{
	struct put_kv_config_request_header h = {.present = HEADER_ALL(put_kv_config_request_header),
						 .namespace = slice_of(space),
						 .key = slice_of(key),
						 .value = slice_of(value)};

	return ask_with(PUT_KV_CONFIG, &put_kv_config_request_header_schema, &h);
}

static struct sim_answer *get(int32_t code, const char *space, const char *key)
{
	struct get_kv_config_request_header h = {
		.present = HEADER_ALL(get_kv_config_request_header), .namespace = slice_of(space), .key = slice_of(key)};

	return ask_with(code, &get_kv_config_request_header_schema, &h);
}

static struct sim_answer *list(const char *space)
{
	struct get_kv_list_by_namespace_request_header h = {.present = HEADER_ALL(get_kv_list_by_namespace_request_header),
							    .namespace = slice_of(space)};

	return ask_with(GET_KVLIST_BY_NAMESPACE, &get_kv_list_by_namespace_request_header_schema, &h);
}

static char *path(const char *suffix) { return mem_printf("%s/ns/namesrv/kvConfig.json%s", sim_folder(sim), suffix); }

static void expect_file(const char *text)
{
	char *name = path("");
	struct buf contents = {0};

	ck_assert_int_eq(small_file_read(name, &contents), RC_OK);
	buf_put_u8(&contents, 0);
	ck_assert_str_eq((char *)contents.data, text);
	buf_free(&contents);
	free(name);
}

static void restart(void)
{
	sim_node_stop(ns);
	ns = sim_namesrv(sim, "ns", NS, "");
}

START_TEST(a_nul_byte_is_refused)
{
	struct put_kv_config_request_header h = {.present = HEADER_ALL(put_kv_config_request_header),
						 .namespace = SLICE_LIT("s"),
						 .key = {"k\0x", 3},
						 .value = SLICE_LIT("v")};

	ck_assert_int_eq(sim_code(ask_with(PUT_KV_CONFIG, &put_kv_config_request_header_schema, &h)), SYSTEM_ERROR);
	h.key = SLICE_LIT("k");
	h.value = (struct slice){"v\0", 2};
	ck_assert_int_eq(sim_code(ask_with(PUT_KV_CONFIG, &put_kv_config_request_header_schema, &h)), SYSTEM_ERROR);
	ck_assert_int_eq(sim_code(get(GET_KV_CONFIG, "s", "k")), QUERY_NOT_FOUND);
}
END_TEST

START_TEST(put_get_list_delete)
{
	ck_assert_int_eq(sim_code(put("s", "k", "v\"1")), SUCCESS);
	ck_assert_int_eq(sim_code(put("s", "l", "")), SUCCESS);
	ck_assert_str_eq(sim_ext(get(GET_KV_CONFIG, "s", "k"), "value"), "v\"1");
	ck_assert_str_eq(sim_body(list("s")), "{\"table\":{\"k\":\"v\\\"1\",\"l\":\"\"}}");
	expect_file("{\"configTable\":{\"s\":{\"k\":\"v\\\"1\",\"l\":\"\"}}}");
	ck_assert_int_eq(sim_code(get(DELETE_KV_CONFIG, "s", "k")), SUCCESS);
	ck_assert_int_eq(sim_code(get(DELETE_KV_CONFIG, "s", "k")), SUCCESS);
	ck_assert_int_eq(sim_code(get(DELETE_KV_CONFIG, "nope", "k")), SUCCESS);
	ck_assert_str_eq(sim_remark(get(GET_KV_CONFIG, "s", "k")), "No config item, Namespace: s Key: k");
	ck_assert_int_eq(sim_code(get(GET_KV_CONFIG, "s", "k")), QUERY_NOT_FOUND);
	ck_assert_int_eq(sim_code(get(DELETE_KV_CONFIG, "s", "l")), SUCCESS);
	ck_assert_str_eq(sim_body(list("s")), "{\"table\":{}}"); /* the namespace stays */
	ck_assert_int_eq(sim_code(list("nope")), QUERY_NOT_FOUND);
	ck_assert_str_eq(sim_remark(list("nope")), "No config item, Namespace: nope");
}
END_TEST

START_TEST(kept_over_a_restart)
{
	ck_assert_int_eq(sim_code(put("s", "k", "v")), SUCCESS);
	restart();
	ck_assert_str_eq(sim_ext(get(GET_KV_CONFIG, "s", "k"), "value"), "v");
}
END_TEST

START_TEST(damaged_file_falls_back_to_its_backup)
{
	char *name = path("");

	ck_assert_int_eq(sim_code(put("s", "k", "old")), SUCCESS);
	ck_assert_int_eq(sim_code(put("s", "k", "new")), SUCCESS);
	ck_assert_int_eq(small_file_replace(name, SLICE_LIT("{\"configTable\":{\"s\":{\"k\""), false), RC_OK);
	restart();
	ck_assert_str_eq(sim_ext(get(GET_KV_CONFIG, "s", "k"), "value"), "old");
	free(name);
}
END_TEST

START_TEST(both_files_damaged_is_an_error)
{
	struct kv_config *kv = NULL;
	char *name = path(""), *backup = path(".bak"), *error = NULL;

	ck_assert_int_eq(small_file_replace(name, SLICE_LIT("x"), false), RC_OK);
	ck_assert_int_eq(small_file_replace(backup, SLICE_LIT("[]"), false), RC_OK);
	ck_assert_int_eq(kv_config_new(name, sim_executor(sim), &kv, &error), RC_CORRUPT);
	ck_assert_ptr_nonnull(strstr(error, name));
	ck_assert_ptr_null(kv);
	free(error);
	free(name);
	free(backup);
}
END_TEST

/* Answers wait for the disk; what comes while a write is under way shares the next one. */
START_TEST(answered_when_on_disk)
{
	struct sim_answer *one, *two, *three;

	sim_hold_jobs(sim, true);
	one = put("s", "k", "1");
	two = put("s", "k", "2");
	three = put("s", "k", "3");
	ck_assert_uint_eq(sim_job_count(sim), 1);
	ck_assert(!one->is_done && !two->is_done);
	ck_assert_str_eq(sim_ext(get(GET_KV_CONFIG, "s", "k"), "value"), "3");
	sim_run_one_job(sim);
	sim_run(sim);
	expect_file("{\"configTable\":{\"s\":{\"k\":\"1\"}}}");
	ck_assert(one->is_done && !two->is_done && !three->is_done);
	ck_assert_uint_eq(sim_job_count(sim), 1);
	sim_run_one_job(sim);
	sim_run(sim);
	expect_file("{\"configTable\":{\"s\":{\"k\":\"3\"}}}");
	ck_assert(two->is_done && three->is_done);
	ck_assert_uint_eq(sim_job_count(sim), 0);
}
END_TEST

START_TEST(asker_leaves_before_the_write_is_done)
{
	struct sim_answer *one;

	sim_hold_jobs(sim, true);
	one = put("s", "k", "1");
	sim_close(sim, "client", "ns");
	ck_assert_int_eq(one->rc, RC_CLOSED);
	sim_run_one_job(sim);
	expect_file("{\"configTable\":{\"s\":{\"k\":\"1\"}}}");
}
END_TEST

START_TEST(failed_write_is_told)
{
	char *folder = path(".tmp/in-the-way"); /* the temporary cannot be written: a folder has its name */
	struct sim_answer *answer;

	ck_assert_int_eq(small_file_make_parents(folder), RC_OK);
	answer = put("s", "k", "1");
	ck_assert_int_eq(sim_code(answer), SYSTEM_ERROR);
	free(folder);
}
END_TEST

START_TEST(texts_are_bounded)
{
	char *key = mem_zalloc(KV_KEY_MAX + 2), *value = mem_zalloc(KV_VALUE_MAX + 2);

	memset(key, 'k', KV_KEY_MAX);
	memset(value, 'v', KV_VALUE_MAX);
	ck_assert_int_eq(sim_code(put(key, key, value)), SUCCESS);
	value[KV_VALUE_MAX] = 'v';
	ck_assert_int_eq(sim_code(put("s", "k", value)), SYSTEM_ERROR);
	key[KV_KEY_MAX] = 'k';
	ck_assert_int_eq(sim_code(put("s", key, "v")), SYSTEM_ERROR);
	ck_assert_int_eq(sim_code(put(key, "k", "v")), SYSTEM_ERROR);
	ck_assert_int_eq(sim_code(get(GET_KV_CONFIG, "s", "k")), QUERY_NOT_FOUND);
	free(key);
	free(value);
}
END_TEST

/* So that the file, with every byte escaped, can be read at the next start. */
START_TEST(all_texts_together_are_bounded)
{
	struct kv_config *kv = NULL;
	char *name = path(""), *error = NULL, *value = mem_zalloc(KV_VALUE_MAX + 1), key[16];
	const size_t fit = KV_BYTES_MAX / (KV_VALUE_MAX + 6);

	sim_hold_jobs(sim, true);
	memset(value, '\1', KV_VALUE_MAX);
	ck_assert_int_eq(kv_config_new(name, sim_executor(sim), &kv, &error), RC_OK);
	for (size_t i = 0; i <= fit; i++) {
		snprintf(key, sizeof(key), "%06zu", i);
		ck_assert_int_eq(kv_config_put(kv, SLICE_LIT("s"), slice_of(key), slice_of(value)), i < fit ? RC_OK : RC_BUSY);
	}
	ck_assert(kv_config_delete(kv, SLICE_LIT("s"), SLICE_LIT("000000")));
	ck_assert_int_eq(kv_config_put(kv, SLICE_LIT("s"), slice_of(key), slice_of(value)), RC_OK);
	sim_hold_jobs(sim, false);
	sim_run(sim);
	kv_config_free(kv);
	ck_assert_msg(kv_config_new(name, sim_executor(sim), &kv, &error) == RC_OK, "%s", error);
	kv_config_free(kv);
	free(value);
	free(name);
}
END_TEST

START_TEST(namespaces_are_bounded)
{
	struct kv_config *kv = NULL;
	char *name = path(""), *error = NULL, space[16];

	sim_hold_jobs(sim, true);
	ck_assert_int_eq(kv_config_new(name, sim_executor(sim), &kv, &error), RC_OK);
	for (int i = 0; i < KV_NAMESPACES_MAX; i++) {
		snprintf(space, sizeof(space), "s%d", i);
		ck_assert_int_eq(kv_config_put(kv, slice_of(space), SLICE_LIT("k"), SLICE_LIT("v")), RC_OK);
	}
	ck_assert_int_eq(kv_config_put(kv, SLICE_LIT("more"), SLICE_LIT("k"), SLICE_LIT("v")), RC_BUSY);
	ck_assert_int_eq(kv_config_put(kv, SLICE_LIT("s0"), SLICE_LIT("k"), SLICE_LIT("w")), RC_OK);
	sim_hold_jobs(sim, false);
	sim_run(sim);
	kv_config_free(kv);
	free(name);
}
END_TEST

START_TEST(order_of_a_topic_in_its_route)
{
	struct test_broker a = {.node = sim_client(sim, "broker-a"), .name = "a", .address = "10.0.0.1:10911"};
	struct sim_answer *answer;

	expect_registered(&a);
	ck_assert_int_eq(sim_code(put(KV_NAMESPACE_ORDER, "T1", "a:4")), SUCCESS);
	expect_not_in(route_of("T1"), "orderTopicConf"); /* only with orderMessageEnable */
	answer = sim_send(client, NS,
			  &(struct sim_request){.code = UPDATE_NAMESRV_CONFIG, .body = SLICE_LIT("orderMessageEnable=true\n")});
	ck_assert_int_eq(sim_code(answer), SUCCESS);
	expect_in(route_of("T1"), "\"filterServerTable\":{},\"orderTopicConf\":\"a:4\",\"queueDatas\"");
	expect_not_in(route_of("T2"), "orderTopicConf");
	ck_assert_int_eq(sim_code(put(KV_NAMESPACE_ORDER, "T1", "a:5")), SUCCESS);
	expect_in(route_of("T1"), "\"orderTopicConf\":\"a:5\"");
	ck_assert_str_eq(sim_body(register_broker(&a)), "{\"table\":{\"T1\":\"a:5\"}}");
	ck_assert_int_eq(sim_code(get(DELETE_KV_CONFIG, KV_NAMESPACE_ORDER, "T1")), SUCCESS);
	expect_not_in(route_of("T1"), "orderTopicConf");
	answer = sim_send(client, NS,
			  &(struct sim_request){.code = UPDATE_NAMESRV_CONFIG,
						.body = SLICE_LIT("returnOrderTopicConfigToBroker=false\n")});
	ck_assert_int_eq(sim_code(answer), SUCCESS);
	ck_assert_str_eq(sim_body(register_broker(&a)), "");
}
END_TEST

Suite *suite_kv(void)
{
	Suite *s = suite_create("kv");
	TCase *tc = tcase_create("kv");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_nul_byte_is_refused);
	tcase_add_test(tc, put_get_list_delete);
	tcase_add_test(tc, kept_over_a_restart);
	tcase_add_test(tc, damaged_file_falls_back_to_its_backup);
	tcase_add_test(tc, both_files_damaged_is_an_error);
	tcase_add_test(tc, answered_when_on_disk);
	tcase_add_test(tc, asker_leaves_before_the_write_is_done);
	tcase_add_test(tc, failed_write_is_told);
	tcase_add_test(tc, texts_are_bounded);
	tcase_add_test(tc, all_texts_together_are_bounded);
	tcase_add_test(tc, namespaces_are_bounded);
	tcase_add_test(tc, order_of_a_topic_in_its_route);
	suite_add_tcase(s, tc);
	return s;
}
