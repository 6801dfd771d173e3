/* Happy path: open, lock, write "lock"; the lock lives as long as the descriptor. Failure: the line says who has it. */
#include "store/store_lock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"

static enum rc locked_by(int fd, const char *path, char **error)
{
	struct flock who = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};

	if (fcntl(fd, F_GETLK, &who) == 0 && who.l_type != F_UNLCK && who.l_pid > 0)
		*error = mem_printf(
			"store: '%s' is locked by process %ld: another broker runs on this storePathRootDir; stop it, or "
			"give this one another storePathRootDir",
			path, (long)who.l_pid);
	else
		*error = mem_printf(
			"store: '%s' is locked: another broker runs on this storePathRootDir; stop it, or give this one "
			"another storePathRootDir",
			path);
	return RC_LOCKED;
}

enum rc store_lock_take(struct store_lock *l, const char *root, char **error)
{
	struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 1};
	char *path = mem_printf("%s/lock", root);
	enum rc rc = io_open(path, O_RDWR | O_CREAT, &l->fd);

	if (rc != RC_OK) {
		*error = mem_printf("store: open '%s' as user %ld: %s; give the folder to that user or change storePathRootDir",
				    path, (long)geteuid(), rc_text(rc));
	} else if (fcntl(l->fd, F_SETLK, &lock) < 0) {
		rc = errno == EACCES || errno == EAGAIN ? locked_by(l->fd, path, error) : rc_from_errno(errno);
		if (rc != RC_LOCKED)
			*error = mem_printf("store: lock '%s': %s", path, rc_text(rc));
	} else {
		rc = io_write_at(l->fd, "lock", 4, 0);
		if (rc == RC_DISK_FULL)
			rc = RC_OK; /* the lock is what counts */
		if (rc != RC_OK)
			*error = mem_printf("store: write '%s': %s", path, rc_text(rc));
	}
	if (rc != RC_OK)
		store_lock_release(l);
	free(path);
	return rc;
}

void store_lock_release(struct store_lock *l)
{
	io_close(l->fd);
	l->fd = -1;
}

static char *abort_path(const char *root) { return mem_printf("%s/abort", root); }

bool store_abort_exists(const char *root)
{
	char *path = abort_path(root);
	bool exists = access(path, F_OK) == 0;

	free(path);
	return exists;
}

enum rc store_abort_make(const char *root)
{
	char *path = abort_path(root), pid[24];
	int fd;
	enum rc rc = io_open(path, O_RDWR | O_CREAT | O_TRUNC, &fd);

	mem_format(pid, sizeof(pid), "%ld", (long)getpid());
	if (rc == RC_OK) {
		rc = io_write_at(fd, pid, strlen(pid), 0);
		if (rc == RC_OK || rc == RC_DISK_FULL)
			rc = io_sync(fd);
		if (rc == RC_DISK_FULL)
			rc = RC_OK; /* that it is there is what counts */
	}
	io_close(fd);
	if (rc == RC_OK)
		rc = io_sync_folder(root);
	free(path);
	return rc;
}

enum rc store_abort_remove(const char *root)
{
	char *path = abort_path(root);
	enum rc rc = io_unlink(path);

	if (rc == RC_OK)
		rc = io_sync_folder(root);
	free(path);
	return rc;
}
