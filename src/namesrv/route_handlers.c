/* What clients ask: the route of a topic, who is in the cluster. Facts: Apache ClientRequestProcessor, DefaultRequestProcessor. */
#include "namesrv/namesrv_core.h"

#include "remoting/headers.h"
#include "remoting/response_code.h"

#define VERSION_V4_9_4 401 /* MQVersion ordinal: from here on clients are given quoted integer keys */

static bool is_ready(const struct namesrv *n)
{
	uint64_t wait_ms = (uint64_t)n->config->wait_seconds_for_service * 1000;

	return !n->config->need_wait_for_service || n->timers->now_ms - n->started_ms >= wait_ms;
}

enum outcome namesrv_get_route(struct request *req)
{
	struct namesrv *n = req->core;
	const struct get_route_info_request_header *h = req->header;
	bool is_quoted = req->cmd.version >= VERSION_V4_9_4 || h->accept_standard_json_only;
	struct slice json;

	if (!is_ready(n))
		return reply_error(req, SYSTEM_ERROR, "name server not ready");
	if (!route_table_topic_json(n->routes, h->topic, is_quoted ? ROUTE_QUOTED_KEYS : ROUTE_BARE_KEYS, &json))
		return reply_error(req, TOPIC_NOT_EXIST,
				   "No topic route info in name server for the topic: %.*s"
				   "\nSee https://rocketmq.apache.org/docs/bestPractice/06FAQ for further details.",
				   SLICE_ARG(h->topic));
	return reply_body(req, json);
}

enum outcome namesrv_cluster_info(struct request *req)
{
	struct namesrv *n = req->core;
	struct buf json = {0};
	enum outcome outcome;

	route_table_clusters_json(n->routes, &json);
	outcome = reply_body(req, buf_slice(&json));
	buf_free(&json);
	return outcome;
}

enum outcome namesrv_member_group(struct request *req)
{
	struct namesrv *n = req->core;
	const struct get_broker_member_group_request_header *h = req->header;
	struct buf json = {0};
	enum outcome outcome;

	route_table_members_json(n->routes, h->cluster_name, h->broker_name, &json);
	outcome = reply_body(req, buf_slice(&json));
	buf_free(&json);
	return outcome;
}
