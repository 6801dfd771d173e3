"""Messages of every kind, sent to a broker over the plain protocol."""

import itertools
import json
import os
import random
import struct
import time
import zlib

import messages
from codes import VALUES
from observe import OK, Stored, committed, loose_json, queue, range_of

COMPRESSED, PREPARED = 1, 4
COMMIT, ROLLBACK = 8, 12
NOT_SUPPORTED = 3
SOON, LATER, MUCH_LATER = 1, 2, 18           # delay levels
GROUP, JAVA_GROUP, READER = "bothways", "bothways-java", "bothways-reader"
HALF, OP, SCHEDULE = "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC", "SCHEDULE_TOPIC_XXXX"
RETRY, DEAD = f"%RETRY%{GROUP}", f"%DLQ%{GROUP}"
LONG_GROUP = "bothways-" + "g" * 150
LONG_RETRY = f"%RETRY%{LONG_GROUP}"          # longer than 127 bytes: 5.x writes its messages as V2, 4.9 cannot read them
WHEEL = "rmq_sys_wheel_timer"                # where 5.x keeps messages with a time of their own
TOPICS = {"Normal": 4, "Batch": 2, "Compressed": 1, "Soon": 1, "Later": 1, "Transaction": 1, "Timer": 1}       # and how many queues
QUEUES = [*((t, q) for t, n in TOPICS.items() for q in range(n)), (RETRY, 0), (DEAD, 0), (HALF, 0), (OP, 0),
          *((SCHEDULE, level - 1) for level in (SOON, LATER, 3, MUCH_LATER)), (LONG_RETRY, 0), (WHEEL, 0)]
COMES_LATER = {("Later", 0), ("Timer", 0)}   # their messages may come at any time
NOT_IN_THIS_TEST = 3600                      # seconds
WAIT_SECONDS = 120


def until(ready, what):
    deadline = time.monotonic() + WAIT_SECONDS
    while not (found := ready()):
        if time.monotonic() > deadline:
            raise TimeoutError(f"waited {WAIT_SECONDS} s for: {what}")
        time.sleep(0.05)
    return found


def ok(answer, what):
    if answer.code != OK:
        raise ValueError(f"{what}: {answer.code} {answer.remark}")
    return answer


class Load:
    """What is sent in one life of a store; knows what must be there, in the words of the sender."""

    def __init__(self, seed, has_v2=False, has_v6=False):
        self.has_v2, self.has_v6 = has_v2, has_v6        # every broker of this store writes such messages
        self.random = random.Random(seed)
        self.numbers = itertools.count()
        self.sent = {key: 0 for key in QUEUES}           # messages that a queue must come to hold
        self.open_half = None                            # (queue offset, physical offset, unique key) of a transaction without an end
        self.offsets = {}                                # (group, topic, queue id) -> committed
        self.due_later = 0                               # messages of LATER sent and not awaited yet
        self.timed = set()                               # unique keys of messages with a time of their own, that is over soon

    # ---- pieces ----

    def properties(self, number, **more):
        unique = f"7F00000100002A139A557C{number:010X}"
        return {"UNIQ_KEY": unique, "KEYS": f"key-{number} shared-{number % 97}", "TAGS": f"Tag{number % 3}", "WAIT": "true",
                "colour": "grün", "unknown.5.x": "kept", **more}

    def body(self, number, most=1500):
        return b"%d:" % number + self.random.randbytes(self.random.randrange(most))

    def send(self, c, topic, queue_id=0, body=None, sys_flag=0, **more):
        number = next(self.numbers)
        properties = self.properties(number, **more)
        header = messages.send_header(topic, queue_id, properties, group=GROUP)
        header["f"] = sys_flag
        answer = ok(c.request(VALUES["SEND_MESSAGE_V2"], header, self.body(number) if body is None else body), f"send to {topic}")
        return int(answer.ext["queueOffset"]), int(answer.ext["msgId"][-16:], 16), properties["UNIQ_KEY"]

    def tables(self, c):
        for topic, queues in TOPICS.items():
            ok(c.request(VALUES["UPDATE_AND_CREATE_TOPIC"], {
                "topic": topic, "defaultTopic": "TBW102", "readQueueNums": queues, "writeQueueNums": queues, "perm": 6,
                "topicFilterType": "SINGLE_TAG", "topicSysFlag": 0, "order": "false"}), f"create topic {topic}")
        for group in (GROUP, JAVA_GROUP, READER):       # LONG_GROUP comes by itself
            body = {"groupName": group, "consumeEnable": True, "consumeBroadcastEnable": False, "retryQueueNums": 1, "retryMaxTimes": 5}
            ok(c.request(VALUES["UPDATE_AND_CREATE_SUBSCRIPTIONGROUP"], {}, json.dumps(body).encode()), f"create group {group}")

    def normal(self, c, count):
        for _ in range(count):
            queue_id = self.random.randrange(TOPICS["Normal"])
            self.send(c, "Normal", queue_id)
            self.sent["Normal", queue_id] += 1

    def batches(self, c, count):
        for i in range(count):
            body = b""
            for _ in range(8):
                number = next(self.numbers)
                text = "".join(f"{k}\x01{v}\x02" for k, v in self.properties(number).items()).encode()
                one = self.body(number, 300)
                body += struct.pack(">iiiii", 22 + len(one) + len(text), 0, 0, 0, len(one)) + one + struct.pack(">h", len(text)) + text
            header = messages.send_header("Batch", i % 2, group=GROUP)
            header["m"] = "true"
            ok(c.request(VALUES["SEND_BATCH_MESSAGE"], header, body), "send a batch")
            self.sent["Batch", i % 2] += 8

    def compressed(self, c, count):
        """Large ones: these fill the segments."""
        for _ in range(count):
            body = zlib.compress(self.random.randbytes(self.random.randrange(60000, 140000)) + bytes(5000))
            self.send(c, "Compressed", 0, body, COMPRESSED)
            self.sent["Compressed", 0] += 1

    def delayed(self, c, level, count):
        for _ in range(count):
            self.send(c, "Later" if level == LATER else "Soon", 0, DELAY=level)
            self.sent[SCHEDULE, level - 1] += 1
            if level == SOON:
                self.sent["Soon", 0] += 1
            if level == LATER:
                self.due_later += 1

    def timed_ones(self, c, seconds, count):
        for _ in range(count):
            unique = self.send(c, "Timer", 0, TIMER_DELAY_SEC=seconds)[2]
            self.sent[WHEEL, 0] += 1
            if seconds != NOT_IN_THIS_TEST:
                self.timed.add(unique)

    def half(self, c):
        return self.send(c, "Transaction", 0, None, PREPARED, TRAN_MSG="true", PGROUP=GROUP)

    def end(self, c, half, how):
        offset, physical, unique = half
        ok(c.request(VALUES["END_TRANSACTION"], {
            "producerGroup": GROUP, "tranStateTableOffset": offset, "commitLogOffset": physical, "commitOrRollback": how,
            "fromTransactionCheck": "false", "msgId": unique, "transactionId": unique, "topic": "Transaction", "bname": "broker-a"}), "end a transaction")
        if how == COMMIT:
            self.sent["Transaction", 0] += 1

    def has_transactions(self, c):
        nowhere = {"producerGroup": GROUP, "tranStateTableOffset": 0, "commitLogOffset": 1 << 50, "commitOrRollback": ROLLBACK,
                   "fromTransactionCheck": "false", "msgId": "", "transactionId": "", "topic": "Transaction"}
        return c.request(VALUES["END_TRANSACTION"], nowhere).code != NOT_SUPPORTED

    def transactions(self, c):
        """Ends the one that the broker before left open, commits one, rolls one back, leaves one open. A broker without transactions must
        keep what is there for one that has them."""
        if not self.has_transactions(c):
            return
        if self.open_half:
            self.end(c, self.open_half, COMMIT)
        for how in (COMMIT, ROLLBACK):
            self.end(c, self.half(c), how)
        self.open_half = self.half(c)
        self.sent[HALF, 0] += 3

    def sent_back(self, broker, c, level, count, group=GROUP):
        """Messages that a consumer could not take: again in a second, or straight to the dead letters."""
        found = queue(c, "Normal", 0, READER, broker.store)[-count:]
        for m in found:
            ok(c.request(VALUES["CONSUMER_SEND_MSG_BACK"], {
                "offset": m.physical, "group": group, "delayLevel": level, "originMsgId": m.properties["UNIQ_KEY"], "originTopic": "Normal",
                "unitMode": "false", "maxReconsumeTimes": 16}), "send back")
        if level < 0:
            self.sent[DEAD, 0] += len(found)
        else:
            self.sent[f"%RETRY%{group}", 0] += len(found)
            self.sent[SCHEDULE, 2] += len(found)

    def commit(self, c, group, share):
        for topic in ("Normal", "Batch", "Compressed"):
            for queue_id in range(TOPICS[topic]):
                offset = int(self.sent[topic, queue_id] * share)
                ok(c.request(VALUES["UPDATE_CONSUMER_OFFSET"], {
                    "consumerGroup": group, "topic": topic, "queueId": queue_id, "commitOffset": offset}), "commit")
                self.offsets[group, topic, queue_id] = offset

    # ---- a whole visit ----

    def visit(self, broker, c, size):
        """Everything once, and then waits until the broker shows it and has its offsets on disk."""
        if not self.offsets:
            self.tables(c)
        if not broker.make.startswith("5."):            # delivers none; what an earlier one delivered before its end is there
            self.sent["Timer", 0] = range_of(c, "Timer", 0)[1]
        self.normal(c, 3 * size)
        self.batches(c, max(2, size // 10))
        self.delayed(c, SOON, 5)
        self.compressed(c, max(2, size // 4))
        if self.has_v6:
            with broker.connect("::1") as six:
                self.normal(six, size // 2)
                self.batches(six, 2)
                self.compressed(six, 1)
                self.delayed(six, SOON, 1)
        if broker.make.startswith("5."):
            self.timed_ones(c, 2, 2)
        self.transactions(c)
        self.delayed(c, MUCH_LATER, 3)
        self.normal(c, size)
        self.sees(c, [k for k in QUEUES if k[0] == "Normal"])
        self.sent_back(broker, c, 0, 4)
        self.sent_back(broker, c, -1, 3)
        if self.can_have_long_group(broker):
            self.sent_back(broker, c, 0, 2, LONG_GROUP)
        self.commit(c, GROUP, 0.6)
        if not any(key[0] == JAVA_GROUP for key in self.offsets):
            self.commit(c, JAVA_GROUP, 0.5)
        self.await_later(c)
        if broker.make.startswith("5."):
            self.await_timed(broker, c)
        self.sees(c, [k for k in QUEUES if k not in ((OP, 0), ("Timer", 0))])
        if self.open_half and self.has_transactions(c):
            until(lambda: range_of(c, OP, 0)[1] > self.sent[OP, 0], "the marks of ended transactions")
            self.sent[OP, 0] = self.settled(c, OP, 0)
        self.on_disk(broker, c)

    def settled(self, c, topic, queue_id):
        """Apache 5 gathers marks of transactions for a few seconds: its queue's end, once that has rested."""
        end, since = range_of(c, topic, queue_id)[1], time.monotonic()
        while time.monotonic() - since < 4:
            time.sleep(0.2)
            if (now := range_of(c, topic, queue_id)[1]) != end:
                end, since = now, time.monotonic()
        return end

    def can_have_long_group(self, broker):
        """5.5.0 makes no group of such a length, but goes on with one that it finds."""
        return self.has_v2 and (broker.make != "5.5.0" or self.sent[LONG_RETRY, 0] > 0)

    def await_later(self, c):
        """The messages of LATER that an earlier broker took come from this one, each once."""
        self.sent["Later", 0] += self.due_later
        self.due_later = 0
        self.sees(c, [("Later", 0)])

    def await_timed(self, broker, c):
        """5.x finds in its timer wheel what it put there before others had the store. After a kill it may deliver one twice."""
        until(lambda: self.timed <= {m.properties["UNIQ_KEY"] for m in queue(c, "Timer", 0, READER, broker.store)},
              "the messages with a time of their own")
        self.sent["Timer", 0] = range_of(c, "Timer", 0)[1]

    def sees(self, c, queues):
        for topic, queue_id in queues:
            wanted = self.sent[topic, queue_id]
            got = None

            def is_there():
                nonlocal got
                got = range_of(c, topic, queue_id)[1]
                return got == wanted or wanted == 0 and not isinstance(got, int)
            try:
                until(is_there, "")
            except TimeoutError:
                raise TimeoutError(f"{topic}/{queue_id} ends at {got} instead of {wanted}") from None

    def on_disk(self, broker, c):
        """A kill right after this loses no offset."""
        config = broker.store / "config"

        def reached():
            try:
                groups = loose_json((config / "consumerOffset.json").read_text())["offsetTable"]
                delays = loose_json((config / "delayOffset.json").read_text())["offsetTable"]
            except (OSError, ValueError, KeyError):
                return False
            return (all(groups.get(f"{t}@{g}", {}).get(str(q)) == o for (g, t, q), o in self.offsets.items())
                    and all(delays.get(str(level), 0) == self.sent[SCHEDULE, level - 1] for level in (SOON, LATER, 3)))
        until(reached, "consumerOffset.json and delayOffset.json hold the newest offsets")

    def parting(self, broker, c):
        """The last before a stop or a kill: nothing waits for these."""
        self.normal(c, 20)
        self.delayed(c, LATER, 4)
        if broker.make.startswith("5."):
            self.timed_ones(c, 15, 3)
            self.timed_ones(c, NOT_IN_THIS_TEST, 1)
        self.sees(c, [k for k in QUEUES if k[0] in ("Normal", SCHEDULE, WHEEL)])

    def seen(self, broker, c):
        """Every message of every queue, as this broker has it: what the next one must have."""
        return {(t, q): queue(c, t, q, READER, broker.store) for t, q in QUEUES if self.sent[t, q] or t in TOPICS}
