"""Starts, stops and kills a broker of any make on one store folder, one after the other."""

import os
import shutil
import signal
import socket
import subprocess
import time

from remoting import Connection

BOOT_SECONDS = 300
STOP_SECONDS = 60


def has_ipv6():
    """Is there a loopback of that kind here?"""
    try:
        with socket.socket(socket.AF_INET6) as s:
            s.bind(("::1", 0))
        return True
    except OSError:
        return False


SETTINGS = {
    "brokerName": "broker-a", "brokerClusterName": "DefaultCluster", "brokerId": 0, "brokerIP1": "127.0.0.1", "brokerIP2": "127.0.0.1",
    # Many small files: every boundary between two files of a row is crossed.
    "mappedFileSizeCommitLog": 1 << 20, "mappedFileSizeConsumeQueue": 40 * 20, "maxHashSlotNum": 500, "maxIndexNum": 800,
    "fileReservedTime": 4800, "diskMaxUsedSpaceRatio": 95,
    # Level 1 and the levels of retries pass in a second, 2 outlives a restart, 18 outlives the test.
    "messageDelayLevel": "1s 15s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1s 1h",
    "flushConsumerOffsetInterval": 500, "flushDelayOffsetInterval": 500,
    # Checks of half messages would write on their own.
    "transactionCheckInterval": 3600000, "transactionTimeOut": 3600000,
    # The machine may be loaded; these tests are not about Apache's overload guards.
    "serverChannelMaxIdleTimeSeconds": 3600,
    "waitTimeMillsInSendQueue": 30000, "waitTimeMillsInPullQueue": 30000, "osPageCacheBusyTimeOutMills": 30000,
}
OURS = {"bindAddress": "::"} if has_ipv6() else {}           # Java's 0.0.0.0 takes IPv6 too


running = set()            # processes of this run


def kill_all():
    """The run ends now, and leaves nothing behind."""
    for process in list(running):
        if process.poll() is None:
            process.kill()
    os._exit(2)


class DidNotStart(Exception):
    """The broker ended, or did not say that it runs; the text is what it printed."""


class Broker:
    """`make` ("fusee", "4.9.7" ...) names it in reports; `path` is a program that takes '-c FILE'."""

    def __init__(self, make, path, folder, port, namesrv, **more):
        self.make, self.path, self.folder, self.port = make, path, folder, port
        self.store = folder / "store"
        self.settings = {**SETTINGS, **(OURS if make == "fusee" else {}), "listenPort": port, "namesrvAddr": namesrv, "storePathRootDir": self.store,
                         "storePathCommitLog": self.store / "commitlog", **more}
        self.process = None
        self.out = None

    def start(self):
        deadline = time.monotonic() + BOOT_SECONDS
        while not self.boots(deadline):
            time.sleep(0.5)
        return self

    def boots(self, deadline):
        """False: one of its ports, free when they were chosen, is somebody else's for the moment; the messages name the port, so it stays."""
        home = self.folder / f"home-{self.make}"
        shutil.rmtree(home, ignore_errors=True)
        home.mkdir(parents=True)
        conf, self.out = home / "conf", home / "stdout"
        conf.write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))
        with open(self.out, "w") as out:
            self.process = subprocess.Popen([self.path, "-c", conf], cwd=home, stdin=subprocess.DEVNULL, stdout=out,
                                            stderr=subprocess.STDOUT, env={**os.environ, "HOME": str(home)}, start_new_session=True)
        running.add(self.process)
        while "boot success" not in self.printed():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                if "ddress already in use" in self.printed() and time.monotonic() < deadline:
                    return False
                raise DidNotStart(self.printed())
            time.sleep(0.02)
        return True

    def printed(self):
        return self.out.read_text(errors="replace")

    def last_words(self, lines=15):
        """The end of what it printed, without what Apache's logging says about itself."""
        return "\n".join([line for line in self.printed().splitlines() if "|-INFO in " not in line][-lines:])

    def connect(self, host="127.0.0.1"):
        return Connection(host, self.port, timeout=30)

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(STOP_SECONDS)
        finally:
            self.kill()

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
        if self.process:
            self.process.wait()
            running.discard(self.process)

    def end(self, how):
        self.stop() if how == "stopped" else self.kill()
