/* Happy path of an append: the records in the order of their slots' pages; each page is read once, so that each entry knows what stood in
 * its slot; entries are written with one call, then the pages with their new slots, then the header.
 * Failures: any error leaves the header as it was. A slot that already points behind it (the write before was torn) is followed back
 * through the entries of that write; where those are not there, all slots are built anew from the entries (index_file_heal). */
#include "store/index_file.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/mem.h"
#include "store/index.h"
#include "store/io.h"

#define PAGE 4096
#define RUN_ENTRIES 3276 /* entries read with one call */

static int64_t slot_at(uint32_t slot) { return INDEX_HEADER_BYTES + (int64_t)slot * INDEX_SLOT_BYTES; }

static int64_t entry_at(struct index_shape shape, uint32_t i) { return slot_at(shape.slots) + (int64_t)i * INDEX_ENTRY_BYTES; }

int64_t index_file_bytes(struct index_shape shape) { return entry_at(shape, shape.entries); }

enum rc index_header_write(int fd, const struct index_header *h)
{
	uint8_t b[INDEX_HEADER_BYTES];

	put_u64(b, (uint64_t)h->begin_ms);
	put_u64(b + 8, (uint64_t)h->disk_end_ms);
	put_u64(b + 16, (uint64_t)h->begin_at);
	put_u64(b + 24, (uint64_t)h->end_at);
	put_u32(b + 32, h->slots_used);
	put_u32(b + 36, h->count);
	return io_write_at(fd, b, sizeof(b), 0);
}

enum rc index_end_time_write(int fd, int64_t end_ms)
{
	uint8_t b[8];

	put_u64(b, (uint64_t)end_ms);
	return io_write_at(fd, b, sizeof(b), 8);
}

static struct index_entry entry_get(const uint8_t *b)
{
	return (struct index_entry){
		.hash = get_u32(b), .at = (int64_t)get_u64(b + 4), .seconds = get_u32(b + 12), .previous = get_u32(b + 16)};
}

enum rc index_entry_read(int fd, struct index_shape shape, uint32_t i, struct index_entry *e)
{
	uint8_t b[INDEX_ENTRY_BYTES];
	enum rc rc = i < shape.entries ? io_read_at(fd, b, sizeof(b), entry_at(shape, i), false) : RC_NOT_FOUND;

	if (rc == RC_OK)
		*e = entry_get(b);
	return rc;
}

/* The entry's time, rounded down to the second. The first one counts from the begin that stood there before it (seconds_since). */
static int64_t entry_ms(const struct index_header *h, uint32_t i, const struct index_entry *e)
{
	return i == 1 || e->seconds > INT32_MAX ? h->begin_ms : h->begin_ms + (int64_t)e->seconds * 1000;
}

/* The end time of a file that was being written when we were killed is behind its entries: see index_release. */
static enum rc catch_up(int fd, struct index_shape shape, struct index_header *h)
{
	struct index_entry e;
	enum rc rc;

	if (h->count <= 1)
		return RC_OK;
	rc = index_entry_read(fd, shape, h->count - 1, &e);
	if (rc == RC_OK && h->end_ms < entry_ms(h, h->count - 1, &e))
		h->end_ms = entry_ms(h, h->count - 1, &e) + (h->count > 2 ? 999 : 0);
	return rc;
}

enum rc index_header_read(int fd, struct index_shape shape, struct index_header *h)
{
	uint8_t b[INDEX_HEADER_BYTES];
	enum rc rc = io_read_at(fd, b, sizeof(b), 0, false);

	if (rc != RC_OK)
		return rc;
	*h = (struct index_header){(int64_t)get_u64(b),      (int64_t)get_u64(b + 8), (int64_t)get_u64(b + 16),
				   (int64_t)get_u64(b + 24), get_u32(b + 32),         get_u32(b + 36),
				   (int64_t)get_u64(b + 8)};
	if ((int32_t)h->count <= 0)
		h->count = 1; /* Apache IndexHeader.load */
	if (h->count > shape.entries || h->begin_at < 0 || h->end_at < h->begin_at || h->begin_ms < 0 || h->end_ms < 0)
		return RC_CORRUPT;
	return catch_up(fd, shape, h);
}

enum rc index_slot_read(int fd, uint32_t slot, uint32_t *i)
{
	uint8_t b[INDEX_SLOT_BYTES];
	enum rc rc = io_read_at(fd, b, sizeof(b), slot_at(slot), false);

	if (rc == RC_OK)
		*i = get_u32(b);
	return rc;
}

/* ---- append ---- */

struct batch {
	int fd;
	struct index_shape shape;
	struct index_header h; /* as it will be */
	const struct index_record *records;
	size_t n;
	uint64_t *order, *spare; /* slot << 32 | record, ascending; and as much room to sort them */
	uint8_t *entries;
	uint32_t count; /* of the header, before */
};

#define DIGIT_BITS 8
#define DIGITS (1u << DIGIT_BITS)

/* By slot, a digit a pass from the lowest on; records of one slot stay in their order. A sort that compares costs ten times as much. */
static void sort_by_slot(struct batch *b)
{
	for (unsigned shift = 0; (uint64_t)(b->shape.slots - 1) >> shift != 0; shift += DIGIT_BITS) {
		size_t places[DIGITS] = {0}, sum = 0;
		uint64_t *sorted = b->spare;

		for (size_t k = 0; k < b->n; k++)
			places[b->order[k] >> (32 + shift) & (DIGITS - 1)]++;
		for (size_t d = 0; d < DIGITS; d++) {
			size_t count = places[d];

			places[d] = sum;
			sum += count;
		}
		for (size_t k = 0; k < b->n; k++)
			sorted[places[b->order[k] >> (32 + shift) & (DIGITS - 1)]++] = b->order[k];
		b->spare = b->order;
		b->order = sorted;
	}
}

static uint32_t slot_of(uint64_t ordered) { return (uint32_t)(ordered >> 32); }

static uint64_t page_of(uint64_t ordered) { return (uint64_t)slot_at(slot_of(ordered)) / PAGE; }

/* What the slot was before a write that did not end. Every entry of that write stands in front of its slot. */
static enum rc settled(int fd, struct index_shape shape, uint32_t slot, uint32_t count, uint32_t *i)
{
	struct index_entry e;

	while (*i >= count) {
		enum rc rc = index_entry_read(fd, shape, *i, &e);

		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_NOT_FOUND || e.hash % shape.slots != slot || e.previous >= *i || (e.hash == 0 && e.at == 0))
			return RC_CORRUPT;
		*i = e.previous;
	}
	return RC_OK;
}

struct page {
	uint8_t bytes[PAGE];
	int64_t at; /* in the file: of the slots that the page holds */
	size_t len;
};

static enum rc page_read(const struct batch *b, uint64_t number, struct page *p)
{
	int64_t end = (int64_t)(number + 1) * PAGE;

	p->at = (int64_t)number * PAGE;
	if (p->at < INDEX_HEADER_BYTES)
		p->at = INDEX_HEADER_BYTES;
	if (end > slot_at(b->shape.slots))
		end = slot_at(b->shape.slots);
	p->len = (size_t)(end - p->at);
	return io_read_at(b->fd, p->bytes, p->len, p->at, false);
}

static uint8_t *page_slot(struct page *p, uint64_t ordered) { return p->bytes + (slot_at(slot_of(ordered)) - p->at); }

/* Where the records of the next page begin. */
static size_t page_end(const struct batch *b, size_t k)
{
	uint64_t number = page_of(b->order[k]);

	while (k < b->n && page_of(b->order[k]) == number)
		k++;
	return k;
}

static enum rc settle_page(const struct batch *b, size_t k, size_t end, struct page *p)
{
	enum rc rc = RC_OK;

	for (; rc == RC_OK && k < end; k++) {
		uint8_t *slot = page_slot(p, b->order[k]);
		uint32_t i = get_u32(slot);

		if (i < b->count)
			continue;
		rc = settled(b->fd, b->shape, slot_of(b->order[k]), b->count, &i);
		put_u32(slot, i);
	}
	return rc;
}

/* Give each record its previous entry. */
static enum rc link_entries(struct batch *b)
{
	struct page p;

	for (size_t k = 0, end; k < b->n; k = end) {
		enum rc rc = page_read(b, page_of(b->order[k]), &p);

		end = page_end(b, k);
		if (rc == RC_OK)
			rc = settle_page(b, k, end, &p);
		if (rc != RC_OK)
			return rc;
		for (; k < end; k++) {
			uint8_t *slot = page_slot(&p, b->order[k]);
			uint32_t record = (uint32_t)b->order[k], previous = get_u32(slot);

			b->h.slots_used += previous == 0;
			put_u32(b->entries + (size_t)record * INDEX_ENTRY_BYTES + 16, previous);
			put_u32(slot, b->count + record);
		}
	}
	return RC_OK;
}

static enum rc write_slots(const struct batch *b)
{
	struct page p;

	for (size_t k = 0, end; k < b->n; k = end) {
		enum rc rc = page_read(b, page_of(b->order[k]), &p);

		for (end = page_end(b, k); k < end; k++)
			put_u32(page_slot(&p, b->order[k]), b->count + (uint32_t)b->order[k]);
		if (rc == RC_OK)
			rc = io_write_at(b->fd, p.bytes, p.len, p.at);
		if (rc != RC_OK)
			return rc;
	}
	return RC_OK;
}

/* Apache IndexFile.putKey: whole seconds since the begin, which the first key sets after it has used the one before. */
static uint32_t seconds_since(int64_t begin_ms, int64_t ms)
{
	int64_t seconds = begin_ms > 0 ? (ms - begin_ms) / 1000 : 0;

	if (seconds < 0)
		return 0;
	return seconds > INT32_MAX ? INT32_MAX : (uint32_t)seconds;
}

static void fill_entries(struct batch *b)
{
	for (size_t i = 0; i < b->n; i++) {
		const struct index_record *r = &b->records[i];
		uint8_t *e = b->entries + i * INDEX_ENTRY_BYTES;

		put_u32(e, r->hash);
		put_u64(e + 4, (uint64_t)r->at);
		put_u32(e + 12, seconds_since(b->h.begin_ms, r->store_ms));
		if (b->h.count <= 1) {
			b->h.begin_at = r->at;
			b->h.begin_ms = r->store_ms;
		}
		b->h.count++;
		b->h.end_at = r->at;
		b->h.end_ms = r->store_ms;
		b->order[i] = (uint64_t)(r->hash % b->shape.slots) << 32 | i;
	}
	sort_by_slot(b);
}

enum rc index_file_append(int fd, struct index_shape shape, struct index_header *h, const struct index_record *records, size_t n)
{
	struct batch b = {.fd = fd, .shape = shape, .h = *h, .records = records, .n = n, .count = h->count};
	enum rc rc;

	if (n == 0)
		return RC_OK;
	b.order = mem_alloc(n * sizeof(*b.order));
	b.spare = mem_alloc(n * sizeof(*b.spare));
	b.entries = mem_alloc(n * INDEX_ENTRY_BYTES);
	fill_entries(&b);
	rc = link_entries(&b);
	if (rc == RC_CORRUPT) {
		rc = index_file_heal(fd, shape, h);
		b.h.slots_used = h->slots_used;
		if (rc == RC_OK)
			rc = link_entries(&b);
	}
	if (rc == RC_OK)
		rc = io_write_at(fd, b.entries, n * INDEX_ENTRY_BYTES, entry_at(shape, h->count));
	if (rc == RC_OK)
		rc = write_slots(&b);
	if (rc == RC_OK)
		rc = index_header_write(fd, &b.h);
	if (rc == RC_OK)
		*h = b.h;
	free(b.order);
	free(b.spare);
	free(b.entries);
	return rc;
}

/* ---- after an unclean stop ---- */

enum rc index_file_truncate(int fd, struct index_shape shape, struct index_header *h, int64_t end)
{
	uint32_t low = 1, high = h->count;
	struct index_entry e;
	enum rc rc;

	while (low < high) { /* entries rise with the log; what was torn is zero, and behind them */
		uint32_t mid = low + (high - low) / 2;

		rc = index_entry_read(fd, shape, mid, &e);
		if (rc != RC_OK && rc != RC_NOT_FOUND)
			return rc;
		if (rc == RC_OK && e.at >= 0 && e.at < end && (e.at > 0 || e.hash > 0))
			low = mid + 1;
		else
			high = mid;
	}
	if (low == h->count)
		return RC_OK;
	h->count = low;
	if (low == 1) {
		*h = (struct index_header){.count = 1};
	} else {
		rc = index_entry_read(fd, shape, low - 1, &e);
		if (rc != RC_OK)
			return rc;
		h->end_at = e.at;
		h->end_ms = entry_ms(h, low - 1, &e) + (low > 2 ? 999 : 0);
		if (h->disk_end_ms > h->end_ms)
			h->disk_end_ms = h->end_ms;
	}
	return index_header_write(fd, h);
}

/* All slots from all entries. */
static enum rc rebuild(int fd, struct index_shape shape, uint32_t count, uint8_t *slots)
{
	uint8_t *run = mem_alloc((size_t)RUN_ENTRIES * INDEX_ENTRY_BYTES);
	enum rc rc = RC_OK;

	memset(slots, 0, (size_t)shape.slots * INDEX_SLOT_BYTES);
	for (uint32_t i = 1; rc == RC_OK && i < count;) {
		uint32_t n = count - i < RUN_ENTRIES ? count - i : RUN_ENTRIES;

		rc = io_read_at(fd, run, (size_t)n * INDEX_ENTRY_BYTES, entry_at(shape, i), false);
		for (uint32_t k = 0; rc == RC_OK && k < n; k++)
			put_u32(slots + (size_t)(get_u32(run + (size_t)k * INDEX_ENTRY_BYTES) % shape.slots) * INDEX_SLOT_BYTES,
				i + k);
		i += n;
	}
	free(run);
	return rc;
}

static uint32_t count_used(const uint8_t *slots, uint32_t count)
{
	uint32_t used = 0;

	for (uint32_t slot = 0; slot < count; slot++)
		used += get_u32(slots + (size_t)slot * INDEX_SLOT_BYTES) != 0;
	return used;
}

enum rc index_file_heal(int fd, struct index_shape shape, struct index_header *h)
{
	size_t bytes = (size_t)shape.slots * INDEX_SLOT_BYTES;
	uint8_t *slots = mem_try_alloc(bytes);
	bool is_changed = false;
	enum rc rc = slots ? io_read_at(fd, slots, bytes, slot_at(0), false) : RC_NO_MEMORY;

	for (uint32_t slot = 0; rc == RC_OK && slot < shape.slots; slot++) {
		uint32_t i = get_u32(slots + (size_t)slot * INDEX_SLOT_BYTES);

		if (i < h->count)
			continue;
		is_changed = true;
		rc = settled(fd, shape, slot, h->count, &i);
		put_u32(slots + (size_t)slot * INDEX_SLOT_BYTES, i);
	}
	if (rc == RC_CORRUPT)
		rc = rebuild(fd, shape, h->count, slots);
	if (rc == RC_OK && is_changed)
		rc = io_write_at(fd, slots, bytes, slot_at(0));
	if (rc == RC_OK && h->slots_used != count_used(slots, shape.slots)) { /* a truncation has emptied some */
		h->slots_used = count_used(slots, shape.slots);
		rc = index_header_write(fd, h);
	}
	free(slots);
	return rc;
}
