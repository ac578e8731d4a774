"""How much of the difference between transports is connection set-up: it goes away when nginx keeps connections."""

from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.why.per_session import Centre, Value, amount, difference, less
from harness.analysis.why.quantities import cpu_total_us, time_us
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
    """The difference without kept connections, that with them, and the one less the other."""
    before, after = (difference(records, pair, value, centre) for pair in (without, kept))
    one, other, shrunk = amount(before), amount(after), amount(less(before, after))
    return (one, other, shrunk) if one and other and shrunk else None


def _most(pair: Pair, opens: Mapping[str, Amount]) -> Amount | None:
    """That of the arm of the two that opens more."""
    seen = [opens[arm] for arm in pair if arm in opens]
    return max(seen, key=lambda amount: amount.value, default=None)
