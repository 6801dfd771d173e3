/* Happy path: after each turn the waiters for `written` go; under SYNC_FLUSH (or with a waiter for `flushed`) an fdatasync starts unless
 * one is under way; its end releases all that it covers. Under ASYNC_FLUSH a timer starts one every flushIntervalCommitLog, when
 * flushCommitLogLeastPages are dirty, and whatever is dirty after flushCommitLogThoroughInterval.
 * Failure: waiters get the reason; none is left behind. */
#include "store/flush.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"
#include "store/retention.h"
#include "store/store_internal.h"

#define PAGE_BYTES 4096

struct flush_job {
	struct job job;
	struct store *store;
	struct segment **segments; /* held */
	size_t count;
	int64_t target;
	int64_t target_ms;
	bool sync_folder;
	enum rc rc;
	const char *what; /* path that failed */
};

static struct store_wait *first_wait(const struct list *waits)
{
	return list_is_empty(waits) ? NULL : CONTAINER_OF(waits->next, struct store_wait, link);
}

static void release(struct list *waits, int64_t mark)
{
	struct store_wait *w;

	while ((w = first_wait(waits)) != NULL && w->end <= mark) {
		list_remove(&w->link);
		w->on_ready(w, RC_OK);
	}
}

static void refuse(struct list *waits, int64_t mark, enum rc rc)
{
	struct list refused;

	list_init(&refused);
	LIST_FOR_EACH_SAFE (it, waits) {
		if (CONTAINER_OF(it, struct store_wait, link)->end <= mark)
			continue;
		list_remove(it);
		list_append(&refused, it);
	}
	for (struct store_wait *w; (w = first_wait(&refused)) != NULL;) {
		list_remove(&w->link);
		w->on_ready(w, rc);
	}
}

static void state_is(struct store *s, enum store_state state, const char *what, enum rc rc)
{
	if (s->state == STORE_BROKEN || (s->state == state && state == STORE_FULL))
		return;
	s->state = state;
	mem_format(s->why, sizeof(s->why), "%s: %s", what, rc_text(rc));
	log_error("store", "read-only until %s: %s",
		  state == STORE_BROKEN ? "restart"
		  : rc == RC_DISK_FULL  ? "space is freed"
					: "the next attempt",
		  s->why);
}

void flush_break(struct store *s, enum rc rc, const char *what)
{
	state_is(s, STORE_BROKEN, what, rc);
	refuse(&s->wait_written, s->log.written, RC_IO);
	refuse(&s->wait_flushed, s->log.flushed, RC_IO);
}

void flush_full(struct store *s, enum rc rc, const char *what)
{
	state_is(s, STORE_FULL, what, rc);
	if (s->retention)
		retention_full(s->retention);
	refuse(&s->wait_written, s->log.written, RC_DISK_FULL);
	refuse(&s->wait_flushed, s->log.written, RC_DISK_FULL); /* what is written may still be flushed */
}

void flush_failed(struct store *s, enum rc rc, const char *what)
{
	if (rc == RC_DISK_FULL || rc == RC_TOO_MANY_FILES)
		flush_full(s, rc, what);
	else
		flush_break(s, rc, what);
}

/* ---- one fdatasync ---- */

static void flush_run(struct job *job)
{
	struct flush_job *f = CONTAINER_OF(job, struct flush_job, job);

	for (size_t i = 0; i < f->count && f->rc == RC_OK; i++) {
		f->rc = io_sync(f->segments[i]->fd);
		f->what = f->segments[i]->path;
	}
	if (f->rc == RC_OK && f->sync_folder) {
		f->rc = io_sync_folder(f->store->log.folder);
		f->what = f->store->log.folder;
	}
}

static void flush_free(struct flush_job *f)
{
	for (size_t i = 0; i < f->count; i++)
		segment_drop(f->segments[i]);
	free(f->segments);
	free(f);
}

static void consider(struct store *s);

static void flush_done(struct job *job)
{
	struct flush_job *f = CONTAINER_OF(job, struct flush_job, job);
	struct store *s = f->store;

	s->flush = NULL;
	if (f->rc == RC_OK) {
		for (size_t i = 0; f->sync_folder && i < f->count; i++)
			f->segments[i]->folder_is_dirty = false;
		s->log.flushed = f->target;
		s->flushed_ms = f->target_ms;
	} else {
		char what[96];

		mem_format(what, sizeof(what), "fdatasync '%s'", f->what);
		flush_break(s, f->rc, what);
	}
	flush_free(f);
	dispatch_visible(s);
	release(&s->wait_flushed, s->log.flushed);
	consider(s);
}

/* Everything that was written and is not on the device; segments are held, so that retention leaves their descriptors alone. */
static struct flush_job *flush_make(struct store *s)
{
	struct flush_job *f = mem_zalloc(sizeof(*f));

	*f = (struct flush_job){
		.job = {.run = flush_run, .done = flush_done}, .store = s, .target = s->log.written, .target_ms = s->written_ms};
	for (int64_t at = s->log.flushed; at < f->target;) {
		struct segment *seg = commit_log_hold(&s->log, at);

		if (seg == NULL) {
			f->rc = RC_IO;
			f->what = s->log.folder;
			break;
		}
		f->segments = mem_realloc(f->segments, (f->count + 1) * sizeof(f->segments[0]));
		f->segments[f->count++] = seg;
		f->sync_folder |= seg->folder_is_dirty;
		at = seg->base + seg->bytes;
	}
	return f;
}

static void flush_begin(struct store *s)
{
	timer_stop(s->timers, &s->flush_timer);
	s->last_flush_ms = s->timers->now_ms;
	s->flush = flush_make(s);
	executor_submit(s->ex, LANE_FLUSH, &s->flush->job);
}

static bool is_dirty(const struct store *s) { return s->log.flushed < s->log.written && s->state != STORE_BROKEN; }

static void consider(struct store *s)
{
	if (s->flush || !is_dirty(s))
		return;
	if (s->config.sync_flush || !list_is_empty(&s->wait_flushed))
		flush_begin(s);
	else if (!timer_is_running(&s->flush_timer))
		timer_start(s->timers, &s->flush_timer, s->config.flush_interval_ms ? s->config.flush_interval_ms : 1);
}

static void on_flush_timer(struct timer *t)
{
	struct store *s = CONTAINER_OF(t, struct store, flush_timer);
	int64_t pages = (s->log.written - s->log.flushed + PAGE_BYTES - 1) / PAGE_BYTES;

	if (s->flush || !is_dirty(s))
		return;
	if (pages >= s->config.flush_least_pages || s->timers->now_ms - s->last_flush_ms >= s->config.flush_thorough_interval_ms)
		flush_begin(s);
	else
		consider(s);
}

void flush_after_turn(struct store *s)
{
	release(&s->wait_written, s->log.written);
	release(&s->wait_flushed, s->log.flushed);
	if (s->state == STORE_BROKEN) { /* somebody began to wait after it broke */
		refuse(&s->wait_written, s->log.written, RC_IO);
		refuse(&s->wait_flushed, s->log.flushed, RC_IO);
	}
	consider(s);
}

enum rc flush_now(struct store *s)
{
	struct flush_job *f;
	enum rc rc;

	if (!is_dirty(s))
		return s->state == STORE_BROKEN ? RC_IO : RC_OK;
	f = flush_make(s);
	if (f->rc == RC_OK)
		flush_run(&f->job);
	rc = f->rc;
	if (rc == RC_OK) {
		s->log.flushed = f->target;
		s->flushed_ms = f->target_ms;
	} else {
		flush_break(s, rc, f->what);
	}
	flush_free(f);
	return rc;
}

/* ---- waiting ---- */

static void on_wait_timer(struct timer *t)
{
	struct store *s = CONTAINER_OF(t, struct store, wait_timer);
	struct store_wait *w;

	while ((w = first_wait(&s->wait_flushed)) != NULL && w->deadline_ms <= s->timers->now_ms) {
		list_remove(&w->link);
		w->on_ready(w, RC_TIMEOUT);
	}
	if (w && !timer_is_running(&s->wait_timer))
		timer_start_at(s->timers, &s->wait_timer, w->deadline_ms);
}

/* Mostly at the end: messages are waited for in the order of the log. */
static void insert_by_end(struct list *waits, struct store_wait *w)
{
	struct list *at = waits;

	while (at->prev != waits && CONTAINER_OF(at->prev, struct store_wait, link)->end > w->end)
		at = at->prev;
	list_insert_before(at, &w->link);
}

void store_wait_for(struct store *s, struct store_wait *w, int64_t end, enum watermark mark)
{
	w->end = end;
	w->deadline_ms = s->timers->now_ms + s->config.sync_flush_timeout_ms;
	insert_by_end(mark == WATERMARK_FLUSHED ? &s->wait_flushed : &s->wait_written, w);
	if (mark == WATERMARK_FLUSHED && s->config.sync_flush_timeout_ms && !timer_is_running(&s->wait_timer))
		timer_start_at(s->timers, &s->wait_timer, w->deadline_ms);
}

void store_wait_cancel(struct store_wait *w) { list_remove(&w->link); }

void flush_start(struct store *s)
{
	s->flush_timer.on_timer = on_flush_timer;
	s->wait_timer.on_timer = on_wait_timer;
	s->last_flush_ms = s->timers->now_ms;
}

void flush_stop(struct store *s)
{
	timer_stop(s->timers, &s->flush_timer);
	timer_stop(s->timers, &s->wait_timer);
	while (list_pop(&s->wait_written) || list_pop(&s->wait_flushed))
		;
	if (s->flush)
		flush_free(s->flush);
	s->flush = NULL;
}
