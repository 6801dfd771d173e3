/* group_handlers: UPDATE_AND_CREATE_SUBSCRIPTIONGROUP (200) and _LIST (225), GET_ALL_SUBSCRIPTIONGROUP_CONFIG (201),
 * DELETE_SUBSCRIPTIONGROUP (207), GET_SUBSCRIPTIONGROUP_CONFIG (352), UPDATE_AND_GET_GROUP_FORBIDDEN (353).
 * Facts: Apache AdminBrokerProcessor, SubscriptionGroupManager. */
#include "broker/broker.h"
#include "broker/broker_stats.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/offset_table.h"
#include "broker/paging.h"
#include "broker/pull_hold.h"
#include "broker/reply_json.h"
#include "broker/saved_reply.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define FORBIDDEN_READ PERM_READ /* 1 << PermName.INDEX_PERM_READ */

static enum outcome reply_put(struct request *req, enum rc rc, const char *why)
{
	switch (rc) {
	case RC_OK:
		return reply_when_saved(req, GROUPS_FILE, NULL);
	case RC_BUSY:
		return reply_error(req, SYSTEM_BUSY, "%s", why);
	case RC_MALFORMED:
		return reply_error(req, INVALID_PARAMETER, "%s", why);
	default:
		return reply_error(req, SYSTEM_ERROR, "%s", why);
	}
}

enum outcome handle_put_group(struct request *req)
{
	const char *why = NULL;
	enum rc rc = group_put_json(req->core, req->cmd.body, &req->arena, &why);

	return reply_put(req, rc, why);
}

enum outcome handle_put_group_list(struct request *req)
{
	const char *why = "the body is not SubscriptionGroupList";
	enum rc rc = RC_OK;
	cJSON *tree;

	if (json_parse(req->cmd.body, &tree) != RC_OK)
		return reply_put(req, RC_MALFORMED, why);
	JSON_EACH (item, json_get_array(tree, "groupConfigList")) {
		rc = group_put_object(req->core, item, &req->arena, &why);
		if (rc != RC_OK)
			break;
	}
	json_free(tree);
	return reply_put(req, rc, why);
}

enum outcome handle_delete_group(struct request *req)
{
	const struct delete_subscription_group_request_header *h = req->header;
	struct broker *b = req->core;

	group_delete(b, h->group_name);
	if (h->clean_offset || h->remove_offset)
		offset_delete_group(b->offsets, h->group_name);
	stats_group_deleted(b, h->group_name);
	pull_hold_group_changed(b, h->group_name);
	return reply_when_saved(req, GROUPS_FILE, NULL);
}

enum outcome handle_get_group(struct request *req)
{
	const struct get_subscription_group_config_request_header *h = req->header;
	const struct group *g = group_find_or_create(req->core, h->group);
	struct buf *text = request_buf(req);

	if (g == NULL)
		return reply_error(req, SUBSCRIPTION_GROUP_NOT_EXIST, "No group in this broker");
	group_write_json(g, text);
	return reply_body(req, buf_slice(text));
}

struct page {
	struct json_writer *w;
	size_t at, from, to;
};

static void write_group_of_page(void *ctx, struct group *g)
{
	struct page *p = ctx;
	size_t at = p->at++;

	if (at < p->from || at >= p->to)
		return;
	json_key_text(p->w, g->name);
	json_object(p->w);
	group_write_members(g, p->w);
	json_object_end(p->w);
}

enum outcome handle_all_groups(struct request *req)
{
	const struct get_all_subscription_group_request_header *h = req->header;
	struct broker *b = req->core;
	const struct data_version *version = group_table_version(b->groups);
	size_t total = group_table_count(b->groups);
	struct page_range range = page_of(h->present, h->data_version, version, h->group_seq, h->max_group_num, total);
	struct get_all_subscription_group_response_header answer = {
		.present = HEADER_ALL(get_all_subscription_group_response_header), .total_group_num = (int32_t)total};
	struct reply r = {.schema = &get_all_subscription_group_response_header_schema, .header = &answer};
	struct json_body body;
	struct page page = {.w = &body.w, .from = range.from, .to = range.to};

	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "dataVersion");
	data_version_write(version, &body.w);
	json_key(&body.w, "forbiddenTable");
	group_write_forbidden(b->groups, &body.w);
	json_key(&body.w, "subscriptionGroupTable");
	json_object(&body.w);
	group_each(b->groups, write_group_of_page, &page);
	json_object_end(&body.w);
	json_object_end(&body.w);
	r.body = buf_slice(body.text);
	return reply_with(req, &r);
}

/* Sets whether a group may read a topic when the header has `readable`; answers how it stands. */
enum outcome handle_group_forbidden(struct request *req)
{
	const struct update_group_forbidden_request_header *h = req->header;
	struct broker *b = req->core;
	int32_t bits = group_forbidden(b->groups, h->group, h->topic);
	struct json_body body;

	if (HEADER_HAS(update_group_forbidden_request_header, h, readable)) {
		bits = h->readable ? bits & ~FORBIDDEN_READ : bits | FORBIDDEN_READ;
		if (!group_forbid(b, h->group, h->topic, bits))
			return reply_error(req, SYSTEM_BUSY, "this broker takes no more than %d forbidden pairs", FORBIDDEN_MAX);
	}
	json_body_begin(&body, req);
	json_object(&body.w);
	json_member_text(&body.w, "group", h->group);
	json_member_bool(&body.w, "readable", (bits & FORBIDDEN_READ) == 0);
	json_member_text(&body.w, "topic", h->topic);
	json_object_end(&body.w);
	return json_body_reply(&body);
}
