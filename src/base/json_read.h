/* json_read: reading JSON bodies and state files: cJSON behind a lenient pre-pass, and checked accessors.
 *
 * Java's fastjson writes what strict parsers refuse (../docs/protocol.md, "JSON bodies"). The pre-pass copies the text and mends:
 *	{0:"x"}        -> {"0":"x"}            bare integer keys
 *	{{"a":1}:2}    -> {"{\"a\":1}":2}      object keys, packed into a string: json_parse it again to look inside
 *	[1,2,]         -> [1,2]                trailing commas
 *	9223372036854775807 -> "9223372036854775807"   integers of 16 digits and more, which a double would round
 *	bytes that are no UTF-8 -> U+FFFD, so that no text made from the tree has them
 * The accessors take "12", 12 and 12.0 for integers, as fastjson does, so mended numbers read as what they were.
 *
 * Thread: any. Memory: json_parse allocates a tree, freed by json_free; slices from it live as long as it. */
#ifndef BASE_JSON_READ_H
#define BASE_JSON_READ_H

#include <stdbool.h>
#include <stdint.h>

#include <cjson/cJSON.h>

#include "base/defs.h"
#include "base/rc.h"
#include "base/slice.h"

#define JSON_TEXT_MAX (256u * 1024 * 1024) /* longest text we read: a state file; frames are 16 MiB at most */
#define JSON_READ_DEPTH_MAX 64             /* deepest nesting we read */
#define JSON_ITEMS_MAX 4000000             /* most values in a text: each costs cJSON 64 bytes and more */

/* Parse one document; nothing but blanks may follow it.
 * Returns RC_OK and *out; RC_MALFORMED, RC_TOO_BIG (length, depth or items), RC_NO_MEMORY, and *out is untouched. */
enum rc json_parse(struct slice text, cJSON **out) MUST_USE;
static inline void json_free(cJSON *tree) { cJSON_Delete(tree); }

/* A member of `object` (NULL and non-objects are allowed and have none). NULL when absent or null. The last duplicate wins. */
const cJSON *json_get(const cJSON *object, const char *name);
const cJSON *json_get_object(const cJSON *object, const char *name); /* NULL also when it is not an object */
const cJSON *json_get_array(const cJSON *object, const char *name);

/* Read a member into *out. Absent or null: true, *out as it was (so that the caller's default stands).
 * Present with another type, or a number out of range: false, *out as it was. */
bool json_read_text(const cJSON *object, const char *name, struct slice *out);
bool json_read_i64(const cJSON *object, const char *name, int64_t *out);
bool json_read_i32(const cJSON *object, const char *name, int32_t *out);
bool json_read_bool(const cJSON *object, const char *name, bool *out);
bool json_read_double(const cJSON *object, const char *name, double *out);
/* An enum, by name (out: its place in `names`) or by ordinal. Unknown names are as absent, like fastjson's null. */
bool json_read_enum(const cJSON *object, const char *name, const char *const *names, int count, int *out);

/* Values without a name: array items, and members when walking an object with JSON_EACH. False on another type. */
bool json_value_text(const cJSON *value, struct slice *out);
bool json_value_i64(const cJSON *value, int64_t *out);

/* Name of a member while walking an object. */
static inline struct slice json_name(const cJSON *member) { return slice_of(member->string); }

/* Walk the items of an array or the members of an object; NULL is an empty one. */
#define JSON_EACH(it, parent) for (const cJSON *it = (parent) ? (parent)->child : NULL; it != NULL; it = it->next)

#endif
