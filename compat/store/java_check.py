"""Apache's Java client on a store: a group goes on where its offsets stand, and finds each message again by its ids and its key."""

import hashlib
import struct
import subprocess
import zlib

import brokers
import load
from observe import UNIQ_KEY, committed, queue

TOPICS = ("Normal", "Compressed")
SECONDS = 300


def classes(compat, here):
    """JavaCheck.java compiled against the jars of compat/run's client."""
    _, lib = compat.client_classpath("5.5.0")
    folder, source = compat.BUILD / "store-java", here / "JavaCheck.java"
    compat.once(folder, [source], lambda: subprocess.run(["javac", "-nowarn", "-cp", f"{lib}/*", "-d", folder, source], check=True))
    return f"{folder}:{lib}/*"


def line_of(m):
    """What JavaCheck prints about a message when all is well."""
    offset_id = m.store_host + struct.pack(">q", m.physical)
    body = zlib.decompress(m.body) if m.sys_flag & load.COMPRESSED else m.body
    return " ".join([m.topic, str(m.queue_id), str(m.queue_offset), offset_id.hex().upper(), m.properties[UNIQ_KEY],
                     hashlib.md5(body).hexdigest(), "true", "true", "true"])


def differences(compat, here, broker, namesrv, sent, group, c):
    wanted = set()
    for topic in TOPICS:
        for queue_id in range(load.TOPICS[topic]):
            from_offset = sent.offsets[group, topic, queue_id]
            wanted |= {line_of(m) for m in queue(c, topic, queue_id, load.READER, broker.store)[from_offset:]}
    home = broker.folder / "home-java"
    home.mkdir(exist_ok=True)
    process = subprocess.Popen(["java", "-Xmx128m", "-XX:+UseSerialGC", f"-Duser.home={home}", "-Drocketmq.client.rebalance.waitInterval=500",
                                "-cp", classes(compat, here), "JavaCheck", namesrv, group, str(len(wanted)), *TOPICS],
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True, cwd=home)
    brokers.running.add(process)
    try:
        printed, errors = process.communicate(timeout=SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        printed, errors = process.communicate()
    got = [line for line in printed.splitlines() if line.startswith(TOPICS)]
    found = [f"'{line}' instead of what stands in the store" for line in got if line not in wanted]
    found += [f"did not come: '{line}'" for line in sorted(wanted - set(got))]
    if len(got) != len(set(got)):
        found.append(f"{len(got) - len(set(got))} messages came twice")
    if wanted and not got:
        found.insert(0, f"the client received nothing; it ended with {process.returncode} and said: {errors[-2000:]}")
    for topic in TOPICS:                                    # it wrote its offsets when it left
        for queue_id in range(load.TOPICS[topic]):
            now = committed(c, group, topic, queue_id)
            if now != sent.sent[topic, queue_id]:
                found.append(f"{topic}/{queue_id}: offset {now} instead of {sent.sent[topic, queue_id]} after all was consumed")
            sent.offsets[group, topic, queue_id] = now
    return found
