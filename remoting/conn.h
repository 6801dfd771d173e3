/* conn: one TCP connection: frames in, bytes out, limits. It knows sockets and frame lengths; what a frame says is its owner's business.
 *
 *   socket -> room that the owner has -> whole frames -> ops->on_frame         (a partial frame waits in conn->in)
 *   *conn->out -> conn_flush: one uv_try_write -> the rest: uv_write of conn->sending
 *
 * Owners: conn_peer.c (the core's own loop does the network) and net_thread.c (a network loop of its own).
 * A connection that is idle holds no buffer. States of the two directions:
 *   reading <-> paused (output over high_bytes, until under low_bytes; or held by its owner, until released)
 *   open -> finishing (no reading, what is written still goes out) -> closing -> gone
 * Thread: the loop's. Memory: the owner's, which may free it in ops->on_closed. */
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
#define CONN_ROOM_MIN_BYTES (64u * 1024)          /* what an owner offers at least for one read; over CONN_COPY_MAX_BYTES */
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

struct conn_set;

/* What the owner does. Functions that may be NULL say so. */
struct conn_ops {
	/* Where the next bytes go: at least CONN_ROOM_MIN_BYTES, *size in all. NULL: no room, the connection is held. */
	uint8_t *(*room)(struct conn *c, size_t *size);
	/* So many bytes of the room just used were whole frames; they stay as they are as long as the owner wants. May be NULL. */
	void (*on_used)(struct conn *c, size_t bytes);
	/* One whole frame. RC_OK; RC_BUSY: not taken, the connection is held, it comes again after conn_release; else *why, and the
	 * connection is shut. */
	enum rc (*on_frame)(struct conn *c, struct slice frame, const char **why);
	/* Frames given before lie in this buffer: it is the owner's from now on. NULL: frames are not needed after on_frame. */
	void (*take_buffer)(struct conn *c, struct buf *in);
	void (*on_flushed)(struct conn *c); /* output was written, or is waiting for the socket. May be NULL */
	void (*on_shut)(struct conn *c);    /* inside the first conn_shut. May be NULL */
	void (*on_closed)(struct conn *c);  /* the socket is closed, nothing refers to c any more */
};

/* All connections of one server, client or network thread. */
struct conn_set {
	struct loop *loop;
	struct conn_limits limits;
	const struct conn_ops *ops;
	struct list conns;
	size_t count;

	/* conn.c only */
	size_t in_bytes; /* capacity of all conn->in */
	struct timer sweep;
	uint64_t log_last_ms, log_dropped;
};

struct conn {
	uv_tcp_t tcp;
	struct conn_set *set;
	struct buf *out;     /* bytes to send; the owner's, set by it before conn_start */
	const char *address; /* for logs; the owner's, set by it at once */
	struct list link;    /* of set->conns */
	bool is_connected, was_connected, is_closing;

	/* conn.c only */
	bool is_held, is_paused, is_finishing, is_writing, is_greeted, is_handle_closing;
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

void conn_set_init(struct conn_set *set, struct loop *loop, const struct conn_limits *limits, const struct conn_ops *ops);
void conn_set_fini(struct conn_set *set); /* no connections any more */

/* `c` is zeroed memory: a handle for a socket that is not connected yet, in the set. Else what libuv says, and c is as it was. */
enum rc conn_init(struct conn *c, struct conn_set *set);

/* The addresses of a connected socket, "ip:port", PEER_ADDRESS_BYTES each; left as they are when the socket has lost them. */
void conn_name(const uv_tcp_t *tcp, char *address, char *local_address);

/* The socket is connected: sets TCP_NODELAY, begins to read unless it is held. */
void conn_start(struct conn *c);

/* Write what is in *out, as far as the socket takes it; on_flushed. To be called once a turn after output was added. */
void conn_flush(struct conn *c);
size_t conn_pending_bytes(struct conn *c); /* output that the socket has not taken */

/* No more frames until conn_release, for the owner's reasons; frames that wait then come in a later turn. */
void conn_hold(struct conn *c);
void conn_release(struct conn *c);

/* Close the socket soon; on_closed comes in a later callback. */
void conn_shut(struct conn *c);

/* Read no more; shut when the output is sent. */
void conn_finish(struct conn *c);

/* A fresh socket for the same peer (the connect failed, another address is tried). on_renewed comes in a later callback, not when
 * conn_shut came between. */
void conn_renew(struct conn *c, void (*on_renewed)(struct conn *c));

#endif
