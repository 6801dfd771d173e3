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
void state_files_free(struct state_files *s); /* writes what is dirty, blocking */

/* Register a file: loads it now. A missing file is fine (RC_OK). A damaged one falls back to .bak with a log line; both damaged:
 * RC_CORRUPT and *error names them. save_every_ms: 0 = soon after each mark (coalesced), else at that period when dirty. */
enum rc state_file_add(struct state_files *s, const char *name, uint64_t save_every_ms, state_encode_fn *encode,
		       state_decode_fn *decode, char **error);
void state_file_mark(struct state_files *s, const char *name); /* cheap when marked already */
/* Mark, and write at once into the page cache, so that what is acknowledged next survives a kill -9 of this process. Blocks for some
 * 0.1 ms. Only marks while a write is under way or the file is larger than STATE_FILE_AT_ONCE_MAX. */
#define STATE_FILE_AT_ONCE_MAX (1024 * 1024)
void state_file_mark_at_once(struct state_files *s, const char *name);

/* Waiting until a change is in its file. A change has a number: what state_file_number() says right after its mark.
 * synced: until it is on the device, else until a kill -9 cannot lose it. on_saved: on the core, never inside a call. While the file cannot
 * be written it does not come. */
struct state_wait {
	struct list link; /* list_init() it: then state_wait_cancel() is always allowed */
	uint64_t number;
	bool synced;
	void (*on_saved)(struct state_wait *w);
};
uint64_t state_file_number(struct state_files *s, const char *name);
bool state_file_has(struct state_files *s, const char *name, uint64_t number, bool synced);
void state_file_wait(struct state_files *s, const char *name, struct state_wait *w);
void state_wait_cancel(struct state_wait *w);
void state_files_save_now(struct state_files *s); /* writes what is dirty, blocking; dirty files whose job is under way stay */

#endif
