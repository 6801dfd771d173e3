"""Stores that we cannot read: the start ends with one line that says what it is and what to do, and nothing is touched."""

import hashlib
import shutil
import subprocess
from pathlib import Path

import brokers
import load
import observe
from codes import VALUES

APACHE = "5.5.0"
SECONDS = 60
NOBODY = "127.0.0.1:9"           # no name server is needed here


def fingerprint(store):
    """The folder and everything in it: inode, mode, owner, size, times of change, and a hash of the contents."""
    found = {}
    for path in [store, *sorted(store.rglob("*"))]:
        s = path.stat()
        contents = hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        found[str(path.relative_to(store))] = (s.st_ino, s.st_mode, s.st_uid, s.st_size, s.st_mtime_ns, s.st_ctime_ns, contents)
    return found


def file(path, contents=b"x"):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(contents)


# By hand, with the names that Apache gives: (name, what is made in the store, words that the line must have).
BY_HAND = [
    ("RocksDB consume queues", lambda s: file(s / "consumequeue" / "CURRENT", b"MANIFEST-000004\n"), ["/consumequeue'", "RocksDB", "move"]),
    ("RocksDB topics", lambda s: file(s / "config" / "topics" / "CURRENT", b"MANIFEST-000004\n"), ["/config/topics'", "RocksDB"]),
    ("RocksDB groups", lambda s: file(s / "config" / "subscriptionGroups" / "CURRENT", b"MANIFEST-000004\n"), ["/config/subscriptionGroups'", "RocksDB"]),
    ("RocksDB offsets", lambda s: file(s / "config" / "consumerOffsets" / "CURRENT", b"MANIFEST-000004\n"), ["/config/consumerOffsets'", "RocksDB"]),
    ("RocksDB for all configuration", lambda s: file(s / "config" / "metadata" / "CURRENT", b"MANIFEST-000004\n"), ["/config/metadata'", "RocksDB"]),
    ("DLedger", lambda s: file(s / "dledger-n0" / "data" / "00000000000000000000", bytes(4096)), ["/dledger-n0'", "DLedger", "enableDLegerCommitLog"]),
    ("RocksDB consume queues in a folder of their own", lambda s: file(s / "consumequeue_rocksdb" / "CURRENT", b"MANIFEST-000004\n"),
     ["/consumequeue_rocksdb'", "RocksDB", "move"]),
    ("consume queue extensions", lambda s: file(s / "consumequeue_ext" / "T" / "0" / "00000000000000000000", bytes(64)),
     ["/consumequeue_ext'", "enableConsumeQueueExt", "move"]),
    ("a BatchCQ topic without messages",
     lambda s: file(s / "config" / "topics.json", b'{"topicConfigTable":{"T":{"topicName":"T","attributes":{"queue.type":"BatchCQ"}}}}'),
     ["/config/topics.json'", "'T'", "BatchCQ"]),
    ("BatchCQ", lambda s: file(s / "batchconsumequeue" / "T" / "0" / "00000000000000000000", bytes(46)), ["batchconsumequeue'", "BatchCQ"]),
    ("tiered storage", lambda s: file(s / "config" / "tieredStoreMetadata.json", b"{}"), ["tiered"]),
]
# Made by Apache's 5.5.0 with these settings.
BY_APACHE = [
    ("storeType=defaultRocksDB", {"storeType": "defaultRocksDB"}, ["/config/topics'", "RocksDB"]),
    ("storeType=defaultRocksDB, useSingleRocksDBForAllConfigs",
     {"storeType": "defaultRocksDB", "useSingleRocksDBForAllConfigs": "true"}, ["/config/metadata'", "RocksDB"]),
    ("configManagerVersion=v2", {"configManagerVersion": "v2"}, ["/config/", "RocksDB"]),
    ("enableDLegerCommitLog", {"enableDLegerCommitLog": "true", "dLegerGroup": "broker-a", "dLegerPeers": "n0-127.0.0.1:{peer}", "dLegerSelfId": "n0"},
     ["DLedger"]),
    ("tiered storage", {"messageStorePlugIn": "org.apache.rocketmq.tieredstore.TieredMessageStore",
                        "tieredBackendServiceProvider": "org.apache.rocketmq.tieredstore.provider.PosixFileSegment",
                        "tieredStoreFilePath": "{folder}/tiered"}, ["/config/tieredStoreMetadata.json'", "tiered"]),
]
# Its folders that hold nothing, and what is not ours to read: no reason to refuse.
HARMLESS = [("the empty RocksDB of a default 5.5.0", "rocksdbstore/CURRENT"), ("a timer wheel", "timerwheel"), ("an empty batchconsumequeue", None)]


def refused(broker, words):
    """-> differences. The broker must end by itself."""
    before = fingerprint(broker.store)
    home = broker.folder / "home-fusee"
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    (home / "conf").write_text("".join(f"{k}={v}\n" for k, v in broker.settings.items()))
    process = subprocess.Popen([broker.path, "-c", home / "conf"], cwd=home, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                               stderr=subprocess.STDOUT, text=True, env={"HOME": str(home), "PATH": "/usr/bin:/bin"})
    try:
        text = process.communicate(timeout=SECONDS)[0]
    except subprocess.TimeoutExpired:
        process.kill()
        return ["it runs: " + process.communicate()[0]]
    found = []
    if process.returncode in (0, None) or process.returncode < 0:
        found.append(f"it ended with {process.returncode}")
    lines = [line for line in text.splitlines() if "cannot read" in line]
    if len(lines) != 1 or not all(w in lines[0] for w in words):
        found.append(f"no line (or more than one) with {words}: {text}")
    after = fingerprint(broker.store)
    return found + [f"'{n}' was touched" for n in sorted(before.keys() | after.keys()) if before.get(n) != after.get(n)]


def not_refused(broker, path):
    """-> differences. What stands at `path` stays as it is."""
    shutil.rmtree(broker.folder, ignore_errors=True)
    if path:
        file(broker.store / path, b"not ours")
    else:
        (broker.store / "batchconsumequeue").mkdir(parents=True)
    try:
        broker.start()
        broker.stop()
    except brokers.DidNotStart as why:
        return [f"it did not start: {why}"]
    finally:
        broker.kill()
    return [f"'{path}' was touched"] if path and (broker.store / path).read_bytes() != b"not ours" else []


def export(c):
    """What 'mqadmin rocksDBConfigToJson' asks of the broker."""
    load.ok(c.request(VALUES["EXPORT_ROCKSDB_CONFIG_TO_JSON"], {"configType": "topics;subscriptionGroups;consumerOffsets"}), "export")


def fill(broker):
    """A few messages in a store of RocksDB, and the state as JSON beside it; -> what is there."""
    sent = load.Load(0)
    with broker.connect() as c:
        sent.tables(c)
        sent.normal(c, 100)
        sent.batches(c, 4)
        queues = [key for key in load.QUEUES if sent.sent[key]]
        sent.sees(c, queues)
        sent.commit(c, load.GROUP, 0.5)
        export(c)
        return sent, {key: observe.queue(c, *key, load.READER, broker.store) for key in queues}


def remedied(broker, sent, known):
    """Does what the lines say, one folder at a time; -> differences to what the store held."""
    for folder in ("config/topics", "config/subscriptionGroups", "config/consumerOffsets", "consumequeue"):
        differences = refused(broker, [f"/{folder}'", "move this folder away"])
        if differences:
            return differences
        shutil.move(broker.store / folder, broker.folder / folder.replace("/", "-"))
    broker.start()
    try:
        with broker.connect() as c:
            return [*observe.differences_in_queues(known, c, load.READER, broker.store), *observe.differences_in_offsets(sent.offsets, c)]
    finally:
        broker.stop()


def run(compat, options, tally):
    fusee = compat.program("mqbroker", "fusee", Path(options.programs).resolve())
    for number, (name, make, words) in enumerate(BY_HAND):
        broker = brokers.Broker("fusee", fusee, compat.BUILD / "store" / f"by-hand-{number}", compat.free_ports(), NOBODY)
        shutil.rmtree(broker.folder, ignore_errors=True)
        broker.store.mkdir(parents=True)
        make(broker.store)
        tally.check(f"refused: {name}, by hand", lambda: refused(broker, words))
    for number, (name, path) in enumerate(HARMLESS):
        broker = brokers.Broker("fusee", fusee, compat.BUILD / "store" / f"harmless-{number}", compat.free_ports(), NOBODY)
        tally.check(f"not refused: {name}", lambda: not_refused(broker, path))
    for number, (name, settings, words) in enumerate(BY_APACHE if options.all else BY_APACHE[:1]):
        folder, port = compat.BUILD / "store" / f"by-apache-{number}", compat.free_ports()
        shutil.rmtree(folder, ignore_errors=True)
        apache = brokers.Broker(APACHE, compat.program("mqbroker", f"apache-{APACHE}", Path(options.programs)), folder, port, NOBODY,
                                **{k: v.format(peer=compat.free_ports(), folder=folder) for k, v in settings.items()})
        try:
            apache.start()
            held = fill(apache) if number == 0 else None
            apache.stop()
        except brokers.DidNotStart:
            tally.failed(f"refused: {name}, made by Apache's {APACHE}", "Apache's broker did not start:\n" + apache.last_words())
            continue
        finally:
            apache.kill()
        broker = brokers.Broker("fusee", fusee, folder, port, NOBODY)
        tally.check(f"refused: {name}, made by Apache's {APACHE}", lambda: refused(broker, words))
        if held:
            tally.check(f"{name}, made by Apache's {APACHE}: the remedies that the lines name", lambda: remedied(broker, *held))
