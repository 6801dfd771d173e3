"""Counts what passed and what failed, and says why."""

import threading
import traceback

SHOWN = 8              # differences of one check


class Tally:
    """Any thread may report."""

    def __init__(self):
        self.counts = [0, 0]
        self.failures = []
        self.lock = threading.Lock()

    def check(self, name, differences):
        """`differences()` returns lines of text, none when all is well."""
        try:
            found = list(differences())
        except Exception:
            found = [traceback.format_exc()]
        if found:
            more = [f"... and {len(found) - SHOWN} more"] if len(found) > SHOWN else []
            self.failed(name, "\n".join(found[:SHOWN] + more))
        else:
            with self.lock:
                self.counts[0] += 1
            print(f"passed {name}", flush=True)

    def failed(self, name, why):
        with self.lock:
            self.counts[1] += 1
            self.failures.append(name)
        print(f"FAILED {name}\n    " + why.replace("\n", "\n    "), flush=True)

    def has_failed(self, prefix):
        return any(name.startswith(prefix) for name in self.failures)

    def note(self, text):
        print(f"# {text}", flush=True)
