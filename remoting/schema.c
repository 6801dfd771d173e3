#include "remoting/schema.h"

#include <strings.h>

#include "base/defs.h"
#include "remoting/number.h"

/* Length and three bytes tell the names of one header apart well enough: at most a step or two of probing. */
static inline size_t schema_hash(const char *at, size_t len)
{
	unsigned first = (uint8_t)at[0], middle = (uint8_t)at[len / 2], last = (uint8_t)at[len - 1];

	return (len * 7 + first + middle * 3 + last * 5) % SCHEMA_INDEX_SLOTS;
}

void schema_fill_index(const struct schema *s, uint8_t *index)
{
	ASSERT(s->count <= SCHEMA_INDEX_SLOTS / 2);
	for (size_t i = 0; i < s->count; i++) {
		size_t slot = schema_hash(s->fields[i].name, s->fields[i].name_len);

		while (index[slot] != 0)
			slot = (slot + 1) % SCHEMA_INDEX_SLOTS;
		index[slot] = (uint8_t)(i + 1);
	}
}

static bool is_named(const struct field *f, struct slice name)
{
	return f->name_len == name.len && memcmp(f->name, name.at, name.len) == 0;
}

int schema_find(const struct schema *s, struct slice name)
{
	if (name.len == 0)
		return -1;
	if (s->index == NULL) {
		for (size_t i = 0; i < s->count; i++)
			if (is_named(&s->fields[i], name))
				return (int)i;
		return -1;
	}
	for (size_t slot = schema_hash(name.at, name.len); s->index[slot] != 0; slot = (slot + 1) % SCHEMA_INDEX_SLOTS)
		if (is_named(&s->fields[s->index[slot] - 1], name))
			return s->index[slot] - 1;
	return -1;
}

/* Java's Boolean.parseBoolean: everything but "true", in any case, is false. C++ clients send 0 and 1. */
static bool is_true(struct slice value) { return value.len == 4 && strncasecmp(value.at, "true", 4) == 0; }

static bool set_member(const struct field *f, char *member, struct slice value)
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
		*(bool *)(void *)member = is_true(value);
		return true;
	}
	return false;
}

enum rc schema_set(const struct schema *s, void *header, size_t row, struct slice value)
{
	const struct field *f = &s->fields[row];

	if (!set_member(f, (char *)header + f->offset, value))
		return RC_MALFORMED;
	*(uint64_t *)header |= (uint64_t)1 << row;
	return RC_OK;
}

const char *schema_missing(const struct schema *s, const void *header)
{
	uint64_t absent = schema_all(s) & ~*(const uint64_t *)header;

	for (; absent != 0; absent &= absent - 1) {
		const struct field *f = &s->fields[__builtin_ctzll(absent)];

		if (f->is_required)
			return f->name;
	}
	return NULL;
}

struct slice schema_text(const struct schema *s, const void *header, size_t row, char text[SCHEMA_TEXT_MAX])
{
	const struct field *f = &s->fields[row];
	const void *member = (const char *)header + f->offset;

	switch (f->type) {
	case FIELD_STRING:
		return *(const struct slice *)member;
	case FIELD_I32:
		return (struct slice){text, number_put_i64(text, *(const int32_t *)member)};
	case FIELD_I64:
		return (struct slice){text, number_put_i64(text, *(const int64_t *)member)};
	case FIELD_BOOL:
		return *(const bool *)member ? SLICE_LIT("true") : SLICE_LIT("false");
	}
	return (struct slice){0};
}
