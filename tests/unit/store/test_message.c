#include <check.h>

#include "base/mem.h"
#include "store/crc.h"
#include "store/message.h"

#include <stdlib.h>
#include <zlib.h>

Suite *suite_message(void);

static struct host v4(void) { return (struct host){.addr = {10, 1, 2, 3}, .port = 10911}; }
static struct host v6(void) { return (struct host){.addr = {0x20, 1, [15] = 1}, .is_v6 = true, .port = 10911}; }

static struct message sample(void)
{
	return (struct message){.topic = SLICE_LIT("TopicA"),
				.body = SLICE_LIT("hello"),
				.properties = SLICE_LIT("KEYS\x01k1 k2\x02TAGS\x01TagA\x02"),
				.queue_id = 3,
				.flag = 7,
				.sys_flag = SYS_FLAG_TRANSACTION_COMMIT,
				.born_timestamp = 1700000000123,
				.store_timestamp = 1700000000456,
				.born_host = v4(),
				.store_host = v4(),
				.reconsume_times = 2,
				.prepared_transaction_offset = 99,
				.queue_offset = 42,
				.physical_offset = 4096};
}

static uint8_t *encoded(const struct message *m, size_t *size)
{
	uint8_t *bytes;

	*size = message_size(m);
	ck_assert_uint_gt(*size, 0);
	bytes = mem_alloc(*size);
	message_encode(m, bytes);
	return bytes;
}

static const struct {
	bool born_v6, store_v6;
	size_t topic_len, extra;
	uint32_t magic;
} forms[] = {
	{false, false, 6, 0, MESSAGE_MAGIC_V1},   {true, false, 6, 12, MESSAGE_MAGIC_V1},
	{false, true, 127, 12, MESSAGE_MAGIC_V1}, {true, true, 128, 25, MESSAGE_MAGIC_V2},
	{false, false, 255, 1, MESSAGE_MAGIC_V2},
};

/* By members: the padding between them is anything. */
static bool is_same_host(const struct host *a, const struct host *b)
{
	return memcmp(a->addr, b->addr, sizeof(a->addr)) == 0 && a->is_v6 == b->is_v6 && a->port == b->port;
}

START_TEST(what_is_encoded_is_decoded)
{
	struct message m = sample(), got;
	char topic[256];
	size_t size;
	uint8_t *bytes;

	memset(topic, 'x', sizeof(topic));
	m.topic = (struct slice){topic, forms[_i].topic_len};
	m.born_host = forms[_i].born_v6 ? v6() : v4();
	m.store_host = forms[_i].store_v6 ? v6() : v4();
	bytes = encoded(&m, &size);
	ck_assert_uint_eq(size, 91 + forms[_i].extra + m.topic.len + m.body.len + m.properties.len);
	ck_assert_int_eq(message_decode((struct slice){(char *)bytes, size}, true, &got), RC_OK);
	ck_assert_uint_eq(got.magic, forms[_i].magic);
	ck_assert_uint_eq(got.size, size);
	ck_assert(slice_eq(got.topic, m.topic) && slice_eq(got.body, m.body) && slice_eq(got.properties, m.properties));
	ck_assert_int_eq(got.queue_id, 3);
	ck_assert_int_eq(got.flag, 7);
	ck_assert_int_eq(got.sys_flag & SYS_FLAG_TRANSACTION_MASK, SYS_FLAG_TRANSACTION_COMMIT);
	ck_assert_int_eq(got.born_timestamp, m.born_timestamp);
	ck_assert_int_eq(got.store_timestamp, m.store_timestamp);
	ck_assert(is_same_host(&got.born_host, &m.born_host));
	ck_assert(is_same_host(&got.store_host, &m.store_host));
	ck_assert_int_eq(got.reconsume_times, 2);
	ck_assert_int_eq(got.prepared_transaction_offset, 99);
	ck_assert_int_eq(got.queue_offset, 42);
	ck_assert_int_eq(got.physical_offset, 4096);
	free(bytes);
}
END_TEST

/* Each prefix is "more bytes are needed", each changed length or magic is refused, and nothing is read beyond the end. */
START_TEST(damage_is_an_answer)
{
	struct message m = sample(), got;
	size_t size;
	uint8_t *bytes = encoded(&m, &size);

	for (size_t n = 0; n < size; n++) {
		char *part = mem_alloc(n ? n : 1);

		memcpy(part, bytes, n);
		ck_assert_int_eq(message_decode((struct slice){part, n}, true, &got), RC_AGAIN);
		free(part);
	}
	for (size_t at = 0; at < size; at++) {
		enum rc rc;

		bytes[at] ^= 0x80;
		rc = message_decode((struct slice){(char *)bytes, size}, true, &got);
		ck_assert(rc == RC_OK || rc == RC_AGAIN || rc == RC_MALFORMED || rc == RC_CORRUPT);
		if (at < 8 || (at >= 84 && at < 88))
			ck_assert_int_ne(rc, RC_OK);
		if (at >= 88 && at < 93)
			ck_assert_int_eq(rc, RC_CORRUPT);
		bytes[at] ^= 0x80;
	}
	bytes[90] ^= 1;
	ck_assert_int_eq(message_decode((struct slice){(char *)bytes, size}, false, &got), RC_OK);
	free(bytes);
}
END_TEST

START_TEST(a_blank_is_told)
{
	static const char blank[8] = {0, 0, 1, 0, (char)0xCB, (char)0xD4, 0x31, (char)0x94};
	struct message got;

	ck_assert_int_eq(message_decode((struct slice){blank, 8}, true, &got), RC_NOT_FOUND);
	ck_assert_uint_eq(got.size, 256);
}
END_TEST

START_TEST(what_the_format_cannot_hold_has_no_size)
{
	struct message m = sample();

	m.topic.len = MESSAGE_TOPIC_MAX + 1;
	ck_assert_uint_eq(message_size(&m), 0);
	m = sample();
	m.properties.len = MESSAGE_PROPERTIES_MAX + 1;
	ck_assert_uint_eq(message_size(&m), 0);
	m = sample();
	m.body.len = UINT32_MAX;
	ck_assert_uint_eq(message_size(&m), 0);
}
END_TEST

static const struct {
	const char *before, *name, *value, *after;
} property_puts[] = {
	{"", "A", "1",
	 "A\x01"
	 "1\x02"},
	{"A\x01"
	 "1\x02",
	 "A", "2",
	 "A\x01"
	 "2\x02"},
	{"A\x01"
	 "1\x02"
	 "B\x01"
	 "2",
	 "A", "3",
	 "B\x01"
	 "2\x02"
	 "A\x01"
	 "3\x02"},
	{"A\x01"
	 "1\x02"
	 "B\x01"
	 "2",
	 "B", "",
	 "A\x01"
	 "1\x02"
	 "B\x01\x02"},
	{"AB\x01"
	 "1",
	 "A", "x",
	 "AB\x01"
	 "1\x02"
	 "A\x01"
	 "x\x02"},
};

START_TEST(properties_are_put)
{
	struct buf text = {0};

	buf_put_text(&text, property_puts[_i].before);
	message_property_put(&text, property_puts[_i].name, slice_of(property_puts[_i].value));
	ck_assert(slice_is(buf_slice(&text), property_puts[_i].after));
	message_property_remove(&text, property_puts[_i].name);
	ck_assert(!message_property(buf_slice(&text), property_puts[_i].name, &(struct slice){0}));
	buf_free(&text);
}
END_TEST

/* Against the plain reading: split at 0x02, then at the first 0x01; all texts of five pieces of these. */
static void check_properties(const char *text)
{
	struct slice rest = slice_of(text), splits = rest, name, value, part;

	while (slice_split(&splits, MESSAGE_VALUE_END, &part)) {
		size_t at = slice_find(part, MESSAGE_NAME_END);

		if (at == part.len)
			continue;
		ck_assert(message_next_property(&rest, &name, &value));
		ck_assert(slice_eq(name, slice_sub(part, 0, at)));
		ck_assert(slice_eq(value, slice_sub(part, at + 1, part.len)));
	}
	ck_assert(!message_next_property(&rest, &name, &value));
}

START_TEST(properties_are_what_splitting_says)
{
	static const char *const pieces[] = {"", "\x01", "\x02", "ab", "a-name-longer-than-sixteen-bytes"};

	for (int i = 0; i < 5 * 5 * 5 * 5 * 5; i++) {
		char text[256] = "";

		for (int place = 0, n = i; place < 5; place++, n /= 5)
			strcat(text, pieces[n % 5]);
		check_properties(text);
	}
}
END_TEST

START_TEST(the_last_value_of_a_name_counts)
{
	struct slice v;

	ck_assert(message_property(SLICE_LIT("A\x01"
					     "1\x02junk\x02"
					     "A\x01"
					     "2"),
				   "A", &v));
	ck_assert(slice_is(v, "2"));
	ck_assert(!message_property(SLICE_LIT("A\x01"
					      "1\x02"),
				    "B", &v));
	ck_assert_int_eq(message_tags_code(SLICE_LIT("TAGS\x01TagA\x02")), 2598919);
	ck_assert_int_eq(message_tags_code(SLICE_LIT("TAGS\x01\x02")), 0);
	ck_assert_int_eq(message_tags_code(SLICE_LIT("KEYS\x01k\x02")), 0);
}
END_TEST

START_TEST(message_ids)
{
	struct host h = v4(), back;
	int64_t offset;
	char id[57];

	message_id_encode(&h, 123456789, id);
	ck_assert_str_eq(id, "0A01020300002A9F00000000075BCD15");
	ck_assert_int_eq(message_id_decode(slice_of(id), &back, &offset), RC_OK);
	ck_assert_int_eq(offset, 123456789);
	ck_assert(is_same_host(&back, &h));
	h = v6();
	message_id_encode(&h, 1, id);
	ck_assert_uint_eq(strlen(id), 56);
	ck_assert_int_eq(message_id_decode(slice_of(id), &back, &offset), RC_OK);
	ck_assert(is_same_host(&back, &h));
	id[5] = 'g';
	ck_assert_int_eq(message_id_decode(slice_of(id), &back, &offset), RC_MALFORMED);
	ck_assert_int_eq(message_id_decode(SLICE_LIT("0A"), &back, &offset), RC_MALFORMED);
}
END_TEST

/* Each length and alignment against zlib's. */
START_TEST(crc_is_zlibs)
{
	static uint8_t bytes[5000];
	uint32_t x = 12345;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)((x = x * 1103515245 + 12345) >> 16);
	for (size_t from = 0; from < 17; from++)
		for (size_t n = 0; n < 700; n++)
			ck_assert_uint_eq(crc_of(bytes + from, n), crc32_z(0, bytes + from, n));
	for (size_t n = 700; n < sizeof(bytes); n += 37)
		ck_assert_uint_eq(crc_of(bytes, n), crc32_z(0, bytes, n));
	ck_assert_uint_eq(crc_of("123456789", 9), 0xCBF43926u);
}
END_TEST

static const struct {
	const char *text, *back;
} hosts[] = {
	{"1.2.3.4:10911", "1.2.3.4:10911"},
	{"/1.2.3.4:1", "1.2.3.4:1"},
	{"[::1]:10911", "[::1]:10911"},
	{"1.2.3.4", NULL},
	{"1.2.3.4:70000", NULL},
	{"1.2.3:1", NULL},
	{"::1:5", NULL},
	{"", NULL},
	{"[::1:5", NULL},
	{"1.2.3.4:", NULL},
};

START_TEST(hosts_as_text)
{
	struct host h;
	char text[64];
	enum rc rc = host_parse(slice_of(hosts[_i].text), &h);

	ck_assert_int_eq(rc, hosts[_i].back ? RC_OK : RC_MALFORMED);
	if (hosts[_i].back) {
		host_format(&h, text);
		ck_assert_str_eq(text, hosts[_i].back);
	}
}
END_TEST

Suite *suite_message(void)
{
	Suite *s = suite_create("message");
	TCase *tc = tcase_create("message");

	tcase_add_loop_test(tc, what_is_encoded_is_decoded, 0, (int)COUNT_OF(forms));
	tcase_add_test(tc, damage_is_an_answer);
	tcase_add_test(tc, a_blank_is_told);
	tcase_add_test(tc, what_the_format_cannot_hold_has_no_size);
	tcase_add_loop_test(tc, properties_are_put, 0, (int)COUNT_OF(property_puts));
	tcase_add_test(tc, properties_are_what_splitting_says);
	tcase_add_test(tc, the_last_value_of_a_name_counts);
	tcase_add_test(tc, crc_is_zlibs);
	tcase_add_test(tc, message_ids);
	tcase_add_loop_test(tc, hosts_as_text, 0, (int)COUNT_OF(hosts));
	suite_add_tcase(s, tc);
	return s;
}
