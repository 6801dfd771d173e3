#include "base/program.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __GLIBC__
#include <malloc.h>
#endif

#include "base/host_info.h"
#include "base/log.h"
#include "base/mem.h"

enum { OPTION_STANDALONE = 256, OPTION_VERSION };

static void print_help(const char *name, unsigned takes)
{
	printf("usage: %s [-c FILE] [-n ADDRESSES] [-p] [-m]%s [-Duser.home=DIR]\n"
	       "  -c, --configFile FILE          properties file\n"
	       "  -n, --namesrvAddr ADDRESSES    name servers, host:port;host:port%s\n"
	       "  -p, --printConfigItem          print the effective configuration and exit\n"
	       "  -m, --printImportantConfig     print its important keys and exit\n",
	       name, takes & PROGRAM_TAKES_STANDALONE ? " [--standalone]" : "",
	       takes & PROGRAM_TAKES_NAMESRV ? " (else the key namesrvAddr, else NAMESRV_ADDR)" : " (taken and ignored)");
	if (takes & PROGRAM_TAKES_STANDALONE)
		printf("      --standalone               run a name server too, on the key namesrvListenPort\n");
	printf("  -Duser.home=DIR                logs go to DIR/logs/rocketmqlogs, default files under DIR\n"
	       "  -h, --help                     this text\n"
	       "      --version                  the version\n");
}

/* -Dkey=value: user.home is heeded, other properties of a Java command line are accepted. */
static bool take_define(const char *text, struct program_options *out)
{
	static const char home[] = "user.home=";

	if (strchr(text, '=') == NULL)
		return false;
	if (strncmp(text, home, sizeof(home) - 1) != 0)
		return true;
	if (text[sizeof(home) - 1] == '\0')
		return false;
	free(out->user_home);
	out->user_home = mem_strdup(text + sizeof(home) - 1);
	return true;
}

static int usage_error(const char *name)
{
	fprintf(stderr, "%s: see '%s -h'\n", name, name);
	return 2;
}

int program_parse(const char *name, unsigned takes, int argc, char **argv, struct program_options *out)
{
	static const struct option options[] = {
		{"configFile", required_argument, NULL, 'c'},
		{"namesrvAddr", required_argument, NULL, 'n'},
		{"printConfigItem", no_argument, NULL, 'p'},
		{"printImportantConfig", no_argument, NULL, 'm'},
		{"help", no_argument, NULL, 'h'},
		{"standalone", no_argument, NULL, OPTION_STANDALONE},
		{"version", no_argument, NULL, OPTION_VERSION},
		{NULL, 0, NULL, 0},
	};
	int option;

	*out = (struct program_options){.user_home = host_info_home()};
	while ((option = getopt_long(argc, argv, "c:n:pmhD:", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			out->config_path = optarg;
			break;
		case 'n':
			out->namesrv_addr = optarg;
			break;
		case 'p':
			out->print = true;
			break;
		case 'm':
			out->print_important = true;
			break;
		case 'h':
			print_help(name, takes);
			return 0;
		case 'D':
			if (!take_define(optarg, out)) {
				fprintf(stderr, "%s: -D%s: expected -Dkey=value\n", name, optarg);
				return usage_error(name);
			}
			break;
		case OPTION_STANDALONE:
			if (!(takes & PROGRAM_TAKES_STANDALONE)) {
				fprintf(stderr, "%s: --standalone is an option of mqbroker\n", name);
				return usage_error(name);
			}
			out->standalone = true;
			break;
		case OPTION_VERSION:
			printf("%s %s\n", name, PACKAGE_VERSION);
			return 0;
		default:
			return usage_error(name);
		}
	}
	if (optind < argc) {
		fprintf(stderr, "%s: unexpected argument '%s'\n", name, argv[optind]);
		return usage_error(name);
	}
	return -1;
}

void program_options_free(struct program_options *o)
{
	free(o->user_home);
	o->user_home = NULL;
}

bool program_load(const struct config_schema *schema, void *config, const char *path, struct buf *notes)
{
	struct config_report report = {0};
	enum rc rc;

	if (path == NULL)
		return true;
	rc = config_load(schema, config, path, &report);
	if (report.warnings.len > 0)
		fprintf(stderr, "warning: %.*s\n", SLICE_ARG(buf_slice(&report.warnings)));
	if (report.errors.len > 0)
		fprintf(stderr, "error: %.*s\n", SLICE_ARG(buf_slice(&report.errors)));
	buf_put_slice(notes, buf_slice(&report.notes));
	config_report_free(&report);
	return rc == RC_OK;
}

#define LARGE_BYTES (512 * 1024)     /* blocks from here on are the kernel's, and go back to it when they are freed */
#define TRIM_BYTES (2 * 1024 * 1024) /* so much may stay free at the end of the heap */
#define HEAPS 2                      /* the loop's and one for all workers */

/* Left alone, glibc keeps up to 64 MiB free after a burst, because each large block that is freed makes it keep more; and each worker thread
 * has a heap of its own. */
static void limit_free_memory(void)
{
#ifdef __GLIBC__
	(void)mallopt(M_MMAP_THRESHOLD, LARGE_BYTES);
	(void)mallopt(M_TRIM_THRESHOLD, TRIM_BYTES);
	(void)mallopt(M_ARENA_MAX, HEAPS);
#endif
}

void program_prepare(void)
{
	struct rlimit files;

	limit_free_memory();
	signal(SIGPIPE, SIG_IGN);
	if (getrlimit(RLIMIT_NOFILE, &files) != 0 || files.rlim_cur == files.rlim_max)
		return;
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
}

void program_open_log(const char *folder, const char *name, const struct buf *notes)
{
	char *path = mem_printf("%s/%s.log", folder, name);
	struct slice rest = buf_slice(notes), line;
	enum rc rc = log_open(path);

	if (rc != RC_OK)
		fprintf(stderr, "warning: cannot write the log '%s': %s; logging to standard error\n", path, rc_text(rc));
	free(path);
	while (slice_split(&rest, '\n', &line))
		log_info(name, "%.*s", SLICE_ARG(line));
}

static void on_signal(uv_signal_t *handle, int number)
{
	struct program_signals *s = handle->data;

	if (s->is_stopping)
		_exit(130);
	loop_enter(s->loop);
	s->is_stopping = true;
	log_info("signal", "got %s, stopping", number == SIGTERM ? "SIGTERM" : "SIGINT");
	s->on_stop(s->ctx);
}

void program_signals_start(struct program_signals *s, struct loop *loop, void (*on_stop)(void *ctx), void *ctx)
{
	*s = (struct program_signals){.loop = loop, .on_stop = on_stop, .ctx = ctx};
	s->term.data = s->interrupt.data = s;
	if (uv_signal_init(&loop->uv, &s->term) != 0 || uv_signal_init(&loop->uv, &s->interrupt) != 0 ||
	    uv_signal_start(&s->term, on_signal, SIGTERM) != 0 || uv_signal_start(&s->interrupt, on_signal, SIGINT) != 0)
		fatal(__FILE__, __LINE__, "cannot watch for signals");
}

void program_signals_stop(struct program_signals *s)
{
	uv_close((uv_handle_t *)&s->term, NULL);
	uv_close((uv_handle_t *)&s->interrupt, NULL);
}
