/* load_internal: what the files of a running load share: load.c (links, turns, time) and slots.c (what a slot does).
 * Thread: the load's. Memory: load_run owns all of it. */
#ifndef BENCH_LOAD_INTERNAL_H
#define BENCH_LOAD_INTERNAL_H

#include "base/arena.h"
#include "bench/link.h"
#include "bench/load.h"
#include "bench/requests.h"
#include "bench/schedule.h"

#define OPAQUE_BASE 1000000000 /* + slot: ten digits */
#define STAMP_OF_NOBODY UINT32_MAX

enum job { JOB_SEND, JOB_PULL, JOB_ROUTE, JOB_REGISTER, JOB_HEARTBEAT };

struct slot {
	enum job job;
	bool is_busy;
	bool is_committing;        /* JOB_SEND: the half message is there, its end is under way */
	bool is_answered, is_back; /* JOB_SEND of pingpong */
	int queue, topic;
	int64_t offset;  /* JOB_PULL */
	uint64_t due_ns; /* when the request ought to have gone out */
};

struct link_slots {
	struct link link;
	int number; /* of this link */
	struct slot *slots;
	int slot_count;
};

/* A schedule, and the links that serve it, in turn. */
struct pace {
	struct schedule schedule;
	int first, count; /* links */
	int next_link, next_slot;
	uint64_t events; /* of one request */
};

struct load {
	const struct options *o;
	struct measure *m;
	struct requests requests;
	struct link_slots *links;
	int link_count;
	struct link_slots **dirty; /* links that have something to write */
	int dirty_count;
	struct link control; /* for questions beside the load */
	struct pace pace, background;
	int epoll, timer;
	uint64_t armed_ns; /* when the timer rings */
	uint64_t start_ns, now_ns;
	uint64_t busy;              /* slots with a request under way, pulls not counted */
	uint64_t stamped, received; /* messages acknowledged, and consumed, from end to end */
	bool is_draining;           /* nothing new but pulls */
	bool has_failed;
	struct arena arena;
};

/* slots.c */
void slot_init(const struct load *l, struct slot *s, int link, int slot);
void slot_issue(struct load *l, struct link_slots *k, int slot, uint64_t due_ns);
void slot_take_answer(struct load *l, struct link_slots *k, struct slice frame);

/* load.c: `out` of the link has got something. */
void load_mark_dirty(struct load *l, struct link_slots *k);

#endif
