/* What is deleted and when; what a full disk does. The disk's figures come from a shim under statvfs; file times are set. */
#include <check.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"
#include "store/io.h"
#include "store/retention.h"
#include "tests/unit/store/fault.h"
#include "tests/unit/store/rig.h"

Suite *suite_retention(void);

#define GIB (1ll << 30)

static struct rig *r;
static struct io_calls shim;
static int64_t used_percent;

static int statvfs_(const char *path, struct statvfs *fs)
{
	(void)path;
	*fs = (struct statvfs){.f_frsize = 4096, .f_blocks = (fsblkcnt_t)(100 * GIB / 4096)};
	fs->f_bfree = fs->f_bavail = fs->f_blocks * (fsblkcnt_t)(100 - used_percent) / 100;
	return 0;
}

static int unlink_all_but_second(const char *path)
{
	if (strstr(path, "00000000000000065536") == NULL)
		return unlink(path);
	errno = EIO;
	return -1;
}

static int fsync_fails(int fd)
{
	(void)fd;
	errno = EIO;
	return -1;
}

static void setup(void)
{
	char body[20000];
	struct append_result a;

	shim = io_system;
	shim.statvfs = statvfs_;
	io_set_calls(&shim);
	used_percent = 10;
	r = rig_new();
	r->config.disk_max_used_percent = 75;
	r->config.disk_clean_forcibly_ratio = 0.85;
	r->config.disk_warning_ratio = 0.90;
	r->config.delete_when = "";
	rig_open(r);
	memset(body, 'x', sizeof(body));
	for (int i = 0; i < 15; i++) { /* five segments of three */
		ck_assert_int_eq(rig_try_send(r, "T", 0, (struct slice){body, sizeof(body)}, &a), RC_OK);
		rig_turn(r);
	}
	rig_elapse(r, 2000); /* flushed */
	ck_assert_uint_eq(r->store->log.count, 5);
	ck_assert_int_eq(r->store->log.flushed, r->store->log.written);
}

static void teardown(void)
{
	io_set_calls(NULL);
	rig_free(r);
}

/* Segments were last changed `hours` ago on the rig's clock. */
static void age(int segment, uint64_t hours)
{
	char *name = mem_printf("commitlog/%020d", segment * RIG_SEGMENT), *path = rig_path(r, name);
	struct timespec at[2] = {{.tv_sec = (time_t)(r->wall / 1000 - hours * 3600)},
				 {.tv_sec = (time_t)(r->wall / 1000 - hours * 3600)}};

	ck_assert_int_eq(utimensat(AT_FDCWD, path, at, 0), 0);
	free(name);
	free(path);
}

static void age_all(void)
{
	for (int i = 0; i < 5; i++)
		age(i, i < 2 ? 100 : 1);
}

static const struct {
	const char *what;
	int64_t used;
	bool in_hour, manual, forcibly;
	size_t left;
	bool writable;
} rounds[] = {
	{"nothing to do", 10, false, false, true, 5, true},
	{"the hour has come", 10, true, false, true, 3, true},
	{"asked for by hand", 10, false, true, true, 3, true},
	{"over diskMaxUsedSpaceRatio", 80, false, false, true, 3, true},
	{"over the forcible ratio", 87, false, false, true, 1, true},
	{"over it, but not to be forced", 87, false, false, false, 3, true},
	{"over the warning ratio", 95, false, false, true, 1, false},
};

START_TEST(a_round_deletes_what_it_should)
{
	time_t now = (time_t)(r->wall / 1000) + 30;
	struct tm tm;
	char hours[16];

	age_all();
	localtime_r(&now, &tm);
	mem_format(hours, sizeof(hours), "%02d;%02d", (tm.tm_hour + 12) % 24, tm.tm_hour);
	if (rounds[_i].in_hour) {
		free((char *)(uintptr_t)r->store->config.delete_when);
		r->store->config.delete_when = mem_strdup(hours);
	}
	r->store->config.clean_file_forcibly = rounds[_i].forcibly;
	used_percent = rounds[_i].used;
	if (rounds[_i].manual)
		store_delete_expired(r->store);
	rig_turn(r);
	rig_elapse(r, RETENTION_INTERVAL_MS + 100);
	ck_assert_msg(r->store->log.count == rounds[_i].left, "%s: %zu", rounds[_i].what, r->store->log.count);
	ck_assert_int_eq(store_is_writable(r->store), rounds[_i].writable);
	ck_assert_int_eq(r->store->log.min, (int64_t)(5 - rounds[_i].left) * RIG_SEGMENT);
	ck_assert_int_eq(rig_exists(r, "commitlog/00000000000000000000"), rounds[_i].left == 5);
	ck_assert_int_eq(rig_min(r, "T", 0), (int64_t)(5 - rounds[_i].left) * 3);
	ck_assert_int_eq(rig_max(r, "T", 0), 15);
	ck_assert_uint_eq(strlen(rig_body(r, "T", 0, 14)), 20000);
	rig_kill(r);
	rig_open(r);
	ck_assert_int_eq(rig_min(r, "T", 0), (int64_t)(5 - rounds[_i].left) * 3);
	ck_assert_int_eq(rig_max(r, "T", 0), 15);
}
END_TEST

START_TEST(a_segment_that_is_read_stays_until_it_is_let_go)
{
	struct segment *seg = commit_log_hold(&r->store->log, 0);
	uint8_t bytes[100];

	age_all();
	store_delete_expired(r->store);
	rig_run_all(r);
	ck_assert_uint_eq(r->store->log.count, 3);
	ck_assert(rig_exists(r, "commitlog/00000000000000000000"));
	ck_assert(rig_exists(r, "commitlog/00000000000000065536")); /* a gap would stop the next start */
	ck_assert_int_eq(segment_read(seg, 0, bytes, sizeof(bytes), false), RC_OK);
	ck_assert_int_eq(commit_log_read(&r->store->log, 0, bytes, sizeof(bytes), false), RC_NOT_FOUND);
	segment_drop(seg);
	rig_elapse(r, RETENTION_FULL_INTERVAL_MS);
	ck_assert(!rig_exists(r, "commitlog/00000000000000000000"));
	ck_assert(!rig_exists(r, "commitlog/00000000000000065536"));
	ck_assert_int_eq(rig_min(r, "T", 0), 6);
}
END_TEST

/* The file of the second segment cannot be removed: the third one's must not go either. */
START_TEST(what_cannot_be_removed_is_tried_again_before_what_follows)
{
	used_percent = 87;
	shim.unlink = unlink_all_but_second;
	io_set_calls(&shim);
	rig_elapse(r, RETENTION_INTERVAL_MS + 100);
	ck_assert_uint_eq(r->store->log.count, 1);
	ck_assert(!rig_exists(r, "commitlog/00000000000000000000"));
	ck_assert(rig_exists(r, "commitlog/00000000000000065536"));
	ck_assert(rig_exists(r, "commitlog/00000000000000131072"));
	rig_kill(r);
	rig_open(r);
	ck_assert_uint_eq(r->store->log.count, 4);
	ck_assert_int_eq(rig_min(r, "T", 0), 3);
	shim.unlink = unlink;
	io_set_calls(&shim);
	rig_elapse(r, RETENTION_INTERVAL_MS + 100);
	ck_assert_uint_eq(r->store->log.count, 1);
	ck_assert(!rig_exists(r, "commitlog/00000000000000196608"));
	ck_assert_int_eq(rig_min(r, "T", 0), 12);
}
END_TEST

/* A loss of power may bring back what was unlinked while its folder is not synced. */
START_TEST(queue_files_stay_until_the_log_is_known_to_be_shorter)
{
	shim.fsync = fsync_fails;
	io_set_calls(&shim);
	used_percent = 87;
	rig_elapse(r, RETENTION_INTERVAL_MS + 100);
	ck_assert_uint_eq(r->store->log.count, 1);
	ck_assert(!rig_exists(r, "commitlog/00000000000000000000"));
	ck_assert_int_eq(rig_min(r, "T", 0), 0);
	shim.fsync = fsync;
	io_set_calls(&shim);
	rig_elapse(r, RETENTION_FULL_INTERVAL_MS);
	ck_assert_int_eq(rig_min(r, "T", 0), 12);
}
END_TEST

START_TEST(freed_space_makes_it_writable_again)
{
	struct append_result a;
	struct store_figures f;

	used_percent = 95;
	r->config.clean_file_forcibly = false;
	rig_elapse(r, RETENTION_INTERVAL_MS);
	ck_assert_int_eq(rig_try_send(r, "T", 0, SLICE_LIT("x"), &a), RC_DISK_FULL);
	store_get_figures(r->store, &f);
	ck_assert(!f.is_writable && strstr(f.why_read_only, "95%") != NULL);
	ck_assert_double_eq_tol(f.disk_ratio_commit_log, 0.95, 0.001);
	used_percent = 89;
	rig_elapse(r, RETENTION_FULL_INTERVAL_MS);
	ck_assert_int_eq(rig_try_send(r, "T", 0, SLICE_LIT("x"), &a), RC_OK);
	ck_assert_int_eq(a.queue_offset, 15);
	rig_turn(r);
}
END_TEST

START_TEST(a_full_disk_at_the_start_is_seen)
{
	rig_close(r);
	used_percent = 95;
	rig_open(r);
	ck_assert(!store_is_writable(r->store));
}
END_TEST

Suite *suite_retention(void)
{
	Suite *s = suite_create("retention");
	TCase *tc = tcase_create("retention");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_loop_test(tc, a_round_deletes_what_it_should, 0, (int)COUNT_OF(rounds));
	tcase_add_test(tc, a_segment_that_is_read_stays_until_it_is_let_go);
	tcase_add_test(tc, what_cannot_be_removed_is_tried_again_before_what_follows);
	tcase_add_test(tc, queue_files_stay_until_the_log_is_known_to_be_shorter);
	tcase_add_test(tc, freed_space_makes_it_writable_again);
	tcase_add_test(tc, a_full_disk_at_the_start_is_seen);
	suite_add_tcase(s, tc);
	return s;
}
