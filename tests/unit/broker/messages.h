/* messages: short words for sending, pulling and giving back, on the fixture's broker. */
#ifndef TESTS_UNIT_BROKER_MESSAGES_H
#define TESTS_UNIT_BROKER_MESSAGES_H

#include "tests/unit/broker/fixture.h"

/* 310 with these fields; zero fields get what a client would send. */
struct send {
	const char *topic, *properties, *body;
	int32_t queue_id, sys_flag, reconsume_times, max_reconsume_times, default_queues;
	bool has_max_reconsume_times;
	struct slice raw_body; /* instead of body */
	int32_t code;          /* instead of 310 */
};
struct sim_answer *send_message(const struct send *s);

/* 11 with a subscription of its own (sysFlag 4), "*" when `tags` is NULL. hold_ms > 0: may be held. */
struct sim_answer *pull(struct sim_node *from, const char *topic, int32_t queue_id, int64_t offset, const char *tags,
			int64_t hold_ms);
/* 11 as the group's heartbeat subscribed. */
struct sim_answer *pull_as(struct sim_node *from, const char *group, const char *topic, int64_t offset, int64_t sub_version,
			   int64_t hold_ms);

/* The bodies in a pull's answer, joined by commas; lives until the next call. */
const char *bodies(const struct sim_answer *a);
/* A property of the first message in a pull's answer; NULL when it has none. Lives until the next call. */
const char *property_of_first(const struct sim_answer *a, const char *name);
int64_t ext_number(const struct sim_answer *a, const char *name);
/* Physical offset of the first message of a pull's answer. */
int64_t physical_of_first(const struct sim_answer *a);
int32_t reconsume_times_of_first(const struct sim_answer *a);

/* 36 */
struct sim_answer *send_back(const char *group, int64_t physical_offset, int32_t delay_level, int32_t max_reconsume_times);

#endif
