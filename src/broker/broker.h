/* broker: the broker core: all state of one broker and the services it is given. No socket, no clock, no thread in here.
 *
 * The shell (main.c; tests/unit/sim.c) calls, per loop turn: broker_set_time, then peer_receive for what came and timers_run, then
 * broker_end_turn. Handlers are found through broker_dispatch (dispatch_table.c): one row a request code.
 * Thread: core only. Memory: broker_new .. broker_free; the services outlive the broker. */
#ifndef BROKER_BROKER_H
#define BROKER_BROKER_H

#include "base/job.h"
#include "base/timers.h"
#include "remoting/outbound.h"
#include "remoting/request.h"
#include "store/store.h"

struct broker_config;

struct broker_services {
	struct timers *timers;
	struct executor *executor;
	struct outbound *outbound;
	uint64_t wall_ms; /* now */
};

struct broker {
	struct broker_config *config; /* owned; changed by UPDATE_BROKER_CONFIG */
	struct timers *timers;        /* monotonic; now = timers->now_ms */
	struct executor *executor;
	struct outbound *outbound;
	uint64_t wall_ms; /* wall clock of this turn, ms since 1970 */
	uint64_t turn_ms; /* monotonic time at which it was that */
	uint64_t boot_wall_ms, boot_ms;
	struct host store_host; /* brokerIP1:listenPort, stamped on messages */
	struct store *store;
	struct topic_table *topics;
	struct group_table *groups;
	struct offset_table *offsets;
	struct client_table *clients;             /* producers, consumers, their channels */
	struct lock_table *locks;                 /* LOCK_BATCH_MQ leases */
	struct pull_hold *holds;                  /* long-polled pulls */
	struct delay_service *delay;              /* SCHEDULE_TOPIC_XXXX */
	struct transaction_service *transactions; /* open half messages */
	struct registration *registration;        /* towards the name servers */
	struct broker_stats *stats;
	struct state_files *state_files; /* config/ *.json writers */
	bool is_stopping;
	int64_t config_version; /* changes by UPDATE_BROKER_CONFIG, and when the last one came */
	uint64_t config_changed_ms;
	struct buf broker_properties; /* MSG_REGION, TRACE_ON, CLUSTER as properties text, appended to each message sent */
	struct buf put_properties;    /* scratch of the put under way: properties text being completed */
	int64_t delay_ms
		[DELAY_LEVELS_MAX]; /* messageDelayLevel, [0] = level 1; set by broker_new from the store's configuration */
	int32_t delay_levels;
	struct buf delay_messages; /* scratch of the delay service: messages read */
	struct timer again;        /* runs when a turn left something staged */
};

/* Takes ownership of config also on failure. Opens the store and the state files (blocks: start-up).
 * *error: malloc'ed line on failure. */
enum rc broker_new(struct broker_config *config, const struct broker_services *services, struct broker **out, char **error);
extern const struct dispatch broker_dispatch;
void broker_set_time(struct broker *b, uint64_t wall_ms); /* timers->now_ms is the present time already */
void broker_config_changed(struct broker *b);             /* after a change of b->config: what is worked out from it */
void broker_start(struct broker *b);                      /* registers with the name servers, starts timers */
void broker_end_turn(struct broker *b);                   /* store_end_turn: writes, wakes, acknowledges */
/* Begin a graceful stop: unregisters; on_stopped is called on the core when that is done or 3 s have passed. */
void broker_stop(struct broker *b, void (*on_stopped)(void *ctx), void *ctx);
void broker_free(struct broker *b); /* writes state files, closes the store; all peers are closed before */

#endif
