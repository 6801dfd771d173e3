/* Happy path: join a logical line (continuations), split it at the first unescaped separator, resolve escapes of both halves
 * into one scratch buffer, hand both to the visitor.
 * Failure: a \u without four hex digits is refused as Java refuses it; everything else is a valid pair. */
#include "base/properties.h"

#include "base/buf.h"

struct reader {
	struct slice text;
	size_t at;
	unsigned line;     /* of text.at[at] */
	struct buf joined; /* the logical line, escapes still in it */
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
static bool is_newline(char c) { return c == '\n' || c == '\r'; }

static void skip_blanks(struct reader *r)
{
	while (r->at < r->text.len && is_blank(r->text.at[r->at]))
		r->at++;
}

static void skip_newline(struct reader *r)
{
	if (r->at >= r->text.len)
		return;
	if (r->text.at[r->at] == '\r' && r->at + 1 < r->text.len && r->text.at[r->at + 1] == '\n')
		r->at++;
	r->at++;
	r->line++;
}

static bool ends_in_odd_backslashes(const struct buf *b)
{
	size_t n = 0;

	while (n < b->len && b->data[b->len - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

/* The next logical line that holds a pair; false at the end. */
static bool next_line(struct reader *r, unsigned *first_line)
{
	for (;;) {
		buf_clear(&r->joined);
		*first_line = r->line;
		skip_blanks(r);
		if (r->at >= r->text.len)
			return false;
		if (r->text.at[r->at] == '#' || r->text.at[r->at] == '!') {
			while (r->at < r->text.len && !is_newline(r->text.at[r->at]))
				r->at++;
			skip_newline(r);
			continue;
		}
		for (;;) {
			while (r->at < r->text.len && !is_newline(r->text.at[r->at]))
				buf_put_u8(&r->joined, (uint8_t)r->text.at[r->at++]);
			skip_newline(r);
			if (!ends_in_odd_backslashes(&r->joined))
				break;
			r->joined.len--;
			skip_blanks(r);
			if (r->at >= r->text.len)
				break;
		}
		if (r->joined.len > 0)
			return true;
	}
}

/* End of the key in `s`: the first unescaped '=', ':' or blank. */
static size_t key_end(struct slice s)
{
	size_t i = 0;

	while (i < s.len) {
		if (s.at[i] == '\\') {
			i += 2;
			continue;
		}
		if (s.at[i] == '=' || s.at[i] == ':' || is_blank(s.at[i]))
			return i;
		i++;
	}
	return s.len;
}

/* Blanks, at most one '=' or ':', blanks. */
static size_t value_start(struct slice s, size_t i)
{
	while (i < s.len && is_blank(s.at[i]))
		i++;
	if (i < s.len && (s.at[i] == '=' || s.at[i] == ':'))
		i++;
	while (i < s.len && is_blank(s.at[i]))
		i++;
	return i;
}

static bool hex4(struct slice s, size_t at, uint32_t *out)
{
	uint32_t v = 0;

	if (s.len < 4 || at > s.len - 4)
		return false;
	for (size_t i = 0; i < 4; i++) {
		char c = s.at[at + i];

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= (uint32_t)(c - '0');
		else if (c >= 'a' && c <= 'f')
			v |= (uint32_t)(c - 'a' + 10);
		else if (c >= 'A' && c <= 'F')
			v |= (uint32_t)(c - 'A' + 10);
		else
			return false;
	}
	*out = v;
	return true;
}

static void put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80) {
		buf_put_u8(out, (uint8_t)c);
	} else if (c < 0x800) {
		buf_put_u8(out, (uint8_t)(0xC0 | c >> 6));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
	} else if (c < 0x10000) {
		buf_put_u8(out, (uint8_t)(0xE0 | c >> 12));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
	} else {
		buf_put_u8(out, (uint8_t)(0xF0 | c >> 18));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
		buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
		buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3F)));
	}
}

/* \uXXXX at s[*i] (behind the 'u'); a pair of surrogates becomes one character, a single one U+FFFD. */
static bool put_unicode(struct buf *out, struct slice s, size_t *i)
{
	uint32_t c, low;

	if (!hex4(s, *i, &c) || c == 0)
		return false;
	*i += 4;
	if (c >= 0xD800 && c < 0xDC00 && s.len - *i >= 6 && s.at[*i] == '\\' && s.at[*i + 1] == 'u' && hex4(s, *i + 2, &low) &&
	    low >= 0xDC00 && low < 0xE000) {
		c = 0x10000 + ((c - 0xD800) << 10) + (low - 0xDC00);
		*i += 6;
	} else if (c >= 0xD800 && c < 0xE000) {
		c = 0xFFFD;
	}
	put_utf8(out, c);
	return true;
}

static bool unescape(struct buf *out, struct slice s)
{
	for (size_t i = 0; i < s.len;) {
		char c = s.at[i++];

		if (c == '\0')
			return false;
		if (c != '\\' || i == s.len) {
			if (c != '\\')
				buf_put_u8(out, (uint8_t)c);
			continue;
		}
		c = s.at[i++];
		if (c == 'u') {
			if (!put_unicode(out, s, &i))
				return false;
			continue;
		}
		buf_put_u8(out, c == 't' ? '\t' : c == 'n' ? '\n' : c == 'r' ? '\r' : c == 'f' ? '\f' : (uint8_t)c);
	}
	return true;
}

static enum rc visit_line(struct slice line, unsigned number, struct buf *scratch, properties_visit_fn *visit, void *ctx,
			  unsigned *bad_line)
{
	size_t key_len = key_end(line), start = value_start(line, key_len), resolved;

	buf_clear(scratch);
	if (!unescape(scratch, slice_sub(line, 0, key_len)))
		goto malformed;
	resolved = scratch->len;
	if (!unescape(scratch, slice_sub(line, start, line.len - start)))
		goto malformed;
	return visit(ctx, number, slice_sub(buf_slice(scratch), 0, resolved),
		     slice_sub(buf_slice(scratch), resolved, scratch->len - resolved));
malformed:
	*bad_line = number;
	return RC_MALFORMED;
}

enum rc properties_parse(struct slice text, properties_visit_fn *visit, void *ctx, unsigned *bad_line)
{
	struct reader r = {.text = text, .line = 1};
	struct buf scratch = {0};
	enum rc rc = RC_OK;
	unsigned line;

	if (text.len > PROPERTIES_MAX_BYTES)
		return RC_TOO_BIG;
	while (rc == RC_OK && next_line(&r, &line))
		rc = visit_line(buf_slice(&r.joined), line, &scratch, visit, ctx, bad_line);
	buf_free(&r.joined);
	buf_free(&scratch);
	return rc;
}
