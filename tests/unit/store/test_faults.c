/* A load with a history under every single failing call, and under loss of power: what was acknowledged is there afterwards. */
#include <check.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "tests/unit/store/fault.h"
#include "tests/unit/store/power.h"
#include "tests/unit/store/rig.h"

Suite *suite_faults(void);

#define QUEUES 3
#define HISTORY_MAX 2000

struct sent {
	struct rig_wait wait;
	int queue, number;
	int64_t offset;
};

static struct rig *r;
static struct sent history[HISTORY_MAX];
static int sent_count;

static void setup(void) { r = rig_new(); }

static void teardown(void)
{
	fault_clear();
	power_off();
	rig_free(r);
}

static void body_of(const struct sent *s, char body[400])
{
	int n = snprintf(body, 400, "message %d of queue %d ", s->number, s->queue);

	memset(body + n, 'x', (size_t)(s->number % 200)); /* sectors and segments end anywhere */
	body[n + s->number % 200] = '\0';
}

static void send_one(void)
{
	struct sent *s = &history[sent_count];
	struct append_result a;
	char body[400];

	s->number = sent_count;
	s->queue = sent_count % QUEUES;
	s->wait.calls = 0;
	body_of(s, body);
	if (rig_try_send(r, "T", s->queue, slice_of(body), &a) != RC_OK)
		return;
	sent_count++;
	s->offset = a.queue_offset;
	rig_wait(r, &s->wait, a.end, r->config.sync_flush ? WATERMARK_FLUSHED : WATERMARK_WRITTEN);
}

static void load(int turns)
{
	for (int t = 0; t < turns; t++) {
		for (int i = 0; i < 5; i++)
			send_one();
		rig_turn(r);
		if (t % 4 == 3)
			rig_elapse(r, 400);
	}
}

static bool is_acknowledged(const struct sent *s) { return s->wait.calls == 1 && s->wait.rc == RC_OK; }

/* Each acknowledged message is where it was said to be; each message there was sent, once. */
static void check_history(void)
{
	static int64_t seen[HISTORY_MAX];

	memset(seen, 0, sizeof(seen));
	for (int i = 0; i < sent_count; i++) {
		char body[400];

		if (!is_acknowledged(&history[i]))
			continue;
		body_of(&history[i], body);
		ck_assert_int_gt(rig_max(r, "T", history[i].queue), history[i].offset);
		ck_assert_str_eq(rig_body(r, "T", history[i].queue, history[i].offset), body);
	}
	for (int q = 0; q < QUEUES; q++) {
		for (int64_t at = rig_min(r, "T", q); at < rig_max(r, "T", q); at++) {
			struct queue_entry e;
			int number;

			ck_assert_int_eq(consume_queue_entry(store_queue_find(r->store, SLICE_LIT("T"), q), at, &e), RC_OK);
			if (e.size == QUEUE_FILLER_SIZE)
				continue; /* a hole: nothing acknowledged was there, or the check above had failed */
			ck_assert_int_eq(sscanf(rig_body(r, "T", q, at), "message %d", &number), 1);
			ck_assert_int_eq(seen[number]++, 0);
		}
	}
}

/* A reopened store takes messages, and keeps them over one more kill. */
static void check_alive(void)
{
	int before = sent_count;

	load(3);
	ck_assert_int_eq(sent_count, before + 15);
	rig_elapse(r, 500);
	for (int i = before; i < sent_count; i++)
		ck_assert(is_acknowledged(&history[i]));
	rig_kill(r);
	rig_open(r);
	check_history();
}

/* ---- each call fails in turn ---- */

static const struct {
	enum fault call;
	const char *path;
	int errs[3];
} faults[] = {
	{FAULT_PWRITEV, "/commitlog/", {ENOSPC, EIO}},
	{FAULT_FDATASYNC, "/commitlog/", {EIO, ENOSPC}},
	{FAULT_OPEN, "/commitlog", {EMFILE, ENOSPC, EIO}},
	{FAULT_FALLOCATE, "/commitlog/", {ENOSPC, EIO}},
	{FAULT_FTRUNCATE, "/commitlog/", {ENOSPC, EIO}},
	{FAULT_PWRITEV, "/consumequeue/", {ENOSPC, EIO}},
	{FAULT_FDATASYNC, "/consumequeue/", {EIO}},
	{FAULT_OPEN, "/consumequeue", {EMFILE, ENOSPC}},
	{FAULT_PWRITEV, "/index/", {ENOSPC, EIO}},
	{FAULT_OPEN, "/index", {EMFILE}},
	{FAULT_FDATASYNC, "/index/", {EIO}},
	{FAULT_PWRITEV, "/checkpoint", {ENOSPC, EIO}},
	{FAULT_FDATASYNC, "/checkpoint", {EIO}},
	{FAULT_OPEN, "/checkpoint", {EMFILE}},
};
#define FAULT_NTHS 3

static void run_fault(enum fault call, const char *path, int nth, int err, bool sync, bool once)
{
	r->config.sync_flush = sync;
	rig_open(r);
	load(10);
	fault_set(call, path, nth, err);
	if (call == FAULT_PWRITEV && nth % 2)
		fault_short(nth * 100);
	load(60); /* more than a segment */
	if (once)
		fault_clear();
	load(20);
	check_history();
	fault_clear();
	rig_kill(r);
	rig_open(r);
	check_history();
	check_alive();
}

START_TEST(each_failing_call_loses_nothing)
{
	int row = _i / FAULT_NTHS / 2, nth = _i / 2 % FAULT_NTHS + 1;

	for (int e = 0; e < 3 && faults[row].errs[e]; e++) {
		sent_count = 0;
		run_fault(faults[row].call, faults[row].path, nth * nth, faults[row].errs[e], _i & 1, nth & 1);
		rig_close(r);
		rig_free(r);
		r = rig_new();
	}
}
END_TEST

/* ---- power ---- */

static void check_consistent(void)
{
	for (int q = 0; q < QUEUES; q++)
		for (int64_t at = rig_min(r, "T", q); at < rig_max(r, "T", q); at++) {
			struct store_queue *queue = store_queue_find(r->store, SLICE_LIT("T"), q);
			struct queue_entry e;
			enum rc rc = consume_queue_entry(queue, at, &e);

			ck_assert_msg(rc == RC_OK, "queue %d entry %lld: %s (first %lld, end %lld)", q, (long long)at,
				      rc_text(rc), (long long)queue->first, (long long)queue->end);
			if (e.size != QUEUE_FILLER_SIZE)
				ck_assert_ptr_nonnull(strstr(rig_body(r, "T", q, at), "message "));
		}
}

/* _i is the seed. Under SYNC_FLUSH nothing acknowledged is missing; under ASYNC_FLUSH what is there is whole. */
static void lose_power(uint64_t seed, bool sync)
{
	r->config.sync_flush = sync;
	power_on(seed);
	rig_open(r);
	for (int round = 0; round < 3; round++) {
		load(5 + (int)(power_random() % 40));
		rig_elapse(r, power_random() % 8000);
		load(1 + (int)(power_random() % 5));
		for (uint64_t jobs = power_random() % 3; jobs > 0 && r->first[LANE_FLUSH]; jobs--)
			rig_run(r, LANE_FLUSH);
		rig_kill(r);
		power_cut();
		power_on(seed * 31 + (uint64_t)round);
		rig_open(r);
		if (sync)
			check_history();
		else
			check_consistent();
		for (int i = 0; i < sent_count; i++) /* waits of the dead process are nobody's */
			if (history[i].wait.calls == 0 || !sync)
				history[i].wait.rc = RC_CANCELED;
	}
	rig_close(r);
	rig_open(r);
	if (sync)
		check_history();
	else
		check_consistent();
}

START_TEST(power_loss_takes_nothing_that_was_flushed) { lose_power((uint64_t)_i + 1, true); }
END_TEST

START_TEST(power_loss_leaves_only_whole_messages) { lose_power((uint64_t)_i + 1, false); }
END_TEST

Suite *suite_faults(void)
{
	Suite *s = suite_create("faults");
	TCase *tc = tcase_create("faults"), *power = tcase_create("power");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 60);
	tcase_add_loop_test(tc, each_failing_call_loses_nothing, 0, (int)COUNT_OF(faults) * FAULT_NTHS * 2);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(power, setup, teardown);
	tcase_set_timeout(power, 60);
	tcase_add_loop_test(power, power_loss_takes_nothing_that_was_flushed, 0, 20);
	tcase_add_loop_test(power, power_loss_leaves_only_whole_messages, 0, 20);
	suite_add_tcase(s, power);
	return s;
}
