/* stats_handlers: figures for admins: GET_BROKER_RUNTIME_INFO (28), GET_TOPIC_STATS_INFO (202), GET_CONSUME_STATS (208),
 * QUERY_TOPIC_CONSUME_BY_WHO (300), QUERY_CONSUME_TIME_SPAN (303), VIEW_BROKER_STATS_DATA (315), GET_BROKER_CONSUME_STATS (317),
 * QUERY_TOPICS_BY_CONSUMER (343).
 * Facts: Apache AdminBrokerProcessor; json_bodies.md; keys of 28 in json_bodies.md section 6 and oddities.md. */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

#include "base/mem.h"
#include "base/stall.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/client_table.h"
#include "broker/delay_service.h"
#include "broker/group_table.h"
#include "broker/handlers.h"
#include "broker/offset_table.h"
#include "broker/pull_hold.h"
#include "broker/reply_json.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

static int32_t more_of(int32_t a, int32_t b) { return a > b ? a : b; }

static enum outcome topic_not_exist(struct request *req, struct slice topic)
{
	return reply_error(req, TOPIC_NOT_EXIST, "topic[%.*s] not exist", SLICE_ARG(topic));
}

static struct slice broker_name(const struct broker *b) { return slice_of(b->config->broker_name); }

/* Begins the member {MessageQueue}: of a table with object keys. */
static void queue_key(struct json_writer *w, struct broker *b, struct slice topic, int32_t queue_id)
{
	json_key_object(w);
	json_message_queue(w, broker_name(b), topic, queue_id);
	json_key_object_end(w);
}

/* ---- 202 ---- */

enum outcome handle_topic_stats(struct request *req)
{
	const struct get_topic_stats_info_request_header *h = req->header;
	struct broker *b = req->core;
	struct topic *topic = topic_find(b->topics, h->topic);
	struct json_body body;

	if (topic == NULL)
		return topic_not_exist(req, h->topic);
	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "offsetTable");
	json_object(&body.w);
	for (int32_t i = 0; i < more_of(topic->read_queues, topic->write_queues); i++) {
		struct store_queue *q = topic_queue(b, topic, i, false);
		int64_t min = q ? store_queue_min(q) : 0, max = q ? store_queue_max(q) : 0;

		queue_key(&body.w, b, topic->name, i);
		json_object(&body.w);
		json_member_i64(&body.w, "lastUpdateTimestamp", max > min ? store_message_time(b->store, q, max - 1) : 0);
		json_member_i64(&body.w, "maxOffset", max);
		json_member_i64(&body.w, "minOffset", min);
		json_object_end(&body.w);
	}
	json_object_end(&body.w);
	json_member_double(&body.w, "topicPutTps", stats_topic_put_tps(b->stats, topic->name));
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- which topics a group has offsets on, and which groups a topic ---- */

struct names {
	struct slice topic;  /* whose groups are wanted */
	struct slice *items; /* malloc'ed array; the texts belong to the tables */
	size_t count, cap;
};

static void names_add(struct names *n, struct slice name)
{
	for (size_t i = 0; i < n->count; i++)
		if (slice_eq(n->items[i], name))
			return;
	if (n->count == n->cap) {
		n->cap = n->cap ? n->cap * 2 : 16;
		n->items = mem_realloc(n->items, n->cap * sizeof(*n->items));
	}
	n->items[n->count++] = name;
}

static void collect_topic(void *ctx, struct slice topic) { names_add(ctx, topic); }

static void topics_of_group(struct broker *b, struct slice group, struct names *out)
{
	*out = (struct names){.items = NULL};
	offset_each_topic(b->offsets, group, collect_topic, out);
}

static void collect_group(void *ctx, struct slice topic, struct slice group, const int32_t *queue_ids, const int64_t *offsets,
			  size_t count)
{
	struct names *n = ctx;

	(void)queue_ids;
	(void)offsets;
	(void)count;
	if (slice_eq(topic, n->topic))
		names_add(n, group);
}

/* ---- 208, 317 ---- */

struct consume_stats {
	struct broker *broker;
	struct json_writer *w;
	struct slice group;
	int64_t total_diff;
};

/* One OffsetWrapper for each of the topic's queues. */
static void write_consume_offsets(struct consume_stats *s, struct topic *topic, int32_t queues)
{
	struct broker *b = s->broker;

	for (int32_t i = 0; i < queues; i++) {
		struct store_queue *q = topic_queue(b, topic, i, false);
		int64_t at_broker = q ? store_queue_max(q) : 0, consumed = offset_get(b->offsets, s->group, topic->name, i);
		int64_t last = 0;

		if (consumed < 0)
			consumed = 0;
		if (consumed > 0 && q != NULL)
			last = store_message_time(b->store, q, consumed - 1);
		queue_key(s->w, b, topic->name, i);
		json_object(s->w);
		json_member_i64(s->w, "brokerOffset", at_broker);
		json_member_i64(s->w, "consumerOffset", consumed);
		json_member_i64(s->w, "lastTimestamp", last > 0 ? last : 0);
		json_member_i64(s->w, "pullOffset", consumed);
		json_object_end(s->w);
		s->total_diff += at_broker - consumed;
	}
}

/* Live groups answer only for what they subscribe to now. */
static bool is_subscribed_or_offline(struct broker *b, struct slice group, struct slice topic)
{
	struct consumer_group *g = consumer_group_find(b->clients, group);

	return g == NULL || consumer_group_subscription_count(g) == 0 || consumer_group_subscription(g, topic) != NULL;
}

static void write_consume_stats(struct consume_stats *s, const struct names *topics, bool is_filtered)
{
	struct broker *b = s->broker;
	double tps = 0;

	json_object(s->w);
	for (size_t i = 0; i < topics->count; i++)
		if (is_filtered || is_subscribed_or_offline(b, s->group, topics->items[i]))
			tps += stats_group_get_tps(b->stats, s->group, topics->items[i]);
	json_member_double(s->w, "consumeTps", tps);
	json_key(s->w, "offsetTable");
	json_object(s->w);
	for (size_t i = 0; i < topics->count; i++) {
		struct topic *topic = topic_find(b->topics, topics->items[i]);

		if (topic != NULL && (is_filtered || is_subscribed_or_offline(b, s->group, topics->items[i])))
			write_consume_offsets(s, topic, topic->read_queues);
	}
	json_object_end(s->w);
	json_object_end(s->w);
}

enum outcome handle_consume_stats(struct request *req)
{
	const struct get_consume_stats_request_header *h = req->header;
	struct broker *b = req->core;
	struct slice list = h->topic_list, one;
	struct names topics = {.items = NULL};
	struct json_body body;
	struct consume_stats s = {.broker = b, .w = &body.w, .group = h->consumer_group};

	while (slice_split(&list, ';', &one))
		if (one.len != 0)
			names_add(&topics, one);
	if (topics.count == 0 && h->topic.len != 0)
		names_add(&topics, h->topic);
	else if (topics.count == 0)
		topics_of_group(b, h->consumer_group, &topics);
	json_body_begin(&body, req);
	write_consume_stats(&s, &topics, h->topic_list.len != 0);
	free(topics.items);
	return json_body_reply(&body);
}

struct all_stats {
	struct consume_stats s;
	bool only_order;
};

static void keep_topics(struct broker *b, struct names *topics, struct slice group, bool only_order)
{
	size_t kept = 0;

	for (size_t i = 0; i < topics->count; i++) {
		const struct topic *topic = topic_find(b->topics, topics->items[i]);

		if (topic != NULL && (!only_order || topic->is_order) && is_subscribed_or_offline(b, group, topics->items[i]))
			topics->items[kept++] = topics->items[i];
	}
	topics->count = kept;
}

/* {"group":[ConsumeStats, one a topic]} */
static void write_stats_of_group(void *ctx, struct group *g)
{
	struct all_stats *all = ctx;
	struct names topics;

	topics_of_group(all->s.broker, g->name, &topics);
	keep_topics(all->s.broker, &topics, g->name, all->only_order);
	all->s.group = g->name;
	json_object(all->s.w);
	json_key_text(all->s.w, g->name);
	json_array(all->s.w);
	for (size_t i = 0; i < topics.count; i++) {
		struct names one = {.items = &topics.items[i], .count = 1};

		write_consume_stats(&all->s, &one, true);
	}
	json_array_end(all->s.w);
	json_object_end(all->s.w);
	free(topics.items);
}

static const char *own_address(struct request *req)
{
	const struct broker_config *c = ((struct broker *)req->core)->config;
	char *text = broker_config_address(c->broker_ip1, c->listen_port);

	arena_on_reset(&req->arena, free, text);
	return text;
}

enum outcome handle_all_consume_stats(struct request *req)
{
	const struct get_consume_stats_in_broker_header *h = req->header;
	struct broker *b = req->core;
	struct json_body body;
	struct all_stats all = {.s = {.broker = b, .w = &body.w}, .only_order = h->is_order};

	json_body_begin(&body, req);
	json_object(&body.w);
	json_member_text(&body.w, "brokerAddr", slice_of(own_address(req)));
	json_key(&body.w, "consumeStatsList");
	json_array(&body.w);
	group_each(b->groups, write_stats_of_group, &all);
	json_array_end(&body.w);
	json_member_i64(&body.w, "totalDiff", all.s.total_diff);
	json_member_i64(&body.w, "totalInflightDiff", 0);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- 300, 343 ---- */

struct live_groups {
	struct slice topic;
	struct names *names;
};

static void collect_live_group(void *ctx, struct consumer_group *g)
{
	struct live_groups *l = ctx;

	if (consumer_group_subscription(g, l->topic) != NULL)
		names_add(l->names, consumer_group_name(g));
}

static enum outcome reply_names(struct request *req, const char *member, struct names *names, const char *broker_addr)
{
	struct json_body body;

	json_body_begin(&body, req);
	json_object(&body.w);
	if (broker_addr != NULL)
		json_member_text(&body.w, "brokerAddr", slice_of(broker_addr));
	json_key(&body.w, member);
	json_array(&body.w);
	for (size_t i = 0; i < names->count; i++)
		json_text(&body.w, names->items[i]);
	json_array_end(&body.w);
	json_object_end(&body.w);
	free(names->items);
	return json_body_reply(&body);
}

enum outcome handle_topic_consumed_by(struct request *req)
{
	const struct query_topic_consume_by_who_request_header *h = req->header;
	struct broker *b = req->core;
	struct names groups = {.topic = h->topic};
	struct live_groups live = {h->topic, &groups};

	client_table_each_consumer_group(b->clients, collect_live_group, &live);
	offset_each(b->offsets, collect_group, &groups);
	return reply_names(req, "groupList", &groups, NULL);
}

enum outcome handle_topics_of_group(struct request *req)
{
	const struct query_topics_by_consumer_request_header *h = req->header;
	struct broker *b = req->core;
	struct names topics;

	topics_of_group(b, h->group, &topics);
	return reply_names(req, "topicList", &topics, own_address(req));
}

/* ---- 303 ---- */

static int64_t time_at(struct broker *b, struct store_queue *q, int64_t offset)
{
	return q != NULL && offset >= store_queue_min(q) && offset < store_queue_max(q) ? store_message_time(b->store, q, offset)
											: -1;
}

enum outcome handle_consume_time_span(struct request *req)
{
	const struct query_consume_time_span_request_header *h = req->header;
	struct broker *b = req->core;
	struct topic *topic = topic_find(b->topics, h->topic);
	struct json_body body;

	if (topic == NULL)
		return topic_not_exist(req, h->topic);
	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "consumeTimeSpanSet");
	json_array(&body.w);
	for (int32_t i = 0; i < topic->write_queues; i++) {
		struct store_queue *q = topic_queue(b, topic, i, false);
		int64_t max = q ? store_queue_max(q) : 0, min_time = q ? time_at(b, q, store_queue_min(q)) : -1;
		int64_t consumed = offset_get(b->offsets, h->group, h->topic, i);
		int64_t next = consumed < max ? time_at(b, q, consumed < 0 ? 0 : consumed) : -1;

		json_object(&body.w);
		json_member_i64(&body.w, "consumeTimeStamp", consumed > 0 ? time_at(b, q, consumed - 1) : min_time);
		json_member_i64(&body.w, "delayTime", next > 0 && (int64_t)b->wall_ms > next ? (int64_t)b->wall_ms - next : 0);
		json_member_i64(&body.w, "maxTimeStamp", time_at(b, q, max - 1));
		json_key(&body.w, "messageQueue");
		json_message_queue(&body.w, broker_name(b), topic->name, i);
		json_member_i64(&body.w, "minTimeStamp", min_time);
		json_object_end(&body.w);
	}
	json_array_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- 315 ---- */

static void write_window(struct json_writer *w, const char *name, const struct stats_window *window)
{
	json_key(w, name);
	json_object(w);
	json_member_double(w, "avgpt", window->per_time);
	json_member_i64(w, "sum", (int64_t)window->sum);
	json_member_double(w, "tps", window->per_second);
	json_object_end(w);
}

enum outcome handle_view_stats(struct request *req)
{
	const struct view_broker_stats_data_request_header *h = req->header;
	struct broker *b = req->core;
	struct stats_window windows[STATS_SPANS];
	struct json_body body;

	if (!stats_view(b->stats, h->stats_name, h->stats_key, windows))
		return reply_error(req, SYSTEM_ERROR, "The stats <%.*s> <%.*s> not exist", SLICE_ARG(h->stats_name),
				   SLICE_ARG(h->stats_key));
	json_body_begin(&body, req);
	json_object(&body.w);
	write_window(&body.w, "statsDay", &windows[STATS_DAY]);
	write_window(&body.w, "statsHour", &windows[STATS_HOUR]);
	write_window(&body.w, "statsMinute", &windows[STATS_MINUTE]);
	json_object_end(&body.w);
	return json_body_reply(&body);
}

/* ---- 28 ---- */

static void put_text(struct json_writer *w, const char *name, const char *text) { json_member_text(w, name, slice_of(text)); }

static void PRINTF(3, 4) put(struct json_writer *w, const char *name, const char *fmt, ...)
{
	char text[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	put_text(w, name, text);
}

static void put_number(struct json_writer *w, const char *name, int64_t value) { put(w, name, "%lld", (long long)value); }

/* "10 s, 1 min, 10 min" averages; the dashboard reads each part as a decimal. */
static void put_rates(struct json_writer *w, const struct broker *b, const char *name, enum stats_rate rate)
{
	put(w, name, "%.3f %.3f %.3f", stats_rate(b->stats, rate, 10), stats_rate(b->stats, rate, 60),
	    stats_rate(b->stats, rate, 600));
}

/* As MixAll.humanReadableByteCount(bytes, false): 1.5 GiB. */
static const char *readable_bytes(struct arena *arena, double bytes)
{
	static const char units[] = "KMGTPE";
	int unit = -1;

	if (bytes < 1024)
		return arena_printf(arena, "%.0f B", bytes);
	while (bytes >= 1024 && unit < 5) {
		bytes /= 1024;
		unit++;
	}
	return arena_printf(arena, "%.1f %ciB", bytes, units[unit]);
}

static void put_identity(struct json_writer *w, const struct broker *b, struct arena *arena)
{
	uint64_t up_s = (b->timers->now_ms - b->boot_ms) / 1000;

	put_text(w, "brokerActive", "true");
	put_number(w, "brokerVersion", FUSEE_VERSION);
	put_text(w, "brokerVersionDesc", "V5_5_0");
	put_number(w, "bootTimestamp", (int64_t)b->boot_wall_ms);
	put_text(w, "runtime",
		 arena_printf(arena, "[ %llu days, %llu hours, %llu minutes, %llu seconds ]", (unsigned long long)(up_s / 86400),
			      (unsigned long long)(up_s / 3600 % 24), (unsigned long long)(up_s / 60 % 60),
			      (unsigned long long)(up_s % 60)));
	put_number(w, "startAcceptSendRequestTimeStamp", b->config->start_accept_send_request_time_stamp);
}

static void put_traffic(struct json_writer *w, const struct broker *b)
{
	const struct stats_totals *t = stats_totals(b->stats);

	put_rates(w, b, "putTps", RATE_PUT);
	put_rates(w, b, "getFoundTps", RATE_GET_FOUND);
	put_rates(w, b, "getMissTps", RATE_GET_MISSED);
	put_rates(w, b, "getTotalTps", RATE_GET_TOTAL);
	/* The first spelling is 5.x's, the second 4.9's, whose tools fail without it. */
	put_rates(w, b, "getTransferredTps", RATE_GET_MESSAGES);
	put_rates(w, b, "getTransferedTps", RATE_GET_MESSAGES);
	put_number(w, "msgPutTotalYesterdayMorning", (int64_t)t->put_yesterday_morning);
	put_number(w, "msgPutTotalTodayMorning", (int64_t)t->put_today_morning);
	put_number(w, "msgPutTotalTodayNow", (int64_t)t->put_messages);
	put_number(w, "msgGetTotalYesterdayMorning", (int64_t)t->get_yesterday_morning);
	put_number(w, "msgGetTotalTodayMorning", (int64_t)t->get_today_morning);
	put_number(w, "msgGetTotalTodayNow", (int64_t)t->get_messages);
}

/* Requests never queue here: sizes and waits are zero, capacities are what Apache's defaults say. */
static void put_request_queues(struct json_writer *w)
{
	static const struct {
		const char *name;
		int capacity;
	} queues[] = {{"send", 10000}, {"pull", 100000}, {"litePull", 100000}, {"query", 20000}, {"ack", 100000}};
	char name[64];

	for (size_t i = 0; i < COUNT_OF(queues); i++) {
		mem_format(name, sizeof(name), "%sThreadPoolQueueSize", queues[i].name);
		put_number(w, name, 0);
		mem_format(name, sizeof(name), "%sThreadPoolQueueCapacity", queues[i].name);
		put_number(w, name, queues[i].capacity);
		mem_format(name, sizeof(name), "%sThreadPoolQueueHeadWaitTimeMills", queues[i].name);
		put_number(w, name, 0);
	}
	put_number(w, "EndTransactionQueueSize", 0);
	put_number(w, "EndTransactionThreadPoolQueueCapacity", 100000);
}

static void put_store(struct json_writer *w, const struct broker *b, struct arena *arena)
{
	struct store_figures f;
	struct statvfs disk;

	store_get_figures(b->store, &f);
	put_number(w, "pageCacheLockTimeMills", 0);
	put_number(w, "earliestMessageTimeStamp", store_earliest_time(b->store));
	put(w, "commitLogDiskRatio", "%.4f", f.disk_ratio_commit_log);
	put(w, "consumeQueueDiskRatio", "%.4f", f.disk_ratio_queues);
	put_number(w, "commitLogMinOffset", f.min_offset);
	put_number(w, "commitLogMaxOffset", f.written);
	if (statvfs(b->config->store_path_root_dir, &disk) == 0)
		put(w, "commitLogDirCapacity", "Total : %s, Free : %s.",
		    readable_bytes(arena, (double)disk.f_blocks * (double)disk.f_frsize),
		    readable_bytes(arena, (double)disk.f_bfree * (double)disk.f_frsize));
	put_number(w, "dispatchBehindBytes", 0);
	put_number(w, "dispatchMaxBuffer", 0);
	put_number(w, "remainTransientStoreBufferNumbs", 0);
	put_text(w, "remainHowManyDataToCommit", "0 B");
	put_text(w, "remainHowManyDataToFlush", readable_bytes(arena, (double)(f.written - f.flushed)));
	put_text(w, "storeState", f.is_writable ? "writable" : f.is_broken ? "read-only until restart" : "read-only for now");
	put_text(w, "storeWhyReadOnly", f.why_read_only);
	put_number(w, "damagedMessages", (int64_t)f.damaged_messages);
}

static void put_put_statistics(struct json_writer *w, const struct broker *b)
{
	struct store_figures f;

	store_get_figures(b->store, &f);
	put_number(w, "putMessageEntireTimeMax", (int64_t)(f.put_max_us / 1000));
	put_number(w, "putMessageTimesTotal", (int64_t)f.puts_total);
	put_number(w, "putMessageFailedTimes", (int64_t)f.puts_failed);
	put_number(w, "putMessageSizeTotal", (int64_t)f.put_bytes_total);
	put_text(w, "putMessageDistributeTime", "");
	put(w, "putMessageAverageSize", "%.1f", f.puts_total ? (double)f.put_bytes_total / (double)f.puts_total : 0.0);
	put_number(w, "getMessageEntireTimeMax", 0);
	put_number(w, "putLatency99", 0);
	put_number(w, "putLatency999", 0);
}

static void put_delays(struct json_writer *w, struct broker *b)
{
	struct topic *topic = topic_find(b->topics, SLICE_LIT(TOPIC_SCHEDULE));
	char name[64];

	for (int32_t level = 1; level <= delay_service_levels(b->delay); level++) {
		struct store_queue *q = topic ? topic_queue(b, topic, level - 1, false) : NULL;

		mem_format(name, sizeof(name), "scheduleMessageOffset_%d", level);
		put(w, name, "%lld,%lld", (long long)delay_service_offset(b->delay, level),
		    (long long)(q ? store_queue_max(q) : 0));
	}
}

static void put_timer(struct json_writer *w)
{
	put_number(w, "timerReadBehind", 0);
	put_number(w, "timerOffsetBehind", 0);
	put_number(w, "timerCongestNum", 0);
	put_text(w, "timerEnqueueTps", "0.0");
	put_text(w, "timerDequeueTps", "0.0");
}

/* Loop turns over 5 ms, and which part took them; a phase without any is left out. Without a recorder (tests of the core): nothing. */
static void put_stalls(struct json_writer *w)
{
	const struct stall *s = stall_here;
	char name[64];

	if (s == NULL)
		return;
	put_number(w, "loopStalls", (int64_t)s->count);
	put(w, "loopStallMaxMillis", "%.1f", (double)s->longest_turn_ns / 1e6);
	for (int i = 0; i < STALL_PHASE_COUNT; i++) {
		if (s->counts[i] == 0)
			continue;
		mem_format(name, sizeof(name), "loopStalls_%s", stall_phase_name((enum stall_phase)i));
		for (char *at = name; (at = strchr(at, ' ')) != NULL;)
			*at = '_';
		put_number(w, name, (int64_t)s->counts[i]);
	}
}

enum outcome handle_runtime_info(struct request *req)
{
	struct broker *b = req->core;
	struct json_body body;

	json_body_begin(&body, req);
	json_object(&body.w);
	json_key(&body.w, "table");
	json_object(&body.w);
	put_identity(&body.w, b, &req->arena);
	put_traffic(&body.w, b);
	put_request_queues(&body.w);
	put_store(&body.w, b, &req->arena);
	put_put_statistics(&body.w, b);
	put_delays(&body.w, b);
	put_timer(&body.w);
	put_stalls(&body.w);
	put_number(&body.w, "heldPulls", (int64_t)pull_hold_count(b->holds));
	json_object_end(&body.w);
	json_object_end(&body.w);
	return json_body_reply(&body);
}
