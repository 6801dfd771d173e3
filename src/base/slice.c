#include "base/slice.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"

#define SAFE_DIGITS 18 /* so many cannot overflow: nearly every number of a header */

/* Too many digits to be safe. Counts down, because only the negative range holds -2^63. */
static bool long_to_i64(const char *at, const char *end, bool is_negative, int64_t *out)
{
	int64_t value = 0;

	for (; at < end; at++) {
		if (*at < '0' || *at > '9')
			return false;
		if (__builtin_mul_overflow(value, 10, &value) || __builtin_sub_overflow(value, *at - '0', &value))
			return false;
	}
	if (!is_negative && __builtin_sub_overflow((int64_t)0, value, &value))
		return false;
	*out = value;
	return true;
}

static inline bool to_i64(struct slice s, int64_t *out)
{
	const char *at = s.at, *end;
	bool is_negative = false;
	int64_t value = 0;

	if (s.len == 0)
		return false;
	end = at + s.len;
	if (*at == '-' || *at == '+') {
		is_negative = *at == '-';
		if (++at == end)
			return false;
	}
	if (end - at > SAFE_DIGITS)
		return long_to_i64(at, end, is_negative, out);
	do {
		unsigned digit = (unsigned char)*at - (unsigned)'0';

		if (digit > 9)
			return false;
		value = value * 10 + digit;
	} while (++at < end);
	*out = is_negative ? -value : value;
	return true;
}

bool slice_to_i64(struct slice s, int64_t *out) { return to_i64(s, out); }

bool slice_to_i32(struct slice s, int32_t *out)
{
	int64_t wide;

	if (!to_i64(s, &wide) || wide < INT32_MIN || wide > INT32_MAX)
		return false;
	*out = (int32_t)wide;
	return true;
}

bool slice_to_bool(struct slice s, bool *out)
{
	if (s.len == 4 && strncasecmp(s.at, "true", 4) == 0)
		*out = true;
	else if (s.len == 5 && strncasecmp(s.at, "false", 5) == 0)
		*out = false;
	else
		return false;
	return true;
}

size_t slice_find(struct slice s, char c)
{
	const char *hit = s.len ? memchr(s.at, c, s.len) : NULL;

	return hit ? (size_t)(hit - s.at) : s.len;
}

bool slice_split(struct slice *rest, char separator, struct slice *part)
{
	size_t end;

	if (rest->len == 0)
		return false;
	end = slice_find(*rest, separator);
	*part = slice_sub(*rest, 0, end);
	*rest = end < rest->len ? slice_sub(*rest, end + 1, rest->len) : (struct slice){rest->at + end, 0};
	return true;
}

char *slice_dup(struct slice s)
{
	char *copy = mem_alloc(s.len + 1);

	if (s.len)
		memcpy(copy, s.at, s.len);
	copy[s.len] = '\0';
	return copy;
}

/* Decode one UTF-8 character starting at i; a byte that is no valid start counts as itself (Latin-1), so that any
 * input has a hash. Advances *i. */
static uint32_t utf8_next(struct slice s, size_t *i)
{
	uint8_t c = (uint8_t)s.at[*i];
	size_t more = c >= 0xF0 && c < 0xF8 ? 3 : c >= 0xE0 && c < 0xF0 ? 2 : c >= 0xC0 && c < 0xE0 ? 1 : 0;
	uint32_t value = more == 3 ? c & 0x07 : more == 2 ? c & 0x0F : more == 1 ? c & 0x1F : c;

	if (s.len - *i <= more) {
		*i += 1;
		return c;
	}
	for (size_t k = 1; k <= more; k++)
		value = value << 6 | ((uint8_t)s.at[*i + k] & 0x3F);
	*i += 1 + more;
	return value;
}

int32_t slice_java_hash(struct slice s)
{
	uint32_t hash = 0;

	for (size_t i = 0; i < s.len;) {
		if ((uint8_t)s.at[i] < 0x80) {
			hash = hash * 31 + (uint8_t)s.at[i++];
			continue;
		}
		uint32_t c = utf8_next(s, &i);
		if (c >= 0x10000) {
			c -= 0x10000;
			hash = hash * 31 + (0xD800 | (c >> 10));
			hash = hash * 31 + (0xDC00 | (c & 0x3FF));
		} else {
			hash = hash * 31 + c;
		}
	}
	return (int32_t)hash;
}
