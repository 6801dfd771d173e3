#include "broker/reply_json.h"

static void free_text(void *arg) { buf_free(arg); }

struct buf *request_buf(struct request *req)
{
	struct buf *text = arena_alloc(&req->arena, sizeof(*text));

	request_owns_buf(req, text);
	return text;
}

void request_owns_buf(struct request *req, struct buf *buf) { arena_on_reset(&req->arena, free_text, buf); }

void json_body_begin(struct json_body *body, struct request *req)
{
	body->req = req;
	body->text = request_buf(req);
	json_begin(&body->w, body->text, JSON_COMPACT);
}

enum outcome json_body_reply(struct json_body *body) { return reply_body(body->req, buf_slice(body->text)); }

void json_message_queue(struct json_writer *w, struct slice broker_name, struct slice topic, int32_t queue_id)
{
	json_object(w);
	json_member_text(w, "brokerName", broker_name);
	json_member_i64(w, "queueId", queue_id);
	json_member_text(w, "topic", topic);
	json_object_end(w);
}
