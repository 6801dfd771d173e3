/* state_files: a handful of files, each clean, dirty with a timer running, or being written.
 *
 *   clean --mark--> dirty (timer) --timer--> text encoded on the core --> written on LANE_STATE --done--> clean, or dirty again
 *                                                     \--follows the log: once the log is flushed--/
 *
 * Failure: a write that fails is logged and tried again after RETRY_MS with the text of then; the file on disk stays whole. */
#include "broker/state_files.h"

#include <stdlib.h>
#include <string.h>

#include "base/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "base/stall.h"
#include "base/timers.h"
#include "broker/broker.h"
#include "broker/broker_config.h"

#define SAVE_SOON_MS 10         /* so that a burst of changes is one write */
#define SAVE_BYTES_PER_MS 65536 /* and a large file is not written anew all the time: 1 ms more for each of these */
#define RETRY_MS 5000

struct state_file {
	struct state_files *owner;
	struct state_file *next;
	const char *name;
	char *path;
	uint64_t save_every_ms;
	state_encode_fn *encode;
	bool is_dirty, is_writing;
	bool follows_log, even_broken;    /* state_file_follow_log() */
	struct store_wait log_wait;       /* of a text that is ahead of the log */
	uint64_t marked, encoded, synced; /* numbers of changes: made; in text; on the device */
	struct list waits;
	struct timer timer;
	struct job job;
	struct buf text; /* what the job writes */
	enum rc rc;      /* of the job */
};

struct state_files {
	struct broker *broker;
	struct state_file *files;
};

static void start_timer(struct state_file *f, uint64_t in_ms)
{
	if (!f->is_writing && !timer_is_running(&f->timer))
		timer_start(f->owner->broker->timers, &f->timer, in_ms);
}

static uint64_t period_of(const struct state_file *f)
{
	return f->save_every_ms ? f->save_every_ms : SAVE_SOON_MS + f->text.len / SAVE_BYTES_PER_MS;
}

static void release(struct state_file *f)
{
	LIST_FOR_EACH_SAFE (it, &f->waits) {
		struct state_wait *w = CONTAINER_OF(it, struct state_wait, link);

		if (w->number > f->synced)
			continue;
		list_remove(it);
		w->on_saved(w);
	}
}

static void run(struct job *job)
{
	struct state_file *f = CONTAINER_OF(job, struct state_file, job);

	f->rc = small_file_replace(f->path, buf_slice(&f->text), true);
}

static void done(struct job *job)
{
	struct state_file *f = CONTAINER_OF(job, struct state_file, job);

	f->is_writing = false;
	if (f->rc != RC_OK) {
		log_error("broker", "write '%s': %s; the old one stays, next attempt in %d s", f->path, rc_text(f->rc),
			  RETRY_MS / 1000);
		f->is_dirty = true;
	} else {
		f->synced = f->encoded;
	}
	if (f->is_dirty)
		start_timer(f, f->rc != RC_OK ? RETRY_MS : period_of(f));
	release(f);
}

static void encode(struct state_file *f)
{
	uint32_t was = stall_at(STALL_STATE_FILES, 0);

	buf_clear(&f->text);
	f->encode(f->owner->broker, &f->text);
	stall_back(was);
	f->encoded = f->marked;
	f->is_dirty = false;
}

/* What the text speaks of may be staged only; RC_READ_ONLY: it will never be on the device. */
static enum rc log_has(const struct state_file *f, int64_t *end)
{
	struct store_figures figures;

	store_get_figures(f->owner->broker->store, &figures);
	*end = figures.staged;
	if (!f->follows_log || figures.flushed >= figures.staged)
		return RC_OK;
	return figures.is_broken ? RC_READ_ONLY : RC_PENDING;
}

static void put_off(struct state_file *f)
{
	f->is_writing = false;
	f->is_dirty = true;
	start_timer(f, RETRY_MS);
}

static void on_log_flushed(struct store_wait *w, enum rc rc)
{
	struct state_file *f = CONTAINER_OF(w, struct state_file, log_wait);

	if (rc == RC_OK)
		executor_submit(f->owner->broker->executor, LANE_STATE, &f->job);
	else
		put_off(f); /* with what is known then */
}

static void on_timer(struct timer *timer)
{
	struct state_file *f = CONTAINER_OF(timer, struct state_file, timer);
	int64_t end;
	enum rc rc;

	encode(f);
	f->is_writing = true;
	rc = log_has(f, &end);
	if (rc == RC_PENDING)
		store_wait_for(f->owner->broker->store, &f->log_wait, end, WATERMARK_FLUSHED);
	else if (rc == RC_OK || f->even_broken)
		executor_submit(f->owner->broker->executor, LANE_STATE, &f->job);
	else
		put_off(f);
}

/* The callers' names are the literals that were added, so the pointers mostly tell. */
static struct state_file *find(struct state_files *s, const char *name)
{
	struct state_file *f = s->files;

	while (f != NULL && f->name != name && strcmp(f->name, name) != 0)
		f = f->next;
	return f;
}

void state_file_set_period(struct state_files *s, const char *name, uint64_t save_every_ms)
{
	struct state_file *f = find(s, name);

	if (f != NULL)
		f->save_every_ms = save_every_ms;
}

static void make_dirty(struct state_file *f)
{
	if (f->is_dirty)
		return;
	f->is_dirty = true;
	start_timer(f, period_of(f));
}

void state_file_mark(struct state_files *s, const char *name)
{
	struct state_file *f = find(s, name);

	if (f == NULL)
		return;
	f->marked++;
	make_dirty(f);
}

uint64_t state_file_number(struct state_files *s, const char *name)
{
	const struct state_file *f = find(s, name);

	return f ? f->marked : 0;
}

bool state_file_has(struct state_files *s, const char *name, uint64_t number)
{
	const struct state_file *f = find(s, name);

	return f == NULL || number <= f->synced;
}

/* Somebody waits: no reason to collect more changes first, but for a file that takes long to write. */
void state_file_wait(struct state_files *s, const char *name, struct state_wait *w)
{
	struct state_file *f = find(s, name);

	list_append(&f->waits, &w->link);
	if (timer_is_running(&f->timer)) {
		timer_stop(s->broker->timers, &f->timer);
		start_timer(f, f->text.len / SAVE_BYTES_PER_MS);
	}
}

void state_file_follow_log(struct state_files *s, const char *name, bool even_broken)
{
	struct state_file *f = find(s, name);

	f->follows_log = true;
	f->even_broken = even_broken;
}

void state_wait_cancel(struct state_wait *w) { list_remove(&w->link); }

/* ---- loading ---- */

/* RC_OK: decoded. RC_NOT_FOUND: absent or empty. Else: damaged or unreadable. */
static enum rc load(struct broker *b, const char *path, state_decode_fn *decode)
{
	struct buf text = {0};
	enum rc rc = small_file_read(path, &text);

	if (rc == RC_OK)
		rc = text.len == 0 ? RC_NOT_FOUND : decode(b, buf_slice(&text));
	buf_free(&text);
	return rc;
}

/* At once: the next save would make the damaged one the backup, and a kill in the midst of that would leave nothing else. */
static void put_back(const char *path, const char *backup)
{
	struct buf text = {0};
	enum rc rc = small_file_read(backup, &text);

	if (rc == RC_OK)
		rc = small_file_replace(path, buf_slice(&text), false);
	if (rc != RC_OK)
		log_error("broker", "write '%s': %s", path, rc_text(rc));
	buf_free(&text);
}

/* The file, else its backup. A missing file with a backup is what a crash between the two renames leaves. */
static enum rc load_or_backup(struct broker *b, const char *path, state_decode_fn *decode, char **error)
{
	enum rc rc = load(b, path, decode), backup_rc;
	char *backup;

	if (rc == RC_OK)
		return RC_OK;
	if (rc != RC_NOT_FOUND && rc != RC_CORRUPT) { /* it may be fine: an old backup must not take its place */
		*error = mem_printf("broker: read '%s': %s", path, rc_text(rc));
		return rc;
	}
	backup = mem_printf("%s.bak", path);
	backup_rc = load(b, backup, decode);
	if (backup_rc == RC_OK) {
		log_warn("broker", "state file '%s': %s; '%s' is used instead", path, rc_text(rc), backup);
		put_back(path, backup);
	} else if (rc == RC_NOT_FOUND && backup_rc == RC_NOT_FOUND) {
		backup_rc = RC_OK;
	} else {
		*error = mem_printf("broker: read '%s': %s; '%s': %s; put back a good copy, or remove both to start without",
				    path, rc_text(rc), backup, rc_text(backup_rc));
	}
	free(backup);
	return backup_rc == RC_NOT_FOUND ? rc : backup_rc;
}

enum rc state_file_add(struct state_files *s, const char *name, uint64_t save_every_ms, state_encode_fn *encode_fn,
		       state_decode_fn *decode, char **error)
{
	struct state_file *f = mem_zalloc(sizeof(*f));

	f->owner = s;
	list_init(&f->waits);
	list_init(&f->log_wait.link);
	f->log_wait.on_ready = on_log_flushed;
	f->name = name;
	f->path = mem_printf("%s/config/%s", s->broker->config->store_path_root_dir, name);
	f->save_every_ms = save_every_ms;
	f->encode = encode_fn;
	f->timer.on_timer = on_timer;
	f->job.run = run;
	f->job.done = done;
	f->next = s->files;
	s->files = f;
	return load_or_backup(s->broker, f->path, decode, error);
}

struct state_files *state_files_new(struct broker *b)
{
	struct state_files *s = mem_zalloc(sizeof(*s));

	s->broker = b;
	return s;
}

void state_files_save_now(struct state_files *s)
{
	for (struct state_file *f = s->files; f != NULL; f = f->next) {
		int64_t end;
		enum rc rc;

		if (!f->is_dirty || f->is_writing)
			continue;
		rc = log_has(f, &end);
		if (rc == RC_PENDING || (rc != RC_OK && !f->even_broken))
			continue;
		timer_stop(s->broker->timers, &f->timer);
		encode(f);
		rc = small_file_replace(f->path, buf_slice(&f->text), true);
		if (rc == RC_OK) {
			f->synced = f->encoded;
		} else {
			log_error("broker", "write '%s': %s; the old one stays", f->path, rc_text(rc));
		}
	}
}

void state_files_free(struct state_files *s)
{
	struct state_file *f, *next;

	if (s == NULL)
		return;
	for (f = s->files; f != NULL; f = f->next) {
		if (list_is_empty(&f->log_wait.link))
			continue;
		store_wait_cancel(&f->log_wait);
		f->is_writing = false;
		f->is_dirty = true;
	}
	state_files_save_now(s);
	for (f = s->files; f != NULL; f = next) {
		next = f->next;
		ASSERT(!f->is_writing); /* the shell has drained its executor */
		timer_stop(s->broker->timers, &f->timer);
		buf_free(&f->text);
		free(f->path);
		free(f);
	}
	free(s);
}
