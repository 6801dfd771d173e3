/* peer: one connection's state for a core, and the calls made towards it.
 *
 * A call is in peer->call_list until its callback ran, and in the hash by opaque as long as an answer may come. What fails at once
 * (too many, closing) fails from a timer that is due now, because on_answer never runs inside peer_call.
 * peer_close: parked requests are cancelled, calls fail, the core is told; each of them may make new calls, which fail by their own
 * timers and do not know the peer any more. */
#include "remoting/peer.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "base/mem.h"
#include "remoting/request.h"

#define HASH_FUNCTION HASH_FNV
#define uthash_fatal(msg) fatal(__FILE__, __LINE__, "hash table: %s", msg)
#include <uthash.h>

struct peer_call {
	UT_hash_handle hh;
	struct list of_peer;
	struct timer timer;
	struct timers *timers;
	struct peer *peer; /* NULL: was made while the peer closed */
	int32_t opaque;
	enum rc rc; /* what the timer says: RC_TIMEOUT, or why it failed at once */
	peer_answer_fn *on_answer;
	void *ctx;
};

struct peer *peer_new(struct timers *timers, const struct dispatch *dispatch, void *core)
{
	static atomic_uint_least64_t last_id; /* relaxed: only uniqueness matters */
	struct peer *peer = mem_zalloc(sizeof(*peer));

	peer->id = atomic_fetch_add_explicit(&last_id, 1, memory_order_relaxed) + 1;
	list_init(&peer->dirty);
	list_init(&peer->requests);
	list_init(&peer->call_list);
	peer->timers = timers;
	peer->dispatch = dispatch;
	peer->core = core;
	return peer;
}

/* ---- calls ---- */

static void call_unlink(struct peer_call *call)
{
	struct peer *peer = call->peer;

	timer_stop(call->timers, &call->timer);
	if (peer == NULL)
		return;
	list_remove(&call->of_peer);
	if (call->rc == RC_TIMEOUT) {
		HASH_DEL(peer->calls, call);
		peer->call_count--;
	}
}

static void call_end(struct peer_call *call, enum rc rc, const struct command *answer)
{
	call_unlink(call); /* before the callback, which may close or call again */
	call->on_answer(call->ctx, rc, answer);
	free(call);
}

static void on_call_timer(struct timer *t)
{
	struct peer_call *call = CONTAINER_OF(t, struct peer_call, timer);

	call_end(call, call->rc, NULL);
}

static struct peer_call *call_find(struct peer *peer, int32_t opaque)
{
	struct peer_call *call;

	HASH_FIND(hh, peer->calls, &opaque, sizeof(opaque), call);
	return call;
}

/* Our opaques count up for each peer; one that still waits after a full turn is skipped. */
static int32_t next_opaque(struct peer *peer)
{
	do
		peer->last_opaque = peer->last_opaque == INT32_MAX ? 1 : peer->last_opaque + 1;
	while (call_find(peer, peer->last_opaque) != NULL);
	return peer->last_opaque;
}

static void call_add(struct peer *peer, int32_t opaque, enum rc rc, uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx)
{
	struct peer_call *call = mem_zalloc(sizeof(*call));

	*call = (struct peer_call){.timers = peer->timers, .opaque = opaque, .rc = rc, .on_answer = on_answer, .ctx = ctx};
	call->timer.on_timer = on_call_timer;
	list_init(&call->of_peer);
	if (!peer->is_closing) {
		call->peer = peer;
		list_append(&peer->call_list, &call->of_peer);
	}
	if (rc == RC_TIMEOUT) {
		HASH_ADD(hh, peer->calls, opaque, sizeof(call->opaque), call);
		peer->call_count++;
	}
	timer_start(peer->timers, &call->timer, rc == RC_TIMEOUT ? timeout_ms : 0);
}

static enum rc call_refused(const struct peer *peer, bool is_oneway)
{
	if (peer->is_closing)
		return RC_CLOSED;
	return !is_oneway && peer->call_count >= PEER_CALLS_MAX ? RC_BUSY : RC_OK;
}

void peer_call(struct peer *peer, int32_t code, const struct schema *schema, const void *header, struct slice body,
	       uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx)
{
	bool is_oneway = on_answer == NULL;
	enum rc refused = call_refused(peer, is_oneway);
	struct command cmd = {
		.code = code,
		.language = LANGUAGE_CPP,
		.version = FUSEE_VERSION,
		.flag = is_oneway ? FLAG_ONEWAY : 0,
		.codec = CODEC_JSON, /* what every client reads, and codes over 32767 need */
		.body = body,
	};

	if (refused != RC_OK) {
		if (!is_oneway)
			call_add(peer, 0, refused, 0, on_answer, ctx);
		return;
	}
	cmd.opaque = next_opaque(peer);
	if (!is_oneway)
		call_add(peer, cmd.opaque, RC_TIMEOUT, timeout_ms, on_answer, ctx);
	command_encode(&peer->out, &cmd, schema, header, NULL, 0, 0);
	peer_touch(peer);
}

/* ---- frames ---- */

static void take_answer(struct peer *peer, const struct command *answer)
{
	struct peer_call *call = call_find(peer, answer->opaque);

	if (call != NULL) /* else it came too late, or was never asked for */
		call_end(call, RC_OK, answer);
}

void peer_take(struct peer *peer, struct request *req)
{
	if (!peer->is_closing && (req->cmd.flag & FLAG_RESPONSE) == 0) {
		request_run(req);
		return;
	}
	if (!peer->is_closing)
		take_answer(peer, &req->cmd);
	request_drop(req);
}

enum rc peer_receive(struct peer *peer, struct slice frame, const char **why)
{
	struct request *req = request_new(peer);
	enum rc rc = request_decode(req, peer->dispatch, frame, why);

	if (rc == RC_OK)
		peer_take(peer, req);
	else
		request_drop(req);
	return rc;
}

void peer_close(struct peer *peer)
{
	struct list *node;

	peer->is_closing = true;
	while (!list_is_empty(&peer->requests))
		request_cancel(CONTAINER_OF(peer->requests.next, struct request, of_peer));
	while ((node = peer->call_list.next) != &peer->call_list)
		call_end(CONTAINER_OF(node, struct peer_call, of_peer), RC_CLOSED, NULL);
	if (peer->on_close != NULL)
		peer->on_close(peer);
	ASSERT(list_is_empty(&peer->requests) && list_is_empty(&peer->call_list));
	list_remove(&peer->dirty);
	buf_free(&peer->out);
	free(peer);
}
