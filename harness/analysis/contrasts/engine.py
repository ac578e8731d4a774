"""Contrasts: weighted sums over arms, formed session by session, then judged together with their family.

Pairs, interactions, main effects, ladder sums and percentiles differ in their terms, quantities and words, not in code.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import product
from typing import ClassVar

import numpy as np

from harness.analysis.failures import count_failures, failure_reason
from harness.analysis.statistics.group_sequential import ErrorRate, error_rate_of
from harness.analysis.statistics.intervals import (
    CONFIDENCE,
    MIN_SESSIONS_FOR_INTERVAL,
    EffectEstimate,
    Estimate,
    estimate_mean,
)
from harness.analysis.statistics.resampling import MIN_RESAMPLED_SESSIONS, ResampledEstimate
from harness.analysis.statistics.series import ArmPair, ArmVisits, Series, SessionData, centre_of_rounds, visits_by_arm
from harness.analysis.statistics.verdict import Correction, holm, judge_family
from harness.model import METRICS, Effect, Experiment, Interval, Judgement, Record
from harness.model.metrics import CURRENT_ESTIMATOR, ESTIMATORS, Estimator, Quantity

Weights = Mapping[str, float]  # by arm

VERDICT_WORDS: Mapping[str, Mapping[str, str]] = {
    "agreement": {"equivalent": "agree", "faster": "differ", "slower": "differ"},
    "amount": {"faster": "less", "slower": "more"},
    "additivity": {"equivalent": "additive", "slower": "more", "faster": "less"},
}


@dataclass(frozen=True, slots=True)
class WeightedSum:
    """A weighted sum over arms of a quantity, round by round; its typical round is the value of a session.

    In the `comparison` of an arm with another the control of either may stand for it.
    """

    quantity: Quantity
    weights: Weights
    factor: float = 1.0
    comparison: ArmPair | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Contrast:
    """The sum of `terms` in each session, as the effect of `arm` relative to `against` in `metric`.

    `words` names the words of its verdicts: "" for faster and slower, or a key of VERDICT_WORDS. `quantity` names what
    is compared where that is not the metric itself: `p99`.
    """

    kind: str
    arm: str
    against: str
    metric: str
    terms: tuple[WeightedSum, ...]
    words: str = ""
    label: str = ""
    quantity: str = ""

    @property
    def weights(self) -> dict[str, float]:
        """Weight of each arm over all terms, in order of appearance."""
        return total_weights(self.terms)


def total_weights(terms: Iterable[WeightedSum]) -> dict[str, float]:
    """Return the weight of each arm over all terms, in order of appearance."""
    total: dict[str, float] = {}
    for term in terms:
        for arm, weight in term.weights.items():
            total[arm] = total.get(arm, 0.0) + term.factor * weight
    return total


def difference(pair: ArmPair, quantity: Quantity, factor: float = 1.0) -> WeightedSum:
    """Return the term of one arm less another."""
    return WeightedSum(quantity, {pair[0]: 1.0, pair[1]: -1.0}, factor, comparison=pair)


def pair_terms(pair: ArmPair, metric: str, factor: float = 1.0) -> tuple[WeightedSum, ...]:
    """Return the terms of one arm against another in a metric."""
    return (difference(pair, METRICS[metric], factor),)


def pair_contrast(pair: ArmPair, metric: str, kind: str = "pair") -> Contrast:
    """Return the contrast of one arm against another."""
    return Contrast(kind, *pair, metric, pair_terms(pair, metric))


@dataclass(frozen=True, slots=True)
class SessionValues:
    """One value for each session that has every term, (sessions,): of logs (NaN without a ratio), and of values."""

    sessions: tuple[int, ...]
    log_ratio: Series
    difference: Series
    min_sessions: ClassVar[int] = MIN_SESSIONS_FOR_INTERVAL

    def estimate(self, values: Series) -> Estimate:
        """Return the estimate over sessions from either of the values."""
        return estimate_mean(values)


@dataclass(frozen=True, slots=True)
class ResampledValues(SessionValues):
    """The values of all `sessions` together, followed by those of their resamples, (1 + resamples,)."""

    min_sessions: ClassVar[int] = MIN_RESAMPLED_SESSIONS

    def estimate(self, values: Series) -> Estimate:
        """Return the estimate from the resamples of either of the values."""
        return ResampledEstimate.of(values, len(self.sessions))


class RunSeries:
    """The values of a run by quantity, read from the visits when first asked for.

    `given` has those that visits do not have, by the name of the quantity: for each session a value by arm and round.
    The `experiment` tells which arms have a control. The estimator is that of the records unless it is given.
    """

    def __init__(
        self,
        records: Sequence[Record],
        given: Mapping[str, Mapping[int, Mapping[str, Series]]] | None = None,
        experiment: Experiment | None = None,
        estimator: Estimator | None = None,
    ) -> None:
        self.records = records
        self._values = dict(given or {})
        self._experiment = experiment
        of_records = ESTIMATORS[records[0].schedule.estimator] if records else CURRENT_ESTIMATOR
        self._estimator = estimator or of_records

    @cached_property
    def _visits(self) -> Mapping[int, Mapping[str, ArmVisits]]:
        return {record.session: visits_by_arm(record) for record in self.records}

    def values(self, quantity: Quantity) -> Mapping[int, Mapping[str, Series]]:
        """Return the values by session and arm, (rounds,)."""
        if quantity.name not in self._values:
            resolved = self._resolve(quantity)
            self._values[quantity.name] = {
                session: {arm: visits.values(resolved) for arm, visits in by_arm.items()}
                for session, by_arm in self._visits.items()
            }
        return self._values[quantity.name]

    def _resolve(self, quantity: Quantity) -> Quantity:
        """Return the quantity with the value and the centre of the estimator, where that decides them."""
        if not quantity.is_typical or self._estimator is CURRENT_ESTIMATOR:
            return quantity
        return replace(quantity, value=self._estimator.value, centre=self._estimator.centre)

    @cached_property
    def _copies(self) -> Mapping[str, tuple[str, ...]]:
        """Return each arm with those of its controls that had no failed requests; empty without pooling."""
        if self._experiment is None or not self._estimator.pools_controls:
            return {}
        failed = count_failures(self.records)
        controls = [arm for arm in self._experiment.arms if arm.control_of and arm.name not in failed]
        references = dict.fromkeys(arm.control_of for arm in controls if arm.control_of)
        return {
            reference: (reference, *(arm.name for arm in controls if arm.control_of == reference))
            for reference in references
        }

    def split(self, term: WeightedSum) -> list[WeightedSum]:
        """Return the terms whose sum is the estimate of `term`.

        A comparison of two arms, one of which has a control, is the mean of those with each. That of an arm and its
        control stays what it is.
        """
        arms = term.comparison or ()
        if not arms or any({*arms} <= {*copies} for copies in self._copies.values()):
            return [term]
        pairs = list(product(*(self._copies.get(arm, (arm,)) for arm in arms)))
        return [difference((arm, against), term.quantity, term.factor / len(pairs)) for arm, against in pairs]

    def term_values(self, term: WeightedSum) -> dict[int, Series]:
        """Return (log, value) of the typical round by session."""
        vector = np.array(list(term.weights.values()))
        quantity, by_session = self._resolve(term.quantity), {}
        for number, by_arm in self.values(quantity).items():
            if term.weights.keys() <= by_arm.keys():
                values = np.array([by_arm[arm] for arm in term.weights])
                values = values[:, np.isfinite(values).all(axis=0)]
                if values.size:
                    logs = vector @ np.log(values) if quantity.has_ratio else np.full(values.shape[1], np.nan)
                    rounds = np.stack([logs, vector @ values])
                    by_session[number] = term.factor * centre_of_rounds(rounds, quantity.centre)
        return by_session


def session_values(series: RunSeries, terms: Iterable[WeightedSum]) -> SessionValues:
    """Return the sum of the terms for each session.

    A round without a value for each arm of a term is left out, and so is a session without any other round of a term.
    """
    by_term = [series.term_values(part) for term in terms for part in series.split(term)]
    sessions = tuple(number for number in by_term[0] if all(number in values for values in by_term))
    sums = np.array([sum(values[number] for values in by_term) for number in sessions]).reshape(-1, 2)
    return SessionValues(sessions, sums[:, 0], sums[:, 1])


def interval_of(series: RunSeries, *terms: WeightedSum, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the mean sum of the terms over sessions with its interval; None without terms or sessions."""
    return mean_interval(session_values(series, terms).difference, confidence) if terms else None


def estimate_effect(values: SessionValues) -> EffectEstimate | None:
    """Return the estimates over sessions; None with too few."""
    if len(values.sessions) < values.min_sessions:
        return None
    has_ratio = bool(np.isfinite(values.log_ratio).all())
    return EffectEstimate(values.estimate(values.log_ratio) if has_ratio else None, values.estimate(values.difference))


def mean_interval(values: Series, confidence: float = CONFIDENCE) -> Interval | None:
    """Return the mean over sessions with its interval by Student's t; None without sessions."""
    if values.size < MIN_SESSIONS_FOR_INTERVAL:
        return Interval(value=float(values[0])) if values.size else None
    return estimate_mean(values).with_interval(confidence)


@dataclass(frozen=True)
class RunEvidence:
    """The data that the contrasts of a run are judged by. `looks`: numbers of sessions after which it could stop."""

    experiment: Experiment
    sessions: Sequence[SessionData]
    looks: Sequence[int] = ()

    @cached_property
    def records(self) -> list[Record]:
        """Records of the sessions."""
        return [session.record for session in self.sessions]

    @cached_property
    def series(self) -> RunSeries:
        """Values of the visits."""
        return RunSeries(self.records, experiment=self.experiment)

    @cached_property
    def failed(self) -> Mapping[str, Mapping[str, int]]:
        """Number of failed requests by arm and kind."""
        return count_failures(self.records)

    @cached_property
    def error_rate(self) -> ErrorRate:
        """Error rate of a test, by the number of sessions that it rests on."""
        return error_rate_of(self.looks)


@dataclass(frozen=True, slots=True)
class JudgedContrast:
    """A contrast with its values, numbers and verdict; `family` is "" where it was judged alone.

    `weights` are those of all arms that the estimate rests on: controls may stand for the arms of the contrast.
    """

    contrast: Contrast
    weights: Weights
    values: SessionValues
    judgement: Judgement
    family: str

    @property
    def fields(self) -> dict[str, object]:
        """Return the fields that each kind of effect has in a summary."""
        fields = dict(self.judgement)
        words = VERDICT_WORDS.get(self.contrast.words, {})
        verdict = words.get(str(self.judgement.verdict), self.judgement.verdict)
        named = {"arm": self.contrast.arm, "against": self.contrast.against, "metric": self.contrast.metric}
        return named | fields | {"verdict": verdict}


def judge_contrasts(  # noqa: PLR0913 - everything in which kinds of contrast differ
    evidence: RunEvidence,
    contrasts: Iterable[Contrast],
    *,
    correction: Correction = holm,
    is_alone: Callable[[Contrast], bool] = lambda _: False,
    excuse: Callable[[Contrast, SessionValues], str] = lambda _contrast, _values: "",
    values_of: Callable[[Contrast], SessionValues] | None = None,
) -> list[JudgedContrast]:
    """Return the judged contrasts in their order; the contrasts of one metric are a family that shares a correction.

    A contrast that `is_alone`, like a control, takes no part in it. Failed requests of any arm, and an `excuse`, leave
    numbers but no verdict. A contrast in an optional metric that no session has is left out. `values_of` a contrast are
    those of its sessions, unless it is given.
    """
    values_of = values_of or (lambda contrast: session_values(evidence.series, contrast.terms))
    members = [(contrast, values_of(contrast)) for contrast in contrasts]
    optional = {name for name, metric in METRICS.items() if metric.is_optional}
    members = [(contrast, values) for contrast, values in members if values.sessions or contrast.metric not in optional]
    judged: dict[int, JudgedContrast] = {}
    for metric in dict.fromkeys(contrast.metric for contrast, _ in members):
        family = [(index, *member) for index, member in enumerate(members) if member[0].metric == metric]
        judgements = judge_family(
            [estimate_effect(values) for _, _, values in family],
            evidence.experiment.design.equivalence_percent,
            evidence.error_rate,
            excuses=[
                failure_reason(contrast.weights, evidence.failed)
                or excuse(contrast, values)
                or missing_interval_reason(values)
                for _, contrast, values in family
            ],
            alone=[is_alone(contrast) for _, contrast, _ in family],
            correction=correction,
        )
        for (index, contrast, values), judgement in zip(family, judgements, strict=True):
            name = "" if is_alone(contrast) else f"{contrast.kind}, {metric}"
            weights = total_weights(part for term in contrast.terms for part in evidence.series.split(term))
            judged[index] = JudgedContrast(contrast, weights, values, judgement, name)
    return [judged[index] for index in range(len(members))]


def missing_interval_reason(values: SessionValues) -> str:
    """Return why there is no interval; "" with enough sessions."""
    number = len(values.sessions)
    if number >= values.min_sessions:
        return ""
    have = "1 session has" if number == 1 else f"{number} sessions have"
    return f"{have} times of both arms; an interval needs {values.min_sessions}."


def without_verdict(judged: JudgedContrast, why: str) -> JudgedContrast:
    """Return the contrast with its numbers, and why they have no verdict."""
    update = {"verdict": None, "why": why, "sessions_to_decide": None}
    return replace(judged, judgement=judged.judgement.model_copy(update=update))


def effect_of(judged: JudgedContrast) -> Effect:
    """Return the effect in the one shape that `effects` of a summary has for all kinds."""
    contrast, numbers = judged.contrast, judged.judgement
    return Effect(
        kind=contrast.kind,
        label=contrast.label or f"{contrast.arm} against {contrast.against}",
        metric=contrast.quantity or contrast.metric,
        arms=dict(judged.weights),
        percent=numbers.in_percent,
        us=numbers.in_us,
        sessions=len(judged.values.sessions),
        family=judged.family,
        verdict=judged.fields["verdict"],
        **numbers.model_dump(include={"confidence", "p", "p_adjusted", "margin_percent", "why", "sessions_to_decide"}),
    )
