/* Happy path: see the drawing. A job's `link` chains it into its lane's queue, then into the done queue.
 * Failure: a thread that cannot be started is fatal for the first of a lane, ignored for further cold readers. */
#include "base/uv_executor.h"

#include <stdlib.h>

#include "base/mem.h"

struct job_queue {
	struct job *first, *last;
};

struct lane_state {
	struct uv_executor *executor;
	struct job_queue queue;
	uv_cond_t wake;
	uv_thread_t threads[COLD_READ_THREADS];
	int thread_count, idle_count, thread_max;
};

struct uv_executor {
	struct executor base;
	struct loop *loop;
	uv_async_t async;
	uv_mutex_t lock; /* everything below */
	uv_cond_t all_done;
	struct lane_state lanes[LANE_COUNT];
	struct job_queue done;
	size_t unfinished; /* submitted, `run` not yet over */
	size_t undone;     /* core only: submitted, `done` not yet called */
	bool is_stopping;
};

static void queue_put(struct job_queue *q, struct job *job)
{
	job->link = NULL;
	if (q->last != NULL)
		q->last->link = job;
	else
		q->first = job;
	q->last = job;
}

static struct job *queue_take(struct job_queue *q)
{
	struct job *job = q->first;

	if (job == NULL)
		return NULL;
	q->first = job->link;
	if (q->first == NULL)
		q->last = NULL;
	return job;
}

static void work(void *arg)
{
	struct lane_state *lane = arg;
	struct uv_executor *ex = lane->executor;
	struct job *job;
	bool is_first;

	uv_mutex_lock(&ex->lock);
	for (;;) {
		while ((job = queue_take(&lane->queue)) == NULL && !ex->is_stopping) {
			lane->idle_count++;
			uv_cond_wait(&lane->wake, &ex->lock);
			lane->idle_count--;
		}
		if (job == NULL)
			break;
		uv_mutex_unlock(&ex->lock);
		job->run(job);
		uv_mutex_lock(&ex->lock);
		is_first = ex->done.first == NULL;
		queue_put(&ex->done, job);
		ex->unfinished--;
		uv_cond_signal(&ex->all_done);
		if (is_first)
			uv_async_send(&ex->async);
	}
	uv_mutex_unlock(&ex->lock);
}

static void start_thread(struct lane_state *lane)
{
	int status = uv_thread_create(&lane->threads[lane->thread_count], work, lane);

	if (status == 0)
		lane->thread_count++;
	else if (lane->thread_count == 0)
		fatal(__FILE__, __LINE__, "cannot start a worker thread: %s", uv_strerror(status));
}

static void submit(struct executor *base, enum lane which, struct job *job)
{
	struct uv_executor *ex = CONTAINER_OF(base, struct uv_executor, base);
	struct lane_state *lane = &ex->lanes[which];

	ex->undone++;
	uv_mutex_lock(&ex->lock);
	queue_put(&lane->queue, job);
	ex->unfinished++;
	if (lane->idle_count == 0 && lane->thread_count < lane->thread_max)
		start_thread(lane);
	uv_cond_signal(&lane->wake);
	uv_mutex_unlock(&ex->lock);
}

/* Calls `done` of everything that has run. */
static void finish_batch(struct uv_executor *ex)
{
	struct job_queue batch;
	struct job *job;

	uv_mutex_lock(&ex->lock);
	batch = ex->done;
	ex->done = (struct job_queue){0};
	uv_mutex_unlock(&ex->lock);
	while ((job = queue_take(&batch)) != NULL) {
		ex->undone--;
		(void)stall_at(STALL_JOBS, 0);
		job->done(job);
	}
}

static void on_async(uv_async_t *a)
{
	struct uv_executor *ex = a->data;

	loop_enter(ex->loop);
	finish_batch(ex);
}

struct uv_executor *uv_executor_new(struct loop *loop)
{
	struct uv_executor *ex = mem_zalloc(sizeof(*ex));

	ex->base.submit = submit;
	ex->loop = loop;
	if (uv_async_init(&loop->uv, &ex->async, on_async) != 0 || uv_mutex_init(&ex->lock) != 0 ||
	    uv_cond_init(&ex->all_done) != 0)
		fatal(__FILE__, __LINE__, "cannot set up worker threads");
	uv_unref((uv_handle_t *)&ex->async);
	ex->async.data = ex;
	for (int i = 0; i < LANE_COUNT; i++) {
		ex->lanes[i].executor = ex;
		ex->lanes[i].thread_max = i == LANE_COLD_READ ? COLD_READ_THREADS : 1;
		if (uv_cond_init(&ex->lanes[i].wake) != 0)
			fatal(__FILE__, __LINE__, "cannot set up worker threads");
	}
	return ex;
}

struct executor *uv_executor_base(struct uv_executor *ex) { return &ex->base; }

void uv_executor_drain(struct uv_executor *ex)
{
	while (ex->undone > 0) {
		uv_mutex_lock(&ex->lock);
		while (ex->unfinished > 0 && ex->done.first == NULL)
			uv_cond_wait(&ex->all_done, &ex->lock);
		uv_mutex_unlock(&ex->lock);
		loop_enter(ex->loop);
		finish_batch(ex);
	}
}

static void on_closed(uv_handle_t *h)
{
	struct uv_executor *ex = h->data;

	uv_mutex_destroy(&ex->lock);
	uv_cond_destroy(&ex->all_done);
	for (int i = 0; i < LANE_COUNT; i++)
		uv_cond_destroy(&ex->lanes[i].wake);
	free(ex);
}

void uv_executor_free(struct uv_executor *ex)
{
	uv_executor_drain(ex);
	uv_mutex_lock(&ex->lock);
	ex->is_stopping = true;
	for (int i = 0; i < LANE_COUNT; i++)
		uv_cond_broadcast(&ex->lanes[i].wake);
	uv_mutex_unlock(&ex->lock);
	for (int i = 0; i < LANE_COUNT; i++)
		for (int t = 0; t < ex->lanes[i].thread_count; t++)
			uv_thread_join(&ex->lanes[i].threads[t]);
	uv_close((uv_handle_t *)&ex->async, on_closed);
}
