/* small_file: state files that are read and replaced as a whole.
 *
 *   replace: PATH.tmp written and fsynced -> (PATH becomes PATH.bak) -> PATH.tmp renamed to PATH -> folder fsynced
 *
 * So a crash at any point leaves PATH or PATH.bak whole. Both calls block: at start-up, or on a worker (LANE_STATE).
 * Thread: any; one writer a path. */
#ifndef BASE_SMALL_FILE_H
#define BASE_SMALL_FILE_H

#include <stdbool.h>

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

#define SMALL_FILE_MAX_BYTES (256u * 1024 * 1024)

/* Append the contents of `path` to `out`. RC_OK; RC_NOT_FOUND; RC_TOO_BIG over SMALL_FILE_MAX_BYTES; RC_NO_MEMORY; RC_IO,
 * RC_PERMISSION. `out` is unchanged on failure. */
enum rc small_file_read(const char *path, struct buf *out);

/* Replace (or create) `path`; missing parent folders are made. keep_backup: the old one stays as PATH.bak, as Apache does.
 * RC_OK; RC_DISK_FULL, RC_READ_ONLY, RC_PERMISSION, RC_IO: then `path` is as it was. */
enum rc small_file_replace(const char *path, struct slice text, bool keep_backup);

/* Make the folders that lead to `path` (not `path` itself). */
enum rc small_file_make_parents(const char *path);

#endif
