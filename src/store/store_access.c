/* Happy path: one system call for each folder and file. What is missing is fine: the store makes it. */
#include "store/store_access.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"

static const char *remedy(int err)
{
	switch (err) {
	case EACCES:
	case EPERM:
		return "give the store to that user, or change storePathRootDir";
	case ENOTDIR:
	case EEXIST:
		return "move it away, or change storePathRootDir";
	case EROFS:
		return "mount it for writing, or change storePathRootDir";
	default:
		return "mend that, or change storePathRootDir";
	}
}

static enum rc refuse(const char *doing, const char *path, int err, char **error)
{
	enum rc rc = rc_from_errno(err);

	*error = mem_printf("store: %s '%s' as user %ld: %s; %s", doing, path, (long)geteuid(), strerror(err), remedy(err));
	return rc == RC_PERMISSION || rc == RC_READ_ONLY || rc == RC_DISK_FULL ? rc : RC_IO;
}

/* EACCES, EROFS and the like for what is there; a file below something that is no folder is not there. */
static enum rc may_use(const char *path, bool is_folder, char **error)
{
	struct stat st;
	int mode = is_folder ? R_OK | W_OK | X_OK : R_OK | W_OK;

	if (stat(path, &st) < 0)
		return errno == ENOENT ? RC_OK : refuse("open", path, errno, error);
	if (is_folder && !S_ISDIR(st.st_mode))
		return refuse("open folder", path, ENOTDIR, error);
	if (faccessat(AT_FDCWD, path, mode, AT_EACCESS) < 0)
		return refuse(is_folder ? "write to folder" : "write to", path, errno, error);
	return RC_OK;
}

static enum rc may_use_file_of(const char *folder, const char *name, char **error)
{
	char *path = mem_printf("%s/%s", folder, name);
	struct stat st;
	enum rc rc = stat(path, &st) == 0 && !S_ISREG(st.st_mode) ? RC_OK : may_use(path, false, error);

	free(path);
	return rc;
}

static enum rc may_use_files(const char *folder, char **error)
{
	DIR *dir = opendir(folder);
	const struct dirent *e;
	enum rc rc = RC_OK;

	if (dir == NULL)
		return errno == ENOENT ? RC_OK : refuse("list folder", folder, errno, error);
	while (rc == RC_OK && (e = readdir(dir)) != NULL)
		if (e->d_name[0] != '.')
			rc = may_use_file_of(folder, e->d_name, error);
	closedir(dir);
	return rc;
}

static enum rc may_use_part(const char *root, const char *name, bool with_files, char **error)
{
	char *path = mem_printf("%s/%s", root, name);
	enum rc rc = may_use(path, true, error);

	if (rc == RC_OK && with_files)
		rc = may_use_files(path, error);
	free(path);
	return rc;
}

static enum rc check_parts(const struct store_config *config, char **error)
{
	static const char *const files[] = {"checkpoint", "abort", "lock"};
	enum rc rc = config->commit_log_path ? may_use(config->commit_log_path, true, error)
					     : may_use_part(config->root, "commitlog", true, error);

	if (rc == RC_OK && config->commit_log_path)
		rc = may_use_files(config->commit_log_path, error);
	for (size_t i = 0; rc == RC_OK && i < COUNT_OF(files); i++)
		rc = may_use_file_of(config->root, files[i], error);
	if (rc == RC_OK)
		rc = may_use_part(config->root, "consumequeue", false, error);
	if (rc == RC_OK)
		rc = may_use_part(config->root, "index", true, error);
	if (rc == RC_OK)
		rc = may_use_part(config->root, "config", true, error);
	return rc;
}

enum rc store_access_check(const struct store_config *config, char **error)
{
	enum rc rc;

	errno = 0;
	if (io_make_folders(config->root) != RC_OK)
		return refuse("make folder", config->root, errno ? errno : ENAMETOOLONG, error);
	rc = may_use(config->root, true, error);
	return rc == RC_OK ? check_parts(config, error) : rc;
}
