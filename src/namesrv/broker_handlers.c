/* What brokers send: register, unregister, signs of life; and the two switches of a broker's write permission.
 * Facts: Apache DefaultRequestProcessor (4.9.7, 5.3.3). */
#include "namesrv/namesrv_core.h"

#include <zlib.h>

#include "base/log.h"
#include "namesrv/register_body.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

/* The header has the CRC-32 of the body without its top bit; 0 = not given. */
static bool is_crc_right(const struct request *req, const struct register_broker_request_header *h)
{
	uint32_t crc;

	if (h->body_crc32 == 0)
		return true;
	crc = (uint32_t)crc32_z(0, (const Bytef *)req->cmd.body.at, req->cmd.body.len) & 0x7FFFFFFF;
	return crc == (uint32_t)h->body_crc32;
}

static enum outcome refuse_register(struct request *req, const struct register_broker_request_header *h, const char *why)
{
	static uint64_t last_ms, dropped;

	if (log_limited(req->received_ms, &last_ms, &dropped)) {
		log_warn("namesrv", "register of broker '%.*s' id %lld at '%.*s' from %s is refused: %s (%llu more)",
			 SLICE_ARG(h->broker_name), (long long)h->broker_id, SLICE_ARG(h->broker_addr), req->peer->address, why,
			 (unsigned long long)dropped);
		dropped = 0;
	}
	return reply_error(req, SYSTEM_ERROR, "%s", why);
}

static struct route_register register_of(struct request *req, const struct register_broker_request_header *h,
					 const struct register_body *body)
{
	struct route_register r = {
		.member = {.cluster = h->cluster_name, .broker = h->broker_name, .address = h->broker_addr, .id = h->broker_id},
		.ha_address = h->ha_server_addr,
		.timeout_ms = h->heartbeat_timeout_millis > 0 ? (uint64_t)h->heartbeat_timeout_millis : 0,
		.is_v5 = HEADER_HAS(register_broker_request_header, h, enable_acting_master),
		.is_acting_master_on = h->enable_acting_master,
		.version = body->version,
		.topics = body->topics,
		.topic_count = body->topic_count,
		.has_mappings = body->has_mappings,
		.has_filter_servers = body->has_filter_servers,
		.filter_servers = body->filter_servers,
		.filter_server_count = body->filter_server_count,
	};

	if (!command_ext_get(&req->cmd, "zoneName", &req->arena, &r.zone))
		r.zone = (struct slice){0};
	return r;
}

static enum outcome answer_register(struct request *req, struct slice master, struct slice master_ha)
{
	struct namesrv *n = req->core;
	struct register_broker_response_header h = {.master_addr = master, .ha_server_addr = master_ha};
	struct reply reply = {.code = SUCCESS, .schema = &register_broker_response_header_schema, .header = &h};
	struct buf order = {0};
	enum outcome outcome;

	if (master.len)
		h.present = HEADER_ALL(register_broker_response_header);
	if (n->config->return_order_topic_config_to_broker && kv_config_list_json(n->kv, SLICE_LIT(KV_NAMESPACE_ORDER), &order))
		reply.body = buf_slice(&order);
	outcome = reply_with(req, &reply);
	buf_free(&order);
	return outcome;
}

enum outcome namesrv_register_broker(struct request *req)
{
	struct namesrv *n = req->core;
	const struct register_broker_request_header *h = req->header;
	struct register_body body;
	struct route_register r;
	struct slice master, master_ha;
	enum route_register_result result;
	enum rc rc;

	if (!is_crc_right(req, h))
		return refuse_register(req, h, "crc32 not match");
	rc = register_body_decode(req->cmd.body, &body);
	if (rc != RC_OK)
		return refuse_register(req, h, "cannot read the body of the register");
	r = register_of(req, h, &body);
	req->peer->on_close = namesrv_peer_closed;
	result = route_table_register(n->routes, &r, req->peer, &master, &master_ha);
	register_body_free(&body);
	if (result == ROUTE_REFUSED)
		return refuse_register(req, h, "register broker failed");
	if (result == ROUTE_FULL)
		return refuse_register(req, h, "register broker failed: a name is empty or too long, or the route table is full");
	return answer_register(req, master, master_ha);
}

enum outcome namesrv_unregister_broker(struct request *req)
{
	struct namesrv *n = req->core;
	const struct unregister_broker_request_header *h = req->header;
	struct route_member m = {
		.cluster = h->cluster_name, .broker = h->broker_name, .address = h->broker_addr, .id = h->broker_id};

	if (!route_table_unregister(n->routes, &m))
		log_info("namesrv", "unregister of broker '%.*s' at '%.*s', which is not known", SLICE_ARG(m.broker),
			 SLICE_ARG(m.address));
	return reply_empty(req, SUCCESS, NULL);
}

/* Is what the broker has the same as what it registered? It asks this to leave out a register; it counts as a sign of life. */
enum outcome namesrv_query_data_version(struct request *req)
{
	struct namesrv *n = req->core;
	const struct query_data_version_request_header *h = req->header;
	struct route_member m = {
		.cluster = h->cluster_name, .broker = h->broker_name, .address = h->broker_addr, .id = h->broker_id};
	struct query_data_version_response_header answer = {.present = HEADER_ALL(query_data_version_response_header),
							    .changed = true};
	struct reply reply = {.code = SUCCESS, .schema = &query_data_version_response_header_schema, .header = &answer};
	struct route_version theirs = {0}, ours;
	struct buf json = {0};
	cJSON *tree = NULL;
	enum outcome outcome;

	if (req->cmd.body.len && (json_parse(req->cmd.body, &tree) != RC_OK || !route_version_read(tree, &theirs))) {
		json_free(tree);
		return reply_error(req, SYSTEM_ERROR, "cannot read the data version in the body");
	}
	req->peer->on_close = namesrv_peer_closed;
	if (route_table_touch(n->routes, &m, req->peer, &ours)) {
		answer.changed = tree == NULL || ours.state_version != theirs.state_version ||
				 ours.timestamp != theirs.timestamp || ours.counter != theirs.counter;
		route_version_write(&ours, &json);
		reply.body = buf_slice(&json);
	}
	json_free(tree);
	outcome = reply_with(req, &reply);
	buf_free(&json);
	return outcome;
}

enum outcome namesrv_broker_heartbeat(struct request *req)
{
	struct namesrv *n = req->core;
	const struct broker_heartbeat_request_header *h = req->header;
	struct route_member m = {
		.cluster = h->cluster_name, .broker = h->broker_name, .address = h->broker_addr, .id = h->broker_id};
	struct route_version version;

	req->peer->on_close = namesrv_peer_closed;
	route_table_touch(n->routes, &m, req->peer, &version); /* an unknown one is told success: it registers soon */
	return reply_empty(req, SUCCESS, NULL);
}

enum outcome namesrv_wipe_write_perm(struct request *req)
{
	struct namesrv *n = req->core;
	const struct wipe_write_perm_of_broker_request_header *h = req->header;
	struct wipe_write_perm_of_broker_response_header answer = {.present =
									   HEADER_ALL(wipe_write_perm_of_broker_response_header)};

	answer.wipe_topic_count = (int32_t)route_table_set_writable(n->routes, h->broker_name, false);
	log_info("namesrv", "write permission of broker '%.*s' is wiped from %d topics, asked by %s", SLICE_ARG(h->broker_name),
		 answer.wipe_topic_count, req->peer->address);
	return reply_header(req, SUCCESS, &wipe_write_perm_of_broker_response_header_schema, &answer);
}

enum outcome namesrv_add_write_perm(struct request *req)
{
	struct namesrv *n = req->core;
	const struct add_write_perm_of_broker_request_header *h = req->header;
	struct add_write_perm_of_broker_response_header answer = {.present =
									  HEADER_ALL(add_write_perm_of_broker_response_header)};

	answer.add_topic_count = (int32_t)route_table_set_writable(n->routes, h->broker_name, true);
	log_info("namesrv", "write permission of broker '%.*s' is given back to %d topics, asked by %s",
		 SLICE_ARG(h->broker_name), answer.add_topic_count, req->peer->address);
	return reply_header(req, SUCCESS, &add_write_perm_of_broker_response_header_schema, &answer);
}
