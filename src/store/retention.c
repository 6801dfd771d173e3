#include "store/retention.h"

#include <stdlib.h>

#include "base/mem.h"
#include "store/store_internal.h"

struct retention {
	struct store *store;
};

struct retention *retention_create(struct store *s)
{
	struct retention *r = mem_zalloc(sizeof(*r));

	r->store = s;
	return r;
}

void retention_destroy(struct retention *r) { free(r); }
