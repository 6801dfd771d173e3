#!/usr/bin/env python3
"""mqbroker on a store that it cannot use: it ends with one line that names the path, the user and the remedy. Damaged state files."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True

import servers                                              # noqa: E402
import messages                                             # noqa: E402
from codes import VALUES                                    # noqa: E402
from remoting import Connection                             # noqa: E402
from tap import check, equal, main, test, until             # noqa: E402

SECONDS = 60
NOBODY = 65534
REMEDY = re.compile("storePathRootDir|put back a good copy")


class Place:
    """A folder for a broker's configuration, its logs and its store; anybody may enter it."""

    def __init__(self):
        self.path = pathlib.Path(tempfile.mkdtemp(prefix="fusee-store-"))
        self.path.chmod(0o755)
        self.store = self.path / "store"
        self.home = self.path / "home"
        self.home.mkdir()
        self.home.chmod(0o777)
        shutil.copy(servers.program("mqbroker"), self.path / "mqbroker")         # the build folder may be closed to others
        self.port = servers.free_port()

    def conf(self, **more):
        keys = {"listenPort": self.port, "namesrvAddr": "127.0.0.1:9", "brokerIP1": "127.0.0.1", "storePathRootDir": self.store,
                "mappedFileSizeCommitLog": 1 << 20, **more}
        (self.path / "conf").write_text("".join(f"{k}={v}\n" for k, v in keys.items()))
        return self.path / "conf"

    def run(self, before=(), **options):
        """Runs a broker that ends by itself; -> (exit status, what it printed)."""
        done = subprocess.run([*before, self.path / "mqbroker", "-c", self.conf()], cwd=self.path, stdin=subprocess.DEVNULL, capture_output=True,
                              text=True, timeout=SECONDS, env={**os.environ, "HOME": str(self.home)}, **options)
        return done.returncode, done.stdout + done.stderr


@contextlib.contextmanager
def place():
    p = Place()
    try:
        yield p
    finally:
        shutil.rmtree(p.path, ignore_errors=True)


@contextlib.contextmanager
def running(p):
    """The broker runs on that store."""
    with open(p.path / "stdout", "w") as out:
        process = subprocess.Popen([p.path / "mqbroker", "-c", p.conf()], cwd=p.path, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT,
                                   env={**os.environ, "HOME": str(p.home)})
    try:
        until(lambda: process.poll() is not None or "boot success" in (p.path / "stdout").read_text(), "the broker runs", SECONDS)
        equal(process.poll(), None, f"exit status; it printed {(p.path / 'stdout').read_text()}")
        yield process
        process.terminate()
        equal(process.wait(SECONDS), 0, "exit status at the end")
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()


def other_user():
    """Options of subprocess.run for a user whom permissions stop: we may be root."""
    return {"user": NOBODY, "group": NOBODY, "extra_groups": []} if os.geteuid() == 0 else {}


def user_id():
    return NOBODY if os.geteuid() == 0 else os.geteuid()


def refused(got, path, words, user=None):
    """One line says it all: the path, the user, the reason and the remedy."""
    status, text = got
    equal(status, 1, f"exit status; it printed {text}")
    lines = [line for line in text.splitlines() if line.startswith("mqbroker: ")]         # others are its log
    equal(len(lines), 1, f"lines about it in {text}")
    check(f"'{path}'" in lines[0], f"'{path}' is not in: {lines[0]}")
    for word in [*words, f"user {user}"] if user is not None else words:
        check(word in lines[0], f"'{word}' is not in: {lines[0]}")
    check(REMEDY.search(lines[0]), f"no remedy in: {lines[0]}")


def filled(p):
    """A store with a message, a topic and an offset, stopped in order."""
    with running(p), Connection("127.0.0.1", p.port) as c:
        until(lambda: messages.send(c, "Kept", b"hello").code == 0, "a message is taken")
        body = json.dumps({"groupName": "g", "consumeEnable": True, "retryQueueNums": 1}).encode()
        equal(c.request(VALUES["UPDATE_AND_CREATE_SUBSCRIPTIONGROUP"], {}, body).code, 0, "create a group")
        fields = {"consumerGroup": "g", "topic": "Kept", "queueId": 0, "commitOffset": 1}
        equal(c.request(VALUES["UPDATE_CONSUMER_OFFSET"], fields).code, 0, "commit")
        equal(messages.send(c, "Late", b"later", properties={"DELAY": "1"}).code, 0, "a delayed message")
        until(lambda: len(messages.pull_all(c, "Late", 0)) == 1, "it is delivered", SECONDS)


# ---- no permission, no folder, read-only ----

@test
def a_folder_of_another_user_is_refused():
    with place() as p:
        p.store.mkdir(mode=0o755)
        if os.geteuid() != 0:
            p.store.chmod(0o555)
        refused(p.run(**other_user()), p.store, ["ermission denied"], user_id())
        equal(os.listdir(p.store), [], "what is in the folder")


@test
def a_folder_that_cannot_be_made_is_refused():
    with place() as p:
        closed = p.path / "closed"
        closed.mkdir(mode=0o555)
        p.store = closed / "store"
        refused(p.run(**other_user()), p.store, ["ermission denied"], user_id())
        check(not p.store.exists(), "there is a store")


@test
def files_of_another_user_are_refused():
    with place() as p:
        filled(p)
        for name in ("commitlog/00000000000000000000", "commitlog", "lock", "checkpoint", "index", "consumequeue", "config/topics.json"):
            close_all(p.store, p.store / name)
            refused(p.run(**other_user()), p.store / name, ["ermission denied"], user_id())


def close_all(store, but):
    """All is the other user's but one path, whose mode lets nobody in."""
    for path in [store, *store.rglob("*")]:
        if os.geteuid() == 0:
            os.chown(path, NOBODY, NOBODY)
        path.chmod(0o755 if path.is_dir() else 0o644)
    if os.geteuid() == 0:
        os.chown(but, 0, 0)
    but.chmod(0o700 if os.geteuid() == 0 else 0)


@test
def what_is_no_folder_is_refused():
    with place() as p:
        p.store.write_text("a file")
        refused(p.run(), p.store, ["ot a directory"], os.geteuid())
        equal(p.store.read_text(), "a file", "the file")
        p.store.unlink()
        p.store.mkdir()
        for name in ("commitlog", "consumequeue", "index"):
            (p.store / name).write_text("a file")
            refused(p.run(), p.store / name, ["ot a directory"], os.geteuid())
            equal((p.store / name).read_text(), "a file", "the file")
            (p.store / name).unlink()


def read_only_mount():
    """A folder where nobody can write: in a container that may mount nothing there is one."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        folder, options = line.split()[1], line.split()[3].split(",")
        if "ro" in options and os.path.isdir(folder):
            return pathlib.Path(folder)
    raise AssertionError("no read-only file system can be mounted (unshare), and there is none")


@test
def a_read_only_file_system_is_refused():
    with place() as p:
        filled(p)
        before = sorted((str(f), f.stat().st_mtime_ns) for f in p.store.rglob("*"))
        script = f"mount --bind '{p.store}' '{p.store}' && mount -o remount,ro,bind '{p.store}' && exec \"$@\""
        inside = ["unshare", "-m", *([] if os.geteuid() == 0 else ["-r"]), "sh", "-c", script, "sh"]
        if subprocess.run([*inside, "true"], capture_output=True).returncode == 0:
            refused(p.run(inside), p.store, ["ead-only file system"])
            equal(sorted((str(f), f.stat().st_mtime_ns) for f in p.store.rglob("*")), before, "the store's files")
        else:
            p.store = read_only_mount() / "fusee-store"
            refused(p.run(), p.store, ["ead-only file system"])


# ---- two brokers ----

@test
def a_second_broker_on_a_store_is_told_who_has_it():
    with place() as p:
        with running(p) as first:
            p.port = servers.free_port()
            refused(p.run(), p.store / "lock", [f"process {first.pid}", "another broker"])
            equal(first.poll(), None, "exit status of the first")
            check((p.store / "abort").exists(), "the first one's abort file is gone")


# ---- state files ----

STATE = ("topics.json", "subscriptionGroup.json", "consumerOffset.json", "delayOffset.json")


def has_all(p):
    with Connection("127.0.0.1", p.port) as c:
        check(b'"Kept"' in c.request(VALUES["GET_ALL_TOPIC_CONFIG"]).body, "the topic is lost")
        check(b'"g"' in c.request(VALUES["GET_ALL_SUBSCRIPTIONGROUP_CONFIG"]).body, "the group is lost")
        answer = c.request(VALUES["QUERY_CONSUMER_OFFSET"], {"consumerGroup": "g", "topic": "Kept", "queueId": 0})
        equal((answer.code, answer.ext and answer.ext.get("offset")), (0, "1"), "the group's offset")
        equal(len(messages.pull_all(c, "Kept", 0)), 1, "messages")


def logged(p):
    return "".join(f.read_text() for f in p.home.rglob("broker.log"))


@test
def a_damaged_state_file_falls_back_to_its_backup():
    with place() as p:
        filled(p)
        for name in STATE:
            path = p.store / "config" / name
            check(path.exists(), f"there is no {name}")
            for damage in (b"", b'{"', b"\0" * 100):        # empty, torn, a power loss
                shutil.copy(path, f"{path}.bak")
                path.write_bytes(damage)
                with running(p):
                    has_all(p)
                lines = [line for line in logged(p).splitlines() if f"'{path}'" in line and f"'{path}.bak' is used instead" in line]
                check(lines and " WARN " in lines[-1], f"no line about {name}: {logged(p)}")
                check(path.stat().st_size > 10, f"{name} was not written again")
                for f in p.home.rglob("broker.log"):
                    f.unlink()


@test
def with_both_damaged_it_does_not_start_and_names_them():
    with place() as p:
        filled(p)
        for name in STATE:
            path = p.store / "config" / name
            good = path.read_bytes()
            path.write_bytes(good[:len(good) // 2])
            pathlib.Path(f"{path}.bak").write_bytes(b"\0")
            refused(p.run(), path, [f"'{path}.bak'"])
            equal((path.read_bytes(), pathlib.Path(f"{path}.bak").read_bytes()), (good[:len(good) // 2], b"\0"), "the files")
            path.write_bytes(good)
        with running(p):
            has_all(p)


if __name__ == "__main__":
    main()
