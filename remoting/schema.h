/* schema: what a command's custom header looks like, as rows; decoding and encoding in both codecs come from them.
 *
 * A header struct begins with `uint64_t present`, bit i set when row i came (decode) or is to be written (encode):
 *
 *	struct pull_message_request_header h = { .topic = t };
 *	SCHEMA_SET(h, pull_message_request_header, topic);   -- or schema_set_all() for every row
 *
 * The rows are X-macros in headers.h. Thread: any (constant tables). */
#ifndef REMOTING_SCHEMA_H
#define REMOTING_SCHEMA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/slice.h"

enum field_type {
	FIELD_STRING, /* struct slice */
	FIELD_I32,    /* int32_t */
	FIELD_I64,    /* int64_t */
	FIELD_BOOL    /* bool */
};

struct field {
	const char *name; /* on the wire: the Java field name */
	size_t name_len;
	enum field_type type;
	bool is_required; /* @CFNotNull; a missing one is refused with a remark that names it */
	size_t offset;    /* in the header struct */
};

struct schema {
	const char *name; /* Apache's class, for messages and documentation */
	const struct field *fields;
	size_t count; /* <= 64 */
	size_t size;  /* of the header struct */
};

/* Set the bit of every row. */
static inline uint64_t schema_all(const struct schema *s) { return s->count == 64 ? UINT64_MAX : ((uint64_t)1 << s->count) - 1; }

#endif
