/* find: the first byte of two in a short text, inlined.
 *
 * Names and values of headers and properties are mostly 4 to 60 bytes long, too short to pay for calls of memchr: 16 bytes at a time with SSE2
 * (which every x86-64 has), else 8. Nothing beyond `end` is read.
 * Thread: any. Memory: none. */
#ifndef BASE_FIND_H
#define BASE_FIND_H

#include <endian.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#define FIND_ONES 0x0101010101010101u
#define FIND_HIGH (FIND_ONES * 0x80)

static inline uint64_t find_load8(const char *at)
{
	uint64_t v;

	memcpy(&v, at, 8);
	return le64toh(v); /* the first byte is the lowest */
}

/* The lowest set bit marks the first byte that is c (bits above it may be wrong, by the borrow). */
static inline uint64_t find_marks(uint64_t v, char c)
{
	uint64_t x = v ^ FIND_ONES * (uint8_t)c;

	return (x - FIND_ONES) & ~x & FIND_HIGH;
}

static inline size_t find_first(uint64_t marks) { return (size_t)__builtin_ctzll(marks) / 8; }

/* The first byte in [at, end) that is a or b, or end. */
static inline const char *find_either(const char *at, const char *end, char a, char b)
{
#ifdef __SSE2__
	for (; end - at >= 16; at += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)at);
		__m128i hits = _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8(a)), _mm_cmpeq_epi8(v, _mm_set1_epi8(b)));
		unsigned marks = (unsigned)_mm_movemask_epi8(hits);

		if (marks != 0)
			return at + __builtin_ctz(marks);
	}
#endif
	for (; end - at >= 8; at += 8) {
		uint64_t v = find_load8(at), marks = find_marks(v, a) | find_marks(v, b);

		if (marks != 0)
			return at + find_first(marks);
	}
	while (at < end && *at != a && *at != b)
		at++;
	return at;
}

#endif
