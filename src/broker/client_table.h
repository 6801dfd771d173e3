/* client_table: live producers and consumers by heartbeat (Apache ProducerManager, ConsumerManager).
 *
 * A channel is a peer with a client id; it belongs to groups until it closes, unregisters, or is silent for 120 s
 * (CHANNEL_EXPIRY_MS). Joins and leaves tell the group's members at once (NOTIFY_CONSUMER_IDS_CHANGED, 40).
 * Thread: core. Memory: pointers are valid until the next call that can remove. */
#ifndef BROKER_CLIENT_TABLE_H
#define BROKER_CLIENT_TABLE_H

#include "base/arena.h"
#include "base/buf.h"
#include "base/json_read.h"
#include "base/list.h"
#include "base/rc.h"
#include "base/slice.h"
#include "remoting/request.h"

#define CHANNEL_EXPIRY_MS 120000
#define SUBSCRIPTION_EXPIRY_MS 600000
#define SUBSCRIPTION_TAGS_MAX 1024 /* tags in one subscription */
#define SUBSCRIPTIONS_MAX 4096     /* topics subscribed by one group */
#define GROUPS_PER_CHANNEL_MAX 4096
#define PRODUCER_GROUPS_MAX 100000
#define SUBSCRIPTION_TEXT_MAX 65536 /* longest expression, in bytes */
#define CLIENT_ID_MAX 512
#define MEMBERS_MAX 1000000                         /* memberships of all clients */
#define SUBSCRIPTION_BYTES_MAX (256u * 1024 * 1024) /* of all subscriptions together */

struct broker;
struct client_table;

struct subscription {
	struct slice topic;           /* owned */
	struct slice expression;      /* subString, owned */
	struct slice expression_type; /* "TAG" or "SQL92", owned */
	int64_t version;              /* subVersion: client's ms */
	bool class_filter_mode;
	bool takes_all; /* "*" or empty */
	int32_t *codes; /* sorted Java hashes of the tags */
	size_t code_count;
	uint64_t updated_ms; /* monotonic */
	int32_t hold_count;  /* held pulls that point here: kept alive while > 0; changed in place by later heartbeats */
	char *json;          /* SubscriptionData as it came, for 203 and 345 */
};

enum consume_type { CONSUME_ACTIVELY, CONSUME_PASSIVELY, CONSUME_POP };
enum message_model { MODEL_CLUSTERING, MODEL_BROADCASTING, MODEL_LITE_SELECTIVE };
enum consume_from_where { /* ConsumeFromWhere, by ordinal */
			  FROM_LAST_OFFSET,
			  FROM_LAST_OFFSET_AND_MIN_WHEN_BOOT_FIRST,
			  FROM_MIN_OFFSET,
			  FROM_MAX_OFFSET,
			  FROM_FIRST_OFFSET,
			  FROM_TIMESTAMP
};

struct consumer_group; /* live members of a group */

/* One connection's membership in one group. */
struct client_member {
	struct peer *peer;
	struct slice client_id; /* owned, NUL-terminated */
	int32_t language, version;
	uint64_t last_ms; /* monotonic: its last heartbeat */
};

enum rc client_table_new(struct broker *b, struct client_table **out);
void client_table_free(struct client_table *t);
void client_table_peer_closed(struct client_table *t, struct peer *peer);

/* Once a loop turn: tells the members of changed groups, each once. */
void client_table_end_turn(struct client_table *t);

/* ---- heartbeat (34), unregister (35) ---- */

struct client_identity {
	struct peer *peer;
	struct slice client_id; /* copied */
	int32_t language, version;
};

/* Join, or stay. `subscriptions`: JSON array of SubscriptionData, NULL keeps what is stored (withoutSub). *changed: a new member or other
 * topics; then, with `notify`, the members are told at the end of the turn.
 * RC_OK; RC_TOO_BIG (a bound of this header), RC_MALFORMED (a subscription without topic ...): nothing was changed. */
struct consumer_join {
	struct slice group;
	enum consume_type type;
	enum message_model model;
	enum consume_from_where from_where;
	const cJSON *subscriptions;
	bool notify;
};
enum rc client_table_join_consumer(struct client_table *t, const struct client_identity *who, const struct consumer_join *join,
				   bool *changed);
enum rc client_table_join_producer(struct client_table *t, const struct client_identity *who, struct slice group);
void client_table_leave_consumer(struct client_table *t, struct peer *peer, struct slice group, bool notify);
void client_table_leave_producer(struct client_table *t, struct peer *peer, struct slice group);

/* A client says the same every 30 s. True: the same bytes as the heartbeat noted last on this connection, and nothing has changed since that a
 * heartbeat could mend or undo (members, subscriptions, topics, groups, configuration): its members count as heard of, and the answer is
 * that of last time (*is_sub_change). False: read it, and note it when it was taken. */
bool client_table_heard_again(struct client_table *t, const struct client_identity *who, struct slice body, bool *is_sub_change);
void client_table_note_heartbeat(struct client_table *t, const struct client_identity *who, struct slice body,
				 bool is_sub_change);
void client_table_changed(struct client_table *t); /* what was noted holds no more */

/* Fingerprint of the heartbeat (V2) that a group sent last; true when it is the first or another one. */
bool consumer_group_fingerprint_changed(struct consumer_group *g, int32_t fingerprint);

/* A member pulls with a newer subscription than its group has here: its full heartbeat after a rebalance was lost (clients skip one while
 * another is under way). A V2 client would go on with heartbeats without subscriptions, and be refused for ever; so it is asked for a
 * full one until that has come. No effect when `peer` is no member. */
void consumer_group_member_is_ahead(struct consumer_group *g, struct peer *peer);
bool consumer_group_wants_subscriptions(struct consumer_group *g, struct peer *peer);

/* ---- questions ---- */

struct consumer_group *consumer_group_find(struct client_table *t, struct slice group);
struct subscription *consumer_group_subscription(struct consumer_group *g, struct slice topic); /* NULL when not subscribed */
struct slice consumer_group_name(const struct consumer_group *g);
enum consume_from_where consumer_group_from_where(const struct consumer_group *g);
size_t consumer_group_subscription_count(const struct consumer_group *g);
void consumer_group_each_subscription(struct consumer_group *g, void (*visit)(void *ctx, const struct subscription *s),
				      void *ctx);
void consumer_group_each_member(struct consumer_group *g, void (*visit)(void *ctx, const struct client_member *m), void *ctx);
void client_table_each_consumer_group(struct client_table *t, void (*visit)(void *ctx, struct consumer_group *g), void *ctx);
const struct client_member *consumer_group_member(struct consumer_group *g, struct slice client_id); /* NULL when not online */
enum message_model consumer_group_model(const struct consumer_group *g);
enum consume_type consumer_group_type(const struct consumer_group *g);
size_t consumer_group_count(const struct consumer_group *g);
/* Peer of a member by client id, NULL when not online. */
struct peer *consumer_group_peer(struct consumer_group *g, struct slice client_id);

/* Producers. A group's peer for a transaction check: another one each time, NULL when none is online. */
struct peer *producer_group_peer(struct client_table *t, struct slice group);
/* A producer of any group by client id (replies to requests); NULL when not online. */
struct peer *producer_peer_by_client(struct client_table *t, struct slice client_id);
/* False when the group is unknown. */
bool producer_group_each_member(struct client_table *t, struct slice group,
				void (*visit)(void *ctx, const struct client_member *m), void *ctx);
void client_table_each_producer_group(struct client_table *t, void (*visit)(void *ctx, struct slice group), void *ctx);

/* Names of the enums on the wire, in order; for reading and writing JSON. */
extern const char *const consume_type_names[3];
extern const char *const message_model_names[3];
extern const char *const consume_from_where_names[6];

/* Tags of an expression "A || B" into a subscription made for one request, in arena (FilterAPI.buildSubscriptionData).
 * RC_OK; RC_TOO_BIG; RC_MALFORMED. */
enum rc subscription_parse(struct arena *arena, struct slice topic, struct slice expression, struct slice type,
			   struct subscription *out);
bool subscription_matches_tag(const struct subscription *s, int64_t tags_code);
/* A bit 1 << (c & 63) for each tags code c that matches; 0: many match, or all. */
uint64_t subscription_tag_bits(const struct subscription *s);

#endif
