/* delay_service: delivers the messages parked in SCHEDULE_TOPIC_XXXX when their time has come (Apache ScheduleMessageService,
 * but by timer, not by scan).
 *
 * Level n is queue n - 1; its entries are in order of delivery time (their tagsCode), so one timer a level, set to the head's time, is
 * enough. Offsets are kept in config/delayOffset.json.
 * Thread: core. */
#ifndef BROKER_DELAY_SERVICE_H
#define BROKER_DELAY_SERVICE_H

#include "base/buf.h"
#include "base/rc.h"
#include "base/slice.h"

struct broker;
struct delay_service;

/* Loads delayOffset.json. *error: malloc'ed line on failure. */
enum rc delay_service_new(struct broker *b, struct delay_service **out, char **error);
void delay_service_start(struct broker *b); /* the store is open, topics are there */
void delay_service_free(struct delay_service *d);

int32_t delay_service_levels(const struct delay_service *d);                /* how many levels messageDelayLevel has */
void delay_service_added(struct broker *b, int32_t level);                  /* a message was parked at this level */
int64_t delay_service_offset(const struct delay_service *d, int32_t level); /* delivered so far: queue offset */

/* The text of delayOffset.json: also the answer to GET_ALL_DELAY_OFFSET. */
void delay_service_write_json(struct broker *b, struct buf *out);

#endif
