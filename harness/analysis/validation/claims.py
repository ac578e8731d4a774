"""The claim of each imported architecture against TCP at the same place, and whether it holds here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.analysis.across.welch import welch
from harness.analysis.estimate import Estimate
from harness.analysis.validation.arms import bare_arm, bare_comparison, beside_transport, connections_of, full_arms
from harness.analysis.validation.ground import Ground
from harness.analysis.validation.numbers import claim_numbers, finding
from harness.analysis.validation.rows import by_row, rows_of, times_us
from harness.analysis.validation.size import Claimed, Size, sized
from harness.analysis.validation.spread import chance_of, length_of, stretches
from harness.analysis.validation.verdict import finding_of, ruling
from harness.analysis.why.per_session import CONFIDENCE
from harness.model import Comparison
from harness.model.foreign import Foreign
from harness.model.validation import Claim, ForeignRow, Reason

TCP = "tcp"
ASSUMED_REQUESTS = 1000  # of a run whose file does not record them


@dataclass(frozen=True, slots=True)
class Sides:
    """An architecture and the one over TCP that it is compared with: their rows, and the times of their runs."""

    ours: ForeignRow
    theirs: ForeignRow
    our_times: Sequence[float]
    their_times: Sequence[float]

    @property
    def us(self) -> float | None:
        """Difference of the mean times in the files."""
        if not self.our_times or not self.their_times:
            return None
        return float(np.mean(self.our_times) - np.mean(self.their_times))

    @property
    def by_rate_us(self) -> float | None:
        """Difference that the rates imply."""
        ours, theirs = self.ours.by_rate_us, self.theirs.by_rate_us
        return None if ours is None or theirs is None else ours - theirs

    @property
    def is_repeated(self) -> bool:
        """Whether both sides have several runs."""
        return min(len(self.our_times), len(self.their_times)) > 1

    @property
    def is_single(self) -> bool:
        """Whether either side of the claim has a single run."""
        runs = (
            (len(self.our_times), len(self.their_times)) if self.us is not None else (self.ours.runs, self.theirs.runs)
        )
        return min(runs) == 1 and self.percent is not None

    @property
    def percent(self) -> float | None:
        """Difference in percent, from the times or, without them, from the rates."""
        if self.us is not None:
            return 100 * self.us / float(np.mean(self.their_times))
        if self.by_rate_us is None or not self.theirs.by_rate_us:
            return None
        return 100 * self.by_rate_us / self.theirs.by_rate_us

    @property
    def requests(self) -> int | None:
        """Requests of the shorter run, if known."""
        known = [row.requests for row in (self.ours, self.theirs) if row.requests]
        return min(known) if known else None


def claims_of(ground: Ground, foreign: Sequence[Foreign]) -> Iterator[Claim]:
    """Yield a claim for each architecture that is not over TCP, at each place with one over TCP."""
    runs = by_row(foreign)
    rows = rows_of(foreign)
    for theirs in filter(None, (_reference(rows, where) for where in dict.fromkeys(row.where for row in rows))):
        for ours in rows:
            if ours.where == theirs.where and ours.transport != TCP:
                keys = [(row.where, row.architecture) for row in (ours, theirs)]
                yield _claim(ground, Sides(ours, theirs, *(times_us(runs[key]) for key in keys)))


def _reference(rows: Sequence[ForeignRow], where: str) -> ForeignRow | None:
    """Return the row over TCP at a place: the one named tcp, or else the first."""
    over_tcp = [row for row in rows if row.where == where and row.transport == TCP]
    return min(over_tcp, key=lambda row: row.architecture != TCP, default=None)


def _claim(ground: Ground, sides: Sides) -> Claim:
    against = bare_arm(ground.summary, sides.theirs.architecture, TCP)
    bare = bare_comparison(
        ground.summary, bare_arm(ground.summary, sides.ours.architecture, sides.ours.transport), against
    )
    ratio, in_us = _welch(sides)
    obstacles = tuple(_obstacles(ground, sides, bare, against))
    slowness = _slowness(ground, sides, against)
    size = _size(ground, sides, in_us, slowness)
    claimed = finding(in_us, ratio, ground.equivalence_percent) if in_us and ratio else None
    besides = beside_transport(ground.summary, bare)
    too_large = bool(size.beyond) and (bool(obstacles) or not besides)  # other settings may explain it
    standing, reasons = ruling(obstacles, claimed, finding_of(bare), beyond=too_large)
    return Claim(
        where=sides.ours.where,
        architecture=sides.ours.architecture,
        against=sides.theirs.architecture,
        **_numbers(sides, ratio, in_us),
        by_rate_us=sides.by_rate_us,
        bare=bare,
        besides=besides,
        requests=sides.requests,
        chance=_chance(ground, sides),
        slowness=slowness,
        bound_us=size.bound_us,
        beyond=size.beyond,
        standing=standing,
        reasons=reasons,
    )


def _welch(sides: Sides) -> tuple[Estimate | None, Estimate | None]:
    """Return the log ratio and the difference in us; None without several runs on both sides."""
    if not sides.is_repeated:
        return None, None
    ours, theirs = np.asarray(sides.our_times), np.asarray(sides.their_times)
    return welch(np.log(theirs), np.log(ours)), welch(theirs, ours)


def _numbers(sides: Sides, ratio: Estimate | None, in_us: Estimate | None) -> dict[str, Any]:
    return claim_numbers(in_us, ratio) if ratio and in_us else {"us": sides.us, "percent": sides.percent}


def _obstacles(ground: Ground, sides: Sides, bare: Comparison | None, against: str | None) -> Iterator[Reason]:
    """Yield the reasons why these data cannot decide, whatever their numbers."""
    rows = (sides.ours, sides.theirs)
    if not _add_up(sides):
        yield "does not add up"
    if any(row.failed for row in rows):
        yield "failed requests"
    if sides.us is None:
        yield "no time"
    if sides.is_single:
        yield "single runs"
    if bare is None:
        yield "no bare comparison"
    elif finding_of(bare) is None:
        yield "bare undecided"
    here = {connections_of(ground.summary.arms[against])} if against else set()
    if any(here and row.connections not in (None, *here) for row in rows):
        yield "other connections"


def _add_up(sides: Sides) -> bool:
    return sides.ours.adds_up and sides.theirs.adds_up


def _slowness(ground: Ground, sides: Sides, against: str | None) -> float | None:
    """Return how many times as long a request over TCP takes there as here."""
    here_us = ground.summary.arms[against].mean_us if against else None
    return float(np.mean(sides.their_times)) / here_us if here_us and sides.their_times else None


def _size(ground: Ground, sides: Sides, in_us: Estimate | None, slowness: float | None) -> Size:
    if not _add_up(sides):
        return Size()
    ends = in_us.interval(CONFIDENCE) if in_us else ()
    return sized(ground.bound, Claimed(sides.us, *ends), slowness)


def _chance(ground: Ground, sides: Sides) -> float | None:
    """Return the chance of a difference that large between runs of one arm; for single runs only."""
    claimed = sides.percent
    if not sides.is_single or claimed is None:
        return None
    arms = full_arms(ground.summary)
    requests = length_of(ground.records, arms, sides.requests or ASSUMED_REQUESTS)
    return chance_of(stretches(ground.records, arms, requests), claimed)
