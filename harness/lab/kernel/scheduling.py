"""Niceness, scheduling class and timer slack of server processes; their children inherit them."""

import os
from pathlib import Path
from typing import assert_never

from harness.errors import MachineError
from harness.lab.kernelfiles import read
from harness.model.knobs import OfServers

POLICIES = {
    "other": os.SCHED_OTHER,
    "batch": os.SCHED_BATCH,
    "idle": os.SCHED_IDLE,
    "fifo": os.SCHED_FIFO,
    "rr": os.SCHED_RR,
}
REAL_TIME_POLICIES = ("fifo", "rr")
LOWEST_PRIORITY = 1


def start_with(pid: int, change: OfServers) -> None:
    """Apply `change` to a process. Raises MachineError where the kernel refuses."""
    try:
        _set(pid, change)
    except OSError as error:
        raise MachineError(
            f"{change.name} = {change.value}: the kernel refuses it for a process of this user: {error.strerror}. "
            "Run barehop as root, or choose another value."
        ) from None


def seen_of(pid: int, change: OfServers) -> str:
    """Return the present value of the process. Raises OSError when it has ended."""
    match change.name:
        case "nice":
            return str(os.getpriority(os.PRIO_PROCESS, pid))
        case "scheduling":
            number = os.sched_getscheduler(pid)
            return next((name for name, policy in POLICIES.items() if policy == number), str(number))
        case "timer_slack_ns":
            return read(Path(f"/proc/{pid}/timerslack_ns")) or "unknown"
        case _:
            assert_never(change.name)


def _set(pid: int, change: OfServers) -> None:
    match change.name:
        case "nice":
            os.setpriority(os.PRIO_PROCESS, pid, int(change.value))
        case "scheduling":
            name = str(change.value)
            priority = LOWEST_PRIORITY if name in REAL_TIME_POLICIES else 0
            os.sched_setscheduler(pid, POLICIES[name], os.sched_param(priority))
        case "timer_slack_ns":
            Path(f"/proc/{pid}/timerslack_ns").write_text(str(change.value))
        case _:
            assert_never(change.name)
