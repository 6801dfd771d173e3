/* json_read and json_writer: what was read is written, in both styles, read again, and must be the same. */
#include "base/json_read.h"
#include "base/json_writer.h"
#include "tests/fuzz/target.h"

static void write_value(struct json_writer *w, const cJSON *value)
{
	if (cJSON_IsObject(value)) {
		json_object(w);
		JSON_EACH (it, value) {
			json_key_text(w, json_name(it));
			write_value(w, it);
		}
		json_object_end(w);
	} else if (cJSON_IsArray(value)) {
		json_array(w);
		JSON_EACH (it, value)
			write_value(w, it);
		json_array_end(w);
	} else if (cJSON_IsString(value)) {
		json_text(w, slice_of(value->valuestring));
	} else if (cJSON_IsNumber(value)) {
		json_double(w, value->valuedouble);
	} else if (cJSON_IsBool(value)) {
		json_bool(w, cJSON_IsTrue(value));
	} else {
		json_raw(w, SLICE_LIT("null"));
	}
}

static void write_tree(const cJSON *tree, enum json_style style, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, style);
	write_value(&w, tree);
}

static bool is_deeper_than(const cJSON *tree, int levels)
{
	JSON_EACH (it, tree)
		if (levels == 0 || is_deeper_than(it, levels - 1))
			return true;
	return false;
}

/* Written text must read back, and write the same text again. */
static void check(const cJSON *tree, enum json_style style)
{
	struct buf first = {0}, second = {0};
	cJSON *again = NULL;

	write_tree(tree, style, &first);
	ASSERT(json_parse(buf_slice(&first), &again) == RC_OK);
	write_tree(again, style, &second);
	ASSERT(slice_eq(buf_slice(&first), buf_slice(&second)));
	json_free(again);
	buf_free(&first);
	buf_free(&second);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *tree = NULL;

	if (json_parse((struct slice){(const char *)data, size}, &tree) != RC_OK) {
		ASSERT(tree == NULL);
		return 0;
	}
	if (!is_deeper_than(tree, JSON_DEPTH_MAX - 2)) { /* we write no deeper */
		check(tree, JSON_COMPACT);
		check(tree, JSON_PRETTY);
	}
	json_free(tree);
	return 0;
}
