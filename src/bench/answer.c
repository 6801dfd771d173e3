/* Binary: fixed places. JSON: the names are searched for; inside a string of the header their quotes would be escaped. */
#include "bench/answer.h"

#include <string.h>

#include "base/bytes.h"

#define PREFIX_BYTES 8 /* length, type and header length */
#define BINARY_OPAQUE_AT 5

static bool number_behind(struct slice text, const char *name, size_t name_len, int32_t *out)
{
	const char *at = memmem(text.at, text.len, name, name_len), *end = text.at + text.len;
	int64_t n = 0;
	bool is_negative;

	if (at == NULL)
		return false;
	at += name_len;
	is_negative = at < end && *at == '-';
	at += is_negative;
	if (at == end || *at < '0' || *at > '9')
		return false;
	for (; at < end && *at >= '0' && *at <= '9' && n <= INT32_MAX; at++)
		n = n * 10 + (*at - '0');
	*out = (int32_t)(is_negative ? -n : n);
	return n <= INT32_MAX;
}

bool answer_peek(struct slice frame, int32_t *opaque, int32_t *code)
{
	struct slice header;
	uint32_t word;

	if (frame.len < PREFIX_BYTES)
		return false;
	word = get_u32(frame.at + 4);
	header = slice_sub(frame, PREFIX_BYTES, word & 0xffffff);
	if (word >> 24 == 1) {
		if (header.len < BINARY_OPAQUE_AT + 4)
			return false;
		*code = (int16_t)get_u16(header.at);
		*opaque = (int32_t)get_u32(header.at + BINARY_OPAQUE_AT);
		return true;
	}
	return number_behind(header, "\"opaque\":", 9, opaque) && number_behind(header, "\"code\":", 7, code);
}
