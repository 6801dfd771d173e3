/* server: listening sockets of one core: accepts peers, reads their frames, writes their answers.
 *
 *   server_new -> server_listen (port), server_listen (port - 2, VIP) -> ... -> server_close -> on_closed -> server_free
 *
 * The sockets are served by the loop itself (conn_peer.h), or by network threads (net_core.h); the core's view is the same.
 * Thread: the loop's. Memory: the server is freed by server_free, after on_closed. */
#ifndef REMOTING_SERVER_H
#define REMOTING_SERVER_H

#include "remoting/conn_peer.h"
#include "remoting/net_core.h"

#define SERVER_LISTENERS_MAX 4
#define SERVER_CONNECTIONS_MAX 20000 /* default; further ones are closed at once */
#define SERVER_BACKLOG 1024

struct server_options {
	const struct dispatch *dispatch;
	void *core;                               /* requests' core */
	void (*on_peer_close)(struct peer *peer); /* peer->on_close of every new peer, or NULL: the core sets its own */
	struct conn_limits limits;
	size_t max_connections;
	int backlog;
	int send_buffer_bytes, receive_buffer_bytes; /* of the sockets; 0 = the system's */
	int io_threads; /* network threads, up to NET_THREADS_MAX; 0 = the loop does the network itself */
};

void server_options_default(struct server_options *o);

struct server;

struct server *server_new(struct loop *loop, const struct server_options *options);

/* Listen on a numeric address, IPv4 or IPv6 ("0.0.0.0" and "::" take both families; the former only IPv4 where the host has no
 * IPv6); port 0 takes a free one. `key`: the configuration key to name when that fails.
 * Returns RC_OK; else *error, a malloc'ed line that names address, reason and remedy. */
enum rc server_listen(struct server *s, const char *address, int port, bool is_vip, const char *key, char **error);

/* Port of the i-th listener, in the order of server_listen. */
int server_port(const struct server *s, size_t i);
size_t server_connection_count(const struct server *s);

/* Stop accepting and reading, let what is written go out for at most grace_ms, close everything; then on_closed(ctx), once, never inside. */
void server_close(struct server *s, uint64_t grace_ms, void (*on_closed)(void *ctx), void *ctx);
void server_free(struct server *s); /* NULL is fine */

#endif
