/* load: runs what the options say, against one peer.
 *
 *   links x slots; a slot has one request under way
 *     closed loop: its answer makes it send the next one           open loop: the schedule gives each due message to a free slot
 *   links [0, connections): the load; behind them those that consume (pingpong, mixed), or that register (namesrv)
 *
 * One thread, epoll. Thread: the caller's. */
#ifndef BENCH_LOAD_H
#define BENCH_LOAD_H

#include "bench/measure.h"
#include "bench/options.h"

/* Returns 0, or 1 with a line on stderr when the peer cannot be reached or ends the connection. */
int load_run(const struct options *o, struct measure *m);

#endif
