#include "bench/options.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/defs.h"
#include "bench/frame_template.h"

static const char usage[] =
	"usage: mqbench produce|consume|pingpong|mixed|namesrv|idle [options]\n"
	"\n"
	"  produce    send messages; the latency is that of the answers\n"
	"  consume    pull what is there, over and over; with --long-poll what arrives, as a push consumer does\n"
	"  pingpong   send a message, and the next one when a long poll has brought it back; latency from end to end\n"
	"  mixed      producers and long-polling consumers at once, each at its own pace; latency from end to end\n"
	"  namesrv    ask for routes of --topics, while --brokers register\n"
	"  idle       connections that only send heartbeats, as consumers that have nothing to do\n"
	"\n"
	"whom and how long\n"
	"  -a, --address HOST:PORT   broker (name server for namesrv); default 127.0.0.1:10911 (9876)\n"
	"  -d, --duration SECONDS    measured time; default 10\n"
	"  -w, --warm-up SECONDS     before it; default 2\n"
	"  -p, --pid PID             of the peer: its CPU time a message and its memory are told\n"
	"how much at once\n"
	"  -c, --connections N       default 1\n"
	"  -i, --in-flight N         requests under way on each connection; default 1\n"
	"  -r, --rate N              open loop: N messages a second in all, latency from the time at which each was due, so that "
	"a\n"
	"                            stall is not hidden; default: closed loop, the next request when an answer has come\n"
	"      --consumers N         connections that consume (pingpong, mixed); default 1\n"
	"messages\n"
	"  -t, --topic NAME          default BenchmarkTest; made first when it is not there\n"
	"      --topics N            topics NAME-0 ... NAME-(N-1); default 1\n"
	"  -q, --queues N            queues of each topic to use; default 4\n"
	"  -s, --size BYTES          body, or a mix with shares: 128:70,1024:25,65536:5; default 1024\n"
	"  -b, --batch N             messages in one send; default 1\n"
	"      --keys N              keys of each message; default 0\n"
	"      --tag TAG             tag, or a mix with shares: a:99,b:1; default none\n"
	"      --property NAME=VALUE a property of each message; may be repeated\n"
	"      --no-wait             WAIT=false: not even a SYNC_FLUSH broker makes the sender wait for the disk\n"
	"      --oneway              do not ask for answers; the messages counted are those that the queues then have\n"
	"      --transaction         send half messages and commit each\n"
	"      --delay-level N       1 (1 s) to 18 (2 h); from end to end the latency counts from when the message was due\n"
	"      --binary              binary headers instead of JSON\n"
	"      --group NAME          of producers and consumers; default mqbench\n"
	"consuming\n"
	"      --pull-max N          messages a pull asks for; default 32\n"
	"      --long-poll           from the end of the queues on, pulls held until something comes\n"
	"      --subscription TEXT   tags, a || b; default *\n"
	"      --sql TEXT            SQL-92 filter instead\n"
	"name servers\n"
	"      --brokers N           that register, topic T at broker T mod N; default 1\n"
	"      --register-every S    each of them, in seconds; default 10\n"
	"idle connections\n"
	"      --group-size N        connections in one consumer group; default 100\n"
	"      --heartbeat-every S   each of them, in seconds; default 30\n"
	"output\n"
	"      --json                one line of JSON instead of the table\n"
	"      --quiet               no line each second\n"
	"\n"
	"examples\n"
	"  mqbench produce -i 64 -p $(pidof mqbroker)              how a Java producer sends\n"
	"  mqbench produce -c 64                                   64 producers that wait for each answer\n"
	"  mqbench produce -r 10000 -i 256 -d 600                  tail latency under a steady rate\n"
	"  mqbench produce -s 128 -b 16 -i 64 --binary             small messages in batches\n"
	"  mqbench produce --tag a:99,b:1 -i 64; mqbench consume --subscription b -i 4     a filter that drops 99 of 100\n"
	"  mqbench consume -i 4                                    hot reads of what was produced\n"
	"  mqbench mixed -r 5000 -i 64                             end to end under a steady rate\n"
	"  mqbench namesrv --topics 10000 --brokers 100 -c 4 -i 16\n"
	"  mqbench idle -c 10000 -p $(pidof mqbroker)              what idle consumers cost\n";

enum {
	OPT_CONSUMERS = 256,
	OPT_TOPICS,
	OPT_KEYS,
	OPT_TAG,
	OPT_PROPERTY,
	OPT_NO_WAIT,
	OPT_ONEWAY,
	OPT_TRANSACTION,
	OPT_DELAY_LEVEL,
	OPT_BINARY,
	OPT_GROUP,
	OPT_PULL_MAX,
	OPT_LONG_POLL,
	OPT_SUBSCRIPTION,
	OPT_SQL,
	OPT_BROKERS,
	OPT_REGISTER_EVERY,
	OPT_GROUP_SIZE,
	OPT_HEARTBEAT_EVERY,
	OPT_JSON,
	OPT_QUIET
};

static const struct option long_options[] = {
	{"address", required_argument, NULL, 'a'},
	{"duration", required_argument, NULL, 'd'},
	{"warm-up", required_argument, NULL, 'w'},
	{"pid", required_argument, NULL, 'p'},
	{"connections", required_argument, NULL, 'c'},
	{"in-flight", required_argument, NULL, 'i'},
	{"rate", required_argument, NULL, 'r'},
	{"consumers", required_argument, NULL, OPT_CONSUMERS},
	{"topic", required_argument, NULL, 't'},
	{"topics", required_argument, NULL, OPT_TOPICS},
	{"queues", required_argument, NULL, 'q'},
	{"size", required_argument, NULL, 's'},
	{"batch", required_argument, NULL, 'b'},
	{"keys", required_argument, NULL, OPT_KEYS},
	{"tag", required_argument, NULL, OPT_TAG},
	{"property", required_argument, NULL, OPT_PROPERTY},
	{"no-wait", no_argument, NULL, OPT_NO_WAIT},
	{"oneway", no_argument, NULL, OPT_ONEWAY},
	{"transaction", no_argument, NULL, OPT_TRANSACTION},
	{"delay-level", required_argument, NULL, OPT_DELAY_LEVEL},
	{"binary", no_argument, NULL, OPT_BINARY},
	{"group", required_argument, NULL, OPT_GROUP},
	{"pull-max", required_argument, NULL, OPT_PULL_MAX},
	{"long-poll", no_argument, NULL, OPT_LONG_POLL},
	{"subscription", required_argument, NULL, OPT_SUBSCRIPTION},
	{"sql", required_argument, NULL, OPT_SQL},
	{"brokers", required_argument, NULL, OPT_BROKERS},
	{"register-every", required_argument, NULL, OPT_REGISTER_EVERY},
	{"group-size", required_argument, NULL, OPT_GROUP_SIZE},
	{"heartbeat-every", required_argument, NULL, OPT_HEARTBEAT_EVERY},
	{"json", no_argument, NULL, OPT_JSON},
	{"quiet", no_argument, NULL, OPT_QUIET},
	{"help", no_argument, NULL, 'h'},
	{NULL, 0, NULL, 0},
};

int64_t delay_level_ms(int level)
{
	static const int seconds[] = {0, 1, 5, 10, 30, 60, 120, 180, 240, 300, 360, 420, 480, 540, 600, 1200, 1800, 3600, 7200};

	return level > 0 && (size_t)level < COUNT_OF(seconds) ? seconds[level] * (int64_t)1000 : 0;
}

static NORETURN void refuse(const char *what, const char *value)
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

static void take_sizes(struct options *o)
{
	if (!mix_parse(&o->sizes, optarg))
		refuse("not a size, nor sizes with shares:", optarg);
	for (int i = 0; i < o->sizes.count; i++)
		number(o->sizes.values[i], 1, SIZE_MAX_BYTES, "--size");
}

static void take_property(struct options *o)
{
	const char *equals = strchr(optarg, '=');

	if (equals == NULL || equals == optarg || strpbrk(optarg, "\x01\x02") != NULL)
		refuse("--property wants NAME=VALUE, not", optarg);
	if (o->property_count == PROPERTIES_MAX)
		refuse("too many properties at", optarg);
	o->properties[o->property_count++] = optarg;
}

static void take_flag(struct options *o, int opt)
{
	switch (opt) {
	case OPT_NO_WAIT:
		o->waits = false;
		break;
	case OPT_ONEWAY:
		o->is_oneway = true;
		break;
	case OPT_TRANSACTION:
		o->is_transaction = true;
		break;
	case OPT_BINARY:
		o->is_binary = true;
		break;
	case OPT_LONG_POLL:
		o->does_long_poll = true;
		break;
	case OPT_JSON:
		o->is_json = true;
		break;
	case OPT_QUIET:
		o->is_quiet = true;
		break;
	case 'h':
		fputs(usage, stdout);
		exit(0);
	default:
		exit(2);
	}
}

static void take_text(struct options *o, int opt)
{
	switch (opt) {
	case 'a':
		o->address = optarg;
		break;
	case 't':
		o->topic = optarg;
		break;
	case 's':
		take_sizes(o);
		break;
	case OPT_TAG:
		if (!mix_parse(&o->tags, optarg))
			refuse("not a tag, nor tags with shares:", optarg);
		break;
	case OPT_PROPERTY:
		take_property(o);
		break;
	case OPT_GROUP:
		o->group = optarg;
		break;
	case OPT_SQL:
		o->is_sql = true;
		o->subscription = optarg;
		break;
	case OPT_SUBSCRIPTION:
		o->subscription = optarg;
		break;
	default:
		take_flag(o, opt);
	}
}

static void take_option(struct options *o, int opt)
{
	const struct {
		int opt;
		int *where;
		int least, most;
		const char *name;
	} numbers[] = {
		{'d', &o->seconds, 1, 86400, "--duration"},
		{'w', &o->warm_up_seconds, 0, 3600, "--warm-up"},
		{'p', &o->pid, 1, 1 << 30, "--pid"},
		{'c', &o->connections, 1, 100000, "--connections"},
		{'i', &o->in_flight, 1, 100000, "--in-flight"},
		{OPT_CONSUMERS, &o->consumers, 1, 1024, "--consumers"},
		{OPT_TOPICS, &o->topics, 1, 1000000, "--topics"},
		{'q', &o->queues, 1, 1024, "--queues"},
		{'b', &o->batch, 1, BATCH_MAX, "--batch"},
		{OPT_KEYS, &o->keys, 0, 64, "--keys"},
		{OPT_DELAY_LEVEL, &o->delay_level, 1, 18, "--delay-level"},
		{OPT_PULL_MAX, &o->pull_max, 1, 1024, "--pull-max"},
		{OPT_BROKERS, &o->brokers, 0, 10000, "--brokers"},
		{OPT_REGISTER_EVERY, &o->register_every_seconds, 1, 3600, "--register-every"},
		{OPT_GROUP_SIZE, &o->group_size, 1, 100000, "--group-size"},
		{OPT_HEARTBEAT_EVERY, &o->heartbeat_every_seconds, 1, 3600, "--heartbeat-every"},
	};

	if (opt == 'r') {
		o->rate = number(optarg, 1, 100000000, "--rate");
		return;
	}
	for (size_t i = 0; i < COUNT_OF(numbers); i++) {
		if (numbers[i].opt == opt) {
			*numbers[i].where = number(optarg, numbers[i].least, numbers[i].most, numbers[i].name);
			return;
		}
	}
	take_text(o, opt);
}

static void take_kind(struct options *o, const char *name)
{
	static const struct {
		const char *name;
		enum load_kind kind;
	} kinds[] = {{"produce", LOAD_PRODUCE}, {"consume", LOAD_CONSUME}, {"pingpong", LOAD_PINGPONG},
		     {"mixed", LOAD_MIXED},     {"namesrv", LOAD_NAMESRV}, {"idle", LOAD_IDLE}};

	for (size_t i = 0; i < COUNT_OF(kinds); i++) {
		if (strcmp(kinds[i].name, name) == 0) {
			o->kind = kinds[i].kind;
			return;
		}
	}
	refuse("unknown load", name);
}

/* What does not go together. */
static void check(const struct options *o)
{
	if (o->is_oneway && (is_end_to_end(o) || o->is_transaction))
		refuse("--oneway does not go with", o->is_transaction ? "--transaction" : "pingpong or mixed");
	if (o->batch > 1 && (o->is_transaction || o->delay_level))
		refuse("--batch does not go with", o->is_transaction ? "--transaction" : "--delay-level");
	if (o->kind == LOAD_PINGPONG && (o->rate > 0 || o->batch > 1))
		refuse("pingpong does not go with", o->rate > 0 ? "--rate" : "--batch");
	for (int i = 0; is_end_to_end(o) && i < o->sizes.count; i++)
		if (atoi(o->sizes.values[i]) < STAMP_BYTES)
			refuse("from end to end a body has 24 bytes or more, not", o->sizes.values[i]);
}

void options_parse(struct options *o, int argc, char **argv)
{
	int opt;

	*o = (struct options){.topic = "BenchmarkTest",
			      .group = "mqbench",
			      .subscription = "*",
			      .connections = 1,
			      .in_flight = 1,
			      .consumers = 1,
			      .topics = 1,
			      .queues = 4,
			      .batch = 1,
			      .pull_max = 32,
			      .seconds = 10,
			      .warm_up_seconds = 2,
			      .brokers = 1,
			      .register_every_seconds = 10,
			      .group_size = 100,
			      .heartbeat_every_seconds = 30,
			      .waits = true};
	mix_parse(&o->sizes, "1024");
	if (argc < 2) {
		fputs(usage, stderr);
		exit(2);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0)
		take_flag(o, 'h');
	take_kind(o, argv[1]);
	optind = 2;
	while ((opt = getopt_long(argc, argv, "a:d:w:p:c:i:r:t:q:s:b:h", long_options, NULL)) != -1)
		take_option(o, opt);
	if (optind < argc)
		refuse("unexpected argument", argv[optind]);
	if (o->address == NULL)
		o->address = o->kind == LOAD_NAMESRV ? "127.0.0.1:9876" : "127.0.0.1:10911";
	check(o);
}
