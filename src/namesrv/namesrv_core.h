/* namesrv_core: what the name server's handlers share. Private to src/namesrv. Thread: the core's. */
#ifndef NAMESRV_NAMESRV_CORE_H
#define NAMESRV_NAMESRV_CORE_H

#include "namesrv/kv_config.h"
#include "namesrv/namesrv.h"
#include "namesrv/namesrv_config.h"
#include "namesrv/route_table.h"

struct namesrv {
	struct namesrv_config *config; /* owned */
	struct timers *timers;
	struct executor *executor;
	uint64_t wall_ms;
	uint64_t started_ms; /* monotonic */
	struct route_table *routes;
	struct kv_config *kv;
};

/* Tell the route table what the configuration says; after each change of it. */
void namesrv_apply_config(struct namesrv *n);

/* Called by kv_config when changes are on disk: answers the requests that waited (kv_handlers.c). */
void namesrv_kv_saved(void *ctx, struct list *waited, enum rc rc);

/* Handlers; the rows that name them are in dispatch_table.c. */
enum outcome namesrv_put_kv(struct request *req);                  /* kv_handlers.c: 100 */
enum outcome namesrv_get_kv(struct request *req);                  /* kv_handlers.c: 101 */
enum outcome namesrv_delete_kv(struct request *req);               /* kv_handlers.c: 102 */
enum outcome namesrv_list_kv(struct request *req);                 /* kv_handlers.c: 219 */
enum outcome namesrv_register_broker(struct request *req);         /* broker_handlers.c: 103 */
enum outcome namesrv_unregister_broker(struct request *req);       /* broker_handlers.c: 104 */
enum outcome namesrv_query_data_version(struct request *req);      /* broker_handlers.c: 322 */
enum outcome namesrv_broker_heartbeat(struct request *req);        /* broker_handlers.c: 904 */
enum outcome namesrv_wipe_write_perm(struct request *req);         /* broker_handlers.c: 205 */
enum outcome namesrv_add_write_perm(struct request *req);          /* broker_handlers.c: 327 */
enum outcome namesrv_get_route(struct request *req);               /* route_handlers.c: 105 */
enum outcome namesrv_cluster_info(struct request *req);            /* route_handlers.c: 106 */
enum outcome namesrv_member_group(struct request *req);            /* route_handlers.c: 901 */
enum outcome namesrv_all_topics(struct request *req);              /* topic_handlers.c: 206 */
enum outcome namesrv_topics_by_cluster(struct request *req);       /* topic_handlers.c: 224 */
enum outcome namesrv_system_topics(struct request *req);           /* topic_handlers.c: 304 */
enum outcome namesrv_unit_topics(struct request *req);             /* topic_handlers.c: 311 */
enum outcome namesrv_unit_sub_topics(struct request *req);         /* topic_handlers.c: 312 */
enum outcome namesrv_unit_sub_no_unit_topics(struct request *req); /* topic_handlers.c: 313 */
enum outcome namesrv_delete_topic(struct request *req);            /* topic_handlers.c: 216 */
enum outcome namesrv_register_topic(struct request *req);          /* topic_handlers.c: 217 */
enum outcome namesrv_update_config(struct request *req);           /* config_handlers.c: 318 */
enum outcome namesrv_get_config(struct request *req);              /* config_handlers.c: 319 */

#endif
