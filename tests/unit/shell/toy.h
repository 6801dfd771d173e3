/* toy: a loop, a server with a toy core behind real loopback sockets, and raw sockets that speak to it, all on one thread.
 *
 * Requests of the toy core: TOY_ECHO answers the body; TOY_BIG answers as many bytes as the body says in decimal; TOY_PARK is never answered;
 * TOY_SHUT is not either, and closes the connection. */
#ifndef TESTS_UNIT_SHELL_TOY_H
#define TESTS_UNIT_SHELL_TOY_H

#include <check.h>

#include "base/loop.h"
#include "remoting/client.h"
#include "remoting/command.h"
#include "remoting/server.h"

enum { TOY_ECHO = 1, TOY_BIG = 2, TOY_PARK = 3, TOY_SHUT = 4 };

#define TOY_WAIT_MS 20000 /* no test waits so long, unless it fails */

struct toy {
	struct loop loop;
	struct server *server;
	int handled, parked, canceled, peers_closed, turn_ends;
	struct loop_hook hook; /* counts turns */
	bool is_closed;
	char last_address[64]; /* peer->address of the last TOY_ECHO */
};
extern struct toy toy;
extern int toy_io_threads; /* what toy_defaults sets; 0 at first */
extern const struct dispatch toy_dispatch;

void toy_start(const struct server_options *options); /* NULL: defaults; listens on 127.0.0.1, twice: the second as VIP */
void toy_start_on(const char *address, const struct server_options *options);
void toy_stop(void); /* closes what is left; asserts that everything is gone */
void toy_defaults(struct server_options *options);

int toy_connect(void);   /* a non-blocking socket to the server, over 127.0.0.1 */
int toy_connect_6(void); /* the same over ::1 */
bool toy_has_ipv6(void); /* this machine has a ::1 */
void toy_send(int fd, const void *bytes, size_t len);
/* Runs the loop until `len` bytes have come (true) or the connection ended (false). */
bool toy_receive(int fd, void *bytes, size_t len);
/* Runs the loop until the other side has closed; asserts that it does; returns how many bytes came before. */
size_t toy_receive_end(int fd);
/* Runs the loop until *value >= at_least; asserts that it becomes so. */
void toy_until(const int *value, int at_least);

void toy_request(struct buf *out, int32_t code, int32_t opaque, struct slice body);
/* Receives one frame and checks that it answers `opaque` with code 0; the body is appended to `body` if that is not NULL. */
void toy_expect_answer(int fd, int32_t opaque, struct buf *body);

#endif
