"""From two architectures that were measured elsewhere to a claim: confirmed, contradicted, or not decidable."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.statistics.group_sequential import single_look_error_rate
from harness.analysis.statistics.intervals import EffectEstimate
from harness.analysis.statistics.verdict import judge_family
from harness.analysis.validation.bare_run import BareRun, bare_comparison, connection_count, differing_settings
from harness.analysis.validation.bounds import max_socket_us
from harness.model import Comparison, Judgement
from harness.model.effects import Size
from harness.model.validation import Claim, ClaimReason, ClaimStatus, ImportedRow

UNBOUNDED: tuple[ClaimReason, ...] = ("does not add up", "no time")  # of such a claim the size is not known


@dataclass(frozen=True, slots=True)
class ClaimSides:
    """An architecture that is not over TCP and one that is, measured at the same place.

    `arms` are the bare arms that correspond to them. `us` and `percent` hold where there is no `estimate`. `obstacles`
    are further reasons in the data themselves why they cannot decide.
    """

    ours: ImportedRow
    theirs: ImportedRow
    arms: tuple[str | None, str | None]
    estimate: EffectEstimate | None
    us: float | None
    percent: float | None
    their_us: float | None
    obstacles: tuple[ClaimReason, ...]
    chance: float | None = None

    @property
    def rows(self) -> tuple[ImportedRow, ImportedRow]:
        """Both rows."""
        return self.ours, self.theirs

    @property
    def by_rate_us(self) -> float | None:
        """The difference that their rates imply."""
        ours_us, theirs_us = self.ours.by_rate_us, self.theirs.by_rate_us
        return ours_us - theirs_us if ours_us and theirs_us else None


@dataclass(frozen=True, slots=True)
class KnownDifference:
    """A known difference: its sign (0 if unknown) and its interval in us.

    `is_equivalent`: it lies within the margin, whatever its sign.
    """

    sign: int
    low_us: float
    high_us: float
    is_equivalent: bool

    def overlaps(self, other: "KnownDifference") -> bool:
        """Whether the intervals overlap."""
        return self.low_us <= other.high_us and other.low_us <= self.high_us


def judge_claim(run: BareRun, sides: ClaimSides) -> Claim:
    """Return the claim with its numbers, the bare arms' comparison, and its status."""
    bare = bare_comparison(run.summary, *sides.arms)
    besides = differing_settings(run.summary, bare)
    obstacles = tuple(_obstacles(run, sides, bare))
    claimed = _judgement(sides, run.experiment.design.equivalence_percent)
    slowness = _slowness(run, sides)
    bound_us = None if set(UNBOUNDED) & set(obstacles) else _bound_us(run, claimed.us, slowness)
    beyond = None if bound_us is None else _least_us(claimed) > bound_us
    is_socket_to_blame = bool(obstacles) or not besides  # other settings may explain it
    standing, reasons = decide_claim(
        obstacles,
        known_difference(claimed) if sides.estimate else None,
        known_difference(bare) if bare and is_decided(bare) else None,
        beyond=bool(beyond) and is_socket_to_blame,
    )
    return Claim(
        where=sides.ours.where,
        architecture=sides.ours.architecture,
        against=sides.theirs.architecture,
        **claimed.model_dump(include=set(Size.model_fields)),
        by_rate_us=sides.by_rate_us,
        bare=bare,
        besides=besides,
        requests=min((row.requests for row in sides.rows if row.requests and not is_own_service(row)), default=None),
        chance=sides.chance,
        slowness=slowness,
        bound_us=bound_us,
        beyond=beyond,
        standing=standing,
        reasons=reasons,
    )


def is_own_service(row: ImportedRow) -> bool:
    """Whether the row is a service that the run itself visited."""
    return row.interval == "pairs"


def known_difference(effect: Judgement | Comparison) -> KnownDifference:
    """Return the difference of an effect that has an interval."""
    ends = (effect.percent_low, effect.percent_high, effect.us_low, effect.us_high)
    low, high, low_us, high_us = (end or 0.0 for end in ends)
    return KnownDifference((low > 0) - (high < 0), low_us, high_us, effect.verdict == "equivalent")


def is_decided(comparison: Comparison) -> bool:
    """Whether the comparison has a verdict other than undecided."""
    return comparison.verdict not in (None, "undecided")


def decide_claim(
    obstacles: Sequence[ClaimReason], claim: KnownDifference | None, bare: KnownDifference | None, *, beyond: bool
) -> tuple[ClaimStatus, tuple[ClaimReason, ...]]:
    """Return the status of a claim and the reasons; `beyond`: it exceeds what a socket can cause.

    Single runs never decide, however large their difference, because the variance between runs there is unknown.
    """
    size: tuple[ClaimReason, ...] = ("beyond a socket",) if beyond else ()
    if obstacles or claim is None or bare is None:
        return "cannot be decided", (*obstacles, *size)
    if not claim.sign and not claim.is_equivalent:
        return "cannot be decided", ("includes zero", *size)
    if beyond:
        return "contradicted", size
    if claim.is_equivalent and bare.is_equivalent:
        return "confirmed", ("agrees",)
    if claim.sign and claim.sign == bare.sign:
        return "confirmed", ("agrees",) if claim.overlaps(bare) else ("agrees", "other size")
    if claim.sign * bare.sign == 0 and claim.overlaps(bare):
        return "cannot be decided", ("too coarse",)
    return "contradicted", ("disagrees",)


def _obstacles(run: BareRun, sides: ClaimSides, bare: Comparison | None) -> Iterator[ClaimReason]:
    if not all(row.adds_up for row in sides.rows):
        yield "does not add up"
    if any(row.failed for row in sides.rows):
        yield "failed requests"
    yield from sides.obstacles
    if bare is None:
        yield "no bare comparison"
    elif not is_decided(bare):
        yield "bare undecided"
    against = sides.arms[1]
    connections = {row.connections for row in sides.rows if not is_own_service(row)} - {None}
    if against and connections - {connection_count(run.summary.arms[against])}:
        yield "other connections"


def _judgement(sides: ClaimSides, margin_percent: float) -> Judgement:
    """Return the numbers of the claim; without an estimate they have neither interval nor verdict."""
    if sides.estimate is None:
        return Judgement(us=sides.us, percent=sides.percent, verdict=None)
    (judgement,) = judge_family([sides.estimate], margin_percent, single_look_error_rate, excuses=[""], alone=[True])
    return judgement


def _slowness(run: BareRun, sides: ClaimSides) -> float | None:
    """Return how many times as long a request over TCP takes there as here."""
    here_us = run.summary.arms[sides.arms[1]].mean_us if sides.arms[1] else None
    return sides.their_us / here_us if here_us and sides.their_us else None


def _bound_us(run: BareRun, us: float | None, slowness: float | None) -> float | None:
    """Return the most that a socket can cost or save there; None if it is unknown."""
    if run.socket_limit is None or slowness is None or not us:
        return None
    return max_socket_us(run.socket_limit, max(slowness, 1.0), slower=us > 0)


def _least_us(claimed: Judgement) -> float:
    """Return the least absolute value in the interval; 0 if it contains zero."""
    low, high = ((claimed.us or 0.0) if end is None else end for end in (claimed.us_low, claimed.us_high))
    return 0.0 if low * high <= 0 else min(map(math.fabs, (low, high)))
