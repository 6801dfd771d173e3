/* One large buffer serves the reads of all links; a link keeps only the start of a frame whose end has not come. */
#include "bench/link.h"

#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "bench/clock.h"
#include "remoting/command.h"

#define READ_BYTES (1024 * 1024)

static uint8_t scratch[READ_BYTES];

bool link_open(struct link *l, const char *address)
{
	char host[256];
	const char *colon = strrchr(address, ':');
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM}, *found;
	int one = 1;

	*l = (struct link){.fd = -1};
	errno = EINVAL;
	if (colon == NULL || !mem_format(host, sizeof(host), "%.*s", (int)(colon - address), address))
		return false;
	errno = EHOSTUNREACH;
	if (getaddrinfo(host, colon + 1, &hints, &found) != 0)
		return false;
	for (struct addrinfo *a = found; a != NULL && l->fd < 0; a = a->ai_next) {
		l->fd = socket(a->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (l->fd >= 0 && connect(l->fd, a->ai_addr, a->ai_addrlen) != 0) {
			int why = errno;

			close(l->fd);
			errno = why;
			l->fd = -1;
		}
	}
	freeaddrinfo(found);
	if (l->fd < 0)
		return false;
	setsockopt(l->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	fcntl(l->fd, F_SETFL, O_NONBLOCK);
	return true;
}

void link_close(struct link *l)
{
	if (l->fd >= 0)
		close(l->fd);
	l->fd = -1;
	buf_free(&l->out);
	buf_free(&l->part);
}

bool link_write(struct link *l)
{
	l->is_stuck = false;
	while (l->written < l->out.len) {
		ssize_t n = send(l->fd, l->out.data + l->written, l->out.len - l->written, MSG_NOSIGNAL);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0) {
			l->is_stuck = errno == EAGAIN;
			return l->is_stuck;
		}
		l->written += (size_t)n;
	}
	buf_clear(&l->out);
	l->written = 0;
	return true;
}

/* Cut the whole frames off the front; returns how many bytes they had, or SIZE_MAX when the peer speaks something else. */
static size_t cut(struct slice in, void (*on_frame)(void *ctx, struct slice frame), void *ctx)
{
	size_t at = 0, size;

	for (;;) {
		struct slice rest = slice_sub(in, at, in.len - at);
		enum rc rc = frame_size(rest, &size);

		if (rc != RC_OK && rc != RC_AGAIN)
			return SIZE_MAX;
		if (rc == RC_AGAIN || size > rest.len)
			return at;
		on_frame(ctx, slice_sub(rest, 0, size));
		at += size;
	}
}

bool link_read(struct link *l, void (*on_frame)(void *ctx, struct slice frame), void *ctx)
{
	ssize_t n = read(l->fd, scratch, sizeof(scratch));
	struct slice in = {(const char *)scratch, n > 0 ? (size_t)n : 0};
	size_t used;

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	if (n <= 0) {
		errno = n == 0 ? ECONNRESET : errno;
		return false;
	}
	if (l->part.len > 0) {
		buf_put_slice(&l->part, in);
		in = buf_slice(&l->part);
	}
	used = cut(in, on_frame, ctx);
	if (used == SIZE_MAX) {
		errno = EPROTO;
		return false;
	}
	if (l->part.len > 0) {
		memmove(l->part.data, l->part.data + used, l->part.len - used);
		l->part.len -= used;
	} else {
		buf_put_slice(&l->part, slice_sub(in, used, in.len - used));
	}
	return true;
}

struct call {
	struct buf *answer;
	bool has_come;
};

static void on_answer(void *ctx, struct slice frame)
{
	struct call *c = ctx;

	if (c->has_come)
		return;
	buf_clear(c->answer);
	buf_put_slice(c->answer, frame);
	c->has_come = true;
}

bool link_call(struct link *l, int timeout_ms, struct buf *answer)
{
	uint64_t end = clock_now_ns() + (uint64_t)timeout_ms * 1000000;
	struct call c = {.answer = answer};

	while (!c.has_come && clock_now_ns() < end) {
		struct pollfd p = {.fd = l->fd, .events = POLLIN};

		if (!link_write(l))
			return false;
		p.events |= l->is_stuck ? POLLOUT : 0;
		if (poll(&p, 1, 100) > 0 && (p.revents & (POLLIN | POLLERR | POLLHUP)) && !link_read(l, on_answer, &c))
			return false;
	}
	errno = c.has_come ? 0 : ETIMEDOUT;
	return c.has_come;
}
