"""One run: stages (a pair of servers with the same settings), on each its rows, each in rounds, the makes in turns."""

import contextlib
import os
import re
from statistics import median

import loads
import machine
import makes
import report
from loads import CannotRun, Failed
from rows import MANY_TOPICS, ROWS, STAGES, WARM_UP

WARM_UP_TRIES = 3


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


class Bench:
    def __init__(self, options, work, say):
        self.o, self.work, self.say = options, work, say
        self.run_folder = work / f"run-{os.getpid()}"
        self.pace = Pace(options)
        self.fdatasync_us = []
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
        return makes.Make(name, self.run_folder / f"{name}-{stage}", commands, STAGES[stage], MANY_TOPICS if stage == "many" else ())

    def stage_warm_up(self, stage):
        if stage == "async":
            return [(load, "broker") for load in WARM_UP]
        if stage == "sync":
            return [(["produce", "-i", "64"], "broker"), (["produce"], "broker")]
        if stage == "namesrv":
            return [(next(r for r in ROWS if r.stage == "namesrv").load, "namesrv")]
        return []                       # idle connections: that they join is warm-up enough

    def run(self, rows):
        for stage in STAGES:
            chosen = [r for r in rows if r.stage == stage]
            if not chosen:
                continue
            self.say(f"== {stage}: starting {' and '.join(self.o.makes)}")
            try:
                self.run_stage(stage, chosen)
            except (makes.DidNotStart, OSError) as e:
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
            seconds = self.pace.own_warm_up if make.name == "fusee" else self.pace.further_warm_up if i else self.pace.first_warm_up
            for attempt in range(WARM_UP_TRIES):
                try:
                    loads.run_load(self.command(load, getattr(make, port), seconds, 0), seconds)
                    break
                except Failed as e:
                    self.say(f"  warm-up of {make.name}, {' '.join(load)}, attempt {attempt + 1}: {e}")
        make.pause()

    def command(self, load, server, seconds, warm_up):
        return loads.mqbench_command(self.o.programs / "mqbench", load, server, seconds, warm_up)

    # ---- rows ----

    def run_row(self, row, pair):
        row.done = {"rounds": [], "failed": {}, "others": []}
        for make in pair if row.prepare else []:
            self.attempt(row, make, lambda: self.measure(make, self.command(row.prepare, getattr(make, row.port), 0, 0), 30))
        limit = self.pace.java_rounds if row.kind == "java" else self.pace.rounds
        for _ in range(min(limit, row.rounds) if row.rounds else limit):
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
        if row.kind == "java":
            p = self.pace
            return self.measure(make, loads.java_command(self.class_path, row.load, make, p.java_seconds, p.java_warm_up),
                                p.java_seconds + p.java_warm_up)
        seconds = max(1, round(self.pace.seconds * (row.seconds or 1)))
        return self.measure(make, self.command(row.load, getattr(make, row.port), seconds, row.warm_up), seconds + row.warm_up)

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
                stalls += make.broker_log(re.compile("stall")) if name == "fusee" else []
            finally:
                make.close()
        return found, stalls

    def bare_fdatasync_us(self):
        return median(self.fdatasync_us) if self.fdatasync_us else 0
