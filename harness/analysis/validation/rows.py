"""The rows of imported runs: one for each architecture at each place, with all of its runs."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from harness.analysis.estimate import Estimate, estimate
from harness.analysis.why.per_session import CONFIDENCE
from harness.model import Amount
from harness.model.foreign import Foreign
from harness.model.validation import ForeignRow, IntervalFrom

TOLERANCE = 0.01  # rounding explains far less
BATCHES, FEWEST_IN_A_BATCH = 20, 10

Key = tuple[str, str]  # (where, architecture)


def by_row(foreign: Iterable[Foreign]) -> dict[Key, list[Foreign]]:
    """Return the runs of each architecture at each place, in their order."""
    runs: dict[Key, list[Foreign]] = {}
    for run in foreign:
        runs.setdefault((run.where, run.architecture), []).append(run)
    return runs


def rows_of(foreign: Sequence[Foreign]) -> tuple[ForeignRow, ...]:
    """Return a row for each architecture at each place."""
    usual = _usual_connections(foreign)
    return tuple(_row(runs, usual) for runs in by_row(foreign).values())


def times_us(runs: Iterable[Foreign]) -> list[float]:
    """Return the mean time per request of each run that has one."""
    return [run.mean_us for run in runs if run.mean_us]


def of_raw_times(times: Sequence[float]) -> Estimate | None:
    """Return the mean over the requests of one run with its variance within the run; None below 200 requests.

    Neighbouring requests are correlated, so 20 successive batches count as values (batch means, Schmeiser 1982).
    """
    size = len(times) // BATCHES
    if size < FEWEST_IN_A_BATCH:
        return None
    batches = np.asarray(times[: size * BATCHES]).reshape(BATCHES, size).mean(axis=1)
    batch_estimate = estimate(batches)
    return Estimate(fmean(times), batch_estimate.sd, batch_estimate.sessions)


def certainty_of(runs: Sequence[Foreign]) -> tuple[Estimate | None, IntervalFrom]:
    """Return the mean over runs, or within a single run with single times; None if there is no interval."""
    times = times_us(runs)
    if len(times) > 1:
        return estimate(np.asarray(times)), "runs"
    within = of_raw_times(runs[0].latency_us) if len(runs) == 1 and times else None
    return within, "raw times" if within else ""


def adds_up(run: Foreign, usual: Mapping[str, int]) -> bool:
    """Whether the mean of a run is consistent with its times and its rate.

    Rate times mean time is the mean number of requests in flight (Little's law), at most the number of connections. If
    the file does not record these, its other rows show them. A requested rate is not checked.
    """
    if run.mean_us and not _within(run, run.mean_us):
        return False
    if run.is_rate_asked or not run.requests_per_s or not run.mean_us:
        return True
    under_way = run.requests_per_s * run.mean_us / 1e6
    if run.connections:
        return under_way <= run.connections * (1 + TOLERANCE)
    return run.source.name not in usual or abs(under_way / usual[run.source.name] - 1) <= TOLERANCE


def _within(run: Foreign, mean_us: float) -> bool:
    """Whether the mean lies between the least and the greatest time, except for rounding."""
    rounding_us = ((run.resolution_us or 0) + (run.mean_resolution_us or 0)) / 2
    least_us, most_us = (run.percentiles_us.get(end, mean_us) for end in (0.0, 100.0))
    return least_us - rounding_us <= mean_us <= most_us + rounding_us


def _usual_connections(foreign: Iterable[Foreign]) -> dict[str, int]:
    """Return the number of requests in flight by file, if most of its rows agree on a whole number."""
    under_way: dict[str, list[float]] = {}
    for run in foreign:
        if run.requests_per_s and run.mean_us and not run.is_rate_asked:
            under_way.setdefault(run.source.name, []).append(run.requests_per_s * run.mean_us / 1e6)
    return dict(filter(None, map(_agreed, under_way.items())))


def _agreed(in_file: tuple[str, list[float]]) -> tuple[str, int] | None:
    name, under_way = in_file
    whole = max(round(median(under_way)), 1)
    agreeing = sum(abs(requests / whole - 1) <= TOLERANCE for requests in under_way)
    return (name, whole) if agreeing > max(len(under_way) / 2, 1) else None


def _row(runs: Sequence[Foreign], usual: Mapping[str, int]) -> ForeignRow:
    first = runs[0]
    estimate, interval = certainty_of(runs)
    return ForeignRow(
        where=first.where,
        architecture=first.architecture,
        transport=first.transport,
        sources=tuple(dict.fromkeys(run.source.name for run in runs)),
        runs=len(runs),
        requests=min((run.requests for run in runs if run.requests), default=None),
        connections=first.connections,
        failed=sum(sum(run.failures.values()) for run in runs),
        time_us=_amount(estimate, runs),
        by_rate_us=_by_rate_us(runs, usual),
        interval=interval,
        adds_up=all(adds_up(run, usual) for run in runs),
        remarks=tuple(dict.fromkeys(_remarks(runs))),
    )


def _amount(estimate: Estimate | None, runs: Sequence[Foreign]) -> Amount | None:
    if estimate:
        low, high = estimate.interval(CONFIDENCE)
        return Amount(value=estimate.mean, low=low, high=high)
    times = times_us(runs)
    return Amount(value=times[0]) if times else None


def _by_rate_us(runs: Sequence[Foreign], usual: Mapping[str, int]) -> float | None:
    times = [
        1e6 * (run.connections or usual.get(run.source.name, 1)) / run.requests_per_s
        for run in runs
        if run.requests_per_s and not run.is_rate_asked
    ]
    return fmean(times) if times else None


def _remarks(runs: Iterable[Foreign]) -> Iterator[str]:
    for run in runs:
        yield from run.remarks
