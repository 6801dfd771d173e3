/* Happy path: opened at first use, read and written at offsets of the log, closed by the last holder.
 * Failure: every call answers with a code; who asked decides. */
#include "store/segment.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"

struct segment *segment_of_file(const char *path, int64_t base, int64_t bytes)
{
	struct segment *seg = mem_zalloc(sizeof(*seg));

	*seg = (struct segment){
		.base = base, .bytes = bytes, .path = mem_strdup(path), .fd = -1, .holders = 1, .is_allocated = true};
	return seg;
}

/* Safe to run twice for one file (the core when it needs the segment, a worker ahead of need): neither cuts anything. */
enum rc segment_create(const char *folder, int64_t base, int64_t bytes, bool allocate, struct segment **out)
{
	char *path = mem_printf("%s/%020lld", folder, (long long)base);
	struct segment *seg = segment_of_file(path, base, bytes);
	enum rc rc = io_open(path, O_RDWR | O_CREAT, &seg->fd);

	free(path);
	if (rc == RC_OK && io_file_size(seg->fd) < bytes)
		rc = io_set_size(seg->fd, bytes);
	if (rc == RC_OK && allocate)
		rc = io_allocate(seg->fd, bytes);
	if (rc != RC_OK) {
		segment_drop(seg);
		return rc;
	}
	seg->folder_is_dirty = true;
	seg->is_allocated = allocate;
	*out = seg;
	return RC_OK;
}

enum rc segment_open(struct segment *seg) { return seg->fd >= 0 ? RC_OK : io_open(seg->path, O_RDWR, &seg->fd); }

void segment_hold(struct segment *seg) { seg->holders++; }

static void segment_free(struct segment *seg)
{
	free(seg->path);
	free(seg);
}

void segment_drop(struct segment *seg)
{
	if (--seg->holders > 0)
		return;
	io_close(seg->fd);
	segment_free(seg);
}

void segment_remove(struct segment *seg)
{
	enum rc rc = io_unlink(seg->path);

	if (rc != RC_OK)
		log_error("store", "remove '%s': %s", seg->path, rc_text(rc));
	segment_drop(seg);
}

enum rc segment_read(const struct segment *seg, int64_t at, void *dest, size_t n, bool nowait)
{
	enum rc rc = io_read_at(seg->fd, dest, n, at - seg->base, nowait);

	return rc == RC_NOT_FOUND ? RC_IO : rc; /* the file is shorter than it was when it was opened */
}

enum rc segment_write(const struct segment *seg, int64_t at, struct iovec *iov, int count)
{
	return io_write_all(seg->fd, iov, count, at - seg->base);
}
