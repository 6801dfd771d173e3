#include "broker/attributes.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"

/* constants.md section 6 (5.5.0). The order inside [..] is that of Java's HashSet, which Apache prints. */
static const struct attribute_rule topic_rules[] = {
	{"queue.type", false, ATTRIBUTE_ENUM, "[SimpleCQ, BatchCQ]", 0, 0},
	{"cleanup.policy", false, ATTRIBUTE_ENUM, "[DELETE, COMPACTION]", 0, 0},
	{"message.type", true, ATTRIBUTE_ENUM, "[UNSPECIFIED, MIXED, TRANSACTION, PRIORITY, FIFO, DELAY, LITE, NORMAL]", 0, 0},
	{"reserve.time", true, ATTRIBUTE_RANGE, NULL, -1, INT64_MAX},
	{"lite.topic.expiration", true, ATTRIBUTE_RANGE, NULL, -1, 43200},
};
const struct attribute_rules topic_attribute_rules = {topic_rules, COUNT_OF(topic_rules)};

/* constants.md section 7. */
static const struct attribute_rule group_rules[] = {
	{"priority.factor", true, ATTRIBUTE_RANGE, NULL, 0, 100},
	{"lite.bind.topic", true, ATTRIBUTE_TEXT, NULL, 0, 0},
	{"lite.sub.model", true, ATTRIBUTE_ENUM, "[Shared, Exclusive]", 0, 0},
	{"lite.sub.reset.offset.exclusive", true, ATTRIBUTE_BOOLEAN, NULL, 0, 0},
	{"lite.sub.reset.offset.unsubscribe", true, ATTRIBUTE_BOOLEAN, NULL, 0, 0},
	{"lite.sub.client.quota", true, ATTRIBUTE_RANGE, NULL, -1, INT64_MAX},
	{"lite.sub.client.max.event.cnt", true, ATTRIBUTE_RANGE, NULL, 10, INT64_MAX},
	{"lite.sub.wildcard", true, ATTRIBUTE_TEXT, NULL, 0, 0},
};
const struct attribute_rules group_attribute_rules = {group_rules, COUNT_OF(group_rules)};

static enum rc refuse(const char **why, const char *text)
{
	*why = text;
	return RC_INVALID;
}

static bool has(struct slice s, char c) { return slice_find(s, c) < s.len; }

static enum rc add_change(struct attribute_changes *out, struct slice key, struct slice value, struct arena *arena,
			  const char **why)
{
	if (key.len > ATTRIBUTE_TEXT_MAX || value.len > ATTRIBUTE_TEXT_MAX || out->count == ATTRIBUTE_CHANGES_MAX)
		return refuse(why, "too many or too long attributes");
	for (size_t i = 0; i < out->count; i++)
		if (slice_eq(out->items[i].key, key))
			return refuse(why, arena_printf(arena, "key duplication: %.*s", SLICE_ARG(key)));
	out->items[out->count++] = (struct attribute_change){key, value};
	return RC_OK;
}

enum rc attributes_parse(struct slice text, struct attribute_changes *out, struct arena *arena, const char **why)
{
	struct slice part;

	out->count = 0;
	while (slice_split(&text, ',', &part)) {
		size_t equals = slice_find(part, '=');
		struct slice key = slice_sub(part, 0, equals);
		struct slice value = slice_sub(part, equals + 1, part.len);
		enum rc rc;

		if (equals < part.len && (!has(key, '+') || value.len == 0))
			return refuse(why, arena_printf(arena, "add/alter attribute format is wrong: %.*s", SLICE_ARG(key)));
		if (equals == part.len && !has(key, '-'))
			return refuse(why, arena_printf(arena, "delete attribute format is wrong: %.*s", SLICE_ARG(key)));
		rc = add_change(out, key, equals < part.len ? value : (struct slice){NULL, 0}, arena, why);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

enum rc attributes_parse_json(const cJSON *object, struct attribute_changes *out, struct arena *arena, const char **why)
{
	out->count = 0;
	JSON_EACH (member, object) {
		struct slice value = {NULL, 0};
		enum rc rc;

		if (!cJSON_IsNull(member) && !json_value_text(member, &value))
			return refuse(why, arena_printf(arena, "attribute %.*s is not a text", SLICE_ARG(json_name(member))));
		rc = add_change(out, json_name(member), value, arena, why);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

static const struct topic_attribute *find(const struct topic_attribute *list, struct slice key)
{
	for (; list != NULL; list = list->next)
		if (slice_is(key, list->key))
			return list;
	return NULL;
}

const char *attribute_get(const struct topic_attribute *list, const char *key)
{
	const struct topic_attribute *a = find(list, slice_of(key));

	return a ? a->value : NULL;
}

static void remove_key(struct topic_attribute **list, struct slice key)
{
	for (; *list != NULL; list = &(*list)->next) {
		struct topic_attribute *a = *list;

		if (!slice_is(key, a->key))
			continue;
		*list = a->next;
		free(a->key);
		free(a->value);
		free(a);
		return;
	}
}

static void put_key(struct topic_attribute **list, struct slice key, struct slice value)
{
	struct topic_attribute *a = mem_zalloc(sizeof(*a));

	remove_key(list, key);
	a->key = slice_dup(key);
	a->value = slice_dup(value);
	while (*list != NULL && strcmp((*list)->key, a->key) < 0)
		list = &(*list)->next;
	a->next = *list;
	*list = a;
}

static const struct attribute_rule *rule_of(const struct attribute_rules *rules, struct slice key)
{
	for (size_t i = 0; i < rules->count; i++)
		if (slice_is(key, rules->rules[i].name))
			return &rules->rules[i];
	return NULL;
}

/* `values` is "[A, B]". */
static bool is_one_of(const char *values, struct slice value)
{
	struct slice rest = slice_sub(slice_of(values), 1, strlen(values) - 2), one;

	while (slice_split(&rest, ',', &one)) {
		if (one.len > 0 && one.at[0] == ' ')
			one = slice_sub(one, 1, one.len);
		if (slice_eq(one, value))
			return true;
	}
	return false;
}

static enum rc verify(const struct attribute_rule *rule, struct slice value, struct arena *arena, const char **why)
{
	int64_t number;
	bool boolean;

	switch (rule->kind) {
	case ATTRIBUTE_ENUM:
		if (!is_one_of(rule->values, value))
			return refuse(why, arena_printf(arena, "value is not in set: %s", rule->values));
		break;
	case ATTRIBUTE_RANGE:
		if (!slice_to_i64(value, &number))
			return refuse(why, arena_printf(arena, "For input string: \"%.*s\"", SLICE_ARG(value)));
		if (number < rule->min || number > rule->max)
			return refuse(why, arena_printf(arena, "value is not in range(%lld, %lld)", (long long)rule->min,
							(long long)rule->max));
		break;
	case ATTRIBUTE_BOOLEAN:
		if (!slice_to_bool(value, &boolean))
			return refuse(why, "boolean attribute format is wrong.");
		break;
	case ATTRIBUTE_TEXT:
		break;
	}
	return RC_OK;
}

/* The checks of one change before any is applied; *key is the real key. */
static enum rc check_form(const struct attribute_change *c, bool create, const struct topic_attribute *current, struct slice *key,
			  struct arena *arena, const char **why)
{
	char sign = c->key.len ? c->key.at[0] : ' ';

	*key = slice_sub(c->key, 1, c->key.len);
	if (key->len == 0 || has(*key, '+') || has(*key, '-'))
		return refuse(why, "kv string format wrong.");
	if (create && sign != '+')
		return refuse(why, arena_printf(arena, "only add attribute is supported while creating topic. key: %.*s",
						SLICE_ARG(*key)));
	if (sign != '+' && sign != '-')
		return refuse(why, arena_printf(arena, "wrong format key: %.*s", SLICE_ARG(*key)));
	if (sign == '-' && find(current, *key) == NULL)
		return refuse(why, arena_printf(arena, "attempt to delete a nonexistent key: %.*s", SLICE_ARG(*key)));
	return RC_OK;
}

static enum rc check_rule(const struct attribute_rules *rules, const struct attribute_change *c, bool create, struct slice key,
			  struct arena *arena, const char **why)
{
	const struct attribute_rule *rule = rule_of(rules, key);

	if (rule == NULL)
		return refuse(why, arena_printf(arena, "unsupported key: %.*s", SLICE_ARG(key)));
	if (!create && !rule->is_changeable)
		return refuse(why, arena_printf(arena, "attempt to update an unchangeable attribute. key: %.*s", SLICE_ARG(key)));
	return c->key.at[0] == '+' ? verify(rule, c->value, arena, why) : RC_OK;
}

enum rc attributes_alter(const struct attribute_rules *rules, bool create, const struct topic_attribute *current,
			 const struct attribute_changes *changes, struct topic_attribute **out, struct arena *arena,
			 const char **why)
{
	struct topic_attribute *list;
	struct slice key, other;

	for (size_t i = 0; i < changes->count; i++) {
		enum rc rc = check_form(&changes->items[i], create, current, &key, arena, why);

		if (rc != RC_OK)
			return rc;
		for (size_t k = 0; k < i; k++) {
			other = slice_sub(changes->items[k].key, 1, changes->items[k].key.len);
			if (slice_eq(other, key))
				return refuse(why, arena_printf(arena, "alter duplication key. key: %.*s", SLICE_ARG(key)));
		}
	}
	for (size_t i = 0; i < changes->count; i++) {
		enum rc rc;

		key = slice_sub(changes->items[i].key, 1, changes->items[i].key.len);
		rc = check_rule(rules, &changes->items[i], create, key, arena, why);
		if (rc != RC_OK)
			return rc;
	}
	list = attributes_copy(current);
	for (size_t i = 0; i < changes->count; i++) {
		key = slice_sub(changes->items[i].key, 1, changes->items[i].key.len);
		if (changes->items[i].key.at[0] == '+')
			put_key(&list, key, changes->items[i].value);
		else
			remove_key(&list, key);
	}
	*out = list;
	return RC_OK;
}

struct topic_attribute *attributes_read_json(const cJSON *object)
{
	struct topic_attribute *list = NULL;
	size_t count = 0;

	JSON_EACH (member, object) {
		struct slice value, key = json_name(member);

		if (!json_value_text(member, &value) || key.len > ATTRIBUTE_TEXT_MAX || value.len > ATTRIBUTE_TEXT_MAX)
			continue;
		if (count++ == ATTRIBUTES_STORED_MAX)
			break;
		put_key(&list, key, value);
	}
	return list;
}

void attributes_write_json(const struct topic_attribute *list, struct json_writer *w)
{
	json_object(w);
	for (; list != NULL; list = list->next) {
		json_key_text(w, slice_of(list->key));
		json_text(w, slice_of(list->value));
	}
	json_object_end(w);
}

bool attributes_equal(const struct topic_attribute *a, const struct topic_attribute *b)
{
	for (; a != NULL && b != NULL; a = a->next, b = b->next)
		if (strcmp(a->key, b->key) != 0 || strcmp(a->value, b->value) != 0)
			return false;
	return a == NULL && b == NULL;
}

struct topic_attribute *attributes_copy(const struct topic_attribute *list)
{
	struct topic_attribute *copy = NULL, **end = &copy;

	for (; list != NULL; list = list->next) {
		*end = mem_zalloc(sizeof(**end));
		(*end)->key = mem_strdup(list->key);
		(*end)->value = mem_strdup(list->value);
		end = &(*end)->next;
	}
	return copy;
}

void attributes_free(struct topic_attribute *list)
{
	while (list != NULL) {
		struct topic_attribute *next = list->next;

		free(list->key);
		free(list->value);
		free(list);
		list = next;
	}
}
