/* Two hashes and a list over one struct. Failure: only that it is full. */
#include "broker/transaction_table.h"

#include <stdlib.h>

#include "base/defs.h"
#include "base/mem.h"

void transaction_table_init(struct transaction_table *t)
{
	*t = (struct transaction_table){.max = TRANSACTIONS_MAX};
	list_init(&t->by_offset);
}

struct transaction *transaction_find(const struct transaction_table *t, int64_t offset)
{
	struct transaction *x = NULL;

	HASH_FIND(by_key, t->by_key, &offset, sizeof(offset), x);
	if (x == NULL)
		HASH_FIND(by_newest, t->by_newest, &offset, sizeof(offset), x);
	return x;
}

struct transaction *transaction_find_physical(const struct transaction_table *t, int64_t physical)
{
	LIST_FOR_EACH (it, &t->by_offset) {
		struct transaction *x = CONTAINER_OF(it, struct transaction, by_offset);

		if (x->physical == physical)
			return x;
	}
	return NULL;
}

struct transaction *transaction_first(const struct transaction_table *t)
{
	return list_is_empty(&t->by_offset) ? NULL : CONTAINER_OF(t->by_offset.next, struct transaction, by_offset);
}

static void hash_newest(struct transaction_table *t, struct transaction *x)
{
	if (x->offset != x->key)
		HASH_ADD(by_newest, t->by_newest, offset, sizeof(x->offset), x);
}

static void unhash_newest(struct transaction_table *t, struct transaction *x)
{
	if (x->offset != x->key)
		HASH_DELETE(by_newest, t->by_newest, x);
}

struct transaction *transaction_add(struct transaction_table *t, int64_t key, int64_t offset, int64_t physical, int64_t op)
{
	struct transaction *x;

	if (t->count >= t->max)
		return NULL;
	x = mem_zalloc(sizeof(*x));
	x->key = key;
	x->offset = offset;
	x->physical = physical;
	x->op = op;
	x->next_offset = -1;
	list_init(&x->due);
	list_append(&t->by_offset, &x->by_offset);
	HASH_ADD(by_key, t->by_key, key, sizeof(x->key), x);
	hash_newest(t, x);
	t->count++;
	return x;
}

void transaction_move(struct transaction_table *t, struct transaction *x, int64_t offset, int64_t physical, int64_t op)
{
	unhash_newest(t, x);
	x->offset = offset;
	x->physical = physical;
	x->op = op;
	hash_newest(t, x);
	list_remove(&x->by_offset);
	list_append(&t->by_offset, &x->by_offset);
}

static void forget(struct transaction_table *t, struct transaction *x)
{
	unhash_newest(t, x);
	HASH_DELETE(by_key, t->by_key, x);
	list_remove(&x->by_offset);
	t->count--;
}

void transaction_remove(struct transaction_table *t, struct transaction *x)
{
	forget(t, x);
	free(x);
}

void transaction_table_free(struct transaction_table *t, struct timers *timers)
{
	struct transaction *x;

	while ((x = transaction_first(t)) != NULL) {
		timer_stop(timers, &x->timer);
		list_remove(&x->due);
		transaction_remove(t, x);
	}
}
