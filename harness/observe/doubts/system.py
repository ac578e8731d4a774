"""Doubts about the system: places, settings, swap, environment, logs, the lock, changes since the run began."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness.model import SERVER_ROLES, Doubt
from harness.model.record import HostFacts
from harness.observe.doubts.context import Context, StackProcesses
from harness.observe.host.environment import disturbing_variables
from harness.observe.host.facts import read_sysctls
from harness.observe.proof import stray_threads
from harness.testbed.kernel.lock import LOCK_VARIABLE, holds_lock, machine_lock
from harness.testbed.machine.procfs import Filesystem, Roots, filesystem_of, read_text

HostChanges = tuple[str, ...]
ServerEnvironment = dict[str, str]

# A few lines about a worker or a deprecation are ordinary; a line for each request is not.
ORDINARY_BYTES = 16 << 10
ORDINARY_BYTES_PER_REQUEST = 10.0
StrayThreads = tuple[str, ...]
CLOCK_SOURCE = "the clock source"

# The kernel lowers it by itself while a profiler runs.
_SELF_CHANGING = "kernel.perf_event_max_sample_rate"

# In memory an access time costs next to nothing, and systemd mounts /dev/shm with strictatime.
_MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")
_SPARING_OPTIONS = {"noatime", "relatime"}

SocketMounts = tuple[Filesystem, ...]

# Mostly of 4 KiB. A few pages of another program's idle memory do no harm; a server that is swapped in needs thousands.
SWAPPED_PAGES = 100

_SWAP_COUNTERS = ("pswpin", "pswpout")


def read_changes(context: Context) -> HostChanges:
    """Return a sentence for each fact of the host that has changed since the run began."""
    return context.changes


def change_doubts(_before: HostChanges, after: HostChanges) -> Iterator[Doubt]:
    """Yield a doubt where any fact of the host has changed."""
    if after:
        yield Doubt(
            kind="changed",
            seen=f"The run was resumed on a machine that has changed since it began: {' '.join(after)}",
            advice="If that matters to your question, measure from the beginning: `barehop run` without --resume.",
        )


def read_environment(context: Context) -> ServerEnvironment:
    """Return the environment of the applications' first workers, all stacks together. man 5 proc: environ."""
    pids = [pid for stack in context.processes for pid in stack.pids.get("app", ())[:1]]
    texts = (read_text(context.roots.proc / str(pid) / "environ") or "" for pid in pids)
    pairs = (pair.partition("=") for text in texts for pair in text.split("\0"))
    return {name: value for name, separator, value in pairs if separator}


def environment_doubts(_before: ServerEnvironment, after: ServerEnvironment) -> Iterator[Doubt]:
    """Yield a doubt for each variable that disturbs a measurement."""
    for name, effect in disturbing_variables(after):
        yield Doubt(
            kind="environment",
            seen=f"{name} is set for the servers: {effect}.",
            advice=f"It affects all arms. Unset it (`unset {name}`) to measure the application without it.",
        )


@dataclass(frozen=True, slots=True)
class LockState:
    """Whether this process holds the machine lock (None: unknown), and the file of another lock where one is set."""

    is_held: bool | None
    is_whole: bool
    other: str


def read_lock(context: Context) -> LockState:
    """Read the state of the machine lock."""
    lock = machine_lock(context.roots)
    is_held = holds_lock(lock.inode if lock else None, context.roots)
    return LockState(is_held, is_whole=bool(lock and lock.is_whole), other=os.environ.get(LOCK_VARIABLE, ""))


def lock_doubts(_before: LockState, after: LockState) -> Iterator[Doubt]:
    """Yield a doubt where the machine lock was not held, or is not visible everywhere."""
    if after.other:
        text = f"{LOCK_VARIABLE} named another lock than that of the machine ({after.other})."
    elif after.is_held is False:
        text = "This run could not hold the lock of the machine."
    elif after.is_held and not after.is_whole:
        text = "This run held a lock that processes outside of its namespaces do not see."
    else:
        return
    yield Doubt(
        kind="lock",
        seen=text,
        advice="Another run of barehop may have used the CPUs meanwhile: make sure that none ran, or repeat this run.",
    )


@dataclass(frozen=True, slots=True)
class LogSizes:
    """The size of each log, by the arms of its stack and the server, after so many requests."""

    size_bytes: Mapping[tuple[str, str], int]
    requests: int


def read_logs(context: Context) -> LogSizes:
    """Read the size of each server's log."""
    sizes = {(log.arms, log.server): log.path.stat().st_size for log in context.logs if log.path.exists()}
    return LogSizes(sizes, context.requests)


def log_doubts(before: LogSizes, after: LogSizes) -> Iterator[Doubt]:
    """Yield a doubt for each log that grew by more than a few bytes per request."""
    requests = max(1, after.requests - before.requests)
    for (arms, server), size_bytes in after.size_bytes.items():
        logged_bytes = size_bytes - before.size_bytes.get((arms, server), 0)
        if logged_bytes > max(ORDINARY_BYTES, ORDINARY_BYTES_PER_REQUEST * requests):
            yield Doubt(
                kind="logging",
                seen=(
                    f"{server} of {arms} logged {_size(logged_bytes)} while requests were measured, "
                    f"{logged_bytes / requests:.0f} bytes per request of the session."
                ),
                advice=(
                    "Times and CPU time include writing the log. Raise the log level of the application (no DEBUG, no "
                    "access log) unless you want to measure logging."
                ),
            )


def _size(count: int) -> str:
    return f"{count / 1e6:.1f} MB" if count >= 1e6 else f"{count / 1e3:.0f} kB"


def read_strays(context: Context) -> StrayThreads:
    """Return a sentence for each stray thread of the servers and of the processes that they have started."""
    proc = context.roots.proc
    return tuple(
        text for stack in context.processes for text in stray_threads(_server_pids(stack, proc), stack.placement, proc)
    )


def _server_pids(stack: StackProcesses, proc: Path) -> dict[str, tuple[int, ...]]:
    return {role: stack.pids_of(role, proc) for role in SERVER_ROLES}


def stray_doubts(_before: StrayThreads, after: StrayThreads) -> Iterator[Doubt]:
    """Yield a doubt for each stray thread."""
    for text in after:
        yield Doubt(
            kind="affinity",
            seen=text,
            advice=(
                "Look for a daemon that balances processes, a taskset by hand, or an application that sets its own "
                "affinity: stop it, or set placement to the same CPUs."
            ),
        )


@dataclass(frozen=True, slots=True)
class KernelSettings:
    """Kernel settings by name: at the start of the run, and at the moment of reading."""

    at_start: Mapping[str, str | None]
    now: Mapping[str, str]


def read_settings(context: Context) -> KernelSettings:
    """Read all settings of host.json, without those that the run itself changes."""
    own = {*context.knobs, _SELF_CHANGING}
    at_start = {name: value for name, value in _recorded_settings(context.host).items() if name not in own}
    return KernelSettings(at_start, _current_settings(context.roots) if at_start else {})


def setting_doubts(_before: KernelSettings, after: KernelSettings) -> Iterator[Doubt]:
    """Yield a doubt for each setting that is not what it was at the start of the run."""
    for name, value in after.at_start.items():
        if after.now.get(name) != value:
            yield Doubt(
                kind="settings",
                seen=f"{name} was {value} when the run began and is {after.now.get(name, 'not readable')} now.",
                advice=(
                    "Another program changes this machine. Sessions before and after the change are not comparable: "
                    "find the program, and measure again."
                ),
            )


def _recorded_settings(host: HostFacts) -> dict[str, str | None]:
    clock = host.get("clock", {}).get("current_clocksource")
    return {**host.get("sysctls", {}), **({CLOCK_SOURCE: clock} if clock else {})}


def _current_settings(roots: Roots) -> dict[str, str]:
    clock = read_text(roots.sys / "devices/system/clocksource/clocksource0/current_clocksource")
    return {**read_sysctls(roots.proc), **({CLOCK_SOURCE: clock} if clock else {})}


def read_socket_mounts(context: Context) -> SocketMounts:
    """Read the file system of each directory with sockets."""
    return tuple(filesystem_of(directory, context.roots.proc) for directory in context.socket_directories)


def strictatime_doubts(_before: SocketMounts, after: SocketMounts) -> Iterator[Doubt]:
    """Yield a doubt for each such mount. Source: touch_atime() of unix_find_bsd() in net/unix/af_unix.c."""
    for mount in after:
        if mount.kind not in _MEMORY_FILESYSTEMS and not _SPARING_OPTIONS & set(mount.options):
            yield Doubt(
                kind="strictatime",
                seen=f"{mount.mount_point} ({mount.kind}), which holds a socket, is mounted with strictatime.",
                advice=(
                    "Every connect() writes an access time there: set TMPDIR to a directory on another mount, or "
                    "mount it with relatime."
                ),
            )


def read_swap(context: Context) -> int:
    """Return the number of pages swapped in and out since the machine started."""
    rows = (line.split() for line in (read_text(context.roots.proc / "vmstat") or "").splitlines())
    return sum(int(row[1]) for row in rows if row[0] in _SWAP_COUNTERS)


def swap_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Yield a doubt where more than a few pages were swapped."""
    if after - before > SWAPPED_PAGES:
        yield Doubt(
            kind="swap",
            seen=f"{after - before} pages of memory were swapped in or out.",
            advice="Memory is short: stop the processes that fill it, or use fewer workers, and measure again.",
        )
