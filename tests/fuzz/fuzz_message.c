/* A stored message: input is what stands in a log or comes in an answer. What decodes is encoded and decoded again; its properties are
 * looked at, changed and removed. */
#include <stdlib.h>

#include "base/mem.h"
#include "store/message.h"
#include "tests/fuzz/target.h"

static void check_again(const struct message *m)
{
	size_t size = message_size(m);
	struct message again;
	uint8_t *bytes;

	if (size == 0) /* the input said V2 or more than the encoder takes */
		return;
	bytes = mem_alloc(size);
	message_encode(m, bytes);
	ASSERT(message_decode((struct slice){(char *)bytes, size}, true, &again) == RC_OK);
	ASSERT(again.size == size);
	ASSERT(slice_eq(again.topic, m->topic) && slice_eq(again.body, m->body) && slice_eq(again.properties, m->properties));
	ASSERT(again.queue_id == m->queue_id && again.flag == m->flag && again.queue_offset == m->queue_offset);
	ASSERT(again.physical_offset == m->physical_offset && again.born_timestamp == m->born_timestamp);
	ASSERT(again.store_timestamp == m->store_timestamp && again.reconsume_times == m->reconsume_times);
	free(bytes);
}

static void check_properties(struct slice properties)
{
	struct slice value;
	struct buf b = {0};

	(void)message_tags_code(properties);
	(void)message_property(properties, "UNIQ_KEY", &value);
	buf_put_slice(&b, properties);
	message_property_put(&b, "DELAY", SLICE_LIT("3"));
	ASSERT(message_property(buf_slice(&b), "DELAY", &value) && slice_is(value, "3"));
	message_property_remove(&b, "DELAY");
	ASSERT(!message_property(buf_slice(&b), "DELAY", &value));
	buf_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice in = {(const char *)data, size};
	struct message m;
	struct host host;
	int64_t offset;

	for (int check_crc = 0; check_crc <= 1; check_crc++) {
		if (message_decode(in, check_crc, &m) != RC_OK)
			continue;
		ASSERT(m.size <= size);
		check_again(&m);
		check_properties(m.properties);
	}
	(void)message_id_decode(in, &host, &offset);
	(void)host_parse(in, &host);
	return 0;
}
