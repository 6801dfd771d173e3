/* transaction_check: asks producers what became of transactions that were not ended in time (CHECK_TRANSACTION_STATE, 39).
 *
 *   due --read--> checked transactionCheckMax times, or older than fileReservedTime: put to TRANS_CHECK_MAX_TIME_TOPIC, over
 *         \-----> half message appended again, one more TRANSACTION_CHECK_TIMES --39, oneway--> one producer of its group, if any is there
 *
 * First after transactionTimeOut or the message's own CHECK_IMMUNITY_TIME_IN_SECONDS, then every transactionCheckInterval; each by a timer of
 * its own, nothing is scanned. A check counts whether or not a producer was there, as with Apache.
 * The producer answers with END_TRANSACTION. Facts: Apache TransactionalMessageServiceImpl.check, AbstractTransactionalMessageCheckListener.
 * Thread: core. */
#ifndef BROKER_TRANSACTION_CHECK_H
#define BROKER_TRANSACTION_CHECK_H

#include "broker/transaction_service.h"

void transaction_check_init(struct transaction_service *s);
void transaction_check_stop(struct transaction_service *s);
void transaction_check_due(struct timer *t);                                               /* a transaction's on_timer */
void transaction_check_run(struct transaction_service *s);                                 /* soon: checks those that are due */
void transaction_check_forget(struct transaction_service *s, const struct transaction *x); /* it goes */

#endif
