/* store_access: may this process use what stands below storePathRootDir? Asked before anything is opened or changed.
 *
 * Thread: core, before the store is open. Memory: none kept. */
#ifndef STORE_STORE_ACCESS_H
#define STORE_STORE_ACCESS_H

#include "base/defs.h"
#include "store/store.h"

/* Makes the root folder where it is missing, then looks at each folder of the store, and at each file that a start opens (segments, index, checkpoint,
 * abort, lock, config; those of consume queues are opened late, and are too many). RC_OK; RC_PERMISSION, RC_READ_ONLY, RC_IO
 * and *error: one line with the path, the user id, the reason and the remedy. */
enum rc store_access_check(const struct store_config *config, char **error) MUST_USE;

#endif
