/* What the reading side of the store costs: bench_queues [folder]. Not run by make check; prints one line a figure.
 *
 *   open     a store of 40,000 queues: time to open, and to use all of them once
 *   memory   anonymous bytes of 100,000 queues that were written to and are idle
 *   put      CPU of one entry with its index key
 *   pull     CPU a message of pulls of 32 at the hot end, and from the files (page cache) */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/queue_internal.h"
#include "tests/unit/run.h"
#include "tests/unit/store/rig.h"

#define OPEN_QUEUES 40000
#define MEMORY_QUEUES 100000
#define PULL_MESSAGES 200000
#define PULL_ROUNDS 20

static double seconds(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double anonymous_mb(void)
{
	FILE *f = fopen("/proc/self/status", "r");
	char line[256];
	long kb = 0;

	while (f && fgets(line, sizeof(line), f))
		if (sscanf(line, "RssAnon: %ld kB", &kb) == 1)
			break;
	if (f)
		fclose(f);
	return (double)kb / 1024;
}

static struct rig *new_rig(void)
{
	struct rig *r = rig_new();

	r->config.segment_bytes = 1u << 30;
	r->config.queue_file_entries = 300000;
	r->config.index_slots = 5000000;
	r->config.index_entries = 20000000;
	return r;
}

/* Without the rig's assertions: each of them is a system call of Check. */
static void send_one(struct rig *r, const char *topic, int queue, struct slice body)
{
	struct message m = {.topic = slice_of(topic), .body = body, .queue_id = queue};
	struct store_queue *q = store_queue_open(r->store, m.topic, queue);
	struct append_result result;

	if (q == NULL || store_append(r->store, q, &m, r->wall, &result) != RC_OK)
		abort();
}

static void send_to(struct rig *r, int topics, int queues)
{
	char name[64];

	for (int t = 0; t < topics; t++) {
		for (int q = 0; q < queues; q++) {
			mem_format(name, sizeof(name), "a-topic-with-a-usual-name-%d", t);
			send_one(r, name, q, SLICE_LIT("x"));
		}
		if (t % 100 == 99) {
			rig_turn(r);
			rig_run_all(r);
		}
	}
	rig_turn(r);
	rig_elapse(r, 2000);
}

static void visit(void *ctx, struct store_queue *q) { *(int64_t *)ctx += store_queue_max(q); }

static void bench_open(int topics, int queues)
{
	struct rig *r = new_rig();
	int64_t sum = 0;
	double began;

	rig_open(r);
	send_to(r, topics, queues);
	rig_close(r);
	began = seconds(CLOCK_MONOTONIC);
	rig_open(r);
	printf("open: %d topics of %d queues: %.3f s\n", topics, queues, seconds(CLOCK_MONOTONIC) - began);
	began = seconds(CLOCK_MONOTONIC);
	store_each_queue(r->store, visit, &sum);
	printf("open: first use of all %lld queues: %.3f s\n", (long long)sum, seconds(CLOCK_MONOTONIC) - began);
	rig_free(r);
}

static void bench_memory(void)
{
	struct rig *r = new_rig();
	double before;

	rig_open(r);
	before = anonymous_mb();
	send_to(r, MEMORY_QUEUES / 4, 4);
	printf("memory: %d queues with one message each: %.1f MB, of it tails %.1f MB\n", MEMORY_QUEUES, anonymous_mb() - before,
	       (double)queue_table_tail_bytes(r->store->queues) / 1e6);
	rig_close(r);
	malloc_trim(0);
	before = anonymous_mb();
	rig_open(r);
	printf("memory: the same after a restart: %.1f MB\n", anonymous_mb() - before);
	rig_free(r);
}

static void bench_put(void)
{
	struct rig *r = new_rig();
	struct store_queue *q;
	double began;

	rig_open(r);
	q = store_queue_open(r->store, SLICE_LIT("T"), 0);
	began = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int64_t i = 0; i < 2000000; i++)
		(void)!consume_queue_put(q, i, i * 1000, 1000, i);
	rig_run_all(r);
	printf("put: entries, with their writing: %.3f us each\n", (seconds(CLOCK_PROCESS_CPUTIME_ID) - began) / 2);
	began = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (int64_t i = 0; i < 1000000; i++) {
		struct index_topic topic = index_topic_of(SLICE_LIT("a-topic-with-a-usual-name"));
		char key[33];

		mem_format(key, sizeof(key), "7F000001%024llX", (long long)i);
		index_put(r->store->index, &topic, INDEX_KEY, slice_of(key), i * 1000, (int64_t)r->wall);
		if (i == 499999)
			printf("put: keys, in memory and (in place) written: %.3f us each\n",
			       (seconds(CLOCK_PROCESS_CPUTIME_ID) - began) * 2);
	}
	rig_free(r);
}

static void pull_all(struct rig *r, struct store_queue *q, int64_t from, const char *what)
{
	uint8_t *dest = mem_alloc(1 << 20);
	double began = seconds(CLOCK_PROCESS_CPUTIME_ID);
	int64_t pulled = 0;

	for (int round = 0; round < PULL_ROUNDS; round++) {
		struct store_get g = {.queue = q, .max_count = 32, .max_bytes = 1 << 18};

		for (g.offset = from; g.offset < store_queue_max(q); g.offset = g.next_offset) {
			if (store_get_plan(r->store, &g) != RC_OK || store_get_read(r->store, &g, dest) != RC_OK) {
				rig_run_all(r);
				continue;
			}
			pulled += g.count;
		}
	}
	printf("pull: %s: %.3f us a message\n", what, (seconds(CLOCK_PROCESS_CPUTIME_ID) - began) * 1e6 / (double)pulled);
	free(dest);
}

static void bench_pull(void)
{
	struct rig *r = new_rig();
	char body[1025];
	struct store_queue *q;

	memset(body, 'x', 1024);
	body[1024] = '\0';
	rig_open(r);
	for (int i = 0; i < PULL_MESSAGES; i++) {
		send_one(r, "T", 0, slice_of(body));
		if (i % 1000 == 999) {
			rig_turn(r);
			rig_run_all(r);
		}
	}
	rig_turn(r);
	rig_elapse(r, 2000);
	q = store_queue_find(r->store, SLICE_LIT("T"), 0);
	pull_all(r, q, PULL_MESSAGES - 1000, "1 KB, 32 at a time, hot end");
	pull_all(r, q, 0, "1 KB, 32 at a time, all (entries from files)");
	rig_free(r);
}

START_TEST(figures)
{
	static void (*const benches[])(void) = {bench_pull, bench_put, bench_memory};

	if (_i < (int)COUNT_OF(benches))
		benches[_i]();
	else if (_i == (int)COUNT_OF(benches))
		bench_open(OPEN_QUEUES / 4, 4);
	else
		bench_open(OPEN_QUEUES, 1);
}
END_TEST

/* The rig speaks Check's assertions, so this is a test as far as Check knows. */
int main(void)
{
	Suite *s = suite_create("bench");
	TCase *tc = tcase_create("bench");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tc, 0);
	tcase_add_loop_test(tc, figures, 0, 5);
	suite_add_tcase(s, tc);
	runner = srunner_create(s);
	srunner_set_fork_status(runner, CK_FORK);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
