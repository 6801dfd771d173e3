/* slots: what a slot sends, and what it makes of the answer.
 *
 *   JOB_SEND   produce, mixed: send -> answer -> free      pingpong: send -> answer ... a pull brings the message back -> free
 *              transaction: half message -> answer -> its end -> answer -> free
 *   JOB_PULL   pull -> answer -> pull from where it ended, for ever
 *   others     request -> answer -> free
 *
 * An answer with an error code is counted, and the slot goes on. */
#include <string.h>

#include "base/bytes.h"
#include "bench/answer.h"
#include "bench/load_internal.h"
#include "remoting/headers.h"
#include "remoting/response_code.h"

#define STORED_MIN_BYTES 92 /* of a stored message up to its body, IPv4 hosts */
#define STORED_SYS_FLAG_AT 36
#define STORED_BODY_SIZE_AT 84
#define STORED_HOST_6_MORE 12 /* an IPv6 host has so many more */
#define SYS_FLAG_BORN_HOST_6 0x10
#define SYS_FLAG_STORE_HOST_6 0x20
#define ID_OFFSET_CHARS 16 /* an offset message id ends with the offset in hexadecimal */

void slot_init(const struct load *l, struct slot *s, int link, int slot)
{
	static const enum job jobs[] = {[LOAD_PRODUCE] = JOB_SEND, [LOAD_CONSUME] = JOB_PULL,  [LOAD_PINGPONG] = JOB_SEND,
					[LOAD_MIXED] = JOB_SEND,   [LOAD_NAMESRV] = JOB_ROUTE, [LOAD_IDLE] = JOB_HEARTBEAT};
	const struct options *o = l->o;
	int number = link * o->in_flight + slot;

	*s = (struct slot){.job = jobs[o->kind], .queue = number % o->queues, .topic = number / o->queues % o->topics};
	if (link < o->connections)
		return;
	s->job = o->kind == LOAD_NAMESRV ? JOB_REGISTER : JOB_PULL;
	/* Consumers share the queues of all topics: link j has those whose number is j modulo consumers. */
	number = slot * o->consumers + link - o->connections;
	s->queue = number % o->queues;
	s->topic = number / o->queues % o->topics;
}

/* ---- issue ---- */

static bool is_held(const struct load *l) { return l->o->does_long_poll || is_end_to_end(l->o); }

static void issue_send(struct load *l, struct link_slots *k, int slot)
{
	struct slot *s = &k->slots[slot];
	struct stamp stamp = {.run = l->requests.run,
			      .intended_ns = s->due_ns,
			      .link = (uint32_t)k->number,
			      .slot = l->o->kind == LOAD_PINGPONG ? (uint32_t)slot : STAMP_OF_NOBODY};

	put_send(&l->requests, &k->link.out, OPAQUE_BASE + slot, s->topic, s->queue, &stamp);
	if (++s->queue == l->o->queues) {
		s->queue = 0;
		s->topic = s->topic + 1 == l->o->topics ? 0 : s->topic + 1;
	}
}

void slot_issue(struct load *l, struct link_slots *k, int slot, uint64_t due_ns)
{
	struct slot *s = &k->slots[slot];
	struct buf *out = &k->link.out;

	s->due_ns = due_ns;
	s->is_busy = !(l->o->is_oneway && s->job == JOB_SEND);
	l->busy += s->is_busy && s->job != JOB_PULL;
	load_mark_dirty(l, k);
	switch (s->job) {
	case JOB_SEND:
		issue_send(l, k, slot);
		break;
	case JOB_PULL:
		put_pull(&l->requests, out, OPAQUE_BASE + slot, s->topic, s->queue, s->offset, is_held(l));
		break;
	case JOB_ROUTE:
		put_route(&l->requests, out, OPAQUE_BASE + slot, s->topic);
		s->topic = (s->topic + 1) % l->o->topics;
		break;
	case JOB_REGISTER:
		put_registration(&l->requests, out, OPAQUE_BASE + slot, k->number - l->o->connections);
		break;
	case JOB_HEARTBEAT:
		put_heartbeat(&l->requests, out, OPAQUE_BASE + slot, k->number);
		break;
	}
}

static bool is_closed_loop(const struct load *l, const struct slot *s)
{
	return s->job == JOB_PULL || (l->o->rate == 0 && (s->job == JOB_SEND || s->job == JOB_ROUTE));
}

static void finish(struct load *l, struct link_slots *k, int slot)
{
	struct slot *s = &k->slots[slot];

	s->is_busy = s->is_committing = s->is_answered = s->is_back = false;
	l->busy -= s->job != JOB_PULL;
	if (is_closed_loop(l, s) && (!l->is_draining || s->job == JOB_PULL))
		slot_issue(l, k, slot, l->now_ns);
}

/* Pingpong: the answer may come before or after the message itself; the slot is free with both. */
static void finish_half(struct load *l, struct link_slots *k, int slot, bool *half)
{
	*half = true;
	if (k->slots[slot].is_answered && k->slots[slot].is_back)
		finish(l, k, slot);
}

/* ---- what came with a pull ---- */

static void take_stamp(struct load *l, const struct stamp *s)
{
	struct link_slots *k = s->link < (uint32_t)l->o->connections ? &l->links[s->link] : NULL;
	uint64_t delay_ns = (uint64_t)delay_level_ms(l->o->delay_level) * 1000000;

	if (s->run != l->requests.run)
		return;
	l->received++;
	measure_note(l->m, s->intended_ns, l->now_ns > delay_ns ? l->now_ns - delay_ns : 0, 1);
	if (k != NULL && s->slot < (uint32_t)k->slot_count && k->slots[s->slot].is_busy)
		finish_half(l, k, (int)s->slot, &k->slots[s->slot].is_back);
}

static struct slice body_of(struct slice message)
{
	uint32_t sys_flag = get_u32(message.at + STORED_SYS_FLAG_AT);
	size_t at = STORED_BODY_SIZE_AT + (sys_flag & SYS_FLAG_BORN_HOST_6 ? STORED_HOST_6_MORE : 0) +
		    (sys_flag & SYS_FLAG_STORE_HOST_6 ? STORED_HOST_6_MORE : 0);

	if (message.len < at + 4)
		return (struct slice){0};
	return slice_sub(message, at + 4, get_u32(message.at + at));
}

/* Counts the messages of a pull's answer. */
static uint64_t take_messages(struct load *l, struct slice body)
{
	uint64_t count = 0;

	for (size_t at = 0; body.len - at >= STORED_MIN_BYTES; count++) {
		uint32_t size = get_u32(body.at + at);
		struct stamp stamp;

		if (size < STORED_MIN_BYTES || size > body.len - at)
			break;
		if (is_end_to_end(l->o) && stamp_read(body_of(slice_sub(body, at, size)), &stamp))
			take_stamp(l, &stamp);
		at += size;
	}
	return count;
}

/* Where the next pull goes on. One that found nothing starts over, unless it waits for what comes. */
static void move_on(struct load *l, struct slot *s, int32_t code, const struct pull_message_response_header *h, uint64_t count)
{
	int64_t step = h->next_begin_offset - s->offset;

	if (step > (int64_t)count && (code == SUCCESS || code == PULL_RETRY_IMMEDIATELY) &&
	    measure_counts(l->m, l->now_ns, l->now_ns))
		l->m->passed_over += (uint64_t)step - count;
	s->offset = h->next_begin_offset;
	if (!is_held(l) && (code == PULL_NOT_FOUND || (code == PULL_OFFSET_MOVED && s->offset >= h->max_offset)))
		s->offset = h->min_offset;
}

static void take_pull(struct load *l, struct slot *s, const struct command *cmd)
{
	struct pull_message_response_header h = {0};
	uint64_t count = 0;
	const char *bad;

	if (cmd->code != SUCCESS && cmd->code != PULL_NOT_FOUND && cmd->code != PULL_RETRY_IMMEDIATELY &&
	    cmd->code != PULL_OFFSET_MOVED) {
		measure_error(l->m, cmd->code);
		return;
	}
	if (command_decode_ext(cmd, &pull_message_response_header_schema, &h, &l->arena, &bad) != RC_OK) {
		measure_error(l->m, cmd->code);
		return;
	}
	if (cmd->code == SUCCESS)
		count = take_messages(l, cmd->body);
	l->m->pulls += count > 0 && measure_counts(l->m, s->due_ns, l->now_ns);
	if (!is_end_to_end(l->o) && count > 0)
		measure_note(l->m, s->due_ns, l->now_ns, count);
	move_on(l, s, cmd->code, &h, count);
	arena_reset(&l->arena);
}

/* ---- what came otherwise ---- */

/* "7F00000100002A9F000000000012D687" -> the offset at its end. */
static bool offset_of_id(struct slice id, int64_t *out)
{
	uint64_t n = 0;

	if (id.len < ID_OFFSET_CHARS)
		return false;
	for (size_t i = id.len - ID_OFFSET_CHARS; i < id.len; i++) {
		const char *digits = "0123456789ABCDEF", *at = memchr(digits, id.at[i], 16);

		if (at == NULL)
			return false;
		n = n << 4 | (uint64_t)(at - digits);
	}
	*out = (int64_t)n;
	return true;
}

/* Commits the half message that was acknowledged. False when the answer does not say which it was. */
static bool commit(struct load *l, struct link_slots *k, int slot, const struct command *cmd)
{
	struct send_message_response_header h = {0};
	struct half_message half = {0};
	const char *bad;
	bool is_ok = command_decode_ext(cmd, &send_message_response_header_schema, &h, &l->arena, &bad) == RC_OK &&
		     offset_of_id(h.msg_id, &half.log_offset) && h.transaction_id.len < sizeof(half.transaction_id);

	if (is_ok) {
		half.queue_offset = h.queue_offset;
		if (h.transaction_id.len > 0)
			memcpy(half.transaction_id, h.transaction_id.at, h.transaction_id.len);
		put_commit(&l->requests, &k->link.out, OPAQUE_BASE + slot, k->slots[slot].topic, &half);
		load_mark_dirty(l, k);
		k->slots[slot].is_committing = true;
	}
	arena_reset(&l->arena);
	return is_ok;
}

static void take_sent(struct load *l, struct link_slots *k, int slot)
{
	struct slot *s = &k->slots[slot];

	if (!is_end_to_end(l->o)) {
		measure_note(l->m, s->due_ns, l->now_ns, (uint64_t)l->o->batch);
	} else {
		measure_note_other(l->m, s->due_ns, l->now_ns);
		l->stamped += (uint64_t)l->o->batch;
	}
	if (l->o->kind == LOAD_PINGPONG)
		finish_half(l, k, slot, &s->is_answered);
	else
		finish(l, k, slot);
}

static void take_success(struct load *l, struct link_slots *k, int slot)
{
	struct slot *s = &k->slots[slot];

	if (s->job == JOB_SEND) {
		take_sent(l, k, slot);
		return;
	}
	if (s->job == JOB_REGISTER)
		measure_note_other(l->m, s->due_ns, l->now_ns);
	else
		measure_note(l->m, s->due_ns, l->now_ns, 1);
	finish(l, k, slot);
}

void slot_take_answer(struct load *l, struct link_slots *k, struct slice frame)
{
	struct command cmd;
	const char *why;
	int32_t opaque, code;
	struct slot *s;
	bool needs_all;

	if (!answer_peek(frame, &opaque, &code) || opaque < OPAQUE_BASE || opaque - OPAQUE_BASE >= k->slot_count)
		return; /* a request of the peer: consumers have changed, and the like */
	s = &k->slots[opaque - OPAQUE_BASE];
	if (!s->is_busy)
		return;
	needs_all = s->job == JOB_PULL || (l->o->is_transaction && s->job == JOB_SEND && !s->is_committing);
	if (needs_all && command_decode(frame, &cmd, &why) != RC_OK)
		return;
	if (s->job == JOB_PULL) {
		take_pull(l, s, &cmd);
		finish(l, k, opaque - OPAQUE_BASE);
	} else if (code != SUCCESS) {
		measure_error(l->m, code);
		finish(l, k, opaque - OPAQUE_BASE);
	} else if (!needs_all) {
		take_success(l, k, opaque - OPAQUE_BASE);
	} else if (!commit(l, k, opaque - OPAQUE_BASE, &cmd)) {
		measure_error(l->m, code);
		finish(l, k, opaque - OPAQUE_BASE);
	}
}
