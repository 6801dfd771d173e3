/* index_internal: what index.c and index_query.c share. Included by them only. */
#ifndef STORE_INDEX_INTERNAL_H
#define STORE_INDEX_INTERNAL_H

#include <limits.h>

#include "store/index.h"
#include "store/index_file.h"
#include "store/store_internal.h"

#define INDEX_NAME_BYTES (INDEX_NAME_DIGITS + 3)

struct index_file {
	char name[INDEX_NAME_BYTES];
	struct index_header header; /* as the last job left it */
};

struct index_records {
	struct index_record *at;
	size_t count, cap;
};

struct index_flush {
	bool is_under_way;
	void (*on_done)(struct store *s, enum rc rc); /* of the job under way */
	bool again, again_sync;
	void (*again_done)(struct store *s, enum rc rc);
};

struct message_index {
	struct store *store;
	char *folder;
	struct index_shape shape;
	struct index_file *files; /* oldest first; the last is being written */
	size_t file_count, file_cap;
	struct index_records pending, flying;
	int64_t skip_below;           /* keys of messages below are in the files */
	int64_t newest_at, newest_ms; /* of all keys; -1, 0: none */
	bool must_heal;               /* the last file, in the next job */
	bool is_running;              /* the executor runs jobs */
	int lane_fd;                  /* the last file's, of LANE_FILES; -1: not open */
	struct index_flush flush;
	struct timer timer;
};

bool index_file_path(const struct message_index *x, const char *name, char out[PATH_MAX]);

#endif
