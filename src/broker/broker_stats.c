/* broker_stats: a one-second timer takes the totals' sample, and every tenth time those of the items that moved.
 *
 *   item: value, times -- sampled --> minute ring (10 s apart) -> hour ring (10 min) -> day ring (1 h)
 *
 * An item joins the active list when it is counted and leaves it once all its samples are equal, so that a hundred thousand idle
 * topics cost nothing a second. */
#include "broker/broker_stats.h"

#include <stdlib.h>
#include <time.h>
#include <uthash.h>

#include "base/list.h"
#include "base/mem.h"
#include "base/stall.h"
#include "base/timers.h"
#include "broker/broker.h"
#include "broker/broker_config.h"
#include "broker/topic_table.h"

#define SECONDS_KEPT 601
#define ITEM_SAMPLE_SECONDS 10
#define HOUR_SAMPLE_SECONDS 600
#define DAY_SAMPLE_SECONDS 3600
#define KEY_MAX 1024

struct sample {
	uint64_t at_ms, value, times;
};

/* Apache keeps 7, 7 and 25 samples: 60 s, 60 min and 24 h between the oldest and the newest. */
#define MINUTE_SAMPLES 7
#define HOUR_SAMPLES 7
#define DAY_SAMPLES 25

struct ring {
	struct sample *samples;
	unsigned cap, count, next;
};

struct item {
	uint64_t value, times;
	struct ring rings[STATS_SPANS];
	struct list active;
	struct item *sizes; /* of GROUP_GET_NUMS: the GROUP_GET_SIZE of the same key, so that a pull looks up once */
	UT_hash_handle hh;
	size_t name_len, key_len;
	struct sample storage[MINUTE_SAMPLES + HOUR_SAMPLES + DAY_SAMPLES];
	char key[]; /* name, NUL, key */
};

struct topic_stats { /* topic->stats */
	struct item *put_nums, *put_size;
};

struct second {
	uint64_t at_ms;
	uint64_t counts[RATE_COUNT];
};

struct broker_stats {
	struct broker *broker;
	struct stats_totals totals;
	struct second seconds[SECONDS_KEPT];
	unsigned second_count, second_next;
	uint64_t ticks;
	int day; /* of the year, local; -1 before the first look */
	struct item *items;
	struct list active;
	struct item *broker_put, *broker_get;
	struct timer timer;
};

/* ---- items ---- */

static void ring_init(struct ring *r, struct sample *storage, unsigned cap) { *r = (struct ring){storage, cap, 0, 0}; }

static void ring_add(struct ring *r, struct sample s)
{
	r->samples[r->next] = s;
	r->next = (r->next + 1) % r->cap;
	if (r->count < r->cap)
		r->count++;
}

static const struct sample *ring_oldest(const struct ring *r) { return &r->samples[r->count < r->cap ? 0 : r->next]; }

static size_t item_key(char key[KEY_MAX], struct slice name, struct slice a, struct slice b)
{
	size_t len = 0;

	if (name.len + a.len + b.len + 2 > KEY_MAX)
		return 0;
	memcpy(key, name.at, name.len);
	len = name.len;
	key[len++] = '\0';
	if (a.len != 0)
		memcpy(key + len, a.at, a.len);
	len += a.len;
	if (b.len != 0) {
		key[len++] = '@';
		memcpy(key + len, b.at, b.len);
		len += b.len;
	}
	return len;
}

/* The item of a name and a key "a" or "a@b"; made when `make`. NULL: unknown, or STATS_ITEMS_MAX. */
static struct item *item_of(struct broker_stats *s, struct slice name, struct slice a, struct slice b, bool make)
{
	char key[KEY_MAX];
	size_t len = item_key(key, name, a, b);
	struct item *i = NULL;

	if (len == 0)
		return NULL;
	HASH_FIND(hh, s->items, key, len, i);
	if (i != NULL || !make || HASH_COUNT(s->items) >= STATS_ITEMS_MAX)
		return i;
	i = mem_zalloc(sizeof(*i) + len + 1);
	memcpy(i->key, key, len);
	i->name_len = name.len;
	i->key_len = len - name.len - 1;
	list_init(&i->active);
	ring_init(&i->rings[STATS_MINUTE], i->storage, MINUTE_SAMPLES);
	ring_init(&i->rings[STATS_HOUR], i->storage + MINUTE_SAMPLES, HOUR_SAMPLES);
	ring_init(&i->rings[STATS_DAY], i->storage + MINUTE_SAMPLES + HOUR_SAMPLES, DAY_SAMPLES);
	HASH_ADD_KEYPTR(hh, s->items, i->key, len, i);
	return i;
}

static struct sample sample_now(const struct broker_stats *s, const struct item *i)
{
	return (struct sample){s->broker->timers->now_ms, i->value, i->times};
}

static void item_add(struct broker_stats *s, struct item *i, uint64_t value)
{
	if (i == NULL)
		return;
	if (list_is_empty(&i->active)) {
		/* The value before this count is where its windows begin. */
		for (int span = 0; span < STATS_SPANS; span++)
			ring_add(&i->rings[span], sample_now(s, i));
		list_append(&s->active, &i->active);
	}
	i->value += value;
	i->times++;
}

static void drop_item(struct broker_stats *s, struct item *i)
{
	HASH_DEL(s->items, i);
	list_remove(&i->active);
	free(i);
}

static bool is_still(const struct item *i)
{
	for (int span = 0; span < STATS_SPANS; span++)
		if (ring_oldest(&i->rings[span])->times != i->times)
			return false;
	return true;
}

static void sample_items(struct broker_stats *s)
{
	LIST_FOR_EACH_SAFE (it, &s->active) {
		struct item *i = CONTAINER_OF(it, struct item, active);

		ring_add(&i->rings[STATS_MINUTE], sample_now(s, i));
		if (s->ticks % HOUR_SAMPLE_SECONDS == 0)
			ring_add(&i->rings[STATS_HOUR], sample_now(s, i));
		if (s->ticks % DAY_SAMPLE_SECONDS == 0)
			ring_add(&i->rings[STATS_DAY], sample_now(s, i));
		if (is_still(i))
			list_remove(&i->active);
	}
}

/* From the oldest sample of the ring to now. */
static struct stats_window window_of(const struct broker_stats *s, const struct item *i, enum stats_span span)
{
	const struct ring *r = &i->rings[span];
	struct sample now = sample_now(s, i);
	const struct sample *first;
	struct stats_window w = {0, 0, 0};
	uint64_t ms;

	if (r->count == 0 || list_is_empty(&i->active))
		return w;
	first = ring_oldest(r);
	ms = now.at_ms - first->at_ms;
	w.sum = now.value - first->value;
	w.per_second = ms ? (double)w.sum * 1000.0 / (double)ms : 0;
	w.per_time = now.times > first->times ? (double)w.sum / (double)(now.times - first->times) : 0;
	return w;
}

bool stats_view(struct broker_stats *s, struct slice name, struct slice key, struct stats_window windows[STATS_SPANS])
{
	struct item *i = item_of(s, name, key, (struct slice){NULL, 0}, false);

	if (i == NULL)
		return false;
	for (int span = 0; span < STATS_SPANS; span++)
		windows[span] = window_of(s, i, (enum stats_span)span);
	return true;
}

double stats_topic_put_tps(struct broker_stats *s, struct slice topic)
{
	struct item *i = item_of(s, SLICE_LIT("TOPIC_PUT_NUMS"), topic, (struct slice){NULL, 0}, false);

	return i ? window_of(s, i, STATS_MINUTE).per_second : 0;
}

double stats_group_get_tps(struct broker_stats *s, struct slice group, struct slice topic)
{
	struct item *i = item_of(s, SLICE_LIT("GROUP_GET_NUMS"), topic, group, false);

	return i ? window_of(s, i, STATS_MINUTE).per_second : 0;
}

/* ---- counting ---- */

static struct topic_stats *stats_of(struct broker_stats *s, struct topic *topic)
{
	struct slice none = {NULL, 0};
	struct topic_stats *t = topic->stats;

	if (t == NULL) {
		t = mem_zalloc(sizeof(*t));
		t->put_nums = item_of(s, SLICE_LIT("TOPIC_PUT_NUMS"), topic->name, none, true);
		t->put_size = item_of(s, SLICE_LIT("TOPIC_PUT_SIZE"), topic->name, none, true);
		topic->stats = t;
	}
	return t;
}

void stats_count_put(struct broker *b, struct topic *topic, uint64_t messages, uint64_t bytes)
{
	struct broker_stats *s = b->stats;

	s->totals.put_messages += messages;
	s->totals.put_bytes += bytes;
	item_add(s, s->broker_put, messages);
	if (topic == NULL)
		return;
	item_add(s, stats_of(s, topic)->put_nums, messages);
	item_add(s, stats_of(s, topic)->put_size, bytes);
}

void stats_count_get(struct broker *b, struct topic *topic, struct slice group, uint64_t messages, uint64_t bytes)
{
	struct broker_stats *s = b->stats;
	struct item *item;

	s->totals.get_messages += messages;
	s->totals.get_bytes += bytes;
	s->totals.get_found++;
	item_add(s, s->broker_get, messages);
	if (topic == NULL)
		return;
	item = item_of(s, SLICE_LIT("GROUP_GET_NUMS"), topic->name, group, true);
	if (item == NULL)
		return;
	if (item->sizes == NULL) /* both go together in drop_items */
		item->sizes = item_of(s, SLICE_LIT("GROUP_GET_SIZE"), topic->name, group, true);
	item_add(s, item, messages);
	item_add(s, item->sizes, bytes);
}

void stats_count_get_miss(struct broker *b) { b->stats->totals.get_missed++; }

void stats_count_send_back(struct broker *b, struct topic *topic, struct slice group)
{
	if (topic != NULL)
		item_add(b->stats, item_of(b->stats, SLICE_LIT("SNDBCK_PUT_NUMS"), topic->name, group, true), 1);
}

/* Items whose key is `topic`, begins with topic@, or ends with @group. */
static void drop_items(struct broker_stats *s, struct slice topic, struct slice group)
{
	struct item *i, *next;

	HASH_ITER (hh, s->items, i, next) {
		struct slice key = {i->key + i->name_len + 1, i->key_len};
		size_t at = slice_find(key, '@');

		if (i == s->broker_put || i == s->broker_get)
			continue;
		if ((topic.len != 0 && slice_eq(slice_sub(key, 0, at), topic)) ||
		    (group.len != 0 && at < key.len && slice_eq(slice_sub(key, at + 1, key.len), group)))
			drop_item(s, i);
	}
}

void stats_topic_deleted(struct broker *b, struct topic *topic)
{
	drop_items(b->stats, topic->name, (struct slice){NULL, 0});
	free(topic->stats);
	topic->stats = NULL;
}

void stats_group_deleted(struct broker *b, struct slice group) { drop_items(b->stats, (struct slice){NULL, 0}, group); }

/* ---- totals ---- */

const struct stats_totals *stats_totals(const struct broker_stats *s) { return &s->totals; }

static struct second second_now(const struct broker_stats *s)
{
	struct second now = {.at_ms = s->broker->timers->now_ms};

	now.counts[RATE_PUT] = s->totals.put_messages;
	now.counts[RATE_GET_MESSAGES] = s->totals.get_messages;
	now.counts[RATE_GET_FOUND] = s->totals.get_found;
	now.counts[RATE_GET_MISSED] = s->totals.get_missed;
	now.counts[RATE_GET_TOTAL] = s->totals.get_found + s->totals.get_missed;
	return now;
}

double stats_rate(const struct broker_stats *s, enum stats_rate rate, unsigned seconds)
{
	struct second now = second_now(s);
	unsigned back = seconds < s->second_count ? seconds : s->second_count;
	const struct second *then;

	if (back == 0)
		return 0;
	then = &s->seconds[(s->second_next + SECONDS_KEPT - back) % SECONDS_KEPT];
	return now.at_ms > then->at_ms
		       ? (double)(now.counts[rate] - then->counts[rate]) * 1000.0 / (double)(now.at_ms - then->at_ms)
		       : 0;
}

/* At local midnight today's morning becomes yesterday's (BrokerStats.record). */
static void look_at_day(struct broker_stats *s)
{
	time_t now = (time_t)(s->broker->wall_ms / 1000);
	struct tm tm;

	if (localtime_r(&now, &tm) == NULL || tm.tm_yday == s->day)
		return;
	if (s->day >= 0) {
		s->totals.put_yesterday_morning = s->totals.put_today_morning;
		s->totals.get_yesterday_morning = s->totals.get_today_morning;
		s->totals.put_today_morning = s->totals.put_messages;
		s->totals.get_today_morning = s->totals.get_messages;
	}
	s->day = tm.tm_yday;
}

static void on_second(struct timer *timer)
{
	struct broker_stats *s = CONTAINER_OF(timer, struct broker_stats, timer);

	(void)stall_at(STALL_STATISTICS, 0);
	s->ticks++;
	s->seconds[s->second_next] = second_now(s);
	s->second_next = (s->second_next + 1) % SECONDS_KEPT;
	if (s->second_count < SECONDS_KEPT)
		s->second_count++;
	if (s->ticks % ITEM_SAMPLE_SECONDS == 0) {
		sample_items(s);
		look_at_day(s);
	}
	timer_start(s->broker->timers, &s->timer, 1000);
}

void broker_stats_start(struct broker_stats *s) { timer_start(s->broker->timers, &s->timer, 1000); }

struct broker_stats *broker_stats_new(struct broker *b)
{
	struct broker_stats *s = mem_zalloc(sizeof(*s));
	struct slice cluster = slice_of(b->config->broker_cluster_name), none = {NULL, 0};

	s->broker = b;
	s->day = -1;
	s->timer.on_timer = on_second;
	list_init(&s->active);
	s->broker_put = item_of(s, SLICE_LIT("BROKER_PUT_NUMS"), cluster, none, true);
	s->broker_get = item_of(s, SLICE_LIT("BROKER_GET_NUMS"), cluster, none, true);
	look_at_day(s);
	return s;
}

void broker_stats_free(struct broker_stats *s)
{
	struct item *i, *next;

	if (s == NULL)
		return;
	timer_stop(s->broker->timers, &s->timer);
	HASH_ITER (hh, s->items, i, next)
		drop_item(s, i);
	free(s);
}
