/* Groups of live clients: joining, leaving, who is told, expiry, subscriptions. Facts: Apache ConsumerManager, ClientManageProcessor. */
#include "tests/unit/broker/fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/json_read.h"
#include "base/mem.h"
#include "broker/client_table.h"
#include "broker/group_table.h"
#include "broker/topic_table.h"
#include "tests/unit/broker/messages.h"

Suite *suite_clients(void);

static struct sim_answer *ids_of(const char *group)
{
	struct get_consumer_list_by_group_request_header h = {.present = HEADER_ALL(get_consumer_list_by_group_request_header),
							      .consumer_group = slice_of(group)};

	return ask(client, GET_CONSUMER_LIST_BY_GROUP, &get_consumer_list_by_group_request_header_schema, &h, "");
}

static void leave(struct sim_node *who, const char *client_id, const char *group)
{
	struct unregister_client_request_header h = {.present = HEADER_BIT(unregister_client_request_header, client_id) |
								HEADER_BIT(unregister_client_request_header, consumer_group),
						     .client_id = slice_of(client_id),
						     .consumer_group = slice_of(group)};

	expect_answer(ask(who, UNREGISTER_CLIENT, &unregister_client_request_header_schema, &h, ""), SUCCESS, NULL);
}

static struct subscription *subscription_of(const char *group, const char *topic)
{
	struct consumer_group *g = consumer_group_find(b->clients, slice_of(group));

	return g ? consumer_group_subscription(g, slice_of(topic)) : NULL;
}

START_TEST(heartbeat_answer_has_version_and_v2_flags)
{
	struct sim_answer *a = heartbeat(client, "c1", "G", "T:*:1");

	expect_answer(a, SUCCESS, NULL);
	ck_assert_int_eq(a->cmd.version, FUSEE_VERSION);
	ck_assert_str_eq(sim_ext(a, "IS_SUPPORT_HEART_BEAT_V2"), "true");
	ck_assert_str_eq(sim_ext(a, "IS_SUB_CHANGE"), "true");
}
END_TEST

START_TEST(first_heartbeat_makes_group_and_retry_topic)
{
	expect_answer(heartbeat(client, "c1", "G", "T:*:1"), SUCCESS, NULL);
	ck_assert_ptr_nonnull(group_find(b->groups, SLICE_LIT("G")));
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("%RETRY%G"))->read_queues, 1);
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("%RETRY%G"))->perm, 6);
	ck_assert_uint_eq(consumer_group_count(consumer_group_find(b->clients, SLICE_LIT("G"))), 1);
}
END_TEST

static const struct {
	const char *body;
	int fingerprint;
	const char *sub_change;
} v2[] = {{"first", 7, "true"}, {"same", 7, "false"}, {"another", 8, "true"}, {"same again", 8, "false"}, {"v1", 0, "true"}};

/* Not "more than this broker takes". */
START_TEST(what_is_no_heartbeat_is_said_so)
{
	char deep[2 * (JSON_READ_DEPTH_MAX + 1) + 1] = "";
	struct sim_answer *a;

	memset(deep, '[', JSON_READ_DEPTH_MAX + 1);
	memset(deep + JSON_READ_DEPTH_MAX + 1, ']', JSON_READ_DEPTH_MAX + 1);
	a = heartbeat_json(client, deep);
	ck_assert_int_eq(a->cmd.code, SYSTEM_ERROR);
	ck_assert_ptr_nonnull(memmem(a->cmd.remark.at, a->cmd.remark.len, "not HeartbeatData", 17));
	a = heartbeat_json(client, "{\"clientID\":");
	ck_assert_int_eq(a->cmd.code, SYSTEM_ERROR);
}
END_TEST

START_TEST(heartbeat_v2_says_whether_the_subscriptions_changed)
{
	for (size_t i = 0; i < COUNT_OF(v2); i++) {
		char text[512];
		struct sim_answer *a;

		ck_assert(
			mem_format(text, sizeof(text),
				   "{\"clientID\":\"c1\",\"heartbeatFingerprint\":%d,\"withoutSub\":false,\"consumerDataSet\":[{"
				   "\"groupName\":\"G\",\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\","
				   "\"subscriptionDataSet\":[{\"topic\":\"T\",\"subString\":\"*\",\"subVersion\":1}]}]}",
				   v2[i].fingerprint));
		a = heartbeat_json(client, text);
		ck_assert_msg(strcmp(sim_ext(a, "IS_SUB_CHANGE"), v2[i].sub_change) == 0, "%s", v2[i].body);
	}
}
END_TEST

START_TEST(heartbeat_without_sub_keeps_the_stored_ones)
{
	heartbeat(client, "c1", "G", "T:*:1");
	expect_answer(heartbeat_json(client,
				     "{\"clientID\":\"c1\",\"heartbeatFingerprint\":7,\"withoutSub\":true,\"consumerDataSet\":[{"
				     "\"groupName\":\"G\",\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\","
				     "\"subscriptionDataSet\":[]}]}"),
		      SUCCESS, NULL);
	ck_assert_ptr_nonnull(subscription_of("G", "T"));
}
END_TEST

#define LIGHT_HEARTBEAT                                                                                                          \
	"{\"clientID\":\"%s\",\"heartbeatFingerprint\":7,\"withoutSub\":true,\"consumerDataSet\":[{\"groupName\":\"G\","         \
	"\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\",\"subscriptionDataSet\":[]}]}"

static const char *light_heartbeat_says(struct sim_node *from, const char *client_id)
{
	char text[512];

	ck_assert(mem_format(text, sizeof(text), LIGHT_HEARTBEAT, client_id));
	return sim_ext(heartbeat_json(from, text), "IS_SUB_CHANGE");
}

START_TEST(a_member_whose_pull_is_too_new_is_asked_for_its_subscriptions)
{
	struct sim_node *other = sim_client(sim, "other");

	make_topic("T", 1, NULL);
	heartbeat(client, "c1", "G", "T:*:1");
	heartbeat(other, "c2", "G", "T:*:1");
	light_heartbeat_says(client, "c1"); /* the first with this fingerprint */
	ck_assert_str_eq(light_heartbeat_says(client, "c1"), "false");
	ck_assert_int_eq(sim_code(pull_as(client, "G", "T", 0, 2, 0)), SUBSCRIPTION_NOT_LATEST);
	ck_assert_str_eq(light_heartbeat_says(other, "c2"), "false");
	ck_assert_str_eq(light_heartbeat_says(client, "c1"), "true");
	ck_assert_str_eq(light_heartbeat_says(client, "c1"), "true"); /* until it comes */
	heartbeat(client, "c1", "G", "T:*:2");
	light_heartbeat_says(client, "c1"); /* another fingerprint than the V1 one before */
	ck_assert_str_eq(light_heartbeat_says(client, "c1"), "false");
	ck_assert_int_eq(sim_code(pull_as(client, "G", "T", 0, 2, 0)), PULL_NOT_FOUND);
}
END_TEST

START_TEST(members_are_told_of_join_leave_and_close)
{
	struct sim_node *other = sim_client(sim, "other");

	heartbeat(client, "c1", "G", "T:*:1");
	expect_told(client, "G");
	heartbeat(other, "c2", "G", "T:*:1");
	expect_told(client, "G");
	expect_told(other, "G");
	heartbeat(other, "c2", "G", "T:*:1"); /* nothing new */
	expect_not_told(client);
	expect_not_told(other);
	leave(other, "c2", "G");
	expect_told(client, "G");
	expect_not_told(other);
	heartbeat(other, "c2", "G", "T:*:1");
	expect_told(client, "G");
	expect_told(other, "G");
	sim_close(sim, "other", "b");
	sim_run(sim);
	expect_told(client, "G");
	expect_in(ids_of("G"), "{\"consumerIdList\":[\"c1\"]}");
}
END_TEST

START_TEST(broadcasting_groups_are_not_told)
{
	expect_answer(
		heartbeat_json(
			client,
			"{\"clientID\":\"c1\",\"consumerDataSet\":[{\"groupName\":\"G\",\"consumeType\":\"CONSUME_PASSIVELY\","
			"\"messageModel\":\"BROADCASTING\",\"subscriptionDataSet\":[{\"topic\":\"T\",\"subVersion\":1}]}]}"),
		SUCCESS, NULL);
	expect_not_told(client);
	ck_assert_int_eq(consumer_group_model(consumer_group_find(b->clients, SLICE_LIT("G"))), MODEL_BROADCASTING);
}
END_TEST

START_TEST(notify_switches_of_broker_and_group)
{
	group_find_or_create(b, SLICE_LIT("Quiet"))->notify_ids_changed = false;
	heartbeat(client, "c1", "Quiet", "T:*:1");
	expect_not_told(client);
	restart_with("notifyConsumerIdsChangedEnable=false\n");
	heartbeat(client, "c1", "G", "T:*:1");
	expect_not_told(client);
}
END_TEST

START_TEST(ids_of_unknown_group) { expect_answer(ids_of("Nobody"), SYSTEM_ERROR, "no consumer for this group, Nobody"); }
END_TEST

/* A client that is back before its old connection was closed counts once. */
START_TEST(ids_are_listed_once)
{
	struct sim_node *again = sim_client(sim, "again");

	heartbeat(client, "same", "G", "T:*:1");
	heartbeat(again, "same", "G", "T:*:1");
	heartbeat(sim_client(sim, "third"), "first", "G", "T:*:1");
	expect_in(ids_of("G"), "{\"consumerIdList\":[\"first\",\"same\"]}");
}
END_TEST

START_TEST(silent_channel_expires)
{
	struct sim_node *other = sim_client(sim, "other");

	heartbeat(client, "c1", "G", "T:*:1");
	sim_elapse(sim, 60000);
	heartbeat(other, "c2", "G", "T:*:1");
	sim_elapse(sim, CHANNEL_EXPIRY_MS - 60001);
	ck_assert_uint_eq(consumer_group_count(consumer_group_find(b->clients, SLICE_LIT("G"))), 2);
	sim_elapse(sim, 1);
	ck_assert_uint_eq(consumer_group_count(consumer_group_find(b->clients, SLICE_LIT("G"))), 1);
	ck_assert_uint_eq(sim_link_count(sim, "client", "b"), 0);
	sim_elapse(sim, 60000);
	ck_assert_ptr_null(consumer_group_find(b->clients, SLICE_LIT("G")));
}
END_TEST

START_TEST(heartbeats_keep_a_channel_alive)
{
	for (int i = 0; i < 10; i++) {
		heartbeat(client, "c1", "G", "T:*:1");
		sim_elapse(sim, 30000);
	}
	ck_assert_uint_eq(consumer_group_count(consumer_group_find(b->clients, SLICE_LIT("G"))), 1);
}
END_TEST

/* ---- the same again ---- */

#define SAME                                                                                                                     \
	"{\"clientID\":\"c1\",\"heartbeatFingerprint\":7,\"consumerDataSet\":[{\"groupName\":\"G\","                             \
	"\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\",\"subscriptionDataSet\":["                        \
	"{\"topic\":\"T\",\"subString\":\"*\",\"subVersion\":1}]}]}"

static bool would_be_read(void)
{
	struct consumer_group *g = consumer_group_find(b->clients, SLICE_LIT("G"));
	const struct client_member *m = g ? consumer_group_member(g, SLICE_LIT("c1")) : NULL;
	struct client_identity who;
	bool answer;

	if (m == NULL)
		return true;
	who = (struct client_identity){.peer = m->peer, .language = m->language, .version = m->version};
	return !client_table_heard_again(b->clients, &who, SLICE_LIT(SAME), &answer);
}

static void say_the_same(void)
{
	heartbeat_json(client, SAME); /* the first with its fingerprint says true, and is not noted */
	ck_assert_str_eq(sim_ext(heartbeat_json(client, SAME), "IS_SUB_CHANGE"), "false");
	ck_assert(!would_be_read());
	ck_assert_str_eq(sim_ext(heartbeat_json(client, SAME), "IS_SUB_CHANGE"), "false");
}

static void other_joins(void) { heartbeat(sim_client(sim, "other"), "c2", "G", "U:*:1"); }
static void other_group_joins(void) { heartbeat(sim_client(sim, "other"), "c2", "H", "U:*:1"); }
static void says_more(void) { heartbeat(client, "c1", "G", "T:A:2"); }
static void leaves(void) { leave(client, "c1", "G"); }
static void group_goes(void) { ck_assert(group_delete(b, SLICE_LIT("G"))); }
static void retry_topic_goes(void)
{
	struct delete_topic_request_header h = {.present = HEADER_BIT(delete_topic_request_header, topic),
						.topic = SLICE_LIT("%RETRY%G")};

	expect_answer(ask(client, DELETE_TOPIC_IN_BROKER, &delete_topic_request_header_schema, &h, ""), SUCCESS, NULL);
}
static void configuration_changes(void)
{
	expect_answer(ask(client, UPDATE_BROKER_CONFIG, NULL, NULL, "rejectPullConsumerEnable=true"), SUCCESS, NULL);
}
static void pulls_ahead(void)
{
	make_topic("T", 1, NULL);
	say_the_same();
	ck_assert_int_eq(sim_code(pull_as(client, "G", "T", 0, 2, 0)), SUBSCRIPTION_NOT_LATEST);
}

static void (*const changes[])(void) = {other_joins,      other_group_joins,     says_more,  leaves, group_goes,
					retry_topic_goes, configuration_changes, pulls_ahead};

/* After each of these the same bytes mean something: they are read, and all is as they say. */
START_TEST(the_same_heartbeat_is_read_when_something_has_changed)
{
	say_the_same();
	changes[_i]();
	ck_assert(would_be_read());
	heartbeat_json(client, SAME);
	ck_assert_ptr_nonnull(group_find(b->groups, SLICE_LIT("G")));
	ck_assert_ptr_nonnull(topic_find(b->topics, SLICE_LIT("%RETRY%G")));
	ck_assert_ptr_nonnull(subscription_of("G", "T"));
	ck_assert_ptr_null(subscription_of("G", "U"));
	heartbeat_json(client, SAME);
	ck_assert(!would_be_read());
}
END_TEST

/* What it does not speak of grows old, on the same connection too. */
START_TEST(the_same_heartbeat_keeps_no_other_group_alive)
{
	heartbeat(client, "c1", "H", "T:*:1");
	for (int i = 0; i < 4; i++) {
		heartbeat_json(client, SAME);
		sim_elapse(sim, 29000);
	}
	ck_assert(would_be_read());
	ck_assert_ptr_nonnull(consumer_group_find(b->clients, SLICE_LIT("H")));
	sim_elapse(sim, CHANNEL_EXPIRY_MS - 4 * 29000);
	ck_assert_ptr_null(consumer_group_find(b->clients, SLICE_LIT("H")));
}
END_TEST

START_TEST(the_same_heartbeat_keeps_alive)
{
	say_the_same();
	for (int i = 0; i < 10; i++) {
		sim_elapse(sim, CHANNEL_EXPIRY_MS - 1);
		ck_assert(!would_be_read());
		heartbeat_json(client, SAME);
	}
	sim_elapse(sim, CHANNEL_EXPIRY_MS);
	ck_assert_ptr_null(consumer_group_find(b->clients, SLICE_LIT("G")));
}
END_TEST

START_TEST(only_newer_subscriptions_replace)
{
	heartbeat(client, "c1", "G", "T:A:5");
	heartbeat(client, "c1", "G", "T:B:4");
	ck_assert(slice_is(subscription_of("G", "T")->expression, "A"));
	heartbeat(client, "c1", "G", "T:B:6");
	ck_assert(slice_is(subscription_of("G", "T")->expression, "B"));
	ck_assert_int_eq(subscription_of("G", "T")->version, 6);
}
END_TEST

START_TEST(a_topic_that_is_not_listed_any_more_is_dropped)
{
	heartbeat(client, "c1", "G", "T:*:1 U:*:1");
	expect_told(client, "G");
	heartbeat(client, "c1", "G", "T:*:1");
	expect_told(client, "G");
	ck_assert_ptr_nonnull(subscription_of("G", "T"));
	ck_assert_ptr_null(subscription_of("G", "U"));
}
END_TEST

/* Held pulls keep a pointer: a change is made in place, a dropped one lives until they let go. */
START_TEST(held_subscriptions_stay_valid)
{
	struct subscription *s;

	heartbeat(client, "c1", "G", "T:A:1 U:*:1");
	s = subscription_of("G", "T");
	s->hold_count = 1;
	heartbeat(client, "c1", "G", "T:B:2 U:*:1");
	ck_assert_ptr_eq(subscription_of("G", "T"), s);
	ck_assert(slice_is(s->expression, "B"));
	ck_assert_int_eq(s->hold_count, 1);
	heartbeat(client, "c1", "G", "U:*:1");
	ck_assert_ptr_null(subscription_of("G", "T"));
	ck_assert(slice_is(s->expression, "B"));
	s->hold_count = 0;
	sim_elapse(sim, 1000);
}
END_TEST

static const struct {
	const char *expression;
	enum rc rc;
	bool takes_all;
	size_t codes;
} expressions[] = {
	{"*", RC_OK, true, 0},
	{"", RC_OK, true, 0},
	{"TagA", RC_OK, false, 1},
	{"TagA || TagB", RC_OK, false, 2},
	{" TagA||TagB || ", RC_OK, false, 2},
	{"TagA|TagB", RC_OK, false, 1},
	{"   ", RC_OK, false, 0},
	{"||", RC_MALFORMED, false, 0},
};

START_TEST(tag_expressions)
{
	struct subscription s;
	struct arena arena;

	arena_init(&arena);
	ck_assert_int_eq(
		subscription_parse(&arena, SLICE_LIT("T"), slice_of(expressions[_i].expression), (struct slice){NULL, 0}, &s),
		expressions[_i].rc);
	if (expressions[_i].rc == RC_OK) {
		ck_assert_int_eq(s.takes_all, expressions[_i].takes_all);
		ck_assert_uint_eq(s.code_count, expressions[_i].codes);
		for (size_t i = 1; i < s.code_count; i++)
			ck_assert_int_lt(s.codes[i - 1], s.codes[i]);
	}
	arena_reset(&arena);
}
END_TEST

START_TEST(tags_match_by_java_hash)
{
	struct subscription s;
	struct arena arena;

	arena_init(&arena);
	ck_assert_int_eq(subscription_parse(&arena, SLICE_LIT("T"), SLICE_LIT("Aa || zz"), SLICE_LIT("TAG"), &s), RC_OK);
	ck_assert(subscription_matches_tag(&s, 2112)); /* "Aa" and "BB" */
	ck_assert(subscription_matches_tag(&s, slice_java_hash(SLICE_LIT("zz"))));
	ck_assert(!subscription_matches_tag(&s, 0));
	ck_assert_int_eq(subscription_parse(&arena, SLICE_LIT("T"), SLICE_LIT("*"), SLICE_LIT("TAG"), &s), RC_OK);
	ck_assert(subscription_matches_tag(&s, 0));
	arena_reset(&arena);
}
END_TEST

START_TEST(too_many_tags_are_refused)
{
	struct buf text = {0};
	struct subscription s;
	struct arena arena;

	arena_init(&arena);
	for (int i = 0; i <= SUBSCRIPTION_TAGS_MAX; i++)
		buf_printf(&text, "t%d||", i);
	ck_assert_int_eq(subscription_parse(&arena, SLICE_LIT("T"), buf_slice(&text), SLICE_LIT("TAG"), &s), RC_TOO_BIG);
	buf_free(&text);
	arena_reset(&arena);
}
END_TEST

static const char *const bad_heartbeats[] = {
	"",
	"{",
	"[]",
	"{}",
	"{\"clientID\":7}",
	"{\"clientID\":\"\"}",
	"{\"clientID\":\"c\",\"consumerDataSet\":[{}]}",
	"{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"G\",\"subscriptionDataSet\":[{}]}]}",
	("{\"clientID\":\"c\",\"consumerDataSet\":[{\"groupName\":\"G\",\"subscriptionDataSet\":"
	 "[{\"topic\":\"T\",\"codeSet\":[\"x\"]}]}]}"),
	"{\"clientID\":\"c\",\"producerDataSet\":[{}]}",
};

START_TEST(bad_heartbeats_are_refused)
{
	ck_assert_int_eq(sim_code(heartbeat_json(client, bad_heartbeats[_i])), SYSTEM_ERROR);
	ck_assert_ptr_null(consumer_group_find(b->clients, SLICE_LIT("G")));
}
END_TEST

START_TEST(a_channel_has_a_bounded_number_of_groups)
{
	struct client_identity who = {.client_id = SLICE_LIT("c")};
	char name[32];

	heartbeat(client, "c", "G", "T:*:1");
	who.peer = consumer_group_peer(consumer_group_find(b->clients, SLICE_LIT("G")), SLICE_LIT("c"));
	for (int i = 1; i < GROUPS_PER_CHANNEL_MAX; i++) {
		snprintf(name, sizeof(name), "P%d", i);
		ck_assert_int_eq(client_table_join_producer(b->clients, &who, slice_of(name)), RC_OK);
	}
	ck_assert_int_eq(client_table_join_producer(b->clients, &who, SLICE_LIT("One_more")), RC_TOO_BIG);
	ck_assert_int_eq(client_table_join_producer(b->clients, &who, SLICE_LIT("P1")), RC_OK);
	ck_assert_int_eq(sim_code(heartbeat(client, "c", "G2", "T:*:1")), SYSTEM_BUSY);
	expect_answer(heartbeat(client, "c", "G", "T:*:1"), SUCCESS, NULL);
}
END_TEST

START_TEST(an_expression_has_a_bounded_length)
{
	char *text = mem_alloc(SUBSCRIPTION_TEXT_MAX + 64);

	memset(text, 'a', SUBSCRIPTION_TEXT_MAX + 64);
	memcpy(text, "T:", 2);
	strcpy(text + 2 + SUBSCRIPTION_TEXT_MAX, ":1");
	expect_answer(heartbeat(client, "c", "G", text), SUCCESS, NULL);
	strcpy(text + 2 + SUBSCRIPTION_TEXT_MAX, "a:2");
	ck_assert_int_eq(sim_code(heartbeat(client, "c", "G", text)), SYSTEM_BUSY);
	ck_assert_int_eq(subscription_of("G", "T")->version, 1);
	free(text);
}
END_TEST

START_TEST(transaction_checks_go_to_another_producer_each_time)
{
	struct peer *first;

	ck_assert_ptr_null(producer_group_peer(b->clients, SLICE_LIT("P")));
	produce_heartbeat(client, "c1", "P");
	produce_heartbeat(sim_client(sim, "other"), "c2", "P");
	first = producer_group_peer(b->clients, SLICE_LIT("P"));
	ck_assert_ptr_ne(first, producer_group_peer(b->clients, SLICE_LIT("P")));
	ck_assert_ptr_eq(first, producer_group_peer(b->clients, SLICE_LIT("P")));
	ck_assert_ptr_nonnull(producer_peer_by_client(b->clients, SLICE_LIT("c2")));
	ck_assert_ptr_null(producer_peer_by_client(b->clients, SLICE_LIT("c3")));
	sim_close(sim, "other", "b");
	sim_run(sim);
	ck_assert_ptr_null(producer_peer_by_client(b->clients, SLICE_LIT("c2")));
	ck_assert_ptr_nonnull(producer_group_peer(b->clients, SLICE_LIT("P")));
}
END_TEST

START_TEST(check_client_config)
{
	const char *sql = "{\"clientId\":\"c\",\"group\":\"G\",\"subscriptionData\":{\"expressionType\":\"SQL92\",\"subString\":"
			  "\"a > 1\",\"topic\":\"T\"}}";
	const char *tag = "{\"clientId\":\"c\",\"group\":\"G\",\"subscriptionData\":{\"expressionType\":\"TAG\",\"subString\":"
			  "\"a\",\"topic\":\"T\"}}";

	expect_answer(ask(client, CHECK_CLIENT_CONFIG, NULL, NULL, tag), SUCCESS, NULL);
	expect_answer(ask(client, CHECK_CLIENT_CONFIG, NULL, NULL, sql), SYSTEM_ERROR,
		      "The broker does not support consumer to filter message by SQL92");
}
END_TEST

START_TEST(connections_of_consumers_and_producers)
{
	struct get_consumer_connection_list_request_header c = {
		.present = HEADER_ALL(get_consumer_connection_list_request_header), .consumer_group = SLICE_LIT("G")};
	struct get_producer_connection_list_request_header p = {
		.present = HEADER_ALL(get_producer_connection_list_request_header), .producer_group = SLICE_LIT("P")};
	const struct schema *c_schema = &get_consumer_connection_list_request_header_schema;
	const struct schema *p_schema = &get_producer_connection_list_request_header_schema;
	struct sim_answer *a;

	expect_answer(ask(client, GET_CONSUMER_CONNECTION_LIST, c_schema, &c, ""), CONSUMER_NOT_ONLINE,
		      "the consumer group[G] not online");
	expect_answer(ask(client, GET_PRODUCER_CONNECTION_LIST, p_schema, &p, ""), SYSTEM_ERROR,
		      "the producer group[P] not exist");
	heartbeat(client, "c1", "G", "T:Aa:5");
	produce_heartbeat(client, "c1", "P");
	a = ask(client, GET_CONSUMER_CONNECTION_LIST, c_schema, &c, "");
	expect_in(
		a,
		"\"clientId\":\"c1\",\"language\":\"JAVA\",\"version\":513}],\"consumeFromWhere\":\"CONSUME_FROM_LAST_OFFSET\","
		"\"consumeType\":\"CONSUME_PASSIVELY\",\"messageModel\":\"CLUSTERING\",\"subscriptionTable\":{\"T\":{"
		"\"classFilterMode\":false,\"codeSet\":[2112],\"expressionType\":\"TAG\",\"subString\":\"Aa\",\"subVersion\":5,");
	a = ask(client, GET_PRODUCER_CONNECTION_LIST, p_schema, &p, "");
	expect_in(a, "{\"connectionSet\":[{\"clientAddr\":");
	expect_in(ask(client, GET_ALL_PRODUCER_INFO, NULL, NULL, ""),
		  "{\"data\":{\"P\":[{\"clientId\":\"c1\",\"language\":\"JAVA\"");
}
END_TEST

START_TEST(a_deleted_group_finds_its_members_again)
{
	heartbeat(client, "c1", "G", "T:*:1");
	ck_assert(group_delete(b, SLICE_LIT("G")));
	ck_assert_ptr_null(group_find(b->groups, SLICE_LIT("G")));
	heartbeat(client, "c1", "G", "T:*:1");
	ck_assert_ptr_nonnull(group_find(b->groups, SLICE_LIT("G")));
	ck_assert_uint_eq(consumer_group_count(consumer_group_find(b->clients, SLICE_LIT("G"))), 1);
}
END_TEST

START_TEST(groups_are_not_made_when_forbidden)
{
	restart_with("autoCreateSubscriptionGroup=false\n");
	expect_answer(heartbeat(client, "c1", "G", "T:*:1"), SUCCESS, NULL);
	ck_assert_ptr_null(group_find(b->groups, SLICE_LIT("G")));
	ck_assert_ptr_null(consumer_group_find(b->clients, SLICE_LIT("G")));
	expect_answer(heartbeat(client, "c1", "CID_RMQ_SYS_X", "T:*:1"), SUCCESS, NULL); /* enableCreateSysGroup */
	ck_assert_ptr_nonnull(group_find(b->groups, SLICE_LIT("CID_RMQ_SYS_X")));
}
END_TEST

Suite *suite_clients(void)
{
	Suite *s = suite_create("clients");
	TCase *tc = tcase_create("clients");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, heartbeat_answer_has_version_and_v2_flags);
	tcase_add_test(tc, first_heartbeat_makes_group_and_retry_topic);
	tcase_add_test(tc, what_is_no_heartbeat_is_said_so);
	tcase_add_test(tc, heartbeat_v2_says_whether_the_subscriptions_changed);
	tcase_add_test(tc, heartbeat_without_sub_keeps_the_stored_ones);
	tcase_add_test(tc, a_member_whose_pull_is_too_new_is_asked_for_its_subscriptions);
	tcase_add_test(tc, members_are_told_of_join_leave_and_close);
	tcase_add_test(tc, broadcasting_groups_are_not_told);
	tcase_add_test(tc, notify_switches_of_broker_and_group);
	tcase_add_test(tc, ids_of_unknown_group);
	tcase_add_test(tc, ids_are_listed_once);
	tcase_add_test(tc, silent_channel_expires);
	tcase_add_test(tc, heartbeats_keep_a_channel_alive);
	tcase_add_loop_test(tc, the_same_heartbeat_is_read_when_something_has_changed, 0, (int)COUNT_OF(changes));
	tcase_add_test(tc, the_same_heartbeat_keeps_no_other_group_alive);
	tcase_add_test(tc, the_same_heartbeat_keeps_alive);
	tcase_add_test(tc, only_newer_subscriptions_replace);
	tcase_add_test(tc, a_topic_that_is_not_listed_any_more_is_dropped);
	tcase_add_test(tc, held_subscriptions_stay_valid);
	tcase_add_loop_test(tc, tag_expressions, 0, COUNT_OF(expressions));
	tcase_add_test(tc, tags_match_by_java_hash);
	tcase_add_test(tc, too_many_tags_are_refused);
	tcase_add_loop_test(tc, bad_heartbeats_are_refused, 0, COUNT_OF(bad_heartbeats));
	tcase_add_test(tc, a_channel_has_a_bounded_number_of_groups);
	tcase_add_test(tc, an_expression_has_a_bounded_length);
	tcase_add_test(tc, transaction_checks_go_to_another_producer_each_time);
	tcase_add_test(tc, check_client_config);
	tcase_add_test(tc, connections_of_consumers_and_producers);
	tcase_add_test(tc, a_deleted_group_finds_its_members_again);
	tcase_add_test(tc, groups_are_not_made_when_forbidden);
	suite_add_tcase(s, tc);
	return s;
}
