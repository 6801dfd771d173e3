/* Answers are encoded on first use and kept with the generation of the table: whatever changes a broker, an option or an order
 * configuration moves the generation on, what changes one topic only clears that topic's. A route request in the steady state
 * is one hash look-up and one copy. */
#include "namesrv/route_table.h"

#include <stdlib.h>

#include "base/defs.h"
#include "base/json_writer.h"
#include "base/list.h"
#include "base/log.h"
#include "base/mem.h"

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
	size_t queues_count;
	uint64_t generation;
	uint64_t list_number;
	size_t cached_bytes;
};

/* ---- small things ---- */

static struct slice own(struct slice s)
{
	struct slice copy = {slice_dup(s), s.len};

	return copy;
}

static void disown(struct slice *s)
{
	free((char *)s->at);
	*s = (struct slice){0};
}

static void replace(struct slice *kept, struct slice s)
{
	if (slice_eq(*kept, s))
		return;
	disown(kept);
	*kept = own(s);
}

static bool is_name(struct slice s) { return s.len > 0 && s.len <= ROUTE_NAME_MAX; }

void route_table_forget_answers(struct route_table *t) { t->generation++; }

static struct broker *find_broker(struct route_table *t, struct slice name)
{
	struct broker *b;

	HASH_FIND(hh, t->brokers, name.at, name.len, b);
	return b;
}

static struct topic *find_topic(struct route_table *t, struct slice name)
{
	struct topic *topic;

	HASH_FIND(hh, t->topics, name.at, name.len, topic);
	return topic;
}

static struct cluster *find_cluster(struct route_table *t, struct slice name)
{
	struct cluster *c;

	HASH_FIND(hh, t->clusters, name.at, name.len, c);
	return c;
}

/* ---- topics ---- */

static void drop_answers(struct route_table *t, struct topic *topic)
{
	for (int i = 0; i < ROUTE_DIALECTS; i++) {
		t->cached_bytes -= topic->answers[i].cap;
		buf_free(&topic->answers[i]);
		topic->answers_at[i] = 0;
	}
}

static struct topic *make_topic(struct route_table *t, struct slice name)
{
	struct topic *topic = mem_zalloc(sizeof(*topic));

	topic->name = own(name);
	list_init(&topic->queues);
	HASH_ADD_KEYPTR(hh, t->topics, topic->name.at, topic->name.len, topic);
	return topic;
}

static void remove_queues(struct route_table *t, struct queues *q)
{
	struct topic *topic = q->topic;

	list_remove(&q->of_topic);
	list_remove(&q->of_broker);
	disown(&q->mapping);
	free(q);
	t->queues_count--;
	drop_answers(t, topic);
	if (!list_is_empty(&topic->queues))
		return;
	HASH_DEL(t->topics, topic);
	disown(&topic->name);
	free(topic);
}

static struct queues *find_queues(struct topic *topic, const struct broker *b)
{
	LIST_FOR_EACH (it, &topic->queues) {
		struct queues *q = CONTAINER_OF(it, struct queues, of_topic);

		if (q->broker == b)
			return q;
	}
	return NULL;
}

static int compare(struct slice a, struct slice b)
{
	int c = memcmp(a.at, b.at, a.len < b.len ? a.len : b.len);

	return c != 0 ? c : (a.len > b.len) - (a.len < b.len);
}

static struct queues *make_queues(struct route_table *t, struct topic *topic, struct broker *b)
{
	struct queues *q = mem_zalloc(sizeof(*q));
	struct list *at = &topic->queues;

	*q = (struct queues){.topic = topic, .broker = b};
	LIST_FOR_EACH (it, &topic->queues) {
		if (compare(CONTAINER_OF(it, struct queues, of_topic)->broker->name, b->name) > 0) {
			at = it;
			break;
		}
	}
	list_insert_before(at, &q->of_topic);
	list_append(&b->queues, &q->of_broker);
	t->queues_count++;
	return q;
}

/* Take over what a broker says about a topic. A wiped write permission comes back with it, as in Apache. */
static void update_queues(struct route_table *t, struct queues *q, const struct route_topic *from)
{
	q->read_queues = from->read_queues;
	q->write_queues = from->write_queues;
	q->perm = from->perm;
	q->sys_flag = from->sys_flag;
	q->is_wiped = false;
	drop_answers(t, q->topic);
}

static void update_mapping(struct route_table *t, struct queues *q, const struct route_topic *from)
{
	if (from->mapping.len == 0 || from->mapping.len > ROUTE_MAPPING_MAX)
		return;
	replace(&q->mapping, from->mapping);
	drop_answers(t, q->topic);
}

/* Register the topics of `r`. is_changed: the broker's data version is new, so that known topics are taken over as well. */
static void take_topics(struct route_table *t, struct broker *b, const struct route_register *r, bool is_changed)
{
	b->register_number++;
	for (size_t i = 0; i < r->topic_count; i++) {
		const struct route_topic *from = &r->topics[i];
		struct topic *topic = find_topic(t, from->name);
		struct queues *q = topic ? find_queues(topic, b) : NULL;
		bool is_new = q == NULL;

		if (topic == NULL)
			topic = make_topic(t, from->name);
		if (q == NULL)
			q = make_queues(t, topic, b);
		if (is_new || is_changed)
			update_queues(t, q, from);
		if (is_new || is_changed)
			update_mapping(t, q, from);
		q->register_number = b->register_number;
	}
	if (!t->options.is_register_complete || r->has_mappings)
		return;
	LIST_FOR_EACH_SAFE (it, &b->queues) {
		struct queues *q = CONTAINER_OF(it, struct queues, of_broker);

		if (q->register_number != b->register_number)
			remove_queues(t, q);
	}
}

/* ---- members ---- */

static struct member *member_by_id(struct broker *b, int64_t id)
{
	for (size_t i = 0; b && i < b->member_count; i++)
		if (b->members[i]->id == id)
			return b->members[i];
	return NULL;
}

static struct member *member_by_address(struct broker *b, struct slice address)
{
	for (size_t i = 0; b && i < b->member_count; i++)
		if (slice_eq(b->members[i]->address, address))
			return b->members[i];
	return NULL;
}

static bool has_master(const struct broker *b) { return b->member_count > 0 && b->members[0]->id == 0; }

/* The permission that clients see. Without a master, 5.x brokers that let a slave act are read-only. */
static int32_t effective_perm(const struct queues *q)
{
	bool is_acting = q->broker->is_acting_master_on && !has_master(q->broker);

	return q->is_wiped || is_acting ? q->perm & ~ROUTE_PERM_WRITE : q->perm;
}

static void clear_filter_servers(struct member *m)
{
	for (size_t i = 0; i < m->filter_server_count; i++)
		disown(&m->filter_servers[i]);
	free(m->filter_servers);
	m->filter_servers = NULL;
	m->filter_server_count = 0;
}

static void free_member(struct member *m)
{
	timer_stop(m->table->timers, &m->expiry);
	list_remove(&m->of_peer);
	clear_filter_servers(m);
	disown(&m->address);
	disown(&m->ha_address);
	free(m);
}

static void leave_cluster(struct route_table *t, struct broker *b)
{
	struct cluster *c = b->cluster;

	list_remove(&b->of_cluster);
	b->cluster = NULL;
	if (!list_is_empty(&c->brokers))
		return;
	HASH_DEL(t->clusters, c);
	disown(&c->name);
	free(c);
}

static void join_cluster(struct route_table *t, struct broker *b, struct slice name)
{
	struct cluster *c = find_cluster(t, name);

	if (c == NULL) {
		c = mem_zalloc(sizeof(*c));
		c->name = own(name);
		list_init(&c->brokers);
		HASH_ADD_KEYPTR(hh, t->clusters, c->name.at, c->name.len, c);
	}
	b->cluster = c;
	list_append(&c->brokers, &b->of_cluster);
}

static void remove_broker(struct route_table *t, struct broker *b)
{
	LIST_FOR_EACH_SAFE (it, &b->queues)
		remove_queues(t, CONTAINER_OF(it, struct queues, of_broker));
	leave_cluster(t, b);
	HASH_DEL(t->brokers, b);
	disown(&b->name);
	disown(&b->zone);
	free(b);
}

static void take_out(struct member *m)
{
	struct broker *b = m->broker;
	size_t i = 0;

	while (b->members[i] != m)
		i++;
	b->member_count--;
	memmove(&b->members[i], &b->members[i + 1], (b->member_count - i) * sizeof(b->members[0]));
	free_member(m);
}

static void remove_member(struct member *m, const char *why)
{
	struct route_table *t = m->table;
	struct broker *b = m->broker;

	log_info("namesrv", "broker '%.*s' id %lld at '%.*s' is gone: %s", SLICE_ARG(b->name), (long long)m->id,
		 SLICE_ARG(m->address), why);
	take_out(m);
	if (b->member_count == 0)
		remove_broker(t, b);
	route_table_forget_answers(t);
}

/* A connection whose only member went silent is half dead: closing it makes the broker connect anew. */
static void on_expiry(struct timer *timer)
{
	struct member *m = CONTAINER_OF(timer, struct member, expiry);
	struct peer *peer = m->peer;
	struct peer_members *of_peer = peer ? peer->core_data : NULL;

	remove_member(m, "nothing was heard from it for its time-out");
	if (of_peer && list_is_empty(&of_peer->members) && peer->shut)
		peer->shut(peer);
}

static void insert_member(struct broker *b, struct member *m)
{
	size_t i = b->member_count++;

	for (; i > 0 && b->members[i - 1]->id > m->id; i--)
		b->members[i] = b->members[i - 1];
	b->members[i] = m;
}

static struct member *make_member(struct route_table *t, struct broker *b, const struct route_member *who)
{
	struct member *m = mem_zalloc(sizeof(*m));

	m->id = who->id;
	m->table = t;
	m->broker = b;
	m->address = own(who->address);
	m->ha_address = own((struct slice){0});
	m->expiry.on_timer = on_expiry;
	list_init(&m->of_peer);
	insert_member(b, m);
	log_info("namesrv", "broker '%.*s' id %lld at '%.*s' has joined cluster '%.*s'", SLICE_ARG(b->name), (long long)m->id,
		 SLICE_ARG(m->address), SLICE_ARG(b->cluster->name));
	return m;
}

static void bind_to_peer(struct member *m, struct peer *peer)
{
	struct peer_members *of_peer = peer->core_data;

	if (m->peer == peer)
		return;
	if (of_peer == NULL) {
		of_peer = mem_zalloc(sizeof(*of_peer));
		list_init(&of_peer->members);
		peer->core_data = of_peer;
	}
	list_remove(&m->of_peer);
	list_append(&of_peer->members, &m->of_peer);
	m->peer = peer;
}

void route_table_peer_closed(struct route_table *t, struct peer *peer)
{
	struct peer_members *of_peer = peer->core_data;

	(void)t;
	if (of_peer == NULL)
		return;
	while (!list_is_empty(&of_peer->members))
		remove_member(CONTAINER_OF(of_peer->members.next, struct member, of_peer), "its connection was closed");
	free(of_peer);
	peer->core_data = NULL;
}

/* ---- register ---- */

static bool is_same_version(const struct route_version *a, const struct route_version *b)
{
	return a->state_version == b->state_version && a->timestamp == b->timestamp && a->counter == b->counter;
}

/* Everything that could stop a register half way is looked at before the first change. */
static bool has_room(struct route_table *t, struct broker *b, const struct route_register *r)
{
	size_t topics = HASH_COUNT(t->topics), fresh = 0;

	if (!is_name(r->member.cluster) || !is_name(r->member.broker) || !is_name(r->member.address) || r->member.id < 0)
		return false;
	if (r->ha_address.len > ROUTE_NAME_MAX || r->zone.len > ROUTE_NAME_MAX ||
	    r->filter_server_count > ROUTE_FILTER_SERVERS_MAX)
		return false;
	for (size_t i = 0; i < r->filter_server_count; i++)
		if (r->filter_servers[i].len > ROUTE_NAME_MAX)
			return false;
	for (size_t i = 0; i < r->topic_count; i++)
		if (!is_name(r->topics[i].name))
			return false;
	if (b ? b->member_count == ROUTE_MEMBERS_MAX && !member_by_id(b, r->member.id)
	      : HASH_COUNT(t->brokers) >= ROUTE_BROKERS_MAX)
		return false;
	if (r->topic_count > ROUTE_QUEUES_MAX - t->queues_count)
		return false;
	if (r->topic_count <= ROUTE_TOPICS_MAX - topics)
		return true;
	for (size_t i = 0; i < r->topic_count; i++)
		fresh += find_topic(t, r->topics[i].name) == NULL;
	return fresh <= ROUTE_TOPICS_MAX - topics;
}

static struct broker *make_broker(struct route_table *t, const struct route_member *who)
{
	struct broker *b = mem_zalloc(sizeof(*b));

	b->name = own(who->broker);
	b->zone = own((struct slice){0});
	list_init(&b->queues);
	list_init(&b->of_cluster);
	HASH_ADD_KEYPTR(hh, t->brokers, b->name.at, b->name.len, b);
	join_cluster(t, b, who->cluster);
	return b;
}

static void take_filter_servers(struct member *m, const struct route_register *r)
{
	if (!r->has_filter_servers)
		return;
	clear_filter_servers(m);
	if (r->filter_server_count == 0)
		return;
	m->filter_servers = mem_alloc(r->filter_server_count * sizeof(struct slice));
	for (size_t i = 0; i < r->filter_server_count; i++)
		m->filter_servers[i] = own(r->filter_servers[i]);
	m->filter_server_count = r->filter_server_count;
}

/* Does what is kept of the member and its broker differ from `r`? Only then are the answers encoded anew. */
static bool is_member_changed(const struct broker *b, const struct member *m, const struct route_register *r)
{
	if (!slice_eq(m->address, r->member.address) || !slice_eq(b->zone, r->zone) ||
	    b->is_acting_master_on != r->is_acting_master_on || !slice_eq(b->cluster->name, r->member.cluster))
		return true;
	if (!r->has_filter_servers)
		return false;
	if (m->filter_server_count != r->filter_server_count)
		return true;
	for (size_t i = 0; i < r->filter_server_count; i++)
		if (!slice_eq(m->filter_servers[i], r->filter_servers[i]))
			return true;
	return false;
}

static void take_member(struct route_table *t, struct broker *b, struct member *m, const struct route_register *r, bool is_new)
{
	if (is_new || is_member_changed(b, m, r)) {
		replace(&b->zone, r->zone);
		b->is_acting_master_on = r->is_acting_master_on;
		replace(&m->address, r->member.address);
		take_filter_servers(m, r);
		/* A broker moves to another cluster with its last member there (Apache waits for the name to be forgotten). */
		if (!slice_eq(b->cluster->name, r->member.cluster) && b->member_count == 1) {
			leave_cluster(t, b);
			join_cluster(t, b, r->member.cluster);
		}
		route_table_forget_answers(t);
	}
	replace(&m->ha_address, r->ha_address);
	m->version = r->version;
	m->timeout_ms = r->timeout_ms == 0                     ? ROUTE_TIMEOUT_MS
			: r->timeout_ms < ROUTE_TIMEOUT_MIN_MS ? ROUTE_TIMEOUT_MIN_MS
			: r->timeout_ms > ROUTE_TIMEOUT_MAX_MS ? ROUTE_TIMEOUT_MAX_MS
							       : r->timeout_ms;
	timer_start(t->timers, &m->expiry, m->timeout_ms);
}

/* The same id is alive at another address with a newer state version: the caller is an old incarnation of it. */
static bool is_outdated(const struct member *holder, const struct route_register *r)
{
	return holder && !slice_eq(holder->address, r->member.address) &&
	       holder->version.state_version > r->version.state_version;
}

static void find_master(struct broker *b, int64_t id, struct slice *address, struct slice *ha_address)
{
	if (id == 0 || !has_master(b))
		return;
	*address = b->members[0]->address;
	*ha_address = b->members[0]->ha_address;
}

enum route_register_result route_table_register(struct route_table *t, const struct route_register *r, struct peer *peer,
						struct slice *master_address, struct slice *master_ha_address)
{
	struct broker *b = find_broker(t, r->member.broker);
	struct member *m = member_by_id(b, r->member.id);
	struct member *other = member_by_address(b, r->member.address);
	bool is_new = m == NULL, is_changed;

	*master_address = *master_ha_address = (struct slice){0};
	if (!has_room(t, b, r))
		return ROUTE_FULL;
	if (is_outdated(m, r)) {
		log_warn("namesrv", "broker '%.*s' id %lld at '%.*s' is ignored: '%.*s' has a newer state version",
			 SLICE_ARG(r->member.broker), (long long)r->member.id, SLICE_ARG(r->member.address),
			 SLICE_ARG(m->address));
		if (other)
			remove_member(other, "its address claims an id that another one holds");
		return ROUTE_IGNORED;
	}
	if (is_new && r->topic_count == 1)
		return ROUTE_REFUSED;
	is_changed = is_new || !slice_eq(m->address, r->member.address) || !is_same_version(&m->version, &r->version);
	if (b == NULL)
		b = make_broker(t, &r->member);
	if (is_new)
		m = make_member(t, b, &r->member);
	if (other && other != m) /* one address has one id: a slave became master. Not before: the broker must keep a member */
		take_out(other);
	take_member(t, b, m, r, is_new || other != m);
	bind_to_peer(m, peer);
	if (m->id == 0 || (r->is_v5 && b->members[0] == m))
		take_topics(t, b, r, is_changed);
	find_master(b, m->id, master_address, master_ha_address);
	return ROUTE_REGISTERED;
}

bool route_table_unregister(struct route_table *t, const struct route_member *who)
{
	struct member *m = member_by_address(find_broker(t, who->broker), who->address);

	if (m == NULL)
		return false;
	remove_member(m, "it has unregistered");
	return true;
}

bool route_table_touch(struct route_table *t, const struct route_member *who, struct peer *peer, struct route_version *version)
{
	struct member *m = member_by_address(find_broker(t, who->broker), who->address);

	if (m == NULL)
		return false;
	timer_start(t->timers, &m->expiry, m->timeout_ms);
	bind_to_peer(m, peer);
	*version = m->version;
	return true;
}

/* ---- topics, as administrators change them ---- */

enum rc route_table_add_topic(struct route_table *t, const struct slice *brokers, const struct route_topic *topics, size_t count)
{
	struct topic *topic;

	for (size_t i = 0; i < count; i++) {
		if (!is_name(topics[i].name))
			return RC_INVALID;
		if (find_broker(t, brokers[i]) == NULL)
			return RC_NOT_FOUND;
	}
	if (count > ROUTE_QUEUES_MAX - t->queues_count || HASH_COUNT(t->topics) >= ROUTE_TOPICS_MAX)
		return RC_BUSY;
	for (size_t i = 0; i < count; i++) {
		struct broker *b = find_broker(t, brokers[i]);
		struct queues *q;

		topic = find_topic(t, topics[i].name);
		if (topic == NULL)
			topic = make_topic(t, topics[i].name);
		q = find_queues(topic, b);
		if (q == NULL)
			q = make_queues(t, topic, b);
		update_queues(t, q, &topics[i]);
	}
	return RC_OK;
}

void route_table_delete_topic(struct route_table *t, struct slice name, struct slice cluster)
{
	struct topic *topic = find_topic(t, name);
	bool is_last = false;

	if (topic == NULL)
		return;
	for (struct list *it = topic->queues.next, *next; !is_last; it = next) { /* the topic goes with its last queues */
		struct queues *q = CONTAINER_OF(it, struct queues, of_topic);

		next = it->next;
		is_last = next == &topic->queues;
		if (cluster.len == 0 || slice_eq(q->broker->cluster->name, cluster))
			remove_queues(t, q);
	}
}

size_t route_table_set_writable(struct route_table *t, struct slice broker, bool is_writable)
{
	struct broker *b = find_broker(t, broker);
	size_t count = 0;

	if (b == NULL)
		return 0;
	LIST_FOR_EACH (it, &b->queues) {
		CONTAINER_OF(it, struct queues, of_broker)->is_wiped = !is_writable;
		count++;
	}
	route_table_forget_answers(t);
	return count;
}

/* ---- answers ---- */

static void write_addresses(struct json_writer *w, const struct broker *b, enum json_key_form form, bool is_lowest_master)
{
	json_key(w, "brokerAddrs");
	json_object(w);
	for (size_t i = 0; i < b->member_count; i++) {
		json_key_i64(w, i == 0 && is_lowest_master ? 0 : b->members[i]->id, form);
		json_text(w, b->members[i]->address);
	}
	json_object_end(w);
}

static void write_broker(struct json_writer *w, const struct broker *b, enum json_key_form form, bool is_lowest_master)
{
	json_object(w);
	write_addresses(w, b, form, is_lowest_master);
	json_member_text(w, "brokerName", b->name);
	json_member_text(w, "cluster", b->cluster->name);
	json_member_bool(w, "enableActingMaster", b->is_acting_master_on);
	if (b->zone.len)
		json_member_text(w, "zoneName", b->zone);
	json_object_end(w);
}

static void write_queues(struct json_writer *w, const struct queues *q)
{
	json_object(w);
	json_member_text(w, "brokerName", q->broker->name);
	json_member_i64(w, "perm", effective_perm(q));
	json_member_i64(w, "readQueueNums", q->read_queues);
	json_member_i64(w, "topicSysFlag", q->sys_flag);
	json_member_i64(w, "writeQueueNums", q->write_queues);
	json_object_end(w);
}

static void write_filter_servers(struct json_writer *w, const struct broker *b)
{
	for (size_t i = 0; i < b->member_count; i++) {
		const struct member *m = b->members[i];

		if (m->filter_server_count == 0)
			continue;
		json_key_text(w, m->address);
		json_array(w);
		for (size_t k = 0; k < m->filter_server_count; k++)
			json_text(w, m->filter_servers[k]);
		json_array_end(w);
	}
}

/* Clients of a broker without master see its lowest slave as id 0, read-only, when both sides have switched that on. */
static bool is_acting(const struct route_table *t, const struct queues *q)
{
	return t->options.is_acting_master_supported && q->broker->is_acting_master_on && !has_master(q->broker) &&
	       !(effective_perm(q) & ROUTE_PERM_WRITE) &&
	       !slice_has_prefix(q->topic->name, SLICE_LIT("rmq_sys_SYNC_BROKER_MEMBER_"));
}

static void write_mappings(struct json_writer *w, const struct topic *topic)
{
	bool has_any = false;

	LIST_FOR_EACH (it, &topic->queues) {
		const struct queues *q = CONTAINER_OF(it, struct queues, of_topic);

		if (q->mapping.len == 0)
			continue;
		if (!has_any) {
			json_key(w, "topicQueueMappingByBroker");
			json_object(w);
			has_any = true;
		}
		json_key_text(w, q->broker->name);
		json_raw(w, q->mapping);
	}
	if (has_any)
		json_object_end(w);
}

static void encode_topic(struct route_table *t, const struct topic *topic, enum route_dialect dialect, struct buf *out)
{
	enum json_key_form form = dialect == ROUTE_QUOTED_KEYS ? JSON_QUOTED : JSON_BARE;
	struct slice order = t->order ? t->order(t->order_ctx, topic->name) : (struct slice){0};
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "brokerDatas");
	json_array(&w);
	LIST_FOR_EACH (it, &topic->queues) {
		const struct queues *q = CONTAINER_OF(it, struct queues, of_topic);

		write_broker(&w, q->broker, form, is_acting(t, q));
	}
	json_array_end(&w);
	json_key(&w, "filterServerTable");
	json_object(&w);
	LIST_FOR_EACH (it, &topic->queues)
		write_filter_servers(&w, CONTAINER_OF(it, struct queues, of_topic)->broker);
	json_object_end(&w);
	if (order.len)
		json_member_text(&w, "orderTopicConf", order);
	json_key(&w, "queueDatas");
	json_array(&w);
	LIST_FOR_EACH (it, &topic->queues)
		write_queues(&w, CONTAINER_OF(it, struct queues, of_topic));
	json_array_end(&w);
	write_mappings(&w, topic);
	json_object_end(&w);
}

static void drop_all_answers(struct route_table *t)
{
	struct topic *topic, *next;

	HASH_ITER (hh, t->topics, topic, next)
		drop_answers(t, topic);
}

bool route_table_topic_json(struct route_table *t, struct slice name, enum route_dialect dialect, struct slice *json)
{
	struct topic *topic = find_topic(t, name);
	struct buf *answer;

	if (topic == NULL)
		return false;
	answer = &topic->answers[dialect];
	if (topic->answers_at[dialect] != t->generation) {
		if (t->cached_bytes > ROUTE_CACHE_MAX_BYTES)
			drop_all_answers(t);
		t->cached_bytes -= answer->cap;
		buf_clear(answer);
		encode_topic(t, topic, dialect, answer);
		t->cached_bytes += answer->cap;
		topic->answers_at[dialect] = t->generation;
	}
	*json = buf_slice(answer);
	return true;
}

static bool is_of_kind(const struct topic *topic, enum route_topic_kind kind)
{
	const struct queues *first = CONTAINER_OF(topic->queues.next, struct queues, of_topic);
	bool is_unit = (first->sys_flag & ROUTE_SYS_FLAG_UNIT) != 0;
	bool is_unit_sub = (first->sys_flag & ROUTE_SYS_FLAG_UNIT_SUB) != 0;

	switch (kind) {
	case ROUTE_UNIT_TOPICS:
		return is_unit;
	case ROUTE_UNIT_SUB_TOPICS:
		return is_unit_sub;
	case ROUTE_UNIT_SUB_NO_UNIT_TOPICS:
		return is_unit_sub && !is_unit;
	default:
		return true;
	}
}

void route_table_topics_json(struct route_table *t, enum route_topic_kind kind, struct buf *out)
{
	struct json_writer w;
	struct topic *topic, *next;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "topicList");
	json_array(&w);
	HASH_ITER (hh, t->topics, topic, next)
		if (is_of_kind(topic, kind))
			json_text(&w, topic->name);
	json_array_end(&w);
	json_object_end(&w);
}

void route_table_cluster_topics_json(struct route_table *t, struct slice name, struct buf *out)
{
	struct cluster *c = find_cluster(t, name);
	struct json_writer w;

	t->list_number++;
	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "topicList");
	json_array(&w);
	for (struct list *b = c ? c->brokers.next : NULL; c && b != &c->brokers; b = b->next) {
		LIST_FOR_EACH (it, &CONTAINER_OF(b, struct broker, of_cluster)->queues) {
			struct topic *topic = CONTAINER_OF(it, struct queues, of_broker)->topic;

			if (topic->list_number == t->list_number)
				continue;
			topic->list_number = t->list_number;
			json_text(&w, topic->name);
		}
	}
	json_array_end(&w);
	json_object_end(&w);
}

/* Names of clusters and brokers are topics too; a cluster and a broker of the same name are listed once. */
void route_table_system_topics_json(struct route_table *t, struct buf *out)
{
	struct json_writer w;
	struct cluster *c, *next_c;
	struct broker *b, *next_b;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	if (t->brokers)
		json_member_text(&w, "brokerAddr", t->brokers->members[0]->address);
	json_key(&w, "topicList");
	json_array(&w);
	HASH_ITER (hh, t->clusters, c, next_c)
		json_text(&w, c->name);
	HASH_ITER (hh, t->brokers, b, next_b)
		if (find_cluster(t, b->name) == NULL)
			json_text(&w, b->name);
	json_array_end(&w);
	json_object_end(&w);
}

void route_table_clusters_json(struct route_table *t, struct buf *out)
{
	struct json_writer w;
	struct cluster *c, *next_c;
	struct broker *b, *next_b;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "brokerAddrTable");
	json_object(&w);
	HASH_ITER (hh, t->brokers, b, next_b) {
		json_key_text(&w, b->name);
		write_broker(&w, b, JSON_QUOTED, false);
	}
	json_object_end(&w);
	json_key(&w, "clusterAddrTable");
	json_object(&w);
	HASH_ITER (hh, t->clusters, c, next_c) {
		json_key_text(&w, c->name);
		json_array(&w);
		LIST_FOR_EACH (it, &c->brokers)
			json_text(&w, CONTAINER_OF(it, struct broker, of_cluster)->name);
		json_array_end(&w);
	}
	json_object_end(&w);
	json_object_end(&w);
}

void route_table_members_json(struct route_table *t, struct slice cluster, struct slice broker, struct buf *out)
{
	struct broker none = {0};
	struct broker *b = find_broker(t, broker);
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "brokerMemberGroup");
	json_object(&w);
	write_addresses(&w, b ? b : &none, JSON_QUOTED, false);
	json_member_text(&w, "brokerName", broker);
	json_member_text(&w, "cluster", cluster);
	json_object_end(&w);
	json_object_end(&w);
}

size_t route_table_topic_count(const struct route_table *t) { return HASH_COUNT(t->topics); }
size_t route_table_broker_count(const struct route_table *t) { return HASH_COUNT(t->brokers); }

/* ---- the table ---- */

struct route_table *route_table_new(struct timers *timers, route_order_fn *order, void *order_ctx)
{
	struct route_table *t = mem_zalloc(sizeof(*t));

	*t = (struct route_table){.timers = timers, .order = order, .order_ctx = order_ctx, .generation = 1};
	return t;
}

void route_table_set_options(struct route_table *t, const struct route_options *options)
{
	t->options = *options;
	route_table_forget_answers(t);
}

void route_table_free(struct route_table *t)
{
	while (t->brokers) {
		struct broker *b = t->brokers;

		while (b->member_count)
			free_member(b->members[--b->member_count]);
		remove_broker(t, b);
	}
	free(t);
}
