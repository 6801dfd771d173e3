/* Happy path: a pull hangs on its queue's waiters; an arrival moves those whose tag matches to the ready list; after the store's turn each
 * is tried again, once for all the arrivals of the turn. A deadline tries it for the last time.
 * The queue's user pointer is its waiters, set while there is one, so a queue that nobody waits for costs nothing on arrival. */
#include "broker/pull_hold.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/pull.h"
#include "broker/topic_table.h"

struct waiters { /* of one queue */
	struct list pulls;
	struct list of_hold; /* among all queues that have waiters */
	struct store_queue *queue;
};

struct pull_hold {
	struct list queues; /* struct waiters.of_hold */
	struct list ready;  /* struct pull.link */
	size_t count, bytes, max_count, max_bytes;
};

struct pull_hold *pull_hold_new(struct broker *b)
{
	struct pull_hold *h = mem_zalloc(sizeof(*h));

	list_init(&h->queues);
	list_init(&h->ready);
	pull_hold_set_max(h, HOLDS_MAX, HOLD_BYTES_MAX);
	store_on_arrival(b->store, pull_hold_arrival, b);
	return h;
}

void pull_hold_free(struct pull_hold *h)
{
	if (h == NULL)
		return;
	ASSERT(h->count == 0);
	free(h);
}

void pull_hold_set_max(struct pull_hold *h, size_t holds, size_t bytes)
{
	h->max_count = holds;
	h->max_bytes = bytes;
}

size_t pull_hold_count(const struct pull_hold *h) { return h->count; }

static struct waiters *waiters_of(struct pull_hold *h, struct store_queue *queue)
{
	struct waiters *w = store_queue_user(queue);

	if (w != NULL)
		return w;
	w = mem_zalloc(sizeof(*w));
	list_init(&w->pulls);
	w->queue = queue;
	list_append(&h->queues, &w->of_hold);
	store_queue_set_user(queue, w);
	return w;
}

static void drop_if_empty(struct waiters *w)
{
	if (!list_is_empty(&w->pulls))
		return;
	store_queue_set_user(w->queue, NULL);
	list_remove(&w->of_hold);
	free(w);
}

/* Off its queue; it may still go to the ready list. */
static void unhang(struct pull *p)
{
	struct waiters *w = store_queue_user(p->waits_on);

	list_remove(&p->link);
	p->waits_on = NULL;
	drop_if_empty(w);
}

void pull_hold_remove(struct broker *b, struct pull *p)
{
	if (p->waits_on != NULL) {
		unhang(p);
	} else if (!list_is_empty(&p->link)) {
		list_remove(&p->link);
	} else {
		return;
	}
	b->holds->count--;
	b->holds->bytes -= p->held_bytes;
}

static void try_again(struct broker *b, struct pull *p)
{
	pull_hold_remove(b, p);
	timer_stop(b->timers, &p->req->deadline);
	if (pull_try(p) == DONE)
		request_finish(p->req);
}

static void on_deadline(struct request *req)
{
	struct pull *p = req->state;

	p->may_hold = false;
	try_again(req->core, p);
}

/* Nearly: an arena hands out whole blocks. */
static size_t bytes_of(const struct pull *p)
{
	size_t bytes = sizeof(*p->req) + p->group.len + p->topic_name.len;

	if (p->has_own_subscription)
		bytes += p->own.expression.len + p->own.expression_type.len + p->own.code_count * sizeof(p->own.codes[0]);
	return bytes;
}

bool pull_hold_add(struct broker *b, struct pull *p)
{
	struct pull_hold *h = b->holds;

	p->held_bytes = bytes_of(p);
	if (h->count >= h->max_count || p->held_bytes > h->max_bytes - h->bytes || p->get.queue == NULL)
		return false;
	h->count++;
	h->bytes += p->held_bytes;
	p->waits_on = p->get.queue;
	list_append(&waiters_of(h, p->waits_on)->pulls, &p->link);
	p->req->on_deadline = on_deadline;
	request_set_deadline(p->req, p->hold_until_ms - b->timers->now_ms);
	return true;
}

/* From the waiters to the ready list. */
static void wake(struct broker *b, struct pull *p)
{
	unhang(p);
	list_append(&b->holds->ready, &p->link);
}

void pull_hold_arrival(void *broker, struct store_queue *q, int64_t queue_offset, int64_t tags_code)
{
	struct broker *b = broker;
	struct waiters *w = store_queue_user(q);

	if (w == NULL)
		return;
	LIST_FOR_EACH_SAFE (it, &w->pulls) {
		struct pull *p = CONTAINER_OF(it, struct pull, link);
		const struct subscription *s = pull_subscription(p);
		bool is_last = it_next == &w->pulls;

		/* No subscription any more: the retry tells the client so. */
		if (queue_offset >= p->offset && (s == NULL || subscription_matches_tag(s, tags_code)))
			wake(b, p);
		if (is_last) /* w may be gone now */
			break;
	}
}

void pull_hold_run_ready(struct broker *b)
{
	struct list now;
	struct list *it;

	list_init(&now);
	list_splice(&now, &b->holds->ready);
	while ((it = now.next) != &now)
		try_again(b, CONTAINER_OF(it, struct pull, link));
}

void pull_hold_topic_deleted(struct broker *b, struct slice topic)
{
	LIST_FOR_EACH_SAFE (q, &b->holds->queues) {
		struct waiters *w = CONTAINER_OF(q, struct waiters, of_hold);

		if (!slice_eq(store_queue_topic(w->queue), topic))
			continue;
		while (!list_is_empty(&w->pulls)) {
			bool is_last = w->pulls.next->next == &w->pulls;

			wake(b, CONTAINER_OF(w->pulls.next, struct pull, link));
			if (is_last)
				break;
		}
	}
}

void pull_hold_group_changed(struct broker *b, struct slice group)
{
	LIST_FOR_EACH_SAFE (q, &b->holds->queues) {
		struct waiters *w = CONTAINER_OF(q, struct waiters, of_hold);

		LIST_FOR_EACH_SAFE (it, &w->pulls) {
			struct pull *p = CONTAINER_OF(it, struct pull, link);
			bool is_last = it_next == &w->pulls;

			if (slice_eq(p->group, group))
				wake(b, p);
			if (is_last)
				break;
		}
	}
}

void pull_hold_release_all(struct broker *b)
{
	while (!list_is_empty(&b->holds->queues)) {
		struct waiters *w = CONTAINER_OF(b->holds->queues.next, struct waiters, of_hold);
		struct pull *p = CONTAINER_OF(w->pulls.next, struct pull, link);

		p->may_hold = false;
		wake(b, p);
	}
	pull_hold_run_ready(b);
}
