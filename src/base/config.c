/* Happy path: parse the file, find each key's row, parse the value by the row's kind into the member.
 * Failure: a bad line is reported and the rest is still read, so that an operator sees every mistake at once. */
#include "base/config.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/properties.h"

#define KEY_MAX 128 /* longer keys are never near a known one */

void config_report_free(struct config_report *r)
{
	buf_free(&r->errors);
	buf_free(&r->warnings);
	buf_free(&r->notes);
}

static struct slice trim(struct slice s)
{
	while (s.len && strchr(" \t\r\n\f", s.at[0]) != NULL)
		s = slice_sub(s, 1, s.len - 1);
	while (s.len && strchr(" \t\r\n\f", s.at[s.len - 1]) != NULL)
		s.len--;
	return s;
}

/* Place of `name` in a list of names separated by blanks, or -1. */
static int choice_place(const char *choices, struct slice name)
{
	struct slice rest = slice_of(choices), part;

	for (int i = 0; slice_split(&rest, ' ', &part); i++)
		if (slice_eq(part, name))
			return i;
	return -1;
}

static struct slice choice_name(const char *choices, int place)
{
	struct slice rest = slice_of(choices), part;

	for (int i = 0; slice_split(&rest, ' ', &part); i++)
		if (i == place)
			return part;
	return SLICE_LIT("");
}

static bool parse_double(struct slice s, double *out)
{
	char text[64], *end;

	if (s.len == 0 || s.len >= sizeof(text))
		return false;
	memcpy(text, s.at, s.len);
	text[s.len] = '\0';
	*out = strtod(text, &end);
	return *end == '\0' && isfinite(*out);
}

struct value {
	int64_t number;
	double real;
	bool flag;
};

/* Read `text` as the row wants it. False when it is not that. */
static bool parse_value(const struct config_row *row, struct slice text, struct value *v)
{
	switch (row->kind) {
	case CONFIG_STRING:
		return memchr(text.at ? text.at : "", '\0', text.len) == NULL;
	case CONFIG_INT:
		return slice_to_i64(text, &v->number) && v->number >= INT32_MIN && v->number <= INT32_MAX &&
		       v->number >= row->min && v->number <= row->max;
	case CONFIG_LONG:
		return slice_to_i64(text, &v->number) && v->number >= row->min && v->number <= row->max;
	case CONFIG_BOOL:
		return slice_to_bool(text, &v->flag);
	case CONFIG_DOUBLE:
		return parse_double(text, &v->real) && v->real >= (double)row->min && v->real <= (double)row->max;
	case CONFIG_ENUM:
		v->number = choice_place(row->choices, text);
		return v->number >= 0;
	}
	return false;
}

static char *expectation(const struct config_row *row)
{
	switch (row->kind) {
	case CONFIG_BOOL:
		return mem_strdup("true or false");
	case CONFIG_ENUM:
		return mem_printf("one of %s", row->choices);
	case CONFIG_INT:
	case CONFIG_LONG:
		return mem_printf("a whole number from %" PRId64 " to %" PRId64, row->min, row->max);
	case CONFIG_DOUBLE:
		return mem_printf("a number from %" PRId64 " to %" PRId64, row->min, row->max);
	case CONFIG_STRING:
		break;
	}
	return mem_strdup("text without a NUL byte");
}

static void store_text(char **member, struct slice text)
{
	char *copy = slice_dup(text);

	free(*member);
	*member = copy;
}

static void store_value(const struct config_row *row, void *config, struct slice text, const struct value *v)
{
	void *member = (char *)config + row->offset;

	if ((row->flags & CONFIG_KEPT) || row->kind == CONFIG_STRING)
		store_text(member, text);
	else if (row->kind == CONFIG_LONG)
		*(int64_t *)member = v->number;
	else if (row->kind == CONFIG_BOOL)
		*(bool *)member = v->flag;
	else if (row->kind == CONFIG_DOUBLE)
		*(double *)member = v->real;
	else
		*(int32_t *)member = (int32_t)v->number;
}

void config_defaults(const struct config_schema *s, void *config)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct config_row *row = &s->rows[i];
		struct value v = {0};

		if ((row->flags & CONFIG_KEPT) || row->kind == CONFIG_STRING)
			*(char **)((char *)config + row->offset) = NULL;
		if ((row->flags & CONFIG_KEPT) || row->default_text == NULL) {
			ASSERT(row->flags & CONFIG_KEPT || row->kind == CONFIG_STRING);
			continue;
		}
		ASSERT(parse_value(row, slice_of(row->default_text), &v));
		store_value(row, config, slice_of(row->default_text), &v);
	}
}

void config_free(const struct config_schema *s, void *config)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct config_row *row = &s->rows[i];
		char **member = (char **)((char *)config + row->offset);

		if (!(row->flags & CONFIG_KEPT) && row->kind != CONFIG_STRING)
			continue;
		free(*member);
		*member = NULL;
	}
}

void *config_new(const struct config_schema *s)
{
	void *config = mem_zalloc(s->config_bytes);

	config_defaults(s, config);
	return config;
}

void config_destroy(const struct config_schema *s, void *config)
{
	if (config == NULL)
		return;
	config_free(s, config);
	free(config);
}

void config_fill(char **member, char *value)
{
	if (*member != NULL && **member != '\0') {
		free(value);
		return;
	}
	free(*member);
	*member = value;
}

const struct config_row *config_find(const struct config_schema *s, struct slice key)
{
	for (size_t i = 0; i < s->count; i++)
		if (slice_is(key, s->rows[i].key))
			return &s->rows[i];
	return NULL;
}

static size_t min3(size_t a, size_t b, size_t c)
{
	size_t m = a < b ? a : b;

	return m < c ? m : c;
}

static char lower(char c) { return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c; }

/* Levenshtein, letters compared without case, over one row of the matrix. Both shorter than KEY_MAX. */
static size_t edit_distance(struct slice a, struct slice b)
{
	size_t row[KEY_MAX + 1];

	for (size_t j = 0; j <= b.len; j++)
		row[j] = j;
	for (size_t i = 1; i <= a.len; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= b.len; j++) {
			size_t above = row[j];

			row[j] = min3(above + 1, row[j - 1] + 1, diagonal + (lower(a.at[i - 1]) != lower(b.at[j - 1])));
			diagonal = above;
		}
	}
	return row[b.len];
}

const char *config_nearest(const struct config_schema *s, struct slice key)
{
	size_t best = key.len / 3 + 1; /* further away it is another word */
	const char *nearest = NULL;

	if (key.len == 0 || key.len >= KEY_MAX)
		return NULL;
	for (size_t i = 0; i < s->count; i++) {
		struct slice known = slice_of(s->rows[i].key);
		size_t distance;

		if (known.len >= KEY_MAX || known.len > key.len + best || key.len > known.len + best)
			continue;
		distance = edit_distance(key, known);
		if (distance <= best && (nearest == NULL || distance < best)) {
			best = distance;
			nearest = s->rows[i].key;
		}
	}
	return nearest;
}

static char *unknown_key(const struct config_schema *s, struct slice key)
{
	const char *nearest = config_nearest(s, key);
	struct slice shown = slice_sub(key, 0, KEY_MAX);

	if (nearest != NULL)
		return mem_printf("unknown key '%.*s', did you mean '%s'?", SLICE_ARG(shown), nearest);
	return mem_printf("unknown key '%.*s'", SLICE_ARG(shown));
}

static bool is_default(const struct config_row *row, struct slice value)
{
	if (row->kind == CONFIG_BOOL && row->default_text != NULL)
		return value.len == strlen(row->default_text) && strncasecmp(value.at, row->default_text, value.len) == 0;
	return row->default_text != NULL ? slice_is(value, row->default_text) : value.len == 0;
}

/* Check one pair against its row. *row is set whenever the key is known. */
static enum rc check(const struct config_schema *s, struct slice key, struct slice value, const struct config_row **row,
		     struct value *v, char **error)
{
	char *expected;

	*row = config_find(s, key);
	if (*row == NULL) {
		*error = unknown_key(s, key);
		return RC_NOT_FOUND;
	}
	if (!parse_value(*row, value, v)) {
		expected = expectation(*row);
		*error = mem_printf("key '%s': value '%.*s': expected %s", (*row)->key, SLICE_ARG(slice_sub(value, 0, 200)),
				    expected);
		free(expected);
		return RC_INVALID;
	}
	if (((*row)->flags & CONFIG_GUARD) && !is_default(*row, value)) {
		*error = mem_printf("key '%s': value '%.*s': not supported yet, and running without it would not be what was "
				    "asked for; remove the key or set it to '%s'",
				    (*row)->key, SLICE_ARG(value), (*row)->default_text ? (*row)->default_text : "");
		return RC_INVALID;
	}
	return RC_OK;
}

enum rc config_set(const struct config_schema *s, void *config, struct slice key, struct slice value, char **error)
{
	const struct config_row *row;
	struct value v = {0};
	enum rc rc;

	value = trim(value);
	rc = check(s, key, value, &row, &v, error);
	if (rc == RC_OK)
		store_value(row, config, value, &v);
	return rc;
}

/* ---- files ---- */

struct load {
	const struct config_schema *schema;
	void *config;
	const char *path;
	struct config_report *report;
	bool has_errors;
};

static void report_line(struct buf *out, const char *path, unsigned line, const char *text)
{
	if (out->len)
		buf_put_u8(out, '\n');
	buf_printf(out, "%s:%u: %s", path, line, text);
}

static enum rc load_pair(void *ctx, unsigned line, struct slice key, struct slice value)
{
	struct load *l = ctx;
	const struct config_row *row;
	struct value v = {0};
	char *error = NULL;
	enum rc rc;

	value = trim(value);
	rc = check(l->schema, key, value, &row, &v, &error);
	if (rc == RC_OK) {
		store_value(row, l->config, value, &v);
		if ((row->flags & CONFIG_KEPT) && !is_default(row, value)) {
			error = mem_printf("key '%s' is known but has no effect here", row->key);
			report_line(&l->report->notes, l->path, line, error);
		}
	} else if (rc == RC_NOT_FOUND) {
		report_line(&l->report->warnings, l->path, line, error);
	} else {
		report_line(&l->report->errors, l->path, line, error);
		l->has_errors = true;
	}
	free(error);
	return RC_OK;
}

static enum rc read_all(int fd, struct buf *out)
{
	for (;;) {
		ssize_t n;

		buf_reserve(out, 16384);
		n = read(fd, out->data + out->len, out->cap - out->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rc_from_errno(errno);
		if (n == 0)
			return RC_OK;
		out->len += (size_t)n;
		if (out->len > PROPERTIES_MAX_BYTES)
			return RC_TOO_BIG;
	}
}

static enum rc read_file(const char *path, struct buf *out)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	enum rc rc;

	if (fd < 0)
		return rc_from_errno(errno);
	rc = read_all(fd, out);
	close(fd);
	return rc;
}

enum rc config_load(const struct config_schema *s, void *config, const char *path, struct config_report *report)
{
	struct load l = {.schema = s, .config = config, .path = path, .report = report};
	struct buf text = {0};
	unsigned bad_line = 0;
	enum rc rc = read_file(path, &text);

	if (rc != RC_OK) {
		buf_printf(&report->errors, "configuration file '%s': %s", path, rc_text(rc));
		goto out;
	}
	rc = properties_parse(buf_slice(&text), load_pair, &l, &bad_line);
	if (rc == RC_MALFORMED) {
		report_line(&report->errors, path, bad_line, "expected \\u and four hexadecimal digits, and no NUL byte");
		rc = RC_INVALID;
	} else if (l.has_errors) {
		rc = RC_INVALID;
	}
out:
	buf_free(&text);
	return rc;
}

struct sought {
	struct slice key;
	unsigned line; /* 0: not set in the file */
};

static enum rc note_line(void *ctx, unsigned line, struct slice key, struct slice value)
{
	struct sought *s = ctx;

	(void)value;
	if (slice_eq(key, s->key))
		s->line = line;
	return RC_OK;
}

char *config_locate(const char *path, const char *error)
{
	struct slice text = slice_of(error), quote = SLICE_LIT("key '");
	struct sought s = {0};
	struct buf file = {0};
	unsigned bad_line;

	if (path != NULL && slice_has_prefix(text, quote)) {
		text = slice_sub(text, quote.len, text.len);
		s.key = slice_sub(text, 0, slice_find(text, '\''));
		if (read_file(path, &file) == RC_OK)
			properties_parse(buf_slice(&file), note_line, &s, &bad_line);
		buf_free(&file);
	}
	return s.line > 0 ? mem_printf("%s:%u: %s", path, s.line, error) : mem_strdup(error);
}

/* ---- changes at run time ---- */

struct update {
	const struct config_schema *schema;
	const void *present;
	void *config; /* NULL: only check */
	char **error;
};

/* Is `key` in the list that the key configBlackList holds (separated by ;)? */
static bool is_black_listed(const struct update *u, const char *key)
{
	struct slice rest, part;
	struct buf list = {0};
	bool found = false;

	config_get(u->schema, u->present, "configBlackList", &list);
	rest = buf_slice(&list);
	while (!found && slice_split(&rest, ';', &part))
		found = slice_is(trim(part), key);
	buf_free(&list);
	return found;
}

static enum rc update_pair(void *ctx, unsigned line, struct slice key, struct slice value)
{
	struct update *u = ctx;
	const struct config_row *row;
	struct value v = {0};
	enum rc rc;

	(void)line;
	value = trim(value);
	rc = check(u->schema, key, value, &row, &v, u->error);
	if (rc == RC_OK && ((row->flags & CONFIG_HIDDEN) || is_black_listed(u, row->key))) {
		*u->error = mem_printf("key '%s' must not be changed from remote", row->key);
		return RC_PERMISSION;
	}
	if (rc == RC_OK && !(row->flags & CONFIG_MUTABLE)) {
		*u->error =
			mem_printf("key '%s' takes effect at start only: change the configuration file and restart", row->key);
		return RC_READ_ONLY;
	}
	if (rc == RC_OK && u->config != NULL)
		store_value(row, u->config, value, &v);
	return rc;
}

static size_t value_bytes(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_LONG:
		return sizeof(int64_t);
	case CONFIG_DOUBLE:
		return sizeof(double);
	case CONFIG_BOOL:
		return sizeof(bool);
	default:
		return sizeof(int32_t);
	}
}

static void *clone(const struct config_schema *s, const void *config)
{
	char *copy = mem_zalloc(s->config_bytes);

	for (size_t i = 0; i < s->count; i++) {
		const struct config_row *row = &s->rows[i];
		const char *from = (const char *)config + row->offset;

		if (!(row->flags & CONFIG_KEPT) && row->kind != CONFIG_STRING)
			memcpy(copy + row->offset, from, value_bytes(row->kind));
		else if (*(char *const *)from != NULL)
			*(char **)(copy + row->offset) = mem_strdup(*(char *const *)from);
	}
	return copy;
}

/* What the configuration would be after the change, by the schema's own rules. */
static enum rc check_changed(struct update *u, struct slice text)
{
	unsigned bad_line;
	enum rc rc;

	if (u->schema->check == NULL)
		return RC_OK;
	u->config = clone(u->schema, u->present);
	rc = properties_parse(text, update_pair, u, &bad_line);
	if (rc == RC_OK)
		rc = u->schema->check(u->config, u->error);
	config_destroy(u->schema, u->config);
	return rc;
}

enum rc config_update(const struct config_schema *s, void *config, struct slice text, char **error)
{
	struct update u = {.schema = s, .present = config, .error = error};
	unsigned bad_line = 0;
	enum rc rc = properties_parse(text, update_pair, &u, &bad_line);

	if (rc == RC_MALFORMED || rc == RC_TOO_BIG)
		*error = mem_printf("properties text, line %u: %s", bad_line, rc_text(rc));
	if (rc == RC_OK)
		rc = check_changed(&u, text);
	if (rc != RC_OK)
		return rc;
	u.config = config;
	return properties_parse(text, update_pair, &u, &bad_line);
}

/* ---- rewriting a file ---- */

struct change {
	struct buf key, value;
	bool is_written;
};

struct changes {
	struct change *items;
	size_t count;
};

static struct change *changes_find(struct changes *c, struct slice key)
{
	for (size_t i = 0; i < c->count; i++)
		if (slice_eq(buf_slice(&c->items[i].key), key))
			return &c->items[i];
	return NULL;
}

static enum rc changes_add(void *ctx, unsigned line, struct slice key, struct slice value)
{
	struct changes *c = ctx;
	struct change *item = changes_find(c, key);

	(void)line;
	if (item == NULL) {
		c->items = mem_realloc(c->items, (c->count + 1) * sizeof(*c->items));
		item = &c->items[c->count++];
		*item = (struct change){0};
		buf_put_slice(&item->key, key);
	}
	buf_clear(&item->value);
	buf_put_slice(&item->value, trim(value));
	return RC_OK;
}

/* Escaped so that properties_parse reads it back as it is. */
static void put_escaped(struct buf *out, struct slice s, bool is_key)
{
	for (size_t i = 0; i < s.len; i++) {
		char c = s.at[i];
		const char *named = c == '\n' ? "\\n" : c == '\r' ? "\\r" : c == '\t' ? "\\t" : c == '\f' ? "\\f" : NULL;

		if (named != NULL) {
			buf_put_text(out, named);
			continue;
		}
		if (c == '\\' || (is_key && strchr("=: ", c) != NULL) || (i == 0 && strchr("#! ", c) != NULL))
			buf_put_u8(out, '\\');
		buf_put_u8(out, (uint8_t)c);
	}
}

static void put_change(struct buf *out, struct change *item)
{
	put_escaped(out, buf_slice(&item->key), true);
	buf_put_u8(out, '=');
	put_escaped(out, buf_slice(&item->value), false);
	buf_put_u8(out, '\n');
	item->is_written = true;
}

struct pair_lines { /* first lines of the pairs that are replaced */
	struct changes *changes;
	struct {
		unsigned line;
		struct change *change; /* NULL: the pair stays */
	} * pairs;
	size_t count, cap;
};

static enum rc note_pair(void *ctx, unsigned line, struct slice key, struct slice value)
{
	struct pair_lines *p = ctx;

	(void)value;
	if (p->count == p->cap) {
		p->cap = p->cap ? p->cap * 2 : 64;
		p->pairs = mem_realloc(p->pairs, p->cap * sizeof(*p->pairs));
	}
	p->pairs[p->count].line = line;
	p->pairs[p->count++].change = changes_find(p->changes, key);
	return RC_OK;
}

static bool is_continued(struct slice line)
{
	size_t n = 0;

	if (line.len && line.at[line.len - 1] == '\r')
		line.len--;
	while (n < line.len && line.at[line.len - 1 - n] == '\\')
		n++;
	return n % 2 == 1;
}

static void merge_lines(struct slice old, struct pair_lines *p, struct buf *out)
{
	size_t next = 0;
	unsigned number = 0;
	bool is_dropping = false, in_pair = false;

	while (old.len) {
		size_t end = slice_find(old, '\n');
		struct slice line = slice_sub(old, 0, end);

		number++;
		old = slice_sub(old, end + 1, old.len);
		if (!in_pair && next < p->count && p->pairs[next].line == number) {
			struct change *change = p->pairs[next++].change;

			in_pair = true;
			is_dropping = change != NULL;
			if (change != NULL && !change->is_written)
				put_change(out, change);
		}
		if (!in_pair || !is_dropping) {
			buf_put_slice(out, line);
			buf_put_u8(out, '\n');
		}
		if (in_pair && !is_continued(line))
			in_pair = is_dropping = false;
	}
}

enum rc config_merge_text(struct slice old, struct slice changes, struct buf *out)
{
	struct changes c = {0};
	struct pair_lines p = {.changes = &c};
	unsigned bad_line;
	enum rc rc = properties_parse(changes, changes_add, &c, &bad_line);

	if (rc == RC_OK)
		rc = properties_parse(old, note_pair, &p, &bad_line);
	if (rc == RC_OK) {
		merge_lines(old, &p, out);
		for (size_t i = 0; i < c.count; i++)
			if (!c.items[i].is_written)
				put_change(out, &c.items[i]);
	}
	for (size_t i = 0; i < c.count; i++) {
		buf_free(&c.items[i].key);
		buf_free(&c.items[i].value);
	}
	free(c.items);
	free(p.pairs);
	return rc;
}

/* ---- printing ---- */

static bool is_set(const struct config_row *row, const void *config)
{
	if (row->default_text != NULL || (row->kind != CONFIG_STRING && !(row->flags & CONFIG_KEPT)))
		return true;
	return *(char *const *)((const char *)config + row->offset) != NULL;
}

/* Java's Double.toString for the plain values a configuration has: 8000 is "8000.0". */
static void put_double(struct buf *out, double v)
{
	char text[64];

	snprintf(text, sizeof(text), "%.15g", v);
	buf_put_text(out, text);
	if (strpbrk(text, ".en") == NULL)
		buf_put_text(out, ".0");
}

void config_value_text(const struct config_row *row, const void *config, struct buf *out)
{
	const void *member = (const char *)config + row->offset;

	if ((row->flags & CONFIG_KEPT) || row->kind == CONFIG_STRING) {
		const char *text = *(char *const *)member;

		if (text == NULL && (row->flags & CONFIG_KEPT))
			text = row->default_text;
		buf_put_text(out, text ? text : "");
		return;
	}
	switch (row->kind) {
	case CONFIG_INT:
		buf_printf(out, "%" PRId32, *(const int32_t *)member);
		break;
	case CONFIG_LONG:
		buf_printf(out, "%" PRId64, *(const int64_t *)member);
		break;
	case CONFIG_BOOL:
		buf_put_text(out, *(const bool *)member ? "true" : "false");
		break;
	case CONFIG_DOUBLE:
		put_double(out, *(const double *)member);
		break;
	case CONFIG_ENUM:
		buf_put_slice(out, choice_name(row->choices, *(const int *)member));
		break;
	case CONFIG_STRING:
		break;
	}
}

static int compare_rows(const void *a, const void *b)
{
	const struct config_row *const *x = a, *const *y = b;

	return strcmp((*x)->key, (*y)->key);
}

void config_print(const struct config_schema *s, const void *config, unsigned flags, bool show_unset, struct buf *out)
{
	const struct config_row **sorted = mem_alloc(s->count * sizeof(*sorted));

	for (size_t i = 0; i < s->count; i++)
		sorted[i] = &s->rows[i];
	qsort(sorted, s->count, sizeof(*sorted), compare_rows);
	for (size_t i = 0; i < s->count; i++) {
		if ((sorted[i]->flags & flags) != flags || (!show_unset && !is_set(sorted[i], config)))
			continue;
		buf_printf(out, "%s=", sorted[i]->key);
		config_value_text(sorted[i], config, out);
		buf_put_u8(out, '\n');
	}
	free(sorted);
}

bool config_get(const struct config_schema *s, const void *config, const char *key, struct buf *out)
{
	const struct config_row *row = config_find(s, slice_of(key));

	if (row == NULL || !is_set(row, config))
		return false;
	config_value_text(row, config, out);
	return true;
}
