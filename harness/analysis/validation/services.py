"""Services with a url, visited in turn with bare arms: their rows, claims and runtime shares, in pairs."""

from collections.abc import Iterator, Sequence

from harness.analysis.effects import Pair
from harness.analysis.validation.arms import bare_comparison, beside_transport, connections_of, mirrored, services
from harness.analysis.validation.ground import Ground
from harness.analysis.validation.numbers import amount_of, claim_numbers, finding
from harness.analysis.validation.partners import TCP, Partner, asked_otherwise, partners, remark, typical
from harness.analysis.validation.size import Claimed, sized
from harness.analysis.validation.starts import Paired, paired
from harness.analysis.validation.verdict import finding_of, ruling
from harness.analysis.why.per_session import CONFIDENCE, amount, level
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Comparison, Record, Summary
from harness.model.validation import Claim, ForeignRow, Reason, Share

WHERE = "in turn"


def service_rows(ground: Ground) -> Iterator[ForeignRow]:
    """Yield a row for each service of the run."""
    matches = partners(ground.summary)
    for name in services(ground.summary):
        arm = ground.summary.arms[name]
        bare = matches.get(name)
        yield ForeignRow(
            where=WHERE,
            architecture=name,
            transport=bare.transport if bare else "",
            sources=(str(arm.settings["url"]),),
            runs=ground.summary.sessions,
            requests=arm.requests,
            connections=connections_of(arm),
            failed=arm.failed,
            time_us=_typical_us(ground.records, name),
            by_rate_us=None,
            interval="pairs",
            adds_up=True,
            remarks=tuple(filter(None, [remark(ground.summary, name, bare)])),
        )


def service_claims(ground: Ground) -> Iterator[Claim]:
    """Yield a claim for each pair of services whose bare arms are over a Unix socket and over TCP."""
    matches = partners(ground.summary)
    for comparison in typical(ground.summary):
        for directed in (comparison, mirrored(comparison)):
            ours, theirs = matches.get(directed.arm), matches.get(directed.against)
            if ours and theirs and theirs.transport == TCP != ours.transport:
                yield _claim(ground, directed, ours, theirs)


def service_shares(ground: Ground) -> Iterator[Share]:
    """Yield the time of each service less that of its bare arm, round by round."""
    summary, records = ground.summary, ground.records
    for service, bare in partners(summary).items():
        difference = paired(records, (service, bare.arm))
        container_us, bare_us = (_typical_us(records, name) for name in (service, bare.arm))
        if difference and container_us and bare_us and not remark(summary, service, bare):
            yield Share(
                where=WHERE,
                architecture=service,
                transport=bare.transport,
                arm=bare.arm,
                container_us=container_us,
                bare_us=bare_us,
                us=amount_of(difference.with_starts(difference).us),
                interval="pairs",
            )


def _claim(ground: Ground, comparison: Comparison, ours: Partner, theirs: Partner) -> Claim:
    difference = _with_both_starts(ground.records, (comparison.arm, ours.arm), (comparison.against, theirs.arm))
    here = bare_comparison(ground.summary, ours.arm, theirs.arm)
    besides = beside_transport(ground.summary, here)
    slowness = _slowness(ground.summary, comparison.against, theirs.arm)
    size = sized(
        ground.bound,
        Claimed(difference.us.mean, *difference.us.interval(CONFIDENCE)) if difference else Claimed(None),
        slowness,
    )
    standing, reasons = ruling(
        tuple(_obstacles(ground.summary, comparison, here, (ours, theirs) if difference else ())),
        finding(difference.us, difference.ratio, ground.equivalence_percent) if difference else None,
        finding_of(here),
        beyond=bool(size.beyond) and not besides,
    )
    return Claim(
        where=WHERE,
        architecture=comparison.arm,
        against=comparison.against,
        **(
            claim_numbers(difference.us, difference.ratio)
            if difference
            else {"us": comparison.us, "percent": comparison.percent}
        ),
        by_rate_us=None,
        bare=here,
        besides=besides,
        requests=None,
        chance=None,
        slowness=slowness,
        bound_us=size.bound_us,
        beyond=size.beyond,
        standing=standing,
        reasons=reasons,
    )


def _with_both_starts(records: Sequence[Record], ours: Pair, theirs: Pair) -> Paired | None:
    """Return one service less the other, with the variance of both starts; each is given with its bare arm."""
    between, *alone = (paired(records, pair) for pair in ((ours[0], theirs[0]), ours, theirs))
    others = [estimate for estimate in alone if estimate]
    return between.with_starts(*others) if between and len(others) == len(alone) else None


def _slowness(summary: Summary, there: str, here: str) -> float | None:
    there_us, here_us = (summary.arms[name].mean_us for name in (there, here))
    return there_us / here_us if there_us and here_us else None


def _obstacles(
    summary: Summary, comparison: Comparison, here: Comparison | None, known: Sequence[Partner]
) -> Iterator[Reason]:
    """Yield the reasons why the claim cannot be decided; `known` are both bare arms, if both pairs have times."""
    if any(summary.arms[name].failed for name in (comparison.arm, comparison.against)):
        yield "failed requests"
    if asked_otherwise(summary, comparison.arm, comparison.against) or any(bare.asked_otherwise for bare in known):
        yield "asked otherwise"
    if not known:
        yield "no time"
    elif finding_of(comparison) is None:
        yield "undecided"
    if here is None:
        yield "no bare comparison"
    elif finding_of(here) is None:
        yield "bare undecided"


def _typical_us(records: Sequence[Record], arm: str) -> Amount | None:
    return amount(level(records, arm, time_us, "median"))
