/* options: the command line of mqbench.
 * Thread: any. Memory: texts are argv's, and live as long. */
#ifndef BENCH_OPTIONS_H
#define BENCH_OPTIONS_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/mix.h"

#define PROPERTIES_MAX 32
#define BATCH_MAX 4096
#define SIZE_MAX_BYTES (4 * 1024 * 1024)

enum load_kind { LOAD_PRODUCE, LOAD_CONSUME, LOAD_PINGPONG, LOAD_MIXED, LOAD_NAMESRV, LOAD_IDLE };

struct options {
	enum load_kind kind;
	const char *address; /* host:port of the broker, or of the name server for LOAD_NAMESRV */
	const char *topic, *group;
	int connections, in_flight;             /* in flight for each connection */
	int consumers;                          /* connections that long-poll, LOAD_PINGPONG and LOAD_MIXED */
	struct mix sizes;                       /* body bytes, as text */
	struct mix tags;                        /* count 0: none */
	int topics, queues;                     /* topic names get a number behind them when topics > 1 */
	int keys;                               /* of each message */
	const char *properties[PROPERTIES_MAX]; /* NAME=VALUE */
	int property_count;
	int batch;                /* messages in one send; 1: SEND_MESSAGE_V2 */
	int pull_max;             /* messages a pull asks for */
	const char *subscription; /* of pulls */
	bool is_sql;              /* what the subscription is written in */
	double rate;              /* messages a second, all connections together; 0: closed loop */
	int seconds, warm_up_seconds;
	bool is_oneway, is_binary, is_transaction, does_long_poll;
	bool waits;                              /* WAIT property not "false" */
	int delay_level;                         /* 0: none */
	int brokers, register_every_seconds;     /* LOAD_NAMESRV: that register; 0: none */
	int group_size, heartbeat_every_seconds; /* LOAD_IDLE: connections of one group */
	int pid;                                 /* of the peer, 0: unknown */
	bool is_json, is_quiet;
};

/* Fills *o. Ends the program: 0 after --help, 2 with a line on stderr when an argument is wrong. */
void options_parse(struct options *o, int argc, char **argv);

/* Milliseconds of a delay level by Apache's default table (messageDelayLevel); 0 for level 0. */
int64_t delay_level_ms(int level);

/* Do messages carry a stamp by which their consumer knows them again? */
static inline bool is_end_to_end(const struct options *o) { return o->kind == LOAD_PINGPONG || o->kind == LOAD_MIXED; }

#endif
