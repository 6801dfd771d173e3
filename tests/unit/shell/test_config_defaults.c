/* The configuration that the programs have when nobody says anything, against Apache's (apache_defaults.def). */
#include <check.h>
#include <stdlib.h>

#include "base/defs.h"
#include "base/host_info.h"
#include "base/mem.h"
#include "broker/broker_config.h"
#include "namesrv/namesrv_config.h"

Suite *suite_config_defaults(void);

#define USER_HOME "/home/x"
#define ROCKETMQ "/opt/rocketmq"

enum { BROKER, STORE, SERVER, CLIENT, AUTH, NAMESRV };
enum how { HOW_IS, HOW_UNSET, HOW_CPUS, HOW_HOME, HOW_ADDRESS, HOW_HOST_NAME, HOW_ROCKETMQ_HOME, HOW_AT_START };

struct fact {
	int class;
	const char *key;
	enum config_kind kind;
	struct {
		enum how how;
		const char *text;
		int base, each, most;
	} value;
	bool is_important;
};

#define IMPORTANT true
#define IS(text)                                                                                                                 \
	{                                                                                                                        \
		HOW_IS, text, 0, 0, 0                                                                                            \
	}
#define UNSET                                                                                                                    \
	{                                                                                                                        \
		HOW_UNSET, NULL, 0, 0, 0                                                                                         \
	}
#define CPUS(base, each, most)                                                                                                   \
	{                                                                                                                        \
		HOW_CPUS, NULL, base, each, most                                                                                 \
	}
#define HOME(rest)                                                                                                               \
	{                                                                                                                        \
		HOW_HOME, rest, 0, 0, 0                                                                                          \
	}
#define ADDRESS                                                                                                                  \
	{                                                                                                                        \
		HOW_ADDRESS, NULL, 0, 0, 0                                                                                       \
	}
#define HOST_NAME                                                                                                                \
	{                                                                                                                        \
		HOW_HOST_NAME, NULL, 0, 0, 0                                                                                     \
	}
#define ROCKETMQ_HOME                                                                                                            \
	{                                                                                                                        \
		HOW_ROCKETMQ_HOME, NULL, 0, 0, 0                                                                                 \
	}
#define AT_START(text)                                                                                                           \
	{                                                                                                                        \
		HOW_AT_START, text, 0, 0, 0                                                                                      \
	}
#define X(class, key, kind, value, important) {class, #key, CONFIG_##kind, value, important},
static const struct fact facts[] = {
#include "tests/unit/shell/apache_defaults.def"
};

/* The two programs: their tables, a configuration as it is before a file is read, and one that is ready to run. */
static struct program {
	const struct config_schema *schema;
	bool has_class[NAMESRV + 1];
	const char *listen_port;
	const char *own[7]; /* keys that are not Apache's, or not of its configuration classes */
	void *fresh, *ready;
} programs[] = {
	{.schema = &broker_config_schema,
	 .has_class = {[BROKER] = true, [STORE] = true, [SERVER] = true, [CLIENT] = true, [AUTH] = true},
	 .listen_port = "10911",
	 .own = {"ioThreads", "listenPort", "logPath", "maxConnections", "namesrvListenPort", "rmqAddressServerDomain",
		 "rmqAddressServerSubGroup"}},
	{.schema = &namesrv_config_schema,
	 .has_class = {[SERVER] = true, [CLIENT] = true, [NAMESRV] = true},
	 .listen_port = "9876",
	 .own = {"ioThreads", "listenPort", "logPath", "maxConnections"}},
};

static struct buf text;

static void setup(void)
{
	char *error = NULL;

	ck_assert_int_eq(setenv("ROCKETMQ_HOME", ROCKETMQ, 1), 0);
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		programs[i].fresh = config_new(programs[i].schema);
		programs[i].ready = config_new(programs[i].schema);
	}
	ck_assert_int_eq(broker_config_resolve(programs[0].ready, USER_HOME, &error), RC_OK);
	namesrv_config_resolve(programs[1].ready, USER_HOME);
}

static void teardown(void)
{
	for (size_t i = 0; i < COUNT_OF(programs); i++) {
		config_destroy(programs[i].schema, programs[i].fresh);
		config_destroy(programs[i].schema, programs[i].ready);
	}
	buf_free(&text);
}

static bool is_own(const struct program *p, const char *key)
{
	for (size_t i = 0; i < COUNT_OF(p->own) && p->own[i] != NULL; i++)
		if (strcmp(p->own[i], key) == 0)
			return true;
	return false;
}

/* What a fact means on this host; malloc'ed. */
static char *expected(const struct fact *f)
{
	int n = f->value.base + f->value.each * host_info_processors();

	switch (f->value.how) {
	case HOW_IS:
	case HOW_AT_START:
		return mem_strdup(f->value.text);
	case HOW_CPUS:
		return mem_printf("%d", f->value.most > 0 && n > f->value.most ? f->value.most : n);
	case HOW_HOME:
		return mem_printf("%s%s", USER_HOME, f->value.text);
	case HOW_ADDRESS:
		return host_info_local_address();
	case HOW_HOST_NAME:
		return host_info_name("DEFAULT_BROKER");
	case HOW_ROCKETMQ_HOME:
		return mem_strdup(ROCKETMQ);
	case HOW_UNSET:
		break;
	}
	return mem_strdup("");
}

static const char *shown(const struct config_row *row, const void *config)
{
	buf_clear(&text);
	config_value_text(row, config, &text);
	buf_put_u8(&text, 0);
	return (const char *)text.data;
}

static void compare(const struct program *p, const struct fact *f)
{
	const struct config_row *row = config_find(p->schema, slice_of(f->key));
	char *want = expected(f);

	ck_assert_msg(row != NULL, "the key %s is not known", f->key);
	ck_assert_msg(row->kind == f->kind, "%s is of another kind", f->key);
	ck_assert_msg(strcmp(shown(row, p->ready), want) == 0, "%s is '%s', expected '%s'", f->key, (char *)text.data, want);
	if (f->value.how == HOW_IS) /* before the start, and so by the table, too */
		ck_assert_msg(strcmp(shown(row, p->fresh), want) == 0, "%s begins as '%s', expected '%s'", f->key,
			      (char *)text.data, want);
	free(want);
}

START_TEST(each_key_of_apache_has_its_default)
{
	size_t compared = 0;

	for (size_t i = 0; i < COUNT_OF(facts); i++) {
		if (!programs[_i].has_class[facts[i].class])
			continue;
		compare(&programs[_i], &facts[i]);
		compared++;
	}
	ck_assert_uint_eq(compared + 1, _i == 0 ? 532 : 60); /* and listenPort */
	ck_assert_str_eq(shown(config_find(programs[_i].schema, SLICE_LIT("listenPort")), programs[_i].fresh),
			 programs[_i].listen_port);
}
END_TEST

START_TEST(no_key_is_invented)
{
	const struct program *p = &programs[_i];

	for (size_t i = 0; i < p->schema->count; i++) {
		const char *key = p->schema->rows[i].key;
		bool is_known = is_own(p, key);

		for (size_t j = 0; j < COUNT_OF(facts); j++)
			is_known |= p->has_class[facts[j].class] && strcmp(facts[j].key, key) == 0;
		ck_assert_msg(is_known, "%s is neither Apache's nor in the list of our own", key);
	}
}
END_TEST

/* The lines of -p and -m: each key once, in order, with its value. */
static void expect_printed(const struct program *p, unsigned flags, size_t count)
{
	struct buf out = {0};
	struct slice rest, line;
	const char *last = "";

	config_print(p->schema, p->ready, flags, true, &out);
	rest = buf_slice(&out);
	for (; rest.len > 0 && slice_split(&rest, '\n', &line); count--) {
		struct slice key = slice_sub(line, 0, slice_find(line, '='));
		const struct config_row *row = config_find(p->schema, key);

		ck_assert_uint_gt(count, 0);
		ck_assert_ptr_nonnull(row);
		ck_assert((row->flags & flags) == flags);
		ck_assert(slice_is(slice_sub(line, key.len + 1, line.len), shown(row, p->ready)));
		ck_assert_int_lt(strcmp(last, row->key), 0);
		last = row->key;
	}
	ck_assert_uint_eq(count, 0);
	buf_free(&out);
}

START_TEST(printed_whole) { expect_printed(&programs[_i], 0, programs[_i].schema->count); }
END_TEST

START_TEST(what_is_important_is_printed_by_m)
{
	size_t count = 1; /* listenPort: BrokerConfig's is, and who starts a name server looks for it */

	for (size_t i = 0; i < COUNT_OF(facts); i++) {
		const struct config_row *row = config_find(programs[_i].schema, slice_of(facts[i].key));

		if (!programs[_i].has_class[facts[i].class])
			continue;
		ck_assert_msg(row != NULL && (row->flags & CONFIG_IMPORTANT) == (facts[i].is_important ? CONFIG_IMPORTANT : 0),
			      "%s is%s important to Apache", facts[i].key, facts[i].is_important ? "" : " not");
		count += facts[i].is_important;
	}
	expect_printed(&programs[_i], CONFIG_IMPORTANT, count);
}
END_TEST

Suite *suite_config_defaults(void)
{
	Suite *s = suite_create("config_defaults");
	TCase *tc = tcase_create("config_defaults");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, each_key_of_apache_has_its_default, 0, COUNT_OF(programs));
	tcase_add_loop_test(tc, no_key_is_invented, 0, COUNT_OF(programs));
	tcase_add_loop_test(tc, printed_whole, 0, COUNT_OF(programs));
	tcase_add_loop_test(tc, what_is_important_is_printed_by_m, 0, COUNT_OF(programs));
	suite_add_tcase(s, tc);
	return s;
}
