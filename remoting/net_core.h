/* net_core: the core's side of its network threads: connections are given away, their requests come in, their answers go out.
 *
 *   server.c accepts -> net_core_adopt: a peer here, a socket there
 *   batch of a network thread -> peer_take for each request -> handlers -> peer->out -> end of turn: orders, one wake-up a thread
 *
 * A peer of it is like any other to a core: it has `out`, touch, shut. Accepted sockets go to the threads in turn (round robin): with
 * SO_REUSEPORT listeners instead, the kernel spreads by hash, which puts two connections out of four on one thread often enough,
 * and two brokers that are given one port by mistake would both start.
 * Thread: the core's loop. Memory: net_core_new .. net_core_free. */
#ifndef REMOTING_NET_CORE_H
#define REMOTING_NET_CORE_H

#include "remoting/conn.h"

#define NET_THREADS_MAX 64

struct net_core;

struct net_core_options {
	int threads;
	const struct dispatch *dispatch;
	void *core;
	struct conn_limits limits;
	int send_buffer_bytes, receive_buffer_bytes;
	void (*on_gone)(void *ctx); /* a connection is gone; in a turn of the loop */
	void *ctx;
};

struct net_core *net_core_new(struct loop *loop, const struct net_core_options *options);

/* A connected socket: `accepted` is a handle of the core's loop, which the caller closes (its descriptor is duplicated).
 * Returns its peer, named; or NULL, with errno, when there is no descriptor left. */
struct peer *net_core_adopt(struct net_core *n, const uv_tcp_t *accepted);

size_t net_core_count(const struct net_core *n); /* connections, closing ones included */

/* Read no more; what was read is handled, what is answered is sent, then each connection is closed. */
void net_core_finish(struct net_core *n);
void net_core_shut(struct net_core *n); /* close all of them now */

/* No connection is left, none will come: end the threads (waits for them, they have nothing left to do); on_ended(ctx), once, never
 * inside. */
void net_core_end(struct net_core *n, void (*on_ended)(void *ctx), void *ctx);
void net_core_free(struct net_core *n); /* after on_ended */

#endif
