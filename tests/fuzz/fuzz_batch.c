/* A batch: input is the body of a SEND_BATCH_MESSAGE to a broker. What is
 * well-formed may be acknowledged (it is then staged, written and dispatched to its queue); what is not must never be. */
#include "base/wire.h"
#include "remoting/response_code.h"
#include "tests/fuzz/broker_core.h"
#include "tests/fuzz/target.h"

static const char send_header[] =
	"{\"code\":320,\"opaque\":1,\"extFields\":{\"a\":\"group\",\"b\":\"Batch\",\"c\":\"TBW102\",\"d\":\"1\",\"e\":\"0\","
	"\"f\":\"0\",\"g\":\"1795252000000\",\"h\":\"0\",\"i\":\"KEYS\\u0001k\\u0002\",\"m\":\"true\"}}";

/* totalSize, magic, crc, flag, body, properties, again and again, to the last byte (Apache MessageDecoder.decodeMessage). */
static bool is_well_formed(struct slice in)
{
	struct wire w = wire_over(in);

	while (wire_left(&w) != 0) {
		size_t before = wire_left(&w);
		uint32_t size = wire_u32(&w);

		wire_take(&w, 12);
		wire_take(&w, wire_u32(&w));
		wire_take(&w, wire_u16(&w));
		if (w.rc != RC_OK || before - wire_left(&w) != size)
			return false;
	}
	return in.len != 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_core f;
	struct slice body = {(const char *)data, size};
	int32_t code;

	if (f.core == NULL)
		fuzz_core_start_broker(&f);
	code = fuzz_core_send(&f, SLICE_LIT(send_header), body);
	ASSERT(code != SUCCESS || is_well_formed(body));
	return 0;
}
