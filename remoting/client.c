/* Happy path: a call makes (or finds) the address's remote and its conn; peer_call encodes into the peer's output at once and keeps the
 * deadline; the connection comes up in its own time and sends it. So "not connected yet" needs no queue of its own.
 * Failure: no address could be connected: the conn is shut, which fails its calls; they are told RC_UNREACHABLE.
 *
 *   remote: idle -> waiting (backoff) -> resolving -> connecting -> connected -> idle
 *                                             \-- next address --/ */
#include "remoting/client.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "remoting/request.h"

static const char module[] = "remoting";

struct remote {
	struct list link;
	struct client *client;
	char *address, *host, *port; /* address "host:port" as given */
	struct conn_peer *conn;      /* being connected or connected; NULL: idle */
	struct addrinfo *resolved;   /* of getaddrinfo, or NULL */
	const struct addrinfo *next; /* to try */
	struct sockaddr_storage numeric;
	struct resolution *resolution; /* under way, or NULL */
	struct timer wait;             /* backoff, then the time-out of a connect */
	bool is_backing_off;
	uint64_t backoff_ms, next_try_ms;
};

struct client {
	struct outbound base;
	struct conn_peers peers;
	struct client_options options;
	struct list remotes;
	struct list failed; /* calls that could not even start */
	size_t remote_count;
	struct timer idle; /* completes client_close when nothing was open */
	bool is_closing, is_closed;
	void (*on_closed)(void *ctx);
	void *ctx;
};

/* A name look-up on libuv's worker threads. It cannot be stopped once it has begun and may take a resolver's minutes, so it has its own
 * memory: whoever does not want it any more lets go of it, and its end frees it. */
struct resolution {
	uv_getaddrinfo_t req;
	struct remote *remote; /* NULL: nobody waits for it */
};

struct out_call { /* one call, on its way through peer_call */
	peer_answer_fn *on_answer;
	void *ctx;
	struct conn_peer *conn;
};

struct failed_call { /* answered in the next turn */
	struct list link;
	struct client *client;
	struct timer timer;
	peer_answer_fn *on_answer;
	void *ctx;
	enum rc rc;
};

static const struct dispatch no_dispatch = {.routes = NULL};

void client_options_default(struct client_options *o)
{
	*o = (struct client_options){.connect_timeout_ms = CLIENT_CONNECT_TIMEOUT_MS};
	conn_limits_default(&o->limits);
}

/* ---- remotes ---- */

static void resolution_let_go(struct remote *r)
{
	if (r->resolution == NULL)
		return;
	r->resolution->remote = NULL;
	uv_cancel((uv_req_t *)&r->resolution->req); /* helps only when it has not begun */
	r->resolution = NULL;
}

static void remote_free(struct remote *r)
{
	resolution_let_go(r);
	timer_stop(&r->client->peers.set.loop->timers, &r->wait);
	list_remove(&r->link);
	r->client->remote_count--;
	uv_freeaddrinfo(r->resolved);
	free(r->address);
	free(r->host);
	free(r->port);
	free(r);
}

/* "host:port", "[::1]:port". False when it is neither. */
static bool split_address(struct slice address, struct slice *host, struct slice *port)
{
	size_t colon = address.len;
	int32_t number;

	while (colon > 0 && address.at[colon - 1] != ':')
		colon--;
	if (colon < 2)
		return false;
	*host = slice_sub(address, 0, colon - 1);
	*port = slice_sub(address, colon, address.len);
	if (host->len > 2 && host->at[0] == '[' && host->at[host->len - 1] == ']')
		*host = slice_sub(*host, 1, host->len - 2);
	return slice_to_i32(*port, &number) && number > 0 && number <= 65535;
}

static void on_wait_over(struct timer *t);

/* Make room by forgetting a remote that does nothing. */
static bool evict_one(struct client *c)
{
	LIST_FOR_EACH_SAFE (it, &c->remotes) {
		struct remote *r = CONTAINER_OF(it, struct remote, link);

		if (r->conn == NULL) {
			remote_free(r);
			return true;
		}
	}
	return false;
}

static struct remote *remote_find(struct client *c, const char *address)
{
	LIST_FOR_EACH (it, &c->remotes) {
		struct remote *r = CONTAINER_OF(it, struct remote, link);

		if (strcmp(r->address, address) == 0)
			return r;
	}
	return NULL;
}

/* RC_OK and *out; RC_INVALID: not an address; RC_BUSY: too many of them. */
static enum rc remote_open(struct client *c, const char *address, struct remote **out)
{
	struct slice host, port;
	struct remote *r = remote_find(c, address);

	if (r == NULL) {
		if (!split_address(slice_of(address), &host, &port))
			return RC_INVALID;
		if (c->remote_count >= CLIENT_ADDRESSES_MAX && !evict_one(c))
			return RC_BUSY;
		r = mem_zalloc(sizeof(*r));
		r->client = c;
		r->address = mem_strdup(address);
		r->host = slice_dup(host);
		r->port = slice_dup(port);
		r->wait.on_timer = on_wait_over;
		list_append(&c->remotes, &r->link);
		c->remote_count++;
	}
	*out = r;
	return RC_OK;
}

/* ---- connecting ---- */

static void connect_next(struct remote *r);

/* Every address failed: the calls of this connection fail, the next attempt waits. */
static void attempt_failed(struct remote *r, const char *why)
{
	struct loop *loop = r->client->peers.set.loop;

	r->backoff_ms = r->backoff_ms == 0 ? CLIENT_BACKOFF_MIN_MS : r->backoff_ms * 2;
	if (r->backoff_ms > CLIENT_BACKOFF_MAX_MS)
		r->backoff_ms = CLIENT_BACKOFF_MAX_MS;
	r->next_try_ms = loop->timers.now_ms + r->backoff_ms;
	timer_stop(&loop->timers, &r->wait);
	log_warn(module, "cannot connect to '%s': %s", r->address, why);
	if (r->conn != NULL)
		conn_shut(&r->conn->conn);
	r->conn = NULL;
}

static void on_renewed(struct conn *of)
{
	struct conn_peer *conn = CONTAINER_OF(of, struct conn_peer, conn);
	struct remote *r = conn->owner;

	if (r->conn == conn)
		connect_next(r);
}

/* This address failed: a fresh socket for the next one, if there is one. */
static void address_failed(struct remote *r, const char *why)
{
	timer_stop(&r->client->peers.set.loop->timers, &r->wait);
	if (r->next == NULL) {
		attempt_failed(r, why);
		return;
	}
	conn_renew(&r->conn->conn, on_renewed);
}

static void on_connected(uv_connect_t *req, int status)
{
	struct conn_peer *conn = req->data;
	struct remote *r = conn->owner;

	loop_enter(conn->conn.set->loop);
	if (conn->conn.is_closing || status == UV_ECANCELED || r->conn != conn)
		return;
	if (status < 0) {
		address_failed(r, uv_strerror(status));
		return;
	}
	timer_stop(&conn->conn.set->loop->timers, &r->wait);
	r->backoff_ms = 0;
	conn_peer_start(conn);
}

static void connect_to(struct remote *r, const struct sockaddr *sa)
{
	struct loop *loop = r->client->peers.set.loop;
	int status;

	r->conn->conn.connect.data = r->conn;
	r->is_backing_off = false;
	timer_start(&loop->timers, &r->wait, r->client->options.connect_timeout_ms);
	status = uv_tcp_connect(&r->conn->conn.connect, &r->conn->conn.tcp, sa, on_connected);
	if (status < 0)
		address_failed(r, uv_strerror(status));
}

static void connect_next(struct remote *r)
{
	const struct addrinfo *ai = r->next;

	if (ai == NULL) {
		attempt_failed(r, "it has no address");
		return;
	}
	r->next = ai->ai_next;
	connect_to(r, ai->ai_addr);
}

static void on_resolved(uv_getaddrinfo_t *req, int status, struct addrinfo *res)
{
	struct resolution *resolution = req->data;
	struct remote *r = resolution->remote;

	free(resolution);
	if (r == NULL) {
		uv_freeaddrinfo(res);
		return;
	}
	loop_enter(r->client->peers.set.loop);
	r->resolution = NULL;
	if (r->conn == NULL) {
		uv_freeaddrinfo(res);
		return;
	}
	if (status < 0) {
		attempt_failed(r, uv_strerror(status));
		return;
	}
	uv_freeaddrinfo(r->resolved);
	r->resolved = res;
	r->next = res;
	connect_next(r);
}

/* Resolve (unless numeric), then connect. */
static void begin_attempt(struct remote *r)
{
	static const struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM};
	int32_t port = 0;
	int status;

	slice_to_i32(slice_of(r->port), &port);
	r->next = NULL;
	if (uv_ip4_addr(r->host, port, (struct sockaddr_in *)&r->numeric) == 0 ||
	    uv_ip6_addr(r->host, port, (struct sockaddr_in6 *)&r->numeric) == 0) {
		connect_to(r, (const struct sockaddr *)&r->numeric);
		return;
	}
	if (r->resolution != NULL)
		return; /* of a connection that was given up meanwhile; its result serves this one */
	r->resolution = mem_zalloc(sizeof(*r->resolution));
	r->resolution->remote = r;
	r->resolution->req.data = r->resolution;
	status = uv_getaddrinfo(&r->client->peers.set.loop->uv, &r->resolution->req, on_resolved, r->host, r->port, &hints);
	if (status < 0) {
		free(r->resolution);
		r->resolution = NULL;
		attempt_failed(r, uv_strerror(status));
	}
}

static void on_wait_over(struct timer *t)
{
	struct remote *r = CONTAINER_OF(t, struct remote, wait);

	if (r->conn == NULL)
		return;
	if (r->is_backing_off) {
		r->is_backing_off = false;
		begin_attempt(r);
	} else {
		address_failed(r, "connecting took too long");
	}
}

/* A connection that takes output: the present one, or a new one that is on its way. NULL: no handle. */
static struct conn_peer *remote_conn(struct remote *r)
{
	struct client *c = r->client;
	uint64_t now_ms = c->peers.set.loop->timers.now_ms;

	if (r->conn != NULL && !r->conn->conn.is_closing)
		return r->conn;
	timer_stop(&c->peers.set.loop->timers, &r->wait);
	r->conn = conn_peer_new(&c->peers, c->options.dispatch ? c->options.dispatch : &no_dispatch, c->options.core);
	if (r->conn == NULL)
		return NULL;
	r->conn->owner = r;
	r->conn->peer->on_close = c->options.on_peer_close;
	mem_format(r->conn->peer->address, sizeof(r->conn->peer->address), "%s", r->address);
	/* Never inside the call: a connect that fails at once would fail the call before it was made. */
	r->is_backing_off = true;
	timer_start_at(&c->peers.set.loop->timers, &r->wait, r->next_try_ms > now_ms ? r->next_try_ms : now_ms);
	return r->conn;
}

/* ---- calls ---- */

static void on_fail_now(struct timer *t)
{
	struct failed_call *f = CONTAINER_OF(t, struct failed_call, timer);

	list_remove(&f->link);
	f->on_answer(f->ctx, f->rc, NULL);
	free(f);
}

static void fail_later(struct client *c, enum rc rc, peer_answer_fn *on_answer, void *ctx)
{
	struct failed_call *f;

	if (on_answer == NULL)
		return;
	f = mem_zalloc(sizeof(*f));
	*f = (struct failed_call){.client = c, .timer.on_timer = on_fail_now, .on_answer = on_answer, .ctx = ctx, .rc = rc};
	list_append(&c->failed, &f->link);
	timer_start(&c->peers.set.loop->timers, &f->timer, 0);
}

static void on_answer_of_peer(void *ctx, enum rc rc, const struct command *answer)
{
	struct out_call *call = ctx;

	if (rc == RC_CLOSED && !call->conn->conn.was_connected)
		rc = RC_UNREACHABLE;
	call->on_answer(call->ctx, rc, answer);
	free(call);
}

static void client_call(struct outbound *o, const char *address, int32_t code, const struct schema *schema, const void *header,
			struct slice body, uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx)
{
	struct client *c = CONTAINER_OF(o, struct client, base);
	struct out_call *call = NULL;
	struct remote *r = NULL;
	struct conn_peer *conn;
	enum rc rc;

	loop_enter(c->peers.set.loop);
	rc = c->is_closing ? RC_CLOSED : remote_open(c, address, &r);
	if (rc != RC_OK) {
		if (rc == RC_INVALID)
			log_warn(module, "'%s' is no address: expected host:port", address);
		fail_later(c, rc == RC_INVALID ? RC_UNREACHABLE : rc, on_answer, ctx);
		return;
	}
	conn = remote_conn(r);
	if (conn == NULL || conn->peer->out.len > c->options.limits.out_max_bytes) {
		fail_later(c, RC_BUSY, on_answer, ctx);
		return;
	}
	if (on_answer != NULL) {
		call = mem_alloc(sizeof(*call));
		*call = (struct out_call){on_answer, ctx, conn};
	}
	peer_call(conn->peer, code, schema, header, body, timeout_ms, call ? on_answer_of_peer : NULL, call);
}

/* ---- life ---- */

static void check_closed(struct client *c)
{
	if (!c->is_closing || c->is_closed || c->peers.set.count > 0 || timer_is_running(&c->idle))
		return;
	c->is_closed = true;
	c->on_closed(c->ctx);
}

static void on_idle(struct timer *t) { check_closed(CONTAINER_OF(t, struct client, idle)); }

static void on_gone(struct conn_peers *peers, struct conn_peer *conn)
{
	struct client *c = CONTAINER_OF(peers, struct client, peers);
	struct remote *r = conn->owner;

	if (r->conn == conn) {
		timer_stop(&peers->set.loop->timers, &r->wait);
		r->conn = NULL;
	}
	if (conn->conn.was_connected && !c->is_closing && c->base.on_lost != NULL)
		c->base.on_lost(c->base.on_lost_ctx, r->address);
	check_closed(c);
}

struct client *client_new(struct loop *loop, const struct client_options *options)
{
	struct client *c = mem_zalloc(sizeof(*c));

	c->base.call = client_call;
	c->options = *options;
	c->idle.on_timer = on_idle;
	list_init(&c->remotes);
	list_init(&c->failed);
	conn_peers_init(&c->peers, loop, &options->limits);
	c->peers.on_gone = on_gone;
	return c;
}

struct outbound *client_outbound(struct client *c) { return &c->base; }

void client_close(struct client *c, void (*on_closed)(void *ctx), void *ctx)
{
	if (c->is_closing)
		return;
	loop_enter(c->peers.set.loop);
	c->is_closing = true;
	c->on_closed = on_closed;
	c->ctx = ctx;
	LIST_FOR_EACH (it, &c->remotes) {
		struct remote *r = CONTAINER_OF(it, struct remote, link);

		timer_stop(&c->peers.set.loop->timers, &r->wait);
		resolution_let_go(r);
		if (r->conn != NULL)
			conn_shut(&r->conn->conn);
		r->conn = NULL;
	}
	timer_start(&c->peers.set.loop->timers, &c->idle, 0);
}

void client_free(struct client *c)
{
	struct list *it;

	if (c == NULL)
		return;
	ASSERT(c->is_closed);
	while ((it = list_pop(&c->failed)) != NULL) {
		struct failed_call *f = CONTAINER_OF(it, struct failed_call, link);

		timer_stop(&c->peers.set.loop->timers, &f->timer);
		f->on_answer(f->ctx, RC_CLOSED, NULL);
		free(f);
	}
	LIST_FOR_EACH_SAFE (at, &c->remotes)
		remote_free(CONTAINER_OF(at, struct remote, link));
	conn_peers_fini(&c->peers);
	free(c);
}
