/* Happy path: at start, each period and after a turn that changed topics, REGISTER_BROKER goes to every name server. Each server has
 * its own state and its own timer, so that a dead one delays nobody and costs the others nothing:
 *
 *   wants nothing --(start, period, change, lost connection)--> wants ONE topic or ALL --send()--> under way
 *        ^                                                             ^                              |
 *        |                                                             +----(failed: retry timer)-----+
 *        +---------------------------------------(registered)----------------------------------------+
 *
 * A change of one topic is sent alone to the servers that have the whole table; anything else sends the table. What changes while a
 * register is under way goes out behind it. With forceRegister=false the periodic one asks first whether the data version is known
 * (QUERY_DATA_VERSION, which counts as a sign of life) and leaves the table out.
 * Failure: a server that cannot be reached is asked for its data version (a few bytes, not the table) after RETRY_MIN_MS, doubled up
 * to RETRY_MAX_MS, and gets the table once it answers; one that refuses is asked again with the next period. One line in the log until
 * it works again. */
#include "broker/registration.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/json_read.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/topic_table.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define NAMESRVS_MAX 32
#define STOP_MS 3000      /* how long a stop waits for the answers to its unregisters */
#define SETTLE_MS 1000    /* how long an answer waits for name servers that do not say anything */
#define RETRY_MIN_MS 1000 /* after a failure, sooner than the period */
#define RETRY_MAX_MS 4000

enum want { WANTS_NOTHING, WANTS_VERSION, WANTS_ONE, WANTS_ALL }; /* a later one includes the earlier */

struct server { /* one name server */
	struct registration *r;
	char *address;
	enum want want;
	bool has_all;      /* it has had the whole table, over a connection that still stands */
	bool is_under_way; /* one call at a time, so that they arrive in order */
	bool is_failing;   /* told in the log already */
	bool is_gone;      /* namesrvAddr does not have it any more; its place is free once nothing is under way */
	uint64_t retry_ms;
	struct timer retry;
};

struct registration {
	struct broker *broker;
	struct server servers[NAMESRVS_MAX];
	int count;
	char *broker_address, *ha_address;
	struct timer period;
	struct timer turn;           /* runs once behind a turn that changed topics */
	const struct topic *changed; /* the only topic that changed since the last round, or NULL */
	bool has_change;
	bool is_started, is_stopping;
	int unregisters;     /* under way */
	struct list waiting; /* requests whose answer waits for the name servers */
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

/* ---- answers that wait ---- */

/* Nothing that a name server in good health should know is still on its way to it. */
static bool is_settled(const struct registration *r)
{
	for (int i = 0; i < r->count; i++)
		if (r->servers[i].is_under_way && !r->servers[i].is_failing && !r->servers[i].is_gone)
			return false;
	return !timer_is_running(&r->turn);
}

static void answer_waiting(struct request *req)
{
	enum outcome outcome = reply_empty(req, SUCCESS, NULL);

	(void)outcome;
	request_finish(req);
}

static void answer_all_if_settled(struct registration *r)
{
	struct list *node;

	while (is_settled(r) && (node = list_pop(&r->waiting)) != NULL)
		answer_waiting(CONTAINER_OF(node, struct request, parked));
}

enum outcome registration_settle(struct registration *r, struct request *req)
{
	if (r == NULL || is_settled(r) || request_is_oneway(req))
		return reply_empty(req, SUCCESS, NULL);
	req->on_deadline = answer_waiting;
	request_set_deadline(req, SETTLE_MS);
	list_append(&r->waiting, &req->parked);
	return PENDING;
}

/* ---- what comes back ---- */

static void send(struct server *s, struct buf *all, struct buf *one);

static void send_alone(struct server *s)
{
	struct buf all = {0}, one = {0};

	send(s, &all, &one);
	buf_free(&all);
	buf_free(&one);
}

static void note_failure(struct server *s, const char *why)
{
	if (!s->is_failing)
		log_warn("broker", "register with name server '%s' failed: %s", s->address, why);
	s->is_failing = true;
	s->has_all = false;
}

static void retry_later(struct server *s)
{
	s->want = WANTS_VERSION;
	s->retry_ms = s->retry_ms == 0 ? RETRY_MIN_MS : s->retry_ms * 2;
	if (s->retry_ms > RETRY_MAX_MS)
		s->retry_ms = RETRY_MAX_MS;
	timer_start(s->r->broker->timers, &s->retry, s->retry_ms);
}

static void note_refusal(struct server *s, const struct command *answer)
{
	struct arena arena;
	struct slice remark;
	char *why;

	arena_init(&arena);
	remark = command_remark(answer, &arena);
	why = mem_printf("code %d, %.*s", answer->code, SLICE_ARG(remark));
	note_failure(s, why);
	free(why);
	arena_reset(&arena);
}

/* A call has ended, and what it brought is done with. */
static void after_call(struct server *s)
{
	if (s->want != WANTS_NOTHING && !timer_is_running(&s->retry))
		send_alone(s);
	answer_all_if_settled(s->r);
}

/* A call has ended. True when the server has answered, whatever it said, and we still run. */
static bool is_answered(struct server *s, enum rc rc)
{
	s->is_under_way = false;
	if (s->r->is_stopping) /* unregister follows on its own */
		return false;
	if (s->is_gone) {
		answer_all_if_settled(s->r);
		return false;
	}
	if (rc == RC_OK)
		return true;
	note_failure(s, rc_text(rc));
	retry_later(s);
	answer_all_if_settled(s->r);
	return false;
}

/* The answer's body is the name server's order configuration, {"table":{TOPIC:..}}: these topics are ordered. Topics that are not in
 * it stay as they are, as in Apache: the name server need not know them all. */
static void take_order_topics(struct broker *b, struct slice body)
{
	cJSON *tree = NULL;
	bool has_change = false;

	if (body.len == 0 || json_parse(body, &tree) != RC_OK)
		return;
	JSON_EACH (it, json_get_object(tree, "table")) {
		struct topic *topic = topic_find(b->topics, json_name(it));

		if (topic == NULL || topic->is_order)
			continue;
		topic->is_order = has_change = true;
		log_info("broker", "topic '%.*s' is ordered, says the name server", SLICE_ARG(topic->name));
	}
	json_free(tree);
	if (has_change)
		topic_table_bump(b);
}

static void on_registered(void *ctx, enum rc rc, const struct command *answer)
{
	struct server *s = ctx;

	if (!is_answered(s, rc))
		return;
	if (answer->code != SUCCESS) {
		note_refusal(s, answer);
		answer_all_if_settled(s->r);
		return;
	}
	if (s->is_failing || !s->has_all)
		log_info("broker", "registered with name server '%s'", s->address);
	s->is_failing = false;
	s->retry_ms = 0;
	s->has_all = true;
	take_order_topics(s->r->broker, answer->body);
	after_call(s);
}

static void on_version(void *ctx, enum rc rc, const struct command *answer)
{
	struct query_data_version_response_header h = {.changed = true};
	struct server *s = ctx;
	struct arena arena;
	const char *bad;

	if (!is_answered(s, rc))
		return;
	arena_init(&arena);
	if (!s->has_all || answer->code != SUCCESS || /* name servers before 4.3 do not know the code */
	    command_decode_ext(answer, &query_data_version_response_header_schema, &h, &arena, &bad) != RC_OK || h.changed)
		s->want = WANTS_ALL;
	arena_reset(&arena);
	after_call(s);
}

/* ---- what goes out ---- */

static void send_register(struct server *s, struct slice body)
{
	struct registration *r = s->r;
	const struct broker_config *c = r->broker->config;
	struct register_broker_request_header h = {
		.present = HEADER_ALL(register_broker_request_header),
		.broker_name = slice_of(c->broker_name),
		.broker_addr = slice_of(r->broker_address),
		.cluster_name = slice_of(c->broker_cluster_name),
		.ha_server_addr = slice_of(r->ha_address),
		.broker_id = c->broker_id,
		.body_crc32 = (int32_t)(crc32_z(0, (const Bytef *)body.at, body.len) & 0x7FFFFFFF),
	};

	/* No heartbeats follow (they are for acting masters), so the name server's own 120 s hold. */
	h.present &= ~HEADER_BIT(register_broker_request_header, heartbeat_timeout_millis);
	r->broker->outbound->call(r->broker->outbound, s->address, REGISTER_BROKER, &register_broker_request_header_schema, &h,
				  body, (uint64_t)c->register_broker_timeout_mills, on_registered, s);
}

static void send_version(struct server *s)
{
	struct registration *r = s->r;
	const struct broker_config *c = r->broker->config;
	struct query_data_version_request_header h = {
		.present = HEADER_ALL(query_data_version_request_header),
		.broker_name = slice_of(c->broker_name),
		.broker_addr = slice_of(r->broker_address),
		.cluster_name = slice_of(c->broker_cluster_name),
		.broker_id = c->broker_id,
	};
	struct buf body = {0};
	struct json_writer w;

	json_begin(&w, &body, JSON_COMPACT);
	data_version_write(topic_table_version(r->broker->topics), &w);
	r->broker->outbound->call(r->broker->outbound, s->address, QUERY_DATA_VERSION, &query_data_version_request_header_schema,
				  &h, buf_slice(&body), (uint64_t)c->register_broker_timeout_mills, on_version, s);
	buf_free(&body);
}

/* Send what the server wants, unless it has not answered the last call. `all`, `one`: bodies, encoded when first needed in a round. */
static void send(struct server *s, struct buf *all, struct buf *one)
{
	struct registration *r = s->r;
	enum want want = s->want;
	struct buf *body;

	if (s->is_under_way || want == WANTS_NOTHING)
		return;
	if (want == WANTS_ONE && (!s->has_all || r->changed == NULL))
		want = WANTS_ALL;
	s->want = WANTS_NOTHING;
	s->is_under_way = true;
	timer_stop(r->broker->timers, &s->retry);
	if (want == WANTS_VERSION) {
		send_version(s);
		return;
	}
	body = want == WANTS_ONE ? one : all;
	if (body->len == 0)
		write_body(r, want == WANTS_ONE ? r->changed : NULL, body);
	send_register(s, buf_slice(body));
}

/* All servers want at least `want`; those that are free get it now. */
static void begin_round(struct registration *r, enum want want)
{
	struct buf all = {0}, one = {0};
	uint32_t was = stall_at(STALL_REGISTRATION, 0);

	for (int i = 0; i < r->count; i++) {
		struct server *s = &r->servers[i];

		if (s->is_gone)
			continue;
		/* What waits behind a call is sent from on_registered, when `changed` may be another topic. */
		if ((s->is_under_way && want == WANTS_ONE) || (want == WANTS_VERSION && !s->has_all && !s->is_failing))
			s->want = WANTS_ALL;
		else if (s->want < want)
			s->want = want;
		send(s, &all, &one);
	}
	r->has_change = false;
	r->changed = NULL;
	buf_free(&all);
	buf_free(&one);
	stall_back(was);
}

static void on_period(struct timer *t)
{
	struct registration *r = CONTAINER_OF(t, struct registration, period);
	const struct broker_config *c = r->broker->config;

	timer_start(r->broker->timers, t, (uint64_t)c->register_name_server_period);
	begin_round(r, c->force_register || r->has_change ? WANTS_ALL : WANTS_VERSION);
}

static void on_turn(struct timer *t)
{
	struct registration *r = CONTAINER_OF(t, struct registration, turn);

	if (r->has_change)
		begin_round(r, r->changed ? WANTS_ONE : WANTS_ALL);
}

static void on_retry(struct timer *t) { send_alone(CONTAINER_OF(t, struct server, retry)); }

void registration_topic_changed(struct registration *r, const struct topic *topic)
{
	if (r == NULL || !r->is_started || r->is_stopping)
		return;
	r->changed = !r->has_change || r->changed == topic ? topic : NULL;
	r->has_change = true;
	/* At once, so that it leaves before the answer to the request that made the topic: the Go client asks for the route right
	 * behind that answer, and fails without (compat/go, 6% of new topics on a loaded machine). More changes go together. */
	if (topic != NULL && is_settled(r))
		begin_round(r, WANTS_ONE);
	else
		timer_start(r->broker->timers, &r->turn, 0);
}

/* The name server has dropped us, or is gone itself: register as soon as it can be reached. */
static void on_lost(void *ctx, const char *address)
{
	struct registration *r = ctx;

	for (int i = 0; i < r->count && r->is_started && !r->is_stopping; i++) {
		struct server *s = &r->servers[i];

		if (s->is_gone || strcmp(s->address, address) != 0)
			continue;
		s->has_all = false;
		s->want = WANTS_ALL;
		if (!s->is_under_way && !timer_is_running(&s->retry))
			timer_start(r->broker->timers, &s->retry, 0);
	}
}

/* ---- stop ---- */

static void finish(struct registration *r)
{
	void (*on_done)(void *) = r->on_done;

	timer_stop(r->broker->timers, &r->stop_timer);
	timer_stop(r->broker->timers, &r->stop_now);
	r->on_done = NULL;
	if (on_done != NULL)
		on_done(r->on_done_ctx);
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

static void stop_timers(struct registration *r)
{
	timer_stop(r->broker->timers, &r->period);
	timer_stop(r->broker->timers, &r->turn);
	timer_stop(r->broker->timers, &r->stop_timer);
	timer_stop(r->broker->timers, &r->stop_now);
	for (int i = 0; i < r->count; i++)
		timer_stop(r->broker->timers, &r->servers[i].retry);
}

/* on_answer NULL: nobody waits for the answer. */
static void unregister(struct server *s, peer_answer_fn *on_answer)
{
	struct registration *r = s->r;
	const struct broker_config *c = r->broker->config;
	struct unregister_broker_request_header h = {
		.present = HEADER_ALL(unregister_broker_request_header),
		.broker_name = slice_of(c->broker_name),
		.broker_addr = slice_of(r->broker_address),
		.cluster_name = slice_of(c->broker_cluster_name),
		.broker_id = c->broker_id,
	};

	r->broker->outbound->call(r->broker->outbound, s->address, UNREGISTER_BROKER, &unregister_broker_request_header_schema,
				  &h, (struct slice){0}, STOP_MS, on_answer, r);
}

void registration_stop(struct registration *r, void (*on_done)(void *ctx), void *ctx)
{
	struct list *node;

	stop_timers(r);
	r->is_stopping = true;
	while ((node = list_pop(&r->waiting)) != NULL)
		answer_waiting(CONTAINER_OF(node, struct request, parked));
	r->on_done = on_done;
	r->on_done_ctx = ctx;
	timer_start(r->broker->timers, &r->stop_timer, STOP_MS);
	for (int i = 0; i < r->count && r->is_started; i++) {
		if (r->servers[i].is_gone)
			continue;
		r->unregisters++;
		unregister(&r->servers[i], on_unregistered);
	}
	if (r->unregisters == 0)
		timer_start(r->broker->timers, &r->stop_now, 0);
}

/* ---- life ---- */

static struct slice trimmed(struct slice s)
{
	while (s.len > 0 && s.at[0] == ' ')
		s = slice_sub(s, 1, s.len);
	while (s.len > 0 && s.at[s.len - 1] == ' ')
		s.len--;
	return s;
}

static bool is_listed(const struct registration *r, const char *address)
{
	struct slice rest = slice_of(r->broker->config->namesrv_addr), one;

	while (slice_split(&rest, ';', &one))
		if (slice_is(trimmed(one), address))
			return true;
	return false;
}

/* The one with this address, else a free place, else NULL. */
static struct server *place_of(struct registration *r, struct slice address)
{
	struct server *free_one = r->count < NAMESRVS_MAX ? &r->servers[r->count] : NULL;

	for (int i = 0; i < r->count; i++) {
		if (slice_is(address, r->servers[i].address))
			return &r->servers[i];
		if (r->servers[i].is_gone && !r->servers[i].is_under_way)
			free_one = &r->servers[i];
	}
	return free_one;
}

/* All addresses of namesrvAddr that have no place yet get one. */
static void take_addresses(struct registration *r)
{
	struct slice rest = slice_of(r->broker->config->namesrv_addr), one;

	while (slice_split(&rest, ';', &one)) {
		struct server *s;

		one = trimmed(one);
		if (one.len == 0)
			continue;
		s = place_of(r, one);
		if (s == NULL) {
			log_warn("broker", "namesrvAddr: only the first %d name servers are used", NAMESRVS_MAX);
			return;
		}
		if (s == &r->servers[r->count])
			r->count++;
		else if (!s->is_gone)
			continue;
		if (s->address != NULL && slice_is(one, s->address)) { /* it was gone, and is there again */
			s->is_gone = s->has_all = false;
		} else {
			free(s->address);
			*s = (struct server){.r = r, .address = slice_dup(one), .retry.on_timer = on_retry};
		}
	}
}

void registration_servers_changed(struct registration *r)
{
	bool has_new = false;

	if (!r->is_started || r->is_stopping)
		return;
	for (int i = 0; i < r->count; i++) {
		struct server *s = &r->servers[i];

		if (s->is_gone || is_listed(r, s->address))
			continue;
		s->is_gone = true;
		s->want = WANTS_NOTHING;
		timer_stop(r->broker->timers, &s->retry);
		unregister(s, NULL);
	}
	take_addresses(r);
	for (int i = 0; i < r->count; i++)
		has_new |= !r->servers[i].is_gone && !r->servers[i].has_all;
	if (has_new)
		begin_round(r, WANTS_ALL);
}

struct registration *registration_new(struct broker *b)
{
	struct registration *r = mem_zalloc(sizeof(*r));
	const struct broker_config *c = b->config;
	int ha_port = c->ha_listen_port > 0 ? c->ha_listen_port : c->listen_port + 1;

	r->broker = b;
	list_init(&r->waiting);
	r->period.on_timer = on_period;
	r->turn.on_timer = on_turn;
	r->stop_timer.on_timer = on_stop_timer;
	r->stop_now.on_timer = on_stop_now;
	r->broker_address = broker_config_address(c->broker_ip1, c->listen_port);
	r->ha_address = broker_config_address(c->broker_ip2 ? c->broker_ip2 : c->broker_ip1, ha_port);
	take_addresses(r);
	return r;
}

void registration_start(struct registration *r)
{
	struct outbound *o = r->broker->outbound;

	r->is_started = true;
	if (r->count == 0)
		log_warn("broker", "no name server is known (namesrvAddr, -n or NAMESRV_ADDR): clients cannot find this broker");
	o->on_lost = on_lost;
	o->on_lost_ctx = r;
	timer_start(r->broker->timers, &r->period, 0);
}

void registration_free(struct registration *r)
{
	if (r == NULL)
		return;
	if (r->is_started)
		r->broker->outbound->on_lost = NULL;
	stop_timers(r);
	for (int i = 0; i < r->count; i++)
		free(r->servers[i].address);
	free(r->broker_address);
	free(r->ha_address);
	free(r);
}
