/* The index: nothing is kept yet; the interface is whole, so that the store links. */
#include "store/index.h"
#include <stdlib.h>
#include "base/mem.h"
#include "store/store_internal.h"
struct message_index { struct store *store; void (*on_done)(struct store *s, enum rc rc); struct job job; };
enum rc index_open(struct store *s, bool clean, struct message_index **out, char **error) { (void)clean; (void)error; *out = mem_zalloc(sizeof(**out)); (*out)->store = s; return RC_OK; }
void index_close(struct message_index *x) { free(x); }
void index_put(struct message_index *x, struct slice topic, struct slice key, int64_t at, int64_t store_ms) { (void)x; (void)topic; (void)key; (void)at; (void)store_ms; }
static void run(struct job *job) { (void)job; }
static void done(struct job *job) { struct message_index *x = CONTAINER_OF(job, struct message_index, job); if (x->on_done) x->on_done(x->store, RC_OK); }
void index_flush(struct message_index *x, bool sync, void (*on_done)(struct store *s, enum rc rc)) { (void)sync; x->on_done = on_done; x->job = (struct job){.run = run, .done = done}; executor_submit(x->store->ex, LANE_FILES, &x->job); }
enum rc index_flush_now(struct message_index *x) { (void)x; return RC_OK; }
void index_delete_before(struct message_index *x, int64_t log_min) { (void)x; (void)log_min; }
enum rc index_cut(struct message_index *x, int64_t log_end) { (void)x; (void)log_end; return RC_OK; }
static void query_done(struct job *job) { struct store_query *q = CONTAINER_OF(job, struct store_query, job); q->on_done(q, RC_OK); }
void store_query_keys(struct store *s, struct store_query *q) { q->store = s; q->count = 0; q->job = (struct job){.run = run, .done = query_done}; executor_submit(s->ex, LANE_COLD_READ, &q->job); }
