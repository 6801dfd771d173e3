#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/shell/toy.h"

Suite *suite_client(void);

static struct client *client;
static struct client_options options;
static char address[64];

struct result {
	bool is_done;
	enum rc rc;
	struct buf body;
};

static void on_answer(void *ctx, enum rc rc, const struct command *answer)
{
	struct result *r = ctx;

	ck_assert(!r->is_done);
	r->is_done = true;
	r->rc = rc;
	if (rc == RC_OK)
		buf_put_slice(&r->body, answer->body);
	else
		ck_assert_ptr_null(answer);
}

static void call(const char *to, int32_t code, const char *body, uint64_t timeout_ms, struct result *r)
{
	struct outbound *o = client_outbound(client);

	o->call(o, to, code, NULL, NULL, slice_of(body), timeout_ms, r ? on_answer : NULL, r);
	ck_assert(r == NULL || !r->is_done); /* never inside the call */
}

static void expect(struct result *r, enum rc rc, const char *body)
{
	ck_assert(loop_until(&toy.loop, &r->is_done, TOY_WAIT_MS));
	ck_assert_int_eq(r->rc, rc);
	if (body != NULL)
		ck_assert(slice_is(buf_slice(&r->body), body));
	buf_free(&r->body);
	*r = (struct result){0};
}

static void setup(void)
{
	toy_start(NULL);
	client_options_default(&options);
	client = client_new(&toy.loop, &options);
	snprintf(address, sizeof(address), "127.0.0.1:%d", server_port(toy.server, 0));
}

static bool is_closed;

static void on_closed(void *ctx)
{
	(void)ctx;
	is_closed = true;
}

static void teardown(void)
{
	client_close(client, on_closed, NULL);
	ck_assert(loop_until(&toy.loop, &is_closed, TOY_WAIT_MS));
	client_free(client);
	toy_stop();
}

START_TEST(calls_share_one_connection)
{
	struct result a = {0}, b = {0}, c = {0};

	call(address, TOY_ECHO, "one", 5000, &a);
	call(address, TOY_ECHO, "two", 5000, &b);
	expect(&a, RC_OK, "one");
	expect(&b, RC_OK, "two");
	call(address, TOY_ECHO, "three", 5000, &c);
	expect(&c, RC_OK, "three");
	ck_assert_uint_eq(server_connection_count(toy.server), 1);
}
END_TEST

START_TEST(oneway_arrives)
{
	call(address, TOY_ECHO, "one", 5000, NULL);
	toy_until(&toy.handled, 1);
}
END_TEST

START_TEST(deadline_covers_a_silent_server)
{
	struct result r = {0};

	call(address, TOY_PARK, "", 50, &r);
	expect(&r, RC_TIMEOUT, NULL);
	ck_assert_int_eq(toy.parked, 1);
}
END_TEST

/* A port that was free a moment ago and that nobody listens on: bound, not listening, so that it stays ours. */
static int closed_port(char *out, size_t size)
{
	struct sockaddr_in sa = {.sin_family = AF_INET};
	socklen_t len = sizeof(sa);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	sa.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	ck_assert_int_eq(bind(fd, (struct sockaddr *)&sa, sizeof(sa)), 0);
	ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&sa, &len), 0);
	snprintf(out, size, "127.0.0.1:%d", ntohs(sa.sin_port));
	return fd;
}

START_TEST(nobody_there_is_unreachable_and_retried_with_backoff)
{
	struct result r = {0};
	char nobody[64];
	uint64_t before;
	int fd = closed_port(nobody, sizeof(nobody));

	call(nobody, TOY_ECHO, "x", 5000, &r);
	expect(&r, RC_UNREACHABLE, NULL);
	before = uv_hrtime();
	call(nobody, TOY_ECHO, "x", 5000, &r);
	expect(&r, RC_UNREACHABLE, NULL);
	ck_assert_uint_ge(uv_hrtime() - before, (CLIENT_BACKOFF_MIN_MS - 20) * 1000000ull);
	call(nobody, TOY_ECHO, "x", 20, &r); /* its deadline comes before the next attempt */
	expect(&r, RC_TIMEOUT, NULL);
	close(fd);
}
END_TEST

START_TEST(what_is_no_address_is_unreachable)
{
	static const char *const bad[] = {
		"",       "host",       "host:",  ":9876",
		"host:0", "host:65536", "host:x", "a-label-longer-than-the-63-characters-that-the-resolver-lets-through.x:9876"};
	struct result r = {0};

	call(bad[_i], TOY_ECHO, "x", 10000, &r);
	expect(&r, RC_UNREACHABLE, NULL);
}
END_TEST

START_TEST(reconnects_on_the_next_call)
{
	struct result a = {0}, parked = {0}, b = {0};
	struct server_options o;
	struct server *old = toy.server;
	int port = server_port(toy.server, 0);
	char *error = NULL;

	call(address, TOY_ECHO, "one", 5000, &a);
	expect(&a, RC_OK, "one");
	call(address, TOY_PARK, "", 15000, &parked);
	toy_until(&toy.parked, 1);
	server_close(old, 0, on_closed, NULL);
	expect(&parked, RC_CLOSED, NULL);
	ck_assert(loop_until(&toy.loop, &is_closed, TOY_WAIT_MS));
	server_free(old);
	is_closed = false;

	toy_defaults(&o);
	toy.server = server_new(&toy.loop, &o);
	ck_assert_msg(server_listen(toy.server, "127.0.0.1", port, false, "listenPort", &error) == RC_OK, "%s", error);
	call(address, TOY_ECHO, "two", 5000, &b);
	expect(&b, RC_OK, "two");
}
END_TEST

START_TEST(names_are_resolved_and_their_addresses_tried_in_turn)
{
	struct result r = {0};
	char name[64];

	snprintf(name, sizeof(name), "localhost:%d", server_port(toy.server, 0)); /* ::1, where nobody listens, may come first */
	call(name, TOY_ECHO, "by name", 10000, &r);
	expect(&r, RC_OK, "by name");
}
END_TEST

START_TEST(addresses_beyond_the_limit_push_out_idle_ones)
{
	struct result r = {0};
	char nobody[64];
	int fd = closed_port(nobody, sizeof(nobody));
	char *port = strchr(nobody, ':');

	for (int i = 0; i < CLIENT_ADDRESSES_MAX + 20; i++) {
		char to[64];

		snprintf(to, sizeof(to), "127.0.%d.%d%s", 1 + i / 250, 1 + i % 250, port);
		call(to, TOY_ECHO, "x", 5000, &r);
		expect(&r, RC_UNREACHABLE, NULL);
	}
	call(address, TOY_ECHO, "still", 5000, &r);
	expect(&r, RC_OK, "still");
	close(fd);
}
END_TEST

START_TEST(close_fails_what_is_under_way)
{
	struct result parked = {0}, resolving = {0}, late = {0};
	char name[64];

	call(address, TOY_PARK, "", 15000, &parked);
	toy_until(&toy.parked, 1);
	snprintf(name, sizeof(name), "localhost:%d", server_port(toy.server, 0));
	call(name, TOY_ECHO, "", 15000, &resolving);
	client_close(client, on_closed, NULL);
	call(address, TOY_ECHO, "", 15000, &late);
	expect(&parked, RC_CLOSED, NULL);
	expect(&resolving, RC_UNREACHABLE, NULL);
	expect(&late, RC_CLOSED, NULL);
	ck_assert(loop_until(&toy.loop, &is_closed, TOY_WAIT_MS));
}
END_TEST

Suite *suite_client(void)
{
	Suite *s = suite_create("client");
	TCase *tc = tcase_create("client");

	tcase_set_timeout(tc, 60);
	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, calls_share_one_connection);
	tcase_add_test(tc, oneway_arrives);
	tcase_add_test(tc, deadline_covers_a_silent_server);
	tcase_add_test(tc, nobody_there_is_unreachable_and_retried_with_backoff);
	tcase_add_loop_test(tc, what_is_no_address_is_unreachable, 0, 8);
	tcase_add_test(tc, reconnects_on_the_next_call);
	tcase_add_test(tc, names_are_resolved_and_their_addresses_tried_in_turn);
	tcase_add_test(tc, addresses_beyond_the_limit_push_out_idle_ones);
	tcase_add_test(tc, close_fails_what_is_under_way);
	suite_add_tcase(s, tc);
	return s;
}
