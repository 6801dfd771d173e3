#include "remoting/json_scan.h"

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t'))
		at++;
	return at;
}

bool json_scan_begin(struct json_scan *s, struct slice text)
{
	if (text.len == 0)
		return false;
	*s = (struct json_scan){.at = text.at, .end = text.at + text.len};
	s->at = skip_blanks(s->at, s->end);
	if (s->at == s->end || *s->at != '{')
		return false;
	s->at++;
	return true;
}

/* The string whose opening quote is at s->at. The position of the next quote is kept while backslashes are stepped over, so that
 * a text full of escapes is not searched again from each of them. */
static bool take_string(struct json_scan *s, struct json_text *out)
{
	const char *from = s->at + 1, *at = from, *quote = NULL;
	bool is_escaped = false;

	for (;;) {
		const char *backslash;

		if (quote == NULL || quote < at)
			quote = memchr(at, '"', (size_t)(s->end - at));
		if (quote == NULL)
			return false;
		backslash = memchr(at, '\\', (size_t)(quote - at));
		if (backslash == NULL)
			break;
		is_escaped = true;
		at = backslash + 2; /* at most one behind the quote, which is inside the text */
	}
	*out = (struct json_text){{from, (size_t)(quote - from)}, is_escaped};
	s->at = quote + 1;
	return true;
}

static bool expect(struct json_scan *s, char c)
{
	s->at = skip_blanks(s->at, s->end);
	if (s->at == s->end || *s->at != c)
		return false;
	s->at++;
	return true;
}

enum rc json_name(struct json_scan *s, struct json_text *name)
{
	if (expect(s, '}'))
		return RC_NOT_FOUND;
	if (s->is_inside && !expect(s, ','))
		return RC_MALFORMED;
	s->is_inside = true;
	s->at = skip_blanks(s->at, s->end);
	if (s->at == s->end || *s->at != '"' || !take_string(s, name) || !expect(s, ':'))
		return RC_MALFORMED;
	s->at = skip_blanks(s->at, s->end);
	return RC_OK;
}

/* Brackets are matched in kind by one bit a level: 1 is an object. */
static bool skip_nested(struct json_scan *s)
{
	struct json_text ignored;
	uint32_t kinds = 0;
	int depth = 0;

	while (s->at < s->end) {
		char c = *s->at;

		if (c == '"') {
			if (!take_string(s, &ignored))
				return false;
			continue;
		}
		s->at++;
		if (c == '{' || c == '[') {
			if (depth++ == JSON_DEPTH_MAX)
				return false;
			kinds = kinds << 1 | (c == '{');
		} else if (c == '}' || c == ']') {
			if ((kinds & 1) != (c == '}'))
				return false;
			kinds >>= 1;
			if (--depth == 0)
				return true;
		}
	}
	return false;
}

static bool is_literal_char(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-' || c == '+' || c == '.';
}

static bool take_literal(struct json_scan *s, struct json_value *v)
{
	const char *from = s->at;

	while (s->at < s->end && is_literal_char(*s->at))
		s->at++;
	v->as.text = (struct slice){from, (size_t)(s->at - from)};
	v->kind = slice_eq(v->as.text, SLICE_LIT("null")) ? JSON_NULL : JSON_LITERAL;
	return v->as.text.len != 0;
}

enum rc json_value(struct json_scan *s, struct json_value *v)
{
	const char *from = s->at;
	bool ok;

	*v = (struct json_value){.kind = JSON_STRING};
	if (s->at == s->end)
		return RC_MALFORMED;
	if (*from == '"') {
		ok = take_string(s, &v->as);
	} else if (*from == '{' || *from == '[') {
		v->kind = JSON_NESTED;
		ok = skip_nested(s);
		v->as.text = (struct slice){from, (size_t)(s->at - from)};
	} else {
		ok = take_literal(s, v);
	}
	return ok ? RC_OK : RC_MALFORMED;
}

struct slice json_rest(const struct json_scan *s)
{
	const char *at = skip_blanks(s->at, s->end);

	return (struct slice){at, (size_t)(s->end - at)};
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Four hex digits at `at`; -1 when they are not there. */
static int32_t hex_unit(const char *at, const char *end)
{
	int32_t unit = 0;

	if (end - at < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		int digit = hex_digit(at[i]);

		if (digit < 0)
			return -1;
		unit = unit << 4 | digit;
	}
	return unit;
}

static char *put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		*out++ = (char)c;
	} else if (c < 0x800) {
		*out++ = (char)(0xC0 | c >> 6);
		*out++ = (char)(0x80 | (c & 0x3F));
	} else if (c < 0x10000) {
		*out++ = (char)(0xE0 | c >> 12);
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	} else {
		*out++ = (char)(0xF0 | c >> 18);
		*out++ = (char)(0x80 | (c >> 12 & 0x3F));
		*out++ = (char)(0x80 | (c >> 6 & 0x3F));
		*out++ = (char)(0x80 | (c & 0x3F));
	}
	return out;
}

/* The XXXX of a \uXXXX at *at, together with a second one when they are a surrogate pair. */
static char *unescape_unit(const char **at, const char *end, char *out)
{
	int32_t unit = hex_unit(*at, end), low;

	if (unit < 0)
		return NULL;
	*at += 4;
	if (unit < 0xD800 || unit > 0xDFFF)
		return put_utf8(out, (uint32_t)unit);
	if (unit <= 0xDBFF && end - *at >= 6 && (*at)[0] == '\\' && (*at)[1] == 'u') {
		low = hex_unit(*at + 2, end);
		if (low >= 0xDC00 && low <= 0xDFFF) {
			*at += 6;
			return put_utf8(out, 0x10000 + ((uint32_t)(unit - 0xD800) << 10) + (uint32_t)(low - 0xDC00));
		}
	}
	*out = '?';
	return out + 1;
}

/* What stands behind a backslash, or 0: \v and \' are fastjson's. */
static char simple_escape(char c)
{
	switch (c) {
	case '"':
	case '\\':
	case '/':
	case '\'':
		return c;
	case 'b':
		return '\b';
	case 'f':
		return '\f';
	case 'n':
		return '\n';
	case 'r':
		return '\r';
	case 't':
		return '\t';
	case 'v':
		return '\v';
	default:
		return 0;
	}
}

bool json_unescape(struct slice raw, char *out, size_t *len)
{
	const char *at = raw.at, *end = raw.at + raw.len;
	char *to = out;

	while (at < end) {
		const char *backslash = memchr(at, '\\', (size_t)(end - at));
		size_t plain = (size_t)((backslash ? backslash : end) - at);

		memcpy(to, at, plain);
		to += plain;
		at += plain;
		if (backslash == NULL)
			break;
		if (end - at < 2)
			return false;
		at += 2;
		if (at[-1] == 'u')
			to = unescape_unit(&at, end, to);
		else if ((*to = simple_escape(at[-1])) != 0)
			to++;
		else
			return false;
		if (to == NULL)
			return false;
	}
	*len = (size_t)(to - out);
	return true;
}

bool json_text_is(struct json_text name, struct slice text)
{
	char resolved[256];
	size_t len;

	if (!name.is_escaped)
		return slice_eq(name.text, text);
	if (name.text.len > sizeof(resolved) || !json_unescape(name.text, resolved, &len))
		return false;
	return slice_eq((struct slice){resolved, len}, text);
}

static char *put_escape(char *out, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";
	static const char short_for[] = {['\b'] = 'b', ['\f'] = 'f', ['\n'] = 'n', ['\r'] = 'r', ['\t'] = 't'};

	*out++ = '\\';
	if (c == '"' || c == '\\') {
		*out++ = (char)c;
	} else if (c < sizeof(short_for) && short_for[c] != 0) {
		*out++ = short_for[c];
	} else {
		memcpy(out, "u00", 3);
		out[3] = hex[c >> 4];
		out[4] = hex[c & 15];
		out += 5;
	}
	return out;
}

char *json_put_escaped(char *out, struct slice text)
{
	for (size_t i = 0; i < text.len; i++) {
		unsigned char c = (unsigned char)text.at[i];

		if (c >= 0x20 && c != '"' && c != '\\')
			*out++ = (char)c;
		else
			out = put_escape(out, c);
	}
	return out;
}
