/* uv_executor: job.h's executor on worker threads.
 *
 *   core: submit -> lane's queue -> its thread: run -> done queue -> one uv_async for a batch -> core: done
 *
 * Threads start with the first job of a lane: one each for FLUSH, FILES, STATE, up to COLD_READ_THREADS for COLD_READ.
 * Queues are bounded by their users: every job is embedded in a core object and submitted once at a time.
 * Locks: one, inside, held for a few instructions; never while a job runs.
 * Thread: the core's (the loop's), every function. Memory: new .. free. */
#ifndef BASE_UV_EXECUTOR_H
#define BASE_UV_EXECUTOR_H

#include "base/job.h"
#include "base/loop.h"

#define COLD_READ_THREADS 4

struct uv_executor;

struct uv_executor *uv_executor_new(struct loop *loop);
struct executor *uv_executor_base(struct uv_executor *ex);

/* Wait until every job has run and its `done` was called (here, on the calling core), those that they submit included. Blocks. */
void uv_executor_drain(struct uv_executor *ex);

/* Drain, end the threads. The loop must run once more before loop_fini (loop_fini does). */
void uv_executor_free(struct uv_executor *ex);

#endif
