/* wire: a reading cursor over bytes from outside, with a sticky error, checked once at the end.
 *
 *	struct wire w = wire_over(slice);
 *	uint32_t n = wire_u32(&w);
 *	struct slice name = wire_take(&w, n);
 *	if (w.rc != RC_OK) ...
 *
 * After the first error every read gives zero or an empty slice. Thread: any. Memory: none, slices point into the input. */
#ifndef BASE_WIRE_H
#define BASE_WIRE_H

#include "base/bytes.h"
#include "base/rc.h"
#include "base/slice.h"

struct wire {
	const char *at, *end;
	enum rc rc;
};

static inline struct wire wire_over(struct slice s) { return (struct wire){s.at, s.at + s.len, RC_OK}; }

static inline size_t wire_left(const struct wire *w) { return (size_t)(w->end - w->at); }

/* The next n bytes, or an empty slice and RC_MALFORMED. n is compared as it came; no arithmetic on it. */
static inline struct slice wire_take(struct wire *w, size_t n)
{
	if (w->rc != RC_OK || wire_left(w) < n) {
		if (w->rc == RC_OK)
			w->rc = RC_MALFORMED;
		return (struct slice){NULL, 0};
	}
	w->at += n;
	return (struct slice){w->at - n, n};
}

static inline uint8_t wire_u8(struct wire *w)
{
	struct slice s = wire_take(w, 1);
	return s.at ? (uint8_t)s.at[0] : 0;
}

static inline uint16_t wire_u16(struct wire *w)
{
	struct slice s = wire_take(w, 2);
	return s.at ? get_u16(s.at) : 0;
}

static inline uint32_t wire_u32(struct wire *w)
{
	struct slice s = wire_take(w, 4);
	return s.at ? get_u32(s.at) : 0;
}

static inline uint64_t wire_u64(struct wire *w)
{
	struct slice s = wire_take(w, 8);
	return s.at ? get_u64(s.at) : 0;
}

#endif
