#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/small_file.h"
#include "tests/unit/run.h"

Suite *suite_small_file(void);

static const char *folder;
static char *path, *backup;
static struct buf text;

static void setup(void)
{
	folder = test_folder();
	path = mem_printf("%s/a/b/state.json", folder);
	backup = mem_printf("%s.bak", path);
}

static void teardown(void)
{
	test_folder_remove(folder);
	free(path);
	free(backup);
	buf_free(&text);
}

static void expect(const char *file, const char *contents)
{
	buf_clear(&text);
	ck_assert_int_eq(small_file_read(file, &text), RC_OK);
	ck_assert(slice_is(buf_slice(&text), contents));
}

START_TEST(replaced_with_its_backup)
{
	ck_assert_int_eq(small_file_read(path, &text), RC_NOT_FOUND);
	ck_assert_int_eq(small_file_replace(path, SLICE_LIT("one"), true), RC_OK);
	expect(path, "one");
	ck_assert_int_eq(small_file_read(backup, &text), RC_NOT_FOUND);
	ck_assert_int_eq(small_file_replace(path, SLICE_LIT(""), true), RC_OK);
	expect(path, "");
	expect(backup, "one");
	ck_assert_int_eq(small_file_replace(path, SLICE_LIT("three"), false), RC_OK);
	expect(path, "three");
	expect(backup, "one");
}
END_TEST

START_TEST(no_file_where_a_folder_is)
{
	ck_assert_int_ne(small_file_replace(folder, SLICE_LIT("x"), false), RC_OK);
	ck_assert_int_eq(small_file_read(folder, &text), RC_INVALID);
	ck_assert_uint_eq(text.len, 0);
	ck_assert_int_eq(access(folder, F_OK), 0);
}
END_TEST

Suite *suite_small_file(void)
{
	Suite *s = suite_create("small_file");
	TCase *tc = tcase_create("small_file");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, replaced_with_its_backup);
	tcase_add_test(tc, no_file_where_a_folder_is);
	suite_add_tcase(s, tc);
	return s;
}
