#include "tests/unit/store/power.h"

#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"

struct sector { /* as it was at the last fdatasync */
	char path[256];
	int64_t at;
	uint8_t old[POWER_SECTOR];
	size_t bytes; /* fewer at the end of a file */
	struct sector *next;
};

static struct sector *sectors;
static uint64_t state;

uint64_t power_random(void) /* xorshift64 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

static bool path_of(int fd, char path[256])
{
	char link[64];
	ssize_t n;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	n = readlink(link, path, 255);
	path[n < 0 ? 0 : n] = '\0';
	return n > 0;
}

static bool is_known(const char *path, int64_t at)
{
	for (const struct sector *s = sectors; s; s = s->next)
		if (s->at == at && strcmp(s->path, path) == 0)
			return true;
	return false;
}

static void remember(int fd, int64_t at, int64_t bytes)
{
	int64_t file_bytes = io_file_size(fd);
	char path[256];

	if (!path_of(fd, path))
		return;
	for (int64_t s = at - at % POWER_SECTOR; s < at + bytes && s < file_bytes; s += POWER_SECTOR) {
		struct sector *was;

		if (is_known(path, s))
			continue;
		was = mem_zalloc(sizeof(*was));
		memcpy(was->path, path, sizeof(path));
		was->at = s;
		was->bytes = file_bytes - s < POWER_SECTOR ? (size_t)(file_bytes - s) : POWER_SECTOR;
		(void)!pread(fd, was->old, was->bytes, s);
		was->next = sectors;
		sectors = was;
	}
}

static ssize_t pwritev_(int fd, const struct iovec *iov, int count, off_t at)
{
	int64_t bytes = 0;

	for (int i = 0; i < count; i++)
		bytes += (int64_t)iov[i].iov_len;
	remember(fd, at, bytes);
	return io_system.pwritev(fd, iov, count, at);
}

/* Zeroing a range is remembered as far as anything can have been written there. */
static int fallocate_(int fd, int mode, off_t at, off_t bytes)
{
	if (mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE))
		remember(fd, at, bytes < 65536 ? bytes : 65536);
	return io_system.fallocate(fd, mode, at, bytes);
}

static void forget(const char *path)
{
	for (struct sector **at = &sectors; *at;) {
		struct sector *s = *at;

		if (strcmp(s->path, path) != 0) {
			at = &s->next;
			continue;
		}
		*at = s->next;
		free(s);
	}
}

static int fdatasync_(int fd)
{
	char path[256];
	int result = io_system.fdatasync(fd);

	if (result == 0 && path_of(fd, path))
		forget(path);
	return result;
}

static int unlink_(const char *path)
{
	forget(path);
	return io_system.unlink(path);
}

void power_on(uint64_t seed)
{
	static struct io_calls shim;

	shim = io_system;
	shim.pwritev = pwritev_;
	shim.fallocate = fallocate_;
	shim.fdatasync = fdatasync_;
	shim.unlink = unlink_;
	state = seed * 2654435761u + 88172645463325252ull;
	io_set_calls(&shim);
}

static void drop_all(void)
{
	while (sectors) {
		struct sector *s = sectors;

		sectors = s->next;
		free(s);
	}
	io_set_calls(NULL);
}

void power_off(void) { drop_all(); }

/* Half of the sectors are lost; of one cut in eight everything is. */
void power_cut(void)
{
	bool all = power_random() % 8 == 0;

	for (const struct sector *s = sectors; s; s = s->next) {
		int fd = all || power_random() % 2 ? open(s->path, O_RDWR) : -1;

		if (fd < 0)
			continue;
		(void)!pwrite(fd, s->old, s->bytes, s->at);
		close(fd);
	}
	drop_all();
}
