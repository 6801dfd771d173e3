/* headers: every command header we read or write, one table each (wire name, C field, type, required).
 *
 * Source: header_fields.tsv (Apache's *RequestHeader / *ResponseHeader classes). For a table NAME this gives
 *   struct name { uint64_t present; ... }, enum bits NAME_<field>, extern const struct schema name_schema.
 * V1 and V2 send headers are two schemas over one struct, so that the handler sees no difference.
 * Adding a header is a table here and its name in HEADER_LIST. */
#ifndef REMOTING_HEADERS_H
#define REMOTING_HEADERS_H

#include "remoting/schema.h"

/* Rows: X(type, c_field, wire_name, required). Types: string, i32, i64, boolean. */

#define SEND_MESSAGE_REQUEST_HEADER(X)                                                                                           \
	X(string, producer_group, "producerGroup", 1)                                                                            \
	X(string, topic, "topic", 1)                                                                                             \
	X(string, default_topic, "defaultTopic", 1)                                                                              \
	X(i32, default_topic_queue_nums, "defaultTopicQueueNums", 1)                                                             \
	X(i32, queue_id, "queueId", 1)                                                                                           \
	X(i32, sys_flag, "sysFlag", 1)                                                                                           \
	X(i64, born_timestamp, "bornTimestamp", 1)                                                                               \
	X(i32, flag, "flag", 1)                                                                                                  \
	X(string, properties, "properties", 0)                                                                                   \
	X(i32, reconsume_times, "reconsumeTimes", 0)                                                                             \
	X(boolean, unit_mode, "unitMode", 0)                                                                                     \
	X(i32, max_reconsume_times, "maxReconsumeTimes", 0)                                                                      \
	X(boolean, batch, "batch", 0)                                                                                            \
	X(string, broker_name, "bname", 0)

/* Same fields, one-letter names: SendMessageRequestHeaderV2. */
#define SEND_MESSAGE_REQUEST_HEADER_V2(X)                                                                                        \
	X(string, producer_group, "a", 1)                                                                                        \
	X(string, topic, "b", 1)                                                                                                 \
	X(string, default_topic, "c", 1)                                                                                         \
	X(i32, default_topic_queue_nums, "d", 1)                                                                                 \
	X(i32, queue_id, "e", 1)                                                                                                 \
	X(i32, sys_flag, "f", 1)                                                                                                 \
	X(i64, born_timestamp, "g", 1)                                                                                           \
	X(i32, flag, "h", 1)                                                                                                     \
	X(string, properties, "i", 0)                                                                                            \
	X(i32, reconsume_times, "j", 0)                                                                                          \
	X(boolean, unit_mode, "k", 0)                                                                                            \
	X(i32, max_reconsume_times, "l", 0)                                                                                      \
	X(boolean, batch, "m", 0)                                                                                                \
	X(string, broker_name, "n", 0)

#define SEND_MESSAGE_RESPONSE_HEADER(X)                                                                                          \
	X(string, msg_id, "msgId", 1)                                                                                            \
	X(i32, queue_id, "queueId", 1)                                                                                           \
	X(i64, queue_offset, "queueOffset", 1)                                                                                   \
	X(string, transaction_id, "transactionId", 0)                                                                            \
	X(string, batch_uniq_id, "batchUniqId", 0)                                                                               \
	X(string, msg_region, "MSG_REGION", 0)                                                                                   \
	X(string, trace_on, "TRACE_ON", 0)

#define PULL_MESSAGE_REQUEST_HEADER(X)                                                                                           \
	X(string, consumer_group, "consumerGroup", 1)                                                                            \
	X(string, topic, "topic", 1)                                                                                             \
	X(i32, queue_id, "queueId", 1)                                                                                           \
	X(i64, queue_offset, "queueOffset", 1)                                                                                   \
	X(i32, max_msg_nums, "maxMsgNums", 1)                                                                                    \
	X(i32, sys_flag, "sysFlag", 1)                                                                                           \
	X(i64, commit_offset, "commitOffset", 1)                                                                                 \
	X(i64, suspend_timeout_ms, "suspendTimeoutMillis", 1)                                                                    \
	X(string, subscription, "subscription", 0)                                                                               \
	X(i64, sub_version, "subVersion", 1)                                                                                     \
	X(string, expression_type, "expressionType", 0)                                                                          \
	X(i32, max_msg_bytes, "maxMsgBytes", 0)                                                                                  \
	X(i32, request_source, "requestSource", 0)                                                                               \
	X(string, proxy_client_id, "proxyFrowardClientId", 0)

#define PULL_MESSAGE_RESPONSE_HEADER(X)                                                                                          \
	X(i64, suggest_which_broker_id, "suggestWhichBrokerId", 1)                                                               \
	X(i64, next_begin_offset, "nextBeginOffset", 1)                                                                          \
	X(i64, min_offset, "minOffset", 1)                                                                                       \
	X(i64, max_offset, "maxOffset", 1)                                                                                       \
	X(i32, topic_sys_flag, "topicSysFlag", 0)                                                                                \
	X(i32, group_sys_flag, "groupSysFlag", 0)                                                                                \
	X(i32, forbidden_type, "forbiddenType", 0)

/* X(table macro, lower case struct name, Apache's class) -- send_message_request_header_v2 shares the V1 struct. */
#define HEADER_LIST(H)                                                                                                           \
	H(SEND_MESSAGE_REQUEST_HEADER, send_message_request_header, "SendMessageRequestHeader")                                  \
	H(SEND_MESSAGE_RESPONSE_HEADER, send_message_response_header, "SendMessageResponseHeader")                               \
	H(PULL_MESSAGE_REQUEST_HEADER, pull_message_request_header, "PullMessageRequestHeader")                                  \
	H(PULL_MESSAGE_RESPONSE_HEADER, pull_message_response_header, "PullMessageResponseHeader")

/* ---- from the tables ---- */

#define HEADER_TYPE_string struct slice
#define HEADER_TYPE_i32 int32_t
#define HEADER_TYPE_i64 int64_t
#define HEADER_TYPE_boolean bool
#define HEADER_MEMBER(type, field, wire, required) HEADER_TYPE_##type field;
#define HEADER_STRUCT(table, name, apache)                                                                                       \
	struct name {                                                                                                            \
		uint64_t present;                                                                                                \
		table(HEADER_MEMBER)                                                                                             \
	};                                                                                                                       \
	extern const struct schema name##_schema;
HEADER_LIST(HEADER_STRUCT)
extern const struct schema send_message_request_header_v2_schema; /* over struct send_message_request_header */

/* Was this field in the request? HEADER_HAS(schema, header pointer, member). Compile-time offset, run-time scan of <= 64 rows:
 * not for the hot path; there, rely on defaults (zero, empty slice). */
bool header_has(const struct schema *schema, const void *header, size_t member_offset);
#define HEADER_HAS(name, h, member) header_has(&name##_schema, (h), offsetof(struct name, member))

#endif
