/* Happy path: connect all, fill every slot, then epoll: read what came, each whole frame is the answer of one slot, note it, send the slot's
 * next request into the connection's output, one write a connection and turn.
 * Failure: an answer with an error code is counted and the first code kept; a lost connection ends the run with a line. */
#include "bench/load.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/buf.h"
#include "base/mem.h"
#include "bench/process_figures.h"
#include "remoting/command.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"

#define OPAQUE_BASE 1000000000 /* ten digits, so that a frame can be patched in place */
#define READ_BYTES (1024 * 1024)
#define UNIQUE_KEY_CHARS 32
#define SUSPEND_MS 15000
#define NS 1000000000ull

enum slot_job { JOB_SEND, JOB_PULL, JOB_ROUTE };

struct slot {
	enum slot_job job;
	int queue, topic;
	int64_t offset;       /* of a pull */
	uint64_t intended_ns; /* when the request ought to have gone out */
	bool is_busy;
};

struct conn {
	int fd;
	struct buf out;
	size_t written;
	uint8_t *in;
	size_t in_len, in_cap;
	struct slot *slots;
	int slot_count;
	bool wants_write;
};

struct load {
	const struct load_options *o;
	struct load_result *r;
	struct conn *conns;
	int epoll;
	char **topics;
	struct buf body;
	struct buf frame;
	uint64_t start_ns, measure_ns, end_ns;
	uint64_t sent; /* open loop: messages put on the schedule */
	uint64_t unique;
	struct arena arena;
	bool failed;
};

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * NS + (uint64_t)t.tv_nsec;
}

/* ---- connections ---- */

static int dial(const char *address)
{
	char host[256];
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	int fd = -1, one = 1;

	if (colon == NULL || !mem_format(host, sizeof(host), "%.*s", (int)(colon - address), address))
		return -1;
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return -1;
	for (struct addrinfo *a = found; a != NULL && fd < 0; a = a->ai_next) {
		fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (fd >= 0 && connect(fd, a->ai_addr, a->ai_addrlen) != 0) {
			close(fd);
			fd = -1;
		}
	}
	freeaddrinfo(found);
	if (fd >= 0) {
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
		fcntl(fd, F_SETFL, O_NONBLOCK);
	}
	return fd;
}

/* ---- requests ---- */

static void properties_text(struct load *l, struct buf *out)
{
	char key[UNIQUE_KEY_CHARS + 1];

	mem_format(key, sizeof(key), "%016llX%016llX", (unsigned long long)getpid(), (unsigned long long)l->unique++);
	buf_put_text(out, "UNIQ_KEY\x01");
	buf_put(out, key, UNIQUE_KEY_CHARS);
	buf_put_text(out, l->o->waits ? "\x02WAIT\x01true\x02"
				      : "\x02WAIT\x01"
					"false\x02");
	if (l->o->tag)
		buf_printf(out, "TAGS\x01%s\x02", l->o->tag);
	if (l->o->has_keys)
		buf_printf(out, "KEYS\x01key-%llu\x02", (unsigned long long)l->unique);
}

static void batch_body(struct load *l, struct buf *out)
{
	struct buf properties = {0};

	for (int i = 0; i < l->o->batch; i++) {
		buf_clear(&properties);
		properties_text(l, &properties);
		buf_put_u32(out, (uint32_t)(4 + 4 + 4 + 4 + 4 + l->body.len + 2 + properties.len));
		buf_put_u32(out, 0);
		buf_put_u32(out, 0);
		buf_put_u32(out, 0);
		buf_put_u32(out, (uint32_t)l->body.len);
		buf_put_slice(out, buf_slice(&l->body));
		buf_put_u16(out, (uint16_t)properties.len);
		buf_put_slice(out, buf_slice(&properties));
	}
	buf_free(&properties);
}

static void put_send(struct load *l, struct conn *c, struct command *cmd, struct slot *s)
{
	struct buf properties = {0}, batch = {0};
	struct send_message_request_header h = {
		.present = HEADER_ALL(send_message_request_header),
		.producer_group = slice_of(l->o->group),
		.topic = slice_of(l->topics[s->topic]),
		.default_topic = SLICE_LIT("TBW102"),
		.default_topic_queue_nums = l->o->queues,
		.queue_id = s->queue,
		.born_timestamp = (int64_t)(time(NULL)) * 1000,
		.broker_name = SLICE_LIT("bench"),
		.batch = l->o->batch > 1,
	};

	h.present &= ~(HEADER_BIT(send_message_request_header, max_reconsume_times));
	if (l->o->kind == LOAD_PINGPONG)
		put_u64(l->body.data, s->intended_ns);
	if (l->o->batch > 1) {
		batch_body(l, &batch);
		cmd->body = buf_slice(&batch);
	} else {
		properties_text(l, &properties);
		cmd->body = buf_slice(&l->body);
	}
	h.properties = buf_slice(&properties);
	cmd->code = l->o->batch > 1 ? SEND_BATCH_MESSAGE : SEND_MESSAGE_V2;
	cmd->flag = l->o->is_oneway ? FLAG_ONEWAY : 0;
	command_encode(&c->out, cmd, &send_message_request_header_v2_schema, &h, NULL, 0, 0);
	buf_free(&properties);
	buf_free(&batch);
	s->queue = (s->queue + 1) % l->o->queues;
	s->topic = l->o->topics > 1 ? (s->topic + 1) % l->o->topics : 0;
}

static void put_pull(struct load *l, struct conn *c, struct command *cmd, const struct slot *s)
{
	struct pull_message_request_header h = {
		.consumer_group = slice_of(l->o->group),
		.topic = slice_of(l->topics[s->topic]),
		.queue_id = s->queue,
		.queue_offset = s->offset,
		.max_msg_nums = l->o->pull_max,
		.sys_flag = l->o->kind == LOAD_PINGPONG ? 0x2 | 0x4 : 0x4,
		.suspend_timeout_ms = SUSPEND_MS,
		.subscription = l->o->tag ? slice_of(l->o->tag) : SLICE_LIT("*"),
		.expression_type = SLICE_LIT("TAG"),
	};

	h.present = HEADER_BIT(pull_message_request_header, consumer_group) | HEADER_BIT(pull_message_request_header, topic) |
		    HEADER_BIT(pull_message_request_header, queue_id) | HEADER_BIT(pull_message_request_header, queue_offset) |
		    HEADER_BIT(pull_message_request_header, max_msg_nums) | HEADER_BIT(pull_message_request_header, sys_flag) |
		    HEADER_BIT(pull_message_request_header, commit_offset) |
		    HEADER_BIT(pull_message_request_header, suspend_timeout_ms) |
		    HEADER_BIT(pull_message_request_header, subscription) | HEADER_BIT(pull_message_request_header, sub_version) |
		    HEADER_BIT(pull_message_request_header, expression_type);
	cmd->code = PULL_MESSAGE;
	command_encode(&c->out, cmd, &pull_message_request_header_schema, &h, NULL, 0, 0);
}

static void put_route(struct load *l, struct conn *c, struct command *cmd, struct slot *s)
{
	struct get_route_info_request_header h = {.topic = slice_of(l->topics[s->topic])};

	h.present = HEADER_BIT(get_route_info_request_header, topic);
	cmd->code = GET_ROUTEINFO_BY_TOPIC;
	command_encode(&c->out, cmd, &get_route_info_request_header_schema, &h, NULL, 0, 0);
	s->topic = (s->topic + 1) % l->o->topics;
}

static void issue(struct load *l, struct conn *c, int slot, uint64_t intended_ns)
{
	struct slot *s = &c->slots[slot];
	struct command cmd = {.language = LANGUAGE_CPP,
			      .version = FUSEE_VERSION,
			      .opaque = OPAQUE_BASE + slot,
			      .codec = l->o->is_binary ? CODEC_BINARY : CODEC_JSON};

	s->intended_ns = intended_ns;
	s->is_busy = !(l->o->is_oneway && s->job == JOB_SEND);
	switch (s->job) {
	case JOB_SEND:
		put_send(l, c, &cmd, s);
		break;
	case JOB_PULL:
		put_pull(l, c, &cmd, s);
		break;
	case JOB_ROUTE:
		put_route(l, c, &cmd, s);
		break;
	}
	if (l->o->is_oneway && s->job == JOB_SEND && intended_ns >= l->measure_ns)
		l->r->messages += (uint64_t)l->o->batch;
}

/* ---- answers ---- */

static void note_error(struct load *l, int32_t code)
{
	if (l->r->errors++ == 0)
		l->r->first_error_code = code;
}

static void note(struct load *l, uint64_t from_ns, uint64_t to_ns, uint64_t messages, uint64_t bytes)
{
	if (to_ns < l->measure_ns || to_ns > l->end_ns)
		return;
	histogram_add(&l->r->latency, to_ns > from_ns ? to_ns - from_ns : 0);
	l->r->messages += messages;
	l->r->bytes += bytes;
}

/* Count the messages of a pull's answer; in ping-pong each carries the time at which it was to be sent, at the head of its body. */
static void note_pulled(struct load *l, const struct slot *s, struct slice body, uint64_t now)
{
	uint64_t count = 0;

	for (size_t at = 0; body.len - at >= 92;) {
		uint32_t size = get_u32(body.at + at);

		if (size < 92 || size > body.len - at)
			break;
		if (l->o->kind == LOAD_PINGPONG) {
			uint64_t sent_ns = get_u64(body.at + at + 88);

			if (sent_ns >= l->measure_ns)
				note(l, sent_ns, now, 1, size);
		}
		count++;
		at += size;
	}
	if (l->o->kind != LOAD_PINGPONG)
		note(l, s->intended_ns, now, count, body.len);
}

static void take_pull(struct load *l, struct slot *s, const struct command *cmd, uint64_t now)
{
	struct pull_message_response_header h = {0};
	const char *bad;

	if (cmd->code == SUCCESS)
		note_pulled(l, s, cmd->body, now);
	if (command_decode_ext(cmd, &pull_message_response_header_schema, &h, &l->arena, &bad) != RC_OK) {
		note_error(l, cmd->code);
		return;
	}
	s->offset = h.next_begin_offset;
	/* Hot reading goes round and round; ping-pong stays at the end. */
	if (cmd->code != SUCCESS && l->o->kind == LOAD_CONSUME)
		s->offset = h.min_offset;
	arena_reset(&l->arena);
}

static void take_answer(struct load *l, struct conn *c, struct slice frame, uint64_t now)
{
	struct command cmd;
	const char *why;
	struct slot *s;
	int slot;

	if (command_decode(frame, &cmd, &why) != RC_OK || !(cmd.flag & FLAG_RESPONSE))
		return;
	slot = cmd.opaque - OPAQUE_BASE;
	if (slot < 0 || slot >= c->slot_count || !c->slots[slot].is_busy)
		return;
	s = &c->slots[slot];
	s->is_busy = false;
	if (now >= l->measure_ns && now <= l->end_ns)
		l->r->requests++;
	if (s->job == JOB_PULL) {
		take_pull(l, s, &cmd, now);
	} else if (cmd.code != SUCCESS) {
		note_error(l, cmd.code);
	} else if (s->job == JOB_ROUTE || l->o->kind == LOAD_PRODUCE) {
		note(l, s->intended_ns, now, s->job == JOB_SEND ? (uint64_t)l->o->batch : 1, frame.len);
	}
	if (now < l->end_ns && (l->o->rate == 0 || s->job == JOB_PULL))
		issue(l, c, slot, now);
}

/* ---- turns ---- */

static void fail(struct load *l, const char *what)
{
	if (!l->failed)
		fprintf(stderr, "mqbench: %s: %s: %s\n", l->o->address, what, strerror(errno));
	l->failed = true;
}

static void read_answers(struct load *l, struct conn *c)
{
	size_t at = 0;
	ssize_t n;
	uint64_t now;

	if (c->in_cap - c->in_len < READ_BYTES) {
		c->in_cap = c->in_len + 2 * READ_BYTES;
		c->in = mem_realloc(c->in, c->in_cap);
	}
	n = read(c->fd, c->in + c->in_len, c->in_cap - c->in_len);
	if (n <= 0) {
		if (n < 0 && errno == EAGAIN)
			return;
		errno = n == 0 ? ECONNRESET : errno;
		fail(l, "read");
		return;
	}
	c->in_len += (size_t)n;
	now = now_ns();
	for (;;) {
		struct slice rest = {(const char *)c->in + at, c->in_len - at};
		size_t size;

		if (frame_size(rest, &size) != RC_OK || size > rest.len)
			break;
		take_answer(l, c, slice_sub(rest, 0, size), now);
		at += size;
	}
	memmove(c->in, c->in + at, c->in_len - at);
	c->in_len -= at;
}

static void write_requests(struct load *l, struct conn *c)
{
	while (c->written < c->out.len) {
		ssize_t n = send(c->fd, c->out.data + c->written, c->out.len - c->written, MSG_NOSIGNAL);

		if (n < 0) {
			if (errno != EAGAIN)
				fail(l, "write");
			break;
		}
		c->written += (size_t)n;
	}
	if (c->written == c->out.len) {
		buf_clear(&c->out);
		c->written = 0;
	}
	if ((c->out.len > 0) != c->wants_write) {
		struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

		c->wants_write = c->out.len > 0;
		if (c->wants_write)
			e.events |= EPOLLOUT;
		epoll_ctl(l->epoll, EPOLL_CTL_MOD, c->fd, &e);
	}
}

/* Open loop: what is due by now goes to the next free slot; what finds none stays due, and its waiting counts. */
static void issue_due(struct load *l, uint64_t now)
{
	static int next_conn, next_slot;

	for (int tried = 0; tried < l->o->connections * l->o->in_flight;) {
		uint64_t due = l->start_ns + (uint64_t)((double)l->sent * (double)NS / l->o->rate);
		struct conn *c = &l->conns[next_conn];

		if (due > now || now >= l->end_ns)
			return;
		if (c->slots[next_slot].job == JOB_SEND && !c->slots[next_slot].is_busy) {
			issue(l, c, next_slot, due);
			l->sent += (uint64_t)l->o->batch;
			tried = 0;
		} else {
			tried++;
		}
		if (++next_conn == l->o->connections) {
			next_conn = 0;
			next_slot = (next_slot + 1) % l->o->in_flight;
		}
	}
}

/* Closed loop oneways have no answer to wait for: keep the output full. */
static void issue_oneways(struct load *l, uint64_t now)
{
	for (int i = 0; i < l->o->connections; i++) {
		struct conn *c = &l->conns[i];

		for (int k = 0; c->out.len < 256 * 1024 && k < l->o->in_flight; k++)
			issue(l, c, k, now);
	}
}

static int wait_ms(const struct load *l) { return l->o->rate > 0 || l->o->is_oneway ? 0 : 100; }

static void run_loop(struct load *l)
{
	struct epoll_event events[256];
	uint64_t now, next_line = l->start_ns + NS, last_messages = 0;
	struct process_figures before = {0};
	bool measuring = false;

	while (!l->failed && (now = now_ns()) < l->end_ns) {
		int n = epoll_wait(l->epoll, events, 256, wait_ms(l));

		for (int i = 0; i < n; i++)
			read_answers(l, events[i].data.ptr);
		now = now_ns();
		if (!measuring && now >= l->measure_ns) {
			measuring = true;
			process_figures_read(l->o->pid, &before);
		}
		if (l->o->rate > 0)
			issue_due(l, now);
		else if (l->o->is_oneway)
			issue_oneways(l, now);
		for (int i = 0; i < l->o->connections; i++) {
			if (l->conns[i].out.len > 0)
				write_requests(l, &l->conns[i]);
		}
		if (now >= next_line && !l->o->quiet) {
			fprintf(stderr, "%4.0f s  %9llu messages/s  %llu errors\n", (double)(now - l->start_ns) / (double)NS,
				(unsigned long long)(l->r->messages - last_messages), (unsigned long long)l->r->errors);
			last_messages = l->r->messages;
			next_line += NS;
		}
	}
	struct process_figures after = {0};
	process_figures_read(l->o->pid, &after);
	l->r->cpu_seconds = after.cpu_seconds - before.cpu_seconds;
	l->r->rss_mib = after.rss_mib;
	l->r->anonymous_mib = after.anonymous_mib;
	l->r->seconds = (double)(l->end_ns - l->measure_ns) / (double)NS;
}

/* ---- set up ---- */

static void init_slot(const struct load *l, struct slot *s, int conn, int slot)
{
	const struct load_options *o = l->o;
	int number = conn * o->in_flight + slot;

	s->queue = number % o->queues;
	s->topic = number % o->topics;
	s->job = o->kind == LOAD_CONSUME ? JOB_PULL : o->kind == LOAD_NAMESRV ? JOB_ROUTE : JOB_SEND;
	/* The last slots of ping-pong pull, one a queue; far past the end: the answer tells where the end is. */
	if (o->kind == LOAD_PINGPONG && slot >= o->in_flight) {
		s->job = JOB_PULL;
		s->queue = slot - o->in_flight;
		s->topic = 0;
		s->offset = INT64_MAX / 2;
	}
}

static bool open_conn(struct load *l, int i)
{
	struct conn *c = &l->conns[i];
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = c};

	c->fd = dial(l->o->address);
	if (c->fd < 0) {
		fail(l, "connect");
		return false;
	}
	epoll_ctl(l->epoll, EPOLL_CTL_ADD, c->fd, &e);
	c->slot_count = l->o->in_flight + (l->o->kind == LOAD_PINGPONG && i == 0 ? l->o->queues : 0);
	c->slots = mem_zalloc((size_t)c->slot_count * sizeof(*c->slots));
	for (int k = 0; k < c->slot_count; k++)
		init_slot(l, &c->slots[k], i, k);
	return true;
}

static void set_up(struct load *l)
{
	const struct load_options *o = l->o;

	arena_init(&l->arena);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->topics = mem_zalloc((size_t)o->topics * sizeof(*l->topics));
	for (int i = 0; i < o->topics; i++)
		l->topics[i] = o->topics == 1 ? mem_strdup(o->topic) : mem_printf("%s-%d", o->topic, i);
	memset(buf_grow(&l->body, (size_t)o->size), 'x', (size_t)o->size);
	l->conns = mem_zalloc((size_t)o->connections * sizeof(*l->conns));
	for (int i = 0; i < o->connections && open_conn(l, i); i++)
		;
}

static void start_slots(struct load *l)
{
	for (int i = 0; i < l->o->connections; i++) {
		struct conn *c = &l->conns[i];

		for (int k = 0; k < c->slot_count; k++) {
			if (c->slots[k].job == JOB_PULL || (l->o->rate == 0 && !l->o->is_oneway))
				issue(l, c, k, l->start_ns);
		}
		write_requests(l, c);
	}
}

static void tear_down(struct load *l)
{
	for (int i = 0; i < l->o->connections; i++) {
		if (l->conns[i].fd > 0)
			close(l->conns[i].fd);
		buf_free(&l->conns[i].out);
		free(l->conns[i].in);
		free(l->conns[i].slots);
	}
	for (int i = 0; i < l->o->topics; i++)
		free(l->topics[i]);
	free(l->topics);
	free(l->conns);
	buf_free(&l->body);
	close(l->epoll);
	arena_reset(&l->arena);
}

int load_run(const struct load_options *o, struct load_result *r)
{
	struct load l = {.o = o, .r = r};

	set_up(&l);
	l.start_ns = now_ns();
	l.measure_ns = l.start_ns + (uint64_t)o->warm_up_seconds * NS;
	l.end_ns = l.measure_ns + (uint64_t)o->seconds * NS;
	if (!l.failed) {
		start_slots(&l);
		run_loop(&l);
	}
	tear_down(&l);
	return l.failed ? 1 : 0;
}
