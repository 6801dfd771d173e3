/* group_table: one hash by name, and a small one for the forbidden bits.
 *
 * Happy path: group_find. Members that we do not use (groupRetryPolicy, subscriptionDataSet) are kept as compact JSON text, so that
 * a file written by Apache keeps them.
 * Failure: as topic_table. */
#include "broker/group_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/state_files.h"
#include "broker/topic_table.h"

#define KEPT_JSON_MAX 65536 /* longest member that is kept as text */

struct entry {
	struct group group;
	UT_hash_handle hh;
};

struct forbidden {
	struct slice group, topic; /* into key */
	int32_t bits;
	UT_hash_handle hh;
	char key[]; /* group, NUL, topic */
};

struct group_table {
	struct entry *by_name;
	struct forbidden *forbidden;
	struct data_version version;
};

static const char *const preset_groups[] = {
	"TOOLS_CONSUMER",  "FILTERSRV_CONSUMER",    "SELF_TEST_C_GROUP", "CID_ONS-HTTP-PROXY",
	"CID_ONSAPI_PULL", "CID_ONSAPI_PERMISSION", "CID_ONSAPI_OWNER",  "CID_RMQ_SYS_TRANS",
};

static bool is_system_group(struct slice name)
{
	for (size_t i = 0; i < COUNT_OF(preset_groups); i++)
		if (slice_is(name, preset_groups[i]))
			return true;
	return slice_has_prefix(name, SLICE_LIT("CID_RMQ_SYS_"));
}

bool group_name_is_legal(struct slice name) { return name.len != 0 && name.len <= GROUP_NAME_MAX && topic_chars_are_legal(name); }

/* ---- the table ---- */

struct group *group_find(struct group_table *t, struct slice name)
{
	struct entry *e = NULL;

	if (name.len != 0)
		HASH_FIND(hh, t->by_name, name.at, name.len, e);
	return e ? &e->group : NULL;
}

size_t group_table_count(const struct group_table *t) { return HASH_COUNT(t->by_name); }
const struct data_version *group_table_version(const struct group_table *t) { return &t->version; }

/* SubscriptionGroupConfig's defaults; constants.md section 7. */
static void set_defaults(struct group *g)
{
	g->consume_enable = g->consume_from_min_enable = g->consume_broadcast_enable = g->notify_ids_changed = true;
	g->retry_queue_nums = 1;
	g->retry_max_times = 16;
	g->which_broker_when_slow = 1;
	g->consume_timeout_minutes = 15;
}

static struct group *add(struct group_table *t, struct slice name)
{
	struct entry *e;

	if (HASH_COUNT(t->by_name) >= GROUPS_MAX || name.len == 0 || name.len > GROUP_NAME_MAX)
		return NULL;
	e = mem_zalloc(sizeof(*e));
	set_defaults(&e->group);
	e->group.name = (struct slice){slice_dup(name), name.len};
	e->group.is_system = is_system_group(name);
	HASH_ADD_KEYPTR(hh, t->by_name, e->group.name.at, e->group.name.len, e);
	return &e->group;
}

static void clear_owned(struct group *g)
{
	free(g->retry_policy_json);
	free(g->subscription_data_json);
	attributes_free(g->attributes);
}

static void free_group(struct group_table *t, struct group *g)
{
	struct entry *e = CONTAINER_OF(g, struct entry, group);

	HASH_DEL(t->by_name, e);
	clear_owned(g);
	free((char *)g->name.at);
	free(e);
}

static void changed(struct broker *b)
{
	data_version_bump(&b->groups->version, b->wall_ms);
	state_file_mark(b->state_files, GROUPS_FILE);
}

struct group *group_find_or_create(struct broker *b, struct slice name)
{
	struct group *g = group_find(b->groups, name);

	if (g != NULL)
		return g;
	if (!b->config->auto_create_subscription_group &&
	    !(b->config->enable_create_sys_group && slice_has_prefix(name, SLICE_LIT("CID_RMQ_SYS_"))))
		return NULL;
	if (!group_name_is_legal(name))
		return NULL;
	g = add(b->groups, name);
	if (g == NULL)
		return NULL;
	log_info("broker", "group '%s': made by a client", g->name.at);
	changed(b);
	return g;
}

static int by_name(const void *a, const void *b)
{
	const struct group *x = *(struct group *const *)a, *y = *(struct group *const *)b;

	return strcmp(x->name.at, y->name.at);
}

void group_each(struct group_table *t, void (*visit)(void *ctx, struct group *g), void *ctx)
{
	size_t count = HASH_COUNT(t->by_name), i = 0;
	struct group **sorted = mem_alloc((count + 1) * sizeof(struct group *));

	for (struct entry *e = t->by_name; e != NULL; e = e->hh.next)
		sorted[i++] = &e->group;
	qsort(sorted, count, sizeof(struct group *), by_name);
	for (i = 0; i < count; i++)
		visit(ctx, sorted[i]);
	free(sorted);
}

/* ---- forbidden bits ---- */

static size_t forbidden_key(char key[2 * GROUP_NAME_MAX + 2], struct slice group, struct slice topic)
{
	if (group.len == 0 || topic.len == 0 || group.len > GROUP_NAME_MAX || topic.len > GROUP_NAME_MAX)
		return 0;
	memcpy(key, group.at, group.len);
	key[group.len] = '\0';
	memcpy(key + group.len + 1, topic.at, topic.len);
	return group.len + 1 + topic.len;
}

static struct forbidden *find_forbidden(const struct group_table *t, struct slice group, struct slice topic)
{
	char key[2 * GROUP_NAME_MAX + 2];
	size_t len = forbidden_key(key, group, topic);
	struct forbidden *f = NULL;

	if (len != 0)
		HASH_FIND(hh, t->forbidden, key, len, f);
	return f;
}

static bool put_forbidden(struct group_table *t, struct slice group, struct slice topic, int32_t bits)
{
	char key[2 * GROUP_NAME_MAX + 2];
	size_t len = forbidden_key(key, group, topic);
	struct forbidden *f = find_forbidden(t, group, topic);

	if (f == NULL && (len == 0 || HASH_COUNT(t->forbidden) >= FORBIDDEN_MAX))
		return false;
	if (f == NULL) {
		f = mem_zalloc(sizeof(*f) + len + 1);
		memcpy(f->key, key, len);
		f->group = (struct slice){f->key, group.len};
		f->topic = (struct slice){f->key + group.len + 1, topic.len};
		HASH_ADD_KEYPTR(hh, t->forbidden, f->key, len, f);
	}
	f->bits = bits;
	return true;
}

static void drop_forbidden(struct group_table *t, struct forbidden *f)
{
	HASH_DEL(t->forbidden, f);
	free(f);
}

int32_t group_forbidden(const struct group_table *t, struct slice group, struct slice topic)
{
	const struct forbidden *f = t->forbidden ? find_forbidden(t, group, topic) : NULL;

	return f ? f->bits : 0;
}

bool group_forbid(struct broker *b, struct slice group, struct slice topic, int32_t bits)
{
	struct forbidden *f = find_forbidden(b->groups, group, topic);

	if (bits <= 0) {
		if (f != NULL)
			drop_forbidden(b->groups, f);
	} else if (!put_forbidden(b->groups, group, topic, bits)) {
		return false;
	}
	changed(b);
	return true;
}

static int forbidden_order(struct forbidden *a, struct forbidden *b)
{
	int order = strcmp(a->group.at, b->group.at);

	return order ? order : strcmp(a->topic.at, b->topic.at);
}

void group_write_forbidden(const struct group_table *t, struct json_writer *w)
{
	struct forbidden *head = t->forbidden;
	const struct forbidden *last = NULL;

	HASH_SORT(head, forbidden_order);
	((struct group_table *)t)->forbidden = head; /* sorting moves the head; the contents are the same */
	json_object(w);
	for (const struct forbidden *f = head; f != NULL; last = f, f = f->hh.next) {
		if (last == NULL || !slice_eq(last->group, f->group)) {
			if (last != NULL)
				json_object_end(w);
			json_key_text(w, f->group);
			json_object(w);
		}
		json_key_text(w, f->topic);
		json_i64(w, f->bits);
	}
	if (last != NULL)
		json_object_end(w);
	json_object_end(w);
}

/* ---- JSON ---- */

void group_write_members(const struct group *g, struct json_writer *w)
{
	json_key(w, "attributes");
	attributes_write_json(g->attributes, w);
	json_member_i64(w, "brokerId", g->broker_id);
	json_member_bool(w, "consumeBroadcastEnable", g->consume_broadcast_enable);
	json_member_bool(w, "consumeEnable", g->consume_enable);
	json_member_bool(w, "consumeFromMinEnable", g->consume_from_min_enable);
	json_member_bool(w, "consumeMessageOrderly", g->consume_message_orderly);
	json_member_i64(w, "consumeTimeoutMinute", g->consume_timeout_minutes);
	json_member_text(w, "groupName", g->name);
	json_key(w, "groupRetryPolicy");
	if (g->retry_policy_json != NULL) {
		json_raw(w, slice_of(g->retry_policy_json));
	} else {
		json_object(w);
		json_member_text(w, "type", SLICE_LIT("CUSTOMIZED"));
		json_object_end(w);
	}
	json_member_i64(w, "groupSysFlag", g->sys_flag);
	json_member_bool(w, "notifyConsumerIdsChangedEnable", g->notify_ids_changed);
	json_member_i64(w, "retryMaxTimes", g->retry_max_times);
	json_member_i64(w, "retryQueueNums", g->retry_queue_nums);
	if (g->subscription_data_json != NULL) {
		json_key(w, "subscriptionDataSet");
		json_raw(w, slice_of(g->subscription_data_json));
	}
	json_member_i64(w, "whichBrokerWhenConsumeSlowly", g->which_broker_when_slow);
}

void group_write_json(const struct group *g, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	group_write_members(g, &w);
	json_object_end(&w);
}

static void encode_group(void *ctx, struct group *g)
{
	struct json_writer *w = ctx;

	json_key_text(w, g->name);
	json_object(w);
	group_write_members(g, w);
	json_object_end(w);
}

void group_table_encode(struct broker *b, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_PRETTY);
	json_object(&w);
	json_key(&w, "dataVersion");
	data_version_write(&b->groups->version, &w);
	json_key(&w, "forbiddenTable");
	group_write_forbidden(b->groups, &w);
	json_key(&w, "subscriptionGroupTable");
	json_object(&w);
	group_each(b->groups, encode_group, &w);
	json_object_end(&w);
	json_object_end(&w);
}

/* A member kept as text: compact JSON, malloc'ed; NULL when absent or too long. */
static char *kept_json(const cJSON *object, const char *name)
{
	const cJSON *member = json_get(object, name);
	char *text = member ? cJSON_PrintUnformatted(member) : NULL;

	if (text != NULL && strlen(text) > KEPT_JSON_MAX) {
		cJSON_free(text);
		text = NULL;
	}
	return text;
}

/* The members, over the defaults in *g. False: a member has the wrong type (*bad names it). */
static bool read_members(const cJSON *object, struct group *g, const char **bad)
{
	const struct {
		const char *name;
		bool *value;
	} bools[] = {
		{"consumeEnable", &g->consume_enable},
		{"consumeFromMinEnable", &g->consume_from_min_enable},
		{"consumeBroadcastEnable", &g->consume_broadcast_enable},
		{"consumeMessageOrderly", &g->consume_message_orderly},
		{"notifyConsumerIdsChangedEnable", &g->notify_ids_changed},
	};
	const struct {
		const char *name;
		int32_t *value;
	} ints[] = {
		{"retryQueueNums", &g->retry_queue_nums},
		{"retryMaxTimes", &g->retry_max_times},
		{"consumeTimeoutMinute", &g->consume_timeout_minutes},
		{"groupSysFlag", &g->sys_flag},
	};

	for (size_t i = 0; i < COUNT_OF(bools); i++)
		if (!json_read_bool(object, *bad = bools[i].name, bools[i].value))
			return false;
	for (size_t i = 0; i < COUNT_OF(ints); i++)
		if (!json_read_i32(object, *bad = ints[i].name, ints[i].value))
			return false;
	*bad = "retryQueueNums";
	if (g->retry_queue_nums < 0 || g->retry_queue_nums > GROUP_RETRY_QUEUES_MAX)
		return false;
	return json_read_i64(object, *bad = "brokerId", &g->broker_id) &&
	       json_read_i64(object, *bad = "whichBrokerWhenConsumeSlowly", &g->which_broker_when_slow);
}

/* Take over what was read; g keeps its name and links. */
static void set_config(struct group *g, const struct group *from)
{
	struct group old = *g;

	clear_owned(g);
	*g = *from;
	g->name = old.name;
	g->is_system = old.is_system;
}

enum rc group_put_object(struct broker *b, const cJSON *object, struct arena *arena, const char **why)
{
	struct attribute_changes *changes = arena_alloc(arena, sizeof(*changes));
	struct group config = {.name = {NULL, 0}};
	struct group *g;
	const char *bad;
	enum rc rc;

	*why = "the body is not a subscription group config with a groupName";
	set_defaults(&config);
	if (!json_read_text(object, "groupName", &config.name) || config.name.len == 0)
		return RC_MALFORMED;
	if (!group_name_is_legal(config.name)) {
		*why = arena_printf(arena,
				    "the group name '%.*s' is longer than %d or has characters outside ^[%%|a-zA-Z0-9_-]+$",
				    SLICE_ARG(slice_sub(config.name, 0, GROUP_NAME_MAX)), GROUP_NAME_MAX);
		return RC_MALFORMED;
	}
	if (!read_members(object, &config, &bad)) {
		*why = arena_printf(arena, "%s of group '%.*s' has a wrong value", bad, SLICE_ARG(config.name));
		return RC_INVALID;
	}
	g = group_find(b->groups, config.name);
	rc = attributes_parse_json(json_get_object(object, "attributes"), changes, arena, why);
	if (rc == RC_OK)
		rc = attributes_alter(&group_attribute_rules, g == NULL, g ? g->attributes : NULL, changes, &config.attributes,
				      arena, why);
	if (rc != RC_OK)
		return rc;
	if (g == NULL) {
		g = add(b->groups, config.name);
		if (g == NULL) {
			attributes_free(config.attributes);
			*why = "this broker has as many groups as it takes";
			return RC_BUSY;
		}
	}
	config.retry_policy_json = kept_json(object, "groupRetryPolicy");
	config.subscription_data_json = kept_json(object, "subscriptionDataSet");
	set_config(g, &config);
	log_info("broker", "group '%s': set by an admin", g->name.at);
	changed(b);
	return RC_OK;
}

enum rc group_put_json(struct broker *b, struct slice json, struct arena *arena, const char **why)
{
	cJSON *tree;
	enum rc rc;

	*why = "the body is not JSON";
	if (json_parse(json, &tree) != RC_OK)
		return RC_MALFORMED;
	rc = group_put_object(b, tree, arena, why);
	json_free(tree);
	return rc;
}

bool group_delete(struct broker *b, struct slice name)
{
	struct group *g = group_find(b->groups, name);
	struct forbidden *f, *next;

	HASH_ITER (hh, b->groups->forbidden, f, next)
		if (slice_eq(f->group, name))
			drop_forbidden(b->groups, f);
	if (g == NULL)
		return false;
	log_info("broker", "group '%s': deleted", g->name.at);
	free_group(b->groups, g);
	changed(b);
	return true;
}

static void load_group(struct group_table *t, const cJSON *row)
{
	struct group config = {.name = slice_of(row->string)};
	struct group *g;
	const char *bad = "groupName";

	set_defaults(&config);
	if (!json_read_text(row, "groupName", &config.name) || !read_members(row, &config, &bad)) {
		log_warn("broker", "%s: group '%s' left out, cannot read %s", GROUPS_FILE, row->string, bad);
		return;
	}
	g = group_find(t, config.name);
	if (g == NULL)
		g = add(t, config.name);
	if (g == NULL) {
		log_warn("broker", "%s: group '%s' left out: too many groups or a bad name", GROUPS_FILE, row->string);
		return;
	}
	config.attributes = attributes_read_json(json_get_object(row, "attributes"));
	config.retry_policy_json = kept_json(row, "groupRetryPolicy");
	config.subscription_data_json = kept_json(row, "subscriptionDataSet");
	set_config(g, &config);
}

static void load_forbidden(struct group_table *t, const cJSON *table)
{
	JSON_EACH (group, table)
		JSON_EACH (topic, group) {
			int64_t bits;

			if (json_value_i64(topic, &bits) && bits > 0 && bits <= INT32_MAX)
				put_forbidden(t, json_name(group), json_name(topic), (int32_t)bits);
		}
}

static enum rc decode(struct broker *b, struct slice text)
{
	const cJSON *rows;
	cJSON *tree;

	if (json_parse(text, &tree) != RC_OK)
		return RC_CORRUPT;
	rows = json_get_object(tree, "subscriptionGroupTable");
	if (rows == NULL) {
		json_free(tree);
		return RC_CORRUPT;
	}
	JSON_EACH (row, rows)
		load_group(b->groups, row);
	load_forbidden(b->groups, json_get_object(tree, "forbiddenTable"));
	data_version_read(json_get_object(tree, "dataVersion"), &b->groups->version);
	json_free(tree);
	return RC_OK;
}

enum rc group_table_new(struct broker *b, struct group_table **out, char **error)
{
	struct group_table *t = mem_zalloc(sizeof(*t));
	enum rc rc;

	t->version.timestamp = (int64_t)b->wall_ms;
	b->groups = t; /* the decoder fills it */
	rc = state_file_add(b->state_files, GROUPS_FILE, 0, group_table_encode, decode, error);
	if (rc != RC_OK) {
		b->groups = NULL;
		group_table_free(t);
		return rc;
	}
	for (size_t i = 0; i < COUNT_OF(preset_groups); i++)
		if (group_find(t, slice_of(preset_groups[i])) == NULL)
			add(t, slice_of(preset_groups[i]));
	*out = t;
	return RC_OK;
}

void group_table_free(struct group_table *t)
{
	struct entry *e, *next;
	struct forbidden *f, *f_next;

	if (t == NULL)
		return;
	HASH_ITER (hh, t->by_name, e, next)
		free_group(t, &e->group);
	HASH_ITER (hh, t->forbidden, f, f_next)
		drop_forbidden(t, f);
	free(t);
}
