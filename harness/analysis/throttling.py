"""Who was stopped because a share of a CPU was used up, over all sessions."""

from collections.abc import Iterator, Sequence

from harness.model import Experiment, Record, Throttled

COUNTS = ("periods", "throttled_periods", "throttled_us")


def throttled(experiment: Experiment, records: Sequence[Record]) -> tuple[Throttled, ...]:
    """Arm by arm and role by role, of those that have a share; none where the kernel counts nothing."""
    return tuple(_throttled(experiment, records))


def _throttled(experiment: Experiment, records: Sequence[Record]) -> Iterator[Throttled]:
    for arm in experiment.arms:
        seen = [record.throttled[arm.name] for record in records if arm.name in record.throttled]
        for role in dict.fromkeys(role for of_session in seen for role, counts in of_session.items() if counts):
            sums = {name: sum(of_session.get(role, {}).get(name, 0) for of_session in seen) for name in COUNTS}
            yield Throttled(arm=arm.name, role=role, cpu_quota=arm.settings.cpu_quota, **sums)
