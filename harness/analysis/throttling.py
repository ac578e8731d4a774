"""Who was stopped because a share of a CPU was used up, over all sessions."""

from collections.abc import Iterator, Sequence

from harness.experiment.sharing import stacks_of
from harness.model import Experiment, Record, Throttled

COUNTS = ("periods", "throttled_periods", "throttled_us")


def throttled(experiment: Experiment, records: Sequence[Record]) -> tuple[Throttled, ...]:
    """Stack by stack and role by role, of those that have a share; none where the kernel counts nothing."""
    return tuple(_throttled(experiment, records))


def _throttled(experiment: Experiment, records: Sequence[Record]) -> Iterator[Throttled]:
    for arms in stacks_of(experiment):
        names, quota = tuple(arm.name for arm in arms), arms[0].settings.cpu_quota
        seen = [found for record in records if (found := record.throttled.get(", ".join(names)))]
        for role in dict.fromkeys(role for of_session in seen for role, counts in of_session.items() if counts):
            sums = {name: sum(of_session.get(role, {}).get(name, 0) for of_session in seen) for name in COUNTS}
            yield Throttled(arms=names, role=role, cpu_quota=quota, **sums)
