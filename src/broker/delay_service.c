/* Happy path: a level's timer fires when its head is due; up to DELIVER_BATCH due messages are read, stripped of their parking marks and
 * appended to where they belong; the level's offset moves on once they are written; the timer is set for the next head.
 * Failure: cold pages or a store that takes no messages: the level waits and tries the same offset again, so nothing is skipped.
 * After a crash the offset may be flushDelayOffsetInterval old: those deliveries are repeated. None is lost, since the offset's file follows the
 * log: the copies are on the device first. */
#include "broker/delay_service.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/json_read.h"
#include "base/json_writer.h"
#include "base/log.h"
#include "base/mem.h"
#include "base/stall.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/message_put.h"
#include "broker/state_files.h"
#include "broker/topic_table.h"

#define DELIVER_BATCH 32
#define DELIVER_BYTES (1024 * 1024)
#define RETRY_AFTER_MS 1000
#define STATE_FILE "delayOffset.json"
#define STEPS_MAX 8 /* times that the clock went back, remembered while something from before is parked */

struct step {
	int64_t before;  /* queue offset: entries below it were parked by the earlier clock ... */
	int64_t back_ms; /* ... which was so much ahead */
};

struct level {
	struct timer timer; /* running: waits for the head or a retry */
	struct broker *broker;
	struct delay_service *service;
	int32_t number;               /* 1 .. */
	int64_t offset;               /* next queue offset to deliver */
	int64_t moving_to;            /* offset once what was appended is written */
	bool is_busy;                 /* reading or writing: no second round meanwhile */
	struct step steps[STEPS_MAX]; /* oldest first */
	size_t step_count;
	struct store_get get;
	struct store_wait wait;
	/* of the round under way, for the filter */
	int64_t now_ms, looked_at, first_not_due, next_due_ms;
};

struct delay_service {
	struct broker *broker;
	struct level levels[DELAY_LEVELS_MAX];
	int32_t count;
	bool is_started;
};

static void deliver(struct level *l);

int32_t delay_service_levels(const struct delay_service *d) { return d->count; }

int64_t delay_service_offset(const struct delay_service *d, int32_t level)
{
	return level >= 1 && level <= d->count ? d->levels[level - 1].offset : 0;
}

/* ---- delivery ---- */

static void run_again(struct level *l, uint64_t in_ms) { timer_start(l->broker->timers, &l->timer, in_ms); }

static void on_timer(struct timer *t)
{
	struct level *l = CONTAINER_OF(t, struct level, timer);

	(void)stall_at(STALL_DELAY, 0);
	if (!l->is_busy && !l->broker->is_stopping)
		deliver(l);
}

static void on_warm(struct store_get *g)
{
	struct level *l = CONTAINER_OF(g, struct level, get);

	l->is_busy = false;
	if (!l->broker->is_stopping)
		deliver(l);
}

static int64_t ahead_ms(const struct level *l, int64_t offset)
{
	int64_t ms = 0;

	for (size_t i = 0; i < l->step_count; i++)
		if (offset < l->steps[i].before)
			ms += l->steps[i].back_ms;
	return ms;
}

/* Entries come in order; the first that is not due yet ends the round. */
static bool is_due(const struct store_get *g, int64_t deliver_at_ms)
{
	struct level *l = (struct level *)(uintptr_t)g->filter_arg;
	int64_t offset = l->looked_at++;
	int64_t most = l->now_ms + l->broker->delay_ms[l->number - 1];

	if (l->first_not_due >= 0)
		return false;
	deliver_at_ms -= ahead_ms(l, offset);
	/* An entry can never be further away than the level itself (Apache correctDeliverTimestamp). */
	if (deliver_at_ms <= l->now_ms || deliver_at_ms > most)
		return true;
	l->first_not_due = offset;
	l->next_due_ms = deliver_at_ms;
	return false;
}

/* The message as it was before it was parked. DELAY, REAL_TOPIC and REAL_QID stay in its properties, as Apache leaves them. */
static enum rc put_back(struct level *l, struct message *m, struct append_result *at)
{
	static const char *const without[] = {"TIMER_DELIVER_MS", "TIMER_DELAY_SEC", NULL};
	struct broker *b = l->broker;
	struct message_props props;
	struct topic *topic;
	struct store_queue *queue;

	message_props_scan(m->properties, &props);
	if (props.real_topic.len == 0 || !slice_to_i32(props.real_queue_id, &m->queue_id) || m->queue_id < 0) {
		log_error("broker", "delayed message at %lld has no usable REAL_TOPIC and REAL_QID: dropped",
			  (long long)m->physical_offset);
		return RC_INVALID;
	}
	buf_clear(&b->put_properties);
	message_props_copy(&b->put_properties, m->properties, without);
	m->topic = props.real_topic;
	m->properties = buf_slice(&b->put_properties);
	m->sys_flag &= ~SYS_FLAG_TRANSACTION_MASK;
	topic = topic_find(b->topics, m->topic);
	queue = topic ? topic_queue(b, topic, m->queue_id, true) : store_queue_open(b->store, m->topic, m->queue_id);
	return queue ? store_append(b->store, queue, m, b->wall_ms, at) : RC_BUSY;
}

static void on_written(struct store_wait *w, enum rc rc)
{
	struct level *l = CONTAINER_OF(w, struct level, wait);

	l->is_busy = false;
	if (rc != RC_OK) {
		run_again(l, RETRY_AFTER_MS);
		return;
	}
	l->offset = l->moving_to;
	state_file_mark(l->broker->state_files, STATE_FILE);
	run_again(l, 0);
}

/* Append what was read; stops at the first that cannot be. `from` is the offset after the last one appended. */
static void deliver_read(struct level *l, struct slice bytes)
{
	struct append_result at = {0};
	int64_t moved_to = l->offset;
	bool any = false;
	struct message m;

	while (bytes.len > 0 && message_decode(bytes, false, &m) == RC_OK) {
		enum rc rc;

		bytes = slice_sub(bytes, m.size, bytes.len);
		moved_to = m.queue_offset + 1;
		rc = put_back(l, &m, &at);
		if (rc != RC_OK && rc != RC_INVALID && rc != RC_TOO_BIG) {
			moved_to--;
			break;
		}
		any |= rc == RC_OK;
	}
	if (bytes.len == 0 && l->first_not_due < 0)
		moved_to = l->get.next_offset;
	l->moving_to = moved_to;
	if (any) {
		l->is_busy = true;
		store_wait_for(l->broker->store, &l->wait, at.end, WATERMARK_WRITTEN);
	} else if (moved_to > l->offset) {
		l->offset = moved_to;
		run_again(l, 0);
	} else {
		run_again(l, RETRY_AFTER_MS);
	}
}

/* The queue moved under us (retention, a store that was cut): go where it begins, or ends. */
static void correct_offset(struct level *l)
{
	int64_t to = l->get.offset < l->get.min_offset ? l->get.min_offset : l->get.max_offset;

	if (to == l->offset)
		return;
	log_warn("broker", "delay level %d: offset %lld is not in its queue [%lld, %lld): corrected to %lld", l->number,
		 (long long)l->offset, (long long)l->get.min_offset, (long long)l->get.max_offset, (long long)to);
	l->offset = to;
	if (to < l->get.max_offset)
		run_again(l, 0);
}

static enum rc plan(struct level *l, struct store_queue *queue)
{
	l->get.queue = queue;
	l->get.offset = l->offset;
	l->get.max_count = DELIVER_BATCH;
	l->get.max_bytes = DELIVER_BYTES;
	l->get.filter = is_due;
	l->get.filter_arg = l;
	l->get.on_warm = on_warm;
	l->now_ms = (int64_t)l->broker->wall_ms;
	l->looked_at = l->offset;
	l->first_not_due = -1;
	return store_get_plan(l->broker->store, &l->get);
}

static void drop_first_step(struct level *l)
{
	l->step_count--;
	memmove(l->steps, l->steps + 1, l->step_count * sizeof(l->steps[0]));
}

static struct store_queue *queue_of(const struct level *l)
{
	return store_queue_find(l->broker->store, SLICE_LIT(TOPIC_SCHEDULE), l->number - 1);
}

static void stepped_back(struct level *l, int64_t ms)
{
	const struct store_queue *queue = queue_of(l);

	while (l->step_count > 0 && (l->steps[0].before <= l->offset || l->step_count == STEPS_MAX))
		drop_first_step(l);
	if (queue != NULL && store_queue_max(queue) > l->offset)
		l->steps[l->step_count++] = (struct step){.before = store_queue_max(queue), .back_ms = ms};
}

/* The newest entry is further away than the level: the clock went back while no broker ran, or the level was shortened. It waits as if it
 * were new, and those in front of it keep their distance. */
static void compare_clocks(struct level *l)
{
	struct store_queue *queue = queue_of(l);
	int64_t most = (int64_t)l->broker->wall_ms + l->broker->delay_ms[l->number - 1];
	struct store_entry last;

	if (queue != NULL && store_queue_entry(queue, store_queue_max(queue) - 1, &last) == RC_OK && last.tags_code > most)
		stepped_back(l, last.tags_code - most);
}

/* What went back before is taken back first, newest first; the rest is time that has passed. */
static void stepped_forward(struct level *l, int64_t ms)
{
	while (l->step_count > 0 && ms > 0) {
		struct step *last = &l->steps[l->step_count - 1];
		int64_t less = ms < last->back_ms ? ms : last->back_ms;

		last->back_ms -= less;
		ms -= less;
		if (last->back_ms == 0)
			l->step_count--;
	}
	if (!l->is_busy)
		run_again(l, 0);
}

void delay_service_clock_stepped(struct broker *b, int64_t step_ms)
{
	for (int32_t i = 0; b->delay->is_started && i < b->delay->count; i++) {
		if (step_ms < 0)
			stepped_back(&b->delay->levels[i], -step_ms);
		else
			stepped_forward(&b->delay->levels[i], step_ms);
	}
}

static void read_and_deliver(struct level *l)
{
	struct buf *messages = &l->broker->delay_messages;
	enum rc rc;

	buf_clear(messages);
	rc = store_get_read(l->broker->store, &l->get, buf_grow(messages, (size_t)l->get.bytes));
	if (rc == RC_OK) {
		deliver_read(l, buf_slice(messages));
	} else if (rc == RC_PENDING) {
		l->is_busy = true;
	} else {
		log_error("broker", "delay level %d: read at %lld: %s", l->number, (long long)l->offset, rc_text(rc));
		run_again(l, RETRY_AFTER_MS);
	}
}

static void deliver(struct level *l)
{
	struct store_queue *queue = queue_of(l);
	enum rc rc;

	if (queue == NULL || l->offset == store_queue_max(queue)) /* nothing parked: delay_service_added starts the timer again */
		return;
	rc = plan(l, queue);
	if (rc == RC_PENDING) {
		l->is_busy = true;
		return;
	}
	if (rc != RC_OK) {
		run_again(l, RETRY_AFTER_MS);
	} else if (l->get.status == GET_FOUND) {
		read_and_deliver(l);
	} else if (l->get.status == GET_NO_MATCHED_MESSAGE && l->first_not_due >= 0) {
		l->offset = l->first_not_due;
		run_again(l, l->next_due_ms > l->now_ms ? (uint64_t)(l->next_due_ms - l->now_ms) : 0);
	} else if (l->get.status == GET_MESSAGE_WAS_REMOVING) {
		l->offset = l->get.next_offset;
		run_again(l, 0);
	} else {
		correct_offset(l);
	}
}

void delay_service_added(struct broker *b, int32_t level)
{
	struct level *l = &b->delay->levels[level - 1];

	ASSERT(level >= 1 && level <= b->delay->count);
	/* The queue is in order, so a running timer is for an earlier one. */
	if (b->delay->is_started && !l->is_busy && !timer_is_running(&l->timer))
		run_again(l, (uint64_t)b->delay_ms[level - 1]);
}

/* ---- delayOffset.json: {"dataVersion":{...},"offsetTable":{1:5,2:0}} ---- */

void delay_service_write_json(struct broker *b, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_PRETTY);
	json_object(&w);
	json_key(&w, "offsetTable");
	json_object(&w);
	for (int32_t i = 0; i < b->delay->count; i++) {
		json_key_i64(&w, b->delay->levels[i].number, JSON_BARE);
		json_i64(&w, b->delay->levels[i].offset);
	}
	json_object_end(&w);
	json_object_end(&w);
}

static enum rc decode(struct broker *b, struct slice text)
{
	cJSON *root;
	enum rc rc = json_parse(text, &root);

	if (rc != RC_OK)
		return RC_CORRUPT;
	JSON_EACH (item, json_get_object(root, "offsetTable")) {
		int32_t level;
		int64_t offset;

		if (slice_to_i32(json_name(item), &level) && level >= 1 && level <= b->delay->count &&
		    json_value_i64(item, &offset) && offset >= 0)
			b->delay->levels[level - 1].offset = offset;
	}
	json_free(root);
	return RC_OK;
}

enum rc delay_service_new(struct broker *b, struct delay_service **out, char **error)
{
	struct delay_service *d = mem_zalloc(sizeof(*d));
	enum rc rc;

	d->broker = b;
	d->count = b->delay_levels;
	for (int32_t i = 0; i < d->count; i++) {
		d->levels[i] = (struct level){.broker = b, .service = d, .number = i + 1};
		d->levels[i].timer.on_timer = on_timer;
		d->levels[i].wait.on_ready = on_written;
		list_init(&d->levels[i].wait.link);
	}
	b->delay = d;
	rc = state_file_add(b->state_files, STATE_FILE, (uint64_t)b->config->flush_delay_offset_interval,
			    delay_service_write_json, decode, error);
	if (rc != RC_OK) {
		b->delay = NULL;
		free(d);
		return rc;
	}
	state_file_follow_log(b->state_files, STATE_FILE, false);
	*out = d;
	return RC_OK;
}

void delay_service_config_changed(struct broker *b)
{
	state_file_set_period(b->state_files, STATE_FILE, (uint64_t)b->config->flush_delay_offset_interval);
}

void delay_service_start(struct broker *b)
{
	b->delay->is_started = true;
	for (int32_t i = 0; i < b->delay->count; i++) {
		compare_clocks(&b->delay->levels[i]);
		run_again(&b->delay->levels[i], 0);
	}
}

void delay_service_free(struct delay_service *d)
{
	if (d == NULL)
		return;
	for (int32_t i = 0; i < d->count; i++) {
		timer_stop(d->broker->timers, &d->levels[i].timer);
		store_wait_cancel(&d->levels[i].wait);
		store_get_cancel(d->broker->store, &d->levels[i].get);
	}
	free(d);
}
