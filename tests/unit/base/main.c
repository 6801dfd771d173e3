#include "tests/unit/run.h"

Suite *suite_config(void);
Suite *suite_find(void);
Suite *suite_log(void);
Suite *suite_json_read(void);
Suite *suite_json_writer(void);
Suite *suite_loop(void);
Suite *suite_properties(void);
Suite *suite_slice(void);
Suite *suite_small_file(void);
Suite *suite_stall(void);
Suite *suite_timers(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_log,    suite_config,     suite_json_read, suite_json_writer,
					   suite_loop,   suite_properties, suite_slice,     suite_small_file,
					   suite_timers, suite_find,       suite_stall};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
