/* namesrv_config: the name server's configuration: Apache's keys (namesrv_config_keys.def), typed where the code uses them.
 * The member is the key in snake_case. Thread: the core's after start. Memory: namesrv_config_new .. namesrv_config_free. */
#ifndef NAMESRV_NAMESRV_CONFIG_H
#define NAMESRV_NAMESRV_CONFIG_H

#include "base/config.h"

enum {
#define HONOURED(kind, member, key, default_text, min, max, choices, flags)
#define KNOWN(kind, key, default_text, flags) NAMESRV_KEPT_##key,
#include "namesrv/namesrv_config_keys.def"
#undef HONOURED
#undef KNOWN
	NAMESRV_KEPT_COUNT
};

struct namesrv_config {
#define HONOURED(kind, member, key, default_text, min, max, choices, flags) CONFIG_MEMBER_##kind(member)
#define KNOWN(kind, key, default_text, flags)
#include "namesrv/namesrv_config_keys.def"
#undef HONOURED
#undef KNOWN
	char *kept[NAMESRV_KEPT_COUNT]; /* texts of the keys without effect */
};

extern const struct config_schema namesrv_config_schema;

/* All defaults; paths are unset until namesrv_config_resolve. */
struct namesrv_config *namesrv_config_new(void);
void namesrv_config_free(struct namesrv_config *c); /* NULL is fine */

/* Fill the paths that depend on `user_home`: kvConfigPath, configStorePath (unless a file was loaded from there), logPath. */
void namesrv_config_resolve(struct namesrv_config *c, const char *user_home);

#endif
