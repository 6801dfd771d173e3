/* log_walk: reads the messages of the log one after another, before anybody trusts them.
 *
 *	struct log_walk w;
 *	log_walk_init(&w, log, at, check_crc);
 *	while (log_walk_next(&w, &m) == WALK_MESSAGE) ...        w.at: begin of m; then w.next
 *
 * Reads in chunks of LOG_WALK_CHUNK. Thread: start-up. Memory: log_walk_free; m is slices into the chunk, until the next call. */
#ifndef STORE_LOG_WALK_H
#define STORE_LOG_WALK_H

#include "base/buf.h"
#include "store/commit_log.h"
#include "store/message.h"

#define LOG_WALK_CHUNK (1 << 20)

enum walk_step {
	WALK_MESSAGE, /* m is set; CRC checked if asked for */
	WALK_END,     /* nothing is written here, or there is no segment any more */
	WALK_DAMAGED, /* no message, or one whose CRC is wrong: then m is set, else m->size is 0 */
	WALK_FAILED   /* cannot be read: w.rc */
};

struct log_walk {
	struct commit_log *log;
	int64_t at, next; /* of the last step */
	bool check_crc;
	enum rc rc;
	struct buf chunk;
	int64_t chunk_at;
};

void log_walk_init(struct log_walk *w, struct commit_log *log, int64_t at, bool check_crc);
void log_walk_free(struct log_walk *w);

/* Looks at w->next. A blank leads on to the next segment. */
enum walk_step log_walk_next(struct log_walk *w, struct message *m);
/* After WALK_END or WALK_DAMAGED: the next good message within `bytes`, or the first one of the next segment; false: none.
 * w->next is then where it begins. Messages stored before oldest_ms do not count: they are remains of an older log. */
bool log_walk_resync(struct log_walk *w, int64_t bytes, int64_t oldest_ms);

#endif
