"""Who is the bottleneck: how busy client, nginx and app were while an arm was visited."""

from collections.abc import Sequence
from statistics import fmean

from harness.analysis.why.per_session import level
from harness.analysis.why.quantities import cpu_us, wall_us
from harness.model import ROLES, Arm, Bound, Experiment, Load, Record

SATURATED = 0.9
BOUNDS: dict[str, Bound] = {"client": "client-bound", "nginx": "proxy-bound", "app": "app-bound"}


def loads(experiment: Experiment, records: Sequence[Record]) -> tuple[Load, ...]:
    """One for each arm whose CPU time was read."""
    found = (_load(arm, records) for arm in experiment.arms)
    return tuple(load for load in found if load)


def _load(arm: Arm, records: Sequence[Record]) -> Load | None:
    walls = level(records, arm.name, wall_us, "trimmed")
    used = {role: level(records, arm.name, cpu_us(role), "trimmed") for role in ROLES}
    if not walls:
        return None
    utilisation = {
        role: fmean(values) / fmean(walls) / _cpus(role, arm, records[0]) for role, values in used.items() if values
    }
    return Load(arm=arm.name, utilisation=utilisation, bound=bound_of(utilisation))


def bound_of(utilisation: dict[str, float]) -> Bound:
    """Whoever is always at work sets the pace; where nobody is, requests wait for each other's steps."""
    busiest = max(utilisation, key=utilisation.__getitem__, default="")
    return BOUNDS[busiest] if utilisation.get(busiest, 0) >= SATURATED else "latency-bound"


def _cpus(role: str, arm: Arm, record: Record) -> int:
    """How many CPUs the role can use at once: an nginx worker one, the app as many as it has workers and CPUs."""
    if role != "app":
        return 1
    placed = record.proofs.get(arm.name, {}).get("cpus", {}).get(role, ())
    return max(1, min(arm.settings.workers, len(placed) or 1))
