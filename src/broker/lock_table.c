/* lock_table: one hash by (group, topic, queue), and a list of all leases, oldest renewal first.
 * Leases that are over are dropped from the head of that list before any question is answered, so an old lease is no lease, and
 * clients that are gone leave nothing behind. */
#include "broker/lock_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/list.h"
#include "base/mem.h"
#include "broker/broker.h"

#define KEY_MAX 1024

struct lease {
	struct slice group; /* into key */
	struct slice client_id;
	uint64_t renewed_ms;
	struct list by_age;
	UT_hash_handle hh;
	char key[]; /* queue id 4, group, NUL, topic */
};

struct lock_table {
	struct broker *broker;
	struct lease *leases;
	struct list by_age;
};

/* 0 when the names are longer than any legal ones. */
static size_t make_key(char key[KEY_MAX], struct slice group, struct slice topic, int32_t queue_id)
{
	if (group.len == 0 || topic.len == 0 || group.len > KEY_MAX / 2 - 8 || topic.len > KEY_MAX / 2)
		return 0;
	memcpy(key, &queue_id, 4);
	memcpy(key + 4, group.at, group.len);
	key[4 + group.len] = '\0';
	memcpy(key + 5 + group.len, topic.at, topic.len);
	return 5 + group.len + topic.len;
}

static void drop(struct lock_table *t, struct lease *l)
{
	HASH_DEL(t->leases, l);
	list_remove(&l->by_age);
	free((char *)l->client_id.at);
	free(l);
}

static void drop_expired(struct lock_table *t)
{
	while (!list_is_empty(&t->by_age)) {
		struct lease *l = CONTAINER_OF(t->by_age.next, struct lease, by_age);

		if (l->renewed_ms + LOCK_LEASE_MS >= t->broker->timers->now_ms)
			break;
		drop(t, l);
	}
}

static struct lease *find(struct lock_table *t, const char *key, size_t len)
{
	struct lease *l = NULL;

	if (len != 0)
		HASH_FIND(hh, t->leases, key, len, l);
	return l;
}

static void renew(struct lock_table *t, struct lease *l)
{
	l->renewed_ms = t->broker->timers->now_ms;
	list_remove(&l->by_age);
	list_append(&t->by_age, &l->by_age);
}

bool lock_table_lock(struct lock_table *t, struct slice group, struct slice topic, int32_t queue_id, struct slice client_id)
{
	char key[KEY_MAX];
	size_t len = make_key(key, group, topic, queue_id);
	struct lease *l;

	drop_expired(t);
	l = find(t, key, len);
	if (l != NULL && !slice_eq(l->client_id, client_id))
		return false;
	if (l == NULL) {
		if (len == 0 || HASH_COUNT(t->leases) >= LOCKS_MAX)
			return false;
		l = mem_zalloc(sizeof(*l) + len + 1);
		memcpy(l->key, key, len);
		l->group = (struct slice){l->key + 4, group.len};
		l->client_id = (struct slice){slice_dup(client_id), client_id.len};
		list_init(&l->by_age);
		HASH_ADD_KEYPTR(hh, t->leases, l->key, len, l);
	}
	renew(t, l);
	return true;
}

void lock_table_unlock(struct lock_table *t, struct slice group, struct slice topic, int32_t queue_id, struct slice client_id)
{
	char key[KEY_MAX];
	size_t len = make_key(key, group, topic, queue_id);
	struct lease *l;

	drop_expired(t);
	l = find(t, key, len);
	if (l != NULL && slice_eq(l->client_id, client_id))
		drop(t, l);
}

bool lock_table_group_is_locked(struct lock_table *t, struct slice group)
{
	drop_expired(t);
	for (struct lease *l = t->leases; l != NULL; l = l->hh.next)
		if (slice_eq(l->group, group))
			return true;
	return false;
}

struct lock_table *lock_table_new(struct broker *b)
{
	struct lock_table *t = mem_zalloc(sizeof(*t));

	t->broker = b;
	list_init(&t->by_age);
	return t;
}

void lock_table_free(struct lock_table *t)
{
	if (t == NULL)
		return;
	while (!list_is_empty(&t->by_age))
		drop(t, CONTAINER_OF(t->by_age.next, struct lease, by_age));
	free(t);
}
