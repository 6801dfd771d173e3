/* reply_json: a handler's JSON body: begin, write with json_writer, reply.
 *
 *	struct json_body body;
 *	json_body_begin(&body, req);
 *	json_object(&body.w); ... json_object_end(&body.w);
 *	return json_body_reply(&body);
 *
 * Thread: core. Memory: the text belongs to the request's arena. */
#ifndef BROKER_REPLY_JSON_H
#define BROKER_REPLY_JSON_H

#include "base/json_writer.h"
#include "remoting/request.h"

struct json_body {
	struct request *req;
	struct buf *text;
	struct json_writer w;
};

void json_body_begin(struct json_body *body, struct request *req);
enum outcome json_body_reply(struct json_body *body) MUST_USE; /* SUCCESS with the text */

/* An empty buffer that the request's end frees. */
struct buf *request_buf(struct request *req);

/* What is in `buf`, which lies in the request's arena, is freed at the request's end. */
void request_owns_buf(struct request *req, struct buf *buf);

/* {"brokerName":..,"queueId":..,"topic":..}: a MessageQueue of this broker, as a value (or inside json_key_object). */
void json_message_queue(struct json_writer *w, struct slice broker_name, struct slice topic, int32_t queue_id);

#endif
