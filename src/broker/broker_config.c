#include "broker/broker_config.h"

#include <stdlib.h>

#include "base/host_info.h"
#include "base/mem.h"
#include "store/store.h"

#define HONOURED(...) CONFIG_ROW_HONOURED(struct broker_config, __VA_ARGS__)
#define KNOWN(kind, key, default_text, flags)                                                                                    \
	CONFIG_ROW_KNOWN(struct broker_config, BROKER_KEPT_##key, kind, key, default_text, flags)

static const struct config_row rows[] = {
#include "broker/broker_config_keys.def"
};

static enum rc check_texts(const void *config, char **error);

const struct config_schema broker_config_schema = {rows, COUNT_OF(rows), sizeof(struct broker_config), check_texts};

struct broker_config *broker_config_new(void) { return config_new(&broker_config_schema); }

void broker_config_free(struct broker_config *c) { config_destroy(&broker_config_schema, c); }

static enum rc check_together(const struct broker_config *c, char **error)
{
	/* Apache says the same and exits with -3 (BrokerStartup). */
	if (c->broker_role == BROKER_ROLE_SLAVE && c->broker_id <= 0) {
		*error = mem_printf("key 'brokerId': value '%lld': a SLAVE's must be greater than 0", (long long)c->broker_id);
		return RC_INVALID;
	}
	if (c->broker_role == BROKER_ROLE_SLAVE) {
		*error = mem_strdup("key 'brokerRole': value 'SLAVE': replication is not supported yet");
		return RC_INVALID;
	}
	if (c->listen_port <= 2) {
		*error = mem_printf("key 'listenPort': value '%d': expected 3 or more, listenPort - 2 is the VIP port",
				    (int)c->listen_port);
		return RC_INVALID;
	}
	if (strchr(c->store_path_commit_log, ',') != NULL) { /* Apache's separator of several folders */
		*error = mem_printf("key 'storePathCommitLog': value '%s': expected one folder, without a comma",
				    c->store_path_commit_log);
		return RC_INVALID;
	}
	return RC_OK;
}

/* Apache's defaults that depend on the number of processors: base + each * processors, at most `most` unless that is 0. */
static const struct {
	int place; /* in kept */
	int base, each, most;
} counts[] = {
	{BROKER_KEPT_sendMessageThreadPoolNums, 0, 1, 4},          {BROKER_KEPT_putMessageFutureThreadPoolNums, 0, 1, 4},
	{BROKER_KEPT_pullMessageThreadPoolNums, 16, 2, 0},         {BROKER_KEPT_litePullMessageThreadPoolNums, 16, 2, 0},
	{BROKER_KEPT_processReplyMessageThreadPoolNums, 16, 2, 0}, {BROKER_KEPT_queryMessageThreadPoolNums, 8, 1, 0},
	{BROKER_KEPT_heartbeatThreadPoolNums, 0, 1, 32},           {BROKER_KEPT_endTransactionThreadPoolNums, 8, 2, 0},
	{BROKER_KEPT_clientCallbackExecutorThreads, 0, 1, 0},
};

/* Nothing here has such pools; tools and people who compare two brokers see what Apache's would have. */
static void fill_counts(struct broker_config *c)
{
	for (size_t i = 0; i < COUNT_OF(counts); i++) {
		int n = counts[i].base + counts[i].each * host_info_processors();

		if (counts[i].most > 0 && n > counts[i].most)
			n = counts[i].most;
		config_fill(&c->kept[counts[i].place], mem_printf("%d", n));
	}
}

enum rc broker_config_resolve(struct broker_config *c, const char *user_home, char **error)
{
	config_fill(&c->broker_ip1, host_info_local_address());
	config_fill(&c->broker_ip2, mem_strdup(c->broker_ip1));
	config_fill(&c->broker_name, host_info_name("DEFAULT_BROKER"));
	config_fill(&c->store_path_root_dir, mem_printf("%s/store", user_home));
	config_fill(&c->store_path_commit_log, mem_printf("%s/commitlog", c->store_path_root_dir));
	config_fill(&c->log_path, mem_printf("%s/logs/rocketmqlogs", user_home));
	fill_counts(c);
	config_fill(&c->kept[BROKER_KEPT_rocketmqHome], host_info_environment("ROCKETMQ_HOME"));
	if (c->ha_listen_port == 0)
		c->ha_listen_port = c->listen_port + 1;
	if (c->broker_role != BROKER_ROLE_SLAVE)
		c->broker_id = 0; /* a master's id is 0 whatever the file says, as in Apache's BrokerStartup */
	if (check_together(c, error) != RC_OK)
		return RC_INVALID;
	return check_texts(c, error);
}

/* "1s 5m 2h 1d": Apache MessageStoreConfig.parseDelayLevel. */
static bool parse_delay(struct slice part, int64_t *delay_ms)
{
	int64_t n, unit;

	if (part.len < 2)
		return false;
	switch (part.at[part.len - 1]) {
	case 's':
		unit = 1000;
		break;
	case 'm':
		unit = 60 * 1000;
		break;
	case 'h':
		unit = 60 * 60 * 1000;
		break;
	case 'd':
		unit = 24 * 60 * 60 * 1000;
		break;
	default:
		return false;
	}
	if (!slice_to_i64(slice_sub(part, 0, part.len - 1), &n) || n < 0 || n > INT64_MAX / unit)
		return false;
	*delay_ms = n * unit;
	return true;
}

static enum rc parse_delay_levels(const char *text, struct store_config *out, char **error)
{
	struct slice rest = slice_of(text), part;

	while (slice_split(&rest, ' ', &part)) {
		if (part.len == 0)
			continue;
		if (out->delay_levels == DELAY_LEVELS_MAX || !parse_delay(part, &out->delay_ms[out->delay_levels])) {
			*error = mem_printf(
				"key 'messageDelayLevel': value '%s': expected at most %d delays such as 10s, 5m, 2h, 1d", text,
				DELAY_LEVELS_MAX);
			return RC_INVALID;
		}
		out->delay_levels++;
	}
	return RC_OK;
}

static enum rc check_delete_when(const char *text, char **error)
{
	struct slice rest = slice_of(text), part;
	int32_t hour;

	while (slice_split(&rest, ';', &part)) {
		if (slice_to_i32(part, &hour) && hour >= 0 && hour <= 23)
			continue;
		*error = mem_printf("key 'deleteWhen': value '%s': expected hours from 00 to 23, separated by ;", text);
		return RC_INVALID;
	}
	return RC_OK;
}

char *broker_config_address(const char *ip, int port)
{
	bool is_v6 = strchr(ip, ':') != NULL && ip[0] != '[';

	return mem_printf(is_v6 ? "[%s]:%d" : "%s:%d", ip, port);
}

enum rc broker_config_store_host(const struct broker_config *c, struct host *out, char **error)
{
	char *text = broker_config_address(c->broker_ip1, (int)c->listen_port);
	enum rc rc = host_parse(slice_of(text), out);

	free(text);
	if (rc == RC_OK)
		return RC_OK;
	*error = mem_printf("key 'brokerIP1': value '%s': expected a numeric IPv4 or IPv6 address", c->broker_ip1);
	return RC_INVALID;
}

bool broker_config_is_address_list(const char *text)
{
	struct slice rest = slice_of(text), part;
	size_t count = 0;

	while (slice_split(&rest, ';', &part)) {
		size_t colon = part.len;
		int32_t port;

		if (part.len == 0)
			continue;
		while (colon > 0 && part.at[colon - 1] != ':')
			colon--;
		if (colon < 2 || slice_find(part, ',') < part.len || !slice_to_i32(slice_sub(part, colon, part.len), &port) ||
		    port < 1 || port > 65535)
			return false;
		count++;
	}
	return count > 0;
}

static enum rc check_name_servers(const char *text, char **error)
{
	if (text == NULL || *text == '\0' || broker_config_is_address_list(text))
		return RC_OK;
	*error = mem_printf("key 'namesrvAddr': value '%s': expected addresses such as 127.0.0.1:9876;192.168.0.1:9876", text);
	return RC_INVALID;
}

/* Texts with a grammar of their own, looked at early so that the file's line can be named. */
static enum rc check_texts(const void *config, char **error)
{
	const struct broker_config *c = config;
	struct store_config levels = {0};
	struct host host;
	enum rc rc = broker_config_store_host(c, &host, error);

	if (rc == RC_OK)
		rc = parse_delay_levels(c->message_delay_level, &levels, error);
	if (rc == RC_OK)
		rc = check_delete_when(c->delete_when, error);
	return rc == RC_OK ? check_name_servers(c->namesrv_addr, error) : rc;
}

enum rc broker_config_store(const struct broker_config *c, struct store_config *out, char **error)
{
	enum rc rc;

	*out = (struct store_config){
		.root = c->store_path_root_dir,
		.commit_log_path = c->store_path_commit_log,
		.segment_bytes = (uint64_t)c->mapped_file_size_commit_log,
		/* Rounded up to whole entries, as getMappedFileSizeConsumeQueue does. */
		.queue_file_entries = ((uint32_t)c->mapped_file_size_consume_queue + 19) / 20,
		.index_slots = (uint32_t)c->max_hash_slot_num,
		.index_entries = (uint32_t)c->max_index_num,
		.index_enabled = c->message_index_enable,
		.sync_flush = c->flush_disk_type == FLUSH_DISK_SYNC,
		.flush_interval_ms = (uint32_t)c->flush_interval_commit_log,
		.flush_least_pages = (uint32_t)c->flush_commit_log_least_pages,
		.flush_thorough_interval_ms = (uint32_t)c->flush_commit_log_thorough_interval,
		.sync_flush_timeout_ms = (uint32_t)c->sync_flush_timeout,
		.queue_flush_interval_ms = (uint32_t)c->flush_interval_consume_queue,
		.max_message_bytes = (uint32_t)c->max_message_size,
		.file_reserved_hours = (uint32_t)c->file_reserved_time,
		.delete_when = c->delete_when,
		.disk_max_used_percent = (uint32_t)c->disk_max_used_space_ratio,
		.disk_warning_ratio = c->disk_space_warning_level_ratio / 100.0,
		.disk_clean_forcibly_ratio = c->disk_space_clean_forcibly_ratio / 100.0,
		.clean_file_forcibly = c->clean_file_forcibly_enable,
		.check_crc_on_recover = c->check_crc_on_recover,
	};
	rc = parse_delay_levels(c->message_delay_level ? c->message_delay_level : "", out, error);
	if (rc == RC_OK)
		rc = check_delete_when(c->delete_when ? c->delete_when : "", error);
	return rc;
}
