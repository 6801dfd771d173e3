/* Happy path: records in the order of the changes, each with the mark of its time; a sync forgets those it covered; the cut undoes what
 * is left, newest first, so that the oldest content of a sector and the oldest name win.
 * Failure: an undo that the file system refuses (its file is gone) is passed over: then the file is lost, which a power loss may do. */
#include "tests/crash/power.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/shim.h"

#define BUCKETS 65536

struct sector {
	dev_t dev;
	ino_t ino;
	int64_t at;
	uint64_t mark;
	uint8_t old[POWER_SECTOR];
	char *path;           /* one for all sectors of a call would do; a test can afford this */
	struct sector *older; /* of all */
	struct sector *newer;
	struct sector *in_bucket; /* next */
};

enum what { SIZE, CREATE, MKDIR, RENAME, LINK, UNLINK };

struct change {
	enum what what;
	uint64_t mark;
	dev_t dev; /* of SIZE */
	ino_t ino;
	int64_t bytes; /* of SIZE: before */
	char path[SHIM_PATH_MAX], to[SHIM_PATH_MAX];
	char stashed[SHIM_PATH_MAX]; /* "" when nothing stood there */
	struct change *older;
};

static struct sector *newest_sector, *buckets[BUCKETS];
static struct change *newest_change;
static uint64_t state, now_mark = 1, stashed_count;
static char stash[SHIM_PATH_MAX];
static bool is_on;

static uint64_t next_random(void) /* xorshift64 */
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state;
}

void power_init(uint64_t seed, const char *stash_folder)
{
	state = seed * 2654435761u + 88172645463325252ull;
	for (int i = 0; i < 8; i++)
		next_random();
	snprintf(stash, sizeof(stash), "%s", stash_folder);
	__real_mkdir(stash, 0755);
	is_on = true;
}

bool power_is_on(void) { return is_on; }

/* ---- data ---- */

static struct sector **bucket_of(dev_t dev, ino_t ino, int64_t at)
{
	uint64_t h = ((uint64_t)ino * 0x9e3779b97f4a7c15ull) ^ ((uint64_t)at / POWER_SECTOR * 0xc2b2ae3d27d4eb4full) ^ dev;

	return &buckets[(h >> 32) % BUCKETS];
}

/* Since the last sync began: an older record stands for another content. */
static bool is_known(const struct stat *st, int64_t at)
{
	for (const struct sector *s = *bucket_of(st->st_dev, st->st_ino, at); s; s = s->in_bucket)
		if (s->ino == st->st_ino && s->dev == st->st_dev && s->at == at && s->mark == now_mark)
			return true;
	return false;
}

static void remember(int fd, const char *path, const struct stat *st, int64_t at)
{
	struct sector *s = calloc(1, sizeof(*s)), **bucket = bucket_of(st->st_dev, st->st_ino, at);

	if (s == NULL)
		abort();
	s->dev = st->st_dev;
	s->ino = st->st_ino;
	s->at = at;
	s->mark = now_mark;
	s->path = strdup(path);
	(void)!pread(fd, s->old, sizeof(s->old), at); /* zeros behind the end of the file */
	s->older = newest_sector;
	if (newest_sector)
		newest_sector->newer = s;
	newest_sector = s;
	s->in_bucket = *bucket;
	*bucket = s;
}

void power_before_data(int fd, const char *path, int64_t at, int64_t bytes)
{
	struct stat st;

	if (!is_on || fstat(fd, &st) < 0)
		return;
	if (at + bytes > st.st_size)
		power_before_size(fd, path, at + bytes);
	for (int64_t s = at - at % POWER_SECTOR; s < at + bytes; s += POWER_SECTOR)
		if (!is_known(&st, s))
			remember(fd, path, &st, s);
}

static void free_sector(struct sector *s)
{
	struct sector **in = bucket_of(s->dev, s->ino, s->at);

	while (*in != s)
		in = &(*in)->in_bucket;
	*in = s->in_bucket;
	if (s->newer)
		s->newer->older = s->older;
	else
		newest_sector = s->older;
	if (s->older)
		s->older->newer = s->newer;
	free(s->path);
	free(s);
}

/* ---- sizes and names ---- */

static struct change *add_change(enum what what, const char *path)
{
	struct change *c = calloc(1, sizeof(*c));

	if (c == NULL)
		abort();
	c->what = what;
	c->mark = now_mark;
	snprintf(c->path, sizeof(c->path), "%s", path);
	c->older = newest_change;
	newest_change = c;
	return c;
}

void power_before_size(int fd, const char *path, int64_t bytes)
{
	struct stat st;
	struct change *c;

	if (!is_on || fstat(fd, &st) < 0 || st.st_size == bytes)
		return;
	if (bytes < st.st_size)
		for (int64_t s = bytes - bytes % POWER_SECTOR; s < st.st_size; s += POWER_SECTOR)
			if (!is_known(&st, s))
				remember(fd, path, &st, s);
	c = add_change(SIZE, path);
	c->dev = st.st_dev;
	c->ino = st.st_ino;
	c->bytes = st.st_size;
}

/* The data of a file goes where its name goes. */
static void move_records(const char *from, const char *to)
{
	for (struct sector *s = newest_sector; s; s = s->older) {
		if (strcmp(s->path, from) != 0)
			continue;
		free(s->path);
		s->path = strdup(to);
	}
}

/* A second name for what is about to lose its own. */
static void keep(struct change *c, const char *path)
{
	snprintf(c->stashed, sizeof(c->stashed), "%.400s/%llu", stash, (unsigned long long)++stashed_count);
	if (__real_link(path, c->stashed) != 0)
		c->stashed[0] = '\0';
	else
		move_records(path, c->stashed);
}

void power_before_create(const char *path)
{
	if (is_on)
		add_change(CREATE, path);
}

void power_before_mkdir(const char *path)
{
	if (is_on)
		add_change(MKDIR, path);
}

void power_before_rename(const char *from, const char *to)
{
	struct change *c;

	if (!is_on)
		return;
	c = add_change(RENAME, from);
	snprintf(c->to, sizeof(c->to), "%s", to);
	keep(c, to);
	move_records(from, to);
}

void power_before_link(const char *to)
{
	if (is_on)
		add_change(LINK, to);
}

void power_before_unlink(const char *path)
{
	if (is_on)
		keep(add_change(UNLINK, path), path);
}

static void free_change(struct change **at)
{
	struct change *c = *at;

	*at = c->older;
	if (c->stashed[0])
		__real_unlink(c->stashed);
	free(c);
}

void power_forget_name(void)
{
	if (is_on)
		free_change(&newest_change);
}

/* ---- syncs ---- */

uint64_t power_sync_begin(void) { return now_mark++; }

void power_sync_end(int fd, uint64_t mark)
{
	struct stat st = {0};

	if (!is_on || (fd >= 0 && fstat(fd, &st) < 0))
		return;
	for (struct sector *s = newest_sector, *older; s; s = older) {
		older = s->older;
		if (s->mark <= mark && (fd < 0 || (s->ino == st.st_ino && s->dev == st.st_dev)))
			free_sector(s);
	}
	for (struct change **at = &newest_change; *at;) {
		struct change *c = *at;

		if (c->mark <= mark && (fd < 0 || (c->what == SIZE && c->ino == st.st_ino && c->dev == st.st_dev)))
			free_change(at);
		else
			at = &c->older;
	}
}

static bool is_in(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return strncmp(path, folder, n) == 0 && path[n] == '/' && strchr(path + n + 1, '/') == NULL;
}

void power_folder_synced(const char *folder, uint64_t mark)
{
	for (struct change **at = &newest_change; is_on && *at;) {
		struct change *c = *at;

		if (c->mark <= mark && c->what != SIZE && is_in(c->path, folder))
			free_change(at);
		else
			at = &c->older;
	}
}

/* ---- the cut ---- */

/* Commit log offset of a byte of a file; INT64_MAX when it is no segment. */
static int64_t log_offset(const char *path, int64_t at)
{
	const char *name = strrchr(path, '/'), *area = shim_area(path);

	return name && area && strcmp(area, "commitlog") == 0 ? strtoll(name + 1, NULL, 10) + at : INT64_MAX;
}

static void lower(int64_t *lost, int64_t at)
{
	if (at < *lost)
		*lost = at;
}

static void undo_sector(const struct sector *s, int64_t *lost)
{
	int fd = __real_open(s->path, O_RDWR | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return;
	if (fstat(fd, &st) == 0 && st.st_ino == s->ino && s->at < st.st_size) {
		size_t n = st.st_size - s->at < POWER_SECTOR ? (size_t)(st.st_size - s->at) : POWER_SECTOR;

		(void)!pwrite(fd, s->old, n, s->at);
		lower(lost, log_offset(s->path, s->at));
	}
	__real_close(fd);
}

/* Records of one sector share its fate: the choice is a hash of where it is. */
static bool is_lost(const struct sector *s, uint64_t salt)
{
	uint64_t h = (salt ^ (uint64_t)s->ino * 0x9e3779b97f4a7c15ull) + (uint64_t)(s->at / POWER_SECTOR) * 0xc2b2ae3d27d4eb4full;

	h ^= h >> 29;
	h *= 0xbf58476d1ce4e5b9ull;
	return (h >> 40) & 1;
}

static void undo_change(const struct change *c, int64_t *lost)
{
	switch (c->what) {
	case SIZE:
		(void)!__real_truncate(c->path, c->bytes);
		lower(lost, log_offset(c->path, c->bytes));
		break;
	case CREATE:
	case LINK:
		__real_unlink(c->path);
		lower(lost, log_offset(c->path, 0));
		break;
	case MKDIR:
		rmdir(c->path);
		break;
	case RENAME:
		__real_rename(c->to, c->path);
		if (c->stashed[0])
			(void)!__real_link(c->stashed, c->to);
		break;
	case UNLINK:
		if (c->stashed[0])
			(void)!__real_link(c->stashed, c->path);
		break;
	}
}

static uint64_t changes_to_undo(void)
{
	uint64_t n = 0, how = next_random() % 3;

	for (const struct change *c = newest_change; c; c = c->older)
		n++;
	return how == 0 ? n : how == 1 || n == 0 ? 0 : next_random() % (n + 1);
}

int64_t power_cut(void)
{
	bool all = next_random() % 4 == 0;
	uint64_t salt = next_random(), n = changes_to_undo();
	int64_t lost = INT64_MAX;

	for (const struct sector *s = newest_sector; s; s = s->older)
		if (all || is_lost(s, salt))
			undo_sector(s, &lost);
	for (const struct change *c = newest_change; c && n > 0; c = c->older, n--)
		undo_change(c, &lost);
	return lost;
}
