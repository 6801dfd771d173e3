#!/usr/bin/env python3
"""The programs as an operator meets them: command line, configuration files, boot lines, ports, signals, mqshutdown."""

import os
import signal
import socket
import subprocess
import sys

sys.dont_write_bytecode = True

import servers                                              # noqa: E402
from servers import free_port, program                      # noqa: E402
from tap import check, equal, test, until                   # noqa: E402

WAIT_SECONDS = 30
BROKER_MEMORY, NAMESRV_MEMORY = 24 << 20, 3 << 20           # anonymous, idle


class Folder:
    """A temporary folder that is the home of what runs in it."""

    def __enter__(self):
        import tempfile
        self.path = tempfile.mkdtemp(prefix="fusee-programs-")
        return self

    def __exit__(self, *_):
        import shutil
        shutil.rmtree(self.path, ignore_errors=True)

    def file(self, name, text):
        path = os.path.join(self.path, name)
        with open(path, "w") as f:
            f.write(text)
        return path

    def run(self, name, *arguments, env=None):
        """Runs a program that ends by itself."""
        return subprocess.run([program(name), *arguments], capture_output=True, text=True, timeout=WAIT_SECONDS, cwd=self.path,
                              env={**os.environ, "HOME": self.path, **(env or {})})

    def start(self, name, *arguments, env=None):
        """Starts a server; returns (process, boot lines so far)."""
        last = "The broker[" if name == "mqbroker" else "The Name Server boot success"
        process = subprocess.Popen([program(name), *arguments], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                                   cwd=self.path, env={**os.environ, "HOME": self.path, **(env or {})})
        lines = []
        for line in process.stdout:
            lines.append(line.rstrip("\n"))
            if line.startswith(last):
                return process, lines
        raise AssertionError(f"{name} ended with {process.wait()}: {lines}")


def stop(process, number=signal.SIGTERM):
    process.send_signal(number)
    process.stdout.close()
    return process.wait(WAIT_SECONDS)


def anonymous_bytes(process):
    with open(f"/proc/{process.pid}/status") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("RssAnon:"))


def is_instrumented():
    """A sanitizer's build: its memory says nothing."""
    with open(program("mqbroker"), "rb") as f:
        text = f.read()
    return b"__asan_init" in text or b"__tsan_init" in text


@test
def wrong_usage_is_refused_with_a_line():
    with Folder() as f:
        for name, arguments, word in (("mqbroker", ["--nonsense"], "nonsense"), ("mqbroker", ["extra"], "'extra'"),
                                      ("mqbroker", ["-c"], "-h"), ("mqnamesrv", ["--standalone"], "mqbroker"),
                                      ("mqnamesrv", ["-Dhome"], "-Dkey=value"), ("mqshutdown", [], "Usage"),
                                      ("mqshutdown", ["proxy"], "Usage"), ("mqshutdown", ["broker", "x"], "Usage")):
            r = f.run(name, *arguments)
            equal(r.returncode, 2, f"exit status of {name} {arguments}")
            check(word in r.stderr, f"{name} {arguments} says {r.stderr!r}")
            equal(r.stdout, "", "standard output")


@test
def help_and_version():
    with Folder() as f:
        for name in ("mqbroker", "mqnamesrv"):
            for argument, word in (("-h", "usage: " + name), ("--help", "--configFile"), ("--version", name + " ")):
                r = f.run(name, argument)
                equal(r.returncode, 0, f"{name} {argument}")
                check(word in r.stdout, f"{name} {argument} says {r.stdout!r}")


@test
def the_effective_configuration_is_printed():
    with Folder() as f:
        conf = f.file("broker.conf", "brokerName=b1\nflushDiskType = SYNC_FLUSH\nsendMessageThreadPoolNums=4\n")
        r = f.run("mqbroker", "-c", conf, "-n", "127.0.0.1:1", "-p")
        equal(r.returncode, 0, "exit status")
        lines = r.stdout.splitlines()
        equal(lines, sorted(lines, key=lambda line: line.split("=")[0]), "order")
        for line in ("brokerName=b1", "flushDiskType=SYNC_FLUSH", "sendMessageThreadPoolNums=4", "listenPort=10911", "haListenPort=10912",
                     "namesrvAddr=127.0.0.1:1", f"storePathRootDir={f.path}/store", "messageDelayLevel=1s 5s 10s 30s 1m 2m 3m 4m 5m 6m "
                     "7m 8m 9m 10m 20m 30m 1h 2h", f"brokerConfigPath={conf}"):
            check(line in lines, f"{line} is not printed")
        important = f.run("mqbroker", "-c", conf, "-m").stdout.splitlines()
        check("brokerName=b1" in important and 0 < len(important) < len(lines) / 2, "-m prints the important keys")
        check(not os.path.exists(f.path + "/store"), "printing made a store")
        printed = f.run("mqnamesrv", "-p").stdout.splitlines()
        for line in ("listenPort=9876", f"kvConfigPath={f.path}/namesrv/kvConfig.json"):
            check(line in printed, f"{line} is not printed")


@test
def name_servers_come_from_the_option_then_the_file_then_the_environment():
    with Folder() as f:
        env = {"NAMESRV_ADDR": "10.0.0.3:1"}
        conf = f.file("broker.conf", "namesrvAddr=10.0.0.2:1;10.0.0.2:2\n")
        for arguments, want in ((["-c", conf, "-n", "10.0.0.1:1"], "10.0.0.1:1"), (["-c", conf], "10.0.0.2:1;10.0.0.2:2"),
                                ([], "10.0.0.3:1")):
            check(f"namesrvAddr={want}" in f.run("mqbroker", "-p", *arguments, env=env).stdout.splitlines(), f"{arguments}")
        for text in ("nonsense", "a:1,b:2"):
            r = f.run("mqbroker", "-n", text)
            equal(r.returncode, 1, "exit status")
            check(f"The Name Server Address[{text}] illegal" in r.stderr, r.stderr)


@test
def user_home_moves_logs_and_store():
    with Folder() as f:
        home = f.path + "/elsewhere"
        printed = f.run("mqbroker", f"-Duser.home={home}", "-p").stdout.splitlines()
        check(f"storePathRootDir={home}/store" in printed, "store")
        check(f"logPath={home}/logs/rocketmqlogs" in printed, "logs")


@test
def a_bad_value_names_file_line_key_value_and_expectation():
    with Folder() as f:
        conf = f.file("broker.conf", "brokerName=b\n\nlistenPort=lots\nflushDiskType=SOMETIMES\n")
        r = f.run("mqbroker", "-c", conf)
        equal(r.returncode, 1, "exit status")
        check(f"{conf}:3: key 'listenPort': value 'lots': expected a whole number from 1 to 65535" in r.stderr, r.stderr)
        check(f"{conf}:4: key 'flushDiskType': value 'SOMETIMES': expected one of SYNC_FLUSH ASYNC_FLUSH" in r.stderr, r.stderr)
        for key, value, expected in (("messageDelayLevel", "1s 5x", "delays such as 10s"), ("deleteWhen", "99", "hours from 00 to 23"),
                                     ("brokerIP1", "999.1.1.1", "a numeric IPv4 or IPv6 address"), ("listenPort", "2", "3 or more"),
                                     ("storePathCommitLog", "/a,/b", "one folder")):
            r = f.run("mqbroker", "-c", f.file("broker.conf", f"brokerName=b\n{key}={value}\n"), "-p")
            equal(r.returncode, 1, f"exit status of {key}={value}")
            check(f"broker.conf:2: key '{key}': value '{value}': expected" in r.stderr and expected in r.stderr, r.stderr)
        r = f.run("mqnamesrv", "-c", f.path + "/absent.conf")
        equal(r.returncode, 1, "exit status")
        check("absent.conf': not found" in r.stderr, r.stderr)


@test
def what_would_be_unsafe_to_ignore_is_refused():
    with Folder() as f:
        for line in ("aclEnable=true", "authenticationEnabled=true", "enableDLegerCommitLog=true", "brokerRole=SLAVE\nbrokerId=1"):
            r = f.run("mqbroker", "-c", f.file("broker.conf", line + "\n"))
            equal(r.returncode, 1, line)
            check("supported" in r.stderr, r.stderr)


@test
def an_unknown_key_is_a_warning_with_the_nearest_and_known_ones_are_silent():
    with Folder() as f:
        port = free_port()
        conf = f.file("ns.conf", f"listenPort={port}\nserverWorkerThreads=16\nkvConfgPath=/x\n")
        process, lines = f.start("mqnamesrv", "-c", conf)
        equal(stop(process), 0, "exit status")
        check(any("unknown key 'kvConfgPath', did you mean 'kvConfigPath'?" in line for line in lines), lines)
        check(not any("serverWorkerThreads" in line for line in lines), lines)
        with open(f.path + "/logs/rocketmqlogs/namesrv.log") as log:
            check("key 'serverWorkerThreads' is known but has no effect here" in log.read(), "the log says that it has no effect")


@test
def boot_lines_logs_and_memory():
    with Folder() as f:
        for _ in range(2):
            port, name_port = free_port(), free_port()
            ns, lines = f.start("mqnamesrv", "-c", f.file("ns.conf", f"listenPort={name_port}\n"))
            equal(lines[-1], f"The Name Server boot success. serializeType=JSON, address 0.0.0.0:{name_port}", "boot line")
            conf = f.file("broker.conf", f"brokerName=broker-a\nbrokerIP1=127.0.0.1\nlistenPort={port}\nlogPath={f.path}/lg\n"
                                         f"storePathRootDir={f.path}/store-{port}\n")
            broker, lines = f.start("mqbroker", "-c", conf, "-n", f"127.0.0.1:{name_port}")
            equal(lines[-1], f"The broker[broker-a, 127.0.0.1:{port}] boot success. serializeType=JSON and name server is "
                             f"127.0.0.1:{name_port}", "boot line")
            with socket.create_connection(("127.0.0.1", port)), socket.create_connection(("127.0.0.1", port - 2)):
                pass
            if not is_instrumented():
                check(anonymous_bytes(ns) <= NAMESRV_MEMORY, f"mqnamesrv has {anonymous_bytes(ns)} bytes")
                check(anonymous_bytes(broker) <= BROKER_MEMORY, f"mqbroker has {anonymous_bytes(broker)} bytes")
            equal(stop(broker), 0, "mqbroker's exit status")
            equal(stop(ns), 0, "mqnamesrv's exit status")
        with open(f.path + "/lg/broker.log") as log:
            check("boot success" in log.read(), "the boot line is in the log")


@test
def standalone_runs_a_name_server_that_knows_the_broker():
    with Folder() as f:
        port, name_port = free_port(), free_port()
        conf = f.file("broker.conf", f"brokerName=broker-a\nbrokerIP1=127.0.0.1\nlistenPort={port}\nnamesrvListenPort={name_port}\n")
        process, lines = f.start("mqbroker", "--standalone", "-c", conf)
        check(f"The Name Server boot success. serializeType=JSON, address 0.0.0.0:{name_port}" in lines, lines)

        def registered():
            from codes import VALUES
            from remoting import Connection
            with Connection("127.0.0.1", name_port) as c:
                return b'"broker-a"' in c.request(VALUES["GET_BROKER_CLUSTER_INFO"]).body
        until(registered, "the broker is registered")
        equal(stop(process), 0, "exit status")


@test
def a_port_in_use_is_named_with_its_remedy():
    with Folder() as f, socket.socket() as taken:
        port = free_port()
        taken.bind(("127.0.0.1", port))
        taken.listen()
        for name in ("mqnamesrv", "mqbroker"):
            r = f.run(name, "-c", f.file("conf", f"listenPort={port}\nbindAddress=127.0.0.1\n"))
            equal(r.returncode, 1, name)
            check(f"cannot listen on '127.0.0.1:{port}': address already in use" in r.stderr and "'listenPort'" in r.stderr, r.stderr)
        r = f.run("mqbroker", "-c", f.file("conf", f"listenPort={port + 2}\nbindAddress=127.0.0.1\n"))
        equal(r.returncode, 1, "VIP port")
        check(f"'127.0.0.1:{port}'" in r.stderr, r.stderr)
        r = f.run("mqbroker", "--standalone", "-c",
                  f.file("conf", f"listenPort={free_port()}\nnamesrvListenPort={port}\nbindAddress=127.0.0.1\n"))
        equal(r.returncode, 1, "name server's port")
        check(f"'127.0.0.1:{port}'" in r.stderr and "'namesrvListenPort'" in r.stderr, r.stderr)


@test
def both_signals_stop_in_order():
    with Folder() as f:
        for number in (signal.SIGTERM, signal.SIGINT):
            for name in ("mqnamesrv", "mqbroker"):
                process, _ = f.start(name, "-c", f.file("conf", f"listenPort={free_port()}\n"))
                equal(stop(process, number), 0, f"{name} after {number}")
        check(not os.path.exists(f.path + "/store/abort"), "a clean stop leaves no abort file")


@test
def a_second_signal_ends_at_once():
    """The name server takes the connection and never answers, so the first stop waits for it."""
    with Folder() as f, socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        process, _ = f.start("mqbroker", "-n", f"127.0.0.1:{silent.getsockname()[1]}", "-c",
                                f.file("conf", f"listenPort={free_port()}\n"))
        log = f.path + "/logs/rocketmqlogs/broker.log"

        def stopping():
            with open(log) as text:
                return "got SIGTERM" in text.read()
        process.send_signal(signal.SIGTERM)
        until(stopping, "the first signal is in the log")
        process.send_signal(signal.SIGINT)
        process.stdout.close()
        status = process.wait(WAIT_SECONDS)
        check(status in (130, 0), f"exit status {status}")  # 0: it had unregistered in between


@test
def mqshutdown_stops_what_it_is_told():
    with Folder() as f:
        for what, name in (("broker", "mqbroker"), ("namesrv", "mqnamesrv")):
            process, _ = f.start(name, "-c", f.file("conf", f"listenPort={free_port()}\n"))
            other = "namesrv" if what == "broker" else "broker"
            r = f.run("mqshutdown", other, str(process.pid))
            equal((r.returncode, r.stdout), (1, f"No mq{other} running.\n"), "a process of another name")
            check(process.poll() is None, "it was stopped by another name")

            # mqshutdown waits for the end, and an ended child stays a zombie until it is waited for: that counts as ended.
            r = f.run("mqshutdown", what, str(process.pid))
            equal(r.stdout, f"The {name}({process.pid}) is running...\nSend shutdown request to {name}({process.pid}) OK\n", "output")
            equal(r.returncode, 0, "exit status")
            process.stdout.close()
            equal(process.wait(WAIT_SECONDS), 0, name)
            equal(f.run("mqshutdown", what, str(process.pid)).returncode, 1, "nothing is left to stop")


if __name__ == "__main__":
    import tap
    for needed in ("mqbroker", "mqnamesrv", "mqshutdown"):
        servers.program(needed)
    tap.main()
