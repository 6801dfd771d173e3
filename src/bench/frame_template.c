#include "bench/frame_template.h"

#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/mem.h"

/* MARK_NUMBER is the first of a message, the unique key's; MARK_SAME the same number again, in the keys of the same message. */
enum mark { MARK_OPAQUE_TEXT, MARK_OPAQUE_BINARY, MARK_BORN, MARK_NUMBER, MARK_SAME, MARK_STAMP };

#define BINARY_OPAQUE_AT 13 /* length 4, type and header length 4, code 2, language 1, version 2 */
#define NUMBER_CHARS 16

static void add_place(struct frame_template *t, size_t at, enum mark mark)
{
	if (t->place_count == t->place_cap) {
		t->place_cap = t->place_cap ? t->place_cap * 2 : 8;
		t->places = mem_realloc(t->places, (size_t)t->place_cap * sizeof(*t->places));
	}
	t->places[t->place_count++] = (uint32_t)at << 3 | mark;
}

static void find(struct frame_template *t, const void *marker, size_t len, enum mark mark)
{
	const uint8_t *at = t->bytes.data, *end = at + t->bytes.len;

	while ((at = memmem(at, (size_t)(end - at), marker, len)) != NULL) {
		add_place(t, (size_t)(at - t->bytes.data), mark);
		at += len;
	}
}

static int by_offset(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

/* "UNIQ_KEY" comes before each first number of a message. */
static bool is_unique_key(const struct frame_template *t, size_t at)
{
	size_t from = at > 40 ? at - 40 : 0;

	return memmem(t->bytes.data + from, at - from, "UNIQ_KEY", 8) != NULL;
}

void frame_template_scan(struct frame_template *t, enum codec codec)
{
	char text[32];

	t->place_count = 0;
	if (codec == CODEC_BINARY) {
		add_place(t, BINARY_OPAQUE_AT, MARK_OPAQUE_BINARY);
	} else {
		mem_format(text, sizeof(text), "%d", MARKER_OPAQUE);
		find(t, text, strlen(text), MARK_OPAQUE_TEXT);
	}
	mem_format(text, sizeof(text), "%lld", (long long)MARKER_BORN_MS);
	find(t, text, strlen(text), MARK_BORN);
	find(t, MARKER_NUMBER, NUMBER_CHARS, MARK_SAME);
	find(t, MARKER_STAMP, STAMP_BYTES, MARK_STAMP);
	for (int i = 0; i < t->place_count; i++)
		if ((t->places[i] & 7) == MARK_SAME && is_unique_key(t, t->places[i] >> 3))
			t->places[i] = (t->places[i] & ~7u) | MARK_NUMBER;
	qsort(t->places, (size_t)t->place_count, sizeof(*t->places), by_offset);
}

static void put_digits(uint8_t *at, int digits, uint64_t value)
{
	while (digits-- > 0) {
		at[digits] = (uint8_t)('0' + value % 10);
		value /= 10;
	}
}

static void put_hex(uint8_t *at, uint64_t value)
{
	static const char digits[] = "0123456789ABCDEF";

	for (int i = NUMBER_CHARS - 1; i >= 0; i--) {
		at[i] = (uint8_t)digits[value & 15];
		value >>= 4;
	}
}

static void put_stamp(uint8_t *at, const struct stamp *s)
{
	put_u64(at, s->run);
	put_u64(at + 8, s->intended_ns);
	put_u32(at + 16, s->link);
	put_u32(at + 20, s->slot);
}

bool stamp_read(struct slice body, struct stamp *out)
{
	if (body.len < STAMP_BYTES)
		return false;
	out->run = get_u64(body.at);
	out->intended_ns = get_u64(body.at + 8);
	out->link = get_u32(body.at + 16);
	out->slot = get_u32(body.at + 20);
	return true;
}

void frame_template_put(const struct frame_template *t, struct buf *out, int32_t opaque, int64_t born_ms, uint64_t *number,
			const struct stamp *stamp)
{
	uint8_t *frame = buf_grow(out, t->bytes.len);

	memcpy(frame, t->bytes.data, t->bytes.len);
	for (int i = 0; i < t->place_count; i++) {
		uint8_t *at = frame + (t->places[i] >> 3);

		switch ((enum mark)(t->places[i] & 7)) {
		case MARK_OPAQUE_TEXT:
			put_digits(at, 10, (uint64_t)opaque);
			break;
		case MARK_OPAQUE_BINARY:
			put_u32(at, (uint32_t)opaque);
			break;
		case MARK_BORN:
			put_digits(at, 13, (uint64_t)born_ms);
			break;
		case MARK_NUMBER:
			put_hex(at, ++*number);
			break;
		case MARK_SAME:
			put_hex(at, *number);
			break;
		case MARK_STAMP:
			put_stamp(at, stamp);
			break;
		}
	}
}

void frame_template_free(struct frame_template *t)
{
	buf_free(&t->bytes);
	free(t->places);
	*t = (struct frame_template){0};
}
