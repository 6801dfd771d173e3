#include "tests/unit/sim.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "remoting/request_code.h"
#include "tests/unit/run.h"

#define STEPS_MAX 100000 /* steps at one time before we call it a loop */

struct packet {
	struct list of_end;
	uint64_t due_ms;
	struct buf bytes;
};

struct link;

struct end {
	struct link *link;
	struct sim_node *node;
	struct peer *peer;   /* of a core; NULL: a client of the test */
	struct buf out;      /* of a client */
	struct buf in;       /* arrived, not yet a whole frame */
	struct list packets; /* on the way to the other end */
};

struct link {
	struct list of_sim;
	struct end ends[2]; /* 0 opened it */
	char *address;      /* that it was opened to */
	bool is_closing;
};

struct received {
	struct command cmd;
	struct buf frame;
	struct received *next;
};

struct sim_node {
	struct list of_sim;
	struct sim *sim;
	char *name, *address; /* address NULL: a client */
	bool is_stopping;
	struct sim_core core;
	struct sim_answer *answers;
	int32_t last_opaque;
	struct received *received, **received_end, *received_next;
};

struct rule { /* of the links between two nodes */
	struct list of_sim;
	char *a, *b;
	bool is_cut;
	uint64_t delay_ms;
};

struct outbound_of {
	struct outbound outbound; /* first: cast back in call */
	struct list of_sim;
	struct list unreachable; /* calls that fail in a moment */
	struct sim *sim;
	char *name;
};

struct sim {
	struct timers timers;
	int64_t wall_step_ms; /* sim_step_wall, all of them */
	struct executor executor;
	struct job *jobs, *last_job; /* linked through job->link */
	bool is_holding_jobs;
	char *folder;
	struct list nodes, links, rules, outbounds;
	char **lines;
	size_t line_count, line_cap, line_expected;
};

/* ---- jobs ---- */

static void submit(struct executor *ex, enum lane lane, struct job *job)
{
	struct sim *s = CONTAINER_OF(ex, struct sim, executor);

	(void)lane;
	job->link = NULL;
	if (s->jobs)
		s->last_job->link = job;
	else
		s->jobs = job;
	s->last_job = job;
}

void sim_run_one_job(struct sim *s)
{
	struct job *job = s->jobs;

	ck_assert_ptr_nonnull(job);
	s->jobs = job->link;
	job->run(job);
	job->done(job);
}

size_t sim_job_count(const struct sim *s)
{
	size_t count = 0;

	for (const struct job *job = s->jobs; job; job = job->link)
		count++;
	return count;
}

void sim_hold_jobs(struct sim *s, bool hold) { s->is_holding_jobs = hold; }

/* ---- the record ---- */

static void record(struct sim *s, const struct end *from, const struct end *to, const struct command *cmd)
{
	const char *name = request_code_name(cmd->code);
	char *what = cmd->flag & FLAG_RESPONSE ? mem_printf("answer %d", cmd->code) : mem_printf("%s", name ? name : "?");

	if (s->line_count == s->line_cap) {
		s->line_cap = s->line_cap ? s->line_cap * 2 : 256;
		s->lines = mem_realloc(s->lines, s->line_cap * sizeof(*s->lines));
	}
	s->lines[s->line_count++] =
		mem_printf("[%llu] %s > %s %s", (unsigned long long)sim_now(s), from->node->name, to->node->name, what);
	free(what);
}

static void print_record(const struct sim *s)
{
	for (size_t i = 0; i < s->line_count; i++)
		fprintf(stderr, "%c %s\n", i < s->line_expected ? ' ' : '>', s->lines[i]);
}

void sim_expect(struct sim *s, const char *line)
{
	for (size_t i = s->line_expected; i < s->line_count; i++) {
		if (strcmp(s->lines[i], line) == 0) {
			s->line_expected = i + 1;
			return;
		}
	}
	print_record(s);
	ck_abort_msg("not in the record: %s", line);
}

void sim_expect_none(struct sim *s, const char *part)
{
	for (size_t i = s->line_expected; i < s->line_count; i++) {
		if (strstr(s->lines[i], part) == NULL)
			continue;
		print_record(s);
		ck_abort_msg("not expected in the record: %s", s->lines[i]);
	}
}

void sim_forget(struct sim *s) { s->line_expected = s->line_count; }

/* ---- nodes ---- */

static struct sim_node *find_node(struct sim *s, const char *address)
{
	LIST_FOR_EACH (it, &s->nodes) {
		struct sim_node *node = CONTAINER_OF(it, struct sim_node, of_sim);

		if (node->address && strcmp(node->address, address) == 0)
			return node;
	}
	return NULL;
}

static struct sim_node *find_named(struct sim *s, const char *name)
{
	LIST_FOR_EACH (it, &s->nodes) {
		struct sim_node *node = CONTAINER_OF(it, struct sim_node, of_sim);

		if (strcmp(node->name, name) == 0)
			return node;
	}
	return NULL;
}

static struct sim_node *add_node(struct sim *s, const char *name, const char *address)
{
	struct sim_node *node = mem_zalloc(sizeof(*node));

	ck_assert_msg(find_named(s, name) == NULL, "two nodes are named %s", name);
	node->sim = s;
	node->name = mem_strdup(name);
	node->address = address ? mem_strdup(address) : NULL;
	node->received_end = &node->received;
	list_append(&s->nodes, &node->of_sim);
	return node;
}

struct sim_node *sim_node_start(struct sim *s, const char *name, const char *address, const struct sim_core *core)
{
	struct sim_node *node = add_node(s, name, address);

	ck_assert_msg(core->core != NULL, "%s has no core", name);
	node->core = *core;
	sim_run(s);
	return node;
}

struct sim_node *sim_client(struct sim *s, const char *name) { return add_node(s, name, NULL); }
void *sim_node_core(struct sim_node *node) { return node->core.core; }

/* ---- links ---- */

static struct rule *rule_of(struct sim *s, const char *a, const char *b, bool make)
{
	struct rule *rule;

	LIST_FOR_EACH (it, &s->rules) {
		rule = CONTAINER_OF(it, struct rule, of_sim);
		if ((strcmp(rule->a, a) == 0 && strcmp(rule->b, b) == 0) || (strcmp(rule->a, b) == 0 && strcmp(rule->b, a) == 0))
			return rule;
	}
	if (!make)
		return NULL;
	rule = mem_zalloc(sizeof(*rule));
	rule->a = mem_strdup(a);
	rule->b = mem_strdup(b);
	list_append(&s->rules, &rule->of_sim);
	return rule;
}

static bool is_between(const struct link *link, const char *a, const char *b)
{
	const char *x = link->ends[0].node->name, *y = link->ends[1].node->name;

	return (strcmp(x, a) == 0 && strcmp(y, b) == 0) || (strcmp(x, b) == 0 && strcmp(y, a) == 0);
}

static void shut(struct peer *peer) { ((struct end *)peer->shell_data)->link->is_closing = true; }

static struct peer *make_peer(struct end *end, bool is_server)
{
	struct sim_node *node = end->node;
	struct peer *peer =
		peer_new(&node->sim->timers, is_server ? node->core.dispatch : NULL, is_server ? node->core.core : NULL);

	peer->on_close = is_server ? node->core.on_close : NULL;
	peer->shut = shut;
	peer->shell_data = end;
	return peer;
}

static struct link *open_link(struct sim_node *from, struct sim_node *to)
{
	static unsigned port = 40000;
	struct link *link = mem_zalloc(sizeof(*link));

	link->address = mem_strdup(to->address);
	for (int i = 0; i < 2; i++) {
		link->ends[i].link = link;
		link->ends[i].node = i == 0 ? from : to;
		list_init(&link->ends[i].packets);
	}
	if (from->core.core)
		link->ends[0].peer = make_peer(&link->ends[0], false);
	link->ends[1].peer = make_peer(&link->ends[1], true);
	port++;
	mem_format(link->ends[1].peer->address, sizeof(link->ends[1].peer->address), "127.0.0.1:%u", port);
	mem_format(link->ends[1].peer->local_address, sizeof(link->ends[1].peer->local_address), "%s", to->address);
	if (link->ends[0].peer) {
		mem_format(link->ends[0].peer->address, sizeof(link->ends[0].peer->address), "%s", to->address);
		mem_format(link->ends[0].peer->local_address, sizeof(link->ends[0].peer->local_address), "127.0.0.1:%u", port);
	}
	list_append(&from->sim->links, &link->of_sim);
	return link;
}

static struct link *link_to(struct sim_node *from, const char *address)
{
	struct sim *s = from->sim;
	struct sim_node *to;

	LIST_FOR_EACH (it, &s->links) {
		struct link *link = CONTAINER_OF(it, struct link, of_sim);

		if (link->ends[0].node == from && strcmp(link->address, address) == 0 && !link->is_closing)
			return link;
	}
	to = find_node(s, address);
	return to ? open_link(from, to) : NULL;
}

static void fail_answers(struct sim_node *client, const struct link *link)
{
	for (struct sim_answer *a = client->answers; a; a = a->next) {
		if (a->is_done || a->link != link)
			continue;
		a->is_done = true;
		a->rc = RC_CLOSED;
	}
}

/* The caller's core hears of it as remoting/client.c tells it: when the connection's calls have ended. */
static void tell_lost(const struct link *link)
{
	const struct sim_node *from = link->ends[0].node;

	LIST_FOR_EACH (it, &from->sim->outbounds) {
		struct outbound_of *of = CONTAINER_OF(it, struct outbound_of, of_sim);

		if (!from->is_stopping && of->outbound.on_lost && strcmp(of->name, from->name) == 0)
			of->outbound.on_lost(of->outbound.on_lost_ctx, link->address);
	}
}

static void close_link(struct link *link)
{
	list_remove(&link->of_sim);
	for (int i = 1; i >= 0; i--) {
		struct end *end = &link->ends[i];
		struct list *node;

		if (end->peer)
			peer_close(end->peer);
		else
			fail_answers(end->node, link);
		while ((node = list_pop(&end->packets)) != NULL) {
			struct packet *p = CONTAINER_OF(node, struct packet, of_end);

			buf_free(&p->bytes);
			free(p);
		}
		buf_free(&end->out);
		buf_free(&end->in);
	}
	tell_lost(link);
	free(link->address);
	free(link);
}

void sim_cut(struct sim *s, const char *a, const char *b, bool is_cut) { rule_of(s, a, b, true)->is_cut = is_cut; }
void sim_delay(struct sim *s, const char *a, const char *b, uint64_t ms) { rule_of(s, a, b, true)->delay_ms = ms; }

void sim_close(struct sim *s, const char *a, const char *b)
{
	LIST_FOR_EACH (it, &s->links) {
		struct link *link = CONTAINER_OF(it, struct link, of_sim);

		link->is_closing |= is_between(link, a, b);
	}
	sim_run(s);
}

size_t sim_link_count(struct sim *s, const char *a, const char *b)
{
	size_t count = 0;

	LIST_FOR_EACH (it, &s->links)
		count += is_between(CONTAINER_OF(it, struct link, of_sim), a, b);
	return count;
}

/* ---- bytes ---- */

static bool send_packet(struct sim *s, struct end *from)
{
	struct buf *out = from->peer ? &from->peer->out : &from->out;
	const struct rule *rule = rule_of(s, from->link->ends[0].node->name, from->link->ends[1].node->name, false);
	struct packet *p;

	if (out->len == 0)
		return false;
	if (rule == NULL || !rule->is_cut) {
		p = mem_zalloc(sizeof(*p));
		p->due_ms = s->timers.now_ms + (rule ? rule->delay_ms : 0);
		buf_put_slice(&p->bytes, buf_slice(out));
		list_append(&from->packets, &p->of_end);
	}
	buf_clear(out);
	return true;
}

static void keep_frame(struct buf *kept, struct slice frame, struct command *cmd)
{
	const char *why = NULL;

	buf_put_slice(kept, frame);
	ck_assert_int_eq(command_decode(buf_slice(kept), cmd, &why), RC_OK);
}

static void client_receive(struct sim_node *client, struct slice frame, const struct command *cmd)
{
	struct received *r;

	if (cmd->flag & FLAG_RESPONSE) {
		for (struct sim_answer *a = client->answers; a; a = a->next) {
			if (a->is_done || a->opaque != cmd->opaque)
				continue;
			keep_frame(&a->frame, frame, &a->cmd);
			a->is_done = true;
			return;
		}
		ck_abort_msg("%s has an answer to nothing", client->name);
	}
	r = mem_zalloc(sizeof(*r));
	keep_frame(&r->frame, frame, &r->cmd);
	*client->received_end = r;
	client->received_end = &r->next;
	if (client->received_next == NULL)
		client->received_next = r;
}

static void receive_frame(struct sim *s, struct end *from, struct end *to, struct slice frame)
{
	struct command cmd;
	const char *why = NULL;
	enum rc rc = command_decode(frame, &cmd, &why);

	if (rc == RC_OK)
		record(s, from, to, &cmd);
	if (rc == RC_OK && to->peer == NULL)
		client_receive(to->node, frame, &cmd);
	else if (to->peer && peer_receive(to->peer, frame, &why) != RC_OK)
		to->link->is_closing = true;
}

static void receive_bytes(struct sim *s, struct end *from, struct end *to, struct slice bytes)
{
	size_t used = 0, size;
	enum rc rc;

	buf_put_slice(&to->in, bytes);
	while (!to->link->is_closing) {
		struct slice left = slice_sub(buf_slice(&to->in), used, to->in.len);
		struct buf frame = {0};

		rc = frame_size(left, &size);
		if (rc == RC_AGAIN || (rc == RC_OK && left.len < size))
			break;
		if (rc != RC_OK) {
			to->link->is_closing = true;
			break;
		}
		buf_put(&frame, left.at, size); /* its own memory: a handler that keeps a slice is caught by the sanitizer */
		receive_frame(s, from, to, buf_slice(&frame));
		buf_free(&frame);
		used += size;
	}
	if (used) {
		memmove(to->in.data, to->in.data + used, to->in.len - used);
		to->in.len -= used;
	}
}

static bool deliver(struct sim *s, struct end *from, struct end *to)
{
	struct packet *p;

	if (list_is_empty(&from->packets))
		return false;
	p = CONTAINER_OF(from->packets.next, struct packet, of_end);
	if (p->due_ms > s->timers.now_ms)
		return false;
	list_remove(&p->of_end);
	receive_bytes(s, from, to, buf_slice(&p->bytes));
	buf_free(&p->bytes);
	free(p);
	return true;
}

/* ---- time ---- */

static bool step_links(struct sim *s)
{
	bool has_moved = false;

	/* A handler may open links while we walk; it never removes one. */
	LIST_FOR_EACH (it, &s->links) {
		struct link *link = CONTAINER_OF(it, struct link, of_sim);

		for (int i = 0; i < 2; i++)
			has_moved |= send_packet(s, &link->ends[i]);
		for (int i = 0; i < 2 && !link->is_closing; i++)
			has_moved |= deliver(s, &link->ends[i], &link->ends[1 - i]);
	}
	LIST_FOR_EACH_SAFE (it, &s->links) {
		struct link *link = CONTAINER_OF(it, struct link, of_sim);

		if (!link->is_closing)
			continue;
		close_link(link);
		return true; /* closing may have closed others: walk anew */
	}
	return has_moved;
}

static void set_time(struct sim *s)
{
	LIST_FOR_EACH (it, &s->nodes) {
		struct sim_node *node = CONTAINER_OF(it, struct sim_node, of_sim);

		if (node->core.set_time)
			node->core.set_time(node->core.core, sim_wall(s));
	}
}

static bool step(struct sim *s)
{
	bool has_moved = step_links(s);

	if (timers_next(&s->timers) <= s->timers.now_ms) {
		timers_run(&s->timers, s->timers.now_ms);
		has_moved = true;
	}
	LIST_FOR_EACH (it, &s->nodes) {
		struct sim_node *node = CONTAINER_OF(it, struct sim_node, of_sim);

		if (node->core.end_turn)
			node->core.end_turn(node->core.core);
	}
	while (s->jobs && !s->is_holding_jobs) {
		sim_run_one_job(s);
		has_moved = true;
	}
	return has_moved;
}

void sim_run(struct sim *s)
{
	for (int i = 0; i < STEPS_MAX; i++) {
		if (step(s))
			continue;
		if (!step(s)) /* end_turn may have written answers in a step that moved nothing */
			return;
	}
	print_record(s);
	ck_abort_msg("the simulation does not come to rest");
}

static uint64_t next_event(struct sim *s)
{
	uint64_t next = timers_next(&s->timers);

	LIST_FOR_EACH (it, &s->links) {
		struct link *link = CONTAINER_OF(it, struct link, of_sim);

		for (int i = 0; i < 2; i++) {
			struct list *first = link->ends[i].packets.next;

			if (first != &link->ends[i].packets && CONTAINER_OF(first, struct packet, of_end)->due_ms < next)
				next = CONTAINER_OF(first, struct packet, of_end)->due_ms;
		}
	}
	return next;
}

void sim_elapse(struct sim *s, uint64_t ms)
{
	uint64_t end = s->timers.now_ms + ms, next;

	sim_run(s);
	while ((next = next_event(s)) <= end) {
		s->timers.now_ms = next;
		set_time(s);
		sim_run(s);
	}
	s->timers.now_ms = end;
	set_time(s);
	sim_run(s);
}

uint64_t sim_now(const struct sim *s) { return s->timers.now_ms - SIM_START_MS; }
uint64_t sim_wall(const struct sim *s) { return SIM_START_WALL_MS + sim_now(s) + (uint64_t)s->wall_step_ms; }

void sim_step_wall(struct sim *s, int64_t ms)
{
	s->wall_step_ms += ms;
	set_time(s);
	sim_run(s);
}

struct timers *sim_timers(struct sim *s) { return &s->timers; }
struct executor *sim_executor(struct sim *s) { return &s->executor; }
const char *sim_folder(struct sim *s) { return s->folder; }

/* ---- outbound ---- */

struct unreachable {
	struct list of_outbound;
	struct timer timer;
	peer_answer_fn *on_answer;
	void *ctx;
};

static void on_unreachable(struct timer *t)
{
	struct unreachable *u = CONTAINER_OF(t, struct unreachable, timer);

	list_remove(&u->of_outbound);
	u->on_answer(u->ctx, RC_UNREACHABLE, NULL);
	free(u);
}

static void outbound_call(struct outbound *o, const char *address, int32_t code, const struct schema *schema, const void *header,
			  struct slice body, uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx)
{
	struct outbound_of *of = (struct outbound_of *)o;
	struct sim *s = of->sim;
	struct sim_node *from = find_named(s, of->name);
	struct link *link = from && !from->is_stopping ? link_to(from, address) : NULL;
	struct unreachable *u;

	if (link) {
		peer_call(link->ends[0].peer, code, schema, header, body, timeout_ms, on_answer, ctx);
		return;
	}
	if (on_answer == NULL)
		return;
	u = mem_zalloc(sizeof(*u));
	u->timer.on_timer = on_unreachable;
	u->on_answer = on_answer;
	u->ctx = ctx;
	list_append(&of->unreachable, &u->of_outbound);
	timer_start(&s->timers, &u->timer, 0);
}

/* The caller is gone: nobody is told. */
static void forget_calls_of(struct sim *s, const char *name)
{
	LIST_FOR_EACH (it, &s->outbounds) {
		struct outbound_of *of = CONTAINER_OF(it, struct outbound_of, of_sim);
		struct list *node;

		while (strcmp(of->name, name) == 0 && (node = list_pop(&of->unreachable)) != NULL) {
			struct unreachable *u = CONTAINER_OF(node, struct unreachable, of_outbound);

			timer_stop(&s->timers, &u->timer);
			free(u);
		}
	}
}

struct outbound *sim_outbound(struct sim *s, const char *name)
{
	struct outbound_of *of;

	LIST_FOR_EACH (it, &s->outbounds) {
		of = CONTAINER_OF(it, struct outbound_of, of_sim);
		if (strcmp(of->name, name) == 0)
			return &of->outbound;
	}
	of = mem_zalloc(sizeof(*of));
	of->outbound.call = outbound_call;
	of->sim = s;
	list_init(&of->unreachable);
	of->name = mem_strdup(name);
	list_append(&s->outbounds, &of->of_sim);
	return &of->outbound;
}

/* ---- clients ---- */

static struct sim_answer *expect_answer(struct sim_node *client, int32_t opaque)
{
	struct sim_answer *a = mem_zalloc(sizeof(*a));

	a->opaque = opaque;
	a->next = client->answers;
	client->answers = a;
	return a;
}

static struct sim_answer *send_bytes(struct sim_node *client, const char *address, struct slice frame, int32_t opaque,
				     bool is_oneway)
{
	struct sim_answer *a = expect_answer(client, opaque);
	struct link *link = link_to(client, address);

	if (link == NULL) {
		a->is_done = true;
		a->rc = RC_UNREACHABLE;
		return a;
	}
	a->link = link;
	a->is_done = is_oneway;
	buf_put_slice(&link->ends[0].out, frame);
	sim_run(client->sim);
	return a;
}

struct sim_answer *sim_send(struct sim_node *client, const char *address, const struct sim_request *r)
{
	struct buf frame = {0};
	struct sim_answer *a;
	struct command cmd = {
		.code = r->code,
		.version = r->version ? r->version : FUSEE_VERSION,
		.opaque = ++client->last_opaque,
		.flag = r->is_oneway ? FLAG_ONEWAY : 0,
		.codec = r->codec,
		.body = r->body,
	};

	command_encode(&frame, &cmd, r->schema, r->header, r->extra, r->extra_count, 0);
	a = send_bytes(client, address, buf_slice(&frame), cmd.opaque, r->is_oneway);
	buf_free(&frame);
	return a;
}

struct sim_answer *sim_send_frame(struct sim_node *client, const char *address, struct slice frame)
{
	struct command cmd;
	const char *why = NULL;

	ck_assert_int_eq(command_decode(frame, &cmd, &why), RC_OK);
	return send_bytes(client, address, frame, cmd.opaque, (cmd.flag & FLAG_ONEWAY) != 0);
}

const struct command *sim_received(struct sim_node *client)
{
	struct received *r = client->received_next;

	if (r == NULL)
		return NULL;
	client->received_next = r->next;
	return &r->cmd;
}

int32_t sim_code(const struct sim_answer *a)
{
	ck_assert_msg(a->is_done && a->rc == RC_OK && a->frame.len, "there is no answer (%s)",
		      a->is_done ? rc_text(a->rc) : "yet");
	return a->cmd.code;
}

/* The texts of answers are short-lived strings of one test process: kept in a ring. */
static const char *as_text(struct slice s)
{
	static char *ring[16];
	static unsigned at;

	at = (at + 1) % COUNT_OF(ring);
	free(ring[at]);
	return ring[at] = slice_dup(s);
}

const char *sim_body(const struct sim_answer *a)
{
	(void)sim_code(a);
	return as_text(a->cmd.body);
}

const char *sim_remark(const struct sim_answer *a)
{
	struct arena arena;
	const char *text;

	(void)sim_code(a);
	arena_init(&arena);
	text = as_text(command_remark(&a->cmd, &arena));
	arena_reset(&arena);
	return text;
}

const char *sim_ext(const struct sim_answer *a, const char *name)
{
	struct arena arena;
	struct slice value;
	const char *text = NULL;

	(void)sim_code(a);
	arena_init(&arena);
	if (command_ext_get(&a->cmd, name, &arena, &value))
		text = as_text(value);
	arena_reset(&arena);
	return text;
}

/* ---- begin and end ---- */

struct sim *sim_new(void)
{
	struct sim *s = mem_zalloc(sizeof(*s));

	timers_init(&s->timers, SIM_START_MS);
	s->executor.submit = submit;
	s->folder = mem_strdup(test_folder());
	list_init(&s->nodes);
	list_init(&s->links);
	list_init(&s->rules);
	list_init(&s->outbounds);
	return s;
}

static void close_links_of(struct sim_node *node)
{
	struct sim *s = node->sim;
	bool has_found;

	do {
		has_found = false;
		LIST_FOR_EACH (it, &s->links) {
			struct link *link = CONTAINER_OF(it, struct link, of_sim);

			if (link->ends[0].node != node && link->ends[1].node != node)
				continue;
			close_link(link);
			has_found = true;
			break;
		}
	} while (has_found);
}

static void run_all_jobs(struct sim *s)
{
	while (s->jobs)
		sim_run_one_job(s);
}

static void free_answers(struct sim_node *node)
{
	while (node->answers) {
		struct sim_answer *a = node->answers;

		node->answers = a->next;
		buf_free(&a->frame);
		free(a);
	}
	while (node->received) {
		struct received *r = node->received;

		node->received = r->next;
		buf_free(&r->frame);
		free(r);
	}
}

void sim_node_stop(struct sim_node *node)
{
	struct sim *s = node->sim;

	node->is_stopping = true;
	close_links_of(node);
	run_all_jobs(s);
	forget_calls_of(s, node->name);
	list_remove(&node->of_sim);
	if (node->core.core)
		node->core.free(node->core.core);
	free_answers(node);
	free(node->name);
	free(node->address);
	free(node);
	sim_run(s);
}

static void free_lists(struct sim *s)
{
	struct list *node;

	while ((node = list_pop(&s->rules)) != NULL) {
		struct rule *rule = CONTAINER_OF(node, struct rule, of_sim);

		free(rule->a);
		free(rule->b);
		free(rule);
	}
	while ((node = list_pop(&s->outbounds)) != NULL) {
		struct outbound_of *of = CONTAINER_OF(node, struct outbound_of, of_sim);

		free(of->name);
		free(of);
	}
	for (size_t i = 0; i < s->line_count; i++)
		free(s->lines[i]);
	free(s->lines);
}

void sim_free(struct sim *s)
{
	s->is_holding_jobs = false;
	while (!list_is_empty(&s->nodes))
		sim_node_stop(CONTAINER_OF(s->nodes.next, struct sim_node, of_sim));
	ck_assert_uint_eq(sim_job_count(s), 0);
	ck_assert_msg(s->timers.count == 0, "%zu timers are still running", s->timers.count);
	ck_assert(list_is_empty(&s->links));
	free_lists(s);
	timers_free(&s->timers);
	request_pool_free();
	test_folder_remove(s->folder);
	free(s->folder);
	free(s);
}
