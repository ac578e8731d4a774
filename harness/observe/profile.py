"""Samples the functions that run while an arm is served, with `perf record`, in bursts of their own; not timed."""

import os
import random
import re
from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.errors import HarnessError, MachineError
from harness.load.visits import Visitor
from harness.model import Experiment
from harness.model.profile import KERNEL_SUFFIX
from harness.model.record import SessionProfile
from harness.observe.perf import Pids, tasks_of
from harness.observe.recording import (
    TURNS,
    RecordedBurst,
    Turns,
    Window,
    failure_text,
    read_events,
    record_turns,
    recording_obstacle,
)
from harness.testbed.machine.procfs import read_int

TIMER = "cpu-clock"
TURN_S = 0.4
PARTS = 8  # of a turn: the arms alternate so fast that a machine that becomes slower does so for all of them
# A thread's timer stands still while the thread waits: a constant period samples the same places of each request.
PERIOD_SPREAD = 0.25  # so each turn draws its own period
MIN_REQUESTS, MAX_REQUESTS = 5, 2000  # of a turn
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


@dataclass(frozen=True, slots=True)
class Sampling:
    """How many samples a second of CPU time perf takes, and how it finds the callers."""

    per_s: int
    callers: str

    def options(self, event: str, seed: str) -> tuple[str, ...]:
        """Return the options of perf for a turn; `seed` decides the period of a timer."""
        chance = random.Random(seed)  # noqa: S311 - chance, not secrecy
        factor = 1 + chance.uniform(-PERIOD_SPREAD, PERIOD_SPREAD)
        rate = ("-c", str(round(1e9 / self.per_s * factor))) if event == TIMER else ("-F", str(self.per_s))
        return ("-e", event, *rate, "--call-graph", self.callers)


# Each sample delays the request by about 20 us in a virtual machine: more of them show another app than the one timed.
FRAME_POINTERS = Sampling(4000, "fp")
DWARF = Sampling(2000, "dwarf")  # a sample copies 8 KiB of stack

Stack = tuple[str, str, str]  # arm, role, and the folded stack: its functions from the outermost, joined with ";"


@dataclass(frozen=True, slots=True)
class ProfilePass:
    """The samples of a session by stack, and its bursts; or a sentence on what is not known."""

    profile: SessionProfile | None = None
    stacks: Mapping[Stack, int] | None = None
    unseen: tuple[str, ...] = ()


def profile_obstacle(experiment: Experiment, proc: Path = Path("/proc")) -> str | None:
    """Return why `experiment` cannot be profiled here; None if it can."""
    if obstacle := recording_obstacle(experiment):
        return obstacle
    if _is_paranoid(proc) and os.geteuid() != 0:
        return f"this user may not profile the kernel. {RIGHTS_ADVICE}"
    return None


def _is_paranoid(proc: Path = Path("/proc")) -> bool:
    """Return whether only root may profile the kernel."""
    return (read_int(proc / "sys/kernel/perf_event_paranoid") or 0) > MAX_PARANOID


def sampling_event(devices: Path = DEVICES) -> str:
    """Return the event that takes the samples: cycles with a PMU; without, as in most virtual machines, a timer."""
    has_pmu = any(True for name in PMU_NAMES for _ in devices.glob(name))
    return "cycles" if has_pmu else TIMER


def profile_bursts(
    visitors: Sequence[tuple[Visitor, Pids]],
    directory: Path,
    request_s: float,
    seed: str,
    sampling: Sampling = FRAME_POINTERS,
) -> ProfilePass:
    """Profile the arms in turns in random order, or return a sentence on why perf could not.

    `request_s` is roughly the time of a request.
    """
    fitting = int(TURN_S / request_s) if request_s > 0 else MAX_REQUESTS
    try:
        requests = min(max(fitting, MIN_REQUESTS), MAX_REQUESTS)
        return _profile_bursts(visitors, directory, requests, seed, sampling)
    except HarnessError as error:
        rights = f" {RIGHTS_ADVICE}" if _is_paranoid() else ""
        return ProfilePass(unseen=(f"{UNKNOWN_PROFILE} {failure_text(error, directory)}{rights}",))


def _profile_bursts(
    visitors: Sequence[tuple[Visitor, Pids]], directory: Path, requests: int, seed: str, sampling: Sampling
) -> ProfilePass:
    """Profile each turn by a perf of its own, because perf keeps its period; in a turn the arms alternate."""
    parts = max(min(PARTS, requests // MIN_REQUESTS), 1)
    event = sampling_event()
    roles = {pid: role for _, pids in visitors for role, role_pids in pids.items() for pid in role_pids}
    tasks = ",".join(map(str, tasks_of({"all": list(roles)})))
    bursts: list[RecordedBurst] = []
    stacks: Counter[Stack] = Counter()
    for turn in range(TURNS):
        seed_of_turn = f"{seed}/{turn}"
        options = (*sampling.options(event, f"{seed_of_turn}/period"), "-t", tasks)
        turns = Turns(requests // parts, 0, seed_of_turn, numbers=range(turn * parts, (turn + 1) * parts))
        of_turn = record_turns(options, [visitor for visitor, _ in visitors], turns, directory)
        with read_events(directory, "pid,tid,time,ip,sym,dso", "--no-inline") as lines:
            stacks += fold_stacks(lines, roles.get, [burst.window for burst in of_turn])
        bursts += of_turn
    if not stacks:
        raise MachineError("perf took no samples.")
    profile = SessionProfile(event=event, bursts=tuple(burst.row for burst in bursts))
    return ProfilePass(profile, stacks, (NAMELESS,) if is_nameless(stacks) else ())


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
