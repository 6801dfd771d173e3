#include "tests/unit/run.h"

Suite *suite_append(void);
Suite *suite_message(void);
Suite *suite_recovery(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_message, suite_append, suite_recovery};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
