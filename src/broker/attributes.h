/* attributes: the free-form settings of topics and groups ("message.type" = "FIFO"), checked as Apache checks them.
 *
 * A change comes as signed keys, "+key=value" sets and "-key" removes; stored keys have no sign (AttributeParser, AttributeUtil).
 * Facts: constants.md sections 6 and 7. Remarks are Apache's, because tools show them.
 * Thread: any. Memory: lists are malloc'ed, freed by attributes_free; sorted by key. */
#ifndef BROKER_ATTRIBUTES_H
#define BROKER_ATTRIBUTES_H

#include <stdbool.h>
#include <stdint.h>

#include "base/arena.h"
#include "base/json_read.h"
#include "base/json_writer.h"
#include "base/rc.h"
#include "base/slice.h"

#define ATTRIBUTE_CHANGES_MAX 64  /* most changes in one request */
#define ATTRIBUTES_STORED_MAX 256 /* most attributes read for one topic or group from a file */
#define ATTRIBUTE_TEXT_MAX 4096   /* longest key or value */

struct topic_attribute {
	struct topic_attribute *next;
	char *key, *value; /* key without '+' */
};

enum attribute_kind { ATTRIBUTE_ENUM, ATTRIBUTE_RANGE, ATTRIBUTE_BOOLEAN, ATTRIBUTE_TEXT };

struct attribute_rule {
	const char *name;
	bool is_changeable; /* after creation */
	enum attribute_kind kind;
	const char *values; /* ENUM: "[A, B]", in the order in which Java prints the set */
	int64_t min, max;   /* RANGE */
};

struct attribute_rules {
	const struct attribute_rule *rules;
	size_t count;
};
extern const struct attribute_rules topic_attribute_rules;
extern const struct attribute_rules group_attribute_rules;

struct attribute_change {
	struct slice key; /* with its sign */
	struct slice value;
};

struct attribute_changes {
	struct attribute_change items[ATTRIBUTE_CHANGES_MAX];
	size_t count;
};

/* Read "+key=value,-key" (the attributes field of 17). RC_INVALID with *why in arena. Slices point into text. */
enum rc attributes_parse(struct slice text, struct attribute_changes *out, struct arena *arena, const char **why);
/* The same from an object {"+key":"value"} (200, 18). Slices point into the tree. */
enum rc attributes_parse_json(const cJSON *object, struct attribute_changes *out, struct arena *arena, const char **why);

/* Apply changes to a copy of `current`. `create`: the topic or group is new, so that only "+" is legal and fixed attributes may be set.
 * RC_OK and *out (NULL for none); RC_INVALID with *why in arena, *out untouched. */
enum rc attributes_alter(const struct attribute_rules *rules, bool create, const struct topic_attribute *current,
			 const struct attribute_changes *changes, struct topic_attribute **out, struct arena *arena,
			 const char **why);

/* Stored attributes {"key":"value"} as a file has them; unknown keys are kept. Non-text values and what is over the bounds is left out. */
struct topic_attribute *attributes_read_json(const cJSON *object);
void attributes_write_json(const struct topic_attribute *list, struct json_writer *w); /* the object */

const char *attribute_get(const struct topic_attribute *list, const char *key); /* NULL when absent */
bool attributes_equal(const struct topic_attribute *a, const struct topic_attribute *b);
struct topic_attribute *attributes_copy(const struct topic_attribute *list);
void attributes_free(struct topic_attribute *list);

#endif
