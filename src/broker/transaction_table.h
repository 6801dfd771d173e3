/* transaction_table: the half messages that are neither committed nor rolled back, as far as the half queue and the op queue have been gone
 * through. A plain table: transaction_service.c feeds it.
 *
 *   half queue   . . 5 . . 9 . . . 14          a transaction keeps the offset of its first half message as its key: 5;
 *                    └──────┴───────┘          each check appends it anew, the newest one counts: offset 14
 *
 * Found by the key and by the newest offset; listed by the newest offset, so that the first one says how far the half queue is done with.
 * Thread: core. Memory: the table owns its transactions. */
#ifndef BROKER_TRANSACTION_TABLE_H
#define BROKER_TRANSACTION_TABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uthash.h>

#include "base/list.h"
#include "base/timers.h"

#define TRANSACTIONS_MAX 250000 /* open ones in the table, about 250 bytes each; the queue keeps what is beyond */

struct transaction {
	int64_t key;      /* queue offset of its first half message */
	int64_t offset;   /* of the newest one */
	int64_t physical; /* of the newest one */
	int64_t op;       /* what was said of it, and of all behind it, stands at this offset of the op queue or further on */
	/* Appended, not readable yet. */
	int64_t next_offset;   /* a newer half message; -1: none */
	bool is_ending;        /* its op message */
	bool is_put;           /* its final message; the op message could not be: it must still follow */
	struct timer timer;    /* until it is to be checked */
	struct list by_offset; /* the table's */
	struct list due;       /* in transaction_check's list when its time has come */
	UT_hash_handle by_key, by_newest;
	void *owner; /* for on_timer */
};

struct transaction_table {
	struct transaction *by_key, *by_newest; /* by_newest: only where it is not the key */
	struct list by_offset;
	size_t count, max;
};

void transaction_table_init(struct transaction_table *t);
void transaction_table_free(struct transaction_table *t, struct timers *timers); /* also stops their timers */

/* NULL when none has that key or that newest offset. */
struct transaction *transaction_find(const struct transaction_table *t, int64_t offset);
struct transaction *transaction_find_physical(const struct transaction_table *t, int64_t physical); /* looks at all */
struct transaction *transaction_first(const struct transaction_table *t); /* lowest newest offset; or NULL */

/* NULL when the table is full. `offset` is higher than all that were added or moved before. The timer is the caller's to start. */
struct transaction *transaction_add(struct transaction_table *t, int64_t key, int64_t offset, int64_t physical, int64_t op);
/* It has a newer half message, at a higher offset than all others, or at its own, when the queue is gone through again. */
void transaction_move(struct transaction_table *t, struct transaction *x, int64_t offset, int64_t physical, int64_t op);
/* Frees it. Its timer is stopped and it is in no other list. */
void transaction_remove(struct transaction_table *t, struct transaction *x);

#endif
