/* data_version: how old a table is (Apache DataVersion). In topics.json, subscriptionGroup.json, consumerOffset.json, and told to name
 * servers and tools, which ask for a table again only when it moved. Thread: any, no shared state. */
#ifndef BROKER_DATA_VERSION_H
#define BROKER_DATA_VERSION_H

#include <stdbool.h>
#include <stdint.h>

#include "base/json_read.h"
#include "base/json_writer.h"

struct data_version {
	int64_t state_version, timestamp /* ms since 1970 */, counter;
};

bool data_version_equal(const struct data_version *a, const struct data_version *b); /* all three */
void data_version_bump(struct data_version *v, uint64_t wall_ms);
void data_version_write(const struct data_version *v, struct json_writer *w); /* the object */
void data_version_read(const cJSON *object, struct data_version *v);          /* absent members stay */

#endif
