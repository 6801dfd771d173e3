/* mqbench: load generator and latency meter. One tool drives fusee and Apache RocketMQ with the same bytes. */
#include "bench/load.h"
#include "bench/options.h"
#include "bench/report.h"

int main(int argc, char **argv)
{
	static struct options o;
	static struct measure m;

	options_parse(&o, argc, argv);
	if (load_run(&o, &m) != 0)
		return 1;
	if (o.is_json)
		report_json(&o, &m);
	else
		report_table(&o, &m);
	return m.messages == 0;
}
