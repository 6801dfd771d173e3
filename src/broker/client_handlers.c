/* client_handlers: HEART_BEAT (34), UNREGISTER_CLIENT (35), GET_CONSUMER_LIST_BY_GROUP (38), CHECK_CLIENT_CONFIG (46).
 *
 * A heartbeat works at once: the pulls behind it on the same connection are judged by the subscriptions it brought. Members are told
 * of a change at the end of the turn, so behind the answer.
 * Facts: Apache ClientManageProcessor, ConsumerManageProcessor; request_codes.tsv row 34 for the V2 flags. */
#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/client_table.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define TOPIC_FLAG_UNIT_SUBSCRIPTION 2 /* TopicSysFlag */

struct heartbeat {
	struct request *req;
	struct broker *broker;
	struct client_identity who;
	int32_t fingerprint; /* 0: V1 */
	bool without_sub;
	bool is_sub_changed;
};

static bool subscribes_to_order_topic(struct broker *b, const cJSON *subscriptions)
{
	JSON_EACH (sub, subscriptions) {
		struct slice topic = {NULL, 0};
		const struct topic *t;

		if (json_read_text(sub, "topic", &topic) && (t = topic_find(b->topics, topic)) != NULL && t->is_order)
			return true;
	}
	return false;
}

/* The group's %RETRY% topic: clients subscribe to it and ask for its route as soon as their first heartbeat is answered. */
static void ensure_retry_topic(struct heartbeat *hb, const struct group *group, bool is_order, bool unit_mode)
{
	struct slice name = slice_of(arena_printf(&hb->req->arena, "%%RETRY%%%.*s", SLICE_ARG(group->name)));
	struct topic *topic = topic_ensure(hb->broker, name, group->retry_queue_nums, PERM_READ | PERM_WRITE,
					   unit_mode ? TOPIC_FLAG_UNIT_SUBSCRIPTION : 0);

	if (topic != NULL && topic->is_order != is_order) {
		topic->is_order = is_order;
		topic_table_bump(hb->broker);
	}
}

static enum rc join_consumer(struct heartbeat *hb, const cJSON *data)
{
	int type = CONSUME_ACTIVELY, model = MODEL_CLUSTERING, from_where = FROM_LAST_OFFSET;
	const cJSON *subscriptions = json_get_array(data, "subscriptionDataSet");
	struct slice name = {NULL, 0};
	bool unit_mode = false, changed;
	struct consumer_join join;
	struct consumer_group *members;
	struct group *group;
	enum rc rc;

	if (!json_read_text(data, "groupName", &name) || name.len == 0 || !json_read_bool(data, "unitMode", &unit_mode) ||
	    !json_read_enum(data, "consumeType", consume_type_names, COUNT_OF(consume_type_names), &type) ||
	    !json_read_enum(data, "messageModel", message_model_names, COUNT_OF(message_model_names), &model) ||
	    !json_read_enum(data, "consumeFromWhere", consume_from_where_names, COUNT_OF(consume_from_where_names), &from_where))
		return RC_MALFORMED;
	if (hb->broker->config->reject_pull_consumer_enable && type == CONSUME_ACTIVELY)
		return RC_OK;
	group = group_find_or_create(hb->broker, name);
	if (group == NULL) /* not allowed here: left out without a word, as Apache; its pulls say 26 */
		return RC_OK;
	ensure_retry_topic(hb, group, subscribes_to_order_topic(hb->broker, subscriptions), unit_mode);
	join = (struct consumer_join){
		.group = name,
		.type = (enum consume_type)type,
		.model = (enum message_model)model,
		.from_where = (enum consume_from_where)from_where,
		.notify = group->notify_ids_changed,
		.subscriptions = hb->fingerprint != 0 && hb->without_sub ? NULL : subscriptions,
	};
	rc = client_table_join_consumer(hb->broker->clients, &hb->who, &join, &changed);
	if (rc != RC_OK)
		return rc;
	members = consumer_group_find(hb->broker->clients, name);
	if (consumer_group_fingerprint_changed(members, hb->fingerprint)) {
		client_table_changed(hb->broker->clients);
		hb->is_sub_changed = true;
	}
	hb->is_sub_changed |= consumer_group_wants_subscriptions(members, hb->who.peer);
	return RC_OK;
}

static enum rc join_producer(struct heartbeat *hb, const cJSON *data)
{
	struct slice name = {NULL, 0};

	if (!json_read_text(data, "groupName", &name) || name.len == 0)
		return RC_MALFORMED;
	return client_table_join_producer(hb->broker->clients, &hb->who, name);
}

static enum rc join_all(struct heartbeat *hb, const cJSON *tree)
{
	enum rc rc = RC_OK;

	if (!json_read_text(tree, "clientID", &hb->who.client_id) || hb->who.client_id.len == 0 ||
	    !json_read_i32(tree, "heartbeatFingerprint", &hb->fingerprint) ||
	    !json_read_bool(tree, "withoutSub", &hb->without_sub))
		return RC_MALFORMED;
	JSON_EACH (data, json_get_array(tree, "consumerDataSet")) {
		if (rc == RC_OK)
			rc = join_consumer(hb, data);
	}
	JSON_EACH (data, json_get_array(tree, "producerDataSet")) {
		if (rc == RC_OK)
			rc = join_producer(hb, data);
	}
	return rc;
}

/* A V1 heartbeat is always answered with true: the client then sends its subscriptions in full. */
static enum outcome answer_heartbeat(struct request *req, bool is_sub_change)
{
	struct ext_field extra[2] = {{SLICE_LIT("IS_SUPPORT_HEART_BEAT_V2"), SLICE_LIT("true")},
				     {SLICE_LIT("IS_SUB_CHANGE"), is_sub_change ? SLICE_LIT("true") : SLICE_LIT("false")}};
	struct reply r = {.code = SUCCESS, .extra = extra, .extra_count = COUNT_OF(extra)};

	return reply_with(req, &r);
}

enum outcome handle_heartbeat(struct request *req)
{
	struct heartbeat hb = {.req = req,
			       .broker = req->core,
			       .who = {.peer = req->peer, .language = req->cmd.language, .version = req->cmd.version}};
	bool is_sub_change;
	cJSON *tree;
	enum rc rc;

	if (client_table_heard_again(hb.broker->clients, &hb.who, req->cmd.body, &is_sub_change))
		return answer_heartbeat(req, is_sub_change);
	rc = json_parse(req->cmd.body, &tree);
	if (rc == RC_OK) {
		rc = join_all(&hb, tree);
		json_free(tree);
		if (rc == RC_TOO_BIG)
			return reply_error(req, SYSTEM_BUSY,
					   "heartbeat: more groups, topics or tags, or longer ones, than this broker takes");
	}
	if (rc != RC_OK)
		return reply_error(req, SYSTEM_ERROR, "heartbeat: the body is not HeartbeatData: %s", rc_text(rc));
	is_sub_change = hb.fingerprint == 0 || hb.is_sub_changed;
	if (!hb.is_sub_changed || hb.fingerprint == 0)
		client_table_note_heartbeat(hb.broker->clients, &hb.who, req->cmd.body, is_sub_change);
	return answer_heartbeat(req, is_sub_change);
}

enum outcome handle_unregister_client(struct request *req)
{
	const struct unregister_client_request_header *h = req->header;
	struct broker *b = req->core;
	const struct group *group;

	if (h->producer_group.len != 0)
		client_table_leave_producer(b->clients, req->peer, h->producer_group);
	if (h->consumer_group.len != 0) {
		group = group_find(b->groups, h->consumer_group);
		client_table_leave_consumer(b->clients, req->peer, h->consumer_group, group == NULL || group->notify_ids_changed);
	}
	return reply_empty(req, SUCCESS, NULL);
}

/* ---- 38 ---- */

struct ids {
	struct slice *items;
	size_t count;
};

static void collect_id(void *ctx, const struct client_member *m)
{
	struct ids *ids = ctx;

	ids->items[ids->count++] = m->client_id;
}

static int by_text(const void *a, const void *b)
{
	const struct slice *x = a, *y = b;
	int order = memcmp(x->at, y->at, x->len < y->len ? x->len : y->len);

	return order ? order : x->len < y->len ? -1 : x->len > y->len;
}

/* Each id once: a client that came back before its old connection was closed is one member, or its share of queues would be lost
 * until the old connection expires. */
enum outcome handle_consumer_list(struct request *req)
{
	const struct get_consumer_list_by_group_request_header *h = req->header;
	struct broker *b = req->core;
	struct consumer_group *g = consumer_group_find(b->clients, h->consumer_group);
	struct json_body body;
	struct ids ids = {NULL, 0};

	if (g == NULL)
		return reply_error(req, SYSTEM_ERROR, "no consumer for this group, %.*s", SLICE_ARG(h->consumer_group));
	ids.items = arena_alloc(&req->arena, consumer_group_count(g) * sizeof(struct slice));
	consumer_group_each_member(g, collect_id, &ids);
	qsort(ids.items, ids.count, sizeof(struct slice), by_text);
	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "consumerIdList");
	json_array(&body.w);
	for (size_t i = 0; i < ids.count; i++)
		if (i == 0 || !slice_eq(ids.items[i], ids.items[i - 1]))
			json_text(&body.w, ids.items[i]);
	json_array_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- 46 ---- */

enum outcome handle_check_client_config(struct request *req)
{
	struct slice type = SLICE_LIT("TAG");
	const cJSON *sub;
	cJSON *tree;

	if (req->cmd.body.len == 0)
		return reply_empty(req, SUCCESS, NULL);
	if (json_parse(req->cmd.body, &tree) != RC_OK)
		return reply_error(req, SYSTEM_ERROR, "the body is not CheckClientRequestBody");
	sub = json_get_object(tree, "subscriptionData");
	json_read_text(sub, "expressionType", &type);
	type = arena_dup(&req->arena, type);
	json_free(tree);
	if (type.len == 0 || slice_is(type, "TAG"))
		return reply_empty(req, SUCCESS, NULL);
	return reply_error(req, SYSTEM_ERROR, "The broker does not support consumer to filter message by %.*s", SLICE_ARG(type));
}
