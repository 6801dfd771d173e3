/* mqbroker: the broker program; with --standalone a name server too, in the same process and loop.
 *
 *   start: configuration -> log -> (name server) -> client -> core opens the store -> listen -> register
 *   stop:  core unregisters -> server closes -> client closes -> (name server stops) -> jobs end -> core writes its files */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "base/uv_executor.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "namesrv/namesrv_shell.h"
#include "remoting/client.h"
#include "remoting/server.h"

#define VIP_PORT_DISTANCE 2 /* clients with vipChannelEnabled use listenPort - 2 (MixAll.brokerVIPChannel) */
#define GRACE_MS 3000       /* for answers that are on their way when it stops */

struct shell {
	struct loop loop;
	struct loop_hook hook;
	struct program_signals signals;
	struct uv_executor *executor;
	struct namesrv_shell *namesrv; /* --standalone, else NULL */
	struct client *client;
	struct server *server;
	struct broker *broker;
	bool is_server_closed, is_client_closed, is_namesrv_stopped;
};

static void on_begin(struct loop_hook *h, uint64_t wall_ms)
{
	broker_set_time(CONTAINER_OF(h, struct shell, hook)->broker, wall_ms);
}

static void on_end(struct loop_hook *h) { broker_end_turn(CONTAINER_OF(h, struct shell, hook)->broker); }

/* ---- stop ---- */

static void on_namesrv_stopped(void *ctx)
{
	struct shell *sh = ctx;

	sh->is_namesrv_stopped = true;
	loop_stop(&sh->loop);
}

static void on_client_closed(void *ctx)
{
	struct shell *sh = ctx;

	sh->is_client_closed = true;
	if (sh->namesrv != NULL)
		namesrv_shell_stop(sh->namesrv, on_namesrv_stopped, sh);
	else
		loop_stop(&sh->loop);
}

static void on_server_closed(void *ctx)
{
	struct shell *sh = ctx;

	sh->is_server_closed = true;
	client_close(sh->client, on_client_closed, sh);
}

static void on_broker_stopped(void *ctx)
{
	struct shell *sh = ctx;

	server_close(sh->server, GRACE_MS, on_server_closed, sh);
}

static void on_stop(void *ctx)
{
	struct shell *sh = ctx;

	broker_stop(sh->broker, on_broker_stopped, sh);
}

/* ---- start ---- */

static void fill_server_options(struct shell *sh, const struct broker_config *c, struct server_options *o)
{
	server_options_default(o);
	o->dispatch = &broker_dispatch;
	o->core = sh->broker;
	o->limits.idle_ms = (uint64_t)c->server_channel_max_idle_time_seconds * 1000;
	if (c->write_buffer_high_water_mark > 0)
		o->limits.out_high_bytes = (size_t)c->write_buffer_high_water_mark;
	if (c->write_buffer_low_water_mark > 0)
		o->limits.out_low_bytes = (size_t)c->write_buffer_low_water_mark;
	o->max_connections = (size_t)c->max_connections;
	o->backlog = c->server_socket_backlog;
	o->io_threads = c->io_threads;
	o->send_buffer_bytes = c->server_socket_snd_buf_size;
	o->receive_buffer_bytes = c->server_socket_rcv_buf_size;
}

static enum rc start_namesrv(struct shell *sh, const struct broker_config *c, const char *user_home, char **error)
{
	struct namesrv_config *config = namesrv_config_new();

	config->listen_port = c->namesrv_listen_port;
	free(config->bind_address);
	config->bind_address = mem_strdup(c->bind_address);
	namesrv_config_resolve(config, user_home);
	return namesrv_shell_start(&sh->loop, uv_executor_base(sh->executor), config, "namesrvListenPort", &sh->namesrv, error);
}

static enum rc start_broker(struct shell *sh, struct broker_config *config, char **error)
{
	struct broker_services services = {
		.timers = &sh->loop.timers, .executor = uv_executor_base(sh->executor), .wall_ms = sh->loop.wall_ms};
	struct client_options options;
	enum rc rc;

	client_options_default(&options);
	options.dispatch = &broker_dispatch;
	options.connect_timeout_ms = (uint64_t)config->connect_timeout_millis;
	sh->client = client_new(&sh->loop, &options);
	services.outbound = client_outbound(sh->client);
	rc = broker_new(config, &services, &sh->broker, error);
	if (rc == RC_OK) {
		sh->hook.on_begin = on_begin;
		sh->hook.on_end = on_end;
		loop_hook_add(&sh->loop, LOOP_PHASE_CORE, &sh->hook);
	}
	return rc;
}

static enum rc start_server(struct shell *sh, char **error)
{
	const struct broker_config *c = sh->broker->config;
	struct server_options options;
	enum rc rc;

	fill_server_options(sh, c, &options);
	sh->server = server_new(&sh->loop, &options);
	rc = server_listen(sh->server, c->bind_address, c->listen_port, false, "listenPort", error);
	if (rc == RC_OK)
		rc = server_listen(sh->server, c->bind_address, c->listen_port - VIP_PORT_DISTANCE, true, "listenPort", error);
	return rc;
}

static void announce(const struct shell *sh)
{
	const struct broker_config *c = sh->broker->config;
	char *address = broker_config_address(c->broker_ip1, (int)c->listen_port);
	char *line = mem_printf("The broker[%s, %s] boot success. serializeType=JSON%s%s", c->broker_name, address,
				c->namesrv_addr ? " and name server is " : "", c->namesrv_addr ? c->namesrv_addr : "");

	log_info("broker", "%s", line);
	printf("%s\n", line);
	fflush(stdout);
	free(line);
	free(address);
}

/* ---- end ---- */

/* Close what a failed start had opened. */
static void unwind(struct shell *sh)
{
	if (sh->server != NULL) {
		server_close(sh->server, 0, on_server_closed, sh);
		loop_until(&sh->loop, &sh->is_client_closed, GRACE_MS);
	} else if (sh->client != NULL) {
		client_close(sh->client, on_client_closed, sh);
		loop_until(&sh->loop, &sh->is_client_closed, GRACE_MS);
	}
	if (sh->client == NULL && sh->namesrv != NULL)
		namesrv_shell_stop(sh->namesrv, on_namesrv_stopped, sh);
	if (sh->namesrv != NULL)
		loop_until(&sh->loop, &sh->is_namesrv_stopped, GRACE_MS);
}

static void free_all(struct shell *sh)
{
	uv_executor_drain(sh->executor);
	loop_end_turn(&sh->loop);
	uv_executor_drain(sh->executor); /* the turn may have begun an fdatasync */
	server_free(sh->server);
	if (sh->broker != NULL) {
		loop_hook_remove(&sh->hook);
		broker_free(sh->broker);
	}
	client_free(sh->client);
	namesrv_shell_free(sh->namesrv);
	uv_executor_free(sh->executor);
	loop_fini(&sh->loop);
}

/* Takes over config. */
static int serve(struct broker_config *config, bool standalone, const char *user_home)
{
	struct shell *sh = mem_zalloc(sizeof(*sh));
	char *error = NULL;
	enum rc rc = RC_OK;

	loop_init(&sh->loop);
	loop_record_stalls(&sh->loop);
	sh->executor = uv_executor_new(&sh->loop);
	if (standalone)
		rc = start_namesrv(sh, config, user_home, &error);
	if (rc == RC_OK)
		rc = start_broker(sh, config, &error);
	else
		broker_config_free(config);
	if (rc == RC_OK)
		rc = start_server(sh, &error);
	if (rc == RC_OK) {
		program_signals_start(&sh->signals, &sh->loop, on_stop, sh);
		loop_enter(&sh->loop);
		broker_start(sh->broker);
		if (sh->namesrv != NULL)
			namesrv_shell_announce(sh->namesrv);
		announce(sh);
		loop_run(&sh->loop);
		program_signals_stop(&sh->signals);
	} else {
		fprintf(stderr, "mqbroker: %s\n", error);
		log_error("broker", "%s", error);
		free(error);
		unwind(sh);
	}
	free_all(sh);
	free(sh);
	log_info("broker", "stopped");
	log_close();
	return rc == RC_OK ? 0 : 1;
}

static void set_text(char **member, char *value)
{
	free(*member);
	*member = value;
}

/* Where the name servers are: -n, else the file, else the environment, else our own. */
static bool settle_namesrv_addr(struct broker_config *c, const struct program_options *o)
{
	const char *from_env = getenv("NAMESRV_ADDR");

	if (o->namesrv_addr != NULL)
		set_text(&c->namesrv_addr, mem_strdup(o->namesrv_addr));
	else if (c->namesrv_addr != NULL && *c->namesrv_addr != '\0')
		;
	else if (o->standalone)
		set_text(&c->namesrv_addr, mem_printf("127.0.0.1:%d", (int)c->namesrv_listen_port));
	else if (from_env != NULL && *from_env != '\0')
		set_text(&c->namesrv_addr, mem_strdup(from_env));
	if (c->namesrv_addr == NULL || broker_config_is_address_list(c->namesrv_addr))
		return true;
	fprintf(stderr, "The Name Server Address[%s] illegal, please set it as follows, \"127.0.0.1:9876;192.168.0.1:9876\"\n",
		c->namesrv_addr);
	return false;
}

/* -1: go on; else the exit status. */
static int configure(struct broker_config *c, const struct program_options *o, struct buf *notes)
{
	struct buf text = {0};
	char *error = NULL;

	if (!program_load(&broker_config_schema, c, o->config_path, notes) || !settle_namesrv_addr(c, o))
		return 1;
	if (o->config_path != NULL)
		set_text(&c->broker_config_path, realpath(o->config_path, NULL));
	else /* where changes of the running broker are written; read by nobody (Apache BrokerPathConfigHelper) */
		config_fill(&c->broker_config_path, mem_printf("%s/store/config/broker.properties", o->user_home));
	if (broker_config_resolve(c, o->user_home, &error) != RC_OK) {
		char *located = config_locate(o->config_path, error);

		fprintf(stderr, "error: %s\n", located);
		free(located);
		free(error);
		return 1;
	}
	if (!o->print && !o->print_important)
		return -1;
	config_print(&broker_config_schema, c, o->print ? 0 : CONFIG_IMPORTANT, true, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	return 0;
}

int main(int argc, char **argv)
{
	struct broker_config *config = broker_config_new();
	struct program_options options;
	struct buf notes = {0};
	int status = program_parse("mqbroker", PROGRAM_TAKES_NAMESRV | PROGRAM_TAKES_STANDALONE, argc, argv, &options);

	if (status < 0)
		status = configure(config, &options, &notes);
	if (status < 0) {
		program_prepare();
		program_open_log(config->log_path, "broker", &notes);
		status = serve(config, options.standalone, options.user_home);
	} else {
		broker_config_free(config);
	}
	buf_free(&notes);
	program_options_free(&options);
	return status;
}
