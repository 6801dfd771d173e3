/* Happy path: see the drawing. The receive buffer is the loop's, one for all: a frame is done with when peer_receive returns. */
#include "remoting/conn_peer.h"

#include <stdlib.h>

#include "base/mem.h"

static uint8_t *room(struct conn *conn, size_t *size)
{
	*size = LOOP_SCRATCH_BYTES;
	return loop_scratch(conn->set->loop);
}

static enum rc on_frame(struct conn *conn, struct slice frame, const char **why)
{
	return peer_receive(CONTAINER_OF(conn, struct conn_peer, conn)->peer, frame, why);
}

static void on_shut(struct conn *conn) { CONTAINER_OF(conn, struct conn_peer, conn)->peer->is_closing = true; }

static void on_closed(struct conn *conn)
{
	struct conn_peer *c = CONTAINER_OF(conn, struct conn_peer, conn);
	struct conn_peers *p = CONTAINER_OF(conn->set, struct conn_peers, set);

	list_remove(&c->peer->dirty);
	peer_close(c->peer);
	if (p->on_gone != NULL)
		p->on_gone(p, c);
	free(c);
}

static const struct conn_ops ops = {.room = room, .on_frame = on_frame, .on_shut = on_shut, .on_closed = on_closed};

static void on_turn_end(struct loop_hook *h)
{
	struct conn_peers *p = CONTAINER_OF(h, struct conn_peers, flush);
	struct list *it;

	while ((it = list_pop(&p->dirty)) != NULL)
		conn_flush(CONTAINER_OF(it, struct peer, dirty)->shell_data);
}

static void touch(struct peer *peer)
{
	struct conn *conn = peer->shell_data;

	loop_enter(conn->set->loop);
	if (list_is_empty(&peer->dirty))
		list_append(&CONTAINER_OF(conn->set, struct conn_peers, set)->dirty, &peer->dirty);
}

static void shut(struct peer *peer) { conn_shut(peer->shell_data); }

struct conn_peer *conn_peer_new(struct conn_peers *p, const struct dispatch *dispatch, void *core)
{
	struct conn_peer *c = mem_zalloc(sizeof(*c));

	if (conn_init(&c->conn, &p->set) != RC_OK) {
		free(c);
		return NULL;
	}
	c->peer = peer_new(&p->set.loop->timers, dispatch, core);
	c->peer->touch = touch;
	c->peer->shut = shut;
	c->peer->shell_data = &c->conn;
	c->conn.out = &c->peer->out;
	c->conn.address = c->peer->address;
	return c;
}

void conn_peer_start(struct conn_peer *c)
{
	conn_name(&c->conn.tcp, c->peer->address, c->peer->local_address);
	conn_start(&c->conn);
	if (c->peer->out.len > 0)
		touch(c->peer);
}

void conn_peers_init(struct conn_peers *p, struct loop *loop, const struct conn_limits *limits)
{
	*p = (struct conn_peers){.flush.on_end = on_turn_end};
	conn_set_init(&p->set, loop, limits, &ops);
	list_init(&p->dirty);
	loop_hook_add(loop, LOOP_PHASE_FLUSH, &p->flush);
}

void conn_peers_fini(struct conn_peers *p)
{
	conn_set_fini(&p->set);
	loop_hook_remove(&p->flush);
}
