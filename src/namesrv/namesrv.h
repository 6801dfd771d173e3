/* namesrv: the name server core: route table, broker liveness, KV configuration. No socket, no clock, no thread in here.
 *
 * The shell calls, per loop turn: namesrv_set_time, peer_receive for what came, timers_run.
 * Thread: core only. Memory: namesrv_new .. namesrv_free. */
#ifndef NAMESRV_NAMESRV_H
#define NAMESRV_NAMESRV_H

#include "base/job.h"
#include "base/timers.h"
#include "remoting/request.h"

struct namesrv;
struct namesrv_config;

/* Takes ownership of config also on failure; loads the KV file. *error: malloc'ed line on failure. */
enum rc namesrv_new(struct namesrv_config *config, struct timers *timers, struct executor *ex, uint64_t wall_ms,
		    struct namesrv **out, char **error);
void namesrv_free(struct namesrv *n);
void namesrv_set_time(struct namesrv *n, uint64_t wall_ms);
extern const struct dispatch namesrv_dispatch; /* request.core is the struct namesrv * */
void namesrv_peer_closed(struct peer *peer);   /* the shell sets it as peer->on_close: brokers on it are dropped at once */

#endif
