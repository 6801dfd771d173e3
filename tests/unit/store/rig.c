#include "tests/unit/store/rig.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/mem.h"
#include "tests/unit/run.h"

static void submit(struct executor *ex, enum lane lane, struct job *job)
{
	struct rig *r = CONTAINER_OF(ex, struct rig, ex);

	job->link = NULL;
	if (r->first[lane] == NULL)
		r->first[lane] = job;
	else
		r->last[lane]->link = job;
	r->last[lane] = job;
}

static bool run_one(struct rig *r, enum lane lane)
{
	struct job *job = r->first[lane];

	if (job == NULL)
		return false;
	r->first[lane] = job->link;
	job->run(job);
	job->done(job);
	return true;
}

size_t rig_run(struct rig *r, enum lane lane)
{
	size_t n = 0;

	while (run_one(r, lane))
		n++;
	return n;
}

void rig_run_all(struct rig *r)
{
	bool any;

	do {
		any = false;
		for (int lane = 0; lane < LANE_COUNT; lane++)
			any |= rig_run(r, (enum lane)lane) > 0;
	} while (any);
}

void rig_elapse(struct rig *r, uint64_t ms)
{
	uint64_t end = r->timers.now_ms + ms;

	while (timers_next(&r->timers) <= end) {
		uint64_t to = timers_next(&r->timers);

		r->wall += to - r->timers.now_ms;
		timers_run(&r->timers, to);
		rig_run_all(r);
		if (to == r->timers.now_ms && timers_next(&r->timers) == to)
			timers_run(&r->timers, to + 1);
	}
	if (end > r->timers.now_ms) {
		r->wall += end - r->timers.now_ms;
		timers_run(&r->timers, end);
	}
	rig_run_all(r);
}

struct rig *rig_new(void)
{
	struct rig *r = mem_zalloc(sizeof(*r));

	mem_format(r->folder, sizeof(r->folder), "%s", test_folder());
	r->ex.submit = submit;
	timers_init(&r->timers, 1000);
	r->wall = RIG_WALL;
	r->config = (struct store_config){
		.root = r->folder,
		.segment_bytes = RIG_SEGMENT,
		.queue_file_entries = 100,
		.index_slots = 100,
		.index_entries = 400,
		.index_enabled = true,
		.flush_interval_ms = 500,
		.flush_least_pages = 4,
		.flush_thorough_interval_ms = 10000,
		.sync_flush_timeout_ms = 5000,
		.queue_flush_interval_ms = 1000,
		.max_message_bytes = 32768,
		.file_reserved_hours = 72,
		.delete_when = "04",
		.disk_max_used_percent = 100,
		.disk_warning_ratio = 1.0,
		.disk_clean_forcibly_ratio = 1.0,
		.clean_file_forcibly = true,
		.check_crc_on_recover = true,
		.delay_ms = {1000, 5000, 10000},
		.delay_levels = 3,
	};
	return r;
}

void rig_free(struct rig *r)
{
	if (r->store)
		rig_close(r);
	test_folder_remove(r->folder);
	timers_free(&r->timers);
	free(r->error);
	free(r);
}

enum rc rig_try_open(struct rig *r)
{
	free(r->error);
	r->error = NULL;
	return store_open(&r->config, &r->ex, &r->timers, r->wall, &r->store, &r->error);
}

void rig_open(struct rig *r)
{
	enum rc rc = rig_try_open(r);

	ck_assert_msg(rc == RC_OK, "open: %s, %s", rc_text(rc), r->error ? r->error : "?");
}

void rig_close(struct rig *r)
{
	rig_run_all(r);
	store_close(r->store);
	r->store = NULL;
}

void rig_kill(struct rig *r)
{
	memset(r->first, 0, sizeof(r->first));
	store_abandon(r->store);
	r->store = NULL;
}

enum rc rig_try_send(struct rig *r, const char *topic, int queue, struct slice body, struct append_result *result)
{
	struct message m = {.topic = slice_of(topic),
			    .body = body,
			    .queue_id = queue,
			    .born_timestamp = (int64_t)r->wall,
			    .born_host = {.addr = {127, 0, 0, 1}, .port = 1234},
			    .store_host = {.addr = {127, 0, 0, 1}, .port = 10911}};
	struct store_queue *q = store_queue_open(r->store, m.topic, queue);

	ck_assert_ptr_nonnull(q);
	return store_append(r->store, q, &m, r->wall, result);
}

struct append_result rig_send_keys(struct rig *r, const char *topic, int queue, const char *body, const char *properties)
{
	struct message m = {.topic = slice_of(topic),
			    .body = slice_of(body),
			    .properties = slice_of(properties),
			    .queue_id = queue,
			    .born_host = {.addr = {127, 0, 0, 1}, .port = 1234},
			    .store_host = {.addr = {127, 0, 0, 1}, .port = 10911}};
	struct append_result result;
	struct store_queue *q = store_queue_open(r->store, m.topic, queue);

	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(store_append(r->store, q, &m, r->wall, &result), RC_OK);
	return result;
}

struct append_result rig_send(struct rig *r, const char *topic, int queue, const char *body)
{
	return rig_send_keys(r, topic, queue, body, "");
}

void rig_turn(struct rig *r) { store_end_turn(r->store, r->wall); }

int64_t rig_min(struct rig *r, const char *topic, int queue)
{
	return store_queue_min(store_queue_find(r->store, slice_of(topic), queue));
}

int64_t rig_max(struct rig *r, const char *topic, int queue)
{
	return store_queue_max(store_queue_find(r->store, slice_of(topic), queue));
}

const char *rig_body(struct rig *r, const char *topic, int queue, int64_t offset)
{
	static char body[40000];
	static uint8_t raw[80000];
	struct store_queue *q = store_queue_find(r->store, slice_of(topic), queue);
	struct queue_entry e;
	struct message m;

	ck_assert_ptr_nonnull(q);
	ck_assert_int_eq(consume_queue_entry(q, offset, &e), RC_OK);
	ck_assert_int_le(e.size, (int)sizeof(raw));
	ck_assert_int_eq(commit_log_read(&r->store->log, e.at, raw, (size_t)e.size, false), RC_OK);
	ck_assert_int_eq(message_decode((struct slice){(const char *)raw, (size_t)e.size}, true, &m), RC_OK);
	ck_assert_int_eq(m.queue_offset, offset);
	ck_assert_int_eq(m.physical_offset, e.at);
	ck_assert_int_eq(m.queue_id, queue);
	ck_assert(slice_is(m.topic, topic));
	ck_assert(mem_format(body, sizeof(body), "%.*s", SLICE_ARG(m.body)));
	return body;
}

char *rig_path(struct rig *r, const char *name) { return mem_printf("%s/%s", r->folder, name); }

bool rig_exists(struct rig *r, const char *name)
{
	char *path = rig_path(r, name);
	bool there = access(path, F_OK) == 0;

	free(path);
	return there;
}

static void on_ready(struct store_wait *wait, enum rc rc)
{
	struct rig_wait *w = CONTAINER_OF(wait, struct rig_wait, wait);

	w->calls++;
	w->rc = rc;
}

void rig_wait(struct rig *r, struct rig_wait *w, int64_t end, enum watermark mark)
{
	*w = (struct rig_wait){.wait = {.on_ready = on_ready}};
	list_init(&w->wait.link);
	store_wait_for(r->store, &w->wait, end, mark);
}
