/* outbound: how a core calls another server (a name server, later the master), without knowing sockets.
 *
 * remoting/client.c implements it on libuv with reconnect and name resolution off the core; tests implement it in memory
 * (tests/unit/sim.c). Thread: the core's. Memory: header and body are encoded before `call` returns. */
#ifndef REMOTING_OUTBOUND_H
#define REMOTING_OUTBOUND_H

#include "remoting/peer.h"

struct outbound {
	/* The core's, NULL at first: a connection that had been up is gone, by whichever side. May make calls; never inside `call`. */
	void (*on_lost)(void *ctx, const char *address);
	void *on_lost_ctx;
	/* Call `address` ("host:port"). Connects when needed; one connection an address. on_answer as in peer_call, plus
	 * RC_UNREACHABLE. timeout_ms counts from now, connecting included. on_answer NULL: oneway. */
	void (*call)(struct outbound *o, const char *address, int32_t code, const struct schema *schema, const void *header,
		     struct slice body, uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx);
};

#endif
