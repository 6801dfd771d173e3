#include "remoting/schema.h"

#include "base/defs.h"
#include "remoting/number.h"

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
