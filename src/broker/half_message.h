/* half_message: the messages that a transaction leaves in the log, written and read.
 *
 *   producer --SEND, TRAN_MSG=true--> half message   RMQ_SYS_TRANS_HALF_TOPIC, queue 0, with REAL_TOPIC and REAL_QID
 *   check   ------------------------> the same again, with TRANSACTION_CHECK_TIMES, and TRAN_PREPARED_QUEUE_OFFSET = the first one's offset
 *   commit  ------------------------> final message (sysFlag 8, preparedTransactionOffset = where the half message is) + op message
 *   roll back ----------------------> op message     RMQ_SYS_TRANS_OP_HALF_TOPIC, queue 0: tag "d", body = queue offset of the half message
 *   checked too often, too old -----> TRANS_CHECK_MAX_TIME_TOPIC + op message
 *
 * An op message names one offset and has no comma, as 4.9.7 writes it: the one form that all versions read. 5.x writes several, each with
 * a comma behind it: half_op_next reads both.
 * Facts: stores of 4.9.7 and 5.5.0 (tests/unit/golden/store-*); Apache TransactionalMessageBridge, EndTransactionProcessor. 4.9.7 leaves
 * REAL_TOPIC and REAL_QID on the final message, 5.5.0 takes them off; both leave TRAN_MSG. Ours is as 5.5.0's.
 * Thread: core. */
#ifndef BROKER_HALF_MESSAGE_H
#define BROKER_HALF_MESSAGE_H

#include "broker/broker.h"

#define TOPIC_HALF "RMQ_SYS_TRANS_HALF_TOPIC"
#define TOPIC_OP "RMQ_SYS_TRANS_OP_HALF_TOPIC"
#define TOPIC_CHECKED_TOO_OFTEN "TRANS_CHECK_MAX_TIME_TOPIC"
#define GROUP_TRANSACTIONS "CID_RMQ_SYS_TRANS"

struct half_message { /* slices into the bytes it was read from */
	struct message m;
	struct slice group;      /* PGROUP; may be empty */
	struct slice unique_key; /* may be empty */
	struct slice real_topic;
	int32_t real_queue_id;
	int64_t key;           /* queue offset of the transaction's first half message: its own, or TRAN_PREPARED_QUEUE_OFFSET */
	int32_t checks;        /* TRANSACTION_CHECK_TIMES; 0 without */
	bool is_checked;       /* it has that property */
	struct slice immunity; /* CHECK_IMMUNITY_TIME_IN_SECONDS */
};

/* Read one stored message. False when it is damaged, or has no REAL_TOPIC and REAL_QID that a message can be put to. Its own topic
 * is the caller's to look at. */
bool half_read(struct slice stored, struct half_message *out);

/* How long nobody asks the producer, in ms: the property in seconds, but never less than transactionTimeOut (Apache getImmunityTime). */
int64_t half_immunity_ms(const struct broker *b, struct slice immunity);

/* Turn the message sent into its half message: topic, queue, and its properties in `props_text`, which m->properties lies in. */
void half_make(struct message *m, struct buf *props_text, struct slice unique_key);

/* Each appends one message; results and errors as message_put. They use b->put_properties. */
enum rc half_put_again(struct broker *b, const struct half_message *h, int32_t checks, struct append_result *at) MUST_USE;
enum rc half_put_resumed(struct broker *b, const struct half_message *h,
			 struct append_result *at) MUST_USE; /* as a new one, unchecked */
enum rc half_put_final(struct broker *b, const struct half_message *h, struct append_result *at) MUST_USE;
enum rc half_put_discarded(struct broker *b, const struct half_message *h, struct append_result *at) MUST_USE;
enum rc half_put_op(struct broker *b, int64_t half_offset, struct append_result *at) MUST_USE;

/* The message as the producer gets it with a check (39), appended to `out`: at its real topic, as it stands at `at` with `checks`. */
void half_encode_check(struct broker *b, const struct half_message *h, int32_t checks, const struct append_result *at,
		       struct buf *out);

/* Is it an op message of a kind that we know (tag "d")? */
bool half_is_op(const struct message *m);
/* Take the next queue offset off an op message's body; what is no number is skipped. False at the end. */
bool half_op_next(struct slice *body, int64_t *half_offset);

#endif
