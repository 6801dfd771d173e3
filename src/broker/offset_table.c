/* offset_table: one hash from "topic@group" to the queues' offsets, sorted by queue id.
 *
 * Happy path: offset_put, one look-up with a key built on the stack, then a store into an array at index = queue id, because queue ids
 * are nearly always 0 .. n-1. Resets live in a second hash of the same kind, nearly always empty.
 * Failure: at OFFSET_ENTRIES_MAX new triples are refused, known ones still move. */
#include "broker/offset_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/json_read.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/state_files.h"
#include "broker/topic_table.h"

#define STATE_FILE "consumerOffset.json"
#define KEY_MAX 1024 /* topic, '@', group */

struct entry {
	struct slice topic, group; /* into key */
	int32_t *queue_ids;        /* ascending */
	int64_t *offsets;
	size_t count, cap;
	UT_hash_handle hh;
	size_t key_len;
	char key[]; /* topic@group, as in the file */
};

struct map {
	struct entry *entries;
	size_t triples;
	/* All entries by key, and by group; NULL after an entry came or went. The file is written every few seconds from them. */
	struct entry **by_key, **by_group;
};

struct offset_table {
	struct broker *broker;
	struct map offsets;
	struct map resets;
	struct data_version version;
};

/* ---- a map of triples ---- */

/* topic@group into key; 0 when it is longer than any legal one. */
static size_t make_key(char key[KEY_MAX], struct slice topic, struct slice group)
{
	if (topic.len == 0 || group.len == 0 || topic.len > KEY_MAX / 2 || group.len > KEY_MAX / 2 - 1)
		return 0;
	memcpy(key, topic.at, topic.len);
	key[topic.len] = '@';
	memcpy(key + topic.len + 1, group.at, group.len);
	return topic.len + 1 + group.len;
}

static struct entry *map_find(const struct map *m, struct slice topic, struct slice group)
{
	char key[KEY_MAX];
	size_t len = make_key(key, topic, group);
	struct entry *e = NULL;

	if (len != 0)
		HASH_FIND(hh, m->entries, key, len, e);
	return e;
}

static void forget_orders(struct map *m)
{
	free(m->by_key);
	free(m->by_group);
	m->by_key = m->by_group = NULL;
}

static struct entry *map_add(struct map *m, struct slice topic, struct slice group)
{
	char key[KEY_MAX];
	size_t len = make_key(key, topic, group);
	struct entry *e;

	if (len == 0)
		return NULL;
	e = mem_zalloc(sizeof(*e) + len + 1);
	memcpy(e->key, key, len);
	e->key_len = len;
	e->topic = (struct slice){e->key, topic.len};
	e->group = (struct slice){e->key + topic.len + 1, group.len};
	HASH_ADD_KEYPTR(hh, m->entries, e->key, len, e);
	forget_orders(m);
	return e;
}

/* Place of a queue id: where it is, or where it belongs. */
static size_t place_of(const struct entry *e, int32_t queue_id)
{
	size_t low = 0, high = e->count;

	if ((size_t)queue_id < e->count && e->queue_ids[queue_id] == queue_id)
		return (size_t)queue_id;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (e->queue_ids[middle] < queue_id)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static int64_t *entry_find(const struct entry *e, int32_t queue_id)
{
	size_t i;

	if (e == NULL || queue_id < 0)
		return NULL;
	i = place_of(e, queue_id);
	return i < e->count && e->queue_ids[i] == queue_id ? &e->offsets[i] : NULL;
}

static void entry_insert(struct entry *e, int32_t queue_id, int64_t offset)
{
	size_t i = place_of(e, queue_id);

	if (e->count == e->cap) {
		e->cap = e->cap ? e->cap * 2 : 4;
		e->queue_ids = mem_realloc(e->queue_ids, e->cap * sizeof(int32_t));
		e->offsets = mem_realloc(e->offsets, e->cap * sizeof(int64_t));
	}
	memmove(e->queue_ids + i + 1, e->queue_ids + i, (e->count - i) * sizeof(int32_t));
	memmove(e->offsets + i + 1, e->offsets + i, (e->count - i) * sizeof(int64_t));
	e->queue_ids[i] = queue_id;
	e->offsets[i] = offset;
	e->count++;
}

static bool map_put(struct map *m, struct slice group, struct slice topic, int32_t queue_id, int64_t offset)
{
	struct entry *e = map_find(m, topic, group);
	int64_t *at = entry_find(e, queue_id);

	if (at != NULL) {
		*at = offset;
		return true;
	}
	if (queue_id < 0 || queue_id >= TOPIC_QUEUES_MAX || m->triples >= OFFSET_ENTRIES_MAX)
		return false;
	if (e == NULL && (e = map_add(m, topic, group)) == NULL)
		return false;
	entry_insert(e, queue_id, offset);
	m->triples++;
	return true;
}

static void map_remove(struct map *m, struct entry *e)
{
	HASH_DEL(m->entries, e);
	forget_orders(m);
	m->triples -= e->count;
	free(e->queue_ids);
	free(e->offsets);
	free(e);
}

/* Remove the entries of a topic, or of a group (the other one empty). Returns how many went. */
static size_t map_remove_all(struct map *m, struct slice topic, struct slice group)
{
	struct entry *e, *next;
	size_t removed = 0;

	HASH_ITER (hh, m->entries, e, next) {
		if ((topic.len != 0 && !slice_eq(e->topic, topic)) || (group.len != 0 && !slice_eq(e->group, group)))
			continue;
		map_remove(m, e);
		removed++;
	}
	return removed;
}

/* ---- the table ---- */

static void changed(struct offset_table *t) { state_file_mark(t->broker->state_files, STATE_FILE); }

int64_t offset_get(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id)
{
	const int64_t *at = entry_find(map_find(&t->offsets, topic, group), queue_id);

	return at ? *at : -1;
}

bool offset_put(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id, int64_t offset)
{
	static uint64_t last_ms, dropped;

	if (!map_put(&t->offsets, group, topic, queue_id, offset)) {
		if (log_limited(t->broker->timers->now_ms, &last_ms, &dropped))
			log_warn("broker", "offset of group '%.*s' on '%.*s' queue %d refused: %zu of %d offsets are stored",
				 SLICE_ARG(group), SLICE_ARG(topic), queue_id, t->offsets.triples, OFFSET_ENTRIES_MAX);
		return false;
	}
	changed(t);
	return true;
}

void offset_delete_group(struct offset_table *t, struct slice group)
{
	if (group.len == 0)
		return;
	map_remove_all(&t->resets, (struct slice){NULL, 0}, group);
	if (map_remove_all(&t->offsets, (struct slice){NULL, 0}, group) != 0)
		changed(t);
}

void offset_delete_topic(struct offset_table *t, struct slice topic)
{
	if (topic.len == 0)
		return;
	map_remove_all(&t->resets, topic, (struct slice){NULL, 0});
	if (map_remove_all(&t->offsets, topic, (struct slice){NULL, 0}) != 0)
		changed(t);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;

	return strcmp(x->key, y->key);
}

static int by_group(const void *a, const void *b)
{
	const struct entry *x = *(struct entry *const *)a, *y = *(struct entry *const *)b;
	int order = strcmp(x->group.at, y->group.at);

	return order ? order : strcmp(x->key, y->key);
}

/* All entries in one of the orders; the map's, until an entry comes or goes. */
static struct entry **in_order(struct map *m, struct entry ***order, int (*compare)(const void *, const void *))
{
	size_t count = HASH_COUNT(m->entries), i = 0;

	if (*order != NULL)
		return *order;
	*order = mem_alloc((count + 1) * sizeof(struct entry *));
	for (struct entry *e = m->entries; e != NULL; e = e->hh.next)
		(*order)[i++] = e;
	qsort(*order, count, sizeof(struct entry *), compare);
	return *order;
}

void offset_each(struct offset_table *t,
		 void (*visit)(void *ctx, struct slice topic, struct slice group, const int32_t *queue_ids,
			       const int64_t *offsets, size_t count),
		 void *ctx)
{
	size_t count = HASH_COUNT(t->offsets.entries);
	struct entry **sorted = in_order(&t->offsets, &t->offsets.by_key, by_key);

	for (size_t i = 0; i < count; i++)
		visit(ctx, sorted[i]->topic, sorted[i]->group, sorted[i]->queue_ids, sorted[i]->offsets, sorted[i]->count);
}

/* Where a group's entries begin in the order by group. */
static size_t first_of_group(struct entry **sorted, size_t count, const char *group)
{
	size_t low = 0, high = count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(sorted[middle]->group.at, group) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void offset_each_topic(struct offset_table *t, struct slice group, void (*visit)(void *ctx, struct slice topic), void *ctx)
{
	size_t count = HASH_COUNT(t->offsets.entries);
	struct entry **sorted = in_order(&t->offsets, &t->offsets.by_group, by_group);
	char *name = slice_dup(group);

	for (size_t i = first_of_group(sorted, count, name); i < count && slice_eq(sorted[i]->group, group); i++)
		visit(ctx, sorted[i]->topic);
	free(name);
}

bool offset_clone(struct offset_table *t, struct slice src_group, struct slice dest_group, struct slice topic)
{
	bool ok = true;

	/* In the hash's own order: what is added meanwhile goes to its end, and is not of the source group. */
	for (struct entry *e = t->offsets.entries; e != NULL; e = e->hh.next) {
		if (!slice_eq(e->group, src_group) || (topic.len != 0 && !slice_eq(e->topic, topic)))
			continue;
		for (size_t k = 0; k < e->count; k++)
			ok &= offset_put(t, dest_group, e->topic, e->queue_ids[k], e->offsets[k]);
	}
	return ok;
}

bool offset_has_reset(const struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id)
{
	return t->resets.triples != 0 && entry_find(map_find(&t->resets, topic, group), queue_id) != NULL;
}

int64_t offset_take_reset(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id)
{
	struct entry *e;
	int64_t *at, offset;
	size_t i;

	if (t->resets.triples == 0)
		return -1;
	e = map_find(&t->resets, topic, group);
	at = entry_find(e, queue_id);
	if (at == NULL)
		return -1;
	offset = *at;
	i = (size_t)(at - e->offsets);
	memmove(e->queue_ids + i, e->queue_ids + i + 1, (e->count - i - 1) * sizeof(int32_t));
	memmove(e->offsets + i, e->offsets + i + 1, (e->count - i - 1) * sizeof(int64_t));
	e->count--;
	t->resets.triples--;
	if (e->count == 0)
		map_remove(&t->resets, e);
	return offset;
}

void offset_put_reset(struct offset_table *t, struct slice group, struct slice topic, int32_t queue_id, int64_t offset)
{
	/* Apache commits the new offset at once as well, so that it survives a restart (ConsumerOffsetManager.assignResetOffset). */
	if (map_put(&t->resets, group, topic, queue_id, offset))
		offset_put(t, group, topic, queue_id, offset);
}

size_t offset_table_count(const struct offset_table *t) { return t->offsets.triples; }

/* ---- JSON ---- */

/* {"group":["topic",..]}: Apache 5.x answers "which topics has this group" from it; we and older releases do without. */
static void write_group_topics(struct map *m, struct json_writer *w)
{
	size_t count = HASH_COUNT(m->entries);
	struct entry **sorted = in_order(m, &m->by_group, by_group);

	json_object(w);
	for (size_t i = 0; i < count; i++) {
		bool is_first = i == 0 || !slice_eq(sorted[i - 1]->group, sorted[i]->group);

		if (is_first && i != 0)
			json_array_end(w);
		if (is_first) {
			json_key_text(w, sorted[i]->group);
			json_array(w);
		}
		json_text(w, sorted[i]->topic);
	}
	if (count != 0)
		json_array_end(w);
	json_object_end(w);
}

void offset_table_encode(struct broker *b, struct buf *out)
{
	struct offset_table *t = b->offsets;
	size_t count = HASH_COUNT(t->offsets.entries);
	struct entry **sorted = in_order(&t->offsets, &t->offsets.by_key, by_key);
	struct json_writer w;

	json_begin(&w, out, JSON_PRETTY);
	json_object(&w);
	json_key(&w, "dataVersion");
	data_version_write(&t->version, &w);
	json_key(&w, "groupTopicMap");
	write_group_topics(&t->offsets, &w);
	json_key(&w, "offsetTable");
	json_object(&w);
	for (size_t i = 0; i < count; i++) {
		const struct entry *e = sorted[i];

		json_key_text(&w, (struct slice){e->key, e->key_len});
		json_object(&w);
		for (size_t k = 0; k < e->count; k++) {
			json_key_i64(&w, e->queue_ids[k], JSON_BARE);
			json_i64(&w, e->offsets[k]);
		}
		json_object_end(&w);
	}
	json_object_end(&w);
	json_object_end(&w);
}

/* {"0":12,"1":7} of one topic@group. A bad item is left out with a line; the consumer then starts by its own rule. */
static void load_row(struct offset_table *t, const cJSON *row)
{
	struct slice key = json_name(row);
	size_t at = slice_find(key, '@');
	struct slice topic = slice_sub(key, 0, at), group = slice_sub(key, at + 1, key.len);

	JSON_EACH (item, row) {
		int32_t queue_id;
		int64_t offset;

		if (at == key.len || !slice_to_i32(json_name(item), &queue_id) || !json_value_i64(item, &offset) ||
		    !map_put(&t->offsets, group, topic, queue_id, offset))
			log_warn("broker", "%s: '%.*s' queue '%s' left out", STATE_FILE, SLICE_ARG(key), item->string);
	}
}

static enum rc decode(struct broker *b, struct slice text)
{
	const cJSON *rows;
	cJSON *tree;

	if (json_parse(text, &tree) != RC_OK)
		return RC_CORRUPT;
	rows = json_get_object(tree, "offsetTable");
	if (rows == NULL) {
		json_free(tree);
		return RC_CORRUPT;
	}
	JSON_EACH (row, rows)
		load_row(b->offsets, row);
	data_version_read(json_get_object(tree, "dataVersion"), &b->offsets->version);
	json_free(tree);
	return RC_OK;
}

static int64_t queue_end(struct broker *b, struct slice topic, int32_t queue_id)
{
	const struct store_queue *q = store_queue_find(b->store, topic, queue_id);

	return q ? store_queue_max(q) : 0;
}

/* A loss of power may take messages that were consumed and were not on the device yet (ASYNC_FLUSH). An offset beyond the end would then
 * pass over the messages that come in their place. */
static void correct(struct offset_table *t)
{
	struct entry *e, *next;

	HASH_ITER (hh, t->offsets.entries, e, next) {
		for (size_t i = 0; i < e->count; i++) {
			int64_t end = queue_end(t->broker, e->topic, e->queue_ids[i]);

			if (e->offsets[i] <= end)
				continue;
			log_warn("broker", "group '%.*s': offset %lld of topic '%.*s' queue %d is beyond its end, set to %lld",
				 SLICE_ARG(e->group), (long long)e->offsets[i], SLICE_ARG(e->topic), e->queue_ids[i],
				 (long long)end);
			e->offsets[i] = end;
			changed(t);
		}
	}
}

enum rc offset_table_new(struct broker *b, struct offset_table **out, char **error)
{
	struct offset_table *t = mem_zalloc(sizeof(*t));
	enum rc rc;

	t->broker = b;
	t->version.timestamp = (int64_t)b->wall_ms;
	b->offsets = t; /* the decoder fills it */
	rc = state_file_add(b->state_files, STATE_FILE, (uint64_t)b->config->flush_consumer_offset_interval, offset_table_encode,
			    decode, error);
	if (rc != RC_OK) {
		b->offsets = NULL;
		offset_table_free(t);
		return rc;
	}
	/* A group that gave a message back, and went on, has its copy in the log. A broken store takes no more copies: then consuming goes on. */
	state_file_follow_log(b->state_files, STATE_FILE, true);
	if (store_was_unclean(b->store))
		correct(t);
	*out = t;
	return RC_OK;
}

static void map_free(struct map *m)
{
	struct entry *e, *next;

	HASH_ITER (hh, m->entries, e, next)
		map_remove(m, e);
	forget_orders(m);
}

void offset_table_config_changed(struct broker *b)
{
	state_file_set_period(b->state_files, STATE_FILE, (uint64_t)b->config->flush_consumer_offset_interval);
}

void offset_table_free(struct offset_table *t)
{
	if (t == NULL)
		return;
	map_free(&t->offsets);
	map_free(&t->resets);
	free(t);
}
