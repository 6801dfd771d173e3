/* config_handlers: UPDATE_BROKER_CONFIG (25), GET_BROKER_CONFIG (26).
 *
 * A change is taken whole or not at all, and what is wrong is named: Apache answers success to unknown keys and bad values
 * (oddities.md, "do better"). The file that the broker was started with is rewritten, off the core, comments and order kept, and then the change
 * is answered.
 * Facts: Apache AdminBrokerProcessor, Configuration. */
#include <stdlib.h>

#include "base/config_save.h"
#include "base/log.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/handlers.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

static void on_saved(void *ctx, enum rc rc)
{
	struct request *req = ctx;
	struct broker *b = req->core;
	enum outcome outcome = rc == RC_OK ? reply_empty(req, SUCCESS, NULL)
					   : reply_error(req, SYSTEM_ERROR, "configuration is changed, but not saved to '%s': %s",
							 b->config->broker_config_path, rc_text(rc));

	(void)outcome;
	request_finish(req);
}

static void on_cancel(struct request *req) { config_save_forget(req->state); }

/* Answered when it is in the file. */
static enum outcome save(struct request *req)
{
	struct broker *b = req->core;
	const char *path = b->config->broker_config_path;
	struct config_save *s;

	if (path == NULL || *path == '\0')
		return reply_empty(req, SUCCESS, NULL);
	s = config_save_start(b->executor, path, req->cmd.body, on_saved, req);
	if (request_is_oneway(req)) {
		config_save_forget(s);
		return DONE;
	}
	req->state = s;
	req->on_cancel = on_cancel;
	return PENDING;
}

static int32_t code_of(enum rc rc)
{
	return rc == RC_PERMISSION ? NO_PERMISSION : rc == RC_BUSY ? SYSTEM_BUSY : INVALID_PARAMETER;
}

enum outcome handle_update_config(struct request *req)
{
	struct broker *b = req->core;
	int32_t perm = b->config->broker_permission, queues = b->config->default_topic_queue_nums;
	bool auto_create = b->config->auto_create_topic_enable;
	char *error = NULL;
	enum rc rc = config_update(&broker_config_schema, b->config, req->cmd.body, &error);

	if (rc != RC_OK) {
		const char *remark = arena_printf(&req->arena, "%s",
						  rc == RC_PERMISSION ? "Can not update config in black list."
						  : error             ? error
								      : rc_text(rc));

		free(error);
		return reply_error(req, code_of(rc), "%s", remark);
	}
	b->config_version++;
	b->config_changed_ms = b->wall_ms;
	log_info("broker", "configuration changed by %s", req->peer->address);
	broker_config_changed(b);
	if (b->config->broker_permission != perm)
		topic_table_bump(b); /* routes carry it */
	if (b->config->default_topic_queue_nums != queues || b->config->auto_create_topic_enable != auto_create)
		topic_template_changed(b);
	return save(req);
}

enum outcome handle_get_config(struct request *req)
{
	struct broker *b = req->core;
	struct data_version version = {0, (int64_t)b->config_changed_ms, b->config_version};
	struct get_broker_config_response_header answer = {.present = HEADER_ALL(get_broker_config_response_header)};
	struct reply r = {.schema = &get_broker_config_response_header_schema, .header = &answer};
	struct buf *text = request_buf(req), *version_text = request_buf(req);
	struct json_writer w;

	json_begin(&w, version_text, JSON_COMPACT);
	data_version_write(&version, &w);
	answer.version = buf_slice(version_text);
	config_print(&broker_config_schema, b->config, 0, false, text);
	r.body = buf_slice(text);
	return reply_with(req, &r);
}
