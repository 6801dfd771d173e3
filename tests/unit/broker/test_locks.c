/* Queue locks of orderly consumers: 41, 42 and the lease. Facts: Apache RebalanceLockManager. */
#include "tests/unit/broker/fixture.h"

#include <stdlib.h>

#include "base/mem.h"
#include "broker/lock_table.h"

Suite *suite_locks(void);

static struct sim_answer *batch(int32_t code, const char *client_id, int32_t queue_id)
{
	char *text = mem_printf(
		"{\"clientId\":\"%s\",\"consumerGroup\":\"G\",\"mqSet\":[{\"brokerName\":\"b\",\"queueId\":%d,\"topic\":\"T\"}]}",
		client_id, queue_id);
	struct sim_answer *a = ask(client, code, NULL, NULL, text);

	free(text);
	return a;
}

static bool lock(const char *client_id, int32_t queue_id)
{
	struct sim_answer *a = batch(LOCK_BATCH_MQ, client_id, queue_id);
	char *granted = mem_printf("{\"lockOKMQSet\":[{\"brokerName\":\"b\",\"queueId\":%d,\"topic\":\"T\"}]}", queue_id);
	bool is_granted = slice_is(a->cmd.body, granted);

	ck_assert_int_eq(sim_code(a), SUCCESS);
	if (!is_granted)
		ck_assert_str_eq(sim_body(a), "{\"lockOKMQSet\":[]}");
	free(granted);
	return is_granted;
}

START_TEST(one_client_a_queue)
{
	ck_assert(lock("c1", 0));
	ck_assert(!lock("c2", 0));
	ck_assert(lock("c2", 1));
	ck_assert(lock("c1", 0));
	ck_assert(lock_table_group_is_locked(b->locks, SLICE_LIT("G")));
	ck_assert(!lock_table_group_is_locked(b->locks, SLICE_LIT("H")));
}
END_TEST

START_TEST(a_lease_lasts_sixty_seconds)
{
	ck_assert(lock("c1", 0));
	sim_elapse(sim, LOCK_LEASE_MS);
	ck_assert(!lock("c2", 0));
	sim_elapse(sim, 1);
	ck_assert(!lock_table_group_is_locked(b->locks, SLICE_LIT("G")));
	ck_assert(lock("c2", 0));
	ck_assert(!lock("c1", 0));
}
END_TEST

START_TEST(locking_again_renews)
{
	ck_assert(lock("c1", 0));
	for (int i = 0; i < 6; i++) {
		sim_elapse(sim, 20000);
		ck_assert(lock("c1", 0));
	}
	ck_assert(!lock("c2", 0));
}
END_TEST

START_TEST(only_the_holder_unlocks)
{
	ck_assert(lock("c1", 0));
	expect_answer(batch(UNLOCK_BATCH_MQ, "c2", 0), SUCCESS, NULL);
	ck_assert(!lock("c2", 0));
	expect_answer(batch(UNLOCK_BATCH_MQ, "c1", 0), SUCCESS, NULL);
	ck_assert(lock("c2", 0));
}
END_TEST

static const char *const bad_bodies[] = {"", "[]", "{}", "{\"clientId\":\"c\"}", "{\"clientId\":7,\"consumerGroup\":\"G\"}"};

START_TEST(bad_bodies_are_refused)
{
	ck_assert_int_eq(sim_code(ask(client, LOCK_BATCH_MQ, NULL, NULL, bad_bodies[_i])), SYSTEM_ERROR);
	ck_assert_int_eq(sim_code(ask(client, UNLOCK_BATCH_MQ, NULL, NULL, bad_bodies[_i])), SYSTEM_ERROR);
}
END_TEST

Suite *suite_locks(void)
{
	Suite *s = suite_create("locks");
	TCase *tc = tcase_create("locks");

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_add_test(tc, one_client_a_queue);
	tcase_add_test(tc, a_lease_lasts_sixty_seconds);
	tcase_add_test(tc, locking_again_renews);
	tcase_add_test(tc, only_the_holder_unlocks);
	tcase_add_loop_test(tc, bad_bodies_are_refused, 0, COUNT_OF(bad_bodies));
	suite_add_tcase(s, tc);
	return s;
}
