/* buf: a growing byte buffer, filled at the end.
 *
 *   | 0 ........ len ........ cap |
 *
 * Numbers are written big-endian, as everything on RocketMQ's wire and disk. Appending a size that we choose cannot fail;
 * buf_try_reserve is for sizes that a peer or a file chose. Thread: the owner's. Memory: owns `data`. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/defs.h"
#include "base/slice.h"

struct buf {
	uint8_t *data;
	size_t len, cap;
};

void buf_free(struct buf *b);                               /* back to {0} */
static inline void buf_clear(struct buf *b) { b->len = 0; } /* keeps the memory */
bool buf_try_reserve(struct buf *b,
		     size_t more) MUST_USE; /* room for `more` bytes behind len; false: no memory, nothing changed */
void buf_reserve(struct buf *b, size_t more);
uint8_t *buf_grow(struct buf *b, size_t n); /* appends n bytes, not set, and returns where they are (until the next append) */
void buf_put(struct buf *b, const void *bytes, size_t n);
void buf_put_slice(struct buf *b, struct slice s);
void buf_put_text(struct buf *b, const char *text);
void buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);
static inline void buf_put_u8(struct buf *b, uint8_t v) { *buf_grow(b, 1) = v; }
static inline void buf_put_u16(struct buf *b, uint16_t v) { put_u16(buf_grow(b, 2), v); }
static inline void buf_put_u32(struct buf *b, uint32_t v) { put_u32(buf_grow(b, 4), v); }
static inline void buf_put_u64(struct buf *b, uint64_t v) { put_u64(buf_grow(b, 8), v); }
static inline struct slice buf_slice(const struct buf *b) { return (struct slice){(const char *)b->data, b->len}; }

#endif
