/* job: work that may block and therefore leaves the core (DESIGN rule 2).
 *
 *   core: executor_submit(job) -> worker thread: job->run -> core again: job->done
 *
 * The shell gives the core an executor on worker threads (src/shell/uv_executor.c); tests give one that runs jobs inline, at a
 * chosen moment (tests/unit/sim.c). Lanes keep the slow from the urgent: jobs of one lane run in the order submitted,
 * FLUSH and STATE one at a time, COLD_READ several at once.
 * Thread: submit and done on the core, run on a worker. Memory: the job is embedded in its owner and must live until done. */
#ifndef BASE_JOB_H
#define BASE_JOB_H

enum lane {
	LANE_FLUSH,     /* fdatasync of the commit log, one at a time */
	LANE_FILES,     /* allocate the next segment, flush consume queues and index, delete old files, one at a time */
	LANE_STATE,     /* small state files, one at a time */
	LANE_COLD_READ, /* log pages that are not in the page cache; cold index look-ups */
	LANE_COUNT
};

struct job {
	void (*run)(struct job *job);  /* on a worker; touches only what the job carries */
	void (*done)(struct job *job); /* on the core, never inside submit */
	void *link;                    /* the executor's */
};

struct executor {
	void (*submit)(struct executor *ex, enum lane lane, struct job *job);
};

static inline void executor_submit(struct executor *ex, enum lane lane, struct job *job) { ex->submit(ex, lane, job); }

#endif
