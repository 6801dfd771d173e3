#!/usr/bin/env python3
"""mqbench's options on the real programs: what each asks for is what the broker then has, or what is measured."""

import json
import os
import re
import signal
import subprocess
import sys

sys.dont_write_bytecode = True

import mqbench                                              # noqa: E402
import servers                                              # noqa: E402
from codes import VALUES                                    # noqa: E402
from messages import pull_all                               # noqa: E402
from remoting import Connection                             # noqa: E402
from tap import check, equal, main, test                    # noqa: E402

namesrv = servers.NameServer()
broker = servers.Broker(namesrv)


def bench(kind, *arguments, status=0):
    return mqbench.run(kind, broker.port, *arguments, status=status)


def went(figures, due):
    """Of what was due, how many went out: the rest had to wait for the broker until the end, and is told."""
    equal(figures["messages"] + figures["unsent"] + figures["unanswered"], due, f"messages due: {figures}")
    equal((figures["errors"], figures["unanswered"]), (0, 0), "errors, not answered")
    check(figures["messages"] > 0, f"{figures}")
    return due - figures["unsent"]


def shares(found, value, of):
    """How many messages have each value."""
    return [sum(value(m) == v for m in found) for v in of]


def stored(topic, queues):
    with Connection("127.0.0.1", broker.port) as c:
        return [m for q in range(queues) for m in pull_all(c, topic, q)]


@test
def messages_are_as_they_were_asked_for():
    figures = bench("produce", "-t", "Asked", "-q", "2", "-r", "80", "-i", "16", "-s", "64:3,256:1", "--keys", "2", "--tag", "x:3,y:1",
                    "--property", "colour=red", "--property", "size=big", "--no-wait")
    found, sent = stored("Asked", 2), went(figures, 80)
    equal(len(found), sent, "messages in two queues")
    equal(sorted({m.queue_id for m in found}), [0, 1], "queues")
    for few, many in ((shares(found, lambda m: len(m.body), (256, 64))), shares(found, lambda m: m.properties["TAGS"], "yx")):
        equal(few + many, sent, "messages with a size, a tag, of the mix")
        check(abs(many - 3 * few) <= 3, f"three to one: {many}, {few}")
    equal({(m.properties["colour"], m.properties["size"], m.properties["WAIT"]) for m in found}, {("red", "big", "false")}, "properties")
    equal({len(m.properties["KEYS"].split()) for m in found}, {2}, "keys of each")
    equal(len({m.properties["UNIQ_KEY"] for m in found}), sent, "unique keys")
    equal(len({k for m in found for k in m.properties["KEYS"].split()}), 2 * sent, "different keys")


@test
def topics_and_batches_are_as_they_were_asked_for():
    sent = went(bench("produce", "-t", "Batched", "--topics", "2", "-q", "1", "-r", "80", "-b", "8", "-s", "100", "-i", "2"), 80)
    found = [stored(t, 1) for t in ("Batched-0", "Batched-1")]
    equal((len(found[0]) + len(found[1]), {len(m.body) for f in found for m in f}), (sent, {100}), "messages of both topics, and their size")
    check(abs(len(found[0]) - len(found[1])) <= 8, f"in turns, a batch each: {len(found[0])}, {len(found[1])}")


@test
def what_is_sent_during_the_warm_up_does_not_count():
    sent = went(bench("produce", "-t", "Warm", "-q", "1", "-r", "50", "-w", "1", "-i", "16"), 50)
    equal(len(stored("Warm", 1)), 50 + sent, "sent in both seconds")


@test
def each_transaction_is_committed():
    figures = bench("mixed", "-t", "Transactions", "-r", "100", "-i", "8", "--transaction", "--group", "Committers")
    equal(figures["unreceived"], 0, "committed and not received")
    found = stored("Transactions", 4)
    equal((len(found), {m.properties["PGROUP"] for m in found}), (went(figures, 100), {"Committers"}), "messages to be seen, producer group")
    check(figures["answer_p50_us"] > 0, f"{figures}")
    figures = bench("produce", "-t", "TransactionsSent", "-q", "1", "-r", "100", "-i", "8", "--transaction")
    equal(len(stored("TransactionsSent", 1)), went(figures, 100), "messages to be seen")


@test
def a_delayed_message_waits_at_the_broker():
    figures = bench("produce", "-t", "Later", "-q", "1", "-r", "20", "-i", "8", "--delay-level", "18")
    equal(stored("Later", 1), [], "seen before they are due")
    with Connection("127.0.0.1", broker.port) as c:
        equal(len(pull_all(c, "SCHEDULE_TOPIC_XXXX", 17)), went(figures, 20), "under level 18, in its queue")


@test
def a_stall_is_not_hidden_in_the_open_loop():
    """A third of the messages is due while the broker is stopped: the waiting of all of them counts, not only of those under way."""
    with mqbench.Running("produce", broker.port, "-t", "Stalled", "-r", "300", "-i", "2", "-d", "3") as b:
        b.line()
        broker.process.send_signal(signal.SIGSTOP)
        try:
            b.line()
        finally:
            broker.process.send_signal(signal.SIGCONT)
        figures = b.end()
    equal(figures["messages"] + figures["unsent"] + figures["unanswered"], 900, "messages due")
    check(figures["max_us"] > 800_000, f"the longest wait is of about a second: {figures}")
    check(figures["p90_us"] > 300_000, f"a third waited, half a second on the average: {figures}")


@test
def a_closed_loop_asks_again_when_it_is_answered():
    figures = bench("produce", "-t", "Closed", "-c", "3", "-i", "2")
    equal((figures["unsent"], figures["errors"]), (0, 0), "due and not sent, errors")
    check(len(stored("Closed", 4)) >= figures["messages"] > 6, f"{figures}")


@test
def a_long_poll_brings_what_arrives_from_now_on():
    bench("produce", "-t", "Polled", "-r", "3000", "-i", "64", "-s", "64")
    with mqbench.Running("produce", broker.port, "-t", "Polled", "-r", "100", "-d", "60") as producer:
        producer.line()
        figures = bench("consume", "-t", "Polled", "-i", "4", "--long-poll")
    equal(figures["errors"], 0, "errors")
    check(0 < figures["messages"] < 1500, f"what was there before is not pulled: {figures}")


@test
def a_pull_asks_for_no_more_than_it_was_told():
    bench("produce", "-t", "Few", "-q", "1", "-r", "100")
    figures = bench("consume", "-t", "Few", "-q", "1", "--pull-max", "1")
    pulls = bench("consume", "-t", "Few", "-q", "1", "--pull-max", "32")
    check(figures["messages"] > 0 and pulls["messages"] > 0, f"{figures} {pulls}")
    check(figures["pulls"] == figures["messages"], f"one message a pull: {figures}")
    check(pulls["messages"] >= 20 * pulls["pulls"], f"100 messages are three pulls of 32 and one of 4: {pulls}")


@test
def idle_connections_join_their_groups():
    with mqbench.Running("idle", broker.port, "-c", "20", "--group-size", "10", "--group", "Crowd", "--heartbeat-every", "1", "-d", "60") as b:
        b.line()
        for group in ("Crowd-0", "Crowd-1"):
            with Connection("127.0.0.1", broker.port) as c:
                answer = c.request(VALUES["GET_CONSUMER_LIST_BY_GROUP"], {"consumerGroup": group})
            equal(len(set(json.loads(answer.body)["consumerIdList"])), 10, f"members of {group}")


@test
def the_table_and_the_lines_tell_it_to_people():
    done = subprocess.run([servers.program("mqbench"), "produce", "-a", f"127.0.0.1:{broker.port}", "-d", "1", "-w", "0", "-p",
                           str(broker.process.pid)], capture_output=True, text=True, timeout=mqbench.WAIT_SECONDS)
    equal(done.returncode, 0, done.stderr)
    check(re.search(r"^ +1 s +\d+ /s", done.stderr), f"a line for each second: {done.stderr}")
    for text in ("messages", "answer p50 ", "answer p90", "answer p99 ", "answer p99.9 ", "answer p99.99", "answer max", "mqbench's own CPU",
                 "peer CPU for each", "peer resident memory", "peer anonymous memory"):
        check(text in done.stdout, f"'{text}' is not in the table:\n{done.stdout}")


@test
def help_and_manual_have_each_option():
    done = subprocess.run([servers.program("mqbench"), "--help"], capture_output=True, text=True, timeout=mqbench.WAIT_SECONDS)
    equal(done.returncode, 0, "exit status of --help")
    options = set(re.findall(r"--[a-z-]+", done.stdout)) - {"--help"}
    check(len(options) > 25 and "examples" in done.stdout, f"{options}")
    with open(os.path.join(os.environ.get("top_srcdir", "."), "docs", "man", "mqbench.1")) as f:
        manual = f.read().replace("\\-", "-")
    equal(sorted(o for o in options if o not in manual), [], "options that the manual lacks")


def start():
    namesrv.start()
    broker.start()


def close():
    broker.close()
    namesrv.close()


if __name__ == "__main__":
    main(start, close)
