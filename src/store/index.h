/* index: Apache's index files: which messages have this key.
 *
 *   index/yyyyMMddHHmmssSSS: header 40 | slots x 4 | entries x 20          all big-endian; size fixed, sparse
 *   header: begin ms 8 | end ms 8 | begin offset 8 | end offset 8 | slots used 4 | count 4 (starts at 1: entry 0 is never used)
 *   entry:  key hash 4 | log offset 8 | seconds since begin 4 | previous entry of the chain 4        slot: newest entry, 0 = none
 *
 *   index_put -> records in memory (24 bytes a key) -> LANE_FILES: entries appended, slot pages read, linked and written in order of
 *   place, then the header -> forgotten
 *
 * After a kill Apache's broker deletes each index file whose end time is later than the checkpoint's index time (IndexService.load), and puts
 * only the keys of what its recovery walks over. So the end time in a header waits until a checkpoint has said as much
 * (index_release); the count and the end offset do not.
 *
 * After an unclean stop the last file is put right first, from its entries (which are written before the slots that point at
 * them), in the first job; until then records wait in memory.
 * Thread: core. Memory: index owns all. Facts: docs/disk-format.md; Apache IndexService, IndexFile, IndexHeader. */
#ifndef STORE_INDEX_H
#define STORE_INDEX_H

#include "base/slice.h"
#include "store/store.h"

#define INDEX_HEADER_BYTES 40
#define INDEX_SLOT_BYTES 4
#define INDEX_ENTRY_BYTES 20
#define INDEX_PENDING_FIRST 64
#define INDEX_FLUSH_AT 32768         /* records that start a flush at once; a power of two */
#define INDEX_PENDING_MAX (4u << 20) /* records that wait for files that cannot be written; more keys are dropped */
#define INDEX_QUERY_CHAIN 100000     /* entries of one chain that a look-up follows at most */
#define INDEX_QUERY_MAX 64           /* Apache maxMsgsNumBatch */

struct message_index;

/* Lists the files. clean: the last stop was; if it was not, the last file's slots are put right before it is written. A file of another size,
 * or with a header that cannot be, is left alone and said so. */
enum rc index_open(struct store *s, bool clean, struct message_index **out, char **error);
size_t index_file_count(const struct message_index *x);
void index_close(struct message_index *x); /* frees; flushes nothing; no job may be under way */

/* A topic that keys are put for: what its name gives to the hash is worked out once for all keys of a message. */
struct index_topic {
	struct slice name;
	uint32_t hash; /* of "name#" */
	bool is_ascii;
};
struct index_topic index_topic_of(struct slice name);

/* 5.5.0 writes a key for the tags too, topic#T#tags (seen in its files; 4.9.7 does not). */
enum index_kind { INDEX_KEY, INDEX_TAGS };

/* One key of the message at `at`. Ignored at or below the newest offset that the files had when they were opened. Memory only. */
void index_put(struct message_index *x, const struct index_topic *topic, enum index_kind kind, struct slice key, int64_t at,
	       int64_t store_ms);

/* What was put before goes to the files (sync: and to the device) on LANE_FILES; on_done on the core, never inside, NULL: nobody waits. */
void index_flush(struct message_index *x, bool sync, void (*on_done)(struct store *s, enum rc rc));
enum rc index_flush_now(struct message_index *x); /* sync, blocking; no job may be under way */

void index_delete_before(struct message_index *x, int64_t log_min); /* whole files whose newest offset is below; on LANE_FILES */
/* Recovery: entries of messages at or beyond `end` are forgotten, with whole files where all are. What the walk from there finds may be put
 * then. Blocks. */
enum rc index_cut(struct message_index *x, int64_t end);

/* A checkpoint with this index time is on the device: headers may say so too. On LANE_FILES. */
void index_release(struct message_index *x, int64_t index_ms);
void index_release_now(struct message_index *x); /* at a clean stop: the true times. Blocks; no job may be under way */

int64_t index_newest(const struct message_index *x);    /* newest message offset that has a key, -1: none */
int64_t index_newest_ms(const struct message_index *x); /* and its store time; 0: none */

/* |hash of topic#key|, 0 where that is negative. */
uint32_t index_hash(struct slice topic, struct slice key);

#endif
