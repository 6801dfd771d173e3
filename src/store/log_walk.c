/* Happy path: a chunk is read where the walk stands, messages are decoded in it. Failure: bytes that are no message end the walk; the
 * caller decides whether they are the end or a hole. */
#include "store/log_walk.h"

#include <string.h>

#include "base/mem.h"

void log_walk_init(struct log_walk *w, struct commit_log *log, int64_t at, bool check_crc)
{
	*w = (struct log_walk){.log = log, .at = at, .next = at, .check_crc = check_crc, .chunk_at = -1};
}

void log_walk_free(struct log_walk *w) { buf_free(&w->chunk); }

static int64_t left_in_segment(const struct segment *seg, int64_t at) { return seg->base + seg->bytes - at; }

/* At least n bytes at `at` (the caller knows that the segment has them), or NULL: w->rc. */
static const uint8_t *walk_bytes(struct log_walk *w, const struct segment *seg, int64_t at, size_t n)
{
	int64_t left = left_in_segment(seg, at);
	size_t want = n > LOG_WALK_CHUNK ? n : LOG_WALK_CHUNK;

	if (w->chunk_at >= 0 && at >= w->chunk_at && (uint64_t)(at - w->chunk_at) + n <= w->chunk.len)
		return w->chunk.data + (at - w->chunk_at);
	if ((int64_t)want > left)
		want = (size_t)left;
	buf_clear(&w->chunk);
	w->chunk_at = -1;
	if (!buf_try_reserve(&w->chunk, want)) {
		w->rc = RC_NO_MEMORY;
		return NULL;
	}
	w->rc = segment_read(seg, at, w->chunk.data, want, false);
	if (w->rc != RC_OK)
		return NULL;
	w->chunk.len = want;
	w->chunk_at = at;
	return w->chunk.data;
}

/* The CRC covers the body only: a write torn behind it leaves zeros in the topic or at the end of the properties. */
static bool is_torn(const struct message *m)
{
	for (size_t i = 0; i < m->topic.len; i++)
		if ((uint8_t)m->topic.at[i] <= ' ')
			return true;
	return m->topic.len == 0 || (m->properties.len && m->properties.at[m->properties.len - 1] == '\0');
}

static enum walk_step judge(struct log_walk *w, const struct segment *seg, int64_t at, struct message *m)
{
	const uint8_t *p = walk_bytes(w, seg, at, 8);
	uint32_t size, magic;
	enum rc rc;

	*m = (struct message){0};
	if (p == NULL)
		return WALK_FAILED;
	size = get_u32(p);
	magic = get_u32(p + 4);
	if (size == 0 && magic == 0)
		return WALK_END;
	if ((magic != MESSAGE_MAGIC_V1 && magic != MESSAGE_MAGIC_V2) || size > left_in_segment(seg, at))
		return WALK_DAMAGED;
	p = walk_bytes(w, seg, at, size < 8 ? 8 : size);
	if (p == NULL)
		return WALK_FAILED;
	rc = message_decode((struct slice){(const char *)p, size < 8 ? 8 : size}, w->check_crc, m);
	if ((rc == RC_OK || rc == RC_CORRUPT) && m->physical_offset == at && !(w->check_crc && is_torn(m)))
		return rc == RC_OK ? WALK_MESSAGE : WALK_DAMAGED;
	*m = (struct message){0};
	return WALK_DAMAGED;
}

static bool is_blank(struct log_walk *w, const struct segment *seg, int64_t at)
{
	const uint8_t *p;

	if (left_in_segment(seg, at) < 8)
		return true;
	p = walk_bytes(w, seg, at, 8);
	return p && get_u32(p + 4) == MESSAGE_MAGIC_BLANK;
}

enum walk_step log_walk_next(struct log_walk *w, struct message *m)
{
	struct segment *seg = commit_log_segment(w->log, w->next);
	enum walk_step step;

	*m = (struct message){0};
	if (seg && is_blank(w, seg, w->next)) {
		w->next = seg->base + seg->bytes;
		w->chunk_at = -1;
		seg = commit_log_segment(w->log, w->next);
	}
	w->at = w->next;
	if (seg == NULL) {
		w->rc = RC_IO;
		return w->log->count == 0 || w->next >= w->log->segments[w->log->count - 1]->base + w->log->segment_bytes
			       ? WALK_END
			       : WALK_FAILED;
	}
	step = judge(w, seg, w->at, m);
	if (m->size)
		w->next = w->at + m->size;
	return step;
}

static bool is_good(struct log_walk *w, const struct segment *seg, int64_t at, int64_t oldest_ms)
{
	struct message m;

	return left_in_segment(seg, at) >= 8 && judge(w, seg, at, &m) == WALK_MESSAGE && m.store_timestamp >= oldest_ms;
}

/* The magic's first three bytes are those of both versions; it stands 4 behind a message's begin. */
static bool search(struct log_walk *w, const struct segment *seg, int64_t from, int64_t to, int64_t oldest_ms)
{
	static const uint8_t mark[3] = {0xDA, 0xA3, 0x20};

	while (from < to) {
		size_t n = to - from < LOG_WALK_CHUNK ? (size_t)(to - from) : LOG_WALK_CHUNK;
		const uint8_t *p = walk_bytes(w, seg, from, n), *hit;
		size_t at;

		if (p == NULL)
			return false;
		hit = memmem(p, n, mark, sizeof(mark));
		if (hit == NULL) {
			from += n > sizeof(mark) ? (int64_t)(n - sizeof(mark) + 1) : (int64_t)n;
			continue;
		}
		at = (size_t)(hit - p);
		from += (int64_t)at + 1;
		if (from - 5 > w->at && is_good(w, seg, from - 5, oldest_ms)) {
			w->next = from - 5;
			return true;
		}
	}
	return false;
}

bool log_walk_resync(struct log_walk *w, int64_t bytes, int64_t oldest_ms)
{
	struct segment *seg = commit_log_segment(w->log, w->at);
	int64_t end, to;

	if (seg == NULL)
		return false;
	end = seg->base + seg->bytes;
	to = end - w->at > bytes ? w->at + bytes : end;
	if (search(w, seg, w->at + 1, to, oldest_ms))
		return true;
	seg = commit_log_segment(w->log, end);
	w->chunk_at = -1;
	if (seg == NULL || !is_good(w, seg, end, oldest_ms))
		return false;
	w->next = end;
	return true;
}
