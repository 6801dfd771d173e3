#include "broker/data_version.h"

bool data_version_equal(const struct data_version *a, const struct data_version *b)
{
	return a->state_version == b->state_version && a->timestamp == b->timestamp && a->counter == b->counter;
}

void data_version_bump(struct data_version *v, uint64_t wall_ms)
{
	v->timestamp = (int64_t)wall_ms;
	v->counter++;
}

void data_version_write(const struct data_version *v, struct json_writer *w)
{
	json_object(w);
	json_member_i64(w, "counter", v->counter);
	json_member_i64(w, "stateVersion", v->state_version);
	json_member_i64(w, "timestamp", v->timestamp);
	json_object_end(w);
}

void data_version_read(const cJSON *object, struct data_version *v)
{
	json_read_i64(object, "counter", &v->counter);
	json_read_i64(object, "stateVersion", &v->state_version);
	json_read_i64(object, "timestamp", &v->timestamp);
}
