/* dispatch_table: which handler answers which request code, with which header. Sorted by code (dispatch_check). */
#include "broker/broker.h"
#include "broker/handlers.h"
#include "broker/send.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"

/* clang-format off */
/* R(code, schema or NULL, flags, handler) */
#define ROUTES(R)                                                                                                                   \
	R(SEND_MESSAGE, &send_message_request_header_schema, ROUTE_PREPARED, handle_send)                                           \
	R(PULL_MESSAGE, &pull_message_request_header_schema, ROUTE_NOT_ON_VIP, handle_pull)                                         \
	R(QUERY_MESSAGE, &query_message_request_header_schema, 0, handle_query_message)                                             \
	R(QUERY_CONSUMER_OFFSET, &query_consumer_offset_request_header_schema, 0, handle_query_offset)                              \
	R(UPDATE_CONSUMER_OFFSET, &update_consumer_offset_request_header_schema, 0, handle_update_offset)                           \
	R(UPDATE_AND_CREATE_TOPIC, &create_topic_request_header_schema, 0, handle_put_topic)                                        \
	R(UPDATE_AND_CREATE_TOPIC_LIST, NULL, 0, handle_put_topic_list)                                                             \
	R(GET_ALL_TOPIC_CONFIG, &get_all_topic_config_request_header_schema, 0, handle_all_topics)                                  \
	R(UPDATE_BROKER_CONFIG, NULL, 0, handle_update_config)                                                                      \
	R(GET_BROKER_CONFIG, NULL, 0, handle_get_config)                                                                            \
	R(GET_BROKER_RUNTIME_INFO, NULL, 0, handle_runtime_info)                                                                    \
	R(SEARCH_OFFSET_BY_TIMESTAMP, &search_offset_request_header_schema, 0, handle_search_offset)                                \
	R(GET_MAX_OFFSET, &get_max_offset_request_header_schema, 0, handle_max_offset)                                              \
	R(GET_MIN_OFFSET, &get_min_offset_request_header_schema, 0, handle_min_offset)                                              \
	R(GET_EARLIEST_MSG_STORETIME, &get_earliest_msg_storetime_request_header_schema, 0, handle_earliest_time)                   \
	R(VIEW_MESSAGE_BY_ID, &view_message_request_header_schema, 0, handle_view_message)                                          \
	R(HEART_BEAT, NULL, 0, handle_heartbeat)                                                                                    \
	R(UNREGISTER_CLIENT, &unregister_client_request_header_schema, 0, handle_unregister_client)                                 \
	R(CONSUMER_SEND_MSG_BACK, &consumer_send_msg_back_request_header_schema, 0, handle_send_back)                               \
	R(END_TRANSACTION, &end_transaction_request_header_schema, 0, handle_end_transaction)                                       \
	R(GET_CONSUMER_LIST_BY_GROUP, &get_consumer_list_by_group_request_header_schema, 0, handle_consumer_list)                   \
	R(LOCK_BATCH_MQ, NULL, 0, handle_lock_batch)                                                                                \
	R(UNLOCK_BATCH_MQ, NULL, 0, handle_unlock_batch)                                                                            \
	R(GET_ALL_CONSUMER_OFFSET, NULL, 0, handle_all_offsets)                                                                     \
	R(GET_ALL_DELAY_OFFSET, NULL, 0, handle_all_delay_offsets)                                                                  \
	R(CHECK_CLIENT_CONFIG, NULL, 0, handle_check_client_config)                                                                 \
	R(UPDATE_AND_CREATE_SUBSCRIPTIONGROUP, NULL, 0, handle_put_group)                                                           \
	R(GET_ALL_SUBSCRIPTIONGROUP_CONFIG, &get_all_subscription_group_request_header_schema, 0, handle_all_groups)                \
	R(GET_TOPIC_STATS_INFO, &get_topic_stats_info_request_header_schema, 0, handle_topic_stats)                                 \
	R(GET_CONSUMER_CONNECTION_LIST, &get_consumer_connection_list_request_header_schema, 0, handle_consumer_connections)        \
	R(GET_PRODUCER_CONNECTION_LIST, &get_producer_connection_list_request_header_schema, 0, handle_producer_connections)        \
	R(DELETE_SUBSCRIPTIONGROUP, &delete_subscription_group_request_header_schema, 0, handle_delete_group)                       \
	R(GET_CONSUME_STATS, &get_consume_stats_request_header_schema, 0, handle_consume_stats)                                     \
	R(DELETE_TOPIC_IN_BROKER, &delete_topic_request_header_schema, 0, handle_delete_topic)                                      \
	R(INVOKE_BROKER_TO_RESET_OFFSET, &reset_offset_request_header_schema, 0, handle_reset_offset)                               \
	R(INVOKE_BROKER_TO_GET_CONSUMER_STATUS, &get_consumer_status_request_header_schema, 0, handle_consumer_status)              \
	R(UPDATE_AND_CREATE_SUBSCRIPTIONGROUP_LIST, NULL, 0, handle_put_group_list)                                                 \
	R(QUERY_TOPIC_CONSUME_BY_WHO, &query_topic_consume_by_who_request_header_schema, 0, handle_topic_consumed_by)               \
	R(QUERY_CONSUME_TIME_SPAN, &query_consume_time_span_request_header_schema, 0, handle_consume_time_span)                     \
	R(GET_SYSTEM_TOPIC_LIST_FROM_BROKER, NULL, 0, handle_system_topics)                                                         \
	R(CLEAN_EXPIRED_CONSUMEQUEUE, NULL, 0, handle_clean_queues)                                                                 \
	R(GET_CONSUMER_RUNNING_INFO, &get_consumer_running_info_request_header_schema, 0, handle_consumer_running_info)             \
	R(QUERY_CORRECTION_OFFSET, &query_correction_offset_header_schema, 0, handle_correction_offset)                             \
	R(CONSUME_MESSAGE_DIRECTLY, &consume_message_directly_result_request_header_schema, 0, handle_consume_directly)             \
	R(SEND_MESSAGE_V2, &send_message_request_header_v2_schema, ROUTE_PREPARED, handle_send)                                     \
	R(CLONE_GROUP_OFFSET, &clone_group_offset_request_header_schema, 0, handle_clone_offset)                                    \
	R(VIEW_BROKER_STATS_DATA, &view_broker_stats_data_request_header_schema, 0, handle_view_stats)                              \
	R(CLEAN_UNUSED_TOPIC, NULL, 0, handle_clean_topics)                                                                         \
	R(GET_BROKER_CONSUME_STATS, &get_consume_stats_in_broker_header_schema, 0, handle_all_consume_stats)                        \
	R(SEND_BATCH_MESSAGE, &send_message_request_header_v2_schema, 0, handle_send_batch)                                         \
	R(QUERY_CONSUME_QUEUE, &query_consume_queue_request_header_schema, 0, handle_query_queue)                                   \
	R(RESUME_CHECK_HALF_MESSAGE, &resume_check_half_message_request_header_schema, 0, handle_resume_check)                      \
	R(SEND_REPLY_MESSAGE, &send_message_request_header_schema, 0, handle_reply_message)          \
	R(SEND_REPLY_MESSAGE_V2, &send_message_request_header_v2_schema, 0, handle_reply_message)          \
	R(GET_ALL_PRODUCER_INFO, NULL, 0, handle_all_producers)                                                                     \
	R(DELETE_EXPIRED_COMMITLOG, NULL, 0, handle_delete_expired)                                                                 \
	R(QUERY_TOPICS_BY_CONSUMER, &query_topics_by_consumer_request_header_schema, 0, handle_topics_of_group)                     \
	R(QUERY_SUBSCRIPTION_BY_CONSUMER, &query_subscription_by_consumer_request_header_schema, 0, handle_query_subscription)      \
	R(GET_TOPIC_CONFIG, &get_topic_config_request_header_schema, 0, handle_get_topic)                                           \
	R(GET_SUBSCRIPTIONGROUP_CONFIG, &get_subscription_group_config_request_header_schema, 0, handle_get_group)                  \
	R(UPDATE_AND_GET_GROUP_FORBIDDEN, &update_group_forbidden_request_header_schema, 0, handle_group_forbidden)                 \
	R(LITE_PULL_MESSAGE, &pull_message_request_header_schema, ROUTE_NOT_ON_VIP, handle_pull)
/* clang-format on */

#define ROW(code, schema, flags, handler) {code, #code, schema, flags, handler},
static const struct route routes[] = {ROUTES(ROW)};
const struct dispatch broker_dispatch = {.routes = routes, .count = COUNT_OF(routes), .prepare = send_prepare};
