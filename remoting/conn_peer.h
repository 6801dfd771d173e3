/* conn_peer: a connection and its peer on one loop, the core's: frames go to peer_receive at once, answers are written at the end of the turn.
 *
 *   conn -> peer_receive -> handler -> peer->out -> end of turn: conn_flush
 *
 * Used by server.c when it has no network threads, and by client.c.
 * Thread: the loop's. Memory: made by conn_peer_new, freed after on_gone. */
#ifndef REMOTING_CONN_PEER_H
#define REMOTING_CONN_PEER_H

#include "remoting/conn.h"

struct conn_peer {
	struct conn conn; /* first */
	struct peer *peer;
	void *owner; /* the server's or client's */
};

struct conn_peers {
	struct conn_set set;                                            /* first */
	void (*on_gone)(struct conn_peers *peers, struct conn_peer *c); /* the peer is freed already; c is freed right after */

	/* conn_peer.c only */
	struct list dirty; /* peers with output */
	struct loop_hook flush;
};

void conn_peers_init(struct conn_peers *p, struct loop *loop, const struct conn_limits *limits);
void conn_peers_fini(struct conn_peers *p); /* no connections any more */

/* A connection with its peer, socket not connected yet. Output may be queued at once. NULL when libuv has no handle for us. */
struct conn_peer *conn_peer_new(struct conn_peers *p, const struct dispatch *dispatch, void *core);

/* The socket is connected: names the peer, begins to read, sends what is queued. conn_shut closes it: the peer is closed (its calls and
 * parked requests fail) in a later callback, then on_gone. */
void conn_peer_start(struct conn_peer *c);

#endif
