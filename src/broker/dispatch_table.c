/* dispatch_table: which handler answers which request code, with which header. Sorted by code (dispatch_check). */
#include "broker/broker.h"
#include "broker/handlers.h"
#include "remoting/headers.h"
#include "remoting/request_code.h"

/* clang-format off */
/* R(code, schema or NULL, flags, handler) */
#define ROUTES(R)                                                                                                                   \
	R(SEND_MESSAGE, &send_message_request_header_schema, 0, handle_send)                                                        \
	R(PULL_MESSAGE, &pull_message_request_header_schema, ROUTE_NOT_ON_VIP, handle_pull)                                         \
	R(QUERY_MESSAGE, &query_message_request_header_schema, 0, handle_query_message)                                             \
	R(QUERY_CONSUMER_OFFSET, &query_consumer_offset_request_header_schema, 0, handle_query_offset)                              \
	R(UPDATE_CONSUMER_OFFSET, &update_consumer_offset_request_header_schema, 0, handle_update_offset)                           \
	R(UPDATE_AND_CREATE_TOPIC, &create_topic_request_header_schema, 0, handle_put_topic)                                        \
	R(UPDATE_AND_CREATE_TOPIC_LIST, NULL, 0, handle_put_topic_list)                                                             \
	R(GET_ALL_TOPIC_CONFIG, &get_all_topic_config_request_header_schema, 0, handle_all_topics)                                  \
	R(SEARCH_OFFSET_BY_TIMESTAMP, &search_offset_request_header_schema, 0, handle_search_offset)                                \
	R(GET_MAX_OFFSET, &get_max_offset_request_header_schema, 0, handle_max_offset)                                              \
	R(GET_MIN_OFFSET, &get_min_offset_request_header_schema, 0, handle_min_offset)                                              \
	R(GET_EARLIEST_MSG_STORETIME, &get_earliest_msg_storetime_request_header_schema, 0, handle_earliest_time)                   \
	R(VIEW_MESSAGE_BY_ID, &view_message_request_header_schema, 0, handle_view_message)                                          \
	R(HEART_BEAT, NULL, 0, handle_heartbeat)                                                                                    \
	R(UNREGISTER_CLIENT, &unregister_client_request_header_schema, 0, handle_unregister_client)                                 \
	R(CONSUMER_SEND_MSG_BACK, &consumer_send_msg_back_request_header_schema, 0, handle_send_back)                               \
	R(GET_CONSUMER_LIST_BY_GROUP, &get_consumer_list_by_group_request_header_schema, 0, handle_consumer_list)                   \
	R(LOCK_BATCH_MQ, NULL, 0, handle_lock_batch)                                                                                \
	R(UNLOCK_BATCH_MQ, NULL, 0, handle_unlock_batch)                                                                            \
	R(CHECK_CLIENT_CONFIG, NULL, 0, handle_check_client_config)                                                                 \
	R(DELETE_TOPIC_IN_BROKER, &delete_topic_request_header_schema, 0, handle_delete_topic)                                      \
	R(GET_SYSTEM_TOPIC_LIST_FROM_BROKER, NULL, 0, handle_system_topics)                                                         \
	R(SEND_MESSAGE_V2, &send_message_request_header_v2_schema, 0, handle_send)                                                  \
	R(SEND_BATCH_MESSAGE, &send_message_request_header_v2_schema, 0, handle_send_batch)                                         \
	R(GET_TOPIC_CONFIG, &get_topic_config_request_header_schema, 0, handle_get_topic)                                           \
	R(LITE_PULL_MESSAGE, &pull_message_request_header_schema, ROUTE_NOT_ON_VIP, handle_pull)
/* clang-format on */

#define ROW(code, schema, flags, handler) {code, #code, schema, flags, handler},
static const struct route routes[] = {ROUTES(ROW)};
const struct dispatch broker_dispatch = {routes, sizeof(routes) / sizeof(routes[0])};
