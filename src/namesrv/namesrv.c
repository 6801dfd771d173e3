#include "namesrv/namesrv_core.h"

#include <stdlib.h>

#include "base/mem.h"

static struct slice order_of_topic(void *ctx, struct slice topic)
{
	const struct namesrv *n = ctx;
	struct slice value = {0};

	if (n->config->order_message_enable)
		kv_config_get(n->kv, SLICE_LIT(KV_NAMESPACE_ORDER), topic, &value);
	return value;
}

void namesrv_apply_config(struct namesrv *n)
{
	struct route_options options = {
		.is_acting_master_supported = n->config->support_acting_master,
		.is_register_complete = n->config->delete_topic_with_broker_registration,
	};

	route_table_set_options(n->routes, &options);
}

enum rc namesrv_new(struct namesrv_config *config, struct timers *timers, struct executor *ex, uint64_t wall_ms,
		    struct namesrv **out, char **error)
{
	struct namesrv *n = mem_zalloc(sizeof(*n));
	enum rc rc;

	*n = (struct namesrv){
		.config = config, .timers = timers, .executor = ex, .wall_ms = wall_ms, .started_ms = timers->now_ms};
	rc = kv_config_new(config->kv_config_path, ex, &n->kv, error);
	if (rc != RC_OK) {
		namesrv_config_free(config);
		free(n);
		return rc;
	}
	kv_config_on_saved(n->kv, namesrv_kv_saved, n);
	n->routes = route_table_new(timers, order_of_topic, n);
	namesrv_apply_config(n);
	*out = n;
	return RC_OK;
}

void namesrv_free(struct namesrv *n)
{
	if (n == NULL)
		return;
	route_table_free(n->routes);
	kv_config_free(n->kv);
	namesrv_config_free(n->config);
	free(n);
}

void namesrv_set_time(struct namesrv *n, uint64_t wall_ms) { n->wall_ms = wall_ms; }

void namesrv_peer_closed(struct peer *peer)
{
	struct namesrv *n = peer->core;

	route_table_peer_closed(n->routes, peer);
}
