#include <stdlib.h>

#include "base/defs.h"
#include "base/log.h"
#include "base/mem.h"
#include "namesrv/route_table_internal.h"

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

/* ---- topics ---- */

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
	t->mapping_bytes -= q->mapping.len;
	disown(&q->mapping);
	free(q);
	t->queues_count--;
	route_topic_drop_answers(t, topic);
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
	route_topic_drop_answers(t, q->topic);
}

static void update_mapping(struct route_table *t, struct queues *q, const struct route_topic *from)
{
	size_t bytes = t->mapping_bytes - q->mapping.len + from->mapping.len;

	if (from->mapping.len == 0 || from->mapping.len > ROUTE_MAPPING_MAX || bytes > ROUTE_MAPPING_BYTES_MAX)
		return;
	t->mapping_bytes = bytes;
	replace(&q->mapping, from->mapping);
	route_topic_drop_answers(t, q->topic);
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
