/* sim_namesrv: a name server in a simulation. */
#ifndef TESTS_UNIT_SIM_NAMESRV_H
#define TESTS_UNIT_SIM_NAMESRV_H

#include "tests/unit/sim.h"

struct namesrv;

/* A name server that listens on `address`; its files are in sim_folder()/NAME. `settings`: properties text over the defaults, or "". */
struct sim_node *sim_namesrv(struct sim *s, const char *name, const char *address, const char *settings);
static inline struct namesrv *sim_namesrv_core(struct sim_node *node) { return sim_node_core(node); }

#endif
