/* store_core: what the targets of the store's files share: a folder in memory, and a store without a log around the module under test.
 * Thread: one. */
#ifndef TESTS_FUZZ_STORE_CORE_H
#define TESTS_FUZZ_STORE_CORE_H

#include "store/store_internal.h"

struct store_core {
	struct store store;
	struct executor ex;
	struct timers timers;
	struct job *first, **last; /* submitted, not run */
	char folder[256];
};

/* Once a process; the folder is removed when it ends. */
void store_core_start(struct store_core *c);
void store_core_run(struct store_core *c); /* all jobs */
/* Make the file (its folders too) hold these bytes. */
void store_core_write(const struct store_core *c, const char *name, const uint8_t *bytes, size_t n, size_t file_bytes);
void store_core_clear(const struct store_core *c); /* everything in the folder */

/* Takes up to n bytes off the front of the input, 0 behind its end. */
uint32_t store_core_take(const uint8_t **data, size_t *size, int n);

#endif
