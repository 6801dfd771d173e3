/* Configuration of the running name server. A change is applied, written to configStorePath (other lines of the file stay), and then
 * answered. Unknown keys and bad values are refused by name (Apache says success to both). Facts: Apache DefaultRequestProcessor,
 * Configuration. */
#include "namesrv/namesrv_core.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "remoting/response_code.h"

struct config_save {
	struct job job;
	struct request *req; /* NULL: nobody waits (any more) */
	char *path;
	struct buf changes;
	enum rc rc;
};

static void run_save(struct job *job)
{
	struct config_save *save = CONTAINER_OF(job, struct config_save, job);
	struct buf old = {0}, fresh = {0};

	save->rc = small_file_read(save->path, &old);
	if (save->rc == RC_OK || save->rc == RC_NOT_FOUND)
		save->rc = config_merge_text(buf_slice(&old), buf_slice(&save->changes), &fresh);
	if (save->rc == RC_OK)
		save->rc = small_file_replace(save->path, buf_slice(&fresh), true);
	buf_free(&old);
	buf_free(&fresh);
}

static void save_done(struct job *job)
{
	struct config_save *save = CONTAINER_OF(job, struct config_save, job);
	struct request *req = save->req;
	enum outcome outcome;

	if (save->rc != RC_OK)
		log_error("namesrv", "write '%s': %s", save->path, rc_text(save->rc));
	if (req) {
		outcome = save->rc == RC_OK
				  ? reply_empty(req, SUCCESS, NULL)
				  : reply_error(req, SYSTEM_ERROR, "configuration is changed, but not saved to '%s': %s",
						save->path, rc_text(save->rc));
		(void)outcome;
		request_finish(req);
	}
	free(save->path);
	buf_free(&save->changes);
	free(save);
}

static void on_cancel(struct request *req) { ((struct config_save *)req->state)->req = NULL; }

static enum outcome save_changes(struct request *req)
{
	struct namesrv *n = req->core;
	struct config_save *save = mem_zalloc(sizeof(*save));

	save->job = (struct job){.run = run_save, .done = save_done};
	save->path = mem_strdup(n->config->config_store_path);
	buf_put_slice(&save->changes, req->cmd.body);
	if (!request_is_oneway(req)) {
		save->req = req;
		req->state = save;
		req->on_cancel = on_cancel;
	}
	executor_submit(n->executor, LANE_STATE, &save->job);
	return request_is_oneway(req) ? DONE : PENDING;
}

enum outcome namesrv_update_config(struct request *req)
{
	struct namesrv *n = req->core;
	char *error = NULL;
	enum outcome outcome;
	enum rc rc;

	log_info("namesrv", "configuration is changed by %s", req->peer->address);
	if (req->cmd.body.len == 0)
		return reply_empty(req, SUCCESS, NULL);
	rc = config_update(&namesrv_config_schema, n->config, req->cmd.body, &error);
	if (rc == RC_PERMISSION)
		outcome = reply_error(req, NO_PERMISSION, "Can not update config in black list.");
	else if (rc != RC_OK)
		outcome = reply_error(req, SYSTEM_ERROR, "%s", error ? error : rc_text(rc));
	free(error);
	if (rc != RC_OK)
		return outcome;
	namesrv_apply_config(n);
	return n->config->config_store_path ? save_changes(req) : reply_empty(req, SUCCESS, NULL);
}

enum outcome namesrv_get_config(struct request *req)
{
	struct namesrv *n = req->core;
	struct buf text = {0};
	enum outcome outcome;

	config_print(&namesrv_config_schema, n->config, 0, false, &text);
	outcome = reply_body(req, buf_slice(&text));
	buf_free(&text);
	return outcome;
}
