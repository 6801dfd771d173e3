#include "tests/unit/run.h"

Suite *suite_get(void);
Suite *suite_index(void);
Suite *suite_queue(void);
Suite *suite_threads(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_get, suite_index, suite_queue, suite_threads};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
