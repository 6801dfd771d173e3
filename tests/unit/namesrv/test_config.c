/* Configuration of the running name server. Facts: Apache DefaultRequestProcessor.updateConfig, getConfig. */
#include "tests/unit/namesrv/fixture.h"

#include <stdlib.h>

#include "base/mem.h"
#include "base/small_file.h"

static struct sim_answer *update(const char *text)
{
	return sim_send(client, NS, &(struct sim_request){.code = UPDATE_NAMESRV_CONFIG, .body = slice_of(text)});
}

START_TEST(get)
{
	struct sim_answer *a = ask(GET_NAMESRV_CONFIG);

	ck_assert_int_eq(sim_code(a), SUCCESS);
	expect_in(a, "\nlistenPort=9876\n");
	expect_in(a, "\norderMessageEnable=false\n");
	expect_in(a, "\nserverWorkerThreads=8\n");
}
END_TEST

START_TEST(changed_and_saved)
{
	char *path = mem_printf("%s/ns/namesrv/namesrv.properties", sim_folder(sim));
	struct buf text = {0};

	ck_assert_int_eq(small_file_replace(path, SLICE_LIT("# mine\norderMessageEnable=false\n"), false), RC_OK);
	ck_assert_int_eq(sim_code(update("orderMessageEnable=true\nenableTopicList=false\n")), SUCCESS);
	expect_in(ask(GET_NAMESRV_CONFIG), "\norderMessageEnable=true\n");
	ck_assert_int_eq(small_file_read(path, &text), RC_OK);
	buf_put_u8(&text, 0);
	ck_assert_str_eq((char *)text.data, "# mine\norderMessageEnable=true\nenableTopicList=false\n");
	buf_free(&text);
	free(path);
}
END_TEST

static const struct {
	const char *text;
	int32_t code;
	const char *remark; /* part of it; NULL: any */
} refused[] = {
	{"kvConfigPath=/tmp/x\n", NO_PERMISSION, "Can not update config in black list."},
	{"orderMessageEnable=true\nconfigStorePath=/tmp/x\n", NO_PERMISSION, "Can not update config in black list."},
	{"configBlackList=\n", NO_PERMISSION, "Can not update config in black list."},
	{"noSuchKey=1\n", SYSTEM_ERROR, "noSuchKey"},
	{"orderMessageEnable=true\nwaitSecondsForService=soon\n", SYSTEM_ERROR, "waitSecondsForService"},
	{"a=\\u12\n", SYSTEM_ERROR, NULL},
};

START_TEST(refused_as_a_whole)
{
	struct sim_answer *a = update(refused[_i].text);

	ck_assert_int_eq(sim_code(a), refused[_i].code);
	ck_assert(refused[_i].remark == NULL || strstr(sim_remark(a), refused[_i].remark) != NULL);
	expect_in(ask(GET_NAMESRV_CONFIG), "\norderMessageEnable=false\n");
}
END_TEST

START_TEST(nothing_to_change) { ck_assert_int_eq(sim_code(update("")), SUCCESS); }
END_TEST

START_TEST(asker_leaves_before_the_write_is_done)
{
	struct sim_answer *a;

	sim_hold_jobs(sim, true);
	a = update("orderMessageEnable=true\n");
	ck_assert(!a->is_done);
	sim_close(sim, "client", "ns");
	sim_run_one_job(sim);
	expect_in(ask(GET_NAMESRV_CONFIG), "\norderMessageEnable=true\n");
}
END_TEST

Suite *suite_config(void)
{
	Suite *s = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, get);
	tcase_add_test(tc, changed_and_saved);
	tcase_add_loop_test(tc, refused_as_a_whole, 0, COUNT_OF(refused));
	tcase_add_test(tc, nothing_to_change);
	tcase_add_test(tc, asker_leaves_before_the_write_is_done);
	suite_add_tcase(s, tc);
	return s;
}
