/* broker_core: a broker with a small store, for fuzz targets. */
#ifndef TESTS_FUZZ_BROKER_CORE_H
#define TESTS_FUZZ_BROKER_CORE_H

#include "tests/fuzz/core.h"

void fuzz_core_start_broker(struct fuzz_core *f);

#endif
