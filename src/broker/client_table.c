/* client_table: groups of live clients, their channels, and who has to be told.
 *
 *   peer --core_data--> channel --members--> member <--members-- consumer or producer group
 *                                              |
 *                              by_age: all members, longest silent first; one timer for the head
 *
 * Happy path: a heartbeat finds its members by (group, peer), moves them to the end of by_age, and changes nothing else.
 * A join or leave marks the group dirty; client_table_end_turn tells its members once, however many changes the turn brought.
 * Failure: a heartbeat over a bound is refused as a whole. */
#include "broker/client_table.h"

#include <stdlib.h>
#include <uthash.h>

#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/group_table.h"
#include "broker/subscription.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"

/* What a heartbeat depends on beside its own bytes. */
struct surroundings {
	uint64_t changes;
	int64_t topics, groups, config;
};

struct channel {
	struct list members;
	size_t count;
	size_t joined; /* of them by the heartbeat in hand */
	struct {       /* the last one that was taken and changed nothing */
		uint64_t hash;
		size_t len; /* 0: none */
		int32_t language, version;
		bool is_sub_change;
		struct surroundings in;
	} noted;
};

struct client_group { /* what consumer and producer groups have in common */
	struct slice name;
	bool is_consumer;
	struct member *members; /* hash by peer */
	UT_hash_handle hh;
};

struct member {
	struct client_member who;
	struct client_group *group;
	struct list of_channel, by_age;
	bool wants_subscriptions; /* its next full heartbeat is waited for */
	UT_hash_handle hh;
};

struct stored { /* a subscription in its group's hash, or an orphan that a held pull still points at */
	struct subscription sub;
	struct list orphans;
	bool is_listed; /* by the heartbeat in hand */
	UT_hash_handle hh;
};

struct consumer_group {
	struct client_group base;
	struct stored *subscriptions; /* hash by topic */
	enum consume_type type;
	enum message_model model;
	enum consume_from_where from_where;
	struct list dirty; /* in client_table.dirty when members must be told */
	bool has_fingerprint;
	int32_t fingerprint;
};

struct producer_group {
	struct client_group base;
};

struct client_table {
	struct broker *broker;
	struct client_group *consumers, *producers; /* hashes by name */
	struct list dirty, by_age, orphans;
	size_t member_count, subscription_bytes;
	uint64_t changes; /* of members and subscriptions */
	struct timer expiry;
};

const char *const consume_type_names[3] = {"CONSUME_ACTIVELY", "CONSUME_PASSIVELY", "CONSUME_POP"};
const char *const message_model_names[3] = {"CLUSTERING", "BROADCASTING", "LITE_SELECTIVE"};
const char *const consume_from_where_names[6] = {
	"CONSUME_FROM_LAST_OFFSET",  "CONSUME_FROM_LAST_OFFSET_AND_FROM_MIN_WHEN_BOOT_FIRST",
	"CONSUME_FROM_MIN_OFFSET",   "CONSUME_FROM_MAX_OFFSET",
	"CONSUME_FROM_FIRST_OFFSET", "CONSUME_FROM_TIMESTAMP"};

static struct consumer_group *as_consumer(struct client_group *g) { return CONTAINER_OF(g, struct consumer_group, base); }

static struct client_group *find_group(struct client_group *head, struct slice name)
{
	struct client_group *g = NULL;

	if (name.len != 0)
		HASH_FIND(hh, head, name.at, name.len, g);
	return g;
}

static struct member *find_member(const struct client_group *g, struct peer *peer)
{
	struct member *m = NULL;

	HASH_FIND(hh, g->members, &peer, sizeof(peer), m);
	return m;
}

/* ---- subscriptions ---- */

/* What it takes, nearly: texts, codes, and itself. */
static size_t bytes_of(const struct subscription *s)
{
	return sizeof(struct stored) + s->topic.len + s->expression.len + s->expression_type.len +
	       s->code_count * sizeof(int32_t) + (s->json ? strlen(s->json) : 0);
}

static void clear(struct client_table *t, struct subscription *s)
{
	t->subscription_bytes -= bytes_of(s);
	subscription_clear(s);
}

static struct stored *find_stored(const struct consumer_group *g, struct slice topic)
{
	struct stored *s = NULL;

	if (topic.len != 0)
		HASH_FIND(hh, g->subscriptions, topic.at, topic.len, s);
	return s;
}

static void free_orphans(struct client_table *t)
{
	LIST_FOR_EACH_SAFE (it, &t->orphans) {
		struct stored *s = CONTAINER_OF(it, struct stored, orphans);

		if (s->sub.hold_count > 0)
			continue;
		list_remove(it);
		clear(t, &s->sub);
		free(s);
	}
}

/* Out of the group; freed when no held pull points at it any more. */
static void drop_stored(struct client_table *t, struct consumer_group *g, struct stored *s)
{
	t->changes++;
	HASH_DEL(g->subscriptions, s);
	list_append(&t->orphans, &s->orphans);
	free_orphans(t);
}

/* New content for a stored subscription, in place: held pulls that point at it are judged by it when they wake. */
static void replace_content(struct client_table *t, struct stored *s, struct subscription *with)
{
	struct subscription old = s->sub;

	t->changes++;
	s->sub = *with;
	s->sub.hold_count = old.hold_count;
	/* The hash key is the topic text of the old content: the same bytes, so only the pointer moves. */
	s->hh.key = s->sub.topic.at;
	clear(t, &old);
}

/* Takes over the content of `sub`. Returns whether the topic is new to the group. */
static bool put_subscription(struct client_table *t, struct consumer_group *g, struct subscription *sub)
{
	struct stored *s = find_stored(g, sub->topic);

	t->subscription_bytes += bytes_of(sub);
	sub->updated_ms = t->broker->timers->now_ms;
	if (s != NULL) {
		s->is_listed = true;
		if (sub->version > s->sub.version)
			replace_content(t, s, sub);
		else
			clear(t, sub);
		return false;
	}
	t->changes++;
	s = mem_zalloc(sizeof(*s));
	s->sub = *sub;
	s->is_listed = true;
	list_init(&s->orphans);
	HASH_ADD_KEYPTR(hh, g->subscriptions, s->sub.topic.at, s->sub.topic.len, s);
	return true;
}

/* Topics that the heartbeat did not list any more. */
static bool drop_unlisted(struct client_table *t, struct consumer_group *g)
{
	struct stored *s, *next;
	bool any = false;

	HASH_ITER (hh, g->subscriptions, s, next) {
		if (s->is_listed) {
			s->is_listed = false;
			continue;
		}
		drop_stored(t, g, s);
		any = true;
	}
	return any;
}

/* Read all of them before anything changes. */
static enum rc read_subscriptions(const struct client_table *t, const cJSON *array, struct subscription **out, size_t *count)
{
	size_t n = (size_t)cJSON_GetArraySize(array), bytes = t->subscription_bytes;
	struct subscription *subs;
	enum rc rc = RC_OK;

	*count = 0;
	if (n > SUBSCRIPTIONS_MAX)
		return RC_TOO_BIG;
	subs = mem_zalloc((n + 1) * sizeof(*subs));
	JSON_EACH (item, array) {
		rc = subscription_read_json(item, &subs[*count]);
		if (rc != RC_OK)
			break;
		bytes += bytes_of(&subs[(*count)++]);
		if (bytes > SUBSCRIPTION_BYTES_MAX) {
			rc = RC_TOO_BIG;
			break;
		}
	}
	if (rc != RC_OK) {
		while (*count > 0)
			subscription_clear(&subs[--*count]);
		free(subs);
		return rc;
	}
	*out = subs;
	return RC_OK;
}

/* ---- telling ---- */

static void mark_dirty(struct client_table *t, struct client_group *g)
{
	struct consumer_group *consumers = as_consumer(g);

	if (!g->is_consumer || consumers->model == MODEL_BROADCASTING || !t->broker->config->notify_consumer_ids_changed_enable)
		return;
	if (list_is_empty(&consumers->dirty))
		list_append(&t->dirty, &consumers->dirty);
}

static void tell_members(struct consumer_group *g)
{
	struct notify_consumer_ids_changed_request_header h = {.present = HEADER_ALL(notify_consumer_ids_changed_request_header),
							       .consumer_group = g->base.name};

	for (struct member *m = g->base.members; m != NULL; m = m->hh.next)
		if (!m->who.peer->is_closing)
			peer_call(m->who.peer, NOTIFY_CONSUMER_IDS_CHANGED, &notify_consumer_ids_changed_request_header_schema,
				  &h, (struct slice){NULL, 0}, 0, NULL, NULL);
}

void client_table_end_turn(struct client_table *t)
{
	struct list *it;

	while ((it = list_pop(&t->dirty)) != NULL)
		tell_members(CONTAINER_OF(it, struct consumer_group, dirty));
	if (!list_is_empty(&t->orphans))
		free_orphans(t);
}

/* ---- leaving ---- */

static void free_group(struct client_table *t, struct client_group *g)
{
	struct stored *s, *next;

	if (!g->is_consumer) {
		HASH_DEL(t->producers, g);
		free((char *)g->name.at);
		free(CONTAINER_OF(g, struct producer_group, base));
		return;
	}
	HASH_DEL(t->consumers, g);
	list_remove(&as_consumer(g)->dirty);
	HASH_ITER (hh, as_consumer(g)->subscriptions, s, next)
		drop_stored(t, as_consumer(g), s);
	log_info("broker", "group '%s': last consumer is gone", g->name.at);
	free((char *)g->name.at);
	free(as_consumer(g));
}

static void remove_member(struct client_table *t, struct member *m, bool notify)
{
	struct client_group *g = m->group;
	struct channel *channel = m->who.peer->core_data;

	t->changes++;
	HASH_DEL(g->members, m);
	list_remove(&m->of_channel);
	list_remove(&m->by_age);
	channel->count--;
	t->member_count--;
	log_info("broker", "%s group '%s': client '%s' at %s left", g->is_consumer ? "consumer" : "producer", g->name.at,
		 m->who.client_id.at, m->who.peer->address);
	free((char *)m->who.client_id.at);
	free(m);
	if (g->members == NULL)
		free_group(t, g);
	else if (notify)
		mark_dirty(t, g);
}

/* Whether the group wants its members told: its own switch, true for a group without configuration. */
static bool group_wants_notify(struct client_table *t, const struct client_group *g)
{
	const struct group *config = g->is_consumer ? group_find(t->broker->groups, g->name) : NULL;

	return config == NULL || config->notify_ids_changed;
}

static void leave(struct client_table *t, struct client_group *g, struct peer *peer, bool notify)
{
	struct member *m = g ? find_member(g, peer) : NULL;

	if (m != NULL)
		remove_member(t, m, notify);
}

void client_table_leave_consumer(struct client_table *t, struct peer *peer, struct slice group, bool notify)
{
	leave(t, find_group(t->consumers, group), peer, notify);
}

void client_table_leave_producer(struct client_table *t, struct peer *peer, struct slice group)
{
	leave(t, find_group(t->producers, group), peer, false);
}

void client_table_peer_closed(struct client_table *t, struct peer *peer)
{
	struct channel *channel = peer->core_data;

	if (channel == NULL)
		return;
	LIST_FOR_EACH_SAFE (it, &channel->members) {
		struct member *m = CONTAINER_OF(it, struct member, of_channel);

		remove_member(t, m, group_wants_notify(t, m->group));
	}
	peer->core_data = NULL;
	free(channel);
}

static uint64_t channel_expiry_ms(const struct client_table *t)
{
	return t->broker->config->channel_expired_timeout > 0 ? (uint64_t)t->broker->config->channel_expired_timeout
							      : CHANNEL_EXPIRY_MS;
}

static void arm_expiry(struct client_table *t)
{
	if (list_is_empty(&t->by_age)) {
		timer_stop(t->broker->timers, &t->expiry);
		return;
	}
	timer_start_at(t->broker->timers, &t->expiry,
		       CONTAINER_OF(t->by_age.next, struct member, by_age)->who.last_ms + channel_expiry_ms(t));
}

/* Clients that have been silent for too long: out of their groups, and their connection is shut. */
static void on_expiry(struct timer *timer)
{
	struct client_table *t = CONTAINER_OF(timer, struct client_table, expiry);

	while (!list_is_empty(&t->by_age)) {
		struct member *m = CONTAINER_OF(t->by_age.next, struct member, by_age);
		struct peer *peer = m->who.peer;

		if (m->who.last_ms + channel_expiry_ms(t) > t->broker->timers->now_ms)
			break;
		log_warn("broker", "client '%s' at %s: no heartbeat for %llu ms, connection closed", m->who.client_id.at,
			 peer->address, (unsigned long long)(t->broker->timers->now_ms - m->who.last_ms));
		remove_member(t, m, group_wants_notify(t, m->group));
		if (peer->shut != NULL && !peer->is_closing)
			peer->shut(peer);
	}
	arm_expiry(t);
}

/* ---- joining ---- */

static void on_peer_close(struct peer *peer)
{
	struct broker *b = peer->core;

	client_table_peer_closed(b->clients, peer);
}

static struct channel *channel_of(struct peer *peer)
{
	struct channel *channel = peer->core_data;

	if (channel == NULL) {
		channel = mem_zalloc(sizeof(*channel));
		list_init(&channel->members);
		peer->core_data = channel;
		peer->on_close = on_peer_close;
	}
	return channel;
}

static void touch(struct client_table *t, struct member *m)
{
	m->who.last_ms = t->broker->timers->now_ms;
	list_remove(&m->by_age);
	list_append(&t->by_age, &m->by_age);
	if (!timer_is_running(&t->expiry))
		arm_expiry(t);
}

/* Is the peer a member already, or may it become one? */
static bool has_place(const struct client_table *t, const struct client_group *g, struct peer *peer)
{
	if (g != NULL && find_member(g, peer) != NULL)
		return true;
	return channel_of(peer)->count < GROUPS_PER_CHANNEL_MAX && t->member_count < MEMBERS_MAX;
}

/* The member, made when absent (*is_new). The caller has asked has_place. */
static struct member *join(struct client_table *t, struct client_group *g, const struct client_identity *who, bool *is_new)
{
	struct channel *channel = channel_of(who->peer);
	struct member *m = find_member(g, who->peer);

	*is_new = m == NULL;
	if (m == NULL) {
		m = mem_zalloc(sizeof(*m));
		m->group = g;
		m->who.peer = who->peer;
		list_init(&m->by_age);
		list_append(&channel->members, &m->of_channel);
		channel->count++;
		t->member_count++;
		HASH_ADD(hh, g->members, who.peer, sizeof(m->who.peer), m);
	}
	channel->joined++;
	if (*is_new || !slice_eq(m->who.client_id, who->client_id)) {
		t->changes++;
		free((char *)m->who.client_id.at);
		m->who.client_id = (struct slice){slice_dup(who->client_id), who->client_id.len};
	}
	m->who.language = who->language;
	m->who.version = who->version;
	touch(t, m);
	return m;
}

static struct consumer_group *make_consumer_group(struct client_table *t, struct slice name)
{
	struct consumer_group *g = mem_zalloc(sizeof(*g));

	g->base.name = (struct slice){slice_dup(name), name.len};
	g->base.is_consumer = true;
	list_init(&g->dirty);
	HASH_ADD_KEYPTR(hh, t->consumers, g->base.name.at, g->base.name.len, &g->base);
	return g;
}

enum rc client_table_join_consumer(struct client_table *t, const struct client_identity *who, const struct consumer_join *how,
				   bool *changed)
{
	struct client_group *known = find_group(t->consumers, how->group);
	struct subscription *subs = NULL;
	struct consumer_group *g;
	struct member *m;
	bool is_new, topics_changed = false;
	size_t count = 0;
	enum rc rc;

	if (who->client_id.len > CLIENT_ID_MAX || how->group.len == 0 || how->group.len > GROUP_NAME_MAX ||
	    (known == NULL && HASH_COUNT(t->consumers) >= GROUPS_MAX))
		return RC_TOO_BIG;
	if (!has_place(t, known, who->peer))
		return RC_TOO_BIG;
	if (how->subscriptions != NULL && (rc = read_subscriptions(t, how->subscriptions, &subs, &count)) != RC_OK)
		return rc;
	g = known ? as_consumer(known) : make_consumer_group(t, how->group);
	if (g->type != how->type || g->model != how->model || g->from_where != how->from_where)
		t->changes++;
	g->type = how->type;
	g->model = how->model;
	g->from_where = how->from_where;
	m = join(t, &g->base, who, &is_new);
	for (size_t i = 0; i < count; i++)
		topics_changed |= put_subscription(t, g, &subs[i]);
	if (how->subscriptions != NULL) {
		topics_changed |= drop_unlisted(t, g);
		m->wants_subscriptions = false;
	}
	free(subs);
	if (is_new)
		log_info("broker", "consumer group '%s': client '%.*s' at %s joined", g->base.name.at, SLICE_ARG(who->client_id),
			 who->peer->address);
	*changed = is_new || topics_changed;
	if (*changed && how->notify)
		mark_dirty(t, &g->base);
	return RC_OK;
}

enum rc client_table_join_producer(struct client_table *t, const struct client_identity *who, struct slice group)
{
	struct client_group *g = find_group(t->producers, group);
	struct producer_group *made;
	bool is_new;

	if (who->client_id.len > CLIENT_ID_MAX || group.len == 0 || group.len > GROUP_NAME_MAX ||
	    (g == NULL && HASH_COUNT(t->producers) >= PRODUCER_GROUPS_MAX))
		return RC_TOO_BIG;
	if (!has_place(t, g, who->peer))
		return RC_TOO_BIG;
	if (g == NULL) {
		made = mem_zalloc(sizeof(*made));
		made->base.name = (struct slice){slice_dup(group), group.len};
		g = &made->base;
		HASH_ADD_KEYPTR(hh, t->producers, g->name.at, g->name.len, g);
	}
	join(t, g, who, &is_new);
	if (is_new)
		log_info("broker", "producer group '%s': client '%.*s' at %s joined", g->name.at, SLICE_ARG(who->client_id),
			 who->peer->address);
	return RC_OK;
}

/* ---- the same again ---- */

void client_table_changed(struct client_table *t) { t->changes++; }

/* Mixed with multiplications. Who finds another text with the same hash deceives nobody but the own connection. */
static uint64_t hash_of(struct slice text)
{
	uint64_t hash = text.len, part;

	for (size_t i = 0; i < text.len; i += sizeof(part)) {
		part = 0;
		memcpy(&part, text.at + i, text.len - i < sizeof(part) ? text.len - i : sizeof(part));
		hash = (hash ^ part) * 0x9E3779B97F4A7C15u;
		hash ^= hash >> 32;
	}
	return hash;
}

static struct surroundings surroundings_of(const struct client_table *t)
{
	const struct broker *b = t->broker;

	return (struct surroundings){t->changes, topic_table_version(b->topics)->counter, group_table_version(b->groups)->counter,
				     b->config_version};
}

static bool is_same(const struct surroundings *a, const struct surroundings *b)
{
	return a->changes == b->changes && a->topics == b->topics && a->groups == b->groups && a->config == b->config;
}

bool client_table_heard_again(struct client_table *t, const struct client_identity *who, struct slice body, bool *is_sub_change)
{
	struct channel *channel = channel_of(who->peer);
	struct surroundings now = surroundings_of(t);

	channel->joined = 0;
	if (body.len == 0 || channel->noted.len != body.len || channel->noted.language != who->language ||
	    channel->noted.version != who->version || !is_same(&channel->noted.in, &now) || channel->noted.hash != hash_of(body))
		return false;
	LIST_FOR_EACH (it, &channel->members)
		touch(t, CONTAINER_OF(it, struct member, of_channel));
	*is_sub_change = channel->noted.is_sub_change;
	return true;
}

/* A membership that this heartbeat does not speak of grows old by itself, so all of the connection's must be in it. */
void client_table_note_heartbeat(struct client_table *t, const struct client_identity *who, struct slice body, bool is_sub_change)
{
	struct channel *channel = channel_of(who->peer);

	channel->noted.len = channel->joined == channel->count ? body.len : 0;
	channel->noted.hash = hash_of(body);
	channel->noted.language = who->language;
	channel->noted.version = who->version;
	channel->noted.is_sub_change = is_sub_change;
	channel->noted.in = surroundings_of(t);
}

bool consumer_group_fingerprint_changed(struct consumer_group *g, int32_t fingerprint)
{
	bool is_changed = !g->has_fingerprint || g->fingerprint != fingerprint;

	g->has_fingerprint = true;
	g->fingerprint = fingerprint;
	return is_changed;
}

void consumer_group_member_is_ahead(struct consumer_group *g, struct peer *peer)
{
	struct member *m = find_member(&g->base, peer);

	if (m == NULL)
		return;
	m->wants_subscriptions = true;
	channel_of(peer)->noted.len = 0;
}

bool consumer_group_wants_subscriptions(struct consumer_group *g, struct peer *peer)
{
	const struct member *m = find_member(&g->base, peer);

	return m != NULL && m->wants_subscriptions;
}

/* ---- questions ---- */

struct consumer_group *consumer_group_find(struct client_table *t, struct slice group)
{
	struct client_group *g = find_group(t->consumers, group);

	return g ? as_consumer(g) : NULL;
}

struct subscription *consumer_group_subscription(struct consumer_group *g, struct slice topic)
{
	struct stored *s = find_stored(g, topic);

	return s ? &s->sub : NULL;
}

struct slice consumer_group_name(const struct consumer_group *g) { return g->base.name; }
enum message_model consumer_group_model(const struct consumer_group *g) { return g->model; }
enum consume_type consumer_group_type(const struct consumer_group *g) { return g->type; }
enum consume_from_where consumer_group_from_where(const struct consumer_group *g) { return g->from_where; }
size_t consumer_group_count(const struct consumer_group *g) { return HASH_COUNT(g->base.members); }
size_t consumer_group_subscription_count(const struct consumer_group *g) { return HASH_COUNT(g->subscriptions); }

static struct member *member_by_id(const struct client_group *g, struct slice client_id)
{
	for (struct member *m = g->members; m != NULL; m = m->hh.next)
		if (slice_eq(m->who.client_id, client_id) && !m->who.peer->is_closing)
			return m;
	return NULL;
}

const struct client_member *consumer_group_member(struct consumer_group *g, struct slice client_id)
{
	struct member *m = member_by_id(&g->base, client_id);

	return m ? &m->who : NULL;
}

struct peer *consumer_group_peer(struct consumer_group *g, struct slice client_id)
{
	struct member *m = member_by_id(&g->base, client_id);

	return m ? m->who.peer : NULL;
}

void consumer_group_each_subscription(struct consumer_group *g, void (*visit)(void *ctx, const struct subscription *s), void *ctx)
{
	for (struct stored *s = g->subscriptions; s != NULL; s = s->hh.next)
		visit(ctx, &s->sub);
}

static void each_member(struct client_group *g, void (*visit)(void *ctx, const struct client_member *m), void *ctx)
{
	for (struct member *m = g->members; m != NULL; m = m->hh.next)
		visit(ctx, &m->who);
}

void consumer_group_each_member(struct consumer_group *g, void (*visit)(void *ctx, const struct client_member *m), void *ctx)
{
	each_member(&g->base, visit, ctx);
}

void client_table_each_consumer_group(struct client_table *t, void (*visit)(void *ctx, struct consumer_group *g), void *ctx)
{
	for (struct client_group *g = t->consumers; g != NULL; g = g->hh.next)
		visit(ctx, as_consumer(g));
}

bool producer_group_each_member(struct client_table *t, struct slice group,
				void (*visit)(void *ctx, const struct client_member *m), void *ctx)
{
	struct client_group *g = find_group(t->producers, group);

	if (g != NULL)
		each_member(g, visit, ctx);
	return g != NULL;
}

void client_table_each_producer_group(struct client_table *t, void (*visit)(void *ctx, struct slice group), void *ctx)
{
	for (struct client_group *g = t->producers; g != NULL; g = g->hh.next)
		visit(ctx, g->name);
}

struct peer *producer_group_peer(struct client_table *t, struct slice group)
{
	struct client_group *g = find_group(t->producers, group);
	size_t tries = g ? HASH_COUNT(g->members) : 0;

	for (; tries > 0; tries--) {
		struct member *m = g->members;

		/* To the end of the hash's order, so that the next call gets another one. */
		HASH_DEL(g->members, m);
		HASH_ADD(hh, g->members, who.peer, sizeof(m->who.peer), m);
		if (!m->who.peer->is_closing)
			return m->who.peer;
	}
	return NULL;
}

struct peer *producer_peer_by_client(struct client_table *t, struct slice client_id)
{
	for (struct client_group *g = t->producers; g != NULL; g = g->hh.next) {
		struct member *m = member_by_id(g, client_id);

		if (m != NULL)
			return m->who.peer;
	}
	return NULL;
}

/* ---- life ---- */

enum rc client_table_new(struct broker *b, struct client_table **out)
{
	struct client_table *t = mem_zalloc(sizeof(*t));

	t->broker = b;
	list_init(&t->dirty);
	list_init(&t->by_age);
	list_init(&t->orphans);
	t->expiry.on_timer = on_expiry;
	*out = t;
	return RC_OK;
}

void client_table_free(struct client_table *t)
{
	if (t == NULL)
		return;
	/* All peers are closed before, so the groups are gone; what held pulls kept is freed now. */
	ASSERT(t->consumers == NULL && t->producers == NULL);
	LIST_FOR_EACH (it, &t->orphans)
		CONTAINER_OF(it, struct stored, orphans)->sub.hold_count = 0;
	free_orphans(t);
	timer_stop(t->broker->timers, &t->expiry);
	free(t);
}
