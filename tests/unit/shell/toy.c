#include "tests/unit/shell/toy.h"

#include <arpa/inet.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"
#include "remoting/request.h"

struct toy toy;
int toy_io_threads;

static enum outcome handle_echo(struct request *req)
{
	toy.handled++;
	mem_format(toy.last_address, sizeof(toy.last_address), "%s", req->peer->address);
	return reply_body(req, req->cmd.body);
}

static enum outcome handle_big(struct request *req)
{
	struct buf body = {0};
	enum outcome outcome;
	int64_t bytes = 0;

	ck_assert(slice_to_i64(req->cmd.body, &bytes));
	memset(buf_grow(&body, (size_t)bytes), 'x', (size_t)bytes);
	toy.handled++;
	outcome = reply_body(req, buf_slice(&body));
	buf_free(&body);
	return outcome;
}

static void on_cancel(struct request *req)
{
	(void)req;
	toy.canceled++;
}

static enum outcome handle_park(struct request *req)
{
	req->on_cancel = on_cancel;
	toy.parked++;
	return PENDING;
}

static enum outcome handle_shut(struct request *req)
{
	req->on_cancel = on_cancel;
	toy.parked++;
	req->peer->shut(req->peer);
	return PENDING;
}

static const struct route routes[] = {
	{TOY_ECHO, "ECHO", NULL, 0, handle_echo},
	{TOY_BIG, "BIG", NULL, 0, handle_big},
	{TOY_PARK, "PARK", NULL, ROUTE_NOT_ON_VIP, handle_park},
	{TOY_SHUT, "SHUT", NULL, 0, handle_shut},
};
const struct dispatch toy_dispatch = {.routes = routes, .count = sizeof(routes) / sizeof(routes[0])};

static void on_peer_close(struct peer *peer)
{
	(void)peer;
	toy.peers_closed++;
}

static void on_end(struct loop_hook *h)
{
	(void)h;
	toy.turn_ends++;
}

void toy_defaults(struct server_options *options)
{
	server_options_default(options);
	options->dispatch = &toy_dispatch;
	options->core = &toy;
	options->on_peer_close = on_peer_close;
	options->io_threads = toy_io_threads;
}

void toy_start(const struct server_options *options) { toy_start_on("127.0.0.1", options); }

void toy_start_on(const char *address, const struct server_options *options)
{
	struct server_options defaults;
	char *error = NULL;

	toy_defaults(&defaults);
	signal(SIGPIPE, SIG_IGN);                    /* as program_prepare() does */
	log_level = (enum log_level)(LOG_ERROR + 1); /* refusals are what these tests are about */
	toy = (struct toy){.hook.on_end = on_end};
	loop_init(&toy.loop);
	loop_hook_add(&toy.loop, LOOP_PHASE_CORE, &toy.hook);
	toy.server = server_new(&toy.loop, options ? options : &defaults);
	ck_assert_msg(server_listen(toy.server, address, 0, false, "listenPort", &error) == RC_OK, "%s", error);
	ck_assert_msg(server_listen(toy.server, address, 0, true, "listenPort", &error) == RC_OK, "%s", error);
}

static void on_closed(void *ctx) { *(bool *)ctx = true; }

void toy_stop(void)
{
	server_close(toy.server, 0, on_closed, &toy.is_closed);
	ck_assert(loop_until(&toy.loop, &toy.is_closed, TOY_WAIT_MS));
	ck_assert_uint_eq(server_connection_count(toy.server), 0);
	ck_assert_int_eq(toy.parked, toy.canceled);
	server_free(toy.server);
	loop_hook_remove(&toy.hook);
	loop_fini(&toy.loop);
}

static int connect_to(const void *to, size_t len)
{
	int fd = socket(((const struct sockaddr *)to)->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	ck_assert_int_ge(fd, 0);
	if (connect(fd, to, (socklen_t)len) != 0)
		ck_assert_int_eq(errno, EINPROGRESS);
	return fd;
}

int toy_connect(void)
{
	struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)server_port(toy.server, 0))};

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return connect_to(&to, sizeof(to));
}

int toy_connect_6(void)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6, .sin6_port = htons((uint16_t)server_port(toy.server, 0))};

	to.sin6_addr = in6addr_loopback;
	return connect_to(&to, sizeof(to));
}

bool toy_has_ipv6(void)
{
	struct sockaddr_in6 sa = {.sin6_family = AF_INET6};
	int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
	bool has = false;

	sa.sin6_addr = in6addr_loopback;
	if (fd >= 0) {
		has = bind(fd, (struct sockaddr *)&sa, sizeof(sa)) == 0;
		close(fd);
	}
	return has;
}

/* One turn that does not block for long. */
static void turn(void) { uv_run(&toy.loop.uv, UV_RUN_NOWAIT); }

static uint64_t deadline(void) { return uv_hrtime() + TOY_WAIT_MS * 1000000ull; }

void toy_send(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;
	uint64_t end = deadline();

	while (len > 0) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		if (n < 0) {
			ck_assert_msg(errno == EAGAIN || errno == ENOTCONN, "%s", strerror(errno));
			ck_assert_msg(uv_hrtime() < end, "the server does not read");
			turn();
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
}

bool toy_receive(int fd, void *bytes, size_t len)
{
	char *at = bytes;
	uint64_t end = deadline();

	while (len > 0) {
		ssize_t n = recv(fd, at, len, 0);

		if (n == 0 || (n < 0 && errno == ECONNRESET))
			return false;
		if (n < 0) {
			ck_assert_msg(uv_hrtime() < end, "%zu bytes did not come", len);
			turn();
			continue;
		}
		at += n;
		len -= (size_t)n;
	}
	return true;
}

size_t toy_receive_end(int fd)
{
	char byte;
	size_t count = 0;

	while (toy_receive(fd, &byte, 1))
		count++;
	return count;
}

void toy_until(const int *value, int at_least)
{
	uint64_t end = deadline();

	while (*value < at_least) {
		ck_assert_msg(uv_hrtime() < end, "still %d, expected %d", *value, at_least);
		turn();
	}
}

void toy_request(struct buf *out, int32_t code, int32_t opaque, struct slice body)
{
	struct command cmd = {.code = code, .opaque = opaque, .version = FUSEE_VERSION, .body = body};

	command_encode(out, &cmd, NULL, NULL, NULL, 0, 0);
}

void toy_expect_answer(int fd, int32_t opaque, struct buf *body)
{
	struct command cmd;
	struct buf frame = {0};
	const char *why = NULL;
	size_t bytes = 0;

	ck_assert(toy_receive(fd, buf_grow(&frame, 8), 8));
	ck_assert_int_eq(frame_size(buf_slice(&frame), &bytes), RC_OK);
	ck_assert(toy_receive(fd, buf_grow(&frame, bytes - 8), bytes - 8));
	ck_assert_msg(command_decode(buf_slice(&frame), &cmd, &why) == RC_OK, "%s", why);
	ck_assert_int_eq(cmd.opaque, opaque);
	ck_assert_int_eq(cmd.flag & FLAG_RESPONSE, FLAG_RESPONSE);
	ck_assert_int_eq(cmd.code, 0);
	if (body != NULL)
		buf_put_slice(body, cmd.body);
	buf_free(&frame);
}
