"""Samples the functions that run while an arm is served, with `perf record`, in bursts of their own; not timed."""

import os
import random
import re
import signal
import time
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, MachineError
from harness.experiment.arms import stacks_of
from harness.load.visits import AFTERMATH_S, Visitor
from harness.model import Experiment, VisitRow
from harness.model.profile import KERNEL_SUFFIX
from harness.model.record import SessionProfile
from harness.observe.perf import INSTALL_ADVICE, Pids, tasks_of
from harness.testbed.machine.procfs import read_int
from harness.testbed.processes.output import read_log_end
from harness.testbed.processes.process import (
    SupervisedCommand,
    SupervisedProcess,
    log_excerpt,
    run_program,
    start_command,
)
from harness.testbed.servers.programs import find_program

FREQUENCY_PER_S = 9999
TURNS = 4  # of each arm in a session
TURN_S = 0.2
MIN_REQUESTS, MAX_REQUESTS = 5, 2000  # of a turn
START_S, POLL_S, END_S, SCRIPT_S = 10.0, 0.01, 30.0, 120.0
PMU_NAMES = ("cpu", "cpu_core", "armv8_*")
DEVICES = Path("/sys/bus/event_source/devices")
MAX_PARANOID = 1  # at which a user may profile the kernel
UNKNOWN_PROFILE = "The functions that make the difference are not known:"
RIGHTS_ADVICE = (
    "Run barehop as root with all its capabilities, or: sysctl kernel.perf_event_paranoid=1 kernel.kptr_restrict=0"
)
NAMELESS = f"The kernel hid its functions from perf. {RIGHTS_ADVICE}"
UNKNOWN = "[unknown]"
NAMELESS_KERNEL = f"[kernel]{KERNEL_SUFFIX}"
# Suffixes of the parts and copies that compilers make of a function, which differ between builds.
BUILD_SUFFIXES = re.compile(r"(\.(isra|constprop|part|cold|localalias|llvm|lto_priv)(\.\d+)*|_noprof)+$")
HEADER = re.compile(r"\s*(\d+)/\d+\s+(\d+)\.(\d{9}):\s*$")
FRAME = re.compile(r"\s*([0-9a-f]+) (.+) \((.*)\)\s*$")

Stack = tuple[str, str, str]  # arm, role, and the folded stack: its functions from the outermost, joined with ";"


@dataclass(frozen=True, slots=True)
class Window:
    """The time of a burst, in nanoseconds of the monotonic clock."""

    arm: str
    start_ns: int
    end_ns: int


@dataclass(frozen=True, slots=True)
class ProfilePass:
    """The samples of a session by stack, and its bursts; or a sentence on what is not known."""

    profile: SessionProfile | None = None
    stacks: Mapping[Stack, int] | None = None
    unseen: tuple[str, ...] = ()


def profile_obstacle(experiment: Experiment, proc: Path = Path("/proc")) -> str | None:
    """Return why `experiment` cannot be profiled here; None if it can."""
    if find_program("perf") is None:
        return f"there is no program 'perf'. {INSTALL_ADVICE}"
    if not stacks_of(experiment):
        return "only servers that barehop starts are profiled."
    if not all(arm.settings.is_sequential for arm in experiment.arms):
        return "only arms that barehop's own client asks one request at a time are profiled."
    if _is_paranoid(proc) and os.geteuid() != 0:
        return f"this user may not profile the kernel. {RIGHTS_ADVICE}"
    return None


def _is_paranoid(proc: Path = Path("/proc")) -> bool:
    """Return whether only root may profile the kernel."""
    return (read_int(proc / "sys/kernel/perf_event_paranoid") or 0) > MAX_PARANOID


def sampling_event(devices: Path = DEVICES) -> str:
    """Return the event that takes the samples: cycles with a PMU; without, as in most virtual machines, a timer."""
    has_pmu = any(True for name in PMU_NAMES for _ in devices.glob(name))
    return "cycles" if has_pmu else "cpu-clock"


def profile_bursts(
    visitors: Sequence[tuple[Visitor, Pids]], directory: Path, request_s: float, seed: str
) -> ProfilePass:
    """Profile the arms in turns in random order, or return a sentence on why perf could not.

    `request_s` is roughly the time of a request.
    """
    fitting = int(TURN_S / request_s) if request_s > 0 else MAX_REQUESTS
    try:
        return _profile_bursts(visitors, directory, min(max(fitting, MIN_REQUESTS), MAX_REQUESTS), seed)
    except HarnessError as error:
        log = directory / "perf.log"
        has_log = log.exists() and log.stat().st_size
        text = f"perf said {' '.join(log_excerpt(log, 3).split())[:200]!r}." if has_log else str(error)
        rights = f" {RIGHTS_ADVICE}" if _is_paranoid() else ""
        return ProfilePass(unseen=(f"{UNKNOWN_PROFILE} {text}{rights}",))


def _profile_bursts(visitors: Sequence[tuple[Visitor, Pids]], directory: Path, requests: int, seed: str) -> ProfilePass:
    program, event = find_program("perf") or "perf", sampling_event()
    roles = {pid: role for _, pids in visitors for role, role_pids in pids.items() for pid in role_pids}
    with _start_perf(program, event, tasks_of({"all": list(roles)}), directory) as perf:
        chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
        bursts = list(_visit_in_turns([visitor for visitor, _ in visitors], requests, chance))
        os.kill(perf.main_pid(), signal.SIGINT)
        perf.wait(END_S)
    windows, rows = [window for window, _ in bursts], tuple(row for _, row in bursts)
    stacks = _read_stacks(program, directory, roles, windows)
    if not stacks:
        raise MachineError("perf took no samples.")
    profile = SessionProfile(event=event, bursts=rows)
    return ProfilePass(profile, stacks, (NAMELESS,) if is_nameless(stacks) else ())


@contextmanager
def _start_perf(program: str, event: str, tasks: Iterable[int], directory: Path) -> Iterator[SupervisedProcess]:
    """Start perf for `tasks`, and wait until it takes samples: it then starts its own command, which says so."""
    directory.mkdir(parents=True, exist_ok=True)
    argv = (
        program, "record", "-e", event, "-F", str(FREQUENCY_PER_S), "-g", "-k", "mono", "-B", "-N", "--no-bpf-event",
        "-o", "perf.data", "-t", ",".join(map(str, tasks)), "sh", "-c", "touch started && exec sleep 3600",
    )  # fmt: skip
    log, env = directory / "perf.log", {**os.environ, "LC_ALL": "C"}
    with start_command(SupervisedCommand(name="perf", argv=argv, log=log, cwd=directory, env=env)) as perf:
        deadline = time.monotonic() + START_S
        while not (directory / "started").exists():
            perf.check()
            if time.monotonic() > deadline:
                raise MachineError(f"perf took no samples within {START_S:g} s.")
            time.sleep(POLL_S)
        yield perf


def _visit_in_turns(
    visitors: Sequence[Visitor], requests: int, chance: random.Random
) -> Iterator[tuple[Window, VisitRow]]:
    """Send the bursts of each turn; yield the time of each of them, and its CPU time per request under perf."""
    for turn in range(TURNS):
        for place, visitor in enumerate(chance.sample(visitors, len(visitors))):
            if visitor.before_visit:
                visitor.before_visit()
            before, start_ns = visitor.cpu(), time.monotonic_ns()
            visitor.send(requests, 0, 0)
            time.sleep(AFTERMATH_S)
            end_ns, after = time.monotonic_ns(), visitor.cpu()
            cpu_us = {role: round((after[role] - before[role]) / 1000 / requests, 4) for role in after}
            row = VisitRow(round=turn, order=place, arm=visitor.arm, requests=requests, mean_us=None, cpu_us=cpu_us)
            yield Window(visitor.arm, start_ns, end_ns), row


def _read_stacks(program: str, directory: Path, roles: Mapping[int, str], windows: Sequence[Window]) -> Counter[Stack]:
    """Return the samples of perf.data in `directory` by stack."""
    argv = (program, "script", "-i", "perf.data", "--no-inline", "--ns", "-F", "pid,tid,time,ip,sym,dso")
    if run_program(argv, directory, SCRIPT_S):
        raise MachineError(read_log_end(directory / "stderr.txt"))
    with (directory / "stdout.txt").open(encoding="utf-8", errors="replace") as lines:
        return fold_stacks(lines, roles.get, windows)


def fold_stacks(
    lines: Iterable[str], role_of: Callable[[int], str | None], windows: Sequence[Window]
) -> Counter[Stack]:
    """Return the samples by stack from the output of `perf script -F pid,tid,time,ip,sym,dso --ns`.

    A sample is a line `PID/TID SECONDS.NANOSECONDS:`, then a line for each frame, the innermost first, and an empty
    line. Samples outside the `windows`, which are in order of time, and of other processes are left out.
    """
    stacks: Counter[Stack] = Counter()
    starts = [window.start_ns for window in windows]
    names: dict[str, str] = {}  # by line: most lines occur many times
    arm, role, frames = "", "", list[str]()
    for line in lines:
        if header := HEADER.match(line):
            time_ns = int(header[2]) * 10**9 + int(header[3])
            index = bisect_right(starts, time_ns) - 1
            is_inside = index >= 0 and time_ns < windows[index].end_ns
            arm, role, frames = windows[index].arm if is_inside else "", role_of(int(header[1])) or "", []
        elif line.strip():
            if line not in names:
                names[line] = frame_name(line)
            frames.append(names[line])
        elif arm and role and frames:
            stacks[arm, role, _join(frames)] += 1
            frames = []
    if arm and role and frames:  # without an empty line at the end
        stacks[arm, role, _join(frames)] += 1
    return stacks


def _join(frames: Sequence[str]) -> str:
    """Return the stack from the outermost frame; without the addresses that are no code, except the innermost."""
    innermost, *outer = frames
    return ";".join([*reversed([name for name in outer if name != UNKNOWN]), innermost])


def frame_name(line: str) -> str:
    """Return the function of a line `ADDRESS FUNCTION (FILE)`, alike in all builds.

    `tcp_ack_[k]` is of the kernel, `malloc (libc.so.6)` of a file; code without a name is called `[libc.so.6]`.
    """
    match = FRAME.match(line.replace(" (deleted)", ""))
    if match is None:
        return UNKNOWN
    address, symbol, file = match.groups()
    is_kernel = file.startswith("[kernel") or (len(address) == 16 and address.startswith("ffff"))
    file = Path(file).name.strip("[]").replace(";", ":")
    if symbol == UNKNOWN:
        return NAMELESS_KERNEL if is_kernel else f"[{file}]"
    name = BUILD_SUFFIXES.sub("", symbol).replace(";", ":")
    return f"{name}{KERNEL_SUFFIX}" if is_kernel else f"{name} ({file})"


def is_nameless(stacks: Mapping[Stack, int]) -> bool:
    """Return whether most samples in the kernel have no function: the kernel hides its addresses from perf."""
    of_kernel = {stack: count for stack, count in stacks.items() if stack[2].endswith(KERNEL_SUFFIX)}
    nameless = sum(count for stack, count in of_kernel.items() if stack[2].endswith(NAMELESS_KERNEL))
    return not of_kernel or 2 * nameless > sum(of_kernel.values())
