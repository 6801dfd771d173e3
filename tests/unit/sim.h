/* sim: name servers, brokers and clients in one thread on virtual time, without a socket or a sleep.
 *
 *   client (test) --link--> server node: its core's peers, dispatch, timers
 *   broker node --outbound, link--> name server node
 *
 * A link carries bytes both ways with a delay, and can be cut (bytes vanish, nobody is told) or closed (both ends are told). All
 * nodes share one clock; it moves only in sim_elapse, from event to event. Calls of the test run the simulation until it is quiet at
 * the present time: what needs no time has then happened.
 * Each frame that arrives is a line: "[<ms since start>] <from> > <to> <REQUEST_CODE name>" or "... answer <code>".
 *
 * Mistakes of the test or the code under test end in ck_abort_msg. Thread: one. Memory: sim_new .. sim_free, which asserts that
 * nothing is left: no running timer, no parked request, no job. */
#ifndef TESTS_UNIT_SIM_H
#define TESTS_UNIT_SIM_H

#include "base/buf.h"
#include "base/job.h"
#include "base/list.h"
#include "base/timers.h"
#include "remoting/outbound.h"
#include "remoting/request.h"

#define SIM_START_MS 5000000u                     /* monotonic clock at the start */
#define SIM_START_WALL_MS UINT64_C(1795252000000) /* wall clock at the start */

struct sim;

/* A server core as sim drives it; sim_namesrv.c and sim_broker.c make them. */
struct sim_core {
	void *core;
	const struct dispatch *dispatch;
	void (*on_close)(struct peer *peer);
	void (*set_time)(void *core, uint64_t wall_ms); /* NULL: not wanted */
	void (*end_turn)(void *core);                   /* NULL: not wanted */
	void (*free)(void *core);                       /* all its peers are closed before */
};

struct sim_node;

struct sim *sim_new(void);
void sim_free(struct sim *s);
const char *sim_folder(struct sim *s); /* for files; removed by sim_free */
struct timers *sim_timers(struct sim *s);
struct executor *sim_executor(struct sim *s);
uint64_t sim_now(const struct sim *s); /* ms since the start */
uint64_t sim_wall(const struct sim *s);

/* ---- time ---- */
void sim_run(struct sim *s);                   /* until it is quiet at the present time */
void sim_elapse(struct sim *s, uint64_t ms);   /* from event to event, and quiet at the end */
void sim_step_wall(struct sim *s, int64_t ms); /* set the wall clock forward or back; no time passes */
void sim_hold_jobs(struct sim *s, bool hold);  /* keep submitted jobs back (default: run at the end of each step) */
void sim_run_one_job(struct sim *s);           /* the oldest of those held back; must exist */
size_t sim_job_count(const struct sim *s);

/* ---- nodes ---- */

/* A server that listens on `address` ("host:port"). The core is freed by sim_node_stop or sim_free. */
struct sim_node *sim_node_start(struct sim *s, const char *name, const char *address, const struct sim_core *core);
/* How this node's core calls others; valid until the node is stopped. May be asked for before sim_node_start: see sim_outbound. */
struct outbound *sim_outbound(struct sim *s, const char *name);
/* As kill -9 looks to the others: its links close. Frees the core. */
void sim_node_stop(struct sim_node *node);
void *sim_node_core(struct sim_node *node);

/* A node that only the test speaks for. */
struct sim_node *sim_client(struct sim *s, const char *name);

/* ---- links ---- */
/* All links between two nodes, by name; new ones too for cut and delay. An address that nobody listens on is unreachable at once. */
void sim_cut(struct sim *s, const char *a, const char *b, bool is_cut);
void sim_delay(struct sim *s, const char *a, const char *b, uint64_t ms); /* each way */
void sim_close(struct sim *s, const char *a, const char *b);              /* both ends are told now */
size_t sim_link_count(struct sim *s, const char *a, const char *b);

/* ---- calls of a client ---- */

struct sim_answer { /* lives until sim_free */
	bool is_done;
	enum rc rc; /* RC_OK: cmd is there; RC_UNREACHABLE; RC_CLOSED */
	struct command cmd;
	/* sim's own */
	const void *link;
	int32_t opaque;
	struct buf frame;
	struct sim_answer *next;
};

struct sim_request { /* what to send; zero is a fine default */
	int32_t code;
	int32_t version; /* 0: FUSEE_VERSION */
	enum codec codec;
	bool is_oneway;
	const struct schema *schema;
	const void *header;
	struct slice body;
	const struct ext_field *extra;
	size_t extra_count;
};

/* Send over the client's link to `address` (opened when needed), then sim_run. The answer may be there already, or come later. */
struct sim_answer *sim_send(struct sim_node *client, const char *address, const struct sim_request *r);
/* Send these bytes as they are; a golden frame, say. The answer is taken by the frame's opaque. */
struct sim_answer *sim_send_frame(struct sim_node *client, const char *address, struct slice frame);
/* The next request that a server sent to this client, in order; NULL when there is none. Lives until sim_free. */
const struct command *sim_received(struct sim_node *client);

int32_t sim_code(const struct sim_answer *a);                      /* its code; aborts when there is no answer */
const char *sim_body(const struct sim_answer *a);                  /* as text, NUL-terminated */
const char *sim_remark(const struct sim_answer *a);                /* as text */
const char *sim_ext(const struct sim_answer *a, const char *name); /* NULL when absent */

/* ---- the record ---- */
/* The line comes later than the last one that was expected; what lies between is passed over. Aborts, with the record, when not. */
void sim_expect(struct sim *s, const char *line);
/* No line behind the last expected one has `part` in it. */
void sim_expect_none(struct sim *s, const char *part);
void sim_forget(struct sim *s); /* the lines so far */

#endif
