#include "bench/measure.h"

bool measure_counts(const struct measure *m, uint64_t due_ns, uint64_t done_ns)
{
	uint64_t at = m->by_due ? due_ns : done_ns;

	return at >= m->from_ns && at < m->until_ns;
}

static uint64_t between(uint64_t due_ns, uint64_t done_ns) { return done_ns > due_ns ? done_ns - due_ns : 0; }

void measure_note(struct measure *m, uint64_t due_ns, uint64_t done_ns, uint64_t messages)
{
	m->messages_this_second += messages;
	histogram_add(&m->this_second, between(due_ns, done_ns));
	if (!measure_counts(m, due_ns, done_ns))
		return;
	histogram_add(&m->latency, between(due_ns, done_ns));
	m->messages += messages;
}

void measure_note_other(struct measure *m, uint64_t due_ns, uint64_t done_ns)
{
	if (measure_counts(m, due_ns, done_ns))
		histogram_add(&m->other, between(due_ns, done_ns));
}

void measure_error(struct measure *m, int32_t code)
{
	if (m->errors++ == 0)
		m->first_error_code = code;
}
