"""Makes one system call of the store fail while a load runs, and holds the broker against what it must do then.

    full     sends are refused with SERVICE_NOT_AVAILABLE, the store says that it is read-only for now, and it comes back by itself
    broken   the same, but it stays read-only until it is started again
    goes_on  senders notice nothing

Consumers go on in each case, but where it is the reads that fail.  After a restart the history must hold as after a crash.
"""

import errno
import random
import time

import messages
from codes import VALUES
from history import Violation, body_of
from load import SYSTEM_ERROR, Load, make_groups
from remoting import Connection

SERVICE_NOT_AVAILABLE = 14
PATIENCE = 90.0
STAYS_SECONDS = 2.5             # a full store looks for space every second
EIO, ENOSPC, EMFILE, SHORT = errno.EIO, errno.ENOSPC, errno.EMFILE, 0

CASES = [(call, area, number, expected) for call, area, outcomes in [
    ("pwritev", "commitlog", {EIO: "broken", ENOSPC: "full", EMFILE: "broken", SHORT: "goes_on"}),
    ("preadv2", "commitlog", {EIO: "goes_on", ENOSPC: "goes_on", EMFILE: "goes_on", SHORT: "goes_on"}),
    ("fdatasync", "commitlog", {EIO: "broken", ENOSPC: "broken", EMFILE: "broken"}),
    ("fallocate", "commitlog", {EIO: "goes_on", ENOSPC: "goes_on", EMFILE: "goes_on"}),
    ("open", "commitlog", {EIO: "full", ENOSPC: "full", EMFILE: "full"}),
    ("rename", "config", {EIO: "goes_on", ENOSPC: "goes_on", EMFILE: "goes_on"}),
    ("unlink", "commitlog", {EIO: "goes_on", ENOSPC: "goes_on", EMFILE: "goes_on"}),
    ("pwritev", "consumequeue", {EIO: "broken", ENOSPC: "full", EMFILE: "full", SHORT: "goes_on"}),
    ("fdatasync", "consumequeue", {EIO: "broken"}),
    ("open", "consumequeue", {EMFILE: "full"}),
    ("pwritev", "index", {EIO: "broken", ENOSPC: "full"}),
    ("pwritev", "checkpoint", {EIO: "broken", ENOSPC: "full"}),
    ("fdatasync", "checkpoint", {EIO: "broken"}),
    ("open", "config", {EMFILE: "goes_on"}),
] for number, expected in outcomes.items()]
# One of each call, and each outcome: the short run's.
SHORT_CASES = [c for c in CASES if c[:3] in {
    ("pwritev", "commitlog", ENOSPC), ("pwritev", "commitlog", SHORT), ("preadv2", "commitlog", EIO), ("fdatasync", "commitlog", EIO),
    ("fallocate", "commitlog", ENOSPC), ("open", "commitlog", EMFILE), ("rename", "config", EIO), ("unlink", "commitlog", EIO),
    ("pwritev", "consumequeue", ENOSPC), ("pwritev", "checkpoint", EIO)}]


def name_of(number):
    return errno.errorcode.get(number, "short")


class Witness:
    """Watches the broker from a connection of its own."""

    def __init__(self, store, load):
        self.store, self.history, self.load = store, store.history, load
        self.c = Connection("127.0.0.1", store.broker.port, timeout=60)
        self.number = 0

    def state(self):
        return self.c.request(VALUES["GET_BROKER_RUNTIME_INFO"]).json()["table"]["storeState"]

    def send(self):
        """Response code of one send."""
        self.number += 1
        uid = f"{self.load.name}.w.{self.number}"
        self.history.send(uid, "Plain")
        properties = {"KEYS": uid, "UNIQ_KEY": "U" + uid, "WAIT": "true"}
        answer = messages.send(self.c, "Plain", body_of(uid), properties=properties)
        if answer.code == 0:
            self.history.acknowledge(uid, "Plain", int(answer.ext["queueId"]), int(answer.ext["queueOffset"]), int(answer.ext["msgId"][-16:], 16))
        return answer.code

    def until(self, what, fact):
        deadline = time.monotonic() + PATIENCE
        while not fact():
            if time.monotonic() > deadline:
                raise Violation(f"it never came that {what}; the store is {self.state()}")
            time.sleep(0.02)

    def consumers_go_on(self):
        low = int(self.c.request(VALUES["GET_MIN_OFFSET"], {"topic": "Plain", "queueId": 0}).ext["offset"])
        answer, found = messages.pull(self.c, "Plain", 0, low, group="readers")
        if not found:
            raise Violation(f"a pull gave {answer.code} {answer.remark} while the store could not be written")


def says(store, text):
    return any(text in p.read_text(errors="replace") for p in (store.broker.folder / "logs").rglob("broker.log"))


def goes_on(w, case):
    w.until("the fault was met", lambda: w.store.broker.fault_count() >= 2)
    if w.state() != "writable":
        raise Violation(f"the store is {w.state()}")
    w.store.broker.end_fault()
    w.until("a send was taken", lambda: w.send() == 0)


def is_refused(w, case, state):
    w.until("the store was " + state, lambda: w.state() == state)
    w.until("a send was refused", lambda: w.history.refused > 0)
    if state.endswith("restart") and w.send() != SERVICE_NOT_AVAILABLE:
        raise Violation("a send was not refused with SERVICE_NOT_AVAILABLE")
    w.consumers_go_on()
    w.store.broker.end_fault()


def full(w, case):
    is_refused(w, case, "read-only for now")
    w.until("a send was taken again", lambda: w.send() == 0)
    if not says(w.store, "read-only until") or not says(w.store, "writable again"):
        raise Violation("the log does not say it")


def broken(w, case):
    is_refused(w, case, "read-only until restart")
    deadline = time.monotonic() + STAYS_SECONDS
    while time.monotonic() < deadline:
        if w.send() != SERVICE_NOT_AVAILABLE or w.state() != "read-only until restart":
            raise Violation("it took messages again without a restart")
        time.sleep(0.1)
    if not says(w.store, "read-only until restart"):
        raise Violation("the log does not say it")


OUTCOMES = {"full": full, "broken": broken, "goes_on": goes_on}


def run_case(store, case, name, seed):
    """A life of the broker with the fault in it; ends with the broker stopped or killed."""
    call, area, number, expected = case
    broker, history, rng = store.broker, store.history, random.Random(f"{seed}/{name}")
    history.begin_life()
    broker.start()
    make_groups(broker.port)
    load = Load(broker.port, history, name, f"{seed}/{name}", store.deletes, is_eager=True,
                may_refuse={SERVICE_NOT_AVAILABLE, SYSTEM_ERROR} if call == "preadv2" else {SERVICE_NOT_AVAILABLE})
    load.start()
    try:
        w = Witness(store, load)
        w.until("messages were acknowledged", lambda: history.acknowledged >= 100 and len(history.known.get(("Plain", 0), ())) > 0)
        broker.begin_fault(call, area, number)
        OUTCOMES[expected](w, case)
    finally:
        broker.end_fault()
        errors = load.join()
        if rng.random() < 0.5:
            broker.kill()
        status = broker.stop()
    if errors:
        raise Violation("; ".join(errors))
    if status not in (0, -9):
        raise Violation(f"exit status {status}")
    history.settle_commits(0, 0)
    if history.violations:
        raise Violation(history.violations[0])
