"""Counters of each thread of each process: waiting, context switches, migrations, user and system time.

man 5 proc; Documentation/scheduler/sched-stats.rst for schedstat.
"""

from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.evidence.counters.machine import TICK_US
from harness.evidence.counters.source import Parse, Source, select_counters

SWITCHES = {"voluntary_ctxt_switches": "voluntary", "nonvoluntary_ctxt_switches": "involuntary"}
MIGRATIONS = {"se.nr_migrations": "migrations"}


def process_sources(
    pids: Mapping[str, Sequence[int]], proc: Path, started: Mapping[str, Sequence[int]] | None = None
) -> list[Source]:
    """Return the sources of processes by role; the client's come last, so that its counts include little reading.

    `started` are processes that servers have started: they may end.
    """
    roles = sorted(pids, key=lambda role: role == "client")
    others = [
        source
        for role, started_pids in (started or {}).items()
        for pid in started_pids
        for source in _process_sources(role, proc / str(pid), is_lasting=False)
    ]
    return [
        *others,
        *(source for role in roles for pid in pids[role] for source in _process_sources(role, proc / str(pid))),
    ]


def _process_sources(role: str, process: Path, *, is_lasting: bool = True) -> list[Source]:
    """Return the sources of all threads; of the client only the first, which sends the requests."""
    main = process / "task" / process.name
    tasks = {main, *(process.glob("task/[0-9]*") if role != "client" else ())}
    return [
        source
        for task in sorted(tasks)
        for source in _task_sources(role, task, main=task == main, is_lasting=is_lasting)
    ]


def _task_sources(role: str, task: Path, *, main: bool, is_lasting: bool) -> list[Source]:
    counts_children = main and role != "client"
    kinds: dict[str, tuple[Parse, str]] = {
        "stat": (
            cpu_times_with_children if counts_children else cpu_times,
            "User and system time of processes are not known.",
        ),
        "sched": (cpu_migrations, "Migrations between CPUs are not known."),
        "status": (context_switches, "Context context_switches are not known."),
        "schedstat": (wait_time, "The time that processes wait for a CPU is not known."),
    }
    is_inherited = not is_lasting and main  # to the process that waits for it
    return [
        Source(
            task / name,
            role,
            parse,
            unknown,
            is_lasting=is_lasting and main,
            is_inherited=is_inherited and name == "stat",
        )
        for name, (parse, unknown) in kinds.items()
    ]


def wait_time(schedstat: str) -> dict[str, int]:
    """Return the second of `CPU-time-ns wait-ns timeslices`; all are 0 without CONFIG_SCHED_INFO."""
    fields = schedstat.split()
    return {"wait_ns": int(fields[1])} if len(fields) == 3 and fields != ["0", "0", "0"] else {}


def context_switches(status: str) -> dict[str, int]:
    """Return voluntary and involuntary context switches."""
    return select_counters(_fields(status), SWITCHES)


def cpu_migrations(sched: str) -> dict[str, int]:
    """Return the number in a line like `se.nr_migrations                             :                    3`."""
    return select_counters(_fields(sched), MIGRATIONS)


def cpu_times(stat: str) -> dict[str, int]:
    """Return user and system time, in steps of the clock tick: only the sum of many visits is exact."""
    fields = stat.rpartition(")")[2].split()
    return {"user_us": int(fields[11]) * TICK_US, "system_us": int(fields[12]) * TICK_US} if len(fields) > 12 else {}


def cpu_times_with_children(stat: str) -> dict[str, int]:
    """Return user and system time including those of ended children, which each thread of a process shows."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) <= 14:
        return cpu_times(stat)
    user, system = (int(fields[index]) + int(fields[index + 2]) for index in (11, 12))
    return {"user_us": user * TICK_US, "system_us": system * TICK_US}


def _fields(text: str) -> dict[str, int]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): int(value) for name, _, value in pairs if value.strip().isdigit()}
