/* Happy path: records go round in a ring; the stored bytes are decoded once, from the stage, for tags and keys.
 * Failure: none of its own; entries and keys go to memory. */
#include "store/dispatch.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/consume_queue.h"
#include "store/index.h"
#include "store/store_internal.h"

#define RING_FIRST 256
#define TOPIC_HALF "RMQ_SYS_TRANS_HALF_TOPIC"
#define TOPIC_OP_HALF "RMQ_SYS_TRANS_OP_HALF_TOPIC"

static struct dispatch_record *record(const struct dispatch *d, size_t i) { return &d->ring[i & (d->cap - 1)]; }

void dispatch_free(struct dispatch *d)
{
	free(d->ring);
	*d = (struct dispatch){0};
}

static void grow(struct dispatch *d)
{
	size_t cap = d->cap ? 2 * d->cap : RING_FIRST;
	struct dispatch_record *ring = mem_alloc(cap * sizeof(*ring));

	for (size_t i = d->head; i != d->tail; i++)
		ring[i & (cap - 1)] = *record(d, i);
	free(d->ring);
	d->ring = ring;
	d->cap = cap;
}

void dispatch_staged(struct dispatch *d, const struct dispatch_record *r)
{
	if (d->tail - d->head == d->cap)
		grow(d);
	*record(d, d->tail++) = *r;
}

void dispatch_undo(struct dispatch *d)
{
	while (d->tail != d->written) {
		const struct dispatch_record *r = record(d, --d->tail);

		if (r->queue)
			r->queue->next = r->queue_offset;
	}
}

#define IS(text) (memcmp(name.at, (text), sizeof(text) - 1) == 0)

static inline struct slice *wanted_word(struct slice name, struct dispatch_words *words)
{
	switch (name.len) {
	case 4:
		return IS("TAGS") ? &words->tags : IS("KEYS") ? &words->keys : NULL;
	case 5:
		return IS("DELAY") ? &words->delay : NULL;
	case 8:
		return IS("UNIQ_KEY") ? &words->unique_key : NULL;
	default:
		return NULL;
	}
}

void dispatch_pick(struct slice properties, struct dispatch_words *words)
{
	struct slice name, value;

	*words = (struct dispatch_words){0};
	while (message_next_property(&properties, &name, &value)) {
		struct slice *word = wanted_word(name, words);

		if (word)
			*word = value;
	}
}

/* Apache CommitLog.checkMessageAndReturnSize: a level above the last counts as the last; level 0 and text count as tags. */
int64_t dispatch_tags_code(const struct store *s, const struct message *m, const struct dispatch_words *words)
{
	int32_t level;

	if (words->delay.len && slice_is(m->topic, TOPIC_SCHEDULE) && slice_to_i32(words->delay, &level) && level > 0 &&
	    s->config.delay_levels > 0) {
		if (level > s->config.delay_levels)
			level = s->config.delay_levels;
		return m->store_timestamp + s->config.delay_ms[level - 1];
	}
	return words->tags.len ? slice_java_hash(words->tags) : 0;
}

void dispatch_keys(struct store *s, const struct message *m, const struct dispatch_words *words)
{
	struct slice rest = words->keys, key;
	struct index_topic topic;

	if (s->index == NULL || (m->sys_flag & SYS_FLAG_TRANSACTION_MASK) == SYS_FLAG_TRANSACTION_ROLLBACK)
		return;
	topic = index_topic_of(m->topic);
	if (words->unique_key.len)
		index_put(s->index, &topic, INDEX_KEY, words->unique_key, m->physical_offset, m->store_timestamp);
	while (slice_split(&rest, ' ', &key))
		if (key.len)
			index_put(s->index, &topic, INDEX_KEY, key, m->physical_offset, m->store_timestamp);
	if (words->tags.len)
		index_put(s->index, &topic, INDEX_TAGS, words->tags, m->physical_offset, m->store_timestamp);
}

bool dispatch_has_entry(const struct message *m)
{
	int32_t transaction = m->sys_flag & SYS_FLAG_TRANSACTION_MASK;

	if (m->sys_flag & SYS_FLAG_INNER_BATCH)
		return false; /* of a BatchCQ topic: those entries are not ours to write */
	return transaction == SYS_FLAG_TRANSACTION_NONE || transaction == SYS_FLAG_TRANSACTION_COMMIT ||
	       slice_is(m->topic, TOPIC_HALF) || slice_is(m->topic, TOPIC_OP_HALF);
}

static void one_written(struct store *s, struct dispatch_record *r)
{
	const uint8_t *bytes = commit_log_staged_bytes(&s->log, r->at);
	struct dispatch_words words;
	struct message m;

	ASSERT(bytes != NULL);
	if (message_decode((struct slice){(const char *)bytes, (size_t)r->size}, false, &m) != RC_OK)
		ASSERT(!"the store cannot read what it encoded");
	dispatch_pick(m.properties, &words);
	if (r->queue) {
		enum rc rc;

		r->tags_code = dispatch_tags_code(s, &m, &words);
		rc = consume_queue_put(r->queue, r->queue_offset, r->at, r->size, r->tags_code);
		ASSERT(rc == RC_OK);
	}
	dispatch_keys(s, &m, &words);
	s->puts_total++;
	s->put_bytes_total += (uint64_t)r->size;
	s->written_ms = m.store_timestamp;
	s->last_message = r->at;
}

void dispatch_written(struct store *s)
{
	struct dispatch *d = &s->dispatch;

	for (; d->written != d->tail; d->written++)
		one_written(s, record(d, d->written));
}

/* All are made visible before the first arrival is told, so that a pull that wakes takes everything there is. */
void dispatch_visible(struct store *s)
{
	struct dispatch *d = &s->dispatch;
	int64_t end = store_visible_end(s);
	size_t upto;

	for (upto = d->head; upto != d->written && record(d, upto)->at < end; upto++) {
		const struct dispatch_record *r = record(d, upto);

		if (r->queue)
			r->queue->visible = r->queue_offset + 1;
	}
	while (d->head != upto) {
		struct dispatch_record r = *record(d, d->head++); /* a copy: the callback may append, and the ring move */

		if (r.queue && r.queue->user && s->on_arrival)
			s->on_arrival(s->on_arrival_ctx, r.queue, r.queue_offset, r.tags_code);
	}
}

void dispatch_forget(struct dispatch *d, const struct store_queue *queue)
{
	for (size_t i = d->head; i != d->tail; i++)
		if (record(d, i)->queue == queue)
			record(d, i)->queue = NULL;
}
