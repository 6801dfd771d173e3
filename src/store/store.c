/* Happy path: append encodes into the stage and takes the queue's next offset; end_turn writes the stage, dispatches, makes visible, wakes.
 * Failure: a write that fails gives the queue offsets back and tells the waiters; no space can be mended (retention looks for it), a
 * device error cannot: the store stays read-only until it is started again, and consumers go on. */
#include "store/store.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "store/consume_queue.h"
#include "store/flush.h"
#include "store/index.h"
#include "store/io.h"
#include "store/queue_table.h"
#include "store/recovery.h"
#include "store/retention.h"
#include "store/store_access.h"
#include "store/store_internal.h"

/* ---- open ---- */

static void copy_config(struct store *s, const struct store_config *config)
{
	s->config = *config;
	s->config.root = mem_strdup(config->root);
	s->config.commit_log_path =
		config->commit_log_path ? mem_strdup(config->commit_log_path) : mem_printf("%s/commitlog", config->root);
	s->config.delete_when = mem_strdup(config->delete_when ? config->delete_when : "04");
}

void store_reconfigure(struct store *s, const struct store_config *config)
{
	struct store_config *c = &s->config;

	c->flush_interval_ms = config->flush_interval_ms;
	c->flush_least_pages = config->flush_least_pages;
	c->flush_thorough_interval_ms = config->flush_thorough_interval_ms;
	c->sync_flush_timeout_ms = config->sync_flush_timeout_ms;
	c->queue_flush_interval_ms = config->queue_flush_interval_ms;
	c->max_message_bytes = config->max_message_bytes;
	c->file_reserved_hours = config->file_reserved_hours;
	c->disk_max_used_percent = config->disk_max_used_percent;
	c->disk_warning_ratio = config->disk_warning_ratio;
	c->disk_clean_forcibly_ratio = config->disk_clean_forcibly_ratio;
	c->clean_file_forcibly = config->clean_file_forcibly;
	free((char *)(uintptr_t)c->delete_when);
	c->delete_when = mem_strdup(config->delete_when);
}

static void free_all(struct store *s)
{
	flush_stop(s);
	checkpointer_stop(&s->checkpointer);
	if (s->retention)
		retention_destroy(s->retention);
	if (s->index)
		index_close(s->index);
	if (s->queues)
		queue_table_close(s->queues);
	commit_log_close(&s->log);
	dispatch_free(&s->dispatch);
	store_lock_release(&s->lock);
	free(s->before_holes);
	free((char *)(uintptr_t)s->config.root);
	free((char *)(uintptr_t)s->config.commit_log_path);
	free((char *)(uintptr_t)s->config.delete_when);
	free(s);
}

static enum rc read_checkpoint(struct store *s)
{
	char *path = mem_printf("%s/checkpoint", s->config.root);
	struct checkpoint c;
	enum rc rc = checkpoint_read(path, &c);

	if (rc != RC_OK)
		log_warn("store", "'%s': %s: recovery begins at the first segment", path, rc_text(rc));
	checkpointer_init(&s->checkpointer, s, &c);
	free(path);
	return RC_OK;
}

static enum rc open_parts(struct store *s, bool clean, char **error)
{
	enum rc rc = read_checkpoint(s);

	if (rc == RC_OK)
		rc = commit_log_open(&s->log, s->config.commit_log_path, (int64_t)s->config.segment_bytes, s->ex, error);
	if (rc == RC_OK)
		rc = queue_table_open(s, &s->queues, error);
	if (rc == RC_OK && s->config.index_enabled)
		rc = index_open(s, clean, &s->index, error);
	if (rc == RC_OK)
		rc = recovery_run(s, clean, error);
	if (rc != RC_OK)
		return rc;
	rc = store_abort_make(s->config.root);
	s->has_abort = rc == RC_OK;
	if (rc == RC_OK || rc == RC_DISK_FULL) /* consumers can go on */
		return RC_OK;
	*error = mem_printf("store: write '%s/abort': %s", s->config.root, rc_text(rc));
	return rc;
}

enum rc store_open(const struct store_config *config, struct executor *ex, struct timers *timers, uint64_t wall_ms,
		   struct store **out, char **error)
{
	struct store *s;
	bool clean;
	enum rc rc = store_access_check(config, error);

	if (rc == RC_OK)
		rc = recovery_refuse(config, error);
	if (rc != RC_OK)
		return rc;
	s = mem_zalloc(sizeof(*s));
	s->ex = ex;
	s->timers = timers;
	s->wall_ms = wall_ms;
	s->last_message = -1;
	s->lock.fd = -1;
	list_init(&s->wait_written);
	list_init(&s->wait_flushed);
	copy_config(s, config);
	rc = store_lock_take(&s->lock, s->config.root, error);
	if (rc != RC_OK) {
		s->checkpointer.store = s;
		free_all(s);
		return rc;
	}
	clean = !store_abort_exists(s->config.root);
	if (!clean)
		log_warn("store", "the last stop was not clean ('%s/abort' is there): recovering", s->config.root);
	s->was_unclean = !clean;
	s->checkpointer.store = s;
	rc = open_parts(s, clean, error);
	if (rc != RC_OK) {
		free_all(s);
		return rc;
	}
	flush_start(s);
	checkpointer_start(&s->checkpointer);
	s->retention = retention_create(s);
	if (!s->has_abort)
		flush_full(s, RC_DISK_FULL, "write abort");
	*out = s;
	return RC_OK;
}

/* ---- close ---- */

static enum rc write_everything(struct store *s)
{
	enum rc rc;

	rc = store_flush(s, s->wall_ms);
	if (rc == RC_OK)
		rc = queue_table_flush_now(s->queues);
	if (rc == RC_OK && s->index)
		rc = index_flush_now(s->index);
	if (rc == RC_OK)
		rc = checkpointer_finish(&s->checkpointer);
	return rc;
}

void store_close(struct store *s)
{
	enum rc rc = write_everything(s);

	if (rc == RC_OK)
		rc = store_abort_remove(s->config.root);
	if (rc != RC_OK)
		log_error("store", "not closed cleanly (%s): the next start recovers", rc_text(rc));
	free_all(s);
}

void store_abandon(struct store *s) { free_all(s); }

/* ---- append ---- */

struct store_queue *store_queue_open(struct store *s, struct slice topic, int32_t queue_id)
{
	return queue_table_get(s->queues, topic, queue_id, true);
}

struct store_queue *store_queue_find(struct store *s, struct slice topic, int32_t queue_id)
{
	return queue_table_get(s->queues, topic, queue_id, false);
}

static enum rc refusal(const struct store *s) { return s->state == STORE_FULL ? RC_DISK_FULL : RC_READ_ONLY; }

/* The log could not make room: nothing is staged, nothing is broken. */
static enum rc no_room(struct store *s, enum rc rc)
{
	if (rc == RC_TOO_BIG)
		return rc;
	s->puts_failed++;
	flush_full(s, rc, "create segment");
	return rc == RC_DISK_FULL ? rc : RC_IO;
}

enum rc store_append(struct store *s, struct store_queue *queue, const struct message *m, uint64_t wall_ms,
		     struct append_result *result)
{
	struct dispatch_record r = {.queue = queue, .queue_offset = queue ? queue->next : 0};
	struct message stored = *m;
	size_t size = message_size(m);
	uint8_t *bytes;
	enum rc rc;

	if (s->state != STORE_WRITABLE) {
		s->puts_failed++;
		return refusal(s);
	}
	if (size == 0 || m->body.len > s->config.max_message_bytes)
		return RC_TOO_BIG;
	rc = commit_log_reserve(&s->log, size, &bytes, &r.at);
	if (rc != RC_OK)
		return no_room(s, rc);
	stored.queue_offset = r.queue_offset;
	stored.physical_offset = r.at;
	stored.store_timestamp = (int64_t)wall_ms;
	message_encode(&stored, bytes);
	r.size = (int32_t)size;
	dispatch_staged(&s->dispatch, &r);
	if (queue)
		queue->next++;
	*result = (struct append_result){r.at, r.at + (int64_t)size, r.queue_offset};
	return RC_OK;
}

bool store_has_staged(const struct store *s) { return s->log.staged != s->log.written; }

static uint64_t now_us(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void write_stage(struct store *s)
{
	size_t staged = s->dispatch.tail - s->dispatch.written;
	uint64_t began_us = now_us(), took_us;
	enum rc rc;

	(void)stall_at(STALL_APPEND, 0);
	rc = commit_log_write(&s->log);
	took_us = now_us() - began_us;
	if (took_us > s->put_max_us)
		s->put_max_us = took_us;
	if (rc == RC_OK) {
		(void)stall_at(STALL_DISPATCH, 0);
		dispatch_written(s);
		if (!s->config.sync_flush)
			dispatch_visible(s);
		return;
	}
	dispatch_undo(&s->dispatch);
	s->puts_failed += staged;
	if (rc == RC_DISK_FULL)
		flush_full(s, rc, "write commit log");
	else
		flush_break(s, rc, "write commit log");
}

void store_end_turn(struct store *s, uint64_t wall_ms)
{
	s->wall_ms = wall_ms;
	if (store_has_staged(s))
		write_stage(s);
	(void)stall_at(STALL_WAITERS, 0);
	flush_after_turn(s);
}

/* No flush_after_turn(): it would begin a job. */
enum rc store_flush(struct store *s, uint64_t wall_ms)
{
	s->wall_ms = wall_ms;
	if (store_has_staged(s))
		write_stage(s);
	return s->state == STORE_BROKEN ? RC_IO : flush_now(s);
}

/* ---- figures ---- */

void store_on_arrival(struct store *s, store_arrival_fn *on_arrival, void *ctx)
{
	s->on_arrival = on_arrival;
	s->on_arrival_ctx = ctx;
}

int64_t store_earliest_time(struct store *s) { return commit_log_store_time(&s->log, s->log.min); }

bool store_was_unclean(const struct store *s) { return s->was_unclean; }

int64_t store_unfollowed(const struct store *s, size_t i)
{
	if (!s->was_unclean || i > s->before_hole_count)
		return -1;
	return i == 0 ? s->last_message : s->before_holes[i - 1];
}

bool store_is_writable(const struct store *s) { return s->state == STORE_WRITABLE; }

void store_get_figures(const struct store *s, struct store_figures *f)
{
	*f = (struct store_figures){
		.min_offset = s->log.min,
		.staged = s->log.staged,
		.written = s->log.written,
		.flushed = s->log.flushed,
		.puts_total = s->puts_total,
		.put_bytes_total = s->put_bytes_total,
		.puts_failed = s->puts_failed,
		.put_max_us = s->put_max_us,
		.disk_ratio_commit_log = s->disk_ratio_log,
		.disk_ratio_queues = s->disk_ratio_queues,
		.is_writable = store_is_writable(s),
		.is_broken = s->state == STORE_BROKEN,
		.queue_count = queue_table_count(s->queues),
		.damaged_messages = s->damaged_messages,
	};
	if (!f->is_writable)
		memcpy(f->why_read_only, s->why, sizeof(f->why_read_only));
}

void store_report_damage(struct store *s, int64_t at, const char *what)
{
	static uint64_t last_ms, dropped;

	s->damaged_messages++;
	if (!log_limited(s->timers->now_ms, &last_ms, &dropped))
		return;
	log_error("store", "commit log: damaged message at %lld (%s) is skipped%s", (long long)at, what,
		  dropped ? ", others too" : "");
	dropped = 0;
}
