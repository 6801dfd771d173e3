/* index_file: one file of the index, as index.c's jobs read and write it. Included by index*.c and their tests.
 *
 *   header 40 | slots x 4 | entries x 20                       (index.h has the fields)
 *
 * Order of writing: entries, then slots, then header. So a slot that points at or behind the header's count is of a write that did
 * not end; the entry there says what the slot was before.
 * Thread: any, one at a time for writing; reading beside a writer is fine. Memory: none kept. */
#ifndef STORE_INDEX_FILE_H
#define STORE_INDEX_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/rc.h"

#define INDEX_NAME_DIGITS 17 /* yyyyMMddHHmmssSSS */

struct index_shape { /* of all files of a store */
	uint32_t slots, entries;
};

struct index_header {
	int64_t begin_ms, end_ms, begin_at, end_at;
	uint32_t slots_used, count; /* count: the next entry to write; 1 when there is none */
	int64_t disk_end_ms;        /* the end time as the file has it, never later than end_ms: index_release moves it */
};

struct index_record { /* a key that is to be written */
	int64_t at, store_ms;
	uint32_t hash;
};

struct index_entry {
	uint32_t hash, seconds, previous;
	int64_t at;
};

int64_t index_file_bytes(struct index_shape shape);
/* RC_CORRUPT when the header cannot be: count over the shape, offsets that fall, anything below zero. An end time that lags behind the last
 * entry is put right in *h, to a second. */
enum rc index_header_read(int fd, struct index_shape shape, struct index_header *h);
enum rc index_header_write(int fd, const struct index_header *h);
enum rc index_end_time_write(int fd, int64_t end_ms); /* nothing else of the header */
enum rc index_entry_read(int fd, struct index_shape shape, uint32_t i, struct index_entry *e);
enum rc index_slot_read(int fd, uint32_t slot, uint32_t *i);

/* Append n records (n <= shape.entries - h->count): h moves on when all is written, else it is as before and the same call may be made again. */
enum rc index_file_append(int fd, struct index_shape shape, struct index_header *h, const struct index_record *records, size_t n);

/* Forget the entries from the first one on whose message is at or beyond `end`; the slots are put right by index_file_heal. */
enum rc index_file_truncate(int fd, struct index_shape shape, struct index_header *h, int64_t end);

/* After an unclean stop: no slot points at or behind count afterwards, and h->slots_used is right. Reads all slots; all entries only when a chain was lost. */
enum rc index_file_heal(int fd, struct index_shape shape, struct index_header *h);

#endif
