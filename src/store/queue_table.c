/* Happy path: the folders are listed once, two levels, and become topics and queues that are not loaded; the first use of a queue loads it.
 * Failures: what is no queue folder is left alone (forms that we do not read: recovery_refuse). A queue whose files cannot be read is as absent, and the log says why. */
#include "store/queue_table.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"

/* ---- topics and queues ---- */

static struct queue_topic *topic_find(struct queue_table *t, struct slice name)
{
	struct queue_topic *topic;

	HASH_FIND(hh, t->topics, name.at, name.len, topic);
	return topic;
}

static bool name_is_folder(struct slice name)
{
	if (name.len == 0 || name.len > QUEUE_TOPIC_MAX || slice_is(name, ".") || slice_is(name, ".."))
		return false;
	return memchr(name.at, '/', name.len) == NULL && memchr(name.at, '\0', name.len) == NULL;
}

static struct queue_topic *topic_make(struct queue_table *t, struct slice name)
{
	struct queue_topic *topic = mem_zalloc(sizeof(*topic) + name.len + 1);

	topic->table = t;
	topic->name_len = name.len;
	memcpy(topic->name, name.at, name.len);
	HASH_ADD_KEYPTR(hh, t->topics, topic->name, topic->name_len, topic);
	return topic;
}

/* Where the queue of this id is or would be. Most topics have the ids 0 to n - 1, so the place is the id. */
static uint32_t queue_place_in(const struct queue_topic *topic, int32_t id)
{
	uint32_t low = 0, high = topic->count;

	if (id >= 0 && (uint32_t)id < topic->count && topic->queues[id]->id == id)
		return (uint32_t)id;
	while (low < high) {
		uint32_t mid = (low + high) / 2;

		if (topic->queues[mid]->id < id)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

static struct store_queue *topic_queue(const struct queue_topic *topic, int32_t id)
{
	uint32_t i = queue_place_in(topic, id);

	return i < topic->count && topic->queues[i]->id == id ? topic->queues[i] : NULL;
}

static struct store_queue *topic_add(struct queue_topic *topic, int32_t id)
{
	uint32_t i = queue_place_in(topic, id);
	struct store_queue *q = mem_zalloc(sizeof(*q));

	if (topic->count == topic->cap) {
		topic->cap = topic->cap ? topic->cap * 2 : 1;
		topic->queues = mem_realloc(topic->queues, topic->cap * sizeof(struct store_queue *));
	}
	memmove(topic->queues + i + 1, topic->queues + i, (topic->count - i) * sizeof(struct store_queue *));
	topic->queues[i] = q;
	topic->count++;
	topic->table->count++;
	q->topic = topic;
	q->id = id;
	q->serial = ++topic->table->serial;
	list_init(&q->hot_link);
	list_init(&q->dirty_link);
	list_init(&q->sync_link);
	return q;
}

void queue_topic_drop(struct queue_topic *topic)
{
	if (topic->count > 0)
		return;
	free(topic->queues);
	free(topic);
}

static void queue_free(struct store_queue *q)
{
	queue_tail_free(q);
	free(q);
}

void queue_job_ended(struct store_queue *q)
{
	struct queue_topic *topic = q->topic;

	if (--q->jobs > 0 || !q->is_deleted)
		return;
	queue_free(q);
	topic->count--;
	queue_topic_drop(topic);
}

/* ---- folders ---- */

static bool name_to_id(const char *name, int32_t *id)
{
	return name[0] >= '0' && name[0] <= '9' && (name[0] != '0' || name[1] == '\0') && slice_to_i32(slice_of(name), id);
}

static DIR *open_folder_at(int fd, const char *name)
{
	int sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
	DIR *dir = sub >= 0 ? fdopendir(sub) : NULL;

	if (dir == NULL && sub >= 0)
		close(sub);
	return dir;
}

static void list_topic(struct queue_table *t, int fd, const char *name)
{
	DIR *dir = open_folder_at(fd, name);
	struct queue_topic *topic = NULL;
	struct dirent *e;
	int32_t id;

	if (dir == NULL) {
		if (errno != ENOTDIR)
			log_warn("store", "open '%s/%s': %s", t->folder, name, strerror(errno));
		return;
	}
	while ((e = readdir(dir)) != NULL) {
		if ((e->d_type != DT_DIR && e->d_type != DT_UNKNOWN) || !name_to_id(e->d_name, &id))
			continue;
		if (topic == NULL)
			topic = topic_make(t, slice_of(name));
		if (topic_queue(topic, id) == NULL)
			topic_add(topic, id);
	}
	closedir(dir);
}

static enum rc list_folder(struct queue_table *t, char **error)
{
	DIR *dir = opendir(t->folder);
	struct dirent *e;

	if (dir == NULL) {
		if (errno == ENOENT)
			return RC_OK;
		*error = mem_printf("open '%s' as user %u: %s; make it a folder that this user can read and write", t->folder,
				    geteuid(), strerror(errno));
		return rc_from_errno(errno);
	}
	while ((e = readdir(dir)) != NULL) {
		if ((e->d_type == DT_DIR || e->d_type == DT_UNKNOWN) && e->d_name[0] != '.')
			list_topic(t, dirfd(dir), e->d_name);
	}
	closedir(dir);
	return RC_OK;
}

/* One file is looked at: all were made with the same mappedFileSizeConsumeQueue. */
static enum rc check_file_size(struct queue_table *t, char **error)
{
	int tries = 16; /* queues without files */
	struct queue_topic *topic, *next;
	enum rc rc = RC_OK;

	HASH_ITER (hh, t->topics, topic, next) {
		struct queue_place p = queue_place_of(topic->queues[0]);
		char path[PATH_MAX] = "";
		int64_t *begins;
		size_t count;
		struct stat st;

		if (rc != RC_OK || tries-- == 0)
			break;
		if (queue_file_list(&p, &begins, &count) == RC_OK && count > 0 && queue_file_path(&p, begins[count - 1], path) &&
		    stat(path, &st) == 0) {
			tries = 0;
			if (st.st_size > t->file_entries * QUEUE_ENTRY_BYTES) {
				rc = RC_UNSUPPORTED;
				*error = mem_printf("'%s' has %" PRId64 " bytes, mappedFileSizeConsumeQueue says %" PRId64
						    "; set it to what the store was written with",
						    path, (int64_t)st.st_size, t->file_entries * QUEUE_ENTRY_BYTES);
			}
		}
		free(begins);
	}
	return rc;
}

enum rc queue_table_open(struct store *s, struct queue_table **out, char **error)
{
	struct queue_table *t = mem_zalloc(sizeof(*t));
	enum rc rc;

	*out = NULL;
	t->store = s;
	t->file_entries = s->config.queue_file_entries;
	t->folder = mem_printf("%s/consumequeue", s->config.root);
	t->log_end = INT64_MAX;
	list_init(&t->hot);
	list_init(&t->dirty);
	list_init(&t->unsynced);
	list_init(&t->gets);
	s->fds = fd_cache_create(QUEUE_FDS_MAX);
	t->lane_fds = fd_cache_create(QUEUE_LANE_FDS_MAX);
	queue_flush_init(t);
	rc = list_folder(t, error);
	if (rc == RC_OK)
		rc = check_file_size(t, error);
	if (rc == RC_OK)
		*out = t;
	else
		queue_table_close(t);
	return rc;
}

void queue_table_close(struct queue_table *t)
{
	struct queue_topic *topic, *next;

	if (t == NULL)
		return;
	queue_flush_fini(t);
	HASH_ITER (hh, t->topics, topic, next) {
		HASH_DEL(t->topics, topic);
		for (uint32_t i = 0; i < topic->count; i++)
			queue_free(topic->queues[i]);
		topic->count = 0;
		queue_topic_drop(topic);
	}
	fd_cache_destroy(t->store->fds);
	t->store->fds = NULL;
	fd_cache_destroy(t->lane_fds);
	get_damage_free(t->damage);
	free(t->folder);
	free(t);
}

void queue_table_set_log_end(struct queue_table *t, int64_t end)
{
	struct queue_topic *topic, *next;

	t->log_end = end;
	HASH_ITER (hh, t->topics, topic, next) {
		for (uint32_t i = 0; i < topic->count; i++) {
			struct store_queue *q = topic->queues[i];
			enum rc rc = q->is_loaded ? queue_cut(q, end) : RC_OK;

			if (rc != RC_OK)
				log_error("store", "topic '%s' queue %" PRId32 ": cut: %s", topic->name, q->id, rc_text(rc));
		}
	}
}

size_t queue_table_count(const struct queue_table *t) { return t->count; }

static struct store_queue *load(struct store_queue *q)
{
	enum rc rc;

	if (q == NULL || q->is_loaded)
		return q;
	rc = queue_load(q);
	if (rc == RC_OK)
		return q;
	log_error("store", "topic '%s' queue %" PRId32 ": read its consume queue: %s", q->topic->name, q->id, rc_text(rc));
	return NULL;
}

struct store_queue *queue_table_get(struct queue_table *t, struct slice name, int32_t id, bool make)
{
	struct queue_topic *topic = topic_find(t, name);
	struct store_queue *q = topic ? topic_queue(topic, id) : NULL;

	if (q || !make)
		return load(q);
	if (id < 0 || t->count >= STORE_QUEUES_MAX || !name_is_folder(name))
		return NULL;
	q = topic_add(topic ? topic : topic_make(t, name), id);
	q->is_loaded = true; /* it has no folder: those that exist are in the table */
	return q;
}

void queue_table_each(struct queue_table *t, void (*visit)(void *ctx, struct store_queue *q), void *ctx)
{
	struct queue_topic *topic, *next;

	HASH_ITER (hh, t->topics, topic, next) {
		for (uint32_t i = 0; i < topic->count; i++)
			if (load(topic->queues[i]))
				visit(ctx, topic->queues[i]);
	}
}

struct slice queue_topic_name(const struct store_queue *q) { return (struct slice){q->topic->name, q->topic->name_len}; }

uint64_t queue_table_tail_bytes(const struct queue_table *t) { return t->tail_bytes; }
