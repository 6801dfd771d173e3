"""Starts, stops and kills the real mqnamesrv and mqbroker, each run in a temporary folder and on free ports.

The programs are taken from $FUSEE_PROGRAMS, or $top_builddir (which automake sets), or build/ of the source tree.
$FUSEE_IO_THREADS gives them so many network threads (ioThreads).
"""

import os
import pathlib
import random
import shutil
import signal
import socket
import subprocess
import tempfile
import time

import tap

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
BOOT_SECONDS = 60
STOP_SECONDS = 30


def program(name):
    folder = os.environ.get("FUSEE_PROGRAMS") or os.environ.get("top_builddir") or ROOT / "build"
    path = pathlib.Path(folder, name).resolve()
    if not os.access(path, os.X_OK):
        tap.skip_all(f"there is no {path}")
    return path


def free_port():
    """A port whose neighbours (VIP: -2, HA: +1) are free too, below the range that the kernel hands out by itself."""
    while True:
        port = random.randrange(12000, 32000)
        try:
            for p in range(port - 2, port + 2):
                with socket.socket() as s:
                    s.bind(("127.0.0.1", p))
            return port
        except OSError:
            continue


class Server:
    """A program that runs in a folder of its own; the folder outlives restarts, and is removed by close()."""

    def __init__(self, name, properties, arguments=()):
        self.name = name
        self.port = free_port()
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"fusee-{name}-"))
        self.properties = {"listenPort": self.port, **self.io_threads(), **properties}
        self.arguments = list(arguments)
        self.process = None

    @staticmethod
    def io_threads():
        threads = os.environ.get("FUSEE_IO_THREADS")
        return {"ioThreads": threads} if threads else {}

    def start(self):
        conf = self.folder / "conf"
        conf.write_text("".join(f"{k}={v}\n" for k, v in self.properties.items()))
        out = self.folder / "stdout"
        with open(out, "w") as f:
            self.process = subprocess.Popen([program(self.name), "-c", conf, *self.arguments], cwd=self.folder,
                                            stdin=subprocess.DEVNULL, stdout=f, stderr=subprocess.STDOUT,
                                            env={**os.environ, "HOME": str(self.folder)})
        deadline = time.monotonic() + BOOT_SECONDS
        while "boot success" not in out.read_text(errors="replace"):
            if self.process.poll() is not None or time.monotonic() > deadline:
                text = out.read_text(errors="replace")
                self.kill()
                raise RuntimeError(f"{self.name} did not say 'boot success':\n{text}")
            time.sleep(0.01)
        return self

    def running(self):
        return self.process is not None and self.process.poll() is None

    def stop(self):
        """SIGTERM, the orderly way; returns the exit status."""
        if self.running():
            self.process.terminate()
        return self.ended()

    def ended(self):
        """Waits until it has ended by itself; returns the exit status.  A JVM's 128 + signal counts as 0."""
        status = self.process.wait(STOP_SECONDS)
        return 0 if status in (128 + signal.SIGTERM, 128 + signal.SIGINT) else status

    def kill(self):
        """SIGKILL: what was not written is lost."""
        if self.running():
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()

    def close(self):
        if self.process is not None:
            self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def memory(self):
        """Anonymous memory in bytes."""
        for line in pathlib.Path(f"/proc/{self.process.pid}/status").read_text().splitlines():
            if line.startswith("RssAnon:"):
                return int(line.split()[1]) * 1024
        return 0

    def is_sanitized(self):
        """Freed memory stays in AddressSanitizer's quarantine, ThreadSanitizer shadows all of it: what memory() tells means
        nothing then."""
        program = pathlib.Path(f"/proc/{self.process.pid}/exe").read_bytes()
        return b"__asan_init" in program or b"__tsan_init" in program

    def open_files(self):
        return len(os.listdir(f"/proc/{self.process.pid}/fd"))


class NameServer(Server):
    def __init__(self, **properties):
        super().__init__("mqnamesrv", properties)

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"


class Broker(Server):
    def __init__(self, namesrv, **properties):
        super().__init__("mqbroker", {})
        store = self.folder / "store"
        self.properties = {**self.properties, "brokerName": "broker-a", "brokerClusterName": "DefaultCluster", "brokerId": 0,
                           "brokerIP1": "127.0.0.1", "brokerIP2": "127.0.0.1", "listenPort": self.port,
                           "namesrvAddr": namesrv.address, "storePathRootDir": store,
                           "storePathCommitLog": store / "commitlog", "mappedFileSizeCommitLog": 16 << 20,
                           "diskMaxUsedSpaceRatio": 95, **properties}
