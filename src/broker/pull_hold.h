/* pull_hold: pulls that wait for a message (long polling; Apache PullRequestHoldService, without its scan).
 *
 * Waiters hang on the store queue they wait for, so an arrival wakes exactly them, and only if the tag matches; each also has its own
 * deadline. Bounds: HOLDS_MAX and HOLD_BYTES_MAX, over all connections.
 * Thread: core. */
#ifndef BROKER_PULL_HOLD_H
#define BROKER_PULL_HOLD_H

#include "remoting/request.h"
#include "store/store.h"

#define HOLDS_MAX 200000                    /* pulls */
#define HOLD_BYTES_MAX (768u * 1024 * 1024) /* that they take: their requests, and the subscriptions that came with them */

struct broker;
struct pull_hold;

struct pull;

struct pull_hold *pull_hold_new(struct broker *b);
void pull_hold_free(struct pull_hold *h); /* nothing is held any more: all peers are closed */

void pull_hold_set_max(struct pull_hold *h, size_t holds, size_t bytes); /* for tests */

/* Hang p on its queue (p->get.queue) until p->hold_until_ms. False when that would be too many. */
bool pull_hold_add(struct broker *b, struct pull *p) MUST_USE;
void pull_hold_remove(struct broker *b, struct pull *p); /* no effect when not held */

/* Once a turn, after the store's: try again the pulls that arrivals of this turn woke. */
void pull_hold_run_ready(struct broker *b);
void pull_hold_release_all(struct broker *b);                       /* the broker stops: every held pull is answered now */
void pull_hold_topic_deleted(struct broker *b, struct slice topic); /* wakes all its waiters */
void pull_hold_group_changed(struct broker *b, struct slice group); /* a reset or delete: wakes the group's waiters */
void pull_hold_arrival(void *broker, struct store_queue *q, int64_t queue_offset, int64_t tags_code);
size_t pull_hold_count(const struct pull_hold *h);

#endif
