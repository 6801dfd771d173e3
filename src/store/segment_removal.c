/* Happy path: one job removes all from the front that nobody holds. Failure: the first file that cannot be removed ends the job; it is said,
 * and tried again by the next one. When only the folder cannot be synced, the unlinks are made again (they find nothing), then the sync. */
#include "store/segment_removal.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"

static void run(struct job *job)
{
	struct segment_removal *r = CONTAINER_OF(job, struct segment_removal, job);
	size_t n = 0;
	enum rc rc = RC_OK;

	while (n < r->asked) {
		struct segment *seg = r->segments[n];

		rc = io_unlink(seg->path);
		if (rc != RC_OK) {
			log_error("store", "remove '%s': %s", seg->path, rc_text(rc));
			break;
		}
		io_close(seg->fd); /* the blocks are freed here */
		seg->fd = -1;
		n++;
	}
	if (n > 0)
		rc = io_sync_folder(r->folder);
	if (n > 0 && rc != RC_OK)
		log_error("store", "sync folder '%s': %s", r->folder, rc_text(rc));
	r->gone = n > 0 && rc == RC_OK ? n : 0;
}

static void done(struct job *job)
{
	struct segment_removal *r = CONTAINER_OF(job, struct segment_removal, job);

	r->is_running = false;
	for (size_t i = 0; i < r->gone; i++)
		segment_drop(r->segments[i]);
	r->count -= r->gone;
	memmove(r->segments, r->segments + r->gone, r->count * sizeof(r->segments[0]));
	if (r->gone > 0 && r->on_gone)
		r->on_gone(r->ctx);
}

void removal_init(struct segment_removal *r, const char *folder, struct executor *ex)
{
	*r = (struct segment_removal){.ex = ex, .folder = folder, .job = {.run = run, .done = done}};
}

void removal_fini(struct segment_removal *r)
{
	for (size_t i = 0; i < r->count; i++)
		segment_drop(r->segments[i]);
	free(r->segments);
	*r = (struct segment_removal){0};
}

/* The job reads the array. */
static void grow(struct segment_removal *r)
{
	size_t cap = r->cap ? 2 * r->cap : 16;
	struct segment **segments = mem_alloc(cap * sizeof(segments[0]));

	if (r->count > 0)
		memcpy(segments, r->segments, r->count * sizeof(segments[0]));
	free(r->segments);
	r->segments = segments;
	r->cap = cap;
}

void removal_add(struct segment_removal *r, struct segment *seg)
{
	ASSERT(!r->is_running);
	if (r->count == r->cap)
		grow(r);
	r->segments[r->count++] = seg;
}

void removal_run(struct segment_removal *r)
{
	if (r->is_running)
		return;
	for (r->asked = 0; r->asked < r->count && r->segments[r->asked]->holders == 1; r->asked++)
		;
	if (r->asked == 0)
		return;
	r->is_running = true;
	executor_submit(r->ex, LANE_FILES, &r->job);
}

int64_t removal_begin(const struct segment_removal *r, int64_t otherwise) { return r->count ? r->segments[0]->base : otherwise; }
