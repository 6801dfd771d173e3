#include "tests/unit/namesrv/fixture.h"

#include "base/log.h"

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_config, suite_golden, suite_kv, suite_liveness, suite_register, suite_route};

	log_level = LOG_ERROR;
	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
