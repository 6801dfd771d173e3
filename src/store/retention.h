/* retention: what is deleted, when, and what a full disk means.
 *
 *   every 10 s (1 s while full): disk used and the ages of the oldest segments (LANE_FILES) -> judge (core) -> whole segments leave the
 *   log -> consume queue and index files that only point into them follow, and min offsets
 *
 *   used ratio   0 ........ diskMaxUsedSpaceRatio ........ diskSpaceCleanForciblyRatio ....... diskSpaceWarningLevelRatio ..... 1
 *                expired, in the    expired, at any hour          the oldest, expired or not,       the same, and no message
 *                hours of deleteWhen                              with cleanFileForciblyEnable      is taken
 *
 *   expired: the file's last change is fileReservedTime hours ago. At most RETENTION_BATCH segments a round (deleteFileBatchMax), never
 *   the last one, never one that is not flushed.
 *
 * A store that refused a message for want of space takes messages again when there is some (and below the warning ratio).
 * Thread: core. Facts: Apache DefaultMessageStore.CleanCommitLogService. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

struct store;
struct retention;

#define RETENTION_INTERVAL_MS 10000 /* cleanResourceInterval */
#define RETENTION_FULL_INTERVAL_MS 1000
#define RETENTION_BATCH 10              /* deleteFileBatchMax */
#define RETENTION_MANUAL_ROUNDS 20      /* Apache MAX_MANUAL_DELETE_FILE_TIMES */
#define RETENTION_ROOM_BYTES (32 << 20) /* that must be free again after no space; or a twentieth of a small device */

struct retention *retention_create(struct store *s); /* looks at the disk once, at once */
void retention_destroy(struct retention *r);
void retention_full(struct retention *r); /* no space: look soon */

#endif
