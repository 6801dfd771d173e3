#include "tests/unit/run.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

int run_suites(int argc, char **argv, suite_fn *const *suites, size_t count)
{
	SRunner *runner = srunner_create(NULL);
	int failed;

	for (size_t i = 0; i < count; i++)
		srunner_add_suite(runner, suites[i]());
	srunner_set_tap(runner, "-");
	srunner_run(runner, argc > 1 ? argv[1] : NULL, NULL, CK_SILENT);
	failed = srunner_ntests_failed(runner);
	if (srunner_ntests_run(runner) == 0) {
		fprintf(stderr, "no test was run\n");
		failed = 1;
	}
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

void test_folder_remove(const char *path) { nftw(path, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static char folder[256];

const char *test_folder(void)
{
	const char *base = getenv("TMPDIR");

	snprintf(folder, sizeof(folder), "%s/fusee-test-XXXXXX", base ? base : "/tmp");
	if (mkdtemp(folder) == NULL) {
		perror(folder);
		abort();
	}
	return folder;
}
