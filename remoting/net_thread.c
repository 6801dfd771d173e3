/* A network thread: a loop that owns sockets. It reads, cuts frames, decodes headers and writes; the core never sees a socket of it.
 *
 *   socket -> room in the batch -> conn.c -> on_frame: request decoded -> batch -> end of turn: to the core, one wake-up
 *   orders of the core -> net_conn.out -> end of turn: one write a connection
 *
 * What goes wrong: no batch is free (the core is behind): connections that have something to read are held, and released when a batch
 * comes back. A connection that ends has its end told with the next batch, after its requests. */
#include "remoting/net_exchange.h"

#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

static struct net_thread *thread_of(struct conn *conn) { return CONTAINER_OF(conn->set, struct net_thread, set); }
static struct net_conn *net_conn_of(struct conn *conn) { return CONTAINER_OF(conn, struct net_conn, conn); }

static void assert_here(const struct net_thread *t) { ASSERT(pthread_equal(t->self, pthread_self())); }

/* ---- batches ---- */

static struct in_batch *batch_of(struct net_thread *t)
{
	if (t->batch != NULL)
		return t->batch;
	if (t->free_batches != NULL) {
		t->batch = t->free_batches;
		t->free_batches = (struct in_batch *)t->batch->mail.next;
	} else if (t->batch_count < NET_BATCHES) {
		t->batch = in_batch_new();
		t->batch_count++;
	}
	return t->batch;
}

static bool has_batch(const struct net_thread *t)
{
	return t->batch != NULL || t->free_batches != NULL || t->batch_count < NET_BATCHES;
}

static void hand_over(struct net_thread *t)
{
	struct in_batch *b = t->batch;

	t->batch = NULL;
	b->spent = t->spent;
	t->spent = NULL;
	if (mailbox_put(&t->to_core, &b->mail))
		uv_async_send(t->core_wake);
}

/* The notices go with the last batch of a turn, so that they come after the requests. Without a free batch they wait. */
static void put_notices(struct net_thread *t)
{
	struct list *it;

	while (!list_is_empty(&t->noticed) && batch_of(t) != NULL) {
		struct net_conn *c;

		it = list_pop(&t->noticed);
		c = CONTAINER_OF(it, struct net_conn, noticed);
		in_batch_note(t->batch, c, c->notices);
		c->notices = 0;
	}
}

static void notice(struct net_thread *t, struct net_conn *c, enum net_notice what)
{
	loop_enter(&t->loop);
	c->notices |= (unsigned)what;
	if (list_is_empty(&c->noticed))
		list_append(&t->noticed, &c->noticed);
}

/* ---- holding ---- */

static void wait_for_room(struct net_thread *t, struct net_conn *c)
{
	c->holds |= HOLD_NO_ROOM;
	if (list_is_empty(&c->waiting))
		list_append(&t->waiting, &c->waiting);
}

static void release(struct net_conn *c, enum net_hold why)
{
	c->holds &= ~(unsigned)why;
	if (c->holds == 0)
		conn_release(&c->conn);
}

static void release_waiting(struct net_thread *t)
{
	struct list *it;

	while ((it = list_pop(&t->waiting)) != NULL)
		release(CONTAINER_OF(it, struct net_conn, waiting), HOLD_NO_ROOM);
}

/* ---- conn.c's owner ---- */

static uint8_t *room(struct conn *conn, size_t *size)
{
	struct net_thread *t = thread_of(conn);
	struct in_batch *b = batch_of(t);

	if (b != NULL && (NET_BATCH_BYTES - b->used < CONN_ROOM_MIN_BYTES || b->count == NET_BATCH_REQUESTS)) {
		hand_over(t);
		b = batch_of(t);
	}
	if (b == NULL) {
		wait_for_room(t, net_conn_of(conn));
		return NULL;
	}
	*size = NET_BATCH_BYTES - b->used;
	return b->bytes + b->used;
}

static void on_used(struct conn *conn, size_t bytes)
{
	if (bytes > 0)
		thread_of(conn)->batch->used += bytes;
}

/* Never hands the batch over: the rest of the bytes that conn.c is working on lies in it. */
static enum rc on_frame(struct conn *conn, struct slice frame, const char **why)
{
	struct net_thread *t = thread_of(conn);
	struct in_batch *b = batch_of(t);
	struct request *req;
	enum rc rc;

	if (b == NULL || b->count == NET_BATCH_REQUESTS) {
		wait_for_room(t, net_conn_of(conn));
		return RC_BUSY;
	}
	req = request_new_unbound();
	rc = request_decode(req, t->dispatch, frame, why);
	if (rc != RC_OK) {
		request_drop(req);
		return rc;
	}
	if (req->route != NULL && (req->route->flags & ROUTE_PREPARED) != 0 && t->dispatch->prepare != NULL) {
		t->dispatch->prepare(req);
		req->is_prepared = true;
	}
	b->items[b->count++] = (struct net_item){net_conn_of(conn), req, frame};
	return RC_OK;
}

/* Without a batch no frame was taken from it. */
static void take_buffer(struct conn *conn, struct buf *in)
{
	if (thread_of(conn)->batch != NULL)
		in_batch_own(thread_of(conn)->batch, in);
	else
		buf_free(in);
}

static void tell_drained(struct net_thread *t, struct net_conn *c)
{
	if (!c->wants_drained || conn_pending_bytes(&c->conn) > t->set.limits.out_low_bytes)
		return;
	c->wants_drained = false;
	notice(t, c, NOTICE_DRAINED);
}

static void on_flushed(struct conn *conn)
{
	struct net_conn *c = net_conn_of(conn);

	atomic_store_explicit(&c->written_bytes, c->taken_bytes - conn_pending_bytes(conn), memory_order_relaxed);
	if (c->wants_drained)
		tell_drained(thread_of(conn), c);
}

static void on_closed(struct conn *conn)
{
	struct net_conn *c = net_conn_of(conn);

	list_remove(&c->dirty);
	list_remove(&c->waiting);
	buf_free(&c->out);
	notice(thread_of(conn), c, NOTICE_CLOSED);
}

static const struct conn_ops ops = {
	.room = room,
	.on_used = on_used,
	.on_frame = on_frame,
	.take_buffer = take_buffer,
	.on_flushed = on_flushed,
	.on_closed = on_closed,
};

/* ---- orders ---- */

static void set_buffers(const struct net_thread *t, uv_tcp_t *tcp)
{
	int bytes = t->send_buffer_bytes;

	if (bytes > 0)
		uv_send_buffer_size((uv_handle_t *)tcp, &bytes);
	bytes = t->receive_buffer_bytes;
	if (bytes > 0)
		uv_recv_buffer_size((uv_handle_t *)tcp, &bytes);
}

static void adopt(struct net_thread *t, struct net_conn *c)
{
	list_init(&c->dirty);
	list_init(&c->waiting);
	list_init(&c->noticed);
	c->conn.out = &c->out;
	c->conn.address = c->address;
	if (conn_init(&c->conn, &t->set) != RC_OK) {
		close(c->fd);
		c->conn.is_closing = true;
		notice(t, c, NOTICE_CLOSED);
		return;
	}
	if (uv_tcp_open(&c->conn.tcp, c->fd) != 0) {
		close(c->fd);
		conn_shut(&c->conn);
		return;
	}
	set_buffers(t, &c->conn.tcp);
	conn_start(&c->conn);
}

static void take_output(struct net_thread *t, struct net_conn *c, struct out_batch *from, struct net_order *order)
{
	size_t len = order->owned.data != NULL ? order->owned.len : order->len;

	if (c->conn.is_closing)
		return;
	c->taken_bytes += len;
	if (order->owned.data == NULL) {
		buf_put(&c->out, from->bytes.data + order->at, len);
	} else if (c->out.len == 0) {
		buf_free(&c->out);
		c->out = order->owned;
		order->owned = (struct buf){0};
	} else {
		buf_put_slice(&c->out, buf_slice(&order->owned));
	}
	if (list_is_empty(&c->dirty))
		list_append(&t->dirty, &c->dirty);
}

static void stop_reading(struct net_conn *c, enum net_hold why)
{
	c->holds |= (unsigned)why;
	conn_hold(&c->conn);
}

static void on_end(uv_handle_t *h) { ((struct net_thread *)h->data)->is_running = false; }

/* Connections that are closing have told, or will tell, that they are closed: nothing else is expected of them. */
static void carry_out(struct net_thread *t, struct out_batch *from, struct net_order *order)
{
	struct net_conn *c = order->c;

	switch (order->kind) {
	case ORDER_ADOPT:
		adopt(t, c);
		break;
	case ORDER_OUTPUT:
		take_output(t, c, from, order);
		break;
	case ORDER_HOLD:
		if (c->conn.is_closing)
			break;
		stop_reading(c, HOLD_CORE);
		c->wants_drained = true;
		tell_drained(t, c);
		break;
	case ORDER_RELEASE:
		if (!c->conn.is_closing)
			release(c, HOLD_CORE);
		break;
	case ORDER_STOP:
		if (c->conn.is_closing)
			break;
		stop_reading(c, HOLD_STOPPED);
		notice(t, c, NOTICE_STOPPED);
		break;
	case ORDER_FINISH:
		conn_finish(&c->conn);
		break;
	case ORDER_SHUT:
		conn_shut(&c->conn);
		break;
	case ORDER_GONE:
		free(c);
		break;
	case ORDER_END:
		uv_close((uv_handle_t *)&t->wake, on_end);
		break;
	}
}

static void take_back(struct net_thread *t, struct out_batch *from)
{
	struct in_batch *b;

	while ((b = from->returned) != NULL) {
		from->returned = (struct in_batch *)b->mail.next;
		in_batch_clear(b);
		b->mail.next = (struct mail *)t->free_batches;
		t->free_batches = b;
	}
	request_bin_empty(&from->bin);
}

static void on_wake(uv_async_t *a)
{
	struct net_thread *t = a->data;
	struct mail *m;

	assert_here(t);
	loop_enter(&t->loop);
	m = mailbox_take(&t->to_thread);
	while (m != NULL) {
		struct out_batch *b = CONTAINER_OF(m, struct out_batch, mail);

		m = m->next;
		take_back(t, b);
		for (size_t i = 0; i < b->count; i++)
			carry_out(t, b, &b->orders[i]);
		out_batch_clear(b);
		b->next_spent = t->spent;
		t->spent = b;
	}
}

/* ---- the turn ---- */

static void hand_over_if_any(struct net_thread *t)
{
	put_notices(t);
	if (t->batch != NULL && (t->batch->count > 0 || t->batch->note_count > 0))
		hand_over(t);
}

/* Requests first, so that the core works while we write. */
static void on_turn_end(struct loop_hook *h)
{
	struct net_thread *t = CONTAINER_OF(h, struct net_thread, hook);
	struct list *it;

	hand_over_if_any(t);
	while ((it = list_pop(&t->dirty)) != NULL)
		conn_flush(&CONTAINER_OF(it, struct net_conn, dirty)->conn);
	hand_over_if_any(t);
	if (has_batch(t))
		release_waiting(t);
}

static void run(void *arg)
{
	struct net_thread *t = arg;

	t->self = pthread_self();
	while (t->is_running)
		loop_run(&t->loop);
	request_pool_free();
}

struct net_thread *net_thread_start(const struct dispatch *dispatch, uv_async_t *core_wake, const struct conn_limits *limits,
				    int send_buffer_bytes, int receive_buffer_bytes)
{
	struct net_thread *t = mem_aligned_zalloc(_Alignof(struct net_thread), sizeof(*t));
	int status;

	*t = (struct net_thread){
		.dispatch = dispatch,
		.core_wake = core_wake,
		.send_buffer_bytes = send_buffer_bytes,
		.receive_buffer_bytes = receive_buffer_bytes,
		.hook.on_end = on_turn_end,
		.is_running = true,
	};
	list_init(&t->dirty);
	list_init(&t->waiting);
	list_init(&t->noticed);
	loop_init(&t->loop);
	conn_set_init(&t->set, &t->loop, limits, &ops);
	loop_hook_add(&t->loop, LOOP_PHASE_FLUSH, &t->hook);
	status = uv_async_init(&t->loop.uv, &t->wake, on_wake);
	if (status == 0) {
		t->wake.data = t;
		status = uv_thread_create(&t->thread, run, t);
	}
	if (status != 0)
		fatal(__FILE__, __LINE__, "cannot start a network thread: %s", uv_strerror(status));
	return t;
}

static void free_in_batches(struct in_batch *b)
{
	while (b != NULL) {
		struct in_batch *next = (struct in_batch *)b->mail.next;

		in_batch_free(b);
		b = next;
	}
}

static void free_out_batches(struct out_batch *b)
{
	while (b != NULL) {
		struct out_batch *next = b->next_spent;

		out_batch_free(b);
		b = next;
	}
}

/* Every connection is gone, so that there are no requests in what is left. */
void net_thread_join(struct net_thread *t)
{
	uv_thread_join(&t->thread);
	loop_hook_remove(&t->hook);
	conn_set_fini(&t->set);
	loop_fini(&t->loop);
	if (t->batch != NULL)
		in_batch_free(t->batch);
	free_in_batches(t->free_batches);
	free_in_batches(t->returned);
	ASSERT(mailbox_take(&t->to_core) == NULL && mailbox_take(&t->to_thread) == NULL);
	free_out_batches(t->spent);
	free_out_batches(t->spare);
	free_out_batches(t->orders);
	request_bin_empty(&t->bin);
	free(t);
}
