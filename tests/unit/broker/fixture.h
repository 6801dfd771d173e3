/* fixture: a broker "b" at BROKER on virtual time, clients of the test, and short words for what they send. */
#ifndef TESTS_UNIT_BROKER_FIXTURE_H
#define TESTS_UNIT_BROKER_FIXTURE_H

#include <check.h>

#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"
#include "tests/unit/run.h"
#include "tests/unit/sim_broker.h"

#define BROKER "127.0.0.1:10911"

extern struct sim *sim;
extern struct sim_node *node, *client; /* the client is named "client" */
extern struct broker *b;

void setup(void); /* a broker with default settings, and a client */
void setup_with(const char *settings);
void restart_with(const char *settings); /* stops the broker cleanly and starts it again on the same files */
void teardown(void);

struct sim_answer *ask(struct sim_node *from, int32_t code, const struct schema *schema, const void *header, const char *body);
/* Code and remark of an answer; remark NULL: none. */
void expect_answer(const struct sim_answer *a, int32_t code, const char *remark);
void expect_in(const struct sim_answer *a, const char *part); /* the body has this text */
void expect_not_in(const struct sim_answer *a, const char *part);

/* 34: one consumer group with subscriptions "topic:expression:version topic2:..", clustering, push. */
struct sim_answer *heartbeat(struct sim_node *from, const char *client_id, const char *group, const char *subscriptions);
struct sim_answer *heartbeat_json(struct sim_node *from, const char *json);
struct sim_answer *produce_heartbeat(struct sim_node *from, const char *client_id, const char *group);
/* 40 came to this client for this group, and nothing else before it. */
void expect_told(struct sim_node *who, const char *group);
void expect_not_told(struct sim_node *who);
struct sim_answer *make_topic(const char *name, int32_t queues, const char *attributes);   /* 17 */
void put_message(const char *topic, int32_t queue_id, const char *tags, const char *body); /* 10; must succeed */

/* A state file of the broker as text, malloc'ed. */
char *state_text(const char *name);

#endif
