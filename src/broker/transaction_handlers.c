/* transaction_handlers: END_TRANSACTION (37): commit or roll back; RESUME_CHECK_HALF_MESSAGE (323).
 *
 *   37 -> (the table is not there yet: waits) -> half message is read (cold: waits) -> checks
 *      -> final message and op message appended, neighbours in the log, written at once -> acknowledged when that is written, or flushed
 *
 * Clients send 37 as a oneway; Go's waits for the answer. A oneway is carried out though its connection closes meanwhile.
 * A second end of a transaction does nothing and succeeds, whatever it says: it was decided. (Apache commits once more.) An end that comes
 * later than CHECK_IMMUNITY_TIME_IN_SECONDS counts, too, where 5.x refuses it: it cannot deliver twice here.
 * Facts: Apache EndTransactionProcessor (checks in its order, with its remarks), AdminBrokerProcessor.resumeCheckHalfMessage. */
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/half_message.h"
#include "broker/handlers.h"
#include "broker/message_put.h"
#include "broker/topic_table.h"
#include "broker/transaction_service.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define ENDS_MAX 100000 /* that wait for the table, or for cold pages (endTransactionPoolQueueCapacity) */
#define NO_SUCH_HALF "Find prepared transaction message failed"

struct end { /* outlives its request */
	struct broker *broker;
	struct request *req; /* NULL: a oneway, or its client is gone */
	bool is_commit;
	int64_t half_offset, physical;
	struct list of_all, waiting; /* the service's */
	struct store_get get;
	struct store_wait wait;
	size_t group_len;
	char group[];
};

/* ---- answer ---- */

static void free_end(struct end *e)
{
	e->broker->transactions->end_count--;
	list_remove(&e->of_all);
	list_remove(&e->waiting);
	free(e);
}

/* Answers and frees. */
static enum outcome answer(struct end *e, int32_t code, const char *remark)
{
	static uint64_t last_ms, dropped;
	enum outcome o = DONE;

	if (code != SUCCESS && log_limited(e->broker->timers->now_ms, &last_ms, &dropped)) {
		log_warn("broker", "end of transaction at offset %lld of group '%.*s': %s", (long long)e->half_offset,
			 (int)e->group_len, e->group, remark);
		dropped = 0;
	}
	if (e->req != NULL)
		o = reply_empty(e->req, code, remark);
	free_end(e);
	return o;
}

static void on_cancel(struct request *req)
{
	struct end *e = req->state;

	e->req = NULL;
}

/* ---- the end ---- */

static void on_stored(struct store_wait *w, enum rc rc)
{
	struct end *e = CONTAINER_OF(w, struct end, wait);
	struct request *req = e->req;
	const char *remark = NULL;
	int32_t code = SUCCESS;
	struct arena arena;

	arena_init(&arena);
	if (rc == RC_TIMEOUT)
		code = FLUSH_DISK_TIMEOUT;
	else if (rc != RC_OK)
		code = message_put_error(e->broker, rc, &arena, &remark);
	if (answer(e, code, remark) == DONE && req != NULL)
		request_finish(req);
	arena_reset(&arena);
}

static enum outcome refuse_put(struct end *e, enum rc rc)
{
	const char *remark = NULL;
	struct arena arena;
	enum outcome o;
	int32_t code;

	arena_init(&arena);
	code = message_put_error(e->broker, rc, &arena, &remark);
	o = answer(e, code, remark);
	arena_reset(&arena);
	return o;
}

/* x: NULL when it is beyond what the table holds. */
static enum outcome carry_out(struct end *e, const struct half_message *h, struct transaction *x)
{
	struct broker *b = e->broker;
	struct append_result put = {.end = -1}, op;
	int64_t end = -1;
	enum rc rc = RC_OK;

	if (e->is_commit)
		rc = half_put_final(b, h, &put);
	if (rc != RC_OK)
		return refuse_put(e, rc);
	if (e->is_commit)
		stats_count_put(b, topic_find(b->topics, h->real_topic), 1, (uint64_t)(put.end - put.physical_offset));
	if (x != NULL) {
		rc = transaction_put_op(b->transactions, x, put.end, &end);
	} else if ((rc = half_put_op(b, h->m.queue_offset, &op)) == RC_OK) {
		end = op.end;
		transaction_staged(b, &(struct transaction_event){
					      .kind = EVENT_OP, .key = h->key, .offset = op.queue_offset, .end = op.end});
	}
	if (rc != RC_OK && put.end < 0)
		return refuse_put(e, rc);
	if (e->req == NULL)
		return answer(e, SUCCESS, NULL);
	store_wait_for(b->store, &e->wait, end >= 0 ? end : put.end, message_put_mark(b, true));
	return PENDING;
}

/* Is what was read at e->physical really what the half queue has there, and not something in a message's body that looks like it? */
static bool is_in_queue(const struct end *e, const struct half_message *h)
{
	struct store_queue *queue = store_queue_find(e->broker->store, SLICE_LIT(TOPIC_HALF), 0);
	struct store_entry entry;

	return queue != NULL && store_queue_entry(queue, h->m.queue_offset, &entry) == RC_OK &&
	       entry.physical_offset == e->physical;
}

static enum outcome decide(struct end *e, struct slice stored)
{
	struct transaction_service *s = e->broker->transactions;
	struct half_message h;
	struct transaction *x;

	if (!half_read(stored, &h) || !slice_is(h.m.topic, TOPIC_HALF))
		return answer(e, SYSTEM_ERROR, NO_SUCH_HALF);
	if (!slice_eq(h.group, (struct slice){e->group, e->group_len}))
		return answer(e, SYSTEM_ERROR, "The producer group wrong");
	if (h.m.queue_offset != e->half_offset)
		return answer(e, SYSTEM_ERROR, "The transaction state table offset wrong");
	if (h.m.physical_offset != e->physical)
		return answer(e, SYSTEM_ERROR, "The commit log offset wrong");
	x = transaction_find(&s->table, h.key);
	if ((x == NULL || x->physical != e->physical) && !is_in_queue(e, &h))
		return answer(e, SYSTEM_ERROR, NO_SUCH_HALF);
	if (x == NULL && (s->untracked_half < 0 || h.m.queue_offset < s->untracked_half))
		return answer(e, SUCCESS, "the transaction has ended before");
	if (x != NULL && (x->is_ending || x->is_put))
		return answer(e, SUCCESS, "the transaction has ended before");
	return carry_out(e, &h, x);
}

/* Can the table say whether it is open? Not while the queues are gone through, nor before the half message may be read. */
static bool is_known(const struct transaction_service *s, const struct end *e)
{
	return !s->is_walking && (e->half_offset < s->next_half || e->half_offset >= s->next_half + (int64_t)s->staged_count);
}

static enum outcome advance(struct end *e)
{
	struct transaction_service *s = e->broker->transactions;
	struct buf *bytes = &s->message;
	enum rc rc;

	list_remove(&e->waiting);
	if (!is_known(s, e)) {
		store_get_cancel(e->broker->store, &e->get);
		list_append(&s->waiting, &e->waiting);
		return PENDING;
	}
	buf_clear(bytes);
	rc = store_read_message(e->broker->store, e->physical, bytes, &e->get);
	if (rc == RC_PENDING)
		return PENDING;
	return rc == RC_OK ? decide(e, buf_slice(bytes)) : answer(e, SYSTEM_ERROR, NO_SUCH_HALF);
}

static void go_on(struct end *e)
{
	struct request *req = e->req;

	if (advance(e) == DONE && req != NULL)
		request_finish(req);
}

static void on_warm(struct store_get *g) { go_on(CONTAINER_OF(g, struct end, get)); }

void end_transaction_resume(struct transaction_service *s)
{
	struct list all, *it;

	list_init(&all);
	list_splice(&all, &s->waiting);
	while ((it = list_pop(&all)) != NULL)
		go_on(CONTAINER_OF(it, struct end, waiting));
}

/* Their peers are gone: what is left are oneways; the producers will be asked. */
void end_transaction_stop(struct transaction_service *s)
{
	struct list *it;

	while ((it = list_pop(&s->ends)) != NULL) {
		struct end *e = CONTAINER_OF(it, struct end, of_all);

		store_get_cancel(s->broker->store, &e->get);
		store_wait_cancel(&e->wait);
		free_end(e);
	}
}

static struct end *new_end(struct request *req, const struct end_transaction_request_header *h)
{
	struct broker *b = req->core;
	struct end *e = mem_alloc(sizeof(*e) + h->producer_group.len);

	*e = (struct end){
		.broker = b,
		.is_commit = h->commit_or_rollback == SYS_FLAG_TRANSACTION_COMMIT,
		.half_offset = h->tran_state_table_offset,
		.physical = h->commit_log_offset,
		.group_len = h->producer_group.len,
	};
	memcpy(e->group, h->producer_group.at, e->group_len);
	list_init(&e->waiting);
	list_init(&e->get.link);
	list_init(&e->wait.link);
	e->get.on_warm = on_warm;
	e->wait.on_ready = on_stored;
	list_append(&b->transactions->ends, &e->of_all);
	b->transactions->end_count++;
	if (!request_is_oneway(req)) {
		e->req = req;
		req->state = e;
		req->on_cancel = on_cancel;
	}
	return e;
}

enum outcome handle_end_transaction(struct request *req)
{
	const struct end_transaction_request_header *h = req->header;
	struct broker *b = req->core;
	enum outcome o;

	if (b->config->broker_role == BROKER_ROLE_SLAVE)
		return reply_empty(req, SLAVE_NOT_AVAILABLE, NULL);
	if (h->commit_or_rollback == SYS_FLAG_TRANSACTION_NONE)
		return reply_empty(req, SUCCESS, NULL); /* the producer does not know yet; it will be asked (again) */
	if (h->commit_or_rollback != SYS_FLAG_TRANSACTION_COMMIT && h->commit_or_rollback != SYS_FLAG_TRANSACTION_ROLLBACK)
		return reply_error(req, SYSTEM_ERROR, "commitOrRollback[%d] is illegal", h->commit_or_rollback);
	if (b->transactions->end_count >= ENDS_MAX)
		return reply_error(req, SYSTEM_BUSY, "%d ends of transactions are waiting", ENDS_MAX);
	o = advance(new_end(req, h));
	return request_is_oneway(req) ? DONE : o;
}

/* ---- 323 ---- */

struct resume { /* in the request's arena */
	struct request *req;
	int64_t physical;
	struct store_get get;
	struct store_wait wait;
};

static void on_resume_cancel(struct request *req)
{
	struct resume *r = req->state;
	struct broker *b = req->core;

	store_get_cancel(b->store, &r->get);
	store_wait_cancel(&r->wait);
}

static enum outcome resume_failed(struct resume *r, const char *why)
{
	return reply_error(r->req, SYSTEM_ERROR, "Put message back to RMQ_SYS_TRANS_HALF_TOPIC failed. %s", why);
}

static void on_resumed(struct store_wait *w, enum rc rc)
{
	struct resume *r = CONTAINER_OF(w, struct resume, wait);
	enum outcome o = rc == RC_OK ? reply_empty(r->req, SUCCESS, NULL) : resume_failed(r, rc_text(rc));

	if (o == DONE)
		request_finish(r->req);
}

/* An open one goes on with no check counted; any other one becomes a new transaction. */
static enum rc put_resumed(struct broker *b, const struct half_message *h, struct append_result *at)
{
	struct transaction_service *s = b->transactions;
	struct transaction *x = slice_is(h->m.topic, TOPIC_HALF) ? transaction_find(&s->table, h->key) : NULL;
	struct transaction_event e = {.kind = EVENT_HALF};
	enum rc rc;

	if (x != NULL && (x->is_ending || x->is_put || x->next_offset >= 0))
		return RC_BUSY;
	rc = x != NULL ? half_put_again(b, h, 0, at) : half_put_resumed(b, h, at);
	if (rc != RC_OK)
		return rc;
	if (x != NULL) {
		e.kind = EVENT_AGAIN;
		x->next_offset = at->queue_offset;
		transaction_timer(s, x, b->config->transaction_time_out);
	}
	e.key = x != NULL ? x->key : at->queue_offset;
	e.offset = at->queue_offset;
	e.physical = at->physical_offset;
	e.end = at->end;
	e.due_ms = (int64_t)b->wall_ms + b->config->transaction_time_out;
	transaction_staged(b, &e);
	return RC_OK;
}

static enum outcome read_and_resume(struct resume *r)
{
	struct broker *b = r->req->core;
	struct buf *bytes = &b->transactions->message;
	struct append_result at;
	struct half_message h;
	enum rc rc;

	buf_clear(bytes);
	rc = store_read_message(b->store, r->physical, bytes, &r->get);
	if (rc == RC_PENDING)
		return PENDING;
	if (rc != RC_OK)
		return resume_failed(r, rc_text(rc));
	if (b->transactions->is_walking)
		return reply_error(r->req, SYSTEM_BUSY, "the transactions of the store are still being read");
	if (!half_read(buf_slice(bytes), &h) ||
	    (!slice_is(h.m.topic, TOPIC_HALF) && !slice_is(h.m.topic, TOPIC_CHECKED_TOO_OFTEN)))
		return resume_failed(r, "It is not the message of a transaction.");
	rc = put_resumed(b, &h, &at);
	if (rc != RC_OK)
		return resume_failed(r, rc_text(rc));
	store_wait_for(b->store, &r->wait, at.end, WATERMARK_WRITTEN);
	return PENDING;
}

static void on_resume_warm(struct store_get *g)
{
	struct resume *r = CONTAINER_OF(g, struct resume, get);
	struct request *req = r->req;

	if (read_and_resume(r) == DONE)
		request_finish(req);
}

enum outcome handle_resume_check(struct request *req)
{
	const struct resume_check_half_message_request_header *h = req->header;
	struct resume *r = arena_alloc(&req->arena, sizeof(*r));
	struct host store_host;

	r->req = req;
	list_init(&r->get.link);
	list_init(&r->wait.link);
	r->get.on_warm = on_resume_warm;
	r->wait.on_ready = on_resumed;
	req->state = r;
	req->on_cancel = on_resume_cancel;
	if (message_id_decode(h->msg_id, &store_host, &r->physical) != RC_OK)
		return resume_failed(r, "The msgId is not one with an offset.");
	return read_and_resume(r);
}
