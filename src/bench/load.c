/* Happy path: links open -> set-up questions -> warm-up -> measured time -> what is under way is waited for -> links close.
 * A turn: epoll; each readable link is read and its slots go on; what the schedules have due goes to free slots; one write a link.
 * Failure: a broken connection ends the run with a line; what a peer refuses is counted by the slots. */
#include "bench/load_internal.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/answer.h"
#include "bench/process_figures.h"
#include "bench/report.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define CALL_MS 60000  /* for an answer during set-up */
#define JOIN_MS 120000 /* for all idle clients to have joined */
#define DRAIN_MS 3000  /* for what is under way at the end */
#define ONEWAY_BURST_BYTES (128 * 1024)
#define EVENTS_MAX 256

static void fail(struct load *l, const char *what)
{
	if (!l->has_failed)
		fprintf(stderr, "mqbench: %s: %s: %s\n", l->o->address, what, strerror(errno));
	l->has_failed = true;
}

void load_mark_dirty(struct load *l, struct link_slots *k)
{
	if (k->link.is_dirty)
		return;
	k->link.is_dirty = true;
	l->dirty[l->dirty_count++] = k;
}

/* ---- a turn ---- */

static void watch(struct load *l, struct link_slots *k, int op)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = k};

	e.events |= k->link.is_stuck ? EPOLLOUT : 0;
	epoll_ctl(l->epoll, op, k->link.fd, &e);
}

static void flush(struct load *l, struct link_slots *k)
{
	bool was_stuck = k->link.is_stuck;

	if (!link_write(&k->link))
		fail(l, "write");
	if (was_stuck != k->link.is_stuck)
		watch(l, k, EPOLL_CTL_MOD);
}

static void flush_dirty(struct load *l)
{
	for (int i = 0; i < l->dirty_count; i++) {
		l->dirty[i]->link.is_dirty = false;
		flush(l, l->dirty[i]);
	}
	l->dirty_count = 0;
}

struct reading {
	struct load *l;
	struct link_slots *k;
};

static void on_frame(void *ctx, struct slice frame)
{
	struct reading *r = ctx;

	slot_take_answer(r->l, r->k, frame);
}

static void on_event(struct load *l, const struct epoll_event *e)
{
	struct reading r = {l, e->data.ptr};

	if (r.k == NULL) /* the timer: it is set anew each turn */
		return;
	l->now_ns = clock_now_ns();
	if (e->events & EPOLLOUT)
		load_mark_dirty(l, r.k);
	if ((e->events & ~(uint32_t)EPOLLOUT) && !link_read(&r.k->link, on_frame, &r))
		fail(l, "read");
}

/* What is due by now goes to the next free slot of its links; what finds none stays due, and its waiting counts. */
static void issue_due(struct load *l, struct pace *p)
{
	int slots = p->count * l->links[p->first].slot_count;

	for (int tried = 0; tried < slots;) {
		uint64_t due = schedule_due_ns(&p->schedule);
		struct link_slots *k = &l->links[p->first + p->next_link];

		if (due > l->now_ns || due >= l->m->until_ns || l->is_draining)
			return;
		tried++;
		if (!k->slots[p->next_slot].is_busy) {
			slot_issue(l, k, p->next_slot, due);
			schedule_take(&p->schedule, p->events);
			tried = 0;
		}
		if (++p->next_link == p->count) {
			p->next_link = 0;
			p->next_slot = (p->next_slot + 1) % k->slot_count;
		}
	}
}

/* Oneways in a closed loop have no answer to wait for: the sockets are kept full. */
static void issue_oneways(struct load *l)
{
	for (int i = 0; i < l->o->connections && !l->is_draining; i++) {
		struct link_slots *k = &l->links[i];

		while (!k->link.is_stuck && k->link.out.len < ONEWAY_BURST_BYTES)
			slot_issue(l, k, 0, l->now_ns);
	}
}

static bool any_link_free(const struct load *l)
{
	for (int i = 0; i < l->o->connections; i++)
		if (!l->links[i].link.is_stuck)
			return true;
	return false;
}

static bool is_oneway_closed(const struct load *l) { return l->o->is_oneway && l->o->rate == 0 && l->o->kind == LOAD_PRODUCE; }

/* Set the timer for the earlier of `by_ns` and what is due next. Returns the timeout for epoll: 0 when that is now. */
static int arm(struct load *l, uint64_t by_ns)
{
	uint64_t due = schedule_due_ns(&l->pace.schedule), next = schedule_due_ns(&l->background.schedule);

	if (l->is_draining)
		due = next = by_ns;
	due = due < next ? due : next;
	due = due < by_ns ? due : by_ns;
	if (is_oneway_closed(l) && !l->is_draining && any_link_free(l))
		return 0;
	/* Due and not sent: every slot is busy; an answer ends that. */
	if (due <= l->now_ns)
		due = l->now_ns + 1000000;
	if (due != l->armed_ns) {
		struct itimerspec t = {.it_value = {(time_t)(due / NS_A_SECOND), (long)(due % NS_A_SECOND)}};

		timerfd_settime(l->timer, TFD_TIMER_ABSTIME, &t, NULL);
		l->armed_ns = due;
	}
	return -1;
}

static void turn(struct load *l, uint64_t by_ns)
{
	struct epoll_event events[EVENTS_MAX];
	int n = epoll_wait(l->epoll, events, EVENTS_MAX, arm(l, by_ns));

	l->now_ns = clock_now_ns();
	if (l->now_ns >= l->armed_ns)
		l->armed_ns = 0; /* it has rung */
	for (int i = 0; i < n; i++)
		on_event(l, &events[i]);
	l->now_ns = clock_now_ns();
	if (l->pace.schedule.rate > 0)
		issue_due(l, &l->pace);
	if (l->background.schedule.rate > 0)
		issue_due(l, &l->background);
	if (is_oneway_closed(l))
		issue_oneways(l);
	flush_dirty(l);
}

/* ---- questions beside the load ---- */

static bool ask(struct load *l, struct buf *answer, struct command *cmd)
{
	const char *why;

	if (!link_call(&l->control, CALL_MS, answer)) {
		fail(l, "answer");
		return false;
	}
	return command_decode(buf_slice(answer), cmd, &why) == RC_OK;
}

static int64_t max_offset(struct load *l, int topic, int queue)
{
	struct get_max_offset_response_header h = {0};
	struct buf answer = {0};
	struct command cmd;
	const char *bad;

	put_max_offset(&l->requests, &l->control.out, OPAQUE_BASE, topic, queue);
	if (ask(l, &answer, &cmd) && cmd.code == SUCCESS)
		command_decode_ext(&cmd, &get_max_offset_response_header_schema, &h, &l->arena, &bad);
	arena_reset(&l->arena);
	buf_free(&answer);
	return h.offset;
}

/* Messages that the queues have taken in so far. */
static uint64_t stored(struct load *l)
{
	uint64_t sum = 0;

	for (int t = 0; t < l->o->topics && !l->has_failed; t++)
		for (int q = 0; q < l->o->queues && !l->has_failed; q++)
			sum += (uint64_t)max_offset(l, t, q);
	return sum;
}

/* A consumer can wait only on a topic that is there, and one that the first send makes keeps the sends behind it waiting. A broker that
 * does not let us make it may still make it by itself, for who `must` not have it now. */
static void make_topic(struct load *l, int topic, bool must)
{
	struct buf answer = {0};
	struct command cmd;

	put_pull(&l->requests, &l->control.out, OPAQUE_BASE, topic, 0, 0, false);
	if (ask(l, &answer, &cmd) && cmd.code == TOPIC_NOT_EXIST) {
		put_create_topic(&l->requests, &l->control.out, OPAQUE_BASE, topic);
		if (ask(l, &answer, &cmd) && cmd.code != SUCCESS && must) {
			errno = EPROTO;
			fail(l, "the broker did not make the topic");
		}
	}
	buf_free(&answer);
}

static void register_all(struct load *l)
{
	struct buf answer = {0};
	struct command cmd;

	for (int i = 0; i < l->o->brokers && !l->has_failed; i++) {
		put_registration(&l->requests, &l->control.out, OPAQUE_BASE, i);
		if (ask(l, &answer, &cmd) && cmd.code != SUCCESS) {
			errno = EPROTO;
			fail(l, "the name server refused a broker");
		}
	}
	buf_free(&answer);
}

/* ---- measured time ---- */

struct bounds {
	struct process_figures peer, own;
	uint64_t stored, at_ns;
};

static bool counts_what_is_stored(const struct load *l) { return l->o->kind == LOAD_PRODUCE && l->o->is_oneway; }

static void take_bounds(struct load *l, struct bounds *b)
{
	if (counts_what_is_stored(l))
		b->stored = stored(l);
	process_figures_read(l->o->pid, &b->peer);
	process_figures_read(getpid(), &b->own);
	b->at_ns = clock_now_ns();
}

static void progress(struct load *l, uint64_t *next_ns)
{
	if (l->now_ns < *next_ns)
		return;
	if (!l->o->is_quiet)
		report_second(l->m, (double)(l->now_ns - l->start_ns) / (double)NS_A_SECOND);
	histogram_reset(&l->m->this_second);
	l->m->messages_this_second = 0;
	*next_ns += NS_A_SECOND;
}

static void run_until(struct load *l, uint64_t end_ns, uint64_t *next_line_ns)
{
	while (!l->has_failed && l->now_ns < end_ns) {
		turn(l, end_ns < *next_line_ns ? end_ns : *next_line_ns);
		progress(l, next_line_ns);
	}
}

static void start_slots(struct load *l)
{
	for (int i = 0; i < l->link_count; i++) {
		struct link_slots *k = &l->links[i];

		for (int s = 0; s < k->slot_count; s++) {
			enum job job = k->slots[s].job;

			if (job == JOB_PULL || (l->o->rate == 0 && !l->o->is_oneway && (job == JOB_SEND || job == JOB_ROUTE)))
				slot_issue(l, k, s, l->now_ns);
		}
	}
	flush_dirty(l);
}

/* What was due and not done by now counts with the time that it has waited so far. */
static void note_unfinished(struct load *l)
{
	struct measure *m = l->m;

	for (int i = 0; i < l->o->connections; i++) {
		struct link_slots *k = &l->links[i];

		for (int s = 0; s < k->slot_count; s++) {
			if (!k->slots[s].is_busy || k->slots[s].job == JOB_PULL)
				continue;
			m->unanswered++;
			if (m->by_due && measure_counts(m, k->slots[s].due_ns, 0))
				histogram_add(&m->latency, l->now_ns - k->slots[s].due_ns);
		}
	}
	for (struct schedule *s = &l->pace.schedule; m->by_due && schedule_due_ns(s) < m->until_ns;) {
		m->unsent += l->pace.events;
		if (schedule_due_ns(s) >= m->from_ns)
			histogram_add(&m->latency, l->now_ns - schedule_due_ns(s));
		schedule_take(s, l->pace.events);
	}
	m->unreceived = l->stamped > l->received ? l->stamped - l->received : 0;
}

static void drain(struct load *l)
{
	uint64_t end = l->now_ns + DRAIN_MS * 1000000ull + (uint64_t)delay_level_ms(l->o->delay_level) * 1000000;

	l->is_draining = true;
	while (!l->has_failed && l->now_ns < end && (l->busy > 0 || l->received < l->stamped))
		turn(l, end);
	note_unfinished(l);
}

static void sum_up(struct load *l, const struct bounds *from, const struct bounds *until)
{
	struct measure *m = l->m;

	m->seconds = (double)(until->at_ns - from->at_ns) / (double)NS_A_SECOND;
	m->cpu_seconds = until->peer.cpu_seconds - from->peer.cpu_seconds;
	m->own_cpu_seconds = until->own.cpu_seconds - from->own.cpu_seconds;
	m->rss_mib = until->peer.rss_mib;
	m->anonymous_mib = until->peer.anonymous_mib;
	if (counts_what_is_stored(l))
		m->messages = until->stored - from->stored;
}

static void run(struct load *l)
{
	struct bounds from, until;
	uint64_t next_line_ns;

	l->now_ns = l->start_ns = clock_now_ns();
	l->m->from_ns = l->start_ns + (uint64_t)l->o->warm_up_seconds * NS_A_SECOND;
	l->m->until_ns = l->m->from_ns + (uint64_t)l->o->seconds * NS_A_SECOND;
	l->m->by_due = l->pace.schedule.rate > 0;
	l->pace.schedule.start_ns = l->background.schedule.start_ns = l->start_ns;
	next_line_ns = l->start_ns + NS_A_SECOND;
	start_slots(l);
	run_until(l, l->m->from_ns, &next_line_ns);
	take_bounds(l, &from);
	run_until(l, l->m->until_ns, &next_line_ns);
	take_bounds(l, &until);
	sum_up(l, &from, &until);
	drain(l);
}

/* ---- set-up ---- */

static int slots_of(const struct load *l, int link)
{
	const struct options *o = l->o;
	int pulls = o->topics * o->queues, mine = link - o->connections;

	if (link < o->connections)
		return o->kind == LOAD_IDLE ? 1 : o->in_flight;
	if (o->kind == LOAD_NAMESRV)
		return 1;
	return pulls / o->consumers + (mine < pulls % o->consumers);
}

static void open_link(struct load *l, int i)
{
	struct link_slots *k = &l->links[i];

	k->number = i;
	if (!link_open(&k->link, l->o->address)) {
		fail(l, "connect");
		return;
	}
	watch(l, k, EPOLL_CTL_ADD);
	k->slot_count = slots_of(l, i);
	k->slots = mem_zalloc((size_t)k->slot_count * sizeof(*k->slots) + 1);
	for (int s = 0; s < k->slot_count; s++)
		slot_init(l, &k->slots[s], i, s);
}

static int links_wanted(const struct options *o)
{
	if (o->kind == LOAD_NAMESRV)
		return o->connections + o->brokers;
	return o->connections + (is_end_to_end(o) ? o->consumers : 0);
}

static void set_paces(struct load *l)
{
	const struct options *o = l->o;

	l->pace = (struct pace){.count = o->connections, .events = (uint64_t)o->batch, .schedule.rate = o->rate};
	if (o->kind == LOAD_IDLE)
		l->pace.schedule.rate = (double)o->connections / o->heartbeat_every_seconds;
	if (o->kind == LOAD_NAMESRV || o->kind == LOAD_IDLE)
		l->pace.events = 1;
	if (o->kind == LOAD_NAMESRV && o->brokers > 0)
		l->background = (struct pace){.first = o->connections,
					      .count = o->brokers,
					      .events = 1,
					      .schedule.rate = (double)o->brokers / o->register_every_seconds};
}

/* A descriptor for each connection, and wake-ups when they are due. */
static void set_limits(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	prctl(PR_SET_TIMERSLACK, 1000ul, 0, 0, 0);
}

static void set_up(struct load *l)
{
	struct epoll_event e = {.events = EPOLLIN, .data.ptr = NULL};

	set_limits();
	arena_init(&l->arena);
	requests_init(&l->requests, l->o);
	l->epoll = epoll_create1(EPOLL_CLOEXEC);
	l->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	epoll_ctl(l->epoll, EPOLL_CTL_ADD, l->timer, &e);
	l->link_count = links_wanted(l->o);
	l->links = mem_zalloc((size_t)l->link_count * sizeof(*l->links));
	l->dirty = mem_zalloc((size_t)l->link_count * sizeof(struct link_slots *));
	for (int i = 0; i < l->link_count; i++)
		l->links[i].link.fd = -1;
	if (!link_open(&l->control, l->o->address))
		fail(l, "connect");
	for (int i = 0; i < l->link_count && !l->has_failed; i++)
		open_link(l, i);
	set_paces(l);
}

static void make_topics(struct load *l, bool must)
{
	for (int i = 0; i < l->o->topics && !l->has_failed; i++)
		make_topic(l, i, must);
}

/* Long polls begin where the queues end. */
static void prepare_consumers(struct load *l)
{
	make_topics(l, true);
	for (int i = 0; i < l->link_count; i++) {
		struct link_slots *k = &l->links[i];

		for (int s = 0; s < k->slot_count && !l->has_failed; s++)
			if (k->slots[s].job == JOB_PULL)
				k->slots[s].offset = max_offset(l, k->slots[s].topic, k->slots[s].queue);
	}
}

/* The first heartbeat of each idle client makes the broker tell its group: that is over before anything is measured. */
static void join_all(struct load *l)
{
	uint64_t end = clock_now_ns() + JOIN_MS * 1000000ull;

	l->is_draining = true;
	l->now_ns = clock_now_ns();
	for (int i = 0; i < l->link_count; i++)
		slot_issue(l, &l->links[i], 0, l->now_ns);
	flush_dirty(l);
	while (!l->has_failed && l->busy > 0 && l->now_ns < end)
		turn(l, end);
	if (!l->has_failed && l->busy > 0) {
		errno = ETIMEDOUT;
		fail(l, "first heartbeats");
	}
	l->is_draining = false;
}

static void prepare(struct load *l)
{
	if (l->o->kind == LOAD_NAMESRV)
		register_all(l);
	else if (l->o->kind == LOAD_IDLE)
		join_all(l);
	else if (l->o->does_long_poll || is_end_to_end(l->o))
		prepare_consumers(l);
	else if (l->o->kind == LOAD_PRODUCE)
		make_topics(l, false);
}

static void tear_down(struct load *l)
{
	for (int i = 0; i < l->link_count; i++) {
		link_close(&l->links[i].link);
		free(l->links[i].slots);
	}
	link_close(&l->control);
	free(l->links);
	free(l->dirty);
	requests_free(&l->requests);
	close(l->timer);
	close(l->epoll);
	arena_reset(&l->arena);
}

int load_run(const struct options *o, struct measure *m)
{
	struct load *l = mem_zalloc(sizeof(*l));
	int status;

	*m = (struct measure){0};
	l->o = o;
	l->m = m;
	m->from_ns = UINT64_MAX; /* nothing counts yet */
	set_up(l);
	if (!l->has_failed)
		prepare(l);
	if (!l->has_failed)
		run(l);
	tear_down(l);
	status = l->has_failed ? 1 : 0;
	free(l);
	return status;
}
