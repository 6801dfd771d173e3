"""Producers and consumers that work until the broker is gone, and write down what it told them."""

import json
import random
import struct
import threading
import time

import messages
import remoting
from codes import VALUES
from history import Violation, body_of, uid_of
from remoting import Connection, Frame

QUEUES = 4
TOPICS = ["Plain", "Other"]
DELAYED = "Delayed"
DEALS = "Deals"                 # of transactions
DEALERS = "dealers"             # their producers' group
READERS = [("readers", "Plain"), ("others", "Other"), ("second", "Plain"), ("readers", DEALS)]
GROUPS = sorted({group for group, _ in READERS})
DELAY_SECONDS = {1: 1, 2: 2}    # messageDelayLevel=1s 2s
COMMIT, ROLL_BACK = 8, 12
SYSTEM_ERROR = 1
ANSWER_SECONDS = 120            # a busy machine is no defect
GONE = (remoting.Closed, ConnectionError, OSError)


def physicals_of(answer):
    """Physical offsets in the ids of an answer: IPv4 address, port, 64 bits of offset, all hexadecimal; those of a batch with commas."""
    return [int(name[-16:], 16) for name in answer.ext["msgId"].split(",")]


def encode_batch(items):
    """[(body, properties)] as the body of SEND_BATCH_MESSAGE."""
    out = b""
    for body, properties in items:
        text = "".join(f"{k}\x01{v}\x02" for k, v in properties.items()).encode()
        out += struct.pack(">iIiii", 22 + len(body) + len(text), 0, 0, 0, len(body)) + body + struct.pack(">h", len(text)) + text
    return out


def retry_topic(group):
    return f"%RETRY%{group}"


def make_groups(port):
    with Connection("127.0.0.1", port) as c:
        for group in GROUPS:
            body = json.dumps({"groupName": group, "consumeEnable": True, "consumeBroadcastEnable": True, "retryQueueNums": 1}).encode()
            answer = c.request(VALUES["UPDATE_AND_CREATE_SUBSCRIPTIONGROUP"], {}, body)
            if answer.code != 0:
                raise Violation(f"make group {group}: {answer}")


class Worker(threading.Thread):
    def __init__(self, load, name):
        super().__init__(daemon=True)
        self.load, self.history, self.label = load, load.history, name
        self.rng = random.Random(f"{load.seed}/{name}")
        self.error = None

    def run(self):
        try:
            with Connection("127.0.0.1", self.load.port, timeout=ANSWER_SECONDS) as c:
                self.work(c)
        except TimeoutError:
            self.error = f"no answer within {ANSWER_SECONDS} s"
        except GONE:
            pass
        except Exception as e:          # noqa: BLE001  the round reports it
            self.error = e


def is_refusal(load, answer, what):
    """True when the broker said no, and may."""
    if answer.code == 0:
        return False
    if answer.code not in load.may_refuse:
        raise Violation(f"{what} was refused: {answer.code} {answer.remark}")
    load.history.refuse()
    load.over.wait(0.01)
    return True


class Producer(Worker):
    """Keeps `window` sends on their way, on one connection; so its messages stand in each queue in the order they were sent in."""

    def work(self, c):
        self.number, waiting, window = 0, {}, self.rng.choice([16, 48] if self.load.is_eager else [1, 4, 16, 48])
        # Seconds between two rounds of sends; files are small here, and their syncs slow.
        pace = 0 if self.load.is_eager else self.rng.choice([0, 0, 0.001, 0.01])
        while True:
            while len(waiting) < window and not self.load.is_over:
                opaque, sent = self.send_next(c)
                waiting[opaque] = sent
            if not waiting:
                return
            self.load.over.wait(pace)
            answer = c.wait(lambda f: f.is_response)
            self.answered(answer, *waiting.pop(answer.opaque))

    def next_uid(self, topic):
        self.number += 1
        uid = f"{self.load.name}.{self.label}.{self.number}"
        self.history.send(uid, topic)
        return uid

    def send_next(self, c):
        """Returns (opaque, (uids, topic, delay level))."""
        topic, queue = self.rng.choice(TOPICS), self.rng.randrange(QUEUES)
        level, n = self.rng.choice([1, 2]), self.number + 1
        if n % 200 == 7:
            topic = f"New-{self.load.name}-{self.label}"
        elif self.load.delays and n % 50 == 0:
            topic = DELAYED
        elif self.rng.random() < 0.1:
            return self.send_batch(c, topic, queue)
        uid = self.next_uid(topic)
        properties = {"KEYS": uid, "UNIQ_KEY": "U" + uid, "WAIT": "true"}
        if topic == DELAYED:
            properties["DELAY"] = str(level)
        frame = Frame(VALUES["SEND_MESSAGE_V2"], messages.send_header(topic, queue, properties), body_of(uid))
        return c.send(frame), ([uid], topic, level)

    def send_batch(self, c, topic, queue):
        uids = [self.next_uid(topic) for _ in range(self.rng.randint(2, 8))]
        body = encode_batch([(body_of(uid), {"KEYS": uid, "UNIQ_KEY": "U" + uid}) for uid in uids])
        header = {**messages.send_header(topic, queue, {"WAIT": "true"}), "m": "true"}
        return c.send(Frame(VALUES["SEND_BATCH_MESSAGE"], header, body)), (uids, topic, 0)

    def answered(self, answer, uids, topic, level):
        if is_refusal(self.load, answer, f"send of {uids[0]}"):
            return
        physicals = physicals_of(answer)
        if len(physicals) != len(uids):
            raise Violation(f"{len(uids)} messages from {uids[0]} on got {len(physicals)} ids")
        for i, (uid, physical) in enumerate(zip(uids, physicals)):
            if topic == DELAYED:
                self.history.acknowledge_delayed(uid, time.time() + DELAY_SECONDS[level], physical)
            else:
                self.history.acknowledge(uid, topic, int(answer.ext["queueId"]), int(answer.ext["queueOffset"]) + i, physical)


class Dealer(Worker):
    """Sends half messages and ends most of them; answers when it is asked about others, its own or older ones."""

    def work(self, c):
        self.number, self.waiting, window = 0, {}, self.rng.choice([1, 4, 16])
        register_dealer(c, f"{self.load.name}-{self.label}")
        while True:
            while len(self.waiting) < window and not self.load.is_over:
                self.send_half(c)
            if self.load.is_over and not self.waiting:
                return
            frame = c.wait(lambda f: True)
            if frame.is_response:
                self.answered(c, frame, *self.waiting.pop(frame.opaque))
            elif frame.code == VALUES["CHECK_TRANSACTION_STATE"]:
                self.decide(c, *asked_about(frame), is_check=True)

    def send_half(self, c):
        self.number += 1
        uid = f"{self.load.name}.{self.label}.{self.number}"
        self.history.send(uid, DEALS)
        self.history.deal(uid)
        properties = {"KEYS": uid, "UNIQ_KEY": "U" + uid, "WAIT": "true", "TRAN_MSG": "true", "PGROUP": DEALERS}
        header = {**messages.send_header(DEALS, self.rng.randrange(QUEUES), properties, group=DEALERS), "f": 4}
        self.waiting[c.send(Frame(VALUES["SEND_MESSAGE_V2"], header, body_of(uid)))] = ("half", uid)

    def answered(self, c, answer, what, uid):
        if what == "end" and answer.code == SYSTEM_ERROR and self.load.may_refuse:
            return                      # it was asked about a half message that could not be written
        if is_refusal(self.load, answer, f"{what} of {uid}"):
            return
        if what == "end":
            self.history.acknowledge_end(uid)
            return
        offset, physical = int(answer.ext["queueOffset"]), physicals_of(answer)[0]
        self.history.acknowledge_half(uid, offset, physical)
        if self.history.deal(uid).how != "left":
            self.decide(c, uid, offset, physical)

    def decide(self, c, uid, offset, physical, is_check=False):
        deal = self.history.end_deal(uid)
        header = end_header(uid, offset, physical, deal.is_commit, is_check)
        if deal.how == "oneway" and not is_check:
            c.oneway(VALUES["END_TRANSACTION"], header)
        else:
            self.waiting[c.send(Frame(VALUES["END_TRANSACTION"], header))] = ("end", uid)


def register_dealer(c, client):
    body = {"clientID": client, "producerDataSet": [{"groupName": DEALERS}], "consumerDataSet": []}
    answer = c.request(VALUES["HEART_BEAT"], {}, json.dumps(body).encode())
    if answer.code != 0:
        raise Violation(f"heartbeat of {client}: {answer}")


def asked_about(frame):
    """(uid, queue offset, physical offset) of the half message in a check."""
    return uid_of(messages.decode(frame.body)[0].body), int(frame.ext["tranStateTableOffset"]), int(frame.ext["commitLogOffset"])


def end_header(uid, offset, physical, is_commit, is_check):
    return {"producerGroup": DEALERS, "tranStateTableOffset": offset, "commitLogOffset": physical,
            "commitOrRollback": COMMIT if is_commit else ROLL_BACK, "fromTransactionCheck": "true" if is_check else "false",
            "msgId": "U" + uid, "transactionId": "U" + uid}


class Consumer(Worker):
    """Pulls all queues of a topic in turn, from where its group stands, and commits what it has seen; gives some back."""

    def __init__(self, load, name, topic, group):
        super().__init__(load, name)
        self.topic, self.group = topic, group

    def work(self, c):
        offsets = [self.committed(c, q) for q in range(QUEUES)]
        while not self.load.is_over:
            for queue in range(QUEUES):
                offsets[queue] = self.pull(c, queue, offsets[queue])

    def committed(self, c, queue):
        answer = c.request(VALUES["QUERY_CONSUMER_OFFSET"], {"consumerGroup": self.group, "topic": self.topic, "queueId": queue})
        return int(answer.ext["offset"]) if answer.code == 0 else 0

    def pull(self, c, queue, offset):
        answer, found = messages.pull(c, self.topic, queue, offset, group=self.group, suspend=20)
        for message in found:
            self.history.see(self.topic, message)
            if self.load.delays and self.rng.random() < 0.01 and not self.give_back(c, message):
                return offset
        if answer.code not in (messages.FOUND, messages.RETRY_IMMEDIATELY, messages.OFFSET_MOVED):
            return offset
        following = int(answer.ext["nextBeginOffset"])
        if found and following > offset:
            fields = {"consumerGroup": self.group, "topic": self.topic, "queueId": queue, "commitOffset": following}
            if c.request(VALUES["UPDATE_CONSUMER_OFFSET"], fields).code == 0:
                self.history.commit(self.group, self.topic, queue, following)
        return following


    def give_back(self, c, message):
        uid = uid_of(message.body)
        answer = c.request(VALUES["CONSUMER_SEND_MSG_BACK"], {
            "offset": message.physical_offset, "group": self.group, "delayLevel": 1, "originMsgId": "U" + uid, "originTopic": self.topic,
            "unitMode": "false", "maxReconsumeTimes": 16})
        if is_refusal(self.load, answer, f"giving back {uid}"):
            return False
        self.history.give_back(self.group, uid, time.time() + DELAY_SECONDS[1])
        return True


class Cleaner(Worker):
    """Makes retention delete all but the newest segment, again and again."""

    def work(self, c):
        while not self.load.is_over:
            c.request(VALUES["DELETE_EXPIRED_COMMITLOG"])
            self.load.over.wait(0.1)


class Load:
    """is_eager: as fast as it goes, so that a planned call comes soon. may_refuse: response codes that are no violation."""

    def __init__(self, port, history, name, seed, deletes, is_eager=False, may_refuse=()):
        self.port, self.history, self.name, self.seed = port, history, name, seed
        self.delays, self.is_eager, self.may_refuse = not deletes, is_eager, may_refuse    # retention takes what was put off, too
        self.over = threading.Event()
        self.workers = [Producer(self, f"p{i}") for i in range(3)]
        self.workers += [Consumer(self, f"c{i}", topic, group) for i, (group, topic) in enumerate(READERS)]
        self.workers += [Cleaner(self, "d0")] if deletes else [Dealer(self, "t0")]

    @property
    def is_over(self):
        return self.over.is_set()

    def start(self):
        for w in self.workers:
            w.start()

    def join(self):
        """After the broker is gone.  Returns what went wrong."""
        self.over.set()
        for w in self.workers:
            w.join(30)
        return [f"{w.label}: {w.error}" for w in self.workers if w.error] + [f"{w.label} hangs" for w in self.workers if w.is_alive()]
