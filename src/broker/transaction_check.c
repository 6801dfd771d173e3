/* Happy path: a timer puts its transaction into the list of those that are due; a few a turn are read, appended again, and asked for.
 * The frame with the question leaves after the turn's write, so that the offsets in it can be read when the answer comes.
 * Failure: a store that takes nothing: the transaction is due again an interval later, its count unchanged. A half message that is gone or
 * damaged: nobody can decide on it any more; it is said and forgotten. */
#include "broker/transaction_check.h"

#include "base/log.h"
#include "broker/broker_config.h"
#include "broker/client_table.h"
#include "broker/half_message.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"

#define CHECKS_A_TURN 64
#define PRODUCER_BACKLOG_MAX (4u * 1024 * 1024) /* bytes that a producer has not taken yet: it is not asked more */
#define BACKLOG_AGAIN_MS 100

static void run(struct transaction_service *s);

static void on_check_timer(struct timer *t) { run(CONTAINER_OF(t, struct transaction_service, check_timer)); }

void transaction_check_run(struct transaction_service *s)
{
	if (!list_is_empty(&s->due) && !timer_is_running(&s->check_timer))
		timer_start(s->broker->timers, &s->check_timer, 0);
}

void transaction_check_due(struct timer *t)
{
	struct transaction *x = CONTAINER_OF(t, struct transaction, timer);
	struct transaction_service *s = x->owner;

	list_remove(&x->due);
	list_append(&s->due, &x->due);
	transaction_check_run(s);
}

void transaction_check_forget(struct transaction_service *s, const struct transaction *x)
{
	if (s->checking != x)
		return;
	store_get_cancel(s->broker->store, &s->check_get);
	s->checking = NULL;
	transaction_check_run(s);
}

/* ---- one ---- */

static void again_after_interval(struct transaction_service *s, struct transaction *x)
{
	transaction_timer(s, x, s->broker->config->transaction_check_interval);
}

static void discard(struct transaction_service *s, struct transaction *x, const struct half_message *h)
{
	struct append_result at;
	int64_t end;

	log_warn("broker",
		 "transaction of group '%.*s' for topic '%.*s' was checked %d times without an answer: its message goes "
		 "to " TOPIC_CHECKED_TOO_OFTEN,
		 SLICE_ARG(h->group), SLICE_ARG(h->real_topic), h->checks);
	if (half_put_discarded(s->broker, h, &at) != RC_OK)
		again_after_interval(s, x);
	else if (transaction_put_op(s, x, at.end, &end) != RC_OK)
		log_error("broker", "its op message could not be written: later");
}

static void ask(struct transaction_service *s, struct peer *producer, const struct half_message *h, int32_t checks,
		const struct append_result *at)
{
	struct broker *b = s->broker;
	struct buf message = {0};
	char id[57];
	struct check_transaction_state_request_header header = {
		.present = HEADER_ALL(check_transaction_state_request_header),
		.topic = SLICE_LIT(TOPIC_HALF),
		.tran_state_table_offset = at->queue_offset,
		.commit_log_offset = at->physical_offset,
		.msg_id = h->unique_key,
		.transaction_id = h->unique_key,
		.broker_name = slice_of(b->config->broker_name),
	};

	message_id_encode(&b->store_host, at->physical_offset, id);
	header.offset_msg_id = slice_of(id);
	if (h->unique_key.len == 0)
		header.present &= ~(HEADER_BIT(check_transaction_state_request_header, msg_id) |
				    HEADER_BIT(check_transaction_state_request_header, transaction_id));
	half_encode_check(b, h, checks, at, &message);
	if (message.len > 0)
		peer_call(producer, CHECK_TRANSACTION_STATE, &check_transaction_state_request_header_schema, &header,
			  buf_slice(&message), 0, NULL, NULL);
	buf_free(&message);
}

static bool is_too_old(const struct broker *b, const struct half_message *h)
{
	return (int64_t)b->wall_ms - h->m.born_timestamp > (int64_t)b->config->file_reserved_time * 3600 * 1000;
}

static void check(struct transaction_service *s, struct transaction *x, const struct half_message *h)
{
	struct broker *b = s->broker;
	struct append_result at;
	struct peer *producer;
	enum rc rc;

	if (h->checks >= b->config->transaction_check_max || is_too_old(b, h)) {
		discard(s, x, h);
		return;
	}
	producer = producer_group_peer(b->clients, h->group);
	if (producer != NULL && producer->out.len > PRODUCER_BACKLOG_MAX) {
		transaction_timer(s, x, BACKLOG_AGAIN_MS);
		return;
	}
	rc = half_put_again(b, h, h->checks + 1, &at);
	if (rc == RC_TOO_BIG) { /* no room in its properties for the count */
		discard(s, x, h);
		return;
	}
	again_after_interval(s, x);
	if (rc != RC_OK)
		return;
	x->next_offset = at.queue_offset;
	transaction_staged(b, &(struct transaction_event){.kind = EVENT_AGAIN,
							  .key = x->key,
							  .offset = at.queue_offset,
							  .physical = at.physical_offset,
							  .end = at.end});
	if (producer != NULL)
		ask(s, producer, h, h->checks + 1, &at);
	else
		log_warn("broker", "transaction of group '%.*s' cannot be checked: no producer of the group is online",
			 SLICE_ARG(h->group));
}

/* ---- all that are due ---- */

/* False: it has to be waited for. */
static bool read_and_check(struct transaction_service *s, struct transaction *x)
{
	struct buf *bytes = &s->message;
	struct half_message h;
	enum rc rc;

	buf_clear(bytes);
	rc = store_read_message(s->broker->store, x->physical, bytes, &s->check_get);
	if (rc == RC_PENDING) {
		s->checking = x;
		return false;
	}
	if (rc == RC_OK && half_read(buf_slice(bytes), &h)) {
		check(s, x, &h);
	} else if (rc == RC_OK || rc == RC_NOT_FOUND || rc == RC_CORRUPT) {
		log_error("broker",
			  "half message at offset %lld (%lld in the log) cannot be read: %s; its transaction is forgotten",
			  (long long)x->offset, (long long)x->physical, rc_text(rc));
		transaction_close(s, x);
		transaction_save_soon(s);
	} else {
		again_after_interval(s, x);
	}
	return true;
}

static void on_warm(struct store_get *g)
{
	struct transaction_service *s = CONTAINER_OF(g, struct transaction_service, check_get);
	struct transaction *x = s->checking;

	s->checking = NULL;
	if (s->is_walking || x->is_ending || x->is_put) { /* meanwhile */
		store_get_cancel(s->broker->store, g);
		list_append(&s->due, &x->due);
		transaction_check_run(s);
	} else if (read_and_check(s, x)) {
		transaction_check_run(s);
	}
}

static void run(struct transaction_service *s)
{
	int64_t end;

	if (s->is_walking || s->broker->is_stopping || s->checking != NULL)
		return;
	for (int i = 0; i < CHECKS_A_TURN && !list_is_empty(&s->due); i++) {
		struct transaction *x = CONTAINER_OF(list_pop(&s->due), struct transaction, due);

		if (x->is_ending)
			continue; /* what was appended has not been applied; if it fails, the timer is started */
		if (x->next_offset >= 0)
			again_after_interval(s, x); /* the last check is not on the device yet: a slow one, or a short interval */
		else if (x->is_put)
			(void)transaction_put_op(s, x, -1, &end); /* its timer tries again */
		else if (!read_and_check(s, x))
			return;
	}
	transaction_check_run(s);
}

void transaction_check_init(struct transaction_service *s)
{
	s->check_timer.on_timer = on_check_timer;
	s->check_get.on_warm = on_warm;
}

void transaction_check_stop(struct transaction_service *s)
{
	timer_stop(s->broker->timers, &s->check_timer);
	store_get_cancel(s->broker->store, &s->check_get);
}
