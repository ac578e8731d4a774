"""Compares services visited by url with the bare arms of the same run."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np

from harness.analysis.statistics.inference import CONFIDENCE, Estimate, estimate_mean
from harness.analysis.statistics.series import ArmPair
from harness.analysis.validation.bounds import BareEvidence, ClaimedDifference, check_bound
from harness.analysis.validation.rows import (
    bare_arms,
    bare_comparison,
    connection_count,
    differing_settings_besides_transport,
    mirror,
    service_arms,
)
from harness.analysis.validation.ruling import claim_numbers, difference_from_comparison, known_difference, rule_claim
from harness.analysis.why.quantities import (
    VisitValue,
    difference_by_session,
    level_by_session,
    mean_interval,
    time_us,
)
from harness.experiment.transports import IMPORTED_TCP, arm_transport, imported_family
from harness.model import Comparison, Interval, Record, Summary, VisitRow
from harness.model.settings import LoadSettings
from harness.model.validation import Claim, ClaimNumbers, ClaimReason, ImportedRow, RuntimeShare

IN_TURN = "in turn"


def service_rows(ground: BareEvidence) -> Iterator[ImportedRow]:
    """Yield a row for each service of the run."""
    matches = bare_matches(ground.summary)
    for name in service_arms(ground.summary):
        arm = ground.summary.arms[name]
        bare = matches.get(name)
        yield ImportedRow(
            where=IN_TURN,
            architecture=name,
            transport=bare.transport if bare else "",
            sources=(str(arm.settings["url"]),),
            runs=ground.summary.sessions,
            requests=arm.requests,
            connections=connection_count(arm),
            failed=arm.failed,
            time_us=_typical_us(ground.records, name),
            by_rate_us=None,
            interval="pairs",
            adds_up=True,
            remarks=tuple(filter(None, [service_remark(ground.summary, name, bare)])),
        )


def service_claims(ground: BareEvidence) -> Iterator[Claim]:
    """Yield a claim for each pair of services whose bare arms are over a Unix socket and over TCP."""
    matches = bare_matches(ground.summary)
    for comparison in typical_comparisons(ground.summary):
        for directed in (comparison, mirror(comparison)):
            ours, theirs = matches.get(directed.arm), matches.get(directed.against)
            if ours and theirs and theirs.transport == IMPORTED_TCP != ours.transport:
                yield _claim(ground, directed, ours, theirs)


def service_shares(ground: BareEvidence) -> Iterator[RuntimeShare]:
    """Yield the time of each service less that of its bare arm, round by round."""
    summary, records = ground.summary, ground.records
    for service, bare in bare_matches(summary).items():
        difference = paired_estimate(records, (service, bare.arm))
        container_us, bare_us = (_typical_us(records, name) for name in (service, bare.arm))
        if difference and container_us and bare_us and not service_remark(summary, service, bare):
            yield RuntimeShare(
                where=IN_TURN,
                architecture=service,
                transport=bare.transport,
                arm=bare.arm,
                container_us=container_us,
                bare_us=bare_us,
                us=difference.widen_for_starts(difference).us.with_interval(),
                interval="pairs",
            )


@dataclass(frozen=True, slots=True)
class BareMatch:
    """The bare arm of a service, its transport, and the client settings in which the two differ."""

    arm: str
    transport: str
    differing_settings: tuple[str, ...]


def _claim(ground: BareEvidence, comparison: Comparison, ours: BareMatch, theirs: BareMatch) -> Claim:
    difference = _difference_with_starts(ground.records, (comparison.arm, ours.arm), (comparison.against, theirs.arm))
    here = bare_comparison(ground.summary, ours.arm, theirs.arm)
    besides = differing_settings_besides_transport(ground.summary, here)
    slowness = _slowness(ground.summary, comparison.against, theirs.arm)
    size = check_bound(
        ground.bound,
        ClaimedDifference(difference.us.mean, *difference.us.interval(CONFIDENCE))
        if difference
        else ClaimedDifference(None),
        slowness,
    )
    standing, reasons = rule_claim(
        tuple(_obstacles(ground.summary, comparison, here, (ours, theirs) if difference else ())),
        known_difference(difference.us, difference.ratio, ground.equivalence_percent) if difference else None,
        difference_from_comparison(here),
        beyond=bool(size.beyond) and not besides,
    )
    numbers = (
        claim_numbers(difference.us, difference.ratio)
        if difference
        else ClaimNumbers(us=comparison.us, percent=comparison.percent)
    )
    return Claim(
        where=IN_TURN,
        architecture=comparison.arm,
        against=comparison.against,
        **dict(numbers),
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


@dataclass(frozen=True, slots=True)
class PairedEstimate:
    """The difference of two arms over sessions, in us and as a log ratio; `level_us` is the time of the first."""

    us: Estimate
    ratio: Estimate
    level_us: float

    def widen_for_starts(self, *others: "PairedEstimate") -> "PairedEstimate":
        """Return the estimate with the variance of one start added for each of `others`, a service and its bare arm.

        The variance of such a difference over sessions contains that of the starts of the bare arm. The one start of
        the service is assumed to vary as much. Its variance is not divided by the number of sessions, as in a
        prediction interval. In us it is at least the same proportion of a slower time.
        """
        in_us = [max(other.us.sd, other.ratio.sd * other.level_us) for other in others]
        return PairedEstimate(
            _widen(self.us, in_us), _widen(self.ratio, [other.ratio.sd for other in others]), self.level_us
        )


def _difference_with_starts(records: Sequence[Record], ours: ArmPair, theirs: ArmPair) -> PairedEstimate | None:
    """Return one service less the other, with the variance of both starts; each is given with its bare arm."""
    between, *alone = (paired_estimate(records, pair) for pair in ((ours[0], theirs[0]), ours, theirs))
    others = [estimate for estimate in alone if estimate]
    return between.widen_for_starts(*others) if between and len(others) == len(alone) else None


def _slowness(summary: Summary, there: str, here: str) -> float | None:
    there_us, here_us = (summary.arms[name].mean_us for name in (there, here))
    return there_us / here_us if there_us and here_us else None


def _obstacles(
    summary: Summary, comparison: Comparison, here: Comparison | None, known: Sequence[BareMatch]
) -> Iterator[ClaimReason]:
    """Yield the reasons why the claim cannot be decided; `known` are both bare arms, if both pairs have times."""
    if any(summary.arms[name].failed for name in (comparison.arm, comparison.against)):
        yield "failed requests"
    if differing_client_settings(summary, comparison.arm, comparison.against) or any(
        bare.differing_settings for bare in known
    ):
        yield "asked otherwise"
    if not known:
        yield "no time"
    elif difference_from_comparison(comparison) is None:
        yield "undecided"
    if here is None:
        yield "no bare comparison"
    elif difference_from_comparison(here) is None:
        yield "bare undecided"


def _typical_us(records: Sequence[Record], arm: str) -> Interval | None:
    return mean_interval(level_by_session(records, arm, time_us, "median"))


def bare_matches(summary: Summary) -> Mapping[str, BareMatch]:
    """Return, for each service, the first bare arm that the run compares it with."""
    names, bare = service_arms(summary), bare_arms(summary)
    matches: dict[str, BareMatch] = {}
    for comparison in typical_comparisons(summary):
        for service, other in ((comparison.arm, comparison.against), (comparison.against, comparison.arm)):
            if service in names and other in bare:
                transport = imported_family(arm_transport(bare[other].settings))
                matches.setdefault(
                    service, BareMatch(other, transport, differing_client_settings(summary, service, other))
                )
    return matches


def typical_comparisons(summary: Summary) -> Iterator[Comparison]:
    """Yield the latency comparisons without controls."""
    for comparison in summary.comparisons:
        if comparison.metric == "latency" and not any(
            summary.arms[name].control_of for name in (comparison.arm, comparison.against)
        ):
            yield comparison


def differing_client_settings(summary: Summary, arm: str, other: str) -> tuple[str, ...]:
    """Return the client settings in which two arms differ."""
    ours, theirs = (summary.arms[name].settings for name in (arm, other))
    return tuple(key for key in LoadSettings.model_fields if ours.get(key) != theirs.get(key))


def service_remark(summary: Summary, service: str, bare: BareMatch | None) -> str:
    """Return why the share of a service's runtime is not reported, or ""."""
    if bare is None:
        return _unmatched_remark(summary, service)
    if bare.differing_settings:
        keys = ", ".join(bare.differing_settings)
        return (
            f"{service} and {bare.arm} were measured with different client settings ({keys}), so their difference is "
            "not the runtime's share."
        )
    if summary.arms[service].failed or summary.arms[bare.arm].failed:
        return f"Requests to {service} or {bare.arm} failed, so the runtime's share is not reported."
    return ""


def _unmatched_remark(summary: Summary, service: str) -> str:
    """Return why a service has no match: no bare arm, no pair, or a pair that compares capacities."""
    bare = next(iter(bare_arms(summary)), None)
    if bare is None:
        return f"There is no bare arm to compare {service} with. Add one, like [arms.tcp]."
    if any(
        service in (comparison.arm, comparison.against) and comparison.metric == "capacity"
        for comparison in summary.comparisons
    ):
        return (
            f"{service} was searched for its capacity, which is not a time per request. Use a run without p99_limit_ms."
        )
    return (
        f"{service} is not compared with a bare arm, which would show its runtime's share. Add "
        f'["{service}", "{bare}"] to design.pairs, or another bare arm in place of {bare}.'
    )


def paired_estimate(records: Sequence[Record], pair: ArmPair) -> PairedEstimate | None:
    """Return arm - against, paired by round; None with fewer than 2 sessions that have both."""
    in_us, ratio = (_over_sessions(records, pair, value) for value in (time_us, _log_us))
    levels_us = level_by_session(records, pair[0], time_us, "median").values()
    return PairedEstimate(in_us, ratio, fmean(levels_us)) if in_us and ratio else None


def _over_sessions(records: Sequence[Record], pair: ArmPair, value: VisitValue) -> Estimate | None:
    per_session = list(difference_by_session(records, pair, value, "median").values())
    return estimate_mean(np.asarray(per_session)) if len(per_session) > 1 else None


def _log_us(visit: VisitRow) -> float | None:
    us = time_us(visit)
    return math.log(us) if us else None


def _widen(estimate: Estimate, deviations: Sequence[float]) -> Estimate:
    variance = estimate.sd**2 + estimate.sessions * sum(deviation**2 for deviation in deviations)
    return Estimate(estimate.mean, math.sqrt(variance), estimate.sessions)
