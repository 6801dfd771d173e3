/* pull: one pull on its way to an answer, from the request to a found message, a hold, a cold read, or a refusal.
 *
 *   handle_pull -> pull_try --found, moved, refused--> DONE
 *                     |  \--nothing there yet, may suspend--> held (pull_hold.c) --arrival, deadline, change--> pull_try again
 *                     \-----pages are cold--> warming (the store's job) --on_warm--> pull_try again
 *
 * Thread: core. Memory: in the request's arena. */
#ifndef BROKER_PULL_H
#define BROKER_PULL_H

#include "broker/broker.h"
#include "broker/client_table.h"

struct pull {
	struct request *req;
	struct list link;               /* in its queue's waiters or in the ready list while held */
	struct store_queue *waits_on;   /* the queue whose waiters it is in; NULL: not held */
	struct slice group, topic_name; /* copies in the arena once parked */
	int32_t queue_id, max_count;
	int64_t offset;
	bool may_hold;             /* suspend flag set and not yet over */
	bool is_parked;            /* the handler has returned PENDING */
	uint64_t hold_until_ms;    /* monotonic */
	bool has_own_subscription; /* came with the pull (sysFlag 0x4): `own` */
	int64_t sub_version;
	struct subscription own;
	size_t held_bytes; /* what it counts for while held */
	struct store_get get;
};

/* Look for messages and answer. DONE: answered; PENDING: held or warming. Never finishes the request. */
enum outcome pull_try(struct pull *p) MUST_USE;

/* The subscription that filters this pull now; NULL when the group or its subscription is gone. */
const struct subscription *pull_subscription(const struct pull *p);

#endif
