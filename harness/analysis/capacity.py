"""The capacity that the search of a session found: the highest rate at which p99 stayed below the limit."""

import math
from collections.abc import Mapping, Sequence

from harness.model import Record, VisitRow


def capacities(record: Record) -> Mapping[str, float]:
    """Return requests per second by arm: the geometric middle between the last rates that held and failed.

    An arm that held at no rate has none. If every rate held, the highest one is a lower bound.
    """
    by_arm = {arm: _capacity(steps) for arm, steps in steps_of(record).items()}
    return {arm: per_s for arm, per_s in by_arm.items() if per_s is not None}


def steps_of(record: Record) -> dict[str, list[VisitRow]]:
    """Return the visits that tried a rate, by arm, in their order."""
    steps: dict[str, list[VisitRow]] = {}
    for visit in record.visits:
        if visit.holds is not None:
            steps.setdefault(visit.arm, []).append(visit)
    return steps


def _capacity(steps: Sequence[VisitRow]) -> float | None:
    held = [step.rate_per_s for step in steps if step.holds and step.rate_per_s]
    failed = [step.rate_per_s for step in steps if not step.holds and step.rate_per_s]
    if not held:
        return None
    return math.sqrt(max(held) * min(failed)) if failed else max(held)
