"""What happened to one store, as its clients know it.

A message has a uid that says who sent it and as the how many-th; its body follows from the uid alone, so that a reader can tell a
changed one.  Every method may be called by any thread.
"""

import hashlib
import threading
import time


class Violation(Exception):
    """The store broke a promise."""


def body_of(uid):
    """Bytes of the message: the uid, then a filler of 20 to 1,500 bytes, now and then of 20,000."""
    digest = hashlib.sha256(uid.encode()).digest()
    length = 20 + int.from_bytes(digest[:2], "big") % 1480
    if digest[2] < 3:
        length = 20000
    filler = (digest * (length // len(digest) + 1))[:length]
    return uid.encode() + b"|" + filler


def uid_of(body):
    return body.split(b"|", 1)[0].decode("utf-8", "replace")


class Deal:
    """A transaction: what becomes of it follows from its uid, so that any producer of the group can tell."""

    def __init__(self, uid):
        digest = hashlib.sha256(b"deal" + uid.encode()).digest()
        self.is_commit = digest[0] % 4 != 0
        self.how = ("left", "oneway", "asked")[min(digest[1] % 8, 2)]   # how its producer ends it: not at all, without an answer, with one
        self.half = None        # (queue offset, physical offset) when acknowledged and not lost
        self.has_ended = False  # acknowledged
        self.end_sent = self.end_sent_now = False   # ever; in this life of the broker
        self.may_repeat = False     # under ASYNC_FLUSH a power loss may take what says that it was committed


class History:
    def __init__(self):
        self.lock = threading.Lock()
        self.sent = {}          # uid -> topic
        self.known = {}         # (topic, queue) -> {offset: (uid, physical offset)}: acknowledged, or seen by a consumer
        self.delayed = {}       # uid -> (due, physical offset), acknowledged
        self.given_back = {}    # (group, uid) -> due: acknowledged, and not found again yet
        self.given_now = set()  # those of this life of the broker
        self.deals = {}         # uid -> Deal
        self.refused = 0        # sends that were told that they failed
        self.acknowledged = 0
        self.promised = set()   # topics of acknowledged messages
        self.commits = {}       # (group, topic, queue) -> [(time, offset)], answered
        self.floor = {}         # (group, topic, queue) -> offset that the store has kept before
        self.violations = []

    def send(self, uid, topic):
        with self.lock:
            self.sent[uid] = topic

    def acknowledge(self, uid, topic, queue, offset, physical):
        with self.lock:
            self.acknowledged += 1
            self.promised.add(topic)
            self._know(topic, queue, offset, uid, physical, "acknowledged")

    def acknowledge_delayed(self, uid, due, physical):
        with self.lock:
            self.acknowledged += 1
            self.delayed[uid] = (due, physical)

    def give_back(self, group, uid, due):
        with self.lock:
            self.given_back.setdefault((group, uid), due)
            self.given_now.add((group, uid))

    def deal(self, uid):
        with self.lock:
            return self.deals.setdefault(uid, Deal(uid))

    def end_deal(self, uid):
        """About to be sent.  Returns the Deal."""
        deal = self.deal(uid)
        deal.end_sent = deal.end_sent_now = True
        return deal

    def acknowledge_half(self, uid, offset, physical):
        with self.lock:
            self.acknowledged += 1
            self.deals[uid].half = (offset, physical)

    def acknowledge_end(self, uid):
        with self.lock:
            self.deals[uid].has_ended = True

    def refuse(self):
        with self.lock:
            self.refused += 1

    def see(self, topic, message):
        with self.lock:
            self._know(topic, message.queue_id, message.queue_offset, uid_of(message.body), message.physical_offset, "pulled")

    def _know(self, topic, queue, offset, uid, physical, how):
        known = self.known.setdefault((topic, queue), {})
        was = known.setdefault(offset, (uid, physical))
        if was != (uid, physical):
            self.violations.append(f"{topic}/{queue} offset {offset}: {how} {uid} at {physical}, but {was[0]} at {was[1]} was there")

    def commit(self, group, topic, queue, offset):
        with self.lock:
            self.commits.setdefault((group, topic, queue), []).append((time.monotonic(), offset))

    def settle_commits(self, died_at, older_than):
        """At a crash: offsets that were acknowledged that many seconds before it must survive it."""
        for key, made in self.commits.items():
            kept = [offset for at, offset in made if at < died_at - older_than]
            if kept:
                self.floor[key] = max(self.floor.get(key, 0), kept[-1])
        self.commits = {}

    def begin_life(self):
        self.given_now = set()
        for deal in self.deals.values():
            deal.end_sent_now = False

    def forget_from(self, physical):
        """The power loss may have taken what ends behind that place of the log, and what stands at a place that nobody was told."""
        def gone(uid, at):
            return at + len(body_of(uid)) + 600 > physical

        for known in self.known.values():
            for offset in [o for o, (uid, at) in known.items() if gone(uid, at)]:
                del known[offset]
        for uid in [u for u, (_, at) in self.delayed.items() if gone(u, at)]:
            del self.delayed[uid]
        for given in self.given_now:
            self.given_back.pop(given, None)
        for uid, deal in self.deals.items():
            if deal.end_sent_now or (deal.half and gone(uid, deal.half[1])):
                deal.half, deal.has_ended, deal.may_repeat = None, False, True

    def forget_before(self, physical):
        """Retention deleted it."""
        for known in self.known.values():
            for offset in [o for o, (_, at) in known.items() if at < physical]:
                del known[offset]
