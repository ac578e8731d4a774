"""Traces which thread wakes which, and when each runs, with `perf record`, in bursts of their own; not timed."""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, MachineError
from harness.load.visits import Visitor
from harness.model import Experiment
from harness.model.record import SessionWaiting
from harness.observe.perf import RIGHTS_ADVICE, Pids, can_count, tasks_of
from harness.observe.recording import Turns, failure_text, read_events, record_turns, recording_obstacle
from harness.observe.sched_trace import FIELDS, RECORD_OPTIONS, SCRIPT_OPTIONS, Trace, read_trace
from harness.observe.wake_chain import Threads, arm_waiting

TURN_S = 0.05
SETTLE, MIN_REQUESTS, MAX_REQUESTS = 3, 5, 75  # of a turn
BUFFER = "1M"  # of each CPU: perf itself wakes when a quarter is full
UNKNOWN_WAITING = "What a request waits for is not known:"


@dataclass(frozen=True, slots=True)
class WaitingPass:
    """The waiting of a session, or a sentence on why it is not known."""

    waiting: SessionWaiting | None = None
    unseen: tuple[str, ...] = ()


def waiting_obstacle(experiment: Experiment) -> str | None:
    """Return why the wake-ups of `experiment` cannot be traced here; None if they can."""
    return recording_obstacle(experiment) or (None if can_count() else f"it needs more rights. {RIGHTS_ADVICE}")


def trace_bursts(visitors: Sequence[tuple[Visitor, Pids]], directory: Path, request_s: float, seed: str) -> WaitingPass:
    """Trace the arms in turns in random order, or return a sentence on why perf could not.

    `request_s` is roughly the time of a request.
    """
    fitting = int(TURN_S / request_s) if request_s > 0 else MAX_REQUESTS
    turns = Turns(SETTLE, min(max(fitting, MIN_REQUESTS), MAX_REQUESTS), seed)
    try:
        return WaitingPass(_trace_bursts(visitors, directory, turns))
    except HarnessError as error:
        return WaitingPass(unseen=(f"{UNKNOWN_WAITING} {failure_text(error, directory)}",))


def _trace_bursts(visitors: Sequence[tuple[Visitor, Pids]], directory: Path, turns: Turns) -> SessionWaiting:
    roles = {pid: role for _, pids in visitors for role, role_pids in pids.items() for pid in role_pids}
    tasks = tasks_of({role: [pid for pid, own in roles.items() if own == role] for role in set(roles.values())})
    bursts = record_turns((*RECORD_OPTIONS, "-m", BUFFER), [visitor for visitor, _ in visitors], turns, directory)
    with read_events(directory, FIELDS, *SCRIPT_OPTIONS) as lines:
        trace = read_trace(lines)
    threads = Threads(trace, tasks | _later_threads(trace, roles), os.getpid())
    arms = []
    for arm in dict.fromkeys(burst.window.arm for burst in bursts):
        own = [burst.burst for burst in bursts if burst.window.arm == arm]
        times = [list(zip(burst.start_ns, burst.latency_ns, strict=True)) for burst in own]
        arms.append(arm_waiting(arm, times, threads))
    known = tuple(waiting for waiting in arms if waiting and waiting.incomplete < waiting.requests)
    if not known:
        raise MachineError("perf saw no thread of the servers run.")
    return SessionWaiting(bursts=tuple(burst.row for burst in bursts), arms=known)


def _later_threads(trace: Trace, roles: Mapping[int, str]) -> dict[int, str]:
    """Return the roles of the threads of known processes."""
    return {thread: roles[pid] for thread, pid in trace.processes.items() if pid in roles}
