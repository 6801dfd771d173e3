/* broker: wires the modules, in the order in which they depend on one another, and frees them in reverse.
 *
 *   new:  store -> state files -> topics, groups, clients, offsets, locks, holds, delays, transactions -> registration
 *   turn: store (writes, arrivals) -> woken pulls -> members are told of changes
 *   stop: held pulls are answered -> unregister -> on_stopped; free: state files are written, the store is closed */
#include "broker/broker.h"

#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "broker/broker_config.h"
#include "broker/broker_stats.h"
#include "broker/client_table.h"
#include "broker/delay_service.h"
#include "broker/group_table.h"
#include "broker/lock_table.h"
#include "broker/offset_table.h"
#include "broker/pull_hold.h"
#include "broker/registration.h"
#include "broker/state_files.h"
#include "broker/topic_table.h"
#include "broker/transaction_service.h"

#define CLOCK_STEP_MS 5000 /* what the wall clock and the monotonic one may differ by in a turn before it counts as set */
#define STORE_ROUNDS_MAX 4 /* store turns in one of ours: waiters that are released may append again */

static void put_property(struct buf *out, const char *name, const char *value)
{
	buf_put_text(out, name);
	buf_put_u8(out, 1);
	buf_put_text(out, value);
	buf_put_u8(out, 2);
}

static void reconfigure_store(struct broker *b)
{
	struct store_config config;
	char *error = NULL;

	/* Not a change that it cannot take: the texts in it were checked (broker_config_schema). */
	if (broker_config_store(b->config, &config, &error) == RC_OK)
		store_reconfigure(b->store, &config);
	free(error);
}

static void write_properties(struct broker *b)
{
	buf_clear(&b->broker_properties);
	put_property(&b->broker_properties, "MSG_REGION", b->config->region_id);
	put_property(&b->broker_properties, "TRACE_ON", b->config->trace_on ? "true" : "false");
	put_property(&b->broker_properties, "CLUSTER", b->config->broker_cluster_name);
}

void broker_config_changed(struct broker *b)
{
	write_properties(b);
	reconfigure_store(b);
	offset_table_config_changed(b);
	delay_service_config_changed(b);
	registration_servers_changed(b->registration);
}

static enum rc open_store(struct broker *b, char **error)
{
	struct store_config config;
	enum rc rc = topic_table_refuse(b->config->store_path_root_dir, error);

	if (rc == RC_OK)
		rc = broker_config_store(b->config, &config, error);
	if (rc != RC_OK)
		return rc;
	memcpy(b->delay_ms, config.delay_ms, sizeof(b->delay_ms));
	b->delay_levels = config.delay_levels;
	return store_open(&config, b->executor, b->timers, b->wall_ms, &b->store, error);
}

static void on_topics_changed(void *ctx, const struct topic *topic)
{
	struct broker *b = ctx;

	registration_topic_changed(b->registration, topic);
}

static void on_again(struct timer *timer) { (void)timer; /* only there to give the loop another turn */ }

static enum rc make_modules(struct broker *b, char **error)
{
	enum rc rc;

	b->state_files = state_files_new(b);
	b->stats = broker_stats_new(b);
	if ((rc = topic_table_new(b, &b->topics, error)) != RC_OK || (rc = group_table_new(b, &b->groups, error)) != RC_OK ||
	    (rc = client_table_new(b, &b->clients)) != RC_OK || (rc = offset_table_new(b, &b->offsets, error)) != RC_OK)
		return rc;
	b->locks = lock_table_new(b);
	b->holds = pull_hold_new(b);
	rc = delay_service_new(b, &b->delay, error);
	if (rc != RC_OK)
		return rc;
	b->transactions = transaction_service_new(b);
	b->registration = registration_new(b);
	topic_table_on_change(b->topics, on_topics_changed, b);
	return RC_OK;
}

enum rc broker_new(struct broker_config *config, const struct broker_services *services, struct broker **out, char **error)
{
	struct broker *b = mem_zalloc(sizeof(*b));
	enum rc rc;

	b->config = config;
	b->timers = services->timers;
	b->executor = services->executor;
	b->outbound = services->outbound;
	b->wall_ms = b->boot_wall_ms = b->config_changed_ms = services->wall_ms;
	b->turn_ms = b->boot_ms = b->timers->now_ms;
	b->again.on_timer = on_again;
	dispatch_check(&broker_dispatch);
	write_properties(b);
	if ((rc = broker_config_store_host(b->config, &b->store_host, error)) != RC_OK || (rc = open_store(b, error)) != RC_OK ||
	    (rc = make_modules(b, error)) != RC_OK) {
		broker_free(b);
		return rc;
	}
	/* The system topics of a new store, and what a killed broker left in the page cache only: a backup must be on the device before the
	 * first change that is not synced. */
	if (store_was_unclean(b->store))
		topic_table_save(b);
	state_files_save_now(b->state_files);
	*out = b;
	return RC_OK;
}

void broker_set_time(struct broker *b, uint64_t wall_ms)
{
	int64_t step = (int64_t)(wall_ms - b->wall_ms) - (int64_t)(b->timers->now_ms - b->turn_ms);

	b->wall_ms = wall_ms;
	b->turn_ms = b->timers->now_ms;
	if (step > -CLOCK_STEP_MS && step < CLOCK_STEP_MS)
		return;
	log_warn("broker", "the wall clock went %s by %lld s", step > 0 ? "forward" : "back",
		 (long long)(step > 0 ? step : -step) / 1000);
	delay_service_clock_stepped(b, step);
}

void broker_start(struct broker *b)
{
	broker_stats_start(b->stats);
	delay_service_start(b);
	transaction_service_start(b);
	registration_start(b->registration);
	log_info("broker", "broker '%s' of cluster '%s' started: %zu topics, %zu groups", b->config->broker_name,
		 b->config->broker_cluster_name, topic_table_count(b->topics), group_table_count(b->groups));
}

void broker_end_turn(struct broker *b)
{
	for (int round = 0; round < STORE_ROUNDS_MAX && (round == 0 || store_has_staged(b->store)); round++) {
		store_end_turn(b->store, b->wall_ms);
		(void)stall_at(STALL_HELD_PULLS, 0);
		pull_hold_run_ready(b);
	}
	if (store_has_staged(b->store))
		timer_start(b->timers, &b->again, 0);
	client_table_end_turn(b->clients);
}

void broker_stop(struct broker *b, void (*on_stopped)(void *ctx), void *ctx)
{
	b->is_stopping = true;
	log_info("broker", "broker '%s' is stopping", b->config->broker_name);
	pull_hold_release_all(b);
	transaction_service_save(b->transactions);
	state_files_save_now(b->state_files);
	registration_stop(b->registration, on_stopped, ctx);
}

void broker_free(struct broker *b)
{
	if (b == NULL)
		return;
	timer_stop(b->timers, &b->again);
	registration_free(b->registration);
	/* The files are written from the tables, so first of all, and speak of what is in the log. */
	if (b->store != NULL)
		(void)!store_flush(b->store, b->wall_ms);
	if (b->transactions != NULL)
		transaction_service_save(b->transactions);
	state_files_free(b->state_files);
	b->state_files = NULL;
	transaction_service_free(b->transactions);
	delay_service_free(b->delay);
	pull_hold_free(b->holds);
	lock_table_free(b->locks);
	offset_table_free(b->offsets);
	client_table_free(b->clients);
	group_table_free(b->groups);
	topic_table_free(b->topics);
	broker_stats_free(b->stats);
	if (b->store != NULL)
		store_close(b->store);
	buf_free(&b->broker_properties);
	buf_free(&b->put_properties);
	buf_free(&b->delay_messages);
	broker_config_free(b->config);
	free(b);
}
