/* config_save: a change of a running configuration on its way into its file.
 *
 *   core: config_save_start -> worker (LANE_STATE): the file is read, changed lines are replaced (config_merge_text), the file is replaced, the
 *   old one stays as .bak -> core: on_done
 *
 * Thread: core. Memory: it frees itself behind on_done. */
#ifndef BASE_CONFIG_SAVE_H
#define BASE_CONFIG_SAVE_H

#include "base/job.h"
#include "base/rc.h"
#include "base/slice.h"

struct config_save;

/* `changes` is properties text; it and `path` are copied. The file, and the folders that lead to it, are made when missing.
 * on_done(ctx, rc): once, never inside; rc is RC_OK, or why the file is as it was (also in the log). */
struct config_save *config_save_start(struct executor *ex, const char *path, struct slice changes,
				      void (*on_done)(void *ctx, enum rc rc), void *ctx);
void config_save_forget(struct config_save *s); /* on_done is not called; the file is written all the same */

#endif
