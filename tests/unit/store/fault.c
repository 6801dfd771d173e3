#include "tests/unit/store/fault.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "store/io.h"

static struct {
	const char *path;
	int nth, err, calls;
	int64_t short_bytes;
} plan[FAULT_COUNT];

static bool fails_on(enum fault f, const char *path)
{
	if (plan[f].path == NULL || strstr(path, plan[f].path) == NULL)
		return false;
	plan[f].calls++;
	if (plan[f].err == 0 || plan[f].calls < plan[f].nth)
		return false;
	errno = plan[f].err;
	return true;
}

static bool fails_fd(enum fault f, int fd)
{
	char link[64], path[512];
	ssize_t n;

	if (plan[f].path == NULL)
		return false;
	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, sizeof(path) - 1);
	path[n < 0 ? 0 : n] = '\0';
	return fails_on(f, path);
}

static int open_(const char *path, int flags, mode_t mode)
{
	return fails_on(FAULT_OPEN, path) ? -1 : io_system.open(path, flags, mode);
}

static ssize_t pwritev_(int fd, const struct iovec *iov, int count, off_t at)
{
	struct iovec part = iov[0];

	if (!fails_fd(FAULT_PWRITEV, fd))
		return io_system.pwritev(fd, iov, count, at);
	if (plan[FAULT_PWRITEV].short_bytes == 0)
		return -1;
	if ((int64_t)part.iov_len > plan[FAULT_PWRITEV].short_bytes)
		part.iov_len = (size_t)plan[FAULT_PWRITEV].short_bytes;
	plan[FAULT_PWRITEV].short_bytes = 0;
	return io_system.pwritev(fd, &part, 1, at);
}

static ssize_t preadv2_(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
	return fails_fd(FAULT_PREADV2, fd) ? -1 : io_system.preadv2(fd, iov, count, at, flags);
}

static int fdatasync_(int fd) { return fails_fd(FAULT_FDATASYNC, fd) ? -1 : io_system.fdatasync(fd); }

static int fallocate_(int fd, int mode, off_t at, off_t bytes)
{
	return fails_fd(FAULT_FALLOCATE, fd) ? -1 : io_system.fallocate(fd, mode, at, bytes);
}

static int ftruncate_(int fd, off_t bytes) { return fails_fd(FAULT_FTRUNCATE, fd) ? -1 : io_system.ftruncate(fd, bytes); }

static int rename_(const char *from, const char *to) { return fails_on(FAULT_RENAME, to) ? -1 : io_system.rename(from, to); }

static int unlink_(const char *path) { return fails_on(FAULT_UNLINK, path) ? -1 : io_system.unlink(path); }

void fault_set(enum fault call, const char *path, int nth, int err)
{
	static struct io_calls shim;

	shim = io_system;
	shim.open = open_;
	shim.pwritev = pwritev_;
	shim.preadv2 = preadv2_;
	shim.fdatasync = fdatasync_;
	shim.fallocate = fallocate_;
	shim.ftruncate = ftruncate_;
	shim.rename = rename_;
	shim.unlink = unlink_;
	plan[call].path = path;
	plan[call].nth = nth;
	plan[call].err = err;
	plan[call].calls = 0;
	io_set_calls(&shim);
}

void fault_short(int64_t bytes) { plan[FAULT_PWRITEV].short_bytes = bytes; }

void fault_clear(void)
{
	memset(plan, 0, sizeof(plan));
	io_set_calls(NULL);
}

int fault_calls(enum fault call) { return plan[call].calls; }
