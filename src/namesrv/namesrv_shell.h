/* namesrv_shell: a name server core with its sockets on a loop. mqnamesrv runs one; mqbroker --standalone runs one beside the broker.
 * Thread: the loop's. Memory: start .. free, the latter after on_stopped. */
#ifndef NAMESRV_NAMESRV_SHELL_H
#define NAMESRV_NAMESRV_SHELL_H

#include "base/job.h"
#include "base/loop.h"
#include "namesrv/namesrv_config.h"

struct namesrv_shell;

/* Takes ownership of config, also on failure. port_key: the configuration key to name when the port cannot be had. RC_OK and *out: it listens. Else *error, a malloc'ed line; the loop must then still run
 * until it has nothing to do (loop_fini does). */
enum rc namesrv_shell_start(struct loop *loop, struct executor *executor, struct namesrv_config *config, const char *port_key,
			    struct namesrv_shell **out, char **error);
int namesrv_shell_port(const struct namesrv_shell *s);

/* "The Name Server boot success. ..." on standard output and in the log, as Apache says it. */
void namesrv_shell_announce(const struct namesrv_shell *s);

/* Stop accepting, close; then on_stopped(ctx), once, never inside. */
void namesrv_shell_stop(struct namesrv_shell *s, void (*on_stopped)(void *ctx), void *ctx);
void namesrv_shell_free(struct namesrv_shell *s); /* NULL is fine; no job of the core may be under way */

#endif
