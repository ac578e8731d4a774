"""One run at a time, and the kernel gives the machine free however a run ends."""

import subprocess
import sys
from uuid import uuid4

import pytest
from services import eventually, python_environment

from harness.errors import MachineError
from harness.lab.lock import only_run

HOLD = """
import sys, threading
from harness.lab.lock import only_run
with only_run("\\0" + sys.argv[1]):
    print("held", flush=True)
    threading.Event().wait()
"""


def is_free(name: str) -> bool:
    try:
        with only_run("\0" + name):
            return True
    except MachineError:
        return False


def test_a_second_run_is_refused_until_the_first_has_ended_even_by_sigkill() -> None:
    name = f"barehop-test-{uuid4().hex}"
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, name], stdout=subprocess.PIPE, env=python_environment()
    ) as first:
        try:
            assert first.stdout is not None
            assert first.stdout.readline() == b"held\n"
            with pytest.raises(MachineError, match=r"^Another run of barehop is measuring on this machine\. Wait"):
                only_run("\0" + name).__enter__()
        finally:
            first.kill()
    assert eventually(lambda: is_free(name))


def test_a_run_that_failed_holds_nothing() -> None:
    name = f"barehop-test-{uuid4().hex}"
    with pytest.raises(ZeroDivisionError), only_run("\0" + name):
        raise ZeroDivisionError
    assert is_free(name)
