/* schema: what a command's custom header looks like, as rows; decoding and encoding in both codecs come from them.
 *
 * A header struct begins with `uint64_t present`, bit i set when row i came (decode) or is to be written (encode):
 *
 *	struct get_max_offset_response_header h = {.present = HEADER_ALL(get_max_offset_response_header), .offset = 7};
 *	struct pull_message_request_header p = {.present = HEADER_BIT(pull_message_request_header, topic), .topic = t};
 *
 * The rows are X-macros in headers.h. Thread: any (constant tables). */
#ifndef REMOTING_SCHEMA_H
#define REMOTING_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <strings.h>

#include "base/rc.h"
#include "base/slice.h"

enum field_type {
	FIELD_STRING, /* struct slice */
	FIELD_I32,    /* int32_t */
	FIELD_I64,    /* int64_t */
	FIELD_BOOL    /* bool */
};

#define SCHEMA_JSON_BYTES 48 /* three copies of 16 bytes; the longest name has 27 */

struct field {
	const char *name; /* on the wire: the Java field name */
	size_t name_len;
	enum field_type type;
	bool is_required;             /* @CFNotNull; a missing one is refused with a remark that names it */
	size_t offset;                /* in the header struct */
	char json[SCHEMA_JSON_BYTES]; /* ,"name":" as a JSON header has it; names hold nothing that needs escaping */
};

struct schema {
	const char *name; /* Apache's class, for messages and documentation */
	const struct field *fields;
	size_t count;         /* <= 64 */
	size_t size;          /* of the header struct */
	const uint8_t *index; /* SCHEMA_INDEX_SLOTS of row + 1, 0 = free, by schema_hash() */
};

#define SCHEMA_INDEX_SLOTS 64

/* Fill a schema's index; headers.c does so for every schema before main(). At most SCHEMA_INDEX_SLOTS / 2 rows. */
void schema_fill_index(const struct schema *s, uint8_t *index);

/* Row of the field with this wire name, or -1. One hash and, nearly always, one comparison. */
static inline int schema_find(const struct schema *s, struct slice name);

/* Give row `row` of `header` a value that came as text. Strings keep pointing at `value`. RC_OK; RC_MALFORMED when it is not of the
 * row's type (the member and its present bit are then untouched). */
static inline enum rc schema_set(const struct schema *s, void *header, size_t row, struct slice value);

/* Wire name of the first required row that is missing, or NULL. */
const char *schema_missing(const struct schema *s, const void *header);

/* Value of row `row` as text: strings as they are, numbers and booleans formatted into `text`. */
#define SCHEMA_TEXT_MAX 24
struct slice schema_text(const struct schema *s, const void *header, size_t row, char text[SCHEMA_TEXT_MAX]);

/* Set the bit of every row. */
static inline uint64_t schema_all(const struct schema *s) { return s->count == 64 ? UINT64_MAX : ((uint64_t)1 << s->count) - 1; }

/* ---- inlined: every ext field of every request goes through here ---- */

/* Length and three bytes tell the names of one header apart well enough: at most a step or two of probing. */
static inline size_t schema_hash(const char *at, size_t len)
{
	unsigned first = (uint8_t)at[0], middle = (uint8_t)at[len / 2], last = (uint8_t)at[len - 1];

	if (len == 1) /* the V2 header of a send: its letters do not collide */
		return first % SCHEMA_INDEX_SLOTS;
	return (len * 7 + first + middle * 3 + last * 5) % SCHEMA_INDEX_SLOTS;
}

/* Nearly all names have one letter or 8 to 16: two loads that overlap compare those without a call. */
static inline bool schema_same_name(const char *a, const char *b, size_t len)
{
	uint64_t a_first, b_first, a_last, b_last;

	if (len < 8 || len > 16)
		return len == 1 ? *a == *b : memcmp(a, b, len) == 0;
	memcpy(&a_first, a, 8);
	memcpy(&b_first, b, 8);
	memcpy(&a_last, a + len - 8, 8);
	memcpy(&b_last, b + len - 8, 8);
	return ((a_first ^ b_first) | (a_last ^ b_last)) == 0;
}

static inline int schema_find(const struct schema *s, struct slice name)
{
	if (name.len == 0)
		return -1;
	for (size_t slot = schema_hash(name.at, name.len); s->index[slot] != 0; slot = (slot + 1) % SCHEMA_INDEX_SLOTS) {
		const struct field *f = &s->fields[s->index[slot] - 1];

		if (f->name_len == name.len && schema_same_name(f->name, name.at, name.len))
			return s->index[slot] - 1;
	}
	return -1;
}

/* Java's Boolean.parseBoolean: everything but "true", in any case, is false. C++ clients send 0 and 1. */
static inline bool schema_is_true(struct slice value) { return value.len == 4 && strncasecmp(value.at, "true", 4) == 0; }

static inline bool schema_set_member(const struct field *f, char *member, struct slice value)
{
	switch (f->type) {
	case FIELD_STRING:
		memcpy(member, &value, sizeof(value));
		return true;
	case FIELD_I32:
		return slice_to_i32(value, (int32_t *)(void *)member);
	case FIELD_I64:
		return slice_to_i64(value, (int64_t *)(void *)member);
	case FIELD_BOOL:
		*(bool *)(void *)member = schema_is_true(value);
		return true;
	}
	return false;
}

static inline enum rc schema_set(const struct schema *s, void *header, size_t row, struct slice value)
{
	const struct field *f = &s->fields[row];

	if (!schema_set_member(f, (char *)header + f->offset, value))
		return RC_MALFORMED;
	*(uint64_t *)header |= (uint64_t)1 << row;
	return RC_OK;
}

#endif
