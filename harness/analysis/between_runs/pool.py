"""Pools one experiment over hosts: each contrast with its effect, how much hosts differ, and what a new host shows."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from harness.analysis.between_runs.changes import RunData
from harness.analysis.between_runs.effect_evidence import (
    EffectEvidence,
    ScaledHosts,
    effect_keys,
    gather_evidence,
    means_and_errors,
)
from harness.analysis.between_runs.fleet import Fleet, FleetHost
from harness.analysis.between_runs.metadata import MetadataDifference
from harness.analysis.between_runs.reliability import CONTROL, INVALID, unreliable_kinds
from harness.analysis.contrasts.engine import VERDICT_WORDS
from harness.analysis.statistics.group_sequential import single_look_error_rate
from harness.analysis.statistics.intervals import CONFIDENCE
from harness.analysis.statistics.meta_analysis import (
    MIN_HOSTS_TO_POOL,
    MIN_HOSTS_TO_PREDICT,
    hosts_apart,
)
from harness.analysis.statistics.verdict import judge_family
from harness.model import Design, Effect, Interval, JsonModel, Judgement

WORDS_OF_KIND: Mapping[str, str] = {
    "interaction": "agreement",
    "factor interaction": "agreement",
    "beyond the sum": "additivity",
}


class HostEffect(JsonModel):
    """The effect on a host, from its runs. `weight_percent` is None where it is not pooled: `why`.

    `others` is the pooled effect of all other hosts, where this host stands apart from them: in percent, or in us
    without a ratio.
    """

    host: str
    percent: Interval | None = None
    us: Interval | None = None
    runs: int = 0
    sessions: int = 0
    weight_percent: float | None = None
    why: str = ""
    others: Interval | None = None


class PooledEffect(Effect):
    """An effect over hosts, which are its unit: intervals are of the mean of all such hosts.

    `arm` and `against` are those of a pair. `tau_percent` and `tau_us` are standard deviations between hosts,
    `prediction_percent` and `prediction_us` intervals for a new host; None: `prediction_why`.
    """

    arm: str = ""
    against: str = ""
    is_control: bool = False
    hosts: int = 0  # that are pooled
    hosts_to_decide: int | None = None
    tau_percent: float | None = None
    tau_us: float | None = None
    i2_percent: float | None = None
    prediction_percent: Interval | None = None
    prediction_us: Interval | None = None
    prediction_why: str = ""
    by_host: tuple[HostEffect, ...] = ()


class PooledRun(JsonModel):
    """A run of a host; `why` says why it is not valid. `doubts` are kinds: those that make a valid run unreliable."""

    directory: str
    started_utc: str
    sessions: int
    valid: bool
    doubts: tuple[str, ...] = ()
    why: str = ""
    id: str = ""


class PooledHost(JsonModel):
    """A host with its runs; `is_guess`: only its hardware tells that these runs are of one host."""

    name: str
    is_guess: bool
    runs: tuple[PooledRun, ...]


class Stratum(JsonModel):
    """The hosts with one value of the fact that divides them, and their pooled effects."""

    value: str
    hosts: tuple[str, ...]
    effects: tuple[PooledEffect, ...]


class Pool(JsonModel):
    """One experiment on several hosts. `settings`, `measuring` and `host` are what differs, a value for each host."""

    format: Literal[1] = 1
    experiment: str
    question: str
    design: Design
    hosts: tuple[PooledHost, ...]
    effects: tuple[PooledEffect, ...]
    by: str = ""
    strata: tuple[Stratum, ...] = ()
    settings: tuple[MetadataDifference, ...] = ()
    measuring: tuple[MetadataDifference, ...] = ()
    host: tuple[MetadataDifference, ...] = Field(default=())


def pool_fleet(fleet: Fleet, by: str = "") -> Pool:
    """Return every contrast of the fleet's experiment over its hosts, and over those with each value of the fact `by`.

    Raises ConfigError if no run has such a fact.
    """
    first = fleet.hosts[0].runs[0]
    return Pool(
        experiment=first.summary.experiment,
        question=first.summary.question,
        design=first.plan.experiment.design,
        hosts=tuple(map(_pooled_host, fleet.hosts)),
        effects=tuple(pool_effects(fleet.hosts)),
        by=by,
        strata=tuple(
            Stratum(value=value, hosts=tuple(host.name for host in hosts), effects=tuple(pool_effects(hosts)))
            for value, hosts in (fleet.divide(by) if by else {}).items()
        ),
        settings=fleet.settings,
        measuring=fleet.measuring,
        host=fleet.host,
    )


def _pooled_host(host: FleetHost) -> PooledHost:
    runs = tuple(
        PooledRun(
            directory=run.summary.directory,
            started_utc=run.records[0].started_utc,
            sessions=run.summary.sessions,
            valid=run.summary.valid,
            doubts=tuple(unreliable_kinds(run.summary)) if run.summary.valid else (),
            why="" if run.summary.valid else _faults(run),
            id=run.summary.id,
        )
        for run in host.runs
    )
    return PooledHost(name=host.name, is_guess=host.is_guess, runs=runs)


def _faults(run: RunData) -> str:
    """Return the doubts that make a run invalid."""
    faults = [
        f"{doubt.arm}: {doubt.seen}" if doubt.arm and doubt.kind != CONTROL else doubt.seen
        for doubt in run.summary.doubts
        if doubt.kind in (*INVALID, CONTROL)
    ]
    return " ".join(dict.fromkeys(faults))


def pool_effects(hosts: Sequence[FleetHost]) -> list[PooledEffect]:
    """Return every contrast of the hosts' runs, pooled; contrasts that share a correction in a run share one here."""
    evidence = [gather_evidence(key, hosts) for key in effect_keys(hosts)]
    pooled: dict[int, PooledEffect] = {}
    for family in dict.fromkeys(item.effect.family for item in evidence):
        places = [place for place, item in enumerate(evidence) if item.effect.family == family]
        judgements = judge_family(
            [evidence[place].estimate for place in places],
            next((evidence[place].effect.margin_percent or 0.0 for place in places), 0.0),
            single_look_error_rate,
            excuses=[_shortage(evidence[place].pooled, MIN_HOSTS_TO_POOL, "a pooled effect") for place in places],
            alone=[not family] * len(places),
        )
        pooled |= {
            place: _pooled_effect(evidence[place], hosts, judgement)
            for place, judgement in zip(places, judgements, strict=True)
        }
    return [pooled[place] for place in range(len(evidence))]


def _shortage(hosts: int, needed: int, what: str) -> str:
    """Return how many more hosts it takes; "" if there are enough."""
    missing = needed - hosts
    return f"{what} needs {needed} hosts: {missing} more." if missing > 0 else ""


def _pooled_effect(evidence: EffectEvidence, hosts: Sequence[FleetHost], judgement: Judgement) -> PooledEffect:
    effect, numbers = evidence.effect, evidence.deciding.over_hosts
    words = VERDICT_WORDS.get(WORDS_OF_KIND.get(effect.kind, ""), {})
    arm, against, is_control = _pair_of(effect, hosts)
    prediction_why = _shortage(evidence.pooled, MIN_HOSTS_TO_PREDICT, "A prediction")
    percent, us = (_over_hosts(scaled, is_predicted=not prediction_why) for scaled in (evidence.percent, evidence.us))
    return PooledEffect(
        **effect.model_dump(include={"kind", "label", "metric", "family"}),
        arms=effect.arms,
        arm=arm,
        against=against,
        is_control=is_control,
        percent=percent.mean,
        us=us.mean,
        tau_percent=percent.tau,
        tau_us=us.tau,
        prediction_percent=percent.prediction,
        prediction_us=us.prediction,
        prediction_why=prediction_why,
        i2_percent=numbers.i2_percent if numbers else None,
        sessions=sum(used.sessions for effects in evidence.usable for used in effects),
        hosts=evidence.pooled,
        hosts_to_decide=judgement.sessions_to_decide,
        verdict=words.get(str(judgement.verdict), judgement.verdict),
        by_host=tuple(_host_effects(evidence, hosts)),
        **judgement.model_dump(include={"confidence", "p", "p_adjusted", "margin_percent", "why"}),
    )


def _pair_of(effect: Effect, hosts: Sequence[FleetHost]) -> tuple[str, str, bool]:
    """Return the arms of a pair, and whether it is of a control; empty for another kind."""
    experiment = hosts[0].runs[0].plan.experiment
    for arm, against in experiment.pairs if effect.kind == "pair" else ():
        if effect.label == f"{arm} against {against}":
            return arm, against, experiment.arm(arm).control_of == against
    return "", "", False


@dataclass(frozen=True, slots=True)
class _OverHosts:
    """The numbers over hosts on one scale, as they are told."""

    mean: Interval | None = None
    tau: float | None = None
    prediction: Interval | None = None


def _over_hosts(scaled: ScaledHosts | None, *, is_predicted: bool) -> _OverHosts:
    if scaled is None or scaled.over_hosts is None:
        return _OverHosts()
    numbers, scale = scaled.over_hosts, scaled.scale
    confidence = 1 - single_look_error_rate(numbers.hosts)
    prediction = scale.interval(numbers.mean, numbers.prediction()) if is_predicted else None
    mean = scale.interval(numbers.mean, numbers.estimate.interval(confidence))
    return _OverHosts(mean, scale.restore(numbers.tau), prediction)


def _host_effects(evidence: EffectEvidence, hosts: Sequence[FleetHost]) -> Iterator[HostEffect]:
    """Yield what each host shows, in their order."""
    deciding = evidence.deciding
    apart = {
        item.host: deciding.scale.interval(item.others.mean, item.others.estimate.interval(CONFIDENCE))
        for item in hosts_apart(*means_and_errors(deciding.moderated))
    }
    index_of = {place: index for index, place in enumerate(evidence.places)}
    for place, host in enumerate(hosts):
        index = index_of.get(place)
        if index is None:
            yield HostEffect(host=host.name, why=evidence.why[place])
            continue
        effects = evidence.usable[index]
        yield HostEffect(
            host=host.name,
            percent=_own_interval(evidence.percent, index, effects),
            us=_own_interval(evidence.us, index, effects),
            runs=len(effects),
            sessions=sum(effect.sessions for effect in effects),
            weight_percent=100 * deciding.over_hosts.weights[index] if deciding.over_hosts else None,
            others=apart.get(index),
        )


def _own_interval(scaled: ScaledHosts | None, index: int, effects: Sequence[Effect]) -> Interval | None:
    """Return the interval of a host: that of its run, or that of several."""
    if scaled is None:
        return None
    if len(effects) == 1:
        return scaled.scale.read(effects[0])
    estimate = scaled.measured[index]
    return scaled.scale.interval(estimate.mean, estimate.interval(CONFIDENCE))
