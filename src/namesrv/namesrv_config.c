#include "namesrv/namesrv_config.h"

#include <stdlib.h>

#include "base/host_info.h"
#include "base/mem.h"

#define HONOURED(...) CONFIG_ROW_HONOURED(struct namesrv_config, __VA_ARGS__)
#define KNOWN(kind, key, default_text, flags)                                                                                    \
	CONFIG_ROW_KNOWN(struct namesrv_config, NAMESRV_KEPT_##key, kind, key, default_text, flags)

static const struct config_row rows[] = {
#include "namesrv/namesrv_config_keys.def"
};

const struct config_schema namesrv_config_schema = {rows, COUNT_OF(rows), sizeof(struct namesrv_config), NULL};

struct namesrv_config *namesrv_config_new(void) { return config_new(&namesrv_config_schema); }

void namesrv_config_free(struct namesrv_config *c) { config_destroy(&namesrv_config_schema, c); }

void namesrv_config_resolve(struct namesrv_config *c, const char *user_home)
{
	config_fill(&c->kv_config_path, mem_printf("%s/namesrv/kvConfig.json", user_home));
	config_fill(&c->config_store_path, mem_printf("%s/namesrv/namesrv.properties", user_home));
	config_fill(&c->log_path, mem_printf("%s/logs/rocketmqlogs", user_home));
	config_fill(&c->kept[NAMESRV_KEPT_rocketmqHome], host_info_environment("ROCKETMQ_HOME"));
	config_fill(&c->kept[NAMESRV_KEPT_clientCallbackExecutorThreads], mem_printf("%d", host_info_processors()));
}
