/* Recovery of damaged files. The input picks a file of a small store (first byte) and overwrites it from an offset on (two bytes) with the
 * rest; then the store is opened as after a kill. It opens or says why not; what it then serves is whole, and it takes new messages. */
#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/consume_queue.h"
#include "store/queue_table.h"
#include "store/store_internal.h"
#include "tests/fuzz/target.h"

#define SEGMENT 8192
#define MESSAGES 60

static const char *const files[] = {
	"commitlog/00000000000000000000",
	"commitlog/00000000000000008192",
	"consumequeue/T/0/00000000000000000000",
	"consumequeue/T/1/00000000000000001000",
	"checkpoint",
	"lock",
};

static char folder[64];
static struct timers timers;
static struct job *jobs[256];
static size_t job_count;

static void submit(struct executor *ex, enum lane lane, struct job *job)
{
	(void)ex;
	(void)lane;
	ASSERT(job_count < COUNT_OF(jobs));
	jobs[job_count++] = job;
}

static void run_jobs(void)
{
	for (size_t i = 0; i < job_count; i++) {
		jobs[i]->run(jobs[i]);
		jobs[i]->done(jobs[i]);
	}
	job_count = 0;
}

static struct executor executor = {submit};

static struct store *open_store(void)
{
	struct store_config config = {.root = folder,
				      .segment_bytes = SEGMENT,
				      .queue_file_entries = 50,
				      .index_slots = 50,
				      .index_entries = 200,
				      .index_enabled = true,
				      .flush_interval_ms = 500,
				      .max_message_bytes = 1000,
				      .file_reserved_hours = 72,
				      .disk_max_used_percent = 100,
				      .disk_warning_ratio = 1.0,
				      .disk_clean_forcibly_ratio = 1.0,
				      .check_crc_on_recover = true};
	struct store *s = NULL;
	char *error = NULL;
	enum rc rc = store_open(&config, &executor, &timers, 1700000000000, &s, &error);

	ASSERT((rc == RC_OK) == (s != NULL));
	ASSERT((rc == RC_OK) == (error == NULL));
	free(error);
	return s;
}

static void send(struct store *s, int i)
{
	struct store_queue *q = store_queue_open(s, SLICE_LIT("T"), i & 1);
	struct message m = {.topic = SLICE_LIT("T"), .queue_id = i & 1, .properties = SLICE_LIT("KEYS\x01k\x02TAGS\x01t\x02")};
	struct append_result result;
	char body[200];

	if (q == NULL || !store_is_writable(s))
		return;
	memset(body, 'b', sizeof(body));
	m.body = (struct slice){body, (size_t)(i * 7) % sizeof(body)};
	if (store_append(s, q, &m, 1700000000000 + (uint64_t)i, &result) != RC_OK)
		return;
	store_end_turn(s, 1700000000000 + (uint64_t)i);
	ASSERT(store_queue_max(q) == result.queue_offset + 1);
}

static void check_queue(void *ctx, struct store_queue *q)
{
	struct store *s = ctx;
	static uint8_t raw[SEGMENT];

	ASSERT(store_queue_min(q) <= store_queue_max(q));
	for (int64_t at = store_queue_min(q); at < store_queue_max(q); at++) {
		struct queue_entry e;
		struct message m;

		if (consume_queue_entry(q, at, &e) != RC_OK || e.size <= 0 || e.size > SEGMENT)
			continue;
		ASSERT(e.at + e.size <= s->log.written || e.at > s->log.written);
		if (commit_log_read(&s->log, e.at, raw, (size_t)e.size, false) == RC_OK)
			(void)message_decode((struct slice){(const char *)raw, (size_t)e.size}, true, &m);
	}
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void make_store(void)
{
	struct store *s;

	mem_format(folder, sizeof(folder), "%s/fusee-fuzz-XXXXXX", access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp");
	ASSERT(mkdtemp(folder) != NULL);
	timers_init(&timers, 1000);
	s = open_store();
	ASSERT(s != NULL);
	for (int i = 0; i < MESSAGES; i++)
		send(s, i);
	ASSERT(queue_table_flush_now(s->queues) == RC_OK);
	store_abandon(s);
	job_count = 0;
}

static void damage(const uint8_t *data, size_t size)
{
	char path[160];
	int fd;

	mem_format(path, sizeof(path), "%s/%s", folder, files[(data[0] & 0x7F) % COUNT_OF(files)]);
	fd = open(path, O_RDWR | O_CREAT, 0644);
	ASSERT(fd >= 0);
	if (data[0] & 0x80) /* also cut short */
		ASSERT(ftruncate(fd, get_u16(data + 1)) == 0);
	ASSERT(pwrite(fd, data + 3, size - 3, get_u16(data + 1) % SEGMENT) >= 0);
	close(fd);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct store *s;

	if (size < 3 || size > 4096)
		return 0;
	log_level = LOG_ERROR + 1;
	make_store();
	damage(data, size);
	s = open_store();
	if (s) {
		store_each_queue(s, check_queue, s);
		for (int i = 0; i < 4; i++)
			send(s, i);
		run_jobs();
		store_close(s);
		job_count = 0;
		s = open_store();
		ASSERT(s != NULL);
		store_close(s);
	}
	job_count = 0;
	timers_free(&timers);
	nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	return 0;
}
