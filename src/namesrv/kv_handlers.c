/* KV configuration. A change is answered when it is on disk. Facts: Apache DefaultRequestProcessor, KVConfigManager. */
#include "namesrv/namesrv_core.h"

#include "remoting/headers.h"
#include "remoting/response_code.h"

/* The request's `parked` node is in kv_config's list; the node is taken out when the peer closes. */
static void on_cancel(struct request *req) { list_remove(&req->parked); }

static enum outcome wait_for_disk(struct request *req)
{
	struct namesrv *n = req->core;

	if (request_is_oneway(req))
		return DONE;
	req->on_cancel = on_cancel;
	kv_config_wait(n->kv, &req->parked);
	return PENDING;
}

void namesrv_kv_saved(void *ctx, struct list *waited, enum rc rc)
{
	struct list *node;

	(void)ctx;
	while ((node = list_pop(waited)) != NULL) {
		struct request *req = CONTAINER_OF(node, struct request, parked);
		enum outcome outcome = rc == RC_OK
					       ? reply_empty(req, SUCCESS, NULL)
					       : reply_error(req, SYSTEM_ERROR, "KV configuration is not saved: %s", rc_text(rc));

		(void)outcome;
		request_finish(req);
	}
}

/* Only order configuration is part of a route. */
static void forget_answers(struct namesrv *n, struct slice space)
{
	if (slice_is(space, KV_NAMESPACE_ORDER))
		route_table_forget_answers(n->routes);
}

enum outcome namesrv_put_kv(struct request *req)
{
	struct namesrv *n = req->core;
	const struct put_kv_config_request_header *h = req->header;
	enum rc rc = kv_config_put(n->kv, h->namespace, h->key, h->value);

	if (rc == RC_TOO_BIG)
		return reply_error(req, SYSTEM_ERROR,
				   "namespace or key is empty, or longer than %d bytes, or the value is longer than %d bytes",
				   KV_KEY_MAX, KV_VALUE_MAX);
	if (rc == RC_INVALID)
		return reply_error(req, SYSTEM_ERROR, "a NUL byte in namespace, key or value cannot be kept");
	if (rc != RC_OK)
		return reply_error(req, SYSTEM_BUSY, "the KV configuration is full");
	forget_answers(n, h->namespace);
	return wait_for_disk(req);
}

enum outcome namesrv_get_kv(struct request *req)
{
	struct namesrv *n = req->core;
	const struct get_kv_config_request_header *h = req->header;
	struct get_kv_config_response_header answer = {.present = HEADER_ALL(get_kv_config_response_header)};

	if (!kv_config_get(n->kv, h->namespace, h->key, &answer.value))
		return reply_error(req, QUERY_NOT_FOUND, "No config item, Namespace: %.*s Key: %.*s", SLICE_ARG(h->namespace),
				   SLICE_ARG(h->key));
	return reply_header(req, SUCCESS, &get_kv_config_response_header_schema, &answer);
}

enum outcome namesrv_delete_kv(struct request *req)
{
	struct namesrv *n = req->core;
	const struct delete_kv_config_request_header *h = req->header;

	if (!kv_config_delete(n->kv, h->namespace, h->key)) /* nothing to delete is success, as in Apache */
		return reply_empty(req, SUCCESS, NULL);
	forget_answers(n, h->namespace);
	return wait_for_disk(req);
}

enum outcome namesrv_list_kv(struct request *req)
{
	struct namesrv *n = req->core;
	const struct get_kv_list_by_namespace_request_header *h = req->header;
	struct buf json = {0};
	enum outcome outcome;

	if (!kv_config_list_json(n->kv, h->namespace, &json))
		return reply_error(req, QUERY_NOT_FOUND, "No config item, Namespace: %.*s", SLICE_ARG(h->namespace));
	outcome = reply_body(req, buf_slice(&json));
	buf_free(&json);
	return outcome;
}
