"""What a report draws of the sessions: the times as they were, thinned so that the eye loses nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import stdev
from typing import get_args

import numpy as np
import polars as pl
from numpy.typing import NDArray

from harness.analysis.bursts import Series, SessionData, over_rounds
from harness.analysis.effects import Pair, effects
from harness.analysis.estimate import percent
from harness.model import Experiment, Metric

MOST_POINTS = 400  # of a line: about as many as a screen shows
NEIGHBOURS, FEWEST_GROUPS = 5, 8  # rounds whose median is drawn, unless that leaves a session too few points

Values = tuple[float | None, ...]  # None where nothing was measured
Places = NDArray[np.intp]


@dataclass(frozen=True, slots=True)
class Distribution:
    """Times of an arm's requests in all sessions, ascending, each with the share of requests that took no longer."""

    arm: str
    requests: int
    latency_us: tuple[float, ...]
    share: tuple[float, ...]


@dataclass(frozen=True, slots=True)
class Stretch:
    """A session's place in the run, and its bursts: one value for each of `time_s`, the median of a few rounds.

    Time counts from the first session on, and only while requests were sent.
    """

    session: int
    start_s: float
    end_s: float
    time_s: tuple[float, ...]
    latency_us: Mapping[str, Values]
    difference_percent: Mapping[Pair, Values]


@dataclass(frozen=True, slots=True)
class SessionEffects:
    """What each session says of a pair, as `Comparison.percent` does of the run.

    The standard deviations over sessions are of these effects and of the reference arm's own level; None for one.
    """

    arm: str
    against: str
    metric: Metric
    sessions: tuple[int, ...]
    percent: tuple[float, ...]
    sd_percent: float | None
    level_sd_percent: float | None


@dataclass(frozen=True, slots=True)
class Exhibits:
    """`cpus` are per arm and role, as proved in the first session."""

    started_utc: str
    distributions: tuple[Distribution, ...]
    drift: tuple[Stretch, ...]
    effects: tuple[SessionEffects, ...]
    cpus: Mapping[str, Mapping[str, tuple[int, ...]]]


def exhibits(experiment: Experiment, sessions: Sequence[SessionData]) -> Exhibits:
    """The exhibits of at least one session, in any order. Arms and pairs of which nothing was measured are left out."""
    ordered = sorted(sessions, key=lambda session: session.record.session)
    distributions = [_distribution(arm.name, ordered) for arm in experiment.arms]
    seen = [_effects(pair, metric, ordered) for metric in get_args(Metric) for pair in experiment.pairs]
    return Exhibits(
        started_utc=min(session.record.started_utc for session in ordered),
        distributions=tuple(one for one in distributions if one.requests),
        drift=tuple(_drift(experiment, ordered)),
        effects=tuple(one for one in seen if one.sessions),
        cpus=_cpus(ordered[0]),
    )


def _distribution(arm: str, sessions: Sequence[SessionData]) -> Distribution:
    """Empty where an outside tool kept the single times to itself."""
    tables = [session.requests for session in sessions if not session.requests.is_empty()]
    times_ns = [table.filter(pl.col("arm") == arm).get_column("latency_ns").to_numpy() for table in tables]
    times_us = np.sort(np.concatenate([np.empty(0), *times_ns])) / 1000
    drawn_us = times_us[thinned(times_us.size)]
    shares = np.searchsorted(times_us, drawn_us, side="right") / max(times_us.size, 1)
    return Distribution(arm, times_us.size, tuple(drawn_us.tolist()), tuple(shares.tolist()))


def thinned(size: int) -> Places:
    """At most 400 places of `size` sorted values: each one at both ends, where single requests are seen."""
    if size <= MOST_POINTS:
        return np.arange(size)
    from_end = np.geomspace(1, size, MOST_POINTS // 4) - 1
    across = np.linspace(0, size - 1, MOST_POINTS // 2)
    places = np.concatenate([from_end, size - 1 - from_end, across])
    return np.unique(places.round().astype(np.intp))


def _drift(experiment: Experiment, sessions: Sequence[SessionData]) -> Iterator[Stretch]:
    most = max(MOST_POINTS // len(sessions), 1)
    start_s = 0.0
    for session in sessions:
        stretch = _stretch(experiment, session, start_s, most)
        start_s = stretch.end_s
        yield stretch


def _stretch(experiment: Experiment, session: SessionData, start_s: float, most: int) -> Stretch:
    """The session's rounds in at most `most` groups."""
    logs = {arm: np.log(times_us) for arm, times_us in over_rounds(session.record, "latency").items()}
    rounds = max((series.size for series in logs.values()), default=0)
    number = min(most, max(rounds // NEIGHBOURS, min(rounds, FEWEST_GROUPS)))
    groups = np.array_split(np.arange(rounds), number) if rounds else []
    visiting_s = session.record.seconds.get("visiting", 0.0)
    pairs = [(arm, against) for arm, against in experiment.pairs if arm in logs and against in logs]
    return Stretch(
        session=session.record.session,
        start_s=start_s,
        end_s=start_s + visiting_s,
        time_s=tuple(start_s + visiting_s * float(group.mean() + 0.5) / rounds for group in groups),
        latency_us={arm: _values(np.exp(_medians(series, groups))) for arm, series in logs.items()},
        difference_percent={
            (arm, against): _values(100 * np.expm1(_medians(logs[arm] - logs[against], groups)))
            for arm, against in pairs
        },
    )


def _medians(series: Series, groups: Sequence[Places]) -> Series:
    return np.array([_median(series[group]) for group in groups])


def _median(series: Series) -> float:
    """Of the values that there are; NaN without any."""
    present = series[np.isfinite(series)]
    return float(np.median(present)) if present.size else np.nan


def _values(series: Series) -> Values:
    return tuple(value if np.isfinite(value) else None for value in series.tolist())


def _effects(pair: Pair, metric: Metric, sessions: Sequence[SessionData]) -> SessionEffects:
    series = {session.record.session: over_rounds(session.record, metric) for session in sessions}
    log_ratio = {number: effects([one], pair, metric).log_ratio for number, one in series.items()}
    found = {number: float(values[0]) for number, values in log_ratio.items() if values.size}
    levels = [_median(np.log(series[number][pair[1]])) for number in found]
    return SessionEffects(
        arm=pair[0],
        against=pair[1],
        metric=metric,
        sessions=tuple(found),
        percent=tuple(percent(value) for value in found.values()),
        sd_percent=_sd_percent(list(found.values())),
        level_sd_percent=_sd_percent(levels),
    )


def _sd_percent(logs: Sequence[float]) -> float | None:
    return 100 * stdev(logs) if len(logs) > 1 else None


def _cpus(session: SessionData) -> dict[str, dict[str, tuple[int, ...]]]:
    proofs = session.record.proofs
    return {arm: {role: tuple(cpus) for role, cpus in proof.get("cpus", {}).items()} for arm, proof in proofs.items()}
