"""How often servers were throttled because their CPU quota was exhausted, over all sessions."""

from collections.abc import Iterator, Sequence

from harness.experiment.sharing import stacks_of
from harness.model import Experiment, Record, Throttled

COUNTS = ("periods", "throttled_periods", "throttled_us")


def throttled(experiment: Experiment, records: Sequence[Record]) -> tuple[Throttled, ...]:
    """Return the counts of each stack and role with a CPU quota; none if the kernel does not count."""
    return tuple(_throttled(experiment, records))


def _throttled(experiment: Experiment, records: Sequence[Record]) -> Iterator[Throttled]:
    for arms in stacks_of(experiment):
        names, quota = tuple(arm.name for arm in arms), arms[0].settings.cpu_quota
        counts_by_role = [by_role for record in records if (by_role := record.throttled.get(", ".join(names)))]
        for role in dict.fromkeys(
            role for of_session in counts_by_role for role, counts in of_session.items() if counts
        ):
            sums = {
                name: sum(of_session.get(role, {}).get(name, 0) for of_session in counts_by_role) for name in COUNTS
            }
            yield Throttled(arms=names, role=role, cpu_quota=quota, **sums)
