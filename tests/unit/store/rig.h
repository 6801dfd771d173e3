/* rig: a store on real files in a folder of its own, with small files, virtual time, and an executor whose jobs run when the test says.
 *
 *	struct rig *r = rig_new();  rig_open(r);  rig_send(r, "T", 0, "hello");  rig_turn(r);  rig_kill(r);  rig_open(r);  rig_free(r);
 */
#ifndef TESTS_UNIT_STORE_RIG_H
#define TESTS_UNIT_STORE_RIG_H

#include <check.h>

#include "store/consume_queue.h"
#include "store/index.h"
#include "store/queue_table.h"
#include "store/store_internal.h"

#define RIG_SEGMENT 65536
#define RIG_WALL 1700000000000u

struct rig {
	char folder[256];
	struct executor ex;
	struct job *first[LANE_COUNT], *last[LANE_COUNT]; /* submitted, not run */
	struct timers timers;
	uint64_t wall;
	struct store_config config; /* a test may change it before rig_open */
	struct store *store;
	char *error; /* of an rig_try_open that failed */
};

struct rig *rig_new(void);
void rig_free(struct rig *r); /* also removes the folder */
void rig_open(struct rig *r); /* must work */
enum rc rig_try_open(struct rig *r);
void rig_close(struct rig *r); /* runs what is queued, then a clean stop */
void rig_kill(struct rig *r);  /* state is dropped; jobs in hand are lost */

size_t rig_run(struct rig *r, enum lane lane); /* jobs of one lane, with those that they submit; returns how many */
void rig_run_all(struct rig *r);
void rig_elapse(struct rig *r, uint64_t ms); /* time passes, timers fire, jobs run */

struct append_result rig_send(struct rig *r, const char *topic, int queue, const char *body);
struct append_result rig_send_keys(struct rig *r, const char *topic, int queue, const char *body, const char *properties);
enum rc rig_try_send(struct rig *r, const char *topic, int queue, struct slice body, struct append_result *result);
void rig_turn(struct rig *r); /* end of a loop turn */

int64_t rig_min(struct rig *r, const char *topic, int queue);
int64_t rig_max(struct rig *r, const char *topic, int queue); /* 0 when there is no such queue */
/* Body of the message at a queue offset, read through the consume queue and the log; the test fails when it cannot be. */
const char *rig_body(struct rig *r, const char *topic, int queue, int64_t offset);
char *rig_path(struct rig *r, const char *name); /* in the store's folder; free it */
bool rig_exists(struct rig *r, const char *name);

struct rig_wait {
	struct store_wait wait;
	int calls;
	enum rc rc;
};
void rig_wait(struct rig *r, struct rig_wait *w, int64_t end, enum watermark mark);

#endif
