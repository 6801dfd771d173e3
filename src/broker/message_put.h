/* message_put: what every message goes through on its way into the store, whoever puts it: a producer (send.c), a consumer that
 * gives it back (send_back.c), the delay service.
 *
 *   properties text --scan--> struct message_props        one pass, no allocation
 *   message + delay level --message_put--> its topic's queue, or SCHEDULE_TOPIC_XXXX with REAL_TOPIC and REAL_QID
 *
 * Facts: Apache HookUtils.handleScheduleMessage, AbstractSendMessageProcessor; constants.md section 4.
 * Thread: core. */
#ifndef BROKER_MESSAGE_PUT_H
#define BROKER_MESSAGE_PUT_H

#include "broker/broker.h"

struct topic;

struct message_props { /* slices into the text; empty when absent; the last of duplicates wins, as in Java's map */
	struct slice uniq_key, keys, tags, delay, wait, tran_msg, cluster, retry_topic, origin_message_id;
	struct slice real_topic, real_queue_id;
	bool has_timer;    /* TIMER_DELAY_SEC, TIMER_DELAY_MS or TIMER_DELIVER_MS */
	bool has_reserved; /* POP_CK, MSG_REGION, TRACE_ON or CLUSTER: the broker's own, to be replaced */
};

void message_props_scan(struct slice text, struct message_props *props);

/* DELAY as a number; 0 when absent or not a number. */
int32_t message_props_delay_level(const struct message_props *props);

/* WAIT: does the sender wait for the flush (true unless "false")? */
bool message_props_waits(const struct message_props *props);

/* Copy properties to `out`, ending with a separator, without those named in `without` (NULL-terminated). */
void message_props_copy(struct buf *out, struct slice text, const char *const *without);

/* `topic` is m's, or NULL: then it is looked up.
 * Append m (topic, queue_id, properties and the rest set; store_host and store time are set here) to its queue; with delay_level > 0 to the
 * schedule topic's instead. `props_text` is the buffer that m->properties lies in; it grows by REAL_TOPIC and REAL_QID when delayed.
 * Returns as store_append, and RC_BUSY when no more queues can be opened. */
enum rc message_put(struct broker *b, struct topic *topic, struct message *m, struct buf *props_text, int32_t delay_level,
		    struct append_result *result) MUST_USE;

/* What to wait for before a put is acknowledged: the flush when flushDiskType is SYNC_FLUSH and the sender waits. */
enum watermark message_put_mark(const struct broker *b, bool waits);

/* Response code and remark of a put that failed (Apache handlePutMessageResult). remark in arena. */
int32_t message_put_error(struct broker *b, enum rc rc, struct arena *arena, const char **remark);

/* The peer's address as born host; 0.0.0.0:0 if it cannot be read. */
struct host peer_host(const struct peer *peer);

/* A queue id in [0, queues), spread evenly. */
int32_t random_queue(int32_t queues);

/* A unique message id like a client's (MessageClientIDSetter): 32 hex characters + NUL into out. */
void unique_id(const struct broker *b, char out[33]);

#endif
