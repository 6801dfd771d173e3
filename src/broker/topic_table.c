/* topic_table: one hash by name; the JSON file is the only other form.
 *
 * Happy path: topic_find, one hash look-up without allocation. A change bumps the data version, marks config/topics.json dirty and
 * tells the listener (registration), which sends it to the name servers within the turn.
 * Failure: a damaged file makes topic_table_new fail (state_files has tried the .bak by then); a table at TOPICS_MAX answers RC_BUSY. */
#include "broker/topic_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/offset_table.h"
#include "broker/pull_hold.h"
#include "broker/state_files.h"

#define BENCHMARK_QUEUES 1024
#define CLUSTER_QUEUES 16 /* TopicConfig's own default */
#define TOPIC_ANY_MAX 255 /* longest name of any topic: %RETRY% + group; two hex digits less than a folder name may have */

struct entry {
	struct topic topic;
	UT_hash_handle hh;
};

struct topic_table {
	struct entry *by_name;
	struct data_version version;
	uint64_t default_timestamp; /* of a data version that no file gave */
	void (*on_change)(void *ctx, const struct topic *topic);
	void *on_change_ctx;
	size_t queue_slots; /* sum of queues_cap */
};

/* ---- names ---- */

static const char *const system_topics[] = {
	"TBW102",
	"SCHEDULE_TOPIC_XXXX",
	"BenchmarkTest",
	"RMQ_SYS_TRANS_HALF_TOPIC",
	"RMQ_SYS_TRACE_TOPIC",
	"RMQ_SYS_TRANS_OP_HALF_TOPIC",
	"RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
	"RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
	"TRANS_CHECK_MAX_TIME_TOPIC",
	"SELF_TEST_TOPIC",
	"OFFSET_MOVED_EVENT",
	"CHECKPOINT_TOPIC",
};

static const char *const not_allowed_send[] = {
	"SCHEDULE_TOPIC_XXXX",
	"RMQ_SYS_TRANS_HALF_TOPIC",
	"RMQ_SYS_TRANS_OP_HALF_TOPIC",
	"RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC",
	"RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC",
	"TRANS_CHECK_MAX_TIME_TOPIC",
	"SELF_TEST_TOPIC",
	"OFFSET_MOVED_EVENT",
};

static bool is_in(struct slice name, const char *const *names, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (slice_is(name, names[i]))
			return true;
	return false;
}

bool topic_is_system(struct slice name)
{
	return is_in(name, system_topics, COUNT_OF(system_topics)) || slice_has_prefix(name, SLICE_LIT("rmq_sys_"));
}

bool topic_is_reserved(const struct topic_table *t, struct slice name)
{
	const struct topic *topic;

	if (topic_is_system(name))
		return true;
	topic = topic_find((struct topic_table *)t, name);
	return topic != NULL && topic->is_system;
}

bool topic_is_not_allowed_send(struct slice name) { return is_in(name, not_allowed_send, COUNT_OF(not_allowed_send)); }

static bool is_legal_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '%' || c == '|' || c == '-' ||
	       c == '_';
}

bool topic_chars_are_legal(struct slice name)
{
	for (size_t i = 0; i < name.len; i++)
		if (!is_legal_char(name.at[i]))
			return false;
	return true;
}

static bool is_blank(struct slice s)
{
	for (size_t i = 0; i < s.len; i++)
		if ((unsigned char)s.at[i] > ' ')
			return false;
	return true;
}

const char *topic_name_error(struct slice name, struct arena *arena)
{
	(void)arena;
	if (is_blank(name))
		return "The specified topic is blank.";
	if (!topic_chars_are_legal(name))
		return "The specified topic contains illegal characters, allowing only ^[%|a-zA-Z0-9_-]+$";
	if (name.len > TOPIC_NAME_MAX)
		return "The specified topic is longer than topic max length.";
	return NULL;
}

/* ---- the table ---- */

struct topic *topic_find(struct topic_table *t, struct slice name)
{
	struct entry *e = NULL;

	if (name.len != 0)
		HASH_FIND(hh, t->by_name, name.at, name.len, e);
	return e ? &e->topic : NULL;
}

size_t topic_table_count(const struct topic_table *t) { return HASH_COUNT(t->by_name); }
const struct data_version *topic_table_version(const struct topic_table *t) { return &t->version; }

void topic_table_on_change(struct topic_table *t, void (*on_change)(void *ctx, const struct topic *topic), void *ctx)
{
	t->on_change = on_change;
	t->on_change_ctx = ctx;
}

static void changed(struct broker *b, struct topic *topic)
{
	struct topic_table *t = b->topics;

	data_version_bump(&t->version, b->wall_ms);
	state_file_mark(b->state_files, TOPICS_FILE);
	if (topic != NULL)
		topic->change = state_file_number(b->state_files, TOPICS_FILE);
	if (t->on_change != NULL)
		t->on_change(t->on_change_ctx, topic);
}

/* A message to a topic that a broker has forgotten over a crash would be acknowledged and never seen; so the topic is on the device first,
 * whatever flushDiskType says of messages. */
bool topic_wait_saved(struct broker *b, uint64_t change, struct state_wait *w)
{
	w->number = change;
	if (state_file_has(b->state_files, TOPICS_FILE, change))
		return false;
	state_file_wait(b->state_files, TOPICS_FILE, w);
	return true;
}

void topic_table_save(struct broker *b) { state_file_mark(b->state_files, TOPICS_FILE); }

void topic_table_bump(struct broker *b) { changed(b, NULL); }

/* A new entry with Apache's TopicConfig defaults; NULL at TOPICS_MAX or for a name that no store folder can have. */
static struct topic *add(struct topic_table *t, struct slice name)
{
	struct entry *e;

	if (HASH_COUNT(t->by_name) >= TOPICS_MAX || name.len == 0 || name.len > TOPIC_ANY_MAX)
		return NULL;
	e = mem_zalloc(sizeof(*e));
	e->topic.name = (struct slice){slice_dup(name), name.len};
	e->topic.read_queues = e->topic.write_queues = CLUSTER_QUEUES;
	e->topic.perm = PERM_READ | PERM_WRITE;
	e->topic.is_system = topic_is_system(name);
	HASH_ADD_KEYPTR(hh, t->by_name, e->topic.name.at, e->topic.name.len, e);
	return &e->topic;
}

static void free_topic(struct topic_table *t, struct topic *topic)
{
	struct entry *e = CONTAINER_OF(topic, struct entry, topic);

	attributes_free(topic->attributes);
	t->queue_slots -= (size_t)topic->queues_cap;
	free(topic->queues);
	free(topic->stats);
	free((char *)topic->name.at);
	free(e);
}

/* Off the table, and freed when nobody holds it. */
static void remove_topic(struct topic_table *t, struct topic *topic)
{
	HASH_DEL(t->by_name, CONTAINER_OF(topic, struct entry, topic));
	topic->is_deleted = true;
	if (topic->holds == 0)
		free_topic(t, topic);
}

void topic_hold(struct topic *topic) { topic->holds++; }

void topic_drop(struct topic_table *t, struct topic *topic)
{
	if (--topic->holds == 0 && topic->is_deleted)
		free_topic(t, topic);
}

static int by_name(const void *a, const void *b)
{
	const struct topic *x = *(struct topic *const *)a, *y = *(struct topic *const *)b;

	return strcmp(x->name.at, y->name.at);
}

void topic_each(struct topic_table *t, void (*visit)(void *ctx, struct topic *topic), void *ctx)
{
	size_t count = HASH_COUNT(t->by_name), i = 0;
	struct topic **sorted = mem_alloc((count + 1) * sizeof(struct topic *));

	for (struct entry *e = t->by_name; e != NULL; e = e->hh.next)
		sorted[i++] = &e->topic;
	qsort(sorted, count, sizeof(struct topic *), by_name);
	for (i = 0; i < count; i++)
		visit(ctx, sorted[i]);
	free(sorted);
}

struct store_queue *topic_queue(struct broker *b, struct topic *topic, int32_t queue_id, bool make)
{
	struct store_queue *q;

	if (queue_id < 0 || queue_id >= TOPIC_QUEUES_MAX)
		return NULL;
	if (queue_id < topic->queues_cap && topic->queues[queue_id] != NULL)
		return topic->queues[queue_id];
	q = make ? store_queue_open(b->store, topic->name, queue_id) : store_queue_find(b->store, topic->name, queue_id);
	if (q == NULL)
		return NULL;
	if (queue_id >= topic->queues_cap) {
		int32_t cap = topic->queues_cap ? topic->queues_cap : 4;

		while (cap <= queue_id)
			cap *= 2;
		if ((size_t)(cap - topic->queues_cap) > TOPIC_QUEUE_SLOTS_MAX - b->topics->queue_slots)
			return q;
		b->topics->queue_slots += (size_t)(cap - topic->queues_cap);
		topic->queues = mem_realloc(topic->queues, (size_t)cap * sizeof(struct store_queue *));
		memset(topic->queues + topic->queues_cap, 0, (size_t)(cap - topic->queues_cap) * sizeof(struct store_queue *));
		topic->queues_cap = cap;
	}
	topic->queues[queue_id] = q;
	return q;
}

static void set_config(struct topic *to, const struct topic *from)
{
	to->read_queues = from->read_queues;
	to->write_queues = from->write_queues;
	to->perm = from->perm;
	to->is_multi_tag = from->is_multi_tag;
	to->sys_flag = from->sys_flag;
	to->is_order = from->is_order;
}

static bool same_config(const struct topic *a, const struct topic *b)
{
	return a->read_queues == b->read_queues && a->write_queues == b->write_queues && a->perm == b->perm &&
	       a->is_multi_tag == b->is_multi_tag && a->sys_flag == b->sys_flag && a->is_order == b->is_order;
}

enum rc topic_put_changes(struct broker *b, const struct topic *config, const struct attribute_changes *changes,
			  struct arena *arena, const char **why)
{
	struct topic *topic = topic_find(b->topics, config->name);
	struct topic_attribute *attributes = NULL;
	enum rc rc = attributes_alter(&topic_attribute_rules, topic == NULL, topic ? topic->attributes : NULL, changes,
				      &attributes, arena, why);

	if (rc != RC_OK)
		return rc;
	if (topic != NULL && same_config(topic, config) && attributes_equal(topic->attributes, attributes)) {
		attributes_free(attributes); /* nothing changes: no new data version, as Apache */
		return RC_OK;
	}
	if (topic == NULL && (topic = add(b->topics, config->name)) == NULL) {
		attributes_free(attributes);
		return RC_BUSY;
	}
	set_config(topic, config);
	attributes_free(topic->attributes);
	topic->attributes = attributes;
	log_info("broker", "topic '%s': %d read and %d write queues, perm %d", topic->name.at, topic->read_queues,
		 topic->write_queues, topic->perm);
	changed(b, topic);
	return RC_OK;
}

enum rc topic_put(struct broker *b, const struct topic *config, struct slice attributes, struct arena *arena, const char **why)
{
	struct attribute_changes *changes = arena_alloc(arena, sizeof(*changes));
	enum rc rc = attributes_parse(attributes, changes, arena, why);

	return rc == RC_OK ? topic_put_changes(b, config, changes, arena, why) : rc;
}

static int32_t queues_between(int32_t value, int32_t least)
{
	return value < least ? least : value > TOPIC_QUEUES_MAX ? TOPIC_QUEUES_MAX : value;
}

struct topic *topic_auto_create(struct broker *b, struct slice name, struct slice default_topic, int32_t default_queues,
				int32_t sys_flag)
{
	struct topic *template = topic_find(b->topics, default_topic);
	struct topic *topic;

	/* Apache takes the inherit bit off TBW102 here for good; we leave the template alone (oddities.md). */
	if (template == NULL || (template->perm & PERM_INHERIT) == 0 ||
	    (!b->config->auto_create_topic_enable && slice_is(default_topic, "TBW102")))
		return NULL;
	topic = add(b->topics, name);
	if (topic == NULL)
		return NULL;
	topic->write_queues = topic->read_queues =
		queues_between(default_queues < template->write_queues ? default_queues : template->write_queues, 0);
	topic->perm = template->perm & ~PERM_INHERIT;
	topic->sys_flag = sys_flag;
	topic->is_multi_tag = template->is_multi_tag;
	log_info("broker", "topic '%s': made by a send, %d queues", topic->name.at, topic->read_queues);
	changed(b, topic);
	return topic;
}

struct topic *topic_ensure(struct broker *b, struct slice name, int32_t queues, int32_t perm, int32_t sys_flag)
{
	struct topic *topic = topic_find(b->topics, name);

	if (topic != NULL)
		return topic;
	topic = add(b->topics, name);
	if (topic == NULL)
		return NULL;
	topic->read_queues = topic->write_queues = queues_between(queues, 0);
	topic->perm = perm;
	topic->sys_flag = sys_flag;
	log_info("broker", "topic '%s': made, %d queues", topic->name.at, topic->read_queues);
	changed(b, topic);
	return topic;
}

bool topic_delete(struct broker *b, struct slice name)
{
	struct topic *topic = topic_find(b->topics, name);

	/* Holds first: they point at the store's queues. The store may know queues of a topic whose configuration is gone. */
	pull_hold_topic_deleted(b, name);
	offset_delete_topic(b->offsets, name);
	store_delete_topic(b->store, name);
	if (topic == NULL)
		return false;
	stats_topic_deleted(b, topic);
	log_info("broker", "topic '%s': deleted", topic->name.at);
	remove_topic(b->topics, topic);
	changed(b, NULL);
	return true;
}

/* ---- JSON ---- */

void topic_write_members(const struct topic *topic, struct json_writer *w)
{
	json_key(w, "attributes");
	attributes_write_json(topic->attributes, w);
	json_member_bool(w, "order", topic->is_order);
	json_member_i64(w, "perm", topic->perm);
	json_member_i64(w, "readQueueNums", topic->read_queues);
	json_member_text(w, "topicFilterType", topic->is_multi_tag ? SLICE_LIT("MULTI_TAG") : SLICE_LIT("SINGLE_TAG"));
	json_member_text(w, "topicName", topic->name);
	json_member_i64(w, "topicSysFlag", topic->sys_flag);
	json_member_i64(w, "writeQueueNums", topic->write_queues);
}

void topic_write_json(const struct topic *topic, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	topic_write_members(topic, &w);
	json_object_end(&w);
}

static void encode_topic(void *ctx, struct topic *topic)
{
	struct json_writer *w = ctx;

	json_key_text(w, topic->name);
	json_object(w);
	topic_write_members(topic, w);
	json_object_end(w);
}

void topic_table_encode(struct broker *b, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_PRETTY);
	json_object(&w);
	json_key(&w, "dataVersion");
	data_version_write(&b->topics->version, &w);
	json_key(&w, "topicConfigTable");
	json_object(&w);
	topic_each(b->topics, encode_topic, &w);
	json_object_end(&w);
	json_object_end(&w);
}

bool topic_read_json(const cJSON *object, struct topic *config)
{
	static const char *const filter_types[] = {"SINGLE_TAG", "MULTI_TAG"};
	int filter = config->is_multi_tag;
	bool ok = json_read_text(object, "topicName", &config->name) &&
		  json_read_i32(object, "readQueueNums", &config->read_queues) &&
		  json_read_i32(object, "writeQueueNums", &config->write_queues) &&
		  json_read_i32(object, "perm", &config->perm) && json_read_i32(object, "topicSysFlag", &config->sys_flag) &&
		  json_read_bool(object, "order", &config->is_order) &&
		  json_read_enum(object, "topicFilterType", filter_types, 2, &filter);

	config->is_multi_tag = filter == 1;
	return ok && config->name.len != 0;
}

/* One row of topicConfigTable. A row that cannot be read is skipped with a line: one bad topic must not stop the broker. */
static void load_topic(struct topic_table *t, const cJSON *row)
{
	struct topic config = {.read_queues = CLUSTER_QUEUES, .write_queues = CLUSTER_QUEUES, .perm = PERM_READ | PERM_WRITE};
	struct topic *topic;

	if (!topic_read_json(row, &config)) {
		log_warn("broker", "%s: topic '%s' cannot be read, left out", TOPICS_FILE, row->string);
		return;
	}
	topic = topic_find(t, config.name);
	if (topic == NULL)
		topic = add(t, config.name);
	if (topic == NULL) {
		log_warn("broker", "%s: topic '%s' left out: too many topics or a name too long", TOPICS_FILE, row->string);
		return;
	}
	config.read_queues = queues_between(config.read_queues, 0);
	config.write_queues = queues_between(config.write_queues, 0);
	set_config(topic, &config);
	attributes_free(topic->attributes);
	topic->attributes = attributes_read_json(json_get_object(row, "attributes"));
}

static enum rc decode(struct broker *b, struct slice text)
{
	const cJSON *rows;
	cJSON *tree;

	if (json_parse(text, &tree) != RC_OK)
		return RC_CORRUPT;
	rows = json_get_object(tree, "topicConfigTable");
	if (rows == NULL) {
		json_free(tree);
		return RC_CORRUPT;
	}
	JSON_EACH (row, rows)
		load_topic(b->topics, row);
	data_version_read(json_get_object(tree, "dataVersion"), &b->topics->version);
	json_free(tree);
	return RC_OK;
}

/* ---- what we cannot read ---- */

static bool is_batch_queue(const cJSON *row)
{
	const char *type = cJSON_GetStringValue(json_get(json_get_object(row, "attributes"), "queue.type"));

	return type != NULL && strcmp(type, "BatchCQ") == 0;
}

/* Its name, malloc'ed; NULL: there is none. */
static char *find_batch_queue(struct slice text)
{
	char *name = NULL;
	cJSON *tree;

	if (memmem(text.at, text.len, "BatchCQ", 7) == NULL || json_parse(text, &tree) != RC_OK)
		return NULL; /* the usual case costs no parsing */
	JSON_EACH (row, json_get_object(tree, "topicConfigTable"))
		if (name == NULL && is_batch_queue(row))
			name = mem_strdup(row->string);
	json_free(tree);
	return name;
}

enum rc topic_table_refuse(const char *store_root, char **error)
{
	static const char *const suffixes[] = {"", ".bak"};
	enum rc rc = RC_OK;
	bool is_read = false;

	for (size_t i = 0; i < COUNT_OF(suffixes) && !is_read; i++) {
		char *path = mem_printf("%s/config/" TOPICS_FILE "%s", store_root, suffixes[i]), *name = NULL;
		struct buf text = {0};

		is_read = small_file_read(path, &text) == RC_OK && text.len > 0;
		if (is_read)
			name = find_batch_queue(buf_slice(&text));
		if (name != NULL) {
			rc = RC_UNSUPPORTED;
			*error = mem_printf(
				"broker: '%s' has topic '%s' with queue.type=BatchCQ, which fusee cannot read: consume "
				"and delete such topics on Apache's broker first",
				path, name);
		}
		free(name);
		buf_free(&text);
		free(path);
	}
	return rc;
}

/* ---- start ---- */

/* A topic that the broker makes for itself; one from the file stays as it is. Returns whether it was made. */
static bool ensure_system(struct topic_table *t, struct slice name, int32_t queues, int32_t perm)
{
	struct topic *topic = topic_find(t, name);
	bool is_new = topic == NULL;

	if (is_new)
		topic = add(t, name);
	if (topic == NULL)
		return false;
	topic->is_system = true;
	if (is_new) {
		topic->read_queues = topic->write_queues = queues;
		topic->perm = perm;
	}
	return is_new;
}

static bool ensure_system_text(struct topic_table *t, const char *name, int32_t queues, int32_t perm)
{
	return ensure_system(t, slice_of(name), queues, perm);
}

static bool ensure_system_2(struct topic_table *t, const char *before, const char *name, const char *behind, int32_t queues,
			    int32_t perm)
{
	char *full = mem_printf("%s%s%s", before, name, behind);
	bool is_new = ensure_system_text(t, full, queues, perm);

	free(full);
	return is_new;
}

void topic_template_changed(struct broker *b)
{
	struct topic *topic = topic_find(b->topics, SLICE_LIT("TBW102"));
	int32_t queues = b->config->default_topic_queue_nums;

	if (topic == NULL && b->config->auto_create_topic_enable) {
		ensure_system_text(b->topics, "TBW102", queues, PERM_READ | PERM_WRITE | PERM_INHERIT);
		topic = topic_find(b->topics, SLICE_LIT("TBW102"));
	}
	if (topic == NULL)
		return;
	topic->read_queues = topic->write_queues = queues;
	changed(b, topic);
}

/* constants.md section 6. Returns whether any was missing. */
static bool make_system_topics(struct topic_table *t, const struct broker_config *c)
{
	const int32_t rw = PERM_READ | PERM_WRITE;
	bool any = false;

	any |= ensure_system_text(t, "SELF_TEST_TOPIC", 1, rw);
	if (c->auto_create_topic_enable)
		any |= ensure_system_text(t, "TBW102", c->default_topic_queue_nums, rw | PERM_INHERIT);
	any |= ensure_system_text(t, "BenchmarkTest", BENCHMARK_QUEUES, rw);
	any |= ensure_system_text(t, c->broker_cluster_name, CLUSTER_QUEUES, PERM_INHERIT | (c->cluster_topic_enable ? rw : 0));
	any |= ensure_system_text(t, c->broker_name, 1, PERM_INHERIT | (c->broker_topic_enable ? rw : 0));
	any |= ensure_system_text(t, "OFFSET_MOVED_EVENT", 1, rw);
	any |= ensure_system_text(t, "SCHEDULE_TOPIC_XXXX", 18, rw);
	if (c->trace_topic_enable)
		any |= ensure_system_text(t, c->msg_trace_topic_name, 1, rw);
	any |= ensure_system_2(t, "", c->broker_cluster_name, "_REPLY_TOPIC", 1, rw);
	any |= ensure_system_2(t, "rmq_sys_REVIVE_LOG_", c->broker_cluster_name, "", c->revive_queue_num, rw);
	any |= ensure_system_2(t, "rmq_sys_SYNC_BROKER_MEMBER_", c->broker_name, "", 1, PERM_INHERIT);
	any |= ensure_system_text(t, "RMQ_SYS_TRANS_HALF_TOPIC", 1, rw);
	any |= ensure_system_text(t, "RMQ_SYS_TRANS_OP_HALF_TOPIC", 1, rw);
	any |= ensure_system_text(t, "RMQ_SYS_ROCKSDB_TRANS_HALF_TOPIC", 1, rw);
	any |= ensure_system_text(t, "RMQ_SYS_ROCKSDB_TRANS_OP_HALF_TOPIC", 1, rw);
	if (c->timer_wheel_enable)
		any |= ensure_system_text(t, "rmq_sys_wheel_timer", 1, rw);
	return any;
}

enum rc topic_table_new(struct broker *b, struct topic_table **out, char **error)
{
	struct topic_table *t = mem_zalloc(sizeof(*t));
	enum rc rc;

	t->version.timestamp = (int64_t)b->wall_ms;
	b->topics = t; /* the decoder fills it */
	rc = state_file_add(b->state_files, TOPICS_FILE, 0, topic_table_encode, decode, error);
	if (rc != RC_OK) {
		b->topics = NULL;
		topic_table_free(t);
		return rc;
	}
	if (make_system_topics(t, b->config)) {
		data_version_bump(&t->version, b->wall_ms);
		state_file_mark(b->state_files, TOPICS_FILE);
	}
	*out = t;
	return RC_OK;
}

void topic_table_free(struct topic_table *t)
{
	struct entry *e, *next;

	if (t == NULL)
		return;
	HASH_ITER (hh, t->by_name, e, next)
		remove_topic(t, &e->topic);
	free(t);
}
