/* shim: stands between the broker and the system calls that change its store and its state files (linked with ld's --wrap, so that the
 * broker itself is unchanged), counts them, and ends the process at one of them.
 *
 *   FUSEE_CRASH_ROOT    the store's folder; only calls on what is in it count
 *   FUSEE_CRASH_AT      WHEN:CALL:AREA:N, say "before:pwritev:commitlog:17"; nothing happens without it
 *                         WHEN  before, after, or during (half of what a write was given is written)
 *                         CALL  pwritev write fdatasync fsync syncfs fallocate ftruncate create rename link unlink mkdir, or any
 *                         AREA  commitlog consumequeue index checkpoint abort lock config other, or any
 *   FUSEE_CRASH_POWER   a number: the power fails. What was not synced is undone, in part, as this seed says: see power.h. It is done by a
 *                       child once the broker is dead; then ROOT.report has the lowest byte of the log that was lost; ROOT.begun is
 *                       there from the moment the power fails
 *
 *   FUSEE_CRASH_FAULT   a file of at least 256 bytes, mapped: while its first byte is not 0 it reads "CALL AREA ERRNO", and each such call
 *                       fails with that errno; 0 for a pwritev or preadv2 that does half of what it was asked. CALL also: open, preadv2.
 *                       Native 32 bits at 128 count how often
 *
 * Thread: any; one lock. Memory: the shim's own, until the process ends. */
#ifndef TESTS_CRASH_SHIM_H
#define TESTS_CRASH_SHIM_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/uio.h>

#define SHIM_FDS_MAX 65536 /* descriptors above it are not watched */
#define SHIM_PATH_MAX 512

/* The system's own calls. */
int __real_open(const char *path, int flags, ...);
int __real_close(int fd);
ssize_t __real_write(int fd, const void *bytes, size_t n);
ssize_t __real_pwritev(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __real_preadv2(int fd, const struct iovec *iov, int count, off_t at, int flags);
int __real_fdatasync(int fd);
int __real_fsync(int fd);
int __real_syncfs(int fd);
int __real_fallocate(int fd, int mode, off_t at, off_t bytes);
int __real_ftruncate(int fd, off_t bytes);
int __real_truncate(const char *path, off_t bytes);
int __real_rename(const char *from, const char *to);
int __real_link(const char *from, const char *to);
int __real_unlink(const char *path);
int __real_mkdir(const char *path, mode_t mode);

/* Part of the store that a path belongs to: "commitlog" ...; NULL when it is not in the store. */
const char *shim_area(const char *path);
/* Path of an open file or folder of the store; NULL: none of it. */
const char *shim_path(int fd);

#endif
