"""What the hosts of a fleet say of a contrast: their effects, as logs and in us, and the mean over hosts."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from scipy.special import stdtrit

from harness.analysis.between_runs.changes import RunData
from harness.analysis.between_runs.fleet import FleetHost
from harness.analysis.statistics.intervals import EffectEstimate, Estimate, to_percent
from harness.analysis.statistics.meta_analysis import (
    MIN_HOSTS_TO_POOL,
    MetaAnalysis,
    analyse_hosts,
    moderate_errors,
    pool_runs_of_host,
)
from harness.model import Effect, Interval

NOT_VALID = "its run is not valid"

EffectKey = tuple[str, str, str]  # kind, label, metric


def effect_keys(hosts: Sequence[FleetHost]) -> list[EffectKey]:
    return list(dict.fromkeys(_key(effect) for host in hosts for run in host.runs for effect in run.summary.effects))


def _key(effect: Effect) -> EffectKey:
    return effect.kind, effect.label, effect.metric


@dataclass(frozen=True, slots=True)
class ContrastScale:
    """How an interval of an effect is pooled, and how the result is told: logs for percent, us as they are."""

    read: Callable[[Effect], Interval | None]
    transform: Callable[[float], float]
    restore: Callable[[float], float]

    def estimate(self, effect: Effect) -> Estimate | None:
        """Return the mean and deviation over sessions behind an effect; None without an interval."""
        interval = self.read(effect)
        if interval is None or interval.low is None or interval.high is None or effect.sessions < 2:
            return None
        low, value, high = map(self.transform, (interval.low, interval.value, interval.high))
        quantile = float(stdtrit(effect.sessions - 1, (1 + effect.confidence) / 2))
        sd = (high - low) / 2 / quantile * math.sqrt(effect.sessions)
        return Estimate(value, sd, effect.sessions) if math.isfinite(sd) else None

    def interval(self, value: float, ends: tuple[float, float]) -> Interval:
        """Return an interval as it is told."""
        low, high = map(self.restore, ends)
        return Interval(value=self.restore(value), low=low, high=high)


def _log_ratio(percent: float) -> float:
    return math.log1p(percent / 100) if percent > -100 else -math.inf


PERCENT = ContrastScale(lambda effect: effect.percent, _log_ratio, to_percent)
US = ContrastScale(lambda effect: effect.us, lambda us: us, lambda us: us)


@dataclass(frozen=True, slots=True)
class ScaledHosts:
    """The effects of the hosts that are pooled, on one scale: as measured, with moderated errors, and over hosts."""

    scale: ContrastScale
    measured: list[Estimate]
    moderated: list[Estimate]
    over_hosts: MetaAnalysis | None


@dataclass(frozen=True, slots=True)
class EffectEvidence:
    """What hosts say of a contrast: `places` of the hosts that are pooled, why others are not, and both scales."""

    effect: Effect
    places: list[int]
    why: dict[int, str]
    usable: list[list[Effect]]
    percent: ScaledHosts | None
    us: ScaledHosts

    @property
    def pooled(self) -> int:
        """Number of hosts that are pooled."""
        return len(self.places)

    @property
    def deciding(self) -> ScaledHosts:
        """The scale that the verdict rests on."""
        return self.percent or self.us

    @property
    def estimate(self) -> EffectEstimate | None:
        """The estimates over hosts; None with too few."""
        if self.us.over_hosts is None:
            return None
        log_ratio = self.percent.over_hosts.estimate if self.percent and self.percent.over_hosts else None
        return EffectEstimate(log_ratio, self.us.over_hosts.estimate)


def gather_evidence(key: EffectKey, hosts: Sequence[FleetHost]) -> EffectEvidence:
    every, usable, why = [], [], {}
    for place, host in enumerate(hosts):
        effects = [(run, effect) for run in host.runs for effect in run.summary.effects if _key(effect) == key]
        every += [effect for _, effect in effects]
        usable.append([effect for run, effect in effects if not _obstacle(run, effect)])
        if not usable[-1]:
            why[place] = "; ".join(dict.fromkeys(_obstacle(run, effect) for run, effect in effects)) or "not measured"
    places = [place for place, effects in enumerate(usable) if effects]
    measured = [usable[place] for place in places]
    has_ratio = all(PERCENT.estimate(effect) for effects in measured for effect in effects)
    percent = _scaled(PERCENT, measured) if has_ratio else None
    return EffectEvidence(every[0], places, why, measured, percent, _scaled(US, measured))


def _obstacle(run: RunData, effect: Effect) -> str:
    """Return why the effect of a run is not pooled; "" if it is."""
    if not run.summary.valid:
        return NOT_VALID
    if effect.verdict is None and effect.why:
        return effect.why.rstrip(".")
    return "" if US.estimate(effect) else "it has no interval"


def _scaled(scale: ContrastScale, by_host: Sequence[Sequence[Effect]]) -> ScaledHosts:
    """Return the effects on one scale; each has an estimate there."""
    runs = [[estimate for effect in effects if (estimate := scale.estimate(effect))] for effects in by_host]
    moderated = iter(moderate_errors([estimate for estimates in runs for estimate in estimates]))
    hosts = [pool_runs_of_host([next(moderated) for _ in estimates]) for estimates in runs]
    over_hosts = analyse_hosts(*means_and_errors(hosts)) if len(hosts) >= MIN_HOSTS_TO_POOL else None
    return ScaledHosts(scale, list(map(pool_runs_of_host, runs)), hosts, over_hosts)


def means_and_errors(estimates: Sequence[Estimate]) -> tuple[list[float], list[float]]:
    return [estimate.mean for estimate in estimates], [estimate.standard_error for estimate in estimates]
