/* command: picks the codec, and gives ext fields to whoever wants them: a schema's rows or one name. */
#include "remoting/command.h"

#include "base/bytes.h"
#include "remoting/header_codec.h"
#include "remoting/json_scan.h"

enum rc command_decode(struct slice frame, struct command *out, const char **why)
{
	struct command cmd;
	struct slice header;
	uint32_t mark;
	size_t bytes;
	enum rc rc;

	rc = frame_size(frame, &bytes);
	if (rc != RC_OK || bytes != frame.len) {
		*why = rc == RC_TOO_BIG ? "frame or header larger than allowed" : "impossible frame lengths";
		return rc == RC_TOO_BIG ? rc : RC_MALFORMED;
	}
	mark = get_u32(frame.at + 4);
	header = (struct slice){frame.at + 8, mark & 0xFFFFFF};
	rc = mark >> 24 == CODEC_JSON ? header_json_decode(header, &cmd, why) : header_binary_decode(header, &cmd, why);
	if (rc != RC_OK)
		return rc;
	cmd.body = (struct slice){header.at + header.len, frame.len - 8 - header.len};
	*out = cmd;
	return RC_OK;
}

static enum rc each_ext(const struct command *cmd, ext_field_fn *on_field, void *ctx)
{
	if (cmd->codec == CODEC_JSON)
		return header_json_each_ext(cmd->ext, on_field, ctx);
	return header_binary_each_ext(cmd->ext, on_field, ctx);
}

/* Escapes resolved into the arena. The size is the peer's, though never more than HEADER_MAX_BYTES. */
static enum rc resolve(struct slice *value, struct arena *arena)
{
	char *copy = arena_try_alloc(arena, value->len);
	size_t len;

	if (copy == NULL)
		return RC_NO_MEMORY;
	if (!json_unescape(*value, copy, &len))
		return RC_MALFORMED;
	*value = (struct slice){copy, len};
	return RC_OK;
}

struct decoding {
	const struct schema *schema;
	void *header;
	struct arena *arena;
	const char *bad;
};

/* Java reads an empty number as null from a binary header (5.x); from JSON it would throw. Both are "did not come" here. */
static bool is_absent(const struct field *f, struct slice value) { return value.len == 0 && f->type != FIELD_STRING; }

static enum rc decode_field(void *ctx, struct slice name, struct slice value, bool is_escaped)
{
	struct decoding *d = ctx;
	int row = schema_find(d->schema, name);
	enum rc rc = RC_OK;

	if (row < 0 || is_absent(&d->schema->fields[row], value))
		return RC_OK;
	if (is_escaped)
		rc = resolve(&value, d->arena);
	if (rc == RC_OK)
		rc = schema_set(d->schema, d->header, (size_t)row, value);
	if (rc != RC_OK)
		d->bad = d->schema->fields[row].name;
	return rc;
}

enum rc command_decode_ext(const struct command *cmd, const struct schema *schema, void *header, struct arena *arena,
			   const char **bad)
{
	struct decoding d = {schema, header, arena, NULL};
	enum rc rc;

	memset(header, 0, schema->size);
	rc = each_ext(cmd, decode_field, &d);
	if (rc != RC_OK) {
		*bad = d.bad ? d.bad : "extFields";
		return rc;
	}
	d.bad = schema_missing(schema, header);
	if (d.bad == NULL)
		return RC_OK;
	*bad = d.bad;
	return RC_MISSING;
}

struct wanted {
	struct slice name, value;
	bool is_found, is_escaped;
};

static enum rc find_field(void *ctx, struct slice name, struct slice value, bool is_escaped)
{
	struct wanted *w = ctx;

	if (slice_eq(name, w->name)) {
		w->value = value;
		w->is_escaped = is_escaped;
		w->is_found = true;
	}
	return RC_OK; /* the last one counts */
}

bool command_ext_get(const struct command *cmd, const char *name, struct arena *arena, struct slice *value)
{
	struct wanted w = {.name = slice_of(name)};

	if (each_ext(cmd, find_field, &w) != RC_OK || !w.is_found)
		return false;
	if (w.is_escaped && resolve(&w.value, arena) != RC_OK)
		return false;
	*value = w.value;
	return true;
}

struct slice command_remark(const struct command *cmd, struct arena *arena)
{
	struct slice remark = cmd->remark;

	if (cmd->codec != CODEC_JSON || remark.len == 0 || memchr(remark.at, '\\', remark.len) == NULL)
		return remark;
	return resolve(&remark, arena) == RC_OK ? remark : cmd->remark;
}

/* The binary header has no more for the code. */
static bool is_int16(int32_t code) { return code >= INT16_MIN && code <= INT16_MAX; }

void command_encode(struct buf *out, const struct command *cmd, const struct schema *schema, const void *header,
		    const struct ext_field *extra, size_t extra_count, size_t body_bytes_later)
{
	struct header_source src = {cmd, schema, header, extra, extra_count};
	enum codec codec = is_int16(cmd->code) ? cmd->codec : CODEC_JSON;
	size_t bound = codec == CODEC_JSON ? header_json_bound(&src) : header_binary_bound(&src);
	size_t bytes;
	char *at;

	buf_reserve(out, 8 + bound + cmd->body.len);
	at = (char *)out->data + out->len;
	bytes = codec == CODEC_JSON ? header_json_encode(&src, at + 8) : header_binary_encode(&src, at + 8);
	put_u32(at, (uint32_t)(4 + bytes + cmd->body.len + body_bytes_later));
	put_u32(at + 4, (uint32_t)codec << 24 | (uint32_t)bytes);
	if (cmd->body.len != 0)
		memcpy(at + 8 + bytes, cmd->body.at, cmd->body.len);
	out->len += 8 + bytes + cmd->body.len;
}
