/* broker_stats: counters and rates for runtime info (28), VIEW_BROKER_STATS_DATA (315) and metrics.
 *
 * Two kinds: totals of the broker with a ring of one sample a second (rates over 10 s, 1 min, 10 min), and items by name and key
 * (TOPIC_PUT_NUMS of a topic, GROUP_GET_NUMS of topic@group ...) with samples of 10 s, 10 min and 1 h (Apache StatsItem).
 * Counting is one addition; items are sampled only while they move. Thread: core. */
#ifndef BROKER_BROKER_STATS_H
#define BROKER_BROKER_STATS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/slice.h"

#define STATS_ITEMS_MAX 50000 /* names and keys counted apart; beyond, only the totals count */

struct broker;
struct broker_stats;
struct topic;

struct broker_stats *broker_stats_new(struct broker *b);
void broker_stats_free(struct broker_stats *s);
void broker_stats_start(struct broker_stats *s); /* the sampling timer */

void stats_count_put(struct broker *b, struct topic *topic, uint64_t messages, uint64_t bytes);
/* topic may be NULL: gone meanwhile; then only the totals count. */
void stats_count_get(struct broker *b, struct topic *topic, struct slice group, uint64_t messages, uint64_t bytes);
void stats_topic_deleted(struct broker *b, struct topic *topic); /* frees topic->stats */
void stats_group_deleted(struct broker *b, struct slice group);
void stats_count_get_miss(struct broker *b);
void stats_count_send_back(struct broker *b, struct topic *topic, struct slice group);

/* ---- questions ---- */

struct stats_totals {
	uint64_t put_messages, put_bytes, get_messages, get_bytes;
	uint64_t get_found, get_missed; /* pulls with and without messages */
	/* At the last two midnights of local time (msgPutTotalTodayMorning ...). */
	uint64_t put_yesterday_morning, put_today_morning, get_yesterday_morning, get_today_morning;
};
const struct stats_totals *stats_totals(const struct broker_stats *s);

enum stats_rate { RATE_PUT, RATE_GET_MESSAGES, RATE_GET_FOUND, RATE_GET_MISSED, RATE_GET_TOTAL, RATE_COUNT };
/* A second, averaged over the last seconds (at most 600; less while the broker is younger). */
double stats_rate(const struct broker_stats *s, enum stats_rate rate, unsigned seconds);

/* Of the samples of one item: what was counted in the window, a second, and on average a time. */
struct stats_window {
	uint64_t sum;
	double per_second, per_time;
};
enum stats_span { STATS_MINUTE, STATS_HOUR, STATS_DAY, STATS_SPANS };
/* False when nothing of that name and key was ever counted. */
bool stats_view(struct broker_stats *s, struct slice name, struct slice key, struct stats_window windows[STATS_SPANS]);
double stats_topic_put_tps(struct broker_stats *s, struct slice topic);                     /* TOPIC_PUT_NUMS, minute */
double stats_group_get_tps(struct broker_stats *s, struct slice group, struct slice topic); /* GROUP_GET_NUMS, minute */

#endif
