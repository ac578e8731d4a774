"""Pairs rows measured elsewhere with the bare arms that they correspond to."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from statistics import fmean, median

import numpy as np

from harness.analysis.statistics.inference import Estimate, estimate_mean
from harness.experiment.transports import arm_transport, imported_family, transports
from harness.model import ArmSummary, Comparison, Interval, Summary, Verdict
from harness.model.settings import varying_keys
from harness.model.tools import TOLERANCE, ImportedRun, is_consistent
from harness.model.validation import ImportedRow, IntervalSource

BATCH_COUNT, MIN_BATCH_SIZE = 20, 10

RowKey = tuple[str, str]  # (where, architecture)

NOT_BARE_SETTINGS = ("url", "chain", "network", "sandbox", "cpu_quota")  # an arm with any of these is not bare
OPPOSITE_VERDICT: Mapping[Verdict | None, Verdict] = {"faster": "slower", "slower": "faster"}


def runs_by_row(foreign: Iterable[ImportedRun]) -> dict[RowKey, list[ImportedRun]]:
    """Return the runs of each architecture at each place, in their order."""
    runs: dict[RowKey, list[ImportedRun]] = {}
    for run in foreign:
        runs.setdefault((run.where, run.architecture), []).append(run)
    return runs


def imported_rows(foreign: Sequence[ImportedRun]) -> tuple[ImportedRow, ...]:
    """Return a row for each architecture at each place."""
    usual = _usual_connections(foreign)
    return tuple(_row(runs, usual) for runs in runs_by_row(foreign).values())


def run_means_us(runs: Iterable[ImportedRun]) -> list[float]:
    """Return the mean time per request of each run that has one."""
    return [run.mean_us for run in runs if run.mean_us]


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


def row_estimate(runs: Sequence[ImportedRun]) -> tuple[Estimate | None, IntervalSource]:
    """Return the mean over runs, or within a single run with single times; None if there is no interval."""
    times = run_means_us(runs)
    if len(times) > 1:
        return estimate_mean(np.asarray(times)), "runs"
    within = batch_means_estimate(runs[0].latency_us) if len(runs) == 1 and times else None
    return within, "raw times" if within else ""


def adds_up(run: ImportedRun, usual: Mapping[str, int]) -> bool:
    """Whether the mean of a run is consistent with its times and its rate.

    Rate times mean time is the mean number of requests in flight (Little's law), at most the number of connections. If
    the file does not record these, its other rows show them. A requested rate is not checked.
    """
    if run.mean_us and not _is_within_range(run, run.mean_us):
        return False
    if run.in_flight is None:
        return True
    if run.connections:
        return run.in_flight <= run.connections * (1 + TOLERANCE)
    return run.source.name not in usual or is_consistent(run.in_flight, usual[run.source.name])


def _is_within_range(run: ImportedRun, mean_us: float) -> bool:
    """Whether the mean lies between the least and the greatest time, except for rounding."""
    rounding_us = ((run.resolution_us or 0) + (run.mean_resolution_us or 0)) / 2
    least_us, most_us = (run.percentiles_us.get(end, mean_us) for end in (0.0, 100.0))
    return least_us - rounding_us <= mean_us <= most_us + rounding_us


def _usual_connections(foreign: Iterable[ImportedRun]) -> dict[str, int]:
    """Return the number of requests in flight by file, if most of its rows agree on a whole number."""
    under_way: dict[str, list[float]] = {}
    for run in foreign:
        if run.in_flight is not None:
            under_way.setdefault(run.source.name, []).append(run.in_flight)
    return dict(filter(None, map(_common_connections, under_way.items())))


def _common_connections(in_file: tuple[str, list[float]]) -> tuple[str, int] | None:
    name, under_way = in_file
    whole = max(round(median(under_way)), 1)
    agreeing = sum(is_consistent(requests, whole) for requests in under_way)
    return (name, whole) if agreeing > max(len(under_way) / 2, 1) else None


def _row(runs: Sequence[ImportedRun], usual: Mapping[str, int]) -> ImportedRow:
    first = runs[0]
    estimate, interval = row_estimate(runs)
    return ImportedRow(
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


def _amount(estimate: Estimate | None, runs: Sequence[ImportedRun]) -> Interval | None:
    if estimate:
        return estimate.with_interval()
    times = run_means_us(runs)
    return Interval(value=times[0]) if times else None


def _by_rate_us(runs: Sequence[ImportedRun], usual: Mapping[str, int]) -> float | None:
    times = [
        1e6 * (run.connections or usual.get(run.source.name, 1)) / run.requests_per_s
        for run in runs
        if run.requests_per_s and not run.is_rate_asked
    ]
    return fmean(times) if times else None


def _remarks(runs: Iterable[ImportedRun]) -> Iterator[str]:
    for run in runs:
        yield from run.remarks


def bare_arm(summary: Summary, architecture: str, transport: str) -> str | None:
    """Return the arm of that name, or else the one of that transport family with the fewest other settings."""
    bare = bare_arms(summary)
    if architecture in bare:
        return architecture
    for wanted in _bare_transports(transport):
        names = [name for name, arm in bare.items() if arm_transport(arm.settings) == wanted]
        if names:
            return min(names, key=lambda name: (name != wanted, len(bare[name].settings)))
    return None


def _bare_transports(family: str) -> list[str]:
    """Return the transports of a family, those in a directory first: a container's volume is a directory."""
    names = [name for name in transports() if imported_family(name) == family]
    return sorted(names, key=lambda name: transports()[name].address_kind != "directory")


def bare_arms(summary: Summary) -> dict[str, ArmSummary]:
    """Return the arms with a plain stack of ours, without controls."""
    return {
        name: arm
        for name, arm in summary.arms.items()
        if arm.control_of is None and not any(key in arm.settings for key in NOT_BARE_SETTINGS)
    }


def service_arms(summary: Summary) -> list[str]:
    """Return the arms with a url, without controls."""
    return [name for name, arm in summary.arms.items() if arm.settings.get("url") and arm.control_of is None]


def bare_comparison(summary: Summary, arm: str | None, against: str | None) -> Comparison | None:
    """Return the latency comparison of two arms, whichever is the reference; None without one."""
    for comparison in summary.comparisons:
        if comparison.metric == "latency" and (comparison.arm, comparison.against) == (arm, against):
            return comparison
        if comparison.metric == "latency" and (comparison.against, comparison.arm) == (arm, against):
            return mirror(comparison)
    return None


def mirror(comparison: Comparison) -> Comparison:
    """Return the comparison with arm and reference exchanged."""
    return comparison.model_copy(
        update={
            "arm": comparison.against,
            "against": comparison.arm,
            "percent": _inverse_percent(comparison.percent),
            "percent_low": _inverse_percent(comparison.percent_high),
            "percent_high": _inverse_percent(comparison.percent_low),
            "us": _negative_us(comparison.us),
            "us_low": _negative_us(comparison.us_high),
            "us_high": _negative_us(comparison.us_low),
            "verdict": OPPOSITE_VERDICT.get(comparison.verdict, comparison.verdict),
            "checks": {},
        }
    )


def _inverse_percent(percent: float | None) -> float | None:
    """Return the inverse of a ratio in percent; None for -100 % or less."""
    return None if percent is None or percent <= -100 else 100 * (1 / (1 + percent / 100) - 1)


def _negative_us(us: float | None) -> float | None:
    return None if us is None else -us


def differing_settings_besides_transport(summary: Summary, bare: Comparison | None) -> tuple[str, ...]:
    """Return the settings other than the transport in which the two bare arms differ."""
    if bare is None:
        return ()
    ours, theirs = (summary.arms[name].settings for name in (bare.arm, bare.against))
    return tuple(sorted(key for key in varying_keys([ours, theirs]) if key != "transport"))


def full_chain_arms(summary: Summary) -> list[str]:
    """Return the arms with the full chain and without failures, including controls."""
    return [name for name, arm in summary.arms.items() if "chain" not in arm.settings and not arm.failed]


def connection_count(arm: ArmSummary) -> int:
    """Return the number of client connections of an arm."""
    return int(arm.settings.get("connections", 1))
