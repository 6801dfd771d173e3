/* transaction_walk: goes through the half queue and the op queue from the service's next_half and next_op on, in the order in which their
 * messages stand in the log, and does to the table what they did to the transactions. At start, and when the service lost the thread.
 *
 *   half queue  h5 --- h6 ---------- h7 ---            the one that is earlier in the log is next:
 *   op queue    --------- op(5) --------- op(6,7)      h5 h6 op(5) h7 op(6,7): nothing is left open
 *
 * So the table never holds more than were open at one time. A few hundred messages a turn of the loop; cold pages are waited for.
 * While it goes on, nothing is checked and ends wait: what it has not come to yet may say that a transaction is over.
 * Thread: core. */
#ifndef BROKER_TRANSACTION_WALK_H
#define BROKER_TRANSACTION_WALK_H

#include "base/buf.h"
#include "store/store.h"

struct transaction_service;

struct transaction_source { /* one of the two queues */
	struct transaction_service *service;
	const char *topic;
	int64_t *next; /* the service's */
	struct store_get get;
	bool is_busy;
	struct buf bytes;    /* messages that were read */
	struct slice rest;   /* of them, not applied yet */
	struct message head; /* first of rest */
};

struct transaction_walk {
	struct transaction_source half, op;
	struct timer timer;
	struct buf last; /* a message behind which something is missing */
	struct store_get last_get;
	size_t last_at; /* how many of them were looked at */
	bool is_first;  /* the one at start */
	int64_t looked_at;
};

void transaction_walk_init(struct transaction_service *s);
void transaction_walk_start(struct transaction_service *s); /* transaction_walked is called at its end, never inside */
void transaction_walk_stop(struct transaction_service *s);

#endif
