/* topic_handlers: UPDATE_AND_CREATE_TOPIC (17), UPDATE_AND_CREATE_TOPIC_LIST (18), GET_ALL_TOPIC_CONFIG (21), DELETE_TOPIC_IN_BROKER (215),
 * GET_SYSTEM_TOPIC_LIST_FROM_BROKER (305), GET_TOPIC_CONFIG (351).
 * Facts: Apache AdminBrokerProcessor, TopicConfigManager, TopicValidator; oddities.md, "Names and admin". */
#include <stdlib.h>

#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/handlers.h"
#include "broker/offset_table.h"
#include "broker/paging.h"
#include "broker/reply_json.h"
#include "broker/registration.h"
#include "broker/saved_reply.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define PERM_ALL (PERM_PRIORITY | PERM_READ | PERM_WRITE | PERM_INHERIT)

static enum outcome reserved(struct request *req, struct slice name)
{
	return reply_error(req, INVALID_PARAMETER, "The topic[%.*s] is conflict with system topic.", SLICE_ARG(name));
}

/* Name, queues and perm of a topic that an admin wants. NULL: fine; else the remark, *code is set. */
static const char *config_error(struct request *req, const struct topic *config, int32_t *code)
{
	struct broker *b = req->core;
	const char *error = topic_name_error(config->name, &req->arena);

	*code = INVALID_PARAMETER;
	if (error != NULL)
		return error;
	if (b->config->validate_system_topic_when_update_topic && topic_is_reserved(b->topics, config->name))
		return arena_printf(&req->arena, "The topic[%.*s] is conflict with system topic.", SLICE_ARG(config->name));
	if (config->read_queues < 0 || config->write_queues < 0 || config->read_queues > TOPIC_QUEUES_MAX ||
	    config->write_queues > TOPIC_QUEUES_MAX)
		return arena_printf(&req->arena, "readQueueNums %d and writeQueueNums %d must be 0 to %d", config->read_queues,
				    config->write_queues, TOPIC_QUEUES_MAX);
	*code = NO_PERMISSION;
	if (config->perm < 0 || (config->perm & ~PERM_ALL) != 0)
		return arena_printf(&req->arena, "invalid perm: %d", config->perm);
	return NULL;
}

/* Attributes that are right and cannot be: MIXED needs enableMixedMessageType (Apache); a BatchCQ topic would get plain queues, in which
 * Apache's broker finds nothing, and stop the next start. NULL: none. */
static const char *unwanted(const struct broker *b, const struct attribute_changes *changes)
{
	for (size_t i = 0; i < changes->count; i++) {
		const struct attribute_change *c = &changes->items[i];

		if (slice_is(c->key, "+message.type") && slice_is(c->value, "MIXED") && !b->config->enable_mixed_message_type)
			return "MIXED message type is not supported.";
		if (slice_is(c->key, "+queue.type") && slice_is(c->value, "BatchCQ"))
			return "queue.type BatchCQ is not supported.";
	}
	return NULL;
}

static enum outcome settle(struct request *req) { return registration_settle(((struct broker *)req->core)->registration, req); }

static enum outcome reply_put(struct request *req, enum rc rc, const char *why)
{
	if (rc == RC_BUSY)
		return reply_error(req, SYSTEM_BUSY, "this broker has %d topics and takes no more", TOPICS_MAX);
	if (rc != RC_OK)
		return reply_error(req, SYSTEM_ERROR, "%s", why);
	return reply_when_saved(req, TOPICS_FILE, settle);
}

enum outcome handle_put_topic(struct request *req)
{
	const struct create_topic_request_header *h = req->header;
	struct broker *b = req->core;
	struct attribute_changes *changes = arena_alloc(&req->arena, sizeof(*changes));
	struct topic config = {
		.name = h->topic,
		.read_queues = h->read_queue_nums,
		.write_queues = h->write_queue_nums,
		.perm = h->perm,
		.is_multi_tag = slice_is(h->topic_filter_type, "MULTI_TAG"),
		.sys_flag = h->topic_sys_flag,
		.is_order = h->order,
	};
	const char *why = NULL;
	int32_t code;
	enum rc rc;

	why = config_error(req, &config, &code);
	if (why != NULL)
		return reply_error(req, code, "%s", why);
	rc = attributes_parse(h->attributes, changes, &req->arena, &why);
	if (rc == RC_OK && unwanted(b, changes) != NULL)
		return reply_error(req, INVALID_PARAMETER, "%s", unwanted(b, changes));
	if (rc == RC_OK)
		rc = topic_put_changes(b, &config, changes, &req->arena, &why);
	return reply_put(req, rc, why);
}

/* ---- 18 ---- */

static bool read_list_item(const cJSON *item, struct topic *config)
{
	*config = (struct topic){.read_queues = 16, .write_queues = 16, .perm = PERM_READ | PERM_WRITE};
	return topic_read_json(item, config);
}

/* All are checked before any is changed, so that a refused list changes nothing (but for attributes, checked one by one). */
static enum outcome put_list(struct request *req, const cJSON *list)
{
	struct broker *b = req->core;
	struct attribute_changes *changes = arena_alloc(&req->arena, sizeof(*changes));
	const char *why = NULL;
	struct topic config;
	enum rc rc = RC_OK;
	int32_t code;

	JSON_EACH (item, list) {
		if (!read_list_item(item, &config))
			return reply_error(req, INVALID_PARAMETER,
					   "an item of topicConfigList is not a TopicConfig with a topicName");
		why = config_error(req, &config, &code);
		if (why != NULL)
			return reply_error(req, code, "%s", why);
		if (attributes_parse_json(json_get_object(item, "attributes"), changes, &req->arena, &why) != RC_OK)
			return reply_error(req, SYSTEM_ERROR, "%s", why);
		if (unwanted(b, changes) != NULL)
			return reply_error(req, INVALID_PARAMETER, "%s", unwanted(b, changes));
	}
	JSON_EACH (item, list) {
		if (rc != RC_OK || !read_list_item(item, &config))
			break;
		rc = attributes_parse_json(json_get_object(item, "attributes"), changes, &req->arena, &why);
		if (rc == RC_OK)
			rc = topic_put_changes(b, &config, changes, &req->arena, &why);
	}
	return reply_put(req, rc, why);
}

enum outcome handle_put_topic_list(struct request *req)
{
	enum outcome outcome;
	cJSON *tree;

	if (json_parse(req->cmd.body, &tree) != RC_OK)
		return reply_error(req, SYSTEM_ERROR, "the body is not CreateTopicListRequestBody");
	outcome = put_list(req, json_get_array(tree, "topicConfigList"));
	json_free(tree);
	return outcome;
}

/* ---- 215 ---- */

struct retry_topics {
	struct request *req;
	struct slice topic;
	struct slice *names;
	size_t count, cap;
};

static void collect_retry_topics(void *ctx, struct slice topic, struct slice group, const int32_t *queue_ids,
				 const int64_t *offsets, size_t count)
{
	struct retry_topics *r = ctx;
	struct broker *b = r->req->core;
	const char separators[2] = {'+', '_'}; /* pop retry topics of both forms, constants.md section 5 */

	(void)queue_ids;
	(void)offsets;
	(void)count;
	if (!slice_eq(topic, r->topic))
		return;
	for (size_t i = 0; i < COUNT_OF(separators); i++) {
		struct slice name = slice_of(
			arena_printf(&r->req->arena, "%%RETRY%%%.*s%c%.*s", SLICE_ARG(group), separators[i], SLICE_ARG(topic)));

		if (topic_find(b->topics, name) == NULL)
			continue;
		if (r->count == r->cap) {
			r->cap = r->cap ? r->cap * 2 : 16;
			r->names = mem_realloc(r->names, r->cap * sizeof(*r->names));
		}
		r->names[r->count++] = name;
	}
}

enum outcome handle_delete_topic(struct request *req)
{
	const struct delete_topic_request_header *h = req->header;
	struct broker *b = req->core;
	struct retry_topics retries = {.req = req, .topic = h->topic};

	if (h->topic.len == 0)
		return reply_error(req, INVALID_PARAMETER, "The specified topic is blank.");
	if (b->config->validate_system_topic_when_update_topic && topic_is_reserved(b->topics, h->topic))
		return reserved(req, h->topic);
	if (b->config->clear_retry_topic_when_delete_topic)
		offset_each(b->offsets, collect_retry_topics, &retries);
	/* A name that cannot be a topic's must not reach the store's folders. An unknown topic is fine. */
	if (topic_chars_are_legal(h->topic))
		topic_delete(b, h->topic);
	for (size_t i = 0; i < retries.count; i++)
		topic_delete(b, retries.names[i]);
	free(retries.names);
	return reply_when_saved(req, TOPICS_FILE, NULL);
}

/* ---- reading ---- */

enum outcome handle_get_topic(struct request *req)
{
	const struct get_topic_config_request_header *h = req->header;
	struct broker *b = req->core;
	const struct topic *topic = topic_find(b->topics, h->topic);
	struct buf *text = request_buf(req);

	if (topic == NULL)
		return reply_error(req, TOPIC_NOT_EXIST, "No topic in this broker. topic: %.*s", SLICE_ARG(h->topic));
	topic_write_json(topic, text);
	return reply_body(req, buf_slice(text));
}

struct page {
	struct json_writer *w;
	size_t at, from, to;
};

static void write_topic_of_page(void *ctx, struct topic *topic)
{
	struct page *p = ctx;
	size_t at = p->at++;

	if (at < p->from || at >= p->to)
		return;
	json_key_text(p->w, topic->name);
	json_object(p->w);
	topic_write_members(topic, p->w);
	json_object_end(p->w);
}

enum outcome handle_all_topics(struct request *req)
{
	const struct get_all_topic_config_request_header *h = req->header;
	struct broker *b = req->core;
	size_t total = topic_table_count(b->topics);
	struct page_range range =
		page_of(h->present, h->data_version, topic_table_version(b->topics), h->topic_seq, h->max_topic_num, total);
	struct get_all_topic_config_response_header answer = {.present = HEADER_ALL(get_all_topic_config_response_header),
							      .total_topic_num = (int32_t)total};
	struct reply r = {.schema = &get_all_topic_config_response_header_schema, .header = &answer};
	struct json_body body;
	struct page page = {.w = &body.w, .from = range.from, .to = range.to};

	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "dataVersion");
	data_version_write(topic_table_version(b->topics), &body.w);
	json_key(&body.w, "mappingDataVersion");
	data_version_write(topic_table_version(b->topics), &body.w);
	json_key(&body.w, "topicConfigTable");
	json_object(&body.w);
	topic_each(b->topics, write_topic_of_page, &page);
	json_object_end(&body.w);
	json_key(&body.w, "topicQueueMappingDetailMap");
	json_object(&body.w);
	json_object_end(&body.w);
	json_key(&body.w, "topicQueueMappingInfoMap");
	json_object(&body.w);
	json_object_end(&body.w);
	json_object_end(&body.w);
	r.body = buf_slice(body.text);
	return reply_with(req, &r);
}

static void write_system_topic(void *ctx, struct topic *topic)
{
	if (topic->is_system)
		json_text(ctx, topic->name);
}

enum outcome handle_system_topics(struct request *req)
{
	struct broker *b = req->core;
	struct json_body body;

	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "topicList");
	json_array(&body.w);
	topic_each(b->topics, write_system_topic, &body.w);
	json_array_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}
