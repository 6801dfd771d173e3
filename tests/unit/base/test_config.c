#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/config.h"
#include "base/defs.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "tests/unit/run.h"

Suite *suite_config(void);

struct sample {
	char *name, *unset;
	int32_t port;
	int64_t size;
	bool enabled;
	double ratio;
	int role;
	char *kept, *guard, *black_list;
};

#define AT(member) offsetof(struct sample, member)
static const struct config_row rows[] = {
	{"brokerName", CONFIG_STRING, AT(name), "b", 0, 0, NULL, CONFIG_IMPORTANT},
	{"unset", CONFIG_STRING, AT(unset), NULL, 0, 0, NULL, CONFIG_HIDDEN},
	{"listenPort", CONFIG_INT, AT(port), "10911", 1, 65535, NULL, 0},
	{"storeSize", CONFIG_LONG, AT(size), "17179869184", 0, INT64_MAX, NULL, CONFIG_MUTABLE},
	{"isEnabled", CONFIG_BOOL, AT(enabled), "true", 0, 0, NULL, CONFIG_MUTABLE},
	{"ratio", CONFIG_DOUBLE, AT(ratio), "0.8", 0, 1, NULL, CONFIG_MUTABLE},
	{"brokerRole", CONFIG_ENUM, AT(role), "ASYNC_MASTER", 0, 0, "ASYNC_MASTER SYNC_MASTER SLAVE", CONFIG_MUTABLE},
	{"threads", CONFIG_INT, AT(kept), "8", INT64_MIN, INT64_MAX, NULL, CONFIG_MUTABLE | CONFIG_KEPT},
	{"aclEnable", CONFIG_BOOL, AT(guard), "false", 0, 0, NULL, CONFIG_MUTABLE | CONFIG_KEPT | CONFIG_GUARD},
	{"configBlackList", CONFIG_STRING, AT(black_list), "configBlackList;ratio", 0, 0, NULL, CONFIG_MUTABLE},
};
static const struct config_schema schema = {rows, COUNT_OF(rows), sizeof(struct sample), NULL};

static struct sample c;
static struct config_report report;
static struct buf text;
static char *error;

static void setup(void) { config_defaults(&schema, &c); }

static void teardown(void)
{
	config_free(&schema, &c);
	config_report_free(&report);
	buf_free(&text);
	free(error);
	error = NULL;
}

static const char *terminated(struct buf *b)
{
	buf_put_u8(b, 0);
	b->len--;
	return (const char *)b->data;
}

START_TEST(defaults_and_printing)
{
	config_print(&schema, &c, 0, false, &text);
	ck_assert_str_eq(terminated(&text), "aclEnable=false\nbrokerName=b\nbrokerRole=ASYNC_MASTER\nconfigBlackList="
					    "configBlackList;ratio\nisEnabled=true\nlistenPort=10911\nratio=0.8\n"
					    "storeSize=17179869184\nthreads=8\n");
	buf_clear(&text);
	config_print(&schema, &c, CONFIG_IMPORTANT, true, &text);
	ck_assert_str_eq(terminated(&text), "brokerName=b\n");
	buf_clear(&text);
	config_print(&schema, &c, CONFIG_HIDDEN, true, &text);
	ck_assert_str_eq(terminated(&text), "unset=\n");
}
END_TEST

static enum rc load(const char *content, char **path_out)
{
	const char *folder = test_folder();
	char *path = mem_printf("%s/broker.conf", folder);
	enum rc rc;

	ck_assert_int_eq(small_file_replace(path, slice_of(content), false), RC_OK);
	rc = config_load(&schema, &c, path, &report);
	test_folder_remove(folder);
	if (path_out != NULL)
		*path_out = path;
	else
		free(path);
	return rc;
}

START_TEST(load_sets_every_kind)
{
	ck_assert_int_eq(load("# comment\nbrokerName = broker-a \nlistenPort=1\nstoreSize=9223372036854775807\nisEnabled=FALSE\n"
			      "ratio=0.25\nbrokerRole=SLAVE\nthreads=16\naclEnable=false\n",
			      NULL),
			 RC_OK);
	ck_assert_str_eq(c.name, "broker-a");
	ck_assert_int_eq(c.port, 1);
	ck_assert(c.size == INT64_MAX);
	ck_assert(!c.enabled);
	ck_assert(c.ratio > 0.24 && c.ratio < 0.26);
	ck_assert_int_eq(c.role, 2);
	ck_assert_str_eq(c.kept, "16");
	ck_assert_uint_eq(report.errors.len, 0);
	ck_assert_uint_eq(report.warnings.len, 0);
	ck_assert_ptr_nonnull(strstr(terminated(&report.notes), ":8: key 'threads' is known but has no effect"));
}
END_TEST

START_TEST(unknown_key_is_a_warning_with_the_nearest)
{
	char *path, *expected;

	ck_assert_int_eq(load("listenport=5\nbrokreName=x\ncompletelyDifferent=1\n", &path), RC_OK);
	expected = mem_printf("%s:1: unknown key 'listenport', did you mean 'listenPort'?\n"
			      "%s:2: unknown key 'brokreName', did you mean 'brokerName'?\n"
			      "%s:3: unknown key 'completelyDifferent'",
			      path, path, path);
	ck_assert_str_eq(terminated(&report.warnings), expected);
	ck_assert_int_eq(c.port, 10911);
	free(expected);
	free(path);
}
END_TEST

static const struct {
	const char *line, *problem;
} bad[] = {
	{"listenPort=0", "key 'listenPort': value '0': expected a whole number from 1 to 65535"},
	{"listenPort=65536", "key 'listenPort': value '65536': expected a whole number from 1 to 65535"},
	{"listenPort=4294967297", "key 'listenPort': value '4294967297': expected a whole number from 1 to 65535"},
	{"listenPort=99999999999999999999", "expected a whole number"},
	{"listenPort=", "key 'listenPort': value '': expected a whole number"},
	{"listenPort=1x", "value '1x'"},
	{"storeSize=-1", "expected a whole number from 0 to 9223372036854775807"},
	{"isEnabled=yes", "key 'isEnabled': value 'yes': expected true or false"},
	{"ratio=1.5", "expected a number from 0 to 1"},
	{"ratio=nan", "expected a number"},
	{"ratio=", "expected a number"},
	{"brokerRole=MASTER", "key 'brokerRole': value 'MASTER': expected one of ASYNC_MASTER SYNC_MASTER SLAVE"},
	{"threads=many", "key 'threads': value 'many': expected a whole number"},
	{"threads=3000000000", "key 'threads'"},
	{"aclEnable=true", "key 'aclEnable': value 'true': not supported yet"},
	{"a=\\u12", "expected \\u and four hexadecimal digits"},
};

START_TEST(bad_value_is_an_error_with_its_place)
{
	char *content = mem_printf("\n\n%s\n%s", bad[_i].line, "brokerName=later\n");
	char *path, *place;

	ck_assert_int_eq(load(content, &path), RC_INVALID);
	place = mem_printf("%s:3: ", path);
	ck_assert_msg(strncmp(terminated(&report.errors), place, strlen(place)) == 0, "%s", terminated(&report.errors));
	ck_assert_msg(strstr(terminated(&report.errors), bad[_i].problem) != NULL, "%s", terminated(&report.errors));
	ck_assert_int_eq(c.port, 10911);
	free(content);
	free(place);
	free(path);
}
END_TEST

START_TEST(every_mistake_is_reported_and_good_lines_hold)
{
	ck_assert_int_eq(load("listenPort=x\nbrokerName=good\nratio=7\n", NULL), RC_INVALID);
	ck_assert_ptr_nonnull(strstr(terminated(&report.errors), ":1: key 'listenPort'"));
	ck_assert_ptr_nonnull(strstr(terminated(&report.errors), ":3: key 'ratio'"));
	ck_assert_str_eq(c.name, "good");
}
END_TEST

START_TEST(missing_file_says_so)
{
	ck_assert_int_eq(config_load(&schema, &c, "/nonexistent/broker.conf", &report), RC_NOT_FOUND);
	ck_assert_str_eq(terminated(&report.errors), "configuration file '/nonexistent/broker.conf': not found");
}
END_TEST

static const struct {
	const char *text;
	enum rc rc;
	const char *names;
} updates[] = {
	{"isEnabled=false\nstoreSize=5", RC_OK, NULL},
	{"isEnabled=false\nnoSuchKey=1", RC_NOT_FOUND, "noSuchKey"},
	{"isEnabled=false\nstoreSize=x", RC_INVALID, "storeSize"},
	{"isEnabled=false\nlistenPort=5", RC_READ_ONLY, "listenPort"},
	{"isEnabled=false\nunset=5", RC_PERMISSION, "unset"},
	{"isEnabled=false\nratio=0.5", RC_PERMISSION, "ratio"},
	{"isEnabled=false\nconfigBlackList=", RC_PERMISSION, "configBlackList"},
	{"isEnabled=false\naclEnable=true", RC_INVALID, "aclEnable"},
	{"isEnabled=false\na=\\u", RC_MALFORMED, "line 2"},
};

START_TEST(update_takes_all_keys_or_none)
{
	ck_assert_int_eq(config_update(&schema, &c, slice_of(updates[_i].text), &error), updates[_i].rc);
	ck_assert_int_eq(c.enabled, updates[_i].rc != RC_OK);
	if (updates[_i].names == NULL)
		ck_assert(c.size == 5);
	else
		ck_assert_msg(strstr(error, updates[_i].names) != NULL, "%s", error);
}
END_TEST

START_TEST(set_and_get_by_name)
{
	ck_assert_int_eq(config_set(&schema, &c, SLICE_LIT("listenPort"), SLICE_LIT(" 7 "), &error), RC_OK);
	ck_assert(config_get(&schema, &c, "listenPort", &text));
	ck_assert_str_eq(terminated(&text), "7");
	ck_assert(!config_get(&schema, &c, "unset", &text));
	ck_assert(!config_get(&schema, &c, "nothing", &text));
	ck_assert_int_eq(config_set(&schema, &c, SLICE_LIT("nothing"), SLICE_LIT("7"), &error), RC_NOT_FOUND);
	ck_assert_str_eq(error, "unknown key 'nothing'");
}
END_TEST

START_TEST(merge_replaces_lines_and_keeps_the_rest)
{
	ck_assert_int_eq(
		config_merge_text(slice_of("# mine\na = 1\nb=x\\\n  y\n\nc=3\na=9"), slice_of("b=2\nd=p\\nq\na=5"), &text),
		RC_OK);
	ck_assert_str_eq(terminated(&text), "# mine\na=5\nb=2\n\nc=3\nd=p\\nq\n");
}
END_TEST

Suite *suite_config(void)
{
	Suite *s = suite_create("config");
	TCase *tc = tcase_create("config");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, defaults_and_printing);
	tcase_add_test(tc, load_sets_every_kind);
	tcase_add_test(tc, unknown_key_is_a_warning_with_the_nearest);
	tcase_add_loop_test(tc, bad_value_is_an_error_with_its_place, 0, COUNT_OF(bad));
	tcase_add_test(tc, every_mistake_is_reported_and_good_lines_hold);
	tcase_add_test(tc, missing_file_says_so);
	tcase_add_loop_test(tc, update_takes_all_keys_or_none, 0, COUNT_OF(updates));
	tcase_add_test(tc, set_and_get_by_name);
	tcase_add_test(tc, merge_replaces_lines_and_keeps_the_rest);
	suite_add_tcase(s, tc);
	return s;
}
