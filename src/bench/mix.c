/* Smooth weighted round robin: each value earns its share a call, the richest is taken and pays the total. */
#include "bench/mix.h"

#include "base/mem.h"
#include "base/slice.h"

static bool add(struct mix *m, struct slice item)
{
	size_t colon = slice_find(item, ':');
	struct slice value = slice_sub(item, 0, colon);
	int32_t share = 1;

	if (m->count == MIX_VALUES_MAX || value.len == 0 || value.len > MIX_VALUE_CHARS)
		return false;
	if (colon < item.len && !slice_to_i32(slice_sub(item, colon + 1, item.len), &share))
		return false;
	if (share < 1 || share > MIX_SHARE_MAX)
		return false;
	mem_format(m->values[m->count], sizeof(m->values[0]), "%.*s", SLICE_ARG(value));
	m->shares[m->count++] = share;
	m->total += share;
	return true;
}

bool mix_parse(struct mix *m, const char *text)
{
	struct slice rest = slice_of(text), item;

	*m = (struct mix){0};
	while (slice_split(&rest, ',', &item))
		if (!add(m, item))
			return false;
	return m->count > 0;
}

int mix_pick(struct mix *m)
{
	int best = 0;

	if (m->count < 2)
		return 0;
	for (int i = 0; i < m->count; i++) {
		m->credit[i] += m->shares[i];
		if (m->credit[i] > m->credit[best])
			best = i;
	}
	m->credit[best] -= m->total;
	return best;
}
