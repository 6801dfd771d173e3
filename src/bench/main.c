/* mqbench: load generator and latency meter. One tool drives fusee and Apache RocketMQ with the same bytes. */
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "bench/load.h"

static const char usage[] =
	"usage: mqbench produce|consume|pingpong|namesrv [options]\n"
	"\n"
	"  produce   send messages                      consume   pull what is there, over and over\n"
	"  pingpong  send and long-poll at once, end to end latency      namesrv   ask for routes\n"
	"\n"
	"  -a, --address HOST:PORT   broker (name server for namesrv); default 127.0.0.1:10911 (9876)\n"
	"  -t, --topic NAME          default BenchmarkTest\n"
	"  -c, --connections N       default 1\n"
	"  -i, --in-flight N         requests under way on each connection; default 1\n"
	"  -s, --size BYTES          body; default 1024\n"
	"  -q, --queues N            queues of the topic to use; default 4\n"
	"      --topics N            topics NAME-0 ... NAME-(N-1)\n"
	"  -b, --batch N             messages in one send; default 1\n"
	"      --pull-max N          messages a pull asks for; default 32\n"
	"  -r, --rate N              open loop: N messages a second, latency from the intended time; default: closed loop\n"
	"  -d, --duration SECONDS    measured time; default 10\n"
	"  -w, --warm-up SECONDS     before it; default 2\n"
	"      --oneway              do not ask for answers\n"
	"      --binary              binary headers instead of JSON\n"
	"      --keys                each message has a key\n"
	"      --tag TAG             messages have it; pulls filter by it\n"
	"      --no-wait             WAIT=false: not even a SYNC_FLUSH broker makes the sender wait for the disk\n"
	"  -p, --pid PID             of the peer: its CPU time a message and its memory are told\n"
	"      --json                one line of JSON instead of the table\n"
	"      --quiet               no line each second\n"
	"\n"
	"examples:\n"
	"  mqbench produce -i 64 -p $(pidof mqbroker)              how a Java producer sends\n"
	"  mqbench produce -r 10000 -i 256 -d 600                  tail latency under a steady rate\n"
	"  mqbench consume -i 4                                    hot reads of what was produced\n";

enum { OPT_TOPICS = 256, OPT_PULL_MAX, OPT_ONEWAY, OPT_BINARY, OPT_KEYS, OPT_TAG, OPT_NO_WAIT, OPT_JSON, OPT_QUIET };

static const struct option long_options[] = {
	{"address", required_argument, NULL, 'a'},
	{"topic", required_argument, NULL, 't'},
	{"connections", required_argument, NULL, 'c'},
	{"in-flight", required_argument, NULL, 'i'},
	{"size", required_argument, NULL, 's'},
	{"queues", required_argument, NULL, 'q'},
	{"topics", required_argument, NULL, OPT_TOPICS},
	{"batch", required_argument, NULL, 'b'},
	{"pull-max", required_argument, NULL, OPT_PULL_MAX},
	{"rate", required_argument, NULL, 'r'},
	{"duration", required_argument, NULL, 'd'},
	{"warm-up", required_argument, NULL, 'w'},
	{"oneway", no_argument, NULL, OPT_ONEWAY},
	{"binary", no_argument, NULL, OPT_BINARY},
	{"keys", no_argument, NULL, OPT_KEYS},
	{"tag", required_argument, NULL, OPT_TAG},
	{"no-wait", no_argument, NULL, OPT_NO_WAIT},
	{"pid", required_argument, NULL, 'p'},
	{"json", no_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

static NORETURN void bad_usage(const char *what, const char *value)
{
	fprintf(stderr, "mqbench: %s '%s'; mqbench --help tells what there is\n", what, value);
	exit(2);
}

static int number(const char *text, int least, int most, const char *name)
{
	char *end;
	long n = strtol(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < least || n > most) {
		fprintf(stderr, "mqbench: %s '%s': expected a number from %d to %d\n", name, text, least, most);
		exit(2);
	}
	return (int)n;
}

static void take_option(struct load_options *o, int opt)
{
	switch (opt) {
	case 'a':
		o->address = optarg;
		break;
	case 't':
		o->topic = optarg;
		break;
	case 'c':
		o->connections = number(optarg, 1, 100000, "--connections");
		break;
	case 'i':
		o->in_flight = number(optarg, 1, 100000, "--in-flight");
		break;
	case 's':
		o->size = number(optarg, 8, 4 * 1024 * 1024, "--size");
		break;
	case 'q':
		o->queues = number(optarg, 1, 1024, "--queues");
		break;
	case OPT_TOPICS:
		o->topics = number(optarg, 1, 1000000, "--topics");
		break;
	case 'b':
		o->batch = number(optarg, 1, 4096, "--batch");
		break;
	case OPT_PULL_MAX:
		o->pull_max = number(optarg, 1, 32, "--pull-max");
		break;
	case 'r':
		o->rate = number(optarg, 1, 100000000, "--rate");
		break;
	case 'd':
		o->seconds = number(optarg, 1, 86400, "--duration");
		break;
	case 'w':
		o->warm_up_seconds = number(optarg, 0, 3600, "--warm-up");
		break;
	case OPT_ONEWAY:
		o->is_oneway = true;
		break;
	case OPT_BINARY:
		o->is_binary = true;
		break;
	case OPT_KEYS:
		o->has_keys = true;
		break;
	case OPT_TAG:
		o->tag = optarg;
		break;
	case OPT_NO_WAIT:
		o->waits = false;
		break;
	case 'p':
		o->pid = number(optarg, 1, 1 << 30, "--pid");
		break;
	case OPT_JSON:
		o->json = true;
		break;
	case OPT_QUIET:
		o->quiet = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		exit(2);
	}
}

static void print_table(const struct load_options *o, const struct load_result *r)
{
	static const double percents[] = {50, 90, 99, 99.9, 99.99};
	double per_second = (double)r->messages / r->seconds;

	printf("%-22s %12.0f /s   (%llu in %.1f s, %llu errors", "messages", per_second, (unsigned long long)r->messages,
	       r->seconds, (unsigned long long)r->errors);
	printf(r->errors ? ", first code %d)\n" : ")\n", r->first_error_code);
	for (size_t i = 0; i < COUNT_OF(percents); i++)
		printf("latency p%-13g %12.1f us\n", percents[i], histogram_percentile_us(&r->latency, percents[i]));
	printf("%-22s %12.1f us\n", "latency max", (double)r->latency.max_ns / 1000);
	if (o->pid && r->messages)
		printf("%-22s %12.2f us\n%-22s %12.1f MiB\n%-22s %12.1f MiB\n", "peer CPU a message",
		       r->cpu_seconds * 1e6 / (double)r->messages, "peer resident memory", r->rss_mib, "peer anonymous memory",
		       r->anonymous_mib);
}

static void print_json(const struct load_result *r)
{
	printf("{\"messages\":%llu,\"seconds\":%.3f,\"per_second\":%.1f,\"errors\":%llu,\"first_error_code\":%d,\"p50_us\":%.1f,"
	       "\"p90_us\":%.1f,\"p99_us\":%.1f,\"p999_us\":%.1f,\"p9999_us\":%.1f,\"max_us\":%.1f,\"cpu_us_per_message\":%.3f,"
	       "\"rss_mib\":%.1f,\"anonymous_mib\":%.1f}\n",
	       (unsigned long long)r->messages, r->seconds, (double)r->messages / r->seconds, (unsigned long long)r->errors,
	       r->first_error_code, histogram_percentile_us(&r->latency, 50), histogram_percentile_us(&r->latency, 90),
	       histogram_percentile_us(&r->latency, 99), histogram_percentile_us(&r->latency, 99.9),
	       histogram_percentile_us(&r->latency, 99.99), (double)r->latency.max_ns / 1000,
	       r->messages ? r->cpu_seconds * 1e6 / (double)r->messages : 0.0, r->rss_mib, r->anonymous_mib);
}

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		enum load_kind kind;
	} kinds[] = {
		{"produce", LOAD_PRODUCE}, {"consume", LOAD_CONSUME}, {"pingpong", LOAD_PINGPONG}, {"namesrv", LOAD_NAMESRV}};
	struct load_options o = {.topic = "BenchmarkTest",
				 .group = "mqbench",
				 .connections = 1,
				 .in_flight = 1,
				 .size = 1024,
				 .topics = 1,
				 .queues = 4,
				 .batch = 1,
				 .pull_max = 32,
				 .seconds = 10,
				 .warm_up_seconds = 2,
				 .waits = true};
	static struct load_result r;
	size_t k;
	int opt;

	if (argc < 2 || strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		fputs(usage, argc < 2 ? stderr : stdout);
		return argc < 2 ? 2 : 0;
	}
	for (k = 0; k < COUNT_OF(kinds) && strcmp(kinds[k].name, argv[1]) != 0; k++)
		;
	if (k == COUNT_OF(kinds))
		bad_usage("unknown load", argv[1]);
	o.kind = kinds[k].kind;
	optind = 2;
	while ((opt = getopt_long(argc, argv, "a:t:c:i:s:q:b:r:d:w:p:h", long_options, NULL)) != -1)
		take_option(&o, opt);
	if (optind < argc)
		bad_usage("unexpected argument", argv[optind]);
	if (o.address == NULL)
		o.address = o.kind == LOAD_NAMESRV ? "127.0.0.1:9876" : "127.0.0.1:10911";
	if (load_run(&o, &r) != 0)
		return 1;
	if (o.json)
		print_json(&r);
	else
		print_table(&o, &r);
	return r.messages == 0;
}
