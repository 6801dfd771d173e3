"""Reads the commit log's files themselves, without the broker: every message, whole and at its place."""

import struct
import zlib

import messages
from history import Violation

BLANK = 0xCBD43194
MESSAGE = 0xDAA320A7


def walk(folder, first, end):
    """The messages between two physical offsets."""
    found = []
    for path in sorted(p for p in folder.iterdir() if p.name.isdigit()):
        base, data = int(path.name), path.read_bytes()
        at = max(first - base, 0)
        while at + 8 <= len(data) and base + at < end:
            size, magic = struct.unpack_from(">iI", data, at)
            if magic == BLANK:
                break
            if magic != MESSAGE or size < 91 or at + size > len(data):
                raise Violation(f"commit log: no message at {base + at}: size {size}, magic {magic:x}; the broker says it ends at {end}")
            found.append(_message(data[at:at + size], base + at))
            at += size
    return found


def _message(data, place):
    try:
        message = messages.decode(data)[0]
    except (ValueError, struct.error, UnicodeDecodeError) as e:
        raise Violation(f"commit log: message at {place}: {e}") from e
    crc = struct.unpack_from(">I", data, 8)[0]
    if crc != zlib.crc32(message.body) & 0x7FFFFFFF:
        raise Violation(f"commit log: message at {place} has CRC {crc:x}")
    if message.physical_offset != place:
        raise Violation(f"commit log: message at {place} says that it is at {message.physical_offset}")
    return message
