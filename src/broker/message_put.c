/* Happy path: scan the properties once, decide on the queue, store_append. Nothing is allocated but the growth of the caller's buffer.
 * Failure: the store says why; message_put_error() turns that into Apache's code and remark. */
#include "broker/message_put.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/random.h>
#include <unistd.h>

#include "base/mem.h"
#include "broker/broker_config.h"
#include "broker/delay_service.h"
#include "broker/topic_table.h"
#include "remoting/response_code.h"

#define IS(text) (memcmp(name.at, (text), sizeof(text) - 1) == 0)

/* Where the value of this name goes, or NULL; by length first, because every name of every message comes here. */
static struct slice *place_of(struct message_props *p, struct slice name)
{
	switch (name.len) {
	case 4:
		return IS("TAGS") ? &p->tags : IS("KEYS") ? &p->keys : IS("WAIT") ? &p->wait : NULL;
	case 5:
		return IS("DELAY") ? &p->delay : NULL;
	case 7:
		return IS("CLUSTER") ? &p->cluster : NULL;
	case 8:
		return IS("UNIQ_KEY") ? &p->uniq_key : IS("TRAN_MSG") ? &p->tran_msg : IS("REAL_QID") ? &p->real_queue_id : NULL;
	case 10:
		return IS("REAL_TOPIC") ? &p->real_topic : NULL;
	case 11:
		return IS("RETRY_TOPIC") ? &p->retry_topic : NULL;
	case 17:
		return IS("ORIGIN_MESSAGE_ID") ? &p->origin_message_id : NULL;
	default:
		return NULL;
	}
}

/* The broker's own, to be replaced. */
static bool is_reserved(struct slice name)
{
	switch (name.len) {
	case 6:
		return IS("POP_CK");
	case 7:
		return IS("CLUSTER");
	case 8:
		return IS("TRACE_ON");
	case 10:
		return IS("MSG_REGION");
	default:
		return false;
	}
}

static bool is_timer(struct slice name)
{
	switch (name.len) {
	case 14:
		return IS("TIMER_DELAY_MS");
	case 15:
		return IS("TIMER_DELAY_SEC");
	case 16:
		return IS("TIMER_DELIVER_MS");
	default:
		return false;
	}
}

void message_props_scan(struct slice text, struct message_props *props)
{
	struct slice name, value;

	*props = (struct message_props){0};
	while (message_next_property(&text, &name, &value)) {
		struct slice *place = place_of(props, name);

		if (place != NULL)
			*place = value;
		props->has_reserved |= is_reserved(name);
		props->has_timer |= is_timer(name);
	}
}

int32_t message_props_delay_level(const struct message_props *props)
{
	int32_t level = 0;

	return slice_to_i32(props->delay, &level) ? level : 0;
}

bool message_props_waits(const struct message_props *props)
{
	bool waits;

	/* Java: anything but "true" reads as false once the property is there (Boolean.parseBoolean). */
	return props->wait.len == 0 || (slice_to_bool(props->wait, &waits) && waits);
}

static bool is_named(struct slice name, const char *const *names)
{
	for (; *names != NULL; names++) {
		if (slice_is(name, *names))
			return true;
	}
	return false;
}

void message_props_copy(struct buf *out, struct slice text, const char *const *without)
{
	struct slice name, value;

	while (message_next_property(&text, &name, &value)) {
		if (is_named(name, without))
			continue;
		buf_put_slice(out, name);
		buf_put_u8(out, MESSAGE_NAME_END);
		buf_put_slice(out, value);
		buf_put_u8(out, MESSAGE_VALUE_END);
	}
}

/* Park the message under SCHEDULE_TOPIC_XXXX; DELAY is what the store computes the delivery time from, so a level above the
 * last one is written down as the last one. */
static void make_delayed(struct broker *b, struct message *m, struct buf *props_text, int32_t level)
{
	char number[16];
	int32_t levels = delay_service_levels(b->delay);

	if (level > levels) {
		level = levels;
		snprintf(number, sizeof(number), "%d", level);
		message_property_put(props_text, "DELAY", slice_of(number));
	}
	message_property_put(props_text, "REAL_TOPIC", m->topic);
	snprintf(number, sizeof(number), "%d", m->queue_id);
	message_property_put(props_text, "REAL_QID", slice_of(number));
	m->properties = buf_slice(props_text);
	m->topic = SLICE_LIT(TOPIC_SCHEDULE);
	m->queue_id = level - 1;
}

enum rc message_put(struct broker *b, struct topic *topic, struct message *m, struct buf *props_text, int32_t delay_level,
		    struct append_result *result)
{
	struct store_queue *queue;
	bool is_delayed = delay_level > 0 && delay_service_levels(b->delay) > 0;
	enum rc rc;

	if (is_delayed) {
		make_delayed(b, m, props_text, delay_level);
		topic = NULL; /* the schedule's */
	}
	if (m->properties.len > MESSAGE_PROPERTIES_MAX)
		return RC_TOO_BIG;
	if (topic == NULL)
		topic = topic_find(b->topics, m->topic);
	queue = topic ? topic_queue(b, topic, m->queue_id, true) : store_queue_open(b->store, m->topic, m->queue_id);
	if (queue == NULL)
		return RC_BUSY;
	m->store_host = b->store_host;
	rc = store_append(b->store, queue, m, b->wall_ms, result);
	if (rc == RC_OK && is_delayed)
		delay_service_added(b, m->queue_id + 1);
	return rc;
}

enum watermark message_put_mark(const struct broker *b, bool waits)
{
	return waits && b->config->flush_disk_type == FLUSH_DISK_SYNC ? WATERMARK_FLUSHED : WATERMARK_WRITTEN;
}

int32_t message_put_error(struct broker *b, enum rc rc, struct arena *arena, const char **remark)
{
	struct store_figures figures;

	switch (rc) {
	case RC_TOO_BIG:
		*remark = arena_printf(arena,
				       "the message is illegal, maybe msg body or properties length not matched. msg body length "
				       "limit %dB, msg properties length limit 32KB.",
				       b->config->max_message_size);
		return MESSAGE_ILLEGAL;
	case RC_READ_ONLY:
	case RC_DISK_FULL:
	case RC_IO:
		store_get_figures(b->store, &figures);
		*remark = arena_printf(
			arena,
			"service not available now. It may be caused by one of the following reasons: the broker's disk "
			"is full [CL: %5.2f CQ: %5.2f INDEX: %5.2f], messages are put to the slave, message store has been "
			"shut down, etc. (%s)",
			figures.disk_ratio_commit_log, figures.disk_ratio_queues, figures.disk_ratio_queues,
			figures.why_read_only[0] ? figures.why_read_only : rc_text(rc));
		return SERVICE_NOT_AVAILABLE;
	case RC_BUSY:
		*remark = arena_printf(arena, "the broker holds as many queues as it can (%d)", STORE_QUEUES_MAX);
		return SYSTEM_BUSY;
	default:
		*remark = arena_printf(arena, "the message could not be stored: %s", rc_text(rc));
		return SYSTEM_ERROR;
	}
}

struct host peer_host(const struct peer *peer)
{
	struct host host = {0};

	if (host_parse(slice_of(peer->address), &host) != RC_OK)
		host = (struct host){0};
	return host;
}

/* xorshift: even enough to spread messages over queues; not for secrets. */
static uint32_t next_random(void)
{
	static uint32_t state;

	if (state == 0 && getrandom(&state, sizeof(state), 0) != sizeof(state))
		state = (uint32_t)getpid();
	if (state == 0)
		state = 1;
	state ^= state << 13;
	state ^= state >> 17;
	state ^= state << 5;
	return state;
}

int32_t random_queue(int32_t queues) { return queues > 1 ? (int32_t)(next_random() % (uint32_t)queues) : 0; }

/* Address 4, process 2, a random word in place of the class loader's hash 4, time of day 4, counter 2: 16 bytes in hex. */
void unique_id(const struct broker *b, char out[33])
{
	static uint32_t instance;
	static uint16_t counter;

	if (instance == 0)
		instance = next_random();
	snprintf(out, 33, "%02X%02X%02X%02X%04X%08X%08X%04X", b->store_host.addr[0], b->store_host.addr[1], b->store_host.addr[2],
		 b->store_host.addr[3], (unsigned)getpid() & 0xFFFF, instance, (uint32_t)b->wall_ms, counter);
	counter++;
}
