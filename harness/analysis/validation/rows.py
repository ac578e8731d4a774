"""Runs made elsewhere become rows: one for each architecture at each place, its runs together."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from harness.analysis.estimate import Estimate, estimate
from harness.analysis.why.per_session import CONFIDENCE
from harness.model import Amount
from harness.model.foreign import Foreign
from harness.model.validation import ForeignRow, IntervalFrom

TOLERANCE = 0.01  # what rounding can explain is far below
BATCHES, FEWEST_IN_A_BATCH = 20, 10

Key = tuple[str, str]  # (where, architecture)


def by_row(foreign: Iterable[Foreign]) -> dict[Key, list[Foreign]]:
    """The runs of each architecture at each place, in their order."""
    found: dict[Key, list[Foreign]] = {}
    for one in foreign:
        found.setdefault((one.where, one.architecture), []).append(one)
    return found


def rows_of(foreign: Sequence[Foreign]) -> tuple[ForeignRow, ...]:
    usual = _usual_connections(foreign)
    return tuple(_row(runs, usual) for runs in by_row(foreign).values())


def times_us(runs: Iterable[Foreign]) -> list[float]:
    """The mean time per request of each run that tells one."""
    return [one.mean_us for one in runs if one.mean_us]


def of_raw_times(times: Sequence[float]) -> Estimate | None:
    """The mean of one run's requests with what it scatters by within that run; None below 200 of them.

    Neighbouring requests are alike, so 20 batches in a row count as values (batch means, Schmeiser 1982).
    """
    size = len(times) // BATCHES
    if size < FEWEST_IN_A_BATCH:
        return None
    batches = np.asarray(times[: size * BATCHES]).reshape(BATCHES, size).mean(axis=1)
    found = estimate(batches)
    return Estimate(fmean(times), found.sd, found.sessions)


def certainty_of(runs: Sequence[Foreign]) -> tuple[Estimate | None, IntervalFrom]:
    """The mean over runs, or within the one run whose single times are known; None where there is no interval."""
    times = times_us(runs)
    if len(times) > 1:
        return estimate(np.asarray(times)), "runs"
    within = of_raw_times(runs[0].latency_us) if len(runs) == 1 and times else None
    return within, "raw times" if within else ""


def adds_up(one: Foreign, usual: Mapping[str, int]) -> bool:
    """Whether a run's mean can be that of its times, and of its rate.

    Rate and time multiply to the mean number of requests under way (Little's law), which is at most that of the
    connections. Where the file does not tell these, its other rows do. A rate that was asked for says nothing here.
    """
    if one.mean_us and not _within(one, one.mean_us):
        return False
    if one.is_rate_asked or not one.requests_per_s or not one.mean_us:
        return True
    under_way = one.requests_per_s * one.mean_us / 1e6
    if one.connections:
        return under_way <= one.connections * (1 + TOLERANCE)
    return one.source.name not in usual or abs(under_way / usual[one.source.name] - 1) <= TOLERANCE


def _within(one: Foreign, mean_us: float) -> bool:
    """Whether the mean lies between the least and the greatest time, but for rounding."""
    rounding_us = ((one.resolution_us or 0) + (one.mean_resolution_us or 0)) / 2
    least_us, most_us = (one.percentiles_us.get(end, mean_us) for end in (0.0, 100.0))
    return least_us - rounding_us <= mean_us <= most_us + rounding_us


def _usual_connections(foreign: Iterable[Foreign]) -> dict[str, int]:
    """By file, how many requests were under way in most of its rows, where these agree on a whole number."""
    found: dict[str, list[float]] = {}
    for one in foreign:
        if one.requests_per_s and one.mean_us and not one.is_rate_asked:
            found.setdefault(one.source.name, []).append(one.requests_per_s * one.mean_us / 1e6)
    return dict(filter(None, map(_agreed, found.items())))


def _agreed(found: tuple[str, list[float]]) -> tuple[str, int] | None:
    name, under_way = found
    whole = max(round(median(under_way)), 1)
    agree = sum(abs(each / whole - 1) <= TOLERANCE for each in under_way)
    return (name, whole) if agree > max(len(under_way) / 2, 1) else None


def _row(runs: Sequence[Foreign], usual: Mapping[str, int]) -> ForeignRow:
    first = runs[0]
    seen, interval = certainty_of(runs)
    return ForeignRow(
        where=first.where,
        architecture=first.architecture,
        transport=first.transport,
        sources=tuple(dict.fromkeys(one.source.name for one in runs)),
        runs=len(runs),
        requests=min((one.requests for one in runs if one.requests), default=None),
        connections=first.connections,
        failed=sum(sum(one.failures.values()) for one in runs),
        time_us=_amount(seen, runs),
        by_rate_us=_by_rate_us(runs, usual),
        interval=interval,
        adds_up=all(adds_up(one, usual) for one in runs),
        remarks=tuple(dict.fromkeys(_remarks(runs))),
    )


def _amount(seen: Estimate | None, runs: Sequence[Foreign]) -> Amount | None:
    if seen:
        low, high = seen.interval(CONFIDENCE)
        return Amount(value=seen.mean, low=low, high=high)
    times = times_us(runs)
    return Amount(value=times[0]) if times else None


def _by_rate_us(runs: Sequence[Foreign], usual: Mapping[str, int]) -> float | None:
    found = [
        1e6 * (one.connections or usual.get(one.source.name, 1)) / one.requests_per_s
        for one in runs
        if one.requests_per_s and not one.is_rate_asked
    ]
    return fmean(found) if found else None


def _remarks(runs: Iterable[Foreign]) -> Iterator[str]:
    for one in runs:
        yield from one.remarks
