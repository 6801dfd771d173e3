#include "broker/paging.h"

#include "base/json_read.h"

#define PAGE_MAX 2000 /* splitMetadataSize: topics in one page of 21 */

/* Does the header's dataVersion (JSON text) equal ours? Only then is a sequence number worth anything. */
static bool is_current(struct slice text, const struct data_version *ours)
{
	struct data_version theirs = {-1, -1, -1};
	cJSON *tree;

	if (text.len == 0 || json_parse(text, &tree) != RC_OK)
		return false;
	data_version_read(tree, &theirs);
	json_free(tree);
	return data_version_equal(&theirs, ours);
}

struct page_range page_of(uint64_t present, struct slice version, const struct data_version *ours, int32_t sequence, int32_t most,
			  size_t total)
{
	struct page_range r = {0, total};

	if (present == 0) /* before 5.4.0: everything */
		return r;
	if (is_current(version, ours) && sequence > 0)
		r.from = (size_t)sequence;
	r.to = r.from + (most > 0 && most < PAGE_MAX ? (size_t)most : PAGE_MAX);
	return r;
}
