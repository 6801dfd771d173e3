"""Cuts a store of Apache's broker to the bytes that are used, so that it is small enough to be a test's golden data."""

import pathlib
import shutil
import struct

INDEX_HEADER = 40
INDEX_SLOTS = 5_000_000
INDEX_ENTRY = 20


def keep(store, out, version):
    """Copies the used bytes of the store below `store` to `out`:

    commitlog/NAME               cut after the last message
    consumequeue/TOPIC/N/NAME    cut after the last entry
    index/NAME.tsv               header fields, used slots and used entries, as text (the file itself is 420 MB)
    checkpoint, config/*         as they are (checkpoint cut to 64 bytes)
    """
    store, out = pathlib.Path(store), pathlib.Path(out)
    shutil.rmtree(out, ignore_errors=True)
    for path in sorted((store / "commitlog").iterdir()):
        write(out / "commitlog" / path.name, cut_log(path.read_bytes()))
    for path in sorted((store / "consumequeue").glob("*/*/*")):
        write(out / path.relative_to(store), cut_queue(path.read_bytes()))
    for path in sorted((store / "index").iterdir()):
        write(out / "index" / f"{path.name}.tsv", describe_index(path).encode())
    write(out / "checkpoint", (store / "checkpoint").read_bytes()[:64])
    for path in sorted((store / "config").iterdir()):
        if path.is_file() and path.suffix == ".json":
            write(out / "config" / path.name, path.read_bytes())


def write(path, data):
    if data:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def cut_log(data):
    at = 0
    while at + 8 <= len(data):
        size, magic = struct.unpack_from(">iI", data, at)
        if size <= 0 or at + size > len(data) or magic not in (0xDAA320A7, 0xDAA320AB):
            break
        at += size
    return data[:at]


def cut_queue(data):
    at = 0
    while at + 20 <= len(data) and struct.unpack_from(">qi", data, at)[1] > 0:
        at += 20
    return data[:at]


def describe_index(path):
    with open(path, "rb") as f:
        begin_time, end_time, begin_offset, end_offset, slots, count = struct.unpack(">qqqqii", f.read(INDEX_HEADER))
        lines = ["# Used parts of an index file of 5,000,000 slots and 20,000,000 entries.",
                 "header\tbeginTimestamp\tendTimestamp\tbeginOffset\tendOffset\tusedSlots\tindexCount",
                 f"header\t{begin_time}\t{end_time}\t{begin_offset}\t{end_offset}\t{slots}\t{count}",
                 "entry\tnumber\tkeyHash\tlogOffset\tsecondsSinceBegin\tpreviousEntry"]
        f.seek(INDEX_HEADER + INDEX_SLOTS * 4)
        entries = f.read(count * INDEX_ENTRY)
        heads = {}
        for number in range(1, count):
            key, offset, seconds, previous = struct.unpack_from(">iqii", entries, number * INDEX_ENTRY)
            lines.append(f"entry\t{number}\t{key}\t{offset}\t{seconds}\t{previous}")
            heads[key % INDEX_SLOTS] = number
        lines.append("slot\tnumber\tnewestEntry")
        for slot in sorted(heads):
            f.seek(INDEX_HEADER + slot * 4)
            lines.append(f"slot\t{slot}\t{struct.unpack('>i', f.read(4))[0]}")
    return "\n".join(lines) + "\n"
