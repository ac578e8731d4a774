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


def sources(pids: Mapping[str, Sequence[int]], proc: Path) -> list[Source]:
    """The client comes last, so that as little reading as can be is counted as its work."""
    roles = sorted(pids, key=lambda role: role == "client")
    return [source for role in roles for pid in pids[role] for source in _of_process(role, proc / str(pid))]


def _of_process(role: str, process: Path) -> list[Source]:
    """Of all its threads, but of the client's only the first, which sends the requests."""
    main = process / "task" / process.name
    tasks = {main, *(process.glob("task/[0-9]*") if role != "client" else ())}
    return [source for task in sorted(tasks) for source in _of_task(role, task, lasting=task == main)]


def _of_task(role: str, task: Path, *, lasting: bool) -> list[Source]:
    kinds: dict[str, tuple[Parse, str]] = {
        "stat": (times, "User and system time of processes are not known."),
        "sched": (migrations, "Migrations between CPUs are not known."),
        "status": (switches, "Context switches are not known."),
        "schedstat": (waiting, "The time that processes wait for a CPU is not known."),
    }
    return [Source(task / name, role, parse, missing, lasting=lasting) for name, (parse, missing) in kinds.items()]


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


def _fields(text: str) -> dict[str, int]:
    pairs = (line.partition(":") for line in text.splitlines())
    return {name.strip(): int(value) for name, _, value in pairs if value.strip().isdigit()}
