/* header_binary: the header as numbers and length-prefixed texts (Apache RocketMQSerializable):
 *
 *   | code 2 | language 1 | version 2 | opaque 4 | flag 4 | remark length 4, remark | ext length 4, ext |
 *   ext = repeated | name length 2, name | value length 4, value |
 *
 * A length that runs past the header is malformed; bytes behind ext are ignored, as Apache does. */
#include "base/bytes.h"
#include "base/wire.h"
#include "remoting/header_codec.h"
#include "remoting/header_reader.h"
#include "remoting/language.h"

static enum rc fail(const char **why, const char *text)
{
	*why = text;
	return RC_MALFORMED;
}

static void next_field(struct wire *w, struct slice *name, struct slice *value)
{
	*name = wire_take(w, wire_u16(w));
	*value = wire_take(w, wire_u32(w));
}

/* Walk over the ext fields once; the reader, where there is one, gets what is passed. */
static enum rc walk_ext(struct slice ext, struct header_reader *reader, const char **why)
{
	struct wire w = wire_over(ext);
	struct slice name, value;

	for (size_t count = 0; wire_left(&w) != 0; count++) {
		next_field(&w, &name, &value);
		if (w.rc != RC_OK)
			return fail(why, "an ext field runs past the header");
		if (count == EXT_FIELDS_MAX) {
			*why = "too many ext fields";
			return RC_TOO_BIG;
		}
		if (reader != NULL && reader->schema != NULL)
			header_reader_take(reader, name, value, false);
	}
	return RC_OK;
}

enum rc header_binary_decode(struct slice header, struct command *out, struct header_reader *reader, const char **why)
{
	struct wire w = wire_over(header);
	struct command cmd = {.codec = CODEC_BINARY};

	cmd.code = (int16_t)wire_u16(&w);
	cmd.language = language_from_ordinal(wire_u8(&w));
	cmd.version = (int16_t)wire_u16(&w);
	cmd.opaque = (int32_t)wire_u32(&w);
	cmd.flag = (int32_t)wire_u32(&w);
	cmd.remark = wire_take(&w, wire_u32(&w));
	cmd.ext = wire_take(&w, wire_u32(&w));
	if (w.rc != RC_OK)
		return fail(why, "a binary header that is shorter than it says");
	*out = cmd;
	if (reader != NULL)
		header_reader_begin(reader, cmd.code);
	return walk_ext(cmd.ext, reader, why);
}

enum rc header_binary_each_ext(struct slice ext, ext_field_fn *on_field, void *ctx)
{
	struct wire w = wire_over(ext);
	struct slice name, value;
	enum rc rc;

	while (wire_left(&w) != 0) {
		next_field(&w, &name, &value);
		if (w.rc != RC_OK)
			return w.rc;
		rc = on_field(ctx, name, value, false);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* ---- encoding ---- */

#define FIXED_BYTES 21   /* all numbers of the header */
#define FIELD_PREFIXES 6 /* both lengths of an ext field */
#define NAME_BYTES_MAX 32767

size_t header_binary_bound(const struct header_source *src)
{
	size_t bound = FIXED_BYTES + src->cmd->remark.len;

	for (size_t i = 0; src->schema != NULL && i < src->schema->count; i++) {
		const struct field *f = &src->schema->fields[i];
		const struct slice *text = (const void *)((const char *)src->header + f->offset);

		bound += f->name_len + FIELD_PREFIXES + (f->type == FIELD_STRING ? text->len : SCHEMA_TEXT_MAX);
	}
	for (size_t i = 0; i < src->extra_count; i++)
		bound += src->extra[i].name.len + src->extra[i].value.len + FIELD_PREFIXES;
	return bound;
}

static char *put_bytes(char *out, struct slice s)
{
	if (s.len != 0)
		memcpy(out, s.at, s.len);
	return out + s.len;
}

static char *put_field(char *out, struct slice name, struct slice value)
{
	put_u16(out, (uint16_t)name.len);
	out = put_bytes(out + 2, name);
	put_u32(out, (uint32_t)value.len);
	return put_bytes(out + 4, value);
}

static char *put_ext(char *out, const struct header_source *src)
{
	char text[SCHEMA_TEXT_MAX];

	if (src->schema != NULL) {
		uint64_t rows = *(const uint64_t *)src->header & schema_all(src->schema);

		for (; rows != 0; rows &= rows - 1) {
			size_t row = (size_t)__builtin_ctzll(rows);
			struct slice name = {src->schema->fields[row].name, src->schema->fields[row].name_len};

			out = put_field(out, name, schema_text(src->schema, src->header, row, text));
		}
	}
	for (size_t i = 0; i < src->extra_count; i++)
		if (src->extra[i].name.len <= NAME_BYTES_MAX)
			out = put_field(out, src->extra[i].name, src->extra[i].value);
	return out;
}

size_t header_binary_encode(const struct header_source *src, char *out)
{
	const struct command *cmd = src->cmd;
	char *from = out, *ext;

	put_u16(out, (uint16_t)cmd->code);
	out[2] = (char)language_from_ordinal(cmd->language);
	put_u16(out + 3, (uint16_t)cmd->version);
	put_u32(out + 5, (uint32_t)cmd->opaque);
	put_u32(out + 9, (uint32_t)cmd->flag);
	put_u32(out + 13, (uint32_t)cmd->remark.len);
	ext = put_bytes(out + 17, cmd->remark);
	out = put_ext(ext + 4, src);
	put_u32(ext, (uint32_t)(out - ext - 4));
	return (size_t)(out - from);
}
