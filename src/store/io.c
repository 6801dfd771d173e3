/* Happy path: one system call, one answer. Failure: errno becomes an rc here and nowhere else; EINTR is tried again. */
#include "store/io.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static int sys_open(const char *path, int flags, mode_t mode) { return open(path, flags, mode); }

const struct io_calls io_system = {
	.open = sys_open,
	.close = close,
	.pwritev = pwritev,
	.preadv2 = preadv2,
	.fdatasync = fdatasync,
	.fallocate = fallocate,
	.ftruncate = ftruncate,
	.rename = rename,
	.unlink = unlink,
	.mkdir = mkdir,
	.fsync = fsync,
	.statvfs = statvfs,
	.syncfs = syncfs,
};

static const struct io_calls *calls = &io_system;

void io_set_calls(const struct io_calls *with) { calls = with ? with : &io_system; }

enum rc io_open(const char *path, int flags, int *fd)
{
	do
		*fd = calls->open(path, flags | O_CLOEXEC, 0644);
	while (*fd < 0 && errno == EINTR);
	return *fd < 0 ? rc_from_errno(errno) : RC_OK;
}

void io_close(int fd)
{
	if (fd >= 0)
		calls->close(fd);
}

static void iov_skip(struct iovec **iov, int *count, size_t n)
{
	while (*count > 0 && n >= (*iov)->iov_len) {
		n -= (*iov)->iov_len;
		(*iov)++;
		(*count)--;
	}
	if (*count > 0) {
		(*iov)->iov_base = (char *)(*iov)->iov_base + n;
		(*iov)->iov_len -= n;
	}
}

/* After a short write the rest is tried: the next call says why (ENOSPC, EIO), or goes on (a call takes at most 2 GiB). */
enum rc io_write_all(int fd, struct iovec *iov, int count, int64_t at)
{
	iov_skip(&iov, &count, 0);
	while (count > 0) {
		ssize_t n = calls->pwritev(fd, iov, count, at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? rc_from_errno(errno) : RC_IO;
		at += n;
		iov_skip(&iov, &count, (size_t)n);
	}
	return RC_OK;
}

enum rc io_write_at(int fd, const void *bytes, size_t n, int64_t at)
{
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = n};

	return io_write_all(fd, &iov, 1, at);
}

enum rc io_read_some(int fd, void *dest, size_t n, int64_t at, size_t *got)
{
	*got = 0;
	while (*got < n) {
		struct iovec iov = {.iov_base = (char *)dest + *got, .iov_len = n - *got};
		ssize_t r = calls->preadv2(fd, &iov, 1, at + (int64_t)*got, 0);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return rc_from_errno(errno);
		if (r == 0)
			break;
		*got += (size_t)r;
	}
	return RC_OK;
}

enum rc io_read_at(int fd, void *dest, size_t n, int64_t at, bool nowait)
{
	size_t got;
	enum rc rc;

	if (nowait) {
		struct iovec iov = {.iov_base = dest, .iov_len = n};
		ssize_t r = calls->preadv2(fd, &iov, 1, at, RWF_NOWAIT);

		if (r == (ssize_t)n)
			return RC_OK;
		if (r >= 0 || errno == EAGAIN)
			return RC_PENDING; /* a part of it is cold, or the end of the file, which the waiting read will say */
		if (errno != EOPNOTSUPP && errno != EINTR)
			return rc_from_errno(errno);
	}
	rc = io_read_some(fd, dest, n, at, &got);
	if (rc == RC_OK && got < n)
		return RC_NOT_FOUND;
	return rc;
}

enum rc io_sync(int fd) { return calls->fdatasync(fd) < 0 ? rc_from_errno(errno) : RC_OK; }

enum rc io_set_size(int fd, int64_t bytes) { return calls->ftruncate(fd, bytes) < 0 ? rc_from_errno(errno) : RC_OK; }

/* Without blocks of its own the file is sparse, and a full disk shows at the write. So nothing is allocated when that would take the
 * last room of the device: fallocate keeps what it got before ENOSPC. */
enum rc io_allocate(int fd, int64_t bytes)
{
	struct statvfs fs;
	enum rc rc = io_file_size(fd) < bytes ? io_set_size(fd, bytes) : RC_OK;

	if (rc != RC_OK)
		return rc;
	if (fstatvfs(fd, &fs) == 0 && (uint64_t)fs.f_bavail * fs.f_frsize / 2 > (uint64_t)bytes)
		(void)!calls->fallocate(fd, 0, 0, bytes);
	return RC_OK;
}

enum rc io_zero(int fd, int64_t at, int64_t bytes)
{
	static const uint8_t zeros[65536];

	if (bytes <= 0 || calls->fallocate(fd, FALLOC_FL_ZERO_RANGE | FALLOC_FL_KEEP_SIZE, at, bytes) == 0 ||
	    calls->fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, at, bytes) == 0)
		return RC_OK;
	while (bytes > 0) {
		size_t n = bytes < (int64_t)sizeof(zeros) ? (size_t)bytes : sizeof(zeros);
		enum rc rc = io_write_at(fd, zeros, n, at);

		if (rc != RC_OK)
			return rc;
		at += (int64_t)n;
		bytes -= (int64_t)n;
	}
	return RC_OK;
}

enum rc io_rename(const char *from, const char *to) { return calls->rename(from, to) < 0 ? rc_from_errno(errno) : RC_OK; }

enum rc io_unlink(const char *path) { return calls->unlink(path) < 0 && errno != ENOENT ? rc_from_errno(errno) : RC_OK; }

enum rc io_sync_folder(const char *path)
{
	int fd;
	enum rc rc = io_open(path, O_RDONLY | O_DIRECTORY, &fd);

	if (rc != RC_OK)
		return rc;
	if (calls->fsync(fd) < 0)
		rc = rc_from_errno(errno);
	io_close(fd);
	return rc;
}

enum rc io_sync_all(const char *path)
{
	int fd;
	enum rc rc = io_open(path, O_RDONLY | O_DIRECTORY, &fd);

	if (rc != RC_OK)
		return rc;
	if (calls->syncfs(fd) < 0)
		rc = rc_from_errno(errno);
	io_close(fd);
	return rc;
}

enum rc io_make_folders(const char *path)
{
	char copy[PATH_MAX];

	if (snprintf(copy, sizeof(copy), "%s", path) >= (int)sizeof(copy))
		return RC_INVALID;
	for (char *p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (calls->mkdir(copy, 0755) < 0 && errno != EEXIST)
			return rc_from_errno(errno);
		*p = '/';
	}
	return calls->mkdir(copy, 0755) < 0 && errno != EEXIST ? rc_from_errno(errno) : RC_OK;
}

int64_t io_file_size(int fd)
{
	struct stat st;

	return fstat(fd, &st) < 0 ? -1 : (int64_t)st.st_size;
}

int64_t io_file_time_ms(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? -1 : (int64_t)st.st_mtim.tv_sec * 1000 + st.st_mtim.tv_nsec / 1000000;
}

enum rc io_set_file_time(const char *path, int64_t ms)
{
	struct timespec t = {.tv_sec = (time_t)(ms / 1000), .tv_nsec = (long)(ms % 1000) * 1000000}, both[2] = {t, t};

	return utimensat(AT_FDCWD, path, both, 0) < 0 ? rc_from_errno(errno) : RC_OK;
}

enum rc io_space(const char *path, struct io_space *space)
{
	struct statvfs fs;
	double used;

	if (calls->statvfs(path, &fs) < 0)
		return rc_from_errno(errno);
	used = (double)(fs.f_blocks - fs.f_bfree);
	space->used_ratio = used + (double)fs.f_bavail > 0 ? used / (used + (double)fs.f_bavail) : 1;
	space->total = (int64_t)(fs.f_blocks * fs.f_frsize);
	space->available = (int64_t)(fs.f_bavail * fs.f_frsize);
	return RC_OK;
}
