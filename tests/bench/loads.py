"""The loads: mqbench, and the published Java client. Each prints one line of JSON at its end."""

import json
import os
import shutil
import subprocess
from pathlib import Path

import makes

VERSION = "5.5.0"
COPY = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies"
HERE = Path(__file__).resolve().parent
END_SECONDS = 60                        # beyond its own time: to join, to wait for what is under way, to end
children = set()


class CannotRun(Exception):
    pass


class Failed(Exception):
    """A load, or a server under it."""


def jars(work, say):
    """Apache's servers and client, from Maven's repository on the first run."""
    folder = work / f"apache-{VERSION}"
    if (folder / "complete").exists():
        return folder / "lib"
    say(f"fetching Apache RocketMQ {VERSION} with mvn")
    shutil.rmtree(folder, ignore_errors=True)
    pom = HERE.parent.parent / "compat" / "java" / "apache" / "pom.xml"
    for offline in (["-o"], []):        # a second run must not need the network
        done = subprocess.run(["mvn", "-q", "-B", *offline, "-f", str(pom), f"-Drocketmq.version={VERSION}", COPY, f"-DoutputDirectory={folder}/lib"],
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        if done.returncode == 0:
            (folder / "complete").touch()
            return folder / "lib"
    raise CannotRun(f"mvn could not fetch Apache's servers:\n{done.stdout[-2000:]}")


def java_load(work, lib):
    """Compiles JavaLoad; returns its class path."""
    classes = work / "classes"
    classes.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(["javac", "--release", "17", "-cp", f"{lib}/*", "-d", str(classes), str(HERE / "java" / "JavaLoad.java")],
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if done.returncode != 0:
        raise CannotRun(f"JavaLoad does not compile:\n{done.stdout}")
    return f"{classes}:{lib}/*"


def mqbench_command(program, load, server, seconds, warm_up):
    command = [str(program), *load, "-a", server.address, "-p", str(server.pid), "-w", str(round(warm_up)), "--json", "--quiet"]
    return command if "-d" in load else [*command, "-d", str(round(seconds))]


def java_command(class_path, load, make, seconds, warm_up):
    """A client that the broker has not seen, with the heap that Apache's tools.sh gives it."""
    mode, threads, topic = load
    return ["java", "-Xms1g", "-Xmx1g", "-Drocketmq.client.logUseSlf4j=false", f"-Duser.home={make.folder}", "-cp", class_path, "JavaLoad",
            mode, make.namesrv.address, topic, threads, "1024", str(warm_up), str(seconds), str(make.broker.pid)]


def run_load(command, seconds):
    """Runs a load that ought to end after `seconds`; returns what its last line says."""
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=makes.die_with_parent)
    children.add(process)
    name = next((Path(a).name for a in command if a.endswith(("JavaLoad", "mqbench"))), command[0])
    try:
        out, errors = process.communicate(timeout=seconds + END_SECONDS)
    except subprocess.TimeoutExpired:
        raise Failed(f"{name}: no end {END_SECONDS} s after its time")
    finally:
        if process.poll() is None:
            process.kill()
            process.communicate()
        children.discard(process)
    lines = [line for line in out.splitlines() if line.startswith("{")]
    if not lines:
        raise Failed(f"{name} ended with {process.returncode}: {(errors or out).strip()[-300:]}")
    figures = json.loads(lines[-1])
    if not figures["messages"] and not figures.get("passed_over"):
        raise Failed(f"refused: {figures.get('errors')} errors, the first with code {figures.get('first_error_code')}"
                     if figures.get("errors") else "nothing went through")
    return with_derived(figures)


def with_derived(f):
    """What a filter looked at: what it let through and what it passed over."""
    if f.get("passed_over"):
        f["scanned_per_second"] = (f["passed_over"] + f["messages"]) / f["seconds"]
        f["cpu_us_per_scanned"] = f["cpu_percent"] * 1e4 / f["scanned_per_second"]
    return f


def kill_all():
    for child in list(children):
        child.kill()


def sync():
    """What the turn before left to be written is not the next one's."""
    os.sync()
