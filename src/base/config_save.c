#include "base/config_save.h"

#include <stdlib.h>

#include "base/buf.h"
#include "base/config.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"

struct config_save {
	struct job job;
	char *path;
	struct buf changes;
	enum rc rc;
	void (*on_done)(void *ctx, enum rc rc); /* NULL: nobody waits */
	void *ctx;
};

static void run(struct job *job)
{
	struct config_save *s = CONTAINER_OF(job, struct config_save, job);
	struct buf old = {0}, merged = {0};

	s->rc = small_file_read(s->path, &old);
	if (s->rc == RC_OK || s->rc == RC_NOT_FOUND)
		s->rc = config_merge_text(buf_slice(&old), buf_slice(&s->changes), &merged);
	if (s->rc == RC_OK)
		s->rc = small_file_replace(s->path, buf_slice(&merged), true);
	buf_free(&old);
	buf_free(&merged);
}

static void done(struct job *job)
{
	struct config_save *s = CONTAINER_OF(job, struct config_save, job);

	if (s->rc != RC_OK)
		log_error("config", "write '%s': %s; what was changed holds until the next start", s->path, rc_text(s->rc));
	if (s->on_done != NULL)
		s->on_done(s->ctx, s->rc);
	free(s->path);
	buf_free(&s->changes);
	free(s);
}

struct config_save *config_save_start(struct executor *ex, const char *path, struct slice changes,
				      void (*on_done)(void *ctx, enum rc rc), void *ctx)
{
	struct config_save *s = mem_zalloc(sizeof(*s));

	s->job = (struct job){.run = run, .done = done};
	s->path = mem_strdup(path);
	buf_put_slice(&s->changes, changes);
	s->on_done = on_done;
	s->ctx = ctx;
	executor_submit(ex, LANE_STATE, &s->job);
	return s;
}

void config_save_forget(struct config_save *s) { s->on_done = NULL; }
