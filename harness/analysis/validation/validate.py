"""Validates results made elsewhere against bare arms: claims, shares of the kernel and of the runtime."""

from collections.abc import Iterator, Sequence

from harness.analysis.validation.bare_run import BareRun, full_chain_arms
from harness.analysis.validation.claims import judge_claim
from harness.analysis.validation.files import ASSUMED_REQUESTS, imported_rows, imported_shares, imported_sides
from harness.analysis.validation.services import service_rows, service_shares, service_sides
from harness.analysis.validation.spread import single_run_spread
from harness.model.tools import ImportedRun
from harness.model.validation import Claim, SingleRunSpread, Validation


def validate(run: BareRun, foreign: Sequence[ImportedRun]) -> Validation:
    """Return the rows, claims, shares and spreads of `foreign` and of the services of the run."""
    claims = tuple(judge_claim(run, sides) for sides in (*service_sides(run), *imported_sides(run, foreign)))
    return Validation(
        experiment=run.summary.experiment,
        directory=run.summary.directory,
        id=run.summary.id,
        valid=run.summary.valid,
        rows=(*service_rows(run), *imported_rows(foreign)),
        claims=claims,
        shares=(*service_shares(run), *imported_shares(run, foreign)),
        spreads=tuple(_spreads(run, claims)),
        bound=run.socket_limit,
    )


def _spreads(run: BareRun, claims: Sequence[Claim]) -> Iterator[SingleRunSpread]:
    """Yield a spread for each length of a single run with a claim."""
    for wanted in sorted({claim.requests or ASSUMED_REQUESTS for claim in claims if claim.us_low is None}):
        spread = single_run_spread(run.records, full_chain_arms(run.summary), wanted)
        if spread.next or spread.apart:
            yield spread
