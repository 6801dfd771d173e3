/* mix: values with shares, "128:7,1024:2,4096:1" or "a:99,b"; a share left out is 1.
 *
 * mix_pick spreads the values evenly over its calls (no random numbers: each run has the same order).
 * Thread: the owner's. Memory: fixed, inside the struct. */
#ifndef BENCH_MIX_H
#define BENCH_MIX_H

#include <stdbool.h>
#include <stdint.h>

#define MIX_VALUES_MAX 16
#define MIX_VALUE_CHARS 127
#define MIX_SHARE_MAX 100000

struct mix {
	char values[MIX_VALUES_MAX][MIX_VALUE_CHARS + 1];
	int shares[MIX_VALUES_MAX];
	int64_t credit[MIX_VALUES_MAX]; /* of mix_pick */
	int64_t total;                  /* of the shares */
	int count;
};

/* False when the text is empty, has too many values, or a value or share that is too long or no number from 1 to MIX_SHARE_MAX;
 * *m is then of no use. */
bool mix_parse(struct mix *m, const char *text);

/* Index of the next value; 0 when there are none. */
int mix_pick(struct mix *m);

#endif
