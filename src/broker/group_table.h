/* group_table: subscription groups, as in config/subscriptionGroup.json (Apache SubscriptionGroupManager).
 * Thread: core. Memory: a struct group * is valid until group_delete of it. */
#ifndef BROKER_GROUP_TABLE_H
#define BROKER_GROUP_TABLE_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "broker/attributes.h"
#include "broker/data_version.h"

#define GROUPS_FILE "subscriptionGroup.json" /* in config/ */
#define GROUPS_MAX 100000
#define GROUP_NAME_MAX 255 /* Validators.CHARACTER_MAX_LENGTH; clients stop at 120 */
#define FORBIDDEN_MAX 100000
#define GROUP_RETRY_QUEUES_MAX 65536

struct broker;
struct group_table;

struct group {
	struct slice name; /* owned */
	bool consume_enable, consume_from_min_enable, consume_broadcast_enable, consume_message_orderly, notify_ids_changed;
	int32_t retry_queue_nums, retry_max_times;
	int64_t broker_id, which_broker_when_slow;
	int32_t consume_timeout_minutes;
	int32_t sys_flag;
	bool is_system;               /* preset (constants.md section 7) or CID_RMQ_SYS_* */
	char *retry_policy_json;      /* as it came; NULL: {"type":"CUSTOMIZED"} */
	char *subscription_data_json; /* as it came; NULL: absent */
	struct topic_attribute *attributes;
};

enum rc group_table_new(struct broker *b, struct group_table **out, char **error);
void group_table_free(struct group_table *t);
struct group *group_find(struct group_table *t, struct slice name);
/* Known group, or one with defaults when autoCreateSubscriptionGroup allows and the name is legal
 * (findSubscriptionGroupConfig); else NULL. */
struct group *group_find_or_create(struct broker *b, struct slice name);
/* Check of a name as Apache does before it makes a group by itself: at most GROUP_NAME_MAX legal characters, not empty. */
bool group_name_is_legal(struct slice name);
/* JSON SubscriptionGroupConfig body of 200. RC_OK; RC_MALFORMED (no config, an illegal name), RC_INVALID (a bad value), RC_BUSY
 * (GROUPS_MAX): *why is set (static or in arena), nothing was changed. */
enum rc group_put_json(struct broker *b, struct slice json, struct arena *arena, const char **why);
/* The same from a parsed object, for lists (225). */
enum rc group_put_object(struct broker *b, const cJSON *object, struct arena *arena, const char **why);
bool group_delete(struct broker *b, struct slice name); /* false when unknown */
void group_write_json(const struct group *g, struct buf *out);
void group_each(struct group_table *t, void (*visit)(void *ctx, struct group *g), void *ctx); /* sorted by name */
const struct data_version *group_table_version(const struct group_table *t);
size_t group_table_count(const struct group_table *t);
void group_write_members(const struct group *g, struct json_writer *w); /* the members, inside an open object */
void group_table_encode(struct broker *b, struct buf *out);             /* config/subscriptionGroup.json */
/* forbiddenTable: bits that forbid a group on a topic (353). The value of clearing is 0. False at FORBIDDEN_MAX. */
int32_t group_forbidden(const struct group_table *t, struct slice group, struct slice topic);
bool group_forbid(struct broker *b, struct slice group, struct slice topic, int32_t bits);
void group_write_forbidden(const struct group_table *t, struct json_writer *w); /* the object {"group":{"topic":bits}} */

#endif
