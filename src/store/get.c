/* Reading messages: plan what an answer holds, then read it.
 *
 *   store_get_plan: entries (tail, or RWF_NOWAIT) -> limits, filter, what is gone -> ranges of the log, neighbours merged
 *   store_get_read: one preadv2(RWF_NOWAIT) a range -> what came is checked against the entries
 *         | cold
 *         └-> job on LANE_COLD_READ: reads the pages, checks the CRC of each message -> on_warm -> the caller plans and reads again,
 *             from what the job brought, so that pages which were dropped meanwhile cannot make it wait for ever
 *
 * Failures: a damaged message is noted (get_note_damage) and skipped from then on; the get that met it is told to plan again. A message
 * below the log is MESSAGE_WAS_REMOVING, as in Apache's DefaultMessageStore.getMessage, from which all statuses come. */
#include "store/get.h"

#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"

#define CHUNK 128 /* entries looked at in one go; a filter that finds nothing doubles it up to */
#define CHUNK_MAX 512
#define WARM_BYTES (64 * 1024)                        /* of a queue file, read by one job: it is read on from there */
#define WARM_ENTRIES (WARM_BYTES / QUEUE_ENTRY_BYTES) /* what is read waiting, at most: it was read by the job just now */
#define FIRST_BYTES 4096                              /* of a message whose size is not known */
#define HEAD_BYTES 8                                  /* size and magic */
#define DAMAGED_MAX 32                                /* damaged messages that one job reports */

enum cold_kind { COLD_QUEUE, COLD_LOG, COLD_MESSAGE, COLD_NOTHING };

struct cold_range {
	int64_t at;
	int32_t bytes;
	struct segment *segment; /* held */
};

struct cold_read { /* g->job: under way until done, then it keeps what it read until the get is over */
	struct job job;
	struct store *store;
	struct store_get *get; /* NULL: canceled */
	enum cold_kind kind;
	bool is_done;
	enum rc rc;
	int range_count;
	struct cold_range ranges[GET_RANGES_MAX];
	int64_t damaged[DAMAGED_MAX];
	int damaged_count;
	uint8_t *data;
	size_t bytes;
	char path[]; /* COLD_QUEUE: the file; ranges[0] is of it */
};

/* ---- damage ---- */

struct get_damage {
	int count;
	int64_t at[GET_DAMAGE_MAX]; /* ascending */
};

static int damage_place(const struct get_damage *d, int64_t at)
{
	int low = 0, high = d->count;

	while (low < high) {
		int mid = (low + high) / 2;

		if (d->at[mid] < at)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

bool get_is_damaged(const struct get_damage *d, int64_t at)
{
	int i;

	if (d == NULL)
		return false;
	i = damage_place(d, at);
	return i < d->count && d->at[i] == at;
}

void get_note_damage(struct store *s, int64_t at, const char *what)
{
	struct get_damage *d = s->queues->damage;
	int i;

	if (get_is_damaged(d, at))
		return;
	store_report_damage(s, at, what);
	if (d == NULL)
		d = s->queues->damage = mem_zalloc(sizeof(*d));
	if (d->count == GET_DAMAGE_MAX)
		return;
	i = damage_place(d, at);
	memmove(d->at + i + 1, d->at + i, (size_t)(d->count - i) * sizeof(d->at[0]));
	d->at[i] = at;
	d->count++;
}

void get_damage_free(struct get_damage *d) { free(d); }

/* ---- cold reads ---- */

static void cold_free(struct cold_read *c)
{
	free(c->data);
	free(c);
}

static bool magic_is_message(uint32_t magic) { return magic == MESSAGE_MAGIC_V1 || magic == MESSAGE_MAGIC_V2; }

/* Off the core there is time to look at each body: bytes that come from the device may have rotted. */
static void check_messages(struct cold_read *c, const uint8_t *bytes, const struct cold_range *r)
{
	struct message m;

	for (int32_t pos = 0; pos < r->bytes; pos += (int32_t)m.size) {
		enum rc rc = message_decode((struct slice){(const char *)bytes + pos, (size_t)(r->bytes - pos)}, true, &m);

		if (rc == RC_OK)
			continue;
		if ((rc != RC_CORRUPT && rc != RC_MALFORMED) || !magic_is_message(m.magic) || m.size < HEAD_BYTES ||
		    m.size > (uint32_t)(r->bytes - pos) || c->damaged_count == DAMAGED_MAX)
			return; /* store_get_read knows the sizes and finds out which message it is */
		c->damaged[c->damaged_count++] = r->at + pos;
	}
}

static void run_log(struct cold_read *c)
{
	size_t pos = 0;

	for (int i = 0; i < c->range_count && c->rc == RC_OK; i++) {
		const struct cold_range *r = &c->ranges[i];

		c->rc = segment_read(r->segment, r->at, c->data + pos, (size_t)r->bytes, false);
		if (c->rc == RC_OK)
			check_messages(c, c->data + pos, r);
		pos += (size_t)r->bytes;
	}
}

static void run_queue(struct cold_read *c)
{
	uint8_t *bytes = mem_alloc(WARM_BYTES);
	size_t got;
	int fd;

	c->rc = io_open(c->path, O_RDONLY, &fd);
	if (c->rc == RC_OK) {
		c->rc = io_read_some(fd, bytes, (size_t)c->ranges[0].bytes, c->ranges[0].at, &got);
		io_close(fd);
	}
	free(bytes);
}

/* The size is read first: where the pages are cold nobody knows it. */
static void run_message(struct cold_read *c)
{
	struct cold_range *r = &c->ranges[0];
	uint8_t head[HEAD_BYTES];
	uint32_t size;

	c->rc = segment_read(r->segment, r->at, head, sizeof(head), false);
	size = get_u32(head);
	if (c->rc != RC_OK || !magic_is_message(get_u32(head + 4)) || size > (uint64_t)r->bytes || size < HEAD_BYTES)
		size = HEAD_BYTES; /* store_read_message says what is wrong with it */
	r->bytes = (int32_t)size;
	c->bytes = size;
	c->data = mem_try_alloc(size);
	if (c->data == NULL)
		c->rc = RC_NO_MEMORY;
	else if (c->rc == RC_OK)
		c->rc = segment_read(r->segment, r->at, c->data, size, false);
}

static void run_cold(struct job *job)
{
	struct cold_read *c = CONTAINER_OF(job, struct cold_read, job);

	if (c->kind == COLD_LOG)
		run_log(c);
	else if (c->kind == COLD_QUEUE)
		run_queue(c);
	else if (c->kind == COLD_MESSAGE)
		run_message(c);
}

static void cold_done(struct job *job)
{
	struct cold_read *c = CONTAINER_OF(job, struct cold_read, job);
	struct store_get *g = c->get;

	for (int i = 0; i < c->range_count; i++)
		if (c->ranges[i].segment)
			segment_drop(c->ranges[i].segment);
	for (int i = 0; i < c->damaged_count; i++)
		get_note_damage(c->store, c->damaged[i], "its contents do not match its CRC or lengths");
	if (g == NULL) {
		cold_free(c);
		return;
	}
	list_remove(&g->link);
	c->is_done = true;
	g->on_warm(g);
}

static struct cold_read *cold_make(struct store *s, struct store_get *g, enum cold_kind kind, const char *path)
{
	size_t path_len = path ? strlen(path) + 1 : 0;
	struct cold_read *c = mem_alloc(sizeof(*c) + path_len);

	memset(c, 0, offsetof(struct cold_read, ranges));
	c->damaged_count = 0;
	c->data = NULL;
	c->bytes = 0;
	c->job = (struct job){.run = run_cold, .done = cold_done};
	c->store = s;
	c->get = g;
	c->kind = kind;
	if (path)
		memcpy(c->path, path, path_len);
	return c;
}

static enum rc cold_start(struct cold_read *c)
{
	struct store_get *g = c->get;

	g->job = c;
	list_append(&c->store->queues->gets, &g->link);
	executor_submit(c->store->ex, LANE_COLD_READ, &c->job);
	return RC_PENDING;
}

static void cold_end(struct store_get *g)
{
	struct cold_read *c = g->job;

	if (c == NULL)
		return;
	ASSERT(c->is_done); /* the caller plans again after on_warm, not before */
	cold_free(c);
	g->job = NULL;
}

static enum rc warm_queue(struct store *s, struct store_get *g, int64_t from)
{
	struct queue_place p = queue_place_of(g->queue);
	int64_t begin = from - from % p.file_entries;
	char path[PATH_MAX];
	struct cold_read *c;

	if (!queue_file_path(&p, begin, path))
		return RC_INVALID;
	c = cold_make(s, g, COLD_QUEUE, path);
	c->range_count = 1;
	c->ranges[0] = (struct cold_range){.at = (from - begin) * QUEUE_ENTRY_BYTES, .bytes = WARM_BYTES};
	return cold_start(c);
}

static enum rc warm_log(struct store *s, struct store_get *g)
{
	struct cold_read *c = cold_make(s, g, COLD_LOG, NULL);

	c->bytes = (size_t)g->bytes;
	c->data = mem_try_alloc(c->bytes);
	for (int i = 0; c->data && i < g->range_count; i++) {
		struct segment *segment = commit_log_hold(&s->log, g->ranges[i].at);

		c->ranges[i] = (struct cold_range){g->ranges[i].at, g->ranges[i].bytes, segment};
		c->range_count = i + 1;
		if (segment == NULL)
			break;
	}
	if (c->range_count == g->range_count && c->ranges[c->range_count - 1].segment)
		return cold_start(c);
	for (int i = 0; i < c->range_count; i++)
		if (c->ranges[i].segment)
			segment_drop(c->ranges[i].segment);
	cold_free(c);
	return RC_BUSY;
}

void store_get_cancel(struct store *s, struct store_get *g)
{
	struct cold_read *c = g->job;

	(void)s;
	if (c == NULL)
		return;
	g->job = NULL;
	if (c->is_done) {
		cold_free(c);
		return;
	}
	c->get = NULL;
	list_remove(&g->link);
}

void get_forget_queue(struct store *s, const struct store_queue *q)
{
	LIST_FOR_EACH (it, &s->queues->gets) {
		struct store_get *g = CONTAINER_OF(it, struct store_get, link);

		if (g->queue == q)
			g->queue = NULL;
	}
}

/* ---- plan ---- */

struct plan {
	struct store *s;
	struct store_get *g;
	int64_t visible_end;
	int64_t gone_below; /* entries below this log offset are in a segment that is not there any more */
	int64_t effort;     /* left, in entries skipped */
	bool nowait;
};

enum step { STEP_NEXT, STEP_STOP };

static void add_message(struct store_get *g, struct queue_entry e)
{
	int last = g->range_count - 1;

	if (last >= 0 && g->ranges[last].at + g->ranges[last].bytes == e.at) {
		g->ranges[last].bytes += e.size;
	} else {
		g->ranges[g->range_count].at = e.at;
		g->ranges[g->range_count].bytes = e.size;
		g->range_count++;
	}
	g->count++;
	g->bytes += e.size;
	g->status = GET_FOUND;
}

static bool is_full(const struct store_get *g, struct queue_entry e)
{
	int last = g->range_count - 1;

	if (g->count == 0)
		return false; /* a first message that is larger than max_bytes comes alone */
	if (g->count >= g->max_count || e.size > g->max_bytes - g->bytes)
		return true;
	return g->range_count == GET_RANGES_MAX && g->ranges[last].at + g->ranges[last].bytes != e.at;
}

static enum step plan_entry(struct plan *p, int64_t i, struct queue_entry e)
{
	struct store_get *g = p->g;
	struct store *s = p->s;

	if (is_full(g, e))
		return STEP_STOP;
	g->next_offset = i + 1;
	if (e.at < p->gone_below)
		return STEP_NEXT;
	if (!queue_entry_is_valid(e) || (e.size > s->log.segment_bytes && e.at != 0) || get_is_damaged(s->queues->damage, e.at))
		return STEP_NEXT;
	if (g->filter && !g->filter(g, e.tags_code)) {
		if (g->count == 0)
			g->status = GET_NO_MATCHED_MESSAGE;
		return STEP_NEXT;
	}
	if (queue_entry_is_filler(e) || e.at < s->log.min || e.size > p->visible_end - e.at) {
		if (g->count == 0)
			g->status = GET_MESSAGE_WAS_REMOVING;
		p->gone_below = queue_entry_is_filler(e) ? 0 : commit_log_next_segment(&s->log, e.at);
		return STEP_NEXT;
	}
	add_message(g, e);
	p->gone_below = 0;
	return STEP_NEXT;
}

/* The file is gone under us, or there is a hole: on with the next file (Apache rollNextFile). */
static enum rc plan_no_file(struct plan *p, int64_t i, int64_t max)
{
	struct queue_table *t = p->s->queues;
	int64_t next = queue_file_begin(t, i) + t->file_entries;

	if (p->g->count == 0) {
		p->g->status = GET_MESSAGE_WAS_REMOVING;
		p->g->next_offset = next < max ? next : max;
	}
	return RC_OK;
}

/* Over those of n entries that the filter would refuse, from queue offset `from` on: the lowest byte of the tags code is an entry's last. */
static int skip_refused(struct plan *p, int64_t from, const uint8_t *entries, int n)
{
	struct store_get *g = p->g;
	uint64_t bits = g->filter_bits;
	int k = 0;

	if (p->gone_below != 0)
		return 0;
	while (k < n && (bits >> (entries[k * QUEUE_ENTRY_BYTES + QUEUE_ENTRY_BYTES - 1] & 63) & 1) == 0)
		k++;
	if (k == 0)
		return 0;
	g->next_offset = from + k;
	if (g->count == 0)
		g->status = GET_NO_MATCHED_MESSAGE;
	return k;
}

/* n entries from queue offset `from` on. False: enough for this get. */
static bool plan_chunk(struct plan *p, int64_t from, const uint8_t *entries, int n)
{
	const struct store_get *g = p->g;
	bool has_bits = g->filter_bits != 0;
	int looked_at = 0;

	for (int k = 0; k < n; k++, looked_at++) {
		if (has_bits) {
			if (g->count > 0 && g->count >= g->max_count)
				return false;
			k += skip_refused(p, from + k, entries + k * QUEUE_ENTRY_BYTES, n - k);
			if (k == n)
				break;
		}
		if (plan_entry(p, from + k, queue_entry_get(entries + k * QUEUE_ENTRY_BYTES)) == STEP_STOP)
			return false;
	}
	p->effort -= (int64_t)looked_at * (GET_SKIP_ENTRIES - 1) + n;
	return p->effort > 0;
}

/* So many that each may be looked at, or, where most are skipped, that a long way costs few calls. */
static int chunk_of(const struct plan *p, int chunk, int64_t left)
{
	const struct store_get *g = p->g;
	int64_t most = p->effort / (g->filter_bits != 0 ? 1 : GET_SKIP_ENTRIES);

	if (g->filter == NULL && g->max_count - g->count < chunk)
		chunk = g->max_count - g->count;
	if (chunk > most)
		chunk = (int)most;
	if (chunk > left)
		chunk = (int)left;
	return chunk > 0 ? chunk : 1;
}

static enum rc plan_entries(struct plan *p, int64_t from, int64_t end, int64_t max)
{
	struct store_get *g = p->g;
	uint8_t scratch[CHUNK_MAX * QUEUE_ENTRY_BYTES];
	int chunk = CHUNK;

	while (from < end) {
		const uint8_t *entries;
		int n;
		enum rc rc = consume_queue_read(g->queue, from, chunk_of(p, chunk, end - from), p->nowait, scratch, &entries, &n);

		if (rc == RC_NOT_FOUND)
			return plan_no_file(p, from, max);
		if (rc == RC_PENDING) /* half way: the client comes again for the rest, and then it is read in */
			return from > g->offset ? RC_OK : warm_queue(p->s, g, from);
		if (rc != RC_OK)
			return rc;
		if (!plan_chunk(p, from, entries, n))
			return RC_OK;
		from += n;
		if (g->filter_bits != 0 && chunk < CHUNK_MAX)
			chunk *= 2;
	}
	return RC_OK;
}

/* True when the offset alone decides. */
static bool plan_by_offset(struct store_get *g)
{
	g->next_offset = g->offset;
	if (g->max_offset == 0) {
		g->status = GET_NO_MESSAGE_IN_QUEUE;
		g->next_offset = 0;
	} else if (g->offset < g->min_offset) {
		g->status = GET_OFFSET_TOO_SMALL;
		g->next_offset = g->min_offset;
	} else if (g->offset == g->max_offset) {
		g->status = GET_OFFSET_OVERFLOW_ONE;
	} else if (g->offset > g->max_offset) {
		g->status = GET_OFFSET_OVERFLOW_BADLY;
		g->next_offset = g->max_offset;
	} else {
		g->status = GET_NO_MATCHED_MESSAGE;
		return false;
	}
	return true;
}

enum rc store_get_plan(struct store *s, struct store_get *g)
{
	struct cold_read *warm = g->job;
	struct plan p = {.s = s, .g = g, .visible_end = store_visible_end(s), .nowait = warm == NULL};
	int64_t end;
	enum rc rc = RC_OK;

	if (warm && warm->kind != COLD_LOG)
		cold_end(g);
	g->count = g->bytes = g->range_count = 0;
	g->min_offset = store_queue_min(g->queue);
	g->max_offset = store_queue_max(g->queue);
	if (!plan_by_offset(g)) {
		p.effort = (int64_t)(g->max_count < GET_SCAN_ENTRIES ? GET_SCAN_ENTRIES : g->max_count) * GET_SKIP_ENTRIES;
		end = g->max_offset;
		if (!p.nowait && end - g->offset > WARM_ENTRIES)
			end = g->offset + WARM_ENTRIES;
		rc = plan_entries(&p, g->offset, end, g->max_offset);
	}
	if (rc != RC_PENDING && g->range_count == 0)
		cold_end(g);
	return rc;
}

/* ---- read ---- */

/* Bytes of the range [at, at + n) that the job brought, from its first byte on; 0: none, and *gap is how far the next ones are. */
static size_t copy_warm(const struct cold_read *c, int64_t at, size_t n, uint8_t *dest, size_t *gap)
{
	size_t pos = 0;

	*gap = n;
	for (int i = 0; i < c->range_count; i++) {
		const struct cold_range *r = &c->ranges[i];

		if (at >= r->at && at < r->at + r->bytes) {
			size_t have = (size_t)(r->at + r->bytes - at);

			have = have < n ? have : n;
			memcpy(dest, c->data + pos + (at - r->at), have);
			return have;
		}
		if (r->at > at && (uint64_t)(r->at - at) < *gap)
			*gap = (size_t)(r->at - at);
		pos += (size_t)r->bytes;
	}
	return 0;
}

static enum rc read_range(struct store *s, const struct cold_read *warm, int64_t at, size_t n, uint8_t *dest)
{
	while (warm && warm->rc == RC_OK && n > 0) {
		size_t gap, have = copy_warm(warm, at, n, dest, &gap);
		enum rc rc = have ? RC_OK : commit_log_read(&s->log, at, dest, gap, true);

		if (rc != RC_OK)
			return rc;
		have = have ? have : gap;
		at += (int64_t)have;
		dest += have;
		n -= have;
	}
	return n ? commit_log_read(&s->log, at, dest, n, true) : RC_OK;
}

/* Each message says its own size: from one to the next they must end where the last range ends. */
static bool is_whole(const struct store_get *g, const uint8_t *bytes)
{
	int32_t pos = 0, n = 0;

	while (g->bytes - pos >= HEAD_BYTES) {
		uint32_t size = get_u32(bytes + pos);

		if (!magic_is_message(get_u32(bytes + pos + 4)) || size < HEAD_BYTES || size > (uint32_t)(g->bytes - pos))
			return false;
		pos += (int32_t)size;
		n++;
	}
	return pos == g->bytes && n == g->count;
}

/* Plan once more, entry by entry, and hold each against what was read. */
static int note_broken(struct store *s, struct store_get *g, const uint8_t *bytes)
{
	int32_t pos = 0;
	int found = 0, r = 0;
	int64_t end = 0;

	for (int64_t i = g->offset; i < g->next_offset && pos < g->bytes; i++) {
		struct queue_entry e;

		if (consume_queue_entry(g->queue, i, &e) != RC_OK || r >= g->range_count)
			break;
		if (end == 0)
			end = g->ranges[0].at;
		if (e.at != end || e.size > g->bytes - pos)
			continue; /* not a part of the answer */
		if (get_u32(bytes + pos) != (uint32_t)e.size || !magic_is_message(get_u32(bytes + pos + 4))) {
			get_note_damage(s, e.at, "it does not begin with its size and magic");
			found++;
		}
		pos += e.size;
		end += e.size;
		if (end == g->ranges[r].at + g->ranges[r].bytes && ++r < g->range_count)
			end = g->ranges[r].at;
	}
	return found;
}

static enum rc read_ranges(struct store *s, struct store_get *g, uint8_t *dest)
{
	uint8_t *at = dest;

	for (int i = 0; i < g->range_count; i++) {
		enum rc rc = read_range(s, g->job, g->ranges[i].at, (size_t)g->ranges[i].bytes, at);

		if (rc != RC_OK)
			return rc;
		at += g->ranges[i].bytes;
	}
	return RC_OK;
}

enum rc store_get_read(struct store *s, struct store_get *g, uint8_t *dest)
{
	struct cold_read *warm = g->job;
	enum rc rc = warm && warm->rc != RC_OK ? warm->rc : read_ranges(s, g, dest);

	if (rc == RC_PENDING) {
		cold_end(g);
		return warm_log(s, g);
	}
	cold_end(g);
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_IO : rc;
	if (is_whole(g, dest))
		return RC_OK;
	if (g->queue == NULL || note_broken(s, g, dest) == 0)
		return RC_CORRUPT;
	return cold_start(cold_make(s, g, COLD_NOTHING, NULL));
}

/* ---- one message ---- */

/* The bytes at `at` as far as they are below the visible end and inside the segment. */
static int64_t readable(const struct store *s, int64_t at)
{
	int64_t end = store_visible_end(s), segment_end;

	if (at < s->log.min || at >= end)
		return 0;
	segment_end = commit_log_next_segment(&s->log, at);
	return (end < segment_end ? end : segment_end) - at;
}

static enum rc warm_message(struct store *s, int64_t at, struct store_get *g)
{
	struct segment *segment = commit_log_hold(&s->log, at);
	int64_t left = readable(s, at);
	struct cold_read *c;

	if (segment == NULL)
		return RC_IO;
	g->queue = NULL;
	c = cold_make(s, g, COLD_MESSAGE, NULL);
	c->range_count = 1;
	c->ranges[0] = (struct cold_range){at, left < INT32_MAX ? (int32_t)left : INT32_MAX, segment};
	return cold_start(c);
}

/* What stands at `at` in `bytes`: RC_AGAIN when it is longer than that. */
static enum rc check_message(struct store *s, int64_t at, struct slice bytes, int64_t left, uint32_t *size)
{
	struct message m;
	enum rc rc = message_decode(bytes, true, &m);

	*size = m.size;
	if (rc == RC_AGAIN && (m.size == 0 || m.size > left))
		return RC_NOT_FOUND;
	if (rc == RC_CORRUPT)
		get_note_damage(s, at, "its contents do not match its CRC or lengths");
	return rc == RC_MALFORMED ? RC_NOT_FOUND : rc; /* no message begins here, whoever said so */
}

static enum rc read_message(struct store *s, int64_t at, struct buf *out, size_t n, int64_t left, bool nowait, uint32_t *size)
{
	enum rc rc;

	if (!buf_try_reserve(out, n))
		return RC_NO_MEMORY;
	rc = commit_log_read(&s->log, at, out->data + out->len, n, nowait);
	if (rc != RC_OK)
		return rc;
	return check_message(s, at, (struct slice){(const char *)out->data + out->len, n}, left, size);
}

static enum rc take_warm(struct store *s, int64_t at, struct buf *out, struct store_get *g, int64_t left)
{
	struct cold_read *c = g->job;
	enum rc rc = c->rc;
	uint32_t size;

	if (rc == RC_OK)
		rc = check_message(s, at, (struct slice){(const char *)c->data, c->bytes}, left, &size);
	if (rc == RC_OK)
		buf_put(out, c->data, size);
	cold_end(g);
	return rc == RC_AGAIN ? RC_NOT_FOUND : rc;
}

enum rc store_read_message(struct store *s, int64_t at, struct buf *out, struct store_get *g)
{
	int64_t left = readable(s, at);
	struct cold_read *warm = g ? g->job : NULL;
	size_t n = left < FIRST_BYTES ? (size_t)left : FIRST_BYTES;
	uint32_t size = 0;
	enum rc rc;

	if (warm && warm->kind == COLD_MESSAGE && warm->ranges[0].at == at)
		return take_warm(s, at, out, g, left);
	if (left < HEAD_BYTES)
		return RC_NOT_FOUND;
	rc = read_message(s, at, out, n, left, g != NULL, &size);
	if (rc == RC_AGAIN)
		rc = read_message(s, at, out, size, left, g != NULL, &size);
	if (rc == RC_OK)
		out->len += size;
	return rc == RC_PENDING ? warm_message(s, at, g) : rc;
}

/* ---- queues ---- */

int64_t store_queue_min(const struct store_queue *q) { return q ? q->min : 0; }

int64_t store_queue_max(const struct store_queue *q) { return q ? q->visible : 0; }

struct slice store_queue_topic(const struct store_queue *q) { return queue_topic_name(q); }

int32_t store_queue_id(const struct store_queue *q) { return q->id; }

void *store_queue_user(const struct store_queue *q) { return q->user; }

void store_queue_set_user(struct store_queue *q, void *user) { q->user = user; }

void store_each_queue(struct store *s, void (*visit)(void *ctx, struct store_queue *q), void *ctx)
{
	queue_table_each(s->queues, visit, ctx);
}

void store_delete_topic(struct store *s, struct slice topic) { queue_table_delete_topic(s->queues, topic); }
