/* frame_template: a request encoded once and patched for each use, so that the load costs little beside what it loads.
 *
 * What changes from one message to the next has a fixed width and stands in the frame as a marker until it is patched:
 * the opaque, the time of birth, the number in the unique key and in the keys, and the stamp at the head of a body.
 * Thread: the load's. Memory: owns its bytes. */
#ifndef BENCH_FRAME_TEMPLATE_H
#define BENCH_FRAME_TEMPLATE_H

#include <stdint.h>

#include "base/buf.h"
#include "remoting/command.h"

#define MARKER_OPAQUE 1000000007                      /* ten digits, as every opaque of the load */
#define MARKER_BORN_MS 1111111111117                  /* thirteen digits, as milliseconds have until 2286 */
#define MARKER_NUMBER "B3A7C0DE5EED1E55"              /* 16 hexadecimal digits */
#define MARKER_STAMP "\x01mqbench stamp 01234567\x02" /* STAMP_BYTES */
#define STAMP_BYTES 24

/* Stamp: at the head of a body that is to be known again when it is consumed. */
struct stamp {
	uint64_t run; /* of this run of mqbench */
	uint64_t intended_ns;
	uint32_t link, slot;
};

struct frame_template {
	struct buf bytes;
	uint32_t *places; /* offset << 3 | kind */
	int place_count, place_cap;
};

/* Find the markers in `bytes`, which the caller has filled with one frame. */
void frame_template_scan(struct frame_template *t, enum codec codec);

/* Append the frame, patched, to out. *number counts on, once for each message in it. */
void frame_template_put(const struct frame_template *t, struct buf *out, int32_t opaque, int64_t born_ms, uint64_t *number,
			const struct stamp *stamp);

void frame_template_free(struct frame_template *t);

/* Reads a stamp from the head of a body; false when it is too short. */
bool stamp_read(struct slice body, struct stamp *out);

#endif
