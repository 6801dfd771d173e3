/* segment_removal: takes the files of segments that left the log off the disk, the oldest first, and never one in front of an older one.
 *
 *   removal_add ... removal_run -> LANE_FILES: unlink, unlink, fsync of the folder -> on_gone: all below removal_begin() is gone for good
 *
 * In order, since a segment that is missing between two others stops the next start. A segment that a reader holds, or whose file cannot be
 * removed, stays, with all behind it, until the next removal_run. Consume queue and index files that point into a segment are removed
 * after on_gone only: otherwise a loss of power could bring the segment back, but not them, and no queue would know its messages.
 * No reader can hang on to a segment, so that Apache's destroyMapedFileIntervalForcibly has nothing to force here.
 * Thread: core. Memory: embedded; owns the log's reference to each segment that it was given. */
#ifndef STORE_SEGMENT_REMOVAL_H
#define STORE_SEGMENT_REMOVAL_H

#include "store/segment.h"

struct segment_removal {
	struct executor *ex;
	const char *folder;        /* the log's */
	struct segment **segments; /* by base */
	size_t count, cap;
	void (*on_gone)(void *ctx); /* at the end of a job that removed some; NULL: nobody wants to know */
	void *ctx;
	bool is_running;
	struct job job;
	size_t asked, gone; /* the job's: how many of the first it is to remove; how many it has */
};

void removal_init(struct segment_removal *r, const char *folder, struct executor *ex);
void removal_fini(struct segment_removal *r); /* files that are still there stay */
void removal_add(struct segment_removal *r, struct segment *seg);
void removal_run(struct segment_removal *r);
/* Where the oldest segment that may still have a file begins; `otherwise` when there is none. */
int64_t removal_begin(const struct segment_removal *r, int64_t otherwise);

#endif
