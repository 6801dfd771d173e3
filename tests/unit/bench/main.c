#include "tests/unit/run.h"

Suite *suite_answer(void);
Suite *suite_frame_template(void);
Suite *suite_histogram(void);
Suite *suite_measure(void);
Suite *suite_mix(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_answer, suite_frame_template, suite_histogram, suite_measure, suite_mix};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
