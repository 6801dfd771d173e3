/* Happy path: on_wake takes what the threads have handed over, runs the requests in order and marks peers that have output; at the end of
 * the turn their output becomes orders.
 *
 * A peer that does not take its answers: when more than out_high_bytes are on their way to it, its further requests (those that its
 * thread had read already: a few batches) wait as bytes in the backlog, and the thread is told to hold the connection until its output is
 * under the low mark. Then the backlog is run like a direct connection's, and the connection released.
 *
 *   open --NOTICE_CLOSED--> gone       (whoever began: ORDER_SHUT and ORDER_FINISH end in NOTICE_CLOSED too)
 *   net_core_finish: ORDER_STOP -> NOTICE_STOPPED: all that was read has been handled -> its answers, then ORDER_FINISH */
#include "remoting/net_core.h"

#include <fcntl.h>
#include <stdlib.h>

#include "base/mem.h"
#include "remoting/net_exchange.h"

struct net_core {
	struct loop *loop;
	struct net_core_options options;
	uv_async_t wake;
	struct loop_hook hook;
	struct net_thread *threads[NET_THREADS_MAX];
	int thread_count, next;
	struct list conns, dirty, finishing; /* net_conns; peers with output; net_conns */
	size_t count;
	bool is_taking, is_ending, is_joined;
	void (*on_ended)(void *ctx);
	void *ctx;
};

static struct net_core *core_of(const struct net_conn *c) { return c->thread->core_wake->data; }

/* ---- orders ---- */

static struct out_batch *orders_of(struct net_thread *t)
{
	if (t->orders == NULL && t->spare != NULL) {
		t->orders = t->spare;
		t->spare = t->orders->next_spent;
		t->orders->next_spent = NULL;
	} else if (t->orders == NULL) {
		t->orders = out_batch_new();
	}
	return t->orders;
}

static struct net_order *order(struct net_conn *c, enum net_order_kind kind)
{
	loop_enter(core_of(c)->loop);
	return out_batch_add(orders_of(c->thread), kind, c);
}

static void put_output(struct net_conn *c)
{
	struct buf *out = &c->peer->out;
	struct out_batch *b = orders_of(c->thread);
	struct net_order *o;

	if (out->len == 0)
		return;
	o = order(c, ORDER_OUTPUT);
	c->given_bytes += out->len;
	if (out->len > NET_COPY_MAX_BYTES) {
		o->owned = *out;
		*out = (struct buf){0};
		return;
	}
	o->at = b->bytes.len;
	o->len = out->len;
	buf_put_slice(&b->bytes, buf_slice(out));
	buf_clear(out);
	if (out->cap > CONN_KEEP_OUT_BYTES)
		buf_free(out);
}

/* Batches alone are worth a wake-up only when the thread may be short of them. */
static void send_orders(struct net_thread *t)
{
	struct out_batch *b;

	if (t->orders == NULL && t->returned_count < NET_BATCHES / 2)
		return;
	b = orders_of(t);
	b->returned = t->returned;
	b->bin = t->bin;
	t->returned = NULL;
	t->returned_count = 0;
	t->bin = (struct request_bin){0};
	t->orders = NULL;
	if (mailbox_put(&t->to_thread, &b->mail))
		uv_async_send(&t->wake);
}

/* ---- end of the threads ---- */

static void on_async_closed(uv_handle_t *h)
{
	struct net_core *n = h->data;

	loop_enter(n->loop);
	n->on_ended(n->ctx);
}

static void end_threads(struct net_core *n)
{
	if (!n->is_ending || n->is_joined || n->is_taking || n->count > 0)
		return;
	for (int i = 0; i < n->thread_count; i++) {
		out_batch_add(orders_of(n->threads[i]), ORDER_END, NULL);
		send_orders(n->threads[i]);
	}
	for (int i = 0; i < n->thread_count; i++)
		net_thread_join(n->threads[i]);
	n->is_joined = true;
	uv_close((uv_handle_t *)&n->wake, on_async_closed);
}

/* ---- the end of a turn ---- */

static void on_turn_end(struct loop_hook *h)
{
	struct net_core *n = CONTAINER_OF(h, struct net_core, hook);
	struct list *it;

	if (n->is_joined)
		return;
	while ((it = list_pop(&n->dirty)) != NULL)
		put_output(CONTAINER_OF(it, struct peer, dirty)->shell_data);
	while ((it = list_pop(&n->finishing)) != NULL)
		order(CONTAINER_OF(it, struct net_conn, finishing), ORDER_FINISH);
	for (int i = 0; i < n->thread_count; i++)
		send_orders(n->threads[i]);
}

/* ---- peers ---- */

static void touch(struct peer *peer)
{
	struct net_core *n = core_of(peer->shell_data);

	loop_enter(n->loop);
	if (list_is_empty(&peer->dirty))
		list_append(&n->dirty, &peer->dirty);
}

static void shut(struct peer *peer)
{
	struct net_conn *c = peer->shell_data;

	peer->is_closing = true;
	if (c->is_shut)
		return;
	c->is_shut = true;
	order(c, ORDER_SHUT);
}

/* ---- requests ---- */

static bool is_over_high(struct net_conn *c)
{
	uint64_t high = core_of(c)->options.limits.out_high_bytes;
	uint64_t given = c->given_bytes + c->peer->out.len;

	if (given - c->seen_bytes <= high)
		return false;
	c->seen_bytes = atomic_load_explicit(&c->written_bytes, memory_order_relaxed);
	return given - c->seen_bytes > high;
}

static void hold(struct net_conn *c)
{
	if (c->is_held)
		return;
	c->is_held = true;
	order(c, ORDER_HOLD);
}

static void run_request(struct net_thread *t, const struct net_item *item)
{
	struct net_conn *c = item->c;

	request_bind(item->req, c->peer, &t->bin);
	if (c->backlog.len == 0 && !is_over_high(c)) {
		peer_take(c->peer, item->req);
		return;
	}
	request_drop(item->req);
	if (c->peer->is_closing)
		return;
	buf_put_slice(&c->backlog, item->frame); /* bounded: what lay in the thread's batches when it was told to hold */
	hold(c);
}

/* The peer has taken most of its answers. */
static void run_backlog(struct net_conn *c)
{
	const char *why;
	size_t bytes;

	c->is_held = false;
	while (c->backlog_at < c->backlog.len && !c->peer->is_closing && !is_over_high(c)) {
		struct slice rest = slice_sub(buf_slice(&c->backlog), c->backlog_at, c->backlog.len);

		ASSERT(frame_size(rest, &bytes) == RC_OK); /* it was decoded once */
		(void)peer_receive(c->peer, slice_sub(rest, 0, bytes), &why);
		c->backlog_at += bytes;
	}
	if (c->backlog_at < c->backlog.len && !c->peer->is_closing) {
		hold(c);
		return;
	}
	buf_free(&c->backlog);
	c->backlog_at = 0;
	order(c, ORDER_RELEASE);
}

static void close_conn(struct net_core *n, struct net_conn *c)
{
	peer_close(c->peer);
	c->peer = NULL;
	buf_free(&c->backlog);
	list_remove(&c->link);
	list_remove(&c->finishing);
	n->count--;
	order(c, ORDER_GONE);
	n->options.on_gone(n->options.ctx);
}

static void take_note(struct net_core *n, const struct net_note *note)
{
	struct net_conn *c = note->c;

	if (note->what & NOTICE_CLOSED) {
		close_conn(n, c);
		return;
	}
	if (note->what & NOTICE_DRAINED)
		run_backlog(c);
	if (note->what & NOTICE_STOPPED)
		list_append(&n->finishing, &c->finishing);
}

static void take_spent(struct net_thread *t, struct in_batch *b)
{
	struct out_batch *spent;

	while ((spent = b->spent) != NULL) {
		b->spent = spent->next_spent;
		spent->next_spent = t->spare;
		t->spare = spent;
	}
}

static void take_batch(struct net_core *n, struct net_thread *t, struct in_batch *b)
{
	for (size_t i = 0; i < b->count; i++)
		run_request(t, &b->items[i]);
	for (size_t i = 0; i < b->note_count; i++)
		take_note(n, &b->notes[i]);
	take_spent(t, b);
	b->mail.next = (struct mail *)t->returned;
	t->returned = b;
	t->returned_count++;
}

static void on_wake(uv_async_t *a)
{
	struct net_core *n = a->data;

	loop_enter(n->loop);
	if (n->is_joined)
		return;
	n->is_taking = true;
	for (int i = 0; i < n->thread_count; i++) {
		struct mail *m = mailbox_take(&n->threads[i]->to_core);

		while (m != NULL) {
			struct in_batch *b = CONTAINER_OF(m, struct in_batch, mail);

			m = m->next;
			take_batch(n, n->threads[i], b);
		}
	}
	n->is_taking = false;
	end_threads(n);
}

/* ---- life ---- */

struct net_core *net_core_new(struct loop *loop, const struct net_core_options *options)
{
	struct net_core *n = mem_zalloc(sizeof(*n));
	struct conn_limits limits = options->limits;

	ASSERT(options->threads > 0 && options->threads <= NET_THREADS_MAX);
	n->loop = loop;
	n->options = *options;
	list_init(&n->conns);
	list_init(&n->dirty);
	list_init(&n->finishing);
	if (uv_async_init(&loop->uv, &n->wake, on_wake) != 0)
		fatal(__FILE__, __LINE__, "cannot set up network threads");
	n->wake.data = n;
	n->hook.on_end = on_turn_end;
	loop_hook_add(loop, LOOP_PHASE_FLUSH, &n->hook);
	limits.in_max_bytes /= (size_t)options->threads;
	while (n->thread_count < options->threads)
		n->threads[n->thread_count++] = net_thread_start(options->dispatch, &n->wake, &limits, options->send_buffer_bytes,
								 options->receive_buffer_bytes);
	return n;
}

struct peer *net_core_adopt(struct net_core *n, const uv_tcp_t *accepted)
{
	struct net_conn *c;
	uv_os_fd_t fd;
	int own;

	if (uv_fileno((const uv_handle_t *)accepted, &fd) != 0 || (own = fcntl(fd, F_DUPFD_CLOEXEC, 0)) < 0)
		return NULL;
	c = mem_aligned_zalloc(_Alignof(struct net_conn), sizeof(*c));
	c->thread = n->threads[n->next];
	n->next = (n->next + 1) % n->thread_count;
	c->fd = own;
	list_init(&c->finishing);
	c->peer = peer_new(&n->loop->timers, n->options.dispatch, n->options.core);
	c->peer->touch = touch;
	c->peer->shut = shut;
	c->peer->shell_data = c;
	conn_name(accepted, c->peer->address, c->peer->local_address);
	memcpy(c->address, c->peer->address, sizeof(c->address));
	list_append(&n->conns, &c->link);
	n->count++;
	order(c, ORDER_ADOPT);
	return c->peer;
}

size_t net_core_count(const struct net_core *n) { return n->count; }

void net_core_finish(struct net_core *n)
{
	LIST_FOR_EACH (it, &n->conns)
		order(CONTAINER_OF(it, struct net_conn, link), ORDER_STOP);
}

void net_core_shut(struct net_core *n)
{
	LIST_FOR_EACH (it, &n->conns)
		shut(CONTAINER_OF(it, struct net_conn, link)->peer);
}

void net_core_end(struct net_core *n, void (*on_ended)(void *ctx), void *ctx)
{
	loop_enter(n->loop);
	n->is_ending = true;
	n->on_ended = on_ended;
	n->ctx = ctx;
	end_threads(n);
}

void net_core_free(struct net_core *n)
{
	if (n == NULL)
		return;
	ASSERT(n->is_joined);
	loop_hook_remove(&n->hook);
	free(n);
}
