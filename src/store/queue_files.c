/* The files of one queue: their names, what stands in them, and writing to them.
 *
 * Happy path of a load: list the folder; the last files that follow one another without a gap are the queue; in the last file that has an
 * entry the end is found by halving (entries are valid up to there, zero behind), then the first entry that is still in the log.
 * Failures: a gap in the names, a file without entries behind one with entries: what follows it counts not, and is said. A short file has the entries
 * that are whole, and gets its size back when it is written. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"

#define NAME_DIGITS 20
#define PAGE 4096
#define STRANGERS_MAX 4096 /* messages that are looked at to find a queue's end behind damage */
#define FILLER_RUN 2048    /* fillers written with one call */

bool queue_file_path(const struct queue_place *p, int64_t begin, char out[PATH_MAX])
{
	if (begin < 0)
		return mem_format(out, PATH_MAX, "%s/%s/%" PRId32, p->folder, p->topic, p->id);
	return mem_format(out, PATH_MAX, "%s/%s/%" PRId32 "/%020" PRId64, p->folder, p->topic, p->id, begin * QUEUE_ENTRY_BYTES);
}

static bool name_to_begin(const char *name, int64_t file_entries, int64_t *begin)
{
	int64_t at;

	if (strlen(name) != NAME_DIGITS || strspn(name, "0123456789") != NAME_DIGITS || !slice_to_i64(slice_of(name), &at))
		return false;
	*begin = at / QUEUE_ENTRY_BYTES;
	return at % (file_entries * QUEUE_ENTRY_BYTES) == 0;
}

static int by_number(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return x < y ? -1 : x > y;
}

enum rc queue_file_list(const struct queue_place *p, int64_t **begins, size_t *count)
{
	char path[PATH_MAX];
	struct dirent *e;
	size_t cap = 0;
	int64_t begin;
	DIR *dir;

	*begins = NULL;
	*count = 0;
	if (!queue_file_path(p, -1, path))
		return RC_INVALID;
	dir = opendir(path);
	if (dir == NULL)
		return errno == ENOENT ? RC_OK : rc_from_errno(errno);
	while ((e = readdir(dir)) != NULL) {
		if (!name_to_begin(e->d_name, p->file_entries, &begin))
			continue;
		if (*count == cap) {
			cap = cap ? cap * 2 : 4;
			*begins = mem_realloc(*begins, cap * sizeof(**begins));
		}
		(*begins)[(*count)++] = begin;
	}
	closedir(dir);
	if (*count > 1)
		qsort(*begins, *count, sizeof(**begins), by_number);
	return RC_OK;
}

/* ---- reading ---- */

enum rc queue_file_entry(const struct queue_place *p, struct fd_cache *fds, int64_t i, struct queue_entry *e)
{
	int64_t begin = i - i % p->file_entries;
	uint8_t bytes[QUEUE_ENTRY_BYTES];
	int fd = fd_cache_find(fds, p->serial, begin);
	char path[PATH_MAX];
	enum rc rc;

	if (fd < 0) {
		if (!queue_file_path(p, begin, path))
			return RC_INVALID;
		rc = fd_cache_get(fds, p->serial, begin, path, O_RDWR, &fd);
		if (rc != RC_OK)
			return rc;
	}
	rc = io_read_at(fd, bytes, sizeof(bytes), (i - begin) * QUEUE_ENTRY_BYTES, false);
	if (rc == RC_OK)
		*e = queue_entry_get(bytes);
	return rc;
}

enum rc queue_file_first_alive(const struct queue_place *p, struct fd_cache *fds, int64_t from, int64_t to, int64_t log_min,
			       int64_t *found)
{
	int64_t low = from, high = to;
	struct queue_entry e;
	bool is_first = true;
	enum rc rc;

	while (low < high) { /* everything below low is gone, everything from high on is there */
		int64_t mid = is_first ? low : low + (high - low) / 2;

		rc = queue_file_entry(p, fds, mid, &e);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_NOT_FOUND ||
		    (queue_entry_is_valid(e) && queue_entry_is_below(e, log_min))) /* min too low costs a reader a step */
			low = mid + 1;
		else
			high = mid;
		is_first = false; /* most queues have lost nothing: their first entry says so at once */
	}
	*found = low;
	return RC_OK;
}

/* An entry that belongs to the queue: something stands there, and its message ends inside the log. */
static enum rc has_entry(const struct queue_table *t, const struct queue_place *p, int64_t i, bool *has)
{
	struct queue_entry e;
	enum rc rc = queue_file_entry(p, t->store->fds, i, &e);

	*has = rc == RC_OK && queue_entry_is_inside(e, t->log_end);
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Entries of the file that begins at `begin`, counted by halving. */
static enum rc count_entries(const struct queue_table *t, const struct queue_place *p, int64_t begin, int64_t *count)
{
	int64_t low = 0, high = p->file_entries;
	bool has, is_first = true;
	enum rc rc;

	rc = has_entry(t, p, begin + high - 1, &has);
	if (rc == RC_OK && has) {
		*count = high;
		return RC_OK;
	}
	while (rc == RC_OK && low < high) {
		int64_t mid = is_first ? 0 : low + (high - low) / 2;

		rc = has_entry(t, p, begin + mid, &has);
		if (has)
			low = mid + 1;
		else
			high = mid;
		is_first = false;
	}
	*count = low;
	return rc;
}

static enum rc find_end(struct store_queue *q, const struct queue_place *p, const int64_t *begins, size_t count)
{
	struct queue_table *t = queue_table_of(q);
	int64_t n = 0;
	enum rc rc = RC_OK;

	while (rc == RC_OK && count > 0 && n == 0)
		rc = count_entries(t, p, begins[--count], &n);
	q->end = begins[count] + n;
	return rc;
}

/* Index of the first file of the run without a gap that the last file ends. */
static size_t run_start(const int64_t *begins, size_t count, int64_t file_entries)
{
	size_t i = count - 1;

	while (i > 0 && begins[i] - begins[i - 1] == file_entries)
		i--;
	return i;
}

/* ---- writing ---- */

/* A file that nobody can see half-made: Apache takes a file of another size for damage and does not start. */
static enum rc make_file(const struct queue_place *p, const char *path, int *fd)
{
	enum rc rc = io_open(path, O_RDWR | O_CREAT, fd);
	char folder[PATH_MAX];

	if (rc == RC_NOT_FOUND && queue_file_path(p, -1, folder)) {
		rc = io_make_folders(folder);
		if (rc == RC_OK)
			rc = io_open(path, O_RDWR | O_CREAT, fd);
	}
	return rc;
}

static enum rc open_for_write(const struct queue_place *p, struct fd_cache *fds, int64_t begin, int *fd)
{
	int64_t bytes = p->file_entries * QUEUE_ENTRY_BYTES;
	char path[PATH_MAX];
	enum rc rc;

	*fd = fd_cache_find(fds, p->serial, begin);
	if (*fd >= 0)
		return RC_OK;
	if (!queue_file_path(p, begin, path))
		return RC_INVALID;
	rc = fd_cache_get(fds, p->serial, begin, path, O_RDWR, fd);
	if (rc == RC_NOT_FOUND) {
		rc = make_file(p, path, fd);
		if (rc == RC_OK)
			fd_cache_put(fds, p->serial, begin, *fd);
	}
	if (rc == RC_OK && io_file_size(*fd) < bytes)
		rc = io_set_size(*fd, bytes);
	return rc;
}

static enum rc write_fillers(int fd, int64_t count)
{
	uint8_t run[FILLER_RUN * QUEUE_ENTRY_BYTES];
	int64_t done = 0;
	enum rc rc = RC_OK;

	for (int i = 0; i < FILLER_RUN; i++)
		queue_entry_put(run + i * QUEUE_ENTRY_BYTES, (struct queue_entry){0, 0, QUEUE_FILLER_SIZE});
	while (rc == RC_OK && done < count) {
		int64_t n = count - done < FILLER_RUN ? count - done : FILLER_RUN;

		rc = io_write_at(fd, run, (size_t)n * QUEUE_ENTRY_BYTES, done * QUEUE_ENTRY_BYTES);
		done += n;
	}
	return rc;
}

enum rc queue_file_write(const struct queue_place *p, struct fd_cache *fds, bool begins, int64_t from, const uint8_t *entries,
			 int count)
{
	while (count > 0) {
		int64_t in_file = from % p->file_entries;
		int n = count < p->file_entries - in_file ? count : (int)(p->file_entries - in_file);
		int fd;
		enum rc rc = open_for_write(p, fds, from - in_file, &fd);

		if (rc == RC_OK && begins && in_file > 0)
			rc = write_fillers(fd, in_file);
		if (rc == RC_OK)
			rc = io_write_at(fd, entries, (size_t)n * QUEUE_ENTRY_BYTES, in_file * QUEUE_ENTRY_BYTES);
		if (rc != RC_OK)
			return rc;
		begins = false;
		entries += (size_t)n * QUEUE_ENTRY_BYTES;
		from += n;
		count -= n;
	}
	return RC_OK;
}

enum rc queue_file_sync_topic(const struct queue_place *p)
{
	char path[PATH_MAX];

	return mem_format(path, sizeof(path), "%s/%s", p->folder, p->topic) ? io_sync_folder(path) : RC_INVALID;
}

/* A name can only be new when a file begins in the range. */
enum rc queue_file_sync(const struct queue_place *p, struct fd_cache *fds, int64_t from, int64_t to, bool *is_new)
{
	char path[PATH_MAX];

	*is_new = from % p->file_entries == 0 || from / p->file_entries != (to - 1) / p->file_entries;
	for (int64_t begin = from - from % p->file_entries; begin < to; begin += p->file_entries) {
		enum rc rc;
		int fd;

		if (!queue_file_path(p, begin, path))
			return RC_INVALID;
		rc = fd_cache_get(fds, p->serial, begin, path, O_RDWR, &fd);
		if (rc == RC_NOT_FOUND)
			continue; /* retention took it */
		if (rc == RC_OK)
			rc = io_sync(fd);
		if (rc != RC_OK)
			return rc;
	}
	if (!*is_new)
		return RC_OK;
	return queue_file_path(p, -1, path) ? io_sync_folder(path) : RC_INVALID;
}

/* ---- cutting ---- */

static enum rc clear_behind(const struct queue_place *p, struct fd_cache *fds, int64_t end)
{
	int64_t begin = end - end % p->file_entries, *begins;
	size_t count;
	char path[PATH_MAX];
	enum rc rc = queue_file_list(p, &begins, &count);
	int fd;

	for (size_t i = 0; rc == RC_OK && i < count; i++) {
		if (begins[i] <= begin || !queue_file_path(p, begins[i], path))
			continue;
		fd_cache_forget(fds, p->serial, begins[i]);
		rc = io_unlink(path);
	}
	free(begins);
	if (rc != RC_OK || !queue_file_path(p, begin, path))
		return rc;
	rc = fd_cache_get(fds, p->serial, begin, path, O_RDWR, &fd);
	if (rc == RC_NOT_FOUND)
		return RC_OK;
	if (rc == RC_OK)
		rc = io_set_size(fd, (end - begin) * QUEUE_ENTRY_BYTES);
	return rc == RC_OK ? io_set_size(fd, p->file_entries * QUEUE_ENTRY_BYTES) : rc;
}

/* Entries rise with the log, so those beyond its end are the last ones. */
static enum rc find_cut(struct store_queue *q, int64_t log_end, int64_t *cut)
{
	int64_t low = q->first, high = q->end;
	bool is_last = true; /* most queues lose nothing: the last entry says so */
	struct queue_entry e;
	enum rc rc;

	while (low < high) {
		int64_t mid = is_last ? high - 1 : low + (high - low) / 2;

		is_last = false;
		rc = consume_queue_entry(q, mid, &e);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_OK && queue_entry_is_inside(e, log_end))
			low = mid + 1;
		else
			high = mid;
	}
	*cut = low;
	return RC_OK;
}

/* The page that the end is in is looked at; behind it the file has no blocks when nothing was ever written there. */
static bool stands_in_file(const struct queue_place *p, struct fd_cache *fds, int64_t end)
{
	static const uint8_t zeros[PAGE];
	int64_t begin = end - end % p->file_entries, at = (end - begin) * QUEUE_ENTRY_BYTES, next = (at / PAGE + 1) * PAGE;
	uint8_t page[PAGE];
	char path[PATH_MAX];
	size_t got;
	off_t data;
	int fd;

	if (!queue_file_path(p, begin, path) || fd_cache_get(fds, p->serial, begin, path, O_RDWR, &fd) != RC_OK)
		return false;
	if (io_read_some(fd, page, (size_t)(next - at), at, &got) == RC_OK && memcmp(page, zeros, got) != 0)
		return true;
	data = lseek(fd, next, SEEK_DATA);
	return data >= 0 || (errno != ENXIO && errno != EINVAL);
}

/* Nothing may stand behind the end: after more appends and a second crash it would look like entries. `last`: begin of the last file. */
static bool stands_something(struct store_queue *q, int64_t last)
{
	struct queue_place p = queue_place_of(q);

	return last > q->end || stands_in_file(&p, queue_table_of(q)->store->fds, q->end);
}

static void set_end(struct store_queue *q, int64_t end)
{
	struct queue_table *t = queue_table_of(q);

	t->unfiled -= q->end - q->filed;
	q->filed = q->filed < end ? q->filed : end;
	q->synced = q->synced < end ? q->synced : end;
	q->min = q->min < end ? q->min : end;
	q->end = end;
	t->unfiled += q->end - q->filed;
	if (q->tail && q->tail->from > end)
		q->tail->from = end;
	if (q->next > end || q->visible > end)
		q->next = q->visible = end;
	if (!t->is_running) /* later it is the lane's, which has nothing open of a queue that was not loaded (queue_retention.c) */
		fd_cache_forget_owner(t->lane_fds, q->serial);
}

enum rc queue_cut(struct store_queue *q, int64_t log_end)
{
	struct queue_place p = queue_place_of(q);
	int64_t cut;
	enum rc rc = find_cut(q, log_end, &cut);

	if (rc != RC_OK || cut == q->end)
		return rc;
	set_end(q, cut);
	return q->has_files ? clear_behind(&p, queue_table_of(q)->store->fds, cut) : RC_OK;
}

/* ---- loading ---- */

enum owner { OWNER_UNKNOWN, OWNER_QUEUE, OWNER_OTHER };

/* Whose message stands where the entry points. What cannot be read, or is no message at all, proves nothing: it may be damaged. */
static enum owner owner_of(const struct store_queue *q, int64_t i, struct queue_entry e)
{
	struct store *s = queue_table_of(q)->store;
	enum owner owner = OWNER_UNKNOWN;
	struct slice value;
	struct message m;
	uint8_t *bytes;

	if (!queue_entry_is_valid(e) || queue_entry_is_filler(e) || e.at < s->log.min || e.size > s->log.segment_bytes)
		return OWNER_UNKNOWN;
	bytes = mem_try_alloc((size_t)e.size);
	if (bytes == NULL)
		return OWNER_UNKNOWN;
	if (commit_log_read(&s->log, e.at, bytes, (size_t)e.size, false) == RC_OK &&
	    message_decode((struct slice){(const char *)bytes, (size_t)e.size}, false, &m) == RC_OK) {
		if (m.queue_offset == i && m.queue_id == q->id && slice_eq(m.topic, queue_topic_name(q)))
			owner = OWNER_QUEUE;
		else if (!message_property(m.properties, "INNER_MULTI_DISPATCH", &value)) /* stands in several queues (Apache) */
			owner = OWNER_OTHER;
	}
	free(bytes);
	return owner;
}

/* Number of the entry behind the last one that has blocks in the file that begins at `begin`. */
static int64_t data_end(const struct queue_place *p, struct fd_cache *fds, int64_t begin)
{
	off_t data = 0, hole = 0;
	char path[PATH_MAX];
	int fd;

	if (!queue_file_path(p, begin, path) || fd_cache_get(fds, p->serial, begin, path, O_RDWR, &fd) != RC_OK)
		return begin + p->file_entries;
	while ((data = lseek(fd, hole, SEEK_DATA)) >= 0 && (hole = lseek(fd, data, SEEK_HOLE)) > data)
		;
	if (data < 0 && errno != ENXIO)
		return begin + p->file_entries; /* the file system cannot say */
	hole = (hole + QUEUE_ENTRY_BYTES - 1) / QUEUE_ENTRY_BYTES;
	return begin + (hole < p->file_entries ? (int64_t)hole : p->file_entries);
}

/* Where halving saw the end there may be one bad entry, and good ones behind it: the log says whether they are. From the last file backwards;
 * `last` is its begin. */
static enum rc search_behind(struct store_queue *q, int64_t last)
{
	struct queue_table *t = queue_table_of(q);
	struct queue_place p = queue_place_of(q);
	int tries = STRANGERS_MAX;
	struct queue_entry e;

	/* Entries rise with the log: one that points behind its end has only such behind it. So it is after a kill, for each queue in use. */
	if (queue_file_entry(&p, t->store->fds, q->end, &e) == RC_OK && queue_entry_is_valid(e) && !queue_entry_is_filler(e) &&
	    e.at >= t->log_end)
		return RC_OK;
	for (int64_t i = data_end(&p, t->store->fds, last) - 1; i >= q->end && tries > 0; i--) {
		enum rc rc = queue_file_entry(&p, t->store->fds, i, &e);

		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_NOT_FOUND || !queue_entry_is_valid(e) || !queue_entry_is_inside(e, t->log_end) ||
		    queue_entry_is_filler(e))
			continue;
		tries--;
		if (owner_of(q, i, e) != OWNER_QUEUE)
			continue;
		log_warn("store",
			 "topic '%s' queue %" PRId32 ": the entry %" PRId64 " is damaged, those up to %" PRId64 " are good",
			 p.topic, p.id, q->end, i);
		q->end = i + 1;
		break;
	}
	return RC_OK;
}

/* Entries are 20 bytes, so one in a hundred lies across two sectors. When a power failure took the first of them, it seems to point near the
 * begin of the log, where halving takes it for an entry. It stands apart: it does not rise above the one in front of it, or there is
 * none. The first entry of a file is never torn. */
static bool is_torn(struct store_queue *q, int64_t i, struct queue_entry e)
{
	struct queue_place p = queue_place_of(q);
	struct queue_entry before;
	enum owner owner;

	if (queue_entry_is_filler(e) || i <= q->first)
		return false;
	if (!queue_entry_is_valid(e))
		return true;
	owner = owner_of(q, i, e);
	if (owner == OWNER_QUEUE || queue_file_entry(&p, queue_table_of(q)->store->fds, i - 1, &before) != RC_OK)
		return false;
	if (queue_entry_is_filler(before))
		return e.at == 0;
	return !queue_entry_is_valid(before) || before.at >= e.at;
}

bool consume_queue_is_wreck(struct store_queue *q, int64_t i, struct queue_entry e)
{
	return is_torn(q, i, e) || (!queue_entry_is_filler(e) && owner_of(q, i, e) == OWNER_OTHER);
}

static enum rc drop_torn(struct store_queue *q)
{
	struct queue_place p = queue_place_of(q);
	int64_t end = q->end;
	struct queue_entry e;
	enum rc rc = RC_OK;

	while (q->end > q->first) {
		rc = queue_file_entry(&p, queue_table_of(q)->store->fds, q->end - 1, &e);
		if (rc != RC_OK || !is_torn(q, q->end - 1, e))
			break;
		q->end--;
	}
	if (q->end < end)
		log_warn("store", "topic '%s' queue %" PRId32 ": entries from %" PRId64 " to %" PRId64 " are torn, cut", p.topic,
			 p.id, q->end, end - 1);
	return rc;
}

/* Entries of messages that a power failure took from the log were cut off then if the queue was in use. If it was not, they point at what
 * the log has had there since: other messages. They are the last ones, so halving finds the first of them. */
static enum rc drop_strangers(struct store_queue *q)
{
	int64_t low = q->min, high = q->end;
	struct queue_entry e;
	enum rc rc;

	if (high == low)
		return RC_OK;
	rc = consume_queue_entry(q, high - 1, &e);
	if (rc != RC_OK || owner_of(q, high - 1, e) != OWNER_OTHER)
		return rc;
	while (rc == RC_OK && low < high) {
		int64_t mid = low + (high - low) / 2;

		rc = consume_queue_entry(q, mid, &e);
		if (rc == RC_OK && owner_of(q, mid, e) != OWNER_OTHER)
			low = mid + 1;
		else
			high = mid;
	}
	if (rc == RC_OK)
		log_warn("store",
			 "topic '%s' queue %" PRId32 ": entries from %" PRId64 " on are of messages that are not in the log, cut",
			 q->topic->name, q->id, low);
	if (rc == RC_OK)
		set_end(q, low);
	return rc;
}

static enum rc load_files(struct store_queue *q, const int64_t *begins, size_t count)
{
	size_t skip = run_start(begins, count, queue_table_of(q)->file_entries);
	struct queue_table *t = queue_table_of(q);
	struct queue_place p = queue_place_of(q);
	enum rc rc;

	if (skip)
		log_warn("store",
			 "topic '%s' queue %" PRId32 ": consume queue files before '%020" PRId64
			 "' do not join, they are left out",
			 p.topic, p.id, begins[skip] * QUEUE_ENTRY_BYTES);
	q->has_files = true;
	q->first = q->min = begins[skip];
	rc = find_end(q, &p, begins + skip, count - skip);
	if (rc == RC_OK && t->log_end != INT64_MAX && stands_something(q, begins[count - 1]))
		rc = search_behind(q, begins[count - 1]);
	if (rc == RC_OK && t->log_end != INT64_MAX)
		rc = drop_torn(q);
	q->filed = q->synced = q->end;
	if (rc == RC_OK)
		rc = queue_file_first_alive(&p, t->store->fds, q->first, q->end, t->store->log.min, &q->min);
	if (rc == RC_OK)
		rc = drop_strangers(q);
	if (rc == RC_OK && t->log_end != INT64_MAX)
		rc = queue_cut(q, t->log_end);
	if (rc == RC_OK && t->log_end != INT64_MAX && stands_something(q, begins[count - 1]))
		rc = clear_behind(&p, t->store->fds, q->end);
	return rc;
}

enum rc queue_load(struct store_queue *q)
{
	struct queue_place p = queue_place_of(q);
	int64_t *begins;
	size_t count;
	enum rc rc = queue_file_list(&p, &begins, &count);

	if (rc == RC_OK && count > 0)
		rc = load_files(q, begins, count);
	free(begins);
	q->next = q->visible = q->end;
	q->is_loaded = rc == RC_OK;
	return rc;
}
