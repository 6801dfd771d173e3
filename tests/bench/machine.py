"""What the figures were measured on."""

import os
import platform
import subprocess
import time

FDATASYNCS = 300
FILE_BYTES = 16 << 20
RECORD = b"x" * 1300                    # what a message of 1 KB takes in the log


def first(path, name):
    with open(path) as f:
        return next((line.split(":", 1)[1].strip() for line in f if line.startswith(name)), "unknown")


def output(*command):
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    return done.stdout.strip()


def others_cpu(seconds=0.3):
    """Processors that are busy with other work, while nothing of ours runs."""
    def busy():
        with open("/proc/stat") as f:
            fields = [int(x) for x in f.readline().split()[1:9]]
        return sum(fields) - fields[3] - fields[4], sum(fields)

    b0, all0 = busy()
    time.sleep(seconds)
    b1, all1 = busy()
    return (b1 - b0) * os.cpu_count() / max(1, all1 - all0)


def bare_fdatasync_us(folder):
    """Median of: one record written behind the last into an allocated file, and fdatasync."""
    path = os.path.join(folder, "fdatasync")
    f = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    times = []
    try:
        os.posix_fallocate(f, 0, FILE_BYTES)
        os.fsync(f)
        for i in range(FDATASYNCS):
            begin = time.perf_counter_ns()
            os.pwrite(f, RECORD, i * len(RECORD))
            os.fdatasync(f)
            times.append(time.perf_counter_ns() - begin)
    finally:
        os.close(f)
        os.unlink(path)
    return sorted(times)[len(times) // 2] / 1000


def build_flags(build):
    try:
        with open(build / "Makefile") as f:
            return next((line.split("=", 1)[1].strip() for line in f if line.startswith("CFLAGS =")), "CFLAGS unknown")
    except OSError:
        return "CFLAGS unknown"


def facts(root, build):
    compiler = output("cc", "--version").splitlines()[0]
    cflags = build_flags(build)
    commit = output("git", "-C", str(root), "describe", "--always", "--dirty") if (root / ".git").exists() else "unknown"
    java = output("java", "-version").splitlines()[0]
    memory = int(first("/proc/meminfo", "MemTotal").split()[0]) >> 20
    file_system = output("stat", "-f", "-c", "%T", str(root))
    return [("processor", f"{os.cpu_count()} x {first('/proc/cpuinfo', 'model name')}"), ("memory", f"{memory} GiB"),
            ("system", f"Linux {platform.release()}, {platform.libc_ver()[0]} {platform.libc_ver()[1]}, {file_system}"),
            ("fusee", f"{commit}, {compiler}, {cflags}"), ("Apache RocketMQ", "5.5.0, its jars from Maven Central"), ("Java", java)]
