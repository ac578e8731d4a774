"""Holds what a file says against itself: sentences on numbers that cannot be, and on those that do not fit together."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import isfinite

from harness.model import Foreign

TOLERANCE = 0.01  # far above what rounding to three digits explains
BELOW, ABOVE = 0.998, 1.0005
SHORT_US = 1e6  # a run so short ends before its last answers
TAIL_PERCENT, FAR = 90, 2.0


def nonsense(run: Foreign) -> Iterator[str]:
    """Numbers with which nothing can be calculated: the run cannot be used."""
    rates = {"requests per second": run.requests_per_s, "the mean time in us": run.mean_us, "seconds": run.duration_s}
    for what, value in rates.items():
        if value is not None and not (isfinite(value) and value > 0):
            yield f"{what} are given as {value:g}, which no measurement gives. Measure again, or correct the file."
    times = (*run.percentiles_us.values(), *run.latency_us)
    if any(not isfinite(us) or us < 0 for us in times):
        yield "one of its times is negative, or no number. Measure again, or correct the file."
    if any(count < 0 for count in (run.requests or 0, *run.failures.values())):
        yield "it counts fewer than no requests. Measure again, or correct the file."


def asked_rate(run: Foreign, option: str) -> Iterator[str]:
    """That a rate is so round that `option` may have asked for it; a little less than that is usual then."""
    if not option or not run.requests_per_s:
        return
    round_rate = float(f"{run.requests_per_s:.2g}")
    if BELOW < run.requests_per_s / round_rate < ABOVE:
        yield (
            f"{run.requests_per_s:g} requests/s are so near to {round_rate:g} that they may have been asked for "
            f"({option}): if so they say nothing of the server."
        )


def misfits(run: Foreign) -> Iterator[str]:
    """Numbers that contradict each other: both are kept."""
    yield from _in_flight(run)
    yield from _falling(run)
    yield from _outside(run)
    yield from _longer_than_run(run)


def disagree(claimed: float, calculated: float, tolerance: float = TOLERANCE) -> bool:
    """Whether two ways to the same number differ by more than `tolerance` of it."""
    return abs(claimed - calculated) > tolerance * abs(calculated)


def unbalanced(runs: Sequence[Foreign]) -> Mapping[tuple[str, str], str]:
    """Return, by (where, architecture), that a place lacks architectures or runs that others have: rows may be lost.

    An architecture that fewer than half of the places have is no reason to expect it at the others.
    """
    counts = Counter((run.where, run.architecture) for run in runs)
    places = list(dict.fromkeys(run.where for run in runs))
    usual = [name for name in dict.fromkeys(run.architecture for run in runs) if _is_usual(name, places, counts)]
    most = max(counts.values())
    lacking: dict[tuple[str, str], str] = {}
    for where in places:
        here = {architecture: counts[where, architecture] for architecture in usual}
        if min(here.values(), default=most) < most:
            listing = ", ".join(f"{count} of {architecture}" for architecture, count in here.items())
            sentence = f"Rows may be missing: {where or 'it'} has {listing}, where the most of any is {most}."
            lacking |= {(where, architecture): sentence for architecture, count in here.items() if count}
    return lacking


def _is_usual(architecture: str, places: Sequence[str], counts: Counter[tuple[str, str]]) -> bool:
    return 2 * sum((where, architecture) in counts for where in places) >= len(places)


def _in_flight(run: Foreign) -> Iterator[str]:
    """By Little's law rate times time is how many requests are under way, and a connection carries one."""
    if run.is_rate_asked or not (run.connections and run.requests_per_s and run.mean_us):
        return
    rounding = (run.mean_resolution_us or 0) / run.mean_us / 2
    in_flight = run.requests_per_s * run.mean_us / 1e6
    if in_flight > run.connections * (1 + TOLERANCE + rounding):
        yield (
            f"{run.requests_per_s:.2f} requests/s of {run.mean_us / 1000:.3f} ms each are {in_flight:.2f} at once, but "
            f"there were {run.connections} connections: a number has another unit, or there is more in the mean than "
            "requests, as wrk adds times for what slow ones kept from being sent."
        )


def _falling(run: Foreign) -> Iterator[str]:
    for (lower, lower_us), (higher, higher_us) in pairwise(sorted(run.percentiles_us.items())):
        if higher_us < lower_us - (run.resolution_us or 0) / 2:
            yield f"Its {higher:g}th percentile, {higher_us:g} us, is below its {lower:g}th, {lower_us:g} us."
            return


def _longer_than_run(run: Foreign) -> Iterator[str]:
    """As where a clock was set, or a counter ran over."""
    most_us = 1e6 * (run.duration_s or 0) * (1 + TOLERANCE) + (run.resolution_us or 0)
    for percent, us in sorted(run.percentiles_us.items()):
        if run.duration_s and us > max(most_us, SHORT_US):
            yield f"Its {percent:g}th percentile, {us:g} us, is longer than the whole run of {run.duration_s:g} s."
            return


def _outside(run: Foreign) -> Iterator[str]:
    if run.mean_us is None:
        return
    rounding_us = ((run.resolution_us or 0) + (run.mean_resolution_us or 0)) / 2
    least_us, most_us = run.percentiles_us.get(0.0), run.percentiles_us.get(100.0)
    if least_us is not None and run.mean_us < least_us - rounding_us:
        yield f"Its mean, {run.mean_us:g} us, is below its least time, {least_us:g} us."
    if most_us is not None and run.mean_us > most_us + rounding_us:
        yield f"Its mean, {run.mean_us:g} us, is above its greatest time, {most_us:g} us."
    for percent, us in sorted(run.percentiles_us.items()):
        if TAIL_PERCENT <= percent < 100 and FAR * (us + rounding_us) < run.mean_us:
            yield (
                f"Its {percent:g}th percentile, {us:g} us, is far below its mean, {run.mean_us:g} us: a few were "
                "extremely slow, or one of the numbers has another unit."
            )
            return
