"""Quantities per request that explain a difference: times, CPU time, counters."""

from collections.abc import Sequence
from dataclasses import replace

from harness.analysis.contrasts.engine import RunSeries, SessionValues, WeightedSum, session_values
from harness.model import METRICS, ROLES, Record
from harness.model.metrics import Centre, Quantity

TIME_SUFFIX = "_us"
TICK_SUFFIXES = ("user_us", "system_us", "steal_us")  # in steps of 10 ms, so 0 in most visits
OWN_PREFIX = "counters."  # of events that the experiment names

TIME_US, TRIMMED_TIME_US = METRICS["latency"], METRICS["mean"]
MEAN_TIME_US = replace(TRIMMED_TIME_US, centre="mean")
WALL_US = Quantity("wall_us", lambda visit: visit.wall_us, "trimmed")
CPU_TOTAL_US = Quantity(  # of the client and the servers together
    "cpu_total_us", lambda visit: sum(visit.cpu_us.values()) if visit.cpu_us else None, "trimmed"
)


def counter_quantity(name: str) -> Quantity:
    """Return the counter `name`, trimmed for times, because CPU time may be stolen, and the mean for counts.

    "nginx.cpu_us" is the CPU time of that role.
    """
    role, _, what = name.partition(".")
    is_own = what.startswith(OWN_PREFIX)  # a number of events, whatever its name
    is_time = name.endswith(TIME_SUFFIX) and not name.endswith(TICK_SUFFIXES) and not is_own
    centre: Centre = "trimmed" if is_time else "mean"
    if what == "cpu_us" and role in ROLES:
        return Quantity(name, lambda visit: visit.cpu_us.get(role), centre)
    return Quantity(name, lambda visit: visit.counters.get(name), centre)


def counter_names(records: Sequence[Record]) -> list[str]:
    """Return the names of all counters of any visit, CPU time first, in the order of roles."""
    visits = [visit for record in records for visit in (*record.visits, *record.counted)]
    roles = {role for visit in visits for role in visit.cpu_us}
    cpu = [f"{role}.cpu_us" for role in ROLES if role in roles]
    return [*cpu, *dict.fromkeys(name for visit in visits for name in visit.counters)]


def level(series: RunSeries, arm: str, quantity: Quantity) -> SessionValues:
    """Return the level of an arm in each session that has it."""
    return session_values(series, [WeightedSum(quantity, {arm: 1.0})])
