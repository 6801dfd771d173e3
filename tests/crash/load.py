"""Producers and consumers that work until the broker is gone, and write down what it told them."""

import json
import random
import threading
import time

import messages
import remoting
from codes import VALUES
from history import Violation, body_of
from remoting import Connection, Frame

QUEUES = 4
TOPICS = ["Plain", "Other"]
DELAYED = "Delayed"
GROUPS = ["readers", "others"]
DELAY_SECONDS = {1: 1, 2: 2}    # messageDelayLevel=1s 2s
GONE = (remoting.Closed, ConnectionError, OSError, TimeoutError)


def physical_of(answer):
    """Physical offset in an offset message id: IPv4 address, port, 64 bits of offset, all hexadecimal."""
    return int(answer.ext["msgId"][-16:], 16)


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
            with Connection("127.0.0.1", self.load.port, timeout=20) as c:
                self.work(c)
        except GONE:
            pass
        except Exception as e:          # noqa: BLE001  the round reports it
            self.error = e


class Producer(Worker):
    """Keeps `window` sends on their way, on one connection; so its messages stand in each queue in the order they were sent in."""

    def work(self, c):
        waiting, window, number = {}, self.rng.choice([16, 48] if self.load.is_eager else [1, 4, 16, 48]), 0
        # Seconds between two rounds of sends; files are small here, and their syncs slow.
        pace = 0 if self.load.is_eager else self.rng.choice([0, 0, 0.001, 0.01])
        new_topic = f"New-{self.load.name}-{self.label}"
        while True:
            while len(waiting) < window and not self.load.is_over:
                number += 1
                topic = DELAYED if self.load.delays and number % 50 == 0 else self.rng.choice(TOPICS)
                if number % 200 == 7:
                    topic = new_topic
                sent = (f"{self.load.name}.{self.label}.{number}", topic, self.rng.randrange(QUEUES), self.rng.choice([1, 2]))
                waiting[self.send(c, *sent)] = sent
            if not waiting:
                return
            self.load.over.wait(pace)
            answer = c.wait(lambda f: f.is_response)
            self.answered(answer, *waiting.pop(answer.opaque))

    def send(self, c, uid, topic, queue, level):
        properties = {"KEYS": uid, "UNIQ_KEY": "U" + uid, "WAIT": "true"}
        if topic == DELAYED:
            properties["DELAY"] = str(level)
        self.history.send(uid, topic)
        header = messages.send_header(topic, queue, properties)
        return c.send(Frame(VALUES["SEND_MESSAGE_V2"], header, body_of(uid)))

    def answered(self, answer, uid, topic, _queue, level):
        if answer.code != 0:
            raise Violation(f"send of {uid} was refused: {answer.code} {answer.remark}")
        if topic == DELAYED:
            self.history.acknowledge_delayed(uid, time.time() + DELAY_SECONDS[level], physical_of(answer))
        else:
            self.history.acknowledge(uid, topic, int(answer.ext["queueId"]), int(answer.ext["queueOffset"]), physical_of(answer))


class Consumer(Worker):
    """Pulls all queues of a topic in turn, from where its group stands, and commits what it has seen."""

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
        if answer.code not in (messages.FOUND, messages.RETRY_IMMEDIATELY, messages.OFFSET_MOVED):
            return offset
        following = int(answer.ext["nextBeginOffset"])
        if found and following > offset:
            fields = {"consumerGroup": self.group, "topic": self.topic, "queueId": queue, "commitOffset": following}
            if c.request(VALUES["UPDATE_CONSUMER_OFFSET"], fields).code == 0:
                self.history.commit(self.group, self.topic, queue, following)
        return following


class Cleaner(Worker):
    """Makes retention delete all but the newest segment, again and again."""

    def work(self, c):
        while not self.load.is_over:
            c.request(VALUES["DELETE_EXPIRED_COMMITLOG"])
            self.load.over.wait(0.1)


class Load:
    """is_eager: as fast as it goes, so that a planned call comes soon."""

    def __init__(self, port, history, name, seed, delays, deletes, is_eager=False):
        self.port, self.history, self.name, self.seed, self.delays, self.is_eager = port, history, name, seed, delays, is_eager
        self.over = threading.Event()
        self.workers = [Producer(self, f"p{i}") for i in range(3)]
        self.workers += [Consumer(self, "c0", TOPICS[0], GROUPS[0]), Consumer(self, "c1", TOPICS[1], GROUPS[1])]
        if deletes:
            self.workers.append(Cleaner(self, "d0"))

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
