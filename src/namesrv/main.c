/* mqnamesrv: the name server program. */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/log.h"
#include "base/mem.h"
#include "base/program.h"
#include "base/uv_executor.h"
#include "namesrv/namesrv_shell.h"

static struct loop loop;
static struct namesrv_shell *shell;
static struct program_signals signals;

static void on_stopped(void *ctx)
{
	(void)ctx;
	loop_stop(&loop);
}

static void on_stop(void *ctx)
{
	(void)ctx;
	namesrv_shell_stop(shell, on_stopped, NULL);
}

static int print_config(const struct namesrv_config *config, unsigned flags)
{
	struct buf text = {0};

	config_print(&namesrv_config_schema, config, flags, true, &text);
	fwrite(text.data, 1, text.len, stdout);
	buf_free(&text);
	return 0;
}

/* Takes over config. */
static int serve(struct namesrv_config *config)
{
	struct uv_executor *executor;
	char *error = NULL;
	int status = 0;

	loop_init(&loop);
	loop_record_stalls(&loop);
	executor = uv_executor_new(&loop);
	if (namesrv_shell_start(&loop, uv_executor_base(executor), config, "listenPort", &shell, &error) == RC_OK) {
		program_signals_start(&signals, &loop, on_stop, NULL);
		namesrv_shell_announce(shell);
		loop_run(&loop);
		program_signals_stop(&signals);
		uv_executor_drain(executor);
		namesrv_shell_free(shell);
		log_info("namesrv", "stopped");
	} else {
		fprintf(stderr, "mqnamesrv: %s\n", error);
		log_error("namesrv", "%s", error);
		free(error);
		status = 1;
	}
	uv_executor_free(executor);
	loop_fini(&loop);
	log_close();
	return status;
}

int main(int argc, char **argv)
{
	struct namesrv_config *config = namesrv_config_new();
	struct program_options options;
	struct buf notes = {0};
	int status = program_parse("mqnamesrv", 0, argc, argv, &options);

	if (status < 0 && !program_load(&namesrv_config_schema, config, options.config_path, &notes))
		status = 1;
	if (status < 0) {
		if (options.config_path != NULL) { /* changes from remote go back to the file, as in Apache's NamesrvStartup */
			free(config->config_store_path);
			config->config_store_path = realpath(options.config_path, NULL);
			printf("load config properties file OK, %s\n", options.config_path);
		}
		namesrv_config_resolve(config, options.user_home);
		if (options.print || options.print_important)
			status = print_config(config, options.print ? 0 : CONFIG_IMPORTANT);
	}
	if (status < 0) {
		program_prepare();
		program_open_log(config->log_path, "namesrv", &notes);
		status = serve(config);
	} else {
		namesrv_config_free(config);
	}
	buf_free(&notes);
	program_options_free(&options);
	return status;
}
