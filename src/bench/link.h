/* link: one connection of the load: what goes out is gathered and written once a turn, what comes in is cut into frames.
 *
 *   link_open -> { out filled by the caller -> link_write } { link_read -> on_frame for each whole frame } -> link_close
 *
 * Thread: the load's. Memory: the struct is the caller's; a frame given to on_frame dies with the call. */
#ifndef BENCH_LINK_H
#define BENCH_LINK_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

struct link {
	int fd; /* -1: closed */
	struct buf out;
	size_t written;  /* of out */
	struct buf part; /* of a frame that is not whole yet */
	bool is_dirty;   /* in the load's list of links to write */
	bool is_stuck;   /* the socket takes no more: epoll says when */
};

/* Connect; blocks. `address` is host:port. Returns false with errno set. */
bool link_open(struct link *l, const char *address);
void link_close(struct link *l);

/* Write what the socket takes of `out`. Returns false with errno when the connection is broken. */
bool link_write(struct link *l);

/* Read once, as much as there is. Returns false with errno when the connection is closed, broken, or sends what is no frame. */
bool link_read(struct link *l, void (*on_frame)(void *ctx, struct slice frame), void *ctx);

/* Write what is in `out` and wait for one frame, for set-up: a copy of it goes to *answer. False with errno after timeout_ms. */
bool link_call(struct link *l, int timeout_ms, struct buf *answer);

#endif
