/* request: from a decoded command to a handler and back.
 *
 * Happy path: request_decode finds the row by binary search and has the header decoded into the request's arena; request_run calls the handler,
 * which answers (bytes at the end of peer->out) and returns DONE; the request goes back to the pool. With PENDING it is linked into
 * peer->requests until request_finish(), or until peer_close() cancels it.
 * What goes wrong: no row, a bad field, too many parked: answered here. A handler that returns DONE without an answer is our mistake,
 * but the client must not wait for it: SYSTEM_ERROR and a line in the log. */
#include "remoting/request.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

/* ---- pool: one a thread, because each core lives on one thread and shares nothing ---- */

#define POOL_MAX 1024 /* free requests kept by a thread; more go back to malloc */

struct pool {
	struct list *first; /* singly linked through of_peer.next */
	size_t count;
};
static _Thread_local struct pool pool;

static struct request *pool_take(void)
{
	struct request *req;

	if (pool.first == NULL)
		return mem_alloc(sizeof(*req));
	req = CONTAINER_OF(pool.first, struct request, of_peer);
	pool.first = pool.first->next;
	pool.count--;
	return req;
}

static void pool_put(struct request *req)
{
	if (pool.count == POOL_MAX) {
		free(req);
		return;
	}
	req->of_peer.next = pool.first;
	pool.first = &req->of_peer;
	pool.count++;
}

static void bin_put(struct request_bin *bin, struct request *req)
{
	req->of_peer.next = bin->first;
	bin->first = &req->of_peer;
}

/* The arena is emptied here, on the core: what is to be undone at the end of a request is the core's. */
static void request_free(struct request *req)
{
	arena_reset(&req->arena);
	if (req->bin != NULL)
		bin_put(req->bin, req);
	else
		pool_put(req);
}

void request_bin_empty(struct request_bin *bin)
{
	while (bin->first != NULL) {
		struct request *req = CONTAINER_OF(bin->first, struct request, of_peer);

		bin->first = bin->first->next;
		pool_put(req);
	}
}

void request_pool_free(void)
{
	while (pool.first != NULL)
		free(pool_take());
}

static void on_deadline(struct timer *t)
{
	struct request *req = CONTAINER_OF(t, struct request, deadline);

	ASSERT(req->is_pending);
	req->on_deadline(req);
}

/* Field by field: the first block of the arena is 2 KiB that nobody needs zeroed. */
struct request *request_new_unbound(void)
{
	struct request *req = pool_take();

	req->header = NULL;
	arena_init(&req->arena);
	list_init(&req->parked);
	req->on_cancel = NULL;
	req->on_deadline = NULL;
	req->deadline = (struct timer){.on_timer = on_deadline};
	req->state = NULL;
	list_init(&req->of_peer);
	req->bin = NULL;
	req->is_prepared = false;
	req->is_pending = req->is_answered = false;
	req->reserved_from = REQUEST_NOTHING_RESERVED;
	return req;
}

void request_bind(struct request *req, struct peer *peer, struct request_bin *bin)
{
	req->core = peer->core;
	req->peer = peer;
	req->received_ms = peer->timers->now_ms;
	req->bin = bin;
}

struct request *request_new(struct peer *peer)
{
	struct request *req = request_new_unbound();

	request_bind(req, peer, NULL);
	return req;
}

void request_drop(struct request *req) { request_free(req); }

/* ---- waiting ---- */

static _Thread_local size_t parked_count, parked_max = REQUESTS_PARKED_MAX;

void request_set_deadline(struct request *req, uint64_t in_ms)
{
	ASSERT(req->on_deadline != NULL);
	timer_start(req->peer->timers, &req->deadline, in_ms);
}

static void unpark(struct request *req)
{
	timer_stop(req->peer->timers, &req->deadline);
	list_remove(&req->parked);
	list_remove(&req->of_peer);
	req->peer->request_count--;
	parked_count--;
	req->is_pending = false;
}

size_t request_parked_count(void) { return parked_count; }
void request_set_parked_max(size_t max) { parked_max = max; }

void request_finish(struct request *req)
{
	ASSERT(req->is_pending);
	ASSERT(req->is_answered || request_is_oneway(req));
	unpark(req);
	request_free(req);
}

void request_cancel(struct request *req)
{
	ASSERT(req->is_pending);
	if (req->on_cancel != NULL)
		req->on_cancel(req);
	unpark(req);
	request_free(req);
}

/* ---- answers ---- */

/* Every answer comes through here once. True when bytes are to be written. */
static bool answer_begin(struct request *req)
{
	ASSERT(!req->is_answered);
	req->is_answered = true;
	return !request_is_oneway(req) && !req->peer->is_closing;
}

static void encode_answer(struct request *req, const struct reply *r, struct slice body, size_t body_bytes_later)
{
	struct command answer = {
		.code = r->code,
		.language = LANGUAGE_CPP,
		.version = FUSEE_VERSION,
		.opaque = req->cmd.opaque,
		.flag = FLAG_RESPONSE,
		.codec = req->cmd.codec,
		.remark = slice_of(r->remark),
		.body = body,
	};

	command_encode(&req->peer->out, &answer, r->schema, r->header, r->extra, r->extra_count, body_bytes_later);
	peer_touch(req->peer);
}

enum outcome reply_with(struct request *req, const struct reply *r)
{
	if (answer_begin(req))
		encode_answer(req, r, r->body, 0);
	return DONE;
}

enum outcome reply_empty(struct request *req, int32_t code, const char *remark)
{
	return reply_with(req, &(struct reply){.code = code, .remark = remark});
}

enum outcome reply_error(struct request *req, int32_t code, const char *fmt, ...)
{
	char remark[REMARK_MAX_BYTES];
	va_list args;

	va_start(args, fmt);
	vsnprintf(remark, sizeof(remark), fmt, args); /* a longer one is cut: it is for people */
	va_end(args);
	return reply_with(req, &(struct reply){.code = code, .remark = remark});
}

enum outcome reply_header(struct request *req, int32_t code, const struct schema *schema, const void *header)
{
	return reply_with(req, &(struct reply){.code = code, .schema = schema, .header = header});
}

enum outcome reply_body(struct request *req, struct slice body)
{
	return reply_with(req, &(struct reply){.code = SUCCESS, .body = body});
}

uint8_t *reply_reserve_body(struct request *req, const struct reply *r, size_t body_bytes)
{
	size_t from = req->peer->out.len;

	if (!answer_begin(req))
		return NULL;
	encode_answer(req, r, (struct slice){0}, body_bytes);
	req->reserved_from = from;
	return buf_grow(&req->peer->out, body_bytes);
}

void reply_cancel_body(struct request *req)
{
	ASSERT(req->is_answered);
	if (req->reserved_from != REQUEST_NOTHING_RESERVED) {
		ASSERT(req->reserved_from <= req->peer->out.len);
		req->peer->out.len = req->reserved_from;
		req->reserved_from = REQUEST_NOTHING_RESERVED;
	}
	req->is_answered = false;
}

/* ---- dispatch ---- */

void dispatch_check(const struct dispatch *d)
{
	for (size_t i = 0; i < d->count; i++) {
		ASSERT(d->routes[i].handler != NULL);
		ASSERT(i == 0 || d->routes[i - 1].code < d->routes[i].code);
	}
}

static const struct route *find_route(const struct dispatch *d, int32_t code)
{
	size_t low = 0, high = d != NULL ? d->count : 0;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (d->routes[middle].code < code)
			low = middle + 1;
		else
			high = middle;
	}
	return d != NULL && low < d->count && d->routes[low].code == code ? &d->routes[low] : NULL;
}

static bool is_served(const struct route *route, const struct peer *peer)
{
	return route != NULL && !(peer->is_vip && (route->flags & ROUTE_NOT_ON_VIP));
}

static enum outcome refuse_header(struct request *req, const struct route *route, enum rc rc, const char *bad)
{
	if (rc == RC_NO_MEMORY)
		return reply_error(req, SYSTEM_BUSY, "no memory for the header of %s", route->name);
	return reply_error(req, SYSTEM_ERROR, "%s: field '%s' %s", route->name, bad,
			   rc == RC_MISSING ? "is missing" : "has a value that cannot be read");
}

static enum outcome handle(struct request *req)
{
	if (req->peer->request_count >= PEER_REQUESTS_MAX)
		return reply_error(req, SYSTEM_BUSY, "%d requests of this connection are waiting already", PEER_REQUESTS_MAX);
	if (parked_count >= parked_max)
		return reply_error(req, SYSTEM_BUSY, "%zu requests are waiting already", parked_count);
	if (req->header_rc != RC_OK)
		return refuse_header(req, req->route, req->header_rc, req->header_bad);
	return req->route->handler(req);
}

static enum outcome answer_for_handler(struct request *req, const struct route *route)
{
	log_error("remoting", "%s (%d) of %s was left without an answer", route->name, route->code, req->peer->address);
	return reply_error(req, SYSTEM_ERROR, "%s gave no answer", route->name);
}

static enum outcome run(struct request *req)
{
	enum outcome outcome;

	if (!is_served(req->route, req->peer))
		return reply_error(req, REQUEST_CODE_NOT_SUPPORTED, " request type %d not supported", req->cmd.code);
	outcome = handle(req);
	if (outcome == DONE && !req->is_answered && !request_is_oneway(req))
		return answer_for_handler(req, req->route);
	return outcome;
}

void request_run(struct request *req)
{
	struct peer *peer = req->peer;

	(void)stall_at(STALL_REQUEST, req->cmd.code);
	if (run(req) == DONE) {
		timer_stop(peer->timers, &req->deadline);
		list_remove(&req->parked);
		request_free(req);
		return;
	}
	ASSERT(!req->is_answered);
	req->is_pending = true;
	list_append(&peer->requests, &req->of_peer);
	peer->request_count++;
	parked_count++;
}

/* ---- decoding ---- */

struct decoding {
	struct request *req;
	const struct dispatch *dispatch;
};

static const struct schema *schema_of(const struct header_reader *reader, int32_t code)
{
	const struct decoding *d = reader->ctx;

	d->req->route = find_route(d->dispatch, code);
	return d->req->route != NULL ? d->req->route->schema : NULL;
}

enum rc request_decode(struct request *req, const struct dispatch *dispatch, struct slice frame, const char **why)
{
	struct decoding d = {req, dispatch};
	struct header_reader reader = {.schema_of = schema_of, .ctx = &d, .arena = &req->arena};
	enum rc rc = command_decode_with(frame, &req->cmd, &reader, why);

	if (rc != RC_OK)
		return rc;
	req->header = reader.header;
	req->header_rc = reader.rc;
	req->header_bad = reader.bad;
	return RC_OK;
}
