#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/small_file.h"
#include "base/stall.h"
#include "base/mem.h"
#include "tests/unit/run.h"

Suite *suite_stall(void);

#define MS 1000000u

static struct stall s;
static uint64_t now_ns;
static unsigned readings;

static uint64_t clock_ns(void)
{
	readings++;
	return now_ns;
}

static void setup(void)
{
	now_ns = 1000 * (uint64_t)MS;
	stall_init(&s, clock_ns);
	readings = 0;
	log_level = LOG_ERROR + 1;
}

static void teardown(void)
{
	stall_fini(&s);
	log_level = LOG_INFO;
}

static void spend(uint64_t ns) { now_ns += ns; }

START_TEST(a_turn_at_the_limit_is_no_stall)
{
	stall_begin(&s);
	spend(STALL_LIMIT_NS);
	stall_end(&s);
	ck_assert_uint_eq(s.count, 0);
	stall_begin(&s);
	spend(STALL_LIMIT_NS + 1);
	stall_end(&s);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.counts[STALL_NETWORK], 1);
	ck_assert_uint_eq(s.longest_turn_ns, STALL_LIMIT_NS + 1);
}
END_TEST

/* Most in sum counts the stall; the longest stretch may be another's. */
START_TEST(the_phase_with_the_most_time_counts_it)
{
	stall_begin(&s);
	spend(1 * MS);
	for (int i = 0; i < 3; i++) {
		(void)stall_at(STALL_REQUEST, 310);
		spend(2 * MS);
		(void)stall_at(STALL_NETWORK, 0);
	}
	(void)stall_at(STALL_APPEND, 0);
	spend(4 * MS);
	stall_end(&s);
	ck_assert_uint_eq(s.count, 1);
	ck_assert_uint_eq(s.counts[STALL_REQUEST], 1);
	ck_assert_uint_eq(s.counts[STALL_APPEND], 0);
	ck_assert_uint_eq(s.longest_ns, 4 * MS);
	ck_assert_uint_eq(s.longest_where >> STALL_CODE_BITS, STALL_APPEND);
	ck_assert_uint_eq(s.longest_turn_ns, 11 * MS);
}
END_TEST

START_TEST(turns_do_not_add_up)
{
	for (int i = 0; i < 10; i++) {
		stall_begin(&s);
		(void)stall_at(STALL_JOBS, 0);
		spend(3 * MS);
		stall_end(&s);
		spend(100 * MS); /* in the poll */
	}
	ck_assert_uint_eq(s.count, 0);
}
END_TEST

START_TEST(what_it_was_at_goes_on_afterwards)
{
	uint32_t was;

	stall_begin(&s);
	(void)stall_at(STALL_REQUEST, 17);
	spend(1 * MS);
	was = stall_at(STALL_STATE_FILES, 0);
	spend(1 * MS);
	stall_back(was);
	spend(7 * MS);
	stall_end(&s);
	ck_assert_uint_eq(s.spent_ns[STALL_REQUEST], 8 * MS);
	ck_assert_uint_eq(s.spent_ns[STALL_STATE_FILES], 1 * MS);
	ck_assert_uint_eq(s.longest_where & ((1u << STALL_CODE_BITS) - 1), 17);
}
END_TEST

/* A thousand requests of one code read the clock once; this is what makes it cheap. */
START_TEST(the_same_again_reads_no_clock)
{
	stall_begin(&s);
	for (int i = 0; i < 1000; i++)
		(void)stall_at(STALL_REQUEST, 310);
	stall_end(&s);
	ck_assert_uint_eq(readings, 3);
	(void)stall_at(STALL_REQUEST, -1);
	(void)stall_at(STALL_REQUEST, -1);
	ck_assert_uint_eq(readings, 4);
}
END_TEST

START_TEST(without_a_recorder_nothing_is_kept)
{
	stall_fini(&s);
	ck_assert_ptr_null(stall_here);
	stall_back(stall_at(STALL_APPEND, 0));
	ck_assert_uint_eq(readings, 0);
}
END_TEST

static void stall_of(enum stall_phase phase, int32_t code, uint64_t ns)
{
	stall_begin(&s);
	(void)stall_at(phase, code);
	spend(ns);
	stall_end(&s);
}

START_TEST(one_line_a_second_says_where)
{
	const char *folder = test_folder();
	char *path = mem_printf("%s/broker.log", folder);
	struct buf text = {0};
	const char *first =
		"a turn took 12.0 ms (request 12.0); longest at one go: request 310, 12.0 ms; 0 like it before were not logged\n";
	const char *last =
		"a turn took 6.0 ms (append 6.0); longest at one go: append, 6.0 ms; 1 like it before were not logged\n";
	size_t lines = 0;

	log_level = LOG_INFO;
	ck_assert_int_eq(log_open(path), RC_OK);
	stall_of(STALL_REQUEST, 310, 12 * MS);
	stall_of(STALL_TIMERS, 0, 8 * MS);
	spend(1000 * MS);
	stall_of(STALL_APPEND, 0, 6 * MS);
	log_close();
	ck_assert_int_eq(small_file_read(path, &text), RC_OK);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	ck_assert_uint_eq(lines, 2);
	ck_assert_ptr_nonnull(memmem(text.data, text.len, first, strlen(first)));
	ck_assert_ptr_nonnull(memmem(text.data, text.len, last, strlen(last)));
	ck_assert_uint_eq(s.count, 3);
	buf_free(&text);
	free(path);
	test_folder_remove(folder);
}
END_TEST

/* Every phase at once fits into the line, or the line ends with those that do. */
START_TEST(a_turn_of_all_phases)
{
	stall_begin(&s);
	log_level = LOG_INFO;
	for (int i = 0; i < STALL_PHASE_COUNT; i++) {
		(void)stall_at((enum stall_phase)i, 0);
		spend((uint64_t)1000000000 * MS);
	}
	ck_assert_int_eq(log_open("/dev/null"), RC_OK);
	stall_end(&s);
	log_close();
	ck_assert_uint_eq(s.count, 1);
}
END_TEST

Suite *suite_stall(void)
{
	Suite *suite = suite_create("stall");
	TCase *tc = tcase_create("stall");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_turn_at_the_limit_is_no_stall);
	tcase_add_test(tc, the_phase_with_the_most_time_counts_it);
	tcase_add_test(tc, turns_do_not_add_up);
	tcase_add_test(tc, what_it_was_at_goes_on_afterwards);
	tcase_add_test(tc, the_same_again_reads_no_clock);
	tcase_add_test(tc, without_a_recorder_nothing_is_kept);
	tcase_add_test(tc, one_line_a_second_says_where);
	tcase_add_test(tc, a_turn_of_all_phases);
	suite_add_tcase(suite, tc);
	return suite;
}
