#include "tests/fuzz/broker_core.h"

#include "broker/broker.h"
#include "broker/broker_config.h"

static void set_time(void *core, uint64_t wall_ms) { broker_set_time(core, wall_ms); }
static void end_turn(void *core) { broker_end_turn(core); }

static void set(struct broker_config *config, const char *key, const char *value)
{
	char *error;

	ASSERT(config_set(&broker_config_schema, config, slice_of(key), slice_of(value), &error) == RC_OK);
}

void fuzz_core_start_broker(struct fuzz_core *f)
{
	struct broker_config *config = broker_config_new();
	struct broker_services services;
	struct broker *b;
	char *error;

	fuzz_core_init(f);
	set(config, "brokerName", "broker-a");
	set(config, "brokerIP1", "127.0.0.1");
	set(config, "mappedFileSizeCommitLog", "8388608");
	set(config, "mappedFileSizeConsumeQueue", "60000");
	set(config, "maxMessageSize", "65536");
	ASSERT(broker_config_resolve(config, f->folder, &error) == RC_OK);
	services = (struct broker_services){&f->timers, &f->executor, &f->outbound, f->wall_ms};
	ASSERT(broker_new(config, &services, &b, &error) == RC_OK);
	broker_start(b);
	f->core = b;
	f->dispatch = &broker_dispatch;
	f->set_time = set_time;
	f->end_turn = end_turn;
}
