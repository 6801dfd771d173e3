/* consume_queue: the queue of one topic and id: 20 bytes a message that say where it is in the log.
 *
 *   entry: log offset 8 | size 4 | tagsCode 8, big-endian           consumequeue/TOPIC/ID/NNNNNNNNNNNNNNNNNNNN, sparse, full size at once
 *
 *   | first ... min ... filed ... end |        queue offsets; first = begin of the first file
 *                  |-- tail (memory) --|       a ring: what is not filed yet, and the hot end that readers want
 *
 * A new entry costs no system call: it stands in the tail until LANE_FILES writes it (queue_flush.c). Readers take the tail from
 * memory, the rest through the descriptor cache. A queue that is not used costs neither tail nor descriptor, and its folder is
 * listed at its first use (consume_queue_load).
 * Thread: core, but for the functions that say otherwise. Memory: queue_table owns queues and tails.
 * Facts: docs/disk-format.md; Apache ConsumeQueue, MappedFileQueue. */
#ifndef STORE_CONSUME_QUEUE_H
#define STORE_CONSUME_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/bytes.h"
#include "base/list.h"
#include "base/rc.h"

#define QUEUE_ENTRY_BYTES 20
#define QUEUE_FILLER_SIZE 0x7FFFFFFF /* size of an entry that stands before the first message: { 0, this, 0 } */
#define QUEUE_TAIL_FIRST 8           /* entries of a new tail */
#define QUEUE_TAIL_HOT 1024          /* entries that a tail keeps for readers once they are filed */
#define QUEUE_TAIL_FILE_AT 2048      /* entries not filed that start a flush at once */

struct queue_topic;

struct queue_entry {
	int64_t at; /* log offset */
	int64_t tags_code;
	int32_t size;
};

struct store_queue {
	struct queue_topic *topic;
	int32_t id;
	uint32_t serial;       /* never used twice; names the queue in descriptor caches */
	int64_t next, visible; /* the log's side moves these: next staged message; what readers see */
	int64_t first;         /* begin of the first file, or of what is in memory; entries */
	int64_t min;           /* first entry whose message is still in the log */
	int64_t filed;         /* entries below are in the files */
	int64_t end;
	int64_t synced; /* entries below are on the device */
	void *user;     /* the broker's */
	struct queue_tail *tail;
	struct list hot_link, dirty_link, sync_link; /* the table's: tails by use; entries not filed; files not synced */
	uint32_t jobs;                               /* that will come back to this queue */
	uint32_t walk;                               /* recovery's: the last one that met a message of this queue */
	bool is_loaded, is_deleted, has_files;
};

static inline struct queue_entry queue_entry_get(const uint8_t *p)
{
	return (struct queue_entry){(int64_t)get_u64(p), (int64_t)get_u64(p + 12), (int32_t)get_u32(p + 8)};
}

static inline void queue_entry_put(uint8_t *p, struct queue_entry e)
{
	put_u64(p, (uint64_t)e.at);
	put_u32(p + 8, (uint32_t)e.size);
	put_u64(p + 12, (uint64_t)e.tags_code);
}

/* Add an entry; memory only. RC_OK when queue_offset == end, or when the queue has no entry at all (it then begins there).
 * RC_EXISTS when queue_offset is below end: the entry is made to say this (recovery). RC_MISSING when it is above: a gap. */
enum rc consume_queue_put(struct store_queue *q, int64_t queue_offset, int64_t at, int32_t size, int64_t tags_code);

/* Forget all entries, remove the files (blocks; recovery): the next put may begin anywhere. */
enum rc consume_queue_reset(struct store_queue *q);
/* What stands at i is no entry of this queue: a power failure took a part of it, or the message that it points at (blocks; recovery). */
bool consume_queue_is_wreck(struct store_queue *q, int64_t i, struct queue_entry e);

/* Up to `max` entries from queue offset `from` on (>= first, < end), encoded, contiguous in *entries: inside the tail, or read into
 * `scratch` (max * 20 bytes). Returns RC_OK and *count >= 1; RC_NOT_FOUND outside of what is there; RC_PENDING: nowait, and the
 * pages are cold; RC_IO, RC_CORRUPT. *entries lives until the next put. */
enum rc consume_queue_read(struct store_queue *q, int64_t from, int max, bool nowait, uint8_t *scratch, const uint8_t **entries,
			   int *count);
/* One entry; blocks for one page at most. */
enum rc consume_queue_entry(struct store_queue *q, int64_t queue_offset, struct queue_entry *e);

#endif
