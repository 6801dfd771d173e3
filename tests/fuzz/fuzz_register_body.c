/* The body of REGISTER_BROKER. The first byte chooses: even, the rest is the body; odd, the rest is compressed first, so that the
 * fuzzer gets behind zlib. */
#include "namesrv/register_body.h"
#include "tests/fuzz/target.h"

#include <zlib.h>

static void decode(struct slice body)
{
	struct register_body b;

	if (register_body_decode(body, &b) != RC_OK)
		return;
	ASSERT(b.topic_count <= REGISTER_TOPICS_MAX && b.filter_server_count <= ROUTE_FILTER_SERVERS_MAX);
	for (size_t i = 0; i < b.topic_count; i++) {
		ASSERT(b.topics[i].name.at != NULL);
		ASSERT(b.topics[i].mapping.len == 0 || b.has_mappings);
	}
	register_body_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buf packed = {0};
	uLongf packed_size;

	if (size == 0)
		return 0;
	if (data[0] % 2 == 0) {
		decode((struct slice){(const char *)data + 1, size - 1});
		return 0;
	}
	packed_size = compressBound(size - 1);
	if (compress(buf_grow(&packed, packed_size), &packed_size, data + 1, size - 1) == Z_OK)
		decode((struct slice){(const char *)packed.data, packed_size});
	buf_free(&packed);
	return 0;
}
