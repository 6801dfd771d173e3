#!/usr/bin/env python3
"""broker_wire.py again, with the sockets on two network threads (ioThreads=2)."""

import os
import pathlib
import runpy
import sys

sys.dont_write_bytecode = True
os.environ["FUSEE_IO_THREADS"] = "2"
runpy.run_path(str(pathlib.Path(__file__).parent / "broker_wire.py"), run_name="__main__")
