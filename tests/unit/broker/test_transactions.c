/* Transactions: half messages, 37, 39, 323, on virtual time. Facts: Apache EndTransactionProcessor, TransactionalMessageServiceImpl;
 * tests/unit/golden/store-*. */
#include "tests/unit/broker/messages.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#include "base/mem.h"
#include "base/small_file.h"
#include "broker/broker_config.h"
#include "broker/half_message.h"
#include "broker/offset_table.h"
#include "broker/topic_table.h"
#include "broker/transaction_service.h"

Suite *suite_transactions(void);

#define COMMIT SYS_FLAG_TRANSACTION_COMMIT
#define ROLLBACK SYS_FLAG_TRANSACTION_ROLLBACK
#define UNKNOWN SYS_FLAG_TRANSACTION_NONE

struct half { /* what the producer knows of it */
	int64_t offset, physical;
};

static struct half half_of(const struct sim_answer *a)
{
	struct half h = {.offset = ext_number(a, "queueOffset")};
	struct host host;

	expect_answer(a, SUCCESS, NULL);
	ck_assert_int_eq(message_id_decode(slice_of(sim_ext(a, "msgId")), &host, &h.physical), RC_OK);
	return h;
}

static struct half send_half_with(const char *body, const char *more)
{
	char properties[256];

	snprintf(properties, sizeof(properties), "TAGS\1A\2TRAN_MSG\1true\2PGROUP\1P\2UNIQ_KEY\1%s-id\2WAIT\1true\2%s", body,
		 more);
	return half_of(send_message(&(struct send){.topic = "T", .queue_id = 1, .properties = properties, .body = body}));
}

static struct half send_half(const char *body) { return send_half_with(body, ""); }

struct end_as {
	const char *group;
	bool from_check, is_oneway;
};

static struct sim_answer *end_as(struct half h, int32_t how, const struct end_as *as)
{
	struct end_transaction_request_header header = {
		.present = HEADER_ALL(end_transaction_request_header),
		.topic = SLICE_LIT("T"),
		.producer_group = slice_of(as->group ? as->group : "P"),
		.tran_state_table_offset = h.offset,
		.commit_log_offset = h.physical,
		.commit_or_rollback = how,
		.from_transaction_check = as->from_check,
		.msg_id = SLICE_LIT("id"),
		.transaction_id = SLICE_LIT("id"),
	};

	return sim_send(client, BROKER,
			&(struct sim_request){.code = END_TRANSACTION,
					      .is_oneway = as->is_oneway,
					      .schema = &end_transaction_request_header_schema,
					      .header = &header});
}

static struct sim_answer *end(struct half h, int32_t how) { return end_as(h, how, &(struct end_as){0}); }

static void expect_bodies(const char *expected)
{
	struct sim_answer *a = pull(client, "T", 1, 0, NULL, 0);

	if (expected[0] == '\0')
		ck_assert_int_eq(sim_code(a), PULL_NOT_FOUND);
	else
		ck_assert_str_eq(bodies(a), expected);
}

static int64_t queue_max(const char *topic) { return store_queue_max(store_queue_find(b->store, slice_of(topic), 0)); }

static const char *ops(void) { return queue_max(TOPIC_OP) == 0 ? "" : bodies(pull(client, TOPIC_OP, 0, 0, NULL, 0)); }

static int64_t group_offset(const char *topic)
{
	return offset_get(b->offsets, SLICE_LIT(GROUP_TRANSACTIONS), slice_of(topic), 0);
}

static struct sim_node *producer(const char *name)
{
	struct sim_node *n = sim_client(sim, name);

	expect_answer(produce_heartbeat(n, name, "P"), SUCCESS, NULL);
	return n;
}

/* Time passes, and the producer stays known. */
static void elapse_with(struct sim_node *p, uint64_t ms)
{
	for (; ms > 30000; ms -= 30000) {
		sim_elapse(sim, 30000);
		produce_heartbeat(p, "p", "P");
	}
	sim_elapse(sim, ms);
}

static int64_t number_of(const struct command *cmd, const char *name)
{
	struct arena arena;
	struct slice text = {0};
	int64_t value;

	arena_init(&arena);
	ck_assert_msg(command_ext_get(cmd, name, &arena, &text) && slice_to_i64(text, &value), "%s", name);
	arena_reset(&arena);
	return value;
}

/* 39 came, for this body, checked so often; as the answer to it would name the half message. */
static struct half expect_check(struct sim_node *who, const char *body, const char *times)
{
	const struct command *cmd = sim_received(who);
	struct slice value = {0};
	struct message m;
	struct arena arena;

	ck_assert_msg(cmd != NULL, "nothing came");
	ck_assert_int_eq(cmd->code, CHECK_TRANSACTION_STATE);
	ck_assert(cmd->flag & FLAG_ONEWAY);
	ck_assert_int_eq(message_decode(cmd->body, true, &m), RC_OK);
	ck_assert_msg(slice_is(m.body, body), "'%.*s'", SLICE_ARG(m.body));
	ck_assert(slice_is(m.topic, "T"));
	ck_assert_int_eq(m.queue_id, 1);
	ck_assert(message_property(m.properties, "TRANSACTION_CHECK_TIMES", &value));
	ck_assert_msg(slice_is(value, times), "checked %.*s times", SLICE_ARG(value));
	arena_init(&arena);
	ck_assert(command_ext_get(cmd, "bname", &arena, &value) && slice_is(value, "b"));
	ck_assert(command_ext_get(cmd, "transactionId", &arena, &value));
	arena_reset(&arena);
	ck_assert_int_eq(number_of(cmd, "tranStateTableOffset"), m.queue_offset);
	ck_assert_int_eq(number_of(cmd, "commitLogOffset"), m.physical_offset);
	return (struct half){m.queue_offset, m.physical_offset};
}

static void expect_no_check(struct sim_node *who)
{
	const struct command *cmd = sim_received(who);

	ck_assert_msg(cmd == NULL, "code %d came", cmd ? cmd->code : 0);
}

/* ---- commit, roll back ---- */

START_TEST(a_half_message_is_seen_when_it_is_committed)
{
	struct half h = send_half("one");
	struct message m;

	expect_bodies("");
	expect_answer(end(h, COMMIT), SUCCESS, NULL);
	expect_bodies("one");
	ck_assert_int_eq(message_decode(pull(client, "T", 1, 0, NULL, 0)->cmd.body, true, &m), RC_OK);
	ck_assert_int_eq(m.sys_flag, SYS_FLAG_TRANSACTION_COMMIT);
	ck_assert_int_eq(m.prepared_transaction_offset, h.physical);
	ck_assert_str_eq(ops(), "0");
	ck_assert_str_eq(property_of_first(pull(client, TOPIC_OP, 0, 0, NULL, 0), "TAGS"), "d");
	ck_assert_uint_eq(b->transactions->table.count, 0);
}
END_TEST

START_TEST(properties_are_as_apache_leaves_them)
{
	end(send_half_with("one", "DELAY\0013\2"), COMMIT);
	ck_assert_str_eq(property_of_first(pull(client, TOPIC_HALF, 0, 0, NULL, 0), "REAL_TOPIC"), "T");
	ck_assert_str_eq(property_of_first(pull(client, TOPIC_HALF, 0, 0, NULL, 0), "REAL_QID"), "1");
	ck_assert_str_eq(property_of_first(pull(client, "T", 1, 0, "A", 0), "TRAN_MSG"), "true");
	ck_assert_str_eq(property_of_first(pull(client, "T", 1, 0, "A", 0), "PGROUP"), "P");
	ck_assert_str_eq(property_of_first(pull(client, "T", 1, 0, "A", 0), "UNIQ_KEY"), "one-id");
	ck_assert_str_eq(property_of_first(pull(client, "T", 1, 0, "A", 0), "__transactionId__"), "one-id");
	ck_assert_ptr_null(property_of_first(pull(client, "T", 1, 0, "A", 0), "REAL_TOPIC"));
	ck_assert_ptr_null(property_of_first(pull(client, "T", 1, 0, "A", 0), "REAL_QID"));
	ck_assert_ptr_null(property_of_first(pull(client, "T", 1, 0, "A", 0), "DELAY"));
}
END_TEST

START_TEST(the_answer_to_a_half_message_names_its_own_queue)
{
	struct sim_answer *a = send_message(&(struct send){
		.topic = "T", .queue_id = 1, .properties = "TRAN_MSG\1true\2PGROUP\1P\2UNIQ_KEY\1u\2", .body = "one"});

	ck_assert_int_eq(ext_number(a, "queueId"), 1);
	ck_assert_int_eq(ext_number(a, "queueOffset"), 0);
	ck_assert_str_eq(sim_ext(a, "transactionId"), "u");
	ck_assert_int_eq(queue_max(TOPIC_HALF), 1);
}
END_TEST

START_TEST(what_is_rolled_back_is_never_seen)
{
	expect_answer(end(send_half("one"), ROLLBACK), SUCCESS, NULL);
	expect_bodies("");
	ck_assert_str_eq(ops(), "0");
	sim_elapse(sim, 3600 * 1000);
	expect_bodies("");
}
END_TEST

START_TEST(a_oneway_is_carried_out_and_not_answered)
{
	struct half h = send_half("one");

	sim_forget(sim);
	end_as(h, COMMIT, &(struct end_as){.is_oneway = true});
	sim_expect(sim, "[0] client > b END_TRANSACTION");
	sim_expect_none(sim, "answer");
	expect_bodies("one");
}
END_TEST

/* decisions: first, second; what is seen after both */
static const struct {
	int32_t first, second;
	const char *seen;
} twice[] = {{COMMIT, COMMIT, "one"}, {COMMIT, ROLLBACK, "one"}, {ROLLBACK, COMMIT, ""}, {ROLLBACK, ROLLBACK, ""}};

START_TEST(the_first_end_counts)
{
	struct half h = send_half("one");

	end(h, twice[_i].first);
	expect_answer(end(h, twice[_i].second), SUCCESS, "the transaction has ended before");
	expect_bodies(twice[_i].seen);
	ck_assert_str_eq(ops(), "0");
}
END_TEST

START_TEST(two_ends_in_one_turn_are_one)
{
	struct half h = send_half("one");
	struct sim_node *other = sim_client(sim, "other");

	sim_delay(sim, "client", "b", 10);
	sim_delay(sim, "other", "b", 10);
	end_as(h, COMMIT, &(struct end_as){.is_oneway = true});
	client = other;
	end_as(h, COMMIT, &(struct end_as){.is_oneway = true});
	sim_elapse(sim, 100);
	client = sim_client(sim, "third");
	expect_bodies("one");
	ck_assert_str_eq(ops(), "0");
}
END_TEST

START_TEST(ends_are_checked_as_by_apache)
{
	struct half h = send_half("one"), bad;

	expect_answer(end_as(h, COMMIT, &(struct end_as){.group = "Q"}), SYSTEM_ERROR, "The producer group wrong");
	bad = (struct half){h.offset + 1, h.physical};
	expect_answer(end(bad, COMMIT), SYSTEM_ERROR, "The transaction state table offset wrong");
	bad = (struct half){h.offset, h.physical + 1};
	expect_answer(end(bad, COMMIT), SYSTEM_ERROR, "Find prepared transaction message failed");
	bad = (struct half){h.offset, INT64_C(1) << 50};
	expect_answer(end(bad, ROLLBACK), SYSTEM_ERROR, "Find prepared transaction message failed");
	bad = (struct half){h.offset, -1};
	expect_answer(end(bad, ROLLBACK), SYSTEM_ERROR, "Find prepared transaction message failed");
	bad = (struct half){INT64_MAX, h.physical};
	expect_answer(end(bad, COMMIT), SYSTEM_ERROR, "The transaction state table offset wrong");
	expect_answer(end(h, 5), SYSTEM_ERROR, "commitOrRollback[5] is illegal");
	expect_bodies("");
	ck_assert_str_eq(ops(), "");
	end(h, COMMIT);
	expect_bodies("one");
}
END_TEST

START_TEST(only_half_messages_can_be_ended)
{
	struct sim_answer *a =
		send_message(&(struct send){.topic = "T", .properties = "PGROUP\1P\2REAL_TOPIC\1T\2REAL_QID\0010\2"});

	expect_answer(end(half_of(a), COMMIT), SYSTEM_ERROR, "Find prepared transaction message failed");
}
END_TEST

/* A message may hold, as its body, bytes that look like a half message; the queue has no such entry. */
START_TEST(a_forged_half_message_is_none)
{
	struct half h = send_half("one");
	struct message m = {.topic = SLICE_LIT(TOPIC_HALF),
			    .body = SLICE_LIT("forged"),
			    .properties = SLICE_LIT("PGROUP\1P\2REAL_TOPIC\1T\2REAL_QID\0011\2"),
			    .queue_offset = h.offset};
	struct store_figures figures;
	struct buf bytes = {0};

	store_get_figures(b->store, &figures);
	m.physical_offset = figures.written + 88; /* behind the next message's head (V1, IPv4) and its body's length */
	message_encode(&m, buf_grow(&bytes, message_size(&m)));
	expect_answer(send_message(&(struct send){.topic = "T", .raw_body = buf_slice(&bytes)}), SUCCESS, NULL);
	buf_clear(&bytes);
	ck_assert_int_eq(store_read_message(b->store, m.physical_offset, &bytes, &(struct store_get){.count = 0}), RC_OK);
	buf_free(&bytes);
	expect_answer(end((struct half){h.offset, m.physical_offset}, COMMIT), SYSTEM_ERROR,
		      "Find prepared transaction message failed");
	expect_bodies("");
}
END_TEST

START_TEST(they_can_be_forbidden)
{
	struct sim_answer *a;

	setup_with("rejectTransactionMessage=true\n");
	a = send_message(&(struct send){.topic = "T", .properties = "TRAN_MSG\1true\2PGROUP\1P\2"});
	expect_answer(a, NO_PERMISSION, "the broker[127.0.0.1] sending transaction message is forbidden");
}
END_TEST

/* ---- checks ---- */

START_TEST(a_producer_that_does_not_know_is_asked_and_then_commits)
{
	struct sim_node *p = producer("p");
	struct half h = send_half("one"), again;

	expect_answer(end(h, UNKNOWN), SUCCESS, NULL);
	sim_elapse(sim, 5999);
	expect_no_check(p);
	sim_elapse(sim, 1);
	again = expect_check(p, "one", "1");
	ck_assert_int_eq(again.offset, 1);
	end_as(again, UNKNOWN, &(struct end_as){.from_check = true});
	sim_elapse(sim, 29999);
	expect_no_check(p);
	sim_elapse(sim, 1);
	again = expect_check(p, "one", "2");
	expect_bodies("");
	expect_answer(end_as(again, COMMIT, &(struct end_as){.from_check = true}), SUCCESS, NULL);
	expect_bodies("one");
	elapse_with(p, 3600 * 1000);
	expect_no_check(p);
	expect_bodies("one");
	ck_assert_str_eq(ops(), "2");
}
END_TEST

/* Its first half message has been put again by then; Apache delivers twice here. */
START_TEST(a_late_end_counts_and_the_answer_to_the_check_does_not)
{
	struct sim_node *p = producer("p");
	struct half h = send_half("one"), again;

	sim_elapse(sim, 6000);
	again = expect_check(p, "one", "1");
	expect_answer(end(h, COMMIT), SUCCESS, NULL);
	expect_answer(end(again, COMMIT), SUCCESS, "the transaction has ended before");
	elapse_with(p, 3600 * 1000);
	expect_bodies("one");
	expect_no_check(p);
}
END_TEST

START_TEST(an_answer_to_an_older_check_counts)
{
	struct sim_node *p = producer("p");
	struct half first;

	send_half("one");
	sim_elapse(sim, 6000);
	first = expect_check(p, "one", "1");
	elapse_with(p, 60000);
	expect_check(p, "one", "2");
	expect_check(p, "one", "3");
	expect_answer(end(first, COMMIT), SUCCESS, NULL);
	expect_bodies("one");
	ck_assert_uint_eq(b->transactions->table.count, 0);
}
END_TEST

START_TEST(immunity_is_the_messages_own)
{
	struct sim_node *p = producer("p");
	struct half late;

	late = send_half_with("late", "CHECK_IMMUNITY_TIME_IN_SECONDS\00120\2");
	send_half_with("soon", "CHECK_IMMUNITY_TIME_IN_SECONDS\0011\2"); /* never less than transactionTimeOut */
	send_half_with("odd", "CHECK_IMMUNITY_TIME_IN_SECONDS\1x\2");
	send_half_with("vast", "CHECK_IMMUNITY_TIME_IN_SECONDS\0019223372036854775807\2");
	sim_elapse(sim, 6000);
	expect_check(p, "soon", "1");
	expect_check(p, "odd", "1");
	expect_no_check(p);
	sim_elapse(sim, 13999);
	expect_no_check(p);
	sim_elapse(sim, 1);
	expect_check(p, "late", "1");
	expect_answer(end(late, COMMIT), SUCCESS, NULL);
	expect_bodies("late");
}
END_TEST

START_TEST(what_was_checked_too_often_is_put_aside)
{
	struct sim_node *p;
	struct sim_answer *a;

	setup_with("transactionCheckMax=2\ntransactionCheckInterval=10000\n");
	p = producer("p");
	send_half("one");
	sim_elapse(sim, 16000);
	expect_check(p, "one", "1");
	expect_check(p, "one", "2");
	sim_elapse(sim, 10000);
	expect_no_check(p);
	a = pull(client, TOPIC_CHECKED_TOO_OFTEN, 0, 0, NULL, 0);
	ck_assert_str_eq(bodies(a), "one");
	ck_assert_str_eq(property_of_first(a, "TRANSACTION_CHECK_TIMES"), "2");
	ck_assert_str_eq(property_of_first(a, "REAL_TOPIC"), "T");
	elapse_with(p, 3600 * 1000);
	expect_no_check(p);
	restart_with("transactionCheckMax=2\ntransactionCheckInterval=10000\n");
	sim_elapse(sim, 3600 * 1000);
	ck_assert_int_eq(queue_max(TOPIC_CHECKED_TOO_OFTEN), 1);
}
END_TEST

START_TEST(resumed_it_is_checked_anew)
{
	struct resume_check_half_message_request_header h = {.present = HEADER_ALL(resume_check_half_message_request_header)};
	struct sim_node *p;
	struct half again;
	char id[57];

	setup_with("transactionCheckMax=0\n");
	p = producer("p");
	send_half("one");
	sim_elapse(sim, 6000);
	message_id_encode(&b->store_host, physical_of_first(pull(client, TOPIC_CHECKED_TOO_OFTEN, 0, 0, NULL, 0)), id);
	h.msg_id = slice_of(id);
	b->config->transaction_check_max = 15;
	expect_answer(ask(client, RESUME_CHECK_HALF_MESSAGE, &resume_check_half_message_request_header_schema, &h, ""), SUCCESS,
		      NULL);
	sim_elapse(sim, 6000);
	again = expect_check(p, "one", "1");
	end(again, COMMIT);
	expect_bodies("one");
	/* Something else is refused. */
	message_id_encode(&b->store_host, physical_of_first(pull(client, "T", 1, 0, NULL, 0)), id);
	ck_assert_int_eq(
		sim_code(ask(client, RESUME_CHECK_HALF_MESSAGE, &resume_check_half_message_request_header_schema, &h, "")),
		SYSTEM_ERROR);
	h.msg_id = SLICE_LIT("no id");
	ck_assert_int_eq(
		sim_code(ask(client, RESUME_CHECK_HALF_MESSAGE, &resume_check_half_message_request_header_schema, &h, "")),
		SYSTEM_ERROR);
}
END_TEST

START_TEST(an_open_one_that_is_resumed_stays_one)
{
	struct resume_check_half_message_request_header h = {.present = HEADER_ALL(resume_check_half_message_request_header)};
	struct sim_node *p = producer("p");
	struct half half = send_half("one");
	char id[57];

	sim_elapse(sim, 36000);
	expect_check(p, "one", "1");
	expect_check(p, "one", "2");
	message_id_encode(&b->store_host, half.physical, id);
	h.msg_id = slice_of(id);
	expect_answer(ask(client, RESUME_CHECK_HALF_MESSAGE, &resume_check_half_message_request_header_schema, &h, ""), SUCCESS,
		      NULL);
	sim_elapse(sim, 6000);
	expect_check(p, "one", "1");
	end(half, COMMIT);
	elapse_with(p, 60000);
	expect_no_check(p);
	expect_bodies("one");
}
END_TEST

START_TEST(too_old_ones_are_put_aside)
{
	struct sim_node *p;

	setup_with("fileReservedTime=1\ntransactionCheckInterval=1900000\n");
	p = producer("p");
	send_half("one");
	elapse_with(p, 3600 * 1000);
	expect_check(p, "one", "1");
	expect_check(p, "one", "2");
	elapse_with(p, 3600 * 1000);
	expect_no_check(p);
	ck_assert_str_eq(bodies(pull(client, TOPIC_CHECKED_TOO_OFTEN, 0, 0, NULL, 0)), "one");
}
END_TEST

START_TEST(a_producer_that_comes_later_is_asked_the_next_time)
{
	struct sim_node *p;

	send_half("one");
	sim_elapse(sim, 10000);
	p = producer("p");
	sim_elapse(sim, 25999);
	expect_no_check(p);
	sim_elapse(sim, 1);
	expect_check(p, "one", "2");
	sim_close(sim, "p", "b");
	sim_elapse(sim, 60000);
	expect_no_check(p);
	ck_assert_uint_eq(b->transactions->table.count, 1);
}
END_TEST

START_TEST(another_group_is_not_asked)
{
	struct sim_node *q = sim_client(sim, "q");

	produce_heartbeat(q, "q", "Q");
	send_half("one");
	sim_elapse(sim, 60000);
	expect_no_check(q);
}
END_TEST

START_TEST(the_producers_of_a_group_take_turns)
{
	struct sim_node *p1 = producer("p1"), *p2 = producer("p2");
	int first = 0, second = 0;

	send_half("one");
	send_half("two");
	sim_elapse(sim, 6000);
	while (sim_received(p1) != NULL)
		first++;
	while (sim_received(p2) != NULL)
		second++;
	ck_assert_int_eq(first, 1);
	ck_assert_int_eq(second, 1);
}
END_TEST

START_TEST(many_that_are_due_at_once_are_all_asked_for)
{
	struct sim_node *p = producer("p");
	char body[16];

	for (int i = 0; i < 300; i++) {
		snprintf(body, sizeof(body), "%d", i);
		send_half(body);
	}
	sim_elapse(sim, 6000);
	for (int i = 0; i < 300; i++) {
		snprintf(body, sizeof(body), "%d", i);
		expect_check(p, body, "1");
	}
	expect_no_check(p);
	sim_elapse(sim, 1000);
	ck_assert_int_eq(group_offset(TOPIC_HALF), 300); /* all stand further on again */
}
END_TEST

/* ---- offsets, restart ---- */

START_TEST(offsets_say_what_is_done)
{
	struct half a = send_half("a"), second = send_half("b"), c = send_half("c");

	end(a, COMMIT);
	end(c, ROLLBACK);
	sim_elapse(sim, 1000);
	ck_assert_int_eq(group_offset(TOPIC_HALF), 1); /* b is open */
	ck_assert_int_le(group_offset(TOPIC_OP), 0);   /* what was said of c stands behind this */
	end(second, COMMIT);
	sim_elapse(sim, 1000);
	ck_assert_int_eq(group_offset(TOPIC_HALF), 3);
	ck_assert_int_eq(group_offset(TOPIC_OP), 3);
	expect_bodies("a,b");
}
END_TEST

START_TEST(a_restart_keeps_what_is_open_and_what_is_not)
{
	struct half a = send_half("a"), open = send_half("open"), c = send_half("c");
	struct sim_node *p;

	end(a, COMMIT);
	end(c, ROLLBACK);
	restart_with("");
	p = producer("p");
	ck_assert_uint_eq(b->transactions->table.count, 1);
	expect_answer(end(c, COMMIT), SUCCESS, "the transaction has ended before");
	expect_answer(end(a, COMMIT), SUCCESS, "the transaction has ended before");
	sim_elapse(sim, 29999); /* producers get the time to come back */
	expect_no_check(p);
	sim_elapse(sim, 1);
	expect_check(p, "open", "1");
	expect_no_check(p);
	restart_with("");
	ck_assert_uint_eq(b->transactions->table.count, 1);
	expect_answer(end(open, COMMIT), SUCCESS, NULL);
	expect_bodies("a,open");
}
END_TEST

START_TEST(the_count_of_checks_survives)
{
	struct sim_node *p = producer("p");

	send_half("one");
	sim_elapse(sim, 36000);
	expect_check(p, "one", "1");
	expect_check(p, "one", "2");
	restart_with("");
	p = producer("p2");
	sim_elapse(sim, 30000);
	expect_check(p, "one", "3");
}
END_TEST

/* As after kill -9 between two writes: what the offsets' file says is older than the queues. */
START_TEST(old_offsets_do_no_harm)
{
	struct half a = send_half("a"), again;
	struct sim_node *p = producer("p");

	send_half("open");
	sim_elapse(sim, 6000);
	expect_check(p, "a", "1");
	again = expect_check(p, "open", "1");
	end(a, COMMIT);
	offset_put(b->offsets, SLICE_LIT(GROUP_TRANSACTIONS), SLICE_LIT(TOPIC_HALF), 0, 0);
	offset_put(b->offsets, SLICE_LIT(GROUP_TRANSACTIONS), SLICE_LIT(TOPIC_OP), 0, 0);
	b->transactions->saved_half = transaction_first(&b->transactions->table)->offset;
	b->transactions->saved_op = transaction_first(&b->transactions->table)->op;
	restart_with("");
	ck_assert_uint_eq(b->transactions->table.count, 1);
	ck_assert_int_eq(transaction_first(&b->transactions->table)->key, 1);
	ck_assert_int_eq(transaction_first(&b->transactions->table)->offset, again.offset);
	elapse_with(p, 60000);
	expect_bodies("a");
}
END_TEST

/* The next start finds a store as a kill leaves it. */
static void make_unclean(void)
{
	char *abort_file = mem_printf("%s/b/store/abort", sim_folder(sim));
	char *checkpoint = mem_printf("%s/b/store/checkpoint", sim_folder(sim));
	FILE *f = fopen(abort_file, "w");

	ck_assert_ptr_nonnull(f);
	fclose(f);
	ck_assert(remove(checkpoint) == 0 || errno == ENOENT);
	free(abort_file);
	free(checkpoint);
}

/* The final message was written, the op message behind it was not; the producer would be asked, and it be delivered twice. */
START_TEST(a_commit_cut_in_two_by_a_kill_is_completed)
{
	struct half h = send_half("one");
	struct half_message half;
	struct append_result at;
	struct buf bytes = {0};
	struct store_get get = {.count = 0};
	struct sim_node *p;

	ck_assert_int_eq(store_read_message(b->store, h.physical, &bytes, &get), RC_OK);
	ck_assert(half_read(buf_slice(&bytes), &half));
	ck_assert_int_eq(half_put_final(b, &half, &at), RC_OK);
	buf_free(&bytes);
	sim_run(sim);
	sim_node_stop(node);
	make_unclean();
	node = sim_broker(sim, "b", BROKER, "");
	b = sim_broker_core(node);
	p = producer("p");
	elapse_with(p, 3600 * 1000);
	expect_no_check(p);
	expect_bodies("one");
	ck_assert_str_eq(ops(), "0");
}
END_TEST

START_TEST(ends_wait_until_the_queues_have_been_read)
{
	struct half h = send_half("one");
	struct sim_answer *a;

	b->transactions->is_walking = true;
	a = end(h, COMMIT);
	end_as(h, COMMIT, &(struct end_as){.is_oneway = true});
	ck_assert(!a->is_done);
	transaction_walk_start(b->transactions);
	sim_run(sim);
	expect_answer(a, SUCCESS, NULL);
	expect_bodies("one");
}
END_TEST

START_TEST(an_end_whose_client_goes_is_still_carried_out)
{
	struct half h = send_half("one");
	struct sim_node *other = client;

	b->transactions->is_walking = true;
	end_as(h, COMMIT, &(struct end_as){.is_oneway = true});
	end(send_half("two"), COMMIT);
	sim_close(sim, "client", "b");
	transaction_walk_start(b->transactions);
	client = sim_client(sim, "third");
	sim_elapse(sim, 10);
	expect_bodies("one,two");
	client = other;
}
END_TEST

START_TEST(a_broker_that_stops_leaves_waiting_ends_open)
{
	struct half h = send_half("one");

	b->transactions->is_walking = true;
	end_as(h, COMMIT, &(struct end_as){.is_oneway = true});
	end(h, COMMIT);
	restart_with("");
	expect_bodies("");
	ck_assert_uint_eq(b->transactions->table.count, 1);
}
END_TEST

START_TEST(what_could_not_be_written_is_open_again)
{
	struct half h = send_half("one");
	struct transaction *x = transaction_find(&b->transactions->table, h.offset);
	struct transaction_service *s = b->transactions;

	/* As if the write of a check and of an end had failed. */
	x->next_offset = 7;
	x->is_ending = true;
	transaction_staged(b, &(struct transaction_event){.kind = EVENT_AGAIN, .key = h.offset, .offset = 7, .end = 1 << 20});
	transaction_staged(b, &(struct transaction_event){.kind = EVENT_OP, .key = h.offset, .offset = 7, .end = 1 << 20});
	store_wait_cancel(&s->wait);
	s->wait.on_ready(&s->wait, RC_DISK_FULL);
	sim_run(sim);
	ck_assert_int_eq(x->next_offset, -1);
	expect_answer(end(h, COMMIT), SUCCESS, NULL);
	expect_bodies("one");
}
END_TEST

/* ---- more than the table holds ---- */

START_TEST(beyond_the_table_they_wait_in_the_queue)
{
	struct half h[6];
	struct sim_node *p = producer("p");
	char body[2] = "a";

	b->transactions->table.max = 3;
	for (int i = 0; i < 6; i++) {
		h[i] = send_half(body);
		body[0]++;
		if (i == 4) /* not in the table */
			expect_answer(end(h[i], COMMIT), SUCCESS, NULL);
	}
	ck_assert_uint_eq(b->transactions->table.count, 3);
	expect_bodies("e");
	sim_elapse(sim, 6000);
	expect_check(p, "a", "1");
	expect_check(p, "b", "1");
	expect_check(p, "c", "1");
	expect_no_check(p);
	sim_elapse(sim, 1000);
	ck_assert_int_eq(group_offset(TOPIC_HALF), 3); /* d is the first that is open: a, b and c stand behind it now */
	end(h[0], COMMIT);
	end(h[2], ROLLBACK); /* half of the table is free: d and f are taken */
	sim_elapse(sim, 1000);
	ck_assert_uint_eq(b->transactions->table.count, 3);
	expect_check(p, "d", "1");
	expect_check(p, "f", "1");
	expect_no_check(p);
	end(h[1], COMMIT);
	end(h[3], COMMIT);
	end(h[5], COMMIT);
	expect_bodies("e,a,b,d,f");
	elapse_with(p, 60000);
	expect_no_check(p);
	ck_assert_int_eq(group_offset(TOPIC_HALF), queue_max(TOPIC_HALF));
	ck_assert_int_eq(group_offset(TOPIC_OP), queue_max(TOPIC_OP));
}
END_TEST

/* ---- stores of Apache's brokers ---- */

static void copy_file(const char *from, const char *to)
{
	char *path = mem_strdup(to);
	struct buf bytes = {0};
	FILE *f;

	for (char *p = path + 1; (p = strchr(p, '/')) != NULL; p++) {
		*p = '\0';
		ck_assert(mkdir(path, 0755) == 0 || errno == EEXIST);
		*p = '/';
	}
	ck_assert_msg(small_file_read(from, &bytes) == RC_OK, "%s", from);
	f = fopen(to, "wb");
	ck_assert_ptr_nonnull(f);
	ck_assert_uint_eq(fwrite(bytes.data, 1, bytes.len, f), bytes.len);
	fclose(f);
	buf_free(&bytes);
	free(path);
}

/* The log, and the offsets if wanted; the queues are made from the log. */
static void setup_golden(const char *version, bool offsets)
{
	static const char *const files[] = {"commitlog/00000000000000000000", "config/consumerOffset.json", "config/topics.json"};
	char *golden = mem_printf("%s/store-%s", GOLDEN_FOLDER, version);

	sim = sim_new();
	for (size_t i = 0; i < 3; i++) {
		char *from = mem_printf("%s/%s", golden, files[i]), *to = mem_printf("%s/b/store/%s", sim_folder(sim), files[i]);

		if (i != 1 || offsets)
			copy_file(from, to);
		free(from);
		free(to);
	}
	make_unclean();
	node = sim_broker(sim, "b", BROKER, "brokerClusterName=DefaultCluster\n");
	b = sim_broker_core(node);
	client = sim_client(sim, "client");
	free(golden);
}

static const char *const versions[] = {"4.9.7", "5.5.0"};

/* What the check appended was not on the device when the next one was due; then nobody asked any more. */
START_TEST(a_device_slower_than_the_interval_holds_no_check_up_for_ever)
{
	struct sim_node *p;

	setup_with("flushDiskType=SYNC_FLUSH\ntransactionCheckInterval=400\n");
	p = producer("p");
	send_half("one");
	sim_hold_jobs(sim, true);
	sim_elapse(sim, 6000);
	expect_check(p, "one", "1");
	sim_elapse(sim, 2000);
	expect_no_check(p);
	sim_hold_jobs(sim, false);
	sim_elapse(sim, 1000);
	expect_check(p, "one", "2");
}
END_TEST

START_TEST(apaches_offsets_are_gone_on_with)
{
	setup_golden(versions[_i], true);
	sim_elapse(sim, 1000);
	ck_assert_int_eq(group_offset(TOPIC_HALF), 4);
	ck_assert_int_eq(queue_max(TOPIC_HALF), 4);
	ck_assert_uint_eq(b->transactions->table.count, 0);
}
END_TEST

/* Without the offsets all is read. 4.9.7 and 5.5.0 write op messages "0" and "0,1,". Half message 2 was put again as 3, as a check does, and
 * nothing in it says so: only its offset did. */
START_TEST(apaches_op_messages_are_understood)
{
	setup_golden(versions[_i], false);
	sim_elapse(sim, 1000);
	ck_assert_int_eq(queue_max(TOPIC_OP), _i == 0 ? 3 : 2);
	ck_assert_uint_eq(b->transactions->table.count, 1);
	ck_assert_int_eq(transaction_first(&b->transactions->table)->key, 2);
	ck_assert_int_eq(b->transactions->next_half, 4);
	ck_assert_int_eq(b->transactions->next_op, _i == 0 ? 3 : 2);
}
END_TEST

START_TEST(op_bodies)
{
	struct slice body = SLICE_LIT("12,x,,-4, 7,9223372036854775808,9,");
	int64_t offset;

	ck_assert(half_op_next(&body, &offset));
	ck_assert_int_eq(offset, 12);
	ck_assert(half_op_next(&body, &offset));
	ck_assert_int_eq(offset, 9);
	ck_assert(!half_op_next(&body, &offset));
}
END_TEST

Suite *suite_transactions(void)
{
	Suite *s = suite_create("transactions");
	TCase *tc = tcase_create("default"), *own = tcase_create("own settings");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, a_half_message_is_seen_when_it_is_committed);
	tcase_add_test(tc, properties_are_as_apache_leaves_them);
	tcase_add_test(tc, the_answer_to_a_half_message_names_its_own_queue);
	tcase_add_test(tc, what_is_rolled_back_is_never_seen);
	tcase_add_test(tc, a_oneway_is_carried_out_and_not_answered);
	tcase_add_loop_test(tc, the_first_end_counts, 0, 4);
	tcase_add_test(tc, two_ends_in_one_turn_are_one);
	tcase_add_test(tc, ends_are_checked_as_by_apache);
	tcase_add_test(tc, only_half_messages_can_be_ended);
	tcase_add_test(tc, a_forged_half_message_is_none);
	tcase_add_test(tc, a_producer_that_does_not_know_is_asked_and_then_commits);
	tcase_add_test(tc, a_late_end_counts_and_the_answer_to_the_check_does_not);
	tcase_add_test(tc, an_answer_to_an_older_check_counts);
	tcase_add_test(tc, immunity_is_the_messages_own);
	tcase_add_test(tc, an_open_one_that_is_resumed_stays_one);
	tcase_add_test(tc, a_producer_that_comes_later_is_asked_the_next_time);
	tcase_add_test(tc, another_group_is_not_asked);
	tcase_add_test(tc, the_producers_of_a_group_take_turns);
	tcase_add_test(tc, many_that_are_due_at_once_are_all_asked_for);
	tcase_add_test(tc, offsets_say_what_is_done);
	tcase_add_test(tc, a_restart_keeps_what_is_open_and_what_is_not);
	tcase_add_test(tc, the_count_of_checks_survives);
	tcase_add_test(tc, old_offsets_do_no_harm);
	tcase_add_test(tc, a_commit_cut_in_two_by_a_kill_is_completed);
	tcase_add_test(tc, ends_wait_until_the_queues_have_been_read);
	tcase_add_test(tc, an_end_whose_client_goes_is_still_carried_out);
	tcase_add_test(tc, a_broker_that_stops_leaves_waiting_ends_open);
	tcase_add_test(tc, what_could_not_be_written_is_open_again);
	tcase_add_test(tc, beyond_the_table_they_wait_in_the_queue);
	tcase_add_test(tc, op_bodies);
	suite_add_tcase(s, tc);
	tcase_add_checked_fixture(own, NULL, teardown);
	tcase_add_test(own, a_device_slower_than_the_interval_holds_no_check_up_for_ever);
	tcase_add_test(own, they_can_be_forbidden);
	tcase_add_test(own, what_was_checked_too_often_is_put_aside);
	tcase_add_test(own, resumed_it_is_checked_anew);
	tcase_add_test(own, too_old_ones_are_put_aside);
	tcase_add_loop_test(own, apaches_offsets_are_gone_on_with, 0, 2);
	tcase_add_loop_test(own, apaches_op_messages_are_understood, 0, 2);
	suite_add_tcase(s, own);
	return s;
}
