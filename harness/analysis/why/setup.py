"""How much of the difference between transports is connection set-up: it goes away when nginx keeps connections."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from harness.analysis.why.per_session import amount, difference
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Arm, Counter, Experiment, Record, Setup

Pair = tuple[str, str]
OPENS = "hop.active_opens"


def setups(experiment: Experiment, counters: Sequence[Counter], records: Sequence[Record]) -> tuple[Setup, ...]:
    """One for each two comparisons that differ in nothing but whether nginx keeps its connections."""
    opens = next((one.arms for one in counters if one.name == OPENS), {})
    found = (_setup(without, kept, records, opens) for without, kept in _couples(experiment))
    return tuple(setup for setup in found if setup)


def _couples(experiment: Experiment) -> Iterator[tuple[Pair, Pair]]:
    """(a comparison without kept connections, the same with them)."""
    pairs = [pair for pair in experiment.pairs if experiment.arm(pair[0]).control_of is None]
    for without in pairs:
        for kept in pairs:
            if all(_kept(experiment.arm(a), experiment.arm(b)) for a, b in zip(without, kept, strict=True)):
                yield without, kept


def _kept(one: Arm, other: Arm) -> bool:
    """Whether `other` is `one` with connections that nginx keeps."""
    of_one, of_other = (arm.settings.model_dump(exclude={"upstream_keepalive"}) for arm in (one, other))
    keeps = not one.settings.upstream_keepalive and bool(other.settings.upstream_keepalive)
    return keeps and of_one == of_other


def _setup(without: Pair, kept: Pair, records: Sequence[Record], opens: Mapping[str, Amount]) -> Setup | None:
    before, after = (difference(records, pair, time_us, "median") for pair in (without, kept))
    if len(before) != len(after) or len(before) < 2:
        return None
    without_us, kept_us = amount(before), amount(after)
    setup_us = amount((np.asarray(before) - np.asarray(after)).tolist())
    assert without_us
    assert kept_us
    assert setup_us
    return Setup(
        arm=without[0],
        kept_arm=kept[0],
        without_us=without_us,
        kept_us=kept_us,
        setup_us=setup_us,
        opens=_most(without, opens),
        kept_opens=_most(kept, opens),
    )


def _most(pair: Pair, opens: Mapping[str, Amount]) -> Amount | None:
    """That of the arm of the two that opens more."""
    seen = [opens[arm] for arm in pair if arm in opens]
    return max(seen, key=lambda amount: amount.value, default=None)
