/* client: outbound.h on libuv: one connection an address, made when first needed and again after it was lost.
 *
 *   call -> (resolve off the loop) -> connect, each address of the name in turn -> send -> answer
 *     \------------------------- the deadline covers all of it ------------------------/
 *
 * After a failed connect the next attempt waits (CLIENT_BACKOFF_MIN_MS, doubled up to CLIENT_BACKOFF_MAX_MS); calls made meanwhile wait
 * with it. A request that the other side sends goes to the dispatch, if one was given.
 * Thread: the loop's. Memory: client_new .. client_free, the latter after on_closed. */
#ifndef REMOTING_CLIENT_H
#define REMOTING_CLIENT_H

#include "remoting/conn_peer.h"
#include "remoting/outbound.h"

#define CLIENT_ADDRESSES_MAX 256
#define CLIENT_CONNECT_TIMEOUT_MS 3000
#define CLIENT_BACKOFF_MIN_MS 100
#define CLIENT_BACKOFF_MAX_MS 5000

struct client_options {
	const struct dispatch *dispatch; /* NULL: requests of the other side are answered with 3 */
	void *core;
	void (*on_peer_close)(struct peer *peer); /* or NULL */
	struct conn_limits limits;
	uint64_t connect_timeout_ms; /* for each address of a name */
};

void client_options_default(struct client_options *o);

struct client;

struct client *client_new(struct loop *loop, const struct client_options *options);
struct outbound *client_outbound(struct client *c);

/* Close every connection (calls end with RC_CLOSED or RC_UNREACHABLE), then on_closed(ctx), once, never inside. */
void client_close(struct client *c, void (*on_closed)(void *ctx), void *ctx);
void client_free(struct client *c); /* NULL is fine */

#endif
