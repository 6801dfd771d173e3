/* offset_table: how far each group has consumed, as in config/consumerOffset.json (Apache ConsumerOffsetManager).
 * Saved every flushConsumerOffsetInterval (5 s) when changed, and on stop.
 * Thread: core. */
#ifndef BROKER_OFFSET_TABLE_H
#define BROKER_OFFSET_TABLE_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

#define OFFSET_ENTRIES_MAX 1000000 /* (topic, group, queue) triples */

struct broker;
struct offset_table;

enum rc offset_table_new(struct broker *b, struct offset_table **out, char **error);
void offset_table_config_changed(struct broker *b); /* flushConsumerOffsetInterval */
void offset_table_free(struct offset_table *t);
int64_t offset_get(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id); /* -1 when unknown */
/* False at OFFSET_ENTRIES_MAX or a queue id out of range. May go backwards (resets do); the caller decides. */
bool offset_put(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id, int64_t offset);
void offset_delete_group(struct offset_table *t, struct slice group);
void offset_delete_topic(struct offset_table *t, struct slice topic);
/* Visit each (topic, group), sorted; queue ids and offsets as parallel arrays. The visitor must not change the table. */
void offset_each(struct offset_table *t,
		 void (*visit)(void *ctx, struct slice topic, struct slice group, const int32_t *queue_ids,
			       const int64_t *offsets, size_t count),
		 void *ctx);
/* Visit the topics that a group has offsets on, sorted. The visitor must not change the table. */
void offset_each_topic(struct offset_table *t, struct slice group, void (*visit)(void *ctx, struct slice topic), void *ctx);
/* A reset by an admin: the next pull of the group on that queue answers PULL_OFFSET_MOVED to here (resetOffsetTable, 5.x). -1: none. */
bool offset_has_reset(const struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id); /* not taken yet */
int64_t offset_take_reset(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id);
void offset_put_reset(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id, int64_t offset);

/* Copy all offsets of src_group on a topic to dest_group; empty topic: on every topic. False at OFFSET_ENTRIES_MAX. */
bool offset_clone(struct offset_table *t, struct slice src_group, struct slice dest_group, struct slice topic);
void offset_table_encode(struct broker *b, struct buf *out); /* config/consumerOffset.json; the answer to 43 */
size_t offset_table_count(const struct offset_table *t);     /* (topic, group, queue) triples */

#endif
