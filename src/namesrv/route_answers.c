/* Answers are encoded on first use and kept with the generation of the table: whatever changes a broker, an option or an order
 * configuration moves the generation on, what changes one topic only clears that topic's. A route request in the steady state
 * is one hash look-up and one copy. */
#include "base/defs.h"
#include "base/json_writer.h"
#include "namesrv/route_table_internal.h"

void route_topic_drop_answers(struct route_table *t, struct topic *topic)
{
	for (int i = 0; i < ROUTE_DIALECTS; i++) {
		t->cached_bytes -= topic->answers[i].cap;
		buf_free(&topic->answers[i]);
		topic->answers_at[i] = 0;
	}
}

void route_table_forget_answers(struct route_table *t) { t->generation++; }

/* The permission that clients see. Without a master, 5.x brokers that let a slave act are read-only. */
static int32_t effective_perm(const struct queues *q)
{
	bool is_acting = q->broker->is_acting_master_on && !has_master(q->broker);

	return q->is_wiped || is_acting ? q->perm & ~ROUTE_PERM_WRITE : q->perm;
}

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
		route_topic_drop_answers(t, topic);
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
