/* flush: group commit: one fdatasync serves all that waits for it; and the waiting itself.
 *
 *   idle --(sync flush, or somebody waits, or the interval is over)--> LANE_FLUSH: fdatasync up to `written` --> flushed moves on,
 *   waiters are released, what was written meanwhile starts the next one
 *
 * Failure of an fdatasync: the store is read-only until it is started again (flush_break): the kernel may have dropped the pages.
 * Thread: core. */
#ifndef STORE_FLUSH_H
#define STORE_FLUSH_H

#include <stdint.h>

#include "base/rc.h"

struct store;

void flush_start(struct store *s);      /* timers */
void flush_stop(struct store *s);       /* timers stop, waiters are dropped without a call */
void flush_after_turn(struct store *s); /* `written` may have moved: releases waiters, starts an fdatasync if one is wanted */
enum rc flush_now(struct store *s);     /* blocking, no job under way: store_close */

/* A write or an fsync failed with rc: those that wait for more than the watermark reached are told so; the store takes no more. */
void flush_break(struct store *s, enum rc rc, const char *what);
/* No space, or no descriptor: the same, but tried again when retention finds space. */
void flush_full(struct store *s, enum rc rc, const char *what);
/* One or the other, as rc says: after RC_DISK_FULL and RC_TOO_MANY_FILES a write can be tried again. */
void flush_failed(struct store *s, enum rc rc, const char *what);

#endif
