/* histogram: latencies, HDR style: 64 steps in each power of two, so a value is told within 1.6 %.
 * Thread: the owner's. Memory: fixed, inside the struct. */
#ifndef BENCH_HISTOGRAM_H
#define BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_STEPS 128
#define HISTOGRAM_POWERS 40

struct histogram {
	uint64_t counts[HISTOGRAM_POWERS * HISTOGRAM_STEPS];
	uint64_t total, max_ns;
	double sum_ns;
};

void histogram_add(struct histogram *h, uint64_t ns);
void histogram_merge(struct histogram *into, const struct histogram *from);
void histogram_reset(struct histogram *h);

/* The value that `percent` of the samples do not exceed, in microseconds; 0 when empty. */
double histogram_percentile_us(const struct histogram *h, double percent);

#endif
