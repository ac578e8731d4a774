"""Who is the bottleneck: how busy client, nginx and app were while an arm was visited, and the CPUs they share."""

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
    """One for each arm that our client visited: how long an outside tool took to start is in its time.

    Of a service not all who work for it are known.
    """
    arms = [arm for arm in experiment.arms if arm.settings.tool == CLIENT and not arm.settings.url]
    found = (_load(arm, records) for arm in arms)
    return tuple(load for load in found if load)


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
    """Whoever is always at work sets the pace, alone or together with those on the same CPUs, of whom the busiest is
    named; where nobody is, requests wait for each other's steps.

    `busy` is of what a role can use at once, `per_second` in CPUs.
    """
    alone = max(busy, key=busy.__getitem__, default="")
    if busy.get(alone, 0) >= SATURATED:
        return BOUNDS[alone], ()
    for cpus in dict.fromkeys(tuple(placed[role]) for role in per_second if role in placed):
        sharing = [role for role in per_second if role in placed and tuple(placed[role]) == cpus]
        if sum(per_second[role] for role in sharing) >= SATURATED * len(cpus):
            return BOUNDS[max(sharing, key=per_second.__getitem__)], tuple(sharing)
    return "latency-bound", ()


def _at_once(role: str, arm: Arm, placed: Cpus) -> int:
    """How many CPUs the role can use: an nginx worker and a bare server one, the app as many as it has workers."""
    if role != "app" or arm.settings.chain == "floor":
        return 1
    return max(1, min(arm.settings.workers, len(placed.get(role, ())) or 1))
