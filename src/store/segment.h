/* segment: one file of the commit log.
 *
 *   commitlog/00000000001073741824: bytes [base, base + bytes) of the log, allocated whole, full size from its first moment
 *
 * Reference-counted: the log holds one, each reader that leaves the core one. segment_removal.h takes the file away.
 * Thread: hold and drop on the core; read, write, sync: any, while held. Memory: segment_create .. last drop. */
#ifndef STORE_SEGMENT_H
#define STORE_SEGMENT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/uio.h>

#include "base/job.h"
#include "base/rc.h"

struct segment {
	/* set once */
	int64_t base, bytes;
	char *path;
	int fd; /* -1 until the first use after a start */
	/* core only */
	int holders;
	bool folder_is_dirty; /* its name is not yet known to be on the device */
	bool is_allocated;    /* its blocks were asked for */
	uint64_t last_use;
};

/* An existing file; it is opened at first use. Takes a copy of path. */
struct segment *segment_of_file(const char *path, int64_t base, int64_t bytes);
/* A new file of full size, sparse (`allocate` false: takes no time) or with its blocks. Runs on any thread. */
enum rc segment_create(const char *folder, int64_t base, int64_t bytes, bool allocate, struct segment **out);
enum rc segment_open(struct segment *seg); /* make sure that fd is there; core */
void segment_hold(struct segment *seg);
void segment_drop(struct segment *seg);
void segment_remove(struct segment *seg); /* unlinks its file now and takes the log's reference: start-up */

/* n bytes at log offset `at`, all inside. RC_OK; RC_PENDING (nowait, and not in the page cache); RC_IO. */
enum rc segment_read(const struct segment *seg, int64_t at, void *dest, size_t n, bool nowait);
enum rc segment_write(const struct segment *seg, int64_t at, struct iovec *iov, int count);

#endif
