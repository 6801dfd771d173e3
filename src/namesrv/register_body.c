#include "namesrv/register_body.h"

#include <stdlib.h>
#include <zlib.h>

#include "base/json_writer.h"
#include "base/mem.h"
#include "base/wire.h"

bool route_version_read(const cJSON *object, struct route_version *out)
{
	struct route_version v = {0};

	if (!json_read_i64(object, "counter", &v.counter) || !json_read_i64(object, "stateVersion", &v.state_version) ||
	    !json_read_i64(object, "timestamp", &v.timestamp))
		return false;
	*out = v;
	return true;
}

void route_version_write(const struct route_version *v, struct buf *out)
{
	struct json_writer w;

	json_begin(&w, out, JSON_COMPACT);
	json_object(&w);
	json_member_i64(&w, "counter", v->counter);
	json_member_i64(&w, "stateVersion", v->state_version);
	json_member_i64(&w, "timestamp", v->timestamp);
	json_object_end(&w);
}

void register_body_free(struct register_body *b)
{
	for (size_t i = 0; i < b->topic_count; i++)
		cJSON_free((char *)b->topics[i].mapping.at);
	for (size_t i = 0; i < COUNT_OF(b->parts); i++)
		json_free(b->parts[i]);
	free(b->by_name);
	free(b->topics);
	free(b->filter_servers);
	json_free(b->tree);
	buf_free(&b->inflated);
	*b = (struct register_body){0};
}

static void add_topic(struct register_body *b, const struct route_topic *topic)
{
	if (b->topic_count == b->topic_cap) {
		b->topic_cap = b->topic_cap ? b->topic_cap * 2 : 64;
		b->topics = mem_realloc(b->topics, b->topic_cap * sizeof(*b->topics));
	}
	b->topics[b->topic_count++] = *topic;
}

static enum rc take_filter_servers(struct register_body *b, const cJSON *list)
{
	int count = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

	if (list == NULL || cJSON_IsNull(list))
		return RC_OK;
	if (!cJSON_IsArray(list) || count > ROUTE_FILTER_SERVERS_MAX)
		return RC_MALFORMED;
	b->has_filter_servers = true;
	b->filter_servers = mem_zalloc(sizeof(struct slice) * ((size_t)count + 1));
	JSON_EACH (it, list)
		if (!json_value_text(it, &b->filter_servers[b->filter_server_count++]))
			return RC_MALFORMED;
	return RC_OK;
}

/* ---- static topics: kept as text, clients get it back as it is ---- */

static int by_name(const void *a, const void *b)
{
	struct slice x = (*(struct route_topic *const *)a)->name, y = (*(struct route_topic *const *)b)->name;
	int c = memcmp(x.at, y.at, x.len < y.len ? x.len : y.len);

	return c != 0 ? c : (x.len > y.len) - (x.len < y.len);
}

static struct route_topic *find_topic(struct register_body *b, struct slice name)
{
	struct route_topic key = {.name = name}, *wanted = &key, **found;

	if (b->topic_count == 0 || name.at == NULL)
		return NULL;
	if (b->by_name == NULL) {
		b->by_name = mem_alloc(b->topic_count * sizeof(*b->by_name));
		for (size_t i = 0; i < b->topic_count; i++)
			b->by_name[i] = &b->topics[i];
		qsort(b->by_name, b->topic_count, sizeof(*b->by_name), by_name);
	}
	found = bsearch(&wanted, b->by_name, b->topic_count, sizeof(*b->by_name), by_name);
	return found ? *found : NULL;
}

static enum rc take_mapping(struct register_body *b, const cJSON *info)
{
	struct slice name = {0};
	struct route_topic *topic;
	char *text;

	if (!cJSON_IsObject(info) || !json_read_text(info, "topic", &name))
		return RC_MALFORMED;
	b->has_mappings = true;
	topic = find_topic(b, name);
	if (topic == NULL || topic->mapping.at != NULL)
		return RC_OK;
	text = cJSON_PrintUnformatted(info);
	if (text == NULL)
		return RC_NO_MEMORY;
	topic->mapping = slice_of(text);
	return RC_OK;
}

/* ---- JSON ---- */

static bool read_topic(const cJSON *it, struct route_topic *topic)
{
	*topic = (struct route_topic){
		.name = json_name(it), .read_queues = 16, .write_queues = 16, .perm = 6}; /* TopicConfig's defaults */
	return cJSON_IsObject(it) && json_read_text(it, "topicName", &topic->name) &&
	       json_read_i32(it, "readQueueNums", &topic->read_queues) &&
	       json_read_i32(it, "writeQueueNums", &topic->write_queues) && json_read_i32(it, "perm", &topic->perm) &&
	       json_read_i32(it, "topicSysFlag", &topic->sys_flag);
}

static enum rc decode_wrapper(struct register_body *b, const cJSON *wrapper)
{
	enum rc rc = route_version_read(json_get_object(wrapper, "dataVersion"), &b->version) ? RC_OK : RC_MALFORMED;

	JSON_EACH (it, json_get_object(wrapper, "topicConfigTable")) {
		struct route_topic topic;

		if (b->topic_count == REGISTER_TOPICS_MAX)
			return RC_TOO_BIG;
		if (!read_topic(it, &topic))
			return RC_MALFORMED;
		add_topic(b, &topic);
	}
	JSON_EACH (it, json_get_object(wrapper, "topicQueueMappingInfoMap"))
		if (rc == RC_OK)
			rc = take_mapping(b, it);
	return rc;
}

static enum rc decode_json(struct register_body *b, struct slice body)
{
	const cJSON *wrapper;
	enum rc rc = json_parse(body, &b->tree);

	if (rc != RC_OK)
		return rc;
	if (!cJSON_IsObject(b->tree))
		return RC_MALFORMED;
	wrapper = json_get_object(b->tree, "topicConfigSerializeWrapper");
	rc = decode_wrapper(b, wrapper || !json_get(b->tree, "topicConfigTable") ? wrapper : b->tree);
	return rc == RC_OK ? take_filter_servers(b, json_get(b->tree, "filterServerList")) : rc;
}

/* ---- compressed ---- */

static enum rc inflate_body(struct slice body, struct buf *out)
{
	z_stream z = {.next_in = (Bytef *)(uintptr_t)body.at, .avail_in = (uInt)body.len};
	enum rc rc = RC_OK;
	int status = Z_OK;

	if (inflateInit(&z) != Z_OK)
		return RC_NO_MEMORY;
	while (rc == RC_OK && status != Z_STREAM_END) {
		size_t step = out->len + 16384;

		if (out->len >= REGISTER_INFLATED_MAX) {
			rc = RC_TOO_BIG;
			break;
		}
		if (step > REGISTER_INFLATED_MAX - out->len)
			step = REGISTER_INFLATED_MAX - out->len;
		if (!buf_try_reserve(out, step)) {
			rc = RC_NO_MEMORY;
			break;
		}
		z.next_out = out->data + out->len;
		z.avail_out = (uInt)step;
		status = inflate(&z, Z_NO_FLUSH);
		out->len += step - z.avail_out;
		/* A first length that cannot be ends it before more memory is spent (a bomb of zeros, say). */
		if ((status != Z_OK && status != Z_STREAM_END) || /* Z_BUF_ERROR: the stream is cut */
		    (out->len >= 4 && get_u32(out->data) - 1 >= REGISTER_PART_MAX))
			rc = RC_MALFORMED;
	}
	inflateEnd(&z);
	return rc;
}

/* "name read write perm filterType attributes", separated by single blanks; read as Java's TopicConfig.decode does: fewer than five
 * words are no topic, what is behind the fifth is not for us. */
static bool parse_topic(struct slice text, struct route_topic *topic)
{
	struct slice word[5];

	for (size_t i = 0; i < COUNT_OF(word); i++)
		if (!slice_split(&text, ' ', &word[i]))
			return false;
	*topic = (struct route_topic){.name = word[0]};
	return slice_to_i32(word[1], &topic->read_queues) && slice_to_i32(word[2], &topic->write_queues) &&
	       slice_to_i32(word[3], &topic->perm);
}

static struct slice take_text(struct wire *w) { return wire_take(w, wire_u32(w)); }

static enum rc decode_mappings(struct register_body *b, struct wire *w)
{
	enum rc rc = RC_OK;
	uint32_t count;

	if (w->rc != RC_OK || wire_left(w) == 0) /* 4.x ends here */
		return w->rc;
	count = wire_u32(w);
	if (count > REGISTER_TOPICS_MAX)
		return RC_TOO_BIG;
	for (uint32_t i = 0; i < count && rc == RC_OK; i++) {
		struct slice text = take_text(w);
		cJSON *info = NULL;

		if (w->rc != RC_OK || text.len > ROUTE_MAPPING_MAX)
			return RC_MALFORMED;
		rc = json_parse(text, &info);
		if (rc == RC_OK)
			rc = take_mapping(b, info);
		json_free(info);
	}
	return rc;
}

static enum rc take_part(struct wire *w, cJSON **out)
{
	struct slice text = take_text(w);

	return text.len > REGISTER_PART_MAX ? RC_TOO_BIG : json_parse(text, out);
}

static enum rc decode_compressed(struct register_body *b, struct slice body)
{
	enum rc rc = inflate_body(body, &b->inflated);
	struct wire w;
	uint32_t count;

	if (rc != RC_OK)
		return rc;
	w = wire_over(buf_slice(&b->inflated));
	rc = take_part(&w, &b->parts[0]);
	if (rc != RC_OK)
		return rc;
	if (!route_version_read(b->parts[0], &b->version))
		return RC_MALFORMED;
	count = wire_u32(&w);
	if (count > REGISTER_TOPICS_MAX)
		return RC_TOO_BIG;
	for (uint32_t i = 0; i < count; i++) {
		struct route_topic topic;

		if (!parse_topic(take_text(&w), &topic))
			return RC_MALFORMED;
		add_topic(b, &topic);
	}
	rc = take_part(&w, &b->parts[1]);
	if (rc == RC_OK)
		rc = take_filter_servers(b, b->parts[1]);
	return rc == RC_OK ? decode_mappings(b, &w) : rc;
}

#define ZLIB_FIRST_BYTE 0x78 /* deflate, 32 KiB window: what Java's Deflater writes */

enum rc register_body_decode(struct slice body, struct register_body *out)
{
	enum rc rc = RC_OK;

	*out = (struct register_body){0};
	if (body.len == 0)
		return RC_OK;
	rc = body.at[0] == ZLIB_FIRST_BYTE ? decode_compressed(out, body) : decode_json(out, body);
	if (rc != RC_OK)
		register_body_free(out);
	return rc;
}
