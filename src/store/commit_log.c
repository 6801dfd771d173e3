/* Happy path: reserve puts a message's bytes at the end of the stage, which is cut into parts where a segment ends; write does one
 * pwritev a part and asks for the next segment once the current one is half full.
 * Failure: a write that fails leaves `written` where it was, and what it left in the files is zeroed (where even that fails, no space
 * becomes a device error: nothing may be written there any more). A segment that could not be allocated ahead is made sparse on
 * the spot. */
#include "store/commit_log.h"

#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "store/io.h"
#include "store/message.h"

#define NAME_DIGITS 20

struct segment_job { /* make the file of one segment, on LANE_FILES */
	struct job job;
	struct commit_log *log;
	int64_t base;
	struct segment *made;
	enum rc rc;
};

/* ---- segments ---- */

static int64_t segment_end(const struct segment *seg) { return seg->base + seg->bytes; }

static struct segment *find(const struct commit_log *log, int64_t at)
{
	size_t i;

	if (log->count == 0 || at < log->segments[0]->base)
		return NULL;
	i = (size_t)((at - log->segments[0]->base) / log->segment_bytes);
	return i < log->count ? log->segments[i] : NULL;
}

static void close_longest_unused(struct commit_log *log)
{
	struct segment *oldest = NULL;
	size_t open = 0;

	for (size_t i = 0; i < log->count; i++) {
		struct segment *seg = log->segments[i];

		if (seg->fd < 0)
			continue;
		open++;
		if (seg->holders == 1 && segment_end(seg) <= log->flushed && (oldest == NULL || seg->last_use < oldest->last_use))
			oldest = seg;
	}
	if (open >= COMMIT_LOG_FDS_MAX && oldest) {
		io_close(oldest->fd);
		oldest->fd = -1;
	}
}

struct segment *commit_log_segment(struct commit_log *log, int64_t at)
{
	struct segment *seg = find(log, at);

	if (seg == NULL)
		return NULL;
	if (seg->fd < 0) {
		enum rc rc;

		close_longest_unused(log);
		rc = segment_open(seg);
		if (rc != RC_OK) {
			log_error("store", "open '%s': %s", seg->path, rc_text(rc));
			return NULL;
		}
	}
	seg->last_use = ++log->uses;
	return seg;
}

static void append_segment(struct commit_log *log, struct segment *seg)
{
	if (log->count == log->cap) {
		log->cap = log->cap ? 2 * log->cap : 8;
		log->segments = mem_realloc(log->segments, log->cap * sizeof(struct segment *));
	}
	log->segments[log->count++] = seg;
}

/* ---- segments ahead of need ---- */

static void segment_job_run(struct job *job)
{
	struct segment_job *j = CONTAINER_OF(job, struct segment_job, job);

	j->rc = segment_create(j->log->folder, j->base, j->log->segment_bytes, true, &j->made);
	if (j->rc == RC_OK && io_sync_folder(j->log->folder) == RC_OK)
		j->made->folder_is_dirty = false;
}

static int64_t next_base(const struct commit_log *log) { return log->count ? segment_end(log->segments[log->count - 1]) : 0; }

static void segment_job_done(struct job *job)
{
	struct segment_job *j = CONTAINER_OF(job, struct segment_job, job);
	struct commit_log *log = j->log;
	struct segment *there = find(log, j->base);

	log->spare_job = NULL;
	if (j->rc != RC_OK)
		log_warn("store", "allocate segment %020lld ahead: %s", (long long)j->base, rc_text(j->rc));
	else if (there == NULL && log->spare == NULL && j->base == next_base(log))
		log->spare = j->made;
	else
		segment_drop(j->made);
	free(j);
}

static void ask_for_segment(struct commit_log *log, int64_t base)
{
	struct segment_job *j = mem_zalloc(sizeof(*j));

	*j = (struct segment_job){.job = {.run = segment_job_run, .done = segment_job_done}, .log = log, .base = base};
	log->spare_job = j;
	executor_submit(log->ex, LANE_FILES, &j->job);
}

/* One job at a time: the blocks of a segment that was made in a hurry first, then the next one when this one is half full. */
static void look_ahead(struct commit_log *log)
{
	struct segment *seg = find(log, log->written);

	if (seg == NULL || log->spare_job != NULL)
		return;
	if (!seg->is_allocated) {
		seg->is_allocated = true;
		ask_for_segment(log, seg->base);
	} else if (log->spare == NULL && segment_end(seg) == next_base(log) && log->written - seg->base >= seg->bytes / 2) {
		ask_for_segment(log, segment_end(seg));
	}
}

/* Make sure that the segment which begins at `base` (the next one) is in the log. */
static enum rc make_segment(struct commit_log *log, int64_t base)
{
	struct segment *seg = log->spare;
	enum rc rc;

	if (find(log, base))
		return RC_OK;
	log->spare = NULL;
	if (seg && seg->base != base) {
		segment_drop(seg);
		seg = NULL;
	}
	if (seg == NULL) {
		uint32_t was = stall_at(STALL_SEGMENT, 0);

		rc = segment_create(log->folder, base, log->segment_bytes, false, &seg);
		stall_back(was);
		if (rc != RC_OK) {
			log_error("store", "create segment '%s/%020lld': %s", log->folder, (long long)base, rc_text(rc));
			return rc;
		}
	}
	if (log->count == 0)
		log->min = base;
	append_segment(log, seg);
	return RC_OK;
}

/* ---- open, close ---- */

static int by_name(const void *a, const void *b) { return strcmp(*(char *const *)a, *(char *const *)b); }

static bool is_segment_name(const char *name) { return strlen(name) == NAME_DIGITS && strspn(name, "0123456789") == NAME_DIGITS; }

static char **list_names(const char *folder, size_t *count, enum rc *rc)
{
	char **names = NULL;
	size_t cap = 0;
	DIR *dir = opendir(folder);
	struct dirent *e;

	*count = 0;
	*rc = dir ? RC_OK : rc_from_errno(errno);
	while (dir && (e = readdir(dir)) != NULL) {
		if (!is_segment_name(e->d_name))
			continue;
		if (*count == cap) {
			cap = cap ? 2 * cap : 16;
			names = mem_realloc(names, cap * sizeof(char *));
		}
		names[(*count)++] = mem_strdup(e->d_name);
	}
	if (dir)
		closedir(dir);
	if (*count)
		qsort(names, *count, sizeof(char *), by_name);
	return names;
}

/* A last file that is too short was being made when the machine went down: it has no messages yet, or they end in it. One of no bytes had
 * its name on the device, not its size: it was never synced, nor was what follows it. */
static enum rc check_size(struct commit_log *log, const char *path, bool is_last, char **error)
{
	struct stat st;

	if (stat(path, &st) < 0) {
		enum rc rc = rc_from_errno(errno);

		*error = mem_printf("store: '%s': %s", path, rc_text(rc));
		return rc;
	}
	if (st.st_size == log->segment_bytes)
		return RC_OK;
	if ((is_last || st.st_size == 0) && st.st_size < log->segment_bytes && truncate(path, log->segment_bytes) == 0)
		return RC_OK;
	*error = mem_printf(
		"store: '%s' has %lld bytes, but mappedFileSizeCommitLog says %lld: set mappedFileSizeCommitLog to the size "
		"of the segments that are there",
		path, (long long)st.st_size, (long long)log->segment_bytes);
	return RC_UNSUPPORTED;
}

static enum rc add_file(struct commit_log *log, const char *name, bool is_last, char **error)
{
	int64_t base = strtoll(name, NULL, 10);
	char *path;
	enum rc rc;

	if (log->count && base != next_base(log)) {
		*error = mem_printf(
			"store: '%s/%020lld' is missing, the next segment there is '%s': put it back, or move the older "
			"segments away",
			log->folder, (long long)next_base(log), name);
		return RC_CORRUPT;
	}
	path = mem_printf("%s/%s", log->folder, name);
	rc = check_size(log, path, is_last, error);
	if (rc == RC_OK)
		append_segment(log, segment_of_file(path, base, log->segment_bytes));
	free(path);
	return rc;
}

enum rc commit_log_open(struct commit_log *log, const char *folder, int64_t segment_bytes, struct executor *ex, char **error)
{
	char **names;
	size_t count;
	enum rc rc = io_make_folders(folder);

	*log = (struct commit_log){.folder = mem_strdup(folder), .segment_bytes = segment_bytes, .ex = ex};
	if (rc != RC_OK) {
		*error = mem_printf("store: make folder '%s': %s", folder, rc_text(rc));
		return rc;
	}
	removal_init(&log->removal, log->folder, ex);
	names = list_names(folder, &count, &rc);
	if (rc != RC_OK)
		*error = mem_printf("store: list folder '%s': %s", folder, rc_text(rc));
	for (size_t i = 0; i < count; i++) {
		if (rc == RC_OK)
			rc = add_file(log, names[i], i + 1 == count, error);
		free(names[i]);
	}
	free(names);
	if (log->count)
		log->min = log->segments[0]->base;
	log->staged = log->written = log->flushed = log->min;
	return rc;
}

void commit_log_close(struct commit_log *log)
{
	for (size_t i = 0; i < log->count; i++)
		segment_drop(log->segments[i]);
	if (log->spare)
		segment_drop(log->spare);
	free(log->spare_job);
	removal_fini(&log->removal);
	free(log->segments);
	free(log->folder);
	free(log->parts);
	buf_free(&log->stage);
	*log = (struct commit_log){0};
}

/* ---- stage and write ---- */

static void stage_clear(struct commit_log *log)
{
	log->part_count = 0;
	if (log->stage.cap > COMMIT_LOG_STAGE_KEEP)
		buf_free(&log->stage);
	buf_clear(&log->stage);
}

static uint8_t *stage_grow(struct commit_log *log, int64_t at, size_t size, bool new_part)
{
	if (new_part || log->part_count == 0) {
		if (log->part_count == log->part_cap) {
			log->part_cap = log->part_cap ? 2 * log->part_cap : 4;
			log->parts = mem_realloc(log->parts, log->part_cap * sizeof(log->parts[0]));
		}
		log->parts[log->part_count++] = (struct stage_part){.at = at, .from = log->stage.len};
	}
	log->parts[log->part_count - 1].bytes += size;
	return buf_grow(&log->stage, size);
}

static enum rc start_next_segment(struct commit_log *log, const struct segment *full)
{
	int64_t left = segment_end(full) - log->staged;
	uint8_t *blank;
	enum rc rc = make_segment(log, segment_end(full));

	if (rc != RC_OK)
		return rc;
	blank = stage_grow(log, log->staged, COMMIT_LOG_BLANK_BYTES, false);
	put_u32(blank, (uint32_t)left);
	put_u32(blank + 4, MESSAGE_MAGIC_BLANK);
	log->staged = segment_end(full);
	return RC_OK;
}

enum rc commit_log_reserve(struct commit_log *log, size_t size, uint8_t **bytes, int64_t *at)
{
	struct segment *seg = find(log, log->staged);
	bool new_part = false;
	enum rc rc;

	if (size > (uint64_t)log->segment_bytes - COMMIT_LOG_BLANK_BYTES)
		return RC_TOO_BIG;
	if (log->staged == log->written)
		stage_clear(log);
	if (seg == NULL) {
		rc = make_segment(log, log->staged);
		if (rc != RC_OK)
			return rc;
		new_part = true;
	} else if (segment_end(seg) - log->staged < (int64_t)size + COMMIT_LOG_BLANK_BYTES) {
		rc = start_next_segment(log, seg);
		if (rc != RC_OK)
			return rc;
		new_part = true;
	}
	*at = log->staged;
	*bytes = stage_grow(log, log->staged, size, new_part);
	log->staged += (int64_t)size;
	return RC_OK;
}

static enum rc write_part(struct commit_log *log, const struct stage_part *part)
{
	struct segment *seg = commit_log_segment(log, part->at);
	struct iovec iov = {.iov_base = log->stage.data + part->from, .iov_len = part->bytes};

	return seg ? segment_write(seg, part->at, &iov, 1) : RC_IO;
}

/* What stands in the files of a stage that was refused must not be taken for messages by the next recovery. */
static enum rc scrub_stage(struct commit_log *log)
{
	for (size_t i = 0; i < log->part_count; i++) {
		const struct stage_part *part = &log->parts[i];
		struct segment *seg = commit_log_segment(log, part->at);
		enum rc rc = seg ? io_zero(seg->fd, part->at - seg->base, (int64_t)part->bytes) : RC_IO;

		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static enum rc refuse_stage(struct commit_log *log, enum rc rc)
{
	if (scrub_stage(log) != RC_OK && rc == RC_DISK_FULL)
		rc = RC_IO;
	log->staged = log->written;
	stage_clear(log);
	return rc;
}

enum rc commit_log_write(struct commit_log *log)
{
	if (log->staged == log->written)
		return RC_OK;
	for (size_t i = 0; i < log->part_count; i++) {
		enum rc rc = write_part(log, &log->parts[i]);

		if (rc != RC_OK)
			return refuse_stage(log, rc);
	}
	log->written = log->staged;
	look_ahead(log);
	return RC_OK;
}

const uint8_t *commit_log_staged_bytes(const struct commit_log *log, int64_t at)
{
	for (size_t i = log->part_count; i-- > 0;) {
		const struct stage_part *part = &log->parts[i];

		if (at >= part->at && at < part->at + (int64_t)part->bytes)
			return log->stage.data + part->from + (at - part->at);
	}
	return NULL;
}

/* ---- readers ---- */

enum rc commit_log_read(struct commit_log *log, int64_t at, void *dest, size_t n, bool nowait)
{
	struct segment *seg;

	if (at < log->min || at >= log->written || n > (uint64_t)(log->written - at))
		return RC_NOT_FOUND;
	seg = find(log, at);
	if (seg == NULL || n > (uint64_t)(segment_end(seg) - at))
		return RC_NOT_FOUND;
	seg = commit_log_segment(log, at);
	return seg ? segment_read(seg, at, dest, n, nowait) : RC_IO;
}

struct segment *commit_log_hold(struct commit_log *log, int64_t at)
{
	struct segment *seg = commit_log_segment(log, at);

	if (seg)
		segment_hold(seg);
	return seg;
}

int64_t commit_log_store_time(struct commit_log *log, int64_t at)
{
	uint8_t head[76]; /* up to the store timestamp behind an IPv6 born host; a message is longer */
	uint32_t magic;

	if (commit_log_read(log, at, head, sizeof(head), false) != RC_OK)
		return -1;
	magic = get_u32(head + 4);
	if (magic != MESSAGE_MAGIC_V1 && magic != MESSAGE_MAGIC_V2)
		return -1;
	return (int64_t)get_u64(head + (get_u32(head + 36) & SYS_FLAG_BORN_HOST_V6 ? 68 : 56));
}

int64_t commit_log_next_segment(const struct commit_log *log, int64_t at)
{
	return at - at % log->segment_bytes + log->segment_bytes;
}

/* ---- recovery and retention ---- */

enum rc commit_log_cut(struct commit_log *log, int64_t end, bool scrub)
{
	struct segment *seg;

	while (log->count && log->segments[log->count - 1]->base > end) {
		seg = log->segments[--log->count];
		/* Only the one right behind the end is of use; a later one that stayed would be a segment behind a gap to the next start. */
		if (!scrub && log->spare == NULL && log->count && log->segments[log->count - 1]->base <= end) {
			log->spare = seg;
			continue;
		}
		segment_remove(seg);
	}
	if (log->count == 0)
		log->min = end;
	log->staged = log->written = log->flushed = end;
	seg = scrub ? commit_log_segment(log, end) : NULL;
	return seg ? io_zero(seg->fd, end - seg->base, segment_end(seg) - end) : RC_OK;
}

size_t commit_log_delete_before(struct commit_log *log, int64_t offset)
{
	size_t gone = 0;

	if (log->removal.is_running)
		return 0; /* the next round will do */
	while (gone + 1 < log->count && segment_end(log->segments[gone]) <= offset &&
	       segment_end(log->segments[gone]) <= log->flushed)
		gone++;
	for (size_t i = 0; i < gone; i++)
		removal_add(&log->removal, log->segments[i]);
	log->count -= gone;
	memmove(log->segments, log->segments + gone, log->count * sizeof(struct segment *));
	if (log->count)
		log->min = log->segments[0]->base;
	return gone;
}
