/* Happy path: message_size says what a message takes, message_encode writes it in one pass to its final place, message_decode reads it
 * back as slices. Failure: a decoder only answers with a code; it asserts nothing about the bytes. */
#include "store/message.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "base/wire.h"
#include "store/crc.h"

/* Everything but topic, body, properties, with IPv4 hosts and a one-byte topic length. */
#define FIXED_BYTES 91
#define V6_EXTRA 12
#define TOPIC_V1_MAX 127 /* Apache MessageVersion: longer topics need V2 */

size_t message_size(const struct message *m)
{
	size_t size = FIXED_BYTES;

	if (m->topic.len > MESSAGE_TOPIC_MAX || m->properties.len > MESSAGE_PROPERTIES_MAX || m->body.len > INT32_MAX / 2)
		return 0;
	size += m->born_host.is_v6 ? V6_EXTRA : 0;
	size += m->store_host.is_v6 ? V6_EXTRA : 0;
	size += m->topic.len > TOPIC_V1_MAX ? 1 : 0;
	return size + m->topic.len + m->body.len + m->properties.len;
}

/* Apache UtilAll.crc32: the top bit is cleared, so that Java's int is never negative. */
uint32_t message_body_crc(struct slice body)
{
	if (body.len == 0)
		return 0;
	return crc_of(body.at, body.len) & 0x7FFFFFFFu;
}

static uint8_t *put_bytes(uint8_t *p, const void *bytes, size_t n)
{
	if (n)
		memcpy(p, bytes, n);
	return p + n;
}

static uint8_t *put_host(uint8_t *p, const struct host *h)
{
	p = put_bytes(p, h->addr, h->is_v6 ? 16 : 4);
	put_u32(p, h->port);
	return p + 4;
}

void message_encode(const struct message *m, uint8_t *out)
{
	bool is_v2 = m->topic.len > TOPIC_V1_MAX;
	uint32_t sys_flag = (uint32_t)m->sys_flag & ~(uint32_t)(SYS_FLAG_BORN_HOST_V6 | SYS_FLAG_STORE_HOST_V6);
	uint8_t *p = out;

	sys_flag |= m->born_host.is_v6 ? SYS_FLAG_BORN_HOST_V6 : 0;
	sys_flag |= m->store_host.is_v6 ? SYS_FLAG_STORE_HOST_V6 : 0;
	put_u32(p, (uint32_t)message_size(m));
	put_u32(p + 4, is_v2 ? MESSAGE_MAGIC_V2 : MESSAGE_MAGIC_V1);
	put_u32(p + 8, m->is_crc_known ? m->body_crc : message_body_crc(m->body));
	put_u32(p + 12, (uint32_t)m->queue_id);
	put_u32(p + 16, (uint32_t)m->flag);
	put_u64(p + 20, (uint64_t)m->queue_offset);
	put_u64(p + 28, (uint64_t)m->physical_offset);
	put_u32(p + 36, sys_flag);
	put_u64(p + 40, (uint64_t)m->born_timestamp);
	p = put_host(p + 48, &m->born_host);
	put_u64(p, (uint64_t)m->store_timestamp);
	p = put_host(p + 8, &m->store_host);
	put_u32(p, (uint32_t)m->reconsume_times);
	put_u64(p + 4, (uint64_t)m->prepared_transaction_offset);
	put_u32(p + 12, (uint32_t)m->body.len);
	p = put_bytes(p + 16, m->body.at, m->body.len);
	if (is_v2)
		*p++ = (uint8_t)(m->topic.len >> 8);
	*p++ = (uint8_t)m->topic.len;
	p = put_bytes(p, m->topic.at, m->topic.len);
	put_u16(p, (uint16_t)m->properties.len);
	put_bytes(p + 2, m->properties.at, m->properties.len);
}

static void take_host(struct wire *w, bool is_v6, struct host *h)
{
	struct slice addr = wire_take(w, is_v6 ? 16 : 4);
	uint32_t port = wire_u32(w);

	*h = (struct host){.is_v6 = is_v6, .port = (uint16_t)port};
	if (w->rc == RC_OK)
		memcpy(h->addr, addr.at, addr.len);
}

static void take_fields(struct wire *w, struct message *m)
{
	uint32_t sys_flag;

	m->body_crc = wire_u32(w);
	m->queue_id = (int32_t)wire_u32(w);
	m->flag = (int32_t)wire_u32(w);
	m->queue_offset = (int64_t)wire_u64(w);
	m->physical_offset = (int64_t)wire_u64(w);
	sys_flag = wire_u32(w);
	m->sys_flag = (int32_t)sys_flag;
	m->born_timestamp = (int64_t)wire_u64(w);
	take_host(w, sys_flag & SYS_FLAG_BORN_HOST_V6, &m->born_host);
	m->store_timestamp = (int64_t)wire_u64(w);
	take_host(w, sys_flag & SYS_FLAG_STORE_HOST_V6, &m->store_host);
	m->reconsume_times = (int32_t)wire_u32(w);
	m->prepared_transaction_offset = (int64_t)wire_u64(w);
	m->body = wire_take(w, wire_u32(w));
	m->topic = wire_take(w, m->magic == MESSAGE_MAGIC_V2 ? wire_u16(w) : wire_u8(w));
	m->properties = wire_take(w, wire_u16(w));
}

enum rc message_decode(struct slice in, bool check_crc, struct message *m)
{
	struct wire w = wire_over(in);

	*m = (struct message){0};
	if (in.len < 8)
		return RC_AGAIN;
	m->size = wire_u32(&w);
	m->magic = wire_u32(&w);
	if (m->magic == MESSAGE_MAGIC_BLANK)
		return RC_NOT_FOUND;
	if ((m->magic != MESSAGE_MAGIC_V1 && m->magic != MESSAGE_MAGIC_V2) || m->size < FIXED_BYTES || m->size > INT32_MAX)
		return RC_MALFORMED;
	if (in.len < m->size)
		return RC_AGAIN;
	w.end = in.at + m->size;
	take_fields(&w, m);
	if (w.rc != RC_OK || wire_left(&w) != 0)
		return RC_MALFORMED;
	if (check_crc && m->body.len && message_body_crc(m->body) != m->body_crc)
		return RC_CORRUPT;
	return RC_OK;
}

/* The last one of a name counts, as in Java's map. */
bool message_property(struct slice properties, const char *name, struct slice *value)
{
	struct slice wanted = slice_of(name), n, v;
	bool found = false;

	while (message_next_property(&properties, &n, &v)) {
		if (!slice_eq(n, wanted))
			continue;
		*value = v;
		found = true;
	}
	return found;
}

void message_property_remove(struct buf *properties, const char *name)
{
	struct slice rest, wanted = slice_of(name), part;
	uint8_t *to;

	buf_reserve(properties, 1); /* text without its last separator gets one */
	rest = buf_slice(properties);
	to = properties->data;
	while (slice_split(&rest, MESSAGE_VALUE_END, &part)) {
		if (part.len == 0 || slice_eq(slice_sub(part, 0, slice_find(part, MESSAGE_NAME_END)), wanted))
			continue;
		memmove(to, part.at, part.len);
		to += part.len;
		*to++ = MESSAGE_VALUE_END;
	}
	properties->len = (size_t)(to - properties->data);
}

void message_property_put(struct buf *properties, const char *name, struct slice value)
{
	message_property_remove(properties, name);
	buf_put_text(properties, name);
	buf_put_u8(properties, MESSAGE_NAME_END);
	buf_put_slice(properties, value);
	buf_put_u8(properties, MESSAGE_VALUE_END);
}

int64_t message_tags_code(struct slice properties)
{
	struct slice tags;

	if (!message_property(properties, "TAGS", &tags) || tags.len == 0)
		return 0;
	return slice_java_hash(tags);
}

static char *put_hex(char *out, uint64_t v, int digits)
{
	static const char hex[] = "0123456789ABCDEF";

	for (int i = digits; i-- > 0; v >>= 4)
		out[i] = hex[v & 15];
	return out + digits;
}

void message_id_encode(const struct host *store_host, int64_t physical_offset, char out[57])
{
	size_t addr = store_host->is_v6 ? 16 : 4;

	for (size_t i = 0; i < addr; i += 4)
		out = put_hex(out, get_u32(store_host->addr + i), 8);
	out = put_hex(out, store_host->port, 8);
	out = put_hex(out, (uint64_t)physical_offset, 16);
	*out = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

enum rc message_id_decode(struct slice id, struct host *store_host, int64_t *physical_offset)
{
	size_t addr = id.len == 56 ? 16 : 4;
	uint8_t raw[28];

	if (id.len != 32 && id.len != 56)
		return RC_MALFORMED;
	for (size_t i = 0; i < id.len / 2; i++) {
		int high = hex_digit(id.at[2 * i]), low = hex_digit(id.at[2 * i + 1]);

		if (high < 0 || low < 0)
			return RC_MALFORMED;
		raw[i] = (uint8_t)(high << 4 | low);
	}
	*store_host = (struct host){.is_v6 = addr == 16, .port = (uint16_t)get_u32(raw + addr)};
	memcpy(store_host->addr, raw, addr);
	*physical_offset = (int64_t)get_u64(raw + addr + 4);
	return RC_OK;
}

void host_format(const struct host *h, char out[64])
{
	char addr[INET6_ADDRSTRLEN] = "?";

	inet_ntop(h->is_v6 ? AF_INET6 : AF_INET, h->addr, addr, sizeof(addr));
	mem_format(out, 64, h->is_v6 ? "[%s]:%u" : "%s:%u", addr, h->port);
}

/* Java prints addresses with a slash in front; taken too. */
enum rc host_parse(struct slice text, struct host *h)
{
	char addr[INET6_ADDRSTRLEN];
	struct host parsed = {0};
	size_t colon;
	int32_t port;

	if (text.len && text.at[0] == '/')
		text = slice_sub(text, 1, text.len);
	for (colon = text.len; colon > 0 && text.at[colon - 1] != ':'; colon--)
		;
	if (colon == 0 || !slice_to_i32(slice_sub(text, colon, text.len), &port) || port < 0 || port > 65535)
		return RC_MALFORMED;
	text.len = colon - 1;
	parsed.port = (uint16_t)port;
	if (text.len >= 2 && text.at[0] == '[' && text.at[text.len - 1] == ']') {
		parsed.is_v6 = true;
		text = slice_sub(text, 1, text.len - 2);
	}
	if (text.len >= sizeof(addr))
		return RC_MALFORMED;
	memcpy(addr, text.at, text.len); /* no printf: a broker parses the sender of every message */
	addr[text.len] = '\0';
	if (inet_pton(parsed.is_v6 ? AF_INET6 : AF_INET, addr, parsed.addr) != 1)
		return RC_MALFORMED;
	*h = parsed;
	return RC_OK;
}
