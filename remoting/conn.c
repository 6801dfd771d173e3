/* Happy path: on_read gets bytes where the owner has room, feed() hands every whole frame to the owner in place, output collects in *out,
 * and conn_flush writes it with one system call.
 * Failure: a malformed frame, a full output or silence shut this connection only, with a log line that names the peer and why. */
#include "remoting/conn.h"

#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

static const char module[] = "remoting";

void conn_limits_default(struct conn_limits *l)
{
	*l = (struct conn_limits){
		.idle_ms = CONN_IDLE_MS,
		.stall_ms = CONN_STALL_MS,
		.sweep_ms = CONN_SWEEP_MS,
		.out_high_bytes = CONN_OUT_HIGH_BYTES,
		.out_low_bytes = CONN_OUT_LOW_BYTES,
		.out_max_bytes = CONN_OUT_MAX_BYTES,
		.in_max_bytes = CONN_SET_IN_BYTES,
	};
}

static uv_stream_t *stream_of(struct conn *c) { return (uv_stream_t *)&c->tcp; }

/* What a peer can cause at will: one line a second for the whole set, with the number of those held back. */
static void log_peer(struct conn *c, const char *what)
{
	struct conn_set *set = c->set;

	if (!log_limited(set->loop->timers.now_ms + 1, &set->log_last_ms, &set->log_dropped))
		return;
	if (set->log_dropped > 0)
		log_warn(module, "closing the connection of '%s': %s (%llu more like this before)", c->address, what,
			 (unsigned long long)set->log_dropped);
	else
		log_warn(module, "closing the connection of '%s': %s", c->address, what);
	set->log_dropped = 0;
}

static void refuse(struct conn *c, const char *why)
{
	log_peer(c, why);
	conn_shut(c);
}

/* ---- output ---- */

size_t conn_pending_bytes(struct conn *c)
{
	return c->out->len + (c->is_writing ? uv_stream_get_write_queue_size(stream_of(c)) : 0);
}

static void pause_reading(struct conn *c)
{
	if (c->is_paused)
		return;
	c->is_paused = true;
	uv_read_stop(stream_of(c));
}

/* Under the low mark again: go on with the next turn (frames may be waiting in c->in, and this turn's cores have had their end). */
static void resume_soon(struct conn *c)
{
	if (c->is_paused && !c->is_held && !c->is_closing && !c->is_finishing && !timer_is_running(&c->resume) &&
	    conn_pending_bytes(c) <= c->set->limits.out_low_bytes)
		timer_start(&c->set->loop->timers, &c->resume, 0);
}

static void on_written(uv_write_t *w, int status)
{
	struct conn *c = w->data;

	loop_enter(c->set->loop);
	c->is_writing = false;
	buf_free(&c->sending);
	if (c->is_closing)
		return;
	if (status < 0) {
		conn_shut(c);
		return;
	}
	c->active_ms = c->set->loop->timers.now_ms;
	conn_flush(c);
}

/* Hand the output from `sent` on to libuv, which waits for the socket. */
static void write_rest(struct conn *c, size_t sent)
{
	uv_buf_t rest;

	c->sending = *c->out;
	*c->out = (struct buf){0};
	c->write.data = c;
	rest = uv_buf_init((char *)c->sending.data + sent, (unsigned)(c->sending.len - sent));
	if (uv_write(&c->write, stream_of(c), &rest, 1, on_written) != 0) {
		conn_shut(c);
		return;
	}
	c->is_writing = true;
	c->stalled_bytes = c->sending.len - sent;
	c->stalled_since_ms = c->set->loop->timers.now_ms;
}

static void written_all(struct conn *c)
{
	buf_clear(c->out);
	if (c->out->cap > CONN_KEEP_OUT_BYTES)
		buf_free(c->out);
	c->active_ms = c->set->loop->timers.now_ms;
	if (c->is_finishing)
		conn_shut(c);
	else
		resume_soon(c);
}

static void write_out(struct conn *c)
{
	struct buf *out = c->out;
	uv_buf_t all;
	int n = 0;

	if (conn_pending_bytes(c) > c->set->limits.out_max_bytes) {
		refuse(c, "it does not read its answers, too many of them are waiting");
		return;
	}
	if (!c->is_writing) {
		if (out->len > 0) {
			all = uv_buf_init((char *)out->data, (unsigned)out->len);
			n = uv_try_write(stream_of(c), &all, 1);
		}
		if (n < 0 && n != UV_EAGAIN) {
			conn_shut(c);
			return;
		}
		if (n >= 0 && (size_t)n == out->len) {
			written_all(c);
			return;
		}
		write_rest(c, n > 0 ? (size_t)n : 0);
	}
	if (!c->is_closing && conn_pending_bytes(c) > c->set->limits.out_high_bytes)
		pause_reading(c);
	else
		resume_soon(c);
}

void conn_flush(struct conn *c)
{
	if (c->is_closing || !c->is_connected)
		return;
	write_out(c);
	if (!c->is_closing && c->set->ops->on_flushed != NULL)
		c->set->ops->on_flushed(c);
}

/* ---- holding ---- */

void conn_hold(struct conn *c)
{
	c->is_held = true;
	if (c->is_connected && !c->is_closing)
		pause_reading(c);
}

void conn_release(struct conn *c)
{
	c->is_held = false;
	resume_soon(c);
}

/* ---- input ---- */

/* What speaks other protocols on this port, by its first byte: a frame's is 0 or 1, the top of a length up to 16 MiB. */
static bool greet(struct conn *c, uint8_t first)
{
	c->is_greeted = true;
	if (first <= 1)
		return true;
	if (first == 0x16)
		refuse(c, "it speaks TLS, which is not enabled here");
	else if (first >= 'A' && first <= 'Z')
		refuse(c, "it speaks HTTP or the PROXY protocol, expected remoting frames");
	else
		refuse(c, "malformed frame: impossible length");
	return false;
}

/* Hand over every whole frame; returns how many bytes are used up. Sets c->need for the rest. */
static size_t feed(struct conn *c, const uint8_t *data, size_t len)
{
	const char *why = NULL;
	size_t at = 0, frame_bytes = 0;
	enum rc rc;

	if (!c->is_greeted && len > 0 && !greet(c, data[0]))
		return len;
	while (!c->is_closing && !c->is_paused && !c->is_finishing) {
		c->need = 0;
		rc = frame_size((struct slice){(const char *)data + at, len - at}, &frame_bytes);
		if (rc == RC_AGAIN)
			break;
		if (rc != RC_OK) {
			refuse(c, rc == RC_TOO_BIG ? "malformed frame: too long" : "malformed frame: impossible lengths");
			break;
		}
		if (frame_bytes > len - at) {
			c->need = frame_bytes;
			break;
		}
		rc = c->set->ops->on_frame(c, (struct slice){(const char *)data + at, frame_bytes}, &why);
		if (rc == RC_BUSY) {
			conn_hold(c);
			break;
		}
		if (rc != RC_OK && !c->is_closing)
			refuse(c, why ? why : rc_text(rc));
		at += frame_bytes;
		if (!c->is_closing && conn_pending_bytes(c) > c->set->limits.out_high_bytes)
			pause_reading(c);
	}
	return at;
}

/* Room for `more` bytes of a partial frame; false: no memory, or all connections together hold too much. */
static bool reserve_in(struct conn *c, size_t more)
{
	struct conn_set *set = c->set;
	size_t before = c->in.cap;

	if (more > set->limits.in_max_bytes || set->in_bytes > set->limits.in_max_bytes - more || !buf_try_reserve(&c->in, more))
		return false;
	set->in_bytes += c->in.cap - before;
	return true;
}

static void free_in(struct conn *c)
{
	c->set->in_bytes -= c->in.cap;
	buf_free(&c->in);
}

static void keep(struct conn *c, const uint8_t *data, size_t len)
{
	buf_clear(&c->in);
	if (len == 0)
		free_in(c);
	else if (reserve_in(c, len))
		buf_put(&c->in, data, len);
	else
		refuse(c, "too many unfinished frames are held");
}

/* The owner still needs the frames: it gets the buffer, and what follows them moves to a new one. */
static void give_in(struct conn *c, size_t used)
{
	struct buf whole = c->in;

	c->set->in_bytes -= whole.cap;
	c->in = (struct buf){0};
	if (!c->is_closing)
		keep(c, whole.data + used, whole.len - used);
	c->set->ops->take_buffer(c, &whole);
}

/* Feed what c->in holds and keep the rest at its front. */
static void feed_kept(struct conn *c)
{
	size_t used = feed(c, c->in.data, c->in.len);

	if (used > 0 && c->set->ops->take_buffer != NULL) {
		give_in(c, used);
		return;
	}
	if (c->is_closing)
		return;
	c->in.len -= used;
	if (c->in.len == 0)
		free_in(c);
	else if (used > 0)
		memmove(c->in.data, c->in.data + used, c->in.len);
}

static bool is_read_in_place(const struct conn *c) { return c->in.len > CONN_COPY_MAX_BYTES && c->need > c->in.len; }

/* Room behind the partial frame: the owner's, with the partial copied to its front; or in the frame's own buffer, which grows with what
 * has really come, not with what the length field promises. */
static void on_alloc(uv_handle_t *h, size_t suggested, uv_buf_t *out)
{
	struct conn *c = h->data;
	uint8_t *room;
	size_t want;

	(void)suggested;
	if (!is_read_in_place(c)) {
		room = c->set->ops->room(c, &want);
		if (room == NULL) {
			c->is_held =
				true; /* on_read gets UV_ENOBUFS, and stops reading: libuv does not let it be stopped in here */
			*out = uv_buf_init(NULL, 0);
			return;
		}
		if (c->in.len > 0)
			memcpy(room, c->in.data, c->in.len);
		*out = uv_buf_init((char *)room + c->in.len, (unsigned)(want - c->in.len));
		return;
	}
	want = c->need - c->in.len;
	if (want > c->in.len)
		want = c->in.len;
	if (reserve_in(c, want))
		*out = uv_buf_init((char *)c->in.data + c->in.len, (unsigned)want);
	else
		*out = uv_buf_init(NULL, 0); /* on_read gets UV_ENOBUFS */
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *b)
{
	struct conn *c = s->data;
	const uint8_t *data;
	size_t used, total;

	loop_enter(c->set->loop);
	if (n == 0 || c->is_closing)
		return;
	if (n == UV_ENOBUFS && c->is_held) {
		pause_reading(c);
		return;
	}
	if (n == UV_ENOBUFS) {
		refuse(c, "too many unfinished frames are held");
		return;
	}
	if (n < 0) {
		log_debug(module, "connection of '%s' ended: %s", c->address, uv_strerror((int)n));
		conn_shut(c);
		return;
	}
	c->active_ms = c->set->loop->timers.now_ms;
	if (is_read_in_place(c)) {
		c->in.len += (size_t)n;
		if (c->in.len >= c->need)
			feed_kept(c);
		return;
	}
	data = (const uint8_t *)b->base - c->in.len;
	total = c->in.len + (size_t)n;
	used = feed(c, data, total);
	if (c->set->ops->on_used != NULL)
		c->set->ops->on_used(c, used);
	if (!c->is_closing)
		keep(c, data + used, total - used);
}

static void on_resume(struct timer *t)
{
	struct conn *c = CONTAINER_OF(t, struct conn, resume);

	if (c->is_closing || c->is_finishing || c->is_held || !c->is_paused)
		return;
	c->is_paused = false;
	if (c->in.len > 0)
		feed_kept(c);
	if (!c->is_closing && !c->is_paused && uv_read_start(stream_of(c), on_alloc, on_read) != 0)
		conn_shut(c);
}

/* ---- life ---- */

static void on_closed(uv_handle_t *h)
{
	struct conn *c = h->data;
	struct conn_set *set = c->set;

	loop_enter(set->loop);
	timer_stop(&set->loop->timers, &c->resume);
	list_remove(&c->link);
	set->count--;
	if (set->count == 0)
		timer_stop(&set->loop->timers, &set->sweep);
	free_in(c);
	buf_free(&c->sending);
	set->ops->on_closed(c);
}

void conn_shut(struct conn *c)
{
	if (c->is_closing)
		return;
	loop_enter(c->set->loop);
	c->is_closing = true;
	if (c->set->ops->on_shut != NULL)
		c->set->ops->on_shut(c);
	if (!c->is_handle_closing)
		uv_close((uv_handle_t *)&c->tcp, on_closed);
	c->is_handle_closing = true;
}

void conn_finish(struct conn *c)
{
	if (c->is_closing || c->is_finishing)
		return;
	c->is_finishing = true;
	if (!c->is_connected || conn_pending_bytes(c) == 0)
		conn_shut(c);
	else
		uv_read_stop(stream_of(c));
}

static void on_old_socket_closed(uv_handle_t *h)
{
	struct conn *c = h->data;

	if (c->is_closing) {
		on_closed(h);
		return;
	}
	loop_enter(c->set->loop);
	uv_tcp_init(&c->set->loop->uv, &c->tcp);
	c->tcp.data = c;
	c->is_handle_closing = false;
	c->on_renewed(c);
}

void conn_renew(struct conn *c, void (*on_renewed)(struct conn *c))
{
	if (c->is_closing || c->is_handle_closing)
		return;
	c->on_renewed = on_renewed;
	c->is_handle_closing = true;
	uv_close((uv_handle_t *)&c->tcp, on_old_socket_closed);
}

enum rc conn_init(struct conn *c, struct conn_set *set)
{
	int status = uv_tcp_init(&set->loop->uv, &c->tcp);

	if (status != 0)
		return rc_from_uv(status);
	loop_enter(set->loop);
	c->tcp.data = c;
	c->set = set;
	c->resume.on_timer = on_resume;
	c->active_ms = set->loop->timers.now_ms;
	list_append(&set->conns, &c->link);
	if (set->count++ == 0 && set->limits.sweep_ms > 0)
		timer_start(&set->loop->timers, &set->sweep, set->limits.sweep_ms);
	return RC_OK;
}

static void put_address(const struct sockaddr *sa, char *out, size_t size)
{
	char host[INET6_ADDRSTRLEN] = "?";
	const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)(const void *)sa;
	const struct sockaddr_in *four = (const struct sockaddr_in *)(const void *)sa;

	if (sa->sa_family == AF_INET6) {
		uv_ip6_name(six, host, sizeof(host));
		if (strncmp(host, "::ffff:", 7) == 0 && strchr(host, '.') != NULL)
			mem_format(out, size, "%s:%d", host + 7, ntohs(six->sin6_port));
		else
			mem_format(out, size, "[%s]:%d", host, ntohs(six->sin6_port));
	} else if (sa->sa_family == AF_INET) {
		uv_ip4_name(four, host, sizeof(host));
		mem_format(out, size, "%s:%d", host, ntohs(four->sin_port));
	}
}

void conn_name(const uv_tcp_t *tcp, char *address, char *local_address)
{
	struct sockaddr_storage sa = {0};
	int len = sizeof(sa);

	if (uv_tcp_getpeername(tcp, (struct sockaddr *)&sa, &len) == 0)
		put_address((struct sockaddr *)&sa, address, PEER_ADDRESS_BYTES);
	len = sizeof(sa);
	if (uv_tcp_getsockname(tcp, (struct sockaddr *)&sa, &len) == 0)
		put_address((struct sockaddr *)&sa, local_address, PEER_ADDRESS_BYTES);
}

void conn_start(struct conn *c)
{
	uv_tcp_nodelay(&c->tcp, 1);
	c->is_connected = c->was_connected = true;
	c->active_ms = c->set->loop->timers.now_ms;
	if (c->is_held)
		c->is_paused = true;
	else if (uv_read_start(stream_of(c), on_alloc, on_read) != 0)
		conn_shut(c);
}

/* ---- sweep ---- */

static void check_stall(struct conn *c, uint64_t now_ms)
{
	size_t left = uv_stream_get_write_queue_size(stream_of(c));

	if (left != c->stalled_bytes) {
		c->stalled_bytes = left;
		c->stalled_since_ms = now_ms;
		c->active_ms = now_ms;
	} else if (c->set->limits.stall_ms > 0 && now_ms - c->stalled_since_ms >= c->set->limits.stall_ms) {
		refuse(c, "it does not read its answers");
	}
}

static void on_sweep(struct timer *t)
{
	struct conn_set *set = CONTAINER_OF(t, struct conn_set, sweep);
	uint64_t now_ms = set->loop->timers.now_ms;

	LIST_FOR_EACH_SAFE (it, &set->conns) {
		struct conn *c = CONTAINER_OF(it, struct conn, link);

		if (c->is_closing || !c->is_connected)
			continue;
		if (c->is_writing) {
			check_stall(c, now_ms);
		} else if (set->limits.idle_ms > 0 && now_ms - c->active_ms >= set->limits.idle_ms) {
			log_info(module, "closing the connection of '%s': idle for %llu s", c->address,
				 (unsigned long long)(now_ms - c->active_ms) / 1000);
			conn_shut(c);
		} else if (c->out->len == 0 && c->out->cap > 0 && now_ms - c->active_ms >= set->limits.sweep_ms) {
			buf_free(c->out);
		}
	}
	if (set->count > 0)
		timer_start(&set->loop->timers, &set->sweep, set->limits.sweep_ms);
}

void conn_set_init(struct conn_set *set, struct loop *loop, const struct conn_limits *limits, const struct conn_ops *ops)
{
	*set = (struct conn_set){.loop = loop, .limits = *limits, .ops = ops};
	list_init(&set->conns);
	set->sweep.on_timer = on_sweep;
}

void conn_set_fini(struct conn_set *set)
{
	ASSERT(set->count == 0);
	timer_stop(&set->loop->timers, &set->sweep);
}
