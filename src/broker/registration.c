/* Happy path: at start, each period and after a turn that changed topics, REGISTER_BROKER goes to every name server, each on its own, so
 * that a dead one delays nobody. A change of one topic is sent alone to the servers that have the whole table; anything else sends it all.
 * Failure: what a server did not get is remembered (`wants_all`) and goes out with the next round; a lost answer is a line in the log,
 * once until it works again. */
#include "broker/registration.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define NAMESRVS_MAX 32
#define STOP_MS 3000
#define RETRY_MS 1000 /* after a failure, sooner than the period */

struct server { /* one name server */
	struct registration *r;
	char *address;
	bool has_all;      /* it has had the whole table in this life of ours */
	bool is_under_way; /* one register at a time, so that they arrive in order */
	bool again;        /* something changed meanwhile */
	bool is_failing;   /* told in the log already */
};

struct registration {
	struct broker *broker;
	struct server servers[NAMESRVS_MAX];
	int count;
	char *broker_address, *ha_address;
	struct timer period, soon;
	const struct topic *changed; /* the only topic that changed in this turn; NULL with changed_all: more than one */
	bool has_change, changed_all;
	bool is_started;
	int unregisters; /* under way */
	struct timer stop_timer, stop_now;
	void (*on_done)(void *ctx);
	void *on_done_ctx;
};

/* ---- body ---- */

/* brokerPermission narrows what clients may do on each topic; the route is where they see it. */
static void write_topic(struct json_writer *w, const struct broker *b, const struct topic *topic)
{
	struct topic narrowed = *topic;

	narrowed.perm &= b->config->broker_permission | PERM_INHERIT | PERM_PRIORITY;
	json_key_text(w, topic->name);
	json_object(w);
	topic_write_members(&narrowed, w);
	json_object_end(w);
}

struct writing {
	struct json_writer *w;
	const struct broker *b;
};

static void visit_topic(void *ctx, struct topic *topic)
{
	const struct writing *writing = ctx;

	write_topic(writing->w, writing->b, topic);
}

static void write_empty_object(struct json_writer *w, const char *name)
{
	json_key(w, name);
	json_object(w);
	json_object_end(w);
}

/* RegisterBrokerBody; `only` NULL: all topics. */
static void write_body(struct registration *r, const struct topic *only, struct buf *out)
{
	struct json_writer w;
	struct writing writing = {&w, r->broker};

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_key(&w, "filterServerList");
	json_array(&w);
	json_array_end(&w);
	json_key(&w, "topicConfigSerializeWrapper");
	json_object(&w);
	json_key(&w, "dataVersion");
	data_version_write(topic_table_version(r->broker->topics), &w);
	json_key(&w, "mappingDataVersion");
	data_version_write(&(struct data_version){.timestamp = (int64_t)r->broker->boot_wall_ms}, &w);
	json_key(&w, "topicConfigTable");
	json_object(&w);
	if (only != NULL)
		write_topic(&w, r->broker, only);
	else
		topic_each(r->broker->topics, visit_topic, &writing);
	json_object_end(&w);
	write_empty_object(&w, "topicQueueMappingDetailMap");
	write_empty_object(&w, "topicQueueMappingInfoMap");
	json_object_end(&w);
	json_object_end(&w);
}

/* ---- register ---- */

static void note_failure(struct server *s, const char *why)
{
	if (!s->is_failing)
		log_warn("broker", "register with name server '%s' failed: %s", s->address, why);
	s->is_failing = true;
	s->has_all = false;
	if (!timer_is_running(&s->r->soon))
		timer_start(s->r->broker->timers, &s->r->soon, RETRY_MS);
}

static void on_registered(void *ctx, enum rc rc, const struct command *answer)
{
	struct server *s = ctx;
	struct registration *r = s->r;

	s->is_under_way = false;
	if (r->on_done != NULL) /* stopping: unregister follows on its own */
		return;
	if (rc != RC_OK) {
		note_failure(s, rc_text(rc));
	} else if (answer->code != SUCCESS) {
		struct arena arena;
		struct slice remark;

		arena_init(&arena);
		remark = command_remark(answer, &arena);
		char *why = mem_printf("code %d, %.*s", answer->code, SLICE_ARG(remark));
		note_failure(s, why);
		free(why);
		arena_reset(&arena);
	} else {
		if (s->is_failing || !s->has_all)
			log_info("broker", "registered with name server '%s'", s->address);
		s->is_failing = false;
		s->has_all = true;
	}
	if (s->again) {
		s->again = false;
		r->has_change = r->changed_all = true;
		timer_start(r->broker->timers, &r->soon, s->is_failing ? RETRY_MS : 0);
	}
}

static void register_with(struct registration *r, struct server *s, struct slice body)
{
	const struct broker_config *c = r->broker->config;
	struct register_broker_request_header h = {
		.present = HEADER_ALL(register_broker_request_header),
		.broker_name = slice_of(c->broker_name),
		.broker_addr = slice_of(r->broker_address),
		.cluster_name = slice_of(c->broker_cluster_name),
		.ha_server_addr = slice_of(r->ha_address),
		.broker_id = c->broker_id,
		.body_crc32 = (int32_t)(crc32(0, (const unsigned char *)body.at, (unsigned)body.len) & 0x7FFFFFFF),
	};

	/* No heartbeats follow (they are for acting masters), so the name server's own 120 s hold. */
	h.present &= ~(HEADER_BIT(register_broker_request_header, heartbeat_timeout_millis) |
		       HEADER_BIT(register_broker_request_header, enable_acting_master));
	s->is_under_way = true;
	r->broker->outbound->call(r->broker->outbound, s->address, REGISTER_BROKER, &register_broker_request_header_schema, &h,
				  body, (uint64_t)c->register_broker_timeout_mills, on_registered, s);
}

/* One round over all servers: the one changed topic to those that have the rest, everything to the others. */
static void round_begin(struct registration *r)
{
	struct buf all = {0}, one = {0};
	bool is_single = r->has_change && !r->changed_all && r->changed != NULL;

	for (int i = 0; i < r->count; i++) {
		struct server *s = &r->servers[i];
		bool wants_one = is_single && s->has_all;
		struct buf *body = wants_one ? &one : &all;

		if (s->is_under_way) {
			s->again = true;
			continue;
		}
		if (body->len == 0)
			write_body(r, wants_one ? r->changed : NULL, body);
		register_with(r, s, buf_slice(body));
	}
	r->has_change = r->changed_all = false;
	r->changed = NULL;
	buf_free(&all);
	buf_free(&one);
}

static void on_period(struct timer *t)
{
	struct registration *r = CONTAINER_OF(t, struct registration, period);

	timer_start(r->broker->timers, t, (uint64_t)r->broker->config->register_name_server_period);
	r->has_change = r->changed_all = true;
	round_begin(r);
}

static void on_soon(struct timer *t)
{
	struct registration *r = CONTAINER_OF(t, struct registration, soon);

	if (!r->has_change)
		r->has_change = r->changed_all = true;
	round_begin(r);
}

void registration_topic_changed(struct registration *r, const struct topic *topic)
{
	if (r == NULL || !r->is_started || r->on_done != NULL)
		return;
	if (r->has_change && (topic == NULL || r->changed != topic))
		r->changed_all = true;
	if (topic == NULL)
		r->changed_all = true;
	r->has_change = true;
	r->changed = topic;
	timer_start(r->broker->timers, &r->soon, 0);
}

/* ---- stop ---- */

static void finish(struct registration *r)
{
	timer_stop(r->broker->timers, &r->stop_timer);
	timer_stop(r->broker->timers, &r->stop_now);
	if (r->on_done != NULL) {
		void (*on_done)(void *) = r->on_done;

		r->on_done = NULL;
		r->is_started = false;
		on_done(r->on_done_ctx);
	}
}

static void on_stop_timer(struct timer *t) { finish(CONTAINER_OF(t, struct registration, stop_timer)); }

static void on_stop_now(struct timer *t) { finish(CONTAINER_OF(t, struct registration, stop_now)); }

static void on_unregistered(void *ctx, enum rc rc, const struct command *answer)
{
	struct registration *r = ctx;

	(void)rc; /* a name server that is away will notice by itself */
	(void)answer;
	if (--r->unregisters == 0)
		finish(r);
}

void registration_stop(struct registration *r, void (*on_done)(void *ctx), void *ctx)
{
	const struct broker_config *c = r->broker->config;
	struct unregister_broker_request_header h = {
		.present = HEADER_ALL(unregister_broker_request_header),
		.broker_name = slice_of(c->broker_name),
		.broker_addr = slice_of(r->broker_address),
		.cluster_name = slice_of(c->broker_cluster_name),
		.broker_id = c->broker_id,
	};

	r->on_done = on_done;
	r->on_done_ctx = ctx;
	timer_stop(r->broker->timers, &r->period);
	timer_stop(r->broker->timers, &r->soon);
	timer_start(r->broker->timers, &r->stop_timer, STOP_MS);
	for (int i = 0; i < r->count && r->is_started; i++) {
		r->unregisters++;
		r->broker->outbound->call(r->broker->outbound, r->servers[i].address, UNREGISTER_BROKER,
					  &unregister_broker_request_header_schema, &h, (struct slice){0}, STOP_MS,
					  on_unregistered, r);
	}
	if (r->unregisters == 0)
		timer_start(r->broker->timers, &r->stop_now, 0);
}

/* ---- life ---- */

static void split_addresses(struct registration *r)
{
	struct slice rest = slice_of(r->broker->config->namesrv_addr), one;

	while (slice_split(&rest, ';', &one)) {
		while (one.len > 0 && one.at[0] == ' ')
			one = slice_sub(one, 1, one.len);
		while (one.len > 0 && one.at[one.len - 1] == ' ')
			one.len--;
		if (one.len == 0)
			continue;
		if (r->count == NAMESRVS_MAX) {
			log_warn("broker", "namesrvAddr: only the first %d name servers are used", NAMESRVS_MAX);
			return;
		}
		r->servers[r->count++] = (struct server){.r = r, .address = slice_dup(one)};
	}
}

struct registration *registration_new(struct broker *b)
{
	struct registration *r = mem_zalloc(sizeof(*r));
	const struct broker_config *c = b->config;
	int ha_port = c->ha_listen_port > 0 ? c->ha_listen_port : c->listen_port + 1;

	r->broker = b;
	r->period.on_timer = on_period;
	r->soon.on_timer = on_soon;
	r->stop_timer.on_timer = on_stop_timer;
	r->stop_now.on_timer = on_stop_now;
	r->broker_address = mem_printf("%s:%d", c->broker_ip1, c->listen_port);
	r->ha_address = mem_printf("%s:%d", c->broker_ip2 ? c->broker_ip2 : c->broker_ip1, ha_port);
	split_addresses(r);
	return r;
}

void registration_start(struct registration *r)
{
	r->is_started = true;
	if (r->count == 0)
		log_warn("broker", "no name server is known (namesrvAddr, -n or NAMESRV_ADDR): clients cannot find this broker");
	timer_start(r->broker->timers, &r->period, 0);
}

void registration_free(struct registration *r)
{
	if (r == NULL)
		return;
	timer_stop(r->broker->timers, &r->period);
	timer_stop(r->broker->timers, &r->soon);
	timer_stop(r->broker->timers, &r->stop_timer);
	timer_stop(r->broker->timers, &r->stop_now);
	for (int i = 0; i < r->count; i++)
		free(r->servers[i].address);
	free(r->broker_address);
	free(r->ha_address);
	free(r);
}
