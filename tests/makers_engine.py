"""Functions for engines that behave badly, and factories for them."""

import ctypes
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path


def well_behaved(item):
    return item * 2


def bad(item):
    """Do what the item names; double a number."""
    return DEEDS[item](item) if item in DEEDS else well_behaved(item)


def hang(item):
    time.sleep(3600)


def hang_in_c_without_letting_go(item):
    ctypes.PyDLL(None).pause()  # PyDLL keeps the interpreter's lock


def eat(item):
    return len(bytearray(64 << 30))


def read_nothing(item):
    return ctypes.string_at(0)


def chatter(item):
    os.write(1, b"noise on stdout\n")
    os.write(2, b"noise on stderr\n")
    return "spoken"


def unpicklable(item):
    return lambda: item


HELD = []


def leak(item):
    """Leak 8 MiB; return the process ID."""
    HELD.append(bytearray(os.urandom(1 << 16)) * 128)
    return os.getpid()


def wait_for_a_writer(item):
    """Wait until data are written into the pipe `item`, and return them."""
    return Path(item).read_bytes()


def fail(item):
    raise KeyError("Doe^Jane")


DEEDS = {
    "segfault": read_nothing,
    "exit": lambda item: os._exit(3),
    "sys.exit": lambda item: sys.exit(4),
    "abort": lambda item: os.abort(),
    "hang": hang,
    "hang in C": hang_in_c_without_letting_go,
    "eat": eat,
    "leak": leak,
    "raise": fail,
    "unpicklable": unpicklable,
    "chatter": chatter,
    "pid": lambda item: os.getpid(),
    "threads": lambda item: os.environ["OMP_NUM_THREADS"],
}


def make_bad() -> Callable:
    return bad


def patient(item):
    return wait_for_a_writer(item) if isinstance(item, str) else well_behaved(item)


def make_patient() -> Callable:
    return patient


def make_well_behaved() -> Callable:
    return well_behaved


def make_late() -> Callable:
    raise OSError("no weights")


def make_dead() -> Callable:
    os._exit(9)


class CrashOnce:
    """Crashes at its first call, of which a file on the disk tells; then works."""

    def __init__(self, mark: Path):
        self.mark = mark

    def __call__(self) -> Callable:
        return self.call

    def call(self, item):
        if item == "once" and not self.mark.exists():
            self.mark.touch()
            os.abort()
        return item
