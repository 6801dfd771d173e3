"""Sending, pulling and reading messages over the plain protocol."""

import struct
import time

from codes import VALUES

FOUND = 0
NOT_FOUND = 19
RETRY_IMMEDIATELY = 20
OFFSET_MOVED = 21

SUSPEND = 2
SUBSCRIPTION = 4


class Message:
    """One stored message, as pull answers carry it (all hosts IPv4)."""

    def __init__(self, topic, body, properties, queue_id, queue_offset, physical_offset, reconsume_times, store_timestamp=0):
        self.topic = topic
        self.body = body
        self.properties = properties
        self.queue_id = queue_id
        self.queue_offset = queue_offset
        self.physical_offset = physical_offset
        self.reconsume_times = reconsume_times
        self.store_timestamp = store_timestamp


def decode(data):
    """The messages of a pull answer's body.  Lengths that do not add up raise ValueError."""
    found, at = [], 0
    while at < len(data):
        size, magic = struct.unpack_from(">iI", data, at)
        if magic != 0xDAA320A7 or size <= 0 or at + size > len(data):
            raise ValueError(f"no message at {at} of {len(data)}: size {size}, magic {magic:x}")
        found.append(_decode_one(data[at:at + size]))
        at += size
    return found


def _decode_one(m):
    _crc, queue_id, _flag, queue_offset, physical, sys_flag = struct.unpack_from(">Iiiqqi", m, 8)
    if sys_flag & 0x30:
        raise ValueError("IPv6 hosts are not read here")
    reconsume_times, _prepared, body_length = struct.unpack_from(">iqi", m, 72)
    at = 88 + body_length
    body = m[88:at]
    topic_length = m[at]
    topic = m[at + 1:at + 1 + topic_length].decode()
    at += 1 + topic_length
    length = struct.unpack_from(">h", m, at)[0]
    text = m[at + 2:at + 2 + length].decode()
    if at + 2 + length != len(m):
        raise ValueError(f"a message of {len(m)} bytes ends at {at + 2 + length}")
    properties = dict(p.split("\x01", 1) for p in text.split("\x02") if p)
    return Message(topic, body, properties, queue_id, queue_offset, physical, reconsume_times, struct.unpack_from(">q", m, 56)[0])


def send_header(topic, queue_id=0, properties=None, group="system-test"):
    """Fields of SEND_MESSAGE_V2."""
    text = "".join(f"{k}\x01{v}\x02" for k, v in (properties or {}).items())
    return {"a": group, "b": topic, "c": "TBW102", "d": 4, "e": queue_id, "f": 0, "g": int(time.time() * 1000), "h": 0, "i": text,
            "j": 0, "k": "false", "m": "false"}


def send(connection, topic, body, queue_id=0, **more):
    """Sends a message and returns the answer."""
    return connection.request(VALUES["SEND_MESSAGE_V2"], send_header(topic, queue_id, **more), body)


def pull_header(topic, queue_id, offset, count=32, suspend=0, group="system-test", tags="*"):
    return {"consumerGroup": group, "topic": topic, "queueId": queue_id, "queueOffset": offset, "maxMsgNums": count,
            "sysFlag": SUBSCRIPTION | (SUSPEND if suspend else 0), "commitOffset": 0, "suspendTimeoutMillis": suspend,
            "subscription": tags, "subVersion": 1, "expressionType": "TAG"}


def pull(connection, topic, queue_id, offset, **more):
    """Pulls once; returns (answer, messages)."""
    answer = connection.request(VALUES["PULL_MESSAGE"], pull_header(topic, queue_id, offset, **more), timeout=30)
    return answer, decode(answer.body) if answer.code == FOUND else []


def pull_all(connection, topic, queue_id=0, offset=0, **more):
    """Every message of a queue from the offset to its end."""
    found = []
    while True:
        answer, messages = pull(connection, topic, queue_id, offset, **more)
        if answer.code not in (FOUND, RETRY_IMMEDIATELY):
            return found
        found += messages
        offset = int(answer.ext["nextBeginOffset"])
