/* header_json: the header as one JSON object, as fastjson writes it:
 *
 *   {"code":11,"extFields":{"queueId":"3",...},"flag":0,"language":"JAVA","opaque":7,"remark":"...",
 *    "serializeTypeCurrentRPC":"JSON","version":407}
 *
 * Other clients write other orders, numbers and booleans without quotes, blanks and nulls: all are taken. Of members that come twice
 * the last one counts, as in fastjson. `code` must be there; the rest is 0 or empty when it is not. */
#include "remoting/header_codec.h"
#include "remoting/header_reader.h"
#include "remoting/json_scan.h"
#include "remoting/language.h"
#include "remoting/number.h"

struct top {
	struct json_scan scan;
	struct command *out;
	struct header_reader *reader; /* or NULL */
	bool has_code;
	const char *why;
};

static enum rc fail(struct top *t, const char *why)
{
	t->why = why;
	return RC_MALFORMED;
}

static enum rc take_any_number(struct top *t, int32_t *to, bool *has, const char *why)
{
	struct json_value v;

	if (json_value(&t->scan, &v) != RC_OK)
		return fail(t, why);
	if (v.kind == JSON_NULL)
		return RC_OK;
	if (v.kind == JSON_NESTED || !slice_to_i32(v.as.text, to))
		return fail(t, why);
	if (has != NULL)
		*has = true;
	return RC_OK;
}

#define PLAIN_DIGITS 9 /* so many fit into an int32_t */

/* A number, bare or in quotes. null leaves it as it was. Bare and short it nearly always is. */
static inline enum rc take_number(struct top *t, int32_t *to, bool *has, const char *why)
{
	const char *from = t->scan.at, *at = from;
	int32_t value = 0;

	while (at < t->scan.end && *at >= '0' && *at <= '9' && at - from < PLAIN_DIGITS)
		value = value * 10 + (*at++ - '0');
	if (at == from || at == t->scan.end || (*at != ',' && *at != '}'))
		return take_any_number(t, to, has, why);
	t->scan.at = at;
	*to = value;
	if (has != NULL)
		*has = true;
	return RC_OK;
}

static enum rc take_language(struct top *t)
{
	struct json_value v;
	int32_t ordinal;

	if (json_value(&t->scan, &v) != RC_OK)
		return fail(t, "bad language in the header");
	if (v.kind == JSON_LITERAL && slice_to_i32(v.as.text, &ordinal))
		t->out->language = language_from_ordinal(ordinal);
	else
		t->out->language = language_from_name(v.as.text);
	return RC_OK;
}

static enum rc take_remark(struct top *t)
{
	struct json_value v;

	if (json_value(&t->scan, &v) != RC_OK)
		return fail(t, "bad remark in the header");
	t->out->remark = v.kind == JSON_STRING ? v.as.text : (struct slice){0};
	return RC_OK;
}

#define NAME_MAX_BYTES 64 /* longest escaped name that can be one of ours */

static struct slice resolve_escaped(struct json_text name, char resolved[NAME_MAX_BYTES])
{
	size_t len;

	if (name.text.len > NAME_MAX_BYTES || !json_unescape(name.text, resolved, &len))
		return name.text;
	return (struct slice){resolved, len};
}

static inline struct slice resolve_name(struct json_text name, char resolved[NAME_MAX_BYTES])
{
	return name.is_escaped ? resolve_escaped(name, resolved) : name.text;
}

/* As json_count_members, and the reader gets what it passes. */
static enum rc read_members(struct json_scan *scan, struct header_reader *reader, size_t *count)
{
	char resolved[NAME_MAX_BYTES];
	struct json_text name;
	struct json_value v;
	size_t n = 0;
	enum rc rc;

	while ((rc = json_member(scan, &name, &v)) == RC_OK) {
		if (++n > EXT_FIELDS_MAX)
			return RC_TOO_BIG;
		if (v.kind != JSON_NULL && v.kind != JSON_NESTED)
			header_reader_take(reader, resolve_name(name, resolved), v.as.text, v.as.is_escaped);
	}
	*count = n;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* Walk the object at the scan, so that its syntax and its size are known to be good. */
static enum rc walk_members(struct top *t, struct json_scan *scan, size_t *count)
{
	if (t->reader != NULL && t->has_code) {
		header_reader_begin(t->reader, t->out->code);
		if (t->reader->schema != NULL)
			return read_members(scan, t->reader, count);
	}
	return json_count_members(scan, EXT_FIELDS_MAX, count);
}

static enum rc take_ext_object(struct top *t)
{
	struct json_scan scan;
	const char *from = t->scan.at;
	size_t count;
	enum rc rc;

	if (!json_scan_begin(&scan, (struct slice){from, (size_t)(t->scan.end - from)}))
		return fail(t, "extFields is no object");
	rc = walk_members(t, &scan, &count);
	if (rc != RC_OK) {
		t->why = rc == RC_TOO_BIG ? "too many ext fields" : "malformed extFields";
		return rc;
	}
	t->scan.at = scan.at;
	t->out->ext = count ? (struct slice){from, (size_t)(scan.at - from)} : (struct slice){0};
	return RC_OK;
}

static enum rc take_ext(struct top *t)
{
	struct json_value v;

	if (t->reader != NULL)
		t->reader->is_read = false; /* those that came before do not count */
	if (t->scan.at < t->scan.end && *t->scan.at == '{')
		return take_ext_object(t);
	t->out->ext = (struct slice){0};
	if (json_value(&t->scan, &v) != RC_OK || v.kind != JSON_NULL)
		return fail(t, "extFields is no object");
	return RC_OK;
}

static enum rc take_unknown(struct top *t)
{
	struct json_value v;

	return json_value(&t->scan, &v) == RC_OK ? RC_OK : fail(t, "malformed member in the header");
}

/* By length first: a name is compared with one or two others. One with escapes has another length, and is not written by anybody,
 * but is legal: it is resolved first. */
static enum rc take_named(struct top *t, struct slice name)
{
	switch (name.len) {
	case 4:
		if (memcmp(name.at, "code", 4) == 0)
			return take_number(t, &t->out->code, &t->has_code, "bad code in the header");
		if (memcmp(name.at, "flag", 4) == 0)
			return take_number(t, &t->out->flag, NULL, "bad flag in the header");
		break;
	case 6:
		if (memcmp(name.at, "opaque", 6) == 0)
			return take_number(t, &t->out->opaque, NULL, "bad opaque in the header");
		if (memcmp(name.at, "remark", 6) == 0)
			return take_remark(t);
		break;
	case 7:
		if (memcmp(name.at, "version", 7) == 0)
			return take_number(t, &t->out->version, NULL, "bad version in the header");
		break;
	case 8:
		if (memcmp(name.at, "language", 8) == 0)
			return take_language(t);
		break;
	case 9:
		if (memcmp(name.at, "extFields", 9) == 0)
			return take_ext(t);
		break;
	}
	return take_unknown(t);
}

static enum rc next_unusual_member(struct top *t)
{
	char resolved[NAME_MAX_BYTES];
	struct json_text name;
	enum rc rc = json_name(&t->scan, &name);

	if (rc == RC_MALFORMED)
		return fail(t, "malformed JSON header");
	return rc == RC_OK ? take_named(t, resolve_name(name, resolved)) : rc;
}

static inline enum rc next_member(struct top *t)
{
	struct slice name;

	return json_plain_name(&t->scan, &name) ? take_named(t, name) : next_unusual_member(t);
}

static enum rc decode(struct top *t, struct slice header)
{
	enum rc rc;

	if (!json_scan_begin(&t->scan, header))
		return fail(t, "header is no JSON object");
	while ((rc = next_member(t)) == RC_OK)
		;
	if (rc != RC_NOT_FOUND)
		return rc;
	if (json_rest(&t->scan).len != 0)
		return fail(t, "malformed JSON header");
	return t->has_code ? RC_OK : fail(t, "header without a code");
}

enum rc header_json_decode(struct slice header, struct command *out, struct header_reader *reader, const char **why)
{
	struct top t = {.out = out, .reader = reader};
	enum rc rc;

	*out = (struct command){.codec = CODEC_JSON, .language = LANGUAGE_OTHER};
	rc = decode(&t, header);
	if (rc != RC_OK)
		*why = t.why;
	return rc;
}

static enum rc give_field(ext_field_fn *on_field, void *ctx, struct json_text name, const struct json_value *v)
{
	char resolved[NAME_MAX_BYTES];

	if (v->kind == JSON_NULL || v->kind == JSON_NESTED)
		return RC_OK;
	return on_field(ctx, resolve_name(name, resolved), v->as.text, v->as.is_escaped);
}

enum rc header_json_each_ext(struct slice ext, ext_field_fn *on_field, void *ctx)
{
	struct json_scan scan;
	struct json_text name;
	struct json_value v;
	enum rc rc;

	if (!json_scan_begin(&scan, ext))
		return RC_OK;
	while ((rc = json_member(&scan, &name, &v)) == RC_OK)
		if ((rc = give_field(on_field, ctx, name, &v)) != RC_OK)
			return rc;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
}

/* ---- encoding ---- */

#define FIXED_BOUND 320 /* every name, number and bracket outside extFields; a copied name may run 48 bytes over its end */

size_t header_json_bound(const struct header_source *src)
{
	size_t bound = FIXED_BOUND + src->cmd->remark.len * JSON_ESCAPED_MAX;

	for (size_t i = 0; src->schema != NULL && i < src->schema->count; i++) {
		const struct field *f = &src->schema->fields[i];
		const struct slice *text = (const void *)((const char *)src->header + f->offset);

		bound += f->name_len + SCHEMA_TEXT_MAX + 8;
		if (f->type == FIELD_STRING)
			bound += text->len * JSON_ESCAPED_MAX;
	}
	for (size_t i = 0; i < src->extra_count; i++)
		bound += (src->extra[i].name.len + src->extra[i].value.len) * JSON_ESCAPED_MAX + 8;
	return bound;
}

static char *put(char *out, const char *text, size_t len)
{
	memcpy(out, text, len);
	return out + len;
}
#define PUT_LIT(out, text) put((out), (text), sizeof(text) - 1)

static inline char *put_number(char *out, int64_t v)
{
	if (v < 0 || v > 9)
		return out + number_put_i64(out, v);
	*out = (char)('0' + v);
	return out + 1;
}

#define JSON_AROUND_NAME 5 /* ,":" and the quote before the value, with it */

/* ,"name":" in copies of fixed size, which need no call. */
static inline char *put_name(char *out, const struct field *f)
{
	memcpy(out, f->json, 32);
	if (f->name_len > 26)
		memcpy(out + 32, f->json + 32, SCHEMA_JSON_BYTES - 32);
	return out + f->name_len + JSON_AROUND_NAME;
}

/* ,"name":"value" */
static char *put_row(char *out, const struct schema *s, const void *header, size_t row)
{
	const struct field *f = &s->fields[row];
	const char *member = (const char *)header + f->offset;

	out = put_name(out, f);
	switch (f->type) {
	case FIELD_STRING:
		out = json_put_escaped(out, *(const struct slice *)(const void *)member);
		break;
	case FIELD_I32:
		out = put_number(out, *(const int32_t *)(const void *)member);
		break;
	case FIELD_I64:
		out = put_number(out, *(const int64_t *)(const void *)member);
		break;
	case FIELD_BOOL:
		out = *(const bool *)member ? PUT_LIT(out, "true") : PUT_LIT(out, "false");
		break;
	}
	*out++ = '"';
	return out;
}

static char *put_extra(char *out, const struct ext_field *field)
{
	out = PUT_LIT(out, ",\"");
	out = json_put_escaped(out, field->name);
	out = PUT_LIT(out, "\":\"");
	out = json_put_escaped(out, field->value);
	*out++ = '"';
	return out;
}

static char *put_ext(char *out, const struct header_source *src)
{
	char *before = out, *brace = PUT_LIT(out, ",\"extFields\":");

	out = brace;
	if (src->schema != NULL) {
		uint64_t rows = *(const uint64_t *)src->header & schema_all(src->schema);

		for (; rows != 0; rows &= rows - 1)
			out = put_row(out, src->schema, src->header, (size_t)__builtin_ctzll(rows));
	}
	for (size_t i = 0; i < src->extra_count; i++)
		out = put_extra(out, &src->extra[i]);
	if (out == brace)
		return before;
	*brace = '{'; /* over the first comma */
	*out++ = '}';
	return out;
}

/* From behind the ext fields up to the opaque. What we answer has this flag and this language: a piece that is ready. */
static char *put_middle(char *out, const struct command *cmd)
{
	struct slice language;

	if (cmd->flag == FLAG_RESPONSE && cmd->language == LANGUAGE_CPP)
		return PUT_LIT(out, ",\"flag\":1,\"language\":\"CPP\",\"opaque\":");
	language = language_name(cmd->language);
	out = put_number(PUT_LIT(out, ",\"flag\":"), cmd->flag);
	out = put(PUT_LIT(out, ",\"language\":\""), language.at, language.len);
	return PUT_LIT(out, "\",\"opaque\":");
}

#define TEXT(number) #number
#define TEXT_OF(macro) TEXT(macro)

static char *put_end(char *out, const struct command *cmd)
{
	if (cmd->version == FUSEE_VERSION)
		return PUT_LIT(out, ",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":" TEXT_OF(FUSEE_VERSION) "}");
	out = put_number(PUT_LIT(out, ",\"serializeTypeCurrentRPC\":\"JSON\",\"version\":"), cmd->version);
	*out++ = '}';
	return out;
}

size_t header_json_encode(const struct header_source *src, char *out)
{
	const struct command *cmd = src->cmd;
	char *from = out;

	out = put_number(PUT_LIT(out, "{\"code\":"), cmd->code);
	out = put_ext(out, src);
	out = put_number(put_middle(out, cmd), cmd->opaque);
	if (cmd->remark.len != 0) {
		out = json_put_escaped(PUT_LIT(out, ",\"remark\":\""), cmd->remark);
		*out++ = '"';
	}
	return (size_t)(put_end(out, cmd) - from);
}
