/* Files of a consume queue as a crash, a bad disk or somebody's hand may leave them.
 *
 *   input: files 1 (how many - 1, at most 4) | log min 2 | log end 2 | what is put 1 | for each file: bytes 1 x 10, contents
 *
 * Whatever stands in them: it loads, its numbers are in order, every entry can be read, a get ends, what is put is there after a flush and a
 * second load. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/queue_internal.h"
#include "tests/fuzz/store_core.h"
#include "tests/fuzz/target.h"

#define FILE_ENTRIES 16
#define FILE_BYTES (FILE_ENTRIES * QUEUE_ENTRY_BYTES)
#define FILES_MAX 4

static struct store_core core;

static void check(bool holds)
{
	if (!holds)
		abort();
}

static struct store_queue *open_queue(int64_t log_min, int64_t log_end)
{
	struct store *s = &core.store;
	char *error = NULL;

	*s = (struct store){.config = {.root = core.folder, .queue_file_entries = FILE_ENTRIES, .queue_flush_interval_ms = 1000},
			    .ex = &core.ex,
			    .timers = &core.timers};
	s->log.min = log_min;
	s->log.segment_bytes = 4096;
	s->log.written = s->log.flushed = log_end;
	if (queue_table_open(s, &s->queues, &error) != RC_OK) {
		free(error);
		return NULL;
	}
	queue_table_set_log_end(s->queues, log_end);
	return queue_table_get(s->queues, SLICE_LIT("T"), 0, true);
}

/* False when entries before the end are damaged: without a log to ask, the end is anybody's guess then. */
static bool check_queue(struct store_queue *q)
{
	bool is_sane = true;
	struct queue_entry e;

	check(0 <= q->first && q->first <= q->min && q->min <= q->end && q->filed == q->end && q->next == q->end);
	for (int64_t i = q->first; i < q->end; i++)
		is_sane &= consume_queue_entry(q, i, &e) == RC_OK && queue_entry_is_inside(e, core.store.log.written);
	return is_sane;
}

static void get_all(struct store_queue *q)
{
	struct store_get g = {.queue = q, .max_count = 7, .max_bytes = 1000};

	for (int64_t at = q->min, turns = 0; at < q->visible; at = g.next_offset) {
		g.offset = at;
		check(store_get_plan(&core.store, &g) == RC_OK);
		check(g.next_offset > at && turns++ < 1000);
	}
}

static void put_some(struct store_queue *q, int count, int64_t log_end)
{
	bool is_sane = check_queue(q);
	int64_t begin = q->end;
	struct queue_entry e;

	for (int i = 0; i < count; i++)
		check(consume_queue_put(q, q->end, log_end + i * 10, 10, i) == RC_OK);
	queue_table_flush(core.store.queues, false, NULL);
	store_core_run(&core);
	check(q->filed == q->end);
	queue_table_close(core.store.queues);
	q = open_queue(core.store.log.min, log_end + 10 * count);
	check(q != NULL && q->end <= begin + count && (q->end == begin + count || !is_sane));
	for (int i = 0; is_sane && i < count; i++)
		check(consume_queue_entry(q, begin + i, &e) == RC_OK && e.at == log_end + i * 10 && e.tags_code == i);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t files = 1 + store_core_take(&data, &size, 1) % FILES_MAX;
	int64_t log_min = store_core_take(&data, &size, 2), log_end = store_core_take(&data, &size, 2);
	int puts = (int)store_core_take(&data, &size, 1) % 40;
	struct store_queue *q;

	if (core.folder[0] == '\0')
		store_core_start(&core);
	for (uint32_t f = 0; f < files; f++) {
		size_t bytes = store_core_take(&data, &size, 1) * 10, n;
		char *name = mem_printf("consumequeue/T/0/%020u", f * FILE_BYTES);

		bytes = bytes > FILE_BYTES || bytes == 0 ? FILE_BYTES : bytes;
		n = size < bytes ? size : bytes;
		store_core_write(&core, name, data, n, bytes);
		data += n;
		size -= n;
		free(name);
	}
	if (log_end < log_min)
		log_end = log_min;
	q = open_queue(log_min, log_end);
	check(q != NULL);
	get_all(q);
	put_some(q, puts, log_end);
	queue_table_delete_before(core.store.queues, log_end);
	store_core_run(&core);
	queue_table_close(core.store.queues);
	store_core_clear(&core);
	return 0;
}
