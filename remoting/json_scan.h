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

#include "base/find.h"
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

/* json_name where nothing unusual comes, inlined: false, and nothing changed, at blanks, escapes, the end and what is malformed. */
static inline bool json_plain_name(struct json_scan *s, struct slice *name);

/* The value at which the scan stands. RC_OK or RC_MALFORMED. */
enum rc json_value(struct json_scan *s, struct json_value *v);

/* json_name and json_value in one step: what json_name returns, or RC_MALFORMED for the value. Nearly every member
 * of a header is ,"name":"value" and is taken inline; any other by json_any_member. */
static inline enum rc json_member(struct json_scan *s, struct json_text *name, struct json_value *v);
enum rc json_any_member(struct json_scan *s, struct json_text *name, struct json_value *v);

/* Walk to the end of the object, whose members it checks and counts. RC_OK, RC_MALFORMED, RC_TOO_BIG (more than max). */
enum rc json_count_members(struct json_scan *s, size_t max, size_t *count);

/* What is left behind the object, blanks skipped. */
struct slice json_rest(const struct json_scan *s);

/* Resolve escapes: writes at most raw.len bytes at out (which may not overlap), *len of them. A lone surrogate becomes '?', as
 * when Java writes it as UTF-8. False on an escape that JSON does not have. */
bool json_unescape(struct slice raw, char *out, size_t *len);

/* Write text with what JSON cannot hold escaped, and U+FFFD for bytes that are no UTF-8; at most 6 bytes a byte. Returns the new end. */
#define JSON_ESCAPED_MAX 6
char *json_put_escaped(char *out, struct slice text);

/* ---- inlined ---- */

/* The first quote or backslash, or end. */
static inline const char *json_find_special(const char *at, const char *end) { return find_either(at, end, '"', '\\'); }

static inline bool json_plain_name(struct json_scan *s, struct slice *name)
{
	const char *from = s->at + s->is_inside, *at; /* over the comma */

	if (s->end - s->at < 2 || (s->is_inside && *s->at != ',') || *from != '"')
		return false;
	at = json_find_special(++from, s->end);
	if (s->end - at < 3 || at[0] != '"' || at[1] != ':' || (unsigned char)at[2] <= ' ')
		return false;
	*name = (struct slice){from, (size_t)(at - from)};
	s->at = at + 2;
	s->is_inside = true;
	return true;
}

/* The string whose first byte is at `from`, behind the quote: where it goes on behind the closing one, or NULL. */
static inline const char *json_string(const char *from, const char *end, struct json_text *out)
{
	const char *at = json_find_special(from, end);
	bool is_escaped = false;

	while (at < end && *at == '\\') {
		if (end - at < 2)
			return NULL;
		is_escaped = true;
		at = json_find_special(at + 2, end);
	}
	if (at == end)
		return NULL;
	*out = (struct json_text){{from, (size_t)(at - from)}, is_escaped};
	return at + 1;
}

static inline enum rc json_member(struct json_scan *s, struct json_text *name, struct json_value *v)
{
	const char *from = s->at + s->is_inside, *end = s->end, *at; /* over the comma */

	if (end - s->at < 2 || (s->is_inside && *s->at != ',') || *from != '"')
		return json_any_member(s, name, v);
	at = json_find_special(++from, end);
	if (end - at < 3 || at[0] != '"' || at[1] != ':' || at[2] != '"')
		return json_any_member(s, name, v);
	*name = (struct json_text){{from, (size_t)(at - from)}, false};
	v->kind = JSON_STRING;
	at = json_string(at + 3, end, &v->as);
	if (at == NULL)
		return RC_MALFORMED;
	s->at = at;
	s->is_inside = true;
	return RC_OK;
}

#endif
