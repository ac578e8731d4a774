"""The bottleneck of each arm: the utilisation of client, nginx and app, and of CPUs that they share."""

from collections.abc import Mapping, Sequence
from statistics import fmean

from harness.analysis.why.per_session import level
from harness.analysis.why.quantities import cpu_us, wall_us
from harness.experiment.limits import CLIENT
from harness.model import ROLES, Arm, Bound, Experiment, Load, Record

SATURATED = 0.9
BOUNDS: dict[str, Bound] = {"client": "client-bound", "nginx": "proxy-bound", "app": "app-bound"}

Cpus = Mapping[str, Sequence[int]]  # by role


def loads(experiment: Experiment, records: Sequence[Record]) -> tuple[Load, ...]:
    """Return the utilisation of each arm that our client visited, without services.

    The time of an outside tool includes its start, and not all processes of a service are known.
    """
    arms = [arm for arm in experiment.arms if arm.settings.tool == CLIENT and not arm.settings.url]
    candidates = (_load(arm, records) for arm in arms)
    return tuple(load for load in candidates if load)


def _load(arm: Arm, records: Sequence[Record]) -> Load | None:
    wall_us_ = level(records, arm.name, wall_us, "trimmed").values()
    used = {role: level(records, arm.name, cpu_us(role), "trimmed").values() for role in ROLES}
    if not wall_us_:
        return None
    per_second = {role: fmean(values) / fmean(wall_us_) for role, values in used.items() if values}
    placed: Cpus = records[0].proofs.get(arm.name, {}).get("cpus", {})
    busy = {role: cpus / _at_once(role, arm, placed) for role, cpus in per_second.items()}
    bound, together = bound_of(busy, per_second, placed)
    return Load(arm=arm.name, utilisation=busy, bound=bound, together=together)


def bound_of(busy: Mapping[str, float], per_second: Mapping[str, float], placed: Cpus) -> tuple[Bound, tuple[str, ...]]:
    """Return the bottleneck: a saturated role, or the busiest of roles that together saturate their CPUs.

    The second value is the roles that share CPUs. Without saturation the arm is latency-bound. `busy` is relative to
    the CPUs that a role can use, `per_second` is in CPUs.
    """
    busiest = max(busy, key=busy.__getitem__, default="")
    if busy.get(busiest, 0) >= SATURATED:
        return BOUNDS[busiest], ()
    for cpus in dict.fromkeys(tuple(placed[role]) for role in per_second if role in placed):
        sharing = [role for role in per_second if role in placed and tuple(placed[role]) == cpus]
        if sum(per_second[role] for role in sharing) >= SATURATED * len(cpus):
            return BOUNDS[max(sharing, key=per_second.__getitem__)], tuple(sharing)
    return "latency-bound", ()


def _at_once(role: str, arm: Arm, placed: Cpus) -> int:
    """Return the CPUs that a role can use: 1 for nginx and a bare server, the number of workers for the app."""
    if role != "app" or arm.settings.chain == "floor":
        return 1
    return max(1, min(arm.settings.workers, len(placed.get(role, ())) or 1))
