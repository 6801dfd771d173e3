/* command: picks the codec, and gives ext fields to whoever wants them: a schema's rows or one name. A request's are given while its header is
 * walked for the first time, see header_reader.h. */
#include "remoting/command.h"

#include "base/bytes.h"
#include "remoting/header_codec.h"
#include "remoting/header_reader.h"
#include "remoting/json_scan.h"

static enum rc decode(struct slice frame, struct command *out, struct header_reader *reader, const char **why)
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
	rc = mark >> 24 == CODEC_JSON ? header_json_decode(header, &cmd, reader, why)
				      : header_binary_decode(header, &cmd, reader, why);
	if (rc != RC_OK)
		return rc;
	cmd.body = (struct slice){header.at + header.len, frame.len - 8 - header.len};
	*out = cmd;
	return RC_OK;
}

enum rc command_decode(struct slice frame, struct command *out, const char **why) { return decode(frame, out, NULL, why); }

static enum rc each_ext(const struct command *cmd, ext_field_fn *on_field, void *ctx)
{
	if (cmd->codec == CODEC_JSON)
		return header_json_each_ext(cmd->ext, on_field, ctx);
	return header_binary_each_ext(cmd->ext, on_field, ctx);
}

/* ---- into the struct of a schema ---- */

/* The size is the peer's, though never more than HEADER_MAX_BYTES. */
enum rc header_reader_resolve(struct slice *value, struct arena *arena)
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

void header_reader_begin(struct header_reader *r, int32_t code)
{
	const struct schema *schema = r->schema_of(r, code);

	if (schema == NULL)
		r->header = NULL;
	else if (r->header != NULL && schema == r->schema)
		memset(r->header, 0, schema->size);
	else
		r->header = arena_alloc(r->arena, schema->size);
	r->is_read = true;
	r->code = code;
	r->schema = schema;
	r->rc = RC_OK;
	r->bad = NULL;
}

void header_reader_end(struct header_reader *r)
{
	if (r->schema == NULL || r->rc != RC_OK)
		return;
	r->bad = schema_missing(r->schema, r->header);
	if (r->bad != NULL)
		r->rc = RC_MISSING;
}

static enum rc take_field(void *ctx, struct slice name, struct slice value, bool is_escaped)
{
	struct header_reader *r = ctx;

	header_reader_take(r, name, value, is_escaped);
	return r->rc;
}

/* Over what was walked before and is known to be sound. */
static void read_again(struct header_reader *r, const struct command *cmd)
{
	header_reader_begin(r, cmd->code);
	if (r->schema != NULL)
		(void)each_ext(cmd, take_field, r); /* r->rc says it */
}

enum rc command_decode_with(struct slice frame, struct command *out, struct header_reader *reader, const char **why)
{
	enum rc rc;

	reader->is_read = false;
	reader->header = NULL;
	rc = decode(frame, out, reader, why);
	if (rc != RC_OK)
		return rc;
	if (!reader->is_read || reader->code != out->code)
		read_again(reader, out);
	header_reader_end(reader);
	return RC_OK;
}

enum rc command_decode_ext(const struct command *cmd, const struct schema *schema, void *header, struct arena *arena,
			   const char **bad)
{
	struct header_reader r = {.arena = arena, .schema = schema, .header = header};
	enum rc rc;

	memset(header, 0, schema->size);
	rc = each_ext(cmd, take_field, &r);
	if (rc != RC_OK) {
		*bad = r.bad ? r.bad : "extFields";
		return rc;
	}
	header_reader_end(&r);
	if (r.rc != RC_OK)
		*bad = r.bad;
	return r.rc;
}

/* ---- one field ---- */

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
	if (w.is_escaped && header_reader_resolve(&w.value, arena) != RC_OK)
		return false;
	*value = w.value;
	return true;
}

struct slice command_remark(const struct command *cmd, struct arena *arena)
{
	struct slice remark = cmd->remark;

	if (cmd->codec != CODEC_JSON || remark.len == 0 || memchr(remark.at, '\\', remark.len) == NULL)
		return remark;
	return header_reader_resolve(&remark, arena) == RC_OK ? remark : cmd->remark;
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
