/* broker_stats: counters and rates for runtime info (28), VIEW_BROKER_STATS_DATA (315) and metrics.
 * Counting is one addition; rates come from snapshots that a timer takes. Thread: core. */
#ifndef BROKER_BROKER_STATS_H
#define BROKER_BROKER_STATS_H

#include <stdint.h>

#include "base/slice.h"

struct broker;
struct broker_stats;
struct topic;

struct broker_stats *broker_stats_new(struct broker *b);
void broker_stats_free(struct broker_stats *s);
void stats_count_put(struct broker *b, struct topic *topic, uint64_t messages, uint64_t bytes);
void stats_count_get(struct broker *b, struct topic *topic, struct slice group, uint64_t messages, uint64_t bytes);
void stats_topic_deleted(struct broker *b, struct topic *topic); /* frees topic->stats */
void stats_count_get_miss(struct broker *b);
void stats_count_send_back(struct broker *b, struct topic *topic, struct slice group);

#endif
