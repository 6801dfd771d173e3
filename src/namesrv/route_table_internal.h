/* What route_table.c (who is there) and route_answers.c (what clients are told of it) share; nothing else includes this. */
#ifndef NAMESRV_ROUTE_TABLE_INTERNAL_H
#define NAMESRV_ROUTE_TABLE_INTERNAL_H

#include "base/list.h"
#include "namesrv/route_table.h"

#include <uthash.h>

struct cluster {
	struct slice name;
	struct list brokers;
	UT_hash_handle hh;
};

struct member {
	int64_t id;
	struct slice address, ha_address;
	struct route_version version;
	uint64_t timeout_ms;
	struct timer expiry;
	struct route_table *table;
	struct broker *broker;
	struct peer *peer;   /* where it was heard last */
	struct list of_peer; /* struct peer_members */
	struct slice *filter_servers;
	size_t filter_server_count;
};

struct broker {
	struct slice name, zone;
	struct cluster *cluster;
	struct list of_cluster;
	bool is_acting_master_on;
	struct member *members[ROUTE_MEMBERS_MAX]; /* by id, the lowest first */
	size_t member_count;
	struct list queues; /* of all its topics */
	uint64_t register_number;
	UT_hash_handle hh;
};

struct topic;

struct queues { /* of one topic on one broker */
	struct topic *topic;
	struct broker *broker;
	struct list of_topic, of_broker;
	int32_t read_queues, write_queues, perm, sys_flag; /* as registered */
	bool is_wiped;
	uint64_t register_number; /* of the broker, when it was last in a register */
	struct slice mapping;
};

struct topic {
	struct slice name;
	struct list queues; /* by broker name */
	struct buf answers[ROUTE_DIALECTS];
	uint64_t answers_at[ROUTE_DIALECTS]; /* generation; 0 = none */
	uint64_t list_number;                /* of the last listing that it is in */
	UT_hash_handle hh;
};

/* In peer->core_data of peers that are brokers. */
struct peer_members {
	struct list members;
};

struct route_table {
	struct timers *timers;
	struct route_options options;
	route_order_fn *order;
	void *order_ctx;
	struct cluster *clusters;
	struct broker *brokers;
	struct topic *topics;
	size_t queues_count, mapping_bytes;
	uint64_t generation;
	uint64_t list_number;
	size_t cached_bytes;
};

static inline struct broker *find_broker(struct route_table *t, struct slice name)
{
	struct broker *b;

	HASH_FIND(hh, t->brokers, name.at, name.len, b);
	return b;
}

static inline struct topic *find_topic(struct route_table *t, struct slice name)
{
	struct topic *topic;

	HASH_FIND(hh, t->topics, name.at, name.len, topic);
	return topic;
}

static inline struct cluster *find_cluster(struct route_table *t, struct slice name)
{
	struct cluster *c;

	HASH_FIND(hh, t->clusters, name.at, name.len, c);
	return c;
}

static inline bool has_master(const struct broker *b) { return b->member_count > 0 && b->members[0]->id == 0; }

/* Forget the encoded answers of one topic, and give their memory back. */
void route_topic_drop_answers(struct route_table *t, struct topic *topic);

#endif
