"""Even SIGKILL of barehop leaves no process, socket or directory of a stack."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from tests.support.misbehaving_services import PROGRAMS, eventually, python_environment
from tests.support.stacks import machine_of


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_nothing_is_left_of_a_stack_whose_maker_is_killed(tmp_path: Path, number: signal.Signals) -> None:
    machine_of(tmp_path)
    with subprocess.Popen(
        [sys.executable, PROGRAMS / "stack_holder.py", tmp_path],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env=python_environment(),
    ) as maker:
        assert maker.stdout is not None
        held = json.loads(maker.stdout.readline())
        everybody = [psutil.Process(pid) for pid in held["pids"]]
        assert len(everybody) == 7
        assert len(held["private"]) == 3  # for scratch files, and for the sockets of two transports
        maker.send_signal(number)
    assert eventually(lambda: not any(map(is_alive, everybody)))
    assert eventually(lambda: not any(map(os.path.exists, held["private"])))
    assert not any(map(answers, held["ports"]))


def is_alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def answers(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0
