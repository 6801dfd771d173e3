#!/usr/bin/env python3
"""mqnamesrv with the very bytes that Apache's brokers sent (tests/unit/golden), and across restarts."""

import os
import pathlib
import signal
import sys
import zlib

sys.dont_write_bytecode = True

import remoting                                             # noqa: E402
import servers                                              # noqa: E402
import tap                                                  # noqa: E402
from codes import VALUES                                    # noqa: E402
from remoting import Connection                             # noqa: E402
from tap import check, equal, test, until                   # noqa: E402

GOLDEN = pathlib.Path(__file__).resolve().parent.parent / "unit" / "golden"
ROUTE = VALUES["GET_ROUTEINFO_BY_TOPIC"]
NO_TOPIC = 17
NO_CONFIG = 22

namesrv = servers.NameServer()


def connect():
    return Connection("127.0.0.1", namesrv.port)


def golden(name):
    return (GOLDEN / name).read_bytes()


def route(topic):
    with connect() as c:
        return c.request(ROUTE, {"topic": topic})


def register(name):
    """A connection on which the golden registration was sent, and the address that it announced."""
    raw = golden(name)
    request = remoting.decode(raw)
    c = connect()
    c.send_raw(raw)
    answer = c.answer(request.opaque)
    equal(answer.code, 0, f"answer to {name} ({answer.remark})")
    return c, request.ext["brokerAddr"]


def registers(name, topic):
    def run():
        connection, address = register(name)
        with connection:
            answer = route(topic)
            equal(answer.code, 0, f"route of {topic}")
            check(f'"{address}"'.encode() in answer.body, f"{address} is not in the route: {answer.body}")
            with connect() as c:
                cluster = c.request(VALUES["GET_BROKER_CLUSTER_INFO"])
                check(address.encode() in cluster.body, f"{address} is not in the cluster: {cluster.body}")
        until(lambda: route(topic).code == NO_TOPIC, "the route goes with its broker's connection")
    run.__name__ = f"registration {name[:-4]}"
    test(run)


registers("5.5.0-broker-103-register_broker-request.bin", "TBW102")
registers("5.5.0-binary-broker-103-register_broker-request.bin", "TBW102")
registers("4.9.7-broker-103-register_broker-request.bin", "TBW102")
registers("4.9.7-compressed-broker-103-register_broker-request.bin", "TBW102")


@test
def an_unregistered_broker_is_gone_at_once():
    connection, address = register("5.5.0-broker-103-register_broker-request.bin")
    with connection:
        request = remoting.decode(golden("5.5.0-broker-104-unregister_broker-request.bin"))
        request.ext["brokerAddr"] = address
        equal(connection.request(request.code, request.ext).code, 0, "answer to the unregistration")
        until(lambda: route("TBW102").code == NO_TOPIC, "no route is left")


@test
def a_killed_broker_is_gone_at_once():
    connection, _ = register("5.5.0-broker-103-register_broker-request.bin")
    equal(route("TBW102").code, 0, "route while it lives")
    connection.close()
    until(lambda: route("TBW102").code == NO_TOPIC, "no route is left", timeout=5)


@test
def a_registration_with_a_wrong_checksum_is_refused():
    request = remoting.decode(golden("5.5.0-broker-103-register_broker-request.bin"))
    request.ext["bodyCrc32"] = "1"
    with connect() as c:
        check(c.request(request.code, request.ext, request.body).code != 0, "taken")
    equal(route("TBW102").code, NO_TOPIC, "route")


@test
def a_registration_with_a_damaged_compressed_body_is_refused():
    request = remoting.decode(golden("4.9.7-compressed-broker-103-register_broker-request.bin"))
    del request.ext["bodyCrc32"]
    for cut in (0, 1, len(request.body) // 2, len(request.body) - 1):
        with connect() as c:
            c.request(request.code, {**request.ext, "bodyCrc32": "0"}, request.body[:cut])
        check(namesrv.running(), "the name server has ended")
    bomb = zlib.compress(bytes(256 << 20))
    before = namesrv.memory()
    with connect() as c:
        try:
            check(c.request(request.code, {**request.ext, "bodyCrc32": "0"}, bomb, timeout=60).code != 0, "taken")
        except remoting.Closed:
            pass
    check(namesrv.is_sanitized() or namesrv.memory() - before < 64 << 20, "a compressed body of zeros costs memory")
    equal(route("TBW102").code, NO_TOPIC, "route")


@test
def golden_requests_of_clients_and_tools_are_answered():
    """Every request that a real client, tool or broker sent to a name server: none is unknown, and none goes without answer."""
    rows = [line.split("\t") for line in (GOLDEN / "INDEX.tsv").read_text().splitlines()[1:]]
    with register("5.5.0-broker-103-register_broker-request.bin")[0]:
        tried = 0
        for row in rows:
            if row[2] != "client to namesrv" or row[5] != "-" or "-oneway" in row[0] or "register_broker" in row[0]:
                continue
            raw = golden(row[0])
            with connect() as c:
                c.send_raw(raw)
                answer = c.answer(remoting.decode(raw).opaque)
                check(answer.code != 3, f"{row[0]}: {answer}")
            tried += 1
        check(tried > 20, f"only {tried} requests were found")


@test
def key_values_survive_a_restart_and_a_kill():
    for stop in (namesrv.stop, namesrv.kill):
        with connect() as c:
            put = {"namespace": "ns", "key": f"k{stop.__name__}", "value": "a value with \"quotes\" and ü"}
            equal(c.request(VALUES["PUT_KV_CONFIG"], put).code, 0, "put")
        stop()
        namesrv.start()
        with connect() as c:
            answer = c.request(VALUES["GET_KV_CONFIG"], {"namespace": "ns", "key": put["key"]})
            equal((answer.code, answer.ext.get("value")), (0, put["value"]), "got after the restart")
            equal(c.request(VALUES["DELETE_KV_CONFIG"], {"namespace": "ns", "key": put["key"]}).code, 0, "delete")
            equal(c.request(VALUES["GET_KV_CONFIG"], {"namespace": "ns", "key": put["key"]}).code, NO_CONFIG, "get of nothing")


@test
def sigterm_and_sigint_end_it_with_status_0_while_clients_are_connected():
    for sign in (signal.SIGTERM, signal.SIGINT):
        with connect() as c:
            equal(c.request(VALUES["GET_BROKER_CLUSTER_INFO"]).code, 0, "answer")
            os.kill(namesrv.process.pid, sign)
            equal(namesrv.ended(), 0, f"exit status after {sign.name}")
        namesrv.start()


if __name__ == "__main__":
    servers.program("mqnamesrv")
    namesrv.properties["kvConfigPath"] = namesrv.folder / "kvConfig.json"
    tap.main(namesrv.start, namesrv.close)
