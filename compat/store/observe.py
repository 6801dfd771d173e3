"""Everything that clients can see of a store, read from a running broker, in a form that two brokers must agree on."""

import json
import re
import struct
import time
from collections import defaultdict

import messages
from codes import VALUES

UNIQ_KEY, KEYS, TAGS = "UNIQ_KEY", "KEYS", "TAGS"
OK, NO_TOPIC, NO_MESSAGE = 0, 17, 22
V1, V2 = 0xDAA320A7, 0xDAA320AB
BORN_V6, STORE_V6 = 0x10, 0x20                 # bits of sysFlag
QUERY_MAX = 64
INDEX_SECONDS = 10             # that an index may lag behind the queues, for all keys of a check together
TIMES_PER_QUEUE = 12           # times asked for, spread over the queue


class Stored:
    """A message as it stands in the log."""

    def __init__(self, raw):
        self.raw = raw
        (size, magic, _crc, self.queue_id, _flag, self.queue_offset, self.physical, self.sys_flag, self.born_ms) = \
            struct.unpack_from(">iIIiiqqiq", raw)
        if size != len(raw) or magic not in (V1, V2):
            raise ValueError(f"no message: size {size} of {len(raw)}, magic {magic:x}")
        self.is_v2 = magic == V2
        at = 48
        self.born_host, at = raw[at:at + (20 if self.sys_flag & BORN_V6 else 8)], at + (20 if self.sys_flag & BORN_V6 else 8)
        self.store_ms = struct.unpack_from(">q", raw, at)[0]
        at += 8
        self.store_host, at = raw[at:at + (20 if self.sys_flag & STORE_V6 else 8)], at + (20 if self.sys_flag & STORE_V6 else 8)
        at += 4 + 8
        length = struct.unpack_from(">i", raw, at)[0]
        self.body = raw[at + 4:at + 4 + length]
        at += 4 + length
        length = struct.unpack_from(">H" if self.is_v2 else ">B", raw, at)[0]
        at += 2 if self.is_v2 else 1
        self.topic = raw[at:at + length].decode()
        at += length
        length = struct.unpack_from(">H", raw, at)[0]
        if at + 2 + length != size:
            raise ValueError(f"a message of {size} bytes ends at {at + 2 + length}")
        self.properties = dict(p.split("\x01", 1) for p in raw[at + 2:].decode().split("\x02") if p)

    def keys(self):
        return self.properties.get(UNIQ_KEY, "").split() + self.properties.get(KEYS, "").split()

    def __repr__(self):
        return f"<{self.topic}/{self.queue_id}/{self.queue_offset} at {self.physical}, {self.properties}, body {self.body[:24]!r}>"


def split(data):
    found, at = [], 0
    while at < len(data):
        size = struct.unpack_from(">i", data, at)[0]
        if size <= 0:
            raise ValueError(f"size {size} at {at} of {len(data)}")
        found.append(Stored(data[at:at + size]))
        at += size
    return found


def loose_json(data):
    """Apache writes maps with bare integers as keys."""
    return json.loads(re.sub(r'([{,]\s*)(-?\d+)(\s*:)', r'\1"\2"\3', data.decode() if isinstance(data, bytes) else data))


def range_of(c, topic, queue_id):
    """(min, max) offset of a queue."""
    fields = {"topic": topic, "queueId": queue_id}
    answers = [c.request(VALUES[code], fields) for code in ("GET_MIN_OFFSET", "GET_MAX_OFFSET")]
    return tuple(int(a.ext["offset"]) if a.code == OK else (a.code, a.remark) for a in answers)


def by_files(c, topic, queue_id, store):
    """Every message of a queue that its broker lets nobody pull from: where they are as its files say, what they are as it says by id."""
    entries = b"".join(p.read_bytes() for p in sorted(store.glob(f"consumequeue/{topic}/{queue_id}/*")))
    places = [struct.unpack_from(">q", entries, i * 20)[0] for i in range(range_of(c, topic, queue_id)[1])]
    return [Stored(by_id(c, physical)) for physical in places]


def queue(c, topic, queue_id, group, store):
    """Every message of a queue, by pulls of one client."""
    found, offset = [], 0
    while True:
        answer = c.request(VALUES["PULL_MESSAGE"], messages.pull_header(topic, queue_id, offset, group=group), timeout=30)
        if answer.code == messages.FOUND:
            found += split(answer.body)
        elif answer.code == NO_TOPIC and topic.upper().startswith("RMQ_SYS_"):
            return by_files(c, topic, queue_id, store)      # 4.9 does not list its own topics
        elif answer.code not in (messages.RETRY_IMMEDIATELY, messages.OFFSET_MOVED):
            if answer.code != messages.NOT_FOUND:
                raise ValueError(f"pull of {topic}/{queue_id} at {offset}: {answer.code} {answer.remark}")
            return found
        if int(answer.ext["nextBeginOffset"]) <= offset:
            return found
        offset = int(answer.ext["nextBeginOffset"])


def by_key(c, topic, key, unique):
    """Physical offsets of the messages that have the key."""
    fields = {"topic": topic, "key": key, "maxNum": QUERY_MAX, "beginTimestamp": 0, "endTimestamp": 1 << 60}
    answer = c.request(VALUES["QUERY_MESSAGE"], {**fields, **({"_UNIQUE_KEY_QUERY": "true"} if unique else {})})
    if answer.code == NO_MESSAGE:
        return set()
    if answer.code != OK:
        raise ValueError(f"query of {topic}#{key}: {answer.code} {answer.remark}")
    return {m.physical for m in split(answer.body) if m.topic == topic and key in m.keys()}


def by_id(c, physical):
    answer = c.request(VALUES["VIEW_MESSAGE_BY_ID"], {"offset": physical})
    return answer.body if answer.code == OK else (answer.code, answer.remark)


def by_time(c, topic, queue_id, timestamp):
    answer = c.request(VALUES["SEARCH_OFFSET_BY_TIMESTAMP"], {"topic": topic, "queueId": queue_id, "timestamp": timestamp})
    return int(answer.ext["offset"]) if answer.code == OK else (answer.code, answer.remark)


def committed(c, group, topic, queue_id):
    answer = c.request(VALUES["QUERY_CONSUMER_OFFSET"], {"consumerGroup": group, "topic": topic, "queueId": queue_id})
    return int(answer.ext["offset"]) if answer.code == OK else (answer.code, answer.remark)


def tables(c, topics, groups):
    """What topics and groups are configured to be, as far as every version has it."""
    known_topics = loose_json(c.request(VALUES["GET_ALL_TOPIC_CONFIG"]).body)["topicConfigTable"]
    known_groups = loose_json(c.request(VALUES["GET_ALL_SUBSCRIPTIONGROUP_CONFIG"]).body)["subscriptionGroupTable"]
    found = {}
    for topic in topics:
        t = known_topics.get(topic)
        found[f"topic {topic}"] = t and {k: t.get(k) for k in ("readQueueNums", "writeQueueNums", "perm", "topicSysFlag", "order")}
    for group in groups:
        g = known_groups.get(group)
        found[f"group {group}"] = g and {k: g.get(k) for k in ("consumeEnable", "consumeBroadcastEnable", "retryQueueNums", "retryMaxTimes")}
    return found


# ---- checks of a broker against the messages that the store is known to hold; each returns the differences as lines of text ----

def differences_in_queues(expected, c, group, store):
    """Every message of every queue byte for byte (so offsets, hosts, times, properties, bodies), and the ranges of the queues."""
    found = []
    for (topic, queue_id), wanted in expected.items():
        got = queue(c, topic, queue_id, group, store)
        low, high = range_of(c, topic, queue_id)
        if (low, high) != (0, len(got)):
            found.append(f"{topic}/{queue_id}: offsets are {low} to {high}, {len(got)} messages were pulled")
        if len(got) != len(wanted):
            found.append(f"{topic}/{queue_id}: {len(got)} messages instead of {len(wanted)}")
        found += [f"{g} instead of {w}" for g, w in zip(got, wanted) if g.raw != w.raw]
    return found


def differences_in_ids(expected, c):
    found = []
    for wanted in (m for q in expected.values() for m in q):
        got = by_id(c, wanted.physical)
        if got != wanted.raw:
            found.append(f"at {wanted.physical}: {got[:60]!r} instead of {wanted}")
    return found


def differences_in_keys(expected, c):
    """Each key and unique key gives exactly the messages that have it (the newest QUERY_MAX of them: the load stays below)."""
    wanted = defaultdict(set)
    for m in (m for q in expected.values() for m in q):
        for key in m.keys():
            wanted[m.topic, key, key == m.properties.get(UNIQ_KEY)].add(m.physical)
    found, deadline = [], time.monotonic() + INDEX_SECONDS
    for (topic, key, unique), offsets in wanted.items():
        got = by_key(c, topic, key, unique)
        while got < offsets and time.monotonic() < deadline:
            time.sleep(0.1)
            got = by_key(c, topic, key, unique)
        if got != offsets:
            found.append(f"{topic}#{key}: {sorted(got)} instead of {sorted(offsets)}")
    return found


def differences_in_times(expected, c, exact):
    """The time of a stored message gives an offset whose message has that time; an older one the begin, a later one the end.

    4.9 first chooses a queue file by the time of its last change (MappedFileQueue.getMappedFileByTime). Files of ours have the right one; its own
    change when the system writes them back, which has little to do with the messages in them: in a store that is seconds old it is off by a
    file. There (not exact) any offset of the queue will do."""
    found = []
    for (topic, queue_id), wanted in expected.items():
        if not wanted:
            continue
        step = max(1, len(wanted) // TIMES_PER_QUEUE)
        times = [m.store_ms for m in wanted]
        for m in wanted[::step]:
            got = by_time(c, topic, queue_id, m.store_ms)
            if not isinstance(got, int) or not 0 <= got < len(wanted) or exact and times[got] != m.store_ms:
                found.append(f"{topic}/{queue_id}: time {m.store_ms} gives {got} instead of {times.index(m.store_ms)}")
        if (early := by_time(c, topic, queue_id, times[0] - 60000)) != 0 and exact:
            found.append(f"{topic}/{queue_id}: a time before the first message gives {early}")
        if (late := by_time(c, topic, queue_id, times[-1] + 3600000)) not in (len(wanted), len(wanted) - 1) and exact:
            found.append(f"{topic}/{queue_id}: a time after the last message gives {late} instead of {len(wanted)}")
    return found


def differences_in_offsets(expected, c):
    """`expected`: {(group, topic, queue id): offset}"""
    got = {key: committed(c, *key) for key in expected}
    return [f"{key}: {got[key]} instead of {expected[key]}" for key in expected if got[key] != expected[key]]
