"""The quantities of a visit, per request: time, CPU time by role, counters."""

from collections.abc import Sequence
from functools import partial

from harness.analysis.why.per_session import Centre, Value
from harness.model import ROLES, Record, VisitRow

MICROSECONDS = "_us"
TICKS = ("user_us", "system_us", "steal_us")  # in steps of 10 ms, so 0 in most visits: trimming would remove all


def time_us(visit: VisitRow) -> float | None:
    """Return the mean time per request."""
    return visit.mean_us


def wall_us(visit: VisitRow) -> float | None:
    """Return the wall time of the visit per request."""
    return visit.wall_us


def cpu_total_us(visit: VisitRow) -> float | None:
    """Return the CPU time of client and servers together."""
    return sum(visit.cpu_us.values()) if visit.cpu_us else None


def cpu_us(role: str) -> Value:
    """Return the function that gives the CPU time of `role`."""
    return partial(_cpu_us, role)


def counter(name: str) -> Value:
    """Return the function that gives the counter `name`; "nginx.cpu_us" is the CPU time of that role."""
    role, _, what = name.partition(".")
    return cpu_us(role) if what == "cpu_us" and role in ROLES else partial(_counter, name)


def centre_of(name: str) -> Centre:
    """Return how rounds are centred: trimmed for times, because CPU time may be stolen; the mean for counts."""
    return "trimmed" if name.endswith(MICROSECONDS) and not name.endswith(TICKS) else "mean"


def counter_names(records: Sequence[Record]) -> list[str]:
    """Return the names of all counters of any visit, CPU time first, in the order of roles."""
    visits = [visit for record in records for visit in (*record.visits, *record.counted)]
    roles = {role for visit in visits for role in visit.cpu_us}
    cpu = [f"{role}.cpu_us" for role in ROLES if role in roles]
    return [*cpu, *dict.fromkeys(name for visit in visits for name in visit.counters)]


def _cpu_us(role: str, visit: VisitRow) -> float | None:
    return visit.cpu_us.get(role)


def _counter(name: str, visit: VisitRow) -> float | None:
    return visit.counters.get(name)
