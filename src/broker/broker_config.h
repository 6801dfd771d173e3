/* broker_config: the broker's configuration: Apache's keys (broker_config_keys.def), typed where the code uses them.
 *
 *	config->auto_create_topic_enable          key autoCreateTopicEnable: the member is the key in snake_case
 *
 * Thread: the core's after start. Memory: broker_config_new .. broker_config_free; strings are the struct's. */
#ifndef BROKER_BROKER_CONFIG_H
#define BROKER_BROKER_CONFIG_H

#include "base/config.h"

struct host;
struct store_config;

enum {
	BROKER_ROLE_ASYNC_MASTER,
	BROKER_ROLE_SYNC_MASTER,
	BROKER_ROLE_SLAVE
};                                            /* broker_role, in the order of the row's choices */
enum { FLUSH_DISK_SYNC, FLUSH_DISK_ASYNC };   /* flush_disk_type */
enum { REQUEST_MODE_PULL, REQUEST_MODE_POP }; /* default_message_request_mode */

enum {
#define HONOURED(kind, member, key, default_text, min, max, choices, flags)
#define KNOWN(kind, key, default_text, flags) BROKER_KEPT_##key,
#include "broker/broker_config_keys.def"
#undef HONOURED
#undef KNOWN
	BROKER_KEPT_COUNT
};

struct broker_config {
#define HONOURED(kind, member, key, default_text, min, max, choices, flags) CONFIG_MEMBER_##kind(member)
#define KNOWN(kind, key, default_text, flags)
#include "broker/broker_config_keys.def"
#undef HONOURED
#undef KNOWN
	char *kept[BROKER_KEPT_COUNT]; /* texts of the keys without effect */
};

extern const struct config_schema broker_config_schema;

/* All defaults; those that depend on the host are unset until broker_config_resolve. */
struct broker_config *broker_config_new(void);
void broker_config_free(struct broker_config *c); /* NULL is fine */

/* Fill what depends on the host and on other keys (brokerIP1, brokerIP2, brokerName, storePathRootDir under `user_home`, haListenPort, logPath,
 * storePathCommitLog) and check what keys say together. May read interfaces and the host name (start-up only).
 * Returns RC_OK or RC_INVALID with *error, a malloc'ed line that begins with "key 'NAME': " (config_locate finds its line). */
enum rc broker_config_resolve(struct broker_config *c, const char *user_home, char **error);

/* "ip:port" or "[ip]:port", as clients take it (the Go client needs the brackets); malloc'ed. */
char *broker_config_address(const char *ip, int port);

/* brokerIP1 and listenPort as the store host of every message: clients dial it when they look a message up by its id.
 * RC_INVALID and *error (malloc'ed) when brokerIP1 is no address. */
enum rc broker_config_store_host(const struct broker_config *c, struct host *out, char **error);

/* "host:port;host:port", one or more: what namesrvAddr may be. */
bool broker_config_is_address_list(const char *text);

/* The store's view. Strings in *out stay the config's. RC_INVALID and *error (malloc'ed) for a bad messageDelayLevel or deleteWhen. */
enum rc broker_config_store(const struct broker_config *c, struct store_config *out, char **error);

#endif
