"""Transactions that one broker left open, ended by another: by their producer, and by the checks of the one that has the store.

Three brokers have the store in turn. The first takes half messages, ends two of them and is stopped or killed; the second is told the end of two more, and must
ask for that of the others; the third finds nothing left to do, which a transaction of its own proves: its check comes after those of older ones."""

import json
import shutil
import time

import brokers
import load
import observe
import refusals
from codes import VALUES

TOPIC = "Transaction"
NO_CHECKS = {"transactionCheckInterval": 3600000, "transactionTimeOut": 3600000}
CHECKS = {"transactionCheckInterval": 1000, "transactionTimeOut": 1000}
IMMUNE = {"CHECK_IMMUNITY_TIME_IN_SECONDS": 3600}       # ended by hand: no check comes before
SYSTEM_GROUP = "CID_RMQ_SYS_TRANS"
SECONDS = 60


def half(sent, c, **more):
    return sent.send(c, TOPIC, 0, None, load.PREPARED, TRAN_MSG="true", PGROUP=load.GROUP, **more)


class Producer:
    """A client of the group, which the broker asks how transactions ended; each is answered once."""

    def __init__(self, c, decisions):
        self.c, self.decisions, self.asked = c, dict(decisions), set()
        body = {"clientID": "127.0.0.1@bothways", "producerDataSet": [{"groupName": load.GROUP}], "consumerDataSet": []}
        load.ok(c.request(VALUES["HEART_BEAT"], {}, json.dumps(body).encode()), "heartbeat")

    def answer_one(self):
        question = self.c.wait(lambda f: not f.is_response and f.code == VALUES["CHECK_TRANSACTION_STATE"], SECONDS)
        unique = observe.Stored(question.body).properties["UNIQ_KEY"]
        if unique not in self.decisions:
            raise ValueError(f"asked for a transaction that has ended: {unique}")
        if unique in self.asked:                        # 5.x gathers its marks for some seconds, and may ask again meanwhile
            return
        self.asked.add(unique)
        ext = question.ext
        load.ok(self.c.request(VALUES["END_TRANSACTION"], {
            "producerGroup": load.GROUP, "tranStateTableOffset": ext["tranStateTableOffset"], "commitLogOffset": ext["commitLogOffset"],
            "commitOrRollback": self.decisions[unique], "fromTransactionCheck": "true", "msgId": ext.get("msgId", unique),
            "transactionId": ext.get("transactionId", unique), "topic": TOPIC, "bname": "broker-a"}), "answer a check")

    def answer_all(self):
        deadline = time.monotonic() + SECONDS
        while self.asked < set(self.decisions):
            if time.monotonic() > deadline:
                raise TimeoutError(f"not asked for {set(self.decisions) - self.asked}")
            self.answer_one()


def is_done_with(c):
    """All half messages are behind the broker's own group."""
    return observe.committed(c, SYSTEM_GROUP, load.HALF, 0) == observe.range_of(c, load.HALF, 0)[1]


def delivered(broker, c):
    return sorted(m.properties["UNIQ_KEY"] for m in observe.queue(c, TOPIC, 0, load.READER, broker.store))


def differences(broker, c, wanted):
    load.until(lambda: len(delivered(broker, c)) >= len(wanted), f"{len(wanted)} messages of committed transactions")
    load.until(lambda: is_done_with(c), "no half message is open")
    got = delivered(broker, c)
    return [] if got == sorted(wanted) else [f"delivered {got} instead of {sorted(wanted)}"]


def begin(broker, c, sent):
    """-> {name: half message}"""
    sent.tables(c)
    made = {name: half(sent, c, **(IMMUNE if name in ("commit", "roll back") else {}))
            for name in ("ended", "undone", "commit", "roll back", "checked", "checked, undone")}
    sent.end(c, made["ended"], load.COMMIT)
    sent.end(c, made["undone"], load.ROLLBACK)
    sent.sees(c, [(TOPIC, 0)])
    if broker.make.startswith("5."):                    # its marks are gathered: a kill would take them
        load.until(lambda: observe.range_of(c, load.OP, 0)[1] not in (0, (17, None)), "the marks of ended transactions")
        sent.settled(c, load.OP, 0)
    return made


def go_on(broker, c, sent, made):
    unique = {name: one[2] for name, one in made.items()}
    producer = Producer(c, {unique["checked"]: load.COMMIT, unique["checked, undone"]: load.ROLLBACK})
    sent.end(c, made["commit"], load.COMMIT)
    sent.end(c, made["roll back"], load.ROLLBACK)
    producer.answer_all()
    wanted = [unique["ended"], unique["commit"], unique["checked"]]
    return wanted, differences(broker, c, wanted)


def finish(broker, c, sent, wanted):
    last = half(sent, c)[2]
    Producer(c, {last: load.COMMIT}).answer_all()
    return differences(broker, c, [*wanted, last])


def name_of(first, second, how):
    return f"transactions: {first} {how}, {second} {how}, {first}"


def run(compat, programs, tally, first, second, how):
    what = name_of(first, second, how)
    folder, port = compat.BUILD / "store" / f"transactions-{first}-{second}-{how}", compat.free_ports()
    shutil.rmtree(folder, ignore_errors=True)
    sent, broker = load.Load(0), None

    def serve(make, checks, work):
        nonlocal broker
        path = compat.program("mqbroker", "fusee" if make == "fusee" else f"apache-{make}", programs)
        broker = brokers.Broker(make, path, folder, port, refusals.NOBODY, **checks)
        try:
            broker.start()
            with broker.connect() as c:
                result = work(broker, c)
            broker.end(how)
            return result
        finally:
            broker.kill()

    try:
        made = serve(first, NO_CHECKS, lambda b, c: begin(b, c, sent))
        wanted, found = serve(second, CHECKS, lambda b, c: go_on(b, c, sent, made))
        tally.check(f"{what}: the open ones are ended by {second}", lambda: found)
        found = serve(first, CHECKS, lambda b, c: finish(b, c, sent, wanted))
        tally.check(f"{what}: nothing is left open, nothing comes twice", lambda: found)
    except Exception as why:
        tally.failed(what, f"{broker and broker.make}: {why!r}\n{broker.last_words() if broker else ''}")
        return
    if not tally.has_failed(what):
        shutil.rmtree(folder, ignore_errors=True)
