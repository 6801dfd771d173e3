#include <check.h>
#include <stdlib.h>

#include "base/loop.h"
#include "base/uv_executor.h"

Suite *suite_loop(void);

static struct loop loop;
static struct uv_executor *executor;
static char trace[256];
static size_t traced;

static void put(char c)
{
	if (traced < sizeof(trace) - 1)
		trace[traced++] = c;
}

static void setup(void)
{
	loop_init(&loop);
	executor = uv_executor_new(&loop);
}

static void teardown(void)
{
	uv_executor_free(executor);
	loop_fini(&loop);
}

/* ---- turns ---- */

static bool is_over;

static void on_core_begin(struct loop_hook *h, uint64_t wall_ms)
{
	(void)h;
	put(wall_ms > 1500000000000 ? 'b' : '?');
}
static void on_core_end(struct loop_hook *h)
{
	(void)h;
	put('c');
}
static void on_flush_end(struct loop_hook *h)
{
	(void)h;
	put('f');
}
static void on_timer_a(struct timer *t)
{
	(void)t;
	put('1');
}
static void on_timer_b(struct timer *t)
{
	(void)t;
	put('2');
	is_over = true;
}

START_TEST(a_turn_has_one_begin_and_one_end)
{
	struct loop_hook core = {.on_begin = on_core_begin, .on_end = on_core_end}, flush = {.on_end = on_flush_end};
	struct timer a = {.on_timer = on_timer_a}, b = {.on_timer = on_timer_b};

	loop_hook_add(&loop, LOOP_PHASE_FLUSH, &flush);
	loop_hook_add(&loop, LOOP_PHASE_CORE, &core);
	timer_start(&loop.timers, &a, 5);
	timer_start(&loop.timers, &b, 5);
	ck_assert(loop_until(&loop, &is_over, 5000));
	loop_end_turn(&loop);
	ck_assert_str_eq(trace, "b12cf");
	loop_hook_remove(&core);
	loop_hook_remove(&flush);
}
END_TEST

static struct timer second;

static void on_first(struct timer *t)
{
	(void)t;
	put('1');
	timer_start(&loop.timers, &second, 1);
}

START_TEST(timers_started_by_timers_fire)
{
	struct timer first = {.on_timer = on_first};

	second.on_timer = on_timer_b;
	timer_start(&loop.timers, &first, 1);
	ck_assert(loop_until(&loop, &is_over, 5000));
	ck_assert_str_eq(trace, "12");
}
END_TEST

START_TEST(until_gives_up_at_its_deadline)
{
	uint64_t before = uv_hrtime();

	ck_assert(!loop_until(&loop, &is_over, 30));
	ck_assert_uint_ge(uv_hrtime() - before, 29000000);
}
END_TEST

/* ---- executor ---- */

#define JOBS 2000

struct numbered_job {
	struct job job;
	int number, ran_after;
	bool done_on_core;
};

static struct numbered_job jobs[JOBS];
static int ran; /* worker of the lane only, until done */
static int done_count;
static uv_thread_t core_thread;
static bool all_done;

static void run_numbered(struct job *j)
{
	struct numbered_job *n = CONTAINER_OF(j, struct numbered_job, job);

	n->ran_after = ran++;
}

static void done_numbered(struct job *j)
{
	struct numbered_job *n = CONTAINER_OF(j, struct numbered_job, job);
	uv_thread_t self = uv_thread_self();

	n->done_on_core = uv_thread_equal(&self, &core_thread);
	all_done = ++done_count == JOBS;
}

static void submit_all(void)
{
	core_thread = uv_thread_self();
	for (int i = 0; i < JOBS; i++) {
		jobs[i] = (struct numbered_job){.job = {.run = run_numbered, .done = done_numbered}, .number = i};
		executor_submit(uv_executor_base(executor), LANE_FLUSH, &jobs[i].job);
	}
	ck_assert_int_eq(done_count, 0);
}

static void check_all(void)
{
	for (int i = 0; i < JOBS; i++) {
		ck_assert_int_eq(jobs[i].ran_after, i);
		ck_assert(jobs[i].done_on_core);
	}
}

START_TEST(a_lane_keeps_order_and_completes_on_the_core)
{
	submit_all();
	ck_assert(loop_until(&loop, &all_done, 20000));
	check_all();
}
END_TEST

START_TEST(drain_completes_everything)
{
	submit_all();
	uv_executor_drain(executor);
	ck_assert(all_done);
	check_all();
}
END_TEST

static int again_left = 50;

static void run_nothing(struct job *j) { (void)j; }

static void done_again(struct job *j)
{
	if (--again_left > 0)
		executor_submit(uv_executor_base(executor), (enum lane)(again_left % LANE_COUNT), j);
}

START_TEST(drain_follows_jobs_that_submit_jobs)
{
	struct job job = {.run = run_nothing, .done = done_again};

	executor_submit(uv_executor_base(executor), LANE_STATE, &job);
	uv_executor_drain(executor);
	ck_assert_int_eq(again_left, 0);
}
END_TEST

static uv_barrier_t barrier;
static int met;

static void run_meet(struct job *j)
{
	(void)j;
	uv_barrier_wait(&barrier); /* passes only when all are in here at once */
}

static void done_meet(struct job *j)
{
	(void)j;
	all_done = ++met == COLD_READ_THREADS;
}

START_TEST(cold_reads_run_side_by_side)
{
	struct job meeting[COLD_READ_THREADS];

	ck_assert_int_eq(uv_barrier_init(&barrier, COLD_READ_THREADS), 0);
	for (int i = 0; i < COLD_READ_THREADS; i++) {
		meeting[i] = (struct job){.run = run_meet, .done = done_meet};
		executor_submit(uv_executor_base(executor), LANE_COLD_READ, &meeting[i]);
	}
	ck_assert(loop_until(&loop, &all_done, 20000));
	uv_executor_drain(executor);
	uv_barrier_destroy(&barrier);
}
END_TEST

START_TEST(uv_errors_become_ours)
{
	ck_assert_int_eq(rc_from_uv(0), RC_OK);
	ck_assert_int_eq(rc_from_uv(UV_EOF), RC_CLOSED);
	ck_assert_int_eq(rc_from_uv(UV_ECANCELED), RC_CANCELED);
	ck_assert_int_eq(rc_from_uv(UV_ECONNREFUSED), RC_UNREACHABLE);
	ck_assert_int_eq(rc_from_uv(UV_EAI_NONAME), RC_UNREACHABLE);
	ck_assert_int_eq(rc_from_uv(UV_EMFILE), RC_TOO_MANY_FILES);
}
END_TEST

Suite *suite_loop(void)
{
	Suite *s = suite_create("loop");
	TCase *tc = tcase_create("loop");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_turn_has_one_begin_and_one_end);
	tcase_add_test(tc, timers_started_by_timers_fire);
	tcase_add_test(tc, until_gives_up_at_its_deadline);
	tcase_add_test(tc, a_lane_keeps_order_and_completes_on_the_core);
	tcase_add_test(tc, drain_completes_everything);
	tcase_add_test(tc, drain_follows_jobs_that_submit_jobs);
	tcase_add_test(tc, cold_reads_run_side_by_side);
	tcase_add_test(tc, uv_errors_become_ours);
	suite_add_tcase(s, tc);
	return s;
}
