/* query_message: VIEW_MESSAGE_BY_ID (33) and QUERY_MESSAGE (12).
 *
 *   33: physical offset -> the stored message          12: topic and key -> index (a job) -> each message read and checked -> all of them
 *
 * A hash in the index is not proof: a message is given only when its topic and key are the ones asked for. */
#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker_config.h"
#include "broker/handlers.h"
#include "broker/message_put.h"
#include "broker/reply_json.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define QUERY_MAX 64                     /* most messages in one answer; defaultQueryMaxNum is 32 */
#define QUERY_BODY_MAX (8 * 1024 * 1024) /* most bytes in one answer; a frame holds 16 MiB */

/* ---- 33 ---- */

struct view { /* in the request's arena */
	struct request *req;
	int64_t offset;
	struct store_get get;
	struct buf bytes;
};

static enum outcome view_attempt(struct view *v)
{
	struct broker *b = v->req->core;
	enum rc rc;

	buf_clear(&v->bytes);
	rc = store_read_message(b->store, v->offset, &v->bytes, &v->get);
	if (rc == RC_PENDING)
		return PENDING;
	if (rc != RC_OK)
		return reply_error(v->req, SYSTEM_ERROR, "can not find message by the offset: %lld", (long long)v->offset);
	return reply_body(v->req, buf_slice(&v->bytes));
}

static void view_on_warm(struct store_get *g)
{
	struct view *v = CONTAINER_OF(g, struct view, get);

	if (view_attempt(v) == DONE)
		request_finish(v->req);
}

static void view_on_cancel(struct request *req)
{
	struct broker *b = req->core;

	store_get_cancel(b->store, &((struct view *)req->state)->get);
}

enum outcome handle_view_message(struct request *req)
{
	const struct view_message_request_header *h = req->header;
	struct view *v = arena_alloc(&req->arena, sizeof(*v));

	request_owns_buf(req, &v->bytes);
	v->req = req;
	v->offset = h->offset;
	v->get.on_warm = view_on_warm;
	req->state = v;
	req->on_cancel = view_on_cancel;
	return view_attempt(v);
}

/* ---- 12 ---- */

struct query {               /* malloc'ed: a job that is under way outlives a closed connection */
	struct request *req; /* NULL once the peer has gone */
	struct broker *broker;
	struct store_query of_store;
	struct store_get get;
	int64_t offsets[QUERY_MAX];
	int32_t next; /* of offsets, to read */
	struct buf body, message;
	char *topic, *key;
	char type;
	bool is_in_store; /* the index job is under way */
};

static void query_free(struct query *q)
{
	buf_free(&q->body);
	buf_free(&q->message);
	free(q->topic);
	free(q->key);
	free(q);
}

static bool has_word(struct slice words, struct slice word)
{
	struct slice one;

	while (slice_split(&words, ' ', &one)) {
		if (slice_eq(one, word))
			return true;
	}
	return false;
}

static bool is_wanted(const struct query *q, struct slice bytes)
{
	struct slice key = slice_of(q->key);
	struct message_props props;
	struct message m;

	if (message_decode(bytes, false, &m) != RC_OK || !slice_is(m.topic, q->topic))
		return false;
	message_props_scan(m.properties, &props);
	if (q->type == 'U')
		return slice_eq(props.uniq_key, key);
	return has_word(props.keys, key) || (q->type == 0 && slice_eq(props.uniq_key, key)) ||
	       (q->type == 'T' && slice_eq(props.tags, key));
}

static enum outcome query_answer(struct query *q)
{
	struct query_message_response_header h = {.index_last_update_timestamp = q->of_store.index_last_update_ms,
						  .index_last_update_phyoffset = q->of_store.index_last_physical_offset};
	struct reply r = {
		.code = SUCCESS, .schema = &query_message_response_header_schema, .header = &h, .body = buf_slice(&q->body)};

	h.present = HEADER_ALL(query_message_response_header);
	if (q->body.len == 0)
		return reply_error(q->req, QUERY_NOT_FOUND, "can not find message, maybe time range not correct");
	return reply_with(q->req, &r);
}

/* Read the messages one after another; PENDING while one is cold. */
static enum outcome query_read(struct query *q)
{
	for (; q->next < q->of_store.count && q->body.len < QUERY_BODY_MAX; q->next++) {
		enum rc rc;

		buf_clear(&q->message);
		rc = store_read_message(q->broker->store, q->offsets[q->next], &q->message, &q->get);
		if (rc == RC_PENDING)
			return PENDING;
		if (rc == RC_OK && is_wanted(q, buf_slice(&q->message)))
			buf_put_slice(&q->body, buf_slice(&q->message));
	}
	return query_answer(q);
}

static void query_go_on(struct query *q)
{
	struct request *req = q->req;

	if (query_read(q) == PENDING)
		return;
	query_free(q);
	request_finish(req);
}

static void query_on_warm(struct store_get *g) { query_go_on(CONTAINER_OF(g, struct query, get)); }

static void query_on_done(struct store_query *of_store, enum rc rc)
{
	struct query *q = CONTAINER_OF(of_store, struct query, of_store);

	q->is_in_store = false;
	if (q->req == NULL) {
		query_free(q);
		return;
	}
	if (rc != RC_OK)
		of_store->count = 0;
	query_go_on(q);
}

static void query_on_cancel(struct request *req)
{
	struct query *q = req->state;

	q->req = NULL;
	if (q->is_in_store)
		return;
	store_get_cancel(q->broker->store, &q->get);
	query_free(q);
}

static int32_t most_messages(struct request *req, const struct query_message_request_header *h, bool by_unique_key)
{
	const struct broker *b = req->core;
	int32_t most = by_unique_key ? b->config->default_query_max_num : h->max_num;

	return most < 1 ? 1 : most > QUERY_MAX ? QUERY_MAX : most;
}

enum outcome handle_query_message(struct request *req)
{
	const struct query_message_request_header *h = req->header;
	struct slice flag;
	bool by_unique_key = false;
	struct query *q;

	if (command_ext_get(&req->cmd, "_UNIQUE_KEY_QUERY", &req->arena, &flag) && !slice_to_bool(flag, &by_unique_key))
		by_unique_key = false;
	q = mem_zalloc(sizeof(*q));
	q->req = req;
	q->broker = req->core;
	q->topic = slice_dup(h->topic);
	q->key = slice_dup(h->key);
	q->type = by_unique_key ? 'U' : h->index_type.len ? h->index_type.at[0] : 'K';
	q->get.on_warm = query_on_warm;
	q->of_store = (struct store_query){
		.topic = slice_of(q->topic),
		.key = slice_of(q->key),
		.type = q->type,
		.begin_ms = h->begin_timestamp,
		.end_ms = h->end_timestamp,
		.max = most_messages(req, h, by_unique_key),
		.offsets = q->offsets,
		.on_done = query_on_done,
	};
	q->is_in_store = true;
	req->state = q;
	req->on_cancel = query_on_cancel;
	store_query_keys(q->broker->store, &q->of_store);
	return PENDING;
}
