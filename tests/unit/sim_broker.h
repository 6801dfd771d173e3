/* sim_broker: a broker in a simulation. */
#ifndef TESTS_UNIT_SIM_BROKER_H
#define TESTS_UNIT_SIM_BROKER_H

#include "broker/broker.h"
#include "tests/unit/sim.h"

/* A broker that listens on `address` ("127.0.0.1:port") with small files in sim_folder()/NAME/store. `settings`: properties text over the
 * defaults, or "". It is started: without namesrvAddr it registers nowhere. */
struct sim_node *sim_broker(struct sim *s, const char *name, const char *address, const char *settings);
static inline struct broker *sim_broker_core(struct sim_node *node) { return sim_node_core(node); }

#endif
