/* recovery: where the log ends, and what the queues and the index lack.
 *
 *   clean stop by us:      the checkpoint says the end, its last message proves it: no scan
 *   clean stop by Apache:  the last segment is walked to its end
 *   unclean (abort there): from the later of our checkpoint's `safe` and the segment that Apache would begin with (the last one whose
 *                          first message is no newer than the checkpoint's times less 3 s, StoreCheckpoint.getMinTimestamp); each
 *                          message is checked (magic, length, own offset, CRC) and dispatched again; the torn tail is cut
 *   queues or index lost:  from the begin of the log
 *
 *   | ..... on the device ..... start | valid, dispatched again | torn: zeroed |
 *
 * A damaged message with good ones behind it (RESYNC_BYTES, or in the next segment) is reported, counted and passed over; a queue's
 * entry for it says QUEUE_FILLER_SIZE, which readers skip.
 * Thread: core, at start-up; blocks. */
#ifndef STORE_RECOVERY_H
#define STORE_RECOVERY_H

#include <stdbool.h>

#include "base/rc.h"

#define RESYNC_BYTES (8 << 20)

struct store;
struct store_config;

/* Before anything is touched: is there something that we cannot read? RC_UNSUPPORTED and one malloc'ed line. */
enum rc recovery_refuse(const struct store_config *config, char **error);

/* The log, queues and index are open, the checkpoint read. Sets all watermarks. RC_OK; RC_IO and *error. */
enum rc recovery_run(struct store *s, bool clean, char **error);

#endif
