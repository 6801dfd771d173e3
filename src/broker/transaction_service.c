/* Happy path: a half message is appended, its event waits until it can be read, then it is in the table with a timer; its op message takes
 * it off again.
 * Failure: what could not be written is taken back, event by event. An event whose offset is not the next one means that something got by
 * (a broker that was full, an answer that was given up): both queues are gone through from there. */
#include "broker/transaction_service.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker_config.h"
#include "broker/half_message.h"
#include "broker/message_put.h"
#include "broker/offset_table.h"
#include "broker/transaction_check.h"

#define SAVE_AFTER_MS 1000

/* ---- offsets ---- */

void transaction_service_save(struct transaction_service *s)
{
	const struct transaction *first = transaction_first(&s->table);
	int64_t half = s->next_half, op = s->next_op;

	if (s->is_walking) /* what was saved before holds */
		return;
	if (first != NULL) {
		half = first->offset;
		op = first->op;
	}
	if (s->untracked_half >= 0 && s->untracked_half < half) {
		half = s->untracked_half;
		op = s->untracked_op;
	}
	if (half != s->saved_half)
		offset_put(s->broker->offsets, SLICE_LIT(GROUP_TRANSACTIONS), SLICE_LIT(TOPIC_HALF), 0, half);
	if (op != s->saved_op)
		offset_put(s->broker->offsets, SLICE_LIT(GROUP_TRANSACTIONS), SLICE_LIT(TOPIC_OP), 0, op);
	s->saved_half = half;
	s->saved_op = op;
}

static void on_save(struct timer *t) { transaction_service_save(CONTAINER_OF(t, struct transaction_service, save_timer)); }

void transaction_save_soon(struct transaction_service *s)
{
	if (!timer_is_running(&s->save_timer))
		timer_start(s->broker->timers, &s->save_timer, SAVE_AFTER_MS);
}

/* ---- the table ---- */

void transaction_timer(struct transaction_service *s, struct transaction *x, int64_t in_ms)
{
	timer_start(s->broker->timers, &x->timer, in_ms > 0 ? (uint64_t)in_ms : 0);
}

static void walk_again(struct transaction_service *s)
{
	if (s->is_walking)
		return;
	s->is_walking = true;
	transaction_walk_start(s);
}

void transaction_add_or_skip(struct transaction_service *s, int64_t key, int64_t offset, int64_t physical, int64_t due_ms)
{
	struct transaction *x = NULL;

	if (s->untracked_half < 0)
		x = transaction_add(&s->table, key, offset, physical, s->next_op);
	if (x != NULL) {
		x->owner = s;
		x->timer.on_timer = transaction_check_due;
		transaction_timer(s, x, due_ms - (int64_t)s->broker->wall_ms);
		return;
	}
	if (s->untracked_half >= 0)
		return;
	s->untracked_half = offset;
	s->untracked_op = s->next_op;
	log_warn("broker", "%zu transactions are open: those from offset %lld of " TOPIC_HALF " on wait in the queue",
		 s->table.count, (long long)offset);
}

void transaction_close(struct transaction_service *s, struct transaction *x)
{
	timer_stop(s->broker->timers, &x->timer);
	list_remove(&x->due);
	transaction_check_forget(s, x);
	transaction_remove(&s->table, x);
}

/* There is room again for those that were left in the queue. */
static void take_untracked(struct transaction_service *s)
{
	if (s->untracked_half < 0 || s->is_walking || s->table.count > s->table.max / 2)
		return;
	s->next_half = s->untracked_half;
	s->next_op = s->untracked_op;
	s->untracked_half = s->untracked_op = -1;
	walk_again(s);
}

void transaction_walked(struct transaction_service *s)
{
	s->is_walking = false;
	if (s->table.count > 0)
		log_info("broker", "%zu transactions are open", s->table.count);
	take_untracked(s);
	if (s->is_walking)
		return;
	transaction_save_soon(s);
	transaction_check_run(s);
	end_transaction_resume(s);
}

/* ---- events ---- */

static void count_on(struct transaction_service *s, int64_t *next, int64_t offset)
{
	if (s->is_walking)
		return;
	if (offset == *next)
		(*next)++;
	else if (offset > *next)
		walk_again(s);
}

static void apply_half(struct transaction_service *s, const struct transaction_event *e)
{
	if (s->is_walking || e->offset != s->next_half) {
		if (e->offset >= s->next_half)
			walk_again(s);
		return;
	}
	s->next_half++;
	transaction_add_or_skip(s, e->key, e->offset, e->physical, e->due_ms);
}

static void apply_again(struct transaction_service *s, const struct transaction_event *e)
{
	struct transaction *x = transaction_find(&s->table, e->key);

	if (x != NULL) {
		transaction_move(&s->table, x, e->offset, e->physical, s->next_op);
		if (x->next_offset == e->offset)
			x->next_offset = -1;
	}
	count_on(s, &s->next_half, e->offset);
}

static void apply_op(struct transaction_service *s, const struct transaction_event *e)
{
	struct transaction *x = transaction_find(&s->table, e->key);

	if (x != NULL)
		transaction_close(s, x);
	count_on(s, &s->next_op, e->offset);
	take_untracked(s);
}

static void apply(struct transaction_service *s, const struct transaction_event *e)
{
	if (e->kind == EVENT_HALF)
		apply_half(s, e);
	else if (e->kind == EVENT_AGAIN)
		apply_again(s, e);
	else if (e->kind == EVENT_OP)
		apply_op(s, e);
}

/* It was not written: the transaction is as it was before. */
static void take_back(struct transaction_service *s, const struct transaction_event *e)
{
	struct transaction *x = e->kind == EVENT_HALF ? NULL : transaction_find(&s->table, e->key);

	if (x == NULL)
		return;
	if (e->kind == EVENT_AGAIN)
		x->next_offset = -1;
	else if (e->kind == EVENT_PUT)
		x->is_put = false;
	else
		x->is_ending = false;
	transaction_timer(s, x, s->broker->config->transaction_check_interval);
}

static void wait_for_staged(struct transaction_service *s)
{
	if (s->staged_count == 0 || s->is_waiting)
		return;
	s->is_waiting = true;
	store_wait_for(s->broker->store, &s->wait, s->staged[s->staged_count - 1].end, message_put_mark(s->broker, true));
}

static void on_readable(struct store_wait *w, enum rc rc)
{
	struct transaction_service *s = CONTAINER_OF(w, struct transaction_service, wait);
	int64_t end = w->end;
	size_t n = 0;

	s->is_waiting = false;
	if (rc == RC_OK) {
		for (; n < s->staged_count && s->staged[n].end <= end; n++)
			apply(s, &s->staged[n]);
	} else if (rc != RC_TIMEOUT) {
		for (n = s->staged_count; n > 0; n--)
			take_back(s, &s->staged[n - 1]);
		n = s->staged_count;
		walk_again(s);
	}
	s->staged_count -= n;
	memmove(s->staged, s->staged + n, s->staged_count * sizeof(s->staged[0]));
	wait_for_staged(s);
	transaction_save_soon(s);
	end_transaction_resume(s);
}

void transaction_staged(struct broker *b, const struct transaction_event *e)
{
	struct transaction_service *s = b->transactions;

	if (s->staged_count == s->staged_cap) {
		s->staged_cap = s->staged_cap ? 2 * s->staged_cap : 64;
		s->staged = mem_realloc(s->staged, s->staged_cap * sizeof(s->staged[0]));
	}
	s->staged[s->staged_count++] = *e;
	wait_for_staged(s);
}

enum rc transaction_put_op(struct transaction_service *s, struct transaction *x, int64_t put_end, int64_t *end)
{
	struct append_result at;
	enum rc rc = half_put_op(s->broker, x->next_offset >= 0 ? x->next_offset : x->offset, &at);

	if (rc == RC_OK) {
		x->is_ending = true;
		*end = at.end;
		transaction_staged(s->broker, &(struct transaction_event){
						      .kind = EVENT_OP, .key = x->key, .offset = at.queue_offset, .end = at.end});
		return RC_OK;
	}
	if (put_end >= 0) {
		x->is_put = true;
		transaction_staged(s->broker, &(struct transaction_event){.kind = EVENT_PUT, .key = x->key, .end = put_end});
	}
	transaction_timer(s, x, s->broker->config->transaction_check_interval);
	return rc;
}

/* ---- life ---- */

struct transaction_service *transaction_service_new(struct broker *b)
{
	struct transaction_service *s = mem_zalloc(sizeof(*s));

	s->broker = b;
	s->untracked_half = s->untracked_op = -1;
	s->is_walking = true; /* nothing is known before the first walk */
	transaction_table_init(&s->table);
	list_init(&s->due);
	list_init(&s->ends);
	list_init(&s->waiting);
	list_init(&s->wait.link);
	list_init(&s->check_get.link);
	s->wait.on_ready = on_readable;
	s->save_timer.on_timer = on_save;
	transaction_walk_init(s);
	transaction_check_init(s);
	return s;
}

/* Where to begin: where the group is, inside of what the queue has. */
static int64_t first_offset(struct broker *b, struct slice topic)
{
	const struct store_queue *queue = store_queue_find(b->store, topic, 0);
	int64_t offset = offset_get(b->offsets, SLICE_LIT(GROUP_TRANSACTIONS), topic, 0);
	int64_t min = store_queue_min(queue), max = queue ? store_queue_max(queue) : 0;

	return offset < min ? min : offset > max ? max : offset;
}

void transaction_service_start(struct broker *b)
{
	struct transaction_service *s = b->transactions;

	/* What is on file stays there until it moves. */
	s->next_half = s->saved_half = first_offset(b, SLICE_LIT(TOPIC_HALF));
	s->next_op = s->saved_op = first_offset(b, SLICE_LIT(TOPIC_OP));
	s->is_walking = true;
	transaction_walk_start(s);
}

void transaction_service_free(struct transaction_service *s)
{
	if (s == NULL)
		return;
	timer_stop(s->broker->timers, &s->save_timer);
	store_wait_cancel(&s->wait);
	end_transaction_stop(s);
	transaction_check_stop(s);
	transaction_walk_stop(s);
	transaction_table_free(&s->table, s->broker->timers);
	buf_free(&s->message);
	free(s->staged);
	free(s);
}
