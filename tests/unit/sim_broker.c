#include "tests/unit/sim_broker.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/properties.h"
#include "broker/broker_config.h"

static void set_time(void *core, uint64_t wall_ms) { broker_set_time(core, wall_ms); }
static void end_turn(void *core) { broker_end_turn(core); }
static void free_core(void *core) { broker_free(core); }

static enum rc apply(void *ctx, unsigned line, struct slice key, struct slice value)
{
	char *error = NULL;
	enum rc rc = config_set(&broker_config_schema, ctx, key, value, &error);

	ck_assert_msg(rc == RC_OK, "line %u: %s", line, error ? error : "?");
	free(error);
	return rc;
}

static void set_all(struct broker_config *config, const char *settings)
{
	unsigned bad_line = 0;

	ck_assert_int_eq(properties_parse(slice_of(settings), apply, config, &bad_line), RC_OK);
}

struct sim_node *sim_broker(struct sim *s, const char *name, const char *address, const char *settings)
{
	struct broker_services services = {
		.timers = sim_timers(s), .executor = sim_executor(s), .outbound = sim_outbound(s, name), .wall_ms = sim_wall(s)};
	struct sim_core core = {.dispatch = &broker_dispatch, .set_time = set_time, .end_turn = end_turn, .free = free_core};
	struct broker_config *config = broker_config_new();
	struct broker *b = NULL;
	char *error = NULL, *text, *home = mem_printf("%s/%s", sim_folder(s), name);
	size_t colon = slice_find(slice_of(address), ':');

	text = mem_printf("brokerName=%s\nbrokerIP1=%.*s\nlistenPort=%s\nmappedFileSizeCommitLog="
			  "1048576\nmappedFileSizeConsumeQueue=60000\n"
			  "maxHashSlotNum=1000\nmaxIndexNum=4000\n",
			  name, (int)colon, address, address + colon + 1);
	set_all(config, text);
	set_all(config, settings);
	ck_assert_msg(broker_config_resolve(config, home, &error) == RC_OK, "%s", error);
	ck_assert_msg(broker_new(config, &services, &b, &error) == RC_OK, "%s", error);
	free(text);
	free(home);
	broker_start(b);
	core.core = b;
	return sim_node_start(s, name, address, &core);
}
