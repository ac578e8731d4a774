"""The data of the plots of a report: measured times, thinned without a visible loss."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev

import numpy as np
import polars as pl
from numpy.typing import NDArray

from harness.analysis.contrasts.engine import RunSeries, pair_terms, session_values
from harness.analysis.statistics.intervals import to_percent
from harness.analysis.statistics.series import ArmPair, Series, SessionData
from harness.model import METRICS, Experiment
from harness.model.metrics import Metric

MAX_LINE_POINTS = 400  # of a line: about the resolution of a screen
ROUNDS_PER_POINT, MIN_POINTS_PER_SESSION = 5, 8  # a point is a median of rounds

GappedValues = tuple[float | None, ...]  # None: not measured
Indices = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Times of an arm's requests in all sessions, ascending, each with the share of requests that took no longer."""

    arm: str
    requests: int
    latency_us: tuple[float, ...]
    share: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class SessionDrift:
    """The times of a session along the run: one value for each of `time_s`, the median of a few rounds.

    Time goes on from session to session and counts only while requests were sent.
    """

    session: int
    start_s: float
    end_s: float
    time_s: tuple[float, ...]
    latency_us: Mapping[str, GappedValues]
    ratio: Mapping[ArmPair, GappedValues]


@dataclass(frozen=True, slots=True)
class SessionEffects:
    """The effect of a pair in each session, like `Comparison.percent` of the whole run.

    The standard deviations over sessions are of these effects and of the level of the reference arm; None for one.
    """

    arm: str
    against: str
    metric: str
    sessions: tuple[int, ...]
    percent: tuple[float, ...]
    sd_percent: float | None
    level_sd_percent: float | None


@dataclass(frozen=True, slots=True)
class PlotData:
    """The data of all plots of a run; `cpus` are by arm and role, as proved in the first session."""

    started_utc: str
    distributions: tuple[Distribution, ...]
    drift: tuple[SessionDrift, ...]
    effects: tuple[SessionEffects, ...]
    cpus: Mapping[str, Mapping[str, tuple[int, ...]]]


def plot_data(experiment: Experiment, sessions: Sequence[SessionData]) -> PlotData:
    """Return the plot data of at least one session, in any order, without arms and pairs that were not measured."""
    ordered = sorted(sessions, key=lambda session: session.record.session)
    proofs = ordered[0].record.proofs
    series = RunSeries([session.record for session in ordered], experiment=experiment)
    distributions = [_distribution(arm.name, ordered) for arm in experiment.arms]
    return PlotData(
        started_utc=min(session.record.started_utc for session in ordered),
        distributions=tuple(distribution for distribution in distributions if distribution.requests),
        drift=tuple(_drift(experiment, ordered, series)),
        effects=tuple(effect for metric in METRICS.values() for effect in _effects(experiment, metric, series)),
        cpus={
            arm: {role: tuple(cpus) for role, cpus in proof.get("cpus", {}).items()} for arm, proof in proofs.items()
        },
    )


def _distribution(arm: str, sessions: Sequence[SessionData]) -> Distribution:
    """Return the distribution; empty if an outside tool reported no single times."""
    tables = [session.requests for session in sessions if not session.requests.is_empty()]
    times_ns = [table.filter(pl.col("arm") == arm).get_column("latency_ns").to_numpy() for table in tables]
    ascending_ns = np.concatenate([np.empty(0), *times_ns])  # one copy of what may be ten million times
    ascending_ns.sort()
    plotted_ns = ascending_ns[thinned_indices(ascending_ns.size)]
    shares = np.searchsorted(ascending_ns, plotted_ns, side="right") / max(ascending_ns.size, 1)
    return Distribution(arm, ascending_ns.size, tuple((plotted_ns / 1000).tolist()), tuple(shares.tolist()))


def thinned_indices(size: int) -> Indices:
    """Return at most 400 indices into `size` sorted values; dense at both ends, where single requests are visible."""
    if size <= MAX_LINE_POINTS:
        return np.arange(size)
    from_end = np.geomspace(1, size, MAX_LINE_POINTS // 4) - 1
    across = np.linspace(0, size - 1, MAX_LINE_POINTS // 2)
    indices = np.concatenate([from_end, size - 1 - from_end, across])
    return np.unique(indices.round().astype(np.intp))


def _drift(experiment: Experiment, sessions: Sequence[SessionData], series: RunSeries) -> Iterator[SessionDrift]:
    """Yield the drift of each session, in at most 400 points together, each of a group of rounds."""
    most, start_s = max(MAX_LINE_POINTS // len(sessions), 1), 0.0
    for record in (session.record for session in sessions):
        logs = {arm: np.log(of_arm) for arm, of_arm in series.values(METRICS["latency"])[record.session].items()}
        rounds = max((of_arm.size for of_arm in logs.values()), default=0)
        number = min(most, max(rounds // ROUNDS_PER_POINT, min(rounds, MIN_POINTS_PER_SESSION)))
        groups = np.array_split(np.arange(rounds), number) if rounds else []
        visiting_s = record.seconds.get("visiting", 0.0)
        pairs = [(arm, against) for arm, against in experiment.pairs if arm in logs and against in logs]
        yield SessionDrift(
            session=record.session,
            start_s=start_s,
            end_s=start_s + visiting_s,
            time_s=tuple(start_s + visiting_s * float(group.mean() + 0.5) / rounds for group in groups),
            latency_us={arm: _typical_times(of_arm, groups) for arm, of_arm in logs.items()},
            ratio={(arm, against): _typical_times(logs[arm] - logs[against], groups) for arm, against in pairs},
        )
        start_s += visiting_s


def _typical_times(logs: Series, groups: Sequence[Indices]) -> GappedValues:
    """Return the median of each group of rounds, from logarithms."""
    medians = [_median(logs[group]) for group in groups]
    return tuple(None if math.isnan(median) else math.exp(median) for median in medians)


def _median(series: Series) -> float:
    """Return the median of the finite values; NaN without any."""
    finite = series[np.isfinite(series)]
    return float(np.median(finite)) if finite.size else math.nan


def _effects(experiment: Experiment, metric: Metric, series: RunSeries) -> Iterator[SessionEffects]:
    """Yield the effects of the pairs that were measured in `metric`; only headlines and designs have figures."""
    for arm, against in experiment.pairs if metric.is_headline or metric.in_designs else ():
        values = session_values(series, pair_terms((arm, against), metric.name))
        if values.sessions:
            levels = [_median(np.log(series.values(metric)[number][against])) for number in values.sessions]
            yield SessionEffects(
                arm=arm,
                against=against,
                metric=metric.name,
                sessions=values.sessions,
                percent=tuple(to_percent(value) for value in values.log_ratio.tolist()),
                sd_percent=_sd_percent(values.log_ratio.tolist()),
                level_sd_percent=_sd_percent(levels),
            )


def _sd_percent(logs: Sequence[float]) -> float | None:
    return 100 * stdev(logs) if len(logs) > 1 else None
