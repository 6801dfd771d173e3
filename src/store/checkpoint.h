/* checkpoint: how far the log, the consume queues and the index are known to be on the device.
 *
 *   0 log time 8 | 8 queues time 8 | 16 index time 8 | 24 master flushed offset 8 | 32 confirm offset 8 | zeros ... |
 *   1024 "FUSEECK1" 8 | 1032 safe offset 8 | 1040 log end 8 | 1048 last message 8 | 1056 index files 4 | 1060 queues 4 | 1064 the three times 24 | 1088 CRC-32 4
 *   file of 4096 bytes, big-endian
 *
 * The first 40 bytes are Apache's (StoreCheckpoint), which keeps the rest of the file as it is. Our part says exact log offsets. What
 * Apache does to the log afterwards only adds to it, so `safe` stays true; log_end and what follows count only with is_ours.
 * Thread: core to fill, any to write. */
#ifndef STORE_CHECKPOINT_H
#define STORE_CHECKPOINT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/defs.h"
#include "base/rc.h"

#define CHECKPOINT_BYTES 4096

struct checkpoint {
	int64_t log_ms, queues_ms, index_ms; /* store time of the newest message known to be on the device */
	int64_t master_flushed, confirm;     /* Apache's; kept as read */
	bool has_safe;                       /* our part is there and whole */
	bool is_ours;                        /* and nobody else has written the file since */
	int64_t safe;         /* log, queues and index are on the device up to here: a message begins here, or the log ends */
	int64_t log_end;      /* written at a clean stop; -1 otherwise */
	int64_t last_message; /* begin of the last message at a clean stop; -1: none */
	uint32_t index_files; /* that were there: if there are none, they were lost */
	uint32_t queue_count; /* at a clean stop */
};

/* Read path. RC_OK (also when absent or empty: zeros), RC_CORRUPT (wrong size: as absent, the caller says so), RC_IO. */
enum rc checkpoint_read(const char *path, struct checkpoint *c) MUST_USE;
/* Write in place and fdatasync; Apache maps the file, so it is not replaced. Any thread. */
enum rc checkpoint_write(const char *path, const struct checkpoint *c) MUST_USE;

#endif
