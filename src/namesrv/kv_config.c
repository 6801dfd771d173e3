#include "namesrv/kv_config.h"

#include <stdlib.h>

#include "base/json_read.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"

#include <uthash.h>

struct entry {
	struct slice key, value;
	UT_hash_handle hh;
};

struct space {
	struct slice name;
	struct entry *entries;
	UT_hash_handle hh;
};

/* One write of the file. Lives until done, also when the table is freed before (its owner is NULL then). */
struct save {
	struct job job;
	struct kv_config *owner;
	char *path;
	struct buf text;
	enum rc rc;
};

struct kv_config {
	char *path;
	struct executor *executor;
	struct space *spaces;
	size_t entry_count, bytes;
	bool is_dirty;       /* changed since the last write began */
	struct save *save;   /* in hand */
	struct list saving;  /* wait for it */
	struct list waiting; /* wait for the one behind it */
	void (*on_saved)(void *ctx, struct list *waited, enum rc rc);
	void *on_saved_ctx;
};

static struct slice own(struct slice s) { return (struct slice){slice_dup(s), s.len}; }

static struct space *find_space(const struct kv_config *kv, struct slice name)
{
	struct space *space;

	HASH_FIND(hh, kv->spaces, name.at, name.len, space);
	return space;
}

static struct entry *find_entry(const struct space *space, struct slice key)
{
	struct entry *e = NULL;

	if (space)
		HASH_FIND(hh, space->entries, key.at, key.len, e);
	return e;
}

static void remove_entry(struct kv_config *kv, struct space *space, struct entry *e)
{
	HASH_DEL(space->entries, e);
	kv->bytes -= e->key.len + e->value.len;
	free((char *)e->key.at);
	free((char *)e->value.at);
	free(e);
	kv->entry_count--;
}

/* ---- on disk ---- */

static void write_space(struct json_writer *w, const struct space *space)
{
	json_object(w);
	for (const struct entry *e = space->entries; e; e = e->hh.next) {
		json_key_text(w, e->key);
		json_text(w, e->value);
	}
	json_object_end(w);
}

static void encode(const struct kv_config *kv, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "configTable");
	json_object(&w);
	for (const struct space *space = kv->spaces; space; space = space->hh.next) {
		json_key_text(&w, space->name);
		write_space(&w, space);
	}
	json_object_end(&w);
	json_object_end(&w);
}

static void run_save(struct job *job)
{
	struct save *save = CONTAINER_OF(job, struct save, job);

	save->rc = small_file_replace(save->path, buf_slice(&save->text), true);
}

static void free_save(struct save *save)
{
	free(save->path);
	buf_free(&save->text);
	free(save);
}

static void save_now(struct kv_config *kv);

static void save_done(struct job *job)
{
	struct save *save = CONTAINER_OF(job, struct save, job);
	struct kv_config *kv = save->owner;
	struct list waited;
	enum rc rc = save->rc;

	free_save(save);
	if (kv == NULL)
		return;
	kv->save = NULL;
	if (rc != RC_OK)
		log_error("namesrv", "write '%s': %s", kv->path, rc_text(rc));
	list_init(&waited);
	list_splice(&waited, &kv->saving);
	if (kv->is_dirty || !list_is_empty(&kv->waiting))
		save_now(kv);
	if (kv->on_saved)
		kv->on_saved(kv->on_saved_ctx, &waited, rc);
}

static void save_now(struct kv_config *kv)
{
	struct save *save;

	if (kv->save)
		return;
	save = mem_zalloc(sizeof(*save));
	save->job = (struct job){.run = run_save, .done = save_done};
	save->owner = kv;
	save->path = mem_strdup(kv->path);
	encode(kv, &save->text);
	kv->save = save;
	kv->is_dirty = false;
	list_splice(&kv->saving, &kv->waiting);
	executor_submit(kv->executor, LANE_STATE, &save->job);
}

static void changed(struct kv_config *kv)
{
	kv->is_dirty = true;
	save_now(kv);
}

void kv_config_wait(struct kv_config *kv, struct list *node)
{
	list_append(kv->is_dirty || kv->save == NULL ? &kv->waiting : &kv->saving, node);
	save_now(kv);
}

void kv_config_on_saved(struct kv_config *kv, void (*on_saved)(void *ctx, struct list *waited, enum rc rc), void *ctx)
{
	kv->on_saved = on_saved;
	kv->on_saved_ctx = ctx;
}

/* ---- the table ---- */

/* The JSON reader ends a text there: after a restart it would be another one. */
static bool has_nul(struct slice s) { return slice_find(s, '\0') < s.len; }

static enum rc put(struct kv_config *kv, struct slice name, struct slice key, struct slice value)
{
	struct space *space = find_space(kv, name);
	struct entry *e = find_entry(space, key);
	size_t bytes = kv->bytes + value.len - (e ? e->value.len : 0) + (e ? 0 : key.len);

	if (name.len == 0 || name.len > KV_KEY_MAX || key.len == 0 || key.len > KV_KEY_MAX || value.len > KV_VALUE_MAX)
		return RC_TOO_BIG;
	if (has_nul(name) || has_nul(key) || has_nul(value))
		return RC_INVALID;
	if ((e == NULL && kv->entry_count >= KV_ENTRIES_MAX) || (space == NULL && HASH_COUNT(kv->spaces) >= KV_NAMESPACES_MAX) ||
	    bytes > KV_BYTES_MAX)
		return RC_BUSY;
	if (space == NULL) {
		space = mem_zalloc(sizeof(*space));
		space->name = own(name);
		HASH_ADD_KEYPTR(hh, kv->spaces, space->name.at, space->name.len, space);
	}
	if (e == NULL) {
		e = mem_zalloc(sizeof(*e));
		e->key = own(key);
		HASH_ADD_KEYPTR(hh, space->entries, e->key.at, e->key.len, e);
		kv->entry_count++;
	}
	free((char *)e->value.at);
	e->value = own(value);
	kv->bytes = bytes;
	return RC_OK;
}

enum rc kv_config_put(struct kv_config *kv, struct slice space, struct slice key, struct slice value)
{
	enum rc rc = put(kv, space, key, value);

	if (rc == RC_OK)
		changed(kv);
	return rc;
}

bool kv_config_get(const struct kv_config *kv, struct slice space, struct slice key, struct slice *value)
{
	const struct entry *e = find_entry(find_space(kv, space), key);

	if (e == NULL)
		return false;
	*value = e->value;
	return true;
}

bool kv_config_delete(struct kv_config *kv, struct slice name, struct slice key)
{
	struct space *space = find_space(kv, name);
	struct entry *e = find_entry(space, key);

	if (e == NULL)
		return false;
	remove_entry(kv, space, e);
	changed(kv);
	return true;
}

bool kv_config_list_json(const struct kv_config *kv, struct slice name, struct buf *out)
{
	const struct space *space = find_space(kv, name);
	struct json_writer w;

	if (space == NULL)
		return false;
	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "table");
	write_space(&w, space);
	json_object_end(&w);
	return true;
}

/* ---- load ---- */

static void clear(struct kv_config *kv)
{
	while (kv->spaces) {
		struct space *space = kv->spaces;

		while (space->entries)
			remove_entry(kv, space, space->entries);
		HASH_DEL(kv->spaces, space);
		free((char *)space->name.at);
		free(space);
	}
}

static enum rc take_over(struct kv_config *kv, const cJSON *tree)
{
	enum rc rc = cJSON_IsObject(tree) ? RC_OK : RC_CORRUPT;

	JSON_EACH (space, json_get_object(tree, "configTable")) {
		JSON_EACH (it, space) {
			struct slice value;

			if (rc == RC_OK && !cJSON_IsNull(it))
				rc = json_value_text(it, &value) ? put(kv, json_name(space), json_name(it), value) : RC_CORRUPT;
		}
	}
	if (rc != RC_OK)
		clear(kv);
	return rc;
}

static enum rc load(struct kv_config *kv, const char *path)
{
	struct buf text = {0};
	cJSON *tree = NULL;
	enum rc rc = small_file_read(path, &text);

	if (rc == RC_OK && json_parse(buf_slice(&text), &tree) != RC_OK)
		rc = RC_CORRUPT;
	if (rc == RC_OK)
		rc = take_over(kv, tree);
	json_free(tree);
	buf_free(&text);
	return rc;
}

static enum rc load_or_backup(struct kv_config *kv)
{
	enum rc rc = load(kv, kv->path);
	char *backup;

	if (rc != RC_CORRUPT)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	backup = mem_printf("%s.bak", kv->path);
	if (load(kv, backup) == RC_OK) {
		log_warn("namesrv", "'%s' is damaged: '%s' is used", kv->path, backup);
		rc = RC_OK;
	}
	free(backup);
	return rc;
}

enum rc kv_config_new(const char *path, struct executor *ex, struct kv_config **out, char **error)
{
	struct kv_config *kv = mem_zalloc(sizeof(*kv));
	enum rc rc;

	kv->path = mem_strdup(path);
	kv->executor = ex;
	list_init(&kv->saving);
	list_init(&kv->waiting);
	rc = load_or_backup(kv);
	if (rc != RC_OK) {
		*error = mem_printf("KV configuration '%s': %s", path, rc_text(rc));
		kv_config_free(kv);
		return rc;
	}
	*out = kv;
	return RC_OK;
}

void kv_config_free(struct kv_config *kv)
{
	if (kv->save) {
		log_error("namesrv", "'%s' is still being written at the end", kv->path);
		kv->save->owner = NULL;
	} else if (kv->is_dirty) {
		struct buf text = {0};

		encode(kv, &text);
		if (small_file_replace(kv->path, buf_slice(&text), true) != RC_OK)
			log_error("namesrv", "write '%s' failed at the end", kv->path);
		buf_free(&text);
	}
	clear(kv);
	free(kv->path);
	free(kv);
}
