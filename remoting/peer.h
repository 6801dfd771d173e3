/* peer: a connection as a core sees it: a name, an output buffer, parked requests, and calls made towards it.
 *
 * The shell (remoting/server.c, or a test) owns the socket, feeds frames with peer_receive() and writes `out` after each turn.
 * Thread: the core's. Memory: allocated by peer_new, freed by the shell with peer_close (which cancels everything first). */
#ifndef REMOTING_PEER_H
#define REMOTING_PEER_H

#include "base/buf.h"
#include "base/list.h"
#include "base/timers.h"
#include "remoting/command.h"

#define PEER_ADDRESS_BYTES 64
#define PEER_CALLS_MAX 4096     /* calls of ours waiting for an answer of one peer */
#define PEER_REQUESTS_MAX 65536 /* parked requests of one peer */

struct dispatch;
struct peer_call;
struct request;

struct peer {
	uint64_t id;                      /* never reused in a process */
	char address[PEER_ADDRESS_BYTES]; /* remote "ip:port", for logs and connection lists */
	char local_address[PEER_ADDRESS_BYTES];
	bool is_vip;          /* came in on listenPort - 2 */
	bool is_closing;      /* no new requests; what is written is dropped */
	struct buf out;       /* bytes to send; the shell takes them */
	struct list dirty;    /* in the shell's list of peers with output, see peer_touch */
	struct list requests; /* parked requests */
	size_t request_count;
	struct timers *timers;
	const struct dispatch *dispatch;
	void *core;
	void (*on_close)(struct peer *peer); /* the core's: set by it, called by peer_close before anything is freed */
	void *core_data;                     /* the core's: e.g. the client channel */
	void (*touch)(struct peer *peer);    /* the shell's: out is not empty any more */
	void (*shut)(struct peer *peer);     /* the shell's: close the socket soon (never frees inside the call) */
	void *shell_data;
	struct peer_call *calls; /* hash by opaque */
	size_t call_count;
	struct list call_list; /* all of them, oldest first, those that wait only to be told of their failure too */
	int32_t last_opaque;
};

/* Something was appended to `out`. The shell's touch puts the peer into its list of dirty peers; it is not called while it is there. */
static inline void peer_touch(struct peer *peer)
{
	if (peer->touch != NULL && list_is_empty(&peer->dirty))
		peer->touch(peer);
}

/* `dispatch` may be NULL on a connection that we opened: requests on it are answered as unknown. */
struct peer *peer_new(struct timers *timers, const struct dispatch *dispatch, void *core);

/* Connection is gone: cancels parked requests, fails calls with RC_CLOSED, tells the core, frees the peer. */
void peer_close(struct peer *peer);

/* One whole frame has come. Requests go to dispatch, answers to the call that waits for them (unknown opaque: dropped).
 * Returns RC_OK, or RC_MALFORMED / RC_TOO_BIG with *why: the shell then logs and closes the connection. */
enum rc peer_receive(struct peer *peer, struct slice frame, const char **why);

/* The same for a frame that was decoded elsewhere (a network thread): `req` is bound to this peer, see request_bind. Takes over req. */
void peer_take(struct peer *peer, struct request *req);

/* Call the peer (NOTIFY_CONSUMER_IDS_CHANGED, CHECK_TRANSACTION_STATE ...; or a name server, on a client connection).
 * on_answer: called once, never inside this call: rc RC_OK with the decoded answer (valid during the call only), else
 * RC_TIMEOUT, RC_CLOSED, RC_BUSY with answer NULL. on_answer NULL makes it a oneway. body is copied. */
typedef void peer_answer_fn(void *ctx, enum rc rc, const struct command *answer);
void peer_call(struct peer *peer, int32_t code, const struct schema *schema, const void *header, struct slice body,
	       uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx);

#endif
