/* A whole broker with a small store, given what clients and tools might send it (core.h says how an input reads). */
#include "tests/fuzz/broker_core.h"
#include "tests/fuzz/target.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_core f;

	if (f.core == NULL)
		fuzz_core_start_broker(&f);
	fuzz_core_run(&f, (struct slice){(const char *)data, size});
	return 0;
}
