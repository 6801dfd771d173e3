#!/usr/bin/env python3
"""Kills the broker again and again under load, and holds what it has after each restart against what it had promised.

    crash.py [--rounds N] [--seed S] [--first N] [--points] [--keep]

--rounds  random rounds; each has a kill at a random moment, or at a planned system call, or a power loss there
--points  also one pass over the named points: before, after and in the middle of each kind of call of each part of the store
--seed    repeats a run: the same stores and the same plan of kills
--first   begins at that round (a store's first one), to repeat a failure sooner
A round that fails prints what was violated and keeps its folder.  Ends with "N passed, N failed".
"""

import argparse
import pathlib
import random
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

from broker import CrashBroker, Died                        # noqa: E402
from check import Check                                     # noqa: E402
from history import History, Violation                      # noqa: E402
from load import Load, make_groups                          # noqa: E402
from remoting import Closed                                 # noqa: E402

ROUNDS_OF_A_STORE = 6
OFFSET_SECONDS = 4.0            # flushConsumerOffsetInterval is 200 ms here; the default's 5 s would need longer rounds
POINT_SECONDS = 12.0            # a planned call comes within that time

# Every kind of call that changes the store, with the largest N that a load reaches soon.
POINTS = [
    ("pwritev", "commitlog", 150), ("fdatasync", "commitlog", 8), ("create", "commitlog", 6), ("ftruncate", "commitlog", 6),
    ("fallocate", "commitlog", 4), ("unlink", "commitlog", 3), ("fsync", "commitlog", 4),
    ("pwritev", "consumequeue", 60), ("fdatasync", "consumequeue", 6), ("create", "consumequeue", 12),
    ("ftruncate", "consumequeue", 12), ("unlink", "consumequeue", 3), ("fsync", "consumequeue", 6), ("mkdir", "consumequeue", 6),
    ("pwritev", "index", 6), ("fdatasync", "index", 3), ("create", "index", 2), ("ftruncate", "index", 2), ("unlink", "index", 2),
    ("fsync", "index", 2), ("pwritev", "checkpoint", 2), ("fdatasync", "checkpoint", 2), ("create", "checkpoint", 1),
    ("create", "abort", 1), ("pwritev", "abort", 1), ("fdatasync", "abort", 1), ("fsync", "other", 1),
    ("create", "config", 5), ("write", "config", 6), ("fsync", "config", 8), ("link", "config", 4), ("rename", "config", 8),
]


class Store:
    """A store and its history, for some rounds."""

    def __init__(self, rng, deletes=None):
        self.deletes = rng.random() < 0.4 if deletes is None else deletes
        self.sync = rng.random() < 0.5
        self.segment = rng.choice([262144, 524288, 1 << 20])
        self.has_lost_tail = self.may_have_holes = False
        self.history = History()
        self.broker = CrashBroker({
            "mappedFileSizeCommitLog": self.segment, "mappedFileSizeConsumeQueue": rng.choice([4000, 12000, 60000]),
            "maxHashSlotNum": 500, "maxIndexNum": rng.choice([2000, 8000]), "flushDiskType": "SYNC_FLUSH" if self.sync else "ASYNC_FLUSH",
            "flushIntervalCommitLog": rng.choice([20, 200]), "flushIntervalConsumeQueue": rng.choice([50, 300]),
            "flushConsumerOffsetInterval": 200, "flushDelayOffsetInterval": 200, "messageDelayLevel": "1s 2s", "syncFlushTimeout": 60000,
            "diskMaxUsedSpaceRatio": 99, "fileReservedTime": 0 if self.deletes else 72})

    def __str__(self):
        return f"{'sync' if self.sync else 'async'} {self.segment >> 10} KiB{' deleting' if self.deletes else ''}"


class Plan:
    """How a round's broker ends."""

    def __init__(self, rng):
        kind = rng.random()
        self.seconds = rng.uniform(0.1, 1.2) if rng.random() < 0.9 else 6.0
        self.point = self.power = None
        if kind < 0.3:
            return
        self.seconds = 2.5
        if kind < 0.65:
            self.point = f"{rng.choice(['before', 'after', 'during'])}:any:any:{int(10 ** rng.uniform(0, 3.2))}"
        else:
            call, area, most = rng.choice(POINTS)
            self.point = f"{rng.choice(['before', 'after', 'during'])}:{call}:{area}:{rng.randint(1, most)}"
        if rng.random() < 0.55:
            self.power = rng.randrange(1 << 30)

    def __str__(self):
        text = self.point or f"kill after {self.seconds:.2f} s"
        return f"{text} power {self.power}" if self.power is not None else text


class NamedPlan(Plan):
    def __init__(self, when, call, area, most, power, rng):
        self.point, self.seconds, self.power = f"{when}:{call}:{area}:{rng.randint(1, most)}", POINT_SECONDS, power


def live(store, plan, name, seed):
    """A life of the broker up to its planned end.  Returns True when the planned call was reached."""
    broker, history = store.broker, store.history
    died_at = 0.0
    try:
        broker.start(plan.point, plan.power)
        make_groups(broker.port)
        load = Load(broker.port, history, name, f"{seed}/{name}", delays=not store.deletes, deletes=store.deletes)
        load.start()
        deadline = time.monotonic() + plan.seconds
        while broker.running() and time.monotonic() < deadline:
            time.sleep(0.005)
        reached = not broker.running()
        died_at = time.monotonic()
        broker.kill()
        errors = load.join()
        if errors:
            raise Violation("; ".join(errors))
    except (Died, Closed, ConnectionError, OSError) as e:
        reached = True                  # while it started or recovered
        broker.kill()
        if not (plan.point and broker.was_killed()):
            raise Violation(f"it did not start: {e}") from e
    if not broker.was_killed():
        raise Violation(f"it ended by itself, exit status {broker.process.returncode}")
    history.settle_commits(died_at, OFFSET_SECONDS)
    lost = broker.lost_from() if plan.power is not None else None
    if lost is not None:
        store.may_have_holes = True     # of what nobody was told of
        if not store.sync:
            history.forget_from(lost)
            store.has_lost_tail = True
    if history.violations:
        raise Violation(history.violations[0])
    return reached


def verify(store, rng):
    try:
        store.broker.start()
    except Died as e:
        raise Violation(f"it does not start again: {e}") from e
    Check(store.broker, store.history, rng, store.may_have_holes, store.has_lost_tail).run()
    if rng.random() < 0.5:
        store.broker.kill()
    elif store.broker.stop() != 0:
        raise Violation(f"exit status {store.broker.process.returncode} of an orderly stop")


class Run:
    def __init__(self, seed, keep):
        self.seed, self.keep, self.passed, self.failed, self.store = seed, keep, 0, 0, None

    def new_store(self, rng, deletes=None):
        self.close()
        self.store = Store(rng, deletes)

    def close(self, keep=False):
        if self.store:
            self.store.broker.close(keep or self.keep)
        self.store = None

    def round(self, name, plan, rng, must_reach=False):
        """True when it passed.  The store of one that failed is left to look at, and not used again."""
        began, store = time.monotonic(), self.store
        try:
            reached = live(store, plan, name, self.seed)
            verify(store, rng)
            if must_reach and not reached:
                raise Violation("the load never came to this call")
            self.passed += 1
            print(f"ok {name}: {plan}{'' if reached or not plan.point else ' (not reached)'}; {store}; "
                  f"{store.history.acknowledged} acknowledged, {time.monotonic() - began:.1f} s", flush=True)
            return True
        except (Violation, Exception) as e:     # noqa: BLE001  whatever it is, the round failed
            self.failed += 1
            print(f"not ok {name}: {plan}; {store}; seed {self.seed}; folder {store.broker.folder}\n"
                  f"#   {type(e).__name__}: {e}", flush=True)
            self.close(keep=True)
            return False

    def random_rounds(self, first, count):
        for n in range(first, first + count):
            if self.store is None or n % ROUNDS_OF_A_STORE == 0:
                self.new_store(random.Random(f"{self.seed}/store/{n}"))
            rng = random.Random(f"{self.seed}/round/{n}")
            self.round(f"r{n}", Plan(rng), rng)

    def named_points(self, pattern):
        self.close()
        for i, (call, area, most) in enumerate(POINTS):
            for when in ["before", "after"] + (["during"] if call in ("pwritev", "write") else []):
                rng = random.Random(f"{self.seed}/{when}/{call}/{area}")
                power = rng.randrange(1 << 30) if rng.random() < 0.5 else None
                plan = NamedPlan(when, call, area, most, power, rng)
                deletes = call == "unlink"
                if pattern not in plan.point:
                    continue
                # What happens once in the life of a store needs a new one.
                if self.store is None or self.store.deletes != deletes or area in ("abort", "checkpoint", "other") or call == "mkdir" or i % 4 == 0:
                    self.new_store(random.Random(f"{self.seed}/store/{call}/{area}/{when}"), deletes)
                self.round(f"n{i}{when[0]}", plan, rng, must_reach=True)


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=200)
    p.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--points", nargs="?", const="", default=None, metavar="PATTERN")
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    print(f"seed {args.seed}", flush=True)
    run = Run(args.seed, args.keep)
    try:
        run.random_rounds(args.first, args.rounds)
        if args.points is not None:
            run.named_points(args.points)
    finally:
        run.close()
        print(f"{run.passed} passed, {run.failed} failed", flush=True)
    sys.exit(1 if run.failed else 0)


if __name__ == "__main__":
    main()
