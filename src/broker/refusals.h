/* refusals: answers that handlers of several families refuse with, worded once. Thread: core. */
#ifndef BROKER_REFUSALS_H
#define BROKER_REFUSALS_H

#include "remoting/request.h"

/* TOPIC_NOT_EXIST (17), as sends and pulls say it. */
enum outcome refuse_unknown_topic(struct request *req, struct slice topic) MUST_USE;

#endif
