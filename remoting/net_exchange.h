/* net_exchange: what the core and a network thread hand one another. Private to remoting/net_*.c.
 *
 *   network thread --- in_batch:  what one turn of its loop received, and the buffer that the frames lie in ---> core
 *          ^---------- out_batch: what one turn of the core wants done, answers, and in_batches back -----------/
 *
 * Each object has one owner at a time, and passes through a mailbox with everything in it. A mailbox has one writer and one reader.
 * The reader takes all that is there at once; the writer wakes it only when the mailbox was empty: one wake-up for a batch.
 *
 * Bounds: a thread has NET_BATCHES in_batches of NET_BATCH_REQUESTS requests and NET_BATCH_BYTES; when all are with the core, its
 * sockets are not read. out_batches are as large as the output of the peers, which net_core.c bounds.
 *
 * Memory of a request: the slices of its frame are valid until its handler returns (as with the core's own loop), because then its
 * in_batch may go back. The request with its arena is the thread's until the batch is handed over, the core's until it ends, and comes
 * back in a bin (request.h).
 *
 * A connection (net_conn) is known to both. The thread's last word about it is NOTICE_CLOSED, the core's last word, after that,
 * ORDER_GONE; the thread then frees it. So a pointer to one is valid whoever closes first. */
#ifndef REMOTING_NET_EXCHANGE_H
#define REMOTING_NET_EXCHANGE_H

#include <pthread.h>
#include <stdatomic.h>

#include "remoting/conn.h"
#include "remoting/request.h"

#define NET_BATCHES 8
#define NET_BATCH_BYTES (256u * 1024)
#define NET_BATCH_REQUESTS 1024
#define NET_COPY_MAX_BYTES 16384 /* output up to this size is copied into the out_batch; more is handed over as it is */

/* ---- mailbox ---- */

struct mail {
	struct mail *next;
};
struct mailbox {
	_Atomic(struct mail *) newest;
};

/* Hand over `m` and what it leads to. True: the mailbox was empty, its reader must be woken. Thread: the writer. */
bool mailbox_put(struct mailbox *box, struct mail *m);

/* All of them, oldest first, linked by `next`; NULL when there is none. Thread: the reader. */
struct mail *mailbox_take(struct mailbox *box);

/* ---- a connection ---- */

enum net_notice { NOTICE_CLOSED = 1, NOTICE_STOPPED = 2, NOTICE_DRAINED = 4 };
enum net_hold { HOLD_NO_ROOM = 1, HOLD_CORE = 2, HOLD_STOPPED = 4 };

struct net_conn {
	/* Set once, by the core, before the thread knows it. */
	struct net_thread *thread;
	int fd;
	char address[PEER_ADDRESS_BYTES];

	/* The core's. */
	struct peer *peer;
	struct list link;      /* of the net_core's */
	struct list finishing; /* of the net_core's, when the order to finish is to be given at the end of the turn */
	struct buf backlog;    /* frames that wait until the peer has taken its answers */
	size_t backlog_at;
	uint64_t given_bytes; /* output handed to the thread, ever */
	uint64_t seen_bytes;  /* of written_bytes, when it was last read */
	bool is_held;         /* ORDER_HOLD is out, and not yet answered by NOTICE_DRAINED */
	bool is_shut;         /* ORDER_SHUT is out */

	/* Of given_bytes, what the socket has taken. Written by the thread, read by the core; relaxed: a bound, nothing hangs on it. */
	atomic_uint_least64_t written_bytes;

	/* The thread's, on cache lines of its own. */
	_Alignas(64) struct conn conn;
	struct buf out;
	uint64_t taken_bytes;
	struct list dirty, waiting, noticed;
	unsigned notices, holds;
	bool wants_drained;
};

/* ---- network thread -> core ---- */

struct net_item {
	struct net_conn *c;
	struct request *req; /* decoded */
	struct slice frame;
};
struct net_note {
	struct net_conn *c;
	unsigned what; /* enum net_notice */
};

struct in_batch {
	struct mail mail; /* first */
	uint8_t *bytes;   /* NET_BATCH_BYTES */
	size_t used;
	size_t count;
	struct net_item items[NET_BATCH_REQUESTS];
	struct net_note *notes; /* after the items */
	size_t note_count, note_cap;
	struct buf *owned; /* buffers of large frames */
	size_t owned_count, owned_cap;
	struct out_batch *spent; /* back to the core for its next orders */
};

struct in_batch *in_batch_new(void);
void in_batch_clear(struct in_batch *b); /* ready to be filled again; not b->spent */
void in_batch_free(struct in_batch *b);
void in_batch_note(struct in_batch *b, struct net_conn *c, unsigned what);
void in_batch_own(struct in_batch *b, struct buf *buffer); /* which is empty afterwards */

/* ---- core -> network thread ---- */

enum net_order_kind {
	ORDER_ADOPT,  /* c->fd is a connected socket: serve it */
	ORDER_OUTPUT, /* bytes to write */
	ORDER_HOLD,   /* read no more; NOTICE_DRAINED once the output is under the low mark */
	ORDER_RELEASE,
	ORDER_STOP,   /* read no more for good; NOTICE_STOPPED */
	ORDER_FINISH, /* shut when everything is written */
	ORDER_SHUT,
	ORDER_GONE, /* the core does not know it any more */
	ORDER_END,  /* no connection is left: end the thread */
};

struct net_order {
	enum net_order_kind kind;
	struct net_conn *c;
	size_t at, len;   /* of OUTPUT: in out_batch.bytes */
	struct buf owned; /* of OUTPUT, when it has data: instead */
};

struct out_batch {
	struct mail mail; /* first */
	struct out_batch *next_spent;
	struct net_order *orders;
	size_t count, cap;
	struct buf bytes;
	struct in_batch *returned; /* linked by mail.next */
	struct request_bin bin;
};

struct out_batch *out_batch_new(void);
struct net_order *out_batch_add(struct out_batch *b, enum net_order_kind kind, struct net_conn *c);
void out_batch_clear(struct out_batch *b); /* ready to be filled again */
void out_batch_free(struct out_batch *b);  /* with owned buffers of orders that nobody carried out */

/* ---- network thread ---- */

struct net_thread {
	/* Set once. */
	const struct dispatch *dispatch;
	uv_async_t *core_wake; /* of the core's loop */
	int send_buffer_bytes, receive_buffer_bytes;

	/* Any thread. */
	struct mailbox to_core;   /* of in_batch */
	struct mailbox to_thread; /* of out_batch */
	uv_async_t wake;          /* uv_async_send only */

	/* The core's. */
	uv_thread_t thread;
	struct out_batch *orders; /* being filled, or NULL */
	struct out_batch *spare;  /* empty ones, by next_spent */
	struct in_batch *returned;
	size_t returned_count;
	struct request_bin bin;

	/* The thread's, on cache lines of its own. */
	_Alignas(64) struct loop loop;
	struct loop_hook hook;
	struct conn_set set;
	struct in_batch *batch; /* being filled, or NULL */
	struct in_batch *free_batches;
	size_t batch_count;
	struct out_batch *spent;
	struct list dirty, waiting, noticed; /* net_conns: with output; held for want of room; with something to tell */
	pthread_t self;
	bool is_running;
};

/* Start a thread. `limits` are for its connections. Thread: the core. Memory: until net_thread_join. */
struct net_thread *net_thread_start(const struct dispatch *dispatch, uv_async_t *core_wake, const struct conn_limits *limits,
				    int send_buffer_bytes, int receive_buffer_bytes);

/* After ORDER_END: wait for its end, and free it with all that lies in mailboxes. Thread: the core. */
void net_thread_join(struct net_thread *t);

#endif
