"""A store with inner batches, which 5.x writes for topics with queue.type=BatchCQ: one message in the log holds several.

While such a topic is there, our broker does not start. When Apache's broker has deleted it, its messages still stand in the log: ours passes
over each as a whole, in recovery and when it makes all queues again, and serves what stands between and behind them."""

import shutil
import struct

import brokers
import load
import messages
import observe
import refusals
from codes import VALUES

TOPIC = "InnerBatch"
INNER_BATCH = 0x80
BATCHES, ITEMS, SIZE = 3, 4, 40


def batch(number):
    items = b""
    for i in range(ITEMS):
        body, text = b"inner %d of %d" % (i, number), b"UNIQ_KEY\x01INNER%d-%d\x02" % (number, i)
        items += struct.pack(">iiiii", 22 + len(body) + len(text), 0, 0, 0, len(body)) + body + struct.pack(">h", len(text)) + text
    return items


def fill(broker, sent):
    """Messages of a topic of ours around inner batches and a single one of theirs; -> where those are in the log."""
    found = []
    with broker.connect() as c:
        sent.tables(c)
        load.ok(c.request(VALUES["UPDATE_AND_CREATE_TOPIC"], {
            "topic": TOPIC, "defaultTopic": "TBW102", "readQueueNums": 1, "writeQueueNums": 1, "perm": 6, "topicFilterType": "SINGLE_TAG",
            "topicSysFlag": 0, "order": "false", "attributes": "+queue.type=BatchCQ"}), "create a BatchCQ topic")
        for number in range(BATCHES):
            sent.normal(c, SIZE)
            header = messages.send_header(TOPIC, 0, {"UNIQ_KEY": f"INNER{number}", "KEYS": f"inner-{number}"})
            answer = load.ok(c.request(VALUES["SEND_BATCH_MESSAGE"], {**header, "m": "true"}, batch(number)), "send an inner batch")
            found.append(int(answer.ext["msgId"][-16:], 16))
        load.ok(c.request(VALUES["SEND_MESSAGE_V2"], messages.send_header(TOPIC, 0, {"UNIQ_KEY": "SINGLE"}), b"single"), "send to a BatchCQ topic")
        sent.normal(c, SIZE)
        sent.sees(c, normal_queues())
        sent.commit(c, load.GROUP, 0.5)
        sent.on_disk(broker, c)
    return found


def normal_queues():
    return [("Normal", q) for q in range(load.TOPICS["Normal"])]


def kept(broker, sent, known, batches):
    """-> differences"""
    with broker.connect() as c:
        found = [*observe.differences_in_queues(known, c, load.READER, broker.store), *observe.differences_in_ids(known, c),
                 *observe.differences_in_keys(known, c), *observe.differences_in_times(known, c, True),
                 *observe.differences_in_offsets(sent.offsets, c)]
        for physical in batches:
            got = observe.by_id(c, physical)
            if not isinstance(got, bytes) or not observe.Stored(got).sys_flag & INNER_BATCH:
                found.append(f"at {physical} is no inner batch any more: {got[:60]!r}")
    return found


def goes_on(broker, sent):
    with broker.connect() as c:
        sent.normal(c, SIZE)
        sent.sees(c, normal_queues())
        return {key: observe.queue(c, *key, load.READER, broker.store) for key in normal_queues()}


def delete_topic(broker):
    with broker.connect() as c:
        load.ok(c.request(VALUES["DELETE_TOPIC_IN_BROKER"], {"topic": TOPIC}), "delete the BatchCQ topic")
    load.until(lambda: not (broker.store / "batchconsumequeue" / TOPIC).exists(), "the files of the deleted topic are gone")
    load.until(lambda: TOPIC not in (broker.store / "config" / "topics.json").read_text(), "the deleted topic is out of topics.json")


def visit(tally, broker, what, how, sent, known, batches):
    """-> what is known then"""
    broker.start()
    try:
        tally.check(what, lambda: kept(broker, sent, known, batches))
        known = goes_on(broker, sent)
        broker.end(how)
        return known
    finally:
        broker.kill()


def run(compat, programs, tally, version):
    folder, port = compat.BUILD / "store" / f"inner-batches-{version}", compat.free_ports()
    shutil.rmtree(folder, ignore_errors=True)
    apache = brokers.Broker(version, compat.program("mqbroker", f"apache-{version}", programs), folder, port, refusals.NOBODY)
    ours = brokers.Broker("fusee", compat.program("mqbroker", "fusee", programs), folder, port, refusals.NOBODY)
    sent, what = load.Load(0), f"inner batches of {version}"
    try:
        apache.start()
        batches = fill(apache, sent)
        known = goes_on(apache, sent)
        apache.stop()
        tally.check(f"{what}: refused", lambda: refusals.refused(ours, ["/config/topics.json'", f"'{TOPIC}'", "BatchCQ"]))
        apache.start()
        delete_topic(apache)
        apache.kill()
        known = visit(tally, ours, f"{what}: passed over in recovery", "killed", sent, known, batches)
        for lost in ("consumequeue", "index"):
            shutil.rmtree(ours.store / lost)
        known = visit(tally, ours, f"{what}: passed over when all queues are made again", "stopped", sent, known, batches)
        visit(tally, apache, f"{what}: Apache's broker goes on", "stopped", sent, known, batches)
    except Exception as why:
        tally.failed(what, f"{why!r}\n{apache.last_words()}")
    finally:
        apache.kill()
        ours.kill()
