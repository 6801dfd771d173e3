/* send: what a reply message (reply_message.c) shares with a message sent. */
#ifndef BROKER_SEND_H
#define BROKER_SEND_H

#include "remoting/headers.h"
#include "remoting/request.h"

struct topic;

/* Everything that can be said before the body is looked at, in Apache's order (AbstractSendMessageProcessor.msgCheck); makes the topic when that
 * is allowed. DONE: refused and answered; PENDING: go on, *topic is set. Thread: core. */
enum outcome send_check(struct request *req, const struct send_message_request_header *h, struct topic **topic);

/* The body's CRC into req->body_crc. Thread: any; req alone is touched. */
void send_prepare(struct request *req);

#endif
