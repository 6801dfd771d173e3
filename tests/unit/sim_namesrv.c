#include "tests/unit/sim_namesrv.h"

#include <check.h>
#include <stdlib.h>

#include "base/mem.h"
#include "base/properties.h"
#include "namesrv/namesrv.h"
#include "namesrv/namesrv_config.h"

static void set_time(void *core, uint64_t wall_ms) { namesrv_set_time(core, wall_ms); }
static void free_core(void *core) { namesrv_free(core); }

static enum rc apply(void *ctx, unsigned line, struct slice key, struct slice value)
{
	char *error = NULL;
	enum rc rc = config_set(&namesrv_config_schema, ctx, key, value, &error);

	ck_assert_msg(rc == RC_OK, "line %u: %s", line, error ? error : "?");
	free(error);
	return rc;
}

struct sim_node *sim_namesrv(struct sim *s, const char *name, const char *address, const char *settings)
{
	struct namesrv_config *config = namesrv_config_new();
	struct sim_core core = {
		.dispatch = &namesrv_dispatch, .on_close = namesrv_peer_closed, .set_time = set_time, .free = free_core};
	struct namesrv *n = NULL;
	char *home = mem_printf("%s/%s", sim_folder(s), name), *error = NULL;
	unsigned bad_line;

	ck_assert_int_eq(properties_parse(slice_of(settings), apply, config, &bad_line), RC_OK);
	namesrv_config_resolve(config, home);
	free(home);
	dispatch_check(&namesrv_dispatch);
	ck_assert_msg(namesrv_new(config, sim_timers(s), sim_executor(s), sim_wall(s), &n, &error) == RC_OK, "%s", error);
	core.core = n;
	return sim_node_start(s, name, address, &core);
}
