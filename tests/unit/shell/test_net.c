/* What network threads add to test_server.c: mailboxes, back-pressure of a core that is behind, closing in every order. */
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "remoting/net_exchange.h"
#include "tests/unit/shell/toy.h"

Suite *suite_net(void);

/* ---- mailbox ---- */

enum { LETTERS = 20000 };

struct letter {
	struct mail mail;
	int number;
};

static struct mailbox box;
static struct letter letters[LETTERS];
static int posted_into_empty; /* the writer's */

static void post_all(void *arg)
{
	(void)arg;
	for (int i = 0; i < LETTERS; i++) {
		letters[i].number = i;
		posted_into_empty += mailbox_put(&box, &letters[i].mail);
	}
}

START_TEST(letters_come_in_order_and_each_batch_has_one_wake_up)
{
	int expected = 0, batches = 0;
	uv_thread_t writer;

	ck_assert_int_eq(uv_thread_create(&writer, post_all, NULL), 0);
	while (expected < LETTERS) {
		struct mail *m = mailbox_take(&box);

		batches += m != NULL;
		for (; m != NULL; m = m->next)
			ck_assert_int_eq(CONTAINER_OF(m, struct letter, mail)->number, expected++);
	}
	uv_thread_join(&writer);
	ck_assert_ptr_null(mailbox_take(&box));
	ck_assert_int_eq(posted_into_empty, batches);
}
END_TEST

/* ---- with a server ---- */

static struct buf out, got;

static void start(void (*change)(struct server_options *o))
{
	struct server_options o;

	toy_io_threads = 2;
	toy_defaults(&o);
	if (change != NULL)
		change(&o);
	toy_start(&o);
}

static void teardown(void)
{
	toy_stop();
	buf_free(&out);
	buf_free(&got);
}

static void small_buffers(struct server_options *o) { o->receive_buffer_bytes = o->send_buffer_bytes = 65536; }

/* Bytes that the server takes while the core does not run: what the socket and the thread's batches hold. It has stopped when the socket
 * takes nothing for a while. */
static size_t send_to_a_core_that_stands_still(int fd, const struct buf *frames)
{
	struct pollfd p = {.fd = fd, .events = POLLOUT};
	size_t sent = 0;

	while (sent < frames->len && poll(&p, 1, 500) == 1) {
		ssize_t n = send(fd, frames->data + sent, frames->len - sent, MSG_NOSIGNAL);

		ck_assert_int_gt(n, 0);
		sent += (size_t)n;
	}
	return sent;
}

START_TEST(a_core_that_is_behind_stops_the_sockets)
{
	enum { COUNT = 12000, BODY = 1000 };
	char body[BODY];
	size_t sent;
	int fd, small = 32768;

	start(small_buffers);
	fd = toy_connect();
	ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)), 0);
	toy_request(&got, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(fd, got.data, got.len);
	toy_expect_answer(fd, 1, NULL); /* it is served by its thread now */
	memset(body, 'b', sizeof(body));
	for (int i = 0; i < COUNT; i++)
		toy_request(&out, TOY_ECHO, i, (struct slice){body, sizeof(body)});
	sent = send_to_a_core_that_stands_still(fd, &out);
	ck_assert_uint_gt(sent, NET_BATCH_BYTES);
	ck_assert_uint_lt(sent, NET_BATCHES * NET_BATCH_BYTES + 1024 * 1024);
	ck_assert_int_eq(toy.handled, 1);
	/* Now it runs: everything is answered, in order. A frame for an answer, so that the answers do not stop it too. */
	for (int i = 0; i < COUNT; i++) {
		size_t part = out.len / COUNT + 1;

		part = part < out.len - sent ? part : out.len - sent;
		toy_send(fd, out.data + sent, part);
		sent += part;
		buf_clear(&got);
		toy_expect_answer(fd, i, &got);
		ck_assert_uint_eq(got.len, BODY);
	}
	ck_assert_int_eq(toy.handled, COUNT + 1);
	close(fd);
}
END_TEST

static void low_marks(struct server_options *o)
{
	o->limits.out_high_bytes = 300000;
	o->limits.out_low_bytes = 100000;
	o->send_buffer_bytes = 65536;
}

/* More than one batch of requests whose answers the peer does not take: they wait as bytes, and none is lost. */
START_TEST(requests_of_a_peer_that_does_not_read_wait)
{
	enum { COUNT = 3000, BYTES = 20000 };
	int fd;

	start(low_marks);
	fd = toy_connect();
	for (int i = 0; i < COUNT; i++)
		toy_request(&out, TOY_BIG, i, SLICE_LIT("20000"));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.handled, 15);
	for (int i = 0; i < COUNT; i++) {
		buf_clear(&got);
		toy_expect_answer(fd, i, &got);
		ck_assert_uint_eq(got.len, BYTES);
		/* What is ahead of the reader is bounded: the high mark, one turn's, and what sockets hold. */
		ck_assert_int_lt(toy.handled - i, 2000);
	}
	close(fd);
}
END_TEST

START_TEST(connections_closed_under_load_are_gone)
{
	enum { ROUNDS = 8, PEERS = 16 };
	int fds[PEERS], connected = 0;

	start(NULL);
	for (int i = 0; i < 200; i++)
		toy_request(&out, i % 8 == 7 ? TOY_PARK : TOY_ECHO, i, SLICE_LIT("some bytes to send back"));
	for (int round = 0; round < ROUNDS; round++) {
		struct linger reset = {.l_onoff = 1, .l_linger = 0};

		for (int i = 0; i < PEERS; i++, connected++) {
			fds[i] = toy_connect();
			toy_send(fds[i], out.data, out.len - (size_t)i * 7);
		}
		for (int i = 0; i < PEERS; i++) {
			if (i % 2 == 0)
				setsockopt(fds[i], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
			close(fds[i]);
		}
	}
	toy_until(&toy.peers_closed, connected);
	ck_assert_int_eq(toy.parked, toy.canceled);
	ck_assert_uint_eq(server_connection_count(toy.server), 0);
	fds[0] = toy_connect();
	buf_clear(&out);
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(fds[0], out.data, out.len);
	toy_expect_answer(fds[0], 1, NULL);
	close(fds[0]);
}
END_TEST

START_TEST(the_core_may_close_a_connection)
{
	int fd;

	start(NULL);
	fd = toy_connect();
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_request(&out, TOY_SHUT, 2, SLICE_LIT(""));
	toy_request(&out, TOY_ECHO, 3, SLICE_LIT("not any more"));
	toy_send(fd, out.data, out.len);
	toy_receive_end(fd);
	toy_until(&toy.peers_closed, 1);
	ck_assert_int_eq(toy.handled, 1);
	close(fd);
}
END_TEST

START_TEST(a_vip_listener_is_known_as_one)
{
	struct sockaddr_in to;
	socklen_t len = sizeof(to);
	struct buf frame = {0};
	struct command cmd;
	const char *why;
	size_t bytes;
	int fd, vip;

	start(NULL);
	fd = toy_connect();
	toy_request(&out, TOY_PARK, 1, SLICE_LIT(""));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.parked, 1);
	ck_assert_int_eq(getpeername(fd, (struct sockaddr *)&to, &len), 0);
	to.sin_port = htons((uint16_t)server_port(toy.server, 1));
	vip = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ck_assert_int_eq(connect(vip, (struct sockaddr *)&to, sizeof(to)), 0);
	ck_assert_int_eq(fcntl(vip, F_SETFL, O_NONBLOCK), 0);
	toy_send(vip, out.data, out.len);
	ck_assert(toy_receive(vip, buf_grow(&frame, 8), 8));
	ck_assert_int_eq(frame_size(buf_slice(&frame), &bytes), RC_OK);
	ck_assert(toy_receive(vip, buf_grow(&frame, bytes - 8), bytes - 8));
	ck_assert_int_eq(command_decode(buf_slice(&frame), &cmd, &why), RC_OK);
	ck_assert_int_eq(cmd.code, 3);
	ck_assert_int_eq(toy.parked, 1);
	buf_free(&frame);
	close(fd);
	close(vip);
}
END_TEST

/* ---- the end ---- */

/* How many whole answers come before the end; asserts that no part of one does, and that they are the first ones. */
static int answers_before_the_end(int fd)
{
	struct buf frame = {0};
	struct command cmd;
	const char *why;
	size_t bytes = 0;
	int count = 0;

	for (;; count++) {
		buf_clear(&frame);
		if (!toy_receive(fd, buf_grow(&frame, 8), 8))
			break;
		ck_assert_int_eq(frame_size(buf_slice(&frame), &bytes), RC_OK);
		ck_assert(toy_receive(fd, buf_grow(&frame, bytes - 8), bytes - 8));
		ck_assert_int_eq(command_decode(buf_slice(&frame), &cmd, &why), RC_OK);
		ck_assert_int_eq(cmd.opaque, count);
	}
	buf_free(&frame);
	return count;
}

static void on_closed(void *ctx) { *(bool *)ctx = true; }

static void end(void)
{
	ck_assert(loop_until(&toy.loop, &toy.is_closed, TOY_WAIT_MS));
	server_free(toy.server);
	loop_hook_remove(&toy.hook);
	loop_fini(&toy.loop);
	buf_free(&out);
	buf_free(&got);
}

/* What the threads had read when the server was told to close is handled and answered, and parked requests are cancelled. */
START_TEST(a_close_answers_what_was_read)
{
	enum { COUNT = 500, PEERS = 4 };
	int fds[PEERS], answered = 0;

	start(NULL);
	for (int i = 0; i < COUNT; i++)
		toy_request(&out, TOY_ECHO, i, SLICE_LIT("0123456789"));
	toy_request(&out, TOY_PARK, COUNT, SLICE_LIT(""));
	for (int i = 0; i < PEERS; i++) {
		fds[i] = toy_connect();
		toy_send(fds[i], out.data, out.len);
	}
	toy_until(&toy.handled, 1); /* there are more on their way */
	server_close(toy.server, TOY_WAIT_MS, on_closed, &toy.is_closed);
	for (int i = 0; i < PEERS; i++) {
		answered += answers_before_the_end(fds[i]);
		close(fds[i]);
	}
	end();
	ck_assert_int_eq(answered, toy.handled);
	ck_assert_int_eq(toy.parked, toy.canceled);
	/* A connection that nobody had accepted yet has no peer. */
	ck_assert_int_le(toy.peers_closed, PEERS);
}
END_TEST

START_TEST(a_close_does_not_wait_longer_than_its_grace)
{
	int fd;

	start(NULL);
	fd = toy_connect();
	toy_request(&out, TOY_BIG, 1, SLICE_LIT("15000000"));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.handled, 1);
	server_close(toy.server, 100, on_closed, &toy.is_closed); /* nobody reads the answer */
	end();
	ck_assert_int_eq(toy.peers_closed, 1);
	close(fd);
}
END_TEST

START_TEST(a_server_without_connections_ends)
{
	start(NULL);
	server_close(toy.server, TOY_WAIT_MS, on_closed, &toy.is_closed);
	end();
}
END_TEST

/* A failed start: nothing but loop_fini runs its loop any more. */
START_TEST(a_server_that_cannot_listen_ends_with_its_loop)
{
	struct server_options o;
	struct server *second;
	struct loop loop;
	bool is_closed = false;
	char *error = NULL;

	start(NULL);
	toy_defaults(&o);
	loop_init(&loop);
	second = server_new(&loop, &o);
	ck_assert_int_ne(server_listen(second, "127.0.0.1", server_port(toy.server, 0), false, "listenPort", &error), RC_OK);
	free(error);
	server_close(second, 0, on_closed, &is_closed);
	loop_fini(&loop);
	ck_assert(is_closed);
	server_free(second);
	server_close(toy.server, TOY_WAIT_MS, on_closed, &toy.is_closed);
	end();
}
END_TEST

Suite *suite_net(void)
{
	Suite *s = suite_create("network threads");
	TCase *plain = tcase_create("mailbox"), *tc = tcase_create("served"), *ends = tcase_create("the end");

	tcase_set_timeout(plain, 60);
	tcase_add_test(plain, letters_come_in_order_and_each_batch_has_one_wake_up);
	suite_add_tcase(s, plain);
	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, NULL, teardown);
	tcase_add_test(tc, a_core_that_is_behind_stops_the_sockets);
	tcase_add_test(tc, requests_of_a_peer_that_does_not_read_wait);
	tcase_add_test(tc, connections_closed_under_load_are_gone);
	tcase_add_test(tc, the_core_may_close_a_connection);
	tcase_add_test(tc, a_vip_listener_is_known_as_one);
	suite_add_tcase(s, tc);
	tcase_set_timeout(ends, 60);
	tcase_add_test(ends, a_close_answers_what_was_read);
	tcase_add_test(ends, a_close_does_not_wait_longer_than_its_grace);
	tcase_add_test(ends, a_server_without_connections_ends);
	tcase_add_test(ends, a_server_that_cannot_listen_ends_with_its_loop);
	suite_add_tcase(s, ends);
	return s;
}
