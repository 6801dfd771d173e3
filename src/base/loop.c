/* Happy path: a callback enters the turn, cores work, on_prepare ends the turn and arms one uv timer for the earliest of our timers.
 * Failure: libuv's loop set-up fails only for want of descriptors or memory; that is fatal at start. */
#include "base/loop.h"

#include <stdlib.h>
#include <time.h>

#include "base/mem.h"

enum rc rc_from_uv(int status)
{
	if (status >= 0)
		return RC_OK;
	if (status == UV_EOF || status == UV_ECANCELED)
		return status == UV_EOF ? RC_CLOSED : RC_CANCELED;
	if (status <= UV_EAI_ADDRFAMILY && status >= UV_EAI_SOCKTYPE)
		return RC_UNREACHABLE; /* name resolution */
	return rc_from_errno(-status);
}

static uint64_t wall_now(void)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void loop_enter(struct loop *l)
{
	if (l->is_in_turn) {
		(void)stall_at(STALL_NETWORK, 0);
		return;
	}
	l->is_in_turn = true;
	if (stall_here == &l->stall)
		stall_begin(&l->stall);
	l->timers.now_ms = uv_now(&l->uv);
	l->wall_ms = wall_now();
	for (int phase = 0; phase < LOOP_PHASE_COUNT; phase++)
		LIST_FOR_EACH_SAFE (it, &l->hooks[phase]) {
			struct loop_hook *h = CONTAINER_OF(it, struct loop_hook, link);

			if (h->on_begin != NULL)
				h->on_begin(h, l->wall_ms);
		}
}

static uint64_t monotonic_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

void loop_record_stalls(struct loop *l) { stall_init(&l->stall, monotonic_ns); }

static void on_timer(uv_timer_t *t)
{
	struct loop *l = t->data;

	loop_enter(l);
	l->armed_for_ms = UINT64_MAX;
	timers_run(&l->timers, uv_now(&l->uv));
}

static void arm(struct loop *l)
{
	uint64_t next = timers_next(&l->timers), now = uv_now(&l->uv);

	if (next == l->armed_for_ms)
		return;
	l->armed_for_ms = next;
	if (next == UINT64_MAX)
		uv_timer_stop(&l->timer);
	else
		uv_timer_start(&l->timer, on_timer, next > now ? next - now : 0, 0);
}

void loop_end_turn(struct loop *l)
{
	if (l->is_in_turn) {
		for (int phase = 0; phase < LOOP_PHASE_COUNT; phase++) {
			if (phase == LOOP_PHASE_FLUSH)
				(void)stall_at(STALL_ANSWERS, 0);
			LIST_FOR_EACH_SAFE (it, &l->hooks[phase]) {
				struct loop_hook *h = CONTAINER_OF(it, struct loop_hook, link);

				if (h->on_end != NULL)
					h->on_end(h);
			}
		}
		if (stall_here == &l->stall)
			stall_end(&l->stall);
		l->is_in_turn = false;
	}
	if (!uv_is_closing((uv_handle_t *)&l->timer))
		arm(l);
}

static void on_prepare(uv_prepare_t *p)
{
	struct loop *l = p->data;

	loop_end_turn(l);
	if (l->until != NULL && *l->until)
		uv_stop(&l->uv); /* what is waited for came with a timer, before the poll: it must not block now */
}

static void must(int status, const char *what)
{
	if (status < 0)
		fatal(__FILE__, __LINE__, "%s: %s", what, uv_strerror(status));
}

void loop_init(struct loop *l)
{
	*l = (struct loop){.armed_for_ms = UINT64_MAX};
	must(uv_loop_init(&l->uv), "event loop");
	for (int phase = 0; phase < LOOP_PHASE_COUNT; phase++)
		list_init(&l->hooks[phase]);
	timers_init(&l->timers, uv_now(&l->uv));
	l->wall_ms = wall_now();
	must(uv_timer_init(&l->uv, &l->timer), "timer");
	must(uv_prepare_init(&l->uv, &l->prepare), "prepare handle");
	must(uv_prepare_start(&l->prepare, on_prepare), "prepare handle");
	uv_unref((uv_handle_t *)&l->prepare);
	l->timer.data = l->prepare.data = l;
}

static void count_handle(uv_handle_t *h, void *count)
{
	(void)h;
	(*(size_t *)count)++;
}

/* Waits for handles, not for requests: a name look-up may take minutes. With one under way the loop's memory is left to the process. */
void loop_fini(struct loop *l)
{
	size_t handles = 1;

	uv_close((uv_handle_t *)&l->timer, NULL);
	uv_close((uv_handle_t *)&l->prepare, NULL);
	while (handles > 0) {
		uv_run(&l->uv, UV_RUN_NOWAIT);
		handles = 0;
		uv_walk(&l->uv, count_handle, &handles);
	}
	uv_loop_close(&l->uv); /* UV_EBUSY: see above */
	stall_fini(&l->stall);
	timers_free(&l->timers);
	free(l->scratch);
}

void loop_hook_add(struct loop *l, enum loop_phase phase, struct loop_hook *h) { list_append(&l->hooks[phase], &h->link); }

void loop_hook_remove(struct loop_hook *h) { list_remove(&h->link); }

/* Not zeroed: pages that no frame ever reaches cost nothing. */
uint8_t *loop_scratch(struct loop *l)
{
	if (l->scratch == NULL)
		l->scratch = mem_alloc(LOOP_SCRATCH_BYTES);
	return l->scratch;
}

/* Armed first: libuv leaves at once when no handle is active, before any prepare callback. */
void loop_run(struct loop *l)
{
	arm(l);
	uv_run(&l->uv, UV_RUN_DEFAULT);
}

void loop_stop(struct loop *l) { uv_stop(&l->uv); }

static void on_deadline(struct timer *t) { (void)t; }

bool loop_until(struct loop *l, const bool *done, uint64_t in_ms)
{
	struct timer deadline = {.on_timer = on_deadline};

	uv_update_time(&l->uv);
	l->timers.now_ms = uv_now(&l->uv);
	timer_start(&l->timers, &deadline, in_ms);
	l->until = done;
	while (!*done && timer_is_running(&deadline)) {
		arm(l);
		uv_run(&l->uv, UV_RUN_ONCE);
	}
	l->until = NULL;
	timer_stop(&l->timers, &deadline);
	return *done;
}
