/* saved_reply: the answer to an administrator waits until what he changed is in its state file on the device: no crash takes it back.
 * Thread: core. Memory: the request's arena. */
#ifndef BROKER_SAVED_REPLY_H
#define BROKER_SAVED_REPLY_H

#include "remoting/request.h"

#define SAVED_REPLY_PATIENCE_MS 3000 /* then SYSTEM_ERROR says that the file cannot be written; mqadmin waits for 5 s */

/* `file` as given to state_file_add. `then` makes the answer once all changes so far are saved, and returns as a handler does; NULL: SUCCESS.
 * Returns what the handler returns. */
enum outcome reply_when_saved(struct request *req, const char *file, enum outcome (*then)(struct request *req)) MUST_USE;

#endif
