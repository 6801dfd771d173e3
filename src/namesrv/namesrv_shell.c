#include "namesrv/namesrv_shell.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "namesrv/namesrv.h"
#include "remoting/server.h"

#define GRACE_MS 1000 /* for answers that are on their way when it stops */

struct namesrv_shell {
	struct loop *loop;
	struct loop_hook hook;
	struct namesrv_config *config; /* the core's */
	struct namesrv *core;
	struct server *server;
};

static void on_begin(struct loop_hook *h, uint64_t wall_ms)
{
	namesrv_set_time(CONTAINER_OF(h, struct namesrv_shell, hook)->core, wall_ms);
}

static void fill_options(struct namesrv_shell *s, struct server_options *o)
{
	const struct namesrv_config *c = s->config;

	server_options_default(o);
	o->dispatch = &namesrv_dispatch;
	o->core = s->core;
	o->on_peer_close = namesrv_peer_closed;
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

static void on_failed_stopped(void *ctx) { namesrv_shell_free(ctx); }

enum rc namesrv_shell_start(struct loop *loop, struct executor *executor, struct namesrv_config *config, const char *port_key,
			    struct namesrv_shell **out, char **error)
{
	struct namesrv_shell *s = mem_zalloc(sizeof(*s));
	struct server_options options;
	enum rc rc;

	s->loop = loop;
	s->config = config;
	s->hook.on_begin = on_begin;
	rc = namesrv_new(config, &loop->timers, executor, loop->wall_ms, &s->core, error);
	if (rc != RC_OK) {
		free(s);
		return rc;
	}
	loop_hook_add(loop, LOOP_PHASE_CORE, &s->hook);
	fill_options(s, &options);
	s->server = server_new(loop, &options);
	rc = server_listen(s->server, config->bind_address, config->listen_port, false, port_key, error);
	if (rc != RC_OK) {
		server_close(s->server, 0, on_failed_stopped, s);
		return rc;
	}
	*out = s;
	return RC_OK;
}

int namesrv_shell_port(const struct namesrv_shell *s) { return server_port(s->server, 0); }

void namesrv_shell_announce(const struct namesrv_shell *s)
{
	char line[256];

	mem_format(line, sizeof(line), "The Name Server boot success. serializeType=JSON, address %s:%d", s->config->bind_address,
		   namesrv_shell_port(s));
	log_info("namesrv", "%s", line);
	printf("%s\n", line);
	fflush(stdout);
}

void namesrv_shell_stop(struct namesrv_shell *s, void (*on_stopped)(void *ctx), void *ctx)
{
	server_close(s->server, GRACE_MS, on_stopped, ctx);
}

void namesrv_shell_free(struct namesrv_shell *s)
{
	if (s == NULL)
		return;
	server_free(s->server);
	loop_hook_remove(&s->hook);
	namesrv_free(s->core);
	free(s);
}
