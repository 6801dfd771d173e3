/* kv_config: the name server's KV configuration, namespace -> key -> value, kept in Apache's kvConfig.json.
 *
 *   {"configTable":{"ORDER_TOPIC_CONFIG":{"TopicA":"broker-a:4;broker-b:4"}}}
 *
 * A change is in memory at once and on disk soon after: changes that come while the file is being written are written together
 * afterwards. kv_config_wait tells when what was changed up to now is on disk, so that an answered change survives a kill -9.
 * A namespace stays when its last key goes, as in Apache.
 *
 * Facts: Apache KVConfigManager, KVConfigSerializeWrapper. Thread: the core's; the file is written on LANE_STATE.
 * Memory: copies what it keeps; values it returns live until the next change. */
#ifndef NAMESRV_KV_CONFIG_H
#define NAMESRV_KV_CONFIG_H

#include "base/buf.h"
#include "base/job.h"
#include "base/list.h"
#include "base/rc.h"
#include "base/slice.h"

#define KV_NAMESPACES_MAX 1024
#define KV_ENTRIES_MAX 200000
#define KV_KEY_MAX 1024    /* longest namespace or key, bytes */
#define KV_VALUE_MAX 65536 /* longest value, bytes */
#define KV_BYTES_MAX                                                                                                             \
	(32u * 1024 * 1024) /* keys and values together: escaped, six times as long, they are still a file that can be read */
#define KV_NAMESPACE_ORDER "ORDER_TOPIC_CONFIG"

struct kv_config;

/* Load `path` (copied). A missing file is an empty table; a damaged one falls back to its .bak with a log line.
 * RC_OK; else *error, malloc'ed, says what is wrong with the file. */
enum rc kv_config_new(const char *path, struct executor *ex, struct kv_config **out, char **error);

/* What is not on disk yet is written now, blocking. The executor must have ended the jobs it was given. */
void kv_config_free(struct kv_config *kv);

/* RC_OK; RC_INVALID (a NUL byte in a text); RC_TOO_BIG (a text is too long, or the namespace or key is empty); RC_BUSY (as many entries or namespaces as allowed). */
enum rc kv_config_put(struct kv_config *kv, struct slice space, struct slice key, struct slice value);
bool kv_config_get(const struct kv_config *kv, struct slice space, struct slice key, struct slice *value);
bool kv_config_delete(struct kv_config *kv, struct slice space, struct slice key); /* false when it was not there */

/* KVTable of a namespace, {"table":{..}}. False when there is no such namespace (nothing is appended). */
bool kv_config_list_json(const struct kv_config *kv, struct slice space, struct buf *out);

/* Link `node` into what waits for the next completed write that has all changes made up to now; on_saved gets it, with the list's
 * other nodes, exactly once and never inside this call. Whoever gives up waiting removes its node. */
void kv_config_wait(struct kv_config *kv, struct list *node);
void kv_config_on_saved(struct kv_config *kv, void (*on_saved)(void *ctx, struct list *waited, enum rc rc), void *ctx);

#endif
