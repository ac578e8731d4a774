"""Validates results made elsewhere against bare arms: claims, shares of the kernel and of the runtime."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from harness.analysis.statistics.inference import difference_of_estimates, estimate_mean
from harness.analysis.statistics.series import Series
from harness.analysis.validation.bounds import BareEvidence, single_run_spread, socket_bound
from harness.analysis.validation.claims import ASSUMED_REQUESTS, imported_claims
from harness.analysis.validation.rows import (
    bare_arm,
    connection_count,
    full_chain_arms,
    imported_rows,
    row_estimate,
    run_means_us,
    runs_by_row,
)
from harness.analysis.validation.services import service_claims, service_rows, service_shares
from harness.analysis.why.quantities import level_by_session, mean_interval, time_us
from harness.model import Experiment, FloorResults, Interval, Record, Summary
from harness.model.tools import ImportedRun
from harness.model.validation import Claim, RuntimeShare, SingleRunSpread, Validation


@dataclass(frozen=True, slots=True)
class BareRun:
    """A run of bare arms; `floor` and `ladder`, if given, bound what a socket can cost."""

    experiment: Experiment
    summary: Summary
    records: Sequence[Record]
    floor: FloorResults | None = None
    ladder: Summary | None = None


def validate(bare: BareRun, foreign: Sequence[ImportedRun]) -> Validation:
    """Return the rows, claims, shares and spreads of `foreign` and of the services of the run."""
    summary, records = bare.summary, bare.records
    bound = socket_bound(summary, records, bare.floor, bare.ladder)
    ground = BareEvidence(summary, records, bound, bare.experiment.design.equivalence_percent)
    claims = (*service_claims(ground), *imported_claims(ground, foreign))
    return Validation(
        experiment=summary.experiment,
        directory=summary.directory,
        valid=summary.valid,
        rows=(*service_rows(ground), *imported_rows(foreign)),
        claims=claims,
        shares=(*service_shares(ground), *imported_shares(summary, records, foreign)),
        spreads=tuple(_spreads(summary, records, claims)),
        bound=bound,
    )


def _spreads(summary: Summary, records: Sequence[Record], claims: Sequence[Claim]) -> Iterator[SingleRunSpread]:
    """Yield a spread for each length of a single run with a claim."""
    lengths = {claim.requests or ASSUMED_REQUESTS for claim in claims if claim.us_low is None}
    for wanted in sorted(lengths):
        spread = single_run_spread(records, full_chain_arms(summary), wanted)
        if spread.next or spread.apart:
            yield spread


def imported_shares(
    summary: Summary, records: Sequence[Record], foreign: Sequence[ImportedRun]
) -> Iterator[RuntimeShare]:
    """Yield the share of each architecture at each place whose runs can be compared with a bare arm."""
    for (where, architecture), runs in runs_by_row(foreign).items():
        arm = bare_arm(summary, architecture, runs[0].transport)
        if arm and run_means_us(runs) and _are_comparable(runs, connection_count(summary.arms[arm])):
            bare = level_by_session(records, arm, time_us, "mean")
            bare_us = mean_interval(bare)
            if bare_us:
                yield _share((where, architecture), runs, arm, (np.array(list(bare.values())), bare_us))


def _are_comparable(runs: Sequence[ImportedRun], connections: int) -> bool:
    """Whether no request failed and the number of connections is the same."""
    return all(not run.failures and run.connections in (None, connections) for run in runs)


def _share(key: tuple[str, str], runs: Sequence[ImportedRun], arm: str, bare: tuple[Series, Interval]) -> RuntimeShare:
    per_session, bare_us = bare
    container, interval = row_estimate(runs)
    both = container if per_session.size > 1 else None
    mean_us = float(np.mean(run_means_us(runs)))
    return RuntimeShare(
        where=key[0],
        architecture=key[1],
        transport=runs[0].transport,
        arm=arm,
        container_us=container.with_interval() if container else Interval(value=mean_us),
        bare_us=bare_us,
        us=difference_of_estimates(estimate_mean(per_session), both).with_interval()
        if both
        else Interval(value=mean_us - bare_us.value),
        interval=interval if both else "",
    )
