"""The rows of the table: which load, on which servers, what of it is compared, and what it must reach.

A row runs on a stage: a pair of servers, Apache's and ours, with the same settings. `figures` are keys of what the load tells.
"""

from dataclasses import dataclass, field


@dataclass
class Figure:
    key: str                            # of the load's JSON; "a+b": their sum
    label: str
    more_is_better: bool = False
    ratio: float = 0                    # goal: ours is so many times better
    at_most: float = 0                  # goal: ours
    digits: int = 1

    @property
    def goal(self):
        parts = [f"<= {self.at_most:g}"] if self.at_most else []
        return ", ".join(parts + ([f">= {self.ratio:g}x"] if self.ratio else []))


@dataclass
class Row:
    name: str
    stage: str
    load: list                          # arguments of mqbench, or of JavaLoad with kind "java"
    figures: list
    kind: str = "mqbench"
    prepare: list = None                # a load that comes once before, for each make
    warm_up: float = 1                  # seconds
    seconds: float = 0                  # times the usual; 0: the usual
    rounds: int = 0                     # 0: the usual; never more than that
    port: str = "broker"
    is_default: bool = True
    not_served: str = ""                # by this make: known, and no failure of the run
    done: dict = field(default_factory=dict)


def rate(ratio=0, label="messages/s"):
    return Figure("per_second", label, True, ratio, digits=0)


def cpu(at_most=0, ratio=0, label="broker CPU, us a message"):
    return Figure("cpu_us_per_message", label, False, ratio, at_most, 2)


def memory(at_most=0):
    return Figure("anonymous_mib", "anonymous memory, MiB", False, 0, at_most)


def cpu_share(at_most=0):
    return Figure("cpu_percent", "broker CPU, % of one processor", False, 0, at_most, 2)


TAGGED = ["produce", "-i", "64", "-s", "128", "--tag", "a:99,b:1", "-r", "30000", "-d", "4", "-t"]
IDLE = ["idle", "--group-size", "100", "--topic", "Many", "--topics"]

# What a broker's JIT compiler sees before anything is measured, and ours too.
WARM_UP = [["produce", "-i", "64"], ["produce", "-c", "64"], ["consume", "-i", "4"], ["mixed", "-i", "64"], ["produce", "-b", "16", "-s", "128", "-i", "16"],
           ["produce", "-i", "64", "--binary"], ["produce", "-r", "10000", "-i", "256"]]

ROWS = [
    Row("1 x 64, ASYNC_FLUSH", "async", ["produce", "-i", "64"], [cpu(2.5, 10), rate(6)]),
    Row("64 x 1", "async", ["produce", "-c", "64"], [cpu(10.5, 4), rate(3)]),
    Row("1 x 1", "async", ["produce"], [Figure("p50_us", "median round trip, us", at_most=75), rate()]),
    Row("open loop 10,000/s", "async", ["produce", "-r", "10000", "-i", "256"],
        [Figure("p999_us", "p99.9, us", at_most=1000), Figure("max_us", "max, us", at_most=20000), cpu()], seconds=1.6),
    Row("pull 32, hot", "async", ["consume", "-i", "4", "-t", "Hot"], [cpu(1, label="broker CPU, us a message"), rate(2.5)],
        prepare=["produce", "-t", "Hot", "-b", "16", "-i", "16", "-r", "40000", "-d", "3"]),
    Row("produce and long-poll, 10,000/s", "async", ["mixed", "-r", "10000", "-i", "256", "-t", "EndToEnd"],
        [Figure("p99_us", "p99 from end to end, us", ratio=10), Figure("p50_us", "median from end to end, us"), cpu()]),
    Row("128-byte bodies, 1 x 64", "async", ["produce", "-i", "64", "-s", "128"], [rate(6), cpu()]),
    Row("batches of 16 of 128 bytes, 1 x 64", "async", ["produce", "-i", "64", "-s", "128", "-b", "16"], [rate(6), cpu()]),
    Row("oneway", "async", ["produce", "--oneway", "-t", "Oneway"], [rate(6, "messages stored/s"), cpu()]),
    Row("binary headers, 1 x 64", "async", ["produce", "-i", "64", "--binary"], [rate(6), cpu()]),
    Row("tag filter that drops 99%", "async", ["consume", "-i", "4", "-t", "Tagged", "--subscription", "b"],
        [Figure("scanned_per_second", "messages looked at/s", True, 5, digits=0),
         Figure("cpu_us_per_scanned", "broker CPU, us each", False, 0, 0, 3)],
        prepare=[*TAGGED, "Tagged"]),
    Row("SQL filter that drops 99%", "async", ["consume", "-i", "4", "-t", "TaggedSql", "--sql", "TAGS = 'b'"],
        [Figure("scanned_per_second", "messages looked at/s", True, 5, digits=0),
         Figure("cpu_us_per_scanned", "broker CPU, us each", False, 0, 0, 3)],
        prepare=[*TAGGED, "TaggedSql"], not_served="fusee"),
    Row("transactions, 1 x 64", "async", ["produce", "-i", "64", "--transaction", "-t", "Transactions"], [rate(), cpu()], is_default=False),
    Row("transactions from end to end, 500/s", "async", ["mixed", "-r", "500", "-i", "64", "--transaction", "-t", "TransactionsSeen"],
        [Figure("p99_us", "p99 from half message to consumer, us"), Figure("p50_us", "median, us"), cpu()]),
    Row("Java client, 64 threads send", "async", ["send", "64", "JavaSend"], [rate(1.7), cpu(), Figure("p99_us", "p99, us")],
        kind="java"),
    Row("Java client, 64 threads send, push consumer", "async", ["push", "64", "JavaPush"],
        [rate(1.7, "messages received/s"), Figure("p99_us", "p99 from end to end, us"), cpu()], kind="java"),
    Row("SYNC_FLUSH, 1 x 1", "sync", ["produce"], [Figure("p50_us", "median round trip, us"), rate()]),
    Row("SYNC_FLUSH, 1 x 64", "sync", ["produce", "-i", "64"], [rate(), cpu()]),
    Row("1,000 idle connections, 10,000 topics", "many", [*IDLE, "10", "-c", "1000"], [memory(64), cpu_share(1)], seconds=4, rounds=2),
    Row("10,000 idle connections, 10,000 topics", "many", [*IDLE, "100", "-c", "10000"], [memory(64), cpu_share(1)], seconds=4, rounds=1),
    Row("name server: 10,000 topics, 100 brokers", "namesrv", ["namesrv", "-c", "4", "-i", "16", "--topics", "10000", "--brokers", "100"],
        [rate(10, "routes/s"), cpu(label="CPU, us a route"), Figure("p99_us", "p99, us")], port="namesrv"),
    Row("tail: open loop 10,000/s", "async", ["produce", "-r", "10000", "-i", "256"],
        [Figure("p999_us", "p99.9, us", at_most=1000), Figure("p9999_us", "p99.99, us"), Figure("max_us", "max, us", at_most=20000)],
        rounds=1, is_default=False),
]

STAGES = {
    "async": {},
    "sync": {"flushDiskType": "SYNC_FLUSH"},
    "many": {},
    "namesrv": {},
}
MANY_TOPICS = [f"Many-{i}" for i in range(10000)]
