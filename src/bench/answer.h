/* answer: what an answer says, read no further than it must be: most answers of a load only need opaque and code.
 * Thread: any. Memory: slices into the frame. */
#ifndef BENCH_ANSWER_H
#define BENCH_ANSWER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

/* Opaque and code of a whole frame, without decoding the rest. False when they are not where every known peer writes them. */
bool answer_peek(struct slice frame, int32_t *opaque, int32_t *code);

#endif
