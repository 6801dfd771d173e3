#!/usr/bin/env python3
"""Figures of a large store, from the real broker: big_store.py [--queues N]

  recovery   a log of 100 GB (99 sparse segments of 1 GiB behind which a real one stands), killed under load: kill to "boot success"
  queues     N queues (100,000) with a message each: files of 40,000 of them open lazily, so: start to "boot success" after a clean stop,
             anonymous memory then, and after each queue was pulled from
Needs some 1 GB of disk (2 GB of address space in files is sparse).  Prints one line a figure.
"""

import argparse
import pathlib
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

import messages                                             # noqa: E402
from codes import VALUES                                    # noqa: E402
from remoting import Connection, Frame                      # noqa: E402
from servers import Broker, NameServer                      # noqa: E402

GIB = 1 << 30
SEGMENTS = 100
BODY = b"x" * 1024
QUEUES_OF_A_TOPIC = 1000
IN_FLIGHT = 256


def start(broker):
    began = time.monotonic()
    broker.start()
    return time.monotonic() - began


def pipeline(c, frames, limit=IN_FLIGHT):
    """Sends all, at most `limit` on their way; every answer must be 0."""
    waiting = 0
    for frame in frames:
        c.send(frame)
        waiting += 1
        if waiting == limit:
            take(c)
            waiting -= 1
    for _ in range(waiting):
        take(c)


def take(c):
    answer = c.wait(lambda f: f.is_response)
    if answer.code != 0:
        raise SystemExit(f"refused: {answer}")


def segment(broker, i):
    return broker.folder / "store" / "commitlog" / f"{i * GIB:020d}"


def recovery(namesrv):
    broker = Broker(namesrv, mappedFileSizeCommitLog=GIB, fileReservedTime=10000, diskMaxUsedSpaceRatio=99)
    try:
        segment(broker, 0).parent.mkdir(parents=True)
        with open(segment(broker, SEGMENTS - 1), "wb") as f:
            f.truncate(GIB)
        start(broker)
        with Connection("127.0.0.1", broker.port) as c:
            end = time.monotonic() + 8          # two checkpoints
            while time.monotonic() < end:
                pipeline(c, (Frame(VALUES["SEND_MESSAGE_V2"], messages.send_header("Load", i % 4), BODY) for i in range(2000)))
            broker.kill()
        for i in range(SEGMENTS - 1):
            with open(segment(broker, i), "wb") as f:
                f.truncate(GIB)
        seconds = start(broker)
        with Connection("127.0.0.1", broker.port) as c:
            info = c.request(VALUES["GET_BROKER_RUNTIME_INFO"]).json()["table"]
        size = int(info["commitLogMaxOffset"]) - int(info["commitLogMinOffset"])
        log = next((broker.folder).rglob("broker.log")).read_text()
        walked = [line.split("recovery: ")[1] for line in log.splitlines() if "recovery: " in line and " messages between " in line]
        print(f"recovery of {size / GIB:.1f} GiB killed under load: {seconds:.2f} s to 'boot success'; {walked[-1]}", flush=True)
    finally:
        broker.close()


def queues(namesrv, count):
    topics = [f"Many{i}" for i in range(count // QUEUES_OF_A_TOPIC)]
    places = [(t, q) for t in topics for q in range(QUEUES_OF_A_TOPIC)]
    broker = Broker(namesrv, mappedFileSizeCommitLog=256 << 20, mappedFileSizeConsumeQueue=4000, diskMaxUsedSpaceRatio=99)
    try:
        start(broker)
        with Connection("127.0.0.1", broker.port, timeout=60) as c:
            pipeline(c, (Frame(VALUES["UPDATE_AND_CREATE_TOPIC"], {
                "topic": t, "defaultTopic": "TBW102", "readQueueNums": QUEUES_OF_A_TOPIC, "writeQueueNums": QUEUES_OF_A_TOPIC, "perm": 6,
                "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": "false"}) for t in topics), 1)
            pipeline(c, (Frame(VALUES["SEND_MESSAGE_V2"], messages.send_header(t, q), b"x") for t, q in places))
        print(f"{count} queues, each with a message: {broker.memory() / 1e6:.0f} MB anonymous", flush=True)
        broker.process.terminate()
        broker.process.wait(600)
        print(f"start with {count} queues on disk: {start(broker):.2f} s; {broker.memory() / 1e6:.0f} MB anonymous, {broker.open_files()} descriptors",
              flush=True)
        with Connection("127.0.0.1", broker.port, timeout=60) as c:
            pipeline(c, (Frame(VALUES["PULL_MESSAGE"], messages.pull_header(t, q, 0)) for t, q in places))
        print(f"after a pull from each: {broker.memory() / 1e6:.0f} MB anonymous, {broker.open_files()} descriptors", flush=True)
    finally:
        broker.close()


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--queues", type=int, default=100000)
    args = p.parse_args()
    namesrv = NameServer().start()
    try:
        recovery(namesrv)
        queues(namesrv, 40000)
        if args.queues != 40000:
            queues(namesrv, args.queues)
    finally:
        namesrv.close()


if __name__ == "__main__":
    main()
