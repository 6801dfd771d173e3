/* config_handlers: UPDATE_BROKER_CONFIG (25), GET_BROKER_CONFIG (26).
 *
 * A change is taken whole or not at all, and what is wrong is named: Apache answers success to unknown keys and bad values
 * (oddities.md, "do better"). The file that the broker was started with is rewritten behind it, off the core, comments and order kept.
 * Facts: Apache AdminBrokerProcessor, Configuration. */
#include <stdlib.h>

#include "base/job.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/handlers.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

struct rewrite { /* one change on its way into the configuration file */
	struct job job;
	char *path;
	struct slice changes; /* owned */
	enum rc rc;
};

static void run_rewrite(struct job *job)
{
	struct rewrite *r = CONTAINER_OF(job, struct rewrite, job);
	struct buf old = {0}, merged = {0};

	r->rc = small_file_read(r->path, &old);
	if (r->rc == RC_OK || r->rc == RC_NOT_FOUND)
		r->rc = config_merge_text(buf_slice(&old), r->changes, &merged);
	if (r->rc == RC_OK)
		r->rc = small_file_replace(r->path, buf_slice(&merged), true);
	buf_free(&old);
	buf_free(&merged);
}

static void rewrite_done(struct job *job)
{
	struct rewrite *r = CONTAINER_OF(job, struct rewrite, job);

	if (r->rc != RC_OK)
		log_error("broker", "write '%s': %s; the changed configuration works until the next start", r->path,
			  rc_text(r->rc));
	free((char *)r->changes.at);
	free(r->path);
	free(r);
}

static void rewrite_file(struct broker *b, struct slice changes)
{
	struct rewrite *r;

	if (b->config->broker_config_path == NULL || b->config->broker_config_path[0] == '\0')
		return;
	r = mem_zalloc(sizeof(*r));
	r->job.run = run_rewrite;
	r->job.done = rewrite_done;
	r->path = mem_strdup(b->config->broker_config_path);
	r->changes = (struct slice){slice_dup(changes), changes.len};
	executor_submit(b->executor, LANE_STATE, &r->job);
}

static int32_t code_of(enum rc rc)
{
	return rc == RC_PERMISSION ? NO_PERMISSION : rc == RC_BUSY ? SYSTEM_BUSY : INVALID_PARAMETER;
}

enum outcome handle_update_config(struct request *req)
{
	struct broker *b = req->core;
	int32_t perm = b->config->broker_permission;
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
	rewrite_file(b, req->cmd.body);
	if (b->config->broker_permission != perm)
		topic_table_bump(b); /* routes carry it */
	return reply_empty(req, SUCCESS, NULL);
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
