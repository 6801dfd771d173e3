#include "base/utf8.h"

#include <stdint.h>

size_t utf8_sequence(const char *text, size_t left)
{
	const unsigned char *at = (const unsigned char *)text;
	unsigned char c = at[0];
	unsigned char low = 0x80, high = 0xBF; /* allowed second byte */
	size_t n;

	if (c < 0x80)
		return 1;
	if (c >= 0xC2 && c <= 0xDF)
		n = 2;
	else if (c >= 0xE0 && c <= 0xEF)
		n = 3;
	else if (c >= 0xF0 && c <= 0xF4)
		n = 4;
	else
		return 0;
	if (c == 0xE0)
		low = 0xA0;
	else if (c == 0xED)
		high = 0x9F;
	else if (c == 0xF0)
		low = 0x90;
	else if (c == 0xF4)
		high = 0x8F;
	if (left < n || at[1] < low || at[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((at[i] & 0xC0) != 0x80)
			return 0;
	return n;
}

/* How many of the first bytes are ASCII, nearly: eight at a time. */
static size_t skip_ascii(struct slice s, size_t at)
{
	uint64_t eight;

	for (; s.len - at >= sizeof(eight); at += sizeof(eight)) {
		memcpy(&eight, s.at + at, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	return at;
}

bool utf8_is_valid(struct slice s)
{
	size_t at = 0;

	while ((at = skip_ascii(s, at)) < s.len) {
		size_t n = utf8_sequence(s.at + at, s.len - at);

		if (n == 0)
			return false;
		at += n;
	}
	return true;
}
