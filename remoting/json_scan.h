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

#endif
