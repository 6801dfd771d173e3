/* paging: which rows a paged question (21, 201 from 5.4.0 on) gets. Seen on 5.5.0, request_codes.tsv row 21. Thread: core. */
#ifndef BROKER_PAGING_H
#define BROKER_PAGING_H

#include <stddef.h>

#include "base/slice.h"
#include "broker/data_version.h"

struct page_range {
	size_t from, to; /* to may be past the end */
};

/* `present`: of the request's header; 0 (no header: an older client) gives everything. `sequence` counts only when `version` (JSON text of a
 * DataVersion) equals ours, else the pages begin anew. */
struct page_range page_of(uint64_t present, struct slice version, const struct data_version *ours, int32_t sequence, int32_t most,
			  size_t total);

#endif
