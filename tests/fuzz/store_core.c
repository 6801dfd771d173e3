#include "tests/fuzz/store_core.h"

#include <fcntl.h>
#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "store/io.h"

static struct store_core *only;

static void submit(struct executor *ex, enum lane lane, struct job *job)
{
	struct store_core *c = CONTAINER_OF(ex, struct store_core, ex);

	(void)lane;
	job->link = NULL;
	*c->last = job;
	c->last = (struct job **)&job->link;
}

void store_core_run(struct store_core *c)
{
	struct job *job;

	while ((job = c->first) != NULL) {
		c->first = job->link;
		if (c->first == NULL)
			c->last = &c->first;
		job->run(job);
		job->done(job);
	}
}

static int remove_below(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	return ftw->level == 0 ? 0 : remove(path);
}

void store_core_clear(const struct store_core *c) { nftw(c->folder, remove_below, 16, FTW_DEPTH | FTW_PHYS); }

static void remove_all(void)
{
	store_core_clear(only);
	rmdir(only->folder);
}

void store_core_start(struct store_core *c)
{
	const char *base = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp";

	log_level = (enum log_level)(LOG_ERROR + 1);
	c->last = &c->first;
	c->ex.submit = submit;
	timers_init(&c->timers, 1000);
	if (!mem_format(c->folder, sizeof(c->folder), "%s/fusee-fuzz-XXXXXX", base) || mkdtemp(c->folder) == NULL)
		abort();
	only = c;
	atexit(remove_all);
}

void store_core_write(const struct store_core *c, const char *name, const uint8_t *bytes, size_t n, size_t file_bytes)
{
	char *path = mem_printf("%s/%s", c->folder, name);
	int fd;

	*strrchr(path, '/') = '\0';
	if (io_make_folders(path) != RC_OK)
		abort();
	path[strlen(path)] = '/';
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC, 0644);
	if (fd < 0 || pwrite(fd, bytes, n, 0) != (ssize_t)n || ftruncate(fd, (off_t)file_bytes) != 0)
		abort();
	close(fd);
	free(path);
}

uint32_t store_core_take(const uint8_t **data, size_t *size, int n)
{
	uint32_t v = 0;

	while (n-- > 0 && *size > 0) {
		v = v << 8 | *(*data)++;
		--*size;
	}
	return v;
}
