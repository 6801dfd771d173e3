/* message: one message as it stands in the commit log, and in the answers to pull, view and query.
 *
 *   totalSize 4 | magic 4 | bodyCRC 4 | queueId 4 | flag 4 | queueOffset 8 | physicalOffset 8 | sysFlag 4 | bornTimestamp 8 |
 *   bornHost 4|16 + port 4 | storeTimestamp 8 | storeHost 4|16 + port 4 | reconsumeTimes 4 | preparedTransactionOffset 8 |
 *   bodyLength 4 + body | topicLength 1 (V2: 2) + topic | propertiesLength 2 + properties           all big-endian
 *
 * Facts: constants.md section 3; Apache MessageDecoder, CommitLog.
 * Thread: any. Memory: a decoded message is slices into the bytes it was decoded from. */
#ifndef STORE_MESSAGE_H
#define STORE_MESSAGE_H

#include "base/buf.h"
#include "base/find.h"
#include "base/rc.h"
#include "base/slice.h"

#define MESSAGE_MAGIC_V1 0xDAA320A7u
#define MESSAGE_MAGIC_V2 0xDAA320ABu /* two-byte topic length, for topics over 127 bytes */
#define MESSAGE_MAGIC_BLANK 0xCBD43194u
#define MESSAGE_PROPERTIES_MAX 32767
#define MESSAGE_TOPIC_MAX 255

/* sysFlag bits, constants.md section 2. */
#define SYS_FLAG_COMPRESSED 0x1
#define SYS_FLAG_MULTI_TAGS 0x2
#define SYS_FLAG_TRANSACTION_MASK 0xC
#define SYS_FLAG_TRANSACTION_NONE 0x0
#define SYS_FLAG_TRANSACTION_PREPARED 0x4
#define SYS_FLAG_TRANSACTION_COMMIT 0x8
#define SYS_FLAG_TRANSACTION_ROLLBACK 0xC
#define SYS_FLAG_BORN_HOST_V6 0x10
#define SYS_FLAG_STORE_HOST_V6 0x20
#define SYS_FLAG_INNER_BATCH 0x80

struct host {
	uint8_t addr[16]; /* network order; IPv4 in the first four */
	bool is_v6;
	uint16_t port;
};

struct message {
	struct slice topic, body, properties; /* properties: name 0x01 value 0x02 ... */
	int32_t queue_id;
	int32_t flag;
	int32_t sys_flag;                        /* host bits are set by the encoder from the hosts */
	int64_t born_timestamp, store_timestamp; /* ms since 1970 */
	struct host born_host, store_host;
	int32_t reconsume_times;
	int64_t prepared_transaction_offset;
	/* Filled by decode; on append by the store. */
	int64_t queue_offset, physical_offset;
	uint32_t body_crc;
	bool is_crc_known; /* body_crc is message_body_crc(body): message_encode takes it over */
	uint32_t magic;
	uint32_t size;
};

/* Bytes that the message takes, or 0 when topic, properties or body are over what the format can hold. */
size_t message_size(const struct message *m);

/* The CRC-32 that the format has of a body. */
uint32_t message_body_crc(struct slice body);

/* Write m (all fields as they are in m; size and CRC are computed) to `out`, which has message_size(m) bytes. */
void message_encode(const struct message *m, uint8_t *out);

/* Decode the message at the start of `in` (which may have more behind it). check_crc compares the body's CRC-32.
 * Returns RC_OK; RC_AGAIN when `in` is shorter than the message; RC_NOT_FOUND at a blank (m->size, magic are set);
 * RC_MALFORMED; RC_CORRUPT on a CRC mismatch. */
enum rc message_decode(struct slice in, bool check_crc, struct message *m);

/* A property by name, false when absent. Accepts text with and without the last separator. */
bool message_property(struct slice properties, const char *name, struct slice *value);

#define MESSAGE_NAME_END '\x01'
#define MESSAGE_VALUE_END '\x02'

/* The next name and value of *rest, which moves on; false at its end. Parts without a 0x01 are skipped, as Java does. */
static inline bool message_next_property(struct slice *rest, struct slice *name, struct slice *value)
{
	const char *at = rest->at, *end, *name_end, *value_end;

	if (rest->len == 0)
		return false;
	end = at + rest->len;
	while (at < end) {
		name_end = find_either(at, end, MESSAGE_NAME_END, MESSAGE_VALUE_END);
		if (name_end < end && *name_end == MESSAGE_NAME_END) {
			value_end = find_either(name_end + 1, end, MESSAGE_VALUE_END, MESSAGE_VALUE_END);
			*name = (struct slice){at, (size_t)(name_end - at)};
			*value = (struct slice){name_end + 1, (size_t)(value_end - name_end - 1)};
			at = value_end < end ? value_end + 1 : end;
			*rest = (struct slice){at, (size_t)(end - at)};
			return true;
		}
		at = name_end < end ? name_end + 1 : end;
	}
	*rest = (struct slice){end, 0};
	return false;
}

/* Append / replace / remove properties in a buffer that holds properties text. */
void message_property_put(struct buf *properties, const char *name, struct slice value);
void message_property_remove(struct buf *properties, const char *name);

/* tagsCode of a consume queue entry: Java hashCode of TAGS, 0 without. */
int64_t message_tags_code(struct slice properties);

/* offsetMsgId: upper-case hex of address, port, physical offset: 32 (or 56 with IPv6) characters + NUL into out[57]. */
void message_id_encode(const struct host *store_host, int64_t physical_offset, char out[57]);
enum rc message_id_decode(struct slice id, struct host *store_host, int64_t *physical_offset);

/* "1.2.3.4:10911" / "[::1]:10911" and back. out has 64 bytes. */
void host_format(const struct host *h, char out[64]);
enum rc host_parse(struct slice text, struct host *h);

#endif
