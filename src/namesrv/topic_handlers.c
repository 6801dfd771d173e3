/* Lists of topics, and topics put in or taken out by hand. Facts: Apache DefaultRequestProcessor. */
#include "namesrv/namesrv_core.h"

#include <stdlib.h>

#include "base/json_read.h"
#include "base/log.h"
#include "base/mem.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

static enum outcome reply_list(struct request *req, struct buf *json)
{
	enum outcome outcome = reply_body(req, buf_slice(json));

	buf_free(json);
	return outcome;
}

static enum outcome list_topics(struct request *req, enum route_topic_kind kind, bool is_enabled)
{
	struct namesrv *n = req->core;
	struct buf json = {0};

	if (!is_enabled)
		return reply_error(req, SYSTEM_ERROR, "disable");
	route_table_topics_json(n->routes, kind, &json);
	return reply_list(req, &json);
}

static const struct namesrv_config *config_of(const struct request *req) { return ((struct namesrv *)req->core)->config; }

enum outcome namesrv_all_topics(struct request *req)
{
	return list_topics(req, ROUTE_ALL_TOPICS, config_of(req)->enable_all_topic_list);
}

enum outcome namesrv_unit_topics(struct request *req)
{
	return list_topics(req, ROUTE_UNIT_TOPICS, config_of(req)->enable_topic_list);
}

enum outcome namesrv_unit_sub_topics(struct request *req)
{
	return list_topics(req, ROUTE_UNIT_SUB_TOPICS, config_of(req)->enable_topic_list);
}

enum outcome namesrv_unit_sub_no_unit_topics(struct request *req)
{
	return list_topics(req, ROUTE_UNIT_SUB_NO_UNIT_TOPICS, config_of(req)->enable_topic_list);
}

enum outcome namesrv_topics_by_cluster(struct request *req)
{
	struct namesrv *n = req->core;
	const struct get_topics_by_cluster_request_header *h = req->header;
	struct buf json = {0};

	if (!n->config->enable_topic_list)
		return reply_error(req, SYSTEM_ERROR, "disable");
	route_table_cluster_topics_json(n->routes, h->cluster, &json);
	return reply_list(req, &json);
}

enum outcome namesrv_system_topics(struct request *req)
{
	struct namesrv *n = req->core;
	struct buf json = {0};

	route_table_system_topics_json(n->routes, &json);
	return reply_list(req, &json);
}

enum outcome namesrv_delete_topic(struct request *req)
{
	struct namesrv *n = req->core;
	const struct delete_topic_from_namesrv_request_header *h = req->header;

	log_info("namesrv", "topic '%.*s' is deleted, asked by %s", SLICE_ARG(h->topic), req->peer->address);
	route_table_delete_topic(n->routes, h->topic, h->cluster_name);
	return reply_empty(req, SUCCESS, NULL);
}

/* ---- REGISTER_TOPIC_IN_NAMESRV: the body is TopicRouteData, of which queueDatas counts ---- */

static bool read_queues(const cJSON *it, struct slice topic, struct slice *broker, struct route_topic *out)
{
	*out = (struct route_topic){.name = topic};
	return cJSON_IsObject(it) && json_read_text(it, "brokerName", broker) && json_read_i32(it, "perm", &out->perm) &&
	       json_read_i32(it, "readQueueNums", &out->read_queues) && json_read_i32(it, "writeQueueNums", &out->write_queues) &&
	       json_read_i32(it, "topicSysFlag", &out->sys_flag);
}

static enum rc add_queues(struct namesrv *n, struct slice topic, const cJSON *list)
{
	int size = list ? cJSON_GetArraySize(list) : 0;
	struct route_topic *topics;
	struct slice *brokers;
	size_t count = 0;
	enum rc rc = RC_OK;

	if (size == 0)
		return RC_OK;
	if (size > ROUTE_BROKERS_MAX)
		return RC_TOO_BIG;
	topics = mem_zalloc(sizeof(*topics) * (size_t)size);
	brokers = mem_zalloc(sizeof(*brokers) * (size_t)size);
	JSON_EACH (it, list) {
		if (rc == RC_OK && !read_queues(it, topic, &brokers[count], &topics[count]))
			rc = RC_MALFORMED;
		count++;
	}
	if (rc == RC_OK)
		rc = route_table_add_topic(n->routes, brokers, topics, count);
	free(topics);
	free(brokers);
	return rc;
}

enum outcome namesrv_register_topic(struct request *req)
{
	struct namesrv *n = req->core;
	const struct register_topic_request_header *h = req->header;
	cJSON *tree = NULL;
	enum rc rc = RC_OK;

	if (req->cmd.body.len)
		rc = json_parse(req->cmd.body, &tree);
	if (rc == RC_OK)
		rc = add_queues(n, h->topic, json_get_array(tree, "queueDatas"));
	json_free(tree);
	if (rc == RC_OK)
		return reply_empty(req, SUCCESS, NULL);
	if (rc == RC_NOT_FOUND) { /* Apache says success here too: the broker that sends this registers in full soon */
		log_warn("namesrv", "topic '%.*s' is not registered: one of its brokers is not known", SLICE_ARG(h->topic));
		return reply_empty(req, SUCCESS, NULL);
	}
	return reply_error(req, response_code_from_rc(rc), "register topic '%.*s': %s", SLICE_ARG(h->topic), rc_text(rc));
}
