/* dispatch: what follows a message that is in the log: its consume queue entry, its index keys, its visibility.
 *
 *   dispatch_staged (one record a message) -> dispatch_written: entry and keys in memory -> dispatch_visible: queue->visible, arrival
 *   dispatch_undo: the write failed, queue offsets go back
 *
 * Records are a ring that only grows (no malloc a message). Under ASYNC_FLUSH a record lives for one turn, under SYNC_FLUSH until
 * its fdatasync.
 * Thread: core. Facts: only "not a transaction" and "commit" get a consume queue entry (Apache CommitLogDispatcherBuildConsumeQueue);
 * a half message gets one in the queue that the broker gives. */
#ifndef STORE_DISPATCH_H
#define STORE_DISPATCH_H

#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"
#include "base/slice.h"

struct store;
struct store_queue;
struct message;

struct dispatch_record {
	struct store_queue *queue; /* NULL: no entry */
	int64_t at, queue_offset, tags_code;
	int32_t size;
};

struct dispatch {
	struct dispatch_record *ring;    /* cap is a power of two */
	size_t cap, head, written, tail; /* running numbers: [head, written) wait to be visible, [written, tail) to be written */
};

void dispatch_free(struct dispatch *d);
void dispatch_staged(struct dispatch *d, const struct dispatch_record *r);
void dispatch_undo(struct dispatch *d);                                    /* those that were not written */
void dispatch_written(struct store *s);                                    /* all staged ones are in the log */
void dispatch_visible(struct store *s);                                    /* up to store_visible_end() */
void dispatch_forget(struct dispatch *d, const struct store_queue *queue); /* its topic is deleted */

struct dispatch_words { /* what the store wants of a message's properties; empty: absent */
	struct slice tags, keys, unique_key, delay;
};
void dispatch_pick(struct slice properties, struct dispatch_words *words);

/* tagsCode of a consume queue entry: hash of TAGS; the delivery time in SCHEDULE_TOPIC_XXXX. */
int64_t dispatch_tags_code(const struct store *s, const struct message *m, const struct dispatch_words *words);
/* Index keys of one stored message: UNIQ_KEY, each word of KEYS, TAGS; a rollback has none (Apache IndexService.buildIndex). */
void dispatch_keys(struct store *s, const struct message *m, const struct dispatch_words *words);
/* Whether Apache gives a stored message an entry in its topic's queue. */
bool dispatch_has_entry(const struct message *m);

#endif
