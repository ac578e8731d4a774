"""How much a socket can cost or save at most: from bare exchanges on this machine and the rungs of a ladder."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from harness.analysis.across.welch import welch
from harness.analysis.bursts import Series
from harness.analysis.why.per_session import CONFIDENCE, level
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Comparison, Floor, Record, Summary
from harness.model.validation import BoundFrom, SocketBound

TCP, UNIX = "tcp", "uds"
CONNECTING = "connect"

Runs = Mapping[str, Series]  # us per exchange, by transport


def bound_of(
    summary: Summary, records: Sequence[Record], floor: Floor | None, ladder: Summary | None = None
) -> SocketBound | None:
    """From arms with the bare transport alone where the run has them, or else from an earlier `barehop floor`."""
    found = _bound(_of_arms(summary, records), "arms of this run") or _bound(_of_floor(floor), "barehop floor")
    if found is None or ladder is None:
        return found
    rungs = {"ladder": ladder.directory, "unix_rungs_us": rungs_us(ladder, UNIX), "tcp_rungs_us": rungs_us(ladder, TCP)}
    return found.model_copy(update=rungs)


def most_us(bound: SocketBound, slowness: float, *, slower: bool) -> float:
    """What a socket can cost (`slower`) or save at most where everything takes `slowness` times as long.

    A slower machine makes the difference of the two transports larger, but not its sign another; of that difference,
    `slowness` times. Never less than a whole exchange over the dearer one of this machine with the other for nothing,
    which is generous: most of that exchange, the waking and the work of both programs, the other one needs as well.
    """
    difference, low, high = bound.difference_us.value, bound.difference_us.low, bound.difference_us.high
    if slower:
        return max(bound.unix_us, slowness * max(difference, high or 0.0, 0.0)) + slowness * bound.unix_rungs_us
    return max(bound.tcp_us, slowness * max(-difference, -(low or 0.0), 0.0)) + slowness * bound.tcp_rungs_us


def rungs_us(ladder: Summary, transport: str) -> float:
    """What the rungs of a ladder add over a transport, together and at most.

    The upper end of each one that is slower for sure; ten that add nothing, each at its upper end, would be something.
    """
    return sum(one.us_high or 0.0 for one in _rungs(ladder, transport) if one.verdict == "slower")


def _rungs(ladder: Summary, transport: str) -> Iterator[Comparison]:
    """The comparisons of arms that both use the transport; a quota makes nobody's socket dearer, it takes CPUs away."""
    for one in ladder.comparisons:
        ours, theirs = (ladder.arms[name] for name in (one.arm, one.against))
        alike = all(_transport(arm.settings).startswith(transport) for arm in (ours, theirs))
        if one.metric == "latency" and alike and ours.control_of is None and "cpu_quota" not in ours.settings:
            yield one


def _bound(runs: Runs, found_in: BoundFrom) -> SocketBound | None:
    unix = {name: series for name, series in runs.items() if name.startswith(UNIX)}
    if TCP not in runs or not unix:
        return None
    dearer = max(unix.values(), key=lambda series: float(series.mean()))
    return SocketBound(
        found_in=found_in,
        unix_us=float(dearer.mean()),
        tcp_us=float(runs[TCP].mean()),
        difference_us=_difference(dearer, runs[TCP]),
    )


def _difference(unix: Series, tcp: Series) -> Amount:
    if min(unix.size, tcp.size) < 2:
        return Amount(value=float(unix.mean() - tcp.mean()))
    found = welch(tcp, unix)
    low, high = found.interval(CONFIDENCE)
    return Amount(value=found.mean, low=low, high=high)


def _of_arms(summary: Summary, records: Sequence[Record]) -> Runs:
    """One value for each session."""
    arms = {
        _transport(arm.settings): name
        for name, arm in summary.arms.items()
        if arm.settings.get("chain") == "floor" and arm.control_of is None and not arm.failed
    }
    levels = {transport: level(records, name, time_us, "median") for transport, name in arms.items()}
    return {transport: np.array(list(found.values())) for transport, found in levels.items() if found}


def _of_floor(floor: Floor | None) -> Runs:
    """One value for each run, of the smallest answers: those of the write-up are small."""
    rows = [row for row in floor.rows if row.kind == CONNECTING and row.runs_us] if floor else []
    smallest = min((row.payload_bytes for row in rows), default=0)
    return {row.transport: np.array(row.runs_us) for row in rows if row.payload_bytes == smallest}


def _transport(settings: Mapping[str, object]) -> str:
    return str(settings.get("transport", TCP))
