/* load: what mqbench sends, whom to, and what it measures.
 *
 *   connections x slots; a slot sends one request, waits for its answer, notes the time, sends the next (closed loop), or sends at its
 *   intended time (open loop: latency counts from then, so that a stall of the peer is not hidden)
 *
 * One thread, epoll, whole answers parsed only as far as the kind needs. Frames are encoded once and patched in place (opaque, queue,
 * offset, unique key have fixed widths), so that the load costs little beside what it loads. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include <stdbool.h>
#include <stdint.h>

#include "bench/histogram.h"

enum load_kind { LOAD_PRODUCE, LOAD_CONSUME, LOAD_PINGPONG, LOAD_NAMESRV };

struct load_options {
	enum load_kind kind;
	const char *address; /* host:port of the broker, or of the name server for LOAD_NAMESRV */
	const char *topic;
	const char *group;
	int connections, in_flight; /* in flight for each connection */
	int size;                   /* body bytes */
	int topics, queues;         /* topic names get a number behind them when topics > 1 */
	int batch;                  /* messages in one send; 1: SEND_MESSAGE_V2 */
	int pull_max;               /* messages a pull asks for */
	double rate;                /* messages a second, all connections together; 0: closed loop */
	int seconds, warm_up_seconds;
	bool is_oneway, is_binary, has_keys, waits; /* waits: WAIT property not "false" */
	const char *tag;
	int pid; /* of the peer, 0: unknown */
	bool json, quiet;
};

struct load_result {
	struct histogram latency;
	uint64_t messages, requests, errors, bytes;
	double seconds, cpu_seconds; /* cpu: of the peer, over the measured time */
	double rss_mib, anonymous_mib;
	int first_error_code;
};

/* Run it. Returns 0, or 1 with a line on stderr when the peer cannot be reached. */
int load_run(const struct load_options *o, struct load_result *r);

#endif
