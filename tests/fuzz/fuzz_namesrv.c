/* A whole name server, given what brokers, clients and tools might send it (core.h says how an input reads). */
#include "namesrv/namesrv.h"
#include "namesrv/namesrv_config.h"
#include "tests/fuzz/core.h"
#include "tests/fuzz/target.h"

static void set_time(void *core, uint64_t wall_ms) { namesrv_set_time(core, wall_ms); }

static void start(struct fuzz_core *f)
{
	struct namesrv_config *config = namesrv_config_new();
	struct namesrv *n;
	char *error;

	fuzz_core_init(f);
	namesrv_config_resolve(config, f->folder);
	ASSERT(namesrv_new(config, &f->timers, &f->executor, f->wall_ms, &n, &error) == RC_OK);
	f->core = n;
	f->dispatch = &namesrv_dispatch;
	f->on_close = namesrv_peer_closed;
	f->set_time = set_time;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct fuzz_core f;

	if (f.core == NULL)
		start(&f);
	fuzz_core_run(&f, (struct slice){(const char *)data, size});
	return 0;
}
