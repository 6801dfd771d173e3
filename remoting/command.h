/* command: one remoting command, decoded from or encoded to a frame.
 *
 *   | length 4 | type 1, header length 3 | header (JSON or binary) | body |      all big-endian, ../docs/protocol.md
 *
 * Facts: Apache RemotingCommand, NettyDecoder, RocketMQSerializable; constants.md section 1.
 * Thread: any, no shared state. Memory: a decoded command is slices into the frame, valid as long as the frame. */
#ifndef REMOTING_COMMAND_H
#define REMOTING_COMMAND_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "remoting/schema.h"

#define FRAME_MAX_BYTES 16777216 /* counting the length field: the most a Java peer takes */
#define HEADER_MAX_BYTES                                                                                                         \
	262144 /* longest header we read: 32767 bytes of properties, each \u00XX in JSON, fit in; Apache has no limit */
#define EXT_FIELDS_MAX 256 /* most ext fields in one header */

enum codec { CODEC_JSON = 0, CODEC_BINARY = 1 }; /* serialize type on the wire */

#define FLAG_RESPONSE 1
#define FLAG_ONEWAY 2

struct command {
	int32_t code;
	int32_t language; /* LanguageCode ordinal, constants.md section 7; unknown names become LANGUAGE_OTHER */
	int32_t version;  /* MQVersion ordinal of the sender */
	int32_t opaque;
	int32_t flag; /* FLAG_* */
	enum codec codec;
	struct slice remark; /* JSON: still escaped; see command_remark() */
	struct slice ext;    /* the ext fields as they came: JSON object text, or binary key/value list; empty = none */
	struct slice body;
};

#define LANGUAGE_JAVA 0
#define LANGUAGE_CPP 1
#define LANGUAGE_OTHER 7
#define FUSEE_VERSION 513 /* MQVersion.V5_5_0: what we announce; clients enable SQL filters etc. by it */

/* How many bytes the frame at the start of `in` has, length field included.
 * Returns RC_OK and *frame_bytes; RC_AGAIN when fewer than 8 bytes are there; RC_TOO_BIG or RC_MALFORMED when the lengths are
 * impossible (the connection must then be closed). Does not need the whole frame to be there. */
enum rc frame_size(struct slice in, size_t *frame_bytes);

/* Decode a whole frame (as frame_size measured it). `why`, out on failure: static text naming what was wrong.
 * Returns RC_OK, RC_MALFORMED, RC_TOO_BIG (header or field count over its limit). */
enum rc command_decode(struct slice frame, struct command *out, const char **why);

/* command_decode, and what command_decode_ext does, in one walk over the header: for requests, which are many.
 *   schema_of  which schema the ext fields of a request with this code have; NULL: nobody reads them. Asked when `code` has been read, as
 *              soon as the ext fields come; where they come before it (legal, written by nobody we know), or a second code follows, they are
 *              walked once more.
 *   arena      for the header, and for strings whose escapes had to be resolved
 *   header     out, unless decoding fails: NULL without a schema or without memory; else as command_decode_ext leaves it
 *   rc, bad    out, unless decoding fails: as command_decode_ext returns them, RC_OK without a schema
 * Returns what command_decode returns: a bad value in an ext field is no malformed frame. */
struct header_reader {
	const struct schema *(*schema_of)(const struct header_reader *reader, int32_t code);
	void *ctx; /* the caller's */
	struct arena *arena;
	const struct schema *schema; /* out */
	void *header;
	enum rc rc;
	const char *bad;
	bool is_read; /* command.c and the codecs: header holds the ext fields, as those of `code` */
	int32_t code;
};
enum rc command_decode_with(struct slice frame, struct command *out, struct header_reader *reader, const char **why);

/* Decode ext fields into the struct that `schema` describes (zeroed by this call; `present` says which came).
 * Unknown fields are ignored, of one that comes twice the last counts, null and nested values and empty numbers count as absent;
 * a boolean is true when it reads "true" in any case, else false (Boolean.parseBoolean; C++ clients send 0). Strings point into the frame, or into `arena` where JSON escapes had to be resolved.
 * Returns RC_OK; RC_MALFORMED (field with a value of the wrong type), RC_MISSING or RC_NO_MEMORY, with *bad = the field's wire name (static). */
enum rc command_decode_ext(const struct command *cmd, const struct schema *schema, void *header, struct arena *arena,
			   const char **bad);

/* One ext field by name, for what has no schema (AccessKey, _UNIQUE_KEY_QUERY). Escapes resolved into arena. False when absent. */
bool command_ext_get(const struct command *cmd, const char *name, struct arena *arena, struct slice *value);

/* The remark with escapes resolved. */
struct slice command_remark(const struct command *cmd, struct arena *arena);

/* Append a frame. `cmd->codec, code, language, version, opaque, flag, remark` (plain text, not escaped) and body are taken from cmd,
 * the ext fields from (schema, header), both NULL for none; `extra`, count `extra_count`, are further ext fields.
 * A code over 32767 is always written as JSON, because the binary header has 16 bits for it.
 * The body may be left out here and appended by the caller: pass its size as `body_bytes_later`. */
struct ext_field {
	struct slice name, value;
};
void command_encode(struct buf *out, const struct command *cmd, const struct schema *schema, const void *header,
		    const struct ext_field *extra, size_t extra_count, size_t body_bytes_later);

#endif
