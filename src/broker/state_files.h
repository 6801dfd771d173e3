/* state_files: config/NAME.json with its .bak: loaded at start, rewritten off the core when marked dirty
 * (temporary, fsync, old one to .bak, rename, folder fsync).
 * Thread: core; the writing runs on LANE_STATE with a copy of the text. */
#ifndef BROKER_STATE_FILES_H
#define BROKER_STATE_FILES_H

#include "base/buf.h"
#include "base/list.h"
#include "base/rc.h"
#include "base/slice.h"

struct broker;
struct state_files;

/* Writes the whole text of a state file to out. */
typedef void state_encode_fn(struct broker *b, struct buf *out);
/* Reads it. RC_OK, or RC_CORRUPT: then the .bak is tried. Must leave the module as before on failure. */
typedef enum rc state_decode_fn(struct broker *b, struct slice text);

struct state_files *state_files_new(struct broker *b);
void state_files_free(struct state_files *s); /* writes what is dirty, blocking; store_flush() comes before */

/* Register a file: loads it now. A missing file is fine (RC_OK). A damaged one falls back to .bak with a log line; both damaged:
 * RC_CORRUPT and *error names them. save_every_ms: 0 = soon after each mark (coalesced), else at that period when dirty. */
enum rc state_file_add(struct state_files *s, const char *name, uint64_t save_every_ms, state_encode_fn *encode,
		       state_decode_fn *decode, char **error);
void state_file_set_period(struct state_files *s, const char *name, uint64_t save_every_ms); /* from the next save on */
void state_file_mark(struct state_files *s, const char *name);                               /* cheap when marked already */

/* The file speaks of what is in the log: its text goes to the device only after the log as it is then, else a loss of power could take the
 * messages that it counts as delivered. even_broken: also when the log cannot be flushed any more. */
void state_file_follow_log(struct state_files *s, const char *name, bool even_broken);

/* Waiting until a change is in its file, on the device. A change has a number: what state_file_number() says right after its mark.
 * on_saved: on the core, never inside a call. While the file cannot be written it does not come. */
struct state_wait {
	struct list link; /* list_init() it: then state_wait_cancel() is always allowed */
	uint64_t number;
	void (*on_saved)(struct state_wait *w);
};
uint64_t state_file_number(struct state_files *s, const char *name);
bool state_file_has(struct state_files *s, const char *name, uint64_t number);
void state_file_wait(struct state_files *s, const char *name, struct state_wait *w);
void state_wait_cancel(struct state_wait *w);
/* Writes what is dirty, blocking; what is being written, or is ahead of the log, stays dirty. */
void state_files_save_now(struct state_files *s);

#endif
