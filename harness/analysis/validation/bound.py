"""The most that a socket can cost or save, from bare exchanges on this machine and the rungs of a ladder."""

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
    """Return the bound from the floor arms of the run, or else from an earlier `barehop floor`."""
    bound = _bound(_of_arms(summary, records), "arms of this run") or _bound(_of_floor(floor), "barehop floor")
    if bound is None or ladder is None:
        return bound
    rungs = {"ladder": ladder.directory, "unix_rungs_us": rungs_us(ladder, UNIX), "tcp_rungs_us": rungs_us(ladder, TCP)}
    return bound.model_copy(update=rungs)


def most_us(bound: SocketBound, slowness: float, *, slower: bool) -> float:
    """Return the most that a socket can cost (`slower`) or save on a machine that is `slowness` times as slow.

    A slower machine scales the difference of the transports, but does not change its sign. The bound is at least a
    whole exchange over one transport with the other for free, which is generous: both need most of that exchange.
    """
    difference, low, high = bound.difference_us.value, bound.difference_us.low, bound.difference_us.high
    if slower:
        return max(bound.unix_us, slowness * max(difference, high or 0.0, 0.0)) + slowness * bound.unix_rungs_us
    return max(bound.tcp_us, slowness * max(-difference, -(low or 0.0), 0.0)) + slowness * bound.tcp_rungs_us


def rungs_us(ladder: Summary, transport: str) -> float:
    """Return the most that all rungs of a ladder add over a transport.

    It is the sum of the upper ends of the rungs with the verdict slower; those without an effect would add up too.
    """
    return sum(comparison.us_high or 0.0 for comparison in _rungs(ladder, transport) if comparison.verdict == "slower")


def _rungs(ladder: Summary, transport: str) -> Iterator[Comparison]:
    """Yield the comparisons of two arms over the transport, without quotas, which limit CPUs and not sockets."""
    for comparison in ladder.comparisons:
        ours, theirs = (ladder.arms[name] for name in (comparison.arm, comparison.against))
        both_use_it = all(_transport(arm.settings).startswith(transport) for arm in (ours, theirs))
        if (
            comparison.metric == "latency"
            and both_use_it
            and ours.control_of is None
            and "cpu_quota" not in ours.settings
        ):
            yield comparison


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
    estimate = welch(tcp, unix)
    low, high = estimate.interval(CONFIDENCE)
    return Amount(value=estimate.mean, low=low, high=high)


def _of_arms(summary: Summary, records: Sequence[Record]) -> Runs:
    """Return one value for each session of the floor arms."""
    arms = {
        _transport(arm.settings): name
        for name, arm in summary.arms.items()
        if arm.settings.get("chain") == "floor" and arm.control_of is None and not arm.failed
    }
    levels = {transport: level(records, name, time_us, "median") for transport, name in arms.items()}
    return {
        transport: np.array(list(values_by_session.values()))
        for transport, values_by_session in levels.items()
        if values_by_session
    }


def _of_floor(floor: Floor | None) -> Runs:
    """Return one value for each run with the smallest answers, like those of usual container benchmarks."""
    rows = [row for row in floor.rows if row.kind == CONNECTING and row.runs_us] if floor else []
    smallest = min((row.payload_bytes for row in rows), default=0)
    return {row.transport: np.array(row.runs_us) for row in rows if row.payload_bytes == smallest}


def _transport(settings: Mapping[str, object]) -> str:
    return str(settings.get("transport", TCP))
