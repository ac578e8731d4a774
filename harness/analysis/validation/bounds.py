"""How large a difference can be that a socket or a container runtime makes, and how far single runs scatter."""

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from harness.analysis.statistics.inference import to_percent, welch_difference
from harness.analysis.statistics.series import Series
from harness.analysis.why.quantities import level_by_session, time_us
from harness.experiment.transports import arm_transport, is_tcp, transport_family
from harness.model import Comparison, FloorResults, Interval, Record, Summary, TransportFamily, VisitRow
from harness.model.validation import BoundSource, PairSpread, SingleRunSpread, SocketBound

CONNECT_KIND = "connect"

ExchangeTimes = Mapping[str, Series]  # us per exchange, by transport
TYPICAL_QUANTILE, UPPER_QUANTILE = 0.5, 0.95
MAX_STRETCHES = 100  # of a session; more add no information


def socket_bound(
    summary: Summary, records: Sequence[Record], floor: FloorResults | None, ladder: Summary | None = None
) -> SocketBound | None:
    """Return the bound from the floor arms of the run, or else from an earlier `barehop floor`."""
    bound = _socket_bound_of(_times_of_arms(summary, records), "arms of this run") or _socket_bound_of(
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
    return sum(
        comparison.us_high or 0.0
        for comparison in _ladder_comparisons(ladder, family)
        if comparison.verdict == "slower"
    )


def _ladder_comparisons(ladder: Summary, family: TransportFamily) -> Iterator[Comparison]:
    """Yield the comparisons of two arms of a family, without quotas, which limit CPUs and not sockets."""
    for comparison in ladder.comparisons:
        ours, theirs = (ladder.arms[name] for name in (comparison.arm, comparison.against))
        both_use_it = all(transport_family(arm_transport(arm.settings)) == family for arm in (ours, theirs))
        if (
            comparison.metric == "latency"
            and both_use_it
            and ours.control_of is None
            and "cpu_quota" not in ours.settings
        ):
            yield comparison


def _socket_bound_of(runs: ExchangeTimes, found_in: BoundSource) -> SocketBound | None:
    tcp = next((series for name, series in runs.items() if is_tcp(name)), None)
    unix = [series for name, series in runs.items() if not is_tcp(name)]
    if tcp is None or not unix:
        return None
    dearer = max(unix, key=lambda series: float(series.mean()))
    return SocketBound(
        found_in=found_in,
        unix_us=float(dearer.mean()),
        tcp_us=float(tcp.mean()),
        difference_us=_difference(dearer, tcp),
    )


def _difference(unix: Series, tcp: Series) -> Interval:
    if min(unix.size, tcp.size) < 2:
        return Interval(value=float(unix.mean() - tcp.mean()))
    return welch_difference(tcp, unix).with_interval()


def _times_of_arms(summary: Summary, records: Sequence[Record]) -> ExchangeTimes:
    """Return one value for each session of the floor arms."""
    arms = {
        arm_transport(arm.settings): name
        for name, arm in summary.arms.items()
        if arm.settings.get("chain") == "floor" and arm.control_of is None and not arm.failed
    }
    levels = {transport: level_by_session(records, name, time_us, "median") for transport, name in arms.items()}
    return {
        transport: np.array(list(values_by_session.values()))
        for transport, values_by_session in levels.items()
        if values_by_session
    }


def _times_of_floor(floor: FloorResults | None) -> ExchangeTimes:
    """Return one value for each run with the smallest answers, like those of usual container benchmarks."""
    rows = [row for row in floor.rows if row.kind == CONNECT_KIND and row.runs_us] if floor else []
    smallest = min((row.payload_bytes for row in rows), default=0)
    return {row.transport: np.array(row.runs_us) for row in rows if row.payload_bytes == smallest}


@dataclass(frozen=True, slots=True)
class BareEvidence:
    """A run with its records, the bound of a socket, and the equivalence margin."""

    summary: Summary
    records: Sequence[Record]
    bound: SocketBound | None
    equivalence_percent: float


@dataclass(frozen=True, slots=True)
class ClaimedDifference:
    """A claimed difference in us, Unix socket less TCP, with its interval if there is one."""

    us: float | None
    low_us: float | None = None
    high_us: float | None = None

    @property
    def least_us(self) -> float:
        """Least absolute value in the interval; 0 if it contains zero."""
        value = self.us or 0.0
        low, high = (value if end is None else end for end in (self.low_us, self.high_us))
        return 0.0 if low * high <= 0 else min(map(math.fabs, (low, high)))


@dataclass(frozen=True, slots=True)
class BoundCheck:
    """The bound for a difference of that sign, and whether the whole interval of the claim is beyond it."""

    bound_us: float | None = None
    beyond: bool | None = None


def check_bound(bound: SocketBound | None, claimed: ClaimedDifference, slowness: float | None) -> BoundCheck:
    """Return the check on a machine that is `slowness` times as slow; without values if any argument is unknown."""
    if bound is None or slowness is None or not claimed.us:
        return BoundCheck()
    bound_us = max_socket_us(bound, max(slowness, 1.0), slower=claimed.us > 0)
    return BoundCheck(bound_us, claimed.least_us > bound_us)


def stretch_logs(records: Sequence[Record], arms: Collection[str], requests: int) -> list[Series]:
    """Return, for each session, the logs of the means of `requests` successive requests, in their order.

    All `arms` are pooled, each visit relative to the mean of its arm in the run. Taken arm by arm, a stretch would last
    several times longer than a run of a tool, and average over more drift.
    """
    means = _means(records, arms)
    return [_session_stretches(_in_order(record, means), means, requests) for record in records]


def stretch_length(records: Sequence[Record], arms: Collection[str], wanted: int) -> int:
    """Return the requests of a stretch: `wanted`, but at least those of a visit and at most those of a session."""
    means = _means(records, arms)
    visits = [[visit.requests for visit in _in_order(record, means)] for record in records]
    sessions = list(filter(None, visits))
    if not sessions:
        return wanted
    return min(max(wanted, min(map(max, sessions))), min(map(sum, sessions)))


def single_run_spread(records: Sequence[Record], arms: Collection[str], wanted: int) -> SingleRunSpread:
    """Return the spread of stretches of about `wanted` requests."""
    requests = stretch_length(records, arms, wanted)
    by_session = stretch_logs(records, arms, requests)
    return SingleRunSpread(
        wanted=wanted,
        requests=requests,
        sessions=sum(of_session.size > 0 for of_session in by_session),
        stretches=sum(of_session.size for of_session in by_session),
        next=_pairs(np.concatenate([np.empty(0), *(np.diff(of_session) for of_session in by_session)])),
        apart=_pairs(ratios_between_sessions(by_session)),
    )


def ratios_between_sessions(sessions: Sequence[Series]) -> Series:
    """Return the log ratios of all pairs of stretches of different sessions, at most 100 stretches each."""
    pairs = [np.subtract.outer(first, second).ravel() for first, second in combinations(map(_thin, sessions), 2)]
    return np.concatenate([np.empty(0), *pairs])


def chance_beyond(sessions: Sequence[Series], difference_percent: float) -> float | None:
    """Return the share of pairs of stretches, between sessions if there are several, that differ by more."""
    ratios = ratios_between_sessions(sessions)
    if not ratios.size:
        ratios = np.concatenate([np.empty(0), *(np.diff(of_session) for of_session in sessions)])
    if not ratios.size:
        return None
    return float(np.mean(np.abs(ratios) > abs(math.log1p(difference_percent / 100))))


def _thin(of_session: Series) -> Series:
    indices = np.linspace(0, of_session.size - 1, min(of_session.size, MAX_STRETCHES))
    return of_session[indices.round().astype(np.intp)]


def _pairs(ratios: Series) -> PairSpread | None:
    if not ratios.size:
        return None
    typical, most = (
        to_percent(float(ratio)) for ratio in np.quantile(np.abs(ratios), [TYPICAL_QUANTILE, UPPER_QUANTILE])
    )
    return PairSpread(pairs=ratios.size, typical_percent=typical, most_percent=most)


def _means(records: Sequence[Record], arms: Collection[str]) -> dict[str, float]:
    """Return the mean time of the visits of each arm in the whole run."""
    times_by_arm: dict[str, list[float]] = {}
    for record in records:
        for visit in record.visits:
            if visit.arm in arms and visit.mean_us and _is_usable(visit):
                times_by_arm.setdefault(visit.arm, []).append(visit.mean_us)
    return {arm: float(np.mean(times)) for arm, times in times_by_arm.items()}


def _in_order(record: Record, means: Mapping[str, float]) -> list[VisitRow]:
    usable = [visit for visit in record.visits if visit.arm in means and _is_usable(visit)]
    return sorted(usable, key=lambda visit: (visit.round, visit.order))


def _session_stretches(visits: Sequence[VisitRow], means: Mapping[str, float], requests: int) -> Series:
    """Return the log means of full stretches; a visit belongs to the stretch of its last request."""
    if not visits:
        return np.empty(0)
    sizes = np.array([visit.requests for visit in visits])
    times = np.array([(visit.mean_us or 0) / means[visit.arm] for visit in visits])
    ends = np.cumsum(sizes)
    number = (ends - 1) // requests
    full = np.bincount(number, sizes)
    sums = np.bincount(number, sizes * times)
    whole = int(ends[-1] // requests)
    return np.log(sums[:whole][full[:whole] > 0] / full[:whole][full[:whole] > 0])


def _is_usable(visit: VisitRow) -> bool:
    """Whether a visit has a time and is no step of a search for a capacity."""
    return bool(visit.mean_us) and visit.requests > 0 and visit.holds is None
