/* conn: one TCP connection with its peer: frames in, bytes out, limits. Used by server.c and client.c only.
 *
 *   socket -> loop's scratch buffer -> whole frames -> peer_receive         (a partial frame waits in conn->in)
 *   peer->out -> end of turn: one uv_try_write -> the rest: uv_write of conn->sending
 *
 * A connection that is idle holds no buffer. States of the two directions:
 *   reading <-> paused (output over high_bytes, until under low_bytes)
 *   open -> finishing (no reading, what is written still goes out) -> closing -> gone
 * Thread: the loop's. Memory: conn_new; freed after on_gone. */
#ifndef REMOTING_CONN_H
#define REMOTING_CONN_H

#include <uv.h>

#include "base/loop.h"
#include "remoting/peer.h"

#define CONN_IDLE_MS 120000                       /* Apache: serverChannelMaxIdleTimeSeconds */
#define CONN_STALL_MS 30000                       /* a peer that takes nothing of our output for so long is dropped */
#define CONN_OUT_HIGH_BYTES (4u * 1024 * 1024)    /* more output than this: its socket is not read any more */
#define CONN_OUT_LOW_BYTES (1u * 1024 * 1024)     /* less than this: it is read again */
#define CONN_OUT_MAX_BYTES (256ull * 1024 * 1024) /* more than this: it is dropped */
#define CONN_SWEEP_MS 1000                        /* how often idle and stalled peers are looked for */
#define CONN_COPY_MAX_BYTES 16384                 /* a longer partial frame is read straight into its own buffer */
#define CONN_KEEP_OUT_BYTES 16384                 /* an output buffer up to this size is kept between turns of a busy peer */

#define CONN_SET_IN_BYTES                                                                                                        \
	(512ull * 1024 * 1024) /* partial frames of all peers together; a peer that would exceed it is dropped */

struct conn_limits {
	uint64_t idle_ms;  /* without a byte in either direction; 0 = for ever */
	uint64_t stall_ms; /* 0 = for ever */
	uint64_t sweep_ms;
	size_t out_high_bytes, out_low_bytes, out_max_bytes;
	size_t in_max_bytes; /* of partial frames, all connections of the set together */
};

void conn_limits_default(struct conn_limits *l);

struct conn;

/* All connections of one server or client. */
struct conn_set {
	struct loop *loop;
	struct conn_limits limits;
	struct list conns;
	size_t count;
	void (*on_gone)(struct conn_set *set, struct conn *c); /* the peer is freed already; c is freed right after */

	/* conn.c only */
	struct list dirty; /* peers with output */
	size_t in_bytes;   /* capacity of all conn->in */
	struct loop_hook flush;
	struct timer sweep;
	uint64_t log_last_ms, log_dropped;
};

struct conn {
	uv_tcp_t tcp;
	struct conn_set *set;
	struct peer *peer;
	struct list link; /* of set->conns */
	void *owner;      /* the server's or client's */
	bool is_connected, was_connected, is_closing;

	/* conn.c only */
	bool is_paused, is_finishing, is_writing, is_greeted, is_handle_closing;
	struct buf in; /* a partial frame; whole frames too while paused */
	size_t need;   /* size of the frame that `in` begins; 0 = not known yet */
	struct buf sending;
	uv_write_t write;
	uv_connect_t connect; /* client.c's */
	struct timer resume;
	uint64_t active_ms, stalled_since_ms;
	size_t stalled_bytes;
	void (*on_renewed)(struct conn *c);
};

void conn_set_init(struct conn_set *set, struct loop *loop, const struct conn_limits *limits);
void conn_set_fini(struct conn_set *set); /* no connections any more */

/* A connection with its peer, socket not connected yet. Output may be queued at once. NULL when libuv has no handle for us. */
struct conn *conn_new(struct conn_set *set, const struct dispatch *dispatch, void *core);

/* The socket is connected: names the peer, sets TCP_NODELAY, begins to read, sends what is queued. */
void conn_start(struct conn *c);

/* Close the socket soon; the peer is closed (its calls and parked requests fail) in a later callback, then on_gone. */
void conn_shut(struct conn *c);

/* Read no more; shut when the output is sent. */
void conn_finish(struct conn *c);

/* A fresh socket for the same peer (the connect failed, another address is tried). on_renewed comes in a later callback, not when
 * conn_shut came between. */
void conn_renew(struct conn *c, void (*on_renewed)(struct conn *c));

#endif
