#include "tests/fuzz/core.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/log.h"
#include "base/mem.h"

#define PEERS 2
#define STEP_MS 40000 /* over every long poll, under the expiry of channels */
#define FRAME_MARK '\xFF'
#define BODY_MARK '\xFE'
#define TIME_MARK '\xFD'

static struct fuzz_core *cleaned;

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
	(void)st;
	(void)type;
	(void)ftw;
	return remove(path);
}

static void remove_folder(void) { nftw(cleaned->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS); }

static void submit(struct executor *ex, enum lane lane, struct job *job)
{
	struct fuzz_core *f = CONTAINER_OF(ex, struct fuzz_core, executor);

	(void)lane;
	job->link = NULL;
	*f->last_job = job;
	f->last_job = (struct job **)&job->link;
}

static void run_jobs(struct fuzz_core *f)
{
	while (f->jobs != NULL) {
		struct job *job = f->jobs;

		f->jobs = job->link;
		if (f->jobs == NULL)
			f->last_job = &f->jobs;
		job->run(job);
		job->done(job);
	}
}

struct unreachable {
	struct timer timer;
	peer_answer_fn *on_answer;
	void *ctx;
};

static void on_unreachable(struct timer *t)
{
	struct unreachable *u = CONTAINER_OF(t, struct unreachable, timer);

	u->on_answer(u->ctx, RC_UNREACHABLE, NULL);
	free(u);
}

static void call(struct outbound *o, const char *address, int32_t code, const struct schema *schema, const void *header,
		 struct slice body, uint64_t timeout_ms, peer_answer_fn *on_answer, void *ctx)
{
	struct fuzz_core *f = CONTAINER_OF(o, struct fuzz_core, outbound);
	struct unreachable *u;

	(void)address, (void)code, (void)schema, (void)header, (void)body, (void)timeout_ms;
	if (on_answer == NULL)
		return;
	u = mem_zalloc(sizeof(*u));
	*u = (struct unreachable){.timer.on_timer = on_unreachable, .on_answer = on_answer, .ctx = ctx};
	timer_start(&f->timers, &u->timer, 0);
}

void fuzz_core_init(struct fuzz_core *f)
{
	const char *base = getenv("TMPDIR");

	log_level = LOG_ERROR + 1;
	*f = (struct fuzz_core){.executor.submit = submit, .outbound.call = call, .wall_ms = 1795252000000};
	f->last_job = &f->jobs;
	snprintf(f->folder, sizeof(f->folder), "%s/fusee-fuzz-XXXXXX", base ? base : "/tmp");
	if (mkdtemp(f->folder) == NULL)
		fatal(__FILE__, __LINE__, "cannot make a folder '%s'", f->folder);
	timers_init(&f->timers, 5000000);
	cleaned = f;
	atexit(remove_folder);
}

void fuzz_core_end_turn(struct fuzz_core *f)
{
	if (f->end_turn != NULL)
		f->end_turn(f->core);
	run_jobs(f);
	if (f->end_turn != NULL)
		f->end_turn(f->core);
}

void fuzz_core_pass_time(struct fuzz_core *f)
{
	uint64_t end = f->timers.now_ms + STEP_MS;

	while (f->timers.now_ms < end) {
		uint64_t next = timers_next(&f->timers), now = next < end ? next : end;

		if (now <= f->timers.now_ms)
			now = f->timers.now_ms + 1;
		f->wall_ms += now - f->timers.now_ms;
		f->set_time(f->core, f->wall_ms);
		timers_run(&f->timers, now);
		fuzz_core_end_turn(f);
	}
}

/* Returns the code of the last answer, -1 when there was none. */
int32_t fuzz_core_answers(struct peer *peer)
{
	struct slice out = buf_slice(&peer->out);
	struct command cmd;
	const char *why;
	int32_t code = -1;
	size_t bytes;

	while (out.len != 0) {
		ASSERT(frame_size(out, &bytes) == RC_OK && bytes <= out.len);
		ASSERT(command_decode(slice_sub(out, 0, bytes), &cmd, &why) == RC_OK);
		out = slice_sub(out, bytes, out.len);
		code = cmd.code;
	}
	buf_clear(&peer->out);
	return code;
}

static int32_t receive(struct fuzz_core *f, struct peer *peer, struct slice header, struct slice body)
{
	struct buf frame = {0};
	const char *why;

	buf_put_u32(&frame, (uint32_t)(4 + header.len + body.len));
	buf_put_u32(&frame, (uint32_t)header.len);
	buf_put_slice(&frame, header);
	buf_put_slice(&frame, body);
	(void)peer_receive(peer, buf_slice(&frame), &why);
	buf_free(&frame);
	fuzz_core_end_turn(f);
	return fuzz_core_answers(peer);
}

struct peer *fuzz_core_connect(struct fuzz_core *f, unsigned port)
{
	struct peer *peer = peer_new(&f->timers, f->dispatch, f->core);

	peer->on_close = f->on_close;
	snprintf(peer->address, sizeof(peer->address), "127.0.0.1:%u", port);
	snprintf(peer->local_address, sizeof(peer->local_address), "127.0.0.1:10911");
	return peer;
}

static void disconnect_peer(struct peer *peer)
{
	(void)fuzz_core_answers(peer);
	peer_close(peer);
}

int32_t fuzz_core_send(struct fuzz_core *f, struct slice header, struct slice body)
{
	struct peer *peer = fuzz_core_connect(f, 40000);
	int32_t code;

	f->set_time(f->core, f->wall_ms);
	code = receive(f, peer, header, body);
	disconnect_peer(peer);
	fuzz_core_end_turn(f);
	return code;
}

void fuzz_core_run(struct fuzz_core *f, struct slice script)
{
	struct peer *peers[PEERS];
	struct slice part;

	for (unsigned i = 0; i < PEERS; i++)
		peers[i] = fuzz_core_connect(f, 40000 + i);
	f->set_time(f->core, f->wall_ms);
	for (size_t i = 0; slice_split(&script, FRAME_MARK, &part); i++) {
		size_t header_bytes;

		if (part.len != 0 && part.at[part.len - 1] == TIME_MARK) {
			fuzz_core_pass_time(f);
			part.len--;
		}
		header_bytes = slice_find(part, BODY_MARK);
		if (part.len != 0)
			(void)receive(f, peers[i % PEERS], slice_sub(part, 0, header_bytes),
				      slice_sub(part, header_bytes + 1, part.len));
	}
	for (size_t i = 0; i < PEERS; i++)
		disconnect_peer(peers[i]);
	fuzz_core_end_turn(f);
}
