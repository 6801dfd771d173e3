#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/small_file.h"
#include "tests/unit/run.h"

Suite *suite_log(void);

/* A peer's name cannot forge a line. */
START_TEST(control_characters_do_not_reach_the_log)
{
	const char *folder = test_folder();
	char *path = mem_printf("%s/log/broker.log", folder);
	struct buf text = {0};
	size_t lines = 0;

	ck_assert_int_eq(log_open(path), RC_OK);
	log_error("broker", "client '%s' joined", "a\n2026-11-21 00:00:00,000 ERROR broker - forged\x1B[2J\x7F");
	log_close();
	ck_assert_int_eq(small_file_read(path, &text), RC_OK);
	for (size_t i = 0; i < text.len; i++)
		lines += text.data[i] == '\n';
	ck_assert_uint_eq(lines, 1);
	ck_assert_ptr_nonnull(memmem(text.data, text.len, "client 'a?2026", 14));
	ck_assert_ptr_nonnull(memmem(text.data, text.len, "forged?[2J?' joined\n", 20));
	buf_free(&text);
	free(path);
	test_folder_remove(folder);
}
END_TEST

Suite *suite_log(void)
{
	Suite *s = suite_create("log");
	TCase *tc = tcase_create("log");

	tcase_add_test(tc, control_characters_do_not_reach_the_log);
	suite_add_tcase(s, tc);
	return s;
}
