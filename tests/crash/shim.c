/* Happy path: each wrapper finds out whether its call is about the store, counts it before and after, and lets it through.
 * Failure: a call that fails is counted before only, and leaves no trace in power.c. A fork fails: the broker is killed without a report,
 * which the harness says. */
#include "tests/crash/shim.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tests/crash/power.h"

enum when { BEFORE, AFTER, DURING };

static struct {
	bool is_set;
	enum when when;
	char call[32], area[32];
	uint64_t nth, seen;
} plan;

#define FAULT_BYTES 256
#define FAULT_COUNT_AT 128
static volatile char *fault; /* the mapped file */

static char root[SHIM_PATH_MAX], report[SHIM_PATH_MAX + 16], begun[SHIM_PATH_MAX + 16];
static char *paths[SHIM_FDS_MAX]; /* of open files and folders of the store */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

int __wrap_open(const char *path, int flags, ...);
int __wrap_close(int fd);
ssize_t __wrap_write(int fd, const void *bytes, size_t n);
ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at);
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t at, int flags);
int __wrap_fdatasync(int fd);
int __wrap_fsync(int fd);
int __wrap_syncfs(int fd);
int __wrap_fallocate(int fd, int mode, off_t at, off_t bytes);
int __wrap_ftruncate(int fd, off_t bytes);
int __wrap_truncate(const char *path, off_t bytes);
int __wrap_rename(const char *from, const char *to);
int __wrap_link(const char *from, const char *to);
int __wrap_unlink(const char *path);
int __wrap_mkdir(const char *path, mode_t mode);

/* ---- the plan ---- */

static void set_plan(const char *text)
{
	char when[16];
	unsigned long long nth;

	if (sscanf(text, "%15[^:]:%31[^:]:%31[^:]:%llu", when, plan.call, plan.area, &nth) != 4) {
		fprintf(stderr, "FUSEE_CRASH_AT is '%s', not WHEN:CALL:AREA:N\n", text);
		exit(2);
	}
	plan.when = strcmp(when, "before") == 0 ? BEFORE : strcmp(when, "after") == 0 ? AFTER : DURING;
	plan.nth = nth;
	plan.is_set = true;
}

static void map_fault(const char *path)
{
	int fd = __real_open(path, O_RDWR | O_CLOEXEC);
	void *at = fd < 0 ? MAP_FAILED : mmap(NULL, FAULT_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	if (at == MAP_FAILED) {
		fprintf(stderr, "FUSEE_CRASH_FAULT '%s' cannot be mapped\n", path);
		exit(2);
	}
	fault = at;
	__real_close(fd);
}

__attribute__((constructor)) static void start(void)
{
	const char *at = getenv("FUSEE_CRASH_AT"), *power = getenv("FUSEE_CRASH_POWER"), *in = getenv("FUSEE_CRASH_ROOT");
	char stash[SHIM_PATH_MAX];

	if (in == NULL || strlen(in) > SHIM_PATH_MAX - 64)
		return;
	snprintf(root, sizeof(root), "%s", in);
	snprintf(report, sizeof(report), "%s.report", root);
	snprintf(begun, sizeof(begun), "%s.begun", root);
	snprintf(stash, sizeof(stash), "%.400s.stash", root);
	if (getenv("FUSEE_CRASH_FAULT"))
		map_fault(getenv("FUSEE_CRASH_FAULT"));
	if (at)
		set_plan(at);
	if (power)
		power_init(strtoull(power, NULL, 10), stash);
}

static void write_report(int64_t lost)
{
	char text[128], fresh[SHIM_PATH_MAX + 32];
	int n = snprintf(text, sizeof(text), "%lld\n", (long long)lost), fd;

	snprintf(fresh, sizeof(fresh), "%s.tmp", report);
	fd = __real_open(fresh, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	if (fd >= 0)
		(void)!__real_write(fd, text, (size_t)n);
	__real_rename(fresh, report); /* whole when it is there: the harness waits for it */
}

/* All but 0 to 2 and `keep`: the store's lock among them. */
static void close_others(int keep)
{
	for (int fd = 3; fd < SHIM_FDS_MAX; fd++)
		if (fd != keep)
			__real_close(fd);
}

/* The power is cut by a child when the broker is gone: its other threads would read, and send, what is half undone. The child's end of the
 * pipe says when. */
static void cut_after_death(int read_end, int write_end)
{
	char byte;

	__real_close(write_end);
	close_others(read_end);
	while (read(read_end, &byte, 1) < 0 && errno == EINTR)
		;
	write_report(power_cut());
	_exit(0);
}

/* The lock is held and never given back: nobody changes the store any more. */
static void die(void)
{
	int ends[2];

	if (power_is_on())
		__real_close(__real_open(begun, O_WRONLY | O_CREAT | O_CLOEXEC, 0644));
	if (!power_is_on())
		write_report(INT64_MAX);
	else if (pipe2(ends, O_CLOEXEC) != 0)
		abort();
	else if (fork() == 0)
		cut_after_death(ends[0], ends[1]);
	kill(getpid(), SIGKILL);
	for (;;)
		pause();
}

static bool is_planned(const char *call, const char *path)
{
	const char *area = path ? shim_area(path) : NULL;

	return plan.is_set && area && (strcmp(plan.call, "any") == 0 || strcmp(plan.call, call) == 0) &&
	       (strcmp(plan.area, "any") == 0 || strcmp(plan.area, area) == 0);
}

/* Takes the lock. True: this write shall be cut short, and after() must come. */
static bool before(const char *call, const char *path)
{
	pthread_mutex_lock(&lock);
	if (!is_planned(call, path) || ++plan.seen != plan.nth)
		return false;
	if (plan.when == BEFORE)
		die();
	return true;
}

static void after(bool is_now)
{
	if (is_now)
		die();
	pthread_mutex_unlock(&lock);
}

/* ---- what a path is ---- */

const char *shim_area(const char *path)
{
	static const char *const areas[] = {"commitlog", "consumequeue", "index", "checkpoint", "abort", "lock", "config"};
	size_t n = strlen(root);

	if (n == 0 || strncmp(path, root, n) != 0 || (path[n] != '/' && path[n] != '\0'))
		return NULL;
	for (size_t i = 0; path[n] && i < sizeof(areas) / sizeof(areas[0]); i++) {
		size_t len = strlen(areas[i]);

		if (strncmp(path + n + 1, areas[i], len) == 0 && (path[n + 1 + len] == '/' || path[n + 1 + len] == '\0'))
			return areas[i];
	}
	return "other";
}

const char *shim_path(int fd) { return fd >= 0 && fd < SHIM_FDS_MAX ? paths[fd] : NULL; }

/* ---- faults ---- */

/* -1: nothing; 0: do half; else the errno that the call fails with. */
static int fault_of(const char *call, const char *path)
{
	char text[FAULT_COUNT_AT], wanted[32], wanted_area[32];
	const char *area;
	int number;

	if (fault == NULL || fault[0] == '\0' || path == NULL || (area = shim_area(path)) == NULL)
		return -1;
	for (int i = 0; i < FAULT_COUNT_AT; i++)
		text[i] = fault[i];
	text[FAULT_COUNT_AT - 1] = '\0';
	if (sscanf(text, "%31s %31s %d", wanted, wanted_area, &number) != 3 || strcmp(wanted, call) != 0 ||
	    (strcmp(wanted_area, "any") != 0 && strcmp(wanted_area, area) != 0))
		return -1;
	__atomic_fetch_add((volatile uint32_t *)(fault + FAULT_COUNT_AT), 1, __ATOMIC_RELAXED);
	return number;
}

static bool fails(const char *call, const char *path)
{
	int number = fault_of(call, path);

	if (number > 0)
		errno = number;
	return number > 0;
}

/* ---- open files ---- */

static void opened(int fd, const char *path)
{
	if (fd >= 0 && fd < SHIM_FDS_MAX && shim_area(path))
		paths[fd] = strdup(path);
}

/* O_TRUNC changes data and size, which power.c must see first. */
static void before_truncation(const char *path)
{
	int fd = power_is_on() ? __real_open(path, O_RDWR | O_CLOEXEC) : -1;

	if (fd < 0)
		return;
	power_before_size(fd, path, 0);
	__real_close(fd);
}

int __wrap_open(const char *path, int flags, ...)
{
	va_list args;
	mode_t mode;
	bool is_new = (flags & O_CREAT) && shim_area(path) && access(path, F_OK) != 0, is_now = false;
	int fd;

	va_start(args, flags);
	mode = flags & O_CREAT ? (mode_t)va_arg(args, int) : 0;
	va_end(args);
	if (fails("open", path))
		return -1;
	if (is_new) {
		is_now = before("create", path);
		power_before_create(path);
	} else {
		pthread_mutex_lock(&lock);
		if ((flags & O_TRUNC) && shim_area(path))
			before_truncation(path);
	}
	fd = __real_open(path, flags, mode);
	if (fd < 0 && is_new)
		power_forget_name();
	opened(fd, path);
	after(is_now);
	return fd;
}

int __wrap_close(int fd)
{
	int result;

	pthread_mutex_lock(&lock);
	if (fd >= 0 && fd < SHIM_FDS_MAX) {
		free(paths[fd]);
		paths[fd] = NULL;
	}
	result = __real_close(fd);
	pthread_mutex_unlock(&lock);
	return result;
}

/* ---- data ---- */

ssize_t __wrap_write(int fd, const void *bytes, size_t n)
{
	const char *path = shim_path(fd);
	ssize_t result;
	bool is_now;

	if (path == NULL)
		return __real_write(fd, bytes, n);
	is_now = before("write", path);
	power_before_data(fd, path, lseek(fd, 0, SEEK_CUR), (int64_t)n);
	result = __real_write(fd, bytes, is_now && plan.when == DURING ? n / 2 : n);
	after(is_now);
	return result;
}

static ssize_t write_half(int fd, const struct iovec *iov, int count, off_t at, size_t bytes)
{
	size_t left = bytes / 2;

	for (int i = 0; i < count && left > 0; i++) {
		size_t n = iov[i].iov_len < left ? iov[i].iov_len : left;

		if (pwrite(fd, iov[i].iov_base, n, at) < 0)
			return -1;
		at += (off_t)n;
		left -= n;
	}
	return (ssize_t)(bytes / 2);
}

ssize_t __wrap_pwritev(int fd, const struct iovec *iov, int count, off_t at)
{
	const char *path = shim_path(fd);
	size_t bytes = 0;
	ssize_t result;
	bool is_now;
	int number;

	if (path == NULL)
		return __real_pwritev(fd, iov, count, at);
	for (int i = 0; i < count; i++)
		bytes += iov[i].iov_len;
	number = fault_of("pwritev", path);
	if (number > 0) {
		errno = number;
		return -1;
	}
	is_now = before("pwritev", path);
	power_before_data(fd, path, at, (int64_t)bytes);
	result = (is_now && plan.when == DURING) || (number == 0 && bytes > 1) ? write_half(fd, iov, count, at, bytes)
									       : __real_pwritev(fd, iov, count, at);
	after(is_now);
	return result;
}

/* Changes nothing: no lock, no count. */
ssize_t __wrap_preadv2(int fd, const struct iovec *iov, int count, off_t at, int flags)
{
	const char *path = shim_path(fd);
	int number = path ? fault_of("preadv2", path) : -1;
	struct iovec half = iov[0];

	if (number > 0) {
		errno = number;
		return -1;
	}
	if (number < 0 || half.iov_len < 2)
		return __real_preadv2(fd, iov, count, at, flags);
	half.iov_len /= 2;
	return __real_preadv2(fd, &half, 1, at, flags);
}

int __wrap_fallocate(int fd, int mode, off_t at, off_t bytes)
{
	const char *path = shim_path(fd);
	struct stat st;
	bool is_now;
	int result;

	if (path == NULL)
		return __real_fallocate(fd, mode, at, bytes);
	if (fails("fallocate", path))
		return -1;
	is_now = before("fallocate", path);
	if ((mode & (FALLOC_FL_ZERO_RANGE | FALLOC_FL_PUNCH_HOLE)) && fstat(fd, &st) == 0 && at < st.st_size)
		power_before_data(fd, path, at, at + bytes < st.st_size ? bytes : st.st_size - at);
	result = __real_fallocate(fd, mode, at, bytes);
	after(is_now);
	return result;
}

int __wrap_ftruncate(int fd, off_t bytes)
{
	const char *path = shim_path(fd);
	bool is_now;
	int result;

	if (path == NULL)
		return __real_ftruncate(fd, bytes);
	is_now = before("ftruncate", path);
	power_before_size(fd, path, bytes);
	result = __real_ftruncate(fd, bytes);
	after(is_now);
	return result;
}

int __wrap_truncate(const char *path, off_t bytes)
{
	int fd = __wrap_open(path, O_RDWR | O_CLOEXEC), result;

	if (fd < 0)
		return -1;
	result = __wrap_ftruncate(fd, bytes);
	__wrap_close(fd);
	return result;
}

/* ---- syncs: the call itself is made without the lock, since others write meanwhile ---- */

static int sync_with(int fd, const char *call, int (*sync)(int fd), bool everything)
{
	const char *path = shim_path(fd);
	bool is_now;
	uint64_t mark;
	struct stat st;
	int result;

	if (path == NULL)
		return sync(fd);
	if (fails(call, path))
		return -1;
	is_now = before(call, path);
	mark = power_sync_begin();
	if (is_now) { /* it must be the one at which the process ends */
		result = sync(fd);
	} else {
		pthread_mutex_unlock(&lock);
		result = sync(fd);
		pthread_mutex_lock(&lock);
	}
	if (result == 0 && !everything && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
		power_folder_synced(shim_path(fd), mark);
	else if (result == 0)
		power_sync_end(everything ? -1 : fd, mark);
	after(is_now);
	return result;
}

int __wrap_fdatasync(int fd) { return sync_with(fd, "fdatasync", __real_fdatasync, false); }
int __wrap_fsync(int fd) { return sync_with(fd, "fsync", __real_fsync, false); }
int __wrap_syncfs(int fd) { return sync_with(fd, "syncfs", __real_syncfs, true); }

/* ---- names ---- */

int __wrap_rename(const char *from, const char *to)
{
	bool is_now;
	int result;

	if (shim_area(to) == NULL)
		return __real_rename(from, to);
	if (fails("rename", to))
		return -1;
	is_now = before("rename", to);
	power_before_rename(from, to);
	result = __real_rename(from, to);
	if (result != 0)
		power_forget_name();
	after(is_now);
	return result;
}

int __wrap_link(const char *from, const char *to)
{
	bool is_now;
	int result;

	if (shim_area(to) == NULL)
		return __real_link(from, to);
	is_now = before("link", to);
	power_before_link(to);
	result = __real_link(from, to);
	if (result != 0)
		power_forget_name();
	after(is_now);
	return result;
}

int __wrap_unlink(const char *path)
{
	bool is_now;
	int result;

	if (shim_area(path) == NULL)
		return __real_unlink(path);
	if (access(path, F_OK) != 0)
		return __real_unlink(path);
	if (fails("unlink", path))
		return -1;
	is_now = before("unlink", path);
	power_before_unlink(path);
	result = __real_unlink(path);
	if (result != 0)
		power_forget_name();
	after(is_now);
	return result;
}

int __wrap_mkdir(const char *path, mode_t mode)
{
	bool is_now;
	int result;

	if (shim_area(path) == NULL || access(path, F_OK) == 0)
		return __real_mkdir(path, mode);
	is_now = before("mkdir", path);
	power_before_mkdir(path);
	result = __real_mkdir(path, mode);
	if (result != 0)
		power_forget_name();
	after(is_now);
	return result;
}
