#include "remoting/json_scan.h"

#include <endian.h>
#ifdef __SSE2__ /* every x86-64 has it */
#include <emmintrin.h>
#endif

/* ---- eight (with SSE2 sixteen) bytes at a time: names and values are mostly 4 to 30 bytes long, too short to pay for calls of memchr ---- */

#define ONES 0x0101010101010101u
#define HIGH (ONES * 0x80)

static inline uint64_t load8(const char *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return le64toh(v); /* the first byte is the lowest */
}

/* The lowest set bit marks the first byte that is c (bits above it may be wrong, by the borrow). */
static inline uint64_t has_byte(uint64_t v, uint8_t c)
{
	uint64_t x = v ^ ONES * c;

	return (x - ONES) & ~x & HIGH;
}

/* Likewise for the first byte below 0x20. */
static inline uint64_t has_control(uint64_t v) { return (v - ONES * 0x20) & ~v & HIGH; }

static inline size_t first_byte(uint64_t marks) { return (size_t)__builtin_ctzll(marks) / 8; }

/* The first quote or backslash, or end. */
static inline const char *find_special(const char *at, const char *end)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"'), backslash = _mm_set1_epi8('\\');

	for (; end - at >= 16; at += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
		unsigned marks =
			(unsigned)_mm_movemask_epi8(_mm_or_si128(_mm_cmpeq_epi8(v, quote), _mm_cmpeq_epi8(v, backslash)));

		if (marks != 0)
			return at + __builtin_ctz(marks);
	}
#endif
	for (; end - at >= 8; at += 8) {
		uint64_t v = load8(at), marks = has_byte(v, '"') | has_byte(v, '\\');

		if (marks != 0)
			return at + first_byte(marks);
	}
	while (at < end && *at != '"' && *at != '\\')
		at++;
	return at;
}

static inline const char *skip_blanks(const char *at, const char *end)
{
	if (at < end && (unsigned char)*at > ' ') /* no client that we know writes blanks */
		return at;
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

/* The string whose opening quote is at s->at. */
static inline bool take_string(struct json_scan *s, struct json_text *out)
{
	const char *from = s->at + 1, *at = find_special(from, s->end);
	bool is_escaped = false;

	while (at < s->end && *at == '\\') {
		if (s->end - at < 2)
			return false;
		is_escaped = true;
		at = find_special(at + 2, s->end);
	}
	if (at == s->end)
		return false;
	*out = (struct json_text){{from, (size_t)(at - from)}, is_escaped};
	s->at = at + 1;
	return true;
}

/* The next byte that is no blank, left where it is; 0 at the end. */
static inline char peek(struct json_scan *s)
{
	s->at = skip_blanks(s->at, s->end);
	return s->at < s->end ? *s->at : 0;
}

static inline enum rc scan_name(struct json_scan *s, struct json_text *name)
{
	char c = peek(s);

	if (c == '}') {
		s->at++;
		return RC_NOT_FOUND;
	}
	if (s->is_inside) {
		if (c != ',')
			return RC_MALFORMED;
		s->at++;
		c = peek(s);
	}
	s->is_inside = true;
	if (c != '"' || !take_string(s, name) || peek(s) != ':')
		return RC_MALFORMED;
	s->at++;
	(void)peek(s);
	return RC_OK;
}

enum rc json_name(struct json_scan *s, struct json_text *name) { return scan_name(s, name); }

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

static inline enum rc scan_value(struct json_scan *s, struct json_value *v)
{
	const char *from = s->at;
	bool ok;

	*v = (struct json_value){.kind = JSON_STRING};
	if (s->at == s->end)
		return RC_MALFORMED;
	if (*from == '"')
		return take_string(s, &v->as) ? RC_OK : RC_MALFORMED;
	if (*from == '{' || *from == '[') {
		v->kind = JSON_NESTED;
		ok = skip_nested(s);
		v->as.text = (struct slice){from, (size_t)(s->at - from)};
	} else {
		ok = take_literal(s, v);
	}
	return ok ? RC_OK : RC_MALFORMED;
}

enum rc json_value(struct json_scan *s, struct json_value *v) { return scan_value(s, v); }

enum rc json_count_members(struct json_scan *s, size_t max, size_t *count)
{
	struct json_text name;
	struct json_value v;
	size_t n = 0;
	enum rc rc;

	while ((rc = scan_name(s, &name)) == RC_OK && (rc = scan_value(s, &v)) == RC_OK)
		if (++n > max)
			return RC_TOO_BIG;
	*count = n;
	return rc == RC_NOT_FOUND ? RC_OK : rc;
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
	const char *at = text.at, *end = text.at + text.len;

	while (at < end) {
		if (end - at >= 8) {
			uint64_t v = load8(at), marks = has_byte(v, '"') | has_byte(v, '\\') | has_control(v);
			size_t plain = marks != 0 ? first_byte(marks) : 8;

			memcpy(out, at, 8); /* the room for the worst case is there, so 8 bytes are */
			at += plain;
			out += plain;
			if (marks == 0)
				continue;
		}
		if ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
			*out++ = *at++;
		else
			out = put_escape(out, (unsigned char)*at++);
	}
	return out;
}
