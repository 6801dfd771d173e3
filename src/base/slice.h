/* slice: a view of bytes that somebody else owns. Never NUL-terminated; `at` may be NULL when len is 0.
 *
 * Print with "%.*s", SLICE_ARG(s). Thread: any. Memory: none. */
#ifndef BASE_SLICE_H
#define BASE_SLICE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct slice {
	const char *at;
	size_t len;
};

#define SLICE_LIT(text) ((struct slice){(text), sizeof(text) - 1})
#define SLICE_ARG(s) ((int)(s).len), ((s).at ? (s).at : "")

static inline struct slice slice_of(const char *text) { return (struct slice){text, text ? strlen(text) : 0}; }

static inline bool slice_eq(struct slice a, struct slice b)
{
	return a.len == b.len && (a.len == 0 || memcmp(a.at, b.at, a.len) == 0);
}

static inline bool slice_is(struct slice a, const char *text) { return slice_eq(a, slice_of(text)); }

static inline bool slice_has_prefix(struct slice s, struct slice prefix)
{
	return s.len >= prefix.len && (prefix.len == 0 || memcmp(s.at, prefix.at, prefix.len) == 0);
}

/* Bytes [from, from + len) of s, cut to what s has. */
static inline struct slice slice_sub(struct slice s, size_t from, size_t len)
{
	if (from > s.len)
		from = s.len;
	if (len > s.len - from)
		len = s.len - from;
	return (struct slice){s.at + from, len};
}

/* Decimal integer, optional sign, nothing else around it. Returns false (and leaves *out) on anything else or overflow. */
bool slice_to_i64(struct slice s, int64_t *out);
bool slice_to_i32(struct slice s, int32_t *out);

/* "true"/"false" in any case, as Java's Boolean.parseBoolean writes them; anything else is refused. */
bool slice_to_bool(struct slice s, bool *out);

/* Position of the first `c`, or s.len. */
size_t slice_find(struct slice s, char c);

/* Take the text before `separator` off the front of *rest; false when *rest was empty and nothing is left. */
bool slice_split(struct slice *rest, char separator, struct slice *part);

/* Copy to malloc'ed, NUL-terminated memory, owned by the caller. */
char *slice_dup(struct slice s);

/* Java's String.hashCode over the UTF-16 units of the UTF-8 text: tags, index keys and map orders depend on it. */
int32_t slice_java_hash(struct slice s);

#endif
