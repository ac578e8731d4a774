"""The largest difference that a socket can cause: a whole exchange with a null server, plus the rungs."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np

from harness.analysis.contrasts.engine import RunSeries
from harness.analysis.statistics.intervals import welch_difference
from harness.analysis.statistics.series import Series
from harness.analysis.why.quantities import TIME_US, level
from harness.experiment.transports import arm_transport, is_tcp, transport_family
from harness.model import Comparison, FloorResults, Interval, Record, Summary, TransportFamily
from harness.model.validation import BoundSource, SocketBound

CONNECT_KIND = "connect"

ExchangeTimes = Mapping[str, Series]  # us per exchange, by transport


def socket_bound(
    summary: Summary, records: Sequence[Record], floor: FloorResults | None, ladder: Summary | None = None
) -> SocketBound | None:
    """Return the bound from the floor arms of the run, or else from an earlier `barehop floor`."""
    bound = _bound_of(_times_of_arms(summary, records), "arms of this run") or _bound_of(
        _times_of_floor(floor), "barehop floor"
    )
    if bound is None or ladder is None:
        return bound
    rungs = {
        "ladder": ladder.directory,
        "unix_rungs_us": max_rungs_us(ladder, "unix"),
        "tcp_rungs_us": max_rungs_us(ladder, "tcp"),
    }
    return bound.model_copy(update=rungs)


def max_socket_us(bound: SocketBound, slowness: float, *, slower: bool) -> float:
    """Return the most that a socket can cost (`slower`) or save on a machine that is `slowness` times as slow.

    A slower machine scales the difference of the transports, but does not change its sign. The bound is at least a
    whole exchange over one transport with the other for free, which is generous: both need most of that exchange.
    """
    difference, low, high = bound.difference_us.value, bound.difference_us.low, bound.difference_us.high
    if slower:
        return max(bound.unix_us, slowness * max(difference, high or 0.0, 0.0)) + slowness * bound.unix_rungs_us
    return max(bound.tcp_us, slowness * max(-difference, -(low or 0.0), 0.0)) + slowness * bound.tcp_rungs_us


def max_rungs_us(ladder: Summary, family: TransportFamily) -> float:
    """Return the most that all rungs of a ladder add over transports of `family`.

    It is the sum of the upper ends of the rungs with the verdict slower; those without an effect would add up too.
    """
    return sum(rung.us_high or 0.0 for rung in _rungs(ladder, family) if rung.verdict == "slower")


def _rungs(ladder: Summary, family: TransportFamily) -> Iterator[Comparison]:
    """Yield the comparisons of two arms of a family, without quotas, which limit CPUs and not sockets."""
    for comparison in ladder.comparisons:
        pair = [ladder.arms[name] for name in (comparison.arm, comparison.against)]
        is_question = pair[0].control_of is None and "cpu_quota" not in pair[0].settings
        families = {transport_family(arm_transport(arm.settings)) for arm in pair}
        if comparison.metric == "latency" and families == {family} and is_question:
            yield comparison


def _bound_of(runs: ExchangeTimes, found_in: BoundSource) -> SocketBound | None:
    tcp = next((times for name, times in runs.items() if is_tcp(name)), None)
    unix = [times for name, times in runs.items() if not is_tcp(name)]
    if tcp is None or not unix:
        return None
    dearer = max(unix, key=lambda times: float(times.mean()))
    difference = Interval(value=float(dearer.mean() - tcp.mean()))
    if min(dearer.size, tcp.size) > 1:
        difference = welch_difference(tcp, dearer).with_interval()
    return SocketBound(
        found_in=found_in, unix_us=float(dearer.mean()), tcp_us=float(tcp.mean()), difference_us=difference
    )


def _times_of_arms(summary: Summary, records: Sequence[Record]) -> ExchangeTimes:
    """Return one value for each session of the floor arms."""
    series = RunSeries(records)
    levels = {
        arm_transport(arm.settings): level(series, name, TIME_US).difference
        for name, arm in summary.arms.items()
        if arm.settings.get("chain") == "floor" and arm.control_of is None and not arm.failed
    }
    return {transport: values for transport, values in levels.items() if values.size}


def _times_of_floor(floor: FloorResults | None) -> ExchangeTimes:
    """Return one value for each run with the smallest answers, like those of usual container benchmarks."""
    rows = [row for row in floor.rows if row.kind == CONNECT_KIND and row.runs_us] if floor else []
    smallest = min((row.payload_bytes for row in rows), default=0)
    return {row.transport: np.array(row.runs_us) for row in rows if row.payload_bytes == smallest}
