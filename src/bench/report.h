/* report: what mqbench prints. Thread: any. */
#ifndef BENCH_REPORT_H
#define BENCH_REPORT_H

#include "bench/measure.h"
#include "bench/options.h"

void report_second(const struct measure *m, double at_seconds); /* a line on stderr */
void report_table(const struct options *o, const struct measure *m);
void report_json(const struct options *o, const struct measure *m); /* one line */

#endif
