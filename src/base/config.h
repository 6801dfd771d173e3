/* config: configuration as one table of rows: loading, setting by name, printing and documentation come from it.
 *
 *   row: key, kind, offset in the config struct, default text, range, flags
 *
 * Kinds and their members: STRING char * (malloc'ed, NULL = unset), INT int32_t, LONG int64_t, BOOL bool, DOUBLE double,
 * ENUM int (place in the row's list of names). A row with CONFIG_KEPT is a key of Apache that the code does not use: its member is a
 * char * whatever the kind, NULL for the default; the value is checked for its kind, kept and shown.
 * Thread: the owner's of the struct. Memory: the strings belong to the struct until config_free. */
#ifndef BASE_CONFIG_H
#define BASE_CONFIG_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

enum config_kind { CONFIG_STRING, CONFIG_INT, CONFIG_LONG, CONFIG_BOOL, CONFIG_DOUBLE, CONFIG_ENUM };

#define CONFIG_MUTABLE 1u   /* may change while the program runs */
#define CONFIG_HIDDEN 2u    /* never changed from remote (configBlackList) */
#define CONFIG_IMPORTANT 4u /* printed by -m */
#define CONFIG_KEPT 8u      /* known, shown, without effect */
#define CONFIG_GUARD 16u    /* kept, and its owner believes to be protected by it: a value that is not the default is refused */

struct config_row {
	const char *key;
	enum config_kind kind;
	size_t offset;
	const char *default_text; /* NULL: unset */
	int64_t min, max;         /* of INT, LONG, DOUBLE */
	const char *choices;      /* of ENUM: names separated by blanks */
	unsigned flags;
};

struct config_schema {
	const struct config_row *rows;
	size_t count;
	size_t config_bytes; /* size of the struct, for config_new */
	/* What rows cannot say: texts with a grammar, keys that must agree. Looked at by config_update; NULL: nothing. RC_OK or RC_INVALID with
	 * *error, malloc'ed. */
	enum rc (*check)(const void *config, char **error);
};

/* What a *_keys.def file becomes. HONOURED(kind, member, key, default, min, max, choices, flags) is a key that the code uses: a member
 * of the struct, and a row. KNOWN(kind, key, default, flags) is one without effect: a place in the array `kept` of the struct, and a row. */
#define CONFIG_MEMBER_STRING(member) char *member;
#define CONFIG_MEMBER_INT(member) int32_t member;
#define CONFIG_MEMBER_LONG(member) int64_t member;
#define CONFIG_MEMBER_BOOL(member) bool member;
#define CONFIG_MEMBER_DOUBLE(member) double member;
#define CONFIG_MEMBER_ENUM(member) int member;

#define CONFIG_ROW_HONOURED(type, kind, member, key, default_text, min, max, choices, flags)                                     \
	{#key, CONFIG_##kind, offsetof(type, member), default_text, min, max, choices, flags},
#define CONFIG_ROW_KNOWN(type, place, kind, key, default_text, flags)                                                            \
	{#key, CONFIG_##kind,        offsetof(type, kept) + (place) * sizeof(char *), default_text, INT64_MIN, INT64_MAX,        \
	 NULL, (flags) | CONFIG_KEPT},

/* What a load found: text, one problem a line, without newline at the end of the last; empty = none. */
struct config_report {
	struct buf errors, warnings, notes; /* notes: known keys without effect */
};
void config_report_free(struct config_report *r);

/* Set every member to its default; `config` is memory of any content. Asserts that each default is valid. */
void config_defaults(const struct config_schema *s, void *config);
void config_free(const struct config_schema *s, void *config); /* the strings */

/* The same for a struct of its own: allocated with its defaults; freed with its strings (NULL is fine). */
void *config_new(const struct config_schema *s);
void config_destroy(const struct config_schema *s, void *config);

/* Give a string that is unset or empty the value that was worked out for it. Takes over `value`. */
void config_fill(char **member, char *value);

/* Read a properties file over the present values. All problems of the file are reported, not only the first; good lines are applied
 * also when others are bad. Unknown key: a warning that names the nearest known key. A kept key that is set to something else than
 * its default: a note that it has no effect.
 * Returns RC_OK; RC_INVALID (report->errors says file, line, key, value, expectation); or why the file cannot be read. */
enum rc config_load(const struct config_schema *s, void *config, const char *path, struct config_report *report);

/* The line of a problem that was found after loading: for an `error` that begins with "key 'NAME': ", "PATH:LINE: " and the error,
 * where LINE is the last one of the file that sets NAME; else a copy of the error. `path` may be NULL. Malloc'ed. */
char *config_locate(const char *path, const char *error);

/* Set one key from text (blanks around the value are dropped). *error, malloc'ed, on failure, names key, value and expectation.
 * Returns RC_OK; RC_NOT_FOUND (unknown key); RC_INVALID (bad value). */
enum rc config_set(const struct config_schema *s, void *config, struct slice key, struct slice value, char **error);

/* Change of a running program (UPDATE_BROKER_CONFIG, UPDATE_NAMESRV_CONFIG): `text` is properties text. All keys or none are applied.
 * *error, malloc'ed, on failure names the key. Returns RC_OK; RC_PERMISSION (CONFIG_HIDDEN, or listed in the key configBlackList); RC_READ_ONLY
 * (takes effect at start only); RC_NOT_FOUND; RC_INVALID (also by the schema's check); RC_MALFORMED, RC_TOO_BIG (the text). */
enum rc config_update(const struct config_schema *s, void *config, struct slice text, char **error);

/* Rewrite the properties text `old` so that it has the values that `changes` (properties text too) sets: lines of those keys are
 * replaced, new keys are appended, everything else (comments, order) stays. Appended to out. */
enum rc config_merge_text(struct slice old, struct slice changes, struct buf *out);

/* Append "key=value\n" for every row, sorted by key, as Apache's 26 and 319 send it. Unset strings are left out, or shown empty
 * with show_unset (-p). Only rows that have all of `flags` (0: every row). */
void config_print(const struct config_schema *s, const void *config, unsigned flags, bool show_unset, struct buf *out);

/* Append one value as text. False when the key is unknown or unset (nothing is appended). */
bool config_get(const struct config_schema *s, const void *config, const char *key, struct buf *out);

/* The row of a key, or NULL. */
const struct config_row *config_find(const struct config_schema *s, struct slice key);

/* The known key that is nearest by edit distance, when it is near enough to be meant; else NULL. */
const char *config_nearest(const struct config_schema *s, struct slice key);

/* Append the present value of a row as text; nothing for an unset one. */
void config_value_text(const struct config_row *row, const void *config, struct buf *out);

#endif
