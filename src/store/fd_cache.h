/* fd_cache: open files by (owner, file), at most `max`; the longest unused is closed.
 *
 * Thread: its owner's; one on the core for readers, one for the jobs of LANE_FILES (which run one at a time). Memory: owns the
 * descriptors; one that was returned is valid until the next call of the same cache. */
#ifndef STORE_FD_CACHE_H
#define STORE_FD_CACHE_H

#include <stdint.h>

#include "base/rc.h"

struct fd_cache;

struct fd_cache *fd_cache_create(int max);
void fd_cache_destroy(struct fd_cache *c); /* closes all; NULL is allowed */

/* The descriptor of file `file` of `owner`; opened with `flags` from path when it is not there. Where the process has no descriptor left, the
 * longest unused one is given up. RC_OK and *fd; else what open said. */
enum rc fd_cache_get(struct fd_cache *c, uint32_t owner, int64_t file, const char *path, int flags, int *fd);
int fd_cache_find(struct fd_cache *c, uint32_t owner, int64_t file);         /* -1: not open */
void fd_cache_put(struct fd_cache *c, uint32_t owner, int64_t file, int fd); /* takes an open one */
void fd_cache_forget(struct fd_cache *c, uint32_t owner, int64_t file);
void fd_cache_forget_owner(struct fd_cache *c, uint32_t owner);
int fd_cache_count(const struct fd_cache *c);

#endif
