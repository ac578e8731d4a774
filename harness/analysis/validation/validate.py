"""The validation of imported results and services against a run of bare arms."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from harness.analysis.validation.arms import full_arms
from harness.analysis.validation.bound import bound_of
from harness.analysis.validation.claims import ASSUMED_REQUESTS, claims_of
from harness.analysis.validation.ground import Ground
from harness.analysis.validation.rows import rows_of
from harness.analysis.validation.services import service_claims, service_rows, service_shares
from harness.analysis.validation.shares import shares_of
from harness.analysis.validation.spread import spread_of
from harness.model import Experiment, Floor, Record, Summary
from harness.model.foreign import Foreign
from harness.model.validation import Claim, Spread, Validation


@dataclass(frozen=True, slots=True)
class Bare:
    """A run of bare arms; `floor` and `ladder`, if given, bound what a socket can cost."""

    experiment: Experiment
    summary: Summary
    records: Sequence[Record]
    floor: Floor | None = None
    ladder: Summary | None = None


def validate(bare: Bare, foreign: Sequence[Foreign]) -> Validation:
    """Return the rows, claims, shares and spreads of `foreign` and of the services of the run."""
    summary, records = bare.summary, bare.records
    bound = bound_of(summary, records, bare.floor, bare.ladder)
    ground = Ground(summary, records, bound, bare.experiment.design.equivalence_percent)
    claims = (*service_claims(ground), *claims_of(ground, foreign))
    return Validation(
        experiment=summary.experiment,
        directory=summary.directory,
        valid=summary.valid,
        rows=(*service_rows(ground), *rows_of(foreign)),
        claims=claims,
        shares=(*service_shares(ground), *shares_of(summary, records, foreign)),
        spreads=tuple(_spreads(summary, records, claims)),
        bound=bound,
    )


def _spreads(summary: Summary, records: Sequence[Record], claims: Sequence[Claim]) -> Iterator[Spread]:
    """Yield a spread for each length of a single run with a claim."""
    lengths = {claim.requests or ASSUMED_REQUESTS for claim in claims if claim.us_low is None}
    for wanted in sorted(lengths):
        spread = spread_of(records, full_arms(summary), wanted)
        if spread.next or spread.apart:
            yield spread
