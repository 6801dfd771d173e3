#include "tests/unit/run.h"

Suite *suite_append(void);
Suite *suite_faults(void);
Suite *suite_golden_store(void);
Suite *suite_message(void);
Suite *suite_recovery(void);
Suite *suite_retention(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_message,   suite_append,       suite_recovery,
					   suite_retention, suite_golden_store, suite_faults};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
