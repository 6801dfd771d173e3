/* request: a command that a peer sent, on its way through a core, and the one mechanism for answering it.
 *
 *   shell: frame -> request_new -> request_decode -> request_run: handler --DONE----> answer is in peer->out, request is free again
 *                                                 \---PENDING--> parked; later reply_*() then request_finish(), or on_cancel
 *
 * A handler answers by returning: `return reply_error(req, ...)`. A handler that must wait copies what it needs from slices
 * (they point into the receive buffer and die when the handler returns!) into req->arena, links itself somewhere, sets
 * req->on_cancel, optionally req->deadline, and returns PENDING. Later, exactly one of: reply_*(req) followed by request_finish(req);
 * or the peer closes, then on_cancel(req) is called (unlink yourself; the request is freed right after it, nothing is sent).
 *
 * Cores never see sockets: answers are bytes appended to peer->out, and the shell writes them once a loop turn.
 * Thread: the core's. Memory: requests are pooled; the arena is reset when the request ends. */
#ifndef REMOTING_REQUEST_H
#define REMOTING_REQUEST_H

#include "base/arena.h"
#include "base/list.h"
#include "base/timers.h"
#include "remoting/command.h"
#include "remoting/peer.h"

#define REQUESTS_PARKED_MAX                                                                                                      \
	500000 /* of all peers together, some 2.5 KiB each; beyond it requests are answered with SYSTEM_BUSY */

enum outcome { DONE, PENDING };

struct route;

struct request {
	struct command cmd; /* slices valid only until the handler returns */
	const void *header; /* decoded per the row's schema, in the arena; its strings too die with the frame */
	void *core;         /* struct broker *, struct namesrv * */
	struct peer *peer;
	uint64_t received_ms; /* monotonic */
	uint32_t body_crc;    /* what the dispatch's prepare found, on a network thread; else is_prepared is not set */
	bool is_prepared;
	struct arena arena;

	/* For whoever parks it. */
	struct list parked;                       /* a list of the handler's module; unlinked by request_finish */
	void (*on_cancel)(struct request *req);   /* peer closed while PENDING */
	void (*on_deadline)(struct request *req); /* timer below fired; must reply + finish, or re-arm */
	struct timer deadline;
	void *state; /* in the arena, the handler's */

	/* request.c only */
	const struct route *route; /* NULL: we do not know the code */
	enum rc header_rc;         /* what the ext fields came to, and the field it is about */
	const char *header_bad;
	struct list of_peer;
	struct request_bin *bin; /* where it goes when it ends; NULL: the pool of the thread */
	bool is_pending, is_answered;
	size_t reserved_from; /* where reply_reserve_body began in peer->out */
};
#define REQUEST_NOTHING_RESERVED SIZE_MAX

/* Set the deadline of a parked request; on_deadline must be set. */
void request_set_deadline(struct request *req, uint64_t in_ms);

/* Ends a parked request after it was answered. Asserts, in every build, that it was answered (or is oneway) and ends once. */
void request_finish(struct request *req);

/* Ends a parked request without an answer: on_cancel, then it is freed. For peer_close, and for a core that shuts down. */
void request_cancel(struct request *req);

/* Parked requests of all peers of the calling thread: how many, and how many there may be (for tests; REQUESTS_PARKED_MAX otherwise). */
size_t request_parked_count(void);
void request_set_parked_max(size_t max);

/* Gives the calling thread's free requests back to malloc; at the end of a core's thread. */
void request_pool_free(void);

static inline bool request_is_oneway(const struct request *req) { return (req->cmd.flag & FLAG_ONEWAY) != 0; }

/* Answers: encode into the peer's output in the codec of the request, opaque echoed, nothing for a oneway. All return DONE.
 * remark may be NULL. A second answer to one request is a mistake of ours, and asserted. */
#define REMARK_MAX_BYTES 1024 /* reply_error cuts what is longer */
enum outcome reply_empty(struct request *req, int32_t code, const char *remark) MUST_USE;
enum outcome reply_error(struct request *req, int32_t code, const char *fmt, ...) PRINTF(3, 4) MUST_USE;
enum outcome reply_header(struct request *req, int32_t code, const struct schema *schema, const void *header) MUST_USE;
enum outcome reply_body(struct request *req, struct slice body) MUST_USE; /* SUCCESS with a body; copied */
/* Everything at once; any of schema/header, extra, body, remark may be NULL/0. */
struct reply {
	int32_t code;
	const char *remark;
	const struct schema *schema;
	const void *header;
	const struct ext_field *extra;
	size_t extra_count;
	struct slice body; /* copied into the output */
};
enum outcome reply_with(struct request *req, const struct reply *r) MUST_USE;
/* For handlers that write the body straight into the output: encodes the frame head for a body of body_bytes and returns where the
 * body must be written, now (NULL for a oneway: nothing to write). */
uint8_t *reply_reserve_body(struct request *req, const struct reply *r, size_t body_bytes);
/* Takes back what reply_reserve_body just appended (also after it returned NULL): the request is unanswered again. Only directly after
 * it, before anything else touches peer->out; used when reading the body turns out to need the disk. */
void reply_cancel_body(struct request *req);

/* ---- dispatch ---- */

struct route {
	int32_t code;
	const char *name;            /* Apache's, e.g. "PULL_MESSAGE" */
	const struct schema *schema; /* NULL: no ext fields are read */
	unsigned flags;
	enum outcome (*handler)(struct request *req);
};
#define ROUTE_NOT_ON_VIP 1u /* answers 3 on the VIP port (pull, lite pull, pop, peek, notification) */
#define ROUTE_PREPARED 2u   /* the dispatch's prepare is called for it */

/* Routes of a core; `routes` must be sorted by code (asserted at start). */
struct dispatch {
	const struct route *routes;
	size_t count;
	/* Work on a request that needs nothing but the request (its body's CRC), done before it is handed to the core. Thread: the network's;
	 * not called at all where the core does the network itself: the handler then does it. May be NULL. */
	void (*prepare)(struct request *req);
};
void dispatch_check(const struct dispatch *d);

/* ---- a frame's way in, for peer.c: request_new, request_decode, then request_run or request_drop ---- */

struct request *request_new(struct peer *peer);

/* The frame into req->cmd, and the ext fields into req->header as the route of the request's code has them, in one walk. Needs no peer.
 * RC_OK, RC_MALFORMED, RC_TOO_BIG with *why; a bad ext field is for request_run to answer. */
enum rc request_decode(struct request *req, const struct dispatch *dispatch, struct slice frame, const char **why);

/* Take a decoded request through its handler. Answers itself: unknown code or not on VIP ->
 * REQUEST_CODE_NOT_SUPPORTED " request type N not supported"; a missing or bad field -> SYSTEM_ERROR naming it.
 * Frees the request unless PENDING. PEER_REQUESTS_MAX parked on one peer, or
 * REQUESTS_PARKED_MAX on all -> SYSTEM_BUSY. */
void request_run(struct request *req);

/* It was no request after all. */
void request_drop(struct request *req);

/* ---- two threads: net_thread.c makes and decodes requests, net_core.c runs them ----
 *
 *   network thread: request_new_unbound, request_decode -> core: request_bind, peer_take ... the request ends: into the bin
 *         ^---------------------------------- request_bin_empty <----------------------------------------/ */

struct request_bin {        /* requests that have ended; the core's, until it hands all of them over at once */
	struct list *first; /* singly linked through of_peer.next */
};

struct request *request_new_unbound(void); /* from the calling thread's pool */
void request_bind(struct request *req, struct peer *peer, struct request_bin *bin);
void request_bin_empty(struct request_bin *bin); /* all into the calling thread's pool */

#endif
