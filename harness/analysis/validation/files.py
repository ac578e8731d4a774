"""Results in files of load tools: a row for each architecture at each place, its claim, and the runtime's share."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from harness.analysis.contrasts.engine import RunSeries, mean_interval
from harness.analysis.statistics.intervals import (
    EffectEstimate,
    Estimate,
    difference_of_estimates,
    estimate_mean,
    welch_difference,
)
from harness.analysis.statistics.series import Series
from harness.analysis.validation.bare_run import BareRun, bare_arm, connection_count, full_chain_arms
from harness.analysis.validation.claims import ClaimSides
from harness.analysis.validation.spread import chance_beyond, stretch_length, stretch_logs
from harness.analysis.why.quantities import MEAN_TIME_US, level
from harness.experiment.transports import IMPORTED_TCP
from harness.model import Interval
from harness.model.tools import TOLERANCE, ImportedRun, is_consistent
from harness.model.validation import ClaimReason, ImportedRow, IntervalSource, RuntimeShare

BATCH_COUNT, MIN_BATCH_SIZE = 20, 10
ASSUMED_REQUESTS = 1000  # of a run whose file does not record them

RowPair = tuple[ImportedRow, ImportedRow]


def imported_rows(foreign: Sequence[ImportedRun]) -> tuple[ImportedRow, ...]:
    """Return a row for each architecture at each place."""
    usual = _usual_connections(foreign)
    return tuple(_row(runs, usual) for runs in _runs_by_row(foreign).values())


def imported_sides(run: BareRun, foreign: Sequence[ImportedRun]) -> Iterator[ClaimSides]:
    """Yield each architecture that is not over TCP, with the one over TCP at its place (if several: tcp)."""
    runs, rows = _runs_by_row(foreign), imported_rows(foreign)
    for where in dict.fromkeys(row.where for row in rows):
        here = [row for row in rows if row.where == where]
        over_tcp = [row for row in here if row.transport == IMPORTED_TCP]
        theirs = min(over_tcp, key=lambda row: row.architecture != IMPORTED_TCP, default=None)
        for ours in here if theirs else ():
            if theirs and ours.transport != IMPORTED_TCP:
                our_us, their_us = (np.array(_means_us(runs[where, row.architecture])) for row in (ours, theirs))
                yield _sides(run, (ours, theirs), our_us, their_us)


def imported_shares(run: BareRun, foreign: Sequence[ImportedRun]) -> Iterator[RuntimeShare]:
    """Yield the share of each architecture at each place whose runs can be compared with a bare arm."""
    for (where, architecture), runs in _runs_by_row(foreign).items():
        arm = bare_arm(run.summary, architecture, runs[0].transport)
        if arm is None or not _means_us(runs) or not _are_comparable(runs, connection_count(run.summary.arms[arm])):
            continue
        levels_us = level(RunSeries(run.records), arm, MEAN_TIME_US)
        bare_us = mean_interval(levels_us.difference)
        if bare_us:
            container, interval = _row_estimate(runs)
            mean_us = float(np.mean(_means_us(runs)))
            us = Interval(value=mean_us - bare_us.value)
            if container and len(levels_us.sessions) > 1:
                bare = estimate_mean(levels_us.difference)
                us = difference_of_estimates(bare, container).with_interval()
            yield RuntimeShare(
                where=where,
                architecture=architecture,
                transport=runs[0].transport,
                arm=arm,
                container_us=container.with_interval() if container else Interval(value=mean_us),
                bare_us=bare_us,
                us=us,
                interval=interval if us.low is not None else "",
            )


def batch_means_estimate(times: Sequence[float]) -> Estimate | None:
    """Return the mean over the requests of one run with its variance within the run; None below 200 requests.

    Neighbouring requests are correlated, so 20 successive batches count as values (batch means, Schmeiser 1982).
    """
    size = len(times) // BATCH_COUNT
    if size < MIN_BATCH_SIZE:
        return None
    batches = np.asarray(times[: size * BATCH_COUNT]).reshape(BATCH_COUNT, size).mean(axis=1)
    batch_estimate = estimate_mean(batches)
    return Estimate(fmean(times), batch_estimate.sd, batch_estimate.sessions)


def _runs_by_row(foreign: Iterable[ImportedRun]) -> dict[tuple[str, str], list[ImportedRun]]:
    """Return the runs of each architecture at each place, in their order."""
    runs: dict[tuple[str, str], list[ImportedRun]] = {}
    for run in foreign:
        runs.setdefault((run.where, run.architecture), []).append(run)
    return runs


def _means_us(runs: Iterable[ImportedRun]) -> list[float]:
    """Return the mean time per request of each run that has one."""
    return [run.mean_us for run in runs if run.mean_us]


def _row(runs: Sequence[ImportedRun], usual: Mapping[str, int]) -> ImportedRow:
    first = runs[0]
    estimate, interval = _row_estimate(runs)
    time_us = estimate.with_interval() if estimate else next((Interval(value=us) for us in _means_us(runs)), None)
    return ImportedRow(
        where=first.where,
        architecture=first.architecture,
        transport=first.transport,
        sources=tuple(dict.fromkeys(run.source.name for run in runs)),
        runs=len(runs),
        requests=min((run.requests for run in runs if run.requests), default=None),
        connections=first.connections,
        failed=sum(sum(run.failures.values()) for run in runs),
        time_us=time_us,
        by_rate_us=_by_rate_us(runs, usual),
        interval=interval,
        adds_up=all(_adds_up(run, usual) for run in runs),
        remarks=tuple(dict.fromkeys(remark for run in runs for remark in run.remarks)),
    )


def _row_estimate(runs: Sequence[ImportedRun]) -> tuple[Estimate | None, IntervalSource]:
    """Return the mean over runs, or within a single run with single times; None if there is no interval."""
    times = _means_us(runs)
    if len(times) > 1:
        return estimate_mean(np.asarray(times)), "runs"
    within = batch_means_estimate(runs[0].latency_us) if len(runs) == 1 and times else None
    return within, "raw times" if within else ""


def _by_rate_us(runs: Sequence[ImportedRun], usual: Mapping[str, int]) -> float | None:
    times = [
        1e6 * (run.connections or usual.get(run.source.name, 1)) / run.requests_per_s
        for run in runs
        if run.requests_per_s and not run.is_rate_asked
    ]
    return fmean(times) if times else None


def _adds_up(run: ImportedRun, usual: Mapping[str, int]) -> bool:
    """Whether the mean of a run is consistent with its times and its rate.

    The mean lies between the least and the greatest time, except for rounding. Rate times mean time is the mean number
    of requests in flight (Little's law), at most the number of connections. If the file does not record these, its
    other rows show them. A requested rate is not checked.
    """
    if run.mean_us:
        rounding_us = ((run.resolution_us or 0) + (run.mean_resolution_us or 0)) / 2
        least_us, most_us = (run.percentiles_us.get(end, run.mean_us) for end in (0.0, 100.0))
        if not least_us - rounding_us <= run.mean_us <= most_us + rounding_us:
            return False
    if run.in_flight is None:
        return True
    if run.connections:
        return run.in_flight <= run.connections * (1 + TOLERANCE)
    return run.source.name not in usual or is_consistent(run.in_flight, usual[run.source.name])


def _usual_connections(foreign: Iterable[ImportedRun]) -> dict[str, int]:
    """Return the number of requests in flight by file, if most of its rows agree on a whole number."""
    in_flight: dict[str, list[float]] = {}
    for run in foreign:
        if run.in_flight is not None:
            in_flight.setdefault(run.source.name, []).append(run.in_flight)
    usual = {name: max(round(median(requests)), 1) for name, requests in in_flight.items()}
    agreeing = {
        name: sum(is_consistent(requests, whole) for requests in in_flight[name]) for name, whole in usual.items()
    }
    return {name: whole for name, whole in usual.items() if agreeing[name] > max(len(in_flight[name]) / 2, 1)}


def _sides(run: BareRun, rows: RowPair, our_us: Series, their_us: Series) -> ClaimSides:
    ours, theirs = rows
    us, percent, runs = None, None, (ours.runs, theirs.runs)
    if our_us.size and their_us.size:
        us, runs = float(our_us.mean() - their_us.mean()), (our_us.size, their_us.size)
        percent = 100 * us / float(their_us.mean())
    elif ours.by_rate_us and theirs.by_rate_us:
        percent = 100 * (ours.by_rate_us - theirs.by_rate_us) / theirs.by_rate_us
    is_single = min(runs) == 1 and percent is not None
    obstacles: dict[ClaimReason, bool] = {"no time": us is None, "single runs": is_single}
    return ClaimSides(
        ours=ours,
        theirs=theirs,
        arms=(
            bare_arm(run.summary, ours.architecture, ours.transport),
            bare_arm(run.summary, theirs.architecture, IMPORTED_TCP),
        ),
        estimate=_welch(our_us, their_us),
        us=us,
        percent=percent,
        their_us=float(their_us.mean()) if their_us.size else None,
        obstacles=tuple(reason for reason, applies in obstacles.items() if applies),
        chance=_chance(run, rows, percent) if is_single else None,
    )


def _welch(our_us: Series, their_us: Series) -> EffectEstimate | None:
    """Return the difference of the means of runs; None without several runs on both sides."""
    if min(our_us.size, their_us.size) < 2:
        return None
    return EffectEstimate(welch_difference(np.log(their_us), np.log(our_us)), welch_difference(their_us, our_us))


def _chance(run: BareRun, rows: RowPair, percent: float | None) -> float | None:
    """Return the chance of a difference that large between single runs of one arm here."""
    arms = full_chain_arms(run.summary)
    requests = min((row.requests for row in rows if row.requests), default=ASSUMED_REQUESTS)
    stretches = stretch_logs(run.records, arms, stretch_length(run.records, arms, requests))
    return None if percent is None else chance_beyond(stretches, percent)


def _are_comparable(runs: Sequence[ImportedRun], connections: int) -> bool:
    """Whether no request failed and the number of connections is the same."""
    return all(not run.failures and run.connections in (None, connections) for run in runs)
