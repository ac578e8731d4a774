"""Counters of each thread of each process: waiting, switches, migrations, the split of its CPU time.

man 5 proc; Documentation/scheduler/sched-stats.rst for schedstat.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from harness.evidence.counters.source import Parse, Source, chosen

TICK_US = 1_000_000 // os.sysconf("SC_CLK_TCK")
SWITCHES = {"voluntary_ctxt_switches": "voluntary", "nonvoluntary_ctxt_switches": "involuntary"}
MIGRATIONS = {"se.nr_migrations": "migrations"}


def sources(
    pids: Mapping[str, Sequence[int]], proc: Path, started: Mapping[str, Sequence[int]] | None = None
) -> list[Source]:
    """The client comes last, so that as little reading as can be is counted as its work.

    `started` are processes that servers have started: they may end.
    """
    roles = sorted(pids, key=lambda role: role == "client")
    others = [
        source
        for role, some in (started or {}).items()
        for pid in some
        for source in _of_process(role, proc / str(pid), lasting=False)
    ]
    return [
        *others,
        *(source for role in roles for pid in pids[role] for source in _of_process(role, proc / str(pid))),
    ]


def _of_process(role: str, process: Path, *, lasting: bool = True) -> list[Source]:
    """Of all its threads, but of the client's only the first, which sends the requests."""
    main = process / "task" / process.name
    tasks = {main, *(process.glob("task/[0-9]*") if role != "client" else ())}
    return [source for task in sorted(tasks) for source in _of_task(role, task, main=task == main, lasting=lasting)]


def _of_task(role: str, task: Path, *, main: bool, lasting: bool) -> list[Source]:
    counts_children = main and role != "client"
    kinds: dict[str, tuple[Parse, str]] = {
        "stat": (times_with_children if counts_children else times, "User and system time of processes are not known."),
        "sched": (migrations, "Migrations between CPUs are not known."),
        "status": (switches, "Context switches are not known."),
        "schedstat": (waiting, "The time that processes wait for a CPU is not known."),
    }
    handed_on = not lasting and main  # to the process that waits for it
    return [
        Source(task / name, role, parse, missing, lasting=lasting and main, handed_on=handed_on and name == "stat")
        for name, (parse, missing) in kinds.items()
    ]


def waiting(schedstat: str) -> dict[str, int]:
    """`CPU-time-ns wait-ns timeslices`; a kernel without CONFIG_SCHED_INFO says 0 0 0."""
    fields = schedstat.split()
    return {"wait_ns": int(fields[1])} if len(fields) == 3 and fields != ["0", "0", "0"] else {}


def switches(status: str) -> dict[str, int]:
    return chosen(_fields(status), SWITCHES)


def migrations(sched: str) -> dict[str, int]:
    """Lines like `se.nr_migrations                             :                    3`."""
    return chosen(_fields(sched), MIGRATIONS)


def times(stat: str) -> dict[str, int]:
    """User and system time, whose steps are those of the clock tick: only the sum of many visits tells."""
    fields = stat.rpartition(")")[2].split()
    return {"user_us": int(fields[11]) * TICK_US, "system_us": int(fields[12]) * TICK_US} if len(fields) > 12 else {}


def times_with_children(stat: str) -> dict[str, int]:
    """The same with that of its children that have ended, which every thread of a process is told."""
    fields = stat.rpartition(")")[2].split()
    if len(fields) <= 14:
        return times(stat)
    user, system = (int(fields[place]) + int(fields[place + 2]) for place in (11, 12))
    return {"user_us": user * TICK_US, "system_us": system * TICK_US}


def _fields(text: str) -> dict[str, int]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): int(value) for name, _, value in pairs if value.strip().isdigit()}
