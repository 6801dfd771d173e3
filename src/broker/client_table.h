/* client_table: live producers and consumers by heartbeat (Apache ProducerManager, ConsumerManager).
 *
 * A channel is a peer with a client id; it belongs to groups until it closes, unregisters, or is silent for 120 s
 * (CHANNEL_EXPIRY_MS). Joins and leaves tell the group's members at once (NOTIFY_CONSUMER_IDS_CHANGED, 40).
 * Thread: core. Memory: pointers are valid until the next call that can remove. */
#ifndef BROKER_CLIENT_TABLE_H
#define BROKER_CLIENT_TABLE_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"
#include "remoting/request.h"

#define CHANNEL_EXPIRY_MS 120000
#define SUBSCRIPTION_EXPIRY_MS 600000
#define SUBSCRIPTION_TAGS_MAX 1024 /* tags in one subscription */
#define SUBSCRIPTIONS_MAX 4096     /* topics subscribed by one group */
#define GROUPS_PER_CHANNEL_MAX 4096

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
	int32_t hold_count;  /* held pulls that point here: kept alive while > 0 */
	char *json;          /* SubscriptionData as it came, for 203 and 345 */
};

enum consume_type { CONSUME_ACTIVELY, CONSUME_PASSIVELY, CONSUME_POP };
enum message_model { MODEL_CLUSTERING, MODEL_BROADCASTING, MODEL_LITE_SELECTIVE };

struct consumer_group; /* live members of a group */

enum rc client_table_new(struct broker *b, struct client_table **out);
void client_table_free(struct client_table *t);
void client_table_peer_closed(struct client_table *t, struct peer *peer);

struct consumer_group *consumer_group_find(struct client_table *t, struct slice group);
struct subscription *consumer_group_subscription(struct consumer_group *g, struct slice topic); /* NULL when not subscribed */
enum message_model consumer_group_model(const struct consumer_group *g);
enum consume_type consumer_group_type(const struct consumer_group *g);
size_t consumer_group_count(const struct consumer_group *g);
/* Peer of a member by client id, NULL when not online. */
struct peer *consumer_group_peer(struct consumer_group *g, struct slice client_id);
/* Tags of an expression "A || B" into a subscription made for one request, in arena (FilterAPI.buildSubscriptionData).
 * RC_OK; RC_TOO_BIG; RC_MALFORMED. */
enum rc subscription_parse(struct arena *arena, struct slice topic, struct slice expression, struct slice type,
			   struct subscription *out);
bool subscription_matches_tag(const struct subscription *s, int64_t tags_code);

#endif
