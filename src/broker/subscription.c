#include "broker/subscription.h"

#include <stdlib.h>
#include <strings.h>

#include "base/mem.h"
#include "broker/topic_table.h"

#define TOPIC_OF_SUBSCRIPTION_MAX 255

void subscription_clear(struct subscription *s)
{
	free((char *)s->topic.at);
	free((char *)s->expression.at);
	free((char *)s->expression_type.at);
	free(s->codes);
	free(s->json);
	*s = (struct subscription){.topic = {NULL, 0}};
}

static struct slice owned(struct slice s) { return (struct slice){slice_dup(s), s.len}; }

static struct slice trim(struct slice s)
{
	while (s.len > 0 && (unsigned char)s.at[0] <= ' ')
		s = slice_sub(s, 1, s.len);
	while (s.len > 0 && (unsigned char)s.at[s.len - 1] <= ' ')
		s.len--;
	return s;
}

static bool is_tag_type(struct slice type) { return type.len == 0 || slice_is(type, "TAG"); }
static bool is_all(struct slice expression) { return expression.len == 0 || slice_is(expression, "*"); }

static int by_code(const void *a, const void *b)
{
	int32_t x = *(const int32_t *)a, y = *(const int32_t *)b;

	return x < y ? -1 : x > y;
}

static void sort_codes(struct subscription *s)
{
	if (s->code_count > 1)
		qsort(s->codes, s->code_count, sizeof(int32_t), by_code);
}

/* Next tag of "A || B || C", trimmed; empty ones are passed over. */
static bool next_tag(struct slice *rest, struct slice *tag)
{
	while (rest->len > 0) {
		size_t end = 0;

		while (end < rest->len && !(rest->at[end] == '|' && end + 1 < rest->len && rest->at[end + 1] == '|'))
			end++;
		*tag = trim(slice_sub(*rest, 0, end));
		*rest = slice_sub(*rest, end < rest->len ? end + 2 : end, rest->len);
		if (tag->len > 0)
			return true;
	}
	return false;
}

/* Hashes of the tags of an expression. codes has SUBSCRIPTION_TAGS_MAX places. */
static enum rc tag_codes(struct slice expression, int32_t *codes, size_t *count)
{
	struct slice tag;

	*count = 0;
	while (next_tag(&expression, &tag)) {
		if (*count == SUBSCRIPTION_TAGS_MAX)
			return RC_TOO_BIG;
		codes[(*count)++] = slice_java_hash(tag);
	}
	return RC_OK;
}

/* Java's split("\\|\\|") of nothing but separators gives no parts at all, which Apache refuses. */
static bool is_only_separators(struct slice expression)
{
	for (size_t i = 0; i < expression.len; i++)
		if (expression.at[i] != '|')
			return false;
	return expression.len % 2 == 0;
}

enum rc subscription_parse(struct arena *arena, struct slice topic, struct slice expression, struct slice type,
			   struct subscription *out)
{
	int32_t codes[SUBSCRIPTION_TAGS_MAX];
	enum rc rc;

	if (expression.len > SUBSCRIPTION_TEXT_MAX)
		return RC_TOO_BIG;
	*out = (struct subscription){.topic = topic, .expression = expression, .expression_type = SLICE_LIT("TAG")};
	if (!is_tag_type(type)) {
		out->expression_type = type;
		return expression.len == 0 ? RC_MALFORMED : RC_OK;
	}
	out->takes_all = is_all(expression);
	if (out->takes_all) {
		out->expression = SLICE_LIT("*");
		return RC_OK;
	}
	if (is_only_separators(expression))
		return RC_MALFORMED;
	rc = tag_codes(expression, codes, &out->code_count);
	if (rc != RC_OK)
		return rc;
	out->codes = arena_alloc(arena, (out->code_count + 1) * sizeof(int32_t));
	memcpy(out->codes, codes, out->code_count * sizeof(int32_t));
	sort_codes(out);
	return RC_OK;
}

bool subscription_matches_tag(const struct subscription *s, int64_t tags_code)
{
	int32_t code = (int32_t)tags_code; /* Java's intValue(): the queue entry holds the hash sign-extended */
	size_t low = 0, high = s->code_count;

	if (s->takes_all || s->class_filter_mode || !is_tag_type(s->expression_type))
		return true;
	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (s->codes[middle] == code)
			return true;
		if (s->codes[middle] < code)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}

#define BITS_CODES_MAX 32 /* more set so many bits that they keep little out */

uint64_t subscription_tag_bits(const struct subscription *s)
{
	uint64_t bits = 0;

	if (s->takes_all || s->class_filter_mode || !is_tag_type(s->expression_type) || s->code_count > BITS_CODES_MAX)
		return 0;
	for (size_t i = 0; i < s->code_count; i++)
		bits |= (uint64_t)1 << (s->codes[i] & 63);
	return bits;
}

/* ---- heartbeat JSON ---- */

/* The client's codeSet; else the hashes of its tagsSet; else of its expression. */
static enum rc read_codes(const cJSON *object, struct subscription *s)
{
	int32_t codes[SUBSCRIPTION_TAGS_MAX];
	size_t count = 0;
	struct slice tag;
	int64_t code;

	JSON_EACH (item, json_get_array(object, "codeSet")) {
		if (!json_value_i64(item, &code) || code < INT32_MIN || code > INT32_MAX)
			return RC_MALFORMED;
		if (count == SUBSCRIPTION_TAGS_MAX)
			return RC_TOO_BIG;
		codes[count++] = (int32_t)code;
	}
	if (count == 0) {
		JSON_EACH (item, json_get_array(object, "tagsSet")) {
			if (!json_value_text(item, &tag))
				return RC_MALFORMED;
			if (count == SUBSCRIPTION_TAGS_MAX)
				return RC_TOO_BIG;
			codes[count++] = slice_java_hash(tag);
		}
	}
	if (count == 0 && !s->takes_all && is_tag_type(s->expression_type) && tag_codes(s->expression, codes, &count) != RC_OK)
		return RC_TOO_BIG;
	s->code_count = count;
	s->codes = mem_alloc((count + 1) * sizeof(int32_t));
	memcpy(s->codes, codes, count * sizeof(int32_t));
	sort_codes(s);
	return RC_OK;
}

static char *show(const cJSON *object, const struct subscription *s)
{
	struct buf text = {0};
	struct json_writer w;
	struct slice tag;

	json_begin(&w, &text, JSON_COMPACT);
	json_object(&w);
	json_member_bool(&w, "classFilterMode", s->class_filter_mode);
	json_key(&w, "codeSet");
	json_array(&w);
	for (size_t i = 0; i < s->code_count; i++)
		json_i64(&w, s->codes[i]);
	json_array_end(&w);
	json_member_text(&w, "expressionType", s->expression_type);
	json_member_text(&w, "subString", s->expression);
	json_member_i64(&w, "subVersion", s->version);
	json_key(&w, "tagsSet");
	json_array(&w);
	JSON_EACH (item, json_get_array(object, "tagsSet"))
		if (json_value_text(item, &tag))
			json_text(&w, tag);
	json_array_end(&w);
	json_member_text(&w, "topic", s->topic);
	json_object_end(&w);
	buf_put_u8(&text, 0);
	return (char *)text.data; /* buf memory is plain malloc */
}

enum rc subscription_read_json(const cJSON *object, struct subscription *out)
{
	struct slice topic = {NULL, 0}, expression = {NULL, 0}, type = SLICE_LIT("TAG");
	enum rc rc;

	*out = (struct subscription){.topic = {NULL, 0}};
	if (!json_read_text(object, "topic", &topic) || !json_read_text(object, "subString", &expression) ||
	    !json_read_text(object, "expressionType", &type) || !json_read_i64(object, "subVersion", &out->version) ||
	    !json_read_bool(object, "classFilterMode", &out->class_filter_mode) || topic.len == 0)
		return RC_MALFORMED;
	if (topic.len > TOPIC_OF_SUBSCRIPTION_MAX || expression.len > SUBSCRIPTION_TEXT_MAX ||
	    type.len > TOPIC_OF_SUBSCRIPTION_MAX)
		return RC_TOO_BIG;
	out->topic = owned(topic);
	out->expression = owned(expression);
	out->expression_type = owned(type.len ? type : SLICE_LIT("TAG"));
	out->takes_all = is_tag_type(out->expression_type) && is_all(out->expression);
	rc = read_codes(object, out);
	if (rc != RC_OK) {
		subscription_clear(out);
		return rc;
	}
	out->json = show(object, out);
	return RC_OK;
}
