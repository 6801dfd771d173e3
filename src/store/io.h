/* io: the system calls of the store, so that a test can put faults under it (a short write, ENOSPC, a lost sector) without a mock of the
 * store. Thread: any. Memory: none.
 *
 *   module -> io_pwritev -> io_calls->pwritev (the system's; a test's shim through io_set_calls) */
#ifndef STORE_IO_H
#define STORE_IO_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/types.h>
#include <sys/uio.h>

#include "base/defs.h"
#include "base/rc.h"

struct io_calls { /* as the system calls: -1 and errno */
	int (*open)(const char *path, int flags, mode_t mode);
	int (*close)(int fd);
	ssize_t (*pwritev)(int fd, const struct iovec *iov, int count, off_t at);
	ssize_t (*preadv2)(int fd, const struct iovec *iov, int count, off_t at, int flags);
	int (*fdatasync)(int fd);
	int (*fallocate)(int fd, int mode, off_t at, off_t bytes);
	int (*ftruncate)(int fd, off_t bytes);
	int (*rename)(const char *from, const char *to);
	int (*unlink)(const char *path);
	int (*mkdir)(const char *path, mode_t mode);
	int (*fsync)(int fd); /* of folders */
	int (*statvfs)(const char *path, struct statvfs *fs);
	int (*syncfs)(int fd);
};

/* Replace the calls (tests, before the store is opened); NULL: the system's again. */
void io_set_calls(const struct io_calls *calls);
extern const struct io_calls io_system;

/* O_CLOEXEC is added. *fd = -1 on failure. */
enum rc io_open(const char *path, int flags, int *fd) MUST_USE;
void io_close(int fd); /* -1 is allowed */

/* Write all of iov at `at`; a short write is continued once more and then reported as what the system says. iov is changed.
 * On failure some of the bytes may be in the file. */
enum rc io_write_all(int fd, struct iovec *iov, int count, int64_t at) MUST_USE;
enum rc io_write_at(int fd, const void *bytes, size_t n, int64_t at) MUST_USE;

/* Read exactly n bytes at `at`. RC_OK; RC_NOT_FOUND when the file ends before; RC_IO.
 * nowait: RC_PENDING when they are not all in the page cache (RWF_NOWAIT; where the file system cannot say, it reads). */
enum rc io_read_at(int fd, void *dest, size_t n, int64_t at, bool nowait) MUST_USE;
/* As much as there is, up to n: *got. */
enum rc io_read_some(int fd, void *dest, size_t n, int64_t at, size_t *got) MUST_USE;

enum rc io_sync(int fd) MUST_USE; /* fdatasync */
/* Give the file `bytes` bytes; blocks are allocated where the file system can (else the file is sparse). */
enum rc io_allocate(int fd, int64_t bytes) MUST_USE;
enum rc io_zero(int fd, int64_t at, int64_t bytes) MUST_USE; /* bytes [at, at + bytes) read as zero; the size stays */
enum rc io_set_size(int fd, int64_t bytes) MUST_USE;         /* sparse: takes no time */
enum rc io_rename(const char *from, const char *to) MUST_USE;
enum rc io_unlink(const char *path) MUST_USE; /* absent: RC_OK */
enum rc io_sync_folder(const char *path) MUST_USE;
enum rc io_sync_all(const char *path) MUST_USE;     /* everything of the file system that the folder is on */
enum rc io_make_folders(const char *path) MUST_USE; /* with parents; 0755 */
int64_t io_file_size(int fd);                       /* -1: errno */
int64_t io_file_time_ms(const char *path);          /* last change, ms since 1970; -1: not there */
enum rc io_set_file_time(const char *path, int64_t ms) MUST_USE;

struct io_space {
	double used_ratio;        /* used of what an ordinary user can use, as Apache UtilAll.getDiskPartitionSpaceUsedPercent */
	int64_t total, available; /* bytes */
};
enum rc io_space(const char *path, struct io_space *space) MUST_USE;

#endif
