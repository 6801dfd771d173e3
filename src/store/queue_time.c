/* From a time to a queue offset, by halving over the store times of the messages (Apache ConsumeQueue.binarySearchInQueueByTime).
 *
 *   store times    t1 t1 t1 t3 t3        of t2: LOWER = the first t3, UPPER = the last t1
 *
 * Two short reads a step, which block. Messages that are gone or cannot be read count as older.
 * Apache answers the begin of its first file where all messages are younger; we answer the first message that is there. */
#include "store/queue_internal.h"

static int64_t time_of(struct store *s, struct store_queue *q, int64_t i)
{
	struct queue_entry e;

	if (consume_queue_entry(q, i, &e) != RC_OK || !queue_entry_is_valid(e) || queue_entry_is_filler(e))
		return -1;
	return commit_log_store_time(&s->log, e.at);
}

/* First offset in [low, high) whose message is stored after `ms` (or at, when it may be equal); high when there is none. */
static int64_t first_after(struct store *s, struct store_queue *q, int64_t low, int64_t high, int64_t ms, bool or_at)
{
	while (low < high) {
		int64_t mid = low + (high - low) / 2, at = time_of(s, q, mid);

		if (at > ms || (or_at && at == ms))
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

int64_t store_offset_by_time(struct store *s, struct store_queue *q, int64_t timestamp_ms, enum boundary b)
{
	int64_t min = store_queue_min(q), max = store_queue_max(q), found;

	if (max == 0)
		return 0;
	if (b == BOUNDARY_LOWER)
		return first_after(s, q, min, max, timestamp_ms, true);
	found = first_after(s, q, min, max, timestamp_ms, false);
	if (found > min)
		return found - 1;
	return min == max ? max - 1 : 0;
}

int64_t store_message_time(struct store *s, struct store_queue *q, int64_t queue_offset)
{
	if (q == NULL || queue_offset < store_queue_min(q) || queue_offset >= store_queue_max(q))
		return -1;
	return time_of(s, q, queue_offset);
}

enum rc store_queue_entry(struct store_queue *q, int64_t queue_offset, struct store_entry *out)
{
	struct queue_entry e;
	enum rc rc;

	if (q == NULL || queue_offset < store_queue_min(q) || queue_offset >= store_queue_max(q))
		return RC_NOT_FOUND;
	rc = consume_queue_entry(q, queue_offset, &e);
	if (rc == RC_OK)
		*out = (struct store_entry){.physical_offset = e.at, .tags_code = e.tags_code, .size = e.size};
	return rc;
}
