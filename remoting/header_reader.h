/* header_reader: ext fields into a schema's struct, one after the other, as a codec walks over them. Private to remoting/.
 *
 *   codec: has the code -> header_reader_begin -> header_reader_take for each ext field -> command.c: header_reader_end
 *
 * What is wrong with a field is kept in the reader, and the walk goes on: whether the frame is malformed is another question.
 * Thread: any. Memory: the header and resolved strings are in reader->arena. */
#ifndef REMOTING_HEADER_READER_H
#define REMOTING_HEADER_READER_H

#include "remoting/command.h"

/* The ext fields of a request with this code follow. Forgets what was taken before: of two extFields the last counts. */
void header_reader_begin(struct header_reader *r, int32_t code);

/* All fields are taken: is one missing? */
void header_reader_end(struct header_reader *r);

/* Escapes of *value resolved into the arena. RC_OK, RC_MALFORMED, RC_NO_MEMORY. */
enum rc header_reader_resolve(struct slice *value, struct arena *arena);

/* Java reads an empty number as null from a binary header (5.x); from JSON it would throw. Both are "did not come" here. */
static inline bool header_reader_is_absent(const struct field *f, struct slice value)
{
	return value.len == 0 && f->type != FIELD_STRING;
}

/* `is_escaped`: value is JSON text whose escapes are still there. Only for a reader with a schema. */
static inline void header_reader_take(struct header_reader *r, struct slice name, struct slice value, bool is_escaped)
{
	int row = r->rc == RC_OK ? schema_find(r->schema, name) : -1;

	if (row < 0 || header_reader_is_absent(&r->schema->fields[row], value))
		return;
	if (is_escaped)
		r->rc = header_reader_resolve(&value, r->arena);
	if (r->rc == RC_OK)
		r->rc = schema_set(r->schema, r->header, (size_t)row, value);
	if (r->rc != RC_OK)
		r->bad = r->schema->fields[row].name;
}

#endif
