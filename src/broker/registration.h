/* registration: keeps the name servers informed of this broker and its topics (Apache BrokerOuterAPI, BrokerController.registerBrokerAll).
 * Registers with every name server at start, every registerNameServerPeriod, within the turn after a change of topics, and when the
 * connection to it is lost (a name server drops a broker then, Apache's too); unregisters on stop. Thread: core. Memory: registration_new .. registration_free. */
#ifndef BROKER_REGISTRATION_H
#define BROKER_REGISTRATION_H

#include "remoting/request.h"

struct broker;
struct registration;
struct topic;

struct registration *registration_new(struct broker *b);
void registration_start(struct registration *r);
/* A topic was made or changed; NULL: several, or one is gone, or the broker's own settings (perm) changed. Sent once for a turn's changes. */
void registration_topic_changed(struct registration *r, const struct topic *topic);
/* namesrvAddr may have changed: those that are new get the table, those that are gone are told and left alone. */
void registration_servers_changed(struct registration *r);
/* Answer `req` with SUCCESS once every name server in good health has what changed up to now, or after a second: whoever made a topic may
 * ask for its route right behind the answer. Apache's broker blocks for it. Returns what the handler returns. */
enum outcome registration_settle(struct registration *r, struct request *req);
/* Unregister everywhere. on_done: on the core, never inside, when all have answered or after 3 s. */
void registration_stop(struct registration *r, void (*on_done)(void *ctx), void *ctx);
void registration_free(struct registration *r);

#endif
