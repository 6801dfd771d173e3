/* Happy path: each step begins the next. Failure: queues or index that are full are tried again in the next round; a write or an
 * fsync that failed for another reason freezes the checkpoint where it is, so that the next start rebuilds from there. In either case the
 * store takes no messages meanwhile: what stands in memory only must not grow for ever. */
#include "store/checkpointer.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "store/flush.h"
#include "store/index.h"
#include "store/queue_table.h"
#include "store/store_internal.h"

static void round_ends(struct checkpointer *c) { c->is_running = false; }

static bool step_failed(struct checkpointer *c, enum rc rc, const char *what)
{
	if (rc == RC_OK)
		return false;
	log_error("store", "%s: %s", what, rc_text(rc));
	if (rc != RC_DISK_FULL && rc != RC_TOO_MANY_FILES)
		c->is_frozen = true;
	flush_failed(c->store, rc, what);
	round_ends(c);
	return true;
}

static void checkpoint_run(struct job *job)
{
	struct checkpointer *c = CONTAINER_OF(job, struct checkpointer, job);

	c->rc = checkpoint_write(c->path, &c->next);
}

static void checkpoint_done(struct job *job)
{
	struct checkpointer *c = CONTAINER_OF(job, struct checkpointer, job);

	if (step_failed(c, c->rc, "write checkpoint"))
		return;
	c->saved = c->next;
	if (c->store->index)
		index_release(c->store->index, c->saved.index_ms);
	round_ends(c);
}

/* `safe` is where a message begins or the log ends: watermarks stand at such places only. */
static void fill(struct checkpointer *c)
{
	const struct store *s = c->store;
	bool log_is_behind = s->log.flushed < c->at;

	c->next = c->saved;
	c->next.has_safe = c->next.is_ours = true;
	c->next.safe = log_is_behind ? s->log.flushed : c->at;
	c->next.log_end = c->next.last_message = -1;
	c->next.log_ms = s->flushed_ms;
	c->next.queues_ms = c->ms;
	c->next.index_files = 0;
	if (s->index) {
		if (c->next.index_ms < c->ms) /* a clock that went back makes no older index file a newer one */
			c->next.index_ms = c->ms;
		c->next.index_files = (uint32_t)index_file_count(s->index);
	}
}

static void on_index(struct store *s, enum rc rc)
{
	struct checkpointer *c = &s->checkpointer;

	if (step_failed(c, rc, "flush index"))
		return;
	fill(c);
	executor_submit(s->ex, LANE_FILES, &c->job);
}

static void on_queues(struct store *s, enum rc rc)
{
	if (step_failed(&s->checkpointer, rc, "flush consume queues"))
		return;
	if (s->index)
		index_flush(s->index, true, on_index);
	else
		on_index(s, RC_OK);
}

static void on_timer(struct timer *t)
{
	struct checkpointer *c = CONTAINER_OF(t, struct checkpointer, timer);
	struct store *s = c->store;

	(void)stall_at(STALL_STORE_FILES, 0);
	timer_start(s->timers, t, CHECKPOINT_INTERVAL_MS);
	if (c->is_running || c->is_frozen || s->state == STORE_BROKEN || c->saved.safe == s->log.flushed)
		return;
	c->is_running = true;
	c->at = s->log.written;
	c->ms = s->written_ms;
	queue_table_flush(s->queues, true, on_queues);
}

void checkpointer_init(struct checkpointer *c, struct store *s, const struct checkpoint *read)
{
	*c = (struct checkpointer){.store = s,
				   .timer = {.on_timer = on_timer},
				   .job = {.run = checkpoint_run, .done = checkpoint_done},
				   .saved = *read,
				   .path = mem_printf("%s/checkpoint", s->config.root)};
}

void checkpointer_start(struct checkpointer *c) { timer_start(c->store->timers, &c->timer, CHECKPOINT_INTERVAL_MS); }

void checkpointer_stop(struct checkpointer *c)
{
	timer_stop(c->store->timers, &c->timer);
	free(c->path);
	c->path = NULL;
}

static enum rc write_now(struct checkpointer *c)
{
	enum rc rc = checkpoint_write(c->path, &c->next);

	if (rc == RC_OK)
		c->saved = c->next;
	else
		log_error("store", "write '%s': %s", c->path, rc_text(rc));
	return rc;
}

static void take_all(struct checkpointer *c)
{
	c->at = c->store->log.written;
	c->ms = c->store->written_ms;
	fill(c);
}

void checkpointer_take_over(struct checkpointer *c)
{
	const struct store *s = c->store;

	take_all(c);
	if (s->index && c->next.index_ms < index_newest_ms(s->index))
		c->next.index_ms = index_newest_ms(s->index);
	(void)!write_now(c);
}

enum rc checkpointer_finish(struct checkpointer *c)
{
	const struct store *s = c->store;
	enum rc rc;

	if (c->is_frozen)
		return RC_IO;
	take_all(c);
	c->next.log_end = s->log.written;
	c->next.last_message = s->last_message;
	c->next.queue_count = (uint32_t)queue_table_count(s->queues);
	rc = write_now(c);
	if (rc == RC_OK && s->index)
		index_release_now(s->index);
	return rc;
}
