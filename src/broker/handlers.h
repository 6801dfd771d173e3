/* handlers: every request handler of the broker, one line each; the rows that name them are in dispatch_table.c.
 * A file handles one family of codes (file names on the right). */
#ifndef BROKER_HANDLERS_H
#define BROKER_HANDLERS_H

#include "remoting/request.h"

enum outcome handle_send(struct request *req);                  /* send.c: 10, 310 (one message or a batch by header) */
enum outcome handle_send_batch(struct request *req);            /* send.c: 320 */
enum outcome handle_pull(struct request *req);                  /* pull.c: 11, 361 */
enum outcome handle_reply_message(struct request *req);         /* reply_message.c: 324, 325 */
enum outcome handle_send_back(struct request *req);             /* send_back.c: 36 */
enum outcome handle_heartbeat(struct request *req);             /* client_handlers.c: 34 */
enum outcome handle_unregister_client(struct request *req);     /* client_handlers.c: 35 */
enum outcome handle_consumer_list(struct request *req);         /* client_handlers.c: 38 */
enum outcome handle_check_client_config(struct request *req);   /* client_handlers.c: 46 */
enum outcome handle_query_offset(struct request *req);          /* offset_handlers.c: 14 */
enum outcome handle_update_offset(struct request *req);         /* offset_handlers.c: 15 */
enum outcome handle_search_offset(struct request *req);         /* offset_handlers.c: 29 */
enum outcome handle_max_offset(struct request *req);            /* offset_handlers.c: 30 */
enum outcome handle_min_offset(struct request *req);            /* offset_handlers.c: 31 */
enum outcome handle_earliest_time(struct request *req);         /* offset_handlers.c: 32 */
enum outcome handle_lock_batch(struct request *req);            /* lock_handlers.c: 41 */
enum outcome handle_unlock_batch(struct request *req);          /* lock_handlers.c: 42 */
enum outcome handle_view_message(struct request *req);          /* query_message.c: 33 */
enum outcome handle_query_message(struct request *req);         /* query_message.c: 12 */
enum outcome handle_put_topic(struct request *req);             /* topic_handlers.c: 17 */
enum outcome handle_put_topic_list(struct request *req);        /* topic_handlers.c: 18 */
enum outcome handle_system_topics(struct request *req);         /* topic_handlers.c: 305 */
enum outcome handle_delete_topic(struct request *req);          /* topic_handlers.c: 215 */
enum outcome handle_get_topic(struct request *req);             /* topic_handlers.c: 351 */
enum outcome handle_all_topics(struct request *req);            /* topic_handlers.c: 21 */
enum outcome handle_put_group(struct request *req);             /* group_handlers.c: 200 */
enum outcome handle_delete_group(struct request *req);          /* group_handlers.c: 207 */
enum outcome handle_get_group(struct request *req);             /* group_handlers.c: 352 */
enum outcome handle_all_groups(struct request *req);            /* group_handlers.c: 201 */
enum outcome handle_put_group_list(struct request *req);        /* group_handlers.c: 225 */
enum outcome handle_group_forbidden(struct request *req);       /* group_handlers.c: 353 */
enum outcome handle_consumer_connections(struct request *req);  /* connection_handlers.c: 203 */
enum outcome handle_producer_connections(struct request *req);  /* connection_handlers.c: 204 */
enum outcome handle_all_producers(struct request *req);         /* connection_handlers.c: 328 */
enum outcome handle_query_subscription(struct request *req);    /* connection_handlers.c: 345 */
enum outcome handle_runtime_info(struct request *req);          /* stats_handlers.c: 28 */
enum outcome handle_topic_stats(struct request *req);           /* stats_handlers.c: 202 */
enum outcome handle_consume_stats(struct request *req);         /* stats_handlers.c: 208 */
enum outcome handle_topic_consumed_by(struct request *req);     /* stats_handlers.c: 300 */
enum outcome handle_consume_time_span(struct request *req);     /* stats_handlers.c: 303 */
enum outcome handle_view_stats(struct request *req);            /* stats_handlers.c: 315 */
enum outcome handle_all_consume_stats(struct request *req);     /* stats_handlers.c: 317 */
enum outcome handle_topics_of_group(struct request *req);       /* stats_handlers.c: 343 */
enum outcome handle_update_config(struct request *req);         /* config_handlers.c: 25 */
enum outcome handle_get_config(struct request *req);            /* config_handlers.c: 26 */
enum outcome handle_consumer_running_info(struct request *req); /* relay_handlers.c: 307 */
enum outcome handle_consume_directly(struct request *req);      /* relay_handlers.c: 309 */
enum outcome handle_consumer_status(struct request *req);       /* relay_handlers.c: 223 */
enum outcome handle_reset_offset(struct request *req);          /* reset_handlers.c: 222 */
enum outcome handle_clone_offset(struct request *req);          /* reset_handlers.c: 314 */
enum outcome handle_correction_offset(struct request *req);     /* reset_handlers.c: 308 */
enum outcome handle_all_offsets(struct request *req);           /* reset_handlers.c: 43 */
enum outcome handle_all_delay_offsets(struct request *req);     /* reset_handlers.c: 45 */
enum outcome handle_clean_queues(struct request *req);          /* store_handlers.c: 306 */
enum outcome handle_clean_topics(struct request *req);          /* store_handlers.c: 316 */
enum outcome handle_query_queue(struct request *req);           /* store_handlers.c: 321 */
enum outcome handle_end_transaction(struct request *req);       /* transaction_handlers.c: 37 */
enum outcome handle_resume_check(struct request *req);          /* transaction_handlers.c: 323 */
enum outcome handle_delete_expired(struct request *req);        /* store_handlers.c: 329 */

#endif
