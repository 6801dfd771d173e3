"""mqbench as a child: to its end, or while it runs."""

import json
import subprocess

import servers
from tap import check, equal

WAIT_SECONDS = 120


def command(kind, port, arguments):
    return [servers.program("mqbench"), kind, "-a", f"127.0.0.1:{port}", "-d", "1", "-w", "0", *arguments]


def run(kind, port, *arguments, status=0):
    """Runs it for a second; returns what its line of JSON says."""
    done = subprocess.run(command(kind, port, ["--json", "--quiet", *arguments]), capture_output=True, text=True, timeout=WAIT_SECONDS)
    equal(done.returncode, status, f"exit status of {kind}: {done.stderr}")
    return json.loads(done.stdout) if done.stdout else None


class Running:
    """One that runs meanwhile, with a line each second."""

    def __init__(self, kind, port, *arguments):
        self.process = subprocess.Popen(command(kind, port, ["--json", *arguments]), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def line(self):
        """Waits for the next line that a second gives."""
        line = self.process.stderr.readline()
        check("/s" in line and "p99" in line, f"a line each second, not '{line}'")
        return line

    def end(self):
        """Waits for its end; returns what its line of JSON says."""
        out, errors = self.process.communicate(timeout=WAIT_SECONDS)
        equal(self.process.returncode, 0, f"exit status: {errors}")
        return json.loads(out)

    def __enter__(self):
        return self

    def __exit__(self, *unused):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()
        self.process.stderr.close()
