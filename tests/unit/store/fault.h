/* fault: a shim under the store's system calls (store/io.h) that fails chosen calls on chosen files.
 *
 *	fault_set(FAULT_PWRITEV, "/commitlog/", 1, ENOSPC);   the first write from now on to such a path fails, and all behind it
 *	fault_clear();
 */
#ifndef TESTS_UNIT_STORE_FAULT_H
#define TESTS_UNIT_STORE_FAULT_H

#include <stdint.h>

enum fault {
	FAULT_OPEN,
	FAULT_PWRITEV,
	FAULT_PREADV2,
	FAULT_FDATASYNC,
	FAULT_FALLOCATE,
	FAULT_FTRUNCATE,
	FAULT_RENAME,
	FAULT_UNLINK,
	FAULT_COUNT
};

/* The `nth` call (1 = next) on a path that contains `path` fails with `err`, and all behind it until fault_clear. */
void fault_set(enum fault call, const char *path, int nth, int err);
/* A failing pwritev first writes this many bytes (a short write, then the error). */
void fault_short(int64_t bytes);
void fault_clear(void);           /* the system's calls again; counters to zero */
int fault_calls(enum fault call); /* calls seen on matching paths since fault_set */

#endif
