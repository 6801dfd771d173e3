/* run: the main() of a unit test program: runs its suites with TAP on standard output. */
#ifndef TESTS_UNIT_RUN_H
#define TESTS_UNIT_RUN_H

#include <check.h>

typedef Suite *suite_fn(void);

/* Runs `count` suites; returns the exit status. A pattern in argv[1] keeps the suites whose name contains it. */
int run_suites(int argc, char **argv, suite_fn *const *suites, size_t count);

/* A fresh folder for one test, removed by the test driver's run folder clean-up (or by test_folder_remove). */
const char *test_folder(void);
void test_folder_remove(const char *path);

#endif
