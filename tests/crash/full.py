"""A disk that is really full: the store on a small file system of its own, filled by the load itself.

    loop    ext4 in a file, mounted through a loop device: needs root and losetup
    tmpfs   in a user and mount namespace where root is not to be had: that part of the run is started again under `unshare`

Sends must be refused, consumers go on; the broker is stopped and started on the full disk, and consumers go on again; once a ballast file is
gone it takes messages by itself.  Then the history must hold.
"""

import os
import pathlib
import subprocess
import sys
import tempfile
import time

from history import Violation
from load import Load, make_groups

import faults

BYTES = 32 << 20
BALLAST = 20 << 20
KINDS = ["loop", "tmpfs"]
PROPERTIES = {"cleanFileForciblyEnable": "false", "diskSpaceWarningLevelRatio": 100, "diskSpaceCleanForciblyRatio": 100,
              "diskMaxUsedSpaceRatio": 95}


class CannotMount(Exception):
    pass


def run(*command):
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise CannotMount(f"{' '.join(map(str, command))}: {done.stderr.strip() or done.returncode}")


def mount(kind, folder, image):
    folder.mkdir(parents=True, exist_ok=True)
    try:
        if kind == "tmpfs":
            run("mount", "-t", "tmpfs", "-o", f"size={BYTES}", "none", folder)
            return
        with open(image, "wb") as f:
            f.truncate(BYTES)
        run("mkfs.ext4", "-q", "-F", "-m", "0", image)
        run("mount", "-o", "loop", image, folder)
    except FileNotFoundError as e:
        raise CannotMount(str(e)) from e


def can_mount(kind):
    """None, or why not."""
    with tempfile.TemporaryDirectory() as at:
        folder = pathlib.Path(at) / "m"
        try:
            mount(kind, folder, pathlib.Path(at) / "image")
            unmount(folder)
            return None
        except CannotMount as e:
            return str(e)


def unmount(folder):
    subprocess.run(["umount", "-l", folder], capture_output=True, check=False)


def in_namespace(arguments):
    """The command line that runs this harness where it may mount."""
    return ["unshare", "--user", "--map-root-user", "--mount", sys.executable, os.path.abspath(sys.argv[0]), *arguments]


def run_case(store, kind, name, seed):
    broker, history = store.broker, store.history
    broker.properties.update(PROPERTIES)
    mount(kind, broker.store, broker.folder / "image")
    ballast = broker.store / "ballast"
    ballast.write_bytes(b"b" * BALLAST)
    history.begin_life()
    fill(store, name, seed)
    broker.start()                      # on the full disk
    load = Load(broker.port, history, name + "again", f"{seed}/{name}", store.deletes, is_eager=True, may_refuse={faults.SERVICE_NOT_AVAILABLE})
    try:
        w = faults.Witness(store, load)
        w.consumers_go_on()
        w.until("a send was refused", lambda: w.send() == faults.SERVICE_NOT_AVAILABLE)
        ballast.unlink()
        w.until("a send was taken again", lambda: w.send() == 0)
        load.start()
        time.sleep(0.3)
    finally:
        errors = load.join()
        broker.kill()
    if errors:
        raise Violation("; ".join(errors))


def fill(store, name, seed):
    """A life of the broker until its disk is full, and a bit longer; it is stopped in order."""
    broker, history = store.broker, store.history
    broker.start()
    make_groups(broker.port)
    load = Load(broker.port, history, name, f"{seed}/{name}", store.deletes, is_eager=True, may_refuse={faults.SERVICE_NOT_AVAILABLE})
    load.start()
    try:
        w = faults.Witness(store, load)
        w.until("the disk was full", lambda: history.refused > 0 and w.state() != "writable")
        if w.state() != "read-only for now":
            raise Violation(f"the store is {w.state()}")
        w.consumers_go_on()
    finally:
        errors = load.join()
        status = broker.stop()
    if errors or status != 0:
        raise Violation("; ".join(errors) or f"exit status {status} of a stop on a full disk")
    if history.violations:
        raise Violation(history.violations[0])
