"""What a request waits for: its chain of CPU time and wake-ups, and how two arms differ in them."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean

import numpy as np

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    RunSeries,
    WeightedSum,
    difference,
    interval_of,
    judge_contrasts,
    session_values,
)
from harness.analysis.statistics.series import ArmPair, Series
from harness.analysis.why.quantities import TIME_US, counter_quantity, level
from harness.model import ROLES, ChainPart, Interval, Record, RequestChain, WaitingComparison, WaitingDifference
from harness.model.metrics import Quantity
from harness.model.waiting import ArmWaiting, ChainPartKind, WaitingQuantity

METRIC = "waiting"
LEAST_WAKEUPS = 0.05  # per request, of a link with a row of its own
PREEMPTED = "ready, but another thread runs"
REST_PARTS = (
    "wake-ups, less waiting for a CPU",
    "minus CPU time that delays no request",
    "interrupts and other processes",
    "left",
)
TRACED = "traced"
Part = tuple[ChainPartKind, str, str]  # kind, role or what else, and the waker of a wake-up
RARE_PART: Part = ("wake-up", "other wake-ups", "")
Given = dict[str, dict[int, dict[str, Series]]]  # by the name of a quantity, session and arm


@dataclass(frozen=True, slots=True)
class WaitingValues:
    """The values of the sessions that were traced, and the parts of the chain of each arm in the order of its way."""

    records: Sequence[Record]
    series: RunSeries
    parts: Mapping[str, Sequence[Part]]

    def arms(self, name: str) -> list[ArmWaiting]:
        """Return what each session has of an arm."""
        return [arm for record in self.records for arm in _arms(record) if arm.arm == name]


def waiting_results(
    evidence: RunEvidence,
) -> tuple[tuple[RequestChain, ...], tuple[WaitingComparison, ...]]:
    """Return the chain of each arm that was traced, and how the two arms of each pair differ in waiting."""
    values = _values(evidence)
    chains = (_chain(arm.name, values) for arm in evidence.experiment.arms if arm.name in values.parts)
    pairs = [pair for pair in evidence.experiment.pairs if values.parts.keys() >= {*pair}]
    return tuple(filter(None, chains)), tuple(_comparison(evidence, pair, values) for pair in pairs)


def _values(evidence: RunEvidence) -> WaitingValues:
    records = [record for record in evidence.records if record.waiting]
    timed = RunSeries(records, experiment=evidence.experiment)
    traced = RunSeries(
        [record.model_copy(update={"visits": record.waiting.bursts}) for record in records if record.waiting],
        experiment=evidence.experiment,
    )
    names = dict.fromkeys(arm.arm for record in records for arm in _arms(record))
    gatherer = _Gatherer({arm: _cpu_scales(timed, traced, arm) for arm in names})
    for record in records:
        for arm in _arms(record):
            gatherer.add(record.session, arm)
    parts = gatherer.finish()
    return WaitingValues(records, RunSeries(records, gatherer.given, experiment=evidence.experiment), parts)


def _arms(record: Record) -> Sequence[ArmWaiting]:
    return record.waiting.arms if record.waiting else ()


def _cpu_scales(timed: RunSeries, traced: RunSeries, arm: str) -> dict[tuple[int, str], float]:
    """Return the CPU time of a request in the timed bursts / that in the traced ones, by session and role."""
    scales: dict[tuple[int, str], float] = {}
    for role in ROLES:
        quantity = counter_quantity(f"{role}.cpu_us")
        of_timed, of_traced = (level(series, arm, quantity) for series in (timed, traced))
        traced_us = dict(zip(of_traced.sessions, of_traced.difference, strict=True))
        for session, us in zip(of_timed.sessions, of_timed.difference, strict=True):
            if traced_us.get(session, 0) > 0:
                scales[session, role] = float(us / traced_us[session])
    return scales


@dataclass(slots=True)
class _Gatherer:
    """Gathers the values of quantities by session and arm."""

    scales: Mapping[str, Mapping[tuple[int, str], float]]
    given: Given = field(default_factory=dict)
    wakeups: dict[Part, dict[str, list[float]]] = field(default_factory=dict)  # per request, by part and arm

    def add(self, session: int, arm: ArmWaiting) -> None:
        """Add an arm of a session."""
        self._set(TRACED, session, arm.arm, arm.request_us)
        for role, waiting in arm.roles.items():
            self._set_part(("cpu", role, ""), session, arm, waiting.path_us * self._scale(session, arm.arm, role))
            self._set(_role_name(role, "median"), session, arm.arm, waiting.wakeup_median_us)
            self._set(_role_name(role, "p99"), session, arm.arm, waiting.wakeup_p99_us)
            self._set(_role_name(role, "off CPU"), session, arm.arm, waiting.off_cpu_us)
        for link in arm.links:
            part: Part = ("wake-up", link.woken, link.waker)
            self._set_part(part, session, arm, link.us, link.wakeups)
            self._set(f"{_part_name(part)} median", session, arm.arm, link.median_us)
            self._set(f"{_part_name(part)} p99", session, arm.arm, link.p99_us)
        for name, us in arm.other_us.items():
            self._set_part(("other", name, ""), session, arm, us)

    def _scale(self, session: int, arm: str, role: str) -> float:
        return self.scales[arm].get((session, role), 1.0)

    def _set_part(self, part: Part, session: int, arm: ArmWaiting, us: float, wakeups: float = 1.0) -> None:
        self._set(_part_name(part), session, arm.arm, us)
        self.wakeups.setdefault(part, {}).setdefault(arm.arm, []).append(wakeups)

    def _set(self, name: str, session: int, arm: str, value: float) -> None:
        self.given.setdefault(name, {}).setdefault(session, {})[arm] = np.array([value])

    def finish(self) -> dict[str, list[Part]]:
        """Return the parts of each arm in order. What an arm lacks in a session becomes 0; rare wake-ups are one."""
        sizes = {arm: len(by_session) for arm, by_session in self._sessions().items()}
        rare = [part for part in self.wakeups if part[0] == "wake-up" and self._is_rare(part, sizes)]
        for arm, sessions in self._sessions().items():
            for session in sessions:
                for part in self.wakeups:
                    self.given.setdefault(_part_name(part), {}).setdefault(session, {}).setdefault(arm, np.zeros(1))
                total = sum(float(self.given[_part_name(part)][session][arm][0]) for part in rare)
                self._set(_part_name(RARE_PART), session, arm, total)
        ordered = _order_parts([part for part in self.wakeups if part not in rare])
        return {
            arm: [part for part in ordered if arm in self.wakeups[part]]
            + ([RARE_PART] if any(arm in self.wakeups[part] for part in rare) else [])
            for arm in sizes
        }

    def _sessions(self) -> dict[str, list[int]]:
        by_session = self.given.get(TRACED, {})
        arms = dict.fromkeys(arm for by_arm in by_session.values() for arm in by_arm)
        return {arm: [session for session, by_arm in by_session.items() if arm in by_arm] for arm in arms}

    def _is_rare(self, part: Part, sessions: Mapping[str, int]) -> bool:
        return all(sum(wakeups) / sessions[arm] < LEAST_WAKEUPS for arm, wakeups in self.wakeups[part].items())


def _order_parts(parts: Sequence[Part]) -> list[Part]:
    """Return the parts in the order of the way: a role that wakes the next, which then runs."""
    ordered: list[Part] = [("cpu", ROLES[0], "")]
    for link in sorted((part for part in parts if part[0] == "wake-up"), key=_place):
        ordered += [link, ("cpu", link[1], "")]
    return [part for part in dict.fromkeys([*ordered, *parts]) if part in parts]


def _place(link: Part) -> tuple[int, int]:
    """Return the place of a wake-up: to the app first, then those by and of others, then back to the client."""
    _, woken, waker = link
    if woken not in ROLES or waker not in ROLES:
        return 1, 0
    step = ROLES.index(woken) - ROLES.index(waker)
    return (0, ROLES.index(woken)) if step > 0 else (2, -ROLES.index(woken)) if step < 0 else (1, 0)


def _part_name(part: Part) -> str:
    return " ".join(filter(None, part))


def _role_name(role: str, quantity: WaitingQuantity) -> str:
    return f"{role} {quantity}"


def _quantity(name: str) -> Quantity:
    return Quantity(name, lambda _: None, "mean")


def _chain(arm: str, values: WaitingValues) -> RequestChain | None:
    def terms(quantities: Iterable[Quantity], factor: float = 1.0) -> list[WeightedSum]:
        return [WeightedSum(quantity, {arm: 1.0}, factor) for quantity in quantities]

    parts = [_quantity(_part_name(part)) for part in values.parts[arm]]
    request_us = interval_of(values.series, *terms([TIME_US]))
    traced_us = interval_of(values.series, *terms([_quantity(TRACED)]))
    sum_us = interval_of(values.series, *terms(parts))
    left_us = interval_of(values.series, *terms([TIME_US]), *terms(parts, -1.0))
    if not (request_us and traced_us and sum_us and left_us):
        return None
    own = values.arms(arm)
    return RequestChain(
        arm=arm,
        sessions=len(own),
        requests=sum(session.requests for session in own),
        incomplete=sum(session.incomplete for session in own),
        request_us=request_us,
        traced_us=traced_us,
        parts=tuple(_chain_parts(arm, values)),
        sum_us=sum_us,
        left_us=left_us,
    )


def _chain_parts(arm: str, values: WaitingValues) -> Iterator[ChainPart]:
    for part in values.parts[arm]:
        name = _part_name(part)
        us, median_us, p99_us = (
            interval_of(values.series, WeightedSum(_quantity(f"{name}{suffix}"), {arm: 1.0}))
            for suffix in ("", " median", " p99")
        )
        if us:
            yield ChainPart(kind=part[0], name=part[1], waker=part[2], us=us, median_us=median_us, p99_us=p99_us)


def _comparison(evidence: RunEvidence, pair: ArmPair, values: WaitingValues) -> WaitingComparison:
    sessions = session_values(values.series, [difference(pair, _quantity(TRACED))]).sessions
    rest_us, rest_parts = _rest(pair, values)
    return WaitingComparison(
        arm=pair[0],
        against=pair[1],
        sessions=len(sessions),
        differences=_differences(evidence, pair, values),
        rest_us=rest_us,
        rest_parts=rest_parts,
    )


def _differences(evidence: RunEvidence, pair: ArmPair, values: WaitingValues) -> tuple[WaitingDifference, ...]:
    """Return the differences in the wake-ups of each role and in its time off the CPU; they share Holm's correction."""
    quantities: tuple[WaitingQuantity, ...] = ("median", "p99", "off CPU")
    names = {_role_name(role, quantity): (role, quantity) for role in ROLES for quantity in quantities}
    known = [name for name in names if session_values(values.series, [difference(pair, _quantity(name))]).sessions]
    contrasts = [
        Contrast(METRIC, *pair, METRIC, (difference(pair, _quantity(name)),), "amount", name) for name in known
    ]
    judged = judge_contrasts(
        evidence, contrasts, values_of=lambda contrast: session_values(values.series, contrast.terms)
    )
    return tuple(
        _difference(effect, names[effect.contrast.label], pair, values)
        for effect in judged
        if effect.judgement.us is not None
    )


def _difference(
    effect: JudgedContrast, name: tuple[str, WaitingQuantity], pair: ArmPair, values: WaitingValues
) -> WaitingDifference:
    numbers = effect.judgement
    levels = [fmean(level(values.series, arm, _quantity(effect.contrast.label)).difference) for arm in pair]
    return WaitingDifference.model_validate(
        {
            "role": name[0],
            "quantity": name[1],
            "us": Interval(value=numbers.us or 0.0, low=numbers.us_low, high=numbers.us_high),
            "arm_us": levels[0],
            "against_us": levels[1],
            "p": numbers.p,
            "p_adjusted": numbers.p_adjusted,
            "verdict": effect.fields["verdict"],
        }
    )


def _rest(pair: ArmPair, values: WaitingValues) -> tuple[Interval | None, dict[str, Interval]]:
    """Return the rest of a difference in time beside CPU time and waiting for a CPU, and the parts that it is made of.

    time = CPU time + waiting for a CPU + rest = CPU time that delays requests + wake-ups + others + left. Waiting for a
    CPU is a part of the wake-ups.
    """

    def terms(quantities: Iterable[Quantity], factor: float = 1.0) -> list[WeightedSum]:
        return [difference(pair, quantity, factor) for quantity in quantities]

    def counters(name: str) -> list[Quantity]:
        quantities = [counter_quantity(f"{role}.{name}") for role in ROLES]
        return [quantity for quantity in quantities if session_values(values.series, terms([quantity])).sessions]

    parts = {part: _quantity(_part_name(part)) for arm in pair for part in values.parts[arm]}
    path = [quantity for part, quantity in parts.items() if part[0] == "cpu"]
    wakeups = [quantity for part, quantity in parts.items() if part[0] == "wake-up" or part[1] == PREEMPTED]
    others = [quantity for quantity in parts.values() if quantity not in (*path, *wakeups)]
    cpu, waiting = counters("cpu_us"), counters("wait_us")
    sums = (
        [*terms(wakeups), *terms(waiting, -1.0)],
        [*terms(path), *terms(cpu, -1.0)],
        terms(others),
        [*terms([TIME_US]), *terms(parts.values(), -1.0)],
    )
    intervals = {name: interval_of(values.series, *own) for name, own in zip(REST_PARTS, sums, strict=True)}
    rest_us = interval_of(values.series, *terms([TIME_US]), *terms([*cpu, *waiting], -1.0))
    return rest_us, {name: interval for name, interval in intervals.items() if interval}
