/* Happy path: park, the state file's job is done, answer. Failure: a file that cannot be written is said after SAVED_REPLY_PATIENCE_MS; the
 * change counts until the broker stops, and is written as soon as that works. */
#include "broker/saved_reply.h"

#include "broker/broker.h"
#include "broker/state_files.h"
#include "remoting/response_code.h"

struct saved_reply {
	struct state_wait wait;
	struct request *req;
	const char *file;
	enum outcome (*then)(struct request *req);
};

static enum outcome success(struct request *req) { return reply_empty(req, SUCCESS, NULL); }

static void on_cancel(struct request *req)
{
	struct saved_reply *s = req->state;

	state_wait_cancel(&s->wait);
}

static void on_saved(struct state_wait *wait)
{
	struct saved_reply *s = CONTAINER_OF(wait, struct saved_reply, wait);

	timer_stop(((struct broker *)s->req->core)->timers, &s->req->deadline);
	if (s->then(s->req) == DONE)
		request_finish(s->req);
}

static void on_deadline(struct request *req)
{
	struct saved_reply *s = req->state;

	state_wait_cancel(&s->wait);
	if (reply_error(req, SYSTEM_ERROR, "changed, but config/%s cannot be written: a restart may take it back", s->file) ==
	    DONE)
		request_finish(req);
}

enum outcome reply_when_saved(struct request *req, const char *file, enum outcome (*then)(struct request *req))
{
	struct broker *b = req->core;
	uint64_t number = state_file_number(b->state_files, file);
	struct saved_reply *s;

	if (then == NULL)
		then = success;
	if (request_is_oneway(req) || state_file_has(b->state_files, file, number))
		return then(req);
	s = arena_alloc(&req->arena, sizeof(*s));
	*s = (struct saved_reply){.wait = {.number = number, .on_saved = on_saved}, .req = req, .file = file, .then = then};
	list_init(&s->wait.link);
	req->state = s;
	req->on_cancel = on_cancel;
	req->on_deadline = on_deadline;
	request_set_deadline(req, SAVED_REPLY_PATIENCE_MS);
	state_file_wait(b->state_files, file, &s->wait);
	return PENDING;
}
