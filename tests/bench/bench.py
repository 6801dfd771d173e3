"""One run: stages (a pair of servers with the same settings), on each its rows, each in rounds, the makes in turns."""

import contextlib
import os
import re
import time
from statistics import median

import loads
import machine
import makes
import report
from loads import CannotRun, Failed
from rows import MANY_TOPICS, ROWS, STAGES, WARM_UP

WARM_UP_TRIES = 3
WARM_UP_LEAST_CPU = 0.3                 # of a processor, on the average: less has not been compiled enough, and comes again
BOOT_ESTIMATE, TURN_ESTIMATE = 8, 0.8   # seconds beside the loads themselves: of a stage, of a turn


STALL = re.compile("a turn took .*")    # of more than 5 ms; not each has a line of its own (base/stall.h)


class Pace:
    """How long all of it takes: the full run, or --quick."""

    def __init__(self, options):
        quick = options.quick
        self.rounds = options.rounds or (2 if quick else 3)
        self.seconds = options.seconds or (1 if quick else 3)
        self.java_rounds = min(self.rounds, 1 if quick else 2)
        self.java_seconds, self.java_warm_up = (3, 5) if quick else (5, 12)
        # Apache's broker runs as fast as it gets after 15 to 20 s of its first kind of load (measured: 3 k/s in the first second,
        # 17 k in the fifth, 45 k from the fifteenth on), and needs less for further ones. Ours has nothing to compile.
        self.first_warm_up, self.further_warm_up = (12, 3) if quick else (20, 15)
        self.own_warm_up = 1 if quick else 2
        self.limit = 60 * (options.minutes or (5 if quick else 20))

    def rounds_of(self, row):
        usual = self.java_rounds if row.kind == "java" else self.rounds
        return min(usual, row.rounds) if row.rounds else usual

    def times_of(self, row):
        """Seconds measured, and of the same load before."""
        if row.kind == "java":
            return self.java_seconds, self.java_warm_up
        return max(1, round(self.seconds * (row.seconds or 1))), row.warm_up

    def estimate(self, row, rounds, makes):
        return makes * (rounds * (sum(self.times_of(row)) + TURN_ESTIMATE) + (5 if row.prepare else 0))


class Bench:
    def __init__(self, options, work, say):
        self.o, self.work, self.say = options, work, say
        self.run_folder = work / f"run-{os.getpid()}"
        self.pace = Pace(options)
        self.fdatasync_us = []
        self.begin = time.monotonic()
        self.to_come = []               # rows after the one that runs
        self.lib = self.class_path = None

    def prepare(self, rows):
        for name in ("mqbroker", "mqnamesrv", "mqbench"):
            if not os.access(self.o.programs / name, os.X_OK):
                raise CannotRun(f"no program '{self.o.programs / name}': build it first (./dev build)")
        if "apache" in self.o.makes or any(r.kind == "java" for r in rows):
            self.lib = loads.jars(self.work, self.say)
        if any(r.kind == "java" for r in rows):
            self.class_path = loads.java_load(self.work, self.lib)

    # ---- stages ----

    def make(self, name, stage):
        heap = {"mqbroker": self.o.heap, "mqnamesrv": self.o.heap if stage == "namesrv" else "512m"}
        commands = makes.fusee_commands(self.o.programs) if name == "fusee" else makes.apache_commands(self.lib, heap)
        return makes.Make(name, self.run_folder / f"{name}-{stage}", commands, STAGES[stage], MANY_TOPICS if stage == "many" else (),
                          has_broker=stage != "namesrv")

    def stage_warm_up(self, stage):
        if stage == "async":
            return [(load, "broker") for load in WARM_UP]
        if stage == "sync":
            return [(["produce", "-i", "64"], "broker"), (["produce"], "broker")]
        if stage == "namesrv":
            return [(next(r for r in ROWS if r.stage == "namesrv").load, "namesrv")]
        return []                       # idle connections: that they join is warm-up enough

    # ---- time ----

    def estimate_stage(self, stage):
        p = self.pace
        kinds = len(self.stage_warm_up(stage))
        return BOOT_ESTIMATE + (p.first_warm_up + (kinds - 1) * p.further_warm_up + kinds * p.own_warm_up if kinds else 0)

    def rounds_now(self, row):
        """The usual rounds, or fewer when what is still to come would not end within the limit."""
        n, makes_count = self.pace.rounds_of(row), len(self.o.makes)
        stages = {r.stage for r in self.to_come} - {row.stage}
        rest = sum(self.estimate_stage(s) for s in stages) + sum(self.pace.estimate(r, self.pace.rounds_of(r), makes_count) for r in self.to_come)
        while n > 1 and time.monotonic() - self.begin + self.pace.estimate(row, n, makes_count) + rest > self.pace.limit:
            n -= 1
        return n

    def run(self, rows):
        self.begin, self.to_come = time.monotonic(), [r for s in STAGES for r in rows if r.stage == s]
        for stage in STAGES:
            chosen = [r for r in rows if r.stage == stage]
            if not chosen:
                continue
            self.say(f"== {stage}: starting {' and '.join(self.o.makes)}")
            try:
                self.run_stage(stage, chosen)
            except (makes.DidNotStart, OSError) as e:
                self.to_come = [r for r in self.to_come if r not in chosen]
                for row in chosen:
                    row.done.setdefault("failed", {}).setdefault("both", str(e) or type(e).__name__)
                self.say(f"  {e}")

    def run_stage(self, stage, rows):
        with contextlib.ExitStack() as stack:
            pair = []
            for name in self.o.makes:
                make = self.make(name, stage)
                stack.callback(make.close)
                make.start()
                make.pause()
                pair.append(make)
            for make in pair:
                self.warm_up(make, stage)
            for row in rows:
                self.run_row(row, pair)

    def warm_up(self, make, stage):
        """Each kind of load; one that fails is tried again, and the others come all the same."""
        make.resume()
        for i, (load, port) in enumerate(self.stage_warm_up(stage)):
            self.warm_up_with(make, load, getattr(make, port), self.pace.further_warm_up if i else self.pace.first_warm_up)
        make.pause()

    def warm_up_with(self, make, load, server, seconds):
        if make.name == "fusee":
            seconds = self.pace.own_warm_up
        cpu = 0
        for attempt in range(WARM_UP_TRIES):
            try:
                figures = loads.run_load(self.command(load, server, seconds, 0), seconds)
                cpu += figures["cpu_percent"] / 100 * figures["seconds"]
            except Failed as e:
                self.say(f"  warm-up of {make.name}, {' '.join(load)}, attempt {attempt + 1}: {e}")
            if cpu >= (0 if make.name == "fusee" else WARM_UP_LEAST_CPU * seconds):
                return

    def command(self, load, server, seconds, warm_up):
        return loads.mqbench_command(self.o.programs / "mqbench", load, server, seconds, warm_up)

    # ---- rows ----

    def run_row(self, row, pair):
        row.done = {"rounds": [], "failed": {}, "others": []}
        for make in pair if row.prepare else []:
            self.attempt(row, make, lambda: self.measure(make, self.command(row.prepare, getattr(make, row.port), 0, 0), 30))
        self.to_come.remove(row)
        for _ in range(self.rounds_now(row)):
            turn = {}
            row.done["rounds"].append(turn)
            row.done["others"].append(machine.others_cpu())
            if row.stage == "sync":
                self.fdatasync_us.append(machine.bare_fdatasync_us(self.work))
            for make in pair:
                figures = self.attempt(row, make, lambda: self.measure_row(row, make)) if make.name not in row.done["failed"] else None
                if figures:
                    turn[make.name] = figures
        self.say(report.text_table([row]).split("\n", 1)[-1])

    def attempt(self, row, make, what):
        try:
            return what()
        except (Failed, OSError, ValueError, KeyError) as e:
            row.done["failed"][make.name] = str(e) or type(e).__name__
            self.say(f"  {make.name}: {row.done['failed'][make.name]}")
            return None

    def measure_row(self, row, make):
        seconds, warm_up = self.pace.times_of(row)
        if row.kind == "java":
            command = loads.java_command(self.class_path, row.load, make, seconds, warm_up)
        else:
            command = self.command(row.load, getattr(make, row.port), seconds, warm_up)
        return self.measure(make, command, seconds + warm_up)

    def measure(self, make, command, seconds):
        loads.sync()
        make.resume()
        try:
            if not make.is_running():
                raise Failed(f"{make.name} has ended: {make.last_words()}")
            return loads.run_load(command, seconds)
        finally:
            make.pause()

    # ---- the row of ten minutes ----

    def run_tail(self, seconds):
        """Each make alone under 10,000/s; for ours the stalls that its log tells. Returns figures by make, and those lines."""
        row = next(r for r in ROWS if r.name.startswith("tail"))
        found, stalls = {}, []
        for name in self.o.makes:
            make = self.make(name, "async")
            try:
                make.start()
                make.pause()
                self.warm_up(make, "async")
                self.say(f"-- {name}: {seconds} s of {' '.join(row.load)}")
                found[name] = self.measure(make, self.command(row.load, make.broker, seconds, 5), seconds + 5)
                stalls += make.broker_log(STALL) if name == "fusee" else []
            finally:
                make.close()
        return found, stalls

    def bare_fdatasync_us(self):
        return median(self.fdatasync_us) if self.fdatasync_us else 0
