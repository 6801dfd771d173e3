/* store_lock: one broker a store, and how the last one stopped.
 *
 *   lock    4 bytes "lock", fcntl write lock on byte 0 for as long as the process has the store (Apache: FileChannel.tryLock(0, 1))
 *   abort   exists while a broker runs: our process id as text (as 5.x; 4.x writes it empty)
 *
 * Thread: core. */
#ifndef STORE_STORE_LOCK_H
#define STORE_STORE_LOCK_H

#include <stdbool.h>

#include "base/rc.h"

struct store_lock {
	int fd;
};

/* Takes the lock. RC_LOCKED with *error saying who has it; RC_PERMISSION ... */
enum rc store_lock_take(struct store_lock *l, const char *root, char **error);
void store_lock_release(struct store_lock *l);

bool store_abort_exists(const char *root);
/* RC_DISK_FULL: not even its name could be made. Without room for the process id it is empty. */
enum rc store_abort_make(const char *root);
enum rc store_abort_remove(const char *root);

#endif
