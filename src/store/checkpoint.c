/* Happy path: one page, read whole and written whole. Failure: our part that is torn or stale does not count; Apache's part stands in
 * one sector, so that it is old or new, never half. */
#include "store/checkpoint.h"

#include <fcntl.h>
#include <string.h>
#include <zlib.h>

#include "base/bytes.h"
#include "store/io.h"

#define OURS_AT 1024
#define OURS_BYTES 64 /* without the CRC behind them */
static const char ours_mark[8] = "FUSEECK1";

static uint32_t ours_crc(const uint8_t *ours) { return (uint32_t)crc32_z(0, ours, OURS_BYTES); }

static void decode_ours(const uint8_t *page, struct checkpoint *c)
{
	const uint8_t *p = page + OURS_AT;

	if (memcmp(p, ours_mark, sizeof(ours_mark)) != 0 || get_u32(p + OURS_BYTES) != ours_crc(p))
		return;
	c->has_safe = true;
	c->safe = (int64_t)get_u64(p + 8);
	c->log_end = (int64_t)get_u64(p + 16);
	c->last_message = (int64_t)get_u64(p + 24);
	c->index_files = get_u32(p + 32);
	c->queue_count = get_u32(p + 36);
	c->is_ours = memcmp(p + 40, page, 24) == 0;
}

enum rc checkpoint_read(const char *path, struct checkpoint *c)
{
	uint8_t page[CHECKPOINT_BYTES];
	size_t got;
	int fd;
	enum rc rc = io_open(path, O_RDONLY, &fd);

	*c = (struct checkpoint){.log_end = -1, .last_message = -1};
	if (rc != RC_OK)
		return rc == RC_NOT_FOUND ? RC_OK : rc;
	rc = io_read_some(fd, page, sizeof(page), 0, &got);
	io_close(fd);
	if (rc == RC_OK && got == 0)
		return RC_OK;
	if (rc != RC_OK || got != sizeof(page))
		return rc != RC_OK ? rc : RC_CORRUPT;
	c->log_ms = (int64_t)get_u64(page);
	c->queues_ms = (int64_t)get_u64(page + 8);
	c->index_ms = (int64_t)get_u64(page + 16);
	c->master_flushed = (int64_t)get_u64(page + 24);
	c->confirm = (int64_t)get_u64(page + 32);
	decode_ours(page, c);
	return RC_OK;
}

enum rc checkpoint_write(const char *path, const struct checkpoint *c)
{
	uint8_t page[CHECKPOINT_BYTES] = {0}, *p = page + OURS_AT;
	int fd;
	enum rc rc = io_open(path, O_RDWR | O_CREAT, &fd);

	if (rc != RC_OK)
		return rc;
	put_u64(page, (uint64_t)c->log_ms);
	put_u64(page + 8, (uint64_t)c->queues_ms);
	put_u64(page + 16, (uint64_t)c->index_ms);
	put_u64(page + 24, (uint64_t)c->master_flushed);
	put_u64(page + 32, (uint64_t)c->confirm);
	memcpy(p, ours_mark, sizeof(ours_mark));
	put_u64(p + 8, (uint64_t)c->safe);
	put_u64(p + 16, (uint64_t)c->log_end);
	put_u64(p + 24, (uint64_t)c->last_message);
	put_u32(p + 32, c->index_files);
	put_u32(p + 36, c->queue_count);
	memcpy(p + 40, page, 24);
	put_u32(p + OURS_BYTES, ours_crc(p));
	rc = io_write_at(fd, page, sizeof(page), 0);
	if (rc == RC_OK)
		rc = io_sync(fd);
	io_close(fd);
	return rc;
}
