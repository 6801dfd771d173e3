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

#define NAME_END '\x01'
#define VALUE_END '\x02'

bool message_props_next(struct slice *text, struct slice *name, struct slice *value)
{
	struct slice item;

	while (slice_split(text, VALUE_END, &item)) {
		size_t end = slice_find(item, NAME_END);

		if (end == item.len)
			continue;
		*name = slice_sub(item, 0, end);
		*value = slice_sub(item, end + 1, item.len);
		return true;
	}
	return false;
}

static bool is_timer_property(struct slice name)
{
	return slice_eq(name, SLICE_LIT("TIMER_DELAY_SEC")) || slice_eq(name, SLICE_LIT("TIMER_DELAY_MS")) ||
	       slice_eq(name, SLICE_LIT("TIMER_DELIVER_MS"));
}

static void note_property(struct message_props *p, struct slice name, struct slice value)
{
	static const struct {
		struct slice name;
		size_t offset;
	} known[] = {
		{SLICE_LIT("UNIQ_KEY"), offsetof(struct message_props, uniq_key)},
		{SLICE_LIT("KEYS"), offsetof(struct message_props, keys)},
		{SLICE_LIT("TAGS"), offsetof(struct message_props, tags)},
		{SLICE_LIT("DELAY"), offsetof(struct message_props, delay)},
		{SLICE_LIT("WAIT"), offsetof(struct message_props, wait)},
		{SLICE_LIT("TRAN_MSG"), offsetof(struct message_props, tran_msg)},
		{SLICE_LIT("CLUSTER"), offsetof(struct message_props, cluster)},
		{SLICE_LIT("RETRY_TOPIC"), offsetof(struct message_props, retry_topic)},
		{SLICE_LIT("ORIGIN_MESSAGE_ID"), offsetof(struct message_props, origin_message_id)},
		{SLICE_LIT("REAL_TOPIC"), offsetof(struct message_props, real_topic)},
		{SLICE_LIT("REAL_QID"), offsetof(struct message_props, real_queue_id)},
	};

	for (size_t i = 0; i < COUNT_OF(known); i++) {
		if (known[i].name.len == name.len && memcmp(known[i].name.at, name.at, name.len) == 0) {
			*(struct slice *)((char *)p + known[i].offset) = value;
			break;
		}
	}
	if (name.len >= 6 && name.at[0] == 'T' && name.at[1] == 'I' && is_timer_property(name))
		p->has_timer = true;
	if (slice_eq(name, SLICE_LIT("POP_CK")) || slice_eq(name, SLICE_LIT("MSG_REGION")) ||
	    slice_eq(name, SLICE_LIT("TRACE_ON")) || slice_eq(name, SLICE_LIT("CLUSTER")))
		p->has_reserved = true;
}

void message_props_scan(struct slice text, struct message_props *props)
{
	struct slice name, value;

	*props = (struct message_props){0};
	while (message_props_next(&text, &name, &value))
		note_property(props, name, value);
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

	while (message_props_next(&text, &name, &value)) {
		if (is_named(name, without))
			continue;
		buf_put_slice(out, name);
		buf_put_u8(out, NAME_END);
		buf_put_slice(out, value);
		buf_put_u8(out, VALUE_END);
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

enum rc message_put(struct broker *b, struct message *m, struct buf *props_text, int32_t delay_level,
		    struct append_result *result)
{
	struct topic *topic;
	struct store_queue *queue;
	bool is_delayed = delay_level > 0 && delay_service_levels(b->delay) > 0;
	enum rc rc;

	if (is_delayed)
		make_delayed(b, m, props_text, delay_level);
	if (m->properties.len > MESSAGE_PROPERTIES_MAX)
		return RC_TOO_BIG;
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
