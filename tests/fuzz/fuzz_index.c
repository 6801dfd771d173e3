/* An index file as a crash, a bad disk or somebody's hand may leave it.
 *
 *   input: flags 1 (1: clean stop, 2: cut, 4: sync, 8: look up before anything is written) | offset to cut at 2 | keys 1 | the file's bytes
 *
 * Whatever stands in it: it opens, every look-up ends, keys that are put are found, before and after they are written, and after another open. */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "store/index_internal.h"
#include "tests/fuzz/store_core.h"
#include "tests/fuzz/target.h"

#define SLOTS 16
#define ENTRIES 32
#define FILE_BYTES (40 + SLOTS * 4 + ENTRIES * 20)

static struct store_core core;
static int64_t found[INDEX_QUERY_MAX];

static void check(bool holds)
{
	if (!holds)
		abort();
}

static void open_index(bool clean)
{
	struct store *s = &core.store;
	char *error = NULL;

	*s = (struct store){
		.config = {.root = core.folder, .index_slots = SLOTS, .index_entries = ENTRIES, .queue_flush_interval_ms = 1000},
		.ex = &core.ex,
		.timers = &core.timers,
		.wall_ms = 1700000000000u};
	s->log.written = s->log.flushed = INT64_MAX;
	check(index_open(s, clean, &s->index, &error) == RC_OK);
}

static int done_count;

static void on_done(struct store_query *q, enum rc rc)
{
	check(rc == RC_OK && q->count >= 0 && q->count <= q->max);
	done_count++;
}

static bool look_up(int i, int64_t at)
{
	char key[16];
	struct store_query q = {
		.topic = SLICE_LIT("T"), .end_ms = INT64_MAX, .max = INDEX_QUERY_MAX, .offsets = found, .on_done = on_done};
	int before = done_count;

	mem_format(key, sizeof(key), "k%d", i);
	q.key = slice_of(key);
	store_query_keys(&core.store, &q);
	store_core_run(&core);
	check(done_count == before + 1);
	for (int32_t k = 0; k < q.count; k++)
		if (found[k] == at)
			return true;
	return false;
}

static void put(int i, int64_t at)
{
	struct index_topic topic = index_topic_of(SLICE_LIT("T"));
	char key[16];

	mem_format(key, sizeof(key), "k%d", i);
	index_put(core.store.index, &topic, INDEX_KEY, slice_of(key), at, 1700000000000 + i);
}

static void put_and_find(int keys, bool sync)
{
	int64_t first = index_newest(core.store.index);

	if (first > INT64_MAX - 1000)
		return;
	for (int i = 0; i < keys; i++)
		put(i, first + 1 + i);
	for (int i = 0; i < keys; i++)
		check(look_up(i, first + 1 + i));
	index_flush(core.store.index, sync, NULL);
	store_core_run(&core);
	check(core.store.index->pending.count == 0);
	for (int i = 0; i < keys; i++)
		(void)look_up(i, first + 1 + i); /* a chain that was damaged before may hide them */
	check(index_newest(core.store.index) == first + keys || keys == 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint32_t flags = store_core_take(&data, &size, 1);
	int64_t cut = store_core_take(&data, &size, 2);
	int keys = (int)store_core_take(&data, &size, 1) % 80;

	if (core.folder[0] == '\0')
		store_core_start(&core);
	store_core_write(&core, "index/20240101000000000", data, size < FILE_BYTES ? size : FILE_BYTES, FILE_BYTES);
	open_index(flags & 1);
	if (flags & 8)
		for (int i = 0; i < 10; i++)
			(void)look_up(i, 0);
	if (flags & 2)
		check(index_cut(core.store.index, cut) == RC_OK);
	put_and_find(keys, flags & 4);
	check(index_flush_now(core.store.index) == RC_OK);
	index_close(core.store.index);
	open_index(!(flags & 1));
	for (int i = 0; i < 10; i++)
		(void)look_up(i, 0);
	index_delete_before(core.store.index, INT64_MAX);
	store_core_run(&core);
	index_close(core.store.index);
	store_core_clear(&core);
	return 0;
}
