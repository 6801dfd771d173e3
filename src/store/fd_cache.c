/* Happy path: a hash look-up and a move to the end of the use list. Failure: the error of open; when the process is out of descriptors
 * the longest unused ones are given up until open succeeds or none is left. */
#include "store/fd_cache.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/list.h"
#include "base/mem.h"
#include "store/io.h"

struct fd_key {
	int64_t file;
	uint64_t owner; /* 64 bits wide, so that the key has no padding */
};

struct fd_entry {
	struct fd_key key;
	int fd;
	struct list link; /* by use */
	UT_hash_handle hh;
};

struct fd_cache {
	struct fd_entry *entries;
	struct list used; /* longest unused first */
	int count, max;
};

struct fd_cache *fd_cache_create(int max)
{
	struct fd_cache *c = mem_zalloc(sizeof(*c));

	c->max = max;
	list_init(&c->used);
	return c;
}

static void drop(struct fd_cache *c, struct fd_entry *e)
{
	HASH_DEL(c->entries, e);
	list_remove(&e->link);
	io_close(e->fd);
	free(e);
	c->count--;
}

static bool drop_oldest(struct fd_cache *c)
{
	if (list_is_empty(&c->used))
		return false;
	drop(c, CONTAINER_OF(c->used.next, struct fd_entry, link));
	return true;
}

void fd_cache_destroy(struct fd_cache *c)
{
	if (c == NULL)
		return;
	while (drop_oldest(c))
		;
	free(c);
}

static struct fd_entry *find(struct fd_cache *c, uint32_t owner, int64_t file)
{
	struct fd_key key = {.file = file, .owner = owner};
	struct fd_entry *e;

	HASH_FIND(hh, c->entries, &key, sizeof(key), e);
	return e;
}

int fd_cache_find(struct fd_cache *c, uint32_t owner, int64_t file)
{
	struct fd_entry *e = find(c, owner, file);

	if (e == NULL)
		return -1;
	list_remove(&e->link);
	list_append(&c->used, &e->link);
	return e->fd;
}

void fd_cache_put(struct fd_cache *c, uint32_t owner, int64_t file, int fd)
{
	struct fd_entry *e = mem_zalloc(sizeof(*e));

	fd_cache_forget(c, owner, file);
	if (c->count >= c->max)
		drop_oldest(c);
	e->key = (struct fd_key){.file = file, .owner = owner};
	e->fd = fd;
	HASH_ADD(hh, c->entries, key, sizeof(e->key), e);
	list_append(&c->used, &e->link);
	c->count++;
}

enum rc fd_cache_get(struct fd_cache *c, uint32_t owner, int64_t file, const char *path, int flags, int *fd)
{
	enum rc rc;

	*fd = fd_cache_find(c, owner, file);
	if (*fd >= 0)
		return RC_OK;
	do
		rc = io_open(path, flags, fd);
	while (rc == RC_TOO_MANY_FILES && drop_oldest(c));
	if (rc == RC_OK)
		fd_cache_put(c, owner, file, *fd);
	return rc;
}

void fd_cache_forget(struct fd_cache *c, uint32_t owner, int64_t file)
{
	struct fd_entry *e = find(c, owner, file);

	if (e)
		drop(c, e);
}

void fd_cache_forget_owner(struct fd_cache *c, uint32_t owner)
{
	LIST_FOR_EACH_SAFE (it, &c->used) {
		struct fd_entry *e = CONTAINER_OF(it, struct fd_entry, link);

		if (e->key.owner == owner)
			drop(c, e);
	}
}

int fd_cache_count(const struct fd_cache *c) { return c->count; }
