"""Services by their url, visited in turn with bare arms: what a run itself says of containers, in pairs."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from harness.analysis.validation.arms import METRIC, bare_arms, bare_comparison, beside_transport, services
from harness.analysis.validation.ground import Ground
from harness.analysis.validation.size import Claimed, sized
from harness.analysis.validation.verdict import finding_of, ruling
from harness.analysis.why.per_session import amount, level
from harness.analysis.why.quantities import time_us
from harness.model import Amount, Comparison, Record, Summary
from harness.model.validation import Claim, ForeignRow, Reason, Share

WHERE = "in turn"
TCP = "tcp"


@dataclass(frozen=True, slots=True)
class Bare:
    """The bare arm that a service is compared with, and its transport."""

    arm: str
    transport: str


def service_rows(ground: Ground) -> Iterator[ForeignRow]:
    """One for each service of the run."""
    beside = _beside(ground.summary)
    for name in services(ground.summary):
        arm = ground.summary.arms[name]
        bare = beside.get(name)
        yield ForeignRow(
            where=WHERE,
            architecture=name,
            transport=bare.transport if bare else "",
            sources=(str(arm.settings["url"]),),
            runs=ground.summary.sessions,
            requests=arm.requests,
            connections=int(arm.settings.get("connections", 1)),
            failed=arm.failed,
            time_us=_typical_us(ground.records, name),
            by_rate_us=None,
            interval="pairs",
            adds_up=True,
            remarks=() if bare else (_alone(name),),
        )


def service_claims(ground: Ground) -> Iterator[Claim]:
    """One for each pair of services whose bare arms are a Unix socket and TCP."""
    beside = _beside(ground.summary)
    for one in _typical(ground.summary):
        ours, theirs = beside.get(one.arm), beside.get(one.against)
        if ours and theirs and theirs.transport == TCP != ours.transport:
            yield _claim(ground, one, ours.arm, theirs.arm)


def service_shares(ground: Ground) -> Iterator[Share]:
    """A service less the bare arm that it is compared with, round by round."""
    beside = _beside(ground.summary)
    for one in _typical(ground.summary):
        service, bare = (one.arm, one.against) if one.arm in beside else (one.against, one.arm)
        found = beside.get(service)
        container_us, bare_us = (_typical_us(ground.records, name) for name in (service, bare))
        if found and bare in bare_arms(ground.summary) and container_us and bare_us:
            yield Share(
                where=WHERE,
                architecture=service,
                transport=found.transport,
                arm=bare,
                container_us=container_us,
                bare_us=bare_us,
                us=_difference(one, turned=service != one.arm),
                interval="pairs",
            )


def _claim(ground: Ground, one: Comparison, bare: str, bare_tcp: str) -> Claim:
    here = bare_comparison(ground.summary, bare, bare_tcp)
    besides = beside_transport(ground.summary, here)
    there_us, here_us = (ground.summary.arms[name].mean_us for name in (one.against, bare_tcp))
    slowness = there_us / here_us if there_us and here_us else None
    size = sized(ground.bound, Claimed(one.us, one.us_low, one.us_high), slowness)
    obstacles = tuple(_obstacles(ground.summary, one, here))
    too_large = bool(size.beyond) and not besides
    standing, reasons = ruling(obstacles, finding_of(one), finding_of(here), beyond=too_large)
    return Claim(
        where=WHERE,
        architecture=one.arm,
        against=one.against,
        us=one.us,
        us_low=one.us_low,
        us_high=one.us_high,
        percent=one.percent,
        percent_low=one.percent_low,
        percent_high=one.percent_high,
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


def _obstacles(summary: Summary, one: Comparison, here: Comparison | None) -> Iterator[Reason]:
    if any(summary.arms[name].failed for name in (one.arm, one.against)):
        yield "failed requests"
    if finding_of(one) is None:
        yield "undecided"
    if here is None:
        yield "no bare comparison"
    elif finding_of(here) is None:
        yield "bare undecided"


def _beside(summary: Summary) -> Mapping[str, Bare]:
    """For each service the first bare arm that the run compares it with."""
    theirs, bare = services(summary), bare_arms(summary)
    found: dict[str, Bare] = {}
    for one in _typical(summary):
        for service, other in ((one.arm, one.against), (one.against, one.arm)):
            if service in theirs and other in bare:
                transport = str(bare[other].settings.get("transport", TCP))
                found.setdefault(service, Bare(other, transport.partition("-")[0]))
    return found


def _typical(summary: Summary) -> Iterator[Comparison]:
    """Every comparison of the typical request between arms of their own."""
    for one in summary.comparisons:
        if one.metric == METRIC and not any(summary.arms[name].control_of for name in (one.arm, one.against)):
            yield one


def _typical_us(records: Sequence[Record], arm: str) -> Amount | None:
    return amount(level(records, arm, time_us, "median"))


def _difference(one: Comparison, *, turned: bool) -> Amount:
    if not turned:
        return Amount(value=one.us or 0.0, low=one.us_low, high=one.us_high)
    low, high = (None if end is None else -end for end in (one.us_high, one.us_low))
    return Amount(value=-(one.us or 0.0), low=low, high=high)


def _alone(name: str) -> str:
    return f'{name} is compared with no bare arm, which tells its runtime\'s share: ["{name}", "tcp"] in design.pairs.'
