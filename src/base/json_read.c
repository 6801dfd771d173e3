/* The pre-pass is one scan with a small stack of what is open. It only looks for the four things it mends; all else is copied, and
 * cJSON decides whether it is JSON. So the pre-pass need not be right about malformed text, only harmless. */
#include "base/json_read.h"

#include <math.h>

#include "base/buf.h"
#include "base/utf8.h"

struct mender {
	struct slice in;
	size_t at;
	struct buf out;
	unsigned depth;
	bool is_object[JSON_READ_DEPTH_MAX];
	bool wants_key; /* in an object, where a key may stand */
	size_t items;   /* commas seen */
};

static bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r'; }
static bool is_digit(char c) { return c >= '0' && c <= '9'; }

static size_t skip_blanks(struct slice s, size_t at)
{
	while (at < s.len && is_blank(s.at[at]))
		at++;
	return at;
}

/* End of the string that starts at `at` (its opening quote): behind the closing quote, or the end of the text. */
static size_t string_end(struct slice s, size_t at)
{
	for (at++; at < s.len && s.at[at] != '"'; at++)
		if (s.at[at] == '\\' && at + 1 < s.len)
			at++;
	return at < s.len ? at + 1 : s.len;
}

/* End of the object that starts at `at`, behind its closing brace, or 0 when it has none. */
static size_t object_end(struct slice s, size_t at)
{
	size_t depth = 0;

	while (at < s.len) {
		char c = s.at[at];

		if (c == '"') {
			at = string_end(s, at);
			continue;
		}
		at++;
		if (c == '{')
			depth++;
		else if (c == '}' && --depth == 0)
			return at;
	}
	return 0;
}

static enum rc put(struct mender *m, const char *bytes, size_t n)
{
	if (!buf_try_reserve(&m->out, n))
		return RC_NO_MEMORY;
	buf_put(&m->out, bytes, n);
	return RC_OK;
}

static enum rc put_packed(struct mender *m, struct slice object)
{
	if (!buf_try_reserve(&m->out, object.len * 2 + 2))
		return RC_NO_MEMORY;
	buf_put_u8(&m->out, '"');
	for (size_t i = 0; i < object.len; i++) {
		if (object.at[i] == '"' || object.at[i] == '\\')
			buf_put_u8(&m->out, '\\');
		buf_put_u8(&m->out, (uint8_t)object.at[i]);
	}
	buf_put_u8(&m->out, '"');
	return RC_OK;
}

static enum rc put_in_quotes(struct mender *m, struct slice text)
{
	enum rc rc = put(m, "\"", 1);

	if (rc == RC_OK)
		rc = put(m, text.at, text.len);
	return rc == RC_OK ? put(m, "\"", 1) : rc;
}

static enum rc open_level(struct mender *m, bool is_object)
{
	if (m->depth == JSON_READ_DEPTH_MAX)
		return RC_TOO_BIG;
	m->is_object[m->depth++] = is_object;
	m->wants_key = is_object;
	m->at++;
	return put(m, is_object ? "{" : "[", 1);
}

static enum rc close_level(struct mender *m, char c)
{
	if (m->depth > 0)
		m->depth--;
	m->wants_key = false;
	m->at++;
	return put(m, &c, 1);
}

static enum rc mend_comma(struct mender *m)
{
	size_t next = skip_blanks(m->in, m->at + 1);

	if (++m->items >= JSON_ITEMS_MAX)
		return RC_TOO_BIG;
	m->at++;
	m->wants_key = m->depth > 0 && m->is_object[m->depth - 1];
	if (next < m->in.len && (m->in.at[next] == '}' || m->in.at[next] == ']'))
		return RC_OK;
	return put(m, ",", 1);
}

static enum rc mend_number(struct mender *m)
{
	size_t from = m->at, digits;
	bool is_key = m->wants_key;
	struct slice text;

	if (m->in.at[m->at] == '-')
		m->at++;
	digits = m->at;
	while (m->at < m->in.len && is_digit(m->in.at[m->at]))
		m->at++;
	digits = m->at - digits;
	if (!is_key && m->at < m->in.len && (m->in.at[m->at] == '.' || m->in.at[m->at] == 'e' || m->in.at[m->at] == 'E')) {
		digits = 0; /* a decimal: copied whole, so that its fraction is not taken for a number of its own */
		while (m->at < m->in.len && (is_digit(m->in.at[m->at]) || strchr(".eE+-", m->in.at[m->at]) != NULL) &&
		       m->in.at[m->at])
			m->at++;
	}
	text = slice_sub(m->in, from, m->at - from);
	m->wants_key = false;
	return is_key || digits >= 16 ? put_in_quotes(m, text) : put(m, text.at, text.len);
}

static enum rc mend_one(struct mender *m)
{
	char c = m->in.at[m->at];
	size_t end;
	struct slice part;

	switch (c) {
	case '"':
		end = string_end(m->in, m->at);
		part = slice_sub(m->in, m->at, end - m->at);
		m->at = end;
		m->wants_key = false;
		return put(m, part.at, part.len);
	case '{':
		if (!m->wants_key)
			return open_level(m, true);
		end = object_end(m->in, m->at);
		if (end == 0)
			return RC_MALFORMED;
		part = slice_sub(m->in, m->at, end - m->at);
		m->at = end;
		m->wants_key = false;
		return put_packed(m, part);
	case '[':
		return open_level(m, false);
	case '}':
	case ']':
		return close_level(m, c);
	case ',':
		return mend_comma(m);
	case '\0':
		return RC_MALFORMED;
	default:
		if (is_digit(c) || c == '-')
			return mend_number(m);
		m->at++;
		return put(m, &c, 1);
	}
}

static enum rc parse(struct slice text, cJSON **out)
{
	struct mender m = {.in = text};
	enum rc rc = RC_OK;
	cJSON *tree;

	if (!buf_try_reserve(&m.out, text.len + 64))
		return RC_NO_MEMORY;
	while (rc == RC_OK && m.at < text.len)
		rc = mend_one(&m);
	if (rc == RC_OK)
		rc = put(&m, "", 1); /* cJSON wants to see the end: text behind the document is refused by it */
	if (rc == RC_OK) {
		tree = cJSON_ParseWithLengthOpts((const char *)m.out.data, m.out.len, NULL, true);
		if (tree == NULL)
			rc = RC_MALFORMED;
		else
			*out = tree;
	}
	buf_free(&m.out);
	return rc;
}

static enum rc parse_replaced(struct slice text, cJSON **out)
{
	struct buf clean = {0};
	enum rc rc;

	if (text.len > JSON_TEXT_MAX / 3 || !buf_try_reserve(&clean, text.len * 3))
		return RC_TOO_BIG;
	for (size_t i = 0; i < text.len;) {
		size_t n = utf8_sequence(text.at + i, text.len - i);

		if (n == 0)
			buf_put_text(&clean, UTF8_REPLACEMENT);
		else
			buf_put(&clean, text.at + i, n);
		i += n ? n : 1;
	}
	rc = parse(buf_slice(&clean), out);
	buf_free(&clean);
	return rc;
}

enum rc json_parse(struct slice text, cJSON **out)
{
	if (text.len > JSON_TEXT_MAX)
		return RC_TOO_BIG;
	return utf8_is_valid(text) ? parse(text, out) : parse_replaced(text, out);
}

/* ---- accessors ---- */

const cJSON *json_get(const cJSON *object, const char *name)
{
	const cJSON *found = NULL;

	if (!cJSON_IsObject(object))
		return NULL;
	JSON_EACH (it, object)
		if (strcmp(it->string, name) == 0)
			found = it;
	return cJSON_IsNull(found) ? NULL : found;
}

const cJSON *json_get_object(const cJSON *object, const char *name)
{
	const cJSON *it = json_get(object, name);

	return cJSON_IsObject(it) ? it : NULL;
}

const cJSON *json_get_array(const cJSON *object, const char *name)
{
	const cJSON *it = json_get(object, name);

	return cJSON_IsArray(it) ? it : NULL;
}

bool json_value_text(const cJSON *value, struct slice *out)
{
	if (!cJSON_IsString(value))
		return false;
	*out = slice_of(value->valuestring);
	return true;
}

bool json_value_i64(const cJSON *value, int64_t *out)
{
	if (cJSON_IsString(value))
		return slice_to_i64(slice_of(value->valuestring), out);
	if (!cJSON_IsNumber(value) || value->valuedouble != trunc(value->valuedouble))
		return false;
	if (value->valuedouble < -0x1p63 || value->valuedouble >= 0x1p63)
		return false;
	*out = (int64_t)value->valuedouble;
	return true;
}

bool json_read_text(const cJSON *object, const char *name, struct slice *out)
{
	const cJSON *it = json_get(object, name);

	return it == NULL || json_value_text(it, out);
}

bool json_read_i64(const cJSON *object, const char *name, int64_t *out)
{
	const cJSON *it = json_get(object, name);

	return it == NULL || json_value_i64(it, out);
}

bool json_read_i32(const cJSON *object, const char *name, int32_t *out)
{
	int64_t value = *out;

	if (!json_read_i64(object, name, &value) || value < INT32_MIN || value > INT32_MAX)
		return false;
	*out = (int32_t)value;
	return true;
}

bool json_read_bool(const cJSON *object, const char *name, bool *out)
{
	const cJSON *it = json_get(object, name);

	if (it == NULL)
		return true;
	if (cJSON_IsBool(it)) {
		*out = cJSON_IsTrue(it);
		return true;
	}
	if (cJSON_IsNumber(it)) {
		*out = it->valuedouble != 0;
		return true;
	}
	return cJSON_IsString(it) && slice_to_bool(slice_of(it->valuestring), out);
}

bool json_read_double(const cJSON *object, const char *name, double *out)
{
	const cJSON *it = json_get(object, name);
	int64_t whole;

	if (it == NULL)
		return true;
	if (cJSON_IsNumber(it)) {
		*out = it->valuedouble;
		return true;
	}
	if (!json_value_i64(it, &whole)) /* a long integer that the pre-pass put in quotes */
		return false;
	*out = (double)whole;
	return true;
}

bool json_read_enum(const cJSON *object, const char *name, const char *const *names, int count, int *out)
{
	const cJSON *it = json_get(object, name);
	int64_t ordinal;

	if (it == NULL)
		return true;
	if (cJSON_IsString(it)) {
		for (int i = 0; i < count; i++)
			if (strcmp(it->valuestring, names[i]) == 0)
				*out = i;
		return true;
	}
	if (!json_value_i64(it, &ordinal) || ordinal < 0 || ordinal >= count)
		return false;
	*out = (int)ordinal;
	return true;
}
