#include "remoting/json_scan.h"

#include "base/utf8.h"

/* The lowest set bit marks the first byte below 0x20. */
static inline uint64_t has_control(uint64_t v) { return (v - FIND_ONES * 0x20) & ~v & FIND_HIGH; }

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
static bool take_string(struct json_scan *s, struct json_text *out)
{
	const char *behind = json_string(s->at + 1, s->end, out);

	s->at = behind != NULL ? behind : s->end;
	return behind != NULL;
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

enum rc json_any_member(struct json_scan *s, struct json_text *name, struct json_value *v)
{
	enum rc rc = scan_name(s, name);

	return rc == RC_OK ? scan_value(s, v) : rc;
}

enum rc json_count_members(struct json_scan *s, size_t max, size_t *count)
{
	struct json_text name;
	struct json_value v;
	size_t n = 0;
	enum rc rc;

	while ((rc = json_member(s, &name, &v)) == RC_OK)
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

#define IS_DIGIT 0x10

/* IS_DIGIT and the value of a hex digit, or 0. */
static const uint8_t hex_values[256] = {
	['0'] = IS_DIGIT | 0,  ['1'] = IS_DIGIT | 1,  ['2'] = IS_DIGIT | 2,  ['3'] = IS_DIGIT | 3,  ['4'] = IS_DIGIT | 4,
	['5'] = IS_DIGIT | 5,  ['6'] = IS_DIGIT | 6,  ['7'] = IS_DIGIT | 7,  ['8'] = IS_DIGIT | 8,  ['9'] = IS_DIGIT | 9,
	['a'] = IS_DIGIT | 10, ['b'] = IS_DIGIT | 11, ['c'] = IS_DIGIT | 12, ['d'] = IS_DIGIT | 13, ['e'] = IS_DIGIT | 14,
	['f'] = IS_DIGIT | 15, ['A'] = IS_DIGIT | 10, ['B'] = IS_DIGIT | 11, ['C'] = IS_DIGIT | 12, ['D'] = IS_DIGIT | 13,
	['E'] = IS_DIGIT | 14, ['F'] = IS_DIGIT | 15};

/* Four hex digits at `at`; -1 when they are not there. */
static int32_t hex_unit(const char *at, const char *end)
{
	uint8_t digits[4];
	int32_t unit = 0, all = IS_DIGIT;

	if (end - at < 4)
		return -1;
	memcpy(digits, at, 4);
	for (int i = 0; i < 4; i++) {
		int value = hex_values[digits[i]];

		all &= value;
		unit = unit << 4 | (value & 15);
	}
	return all & IS_DIGIT ? unit : -1;
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

/* Copy up to the next backslash, or to the end. 16 bytes are written at once where so many are left to read: `to` never overtakes `at`, so that
 * they fit behind it too. */
static inline const char *copy_plain(const char *at, const char *end, char **to)
{
	const char *backslash;

#ifdef __SSE2__
	for (; end - at >= 16; at += 16, *to += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
		unsigned marks = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));

		_mm_storeu_si128((__m128i *)(void *)*to, v);
		if (marks != 0) {
			*to += __builtin_ctz(marks);
			return at + __builtin_ctz(marks);
		}
	}
#endif
	backslash = at < end ? memchr(at, '\\', (size_t)(end - at)) : NULL;
	if (backslash == NULL)
		backslash = end;
	memcpy(*to, at, (size_t)(backslash - at));
	*to += backslash - at;
	return backslash;
}

/* The XX of a \u00XX: the separators of properties, which every message has. */
static inline bool is_ascii_unit(const char *at)
{
	uint8_t high = hex_values[(uint8_t)at[0]], low = hex_values[(uint8_t)at[1]];

	return (high & low & IS_DIGIT) && (high & 8) == 0;
}

bool json_unescape(struct slice raw, char *out, size_t *len)
{
	const char *at = raw.at, *end = raw.at + raw.len;
	char *to = out;

	while ((at = copy_plain(at, end, &to)) < end) {
		if (end - at < 2)
			return false;
		if (end - at >= 6 && memcmp(at, "\\u00", 4) == 0 && is_ascii_unit(at + 4)) {
			*to++ = (char)((hex_values[(uint8_t)at[4]] & 15) << 4 | (hex_values[(uint8_t)at[5]] & 15));
			at += 6;
			continue;
		}
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

/* A character that is not ASCII, or a byte that is no character. Moves *at behind it. */
static char *put_high(char *out, const char **at, const char *end)
{
	size_t n = utf8_sequence(*at, (size_t)(end - *at));

	memcpy(out, n != 0 ? *at : UTF8_REPLACEMENT, n != 0 ? n : 3);
	*at += n != 0 ? n : 1;
	return out + (n != 0 ? n : 3);
}

/* Where something in these eight bytes must be looked at: what JSON escapes, and what is not ASCII. */
static inline uint64_t marks_of(uint64_t v)
{
	return find_marks(v, '"') | find_marks(v, '\\') | has_control(v) | (v & UINT64_C(0x8080808080808080));
}

/* Byte by byte where something must be escaped, eight at a time between. */
static char *put_mixed(char *out, struct slice text)
{
	const char *at = text.at, *end = text.at + text.len;

	while (at < end) {
		if (end - at >= 8) {
			uint64_t v = find_load8(at), marks = marks_of(v);
			size_t plain = marks != 0 ? find_first(marks) : 8;

			memcpy(out, at, 8); /* the room for the worst case is there, so 8 bytes are */
			at += plain;
			out += plain;
			if (marks == 0)
				continue;
		}
		if ((unsigned char)*at >= 0x80)
			out = put_high(out, &at, end);
		else if ((unsigned char)*at >= 0x20 && *at != '"' && *at != '\\')
			*out++ = *at++;
		else
			out = put_escape(out, (unsigned char)*at++);
	}
	return out;
}

/* Copy eight bytes; what is not 0 says that one of them must be escaped. */
static inline uint64_t put8(char *out, const char *at)
{
	uint64_t v = find_load8(at);

	memcpy(out, at, 8);
	return marks_of(v);
}

#ifdef __SSE2__
/* The same with sixteen. */
static inline int put16(char *out, const char *at)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
	__m128i special = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')), _mm_cmpeq_epi8(v, _mm_set1_epi8('\\')));
	__m128i control = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1F)), v);

	_mm_storeu_si128((__m128i *)(void *)out, v);
	return _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(special, control), v)); /* v: its top bits, for what is not ASCII */
}
#endif

/* Nearly nothing that is written needs escaping: whole steps, the last of which overlaps the one before. */
char *json_put_escaped(char *out, struct slice text)
{
	const char *at = text.at;
	size_t len = text.len, i = 0;
	uint64_t marks = 0;

#ifdef __SSE2__
	if (len >= 16) {
		for (; i + 16 < len; i += 16)
			marks |= (unsigned)put16(out + i, at + i);
		marks |= (unsigned)put16(out + len - 16, at + len - 16);
		return marks == 0 ? out + len : put_mixed(out, text);
	}
#endif
	if (len < 8)
		return len == 0 ? out : put_mixed(out, text);
	for (; i + 8 < len; i += 8)
		marks |= put8(out + i, at + i);
	marks |= put8(out + len - 8, at + len - 8);
	return marks == 0 ? out + len : put_mixed(out, text);
}
