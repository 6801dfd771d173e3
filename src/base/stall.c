/* Happy path: nearly every turn is short; it costs its readings of the clock and a comparison at its end.
 * A long one: the phase with the most time counts it, and one line a second says what it spent where. */
#include "base/stall.h"

#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/mem.h"

#define SHOWN_NS 500000u /* phases with less are not in the line */

_Thread_local struct stall *stall_here;

#define STALL_TEXT(name, text) text,
static const char *const names[] = {STALL_PHASES(STALL_TEXT)};

const char *stall_phase_name(enum stall_phase phase) { return names[phase]; }

void stall_init(struct stall *s, uint64_t (*now_ns)(void))
{
	*s = (struct stall){.now_ns = now_ns};
	stall_here = s;
}

void stall_fini(struct stall *s)
{
	if (stall_here == s)
		stall_here = NULL;
}

/* The time since the last change belongs to where it was. */
static uint64_t account(struct stall *s)
{
	uint64_t now = s->now_ns(), spent = now - s->since_ns;

	s->spent_ns[s->where >> STALL_CODE_BITS] += spent;
	if (spent > s->longest_ns) {
		s->longest_ns = spent;
		s->longest_where = s->where;
	}
	s->since_ns = now;
	return now;
}

uint32_t stall_change(struct stall *s, uint32_t where)
{
	uint32_t was = s->where;

	(void)account(s);
	s->where = where;
	return was;
}

void stall_begin(struct stall *s)
{
	memset(s->spent_ns, 0, sizeof(s->spent_ns));
	s->longest_ns = 0;
	s->where = s->longest_where = (uint32_t)STALL_NETWORK << STALL_CODE_BITS;
	s->began_ns = s->since_ns = s->now_ns();
}

static double ms(uint64_t ns) { return (double)ns / 1e6; }

static void describe(const struct stall *s, char *out, size_t size)
{
	size_t len = 0;

	*out = '\0';
	for (int i = 0; i < STALL_PHASE_COUNT; i++) {
		if (s->spent_ns[i] < SHOWN_NS)
			continue;
		if (!mem_format(out + len, size - len, "%s%s %.1f", len ? ", " : "", names[i], ms(s->spent_ns[i])))
			return;
		len += strlen(out + len);
	}
}

static void write_line(struct stall *s, uint64_t took_ns, uint64_t now_ns)
{
	char phases[512], code[32] = "";

	if (!log_limited(now_ns / 1000000, &s->logged_ms, &s->dropped))
		return;
	if (s->longest_where >> STALL_CODE_BITS == STALL_REQUEST)
		mem_format(code, sizeof(code), " %u", s->longest_where & ((1u << STALL_CODE_BITS) - 1));
	describe(s, phases, sizeof(phases));
	log_warn("loop", "a turn took %.1f ms (%s); longest at one go: %s%s, %.1f ms; %llu like it before were not logged",
		 ms(took_ns), phases, names[s->longest_where >> STALL_CODE_BITS], code, ms(s->longest_ns),
		 (unsigned long long)s->dropped);
	s->dropped = 0;
}

void stall_end(struct stall *s)
{
	uint64_t now = account(s), took = now - s->began_ns;
	int most = 0;

	if (took <= STALL_LIMIT_NS)
		return;
	for (int i = 1; i < STALL_PHASE_COUNT; i++)
		if (s->spent_ns[i] > s->spent_ns[most])
			most = i;
	s->count++;
	s->counts[most]++;
	if (took > s->longest_turn_ns)
		s->longest_turn_ns = took;
	write_line(s, took, now);
}
