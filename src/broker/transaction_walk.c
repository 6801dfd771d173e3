/* Happy path: both sources read ahead; the earlier message is applied, again and again, until both are at their ends.
 * Failure: what cannot be read now is tried again a second later; a message that is no half message, or no op message, is passed over.
 *
 * A broker that was killed while it wrote, or lost its power, may have left the final message of a commit without the op message behind it;
 * then it is the last message of the log, or stands in front of damage (both are written at once, in this order). The producer would be
 * asked again, and the message delivered twice: so the op message is written now. (An op message behind damage: store/recovery.c.) */
#include "broker/transaction_walk.h"

#include "base/log.h"
#include "base/stall.h"
#include "broker/broker_config.h"
#include "broker/half_message.h"
#include "broker/transaction_service.h"

#define BATCH_MESSAGES 256
#define BATCH_BYTES (1024 * 1024)
#define STEPS_A_TURN 2000
#define RETRY_AFTER_MS 1000

static void step(struct transaction_service *s);

static void run_again(struct transaction_service *s, uint64_t in_ms) { timer_start(s->broker->timers, &s->walk.timer, in_ms); }

static void on_timer(struct timer *t)
{
	(void)stall_at(STALL_TRANSACTIONS, 0);
	step(CONTAINER_OF(t, struct transaction_service, walk.timer));
}

/* ---- reading ---- */

enum filled { FILLED, AT_END, NOT_YET };

static void on_warm(struct store_get *g)
{
	struct transaction_source *q = CONTAINER_OF(g, struct transaction_source, get);

	q->is_busy = false;
	step(q->service);
}

static enum filled not_yet(struct transaction_source *q, enum rc rc)
{
	if (rc == RC_PENDING) {
		q->is_busy = true;
	} else {
		log_error("broker", "queue of %s: read at %lld: %s", q->topic, (long long)*q->next, rc_text(rc));
		run_again(q->service, RETRY_AFTER_MS);
	}
	return NOT_YET;
}

/* Reads the next messages. What the queue has lost is passed over. */
static enum filled read_more(struct transaction_source *q)
{
	struct store *store = q->service->broker->store;
	enum rc rc;

	for (;;) {
		q->get.queue = store_queue_find(store, slice_of(q->topic), 0);
		if (q->get.queue == NULL || *q->next >= store_queue_max(q->get.queue))
			return AT_END;
		q->get.offset = *q->next;
		rc = store_get_plan(store, &q->get);
		if (rc != RC_OK)
			return not_yet(q, rc);
		if (q->get.status == GET_FOUND)
			break;
		if (q->get.next_offset <= *q->next)
			return AT_END;
		*q->next = q->get.next_offset;
	}
	buf_clear(&q->bytes);
	rc = store_get_read(store, &q->get, buf_grow(&q->bytes, (size_t)q->get.bytes));
	if (rc != RC_OK)
		return not_yet(q, rc);
	q->rest = buf_slice(&q->bytes);
	return FILLED;
}

static enum filled fill(struct transaction_source *q)
{
	enum filled f;

	if (q->is_busy)
		return NOT_YET;
	if (q->rest.len > 0)
		return FILLED;
	f = read_more(q);
	if (f == FILLED && message_decode(q->rest, false, &q->head) != RC_OK) {
		q->rest.len = 0;
		*q->next = q->get.next_offset;
		return fill(q);
	}
	return f;
}

/* The head was applied. */
static void pass(struct transaction_source *q)
{
	*q->next = q->head.queue_offset + 1;
	q->rest = slice_sub(q->rest, q->head.size, q->rest.len);
	if (q->rest.len > 0 && message_decode(q->rest, false, &q->head) == RC_OK)
		return;
	q->rest.len = 0;
	*q->next = q->get.next_offset;
}

/* ---- what they say ---- */

/* One that was checked waits for the interval again. After a start producers get the time to come back first, as with Apache, whose
 * first check comes an interval after the start. */
static int64_t due_at(const struct transaction_service *s, const struct half_message *h)
{
	const struct broker *b = s->broker;
	bool was_checked = h->is_checked && h->checks > 0;
	int64_t from = was_checked || h->key == h->m.queue_offset ? h->m.store_timestamp : h->m.born_timestamp, due;

	if (from > (int64_t)b->wall_ms) /* the clock went back since */
		from = (int64_t)b->wall_ms;
	due = from + (was_checked ? b->config->transaction_check_interval : half_immunity_ms(b, h->immunity));
	if (s->walk.is_first && due < (int64_t)b->boot_wall_ms + b->config->transaction_check_interval)
		due = (int64_t)b->boot_wall_ms + b->config->transaction_check_interval;
	return due;
}

static void apply_half(struct transaction_service *s, const struct transaction_source *q)
{
	int64_t offset = q->head.queue_offset;
	struct half_message h;
	struct transaction *x;

	if (!half_read((struct slice){q->rest.at, q->head.size}, &h)) {
		log_warn("broker", "half message at offset %lld has no usable REAL_TOPIC and REAL_QID: passed over",
			 (long long)offset);
		return;
	}
	x = transaction_find(&s->table, h.key);
	if (x == NULL) {
		transaction_add_or_skip(s, h.key, offset, h.m.physical_offset, due_at(s, &h));
	} else if (x->offset <= offset) {
		transaction_move(&s->table, x, offset, h.m.physical_offset, s->next_op);
		if (s->walk.is_first)
			transaction_timer(s, x, due_at(s, &h) - (int64_t)s->broker->wall_ms);
	}
}

static void apply_op(struct transaction_service *s, const struct transaction_source *q)
{
	struct slice body = q->head.body;
	struct transaction *x;
	int64_t offset;

	if (!half_is_op(&q->head)) {
		log_warn("broker", "op message at offset %lld has not the tag 'd': passed over", (long long)q->head.queue_offset);
		return;
	}
	while (half_op_next(&body, &offset))
		if ((x = transaction_find(&s->table, offset)) != NULL)
			transaction_close(s, x);
}

/* ---- commits without their op message ---- */

static void on_last_warm(struct store_get *g) { step(CONTAINER_OF(g, struct transaction_service, walk.last_get)); }

static void op_is_missing(struct transaction_service *s, struct transaction *x)
{
	int64_t end;

	log_warn("broker",
		 "transaction at offset %lld of " TOPIC_HALF
		 " was committed when the broker was killed: its op message is written now",
		 (long long)x->offset);
	x->is_put = true; /* and stays so if it cannot be written yet */
	(void)transaction_put_op(s, x, -1, &end);
}

static void look_at_final(struct transaction_service *s, struct slice stored)
{
	struct transaction *x;
	struct message m;

	if (message_decode(stored, false, &m) != RC_OK || (m.sys_flag & SYS_FLAG_TRANSACTION_MASK) != SYS_FLAG_TRANSACTION_COMMIT)
		return;
	x = transaction_find_physical(&s->table, m.prepared_transaction_offset);
	if (x != NULL)
		op_is_missing(s, x);
}

/* False: one has to be read first. */
static bool look_at_unfollowed(struct transaction_service *s)
{
	struct transaction_walk *w = &s->walk;
	struct store *store = s->broker->store;
	int64_t at;

	if (!w->is_first)
		return true;
	for (; s->table.count > 0 && (at = store_unfollowed(store, w->last_at)) >= 0; w->last_at++) {
		enum rc rc;

		buf_clear(&w->last);
		rc = store_read_message(store, at, &w->last, &w->last_get);
		if (rc == RC_PENDING)
			return false;
		if (rc == RC_OK)
			look_at_final(s, buf_slice(&w->last));
	}
	return true;
}

/* ---- steps ---- */

static void step(struct transaction_service *s)
{
	struct transaction_walk *w = &s->walk;

	for (int steps = 0; steps < STEPS_A_TURN; steps++) {
		enum filled half = fill(&w->half), op = half == NOT_YET ? NOT_YET : fill(&w->op);

		if (half == NOT_YET || op == NOT_YET)
			return;
		if (half == FILLED && (op == AT_END || w->half.head.physical_offset < w->op.head.physical_offset)) {
			apply_half(s, &w->half);
			pass(&w->half);
		} else if (op == FILLED) {
			apply_op(s, &w->op);
			pass(&w->op);
		} else {
			if (!look_at_unfollowed(s))
				return;
			w->is_first = false;
			transaction_walked(s);
			return;
		}
	}
	run_again(s, 0);
}

void transaction_walk_start(struct transaction_service *s)
{
	s->walk.half.rest.len = s->walk.op.rest.len = 0;
	run_again(s, 0);
}

static void init_source(struct transaction_service *s, struct transaction_source *q, const char *topic, int64_t *next)
{
	q->service = s;
	q->topic = topic;
	q->next = next;
	q->get.max_count = BATCH_MESSAGES;
	q->get.max_bytes = BATCH_BYTES;
	q->get.on_warm = on_warm;
	list_init(&q->get.link);
}

void transaction_walk_init(struct transaction_service *s)
{
	init_source(s, &s->walk.half, TOPIC_HALF, &s->next_half);
	init_source(s, &s->walk.op, TOPIC_OP, &s->next_op);
	s->walk.timer.on_timer = on_timer;
	s->walk.last_get.on_warm = on_last_warm;
	list_init(&s->walk.last_get.link);
	s->walk.is_first = true;
}

void transaction_walk_stop(struct transaction_service *s)
{
	struct transaction_walk *w = &s->walk;
	struct store *store = s->broker->store;

	timer_stop(s->broker->timers, &w->timer);
	store_get_cancel(store, &w->half.get);
	store_get_cancel(store, &w->op.get);
	store_get_cancel(store, &w->last_get);
	buf_free(&w->half.bytes);
	buf_free(&w->op.bytes);
	buf_free(&w->last);
}
