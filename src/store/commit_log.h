/* commit_log: the segments, the stage of this turn, and the watermarks.
 *
 *   reserve (stage grows) ... write (one pwritev a segment) -> written -> flush job: fdatasync -> flushed
 *
 *   | min ... flushed ... written ... staged |
 *
 * A message never crosses segments: when less than its size + 8 is left, a blank ends the segment.
 * Thread: core; a reader on a worker holds its segment (commit_log_hold). Facts: docs/disk-format.md. */
#ifndef STORE_COMMIT_LOG_H
#define STORE_COMMIT_LOG_H

#include "base/buf.h"
#include "base/job.h"
#include "base/rc.h"
#include "store/segment.h"
#include "store/segment_removal.h"

struct store;

#define COMMIT_LOG_FDS_MAX 256           /* open segment files; the longest unused is closed */
#define COMMIT_LOG_BLANK_BYTES 8         /* what must be left behind a message for the end-of-file blank */
#define COMMIT_LOG_STAGE_KEEP (4u << 20) /* a stage that grew larger gives its memory back after the write */

struct stage_part {         /* a run of the stage inside one segment */
	int64_t at;         /* log offset */
	size_t from, bytes; /* in the stage's buffer */
};

struct commit_log {
	char *folder;
	int64_t segment_bytes;
	struct segment **segments; /* by base, no gaps */
	size_t count, cap;
	int64_t min, staged, written, flushed;
	struct buf stage;
	struct stage_part *parts;
	size_t part_count, part_cap;
	/* the next segment, allocated ahead on LANE_FILES */
	struct executor *ex;
	struct segment *spare;
	struct segment_job *spare_job;
	uint64_t uses;
	struct segment_removal removal; /* of those that left the log */
};

/* ---- for readers ---- */

/* n bytes at log offset `at`, inside one segment and below `written`. RC_OK; RC_NOT_FOUND below min or beyond written or across a
 * segment's end; RC_PENDING: nowait, and the pages are cold: read them on LANE_COLD_READ with a held segment; RC_IO. */
enum rc commit_log_read(struct commit_log *log, int64_t at, void *dest, size_t n, bool nowait);
/* The segment of a log offset, held (opened if need be), or NULL; let go with segment_drop on the core. */
struct segment *commit_log_hold(struct commit_log *log, int64_t at);
/* Store timestamp of the message at `at`, -1 when there is none. Blocks for one page at most. */
int64_t commit_log_store_time(struct commit_log *log, int64_t at);
/* First byte of the segment after the one that holds `at` (Apache rollNextFile). */
int64_t commit_log_next_segment(const struct commit_log *log, int64_t at);

/* ---- for store.c and recovery.c ---- */

/* Lists the folder (made when absent). RC_UNSUPPORTED with *error when files are not what the configuration says, RC_CORRUPT when one
 * is missing. A job of the log may still be queued when it is closed only if it will never run. */
enum rc commit_log_open(struct commit_log *log, const char *folder, int64_t segment_bytes, struct executor *ex, char **error);
void commit_log_close(struct commit_log *log);

/* Room for one message of `size` bytes in the stage: *bytes is where to encode it, valid until the next reserve, *at its log offset.
 * RC_TOO_BIG when no segment can hold it. */
enum rc commit_log_reserve(struct commit_log *log, size_t size, uint8_t **bytes, int64_t *at);
/* Write the stage. RC_OK: written = staged. Otherwise nothing of it counts: staged = written, and RC_DISK_FULL means
 * that writing may be tried again. Asks for segments ahead of need. */
enum rc commit_log_write(struct commit_log *log);
/* Bytes of the stage at log offset `at`, which commit_log_write has just written (until the next reserve). */
const uint8_t *commit_log_staged_bytes(const struct commit_log *log, int64_t at);
/* The log ends at `end` (recovery): all watermarks are set to it and later segments are deleted. `scrub`: what is behind `end` in its
 * segment is zeroed, so that no remains can be taken for messages; without it an empty next segment is kept for use. */
enum rc commit_log_cut(struct commit_log *log, int64_t end, bool scrub);
/* The segment that holds `at`, opened, or NULL. Not held: for the core's own use. */
struct segment *commit_log_segment(struct commit_log *log, int64_t at);
/* Take the whole segments below `offset` out of the log (never the last one); returns how many. min moves on. Their files are
 * log->removal's. */
size_t commit_log_delete_before(struct commit_log *log, int64_t offset);

#endif
