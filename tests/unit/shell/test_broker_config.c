#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "broker/broker_config.h"
#include "namesrv/namesrv_config.h"
#include "store/store.h"

Suite *suite_broker_config(void);

static struct broker_config *c;
static char *error;

static void setup(void) { c = broker_config_new(); }

static void teardown(void)
{
	broker_config_free(c);
	free(error);
	error = NULL;
}

static void set(const char *key, const char *value)
{
	ck_assert_msg(config_set(&broker_config_schema, c, slice_of(key), slice_of(value), &error) == RC_OK, "%s", error);
}

START_TEST(keys_are_unique)
{
	const struct config_schema *const schemas[] = {&broker_config_schema, &namesrv_config_schema};
	const struct config_schema *s = schemas[_i];

	for (size_t i = 0; i < s->count; i++)
		ck_assert_ptr_eq(config_find(s, slice_of(s->rows[i].key)), &s->rows[i]);
}
END_TEST

START_TEST(resolve_fills_what_depends_on_the_host)
{
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_OK);
	ck_assert_int_eq(c->listen_port, 10911);
	ck_assert_int_eq(c->ha_listen_port, 10912);
	ck_assert_str_eq(c->store_path_root_dir, "/home/x/store");
	ck_assert_str_eq(c->store_path_commit_log, "/home/x/store/commitlog");
	ck_assert_str_eq(c->log_path, "/home/x/logs/rocketmqlogs");
	ck_assert_str_ne(c->broker_ip1, "");
	ck_assert_str_eq(c->broker_ip2, c->broker_ip1);
	ck_assert_str_ne(c->broker_name, "");
}
END_TEST

START_TEST(resolve_keeps_what_the_file_says)
{
	set("brokerIP1", "192.0.2.7");
	set("brokerName", "broker-a");
	set("storePathRootDir", "/data");
	set("haListenPort", "5000");
	set("brokerId", "3"); /* a master's id is 0 all the same */
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_OK);
	ck_assert_str_eq(c->broker_ip1, "192.0.2.7");
	ck_assert_str_eq(c->broker_ip2, "192.0.2.7");
	ck_assert_str_eq(c->broker_name, "broker-a");
	ck_assert_str_eq(c->store_path_commit_log, "/data/commitlog");
	ck_assert_int_eq(c->ha_listen_port, 5000);
	ck_assert_int_eq(c->broker_id, 0);
}
END_TEST

START_TEST(a_slave_needs_an_id)
{
	set("brokerRole", "SLAVE");
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_INVALID);
	ck_assert_ptr_nonnull(strstr(error, "'brokerId'"));
}
END_TEST

START_TEST(a_slave_is_refused)
{
	set("brokerRole", "SLAVE");
	set("brokerId", "1");
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_INVALID);
	ck_assert_ptr_nonnull(strstr(error, "'brokerRole'"));
}
END_TEST

START_TEST(the_vip_port_needs_room)
{
	set("listenPort", "2");
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_INVALID);
	ck_assert_ptr_nonnull(strstr(error, "'listenPort'"));
}
END_TEST

START_TEST(store_view)
{
	struct store_config s;

	set("mappedFileSizeConsumeQueue", "101");
	set("flushDiskType", "SYNC_FLUSH");
	set("messageDelayLevel", "1s  2m 3h 1d");
	set("deleteWhen", "04;16");
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_OK);
	ck_assert_int_eq(broker_config_store(c, &s, &error), RC_OK);
	ck_assert_uint_eq(s.queue_file_entries, 6);
	ck_assert(s.sync_flush);
	ck_assert_int_eq(s.delay_levels, 4);
	ck_assert_int_eq(s.delay_ms[0], 1000);
	ck_assert_int_eq(s.delay_ms[1], 120000);
	ck_assert_int_eq(s.delay_ms[2], 10800000);
	ck_assert_int_eq(s.delay_ms[3], 86400000);
	ck_assert_uint_eq(s.segment_bytes, 1073741824);
}
END_TEST

static const struct {
	const char *key, *value;
} bad[] = {
	{"messageDelayLevel", "1s x"},
	{"messageDelayLevel", "1"},
	{"messageDelayLevel", "-1s"},
	{"messageDelayLevel", "9999999999999999d"},
	{"deleteWhen", "24"},
	{"deleteWhen", "04,16"},
	{"brokerIP1", "999.1.1.1"},
	{"brokerIP1", "a.host"},
	{"storePathCommitLog", "/a,/b"},
};

START_TEST(bad_texts_are_named)
{
	set(bad[_i].key, bad[_i].value);
	ck_assert_int_eq(broker_config_resolve(c, "/home/x", &error), RC_INVALID);
	ck_assert_msg(strstr(error, bad[_i].key) != NULL && strstr(error, bad[_i].value) != NULL, "%s", error);
}
END_TEST

START_TEST(name_server_paths)
{
	struct namesrv_config *n = namesrv_config_new();

	namesrv_config_resolve(n, "/home/x");
	ck_assert_str_eq(n->kv_config_path, "/home/x/namesrv/kvConfig.json");
	ck_assert_str_eq(n->config_store_path, "/home/x/namesrv/namesrv.properties");
	ck_assert_int_eq(n->listen_port, 9876);
	namesrv_config_free(n);
}
END_TEST

Suite *suite_broker_config(void)
{
	Suite *s = suite_create("broker_config");
	TCase *tc = tcase_create("broker_config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, keys_are_unique, 0, 2);
	tcase_add_test(tc, resolve_fills_what_depends_on_the_host);
	tcase_add_test(tc, resolve_keeps_what_the_file_says);
	tcase_add_test(tc, a_slave_needs_an_id);
	tcase_add_test(tc, a_slave_is_refused);
	tcase_add_test(tc, the_vip_port_needs_room);
	tcase_add_test(tc, store_view);
	tcase_add_loop_test(tc, bad_texts_are_named, 0, COUNT_OF(bad));
	tcase_add_test(tc, name_server_paths);
	suite_add_tcase(s, tc);
	return s;
}
