/* transaction_service: which half messages are open: the table, kept by what this broker appends, and by going through the queues at start.
 *
 *   this broker appends ---> staged events ---written---> applied ---> transaction_table
 *   at start, or when it has lost the thread: transaction_walk reads both queues in the order of the log ---> transaction_table
 *   the table ---> transaction_check asks producers; END_TRANSACTION (transaction_handlers.c) appends, and so on round
 *
 * Offsets of both queues are kept in consumerOffset.json under CID_RMQ_SYS_TRANS, as Apache does: all half messages below the first are
 * decided or stand further on again; what was said of those from there on stands at or behind the second.
 * More than TRANSACTIONS_MAX open ones: the table keeps the oldest; those behind wait in the queue (from untracked_half on) until half of the
 * table is free, and are then gone through. Until then they can be ended, but are not checked, and a second end of them is not noticed.
 * Thread: core. */
#ifndef BROKER_TRANSACTION_SERVICE_H
#define BROKER_TRANSACTION_SERVICE_H

#include "broker/broker.h"
#include "broker/transaction_table.h"
#include "broker/transaction_walk.h"

struct transaction_event {
	enum transaction_event_kind {
		EVENT_HALF,  /* a new half message */
		EVENT_AGAIN, /* a newer one of a transaction */
		EVENT_PUT,   /* a final message whose op message could not be appended */
		EVENT_OP
	} kind;
	int64_t key;      /* of the transaction */
	int64_t offset;   /* in the half queue; of an op message in the op queue */
	int64_t physical; /* of a half message */
	int64_t end;      /* of the message in the log */
	int64_t due_ms;   /* EVENT_HALF: when to check it, wall clock */
};

struct transaction_service {
	struct broker *broker;
	struct transaction_table table;
	int64_t next_half, next_op;           /* all before these is in the table, or was taken off it */
	int64_t untracked_half, untracked_op; /* -1: all are in the table */
	bool is_walking;
	struct transaction_walk walk;
	/* What was appended, in the order of the log, and is not readable yet. */
	struct transaction_event *staged;
	size_t staged_count, staged_cap;
	struct store_wait wait;
	bool is_waiting;
	struct timer save_timer;
	int64_t saved_half, saved_op;
	/* transaction_check.c's */
	struct list due; /* transactions whose time has come */
	struct timer check_timer;
	struct transaction *checking; /* its half message is being read */
	struct store_get check_get;
	/* transaction_handlers.c's */
	struct list ends;    /* END_TRANSACTIONs under way */
	struct list waiting; /* of them, those that came before the table could say anything */
	size_t end_count;
	struct buf message; /* scratch: the half message that is looked at */
};

struct transaction_service *transaction_service_new(struct broker *b);
void transaction_service_start(struct broker *b); /* the store is open, offsets are loaded */
void transaction_service_free(struct transaction_service *s);
/* Put the offsets into the offset table now; before it is written for the last time. */
void transaction_service_save(struct transaction_service *s);

/* Something of a transaction was just appended. */
void transaction_staged(struct broker *b, const struct transaction_event *e);

/* Append the op message of x, whose final message, if it has one, was appended before and ends at put_end (-1: none); *end: where to wait for. If that
 * is not possible, x stays, and is ended later when put_end >= 0. Errors as message_put. */
enum rc transaction_put_op(struct transaction_service *s, struct transaction *x, int64_t put_end, int64_t *end);

/* ---- for transaction_walk.c and its neighbours ---- */

/* A half message that can be read: takes it into the table, or notes that there was no room. due_ms: wall clock. */
void transaction_add_or_skip(struct transaction_service *s, int64_t key, int64_t offset, int64_t physical, int64_t due_ms);
/* It was decided, or is lost: takes it off the table, wherever else it is. */
void transaction_close(struct transaction_service *s, struct transaction *x);
/* The walk has come to the end of both queues. */
void transaction_walked(struct transaction_service *s);
void transaction_save_soon(struct transaction_service *s);
void transaction_timer(struct transaction_service *s, struct transaction *x,
		       int64_t in_ms); /* check it then; at once when negative */

/* transaction_handlers.c: the table can say more now; the service goes. */
void end_transaction_resume(struct transaction_service *s);
void end_transaction_stop(struct transaction_service *s);

#endif
