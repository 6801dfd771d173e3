/* fixture: a name server "ns" at NS, brokers that are test clients, and short words for what they send. */
#ifndef TESTS_UNIT_NAMESRV_FIXTURE_H
#define TESTS_UNIT_NAMESRV_FIXTURE_H

#include <check.h>

#include "remoting/headers.h"
#include "remoting/request_code.h"
#include "remoting/response_code.h"
#include "tests/unit/run.h"
#include "tests/unit/sim_namesrv.h"

#define NS "127.0.0.1:9876"

Suite *suite_config(void);
Suite *suite_golden(void);
Suite *suite_kv(void);
Suite *suite_liveness(void);
Suite *suite_register(void);
Suite *suite_route(void);

extern struct sim *sim;
extern struct sim_node *ns, *client; /* the client is named "client" */

void setup(void); /* a name server with default settings, and a client */
void setup_with(const char *settings);
void teardown(void);

/* What a broker says of itself. Zero members: cluster "c", two topics T1 and T2 with 4 queues and perm 6. */
struct test_broker {
	struct sim_node *node;
	const char *name, *address, *cluster;
	int64_t id;
	int64_t timeout_ms; /* 0: header field left out */
	bool is_v4;         /* enableActingMaster left out */
	bool is_acting_on;
	int64_t state_version, counter;
	const char *topics;         /* "name:read:write:perm:sysflag ..." */
	const char *filter_servers; /* JSON list, NULL: [] */
	const char *zone;
};

struct sim_answer *register_broker(const struct test_broker *b);
void expect_registered(const struct test_broker *b);
struct sim_answer *unregister_broker(const struct test_broker *b);
struct sim_answer *heartbeat(const struct test_broker *b);
/* Code 322; the "changed" of the answer as text. */
const char *query_version(const struct test_broker *b, int64_t counter);

struct sim_answer *route_of(const char *topic); /* from `client`, newest dialect */
struct sim_answer *ask(int32_t code);           /* without header */
struct sim_answer *ask_with(int32_t code, const struct schema *schema, const void *header);
bool has_route(const char *topic);
/* The body has this text. */
void expect_in(const struct sim_answer *a, const char *part);
void expect_not_in(const struct sim_answer *a, const char *part);

#endif
