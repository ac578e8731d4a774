"""Checks the numbers of a file for impossible values and for contradictions."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite

from harness.model import ImportedRun
from harness.model.tools import TOLERANCE, is_consistent

ROUND_RATE_LOW, ROUND_RATE_HIGH = 0.998, 1.0005
SHORT_RUN_US = 1e6  # such a short run ends before its last answers
TAIL_PERCENT, TAIL_FACTOR = 90, 2.0


def impossible_numbers(run: ImportedRun) -> Iterator[str]:
    """Yield a sentence for each impossible number: the run cannot be used."""
    numbers = {"requests per second": run.requests_per_s, "the mean time in us": run.mean_us, "seconds": run.duration_s}
    for name, value in numbers.items():
        if value is not None and not (isfinite(value) and value > 0):
            yield f"{name} are given as {value:g}, which is impossible. Measure again, or correct the file."
    times = (*run.percentiles_us.values(), *run.latency_us)
    if any(not isfinite(us) or us < 0 for us in times):
        yield "one of its times is negative, or not a number. Measure again, or correct the file."
    if any(count < 0 for count in (run.requests or 0, *run.failures.values())):
        yield "it has a negative number of requests. Measure again, or correct the file."


def round_rate_remark(run: ImportedRun, option: str) -> Iterator[str]:
    """Yield a sentence where the rate is so round that the tool's `option` may have set it."""
    if not option or not run.requests_per_s:
        return
    round_rate = float(f"{run.requests_per_s:.2g}")
    if ROUND_RATE_LOW < run.requests_per_s / round_rate < ROUND_RATE_HIGH:
        yield (
            f"{run.requests_per_s:g} requests/s are so close to {round_rate:g} that the rate may have been set "
            f"({option}): if so, it says nothing about the server."
        )


def contradictions(run: ImportedRun) -> Iterator[str]:
    """Yield a sentence for each contradiction between two numbers; both are kept."""
    yield from _excess_in_flight(run)
    yield from _falling_percentiles(run)
    yield from _mean_outside(run)
    yield from _times_beyond_run(run)


def rate_contradiction(run: ImportedRun, requests: int, resolution_s: float = 0.0) -> Iterator[str]:
    """Yield a sentence where so many requests in the run's duration, of `resolution_s`, contradict its rate."""
    if not (run.duration_s and run.requests_per_s):
        return
    per_s = requests / run.duration_s
    if not is_consistent(per_s, run.requests_per_s, resolution_s / run.duration_s):
        yield f"{requests} requests in {run.duration_s:g} s are not {run.requests_per_s:g} requests/s but {per_s:.2f}."


def mean_contradiction(run: ImportedRun) -> Iterator[str]:
    """Yield a sentence where the mean of a tool that calculates it from the rate contradicts the rate."""
    if not (run.requests_per_s and run.connections and run.mean_us):
        return
    implied_us = 1e6 * run.connections / run.requests_per_s
    if not is_consistent(run.mean_us, implied_us, (run.mean_resolution_us or 0) / implied_us):
        yield f"{run.mean_us / 1000:g} ms per request is not {implied_us / 1000:.3f} ms, as the rate implies."


def missing_runs(runs: Sequence[ImportedRun]) -> Mapping[tuple[str, str], Sequence[str]]:
    """Return, by (where, architecture), the sentence where a place lacks runs that other places have.

    Only architectures of at least half of the places are expected at all of them.
    """
    counts = Counter((run.where, run.architecture) for run in runs)
    places = list(dict.fromkeys(run.where for run in runs))
    usual = [name for name in dict.fromkeys(run.architecture for run in runs) if _is_usual(name, places, counts)]
    max_runs = max(counts.values())
    lacking: dict[tuple[str, str], Sequence[str]] = {}
    for where in places:
        here = {architecture: counts[where, architecture] for architecture in usual}
        if min(here.values(), default=max_runs) < max_runs:
            listing = ", ".join(f"{count} of {architecture}" for architecture, count in here.items())
            sentence = f"Rows may be missing: {where or 'it'} has {listing}, and the maximum of all is {max_runs}."
            lacking |= {(where, architecture): (sentence,) for architecture, count in here.items() if count}
    return lacking


def _is_usual(architecture: str, places: Sequence[str], counts: Counter[tuple[str, str]]) -> bool:
    return 2 * sum((where, architecture) in counts for where in places) >= len(places)


def _excess_in_flight(run: ImportedRun) -> Iterator[str]:
    """Compare rate times mean, the requests in flight by Little's law, with the connections."""
    in_flight = run.in_flight
    if not (run.connections and in_flight and run.requests_per_s and run.mean_us):
        return
    rounding = (run.mean_resolution_us or 0) / run.mean_us / 2
    if in_flight > run.connections * (1 + TOLERANCE + rounding):
        yield (
            f"{run.requests_per_s:.2f} requests/s of {run.mean_us / 1000:.3f} ms each are {in_flight:.2f} in flight, "
            f"but there were {run.connections} connections: a number has another unit, or the mean includes more than "
            "requests, as that of wrk, which adds times for requests that a stall delayed."
        )


def _falling_percentiles(run: ImportedRun) -> Iterator[str]:
    for (lower, lower_us), (higher, higher_us) in pairwise(sorted(run.percentiles_us.items())):
        if higher_us < lower_us - (run.resolution_us or 0) / 2:
            yield f"Its {higher:g}th percentile, {higher_us:g} us, is below its {lower:g}th, {lower_us:g} us."
            return


def _times_beyond_run(run: ImportedRun) -> Iterator[str]:
    """Yield the first percentile that is longer than the run, as when a clock was set."""
    max_us = 1e6 * (run.duration_s or 0) * (1 + TOLERANCE) + (run.resolution_us or 0)
    for percent, us in sorted(run.percentiles_us.items()):
        if run.duration_s and us > max(max_us, SHORT_RUN_US):
            yield f"Its {percent:g}th percentile, {us:g} us, is longer than the whole run of {run.duration_s:g} s."
            return


def _mean_outside(run: ImportedRun) -> Iterator[str]:
    if run.mean_us is None:
        return
    rounding_us = ((run.resolution_us or 0) + (run.mean_resolution_us or 0)) / 2
    min_us, max_us = run.percentiles_us.get(0.0), run.percentiles_us.get(100.0)
    if min_us is not None and run.mean_us < min_us - rounding_us:
        yield f"Its mean, {run.mean_us:g} us, is below its minimum, {min_us:g} us."
    if max_us is not None and run.mean_us > max_us + rounding_us:
        yield f"Its mean, {run.mean_us:g} us, is above its maximum, {max_us:g} us."
    for percent, us in sorted(run.percentiles_us.items()):
        if TAIL_PERCENT <= percent < 100 and TAIL_FACTOR * (us + rounding_us) < run.mean_us:
            yield (
                f"Its {percent:g}th percentile, {us:g} us, is far below its mean, {run.mean_us:g} us: a few requests "
                "were extremely slow, or one of the numbers has another unit."
            )
            return
