"""Holds a restarted broker against the history of its store.  The first broken promise is raised as a Violation."""

import time

import logfile
import messages
from codes import VALUES
from history import Violation, body_of, uid_of
from load import (DEALS, DELAYED, GROUPS, QUEUES, READERS, TOPICS, asked_about, end_header, register_dealer,
                  retry_topic)
from remoting import Connection, Frame

NO_TOPIC = 17
SAMPLE = 12
PATIENCE = 60.0
HALF, OP = "RMQ_SYS_TRANS_HALF_TOPIC", "RMQ_SYS_TRANS_OP_HALF_TOPIC"
SCHEDULE = "SCHEDULE_TOPIC_XXXX"
# A level's offset is written every now and then only: what was delivered since comes again.
AT_LEAST_ONCE = [DELAYED] + [retry_topic(g) for g in GROUPS]


class Check:
    def __init__(self, broker, history, rng, may_have_holes, may_have_lost_tail):
        self.broker, self.history, self.rng = broker, history, rng
        self.may_have_holes, self.may_have_lost_tail = may_have_holes, may_have_lost_tail

    def run(self):
        with Connection("127.0.0.1", self.broker.port, timeout=30) as c:
            self.c = c
            info = c.request(VALUES["GET_BROKER_RUNTIME_INFO"]).json()["table"]
            self.log_min, self.log_end = int(info["commitLogMinOffset"]), int(info["commitLogMaxOffset"])
            self.history.forget_before(self.log_min)
            self.seen = {}              # uid -> topic/queue/offset
            for topic in sorted(({t for t, _ in self.history.known} | {DEALS, *TOPICS}) - set(AT_LEAST_ONCE)):
                for queue in range(QUEUES):
                    self.queue(topic, queue)
            self.log()
            self.group_offsets()
            self.keys()
            Settling(self).run()

    def ask(self, code, **fields):
        return self.c.request(VALUES[code], fields)

    def bounds(self, topic, queue):
        low, high = (self.ask(code, topic=topic, queueId=queue) for code in ("GET_MIN_OFFSET", "GET_MAX_OFFSET"))
        return (int(low.ext["offset"]), int(high.ext["offset"])) if low.code == 0 and high.code == 0 else (0, 0)

    def queue(self, topic, queue):
        known = self.history.known.get((topic, queue), {})
        low, high = self.bounds(topic, queue)
        answer = messages.pull(self.c, topic, queue, low, group=GROUPS[0])[0]
        if answer.code == NO_TOPIC and topic not in self.history.promised:
            self.history.known.pop((topic, queue), None)    # seen by a consumer, but whoever sent it was not told yet
            return
        if known and answer.code not in (messages.FOUND, messages.RETRY_IMMEDIATELY):
            raise Violation(f"{topic}/{queue}: {len(known)} messages are known, a pull at {low} (max {high}) says {answer.code} {answer.remark}")
        found = self.pull_all(topic, queue, low) if high > low else []
        place = f"{topic}/{queue}"
        self.in_order(topic, place, found, low, high)
        got = {m.queue_offset: (uid_of(m.body), m.physical_offset) for m in found}
        lost = [(o, w) for o, w in sorted(known.items()) if got.get(o) != w]
        if lost:
            offset, want = lost[0]
            raise Violation(f"{place}: {len(lost)} of {len(known)} known messages are lost or changed, first offset {offset}: "
                            f"{want} is now {got.get(offset)}; queue {low} to {high}, log {self.log_min} to {self.log_end}")
        for m in found:
            self.whole(place, topic, m)
        self.history.known[(topic, queue)] = got

    def pull_all(self, topic, queue, offset=0):
        return messages.pull_all(self.c, topic, queue, offset, group=GROUPS[0])

    def in_order(self, topic, place, found, low, high):
        offsets = [m.queue_offset for m in found]
        high = max([high] + [o + 1 for o in offsets])   # some may have come since
        if not self.may_have_holes and offsets != list(range(low, high)):
            missing = sorted(set(range(low, high)) - set(offsets))
            raise Violation(f"{place}: offsets from {low} to {high} are not all there: {len(missing)} are missing, first {missing[:3]}; "
                            f"{len(offsets)} pulled")
        if any(a.queue_offset >= b.queue_offset or a.physical_offset >= b.physical_offset for a, b in zip(found, found[1:])):
            raise Violation(f"{place}: offsets do not rise")
        if topic == DEALS or topic in AT_LEAST_ONCE:    # they come when they are decided, or due
            return
        last = {}
        for m in found:
            sender, number = uid_of(m.body).rsplit(".", 1)
            if last.get(sender, 0) >= int(number):
                raise Violation(f"{place}: offset {m.queue_offset} has {sender}.{number} behind {sender}.{last[sender]}")
            last[sender] = int(number)

    def whole(self, place, topic, m):
        uid, where = uid_of(m.body), f"{place}/{m.queue_offset}"
        sent = self.history.sent.get(uid)
        if sent is None or m.body != body_of(uid) or m.properties.get("KEYS") != uid or (sent != topic and topic not in AT_LEAST_ONCE):
            raise Violation(f"{where} is not what was sent as {uid}")
        if topic == DEALS and not self.history.deal(uid).is_commit:
            raise Violation(f"{where} is {uid}, which was rolled back or not decided")
        if topic == DEALS and self.history.deal(uid).may_repeat:
            self.seen[uid] = where
        elif topic not in AT_LEAST_ONCE and self.seen.setdefault(uid, where) != where:
            raise Violation(f"{uid} is twice in the log: {self.seen[uid]} and {where}")

    def log(self):
        """Without the broker: no message twice, and each that a queue knows is where it says."""
        once, places = {}, {}
        if self.may_have_holes:
            return
        for m in logfile.walk(self.broker.store / "commitlog", self.log_min, self.log_end):
            uid = uid_of(m.body)
            if self.must_be_once(m) and once.setdefault((m.topic, uid), m.physical_offset) != m.physical_offset:
                raise Violation(f"{uid} is twice in the log: {m.topic} at {once[(m.topic, uid)]} and {m.physical_offset}")
            if m.topic == HALF or (m.topic, m.queue_id) in self.history.known:     # else nobody was told that the topic exists
                places[(m.topic, m.queue_id, m.queue_offset)] = (uid, m.physical_offset)
        for (topic, queue), known in self.history.known.items():
            for offset, want in known.items():
                if places.get((topic, queue, offset)) != want:
                    raise Violation(f"{topic}/{queue} offset {offset}: {want} is not in the log")
        for uid, deal in self.history.deals.items():
            if deal.half and places.get((HALF, 0, deal.half[0])) != (uid, deal.half[1]):
                raise Violation(f"half message {uid}: it is not in the log at {deal.half}")
        strays = [p for p in places if p[0] != HALF and p[0] not in AT_LEAST_ONCE and p[2] not in self.history.known[p[:2]]]
        if strays:
            raise Violation(f"{len(strays)} messages of the log are in no queue, say {sorted(strays)[:3]}")

    @staticmethod
    def must_be_once(m):
        if m.topic == SCHEDULE:
            return m.properties.get("REAL_TOPIC") == DELAYED    # a consumer may give a message back twice
        if m.topic == HALF:
            return "TRANSACTION_CHECK_TIMES" not in m.properties
        return m.topic != OP and m.topic not in AT_LEAST_ONCE

    def group_offsets(self):
        for group, topic in READERS:
            for queue in range(QUEUES):
                answer = self.ask("QUERY_CONSUMER_OFFSET", consumerGroup=group, topic=topic, queueId=queue)
                offset = int(answer.ext["offset"]) if answer.code == 0 else 0
                high = self.bounds(topic, queue)[1]
                floor = self.history.floor.get((group, topic, queue), 0)
                if offset > high:
                    raise Violation(f"group {group} stands at {offset} of {topic}/{queue}, which ends at {high}")
                if offset < (min(floor, high) if self.may_have_lost_tail else floor):
                    raise Violation(f"group {group} stands at {offset} of {topic}/{queue}, it was at {floor} long before")
                self.history.floor[(group, topic, queue)] = offset

    def keys(self):
        """A sample is found by its key, by its unique key, and by where it is."""
        every = [(t, uid, at) for (t, _), known in self.history.known.items() if t not in AT_LEAST_ONCE for uid, at in known.values()]
        newest = sorted(every, key=lambda x: -x[2])[:SAMPLE // 2]
        for topic, uid, at in newest + self.rng.sample(every, min(SAMPLE // 2, len(every))):
            for key, kind in ((uid, "K"), ("U" + uid, "U")):
                fields = {"topic": topic, "key": key, "maxNum": 32, "beginTimestamp": 0, "endTimestamp": 1 << 62}
                if kind == "U":
                    fields["_UNIQUE_KEY_QUERY"] = "true"
                answer = self.ask("QUERY_MESSAGE", **fields)
                found = messages.decode(answer.body) if answer.code == 0 else []
                if [m.physical_offset for m in found] != [at]:
                    raise Violation(f"{topic}: query of key {key} ({kind}) gives {answer.code} {answer.remark}, "
                                    f"{[m.physical_offset for m in found]}, it is at {at} of {self.log_min} to {self.log_end}")
            answer = self.ask("VIEW_MESSAGE_BY_ID", offset=at)
            if answer.code != 0 or [uid_of(m.body) for m in messages.decode(answer.body)] != [uid]:
                raise Violation(f"{topic}: {uid} cannot be viewed at {at}: {answer.code} {answer.remark}")


class Settling:
    """What comes by itself after a restart: delayed messages, those that were given back, and the questions about open transactions."""

    def __init__(self, check):
        self.check, self.history = check, check.history
        self.due = {uid for uid, (when, _) in self.history.delayed.items() if when < time.time()}
        self.given = {given for given, due in self.history.given_back.items() if due < time.time()}
        self.wanted = {uid for uid, d in self.history.deals.items() if d.is_commit and (d.has_ended or d.half)}
        self.open = {uid for uid, d in self.history.deals.items() if d.half and not d.end_sent}
        self.ends = {}          # opaque -> uid

    def run(self):
        with Connection("127.0.0.1", self.check.broker.port, timeout=30) as c:
            if self.history.deals:
                register_dealer(c, "settling")
            deadline = time.monotonic() + PATIENCE
            while not self.is_settled(c):
                if time.monotonic() > deadline:
                    raise Violation(self.missing())
        for topic in AT_LEAST_ONCE + [DEALS]:
            for queue in range(QUEUES):
                self.check.queue(topic, queue)

    def is_settled(self, c):
        self.answer_questions(c)
        if self.due:
            self.due -= self.uids_in(DELAYED, QUEUES)
        for group in {g for g, _ in self.given}:
            found = self.uids_in(retry_topic(group), 1)
            for given in [g for g in self.given if g[0] == group and g[1] in found]:
                self.given.discard(given)
                del self.history.given_back[given]      # from now on it is known at its offset
        self.wanted -= self.check.seen.keys()
        if self.wanted:
            self.wanted -= self.uids_in(DEALS, QUEUES)
        return not (self.due or self.given or self.wanted or self.open)

    def uids_in(self, topic, queues):
        return {uid_of(m.body) for q in range(queues) for m in self.check.pull_all(topic, q)}

    def answer_questions(self, c):
        deadline = time.monotonic() + 0.05
        while (left := deadline - time.monotonic()) > 0:
            try:
                frame = c.wait(lambda f: True, timeout=left)
            except TimeoutError:
                return
            if frame.is_response:
                self.ended(frame)
            elif frame.code == VALUES["CHECK_TRANSACTION_STATE"]:
                uid, offset, physical = asked_about(frame)
                header = end_header(uid, offset, physical, self.history.end_deal(uid).is_commit, is_check=True)
                self.ends[c.send(Frame(VALUES["END_TRANSACTION"], header))] = uid

    def ended(self, answer):
        uid = self.ends.pop(answer.opaque)
        if answer.code != 0:
            raise Violation(f"end of {uid} was refused: {answer.code} {answer.remark}")
        self.history.acknowledge_end(uid)
        self.open.discard(uid)

    def missing(self):
        parts = {"delayed messages were not delivered": self.due, "given back were not delivered": self.given,
                 "committed transactions are not there": self.wanted, "open transactions were not asked about": self.open}
        return "; ".join(f"{len(uids)} {what}, say {sorted(uids)[:3]}" for what, uids in parts.items() if uids)
