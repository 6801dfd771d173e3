/* Happy path: four lanes of 16 bytes are folded by 64 bytes at a time, then into one, which Barrett's reduction turns into 32 bits
 * (Gopal and others, "Fast CRC Computation for Generic Polynomials Using PCLMULQDQ Instruction", Intel 2009: the constants are those
 * of the reflected polynomial 0xEDB88320). What is shorter than 64 bytes, the tail, and other processors are zlib's. */
#include "store/crc.h"

#include <zlib.h>

#if defined(__x86_64__)
#include <immintrin.h>

#define FOLD_LEAST 64
#define CLMUL __attribute__((target("pclmul,sse4.1")))

static CLMUL inline __m128i load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }

static CLMUL inline __m128i fold(__m128i x, __m128i by, __m128i next)
{
	__m128i low = _mm_clmulepi64_si128(x, by, 0x00), high = _mm_clmulepi64_si128(x, by, 0x11);

	return _mm_xor_si128(_mm_xor_si128(low, high), next);
}

static CLMUL uint32_t reduce(__m128i x)
{
	const __m128i by16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0), by8 = _mm_set_epi64x(0, 0x163cd6124);
	const __m128i barrett = _mm_set_epi64x(0x1f7011641, 0x1db710641), low32 = _mm_set_epi32(0, -1, 0, -1);
	__m128i t = _mm_clmulepi64_si128(x, by16, 0x10);

	x = _mm_xor_si128(_mm_srli_si128(x, 8), t);
	t = _mm_srli_si128(x, 4);
	x = _mm_xor_si128(_mm_clmulepi64_si128(_mm_and_si128(x, low32), by8, 0x00), t);
	t = _mm_clmulepi64_si128(_mm_and_si128(x, low32), barrett, 0x10);
	t = _mm_clmulepi64_si128(_mm_and_si128(t, low32), barrett, 0x00);
	return (uint32_t)_mm_extract_epi32(_mm_xor_si128(x, t), 1);
}

/* n >= FOLD_LEAST, a multiple of 16; `state` and what is returned are not inverted. */
static CLMUL uint32_t fold_all(uint32_t state, const uint8_t *p, size_t n)
{
	const __m128i by64 = _mm_set_epi64x(0x1c6e41596, 0x154442bd4), by16 = _mm_set_epi64x(0x0ccaa009e, 0x1751997d0);
	__m128i a = _mm_xor_si128(load(p), _mm_cvtsi32_si128((int)state)), b = load(p + 16), c = load(p + 32), d = load(p + 48);

	for (p += 64, n -= 64; n >= 64; p += 64, n -= 64) {
		a = fold(a, by64, load(p));
		b = fold(b, by64, load(p + 16));
		c = fold(c, by64, load(p + 32));
		d = fold(d, by64, load(p + 48));
	}
	a = fold(a, by16, b);
	a = fold(a, by16, c);
	a = fold(a, by16, d);
	for (; n >= 16; p += 16, n -= 16)
		a = fold(a, by16, load(p));
	return reduce(a);
}

uint32_t crc_of(const void *bytes, size_t n)
{
	size_t folded = n & ~(size_t)15;
	uint32_t crc;

	if (n < FOLD_LEAST || !__builtin_cpu_supports("pclmul") || !__builtin_cpu_supports("sse4.1"))
		return (uint32_t)crc32_z(0, bytes, n);
	crc = ~fold_all(~0u, bytes, folded);
	return n == folded ? crc : (uint32_t)crc32_z(crc, (const uint8_t *)bytes + folded, n - folded);
}
#else
uint32_t crc_of(const void *bytes, size_t n) { return (uint32_t)crc32_z(0, bytes, n); }
#endif
