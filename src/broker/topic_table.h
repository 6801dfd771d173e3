/* topic_table: the topics of this broker, as in config/topics.json (Apache TopicConfigManager).
 *
 * Thread: core. Memory: a struct topic * is valid until topic_delete of it, or until it is dropped (topic_hold); topics never move. */
#ifndef BROKER_TOPIC_TABLE_H
#define BROKER_TOPIC_TABLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "broker/attributes.h"
#include "broker/data_version.h"
#include "store/store.h"

#define TOPICS_FILE "topics.json" /* in config/ */
#define TOPICS_MAX 100000         /* most topics on a broker */
#define TOPIC_NAME_MAX 127        /* TopicValidator.TOPIC_MAX_LENGTH */
#define TOPIC_QUEUES_MAX 65536
#define TOPIC_QUEUE_SLOTS_MAX                                                                                                    \
	(8u * 1024 * 1024) /* of all topics' lists of queues, a pointer each; those beyond are found in the store */

#define PERM_PRIORITY 8
#define PERM_READ 4
#define PERM_WRITE 2
#define PERM_INHERIT 1

struct broker;
struct topic_table;

struct topic {
	struct slice name; /* owned, interned, NUL-terminated */
	int32_t read_queues, write_queues;
	int32_t perm;      /* PERM_* */
	bool is_multi_tag; /* topicFilterType MULTI_TAG */
	int32_t sys_flag;
	bool is_order;
	struct topic_attribute *attributes;
	bool is_system; /* SELF_TEST_TOPIC, SCHEDULE_TOPIC_XXXX ...; listed by GET_SYSTEM_TOPIC_LIST_FROM_BROKER */
	/* Hot path: the store's queues by id, filled on first use (topic_queue). */
	struct store_queue **queues;
	int32_t queues_cap;
	void *stats;     /* broker_stats' counters of this topic */
	uint32_t holds;  /* topic_hold */
	bool is_deleted; /* and no longer in the table: whoever holds it is the last to see it */
	uint64_t change; /* number of its newest change in its state file: topic_wait_saved() */
};

/* Before the store is opened: does topics.json (or .bak) name a topic that cannot be served, one with queue.type=BatchCQ? Then
 * RC_UNSUPPORTED and one malloc'ed line; else RC_OK. Touches nothing. */
enum rc topic_table_refuse(const char *store_root, char **error);

/* Load config/topics.json (or .bak), then make the system topics of constants.md section 6. */
enum rc topic_table_new(struct broker *b, struct topic_table **out, char **error);
void topic_table_free(struct topic_table *t);

struct topic *topic_find(struct topic_table *t, struct slice name); /* NULL when unknown; no allocation */

/* The store's queue of a topic, opened on first use; NULL when the store cannot hold more or queue_id < 0. `make` false: NULL when
 * it does not exist yet. */
struct store_queue *topic_queue(struct broker *b, struct topic *topic, int32_t queue_id, bool make);

/* Create or change (bumps the data version, saves, registers). Name checks are the caller's. `config` holds name (copied), queues, perm,
 * flags; attributes are given apart as "+key=value,-key" text, empty for none. RC_OK; RC_BUSY at TOPICS_MAX; RC_INVALID with *why (static or
 * in arena) for a bad attribute. */
enum rc topic_put(struct broker *b, const struct topic *config, struct slice attributes, struct arena *arena, const char **why);

/* Send to an unknown topic: make it from the template (default_topic, normally TBW102) when autoCreateTopicEnable and the template
 * is inheritable; queues = min(default_queues, template's write queues). NULL when it may not be made. (TopicConfigManager.createTopicInSendMessageMethod) */
struct topic *topic_auto_create(struct broker *b, struct slice name, struct slice default_topic, int32_t default_queues,
				int32_t sys_flag);

/* defaultTopicQueueNums or autoCreateTopicEnable has another value: TBW102 is made, or gets its queues. */
void topic_template_changed(struct broker *b);

/* %RETRY%, %DLQ% and system topics (createTopicInSendMessageBackMethod): made when absent, with this many queues and perm. */
struct topic *topic_ensure(struct broker *b, struct slice name, int32_t queues, int32_t perm, int32_t sys_flag);

/* Before something sent to the topic is acknowledged: false when its change is in its file on the device; else w
 * waits for it (w->on_saved is set by the caller, w->link initialised). */
struct state_wait;
bool topic_wait_saved(struct broker *b, uint64_t change, struct state_wait *w);

/* Keep a topic beyond this turn: after its deletion it lives until the last hold is dropped. */
void topic_hold(struct topic *topic);
void topic_drop(struct topic_table *t, struct topic *topic);
bool topic_delete(struct broker *b, struct slice name); /* false when unknown. Deletes its queues and offsets too */

/* Name grammar (TopicValidator): NULL when fine, else the remark Apache gives, in arena. */
const char *topic_name_error(struct slice name, struct arena *arena);
bool topic_is_system(struct slice name); /* TopicValidator's own set and rmq_sys_* */
/* May not be created or deleted by users: topic_is_system, or one that this broker made for itself (its cluster's and its own name ...) */
bool topic_is_reserved(const struct topic_table *t, struct slice name);
bool topic_is_not_allowed_send(struct slice name); /* clients may not send to it */

bool topic_chars_are_legal(struct slice name); /* ^[%|a-zA-Z0-9_-]*$, of groups too */
/* As topic_put, with changes that were read before. */
enum rc topic_put_changes(struct broker *b, const struct topic *config, const struct attribute_changes *changes,
			  struct arena *arena, const char **why);
/* Read a TopicConfig over the defaults in *config; name points into the tree, attributes are not read. False: a bad member or no name. */
bool topic_read_json(const cJSON *object, struct topic *config);

const struct data_version *topic_table_version(const struct topic_table *t);
void topic_table_save(struct broker *b); /* its file is written though nothing changed */
void topic_table_bump(struct broker *b); /* after a change made in place */
size_t topic_table_count(const struct topic_table *t);
void topic_each(struct topic_table *t, void (*visit)(void *ctx, struct topic *topic), void *ctx); /* sorted by name */

/* Told after each change: the topic that changed, or NULL for more than one, or one that is gone. One listener: the registration. */
void topic_table_on_change(struct topic_table *t, void (*on_change)(void *ctx, const struct topic *topic), void *ctx);

/* JSON of one topic (TopicConfig) appended to `out`, fastjson member order. with_attributes: 5.x form. */
void topic_write_json(const struct topic *topic, struct buf *out);
void topic_write_members(const struct topic *topic, struct json_writer *w); /* the members, inside an open object */
void topic_table_encode(struct broker *b, struct buf *out);                 /* config/topics.json */

#endif
