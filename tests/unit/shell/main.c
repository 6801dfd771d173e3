#include "tests/unit/run.h"

Suite *suite_broker_config(void);
Suite *suite_client(void);
Suite *suite_config_defaults(void);
Suite *suite_net(void);
Suite *suite_server(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_broker_config, suite_config_defaults, suite_server, suite_net, suite_client};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
