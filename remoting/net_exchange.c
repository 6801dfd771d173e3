/* Happy path: batches go round, and keep their memory. Nothing here can fail but for want of memory. */
#include "remoting/net_exchange.h"

#include <stdlib.h>

#include "base/mem.h"

/* Release, so that the reader's acquire sees all that was written into the batch. No ABA: only the reader removes, and it removes all.
 * Once it is in, `m` is the reader's: not even m->next may be looked at. */
bool mailbox_put(struct mailbox *box, struct mail *m)
{
	struct mail *before = atomic_load_explicit(&box->newest, memory_order_relaxed);

	do
		m->next = before;
	while (!atomic_compare_exchange_weak_explicit(&box->newest, &before, m, memory_order_release, memory_order_relaxed));
	return before == NULL;
}

/* What was first put is last in the chain: turn it round. */
struct mail *mailbox_take(struct mailbox *box)
{
	struct mail *at = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
	struct mail *oldest = NULL;

	while (at != NULL) {
		struct mail *next = at->next;

		at->next = oldest;
		oldest = at;
		at = next;
	}
	return oldest;
}

/* ---- in ---- */

/* The buffer is not zeroed: pages that no frame ever reaches cost nothing. */
struct in_batch *in_batch_new(void)
{
	struct in_batch *b = mem_alloc(sizeof(*b));

	b->bytes = mem_alloc(NET_BATCH_BYTES);
	b->notes = NULL;
	b->owned = NULL;
	b->note_count = b->note_cap = b->owned_count = b->owned_cap = 0;
	b->spent = NULL;
	in_batch_clear(b);
	return b;
}

void in_batch_clear(struct in_batch *b)
{
	while (b->owned_count > 0)
		buf_free(&b->owned[--b->owned_count]);
	b->used = b->count = b->note_count = 0;
}

void in_batch_free(struct in_batch *b)
{
	in_batch_clear(b);
	free(b->bytes);
	free(b->notes);
	free(b->owned);
	free(b);
}

void in_batch_note(struct in_batch *b, struct net_conn *c, unsigned what)
{
	if (b->note_count == b->note_cap) {
		b->note_cap = b->note_cap ? b->note_cap * 2 : 16;
		b->notes = mem_realloc(b->notes, b->note_cap * sizeof(*b->notes));
	}
	b->notes[b->note_count++] = (struct net_note){c, what};
}

void in_batch_own(struct in_batch *b, struct buf *buffer)
{
	if (b->owned_count == b->owned_cap) {
		b->owned_cap = b->owned_cap ? b->owned_cap * 2 : 4;
		b->owned = mem_realloc(b->owned, b->owned_cap * sizeof(*b->owned));
	}
	b->owned[b->owned_count++] = *buffer;
	*buffer = (struct buf){0};
}

/* ---- out ---- */

struct out_batch *out_batch_new(void) { return mem_zalloc(sizeof(struct out_batch)); }

struct net_order *out_batch_add(struct out_batch *b, enum net_order_kind kind, struct net_conn *c)
{
	if (b->count == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 16;
		b->orders = mem_realloc(b->orders, b->cap * sizeof(*b->orders));
	}
	b->orders[b->count] = (struct net_order){.kind = kind, .c = c};
	return &b->orders[b->count++];
}

void out_batch_clear(struct out_batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		buf_free(&b->orders[i].owned);
	b->count = 0;
	buf_clear(&b->bytes);
	b->returned = NULL;
}

void out_batch_free(struct out_batch *b)
{
	out_batch_clear(b);
	request_bin_empty(&b->bin);
	free(b->orders);
	buf_free(&b->bytes);
	free(b);
}
