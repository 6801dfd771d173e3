"""Holds a restarted broker against the history of its store.  The first broken promise is raised as a Violation."""

import time

import logfile
import messages
from codes import VALUES
from history import Violation, body_of, uid_of
from load import DELAYED, GROUPS, QUEUES, TOPICS
from remoting import Connection

NO_TOPIC = 17
SAMPLE = 12
DELAY_PATIENCE = 15.0


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
            for topic in sorted({t for t, _ in self.history.known} | set(TOPICS)):
                for queue in range(QUEUES):
                    self.queue(topic, queue)
            self.log()
            self.group_offsets()
            self.keys()
            self.delayed()

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
        found = messages.pull_all(self.c, topic, queue, low) if high > low else []
        place = f"{topic}/{queue}"
        self.in_order(place, found, low, high)
        got = {m.queue_offset: (uid_of(m.body), m.physical_offset) for m in found}
        lost = [(o, w) for o, w in sorted(known.items()) if got.get(o) != w]
        if lost:
            offset, want = lost[0]
            raise Violation(f"{place}: {len(lost)} of {len(known)} known messages are lost or changed, first offset {offset}: "
                            f"{want} is now {got.get(offset)}; queue {low} to {high}, log {self.log_min} to {self.log_end}")
        for m in found:
            self.whole(place, topic, m)
        self.history.known[(topic, queue)] = got

    def in_order(self, place, found, low, high):
        offsets = [m.queue_offset for m in found]
        if not self.may_have_holes and offsets != list(range(low, high)):
            missing = sorted(set(range(low, high)) - set(offsets))
            raise Violation(f"{place}: offsets from {low} to {high} are not all there: {len(missing)} are missing, first {missing[:3]}; "
                            f"{len(offsets)} pulled")
        if any(a.queue_offset >= b.queue_offset or a.physical_offset >= b.physical_offset for a, b in zip(found, found[1:])):
            raise Violation(f"{place}: offsets do not rise")
        last = {}
        for m in found:
            sender, number = uid_of(m.body).rsplit(".", 1)
            if last.get(sender, 0) >= int(number):
                raise Violation(f"{place}: offset {m.queue_offset} has {sender}.{number} behind {sender}.{last[sender]}")
            last[sender] = int(number)

    def whole(self, place, topic, m):
        uid = uid_of(m.body)
        if self.history.sent.get(uid) != topic or m.body != body_of(uid) or m.properties.get("KEYS") != uid:
            raise Violation(f"{place}: offset {m.queue_offset} is not what was sent as {uid}")
        where = f"{place}/{m.queue_offset}"
        if self.seen.setdefault(uid, where) != where:
            raise Violation(f"{uid} is twice in the log: {self.seen[uid]} and {where}")

    def log(self):
        """Without the broker: no message twice, and each that a queue knows is where it says."""
        uids, places = {}, {}
        if self.may_have_holes:
            return
        for m in logfile.walk(self.broker.store / "commitlog", self.log_min, self.log_end):
            if m.topic in (DELAYED, "SCHEDULE_TOPIC_XXXX"):
                continue
            uid = uid_of(m.body)
            if uid in uids:
                raise Violation(f"{uid} is twice in the log: at {uids[uid]} and {m.physical_offset}")
            uids[uid] = m.physical_offset
            if (m.topic, m.queue_id) in self.history.known:     # else nobody was told that the topic exists
                places[(m.topic, m.queue_id, m.queue_offset)] = (uid, m.physical_offset)
        for (topic, queue), known in self.history.known.items():
            for offset, want in known.items():
                if places.get((topic, queue, offset)) != want:
                    raise Violation(f"{topic}/{queue} offset {offset}: {want} is not in the log")
        strays = len(places) - sum(len(k) for k in self.history.known.values())
        if strays:
            raise Violation(f"{strays} messages of the log are in no queue")

    def group_offsets(self):
        for group, topic in zip(GROUPS, TOPICS):
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
        every = [(t, uid, at) for (t, _), known in self.history.known.items() for uid, at in known.values()]
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

    def delayed(self):
        """Each that is due is delivered; twice is allowed, as the level's offset is written every few seconds only."""
        due = {uid for uid, (when, _) in self.history.delayed.items() if when < time.time()}
        deadline = time.monotonic() + DELAY_PATIENCE
        while due:
            due -= {uid_of(m.body) for q in range(QUEUES) for m in messages.pull_all(self.c, DELAYED, q)}
            if due and time.monotonic() > deadline:
                raise Violation(f"{len(due)} delayed messages were not delivered, say {sorted(due)[:3]}")
            if due:
                time.sleep(0.05)
