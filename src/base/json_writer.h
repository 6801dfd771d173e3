/* json_writer: streams JSON text into a buf, as fastjson writes it (../docs/protocol.md, "JSON bodies").
 *
 *	struct json_writer w;
 *	json_begin(&w, &out, JSON_COMPACT);
 *	json_object(&w);
 *	json_member_text(&w, "brokerName", name);
 *	json_key(&w, "brokerAddrs");
 *	json_object(&w); json_key_i64(&w, 0, JSON_QUOTED); json_text(&w, addr); json_object_end(&w);
 *	json_object_end(&w);            -> {"brokerName":"a","brokerAddrs":{"0":"1.2.3.4:10911"}}
 *
 * Members stand in the order they are written; fastjson sorts them by name, so callers do. Commas are the writer's.
 * JSON_COMPACT has no blanks: the Go client cuts route texts at commas and colons without trimming. JSON_PRETTY is fastjson's
 * prettyFormat (a tab a level, nothing behind the colon), as Apache writes its state files.
 * Bytes that are no UTF-8 become U+FFFD, as Java decodes them. Misuse (a value without a key) is our mistake and asserted.
 * Thread: any. Memory: the caller's buf; the writer holds nothing. */
#ifndef BASE_JSON_WRITER_H
#define BASE_JSON_WRITER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/slice.h"

#define JSON_DEPTH_MAX 32 /* deepest nesting that we write */

enum json_style { JSON_COMPACT, JSON_PRETTY };
enum json_key_form { JSON_QUOTED, JSON_BARE }; /* {"0":..} | {0:..} as fastjson writes Map<Long, ..> */

struct json_writer {
	struct buf *out;
	enum json_style style;
	unsigned depth;
	bool has_key;                   /* a key was written, its value comes next */
	bool is_object[JSON_DEPTH_MAX]; /* by level */
	bool has_items[JSON_DEPTH_MAX]; /* the level has an item already: a comma is due */
};

/* Append one document to `out`, behind what is there. */
void json_begin(struct json_writer *w, struct buf *out, enum json_style style);

void json_object(struct json_writer *w);
void json_object_end(struct json_writer *w);
void json_array(struct json_writer *w);
void json_array_end(struct json_writer *w);

/* The name of the next member of the open object. json_key takes our own literals (no escapes in them). */
void json_key(struct json_writer *w, const char *name);
void json_key_text(struct json_writer *w, struct slice name);
void json_key_i64(struct json_writer *w, int64_t key, enum json_key_form form);
/* An object as key, {{"brokerName":..}:value} (fastjson's Map<MessageQueue, ..>): begin, write one object, end. */
void json_key_object(struct json_writer *w);
void json_key_object_end(struct json_writer *w);

/* Values: of the key just written, or items of the open array. */
void json_text(struct json_writer *w, struct slice text);
void json_i64(struct json_writer *w, int64_t value);
void json_bool(struct json_writer *w, bool value);
void json_double(struct json_writer *w, double value);    /* as Java prints it: 1.0; NaN and infinities are null */
void json_raw(struct json_writer *w, struct slice value); /* a finished JSON value (in pretty style: copied as it is) */

/* Key and value in one. */
void json_member_text(struct json_writer *w, const char *name, struct slice text);
void json_member_i64(struct json_writer *w, const char *name, int64_t value);
void json_member_bool(struct json_writer *w, const char *name, bool value);
void json_member_double(struct json_writer *w, const char *name, double value);

/* "text" with quotes and escapes, for callers that build text by hand. */
void json_put_quoted(struct buf *out, struct slice text);

#endif
