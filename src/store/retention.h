/* retention: what is deleted, when, and what a full disk means.
 *
 *   every RETENTION_INTERVAL_MS: disk used (statvfs) -> expired, or too full: whole segments leave the log -> queues and index follow
 *
 *   used >= diskSpaceWarningLevelRatio: the store takes no messages until it falls below; >= diskSpaceCleanForciblyRatio: oldest
 *   segments go whatever their age (cleanFileForciblyEnable); >= diskMaxUsedSpaceRatio: expired ones go whatever the hour; else those
 *   older than fileReservedTime, in the hours of deleteWhen, or after a manual request
 *
 * Thread: core; the disk is looked at on LANE_FILES. Facts: Apache DefaultMessageStore.CleanCommitLogService. */
#ifndef STORE_RETENTION_H
#define STORE_RETENTION_H

struct store;
struct retention;

#define RETENTION_INTERVAL_MS 10000 /* cleanResourceInterval */

struct retention *retention_create(struct store *s);
void retention_destroy(struct retention *r);

#endif
