/* The binary header: input is the header's bytes. */
#include "tests/fuzz/header_check.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	check_header(CODEC_BINARY, (struct slice){(const char *)data, size});
	return 0;
}
