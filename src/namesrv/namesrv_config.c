#include "namesrv/namesrv_config.h"

#include <stdlib.h>

#include "base/mem.h"

#define HONOURED(kind, member, key, default_text, min, max, choices, flags)                                                      \
	{#key, CONFIG_##kind, offsetof(struct namesrv_config, member), default_text, min, max, choices, flags},
#define KNOWN(kind, key, default_text, flags)                                                                                    \
	{#key,                                                                                                                   \
	 CONFIG_##kind,                                                                                                          \
	 offsetof(struct namesrv_config, kept) + NAMESRV_KEPT_##key * sizeof(char *),                                            \
	 default_text,                                                                                                           \
	 INT64_MIN,                                                                                                              \
	 INT64_MAX,                                                                                                              \
	 NULL,                                                                                                                   \
	 (flags) | CONFIG_KEPT},

static const struct config_row rows[] = {
#include "namesrv/namesrv_config_keys.def"
};

const struct config_schema namesrv_config_schema = {rows, COUNT_OF(rows)};

struct namesrv_config *namesrv_config_new(void)
{
	struct namesrv_config *c = mem_zalloc(sizeof(*c));

	config_defaults(&namesrv_config_schema, c);
	return c;
}

void namesrv_config_free(struct namesrv_config *c)
{
	if (c == NULL)
		return;
	config_free(&namesrv_config_schema, c);
	free(c);
}

static void set_if_unset(char **member, char *value)
{
	if (*member != NULL && **member != '\0') {
		free(value);
		return;
	}
	free(*member);
	*member = value;
}

void namesrv_config_resolve(struct namesrv_config *c, const char *user_home)
{
	set_if_unset(&c->kv_config_path, mem_printf("%s/namesrv/kvConfig.json", user_home));
	set_if_unset(&c->config_store_path, mem_printf("%s/namesrv/namesrv.properties", user_home));
	set_if_unset(&c->log_path, mem_printf("%s/logs/rocketmqlogs", user_home));
}
