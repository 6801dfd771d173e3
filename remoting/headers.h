/* headers: every command header we read or write, one table each (wire name, C field, type, required).
 *
 * Source: header_fields.tsv (Apache's *RequestHeader / *ResponseHeader classes). For a table NAME this gives
 *   struct name { uint64_t present; ... }, enumerators name_<field> (row number), extern const struct schema name_schema.
 * V1 and V2 send headers are two schemas over one struct, so that the handler sees no difference.
 * Adding a header is a table here and its name in HEADER_LIST. */
#ifndef REMOTING_HEADERS_H
#define REMOTING_HEADERS_H

#include "remoting/schema.h"

/* Rows: X(S, type, c_field, wire_name, required); S is the struct's name. Types: string, i32, i64, boolean.
 * Required: @CFNotNull, of an object type, and sent by every release since 4.9: Apache refuses nothing at decoding and fails where it
 * first uses a null; a primitive that is missing is 0 there and here. The fields of Apache's RpcRequestHeader and TopicRequestHeader
 * (ns, nsd, bname, oway, lo) have no meaning for a server without proxies and static topics, and are left out. */

#define SEND_MESSAGE_REQUEST_HEADER(X, S)                                                                                        \
	X(S, string, producer_group, "producerGroup", 1)                                                                         \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, default_topic, "defaultTopic", 1)                                                                           \
	X(S, i32, default_topic_queue_nums, "defaultTopicQueueNums", 1)                                                          \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, i32, sys_flag, "sysFlag", 1)                                                                                        \
	X(S, i64, born_timestamp, "bornTimestamp", 1)                                                                            \
	X(S, i32, flag, "flag", 1)                                                                                               \
	X(S, string, properties, "properties", 0)                                                                                \
	X(S, i32, reconsume_times, "reconsumeTimes", 0)                                                                          \
	X(S, boolean, unit_mode, "unitMode", 0)                                                                                  \
	X(S, i32, max_reconsume_times, "maxReconsumeTimes", 0)                                                                   \
	X(S, boolean, batch, "batch", 0)                                                                                         \
	X(S, string, broker_name, "bname", 0)

/* Same fields, one-letter names: SendMessageRequestHeaderV2. */
#define SEND_MESSAGE_REQUEST_HEADER_V2(X, S)                                                                                     \
	X(S, string, producer_group, "a", 1)                                                                                     \
	X(S, string, topic, "b", 1)                                                                                              \
	X(S, string, default_topic, "c", 1)                                                                                      \
	X(S, i32, default_topic_queue_nums, "d", 1)                                                                              \
	X(S, i32, queue_id, "e", 1)                                                                                              \
	X(S, i32, sys_flag, "f", 1)                                                                                              \
	X(S, i64, born_timestamp, "g", 1)                                                                                        \
	X(S, i32, flag, "h", 1)                                                                                                  \
	X(S, string, properties, "i", 0)                                                                                         \
	X(S, i32, reconsume_times, "j", 0)                                                                                       \
	X(S, boolean, unit_mode, "k", 0)                                                                                         \
	X(S, i32, max_reconsume_times, "l", 0)                                                                                   \
	X(S, boolean, batch, "m", 0)                                                                                             \
	X(S, string, broker_name, "n", 0)

#define SEND_MESSAGE_RESPONSE_HEADER(X, S)                                                                                       \
	X(S, string, msg_id, "msgId", 1)                                                                                         \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, i64, queue_offset, "queueOffset", 1)                                                                                \
	X(S, string, transaction_id, "transactionId", 0)                                                                         \
	X(S, string, batch_uniq_id, "batchUniqId", 0)                                                                            \
	X(S, string, msg_region, "MSG_REGION", 0)                                                                                \
	X(S, string, trace_on, "TRACE_ON", 0)

#define PULL_MESSAGE_REQUEST_HEADER(X, S)                                                                                        \
	X(S, string, consumer_group, "consumerGroup", 1)                                                                         \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, i64, queue_offset, "queueOffset", 1)                                                                                \
	X(S, i32, max_msg_nums, "maxMsgNums", 1)                                                                                 \
	X(S, i32, sys_flag, "sysFlag", 1)                                                                                        \
	X(S, i64, commit_offset, "commitOffset", 1)                                                                              \
	X(S, i64, suspend_timeout_ms, "suspendTimeoutMillis", 1)                                                                 \
	X(S, string, subscription, "subscription", 0)                                                                            \
	X(S, i64, sub_version, "subVersion", 1)                                                                                  \
	X(S, string, expression_type, "expressionType", 0)                                                                       \
	X(S, i32, max_msg_bytes, "maxMsgBytes", 0)                                                                               \
	X(S, i32, request_source, "requestSource", 0)                                                                            \
	X(S, string, proxy_client_id, "proxyFrowardClientId", 0)

#define PULL_MESSAGE_RESPONSE_HEADER(X, S)                                                                                       \
	X(S, i64, suggest_which_broker_id, "suggestWhichBrokerId", 1)                                                            \
	X(S, i64, next_begin_offset, "nextBeginOffset", 1)                                                                       \
	X(S, i64, min_offset, "minOffset", 1)                                                                                    \
	X(S, i64, max_offset, "maxOffset", 1)                                                                                    \
	X(S, i64, offset_delta, "offsetDelta", 0)                                                                                \
	X(S, i32, topic_sys_flag, "topicSysFlag", 0)                                                                             \
	X(S, i32, group_sys_flag, "groupSysFlag", 0)                                                                             \
	X(S, i32, forbidden_type, "forbiddenType", 0)

/* QUERY_MESSAGE: 12 */
#define QUERY_MESSAGE_REQUEST_HEADER(X, S)                                                                                       \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, key, "key", 1)                                                                                              \
	X(S, i32, max_num, "maxNum", 1)                                                                                          \
	X(S, i64, begin_timestamp, "beginTimestamp", 1)                                                                          \
	X(S, i64, end_timestamp, "endTimestamp", 1)                                                                              \
	X(S, string, index_type, "indexType", 0)                                                                                 \
	X(S, string, last_key, "lastKey", 0)

/* QUERY_MESSAGE: 12 */
#define QUERY_MESSAGE_RESPONSE_HEADER(X, S)                                                                                      \
	X(S, i64, index_last_update_timestamp, "indexLastUpdateTimestamp", 1)                                                    \
	X(S, i64, index_last_update_phyoffset, "indexLastUpdatePhyoffset", 1)

/* QUERY_CONSUMER_OFFSET: 14 */
#define QUERY_CONSUMER_OFFSET_REQUEST_HEADER(X, S)                                                                               \
	X(S, string, consumer_group, "consumerGroup", 1)                                                                         \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, boolean, set_zero_if_not_found, "setZeroIfNotFound", 0)

/* QUERY_CONSUMER_OFFSET: 14 */
#define QUERY_CONSUMER_OFFSET_RESPONSE_HEADER(X, S) X(S, i64, offset, "offset", 1)

/* UPDATE_CONSUMER_OFFSET: 15 */
#define UPDATE_CONSUMER_OFFSET_REQUEST_HEADER(X, S)                                                                              \
	X(S, string, consumer_group, "consumerGroup", 1)                                                                         \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 0)                                                                                        \
	X(S, i64, commit_offset, "commitOffset", 0)

/* UPDATE_AND_CREATE_TOPIC: 17 */
#define CREATE_TOPIC_REQUEST_HEADER(X, S)                                                                                        \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, default_topic, "defaultTopic", 0)                                                                           \
	X(S, i32, read_queue_nums, "readQueueNums", 1)                                                                           \
	X(S, i32, write_queue_nums, "writeQueueNums", 1)                                                                         \
	X(S, i32, perm, "perm", 1)                                                                                               \
	X(S, string, topic_filter_type, "topicFilterType", 0)                                                                    \
	X(S, i32, topic_sys_flag, "topicSysFlag", 0)                                                                             \
	X(S, boolean, order, "order", 0)                                                                                         \
	X(S, string, attributes, "attributes", 0)                                                                                \
	X(S, boolean, force, "force", 0)

/* GET_ALL_TOPIC_CONFIG: 21 */
#define GET_ALL_TOPIC_CONFIG_REQUEST_HEADER(X, S)                                                                                \
	X(S, i32, topic_seq, "topicSeq", 0)                                                                                      \
	X(S, string, data_version, "dataVersion", 0)                                                                             \
	X(S, i32, max_topic_num, "maxTopicNum", 0)

/* GET_ALL_TOPIC_CONFIG: 21 */
#define GET_ALL_TOPIC_CONFIG_RESPONSE_HEADER(X, S) X(S, i32, total_topic_num, "totalTopicNum", 0)

/* GET_BROKER_CONFIG: 26 */
#define GET_BROKER_CONFIG_RESPONSE_HEADER(X, S) X(S, string, version, "version", 1)

/* SEARCH_OFFSET_BY_TIMESTAMP: 29 */
#define SEARCH_OFFSET_REQUEST_HEADER(X, S)                                                                                       \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, i64, timestamp, "timestamp", 1)                                                                                     \
	X(S, string, boundary_type, "boundaryType", 0)                                                                           \
	X(S, string, lite_topic, "liteTopic", 0)

/* SEARCH_OFFSET_BY_TIMESTAMP: 29 */
#define SEARCH_OFFSET_RESPONSE_HEADER(X, S) X(S, i64, offset, "offset", 1)

/* GET_MAX_OFFSET: 30 */
#define GET_MAX_OFFSET_REQUEST_HEADER(X, S)                                                                                      \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, boolean, committed, "committed", 0)

/* GET_MAX_OFFSET: 30 */
#define GET_MAX_OFFSET_RESPONSE_HEADER(X, S) X(S, i64, offset, "offset", 1)

/* GET_MIN_OFFSET: 31 */
#define GET_MIN_OFFSET_REQUEST_HEADER(X, S)                                                                                      \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 1)

/* GET_MIN_OFFSET: 31 */
#define GET_MIN_OFFSET_RESPONSE_HEADER(X, S) X(S, i64, offset, "offset", 1)

/* GET_EARLIEST_MSG_STORETIME: 32 */
#define GET_EARLIEST_MSG_STORETIME_REQUEST_HEADER(X, S)                                                                          \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 1)

/* GET_EARLIEST_MSG_STORETIME: 32 */
#define GET_EARLIEST_MSG_STORETIME_RESPONSE_HEADER(X, S) X(S, i64, timestamp, "timestamp", 1)

/* VIEW_MESSAGE_BY_ID: 33 */
#define VIEW_MESSAGE_REQUEST_HEADER(X, S)                                                                                        \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, i64, offset, "offset", 1)

/* UNREGISTER_CLIENT: 35 */
#define UNREGISTER_CLIENT_REQUEST_HEADER(X, S)                                                                                   \
	X(S, string, client_id, "clientID", 1)                                                                                   \
	X(S, string, producer_group, "producerGroup", 0)                                                                         \
	X(S, string, consumer_group, "consumerGroup", 0)

/* CONSUMER_SEND_MSG_BACK: 36 */
#define CONSUMER_SEND_MSG_BACK_REQUEST_HEADER(X, S)                                                                              \
	X(S, i64, offset, "offset", 1)                                                                                           \
	X(S, string, group, "group", 1)                                                                                          \
	X(S, i32, delay_level, "delayLevel", 1)                                                                                  \
	X(S, string, origin_msg_id, "originMsgId", 0)                                                                            \
	X(S, string, origin_topic, "originTopic", 0)                                                                             \
	X(S, boolean, unit_mode, "unitMode", 0)                                                                                  \
	X(S, i32, max_reconsume_times, "maxReconsumeTimes", 0)

/* END_TRANSACTION: 37 */
#define END_TRANSACTION_REQUEST_HEADER(X, S)                                                                                     \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, string, producer_group, "producerGroup", 1)                                                                         \
	X(S, i64, tran_state_table_offset, "tranStateTableOffset", 1)                                                            \
	X(S, i64, commit_log_offset, "commitLogOffset", 1)                                                                       \
	X(S, i32, commit_or_rollback, "commitOrRollback", 1)                                                                     \
	X(S, boolean, from_transaction_check, "fromTransactionCheck", 0)                                                         \
	X(S, string, msg_id, "msgId", 1)                                                                                         \
	X(S, string, transaction_id, "transactionId", 0)

/* GET_CONSUMER_LIST_BY_GROUP: 38 */
#define GET_CONSUMER_LIST_BY_GROUP_REQUEST_HEADER(X, S) X(S, string, consumer_group, "consumerGroup", 1)

/* CHECK_TRANSACTION_STATE: 39 */
#define CHECK_TRANSACTION_STATE_REQUEST_HEADER(X, S)                                                                             \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, i64, tran_state_table_offset, "tranStateTableOffset", 1)                                                            \
	X(S, i64, commit_log_offset, "commitLogOffset", 1)                                                                       \
	X(S, string, msg_id, "msgId", 0)                                                                                         \
	X(S, string, transaction_id, "transactionId", 0)                                                                         \
	X(S, string, offset_msg_id, "offsetMsgId", 0)                                                                            \
	X(S, string, broker_name, "bname", 0)

/* NOTIFY_CONSUMER_IDS_CHANGED: 40 */
#define NOTIFY_CONSUMER_IDS_CHANGED_REQUEST_HEADER(X, S) X(S, string, consumer_group, "consumerGroup", 1)

/* PUT_KV_CONFIG: 100 */
#define PUT_KV_CONFIG_REQUEST_HEADER(X, S)                                                                                       \
	X(S, string, namespace, "namespace", 1)                                                                                  \
	X(S, string, key, "key", 1)                                                                                              \
	X(S, string, value, "value", 1)

/* GET_KV_CONFIG: 101 */
#define GET_KV_CONFIG_REQUEST_HEADER(X, S)                                                                                       \
	X(S, string, namespace, "namespace", 1)                                                                                  \
	X(S, string, key, "key", 1)

/* GET_KV_CONFIG: 101 */
#define GET_KV_CONFIG_RESPONSE_HEADER(X, S) X(S, string, value, "value", 0)

/* DELETE_KV_CONFIG: 102 */
#define DELETE_KV_CONFIG_REQUEST_HEADER(X, S)                                                                                    \
	X(S, string, namespace, "namespace", 1)                                                                                  \
	X(S, string, key, "key", 1)

/* REGISTER_BROKER: 103 */
#define REGISTER_BROKER_REQUEST_HEADER(X, S)                                                                                     \
	X(S, string, broker_name, "brokerName", 1)                                                                               \
	X(S, string, broker_addr, "brokerAddr", 1)                                                                               \
	X(S, string, cluster_name, "clusterName", 1)                                                                             \
	X(S, string, ha_server_addr, "haServerAddr", 1)                                                                          \
	X(S, i64, broker_id, "brokerId", 1)                                                                                      \
	X(S, i64, heartbeat_timeout_millis, "heartbeatTimeoutMillis", 0)                                                         \
	X(S, boolean, enable_acting_master, "enableActingMaster", 0)                                                             \
	X(S, boolean, compressed, "compressed", 0)                                                                               \
	X(S, i32, body_crc32, "bodyCrc32", 0)

/* REGISTER_BROKER: 103 */
#define REGISTER_BROKER_RESPONSE_HEADER(X, S)                                                                                    \
	X(S, string, ha_server_addr, "haServerAddr", 0)                                                                          \
	X(S, string, master_addr, "masterAddr", 0)

/* UNREGISTER_BROKER: 104 */
#define UNREGISTER_BROKER_REQUEST_HEADER(X, S)                                                                                   \
	X(S, string, broker_name, "brokerName", 1)                                                                               \
	X(S, string, broker_addr, "brokerAddr", 1)                                                                               \
	X(S, string, cluster_name, "clusterName", 1)                                                                             \
	X(S, i64, broker_id, "brokerId", 1)

/* GET_ROUTEINFO_BY_TOPIC: 105 */
#define GET_ROUTE_INFO_REQUEST_HEADER(X, S)                                                                                      \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, boolean, accept_standard_json_only, "acceptStandardJsonOnly", 0)

/* GET_ALL_SUBSCRIPTIONGROUP_CONFIG: 201 */
#define GET_ALL_SUBSCRIPTION_GROUP_REQUEST_HEADER(X, S)                                                                          \
	X(S, i32, group_seq, "groupSeq", 0)                                                                                      \
	X(S, string, data_version, "dataVersion", 0)                                                                             \
	X(S, i32, max_group_num, "maxGroupNum", 0)

/* GET_ALL_SUBSCRIPTIONGROUP_CONFIG: 201 */
#define GET_ALL_SUBSCRIPTION_GROUP_RESPONSE_HEADER(X, S) X(S, i32, total_group_num, "totalGroupNum", 1)

/* GET_TOPIC_STATS_INFO: 202 */
#define GET_TOPIC_STATS_INFO_REQUEST_HEADER(X, S) X(S, string, topic, "topic", 1)

/* GET_CONSUMER_CONNECTION_LIST: 203 */
#define GET_CONSUMER_CONNECTION_LIST_REQUEST_HEADER(X, S) X(S, string, consumer_group, "consumerGroup", 1)

/* GET_PRODUCER_CONNECTION_LIST: 204 */
#define GET_PRODUCER_CONNECTION_LIST_REQUEST_HEADER(X, S) X(S, string, producer_group, "producerGroup", 1)

/* WIPE_WRITE_PERM_OF_BROKER: 205 */
#define WIPE_WRITE_PERM_OF_BROKER_REQUEST_HEADER(X, S) X(S, string, broker_name, "brokerName", 1)

/* WIPE_WRITE_PERM_OF_BROKER: 205 */
#define WIPE_WRITE_PERM_OF_BROKER_RESPONSE_HEADER(X, S) X(S, i32, wipe_topic_count, "wipeTopicCount", 1)

/* DELETE_SUBSCRIPTIONGROUP: 207 */
#define DELETE_SUBSCRIPTION_GROUP_REQUEST_HEADER(X, S)                                                                           \
	X(S, string, group_name, "groupName", 1)                                                                                 \
	X(S, boolean, clean_offset, "cleanOffset", 0)                                                                            \
	X(S, boolean, remove_offset, "removeOffset", 0)

/* GET_CONSUME_STATS: 208 */
#define GET_CONSUME_STATS_REQUEST_HEADER(X, S)                                                                                   \
	X(S, string, consumer_group, "consumerGroup", 1)                                                                         \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, string, topic_list, "topicList", 0)

/* DELETE_TOPIC_IN_BROKER: 215 */
#define DELETE_TOPIC_REQUEST_HEADER(X, S) X(S, string, topic, "topic", 1)

/* DELETE_TOPIC_IN_NAMESRV: 216 */
#define DELETE_TOPIC_FROM_NAMESRV_REQUEST_HEADER(X, S)                                                                           \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, cluster_name, "clusterName", 0)

/* REGISTER_TOPIC_IN_NAMESRV: 217 */
#define REGISTER_TOPIC_REQUEST_HEADER(X, S) X(S, string, topic, "topic", 1)

/* GET_KVLIST_BY_NAMESPACE: 219 */
#define GET_KV_LIST_BY_NAMESPACE_REQUEST_HEADER(X, S) X(S, string, namespace, "namespace", 1)

/* RESET_CONSUMER_CLIENT_OFFSET, INVOKE_BROKER_TO_RESET_OFFSET: 220, 222 */
#define RESET_OFFSET_REQUEST_HEADER(X, S)                                                                                        \
	X(S, string, group, "group", 1)                                                                                          \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, i32, queue_id, "queueId", 0)                                                                                        \
	X(S, i64, offset, "offset", 0)                                                                                           \
	X(S, i64, timestamp, "timestamp", 0)                                                                                     \
	X(S, boolean, is_force, "isForce", 0)

/* GET_CONSUMER_STATUS_FROM_CLIENT, INVOKE_BROKER_TO_GET_CONSUMER_STATUS: 221, 223 */
#define GET_CONSUMER_STATUS_REQUEST_HEADER(X, S)                                                                                 \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, group, "group", 1)                                                                                          \
	X(S, string, client_addr, "clientAddr", 0)

/* GET_TOPICS_BY_CLUSTER: 224 */
#define GET_TOPICS_BY_CLUSTER_REQUEST_HEADER(X, S) X(S, string, cluster, "cluster", 1)

/* QUERY_TOPIC_CONSUME_BY_WHO: 300 */
#define QUERY_TOPIC_CONSUME_BY_WHO_REQUEST_HEADER(X, S) X(S, string, topic, "topic", 1)

/* QUERY_CONSUME_TIME_SPAN: 303 */
#define QUERY_CONSUME_TIME_SPAN_REQUEST_HEADER(X, S)                                                                             \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, group, "group", 1)

/* GET_CONSUMER_RUNNING_INFO: 307 */
#define GET_CONSUMER_RUNNING_INFO_REQUEST_HEADER(X, S)                                                                           \
	X(S, string, consumer_group, "consumerGroup", 1)                                                                         \
	X(S, string, client_id, "clientId", 1)                                                                                   \
	X(S, boolean, jstack_enable, "jstackEnable", 0)

/* QUERY_CORRECTION_OFFSET: 308 */
#define QUERY_CORRECTION_OFFSET_HEADER(X, S)                                                                                     \
	X(S, string, filter_groups, "filterGroups", 0)                                                                           \
	X(S, string, compare_group, "compareGroup", 1)                                                                           \
	X(S, string, topic, "topic", 1)

/* CONSUME_MESSAGE_DIRECTLY: 309 */
#define CONSUME_MESSAGE_DIRECTLY_RESULT_REQUEST_HEADER(X, S)                                                                     \
	X(S, string, consumer_group, "consumerGroup", 1)                                                                         \
	X(S, string, client_id, "clientId", 0)                                                                                   \
	X(S, string, msg_id, "msgId", 0)                                                                                         \
	X(S, string, broker_name, "brokerName", 0)                                                                               \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, i32, topic_sys_flag, "topicSysFlag", 0)                                                                             \
	X(S, i32, group_sys_flag, "groupSysFlag", 0)

/* CLONE_GROUP_OFFSET: 314 */
#define CLONE_GROUP_OFFSET_REQUEST_HEADER(X, S)                                                                                  \
	X(S, string, src_group, "srcGroup", 1)                                                                                   \
	X(S, string, dest_group, "destGroup", 1)                                                                                 \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, boolean, offline, "offline", 0)

/* VIEW_BROKER_STATS_DATA: 315 */
#define VIEW_BROKER_STATS_DATA_REQUEST_HEADER(X, S)                                                                              \
	X(S, string, stats_name, "statsName", 1)                                                                                 \
	X(S, string, stats_key, "statsKey", 1)

/* GET_BROKER_CONSUME_STATS: 317 */
#define GET_CONSUME_STATS_IN_BROKER_HEADER(X, S) X(S, boolean, is_order, "isOrder", 0)

/* QUERY_CONSUME_QUEUE: 321 */
#define QUERY_CONSUME_QUEUE_REQUEST_HEADER(X, S)                                                                                 \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, i32, queue_id, "queueId", 0)                                                                                        \
	X(S, i64, index, "index", 0)                                                                                             \
	X(S, i32, count, "count", 0)                                                                                             \
	X(S, string, consumer_group, "consumerGroup", 0)

/* QUERY_DATA_VERSION: 322 */
#define QUERY_DATA_VERSION_REQUEST_HEADER(X, S)                                                                                  \
	X(S, string, broker_name, "brokerName", 1)                                                                               \
	X(S, string, broker_addr, "brokerAddr", 1)                                                                               \
	X(S, string, cluster_name, "clusterName", 1)                                                                             \
	X(S, i64, broker_id, "brokerId", 1)

/* QUERY_DATA_VERSION: 322 */
#define QUERY_DATA_VERSION_RESPONSE_HEADER(X, S) X(S, boolean, changed, "changed", 1)

/* RESUME_CHECK_HALF_MESSAGE: 323 */
#define RESUME_CHECK_HALF_MESSAGE_REQUEST_HEADER(X, S)                                                                           \
	X(S, string, topic, "topic", 0)                                                                                          \
	X(S, string, msg_id, "msgId", 0)

/* PUSH_REPLY_MESSAGE_TO_CLIENT: 326 */
#define REPLY_MESSAGE_REQUEST_HEADER(X, S)                                                                                       \
	X(S, string, producer_group, "producerGroup", 1)                                                                         \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, string, default_topic, "defaultTopic", 1)                                                                           \
	X(S, i32, default_topic_queue_nums, "defaultTopicQueueNums", 1)                                                          \
	X(S, i32, queue_id, "queueId", 1)                                                                                        \
	X(S, i32, sys_flag, "sysFlag", 1)                                                                                        \
	X(S, i64, born_timestamp, "bornTimestamp", 1)                                                                            \
	X(S, i32, flag, "flag", 1)                                                                                               \
	X(S, string, properties, "properties", 0)                                                                                \
	X(S, i32, reconsume_times, "reconsumeTimes", 0)                                                                          \
	X(S, boolean, unit_mode, "unitMode", 0)                                                                                  \
	X(S, string, born_host, "bornHost", 1)                                                                                   \
	X(S, string, store_host, "storeHost", 1)                                                                                 \
	X(S, i64, store_timestamp, "storeTimestamp", 0)

/* ADD_WRITE_PERM_OF_BROKER: 327 */
#define ADD_WRITE_PERM_OF_BROKER_REQUEST_HEADER(X, S) X(S, string, broker_name, "brokerName", 1)

/* ADD_WRITE_PERM_OF_BROKER: 327 */
#define ADD_WRITE_PERM_OF_BROKER_RESPONSE_HEADER(X, S) X(S, i32, add_topic_count, "addTopicCount", 1)

/* QUERY_TOPICS_BY_CONSUMER: 343 */
#define QUERY_TOPICS_BY_CONSUMER_REQUEST_HEADER(X, S) X(S, string, group, "group", 1)

/* QUERY_SUBSCRIPTION_BY_CONSUMER: 345 */
#define QUERY_SUBSCRIPTION_BY_CONSUMER_REQUEST_HEADER(X, S)                                                                      \
	X(S, string, group, "group", 1)                                                                                          \
	X(S, string, topic, "topic", 0)

/* GET_TOPIC_CONFIG: 351 */
#define GET_TOPIC_CONFIG_REQUEST_HEADER(X, S) X(S, string, topic, "topic", 1)

/* GET_SUBSCRIPTIONGROUP_CONFIG: 352 */
#define GET_SUBSCRIPTION_GROUP_CONFIG_REQUEST_HEADER(X, S) X(S, string, group, "group", 1)

/* UPDATE_AND_GET_GROUP_FORBIDDEN: 353 */
#define UPDATE_GROUP_FORBIDDEN_REQUEST_HEADER(X, S)                                                                              \
	X(S, string, group, "group", 1)                                                                                          \
	X(S, string, topic, "topic", 1)                                                                                          \
	X(S, boolean, readable, "readable", 0)

/* GET_BROKER_MEMBER_GROUP: 901 */
#define GET_BROKER_MEMBER_GROUP_REQUEST_HEADER(X, S)                                                                             \
	X(S, string, cluster_name, "clusterName", 1)                                                                             \
	X(S, string, broker_name, "brokerName", 1)

/* BROKER_HEARTBEAT: 904 */
#define BROKER_HEARTBEAT_REQUEST_HEADER(X, S)                                                                                    \
	X(S, string, cluster_name, "clusterName", 1)                                                                             \
	X(S, string, broker_addr, "brokerAddr", 1)                                                                               \
	X(S, string, broker_name, "brokerName", 1)                                                                               \
	X(S, i64, broker_id, "brokerId", 0)                                                                                      \
	X(S, i32, epoch, "epoch", 0)                                                                                             \
	X(S, i64, max_offset, "maxOffset", 0)                                                                                    \
	X(S, i64, confirm_offset, "confirmOffset", 0)                                                                            \
	X(S, i64, heartbeat_timeout_mills, "heartbeatTimeoutMills", 0)                                                           \
	X(S, i32, election_priority, "electionPriority", 0)

/* NOTIFY_MIN_BROKER_ID_CHANGE: 905 */
#define NOTIFY_MIN_BROKER_ID_CHANGE_REQUEST_HEADER(X, S)                                                                         \
	X(S, i64, min_broker_id, "minBrokerId", 0)                                                                               \
	X(S, string, broker_name, "brokerName", 0)                                                                               \
	X(S, string, min_broker_addr, "minBrokerAddr", 0)                                                                        \
	X(S, string, offline_broker_addr, "offlineBrokerAddr", 0)                                                                \
	X(S, string, ha_broker_addr, "haBrokerAddr", 0)

/* EXCHANGE_BROKER_HA_INFO: 906 */
#define EXCHANGE_HA_INFO_REQUEST_HEADER(X, S)                                                                                    \
	X(S, string, master_ha_address, "masterHaAddress", 0)                                                                    \
	X(S, i64, master_flush_offset, "masterFlushOffset", 0)                                                                   \
	X(S, string, master_address, "masterAddress", 0)

/* EXCHANGE_BROKER_HA_INFO: 906 */
#define EXCHANGE_HA_INFO_RESPONSE_HEADER(X, S)                                                                                   \
	X(S, string, master_ha_address, "masterHaAddress", 0)                                                                    \
	X(S, i64, master_flush_offset, "masterFlushOffset", 0)                                                                   \
	X(S, string, master_address, "masterAddress", 0)

/* RESET_MASTER_FLUSH_OFFSET: 908 */
#define RESET_MASTER_FLUSH_OFFSET_HEADER(X, S) X(S, i64, master_flush_offset, "masterFlushOffset", 1)

/* X(table macro, lower case struct name, Apache's class) -- send_message_request_header_v2 shares the V1 struct. */
#define HEADER_LIST(H)                                                                                                           \
	H(SEND_MESSAGE_REQUEST_HEADER, send_message_request_header, "SendMessageRequestHeader")                                  \
	H(SEND_MESSAGE_RESPONSE_HEADER, send_message_response_header, "SendMessageResponseHeader")                               \
	H(PULL_MESSAGE_REQUEST_HEADER, pull_message_request_header, "PullMessageRequestHeader")                                  \
	H(PULL_MESSAGE_RESPONSE_HEADER, pull_message_response_header, "PullMessageResponseHeader")                               \
	H(QUERY_MESSAGE_REQUEST_HEADER, query_message_request_header, "QueryMessageRequestHeader")                               \
	H(QUERY_MESSAGE_RESPONSE_HEADER, query_message_response_header, "QueryMessageResponseHeader")                            \
	H(QUERY_CONSUMER_OFFSET_REQUEST_HEADER, query_consumer_offset_request_header, "QueryConsumerOffsetRequestHeader")        \
	H(QUERY_CONSUMER_OFFSET_RESPONSE_HEADER, query_consumer_offset_response_header, "QueryConsumerOffsetResponseHeader")     \
	H(UPDATE_CONSUMER_OFFSET_REQUEST_HEADER, update_consumer_offset_request_header, "UpdateConsumerOffsetRequestHeader")     \
	H(CREATE_TOPIC_REQUEST_HEADER, create_topic_request_header, "CreateTopicRequestHeader")                                  \
	H(GET_ALL_TOPIC_CONFIG_REQUEST_HEADER, get_all_topic_config_request_header, "GetAllTopicConfigRequestHeader")            \
	H(GET_ALL_TOPIC_CONFIG_RESPONSE_HEADER, get_all_topic_config_response_header, "GetAllTopicConfigResponseHeader")         \
	H(GET_BROKER_CONFIG_RESPONSE_HEADER, get_broker_config_response_header, "GetBrokerConfigResponseHeader")                 \
	H(SEARCH_OFFSET_REQUEST_HEADER, search_offset_request_header, "SearchOffsetRequestHeader")                               \
	H(SEARCH_OFFSET_RESPONSE_HEADER, search_offset_response_header, "SearchOffsetResponseHeader")                            \
	H(GET_MAX_OFFSET_REQUEST_HEADER, get_max_offset_request_header, "GetMaxOffsetRequestHeader")                             \
	H(GET_MAX_OFFSET_RESPONSE_HEADER, get_max_offset_response_header, "GetMaxOffsetResponseHeader")                          \
	H(GET_MIN_OFFSET_REQUEST_HEADER, get_min_offset_request_header, "GetMinOffsetRequestHeader")                             \
	H(GET_MIN_OFFSET_RESPONSE_HEADER, get_min_offset_response_header, "GetMinOffsetResponseHeader")                          \
	H(GET_EARLIEST_MSG_STORETIME_REQUEST_HEADER, get_earliest_msg_storetime_request_header,                                  \
	  "GetEarliestMsgStoretimeRequestHeader")                                                                                \
	H(GET_EARLIEST_MSG_STORETIME_RESPONSE_HEADER, get_earliest_msg_storetime_response_header,                                \
	  "GetEarliestMsgStoretimeResponseHeader")                                                                               \
	H(VIEW_MESSAGE_REQUEST_HEADER, view_message_request_header, "ViewMessageRequestHeader")                                  \
	H(UNREGISTER_CLIENT_REQUEST_HEADER, unregister_client_request_header, "UnregisterClientRequestHeader")                   \
	H(CONSUMER_SEND_MSG_BACK_REQUEST_HEADER, consumer_send_msg_back_request_header, "ConsumerSendMsgBackRequestHeader")      \
	H(END_TRANSACTION_REQUEST_HEADER, end_transaction_request_header, "EndTransactionRequestHeader")                         \
	H(GET_CONSUMER_LIST_BY_GROUP_REQUEST_HEADER, get_consumer_list_by_group_request_header,                                  \
	  "GetConsumerListByGroupRequestHeader")                                                                                 \
	H(CHECK_TRANSACTION_STATE_REQUEST_HEADER, check_transaction_state_request_header, "CheckTransactionStateRequestHeader")  \
	H(NOTIFY_CONSUMER_IDS_CHANGED_REQUEST_HEADER, notify_consumer_ids_changed_request_header,                                \
	  "NotifyConsumerIdsChangedRequestHeader")                                                                               \
	H(PUT_KV_CONFIG_REQUEST_HEADER, put_kv_config_request_header, "PutKVConfigRequestHeader")                                \
	H(GET_KV_CONFIG_REQUEST_HEADER, get_kv_config_request_header, "GetKVConfigRequestHeader")                                \
	H(GET_KV_CONFIG_RESPONSE_HEADER, get_kv_config_response_header, "GetKVConfigResponseHeader")                             \
	H(DELETE_KV_CONFIG_REQUEST_HEADER, delete_kv_config_request_header, "DeleteKVConfigRequestHeader")                       \
	H(REGISTER_BROKER_REQUEST_HEADER, register_broker_request_header, "RegisterBrokerRequestHeader")                         \
	H(REGISTER_BROKER_RESPONSE_HEADER, register_broker_response_header, "RegisterBrokerResponseHeader")                      \
	H(UNREGISTER_BROKER_REQUEST_HEADER, unregister_broker_request_header, "UnRegisterBrokerRequestHeader")                   \
	H(GET_ROUTE_INFO_REQUEST_HEADER, get_route_info_request_header, "GetRouteInfoRequestHeader")                             \
	H(GET_ALL_SUBSCRIPTION_GROUP_REQUEST_HEADER, get_all_subscription_group_request_header,                                  \
	  "GetAllSubscriptionGroupRequestHeader")                                                                                \
	H(GET_ALL_SUBSCRIPTION_GROUP_RESPONSE_HEADER, get_all_subscription_group_response_header,                                \
	  "GetAllSubscriptionGroupResponseHeader")                                                                               \
	H(GET_TOPIC_STATS_INFO_REQUEST_HEADER, get_topic_stats_info_request_header, "GetTopicStatsInfoRequestHeader")            \
	H(GET_CONSUMER_CONNECTION_LIST_REQUEST_HEADER, get_consumer_connection_list_request_header,                              \
	  "GetConsumerConnectionListRequestHeader")                                                                              \
	H(GET_PRODUCER_CONNECTION_LIST_REQUEST_HEADER, get_producer_connection_list_request_header,                              \
	  "GetProducerConnectionListRequestHeader")                                                                              \
	H(WIPE_WRITE_PERM_OF_BROKER_REQUEST_HEADER, wipe_write_perm_of_broker_request_header,                                    \
	  "WipeWritePermOfBrokerRequestHeader")                                                                                  \
	H(WIPE_WRITE_PERM_OF_BROKER_RESPONSE_HEADER, wipe_write_perm_of_broker_response_header,                                  \
	  "WipeWritePermOfBrokerResponseHeader")                                                                                 \
	H(DELETE_SUBSCRIPTION_GROUP_REQUEST_HEADER, delete_subscription_group_request_header,                                    \
	  "DeleteSubscriptionGroupRequestHeader")                                                                                \
	H(GET_CONSUME_STATS_REQUEST_HEADER, get_consume_stats_request_header, "GetConsumeStatsRequestHeader")                    \
	H(DELETE_TOPIC_REQUEST_HEADER, delete_topic_request_header, "DeleteTopicRequestHeader")                                  \
	H(DELETE_TOPIC_FROM_NAMESRV_REQUEST_HEADER, delete_topic_from_namesrv_request_header,                                    \
	  "DeleteTopicFromNamesrvRequestHeader")                                                                                 \
	H(REGISTER_TOPIC_REQUEST_HEADER, register_topic_request_header, "RegisterTopicRequestHeader")                            \
	H(GET_KV_LIST_BY_NAMESPACE_REQUEST_HEADER, get_kv_list_by_namespace_request_header, "GetKVListByNamespaceRequestHeader") \
	H(RESET_OFFSET_REQUEST_HEADER, reset_offset_request_header, "ResetOffsetRequestHeader")                                  \
	H(GET_CONSUMER_STATUS_REQUEST_HEADER, get_consumer_status_request_header, "GetConsumerStatusRequestHeader")              \
	H(GET_TOPICS_BY_CLUSTER_REQUEST_HEADER, get_topics_by_cluster_request_header, "GetTopicsByClusterRequestHeader")         \
	H(QUERY_TOPIC_CONSUME_BY_WHO_REQUEST_HEADER, query_topic_consume_by_who_request_header,                                  \
	  "QueryTopicConsumeByWhoRequestHeader")                                                                                 \
	H(QUERY_CONSUME_TIME_SPAN_REQUEST_HEADER, query_consume_time_span_request_header, "QueryConsumeTimeSpanRequestHeader")   \
	H(GET_CONSUMER_RUNNING_INFO_REQUEST_HEADER, get_consumer_running_info_request_header,                                    \
	  "GetConsumerRunningInfoRequestHeader")                                                                                 \
	H(QUERY_CORRECTION_OFFSET_HEADER, query_correction_offset_header, "QueryCorrectionOffsetHeader")                         \
	H(CONSUME_MESSAGE_DIRECTLY_RESULT_REQUEST_HEADER, consume_message_directly_result_request_header,                        \
	  "ConsumeMessageDirectlyResultRequestHeader")                                                                           \
	H(CLONE_GROUP_OFFSET_REQUEST_HEADER, clone_group_offset_request_header, "CloneGroupOffsetRequestHeader")                 \
	H(VIEW_BROKER_STATS_DATA_REQUEST_HEADER, view_broker_stats_data_request_header, "ViewBrokerStatsDataRequestHeader")      \
	H(GET_CONSUME_STATS_IN_BROKER_HEADER, get_consume_stats_in_broker_header, "GetConsumeStatsInBrokerHeader")               \
	H(QUERY_CONSUME_QUEUE_REQUEST_HEADER, query_consume_queue_request_header, "QueryConsumeQueueRequestHeader")              \
	H(QUERY_DATA_VERSION_REQUEST_HEADER, query_data_version_request_header, "QueryDataVersionRequestHeader")                 \
	H(QUERY_DATA_VERSION_RESPONSE_HEADER, query_data_version_response_header, "QueryDataVersionResponseHeader")              \
	H(RESUME_CHECK_HALF_MESSAGE_REQUEST_HEADER, resume_check_half_message_request_header,                                    \
	  "ResumeCheckHalfMessageRequestHeader")                                                                                 \
	H(REPLY_MESSAGE_REQUEST_HEADER, reply_message_request_header, "ReplyMessageRequestHeader")                               \
	H(ADD_WRITE_PERM_OF_BROKER_REQUEST_HEADER, add_write_perm_of_broker_request_header, "AddWritePermOfBrokerRequestHeader") \
	H(ADD_WRITE_PERM_OF_BROKER_RESPONSE_HEADER, add_write_perm_of_broker_response_header,                                    \
	  "AddWritePermOfBrokerResponseHeader")                                                                                  \
	H(QUERY_TOPICS_BY_CONSUMER_REQUEST_HEADER, query_topics_by_consumer_request_header,                                      \
	  "QueryTopicsByConsumerRequestHeader")                                                                                  \
	H(QUERY_SUBSCRIPTION_BY_CONSUMER_REQUEST_HEADER, query_subscription_by_consumer_request_header,                          \
	  "QuerySubscriptionByConsumerRequestHeader")                                                                            \
	H(GET_TOPIC_CONFIG_REQUEST_HEADER, get_topic_config_request_header, "GetTopicConfigRequestHeader")                       \
	H(GET_SUBSCRIPTION_GROUP_CONFIG_REQUEST_HEADER, get_subscription_group_config_request_header,                            \
	  "GetSubscriptionGroupConfigRequestHeader")                                                                             \
	H(UPDATE_GROUP_FORBIDDEN_REQUEST_HEADER, update_group_forbidden_request_header, "UpdateGroupForbiddenRequestHeader")     \
	H(GET_BROKER_MEMBER_GROUP_REQUEST_HEADER, get_broker_member_group_request_header, "GetBrokerMemberGroupRequestHeader")   \
	H(BROKER_HEARTBEAT_REQUEST_HEADER, broker_heartbeat_request_header, "BrokerHeartbeatRequestHeader")                      \
	H(NOTIFY_MIN_BROKER_ID_CHANGE_REQUEST_HEADER, notify_min_broker_id_change_request_header,                                \
	  "NotifyMinBrokerIdChangeRequestHeader")                                                                                \
	H(EXCHANGE_HA_INFO_REQUEST_HEADER, exchange_ha_info_request_header, "ExchangeHAInfoRequestHeader")                       \
	H(EXCHANGE_HA_INFO_RESPONSE_HEADER, exchange_ha_info_response_header, "ExchangeHAInfoResponseHeader")                    \
	H(RESET_MASTER_FLUSH_OFFSET_HEADER, reset_master_flush_offset_header, "ResetMasterFlushOffsetHeader")

/* ---- from the tables ---- */

#define HEADER_TYPE_string struct slice
#define HEADER_TYPE_i32 int32_t
#define HEADER_TYPE_i64 int64_t
#define HEADER_TYPE_boolean bool
#define HEADER_MEMBER(S, type, field, wire, required) HEADER_TYPE_##type field;
#define HEADER_ROW_NUMBER(S, type, field, wire, required) S##_##field,
#define HEADER_STRUCT(table, name, apache)                                                                                       \
	struct name {                                                                                                            \
		uint64_t present;                                                                                                \
		table(HEADER_MEMBER, name)                                                                                       \
	};                                                                                                                       \
	enum { table(HEADER_ROW_NUMBER, name) name##_rows };                                                                     \
	extern const struct schema name##_schema;
HEADER_LIST(HEADER_STRUCT)
extern const struct schema send_message_request_header_v2_schema; /* over struct send_message_request_header */

/* Was this member in the command? `h` points to a struct `name`. */
#define HEADER_HAS(name, h, member) (((h)->present >> name##_##member & 1) != 0)
/* Bit of a member, to be or'ed into `present` of a header that will be encoded: h.present = HEADER_BIT(pull_..., topic) | ... */
#define HEADER_BIT(name, member) ((uint64_t)1 << name##_##member)
/* `present` of a header whose every row is to be written. */
#define HEADER_ALL(name) (((uint64_t)1 << name##_rows) - 1)

/* Every schema, for tests and documentation. */
extern const struct schema *const header_schemas[];
extern const size_t header_schema_count;

#endif
