"""How many runs of the study found what was true, as shares with their exact intervals."""

from collections.abc import Iterable, Sequence
from statistics import median

from harness.analysis.calibration import clopper_pearson
from harness.model import JsonModel
from scripts.precision_study.headline.design import EQUAL, KINDS, MORE, Kind
from scripts.precision_study.headline.finding import Finding

SLOWER, FASTER, EQUIVALENT, UNDECIDED, NO_VERDICT = "slower", "faster", "equivalent", "undecided", "no verdict"
VERDICTS = (SLOWER, FASTER, EQUIVALENT, UNDECIDED, NO_VERDICT)


class Share(JsonModel):
    """`count` of `runs`, with the exact 95 % interval of the share (Clopper and Pearson 1934)."""

    count: int
    runs: int
    low: float
    high: float

    @property
    def value(self) -> float:
        """Return the share, 0 to 1."""
        return self.count / self.runs


class Spread(JsonModel):
    """The median and the range of a number over some runs."""

    median: float
    least: float
    most: float


class KindTally(JsonModel):
    """The runs of a kind. `verdicts`: how many had each; `warned`: whose report warns in its first line."""

    runs: int
    verdicts: dict[str, int]
    covered: Share
    half_width_percent: float | None
    seconds: float
    control_differed: int
    warned: int


class Tally(JsonModel):
    """All runs. `found`: of those with more work, called slower; `alarms`: of equal ones, called slower or faster.

    `burn_us` and `burn_percent` (of a request's time in the same run): over the runs with more work.
    """

    found: Share
    alarms: Share
    covered: Share
    half_width_percent: float | None
    seconds: float
    burn_us: Spread
    burn_percent: Spread
    kinds: dict[Kind, KindTally]


def share_of(count: int, runs: int) -> Share:
    """Return the share with its interval; `runs` is at least 1."""
    low, high = clopper_pearson(count, runs)
    return Share(count=count, runs=runs, low=low, high=high)


def tally_of(findings: Sequence[Finding]) -> Tally:
    """Return the tally of runs of both kinds."""
    by_kind = {kind: [finding for finding in findings if finding.kind == kind] for kind in KINDS}
    kinds = {kind: _kind_tally(runs) for kind, runs in by_kind.items()}
    more, equal = kinds[MORE], kinds[EQUAL]
    return Tally(
        found=share_of(more.verdicts[SLOWER], more.runs),
        alarms=share_of(equal.verdicts[SLOWER] + equal.verdicts[FASTER], equal.runs),
        covered=share_of(sum(finding.covers_truth for finding in findings), len(findings)),
        half_width_percent=_half_width(findings),
        seconds=median(finding.seconds for finding in findings),
        burn_us=_spread([finding.burn_us for finding in by_kind[MORE]]),
        burn_percent=_spread([finding.burn_percent for finding in by_kind[MORE]]),
        kinds=kinds,
    )


def _kind_tally(findings: Sequence[Finding]) -> KindTally:
    verdicts = [finding.verdict or NO_VERDICT for finding in findings]
    return KindTally(
        runs=len(findings),
        verdicts={verdict: verdicts.count(verdict) for verdict in VERDICTS},
        covered=share_of(sum(finding.covers_truth for finding in findings), len(findings)),
        half_width_percent=_half_width(findings),
        seconds=median(finding.seconds for finding in findings),
        control_differed=sum(finding.control_verdict in (SLOWER, FASTER) for finding in findings),
        warned=sum(not finding.is_valid for finding in findings),
    )


def _spread(values: Sequence[float]) -> Spread:
    return Spread(median=median(values), least=min(values), most=max(values))


def _half_width(findings: Iterable[Finding]) -> float | None:
    """Return the median half width of the runs that have an interval."""
    widths = [finding.half_width_percent for finding in findings if finding.half_width_percent is not None]
    return median(widths) if widths else None
