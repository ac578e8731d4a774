"""The claim of each imported architecture against TCP at the same place, and whether it holds here."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.statistics.inference import CONFIDENCE, Estimate, welch_difference
from harness.analysis.validation.bounds import (
    BareEvidence,
    BoundCheck,
    ClaimedDifference,
    chance_beyond,
    check_bound,
    stretch_length,
    stretch_logs,
)
from harness.analysis.validation.rows import (
    bare_arm,
    bare_comparison,
    connection_count,
    differing_settings_besides_transport,
    full_chain_arms,
    imported_rows,
    run_means_us,
    runs_by_row,
)
from harness.analysis.validation.ruling import claim_numbers, difference_from_comparison, known_difference, rule_claim
from harness.experiment.transports import IMPORTED_TCP
from harness.model import Comparison
from harness.model.tools import ImportedRun
from harness.model.validation import Claim, ClaimNumbers, ClaimReason, ImportedRow

ASSUMED_REQUESTS = 1000  # of a run whose file does not record them


@dataclass(frozen=True, slots=True)
class ClaimSides:
    """An architecture and the one over TCP that it is compared with: their rows, and the times of their runs."""

    ours: ImportedRow
    theirs: ImportedRow
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


def imported_claims(ground: BareEvidence, foreign: Sequence[ImportedRun]) -> Iterator[Claim]:
    """Yield a claim for each architecture that is not over TCP, at each place with one over TCP."""
    runs = runs_by_row(foreign)
    rows = imported_rows(foreign)
    for theirs in filter(None, (_reference(rows, where) for where in dict.fromkeys(row.where for row in rows))):
        for ours in rows:
            if ours.where == theirs.where and ours.transport != IMPORTED_TCP:
                keys = [(row.where, row.architecture) for row in (ours, theirs)]
                yield _claim(ground, ClaimSides(ours, theirs, *(run_means_us(runs[key]) for key in keys)))


def _reference(rows: Sequence[ImportedRow], where: str) -> ImportedRow | None:
    """Return the row over TCP at a place: the one named tcp, or else the first."""
    over_tcp = [row for row in rows if row.where == where and row.transport == IMPORTED_TCP]
    return min(over_tcp, key=lambda row: row.architecture != IMPORTED_TCP, default=None)


def _claim(ground: BareEvidence, sides: ClaimSides) -> Claim:
    against = bare_arm(ground.summary, sides.theirs.architecture, IMPORTED_TCP)
    bare = bare_comparison(
        ground.summary, bare_arm(ground.summary, sides.ours.architecture, sides.ours.transport), against
    )
    ratio, in_us = _welch(sides)
    obstacles = tuple(_obstacles(ground, sides, bare, against))
    slowness = _slowness(ground, sides, against)
    size = _bound_check(ground, sides, in_us, slowness)
    claimed = known_difference(in_us, ratio, ground.equivalence_percent) if in_us and ratio else None
    besides = differing_settings_besides_transport(ground.summary, bare)
    too_large = bool(size.beyond) and (bool(obstacles) or not besides)  # other settings may explain it
    standing, reasons = rule_claim(obstacles, claimed, difference_from_comparison(bare), beyond=too_large)
    return Claim(
        where=sides.ours.where,
        architecture=sides.ours.architecture,
        against=sides.theirs.architecture,
        **dict(_numbers(sides, ratio, in_us)),
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


def _welch(sides: ClaimSides) -> tuple[Estimate | None, Estimate | None]:
    """Return the log ratio and the difference in us; None without several runs on both sides."""
    if not sides.is_repeated:
        return None, None
    ours, theirs = np.asarray(sides.our_times), np.asarray(sides.their_times)
    return welch_difference(np.log(theirs), np.log(ours)), welch_difference(theirs, ours)


def _numbers(sides: ClaimSides, ratio: Estimate | None, in_us: Estimate | None) -> ClaimNumbers:
    return claim_numbers(in_us, ratio) if ratio and in_us else ClaimNumbers(us=sides.us, percent=sides.percent)


def _obstacles(
    ground: BareEvidence, sides: ClaimSides, bare: Comparison | None, against: str | None
) -> Iterator[ClaimReason]:
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
    elif difference_from_comparison(bare) is None:
        yield "bare undecided"
    here = {connection_count(ground.summary.arms[against])} if against else set()
    if any(here and row.connections not in (None, *here) for row in rows):
        yield "other connections"


def _add_up(sides: ClaimSides) -> bool:
    return sides.ours.adds_up and sides.theirs.adds_up


def _slowness(ground: BareEvidence, sides: ClaimSides, against: str | None) -> float | None:
    """Return how many times as long a request over TCP takes there as here."""
    here_us = ground.summary.arms[against].mean_us if against else None
    return float(np.mean(sides.their_times)) / here_us if here_us and sides.their_times else None


def _bound_check(ground: BareEvidence, sides: ClaimSides, in_us: Estimate | None, slowness: float | None) -> BoundCheck:
    if not _add_up(sides):
        return BoundCheck()
    ends = in_us.interval(CONFIDENCE) if in_us else ()
    return check_bound(ground.bound, ClaimedDifference(sides.us, *ends), slowness)


def _chance(ground: BareEvidence, sides: ClaimSides) -> float | None:
    """Return the chance of a difference that large between runs of one arm; for single runs only."""
    claimed = sides.percent
    if not sides.is_single or claimed is None:
        return None
    arms = full_chain_arms(ground.summary)
    requests = stretch_length(ground.records, arms, sides.requests or ASSUMED_REQUESTS)
    return chance_beyond(stretch_logs(ground.records, arms, requests), claimed)
