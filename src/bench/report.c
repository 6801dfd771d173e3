#include "bench/report.h"

#include <stdio.h>

#include "base/defs.h"

static const struct {
	double percent;
	const char *json;
} percentiles[] = {{50, "p50_us"}, {90, "p90_us"}, {99, "p99_us"}, {99.9, "p999_us"}, {99.99, "p9999_us"}};

/* What this load counts, and what its other latency is of. */
static const struct {
	const char *what, *latency, *other;
} names[] = {
	[LOAD_PRODUCE] = {"messages", "answer", NULL},
	[LOAD_CONSUME] = {"messages", "pull", NULL},
	[LOAD_PINGPONG] = {"messages", "end to end", "answer to send"},
	[LOAD_MIXED] = {"messages", "end to end", "answer to send"},
	[LOAD_NAMESRV] = {"routes", "answer", "registration"},
	[LOAD_IDLE] = {"heartbeats", "answer", NULL},
};

static double per_second(const struct measure *m) { return m->seconds > 0 ? (double)m->messages / m->seconds : 0; }

static double cpu_us(const struct measure *m) { return m->messages ? m->cpu_seconds * 1e6 / (double)m->messages : 0; }

static double percent(const struct measure *m, double cpu_seconds) { return m->seconds > 0 ? cpu_seconds * 100 / m->seconds : 0; }

void report_second(const struct measure *m, double at_seconds)
{
	fprintf(stderr, "%5.0f s %10llu /s   p50 %9.1f us   p99 %9.1f us   max %9.1f us   %llu errors\n", at_seconds,
		(unsigned long long)m->messages_this_second, histogram_percentile_us(&m->this_second, 50),
		histogram_percentile_us(&m->this_second, 99), (double)m->this_second.max_ns / 1000,
		(unsigned long long)m->errors);
}

static void table_latency(const char *name, const struct histogram *h)
{
	char label[64];

	for (size_t i = 0; i < COUNT_OF(percentiles); i++) {
		snprintf(label, sizeof(label), "%s p%g", name, percentiles[i].percent);
		printf("%-24s %12.1f us\n", label, histogram_percentile_us(h, percentiles[i].percent));
	}
	snprintf(label, sizeof(label), "%s max", name);
	printf("%-24s %12.1f us\n", label, (double)h->max_ns / 1000);
}

static void table_left_over(const struct measure *m)
{
	const struct {
		const char *name;
		uint64_t count;
	} rows[] = {{"due, not sent", m->unsent}, {"not answered", m->unanswered}, {"not received", m->unreceived}};

	for (size_t i = 0; i < COUNT_OF(rows); i++)
		if (rows[i].count)
			printf("%-24s %12llu\n", rows[i].name, (unsigned long long)rows[i].count);
}

void report_table(const struct options *o, const struct measure *m)
{
	printf("%-24s %12.0f /s   (%llu in %.1f s, %llu errors", names[o->kind].what, per_second(m),
	       (unsigned long long)m->messages, m->seconds, (unsigned long long)m->errors);
	if (m->errors)
		printf(", first code %d", m->first_error_code);
	printf(")\n");
	if (m->passed_over)
		printf("%-24s %12.0f /s\n", "passed over", (double)m->passed_over / m->seconds);
	if (m->pulls)
		printf("%-24s %12.1f\n", "messages a pull", (double)m->messages / (double)m->pulls);
	if (m->latency.total)
		table_latency(names[o->kind].latency, &m->latency);
	if (m->other.total)
		table_latency(names[o->kind].other, &m->other);
	table_left_over(m);
	printf("%-24s %12.2f %%\n", "mqbench's own CPU", percent(m, m->own_cpu_seconds));
	if (o->pid == 0)
		return;
	printf("%-24s %12.3f us\n%-24s %12.2f %%\n", "peer CPU for each", cpu_us(m), "peer CPU", percent(m, m->cpu_seconds));
	printf("%-24s %12.1f MiB\n%-24s %12.1f MiB\n", "peer resident memory", m->rss_mib, "peer anonymous memory",
	       m->anonymous_mib);
}

static void json_latency(const char *prefix, const struct histogram *h)
{
	for (size_t i = 0; i < COUNT_OF(percentiles); i++)
		printf(",\"%s%s\":%.1f", prefix, percentiles[i].json, histogram_percentile_us(h, percentiles[i].percent));
	printf(",\"%smax_us\":%.1f", prefix, (double)h->max_ns / 1000);
}

void report_json(const struct options *o, const struct measure *m)
{
	printf("{\"what\":\"%s\",\"messages\":%llu,\"seconds\":%.3f,\"per_second\":%.1f,\"passed_over\":%llu,\"pulls\":%llu,"
	       "\"errors\":%llu,"
	       "\"first_error_code\":%d,\"unsent\":%llu,\"unanswered\":%llu,\"unreceived\":%llu",
	       names[o->kind].what, (unsigned long long)m->messages, m->seconds, per_second(m),
	       (unsigned long long)m->passed_over, (unsigned long long)m->pulls, (unsigned long long)m->errors,
	       m->first_error_code, (unsigned long long)m->unsent, (unsigned long long)m->unanswered,
	       (unsigned long long)m->unreceived);
	json_latency("", &m->latency);
	if (m->other.total)
		json_latency(o->kind == LOAD_NAMESRV ? "registration_" : "answer_", &m->other);
	printf(",\"own_cpu_percent\":%.2f", percent(m, m->own_cpu_seconds));
	if (o->pid)
		printf(",\"cpu_us_per_message\":%.4f,\"cpu_percent\":%.3f,\"rss_mib\":%.1f,\"anonymous_mib\":%.1f", cpu_us(m),
		       percent(m, m->cpu_seconds), m->rss_mib, m->anonymous_mib);
	printf("}\n");
}
