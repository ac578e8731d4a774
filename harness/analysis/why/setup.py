"""The share of connection set-up in a difference between transports: it vanishes with kept connections."""

from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.effects import Pair
from harness.analysis.why.per_session import Centre, Value, amount, difference, less
from harness.analysis.why.quantities import cpu_total_us, time_us
from harness.model import Amount, Arm, Counter, Experiment, Record, Setup

OPENS = "hop.active_opens"


def setups(experiment: Experiment, counters: Sequence[Counter], records: Sequence[Record]) -> tuple[Setup, ...]:
    """Return the set-up cost for each two comparisons that differ only in upstream_keepalive."""
    opens = next((counter.arms for counter in counters if counter.name == OPENS), {})
    candidates = (_setup(without, kept, records, opens) for without, kept in _couples(experiment))
    return tuple(setup for setup in candidates if setup)


def _couples(experiment: Experiment) -> Iterator[tuple[Pair, Pair]]:
    """Yield (a comparison without kept connections, the same with them)."""
    pairs = [pair for pair in experiment.pairs if experiment.arm(pair[0]).control_of is None]
    for without in pairs:
        for kept in pairs:
            if all(_kept(experiment.arm(a), experiment.arm(b)) for a, b in zip(without, kept, strict=True)):
                yield without, kept


def _kept(plain: Arm, other: Arm) -> bool:
    """Whether `other` is `plain` with connections that nginx keeps."""
    of_plain, of_other = (arm.settings.model_dump(exclude={"upstream_keepalive"}) for arm in (plain, other))
    keeps = not plain.settings.upstream_keepalive and bool(other.settings.upstream_keepalive)
    return keeps and of_plain == of_other


def _setup(without: Pair, kept: Pair, records: Sequence[Record], opens: Mapping[str, Amount]) -> Setup | None:
    time = _shrinking(without, kept, records, time_us, "median")
    if time is None:
        return None
    cpu = _shrinking(without, kept, records, cpu_total_us, "trimmed") or (None, None, None)
    return Setup(
        arm=without[0],
        against=without[1],
        kept_arm=kept[0],
        kept_against=kept[1],
        without_us=time[0],
        kept_us=time[1],
        setup_us=time[2],
        without_cpu_us=cpu[0],
        kept_cpu_us=cpu[1],
        setup_cpu_us=cpu[2],
        opens=_most(without, opens),
        kept_opens=_most(kept, opens),
    )


def _shrinking(
    without: Pair, kept: Pair, records: Sequence[Record], value: Value, centre: Centre
) -> tuple[Amount, Amount, Amount] | None:
    """Return the difference without kept connections, that with them, and the first less the second."""
    before, after = (difference(records, pair, value, centre) for pair in (without, kept))
    without_us, kept_us, shrunk = amount(before), amount(after), amount(less(before, after))
    return (without_us, kept_us, shrunk) if without_us and kept_us and shrunk else None


def _most(pair: Pair, opens: Mapping[str, Amount]) -> Amount | None:
    """Return the rate of the arm of the pair that opens more connections."""
    rates = [opens[arm] for arm in pair if arm in opens]
    return max(rates, key=lambda amount: amount.value, default=None)
