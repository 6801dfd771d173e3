/* lock_table: which client of a group holds which queue, for orderly consumers (LOCK_BATCH_MQ; Apache RebalanceLockManager).
 * A lock is a lease of LOCK_LEASE_MS, renewed by locking again. Thread: core. */
#ifndef BROKER_LOCK_TABLE_H
#define BROKER_LOCK_TABLE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define LOCK_LEASE_MS 60000
#define LOCKS_MAX 1000000 /* (group, topic, queue) triples */

struct broker;
struct lock_table;

struct lock_table *lock_table_new(struct broker *b);
void lock_table_free(struct lock_table *t);

/* True when the client has the lock now (it had it, it was free, or the lease was over). */
bool lock_table_lock(struct lock_table *t, struct slice group, struct slice topic, int32_t queue_id, struct slice client_id);
void lock_table_unlock(struct lock_table *t, struct slice group, struct slice topic, int32_t queue_id, struct slice client_id);
bool lock_table_group_is_locked(struct lock_table *t,
				struct slice group); /* any lease of the group not over (isLockAllExpired, negated) */

#endif
