"""The broker that ends itself at a planned system call (build/tests/crash/mqbroker-crash; see shim.h), on one store, over many lives."""

import os
import pathlib
import shutil
import signal
import struct
import subprocess
import tempfile
import time

import servers

BOOT_SECONDS = 60
REPORT_SECONDS = 60


class Died(Exception):
    """It ended while it started."""


class CrashBroker:
    def __init__(self, properties):
        self.port = servers.free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="fusee-crash-"))
        self.store = self.folder / "store"
        self.report, self.begun = self.folder / "store.report", self.folder / "store.begun"
        self.fault = self.folder / "fault"
        self.properties = {"brokerName": "broker-a", "brokerId": 0, "brokerIP1": "127.0.0.1", "listenPort": self.port,
                           "storePathRootDir": self.store, "storePathCommitLog": self.store / "commitlog",
                           "logPath": self.folder / "logs", "waitTimeMillsInSendQueue": 60000, **properties}
        self.process = None
        self.lives = 0

    def start(self, point=None, power=None):
        """Starts it, with a point at which it ends or without.  Died: it ended before it served."""
        self.report.unlink(missing_ok=True)
        self.begun.unlink(missing_ok=True)
        self.fault.write_bytes(bytes(256))
        shutil.rmtree(self.folder / "store.stash", ignore_errors=True)     # of the life before: power.c counts its names from 1
        conf, out = self.folder / "conf", self.folder / f"stdout-{self.lives}"
        self.lives += 1
        conf.write_text("".join(f"{k}={v}\n" for k, v in self.properties.items()))
        env = {**os.environ, "HOME": str(self.folder), "FUSEE_CRASH_ROOT": str(self.store), "FUSEE_CRASH_FAULT": str(self.fault)}
        if point:
            env["FUSEE_CRASH_AT"] = point
        if power is not None:
            env["FUSEE_CRASH_POWER"] = str(power)
        with open(out, "w") as f:
            self.process = subprocess.Popen([servers.program("tests/crash/mqbroker-crash"), "-c", conf], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT, env=env)
        deadline = time.monotonic() + BOOT_SECONDS
        while "boot success" not in out.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise Died(f"exit status {self.process.returncode}: {out.read_text(errors='replace')[-2000:]}")
            time.sleep(0.005)
        return self

    def begin_fault(self, call, area, number):
        with open(self.fault, "r+b") as f:
            f.seek(1)
            text = f"{call} {area} {number}".encode() + b"\0"
            f.write(text[1:])
            f.flush()
            f.seek(0)
            f.write(text[:1])           # last: it is what turns it on

    def end_fault(self):
        """Returns how often the fault has come."""
        with open(self.fault, "r+b") as f:
            f.write(b"\0")
        return self.fault_count()

    def fault_count(self):
        return struct.unpack_from("=I", self.fault.read_bytes(), 128)[0]

    def running(self):
        return self.process is not None and self.process.poll() is None

    def was_killed(self):
        return self.process.returncode == -signal.SIGKILL

    def kill(self):
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def stop(self):
        """SIGTERM; returns the exit status."""
        if self.running():
            self.process.terminate()
        return self.process.wait(30)

    def lost_from(self):
        """After a power loss: the lowest byte of the commit log that it took; None when it took none.  The undoing ends with the report."""
        deadline = time.monotonic() + REPORT_SECONDS
        if not self.begun.exists():
            return None                 # killed before
        while not self.report.exists():
            if time.monotonic() > deadline:
                raise Died("the power was not cut: no report")
            time.sleep(0.005)
        at = int(self.report.read_text())
        return at if at < 1 << 62 else None

    def close(self, keep):
        if self.process is not None:
            self.kill()
        if os.path.ismount(self.store):
            subprocess.run(["umount", "-l", self.store], check=False)
        if not keep:
            shutil.rmtree(self.folder, ignore_errors=True)
