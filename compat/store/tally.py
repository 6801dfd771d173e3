"""Counts what passed and what failed, and says why."""

import traceback

SHOWN = 8              # differences of one check


class Tally:
    def __init__(self):
        self.counts = [0, 0]

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
            self.counts[0] += 1
            print(f"passed {name}", flush=True)

    def failed(self, name, why):
        self.counts[1] += 1
        print(f"FAILED {name}\n    " + why.replace("\n", "\n    "), flush=True)

    def note(self, text):
        print(f"# {text}", flush=True)
