/* route_table: who the brokers are, which topics they have, and what clients are told about it.
 *
 *   cluster --< broker (name) --< member (id, address, connection, expiry timer)
 *                  |
 *                  +--< queues (of one topic on one broker) >-- topic
 *
 * A broker without members is forgotten with its queues; a topic without queues is forgotten. Nothing else removes a topic but
 * DELETE_TOPIC_IN_NAMESRV: a register may carry only a part of the topics (json_bodies.md section 5).
 * A member goes when it unregisters, when its connection closes, or when it was silent for its time-out (a timer, exact to the
 * millisecond; Apache scans every 5 s). It belongs to the connection of its last register, data version query or heartbeat, so
 * that an old connection that closes late takes nothing along.
 *
 * Permissions are kept as the broker gave them; "wiped" and "no master alive" are applied when they are read. So adding the write
 * permission again restores what was there (Apache leaves 6 everywhere and forgets TBW102's inherit bit).
 *
 * Facts: Apache RouteInfoManager (4.9.7, 5.3.3). Thread: the core's. Memory: copies what it keeps; slices it returns live until
 * the next call that changes the table. */
#ifndef NAMESRV_ROUTE_TABLE_H
#define NAMESRV_ROUTE_TABLE_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "base/timers.h"
#include "remoting/peer.h"

#define ROUTE_BROKERS_MAX 4096                    /* broker names */
#define ROUTE_MEMBERS_MAX 64                      /* members (master and slaves) of one broker name */
#define ROUTE_TOPICS_MAX 500000                   /* topics */
#define ROUTE_QUEUES_MAX 2000000                  /* (topic, broker) pairs */
#define ROUTE_NAME_MAX 512                        /* longest name or address, bytes */
#define ROUTE_MAPPING_MAX 1048576                 /* longest static-topic mapping text of a (topic, broker) pair, bytes */
#define ROUTE_MAPPING_BYTES_MAX (256u << 20)      /* all of them together; further ones are left out of the routes */
#define ROUTE_FILTER_SERVERS_MAX 64               /* filter servers of one member */
#define ROUTE_CACHE_MAX_BYTES (64u * 1024 * 1024) /* encoded route answers that are kept */
#define ROUTE_TIMEOUT_MS 120000                   /* RouteInfoManager.DEFAULT_BROKER_CHANNEL_EXPIRED_TIME */
#define ROUTE_TIMEOUT_MIN_MS 1000                 /* a member's own time-out is taken within these */
#define ROUTE_TIMEOUT_MAX_MS 86400000

#define ROUTE_PERM_READ 4
#define ROUTE_PERM_WRITE 2
#define ROUTE_SYS_FLAG_UNIT 1
#define ROUTE_SYS_FLAG_UNIT_SUB 2

struct route_table;

struct route_version { /* DataVersion: equal when all three are */
	int64_t state_version, timestamp, counter;
};

struct route_member { /* who calls */
	struct slice cluster, broker, address;
	int64_t id; /* 0 = master */
};

struct route_topic {
	struct slice name;
	int32_t read_queues, write_queues, perm, sys_flag;
	struct slice mapping; /* TopicQueueMappingInfo as JSON text, empty = none */
};

struct route_register {
	struct route_member member;
	struct slice ha_address;
	struct slice zone;   /* empty = none */
	uint64_t timeout_ms; /* 0 = ROUTE_TIMEOUT_MS */
	bool is_v5;          /* header field enableActingMaster came: topics of the lowest slave count too */
	bool is_acting_master_on;
	struct route_version version;
	const struct route_topic *topics;
	size_t topic_count;
	bool has_mappings;
	bool has_filter_servers; /* the list came; an empty one clears */
	const struct slice *filter_servers;
	size_t filter_server_count;
};

struct route_options {
	bool is_acting_master_supported; /* supportActingMaster */
	bool is_register_complete;       /* deleteTopicWithBrokerRegistration: topics that it lacks are removed */
};

/* What to tell clients about the order of a topic: the text, or an empty slice. */
typedef struct slice route_order_fn(void *ctx, struct slice topic);

struct route_table *route_table_new(struct timers *timers, route_order_fn *order, void *order_ctx);
void route_table_free(struct route_table *t);
void route_table_set_options(struct route_table *t, const struct route_options *options);
/* Something outside changed what the answers say (order configuration): encode them anew. */
void route_table_forget_answers(struct route_table *t);

enum route_register_result {
	ROUTE_REGISTERED,
	ROUTE_IGNORED, /* another live address has this id and a newer state version; the caller is told success */
	ROUTE_REFUSED, /* a single topic of a member that is not known yet */
	ROUTE_FULL,    /* a bound above, or a name that is too long or empty; nothing was changed */
};

/* A register by `peer`. For a slave with a live master: *master_address, *master_ha_address, else empty.  */
enum route_register_result route_table_register(struct route_table *t, const struct route_register *r, struct peer *peer,
						struct slice *master_address, struct slice *master_ha_address);

/* Forget a member. False when it was not known. */
bool route_table_unregister(struct route_table *t, const struct route_member *m);

/* A sign of life. False when the member is not known. *version, out when true: what it registered last. */
bool route_table_touch(struct route_table *t, const struct route_member *m, struct peer *peer, struct route_version *version);

/* The connection is gone: its members are dropped now. */
void route_table_peer_closed(struct route_table *t, struct peer *peer);

/* Add queues of a topic on brokers that are known (REGISTER_TOPIC_IN_NAMESRV); `brokers[i]` has `topics[i]`. RC_OK; RC_NOT_FOUND: one is
 * not known, nothing was changed; RC_BUSY: a bound. */
enum rc route_table_add_topic(struct route_table *t, const struct slice *brokers, const struct route_topic *topics, size_t count);

/* Forget a topic; with a cluster (not empty) only on its brokers. No effect when unknown. */
void route_table_delete_topic(struct route_table *t, struct slice topic, struct slice cluster);

/* Take the write permission of all topics of a broker, or give back what was taken. Returns how many topics the broker has. */
size_t route_table_set_writable(struct route_table *t, struct slice broker, bool is_writable);

enum route_dialect { ROUTE_QUOTED_KEYS, ROUTE_BARE_KEYS, ROUTE_DIALECTS };

/* TopicRouteData of a topic, compact. False when there is no route. *json is the table's own copy: valid until the next call. */
bool route_table_topic_json(struct route_table *t, struct slice topic, enum route_dialect dialect, struct slice *json);

enum route_topic_kind { ROUTE_ALL_TOPICS, ROUTE_UNIT_TOPICS, ROUTE_UNIT_SUB_TOPICS, ROUTE_UNIT_SUB_NO_UNIT_TOPICS };
void route_table_topics_json(struct route_table *t, enum route_topic_kind kind, struct buf *out);   /* TopicList */
void route_table_cluster_topics_json(struct route_table *t, struct slice cluster, struct buf *out); /* TopicList */
void route_table_system_topics_json(struct route_table *t, struct buf *out);                        /* TopicList */
void route_table_clusters_json(struct route_table *t, struct buf *out);                             /* ClusterInfo */
void route_table_members_json(struct route_table *t, struct slice cluster, struct slice broker,
			      struct buf *out); /* GetBrokerMemberGroup.. */

size_t route_table_topic_count(const struct route_table *t);
size_t route_table_broker_count(const struct route_table *t);

#endif
