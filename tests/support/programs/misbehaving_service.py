"""A service that misbehaves as its arguments say, then waits to be ended: python misbehaving_service.py HABIT..."""

import os
import signal
import sys
import threading
import time
from pathlib import Path


def wait_for_ever() -> None:
    while True:
        signal.pause()


def late() -> None:
    time.sleep(0.2)


def deaf() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


def failing() -> None:
    print("Traceback (most recent call last):\n  File ...\nValueError: no luck today", file=sys.stderr)
    sys.exit(3)


def crashing() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def chatty() -> None:
    for stream in (sys.stdout, sys.stderr):
        stream.write("word\n" * (1 << 20) + "the last word\n")
        stream.flush()


def threads() -> None:
    for _ in range(3):
        threading.Thread(target=threading.Event().wait, daemon=True).start()


def family() -> None:
    """A child, one in a session of its own, and a daemon that nobody is the parent of; none of them listens."""
    for generations, leads in ((1, False), (1, True), (2, True)):
        ready, tell = os.pipe()
        descend(generations, leads, tell)
        os.read(ready, 1)
        if generations > 1:
            os.wait()


def descend(generations: int, leads: bool, tell: int) -> None:
    child = os.fork()
    if child:
        if generations == 0:
            os._exit(0)
        return
    if leads:
        os.setsid()
    if generations > 1:
        descend(0, leads, tell)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, signal.SIG_IGN)
    os.write(tell, b"!")
    wait_for_ever()


def untidy() -> None:
    """Leaves in its directory what is hard to remove: a tree, and a symbolic link to a directory."""
    directory = Path(os.environ["UNTIDY"])
    (directory / "a/b").mkdir(parents=True)
    (directory / "a/b/file").touch()
    (directory / "link").symlink_to(directory.parent)


def journal() -> None:
    """Writes down when it starts and when it is asked to stop."""
    note("up")

    def leave(*_: object) -> None:
        note("down")
        sys.exit(0)

    signal.signal(signal.SIGTERM, leave)


def note(what: str) -> None:
    with Path(os.environ["JOURNAL"]).open("a") as file:
        file.write(f"{os.environ['NAME']} {what}\n")


HABITS = {habit.__name__: habit for habit in (late, deaf, failing, crashing, chatty, threads, family, untidy, journal)}

if __name__ == "__main__":
    for name in sys.argv[1:]:
        HABITS[name]()
    print("up", flush=True)
    wait_for_ever()
