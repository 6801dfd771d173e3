#include "base/small_file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"

static enum rc read_all(int fd, size_t size, struct buf *out)
{
	size_t before = out->len;

	if (!buf_try_reserve(out, size))
		return RC_NO_MEMORY;
	while (out->len - before < size) {
		ssize_t n = read(fd, out->data + out->len, size - (out->len - before));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			out->len = before;
			return rc_from_errno(errno);
		}
		if (n == 0) /* shorter than a moment ago: what is there counts */
			break;
		out->len += (size_t)n;
	}
	return RC_OK;
}

enum rc small_file_read(const char *path, struct buf *out)
{
	struct stat st;
	enum rc rc;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return rc_from_errno(errno);
	if (fstat(fd, &st) != 0)
		rc = rc_from_errno(errno);
	else if (!S_ISREG(st.st_mode))
		rc = RC_INVALID;
	else if ((uint64_t)st.st_size > SMALL_FILE_MAX_BYTES)
		rc = RC_TOO_BIG;
	else
		rc = read_all(fd, (size_t)st.st_size, out);
	close(fd);
	return rc;
}

static enum rc write_all(int fd, struct slice text)
{
	while (text.len > 0) {
		ssize_t n = write(fd, text.at, text.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return rc_from_errno(errno);
		text = slice_sub(text, (size_t)n, text.len);
	}
	return fsync(fd) == 0 ? RC_OK : rc_from_errno(errno);
}

static enum rc write_new(const char *path, struct slice text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	enum rc rc;

	if (fd < 0)
		return rc_from_errno(errno);
	rc = write_all(fd, text);
	if (close(fd) != 0 && rc == RC_OK)
		rc = rc_from_errno(errno);
	return rc;
}

static enum rc sync_folder_of(const char *path)
{
	char *copy = mem_strdup(path);
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	enum rc rc = RC_OK;

	if (fd < 0 || fsync(fd) != 0)
		rc = rc_from_errno(errno);
	if (fd >= 0)
		close(fd);
	free(copy);
	return rc;
}

enum rc small_file_make_parents(const char *path)
{
	char *copy = mem_strdup(path);
	enum rc rc = RC_OK;

	for (char *at = copy + 1; rc == RC_OK && *copy && (at = strchr(at, '/')) != NULL; at++) {
		*at = 0;
		if (mkdir(copy, 0755) != 0 && errno != EEXIST)
			rc = rc_from_errno(errno);
		*at = '/';
	}
	free(copy);
	return rc;
}

/* The old file is linked, not renamed, to its backup: there is no moment without PATH. */
static enum rc back_up(const char *path)
{
	char *backup = mem_printf("%s.bak", path);
	char *fresh = mem_printf("%s.bak.tmp", path);
	enum rc rc = RC_OK;

	unlink(fresh);
	if (link(path, fresh) != 0)
		rc = errno == ENOENT ? RC_OK : rc_from_errno(errno);
	else if (rename(fresh, backup) != 0)
		rc = rc_from_errno(errno);
	free(fresh);
	free(backup);
	return rc;
}

enum rc small_file_replace(const char *path, struct slice text, bool keep_backup)
{
	char *fresh = mem_printf("%s.tmp", path);
	enum rc rc = small_file_make_parents(path);

	if (rc == RC_OK)
		rc = write_new(fresh, text);
	if (rc == RC_OK && keep_backup)
		rc = back_up(path);
	if (rc == RC_OK && rename(fresh, path) != 0)
		rc = rc_from_errno(errno);
	if (rc == RC_OK)
		rc = sync_folder_of(path);
	else
		unlink(fresh);
	free(fresh);
	return rc;
}
