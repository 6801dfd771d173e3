/* The reading side with real threads under it, for ThreadSanitizer: puts, flushes, look-ups, cold reads, retention, deleting, all at once. */
#include <pthread.h>
#include <stdlib.h>

#include "base/mem.h"
#include "store/queue_internal.h"
#include "tests/unit/store/rig.h"

Suite *suite_threads(void);

#define TURNS 1500
#define TOPICS 5

struct lane_worker {
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t wake;
	struct job *first, *last;
	bool stop;
	struct threads *all;
};

struct threads {
	struct lane_worker lanes[LANE_COUNT];
	pthread_mutex_t lock; /* of done */
	struct job *done;
	int under_way; /* core */
};

static struct threads threads;
static struct rig *r;

static void push_done(struct threads *t, struct job *job)
{
	pthread_mutex_lock(&t->lock);
	job->link = t->done;
	t->done = job;
	pthread_mutex_unlock(&t->lock);
}

static void *work(void *arg)
{
	struct lane_worker *w = arg;

	pthread_mutex_lock(&w->lock);
	for (;;) {
		struct job *job = w->first;

		if (job == NULL && w->stop)
			break;
		if (job == NULL) {
			pthread_cond_wait(&w->wake, &w->lock);
			continue;
		}
		w->first = job->link;
		pthread_mutex_unlock(&w->lock);
		job->run(job);
		push_done(w->all, job);
		pthread_mutex_lock(&w->lock);
	}
	pthread_mutex_unlock(&w->lock);
	return NULL;
}

static void submit(struct executor *ex, enum lane lane, struct job *job)
{
	struct lane_worker *w = &threads.lanes[lane];

	(void)ex;
	threads.under_way++;
	pthread_mutex_lock(&w->lock);
	job->link = NULL;
	if (w->first == NULL)
		w->first = job;
	else
		w->last->link = job;
	w->last = job;
	pthread_cond_signal(&w->wake);
	pthread_mutex_unlock(&w->lock);
}

static void take_done(void)
{
	struct job *job, *next;

	pthread_mutex_lock(&threads.lock);
	job = threads.done;
	threads.done = NULL;
	pthread_mutex_unlock(&threads.lock);
	for (; job; job = next) {
		next = job->link;
		threads.under_way--;
		job->done(job);
	}
}

static void setup(void)
{
	r = rig_new();
	r->ex.submit = submit;
	pthread_mutex_init(&threads.lock, NULL);
	for (int i = 0; i < LANE_COUNT; i++) {
		struct lane_worker *w = &threads.lanes[i];

		w->all = &threads;
		pthread_mutex_init(&w->lock, NULL);
		pthread_cond_init(&w->wake, NULL);
		ck_assert_int_eq(pthread_create(&w->thread, NULL, work, w), 0);
	}
	rig_open(r);
}

static void drain(void)
{
	while (threads.under_way)
		take_done();
}

static void teardown(void)
{
	drain();
	for (int i = 0; i < LANE_COUNT; i++) {
		struct lane_worker *w = &threads.lanes[i];

		pthread_mutex_lock(&w->lock);
		w->stop = true;
		pthread_cond_signal(&w->wake);
		pthread_mutex_unlock(&w->lock);
		pthread_join(w->thread, NULL);
	}
	rig_free(r);
}

static int warm;

static void on_warm(struct store_get *g)
{
	(void)g;
	warm++;
}

static void topic_name(int i, char out[16]) { mem_format(out, 16, "T%d", i); }

static void send(unsigned *seed)
{
	char topic[16], properties[32];

	topic_name((int)(rand_r(seed) % TOPICS), topic);
	mem_format(properties, sizeof(properties), "KEYS\x01k%u", (unsigned)rand_r(seed) % 50);
	rig_send_keys(r, topic, (int)(rand_r(seed) % 3), "some body", properties);
}

/* A get as the broker makes it: until it is not pending any more. Returns messages. */
static int get(unsigned *seed)
{
	static uint8_t bytes[1 << 16];
	char topic[16];
	struct store_get g = {.max_count = 32, .max_bytes = sizeof(bytes), .on_warm = on_warm};
	int64_t max;
	enum rc rc;

	topic_name((int)(rand_r(seed) % TOPICS), topic);
	g.queue = store_queue_find(r->store, slice_of(topic), (int)(rand_r(seed) % 3));
	max = store_queue_max(g.queue);
	g.offset = max ? (int64_t)rand_r(seed) % max : 0;
	while ((rc = store_get_plan(r->store, &g)) == RC_PENDING || (rc = store_get_read(r->store, &g, bytes)) == RC_PENDING)
		for (int before = warm; warm == before;)
			take_done();
	ck_assert_int_eq(rc, RC_OK);
	return g.count;
}

struct look {
	struct store_query query;
	int64_t found[8];
	bool is_under_way;
};

static struct look looks[4];

static void on_found(struct store_query *q, enum rc rc)
{
	ck_assert_int_eq(rc, RC_OK);
	CONTAINER_OF(q, struct look, query)->is_under_way = false;
}

static void look_up(int i)
{
	if (looks[i].is_under_way)
		return;
	looks[i].is_under_way = true;
	looks[i].query = (struct store_query){.topic = SLICE_LIT("T1"),
					      .key = SLICE_LIT("k7"),
					      .end_ms = INT64_MAX,
					      .max = 8,
					      .offsets = looks[i].found,
					      .on_done = on_found};
	store_query_keys(r->store, &looks[i].query);
}

START_TEST(all_at_once)
{
	unsigned seed = 42;
	int got = 0;

	for (int turn = 0; turn < TURNS; turn++) {
		for (int i = 0; i < 8; i++)
			send(&seed);
		rig_turn(r);
		got += get(&seed);
		look_up(turn % 4);
		if (turn % 20 == 0)
			queue_table_flush(r->store->queues, turn % 40 == 0, NULL);
		if (turn % 23 == 0)
			index_flush(r->store->index, false, NULL);
		if (turn % 101 == 100)
			queue_table_delete_before(r->store->queues, r->store->log.min);
		if (turn % 207 == 206) {
			char topic[16];

			topic_name(turn / 207 % TOPICS, topic);
			store_delete_topic(r->store, slice_of(topic));
		}
		r->wall += 100;
		timers_run(&r->timers, r->timers.now_ms + 100);
		take_done();
	}
	drain();
	ck_assert_int_gt(got, TURNS);
	rig_close(r);
	rig_open(r);
	got = 0;
	for (int i = 0; i < 100; i++)
		got += get(&seed);
	ck_assert_int_gt(got, 100);
}
END_TEST

Suite *suite_threads(void)
{
	Suite *s = suite_create("threads");
	TCase *tc = tcase_create("threads");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 120);
	tcase_add_test(tc, all_at_once);
	suite_add_tcase(s, tc);
	return s;
}
