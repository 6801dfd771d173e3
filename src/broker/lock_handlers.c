/* lock_handlers: LOCK_BATCH_MQ (41), UNLOCK_BATCH_MQ (42). Facts: Apache AdminBrokerProcessor, RebalanceLockManager. */
#include "base/json_read.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/handlers.h"
#include "broker/lock_table.h"
#include "broker/reply_json.h"
#include "remoting/response_code.h"

#define LOCK_BATCH_MAX 65536 /* most queues in one request */

struct lock_body {
	cJSON *tree;
	struct slice group, client_id;
	const cJSON *queues;
};

/* RC_OK: the caller frees body->tree. */
static enum rc read_body(struct request *req, struct lock_body *body)
{
	enum rc rc = json_parse(req->cmd.body, &body->tree);

	if (rc != RC_OK)
		return rc;
	if (!json_read_text(body->tree, "consumerGroup", &body->group) ||
	    !json_read_text(body->tree, "clientId", &body->client_id) || body->group.len == 0 || body->client_id.len == 0)
		rc = RC_MALFORMED;
	body->queues = json_get_array(body->tree, "mqSet");
	if (rc == RC_OK && cJSON_GetArraySize(body->queues) > LOCK_BATCH_MAX)
		rc = RC_TOO_BIG;
	if (rc != RC_OK)
		json_free(body->tree);
	return rc;
}

static bool read_queue(const cJSON *item, struct slice *broker_name, struct slice *topic, int32_t *queue_id)
{
	*broker_name = *topic = (struct slice){NULL, 0};
	*queue_id = 0;
	return json_read_text(item, "brokerName", broker_name) && json_read_text(item, "topic", topic) &&
	       json_read_i32(item, "queueId", queue_id) && topic->len != 0;
}

static enum outcome refuse(struct request *req, enum rc rc)
{
	return reply_error(req, SYSTEM_ERROR, "the body is not LockBatchRequestBody: %s", rc_text(rc));
}

enum outcome handle_lock_batch(struct request *req)
{
	struct broker *b = req->core;
	struct lock_body in = {NULL, {NULL, 0}, {NULL, 0}, NULL};
	struct slice broker_name, topic;
	struct json_body body;
	int32_t queue_id;
	enum rc rc = read_body(req, &in);

	if (rc != RC_OK)
		return refuse(req, rc);
	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "lockOKMQSet");
	json_array(&body.w);
	JSON_EACH (item, in.queues) {
		if (read_queue(item, &broker_name, &topic, &queue_id) &&
		    lock_table_lock(b->locks, in.group, topic, queue_id, in.client_id))
			json_message_queue(&body.w, broker_name, topic, queue_id);
	}
	json_array_end(&body.w);
	json_object_end(&body.w);
	json_free(in.tree);
	return json_body_reply(&body);
}

enum outcome handle_unlock_batch(struct request *req)
{
	struct broker *b = req->core;
	struct lock_body in = {NULL, {NULL, 0}, {NULL, 0}, NULL};
	struct slice broker_name, topic;
	int32_t queue_id;
	enum rc rc = read_body(req, &in);

	if (rc != RC_OK)
		return refuse(req, rc);
	JSON_EACH (item, in.queues) {
		if (read_queue(item, &broker_name, &topic, &queue_id))
			lock_table_unlock(b->locks, in.group, topic, queue_id, in.client_id);
	}
	json_free(in.tree);
	return reply_empty(req, SUCCESS, NULL);
}
