/* program: what every server program does around its loop: the command line, signals, limits, the log file.
 * Thread: the main thread, before or on the loop. Memory: strings of program_options point into argv, or are the struct's. */
#ifndef BASE_PROGRAM_H
#define BASE_PROGRAM_H

#include "base/config.h"
#include "base/loop.h"

#define PROGRAM_TAKES_NAMESRV 1u /* -n is needed here (other programs take it and ignore it, as Apache's do) */
#define PROGRAM_TAKES_STANDALONE 2u

struct program_options {
	const char *config_path;  /* -c */
	const char *namesrv_addr; /* -n */
	char *user_home;          /* -Duser.home=DIR, else the account's */
	bool print, print_important, standalone;
};

/* Read the command line. Returns -1 to go on; else the exit status (help, version: 0; wrong usage: 2, said on stderr). */
int program_parse(const char *name, unsigned takes, int argc, char **argv, struct program_options *out);
void program_options_free(struct program_options *o);

/* Load the file (if any) and tell its problems on stderr. False: errors, the program must end. Notes are appended to `notes`, to be logged later. */
bool program_load(const struct config_schema *schema, void *config, const char *path, struct buf *notes);

/* SIGPIPE is ignored, the limit of open files raised to what is allowed. */
void program_prepare(void);

/* Log to FOLDER/NAME.log from now on, and log `notes` line by line; stderr stays in use, with one line, when it cannot be opened. */
void program_open_log(const char *folder, const char *name, const struct buf *notes);

/* SIGTERM and SIGINT: the first calls on_stop(ctx) in a turn of the loop, the second ends the process at once (exit status 130). */
struct program_signals {
	struct loop *loop;
	uv_signal_t term, interrupt;
	void (*on_stop)(void *ctx);
	void *ctx;
	bool is_stopping;
};
void program_signals_start(struct program_signals *s, struct loop *loop, void (*on_stop)(void *ctx), void *ctx);
void program_signals_stop(struct program_signals *s); /* closes its handles */

#endif
