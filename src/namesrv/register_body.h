/* register_body: what a broker sends with REGISTER_BROKER, in each of its forms (json_bodies.md section 4).
 *
 *   {"filterServerList":[..],"topicConfigSerializeWrapper":{"dataVersion":{..},"topicConfigTable":{..}}}       since 3.0.11
 *   {"dataVersion":{..},"topicConfigTable":{..}}                                                               before
 *   zlib( int32 n + DataVersion JSON, int32 topics, each int32 n + "name read write perm filterType attributes",
 *         int32 n + filter server JSON, since 5.0: int32 mappings, each int32 n + TopicQueueMappingInfo JSON )  compressedRegister
 *
 * The form is told by the first byte, because 5.x brokers compress and still say compressed=false.
 * Thread: the core's. Memory: what is decoded lives in register_body until register_body_free. */
#ifndef NAMESRV_REGISTER_BODY_H
#define NAMESRV_REGISTER_BODY_H

#include "base/buf.h"
#include "base/json_read.h"
#include "namesrv/route_table.h"

#define REGISTER_INFLATED_MAX (32u * 1024 * 1024) /* longest text behind a compressed register */
#define REGISTER_TOPICS_MAX ROUTE_TOPICS_MAX      /* topics in one register */
#define REGISTER_PART_MAX 65536                   /* data version, filter server list of the compressed form */

struct register_body {
	struct route_version version; /* zeros when the body has none */
	struct route_topic *topics;
	size_t topic_count, topic_cap;
	bool has_mappings;
	bool has_filter_servers;
	struct slice *filter_servers;
	size_t filter_server_count;
	/* what the slices above point into */
	cJSON *tree;
	struct buf inflated;
	cJSON *parts[2];              /* data version and filter servers of the compressed form */
	struct route_topic **by_name; /* the topics, sorted; made for the first mapping */
};

/* Decode. RC_OK; RC_MALFORMED; RC_TOO_BIG; RC_NO_MEMORY: *out is then empty and needs no free. An empty body is RC_OK. */
enum rc register_body_decode(struct slice body, struct register_body *out) MUST_USE;
void register_body_free(struct register_body *b);

/* {"counter":..,"stateVersion":..,"timestamp":..}; absent members are 0 (4.x has no stateVersion). */
bool route_version_read(const cJSON *object, struct route_version *out);
void route_version_write(const struct route_version *v, struct buf *out);

#endif
