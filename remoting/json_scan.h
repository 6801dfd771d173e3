/* json_scan: a flat, forgiving reader of one JSON object: members in any order, values as slices of the text.
 *
 * Headers only; bodies go through base/json_read. Nothing is allocated and nothing recurses: a nested value that nobody asked for is
 * skipped as text, JSON_DEPTH_MAX deep at most. Raw control characters in strings are taken, as fastjson takes them.
 *
 *	json_scan_begin(&s, text);
 *	while ((rc = json_name(&s, &name)) == RC_OK) {
 *		if ((rc = json_value(&s, &v)) != RC_OK)
 *			break;
 *	}
 *	if (rc != RC_NOT_FOUND) ... malformed
 *
 * Thread: any. Memory: none. Each byte is looked at a bounded number of times, whatever it says. */
#ifndef REMOTING_JSON_SCAN_H
#define REMOTING_JSON_SCAN_H

#include <endian.h>
#ifdef __SSE2__ /* every x86-64 has it */
#include <emmintrin.h>
#endif

#include "base/rc.h"
#include "base/slice.h"

#define JSON_DEPTH_MAX 32

enum json_kind { JSON_STRING, JSON_LITERAL /* number, true, false */, JSON_NULL, JSON_NESTED };

struct json_text { /* between the quotes */
	struct slice text;
	bool is_escaped; /* holds at least one backslash */
};

struct json_value {
	enum json_kind kind;
	struct json_text as; /* JSON_NESTED: the brackets too */
};

struct json_scan {
	const char *at, *end;
	bool is_inside; /* a member came already: a comma must follow */
};

/* Enter the object at the start of `text` (blanks before it are skipped). False when there is none. */
bool json_scan_begin(struct json_scan *s, struct slice text);

/* Name of the next member; the scan then stands at its value. RC_NOT_FOUND behind the closing brace, RC_MALFORMED. */
enum rc json_name(struct json_scan *s, struct json_text *name);

/* The value at which the scan stands. RC_OK or RC_MALFORMED. */
enum rc json_value(struct json_scan *s, struct json_value *v);

/* json_name and json_value in one step: what json_name returns, or RC_MALFORMED for the value. Nearly every member of a header is
 * ,"name":"value" and is taken here, inlined; any other goes through the two functions. */
static inline enum rc json_member(struct json_scan *s, struct json_text *name, struct json_value *v);

/* Walk to the end of the object, whose members it checks and counts. RC_OK, RC_MALFORMED, RC_TOO_BIG (more than max). */
enum rc json_count_members(struct json_scan *s, size_t max, size_t *count);

/* What is left behind the object, blanks skipped. */
struct slice json_rest(const struct json_scan *s);

/* Resolve escapes: writes at most raw.len bytes at out (which may not overlap), *len of them. A lone surrogate becomes '?', as
 * when Java writes it as UTF-8. False on an escape that JSON does not have. */
bool json_unescape(struct slice raw, char *out, size_t *len);

/* Write text with what JSON cannot hold escaped; at most 6 bytes a byte. Returns the new end. */
#define JSON_ESCAPED_MAX 6
char *json_put_escaped(char *out, struct slice text);

/* ---- eight (with SSE2 sixteen) bytes at a time: names and values are mostly 4 to 30 bytes long, too short to pay for calls of memchr ---- */

#define JSON_ONES 0x0101010101010101u
#define JSON_HIGH (JSON_ONES * 0x80)

static inline uint64_t json_load8(const char *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return le64toh(v); /* the first byte is the lowest */
}

/* The lowest set bit marks the first byte that is c (bits above it may be wrong, by the borrow). */
static inline uint64_t json_has_byte(uint64_t v, uint8_t c)
{
	uint64_t x = v ^ JSON_ONES * c;

	return (x - JSON_ONES) & ~x & JSON_HIGH;
}

static inline size_t json_first_byte(uint64_t marks) { return (size_t)__builtin_ctzll(marks) / 8; }

/* The first quote or backslash, or end. */
static inline const char *json_find_special(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');

	for (; end - at >= 16; at += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
		unsigned marks =
			(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));

		if (marks != 0)
			return at + __builtin_ctz(marks);
	}
#endif
	for (; end - at >= 8; at += 8) {
		uint64_t v = json_load8(at), marks = json_has_byte(v, '"') | json_has_byte(v, '\\');

		if (marks != 0)
			return at + json_first_byte(marks);
	}
	while (at < end && *at != '"' && *at != '\\')
		at++;
	return at;
}

/* From behind an opening quote to behind the closing one. */
static inline bool json_string(struct json_scan *s, const char *from, struct json_text *out)
{
	const char *at = json_find_special(from, s->end);

	out->is_escaped = false;
	while (at < s->end && *at == '\\') {
		if (s->end - at < 2)
			return false;
		out->is_escaped = true;
		at = json_find_special(at + 2, s->end);
	}
	if (at == s->end)
		return false;
	out->text = (struct slice){from, (size_t)(at - from)};
	s->at = at + 1;
	return true;
}

static inline enum rc json_any_member(struct json_scan *s, struct json_text *name, struct json_value *v)
{
	enum rc rc = json_name(s, name);

	return rc == RC_OK ? json_value(s, v) : rc;
}

static inline enum rc json_member(struct json_scan *s, struct json_text *name, struct json_value *v)
{
	const char *from = s->at, *at;

	if (!s->is_inside || s->end - from < 2 || memcmp(from, ",\"", 2) != 0)
		return json_any_member(s, name, v);
	at = json_find_special(from + 2, s->end);
	if (s->end - at < 3 || memcmp(at, "\":\"", 3) != 0)
		return json_any_member(s, name, v);
	*name = (struct json_text){{from + 2, (size_t)(at - from - 2)}, false};
	v->kind = JSON_STRING;
	return json_string(s, at + 3, &v->as) ? RC_OK : RC_MALFORMED;
}

#endif
