/* delay_service: delivers the messages parked in SCHEDULE_TOPIC_XXXX when their time has come (Apache ScheduleMessageService,
 * but by timer, not by scan).
 *
 * Level n is queue n - 1; its entries are in order of delivery time (their tagsCode), so one timer a level, set to the head's time, is
 * enough. Offsets are kept in config/delayOffset.json.
 * Delivery times are of the wall clock, as on Apache's disk. A clock that goes back would hold up what is parked, or, where it goes back by more
 * than the delay, let all of it go at once: so a level remembers how far its entries are ahead of the present clock. Over a restart none is
 * later than its level's delay.
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
void delay_service_start(struct broker *b);          /* the store is open, topics are there */
void delay_service_config_changed(struct broker *b); /* flushDelayOffsetInterval */
void delay_service_free(struct delay_service *d);

int32_t delay_service_levels(const struct delay_service *d); /* how many levels messageDelayLevel has */
void delay_service_added(struct broker *b, int32_t level);   /* a message was parked at this level */
/* The wall clock was set: forward (step_ms > 0), or the machine slept: what is due by now is delivered. Back: what is parked keeps its time. */
void delay_service_clock_stepped(struct broker *b, int64_t step_ms);
int64_t delay_service_offset(const struct delay_service *d, int32_t level); /* delivered so far: queue offset */

/* The text of delayOffset.json: also the answer to GET_ALL_DELAY_OFFSET. */
void delay_service_write_json(struct broker *b, struct buf *out);

#endif
