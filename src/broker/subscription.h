/* subscription: how a struct subscription (client_table.h) is read, filled, matched and shown.
 * Facts: Apache FilterAPI, SubscriptionData, ExpressionMessageFilter; json_bodies.md SubscriptionData.
 * Thread: core. Memory: contents are malloc'ed, freed by subscription_clear. */
#ifndef BROKER_SUBSCRIPTION_H
#define BROKER_SUBSCRIPTION_H

#include "broker/client_table.h"

/* Read one SubscriptionData of a heartbeat into *out (its content is overwritten, nothing is freed).
 * RC_OK; RC_MALFORMED (no topic, a member of the wrong type); RC_TOO_BIG. On failure *out owns nothing. */
enum rc subscription_read_json(const cJSON *object, struct subscription *out);
void subscription_clear(struct subscription *s); /* frees the content, not s */

#endif
