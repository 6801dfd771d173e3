#!/usr/bin/env python3
"""mqbench on the real programs: each load goes through, and its counts agree with what the broker holds."""

import sys

sys.dont_write_bytecode = True

import mqbench                                              # noqa: E402
import servers                                              # noqa: E402
from tap import check, equal, main, test                    # noqa: E402

SYSTEM_ERROR = 1
NOT_ZERO = ("messages", "per_second", "p50_us", "max_us")

namesrv = servers.NameServer()
broker = servers.Broker(namesrv, enablePropertyFilter="true")


def bench(kind, *arguments, port=None, status=0):
    return mqbench.run(kind, port or broker.port, *arguments, status=status)


def went_through(figures):
    equal(figures["errors"], 0, "errors")
    for name in NOT_ZERO:
        check(figures[name] > 0, f"{name} is {figures[name]}")
    check(figures["p50_us"] <= figures["p99_us"] <= figures["max_us"] * 1.02, f"percentiles do not rise: {figures}")
    return figures


@test
def messages_go_in_and_come_out():
    for more in ([], ["-b", "4"], ["--binary", "--keys", "2"], ["-s", "64:3,2048:1", "--property", "a=b", "--no-wait"]):
        went_through(bench("produce", "-c", "2", "-i", "8", *more))
    went_through(bench("consume", "-i", "4"))
    went_through(bench("consume", "-i", "4", "--binary", "--pull-max", "8"))


@test
def the_open_loop_keeps_its_rate():
    figures = went_through(bench("produce", "-i", "64", "-r", "500"))
    equal(figures["messages"] + figures["unsent"] + figures["unanswered"], 500, "messages due in a second")


@test
def a_filter_passes_over_the_rest():
    bench("produce", "-i", "16", "-t", "Filtered", "--tag", "a:9,b:1", "-r", "2000")
    figures = went_through(bench("consume", "-i", "4", "-t", "Filtered", "--subscription", "b"))
    check(figures["passed_over"] > figures["messages"], f"{figures}")


@test
def a_filter_that_is_not_served_is_refused():
    """It must not let everything through. Apache's broker serves it: `./dev bench --rows SQL`."""
    bench("produce", "-t", "FilteredSql", "-r", "100")
    figures = bench("consume", "-t", "FilteredSql", "--sql", "TAGS = 'b'", status=1)
    check(figures["messages"] == 0 and figures["errors"] > 0, f"{figures}")
    equal(figures["first_error_code"], SYSTEM_ERROR, "code of the refusal")


@test
def each_message_is_received_once_from_end_to_end():
    for kind, *more in (["pingpong"], ["pingpong", "-i", "8", "--consumers", "2"], ["mixed", "-i", "8", "-r", "500"],
                        ["mixed", "-c", "2", "--topics", "3", "-r", "600"], ["mixed", "-r", "320", "-b", "16", "-i", "4"]):
        figures = went_through(bench(kind, *more))
        equal(figures["unreceived"], 0, f"not received, {kind} {more}")
        check(figures["answer_p50_us"] > 0, "no latency of the answers")


@test
def a_delayed_message_counts_from_when_it_was_due():
    figures = bench("mixed", "-r", "100", "-i", "64", "--delay-level", "1")
    equal((figures["messages"] + figures["unsent"], figures["unreceived"], figures["errors"]), (100, 0, 0), "due, lost, errors")


@test
def oneways_are_counted_by_the_queues():
    figures = bench("produce", "--oneway", "-t", "Oneway", "-r", "1000")
    check(0 < figures["messages"] <= 1000, f"{figures}")


@test
def idle_clients_send_heartbeats():
    figures = went_through(bench("idle", "-c", "200", "--heartbeat-every", "2", "-p", str(broker.process.pid)))
    check(90 <= figures["messages"] <= 110, f"200 clients, one heartbeat in 2 s each: {figures}")
    check(figures["own_cpu_percent"] > 0, f"{figures}")
    check(figures["anonymous_mib"] > 0 and figures["cpu_us_per_message"] > 0, f"{figures}")


@test
def routes_are_found_while_brokers_register():
    figures = went_through(bench("namesrv", "--topics", "200", "--brokers", "10", "--register-every", "1", "-i", "4", port=namesrv.port))
    check(figures["registration_p50_us"] > 0, f"{figures}")


@test
def nobody_there_is_told():
    bench("produce", port=servers.free_port(), status=1)


@test
def wrong_arguments_are_refused():
    for arguments in (["-s", "0"], ["-b", "0"], ["--tag", "a:0"], ["--property", "x"], ["--nonsense"], ["extra"], ["-r", "0"]):
        bench("produce", *arguments, status=2)
    bench("mixed", "-s", "23", status=2)
    bench("pingpong", "-r", "5", status=2)
    bench("nonsense", status=2)


def start():
    namesrv.start()
    broker.start()


def close():
    broker.close()
    namesrv.close()


if __name__ == "__main__":
    main(start, close)
