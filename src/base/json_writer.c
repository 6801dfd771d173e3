#include "base/json_writer.h"

#include <math.h>
#include <stdio.h>

#include "base/defs.h"
#include "base/utf8.h"

void json_begin(struct json_writer *w, struct buf *out, enum json_style style)
{
	*w = (struct json_writer){.out = out, .style = style};
}

/* ---- text ---- */

static void put_escaped(struct buf *out, unsigned char c)
{
	static const char digits[] = "0123456789ABCDEF";
	char hex[6] = {'\\', 'u', '0', '0', digits[c >> 4], digits[c & 15]};

	switch (c) {
	case '"':
		buf_put(out, "\\\"", 2);
		return;
	case '\\':
		buf_put(out, "\\\\", 2);
		return;
	case '\b':
		buf_put(out, "\\b", 2);
		return;
	case '\f':
		buf_put(out, "\\f", 2);
		return;
	case '\n':
		buf_put(out, "\\n", 2);
		return;
	case '\r':
		buf_put(out, "\\r", 2);
		return;
	case '\t':
		buf_put(out, "\\t", 2);
		return;
	default:
		buf_put(out, hex, sizeof(hex));
	}
}

void json_put_quoted(struct buf *out, struct slice text)
{
	const unsigned char *at = (const unsigned char *)text.at;
	size_t done = 0, i = 0;

	buf_put_u8(out, '"');
	while (i < text.len) {
		size_t n = 1;

		if (at[i] >= 0x20 && at[i] < 0x80 && at[i] != '"' && at[i] != '\\') {
			i++;
			continue;
		}
		if (at[i] >= 0x80 && (n = utf8_sequence(text.at + i, text.len - i)) != 0) {
			i += n;
			continue;
		}
		buf_put(out, at + done, i - done);
		if (n == 0)
			buf_put_text(out, UTF8_REPLACEMENT);
		else
			put_escaped(out, at[i]);
		done = ++i;
	}
	if (text.len > done)
		buf_put(out, at + done, text.len - done);
	buf_put_u8(out, '"');
}

/* ---- structure ---- */

static void put_line(struct json_writer *w)
{
	if (w->style != JSON_PRETTY)
		return;
	buf_put_u8(w->out, '\n');
	for (unsigned i = 0; i < w->depth; i++)
		buf_put_u8(w->out, '\t');
}

/* Comma and line break before an item of the open level. */
static void begin_item(struct json_writer *w)
{
	if (w->depth == 0)
		return;
	if (w->has_items[w->depth - 1])
		buf_put_u8(w->out, ',');
	w->has_items[w->depth - 1] = true;
	put_line(w);
}

static void begin_value(struct json_writer *w)
{
	if (w->has_key) {
		w->has_key = false;
		return;
	}
	ASSERT(w->depth == 0 || !w->is_object[w->depth - 1]);
	begin_item(w);
}

static void begin_key(struct json_writer *w)
{
	ASSERT(w->depth > 0 && w->is_object[w->depth - 1] && !w->has_key);
	begin_item(w);
	w->has_key = true;
}

static void open_level(struct json_writer *w, bool is_object)
{
	begin_value(w);
	ASSERT(w->depth < JSON_DEPTH_MAX);
	w->is_object[w->depth] = is_object;
	w->has_items[w->depth] = false;
	w->depth++;
	buf_put_u8(w->out, is_object ? '{' : '[');
}

static void close_level(struct json_writer *w, bool is_object)
{
	ASSERT(w->depth > 0 && w->is_object[w->depth - 1] == is_object && !w->has_key);
	w->depth--;
	if (w->has_items[w->depth])
		put_line(w);
	buf_put_u8(w->out, is_object ? '}' : ']');
}

void json_object(struct json_writer *w) { open_level(w, true); }
void json_object_end(struct json_writer *w) { close_level(w, true); }
void json_array(struct json_writer *w) { open_level(w, false); }
void json_array_end(struct json_writer *w) { close_level(w, false); }

void json_key(struct json_writer *w, const char *name)
{
	begin_key(w);
	buf_put_u8(w->out, '"');
	buf_put_text(w->out, name);
	buf_put(w->out, "\":", 2);
}

void json_key_text(struct json_writer *w, struct slice name)
{
	begin_key(w);
	json_put_quoted(w->out, name);
	buf_put_u8(w->out, ':');
}

static void put_i64(struct buf *out, int64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)value);

	buf_put(out, text, (size_t)n);
}

void json_key_i64(struct json_writer *w, int64_t key, enum json_key_form form)
{
	begin_key(w);
	if (form == JSON_QUOTED)
		buf_put_u8(w->out, '"');
	put_i64(w->out, key);
	buf_put_text(w->out, form == JSON_QUOTED ? "\":" : ":");
}

/* The key object is a value in the place of a name: begin_key counts it as item, and open_level must not count it again. */
void json_key_object(struct json_writer *w) { begin_key(w); }

void json_key_object_end(struct json_writer *w)
{
	ASSERT(!w->has_key);
	w->has_key = true;
	buf_put_u8(w->out, ':');
}

/* ---- values ---- */

void json_text(struct json_writer *w, struct slice text)
{
	begin_value(w);
	json_put_quoted(w->out, text);
}

void json_i64(struct json_writer *w, int64_t value)
{
	begin_value(w);
	put_i64(w->out, value);
}

void json_bool(struct json_writer *w, bool value)
{
	begin_value(w);
	buf_put_text(w->out, value ? "true" : "false");
}

/* The shortest text that reads back as the same double, always with a fraction or an exponent. */
void json_double(struct json_writer *w, double value)
{
	char text[40];

	begin_value(w);
	if (!isfinite(value)) {
		buf_put_text(w->out, "null");
		return;
	}
	for (int digits = 15; digits <= 17; digits++) {
		double back;

		snprintf(text, sizeof(text), "%.*g", digits, value);
		if (sscanf(text, "%lf", &back) == 1 && back == value)
			break;
	}
	buf_put_text(w->out, text);
	if (strpbrk(text, ".e") == NULL)
		buf_put_text(w->out, ".0");
}

void json_raw(struct json_writer *w, struct slice value)
{
	begin_value(w);
	buf_put_slice(w->out, value);
}

void json_member_text(struct json_writer *w, const char *name, struct slice text)
{
	json_key(w, name);
	json_text(w, text);
}

void json_member_i64(struct json_writer *w, const char *name, int64_t value)
{
	json_key(w, name);
	json_i64(w, value);
}

void json_member_bool(struct json_writer *w, const char *name, bool value)
{
	json_key(w, name);
	json_bool(w, value);
}

void json_member_double(struct json_writer *w, const char *name, double value)
{
	json_key(w, name);
	json_double(w, value);
}
