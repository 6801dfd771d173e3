/* Sends: 10, 310, 320: what is checked in which order, what is stored, what comes back. Facts: Apache AbstractSendMessageProcessor,
 * SendMessageProcessor, oddities.md "Sending". */
#include "tests/unit/broker/messages.h"

#include "base/buf.h"
#include "broker/broker_stats.h"
#include "store/message.h"
#include "broker/topic_table.h"

Suite *suite_send(void);

START_TEST(the_answer_says_where_it_is)
{
	struct sim_answer *a = send_message(&(struct send){.topic = "T", .queue_id = 2, .properties = "UNIQ_KEY\1U1\2"});

	expect_answer(a, SUCCESS, NULL);
	ck_assert_int_eq(ext_number(a, "queueId"), 2);
	ck_assert_int_eq(ext_number(a, "queueOffset"), 0);
	ck_assert_str_eq(sim_ext(a, "transactionId"), "U1");
	ck_assert_str_eq(sim_ext(a, "MSG_REGION"), "DefaultRegion");
	ck_assert_str_eq(sim_ext(a, "TRACE_ON"), "true");
	ck_assert_uint_eq(strlen(sim_ext(a, "msgId")), 32);
	ck_assert_str_eq(sim_ext(a, "msgId") + 16, "0000000000000000");
	a = send_message(&(struct send){.topic = "T", .queue_id = 2});
	ck_assert_int_eq(ext_number(a, "queueOffset"), 1);
}
END_TEST

START_TEST(an_unknown_topic_is_made_from_the_template)
{
	expect_answer(send_message(&(struct send){.topic = "New", .default_queues = 3}), SUCCESS, NULL);
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("New"))->write_queues, 3);
	expect_answer(send_message(&(struct send){.topic = "Wide", .default_queues = 64}), SUCCESS, NULL);
	ck_assert_int_eq(topic_find(b->topics, SLICE_LIT("Wide"))->write_queues, 8); /* TBW102 has 8 */
}
END_TEST

START_TEST(without_auto_creation_the_topic_must_exist)
{
	teardown();
	setup_with("autoCreateTopicEnable=false\n");
	expect_answer(send_message(&(struct send){.topic = "New"}), TOPIC_NOT_EXIST, "topic[New] not exist, apply first please!");
}
END_TEST

static const struct {
	const char *topic;
	int32_t queue_id, code;
	const char *remark;
} refusals[] = {
	{"bad topic", 0, INVALID_PARAMETER, NULL},
	{"SCHEDULE_TOPIC_XXXX", 0, NO_PERMISSION, "Sending message to topic[SCHEDULE_TOPIC_XXXX] is forbidden."},
	{"RMQ_SYS_TRANS_HALF_TOPIC", 0, NO_PERMISSION, "Sending message to topic[RMQ_SYS_TRANS_HALF_TOPIC] is forbidden."},
	{"T", 4, INVALID_PARAMETER, NULL},
	{"ReadOnly", 0, NO_PERMISSION, "the topic[ReadOnly] sending message is forbidden"},
};

START_TEST(refused)
{
	struct sim_answer *a;

	ck_assert_int_eq(sim_code(make_topic("T", 4, "")), SUCCESS);
	topic_ensure(b, SLICE_LIT("ReadOnly"), 1, PERM_READ, 0);
	a = send_message(&(struct send){.topic = refusals[_i].topic, .queue_id = refusals[_i].queue_id});
	ck_assert_int_eq(sim_code(a), refusals[_i].code);
	if (refusals[_i].remark != NULL)
		ck_assert_str_eq(sim_remark(a), refusals[_i].remark);
}
END_TEST

START_TEST(sizes)
{
	static char large[65536 + 1];
	struct send s = {.topic = "T", .raw_body = {large, 65536}};

	teardown();
	setup_with("maxMessageSize=65536\n");
	memset(large, 'x', sizeof(large));
	expect_answer(send_message(&s), SUCCESS, NULL);
	s.raw_body.len = 65537;
	ck_assert_int_eq(sim_code(send_message(&s)), MESSAGE_ILLEGAL);
	s.raw_body.len = 0;
	expect_answer(send_message(&s), MESSAGE_ILLEGAL, "the message body is empty");
}
END_TEST

START_TEST(properties_up_to_the_limit_with_what_the_broker_adds)
{
	static char value[32768];
	struct send s = {.topic = "T", .properties = value};
	int limit = 32767 - (int)b->broker_properties.len;

	memset(value, 'v', sizeof(value));
	memcpy(value, "UNIQ_KEY\1U\2k\1", 13);
	value[limit - 1] = '\2';
	value[limit] = '\0';
	expect_answer(send_message(&s), SUCCESS, NULL);
	value[limit - 1] = 'v';
	value[limit] = '\2';
	value[limit + 1] = '\0';
	ck_assert_int_eq(sim_code(send_message(&s)), MESSAGE_ILLEGAL);
}
END_TEST

START_TEST(a_queue_is_chosen_when_none_is_given)
{
	make_topic("T", 4, "");
	for (int i = 0; i < 20; i++) {
		struct sim_answer *a = send_message(&(struct send){.topic = "T", .queue_id = -1});

		expect_answer(a, SUCCESS, NULL);
		ck_assert_int_lt(ext_number(a, "queueId"), 4);
	}
}
END_TEST

START_TEST(stored_properties)
{
	struct sim_answer *a;

	send_message(&(struct send){.topic = "T", .properties = "POP_CK\1forged\2k\1v\2TRACE_ON\1false"});
	a = pull(client, "T", 0, 0, NULL, 0);
	ck_assert_ptr_null(property_of_first(a, "POP_CK"));
	ck_assert_str_eq(property_of_first(a, "k"), "v");
	ck_assert_str_eq(property_of_first(a, "TRACE_ON"), "true");
	ck_assert_str_eq(property_of_first(a, "CLUSTER"), "DefaultCluster");
	ck_assert_uint_eq(strlen(property_of_first(a, "UNIQ_KEY")), 32); /* it had none */
}
END_TEST

static void put_item(struct buf *out, const char *body, const char *properties, int wrong_by)
{
	size_t n = strlen(body), m = strlen(properties);

	buf_put_u32(out, (uint32_t)(22 + n + m) + (uint32_t)wrong_by);
	buf_put_u32(out, 0);
	buf_put_u32(out, 0);
	buf_put_u32(out, 7);
	buf_put_u32(out, (uint32_t)n);
	buf_put(out, body, n);
	buf_put_u16(out, (uint16_t)m);
	buf_put(out, properties, m);
}

START_TEST(a_batch_is_stored_as_its_messages)
{
	struct buf batch = {0};
	struct sim_answer *a;

	put_item(&batch, "one", "UNIQ_KEY\1U1\2TAGS\1a\2", 0);
	put_item(&batch, "two", "UNIQ_KEY\1U2", 0);
	a = send_message(&(struct send){.topic = "T",
					.code = SEND_BATCH_MESSAGE,
					.raw_body = buf_slice(&batch),
					.properties = "UNIQ_KEY\1B\2WAIT\1true\2"});
	expect_answer(a, SUCCESS, NULL);
	ck_assert_uint_eq(strlen(sim_ext(a, "msgId")), 32 + 1 + 32);
	ck_assert_int_eq(sim_ext(a, "msgId")[32], ',');
	ck_assert_str_eq(bodies(pull(client, "T", 0, 0, NULL, 0)), "one,two");
	ck_assert_str_eq(bodies(pull(client, "T", 0, 0, "a", 0)), "one");
	a = pull(client, "T", 0, 1, NULL, 0);
	ck_assert_str_eq(property_of_first(a, "UNIQ_KEY"), "U2"); /* its own, not the batch's */
	ck_assert_str_eq(property_of_first(a, "WAIT"), "true");
	buf_free(&batch);
}
END_TEST

/* As Apache: the id of the batch itself, where the client gave it one (5.x does, 4.9 does not). */
START_TEST(the_id_of_a_batch_comes_back)
{
	struct slice batch = {"\0\0\0\x17\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\x01x\0\0", 23};
	struct send s = {.topic = "T", .code = SEND_BATCH_MESSAGE, .raw_body = batch, .properties = "UNIQ_KEY\1ABC\2"};

	ck_assert_str_eq(sim_ext(send_message(&s), "transactionId"), "ABC");
	s.properties = "WAIT\1true\2";
	ck_assert_ptr_null(sim_ext(send_message(&s), "transactionId"));
}
END_TEST

/* The send waits for the device, or only for the end of the turn, while the topic goes. */
START_TEST(a_topic_may_be_deleted_under_a_send)
{
	struct delete_topic_request_header h = {.present = HEADER_BIT(delete_topic_request_header, topic),
						.topic = SLICE_LIT("Gone")};
	struct sim_node *admin = sim_client(sim, "admin"), *leaver = sim_client(sim, "leaver");
	struct sim_answer *sent;

	restart_with("flushDiskType=SYNC_FLUSH\n");
	make_topic("Gone", 4, "");
	sim_hold_jobs(sim, true);
	sent = send_message(&(struct send){.topic = "Gone", .body = "x"});
	ck_assert(!sent->is_done);
	client = leaver;
	ck_assert(!send_message(&(struct send){.topic = "Gone", .body = "x"})->is_done);
	ask(admin, DELETE_TOPIC_IN_BROKER, &delete_topic_request_header_schema, &h, "");
	ck_assert_ptr_null(topic_find(b->topics, SLICE_LIT("Gone")));
	sim_close(sim, "leaver", "b");
	sim_hold_jobs(sim, false);
	sim_run(sim);
	expect_answer(sent, SUCCESS, NULL);
	ck_assert_uint_eq(stats_totals(b->stats)->put_messages, 1);
}
END_TEST

START_TEST(a_broken_batch_leaves_nothing)
{
	struct buf batch = {0};

	put_item(&batch, "one", "", 0);
	put_item(&batch, "two", "", _i == 0 ? 1 : -1);
	ck_assert_int_eq(
		sim_code(send_message(&(struct send){.topic = "T", .code = SEND_BATCH_MESSAGE, .raw_body = buf_slice(&batch)})),
		MESSAGE_ILLEGAL);
	buf_clear(&batch);
	put_item(&batch, "one", "", 0);
	batch.len--;
	ck_assert_int_eq(
		sim_code(send_message(&(struct send){.topic = "T", .code = SEND_BATCH_MESSAGE, .raw_body = buf_slice(&batch)})),
		MESSAGE_ILLEGAL);
	ck_assert_int_eq(sim_code(pull(client, "T", 0, 0, NULL, 0)), PULL_NOT_FOUND);
	buf_free(&batch);
}
END_TEST

START_TEST(a_retry_over_its_maximum_is_a_dead_letter)
{
	struct send s = {.topic = "%RETRY%G", .reconsume_times = 4, .max_reconsume_times = 3, .has_max_reconsume_times = true};

	expect_answer(send_message(&s), SUCCESS, NULL);
	ck_assert_str_eq(bodies(pull(client, "%DLQ%G", 0, 0, NULL, 0)), "body");
	s.reconsume_times = 3;
	expect_answer(send_message(&s), SUCCESS, NULL);
	ck_assert_str_eq(bodies(pull(client, "%RETRY%G", 0, 0, NULL, 0)), "body");
}
END_TEST

START_TEST(what_is_not_served_yet_is_refused_not_mistaken)
{
	struct sim_answer *a = send_message(&(struct send){.topic = "T",
							   .properties = "TIMER_DELAY_SEC\1"
									 "5\2"});

	expect_answer(a, SYSTEM_ERROR, "accurate timer message is not enabled, timerWheelEnable is false");
}
END_TEST

START_TEST(flags_that_are_the_brokers_are_not_taken)
{
	struct message m;

	expect_answer(send_message(&(struct send){.topic = "T", .sys_flag = -1}), SUCCESS, NULL);
	ck_assert_int_eq(message_decode(pull(client, "T", 0, 0, NULL, 0)->cmd.body, true, &m), RC_OK);
	ck_assert_int_eq(m.sys_flag, 0x703);
}
END_TEST

Suite *suite_send(void)
{
	Suite *s = suite_create("send");
	TCase *tc = tcase_create("send");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, the_answer_says_where_it_is);
	tcase_add_test(tc, an_unknown_topic_is_made_from_the_template);
	tcase_add_test(tc, without_auto_creation_the_topic_must_exist);
	tcase_add_loop_test(tc, refused, 0, sizeof(refusals) / sizeof(refusals[0]));
	tcase_add_test(tc, sizes);
	tcase_add_test(tc, properties_up_to_the_limit_with_what_the_broker_adds);
	tcase_add_test(tc, a_queue_is_chosen_when_none_is_given);
	tcase_add_test(tc, stored_properties);
	tcase_add_test(tc, a_batch_is_stored_as_its_messages);
	tcase_add_test(tc, the_id_of_a_batch_comes_back);
	tcase_add_test(tc, a_topic_may_be_deleted_under_a_send);
	tcase_add_loop_test(tc, a_broken_batch_leaves_nothing, 0, 2);
	tcase_add_test(tc, a_retry_over_its_maximum_is_a_dead_letter);
	tcase_add_test(tc, what_is_not_served_yet_is_refused_not_mistaken);
	tcase_add_test(tc, flags_that_are_the_brokers_are_not_taken);
	suite_add_tcase(s, tc);
	return s;
}
