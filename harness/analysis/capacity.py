"""The capacity that a session's search came to: the highest rate at which p99 stayed below the limit."""

import math
from collections.abc import Mapping, Sequence

from harness.model import Record, VisitRow


def capacities(record: Record) -> Mapping[str, float]:
    """Requests per second by arm, in the middle of what the last step left open; arms that held at no rate have none.

    Where every rate held, as after a first step that was too slow, the highest one tried is a lower bound.
    """
    found = {arm: _capacity(steps) for arm, steps in steps_of(record).items()}
    return {arm: per_s for arm, per_s in found.items() if per_s is not None}


def steps_of(record: Record) -> dict[str, list[VisitRow]]:
    """The visits at which a rate was tried, by arm, in their order."""
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
