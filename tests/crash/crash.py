#!/usr/bin/env python3
"""Kills the broker again and again under load, and holds what it has after each restart against what it had promised.

    crash.py [--faults] [--full [loop|tmpfs]] [--rounds N] [--power N] [--points [PATTERN]] [--short] [--seed S] [--first N] [--jobs N] [--keep]

--rounds  random rounds; each has a kill at a random moment, or at a planned system call, or a power loss there
--power   rounds that all end with a power loss
--points  one pass over the named points: before, after and in the middle of each kind of call of each part of the store; the load goes on
          until the call comes, however slow the machine is
--faults  each system call of the store fails in turn while the load runs: see faults.py
--full    the disk is really full: on a small file system, see full.py. One that cannot be mounted here has failed, but for --short
--short   10 rounds, 10 power losses, the named points, one fault of each call: what `./dev test` runs.  Without any of these: 200 rounds,
          the named points and all faults
--seed    repeats a run: the same stores and the same plan of kills
--first   begins at that round (a store's first one), to repeat a failure sooner
--jobs    stores that are worked on at one time
A round that fails prints what was violated and keeps its folder.  Ends with "N passed, N failed".
"""

import argparse
import concurrent.futures
import os
import pathlib
import random
import subprocess
import sys
import time

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / "system"))

from broker import CrashBroker, Died                        # noqa: E402
import full                                                 # noqa: E402
import faults                                               # noqa: E402
from check import Check                                     # noqa: E402
from history import History, Violation                      # noqa: E402
from load import Load, make_groups                          # noqa: E402
from remoting import Closed                                 # noqa: E402

ROUNDS_OF_A_STORE = 6
OFFSET_SECONDS = 20.0           # flushConsumerOffsetInterval is 200 ms here; but a busy machine's syncs take long
POINT_SECONDS = 600.0           # a named point must come; the load that leads to it may take its time
STALL_SECONDS = 60.0            # but it must move

# Every kind of call that changes the store, with the largest N that a load reaches soon.
POINTS = [
    ("pwritev", "commitlog", 150), ("fdatasync", "commitlog", 8), ("create", "commitlog", 6), ("ftruncate", "commitlog", 6),
    ("fallocate", "commitlog", 4), ("unlink", "commitlog", 3), ("fsync", "commitlog", 4),
    ("pwritev", "consumequeue", 60), ("fdatasync", "consumequeue", 3), ("create", "consumequeue", 12),
    ("ftruncate", "consumequeue", 12), ("unlink", "consumequeue", 3), ("fsync", "consumequeue", 3), ("mkdir", "consumequeue", 6),
    ("pwritev", "index", 6), ("fdatasync", "index", 3), ("create", "index", 2), ("ftruncate", "index", 2), ("unlink", "index", 2),
    ("fsync", "index", 2), ("pwritev", "checkpoint", 2), ("fdatasync", "checkpoint", 2), ("create", "checkpoint", 1),
    ("create", "abort", 1), ("pwritev", "abort", 1), ("fdatasync", "abort", 1), ("fsync", "other", 1),
    ("create", "config", 5), ("write", "config", 6), ("fsync", "config", 8), ("link", "config", 4), ("rename", "config", 8),
]


class Store:
    """A store and its history, for some rounds."""

    def __init__(self, rng, deletes=None, is_small=False):
        """is_small: small files of every kind, so that each kind of call comes soon."""
        self.deletes = rng.random() < 0.4 if deletes is None else deletes
        self.sync = rng.random() < 0.5
        self.segment = 262144 if is_small else rng.choice([262144, 524288, 1 << 20])
        queue_file, keys = (4000, 2000) if is_small else (rng.choice([4000, 12000, 60000]), rng.choice([2000, 8000]))
        self.has_lost_tail = self.may_have_holes = False
        self.history = History()
        self.broker = CrashBroker({
            "mappedFileSizeCommitLog": self.segment, "mappedFileSizeConsumeQueue": queue_file,
            "maxHashSlotNum": 500, "maxIndexNum": keys, "flushDiskType": "SYNC_FLUSH" if self.sync else "ASYNC_FLUSH",
            "flushIntervalCommitLog": rng.choice([20, 200]), "flushIntervalConsumeQueue": rng.choice([50, 300]),
            "flushConsumerOffsetInterval": 200, "flushDelayOffsetInterval": 200, "messageDelayLevel": "1s 2s",
            "transactionTimeOut": 400, "transactionCheckInterval": 400, "transactionCheckMax": 1000, "syncFlushTimeout": 60000,
            "diskMaxUsedSpaceRatio": 99, "fileReservedTime": 0 if self.deletes else 72})

    def __str__(self):
        return f"{'sync' if self.sync else 'async'} {self.segment >> 10} KiB{' deleting' if self.deletes else ''}"


class Plan:
    """How a round's broker ends."""

    must_reach = False

    def __init__(self, rng, power=False):
        kind = 1 if power else rng.random()
        self.seconds = rng.uniform(0.1, 1.2) if rng.random() < 0.9 else 6.0
        self.point = self.power = None
        if kind < 0.3:
            return
        self.seconds = 2.5
        if kind < 0.65 or (power and rng.random() < 0.5):
            self.point = f"{rng.choice(['before', 'after', 'during'])}:any:any:{int(10 ** rng.uniform(0, 3.2))}"
        else:
            call, area, most = rng.choice(POINTS)
            self.point = f"{rng.choice(['before', 'after', 'during'])}:{call}:{area}:{rng.randint(1, most)}"
        if power or rng.random() < 0.55:
            self.power = rng.randrange(1 << 30)

    def __str__(self):
        text = self.point or f"kill after {self.seconds:.2f} s"
        return f"{text} power {self.power}" if self.power is not None else text


class NamedPlan(Plan):
    must_reach = True

    def __init__(self, when, call, area, most, rng):
        self.point, self.seconds = f"{when}:{call}:{area}:{rng.randint(1, most)}", POINT_SECONDS
        self.power = rng.randrange(1 << 30) if rng.random() < 0.5 else None


def wait_for_the_end(broker, history, plan):
    """Until the planned call ended the broker; or the plan's seconds are over, or nothing moves.  True: it ended."""
    began = moved = time.monotonic()
    count = history.acknowledged
    while broker.running():
        now = time.monotonic()
        if history.acknowledged != count:
            count, moved = history.acknowledged, now
        if now - began > plan.seconds or now - moved > STALL_SECONDS:
            return False
        time.sleep(0.005)
    return True


def live(store, plan, name, seed):
    """A life of the broker up to its planned end.  Returns True when the planned call was reached."""
    broker, history = store.broker, store.history
    died_at = 0.0
    history.begin_life()
    try:
        broker.start(plan.point, plan.power)
        make_groups(broker.port)
        load = Load(broker.port, history, name, f"{seed}/{name}", store.deletes, is_eager=plan.must_reach)
        load.start()
        reached = wait_for_the_end(broker, history, plan)
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


class Group:
    """Rounds that follow one another on one store, or on as many as fail."""

    def __init__(self, deletes=None, is_small=False):
        self.deletes, self.is_small, self.rounds = deletes, is_small, []

    def run(self, seed, keep):
        """Returns (passed, failed)."""
        store, passed, failed = None, 0, 0
        for name, plan, rng in self.rounds:
            store = store or Store(random.Random(f"{seed}/store/{name}"), self.deletes, self.is_small)
            if self.round(seed, store, name, plan, rng):
                passed += 1
            else:                       # left to look at, and not used again
                failed += 1
                store = None
        if store:
            store.broker.close(keep)
        return passed, failed

    def round(self, seed, store, name, plan, rng):
        began = time.monotonic()
        try:
            if isinstance(plan, FaultPlan):
                reached = faults.run_case(store, plan.case, name, seed) or True
            elif isinstance(plan, FullPlan):
                reached = full.run_case(store, plan.kind, name, seed) or True
            else:
                reached = live(store, plan, name, seed)
            verify(store, rng)
            if plan.must_reach and not reached:
                raise Violation(f"the load never came to this call, or stood still for {STALL_SECONDS} s")
            print(f"ok {name}: {plan}{'' if reached or not plan.point else ' (not reached)'}; {store}; "
                  f"{store.history.acknowledged} acknowledged, {time.monotonic() - began:.1f} s", flush=True)
            return True
        except (Violation, Exception) as e:     # noqa: BLE001  whatever it is, the round failed
            print(f"not ok {name}: {plan}; {store}; seed {seed}; folder {store.broker.folder}\n"
                  f"#   {type(e).__name__}: {e}", flush=True)
            store.broker.close(keep=True)
            return False


def random_groups(seed, first, count, letter="r"):
    groups = []
    for n in range(first, first + count):
        if not groups or n % ROUNDS_OF_A_STORE == 0:
            groups.append(Group())
        rng = random.Random(f"{seed}/round/{letter}{n}")
        groups[-1].rounds.append((f"{letter}{n}", Plan(rng, power=letter == "p"), rng))
    return groups


def point_groups(seed, pattern):
    """What happens once in the life of a store needs a new one."""
    groups = []
    for i, (call, area, most) in enumerate(POINTS):
        group = None
        for when in ["before", "after"] + (["during"] if call in ("pwritev", "write") else []):
            rng = random.Random(f"{seed}/{when}/{call}/{area}")
            plan = NamedPlan(when, call, area, most, rng)
            if pattern not in plan.point:
                continue
            if group is None or area in ("abort", "checkpoint", "other") or call == "mkdir":
                group = Group(deletes=call == "unlink", is_small=True)
                groups.append(group)
            group.rounds.append((f"n{i}{when[0]}", plan, rng))
    return groups


class FaultPlan:
    """A case of faults.py."""

    point, must_reach = None, False

    def __init__(self, case):
        self.case = case

    def __str__(self):
        call, area, number, expected = self.case
        return f"{call} of {area} {faults.name_of(number)}: {expected}"


def fault_groups(seed, cases):
    groups = []
    for case in cases:
        group = Group(deletes=case[0] == "unlink", is_small=True)
        name = f"f{faults.CASES.index(case)}"
        group.rounds.append((name, FaultPlan(case), random.Random(f"{seed}/{name}")))
        groups.append(group)
    return groups


class FullPlan:
    point, must_reach = None, False

    def __init__(self, kind):
        self.kind = kind

    def __str__(self):
        return f"a full disk, {self.kind}"


def full_group(seed, kind):
    group = Group(deletes=False, is_small=True)
    group.rounds.append((f"d-{kind}", FullPlan(kind), random.Random(f"{seed}/full/{kind}")))
    return group


def full_disks(seed, kinds, keep, is_optional):
    """Returns (passed, failed)."""
    passed = failed = 0
    for kind in kinds:
        why = full.can_mount(kind)
        if why is None:
            good, bad = full_group(seed, kind).run(seed, keep)
        elif kind == "tmpfs" and "FUSEE_CRASH_MOUNTS" not in os.environ:
            status = subprocess.run(full.in_namespace(["--full", kind, "--seed", str(seed)]), check=False,
                                    env={**os.environ, "FUSEE_CRASH_MOUNTS": "1"}, stdout=subprocess.PIPE, text=True)
            lines = status.stdout.splitlines()
            print("\n".join(lines[1:-1]), flush=True)
            is_run = any(line.startswith(("ok", "not ok")) for line in lines)
            good, bad = (int(status.returncode == 0), int(status.returncode != 0)) if is_run else (0, 0 if is_optional else 1)
        else:
            print(f"{'# not run' if is_optional else 'not ok'} d-{kind}: a full disk, {kind}: it cannot be mounted here: {why}", flush=True)
            good, bad = 0, 0 if is_optional else 1
        passed, failed = passed + good, failed + bad
    return passed, failed


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--rounds", type=int, default=0)
    p.add_argument("--power", type=int, default=0)
    p.add_argument("--points", nargs="?", const="", default=None, metavar="PATTERN")
    p.add_argument("--faults", action="store_true")
    p.add_argument("--full", nargs="?", const="", default=None, choices=["", *full.KINDS])
    p.add_argument("--short", action="store_true")
    p.add_argument("--seed", type=int, default=random.randrange(1 << 31))
    p.add_argument("--first", type=int, default=0)
    p.add_argument("--jobs", type=int, default=(os.cpu_count() or 1) + 2)
    p.add_argument("--keep", action="store_true")
    args = p.parse_args()
    if args.short:
        args.rounds, args.power, args.points = 10, 10, ""
        args.full = ""
    elif not args.rounds and not args.power and args.points is None and not args.faults and args.full is None:
        args.rounds, args.points, args.faults, args.full = 200, "", True, ""
    print(f"seed {args.seed}", flush=True)
    groups = random_groups(args.seed, args.first, args.rounds) + random_groups(args.seed, args.first, args.power, "p")
    if args.points is not None:
        groups += point_groups(args.seed, args.points)
    if args.faults or args.short:
        groups += fault_groups(args.seed, faults.CASES if args.faults else faults.SHORT_CASES)
    passed = failed = 0
    with concurrent.futures.ProcessPoolExecutor(args.jobs) as pool:
        for work in [pool.submit(group.run, args.seed, args.keep) for group in groups]:
            good, bad = work.result()
            passed, failed = passed + good, failed + bad
    if args.full is not None:
        good, bad = full_disks(args.seed, [args.full] if args.full else full.KINDS, args.keep, args.short)
        passed, failed = passed + good, failed + bad
    print(f"{passed} passed, {failed} failed", flush=True)
    sys.exit(1 if failed else 0)


if __name__ == "__main__":
    main()
