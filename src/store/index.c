/* Happy path: keys become records in memory; a job on LANE_FILES writes what was there when it began, and they are forgotten when it is back.
 * A look-up takes what is in memory on the core, newest first, then goes through the files on LANE_COLD_READ (index_query.c).
 *
 *   put -> pending ── flush ──> flying (with the job) ── done ──> forgotten        failed: back in front of pending, tried again later
 *
 * Failures: after INDEX_PENDING_MAX records that cannot be written keys are dropped and it is said: the index is a convenience, the log is not held
 * up by it. A file that is not what the configuration says is left alone, and not searched. */
#include "store/index.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "store/index_internal.h"
#include "store/io.h"

static enum rc write_now(struct message_index *x, bool sync);

/* ---- records ---- */

/* Java's hashCode goes on from one text to the next as long as both are ASCII. Four bytes a step: 31^4 h + 31^3 a + 31^2 b + 31 c + d. */
static bool hash_on(uint32_t *hash, struct slice s)
{
	const uint8_t *at = (const uint8_t *)s.at, *end;
	uint32_t h = *hash; /* not in memory: bytes of the text might be the same place, for all the compiler knows */
	uint32_t all = 0, four;

	if (s.len == 0)
		return true;
	end = at + s.len;
	for (; end - at >= 4; at += 4) {
		memcpy(&four, at, 4);
		all |= four;
		h = h * 923521u + at[0] * 29791u + at[1] * 961u + at[2] * 31u + at[3];
	}
	for (; at < end; at++) {
		all |= *at;
		h = h * 31 + *at;
	}
	*hash = h;
	return (all & 0x80808080u) == 0;
}

static struct slice prefix_of(enum index_kind kind) { return kind == INDEX_TAGS ? SLICE_LIT("T#") : (struct slice){"", 0}; }

static uint32_t hash_of_text(struct slice topic, enum index_kind kind, struct slice key)
{
	char *text = mem_printf("%.*s#%s%.*s", SLICE_ARG(topic), prefix_of(kind).at, SLICE_ARG(key));
	uint32_t hash = (uint32_t)slice_java_hash(slice_of(text));

	free(text);
	return hash;
}

static inline uint32_t hash_of(const struct index_topic *topic, enum index_kind kind, struct slice key)
{
	uint32_t hash = topic->hash;

	if (!topic->is_ascii || !hash_on(&hash, prefix_of(kind)) || !hash_on(&hash, key))
		hash = hash_of_text(topic->name, kind, key);
	if ((int32_t)hash < 0)
		hash = 0u - hash;
	return hash == 0x80000000u ? 0 : hash; /* Math.abs(MIN_VALUE) is negative: Apache takes 0 */
}

struct index_topic index_topic_of(struct slice name)
{
	struct index_topic t = {.name = name};

	t.is_ascii = hash_on(&t.hash, name);
	(void)hash_on(&t.hash, SLICE_LIT("#"));
	return t;
}

uint32_t index_hash(struct slice topic, struct slice key)
{
	struct index_topic t = index_topic_of(topic);

	return hash_of(&t, INDEX_KEY, key);
}

static bool make_room(struct message_index *x)
{
	static uint64_t last_ms, dropped;

	if (x->pending.count < x->pending.cap)
		return true;
	if (x->pending.count >= INDEX_PENDING_MAX) {
		dropped++;
		if (log_limited(x->store->timers->now_ms, &last_ms, &dropped)) {
			log_error("store", "index: the files cannot be written, %" PRIu64 " keys were dropped", dropped);
			dropped = 0;
		}
		return false;
	}
	x->pending.cap = x->pending.cap ? x->pending.cap * 2 : INDEX_PENDING_FIRST;
	x->pending.at = mem_realloc(x->pending.at, x->pending.cap * sizeof(*x->pending.at));
	return true;
}

void index_put(struct message_index *x, const struct index_topic *topic, enum index_kind kind, struct slice key, int64_t at,
	       int64_t store_ms)
{
	if (at < x->skip_below || !make_room(x))
		return;
	x->pending.at[x->pending.count++] = (struct index_record){at, store_ms, hash_of(topic, kind, key)};
	x->newest_at = at;
	x->newest_ms = store_ms;
	if (x->pending.count < INDEX_FLUSH_AT || (x->pending.count & (INDEX_FLUSH_AT - 1)) != 0)
		return;
	if (!x->is_running)
		(void)!write_now(x, false); /* recovery of a long log: memory is bounded so */
	else if (!x->flush.is_under_way)
		index_flush(x, false, NULL);
}

/* ---- files (LANE_FILES, or the core while no job can run) ---- */

struct index_job {
	struct job job;
	struct message_index *index;
	struct index_records records;
	uint64_t wall_ms;
	bool sync, heal;
	/* out */
	enum rc rc;
	size_t written;           /* records */
	struct index_file *files; /* the last one as it is now, and those that were made behind it */
	size_t file_count;
	bool had_file; /* files[0] was there before */
};

bool index_file_path(const struct message_index *x, const char *name, char out[PATH_MAX])
{
	return mem_format(out, PATH_MAX, "%s/%s", x->folder, name);
}

static struct index_file *last_of(struct index_job *j) { return j->file_count ? &j->files[j->file_count - 1] : NULL; }

/* Two files in one millisecond, or a clock that went back: the order of the names must be that of the files. */
static void next_name(const struct index_job *j, const struct index_file *last, char name[INDEX_NAME_BYTES])
{
	time_t seconds = (time_t)(j->wall_ms / 1000);
	char text[INDEX_NAME_BYTES];
	long long number;
	struct tm tm;

	localtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y%m%d%H%M%S", &tm);
	number = strtoll(text, NULL, 10) * 1000 + (long long)(j->wall_ms % 1000);
	if (last && number <= strtoll(last->name, NULL, 10))
		number = strtoll(last->name, NULL, 10) + 1;
	snprintf(name, INDEX_NAME_BYTES, "%017lld", number);
}

static void close_lane_fd(struct message_index *x)
{
	io_close(x->lane_fd);
	x->lane_fd = -1;
}

static enum rc create_file(const struct message_index *x, const char *name, int *fd)
{
	char path[PATH_MAX];
	enum rc rc = index_file_path(x, name, path) ? io_make_folders(x->folder) : RC_INVALID;

	if (rc == RC_OK)
		rc = io_open(path, O_RDWR | O_CREAT | O_EXCL, fd);
	if (rc != RC_OK)
		return rc;
	rc = io_set_size(*fd, index_file_bytes(x->shape));
	if (rc == RC_OK)
		rc = io_sync_folder(x->folder);
	if (rc != RC_OK) {
		io_close(*fd);
		(void)!io_unlink(path);
	}
	return rc;
}

/* The header begins with the end of the file before it (Apache IndexService.getAndCreateLastIndexFile); a full file is synced before. */
static enum rc add_file(struct index_job *j)
{
	struct message_index *x = j->index;
	struct index_file made = {.header = {.count = 1}}, *last = last_of(j);
	enum rc rc = x->lane_fd >= 0 ? io_sync(x->lane_fd) : RC_OK;
	int fd;

	if (last) {
		made.header.begin_ms = made.header.end_ms = last->header.end_ms;
		made.header.begin_at = made.header.end_at = last->header.end_at;
		made.header.disk_end_ms = last->header.disk_end_ms;
	}
	next_name(j, last, made.name);
	if (rc == RC_OK)
		rc = create_file(x, made.name, &fd);
	if (rc != RC_OK)
		return rc;
	close_lane_fd(x);
	x->lane_fd = fd;
	j->files = mem_realloc(j->files, (j->file_count + 1) * sizeof(*j->files));
	j->files[j->file_count++] = made;
	return RC_OK;
}

static enum rc open_last(struct index_job *j)
{
	struct message_index *x = j->index;
	char path[PATH_MAX];

	if (x->lane_fd >= 0)
		return RC_OK;
	return index_file_path(x, last_of(j)->name, path) ? io_open(path, O_RDWR, &x->lane_fd) : RC_INVALID;
}

static enum rc write_some(struct index_job *j)
{
	struct index_shape shape = j->index->shape;
	struct index_file *last = last_of(j);
	size_t n = j->records.count - j->written, room;
	enum rc rc = RC_OK;

	if (last == NULL || last->header.count >= shape.entries)
		rc = add_file(j);
	else
		rc = open_last(j);
	if (rc != RC_OK)
		return rc;
	last = last_of(j);
	room = shape.entries - last->header.count;
	n = n < room ? n : room;
	rc = index_file_append(j->index->lane_fd, shape, &last->header, j->records.at + j->written, n);
	if (rc == RC_OK)
		j->written += n;
	return rc;
}

static void run_flush(struct job *job)
{
	struct index_job *j = CONTAINER_OF(job, struct index_job, job);

	if (j->heal && last_of(j)) {
		j->rc = open_last(j);
		if (j->rc == RC_OK)
			j->rc = index_file_heal(j->index->lane_fd, j->index->shape, &last_of(j)->header);
	}
	while (j->rc == RC_OK && j->written < j->records.count)
		j->rc = write_some(j);
	if (j->rc == RC_OK && j->sync && j->index->lane_fd >= 0)
		j->rc = io_sync(j->index->lane_fd);
}

/* ---- flush (core) ---- */

static struct index_job *job_make(struct message_index *x, bool sync)
{
	struct index_job *j = mem_zalloc(sizeof(*j));

	j->index = x;
	j->wall_ms = x->store->wall_ms;
	j->sync = sync;
	j->heal = x->must_heal;
	j->records = x->flying = x->pending; /* the job reads, a look-up on the core reads too */
	x->pending = (struct index_records){0};
	if (x->file_count) {
		j->had_file = true;
		j->files = mem_alloc(sizeof(*j->files));
		j->files[j->file_count++] = x->files[x->file_count - 1];
	}
	return j;
}

static void add_to_list(struct message_index *x, const struct index_file *f)
{
	if (x->file_count == x->file_cap) {
		x->file_cap = x->file_cap ? x->file_cap * 2 : 4;
		x->files = mem_realloc(x->files, x->file_cap * sizeof(*x->files));
	}
	x->files[x->file_count++] = *f;
}

/* What was not written goes in front of what came meanwhile. */
static void put_back(struct message_index *x, struct index_job *j)
{
	size_t left = j->records.count - j->written;
	struct index_records all = {.count = left + x->pending.count, .cap = left + x->pending.count};

	if (left == 0) {
		free(j->records.at);
		return;
	}
	all.at = mem_alloc(all.cap * sizeof(*all.at));
	memcpy(all.at, j->records.at + j->written, left * sizeof(*all.at));
	if (x->pending.count)
		memcpy(all.at + left, x->pending.at, x->pending.count * sizeof(*all.at));
	free(x->pending.at);
	free(j->records.at);
	x->pending = all;
}

static enum rc job_end(struct index_job *j)
{
	struct message_index *x = j->index;
	enum rc rc = j->rc;

	x->must_heal = rc != RC_OK; /* what a failed write left is put right before the next */
	if (rc != RC_OK)
		log_error("store", "index: write '%s/%s': %s", x->folder, j->file_count ? last_of(j)->name : "", rc_text(rc));
	if (j->had_file)
		x->files[x->file_count - 1] = j->files[0];
	for (size_t i = j->had_file; i < j->file_count; i++)
		add_to_list(x, &j->files[i]);
	put_back(x, j);
	x->flying = (struct index_records){0};
	free(j->files);
	free(j);
	return rc;
}

static void flush_done(struct job *job)
{
	struct index_job *j = CONTAINER_OF(job, struct index_job, job);
	struct message_index *x = j->index;
	struct index_flush *f = &x->flush;
	void (*on_done)(struct store * s, enum rc rc) = f->on_done;
	enum rc rc = job_end(j);

	f->is_under_way = false;
	f->on_done = NULL;
	if (on_done)
		on_done(x->store, rc);
	if (f->is_under_way || !f->again)
		return;
	on_done = f->again_done;
	f->again = false;
	f->again_done = NULL;
	index_flush(x, f->again_sync, on_done);
	f->again_sync = false;
}

void index_flush(struct message_index *x, bool sync, void (*on_done)(struct store *s, enum rc rc))
{
	struct index_flush *f = &x->flush;
	struct index_job *j;

	x->is_running = true;
	if (f->is_under_way) {
		ASSERT(f->again_done == NULL || on_done == NULL);
		f->again = true;
		f->again_sync |= sync;
		f->again_done = on_done ? on_done : f->again_done;
		return;
	}
	j = job_make(x, sync);
	j->job = (struct job){.run = run_flush, .done = flush_done};
	f->is_under_way = true;
	f->on_done = on_done;
	executor_submit(x->store->ex, LANE_FILES, &j->job);
}

static enum rc write_now(struct message_index *x, bool sync)
{
	struct index_job *j = job_make(x, sync);

	run_flush(&j->job);
	return job_end(j);
}

enum rc index_flush_now(struct message_index *x) { return write_now(x, true); }

static void on_timer(struct timer *timer)
{
	struct message_index *x = CONTAINER_OF(timer, struct message_index, timer);

	(void)stall_at(STALL_STORE_FILES, 0);
	x->is_running = true;
	if (!x->flush.is_under_way && (x->pending.count || x->must_heal))
		index_flush(x, false, NULL);
	timer_start(x->store->timers, timer, x->store->config.queue_flush_interval_ms);
}

/* ---- open ---- */

static int by_name(const void *a, const void *b)
{
	const struct index_file *x = a, *y = b;

	return strcmp(x->name, y->name);
}

static enum rc load_file(struct message_index *x, struct index_file *f)
{
	char path[PATH_MAX];
	enum rc rc;
	int fd;

	if (!index_file_path(x, f->name, path))
		return RC_INVALID;
	rc = io_open(path, O_RDONLY, &fd);
	if (rc != RC_OK)
		return rc;
	rc = io_file_size(fd) == index_file_bytes(x->shape) ? index_header_read(fd, x->shape, &f->header) : RC_UNSUPPORTED;
	io_close(fd);
	return rc;
}

static void take_file(struct message_index *x, const char *name)
{
	struct index_file f = {0};
	enum rc rc;

	if (strlen(name) != INDEX_NAME_DIGITS || strspn(name, "0123456789") != INDEX_NAME_DIGITS)
		return;
	memcpy(f.name, name, INDEX_NAME_DIGITS);
	rc = load_file(x, &f);
	if (rc == RC_OK)
		add_to_list(x, &f);
	else
		log_warn("store", "index file '%s/%s' is left out: %s", x->folder, name,
			 rc == RC_UNSUPPORTED ? "its size is not what maxHashSlotNum and maxIndexNum say" : rc_text(rc));
}

static enum rc list_files(struct message_index *x, char **error)
{
	DIR *dir = opendir(x->folder);
	struct dirent *e;

	if (dir == NULL && errno == ENOENT)
		return RC_OK;
	if (dir == NULL) {
		*error = mem_printf("open '%s' as user %u: %s; make it a folder that this user can read and write", x->folder,
				    geteuid(), strerror(errno));
		return rc_from_errno(errno);
	}
	while ((e = readdir(dir)) != NULL)
		take_file(x, e->d_name);
	closedir(dir);
	if (x->file_count > 1)
		qsort(x->files, x->file_count, sizeof(*x->files), by_name);
	return RC_OK;
}

static void set_newest(struct message_index *x)
{
	const struct index_header *last = x->file_count ? &x->files[x->file_count - 1].header : NULL;

	x->newest_at = last && last->end_at > 0 ? last->end_at : -1;
	x->newest_ms = last ? last->end_ms : 0;
	if (last && last->count > 1)
		x->newest_at = last->end_at;
	x->skip_below = x->newest_at + 1;
}

static enum rc remove_last(struct message_index *x)
{
	char path[PATH_MAX];

	close_lane_fd(x);
	return index_file_path(x, x->files[--x->file_count].name, path) ? io_unlink(path) : RC_INVALID;
}

/* Entries of messages at or beyond `end` go, with whole files where all are. */
static enum rc cut_files(struct message_index *x, int64_t end)
{
	enum rc rc = RC_OK;

	while (rc == RC_OK && x->file_count &&
	       (x->files[x->file_count - 1].header.begin_at >= end || x->files[x->file_count - 1].header.count <= 1))
		rc = remove_last(x);
	if (rc == RC_OK && x->file_count && x->files[x->file_count - 1].header.end_at >= end) {
		struct index_job j = {.index = x, .files = &x->files[x->file_count - 1], .file_count = 1};

		x->must_heal = true;
		rc = open_last(&j);
		if (rc == RC_OK)
			rc = index_file_truncate(x->lane_fd, x->shape, &last_of(&j)->header, end);
	}
	set_newest(x);
	return rc;
}

enum rc index_cut(struct message_index *x, int64_t end)
{
	size_t n = 0;

	for (size_t i = 0; i < x->pending.count; i++)
		if (x->pending.at[i].at < end)
			x->pending.at[n++] = x->pending.at[i];
	x->pending.count = n;
	if (x->file_count == 0 ||
	    (x->files[x->file_count - 1].header.count > 1 && x->files[x->file_count - 1].header.end_at < end))
		return RC_OK;
	return cut_files(x, end);
}

enum rc index_open(struct store *s, bool clean, struct message_index **out, char **error)
{
	struct message_index *x = mem_zalloc(sizeof(*x));
	enum rc rc;

	x->store = s;
	x->folder = mem_printf("%s/index", s->config.root);
	x->shape = (struct index_shape){s->config.index_slots, s->config.index_entries};
	x->lane_fd = -1;
	x->timer.on_timer = on_timer;
	rc = list_files(x, error);
	set_newest(x);
	x->must_heal = !clean;
	if (rc != RC_OK) {
		index_close(x);
		return rc;
	}
	timer_start(s->timers, &x->timer, s->config.queue_flush_interval_ms);
	*out = x;
	return RC_OK;
}

size_t index_file_count(const struct message_index *x) { return x->file_count; }

void index_close(struct message_index *x)
{
	timer_stop(x->store->timers, &x->timer);
	close_lane_fd(x);
	free(x->pending.at);
	free(x->files);
	free(x->folder);
	free(x);
}

int64_t index_newest(const struct message_index *x) { return x->newest_at; }

int64_t index_newest_ms(const struct message_index *x) { return x->newest_ms; }

/* ---- end times (LANE_FILES) ---- */

struct release {
	struct job job;
	struct message_index *index;
	size_t count;
	struct {
		char name[INDEX_NAME_BYTES];
		int64_t end_ms;
	} files[];
};

static void run_release(struct job *job)
{
	struct release *r = CONTAINER_OF(job, struct release, job);
	char path[PATH_MAX];

	for (size_t i = 0; i < r->count; i++) {
		int fd;
		enum rc rc = index_file_path(r->index, r->files[i].name, path) ? io_open(path, O_RDWR, &fd) : RC_INVALID;

		if (rc == RC_NOT_FOUND)
			continue; /* retention took it */
		if (rc == RC_OK) {
			rc = index_end_time_write(fd, r->files[i].end_ms);
			io_close(fd);
		}
		if (rc != RC_OK)
			log_warn("store", "index: write '%s': %s", path, rc_text(rc));
	}
}

static void release_done(struct job *job) { free(CONTAINER_OF(job, struct release, job)); }

/* Jobs that were made before write the older time once more, ahead of this one or behind it: it only lags until the next release. */
static struct release *release_make(struct message_index *x, int64_t index_ms)
{
	struct release *r = mem_zalloc(sizeof(*r) + x->file_count * sizeof(r->files[0]));

	r->job = (struct job){.run = run_release, .done = release_done};
	r->index = x;
	for (size_t i = 0; i < x->file_count; i++) {
		struct index_header *h = &x->files[i].header;
		int64_t end = h->end_ms < index_ms ? h->end_ms : index_ms;

		if (h->disk_end_ms >= end)
			continue;
		h->disk_end_ms = end;
		memcpy(r->files[r->count].name, x->files[i].name, INDEX_NAME_BYTES);
		r->files[r->count++].end_ms = end;
	}
	return r;
}

void index_release(struct message_index *x, int64_t index_ms)
{
	struct release *r = release_make(x, index_ms);

	if (r->count)
		executor_submit(x->store->ex, LANE_FILES, &r->job);
	else
		free(r);
}

void index_release_now(struct message_index *x)
{
	struct release *r = release_make(x, INT64_MAX);

	run_release(&r->job);
	release_done(&r->job);
}

/* ---- retention ---- */

struct removal {
	struct job job;
	struct message_index *index;
	size_t count;
	char names[][INDEX_NAME_BYTES];
};

static void run_removal(struct job *job)
{
	struct removal *r = CONTAINER_OF(job, struct removal, job);
	char path[PATH_MAX];

	for (size_t i = 0; i < r->count; i++) {
		enum rc rc = index_file_path(r->index, r->names[i], path) ? io_unlink(path) : RC_INVALID;

		if (rc != RC_OK)
			log_warn("store", "unlink '%s': %s", path, rc_text(rc));
	}
}

static void removal_done(struct job *job) { free(CONTAINER_OF(job, struct removal, job)); }

void index_delete_before(struct message_index *x, int64_t log_min)
{
	size_t n = 0;
	struct removal *r;

	while (n + 1 < x->file_count && x->files[n].header.end_at < log_min)
		n++;
	if (n == 0)
		return;
	r = mem_alloc(sizeof(*r) + n * sizeof(r->names[0]));
	r->job = (struct job){.run = run_removal, .done = removal_done};
	r->index = x;
	r->count = n;
	for (size_t i = 0; i < n; i++)
		memcpy(r->names[i], x->files[i].name, sizeof(r->names[0]));
	x->file_count -= n;
	memmove(x->files, x->files + n, x->file_count * sizeof(*x->files));
	executor_submit(x->store->ex, LANE_FILES, &r->job);
}
