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

#include "base/rc.h"
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
	size_t count;         /* <= 64 */
	size_t size;          /* of the header struct */
	const uint8_t *index; /* SCHEMA_INDEX_SLOTS of row + 1, 0 = free, by schema_hash(); NULL: rows are searched in order */
};

#define SCHEMA_INDEX_SLOTS 64

/* Fill a schema's index; headers.c does so for every schema before main(). At most SCHEMA_INDEX_SLOTS / 2 rows. */
void schema_fill_index(const struct schema *s, uint8_t *index);

/* Row of the field with this wire name, or -1. One hash and, nearly always, one comparison. */
int schema_find(const struct schema *s, struct slice name);

/* Give row `row` of `header` a value that came as text. Strings keep pointing at `value`. RC_OK; RC_MALFORMED when it is not of the
 * row's type (the member and its present bit are then untouched). */
enum rc schema_set(const struct schema *s, void *header, size_t row, struct slice value);

/* Wire name of the first required row that is missing, or NULL. */
const char *schema_missing(const struct schema *s, const void *header);

/* Value of row `row` as text: strings as they are, numbers and booleans formatted into `text`. */
#define SCHEMA_TEXT_MAX 24
struct slice schema_text(const struct schema *s, const void *header, size_t row, char text[SCHEMA_TEXT_MAX]);

/* Set the bit of every row. */
static inline uint64_t schema_all(const struct schema *s) { return s->count == 64 ? UINT64_MAX : ((uint64_t)1 << s->count) - 1; }

#endif
