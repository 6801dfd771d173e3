#include "tests/unit/run.h"

Suite *suite_get(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_get};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
