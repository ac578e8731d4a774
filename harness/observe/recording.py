"""Records events with `perf record` while all arms are visited in turns, in bursts of their own, and reads them."""

import os
import random
import signal
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import fmean

from harness.errors import HarnessError, MachineError
from harness.experiment.arms import stacks_of
from harness.load.burst import Burst
from harness.load.client import gc_disabled
from harness.load.visits import AFTERMATH_S, Visitor
from harness.model import Experiment, VisitRow
from harness.observe.perf import INSTALL_ADVICE, with_tracefs
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import (
    SupervisedCommand,
    SupervisedProcess,
    log_excerpt,
    run_program,
    start_command,
)
from harness.testbed.servers.programs import find_program

TURNS = 4  # of each arm in a session
START_S, POLL_S, END_S, SCRIPT_S = 10.0, 0.01, 30.0, 120.0
LOG = "perf.log"


@dataclass(frozen=True, slots=True)
class Turns:
    """How the arms are visited: in each turn, in an order from `seed`, `settle` and then `timed` requests."""

    settle: int
    timed: int
    seed: str
    numbers: Sequence[int] = range(TURNS)


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a burst, in nanoseconds of the monotonic clock."""

    arm: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class RecordedBurst:
    """A burst under perf: its time, its timed requests, and its row with the CPU time per request under perf."""

    window: Window
    burst: Burst
    row: VisitRow


def recording_obstacle(experiment: Experiment) -> str | None:
    """Return why no arm of `experiment` can be recorded here; None if they can."""
    if find_program("perf") is None:
        return f"there is no program 'perf'. {INSTALL_ADVICE}"
    if not stacks_of(experiment):
        return "only servers that barehop starts are recorded."
    if not all(arm.settings.is_sequential for arm in experiment.arms):
        return "only arms that barehop's own client asks one request at a time are recorded."
    return None


def record_turns(
    options: Sequence[str], visitors: Sequence[Visitor], turns: Turns, directory: Path
) -> list[RecordedBurst]:
    """Record the events that `options` of perf name while all arms are visited. perf.data is in `directory`."""
    with _start_perf(options, directory) as perf, gc_disabled():
        bursts = list(_visit_in_turns(visitors, turns))
        os.kill(perf.main_pid(), signal.SIGINT)
        perf.wait(END_S)
    return bursts


@contextmanager
def _start_perf(options: Sequence[str], directory: Path) -> Iterator[SupervisedProcess]:
    """Start perf, and wait until it records: it then starts its own command, which says so."""
    directory.mkdir(parents=True, exist_ok=True)
    (directory / "started").unlink(missing_ok=True)
    argv = (
        find_program("perf") or "perf", "record", *options, "-k", "mono", "-B", "-N", "--no-bpf-event",
        "-o", "perf.data", "sh", "-c", "touch started && exec sleep 3600",
    )  # fmt: skip
    has_tracepoints = any(":" in option for option in options)
    command = SupervisedCommand(
        name="perf",
        argv=with_tracefs(argv) if has_tracepoints else argv,
        log=directory / LOG,
        cwd=directory,
        env={**os.environ, "LC_ALL": "C"},
    )
    with start_command(command) as perf:
        deadline = time.monotonic() + START_S
        while not (directory / "started").exists():
            perf.check()
            if time.monotonic() > deadline:
                raise MachineError(f"perf recorded nothing within {START_S:g} s.")
            time.sleep(POLL_S)
        yield perf


def _visit_in_turns(visitors: Sequence[Visitor], turns: Turns) -> Iterator[RecordedBurst]:
    chance = random.Random(turns.seed)  # noqa: S311 - chance, not secrecy
    for turn in turns.numbers:
        for place, visitor in enumerate(chance.sample(visitors, len(visitors))):
            yield _visit(visitor, turns, turn, place)


def _visit(visitor: Visitor, turns: Turns, turn: int, place: int) -> RecordedBurst:
    if visitor.before_visit:
        visitor.before_visit()
    before, start_ns = visitor.cpu(), time.monotonic_ns()
    burst = visitor.send(turns.settle, turns.timed, 0)
    time.sleep(AFTERMATH_S)
    end_ns, after = time.monotonic_ns(), visitor.cpu()
    assert isinstance(burst, Burst), "only arms are recorded that our own client asks one request at a time"
    requests = turns.settle + turns.timed
    row = VisitRow(
        round=turn,
        order=place,
        arm=visitor.arm,
        requests=len(burst.latency_ns) if turns.timed else requests,
        mean_us=fmean(burst.latency_ns) / 1000 if burst.latency_ns else None,
        cpu_us={role: round((after[role] - before[role]) / 1000 / requests, 4) for role in after},
    )
    return RecordedBurst(Window(visitor.arm, start_ns, end_ns), burst, row)


@contextmanager
def read_events(directory: Path, fields: str, *options: str) -> Iterator[Iterator[str]]:
    """Yield the lines that `perf script` writes about perf.data in `directory`, with `fields` of each event."""
    argv = (find_program("perf") or "perf", "script", "-i", "perf.data", "--ns", *options, "-F", fields)
    if run_program(argv, directory, SCRIPT_S):
        raise MachineError(read_log_end(directory / "stderr.txt"))
    with (directory / "stdout.txt").open(encoding="utf-8", errors="replace") as lines:
        yield lines


def failure_text(error: HarnessError, directory: Path) -> str:
    """Return what perf said in `directory`, or else the error."""
    log = directory / LOG
    if log.exists() and log.stat().st_size:
        return f"perf said {' '.join(log_excerpt(log, 3).split())[:200]!r}."
    return str(error)
