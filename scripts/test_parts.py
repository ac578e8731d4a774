"""Runs mypy and all tests: in parts side by side, or where none can be apart the unit tests beside the rest."""

import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from tempfile import TemporaryDirectory

RUN = (sys.executable, "-P", "-m")
TYPES = (*RUN, "mypy")
PYTEST = (*RUN, "pytest", "-q", "--durations=12")
AT_ONCE = 4  # more would wait for each other on two CPUs, and for so long that tests give up


def e2e_files(letters: str) -> tuple[str, ...]:
    return tuple(sorted(map(str, Path("tests/e2e").glob(f"test_[{letters}]*.py"))))


# The longest begin first. What compares values of the whole machine, test_kernel and test_ladder, is in one part.
PARTS = (
    ("tests/unit/analysis",),
    ("tests/unit", "--ignore=tests/unit/analysis"),
    e2e_files("c-g"),
    ("tests/effects", "--ignore=tests/effects/testbed"),
    e2e_files("a-b"),
    e2e_files("t-z"),
    ("tests/effects/testbed",),
    e2e_files("m-r"),
    e2e_files("s"),
    e2e_files("h-l"),
)
# Its own network and temporary directories, $0 on a disk. Not its own pids: tests look for processes by theirs.
APART = """
mount -t tmpfs -o mode=1777 tmpfs /dev/shm && mount -t tmpfs tmpfs /run && mount --bind "$0" /var/tmp &&
python -P -c 'from harness.testbed.network.namespace import bring_up_loopback; bring_up_loopback()' && exec "$@"
"""


def apart(disk: Path, command: tuple[str, ...]) -> tuple[str, ...]:
    """Return the command that runs `command` in a network and mount namespace of its own; it ends with this process."""
    return ("setpriv", "--pdeathsig", "TERM", "unshare", "--net", "--mount", "sh", "-c", APART, str(disk), *command)


def can_be_apart(disk: Path) -> bool:
    """Return whether parts can be apart here, and print why not. An ordinary user's namespaces would make it root."""
    if os.geteuid() != 0:
        return False
    try:
        trial = subprocess.run(apart(disk, ("true",)), capture_output=True, text=True, check=False)
        reason = trial.stderr.strip()
    except FileNotFoundError:
        reason = "setpriv and unshare of util-linux are missing"
    if reason:
        print(f"test: parts run one after the other, because {reason}", file=sys.stderr, flush=True)
    return not reason


def run_checks(command: tuple[str, ...]) -> bool:
    """Run one command, print its output when it has ended, and return whether all of it passed."""
    ended = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=False)
    print(ended.stdout, flush=True)
    return ended.returncode == 0


def run_apart(part: tuple[str, ...]) -> bool:
    with TemporaryDirectory(dir="/var/tmp", prefix="barehop-tests.") as directory:
        disk = Path(directory)
        disk.chmod(0o1777)
        return run_checks(apart(disk, ("env", "XDG_STATE_HOME=/var/tmp/state", *PYTEST, *part)))


def main() -> int:
    """Return the exit code: 1 where a check or a test failed."""
    # nohup, and shells that start it in the background, ignore these, and so would all that the tests start.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    with TemporaryDirectory() as directory:
        if can_be_apart(Path(directory)):
            with ThreadPoolExecutor(AT_ONCE) as pool:
                types = pool.submit(run_checks, TYPES)
                passed = list(pool.map(run_apart, PARTS))
                return int(not all((types.result(), *passed)))
    with ThreadPoolExecutor(1) as beside:
        light = [beside.submit(run_checks, command) for command in (TYPES, (*PYTEST, "tests/unit"))]
        heavy = run_checks((*PYTEST, "tests/effects", "tests/e2e"))
        return int(not all((heavy, *(one.result() for one in light))))


if __name__ == "__main__":
    sys.exit(main())
