#include <check.h>

#include "base/find.h"
#include "base/mem.h"

Suite *suite_find(void);

#define LONGEST 70

/* Buffers of exactly the text's size, so that a build with sanitizers sees a read behind the end. */
static char *text_of(size_t len)
{
	char *text = mem_alloc(len + 1);

	memset(text, 'x', len);
	return text;
}

START_TEST(nothing_is_found_where_nothing_is)
{
	size_t len = (size_t)_i;
	char *text = text_of(len), *exact = mem_alloc(len == 0 ? 1 : len);

	memcpy(exact, text, len);
	ck_assert_ptr_eq(find_either(exact, exact + len, '"', '\\'), exact + len);
	free(exact);
	free(text);
}
END_TEST

/* Each place of each length, with a second hit behind it, and neighbours of the bytes looked for before it. */
START_TEST(the_first_of_two_is_found)
{
	size_t len = (size_t)_i;

	for (size_t place = 0; place < len; place++) {
		char *text = text_of(len);

		if (place > 0)
			text[place - 1] = '"' + 1;
		text[len - 1] = '\\';
		text[place] = place % 2 ? '"' : '\\';
		ck_assert_ptr_eq(find_either(text, text + len, '"', '\\'), text + place);
		ck_assert_ptr_eq(find_either(text, text + place, '"', '\\'), text + place);
		free(text);
	}
}
END_TEST

/* A borrow in the eight-byte step must not mark what is one more than the byte looked for. */
START_TEST(neighbours_are_no_hits)
{
	char text[] = "\x01\x02\x80\x81\xff\x00\x01\x02";

	ck_assert_ptr_eq(find_either(text, text + 8, 2, 3), text + 1);
	ck_assert_ptr_eq(find_either(text + 2, text + 8, 2, 2), text + 7);
	ck_assert_ptr_eq(find_either(text, text + 8, (char)0xFF, 0), text + 4);
	ck_assert_ptr_eq(find_either(text, text + 8, 'a', 'b'), text + 8);
}
END_TEST

Suite *suite_find(void)
{
	Suite *s = suite_create("find");
	TCase *tc = tcase_create("find");

	tcase_add_loop_test(tc, nothing_is_found_where_nothing_is, 0, LONGEST);
	tcase_add_loop_test(tc, the_first_of_two_is_found, 0, LONGEST);
	tcase_add_test(tc, neighbours_are_no_hits);
	suite_add_tcase(s, tc);
	return s;
}
