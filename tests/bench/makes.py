"""The two makes of servers, Apache's and ours: a name server and a broker each, on free ports, in a folder of their own.

While one is measured the other is stopped (SIGSTOP), so that its timers and its garbage collector take nothing.
"""

import ctypes
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import time

BOOT_SECONDS = 300
SETTINGS = {"brokerClusterName": "Bench", "brokerName": "bench", "brokerId": 0, "brokerIP1": "127.0.0.1", "brokerIP2": "127.0.0.1",
            "enablePropertyFilter": "true", "diskMaxUsedSpaceRatio": 95}
# The options of Apache's runbroker.sh, with the heap that these comparisons name; the last line is what JDK 17 asks for.
JAVA = ["-server", "-XX:+UseG1GC", "-XX:G1HeapRegionSize=16m", "-XX:G1ReservePercent=25", "-XX:InitiatingHeapOccupancyPercent=30",
        "-XX:SoftRefLRUPolicyMSPerMB=0", "-XX:-OmitStackTraceInFastThrow", "-XX:+AlwaysPreTouch", "-XX:MaxDirectMemorySize=2g",
        "-XX:-UseLargePages",
        "--add-exports=java.base/jdk.internal.ref=ALL-UNNAMED", "--add-opens=java.base/java.nio=ALL-UNNAMED",
        "--add-opens=java.base/sun.nio.ch=ALL-UNNAMED", "--add-exports=java.base/sun.nio.ch=ALL-UNNAMED"]
MAIN_CLASS = {"mqnamesrv": "org.apache.rocketmq.namesrv.NamesrvStartup", "mqbroker": "org.apache.rocketmq.broker.BrokerStartup"}


class DidNotStart(Exception):
    """A server ended, or did not say that it runs; the text is what it printed."""


def die_with_parent():
    """In the child: it ends when this program does, however that ends."""
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)              # PR_SET_PDEATHSIG


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
    def __init__(self, name, command, folder, settings):
        self.name, self.command, self.folder = name, command, folder
        self.port = free_port()
        self.settings = {"listenPort": self.port, **settings}
        self.process = None

    @property
    def address(self):
        return f"127.0.0.1:{self.port}"

    @property
    def pid(self):
        return self.process.pid

    def start(self):
        self.folder.mkdir(parents=True, exist_ok=True)
        conf, out = self.folder / "conf", self.folder / "stdout"
        conf.write_text("".join(f"{k}={v}\n" for k, v in self.settings.items()))
        with open(out, "w") as f:
            self.process = subprocess.Popen([*self.command, "-c", str(conf)], cwd=self.folder, stdin=subprocess.DEVNULL, stdout=f,
                                            stderr=subprocess.STDOUT, preexec_fn=die_with_parent,
                                            env={**os.environ, "HOME": str(self.folder), "ROCKETMQ_HOME": str(self.folder)})
        deadline = time.monotonic() + BOOT_SECONDS
        while "boot success" not in out.read_text(errors="replace"):
            if not self.is_running() or time.monotonic() > deadline:
                why = "ended" if not self.is_running() else f"did not say 'boot success' within {BOOT_SECONDS} s"
                self.kill()
                raise DidNotStart(f"{self.name} {why}: " + "\n".join(out.read_text(errors="replace").splitlines()[-5:]))
            time.sleep(0.02)

    def is_running(self):
        return self.process is not None and self.process.poll() is None

    def signal(self, number):
        if self.is_running():
            self.process.send_signal(number)

    def kill(self):
        if self.process is not None:
            self.signal(signal.SIGKILL)
            self.process.wait()


class Make:
    """A name server and a broker of one make; where the name server is what is measured, it is alone."""

    def __init__(self, name, folder, commands, broker_settings=None, topics=(), has_broker=True):
        self.name, self.folder, self.has_broker = name, folder, has_broker
        self.topics = topics
        store = folder / "broker" / "store"
        self.namesrv = Server(f"{name}'s name server", commands("mqnamesrv", folder / "namesrv"), folder / "namesrv", {})
        self.broker = Server(f"{name}'s broker", commands("mqbroker", folder / "broker"), folder / "broker", {
            **SETTINGS, "namesrvAddr": self.namesrv.address, "storePathRootDir": store, "storePathCommitLog": store / "commitlog",
            **(broker_settings or {})})

    def start(self):
        shutil.rmtree(self.folder, ignore_errors=True)
        if self.topics:
            self.write_topics(self.folder / "broker" / "store" / "config")
        self.namesrv.start()
        if self.has_broker:
            self.broker.start()

    def write_topics(self, config):
        config.mkdir(parents=True)
        table = {name: {"order": False, "perm": 6, "readQueueNums": 4, "topicFilterType": "SINGLE_TAG", "topicName": name, "topicSysFlag": 0,
                        "writeQueueNums": 4} for name in self.topics}
        version = {"counter": 1, "stateVersion": 0, "timestamp": 1700000000000}
        (config / "topics.json").write_text(json.dumps({"dataVersion": version, "topicConfigTable": table}))

    def is_running(self):
        return self.namesrv.is_running() and (not self.has_broker or self.broker.is_running())

    def pause(self):
        for s in (self.broker, self.namesrv):
            s.signal(signal.SIGSTOP)

    def broker_log(self, pattern):
        """What our broker's log has of it."""
        log = self.folder / "broker" / "logs" / "rocketmqlogs" / "broker.log"
        return [found.group() for found in pattern.finditer(log.read_text(errors="replace"))] if log.exists() else []

    def last_words(self):
        return " / ".join(line for s in (self.namesrv, self.broker) if s.process and not s.is_running()
                          for line in (s.folder / "stdout").read_text(errors="replace").splitlines()[-3:])

    def resume(self):
        for s in (self.namesrv, self.broker):
            s.signal(signal.SIGCONT)

    def close(self):
        for s in (self.broker, self.namesrv):
            s.kill()
        shutil.rmtree(self.folder, ignore_errors=True)


def fusee_commands(programs):
    return lambda name, folder: [str(programs / name)]


def apache_commands(jars, heap):
    def command(name, folder):
        # The name server that a broker registers with has little to do; the one that is measured gets what the broker gets.
        return ["java", f"-Xms{heap[name]}", f"-Xmx{heap[name]}", *JAVA, f"-Duser.home={folder}", "-cp", f"{jars}/*", MAIN_CLASS[name]]
    return command
