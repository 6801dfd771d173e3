/* Happy path: a job looks at the disk and at file times, the core judges and takes segments out of the log. Failure: a disk that cannot be
 * looked at counts as it did before, and the log says so. */
#include "store/retention.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/index.h"
#include "store/io.h"
#include "store/queue_table.h"
#include "store/store_internal.h"

struct retention {
	struct store *store;
	struct timer timer;
	struct job job;
	bool is_looking;
	bool has_more; /* the last round deleted a whole batch */
	int manual_rounds;
	/* the job's, while is_looking */
	char *log_folder, *root;
	struct segment *held[RETENTION_BATCH]; /* the oldest */
	int64_t changed_ms[RETENTION_BATCH];
	size_t count;
	struct io_space log_space, root_space;
	enum rc rc;
};

/* ---- judging ---- */

/* deleteWhen: hours, separated by ';'. */
static bool is_hour_of(const char *delete_when, uint64_t wall_ms)
{
	struct slice rest = slice_of(delete_when), part;
	time_t now = (time_t)(wall_ms / 1000);
	struct tm tm;
	int32_t hour;

	localtime_r(&now, &tm);
	while (slice_split(&rest, ';', &part))
		if (slice_to_i32(part, &hour) && hour == tm.tm_hour)
			return true;
	return false;
}

static bool has_room(const struct retention *r)
{
	int64_t wanted = r->log_space.total / 20;

	if (wanted > RETENTION_ROOM_BYTES)
		wanted = RETENTION_ROOM_BYTES;
	return r->log_space.available >= wanted && r->root_space.available >= wanted / 4;
}

static double worst_ratio(const struct retention *r)
{
	return r->log_space.used_ratio > r->root_space.used_ratio ? r->log_space.used_ratio : r->root_space.used_ratio;
}

/* A start on a full disk may have had no room for it. */
static bool has_abort(struct store *s)
{
	if (!s->has_abort)
		s->has_abort = store_abort_make(s->config.root) == RC_OK;
	return s->has_abort;
}

static void judge_space(struct retention *r)
{
	struct store *s = r->store;
	bool over = worst_ratio(r) > s->config.disk_warning_ratio;

	s->disk_ratio_log = r->log_space.used_ratio;
	s->disk_ratio_queues = r->root_space.used_ratio;
	if (s->state == STORE_WRITABLE && over) {
		s->state = STORE_FULL;
		mem_format(s->why, sizeof(s->why), "disk used %.0f%%, over diskSpaceWarningLevelRatio %.0f%%",
			   100 * worst_ratio(r), 100 * s->config.disk_warning_ratio);
		log_error("store", "read-only until space is freed: %s", s->why);
	} else if (s->state == STORE_FULL && !over && has_room(r) && has_abort(s)) {
		s->state = STORE_WRITABLE;
		log_info("store", "writable again: disk used %.0f%%", 100 * worst_ratio(r));
	}
}

/* How many of the oldest segments go; 0: none. */
static size_t judge_segments(const struct retention *r)
{
	const struct store *s = r->store;
	double used = worst_ratio(r);
	bool forced = s->config.clean_file_forcibly && used > s->config.disk_clean_forcibly_ratio;
	bool wanted = forced || r->manual_rounds > 0 || used > s->config.disk_max_used_percent / 100.0 ||
		      is_hour_of(s->config.delete_when, s->wall_ms);
	int64_t oldest = (int64_t)s->wall_ms - (int64_t)s->config.file_reserved_hours * 3600 * 1000;
	size_t n = 0;

	if (!wanted)
		return 0;
	while (n < r->count && (forced || (r->changed_ms[n] >= 0 && r->changed_ms[n] <= oldest)))
		n++;
	return n;
}

static void drop_held(struct retention *r)
{
	for (size_t i = 0; i < r->count; i++)
		segment_drop(r->held[i]);
	r->count = 0;
}

/* The log's files go before the consume queue files: a crash in between leaves entries that point below the log, which every reader
 * expects, and never messages that no queue knows. */
static void delete_segments(struct retention *r, size_t n)
{
	struct store *s = r->store;
	int64_t before = s->log.min, end = n ? r->held[n - 1]->base + r->held[n - 1]->bytes : before;
	size_t gone;

	drop_held(r);
	r->has_more = n == RETENTION_BATCH;
	if (n == 0)
		return;
	gone = commit_log_delete_before(&s->log, end);
	if (gone == 0)
		return;
	log_info("store", "%zu commit log segments from %lld to %lld are deleted, disk used %.0f%%", gone, (long long)before,
		 (long long)s->log.min, 100 * worst_ratio(r));
}

/* Only now, see segment_removal.h. */
static void on_gone(void *ctx)
{
	struct store *s = ctx;
	int64_t below = removal_begin(&s->log.removal, s->log.min);

	queue_table_delete_before(s->queues, below);
	if (s->index)
		index_delete_before(s->index, below);
}

/* ---- looking ---- */

static void look_run(struct job *job)
{
	struct retention *r = CONTAINER_OF(job, struct retention, job);

	r->rc = io_space(r->log_folder, &r->log_space);
	if (r->rc == RC_OK)
		r->rc = io_space(r->root, &r->root_space);
	for (size_t i = 0; i < r->count; i++)
		r->changed_ms[i] = io_file_time_ms(r->held[i]->path);
}

static void next_look(struct retention *r)
{
	struct store *s = r->store;

	timer_start(s->timers, &r->timer,
		    s->state == STORE_FULL || r->has_more || s->log.removal.count > 0 ? RETENTION_FULL_INTERVAL_MS
										      : RETENTION_INTERVAL_MS);
}

static void look_done(struct job *job)
{
	struct retention *r = CONTAINER_OF(job, struct retention, job);

	if (r->rc == RC_OK) {
		judge_space(r);
		delete_segments(r, judge_segments(r));
	} else {
		log_warn("store", "look at the space of '%s': %s", r->log_folder, rc_text(r->rc));
	}
	if (r->manual_rounds > 0)
		r->manual_rounds--;
	drop_held(r);
	removal_run(&r->store->log.removal);
	r->is_looking = false;
	next_look(r);
}

/* The last segment, and what is not flushed, is no candidate. */
static void look(struct retention *r)
{
	struct commit_log *log = &r->store->log;

	timer_stop(r->store->timers, &r->timer);
	r->is_looking = true;
	for (r->count = 0; r->count < RETENTION_BATCH && r->count + 1 < log->count; r->count++) {
		r->held[r->count] = log->segments[r->count];
		segment_hold(r->held[r->count]);
	}
	executor_submit(r->store->ex, LANE_FILES, &r->job);
}

static void on_timer(struct timer *t)
{
	struct retention *r = CONTAINER_OF(t, struct retention, timer);

	if (!r->is_looking)
		look(r);
}

void retention_full(struct retention *r)
{
	if (!r->is_looking)
		next_look(r);
}

void store_delete_expired(struct store *s)
{
	s->retention->manual_rounds = RETENTION_MANUAL_ROUNDS;
	if (!s->retention->is_looking)
		look(s->retention);
}

struct retention *retention_create(struct store *s)
{
	struct retention *r = mem_zalloc(sizeof(*r));

	*r = (struct retention){.store = s,
				.timer = {.on_timer = on_timer},
				.job = {.run = look_run, .done = look_done},
				.log_folder = mem_strdup(s->log.folder),
				.root = mem_strdup(s->config.root)};
	s->log.removal.on_gone = on_gone;
	s->log.removal.ctx = s;
	look_run(&r->job);
	if (r->rc == RC_OK)
		judge_space(r);
	next_look(r);
	return r;
}

void retention_destroy(struct retention *r)
{
	timer_stop(r->store->timers, &r->timer);
	drop_held(r);
	free(r->log_folder);
	free(r->root);
	free(r);
}
