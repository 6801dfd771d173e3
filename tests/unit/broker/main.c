#include "tests/unit/run.h"

#include "base/log.h"

Suite *suite_admin(void);
Suite *suite_clients(void);
Suite *suite_clock(void);
Suite *suite_delay(void);
Suite *suite_locks(void);
Suite *suite_offsets(void);
Suite *suite_state(void);
Suite *suite_pull(void);
Suite *suite_send(void);
Suite *suite_topics(void);
Suite *suite_transactions(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {suite_admin, suite_clients, suite_clock,       suite_delay,
					   suite_locks, suite_offsets, suite_pull,        suite_send,
					   suite_state, suite_topics,  suite_transactions};

	log_level = LOG_ERROR;
	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
