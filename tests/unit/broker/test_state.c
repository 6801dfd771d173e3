/* State files: Apache's are read, ours are written in its form, a damaged one falls back to its .bak. */
#include "tests/unit/broker/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/small_file.h"
#include "broker/broker_config.h"
#include "broker/delay_service.h"
#include "broker/group_table.h"
#include "broker/offset_table.h"
#include "broker/topic_table.h"

Suite *suite_state(void);

static char *config_path(const char *name) { return mem_printf("%s/b/store/config/%s", sim_folder(sim), name); }

static void put_file(const char *name, struct slice text)
{
	char *path = config_path(name);

	ck_assert_int_eq(small_file_replace(path, text, false), RC_OK);
	free(path);
}

static void copy_golden(const char *store, const char *name)
{
	char *path = mem_printf("%s/%s/config/%s", GOLDEN_FOLDER, store, name);
	struct buf text = {0};

	ck_assert_msg(small_file_read(path, &text) == RC_OK, "%s", path);
	put_file(name, buf_slice(&text));
	buf_free(&text);
	free(path);
}

static void start(void)
{
	node = sim_broker(sim, "b", BROKER, "");
	b = sim_broker_core(node);
}

static void setup_folder(void) { sim = sim_new(); }

static const char *const stores[] = {"store-4.9.7", "store-5.5.0"};
static const char *const files[] = {"topics.json", "subscriptionGroup.json", "consumerOffset.json", "delayOffset.json"};

static void check_golden_contents(void)
{
	const struct topic *t = topic_find(b->topics, SLICE_LIT("Topic"));
	const struct group *g = group_find(b->groups, SLICE_LIT("StoreGroup"));

	ck_assert_ptr_nonnull(t);
	ck_assert_int_eq(t->read_queues, 4);
	ck_assert_int_eq(t->perm, 6);
	ck_assert_ptr_nonnull(g);
	ck_assert_int_eq(g->retry_max_times, 16);
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("%RETRY%StoreGroup"))->read_queues, 1);
	ck_assert_int_ge(offset_get(b->offsets, SLICE_LIT("StoreGroup"), SLICE_LIT("Topic"), 3), 2);
	ck_assert_int_eq(offset_get(b->offsets, SLICE_LIT("StoreGroup"), SLICE_LIT("%RETRY%StoreGroup"), 0), 1);
	ck_assert_int_eq(offset_get(b->offsets, SLICE_LIT("CID_RMQ_SYS_TRANS"), SLICE_LIT("RMQ_SYS_TRANS_HALF_TOPIC"), 0), 4);
	ck_assert_int_eq(delay_service_offset(b->delay, 1), 2);
}

/* What Apache wrote is read; what we write of it is read again as the same. */
START_TEST(apaches_files_are_read_and_survive)
{
	for (size_t i = 0; i < COUNT_OF(files); i++)
		copy_golden(stores[_i], files[i]);
	start();
	check_golden_contents();
	topic_table_bump(b);
	group_find_or_create(b, SLICE_LIT("Another"));
	offset_put(b->offsets, SLICE_LIT("Another"), SLICE_LIT("Topic"), 0, 1);
	restart_with("");
	check_golden_contents();
	ck_assert_ptr_nonnull(group_find(b->groups, SLICE_LIT("Another")));
}
END_TEST

/* Our files, member for member as 5.5.0 writes them. */
START_TEST(written_as_5_5_0_writes)
{
	char *text;

	for (size_t i = 0; i < COUNT_OF(files); i++)
		copy_golden("store-5.5.0", files[i]);
	start();
	topic_table_bump(b);
	group_find_or_create(b, SLICE_LIT("Another"));
	sim_elapse(sim, 1000);
	text = state_text("topics.json");
	ck_assert_ptr_nonnull(
		strstr(text, "\t\t\"Topic\":{\n\t\t\t\"attributes\":{},\n\t\t\t\"order\":false,\n\t\t\t\"perm\":6,\n"
			     "\t\t\t\"readQueueNums\":4,\n\t\t\t\"topicFilterType\":\"SINGLE_TAG\",\n"
			     "\t\t\t\"topicName\":\"Topic\",\n\t\t\t\"topicSysFlag\":0,\n\t\t\t\"writeQueueNums\":4\n\t\t}"));
	ck_assert_int_eq(strncmp(text, "{\n\t\"dataVersion\":{\n\t\t\"counter\":", 31), 0);
	free(text);
	text = state_text("subscriptionGroup.json");
	ck_assert_ptr_nonnull(strstr(text, "\t\t\"StoreGroup\":{\n\t\t\t\"attributes\":{},\n\t\t\t\"brokerId\":0,\n"
					   "\t\t\t\"consumeBroadcastEnable\":true,\n"));
	ck_assert_ptr_nonnull(strstr(text, "\t\"forbiddenTable\":{},\n\t\"subscriptionGroupTable\":{\n"));
	free(text);
}
END_TEST

START_TEST(an_empty_folder_is_a_new_broker)
{
	start();
	ck_assert_ptr_nonnull(topic_find(b->topics, SLICE_LIT("TBW102")));
	ck_assert_uint_eq(group_table_count(b->groups), 8);
	ck_assert_uint_eq(offset_table_count(b->offsets), 0);
	sim_elapse(sim, 100);
	free(state_text("topics.json"));
}
END_TEST

static const char *const damaged[] = {"{", "", "{}", "[1,2]", "{\"topicConfigTable\":7}", "not json"};

START_TEST(a_damaged_file_falls_back_to_its_backup)
{
	start();
	ck_assert_ptr_nonnull(topic_ensure(b, SLICE_LIT("Kept"), 3, 6, 0));
	sim_elapse(sim, 1000);
	ck_assert_ptr_nonnull(topic_ensure(b, SLICE_LIT("Newer"), 3, 6, 0));
	sim_node_stop(node); /* topics.json has both, topics.json.bak has Kept */
	put_file("topics.json", slice_of(damaged[_i]));
	start();
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("Kept"))->read_queues, 3);
	ck_assert_ptr_null(topic_find(b->topics, SLICE_LIT("Newer")));
}
END_TEST

/* As a crash between the two renames leaves it. */
START_TEST(a_missing_file_with_a_backup)
{
	char *path;

	start();
	ck_assert_ptr_nonnull(topic_ensure(b, SLICE_LIT("Kept"), 3, 6, 0));
	sim_elapse(sim, 1000);
	topic_table_bump(b);
	sim_node_stop(node);
	path = config_path("topics.json");
	ck_assert_int_eq(unlink(path), 0);
	free(path);
	start();
	ck_assert_ptr_nonnull(topic_find(b->topics, SLICE_LIT("Kept")));
}
END_TEST

START_TEST(both_damaged_refuses_to_start)
{
	struct broker_services services = {.timers = sim_timers(sim), .executor = sim_executor(sim), .wall_ms = sim_wall(sim)};
	struct broker_config *config = broker_config_new();
	char *home = mem_printf("%s/b", sim_folder(sim)), *error = NULL;
	struct broker *broken = NULL;

	put_file("consumerOffset.json", SLICE_LIT("{"));
	put_file("consumerOffset.json.bak", SLICE_LIT("{"));
	ck_assert_int_eq(broker_config_resolve(config, home, &error), RC_OK);
	ck_assert_int_eq(broker_new(config, &services, &broken, &error), RC_CORRUPT);
	ck_assert_ptr_nonnull(strstr(error, "consumerOffset.json"));
	ck_assert_ptr_nonnull(strstr(error, "consumerOffset.json.bak"));
	free(error);
	free(home);
}
END_TEST

/* A bad row is left out, the rest is taken. */
START_TEST(bad_rows_are_left_out)
{
	put_file("topics.json",
		 SLICE_LIT(
			 "{\"dataVersion\":{\"counter\":5},\"topicConfigTable\":{\"Bad\":{\"topicName\":\"Bad\",\"perm\":\"rw\"},"
			 "\"Good\":{\"topicName\":\"Good\",\"readQueueNums\":99999999,\"perm\":6,\"attributes\":{\"a.b\":\"c\"}},"
			 "\"Odd\":7}}"));
	put_file("consumerOffset.json",
		 SLICE_LIT("{\"offsetTable\":{\"T@G\":{0:5,\"x\":1,-3:2,1:6},\"NoAt\":{0:1},\"T@\":{0:1}}}"));
	put_file("subscriptionGroup.json", SLICE_LIT("{\"subscriptionGroupTable\":{\"B\":{\"groupName\":\"B\",\"retryMaxTimes\":"
						     "\"x\"},\"G\":{\"groupName\":\"G\"}}}"));
	start();
	ck_assert_ptr_null(topic_find(b->topics, SLICE_LIT("Bad")));
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("Good"))->read_queues, TOPIC_QUEUES_MAX);
	ck_assert_str_eq(attribute_get(topic_find(b->topics, SLICE_LIT("Good"))->attributes, "a.b"), "c");
	ck_assert_ptr_null(group_find(b->groups, SLICE_LIT("B")));
	ck_assert_ptr_nonnull(group_find(b->groups, SLICE_LIT("G")));
	ck_assert_int_eq(offset_get(b->offsets, SLICE_LIT("G"), SLICE_LIT("T"), 1), 6);
	ck_assert_uint_eq(offset_table_count(b->offsets), 2);
}
END_TEST

/* A write that fails is tried again; nothing is lost meanwhile. */
START_TEST(a_failed_write_is_tried_again)
{
	char *path;

	start();
	sim_elapse(sim, 1000);
	path = config_path("topics.json.tmp");
	ck_assert_int_eq(mkdir(path, 0700), 0); /* the temporary cannot be written */
	ck_assert_ptr_nonnull(topic_ensure(b, SLICE_LIT("Late"), 1, 6, 0));
	sim_elapse(sim, 1000);
	ck_assert_int_eq(rmdir(path), 0);
	free(path);
	path = state_text("topics.json");
	ck_assert_ptr_null(strstr(path, "Late"));
	free(path);
	sim_elapse(sim, 10000);
	path = state_text("topics.json");
	ck_assert_ptr_nonnull(strstr(path, "Late"));
	free(path);
}
END_TEST

Suite *suite_state(void)
{
	Suite *s = suite_create("state");
	TCase *tc = tcase_create("state");

	tcase_add_checked_fixture(tc, setup_folder, teardown);
	tcase_add_loop_test(tc, apaches_files_are_read_and_survive, 0, COUNT_OF(stores));
	tcase_add_test(tc, written_as_5_5_0_writes);
	tcase_add_test(tc, an_empty_folder_is_a_new_broker);
	tcase_add_loop_test(tc, a_damaged_file_falls_back_to_its_backup, 0, COUNT_OF(damaged));
	tcase_add_test(tc, a_missing_file_with_a_backup);
	tcase_add_test(tc, both_damaged_refuses_to_start);
	tcase_add_test(tc, bad_rows_are_left_out);
	tcase_add_test(tc, a_failed_write_is_tried_again);
	suite_add_tcase(s, tc);
	return s;
}
