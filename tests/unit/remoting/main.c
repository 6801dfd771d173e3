#include "tests/unit/run.h"

Suite *suite_codes(void);
Suite *suite_frame(void);
Suite *suite_golden(void);
Suite *suite_header_binary(void);
Suite *suite_header_json(void);
Suite *suite_headers(void);
Suite *suite_number(void);
Suite *suite_peer(void);
Suite *suite_request(void);

int main(int argc, char **argv)
{
	static suite_fn *const suites[] = {
		suite_number,  suite_codes,   suite_frame, suite_header_json, suite_header_binary,
		suite_headers, suite_request, suite_peer,  suite_golden,
	};

	return run_suites(argc, argv, suites, sizeof(suites) / sizeof(suites[0]));
}
