#include "bench/histogram.h"

#include <string.h>

/* Values below HISTOGRAM_STEPS are exact; above, the top 8 bits (1 + log2 of the steps) say where it goes. */
static unsigned place_of(uint64_t ns)
{
	unsigned power;

	if (ns < HISTOGRAM_STEPS)
		return (unsigned)ns;
	power = 63 - (unsigned)__builtin_clzll(ns) - 6;
	if (power >= HISTOGRAM_POWERS)
		return HISTOGRAM_POWERS * HISTOGRAM_STEPS - 1;
	return power * HISTOGRAM_STEPS + (unsigned)(ns >> power) % HISTOGRAM_STEPS;
}

static double value_of(unsigned place)
{
	unsigned power = place / HISTOGRAM_STEPS, step = place % HISTOGRAM_STEPS;

	if (power == 0)
		return step;
	return (double)((uint64_t)(step % 64 + 64) << power);
}

void histogram_add(struct histogram *h, uint64_t ns)
{
	h->counts[place_of(ns)]++;
	h->total++;
	h->sum_ns += (double)ns;
	if (ns > h->max_ns)
		h->max_ns = ns;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
	for (unsigned i = 0; i < HISTOGRAM_POWERS * HISTOGRAM_STEPS; i++)
		into->counts[i] += from->counts[i];
	into->total += from->total;
	into->sum_ns += from->sum_ns;
	if (from->max_ns > into->max_ns)
		into->max_ns = from->max_ns;
}

void histogram_reset(struct histogram *h) { memset(h, 0, sizeof(*h)); }

double histogram_percentile_us(const struct histogram *h, double percent)
{
	uint64_t rank = (uint64_t)((double)h->total * percent / 100.0 + 0.5), seen = 0;

	if (rank == 0)
		rank = h->total ? 1 : 0;
	if (rank >= h->total)
		return (double)h->max_ns / 1000.0;
	for (unsigned i = 0; i < HISTOGRAM_POWERS * HISTOGRAM_STEPS; i++) {
		seen += h->counts[i];
		if (seen >= rank)
			return value_of(i) / 1000.0;
	}
	return (double)h->max_ns / 1000.0;
}
