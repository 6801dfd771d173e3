/* Happy path: on_connection accepts into a new conn and starts it, or gives the socket to a network thread; everything else is theirs.
 * Failure: no descriptor is left (libuv then closes the newcomer with its spare descriptor and tells us, so that accept does not spin), or
 * too many connections: the newcomer is closed at once, with a log line a second. */
#include "remoting/server.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

static const char module[] = "remoting";

struct listener {
	uv_tcp_t tcp;
	struct server *server;
	bool is_vip;
	int port;
};

struct server {
	struct loop *loop;
	struct conn_peers peers; /* without network threads; with them it stays empty */
	struct net_core *net;    /* with them, else NULL */
	struct server_options options;
	struct listener listeners[SERVER_LISTENERS_MAX];
	size_t listener_count, open_listeners;
	struct timer grace;
	bool is_closing, is_net_ended, is_closed;
	void (*on_closed)(void *ctx);
	void *ctx;
	uint64_t log_last_ms, log_dropped;
};

void server_options_default(struct server_options *o)
{
	*o = (struct server_options){.max_connections = SERVER_CONNECTIONS_MAX, .backlog = SERVER_BACKLOG};
	conn_limits_default(&o->limits);
}

size_t server_connection_count(const struct server *s) { return s->net != NULL ? net_core_count(s->net) : s->peers.set.count; }

static void on_net_ended(void *ctx);

static void check_closed(struct server *s)
{
	if (!s->is_closing || s->is_closed || s->open_listeners > 0 || server_connection_count(s) > 0)
		return;
	if (s->net != NULL && !s->is_net_ended) {
		net_core_end(s->net, on_net_ended, s);
		return;
	}
	s->is_closed = true;
	timer_stop(&s->loop->timers, &s->grace);
	s->on_closed(s->ctx);
}

static void on_net_ended(void *ctx)
{
	struct server *s = ctx;

	s->is_net_ended = true;
	check_closed(s);
}

static void on_gone(struct conn_peers *peers, struct conn_peer *c)
{
	(void)c;
	check_closed(CONTAINER_OF(peers, struct server, peers));
}

static void on_net_gone(void *ctx) { check_closed(ctx); }

static void on_grace_over(struct timer *t)
{
	struct server *s = CONTAINER_OF(t, struct server, grace);

	if (s->net != NULL)
		net_core_shut(s->net);
	LIST_FOR_EACH_SAFE (it, &s->peers.set.conns)
		conn_shut(CONTAINER_OF(it, struct conn, link));
	check_closed(s);
}

static struct net_core *start_threads(struct server *s)
{
	const struct server_options *o = &s->options;

	return net_core_new(s->loop, &(struct net_core_options){
					     .threads = o->io_threads,
					     .dispatch = o->dispatch,
					     .core = o->core,
					     .limits = o->limits,
					     .send_buffer_bytes = o->send_buffer_bytes,
					     .receive_buffer_bytes = o->receive_buffer_bytes,
					     .on_gone = on_net_gone,
					     .ctx = s,
				     });
}

struct server *server_new(struct loop *loop, const struct server_options *options)
{
	struct server *s = mem_zalloc(sizeof(*s));

	s->loop = loop;
	s->options = *options;
	s->grace.on_timer = on_grace_over;
	conn_peers_init(&s->peers, loop, &options->limits);
	s->peers.on_gone = on_gone;
	if (options->io_threads > 0)
		s->net = start_threads(s);
	return s;
}

/* ---- accepting ---- */

static void log_refused(struct server *s, const char *why)
{
	if (!log_limited(s->loop->timers.now_ms + 1, &s->log_last_ms, &s->log_dropped))
		return;
	log_warn(module, "refusing a connection: %s (%llu more like this before)", why, (unsigned long long)s->log_dropped);
	s->log_dropped = 0;
}

static void free_handle(uv_handle_t *h) { free(h); }

/* The newcomer on a handle of its own; NULL: there is none left. */
static uv_tcp_t *accept_apart(struct listener *l)
{
	uv_tcp_t *tcp = mem_zalloc(sizeof(*tcp));

	if (uv_tcp_init(&l->server->loop->uv, tcp) != 0) {
		free(tcp);
		return NULL;
	}
	if (uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)tcp) == 0)
		return tcp;
	uv_close((uv_handle_t *)tcp, free_handle);
	return NULL;
}

/* Take the newcomer off the queue and close it. */
static void accept_and_close(struct listener *l)
{
	uv_tcp_t *tcp = accept_apart(l);

	if (tcp != NULL)
		uv_close((uv_handle_t *)tcp, free_handle);
}

static void set_up_peer(struct listener *l, struct peer *peer)
{
	peer->is_vip = l->is_vip;
	if (l->server->options.on_peer_close != NULL)
		peer->on_close = l->server->options.on_peer_close;
}

/* The socket goes to a network thread. */
static void accept_for_thread(struct listener *l)
{
	uv_tcp_t *tcp = accept_apart(l);
	struct peer *peer;

	if (tcp == NULL)
		return;
	peer = net_core_adopt(l->server->net, tcp);
	if (peer != NULL)
		set_up_peer(l, peer);
	else
		log_refused(l->server, strerror(errno));
	uv_close((uv_handle_t *)tcp, free_handle);
}

static void set_buffers(struct server *s, uv_tcp_t *tcp)
{
	int bytes = s->options.send_buffer_bytes;

	if (bytes > 0)
		uv_send_buffer_size((uv_handle_t *)tcp, &bytes);
	bytes = s->options.receive_buffer_bytes;
	if (bytes > 0)
		uv_recv_buffer_size((uv_handle_t *)tcp, &bytes);
}

static void accept_here(struct listener *l)
{
	struct server *s = l->server;
	struct conn_peer *c = conn_peer_new(&s->peers, s->options.dispatch, s->options.core);

	if (c == NULL)
		return;
	c->owner = s;
	set_up_peer(l, c->peer);
	if (uv_accept((uv_stream_t *)&l->tcp, (uv_stream_t *)&c->conn.tcp) != 0) {
		conn_shut(&c->conn);
		return;
	}
	set_buffers(s, &c->conn.tcp);
	conn_peer_start(c);
}

static void on_connection(uv_stream_t *stream, int status)
{
	struct listener *l = stream->data;
	struct server *s = l->server;

	loop_enter(s->loop);
	if (status < 0) {
		log_refused(s, uv_strerror(status));
		return;
	}
	if (server_connection_count(s) >= s->options.max_connections) {
		log_refused(s, "there are as many as maxConnections allows");
		accept_and_close(l);
		return;
	}
	if (s->net != NULL)
		accept_for_thread(l);
	else
		accept_here(l);
}

/* ---- listening ---- */

/* A kernel without IPv6 has no such socket; one with net.ipv6.conf.all.disable_ipv6 may have the socket but no address for it. */
static bool has_ipv6(void)
{
	const struct sockaddr_in6 any = {.sin6_family = AF_INET6};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool is_bound;

	if (fd < 0)
		return false;
	is_bound = bind(fd, (const struct sockaddr *)&any, sizeof(any)) == 0;
	close(fd);
	return is_bound;
}

static int bind_address(struct listener *l, const char *address, int port)
{
	struct sockaddr_storage sa;

	/* Java's wildcard takes both families: 0.0.0.0 in a broker.conf means every address of the host. */
	if (strcmp(address, "0.0.0.0") == 0 && has_ipv6())
		address = "::";
	if (uv_ip4_addr(address, port, (struct sockaddr_in *)&sa) != 0 &&
	    uv_ip6_addr(address, port, (struct sockaddr_in6 *)&sa) != 0)
		return UV_EINVAL;
	return uv_tcp_bind(&l->tcp, (const struct sockaddr *)&sa, 0); /* sets SO_REUSEADDR */
}

static int bound_port(const struct listener *l)
{
	struct sockaddr_storage sa = {0};
	int len = sizeof(sa);

	if (uv_tcp_getsockname(&l->tcp, (struct sockaddr *)&sa, &len) != 0)
		return 0;
	return sa.ss_family == AF_INET6 ? ntohs(((struct sockaddr_in6 *)&sa)->sin6_port)
					: ntohs(((struct sockaddr_in *)&sa)->sin_port);
}

static char *listen_error(const char *address, int port, const char *key, int status)
{
	const char *remedy = "check the address and the port";

	if (status == UV_EADDRINUSE)
		return mem_printf(
			"cannot listen on '%s:%d': address already in use; stop the program that has it (ss -ltnp shows "
			"it) or set the key '%s'",
			address, port, key);
	if (status == UV_EACCES)
		remedy = "take a port over 1023 or run with the right to open it";
	else if (status == UV_EADDRNOTAVAIL)
		remedy = "no interface of this host has that address";
	else if (status == UV_EINVAL)
		remedy = "expected a numeric IPv4 or IPv6 address";
	return mem_printf("cannot listen on '%s:%d': %s; %s (key '%s')", address, port, uv_strerror(status), remedy, key);
}

static void on_listener_closed(uv_handle_t *h)
{
	struct listener *l = h->data;

	loop_enter(l->server->loop);
	l->server->open_listeners--;
	check_closed(l->server);
}

enum rc server_listen(struct server *s, const char *address, int port, bool is_vip, const char *key, char **error)
{
	struct listener *l = &s->listeners[s->listener_count];
	int status;

	ASSERT(s->listener_count < SERVER_LISTENERS_MAX);
	l->server = s;
	l->is_vip = is_vip;
	status = uv_tcp_init(&s->loop->uv, &l->tcp);
	if (status < 0) {
		*error = listen_error(address, port, key, status);
		return rc_from_uv(status);
	}
	l->tcp.data = l;
	s->listener_count++;
	s->open_listeners++;
	status = bind_address(l, address, port);
	if (status == 0)
		status = uv_listen((uv_stream_t *)&l->tcp, s->options.backlog, on_connection);
	if (status < 0) {
		*error = listen_error(address, port, key, status);
		return rc_from_uv(status);
	}
	l->port = bound_port(l);
	return RC_OK;
}

int server_port(const struct server *s, size_t i) { return i < s->listener_count ? s->listeners[i].port : 0; }

/* ---- closing ---- */

void server_close(struct server *s, uint64_t grace_ms, void (*on_closed)(void *ctx), void *ctx)
{
	if (s->is_closing)
		return;
	loop_enter(s->loop);
	s->is_closing = true;
	s->on_closed = on_closed;
	s->ctx = ctx;
	for (size_t i = 0; i < s->listener_count; i++)
		uv_close((uv_handle_t *)&s->listeners[i].tcp, on_listener_closed);
	LIST_FOR_EACH_SAFE (it, &s->peers.set.conns)
		conn_finish(CONTAINER_OF(it, struct conn, link));
	if (s->net != NULL)
		net_core_finish(s->net);
	timer_start(&s->loop->timers, &s->grace, grace_ms);
}

void server_free(struct server *s)
{
	if (s == NULL)
		return;
	ASSERT(s->is_closed);
	net_core_free(s->net);
	conn_peers_fini(&s->peers);
	free(s);
}
