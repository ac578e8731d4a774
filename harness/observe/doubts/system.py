"""Doubts about the system: places, settings, swap, environment, logs, the lock, changes since the run began."""

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from harness.model import SERVER_ROLES, Doubt
from harness.model.record import ArmProof
from harness.observe.doubts.context import Context
from harness.observe.doubts.kinds import doubt
from harness.observe.host.facts import read_sysctls
from harness.observe.host.serving import disturbing_variables
from harness.observe.processes import stray_threads
from harness.testbed.kernel.lock import LOCK_VARIABLE, holds_lock, machine_lock
from harness.testbed.machine.procfs import filesystem_of, read_text

# A few lines about a worker or a deprecation are ordinary; a line for each request is not.
ORDINARY_BYTES = 16 << 10
ORDINARY_BYTES_PER_REQUEST = 10.0

CLOCK_SOURCE = "the clock source"
_SELF_CHANGING = "kernel.perf_event_max_sample_rate"  # the kernel lowers it while a profiler runs

# In memory an access time costs next to nothing, and systemd mounts /dev/shm with strictatime.
_MEMORY_FILESYSTEMS = ("tmpfs", "ramfs")
_SPARING_OPTIONS = {"noatime", "relatime"}

# Mostly of 4 KiB. A few pages of another program's idle memory do no harm; a server that is swapped in needs thousands.
SWAPPED_PAGES = 100
_SWAP_COUNTERS = ("pswpin", "pswpout")


def change_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt where any fact of the host has changed since the run began."""
    if context.changes:
        changes = " ".join(context.changes)
        yield doubt("changed", f"The run was resumed on a machine that has changed since it began: {changes}")


def environment_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt for each variable of the applications' first workers that disturbs. man 5 proc: environ."""
    pids = [pid for stack in context.processes for pid in stack.pids.get("app", ())[:1]]
    texts = (read_text(context.roots.proc / str(pid) / "environ") or "" for pid in pids)
    pairs = (pair.partition("=") for text in texts for pair in text.split("\0"))
    for name, effect in disturbing_variables({name: value for name, separator, value in pairs if separator}):
        yield doubt("environment", f"{name} is set for the servers: {effect}.")


def layout_doubts(proofs: Mapping[str, ArmProof]) -> Iterator[Doubt]:
    """Yield a doubt where servers that should have the same memory layout have random addresses."""
    layouts = {arm: proof["layout"] for arm, proof in proofs.items() if "layout" in proof}
    arms = [
        arm
        for arm, layout in layouts.items()
        if layout["setting"] == "matched" and any("random" in kind for kind in layout["addresses"].values())
    ]
    if arms:
        yield doubt("layout", f"The kernel refused the same memory layout for the servers of {', '.join(arms)}.")


def lock_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt where the machine lock was not held, or is not visible everywhere."""
    lock = machine_lock(context.roots)
    is_held = holds_lock(lock.inode if lock else None, context.roots)  # None: unknown
    if other := os.environ.get(LOCK_VARIABLE, ""):
        yield doubt("lock", f"{LOCK_VARIABLE} named another lock than that of the machine ({other}).")
    elif is_held is False:
        yield doubt("lock", "This run could not hold the lock of the machine.")
    elif is_held and not (lock and lock.is_whole):
        yield doubt("lock", "This run held a lock that processes outside of its namespaces do not see.")


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
        logged = size_bytes - before.size_bytes.get((arms, server), 0)
        if logged > max(ORDINARY_BYTES, ORDINARY_BYTES_PER_REQUEST * requests):
            size = f"{logged / 1e6:.1f} MB" if logged >= 1e6 else f"{logged / 1e3:.0f} kB"
            yield doubt(
                "logging",
                f"{server} of {arms} logged {size} while requests were measured, {logged / requests:.0f} bytes per "
                "request of the session.",
            )


def stray_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt for each stray thread of the servers and of the processes that they have started."""
    proc = context.roots.proc
    for stack in context.processes:
        pids = {role: stack.pids_of(role, proc) for role in SERVER_ROLES}
        for text in stray_threads(pids, stack.placement, proc):
            yield doubt("affinity", text)


def setting_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt for each kernel setting of host.json that is different now, and not changed by the run itself."""
    clock = context.host.get("clock", {}).get("current_clocksource")
    at_start = {**context.host.get("sysctls", {}), **({CLOCK_SOURCE: clock} if clock else {})}
    own = {*context.knobs, _SELF_CHANGING}
    if not at_start.keys() - own:
        return
    clock_now = read_text(context.roots.sys / "devices/system/clocksource/clocksource0/current_clocksource")
    now = {**read_sysctls(context.roots.proc), **({CLOCK_SOURCE: clock_now} if clock_now else {})}
    for name, value in at_start.items():
        if name not in own and now.get(name) != value:
            now_text = now.get(name, "not readable")
            yield doubt("settings", f"{name} was {value} when the run began and is {now_text} now.")


def strictatime_doubts(context: Context) -> Iterator[Doubt]:
    """Yield a doubt for each such mount with a socket. Source: touch_atime(), unix_find_bsd() in net/unix/af_unix.c."""
    for mount in (filesystem_of(directory, context.roots.proc) for directory in context.socket_directories):
        if mount.kind not in _MEMORY_FILESYSTEMS and not _SPARING_OPTIONS & set(mount.options):
            text = f"{mount.mount_point} ({mount.kind}), which holds a socket, is mounted with strictatime."
            yield doubt("strictatime", text)


def read_swap(context: Context) -> int:
    """Return the number of pages swapped in and out since the machine started."""
    rows = (line.split() for line in (read_text(context.roots.proc / "vmstat") or "").splitlines())
    return sum(int(row[1]) for row in rows if row[0] in _SWAP_COUNTERS)


def swap_doubts(before: int, after: int) -> Iterator[Doubt]:
    """Yield a doubt where more than a few pages were swapped."""
    if after - before > SWAPPED_PAGES:
        yield doubt("swap", f"{after - before} pages of memory were swapped in or out.")
