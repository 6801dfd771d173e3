#!/usr/bin/env python3
"""mqbroker stopped, killed and started again: what it acknowledged is there."""

import json
import os
import signal
import sys

sys.dont_write_bytecode = True

import messages                                             # noqa: E402
import remoting                                             # noqa: E402
import servers                                              # noqa: E402
import tap                                                  # noqa: E402
from codes import VALUES                                    # noqa: E402
from remoting import Connection, Frame                      # noqa: E402
from tap import check, equal, test, until                   # noqa: E402

NO_TOPIC = 17
KILLS = 4
ACKNOWLEDGED_BEFORE_A_KILL = 2000
IN_FLIGHT = 64

namesrv = servers.NameServer()
# The send queue guard of 200 ms is not what is tested here, and this machine may be busy.
broker = servers.Broker(namesrv, flushConsumerOffsetInterval=300, waitTimeMillsInSendQueue=15000)


def connect(server=None):
    return Connection("127.0.0.1", (server or broker).port)


def route(topic):
    with connect(namesrv) as c:
        return c.request(VALUES["GET_ROUTEINFO_BY_TOPIC"], {"topic": topic})


def start_broker():
    if broker.running():
        return
    broker.start()
    until(lambda: route("TBW102").code == 0, "the broker registers")


def send_ok(c, topic, body, queue_id=0):
    answer = messages.send(c, topic, body, queue_id)
    equal(answer.code, 0, f"answer to a send ({answer.remark})")
    return int(answer.ext["queueOffset"])


def commit(c, topic, queue_id, offset, group="system-test"):
    fields = {"consumerGroup": group, "topic": topic, "queueId": queue_id, "commitOffset": offset}
    return c.request(VALUES["UPDATE_CONSUMER_OFFSET"], fields)


def committed(c, topic, queue_id, group="system-test"):
    fields = {"consumerGroup": group, "topic": topic, "queueId": queue_id}
    return c.request(VALUES["QUERY_CONSUMER_OFFSET"], fields)


def make_group(c, group="system-test"):
    """Apache refuses offsets (26) and pulls (24) of a group that it does not know."""
    body = json.dumps({"groupName": group, "consumeEnable": True, "consumeBroadcastEnable": True, "retryQueueNums": 1}).encode()
    equal(c.request(VALUES["UPDATE_AND_CREATE_SUBSCRIPTIONGROUP"], {}, body).code, 0, "answer to a new group")


def start():
    namesrv.start()
    start_broker()
    with connect() as c:
        make_group(c)


def close():
    broker.close()
    namesrv.close()


@test
def what_was_sent_is_pulled_unchanged():
    bodies = [bytes([i]) * (i * 37 + 1) for i in range(100)]
    with connect() as c:
        for i, body in enumerate(bodies):
            equal(send_ok(c, "Unchanged", body), i, "queue offset")
        until(lambda: len(messages.pull_all(c, "Unchanged")) == 100, "100 messages can be pulled")
        got = messages.pull_all(c, "Unchanged")
        equal([m.body for m in got], bodies, "bodies")
        equal([m.queue_offset for m in got], list(range(100)), "queue offsets")


@test
def an_orderly_restart_keeps_messages_topics_and_offsets():
    with connect() as c:
        for i in range(50):
            send_ok(c, "Orderly", b"m%d" % i, i % 4)
        equal(commit(c, "Orderly", 1, 7).code, 0, "answer to the commit")
    equal(broker.stop(), 0, "exit status")
    equal(route("Orderly").code, NO_TOPIC, "route after the broker has left")
    start_broker()
    until(lambda: route("Orderly").code == 0, "the topic is known again")
    with connect() as c:
        got = [m.body for q in range(4) for m in messages.pull_all(c, "Orderly", q)]
        equal(sorted(got), sorted(b"m%d" % i for i in range(50)), "bodies")
        equal(committed(c, "Orderly", 1).ext.get("offset"), "7", "committed offset")
        equal(send_ok(c, "Orderly", b"next", 0), 13, "next queue offset")


@test
def sigint_ends_it_in_order_too():
    os.kill(broker.process.pid, signal.SIGINT)
    equal(broker.ended(), 0, "exit status")
    start_broker()


def kill_under_load(topic, number):
    """Pipelines sends until enough are acknowledged, then kills.  Returns {queue offset: body} of what was acknowledged."""
    acknowledged, bodies = {}, {}
    with connect() as c:
        def one():
            body = b"%d/%d " % (number, len(bodies)) + b"x" * (len(bodies) % 300)
            opaque = c.send(Frame(VALUES["SEND_MESSAGE_V2"], messages.send_header(topic), body))
            bodies[opaque] = body

        for _ in range(IN_FLIGHT):
            one()
        while len(acknowledged) < ACKNOWLEDGED_BEFORE_A_KILL:
            answer = c.wait(lambda f: f.is_response)
            equal(answer.code, 0, f"answer to a send ({answer.remark})")
            acknowledged[int(answer.ext["queueOffset"])] = bodies[answer.opaque]
            one()
        broker.kill()
        try:
            while True:                 # what had been answered before it died counts too
                answer = c.wait(lambda f: f.is_response, timeout=1)
                acknowledged[int(answer.ext["queueOffset"])] = bodies[answer.opaque]
        except (remoting.Closed, TimeoutError):
            pass
    return acknowledged


@test
def a_kill_under_load_loses_nothing_acknowledged():
    acknowledged = {}
    for number in range(KILLS):
        acknowledged.update(kill_under_load("Killed", number))
        start_broker()
        with connect() as c:
            got = {m.queue_offset: m.body for m in messages.pull_all(c, "Killed")}
        lost = [offset for offset, body in acknowledged.items() if got.get(offset) != body]
        equal(lost, [], f"offsets lost or changed after kill {number + 1}")
        equal(sorted(got), list(range(len(got))), "queue offsets")


@test
def a_kill_keeps_topics_and_flushed_offsets():
    with connect() as c:
        send_ok(c, "KeptTopic", b"one")
        equal(commit(c, "KeptTopic", 0, 1).code, 0, "answer to the commit")
    path = broker.folder / "store" / "config" / "consumerOffset.json"
    until(lambda: path.exists() and "KeptTopic@system-test" in path.read_text(), "the offset reaches its file")
    broker.kill()
    start_broker()
    until(lambda: route("KeptTopic").code == 0, "the topic is known again")
    with connect() as c:
        equal(committed(c, "KeptTopic", 0).ext.get("offset"), "1", "committed offset")


@test
def a_held_pull_is_answered_by_an_arrival():
    with connect() as c, connect() as other:
        end = send_ok(other, "Held", b"first") + 1
        until(lambda: len(messages.pull_all(other, "Held")) == 1, "the first message can be pulled")
        opaque = c.send(Frame(VALUES["PULL_MESSAGE"], messages.pull_header("Held", 0, end, suspend=15000)))
        send_ok(other, "Held", b"second")
        answer = c.answer(opaque, timeout=5)
        equal((answer.code, [m.body for m in messages.decode(answer.body)]), (0, [b"second"]), "answer to the held pull")


@test
def held_pulls_of_closed_connections_and_a_stop_do_no_harm():
    with connect() as c:
        end = send_ok(c, "HeldGone", b"first") + 1
        until(lambda: len(messages.pull_all(c, "HeldGone")) == 1, "the first message can be pulled")
    held = [connect() for _ in range(50)]
    for c in held:
        c.send(Frame(VALUES["PULL_MESSAGE"], messages.pull_header("HeldGone", 0, end, suspend=20000)))
    for c in held[:25]:
        c.close()
    with connect() as c:
        send_ok(c, "HeldGone", b"second")
    for c in held[25:]:
        equal(c.wait(lambda f: f.is_response, timeout=10).code, 0, "answer to a held pull")
        c.send(Frame(VALUES["PULL_MESSAGE"], messages.pull_header("HeldGone", 0, end + 1, suspend=20000)))
    equal(broker.stop(), 0, "exit status with held pulls")
    for c in held[25:]:
        c.close()
    start_broker()


@test
def the_broker_outlives_its_name_server():
    namesrv.kill()
    with connect() as c:
        send_ok(c, "Alone", b"without a name server")
    namesrv.start()
    until(lambda: route("TBW102").code == 0, "the broker registers again", timeout=45)
    until(lambda: route("Alone").code == 0, "its new topic is known", timeout=45)


if __name__ == "__main__":
    servers.program("mqnamesrv")
    servers.program("mqbroker")
    tap.main(start, close, before=start_broker)
