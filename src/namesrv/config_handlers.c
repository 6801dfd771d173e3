/* Configuration of the running name server. A change is applied, written to configStorePath (other lines of the file stay), and then
 * answered. Unknown keys and bad values are refused by name (Apache says success to both). Facts: Apache DefaultRequestProcessor,
 * Configuration. */
#include "namesrv/namesrv_core.h"

#include <stdlib.h>

#include "base/config_save.h"
#include "base/log.h"
#include "remoting/response_code.h"

static void on_saved(void *ctx, enum rc rc)
{
	struct request *req = ctx;
	struct namesrv *n = req->core;
	enum outcome outcome = rc == RC_OK ? reply_empty(req, SUCCESS, NULL)
					   : reply_error(req, SYSTEM_ERROR, "configuration is changed, but not saved to '%s': %s",
							 n->config->config_store_path, rc_text(rc));

	(void)outcome;
	request_finish(req);
}

static void on_cancel(struct request *req) { config_save_forget(req->state); }

static enum outcome save_changes(struct request *req)
{
	struct namesrv *n = req->core;
	struct config_save *s = config_save_start(n->executor, n->config->config_store_path, req->cmd.body, on_saved, req);

	if (request_is_oneway(req)) {
		config_save_forget(s);
		return DONE;
	}
	req->state = s;
	req->on_cancel = on_cancel;
	return PENDING;
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
