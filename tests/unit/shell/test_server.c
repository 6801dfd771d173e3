#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/shell/toy.h"

Suite *suite_server(void);

static struct buf out, got;

static void setup(void) { toy_start(NULL); }

static void teardown(void)
{
	toy_stop();
	buf_free(&out);
	buf_free(&got);
}

START_TEST(pipelined_requests_are_answered_in_order)
{
	enum { COUNT = 5000 };
	int fd = toy_connect();

	for (int i = 0; i < COUNT; i++) {
		char body[16];

		snprintf(body, sizeof(body), "%d", i);
		toy_request(&out, TOY_ECHO, i, slice_of(body));
	}
	toy_send(fd, out.data, out.len);
	for (int i = 0; i < COUNT; i++) {
		char body[16];

		snprintf(body, sizeof(body), "%d", i);
		buf_clear(&got);
		toy_expect_answer(fd, i, &got);
		ck_assert(slice_is(buf_slice(&got), body));
	}
	close(fd);
}
END_TEST

START_TEST(a_turn_takes_many_requests_and_answers_them_with_one_end)
{
	int fd = toy_connect();

	for (int i = 0; i < 200; i++)
		toy_request(&out, TOY_ECHO, i, SLICE_LIT("x"));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.handled, 200);
	ck_assert_int_le(toy.turn_ends, 20);
	for (int i = 0; i < 200; i++)
		toy_expect_answer(fd, i, NULL);
	close(fd);
}
END_TEST

START_TEST(frames_may_come_byte_by_byte)
{
	int fd = toy_connect();

	toy_request(&out, TOY_ECHO, 7, SLICE_LIT("hello"));
	toy_request(&out, TOY_ECHO, 8, SLICE_LIT("world"));
	for (size_t i = 0; i < out.len; i++) {
		char nothing;

		toy_send(fd, out.data + i, 1);
		for (int turns = 0; turns < 3; turns++)
			uv_run(&toy.loop.uv, UV_RUN_NOWAIT);
		if (toy.handled == 0)
			ck_assert_int_lt(recv(fd, &nothing, 1, MSG_PEEK), 0);
	}
	toy_expect_answer(fd, 7, &got);
	toy_expect_answer(fd, 8, &got);
	ck_assert(slice_is(buf_slice(&got), "helloworld"));
	close(fd);
}
END_TEST

/* Larger than the copy limit, than the shared buffer, and neighbours on both sides. */
static const size_t body_sizes[] = {0,
				    1,
				    CONN_COPY_MAX_BYTES,
				    LOOP_SCRATCH_BYTES - 200,
				    LOOP_SCRATCH_BYTES,
				    3 * LOOP_SCRATCH_BYTES + 17,
				    FRAME_MAX_BYTES - 4096};

START_TEST(frames_of_every_size_come_back)
{
	size_t size = body_sizes[_i];
	struct buf body = {0};
	int fd = toy_connect();

	for (size_t i = 0; i < size; i++)
		buf_put_u8(&body, (uint8_t)(i * 2654435761u >> 13));
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("before"));
	toy_request(&out, TOY_ECHO, 2, buf_slice(&body));
	toy_request(&out, TOY_ECHO, 3, SLICE_LIT("after"));
	toy_send(fd, out.data, out.len);
	toy_expect_answer(fd, 1, NULL);
	toy_expect_answer(fd, 2, &got);
	ck_assert(slice_eq(buf_slice(&got), buf_slice(&body)));
	toy_expect_answer(fd, 3, NULL);
	buf_free(&body);
	close(fd);
}
END_TEST

static const struct {
	const char *bytes;
	size_t len;
} malformed[] = {
	{"\x7f\xff\xff\xff\0\0\0\1", 8},     /* giant frame */
	{"\xff\xff\xff\xff\0\0\0\1", 8},     /* negative length */
	{"\0\0\0\0\0\0\0\0", 8},             /* no room for a header mark */
	{"\0\0\0\x10\0\xff\xff\xff", 8},     /* header longer than the frame */
	{"\0\0\0\x08\0\0\0\4nope", 12},      /* not JSON */
	{"\0\0\0\x08\x05\0\0\4{}{}", 12},    /* unknown serialize type */
	{"\x16\x03\x01\x02\0\x01\0\x01", 8}, /* TLS hello */
	{"GET / HTTP/1.1\r\n\r\n", 18},      /* HTTP */
	{"\x01\0\0\x01\0\0\0\0", 8},         /* one byte over FRAME_MAX_BYTES */
};

START_TEST(malformed_frame_closes_only_its_connection)
{
	int good = toy_connect(), bad = toy_connect();

	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(good, out.data, out.len);
	toy_expect_answer(good, 1, NULL);
	toy_send(bad, malformed[_i].bytes, malformed[_i].len);
	ck_assert_uint_eq(toy_receive_end(bad), 0);
	toy_until(&toy.peers_closed, 1);
	toy_send(good, out.data, out.len);
	toy_expect_answer(good, 1, NULL);
	ck_assert_int_eq(toy.peers_closed, 1);
	close(good);
	close(bad);
}
END_TEST

START_TEST(closing_cancels_what_is_parked)
{
	int fd = toy_connect();

	for (int i = 0; i < 10; i++)
		toy_request(&out, TOY_PARK, i, SLICE_LIT(""));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.parked, 10);
	ck_assert_int_eq(toy.canceled, 0);
	close(fd);
	toy_until(&toy.canceled, 10);
}
END_TEST

/* ---- with limits of their own ---- */

static void limited_teardown(void) { teardown(); }

START_TEST(an_idle_connection_is_closed)
{
	struct server_options o;
	uint64_t before;
	int fd;

	toy_defaults(&o);
	o.limits.idle_ms = 500; /* long enough for the answer on a busy machine: a network thread does not wait for this one */
	o.limits.sweep_ms = 10;
	toy_start(&o);
	fd = toy_connect();
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	before = uv_hrtime();
	toy_send(fd, out.data, out.len);
	toy_expect_answer(fd, 1, NULL);
	ck_assert_uint_eq(toy_receive_end(fd), 0);
	ck_assert_uint_ge(uv_hrtime() - before, 480 * 1000000ull);
	close(fd);
}
END_TEST

START_TEST(a_slow_reader_pauses_its_own_socket_and_gets_everything)
{
	enum { COUNT = 400, BYTES = 100000 };
	struct server_options o;
	int fd, other, handled;

	toy_defaults(&o);
	o.limits.out_high_bytes = 300000;
	o.limits.out_low_bytes = 100000;
	o.send_buffer_bytes = 65536;
	toy_start(&o);
	fd = toy_connect();
	for (int i = 0; i < COUNT; i++)
		toy_request(&out, TOY_BIG, i, SLICE_LIT("100000"));
	toy_send(fd, out.data, out.len);
	/* The other one is served all the time; when it has been for a while, the first is known to be paused. */
	other = toy_connect();
	buf_clear(&out);
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	for (int i = 0; i < 50; i++) {
		toy_send(other, out.data, out.len);
		toy_expect_answer(other, 1, NULL);
	}
	handled = toy.handled - 50;
	ck_assert_int_lt(handled, COUNT / 2);
	for (int i = 0; i < COUNT; i++) {
		buf_clear(&got);
		toy_expect_answer(fd, i, &got);
		ck_assert_uint_eq(got.len, BYTES);
	}
	ck_assert_int_eq(toy.handled - 50, COUNT);
	close(fd);
	close(other);
}
END_TEST

START_TEST(a_reader_that_never_reads_is_dropped_after_a_while)
{
	struct server_options o;
	int fd;

	toy_defaults(&o);
	o.limits.stall_ms = 100;
	o.limits.sweep_ms = 10;
	toy_start(&o);
	fd = toy_connect();
	toy_request(&out, TOY_BIG, 1, SLICE_LIT("15000000"));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.peers_closed, 1);
	ck_assert_int_eq(toy.handled, 1);
	close(fd);
}
END_TEST

START_TEST(a_reader_far_behind_is_dropped_at_once)
{
	struct server_options o;
	int fd;

	toy_defaults(&o);
	o.limits.out_high_bytes = SIZE_MAX;
	o.limits.out_max_bytes = 20000000;
	toy_start(&o);
	fd = toy_connect();
	for (int i = 0; i < 8; i++)
		toy_request(&out, TOY_BIG, i, SLICE_LIT("10000000"));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.peers_closed, 1);
	close(fd);
}
END_TEST

START_TEST(unfinished_frames_are_bounded_together)
{
	struct server_options o;
	int fds[4];

	toy_defaults(&o);
	o.limits.in_max_bytes = 1000000;
	toy_start(&o);
	buf_put_u32(&out, 10000000);
	buf_put_u32(&out, 100);
	memset(buf_grow(&out, 400000), '{', 400000);
	for (int i = 0; i < 4; i++) {
		fds[i] = toy_connect();
		toy_send(fds[i], out.data, out.len);
	}
	toy_until(&toy.peers_closed, 2);
	close(fds[0]);
	close(fds[1]);
	close(fds[2]);
	close(fds[3]);
	toy_until(&toy.peers_closed, 4);
	fds[0] = toy_connect();
	buf_clear(&out);
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(fds[0], out.data, out.len);
	toy_expect_answer(fds[0], 1, NULL);
	close(fds[0]);
}
END_TEST

START_TEST(connections_over_the_limit_are_closed)
{
	struct server_options o;
	int first, second, third;

	toy_defaults(&o);
	o.max_connections = 2;
	toy_start(&o);
	first = toy_connect();
	second = toy_connect();
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(first, out.data, out.len);
	toy_expect_answer(first, 1, NULL);
	toy_send(second, out.data, out.len);
	toy_expect_answer(second, 1, NULL);
	third = toy_connect();
	ck_assert_uint_eq(toy_receive_end(third), 0);
	close(first);
	toy_until(&toy.peers_closed, 1);
	close(third);
	third = toy_connect();
	toy_send(third, out.data, out.len);
	toy_expect_answer(third, 1, NULL);
	close(second);
	close(third);
}
END_TEST

/* Every descriptor is taken: the newcomer is closed, the loop does not spin, and service goes on afterwards. */
START_TEST(out_of_descriptors_does_not_spin)
{
	struct rlimit old, low;
	int fds[64], used = 0, turns, fd, last;

	toy_start(NULL);
	fd = toy_connect();
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(fd, out.data, out.len);
	toy_expect_answer(fd, 1, NULL);
	last = toy_connect();
	ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	low = (struct rlimit){.rlim_cur = (rlim_t)last + 8, .rlim_max = old.rlim_max};
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
	while (used < 64 && (fds[used] = open("/dev/null", O_RDONLY | O_CLOEXEC)) >= 0)
		used++;
	ck_assert_int_lt(used, 64);
	ck_assert_uint_eq(toy_receive_end(last), 0);
	turns = toy.turn_ends;
	for (int i = 0; i < 20; i++)
		uv_run(&toy.loop.uv, UV_RUN_NOWAIT);
	ck_assert_int_le(toy.turn_ends - turns, 2);
	while (used > 0)
		close(fds[--used]);
	ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	toy_send(fd, out.data, out.len);
	toy_expect_answer(fd, 1, NULL);
	close(fd);
	close(last);
}
END_TEST

static bool is_closed;

static void on_closed(void *ctx)
{
	(void)ctx;
	is_closed = true;
}

START_TEST(graceful_close_sends_what_is_written)
{
	int fd, refused;

	toy_start(NULL);
	fd = toy_connect();
	toy_request(&out, TOY_BIG, 1, SLICE_LIT("9000000"));
	toy_send(fd, out.data, out.len);
	toy_until(&toy.handled, 1);
	server_close(toy.server, TOY_WAIT_MS, on_closed, NULL);
	toy_expect_answer(fd, 1, &got);
	ck_assert_uint_eq(got.len, 9000000);
	ck_assert_uint_eq(toy_receive_end(fd), 0);
	ck_assert(loop_until(&toy.loop, &is_closed, TOY_WAIT_MS));
	refused = toy_connect();
	ck_assert(!toy_receive(refused, out.data, 1));
	server_free(toy.server);
	loop_hook_remove(&toy.hook);
	loop_fini(&toy.loop);
	close(fd);
	close(refused);
	buf_free(&out);
	buf_free(&got);
}
END_TEST

static void echo_over(int fd, const char *prefix)
{
	buf_clear(&out);
	toy_request(&out, TOY_ECHO, 1, SLICE_LIT("x"));
	toy_send(fd, out.data, out.len);
	toy_expect_answer(fd, 1, NULL);
	ck_assert_msg(strncmp(toy.last_address, prefix, strlen(prefix)) == 0, "the peer is called %s", toy.last_address);
	close(fd);
}

/* As Java's sockets do: the default bindAddress serves both families, and a host that came over IPv4 has its IPv4 name. */
static const char *const wildcards[] = {"0.0.0.0", "::"};

START_TEST(a_wildcard_address_takes_both_families)
{
	toy_start_on(wildcards[_i], NULL);
	echo_over(toy_connect(), "127.0.0.1:");
	if (toy_has_ipv6())
		echo_over(toy_connect_6(), "[::1]:");
}
END_TEST

START_TEST(a_port_in_use_is_named_with_its_remedy)
{
	char *error = NULL, *expected;
	struct server *second;
	struct server_options o;

	toy_start(NULL);
	toy_defaults(&o);
	second = server_new(&toy.loop, &o);
	ck_assert_int_ne(server_listen(second, "127.0.0.1", server_port(toy.server, 0), false, "listenPort", &error), RC_OK);
	expected = mem_printf("cannot listen on '127.0.0.1:%d': address already in use", server_port(toy.server, 0));
	ck_assert_msg(strncmp(error, expected, strlen(expected)) == 0 && strstr(error, "'listenPort'") != NULL, "%s", error);
	free(error);
	free(expected);
	server_close(second, 0, on_closed, NULL);
	ck_assert(loop_until(&toy.loop, &is_closed, TOY_WAIT_MS));
	server_free(second);
}
END_TEST

static void use_threads(void) { toy_io_threads = 2; }
static void use_none(void) { toy_io_threads = 0; }

/* Everything above with the loop's own sockets, and with sockets on network threads. */
static void add_cases(Suite *s, const char *names[3], SFun use)
{
	TCase *tc = tcase_create(names[0]), *limited = tcase_create(names[1]), *plain = tcase_create(names[2]);

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, use, NULL);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, pipelined_requests_are_answered_in_order);
	tcase_add_test(tc, a_turn_takes_many_requests_and_answers_them_with_one_end);
	tcase_add_test(tc, frames_may_come_byte_by_byte);
	tcase_add_loop_test(tc, frames_of_every_size_come_back, 0, sizeof(body_sizes) / sizeof(body_sizes[0]));
	tcase_add_loop_test(tc, malformed_frame_closes_only_its_connection, 0, sizeof(malformed) / sizeof(malformed[0]));
	tcase_add_test(tc, closing_cancels_what_is_parked);
	suite_add_tcase(s, tc);
	tcase_set_timeout(limited, 60);
	tcase_add_checked_fixture(limited, use, limited_teardown);
	tcase_add_loop_test(limited, a_wildcard_address_takes_both_families, 0, sizeof(wildcards) / sizeof(wildcards[0]));
	tcase_add_test(limited, an_idle_connection_is_closed);
	tcase_add_test(limited, a_slow_reader_pauses_its_own_socket_and_gets_everything);
	tcase_add_test(limited, a_reader_that_never_reads_is_dropped_after_a_while);
	tcase_add_test(limited, a_reader_far_behind_is_dropped_at_once);
	tcase_add_test(limited, unfinished_frames_are_bounded_together);
	tcase_add_test(limited, connections_over_the_limit_are_closed);
	tcase_add_test(limited, out_of_descriptors_does_not_spin);
	tcase_add_test(limited, a_port_in_use_is_named_with_its_remedy);
	suite_add_tcase(s, limited);
	tcase_set_timeout(plain, 60);
	tcase_add_checked_fixture(plain, use, NULL);
	tcase_add_test(plain, graceful_close_sends_what_is_written);
	suite_add_tcase(s, plain);
}

Suite *suite_server(void)
{
	Suite *s = suite_create("server");

	add_cases(s, (const char *[]){"server", "limits", "close"}, use_none);
	add_cases(s, (const char *[]){"server, threads", "limits, threads", "close, threads"}, use_threads);
	return s;
}
