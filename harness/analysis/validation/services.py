"""Services visited by url in turn with bare arms: a row for each, the claim of each pair, and the runtime's share."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from harness.analysis.contrasts.engine import RunSeries, difference, estimate_effect, mean_interval, session_values
from harness.analysis.statistics.intervals import EffectEstimate, Estimate
from harness.analysis.statistics.series import ArmPair
from harness.analysis.validation.bare_run import BareRun, bare_arms, connection_count, mirror, service_arms
from harness.analysis.validation.claims import ClaimSides, is_decided
from harness.analysis.why.quantities import TIME_US, level
from harness.experiment.transports import IMPORTED_TCP, arm_transport, imported_family
from harness.model import Comparison, Interval, Record, Summary
from harness.model.settings import LoadSettings
from harness.model.validation import ClaimReason, ImportedRow, RuntimeShare

IN_TURN = "in turn"


@dataclass(frozen=True, slots=True)
class BareMatch:
    """The bare arm of a service, its transport family, and the client settings in which the two differ."""

    arm: str
    transport: str
    differing_settings: tuple[str, ...]


def service_rows(run: BareRun) -> Iterator[ImportedRow]:
    """Yield a row for each service of the run."""
    matches = bare_matches(run.summary)
    for name in service_arms(run.summary):
        arm = run.summary.arms[name]
        match = matches.get(name)
        remark = service_remark(run.summary, name, match)
        yield ImportedRow(
            where=IN_TURN,
            architecture=name,
            transport=match.transport if match else "",
            sources=(str(arm.settings["url"]),),
            runs=run.summary.sessions,
            requests=arm.requests,
            connections=connection_count(arm),
            failed=arm.failed,
            time_us=_typical_us(run.records, name),
            by_rate_us=None,
            interval="pairs",
            adds_up=True,
            remarks=(remark,) if remark else (),
        )


def service_sides(run: BareRun) -> Iterator[ClaimSides]:
    """Yield each pair of services whose bare arms are over a Unix socket and over TCP."""
    matches, rows = bare_matches(run.summary), {row.architecture: row for row in service_rows(run)}
    for comparison in typical_comparisons(run.summary):
        for directed in (comparison, mirror(comparison)):
            ours, theirs = matches.get(directed.arm), matches.get(directed.against)
            if ours and theirs and theirs.transport == IMPORTED_TCP != ours.transport:
                estimate = _effect_with_starts(run.records, (directed.arm, ours.arm), (directed.against, theirs.arm))
                yield ClaimSides(
                    ours=rows[directed.arm],
                    theirs=rows[directed.against],
                    arms=(ours.arm, theirs.arm),
                    estimate=estimate,
                    us=directed.us,
                    percent=directed.percent,
                    their_us=run.summary.arms[directed.against].mean_us,
                    obstacles=tuple(_obstacles(run.summary, directed, (ours, theirs), has_time=estimate is not None)),
                )


def service_shares(run: BareRun) -> Iterator[RuntimeShare]:
    """Yield the time of each service less that of its bare arm, round by round."""
    for service, match in bare_matches(run.summary).items():
        share = effect_with_start(run.records, (service, match.arm))
        container_us, bare_us = (_typical_us(run.records, name) for name in (service, match.arm))
        if share and container_us and bare_us and not service_remark(run.summary, service, match):
            yield RuntimeShare(
                where=IN_TURN,
                architecture=service,
                transport=match.transport,
                arm=match.arm,
                container_us=container_us,
                bare_us=bare_us,
                us=share.difference_us.with_interval(),
                interval="pairs",
            )


def bare_matches(summary: Summary) -> Mapping[str, BareMatch]:
    """Return, for each service, the first bare arm that the run compares it with."""
    services, bare = service_arms(summary), bare_arms(summary)
    matches: dict[str, BareMatch] = {}
    for comparison in typical_comparisons(summary):
        for service, arm in ((comparison.arm, comparison.against), (comparison.against, comparison.arm)):
            if service in services and arm in bare:
                family = imported_family(arm_transport(bare[arm].settings))
                matches.setdefault(service, BareMatch(arm, family, _differing_client_settings(summary, service, arm)))
    return matches


def typical_comparisons(summary: Summary) -> Iterator[Comparison]:
    """Yield the latency comparisons without controls."""
    for comparison in summary.comparisons:
        if comparison.metric == "latency" and not any(
            summary.arms[name].control_of for name in (comparison.arm, comparison.against)
        ):
            yield comparison


def service_remark(summary: Summary, service: str, match: BareMatch | None) -> str:
    """Return why the share of a service's runtime is not reported, or ""."""
    if match is None:
        return _unmatched_remark(summary, service)
    if match.differing_settings:
        keys = ", ".join(match.differing_settings)
        return (
            f"{service} and {match.arm} were measured with different client settings ({keys}), so their difference is "
            "not the runtime's share."
        )
    if summary.arms[service].failed or summary.arms[match.arm].failed:
        return f"Requests to {service} or {match.arm} failed, so the runtime's share is not reported."
    return ""


def paired_effect(records: Sequence[Record], pair: ArmPair) -> EffectEstimate | None:
    """Return the effect of an arm against another, paired by round; None with fewer than 2 sessions that have both."""
    return estimate_effect(session_values(RunSeries(records), [difference(pair, TIME_US)]))


def effect_with_start(records: Sequence[Record], pair: ArmPair) -> EffectEstimate | None:
    """Return the effect of a service against its bare arm, with the variance of the one start of the service."""
    effect = paired_effect(records, pair)
    return effect and _widen(effect, [_start_deviations(records, pair[0], effect)])


def _effect_with_starts(records: Sequence[Record], ours: ArmPair, theirs: ArmPair) -> EffectEstimate | None:
    """Return the effect of a service against another, with the variance of both starts; each is given with its arm."""
    between = paired_effect(records, (ours[0], theirs[0]))
    alone = {pair[0]: paired_effect(records, pair) for pair in (ours, theirs)}
    starts = [_start_deviations(records, service, effect) for service, effect in alone.items() if effect]
    return _widen(between, starts) if between and len(starts) == len(alone) else None


def _start_deviations(records: Sequence[Record], service: str, effect: EffectEstimate) -> tuple[float, float]:
    """Return the deviation of one start, as a log and in us, from the effect of a service against its bare arm.

    The variance of such an effect over sessions contains that of the starts of the bare arm. The one start of the
    service is assumed to vary as much. In us it is at least the same proportion of a slower time.
    """
    level_us = fmean(level(RunSeries(records), service, TIME_US).difference)
    log_sd = effect.log_ratio.sd if effect.log_ratio else 0.0
    return log_sd, max(effect.difference_us.sd, log_sd * level_us)


def _widen(effect: EffectEstimate, starts: Sequence[tuple[float, float]]) -> EffectEstimate:
    """Return the effect with the variance of the starts, which more sessions do not reduce: a prediction interval."""

    def widen(estimate: Estimate, deviations: Sequence[float]) -> Estimate:
        variance = estimate.sd**2 + estimate.sessions * sum(deviation**2 for deviation in deviations)
        return replace(estimate, sd=math.sqrt(variance))

    logs, us = zip(*starts, strict=True)
    return EffectEstimate(effect.log_ratio and widen(effect.log_ratio, logs), widen(effect.difference_us, us))


def _obstacles(
    summary: Summary, comparison: Comparison, matches: Sequence[BareMatch], *, has_time: bool
) -> Iterator[ClaimReason]:
    if _differing_client_settings(summary, comparison.arm, comparison.against) or any(
        match.differing_settings for match in matches
    ):
        yield "asked otherwise"
    if not has_time:
        yield "no time"
    elif not is_decided(comparison):
        yield "undecided"


def _differing_client_settings(summary: Summary, arm: str, other: str) -> tuple[str, ...]:
    ours, theirs = (summary.arms[name].settings for name in (arm, other))
    return tuple(key for key in LoadSettings.model_fields if ours.get(key) != theirs.get(key))


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


def _typical_us(records: Sequence[Record], arm: str) -> Interval | None:
    return mean_interval(level(RunSeries(records), arm, TIME_US).difference)
