"""From samples to microseconds per request: the functions and subsystems that a difference is made of."""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any

import numpy as np
import polars as pl

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    RunSeries,
    difference,
    interval_of,
    judge_contrasts,
    session_values,
)
from harness.analysis.statistics.series import ArmPair, Series, SessionData
from harness.analysis.statistics.verdict import benjamini_hochberg
from harness.analysis.why.quantities import counter_quantity, level
from harness.analysis.why.subsystems import subsystem_of
from harness.model import ROLES, Interval
from harness.model.metrics import Quantity
from harness.model.profile import KERNEL_SUFFIX, ProfileComparison, ProfilePart

# A function with fewer samples in a session, in both arms together, is not judged. Counts are whole numbers: where they
# are small and sessions are few, differences are the same in all sessions by chance, and t is large. Simulations of two
# equal arms with 150 functions call one or more different in 47 % of runs with 4 sessions of 2 samples, in 15 % with 4
# sessions of 8, and in 5 % from 5 sessions of 5 samples on.
LEAST_SAMPLES_PER_SESSION = 5
LEAST_SESSIONS = 5
METRIC = "profile"

Part = tuple[str, str]  # role, and the name of a function or a subsystem


@dataclass(frozen=True, slots=True)
class PartValues:
    """The CPU time per request of each part, by session and arm, and the samples of each arm."""

    us: Mapping[Part, Mapping[int, Mapping[str, Series]]]
    samples: Mapping[Part, Mapping[str, int]]


def profile_comparisons(evidence: RunEvidence) -> tuple[ProfileComparison, ...]:
    """Return the comparison of each pair of arms by functions and subsystems; empty without enough profiles."""
    sessions = [session for session in evidence.sessions if session.stacks is not None]
    if len(sessions) < LEAST_SESSIONS:
        return ()
    scales = _us_per_sample(evidence.series, sessions)
    functions = _part_values(sessions, scales, lambda function: function)
    subsystems = _part_values(sessions, scales, subsystem_of)
    profiled = [
        record.model_copy(update={"visits": record.profile.bursts}) for record in evidence.records if record.profile
    ]
    under_perf = RunSeries(profiled, experiment=evidence.experiment)
    least = LEAST_SAMPLES_PER_SESSION * len(sessions)
    return tuple(
        ProfileComparison(
            arm=pair[0],
            against=pair[1],
            event=next(record.profile.event for record in profiled if record.profile),
            sessions=len(sessions),
            least_samples=least,
            functions=_judged_parts(evidence, pair, functions, least),
            subsystems=_judged_parts(evidence, pair, subsystems, 0),
            cpu_us=_cpu_differences(evidence.series, pair),
            profiled_cpu_us=_cpu_differences(under_perf, pair),
        )
        for pair in evidence.experiment.pairs
    )


def profile_gaps(sessions: Sequence[SessionData]) -> tuple[str, ...]:
    """Return a sentence on why profiles are not compared, if there are some but too few."""
    profiled = sum(session.stacks is not None for session in sessions)
    if not 0 < profiled < LEAST_SESSIONS:
        return ()
    return (f"Functions are compared from {LEAST_SESSIONS} sessions with a profile on; this run has {profiled}.",)


def _cpu_differences(series: RunSeries, pair: ArmPair) -> dict[str, Interval]:
    """Return the difference in CPU time by role."""
    intervals = {role: interval_of(series, difference(pair, counter_quantity(f"{role}.cpu_us"))) for role in ROLES}
    return {role: interval for role, interval in intervals.items() if interval}


Scales = Mapping[tuple[int, str, str], float]  # by session, arm and role


def _us_per_sample(series: RunSeries, sessions: Iterable[SessionData]) -> Scales:
    """Return the CPU time of a request without a profiler / the samples of the arm, by session, arm and role."""
    samples: Counter[tuple[int, str, str]] = Counter()
    for session in sessions:
        for arm, role, count in _sums(session, ["arm", "role"]):
            samples[session.record.session, arm, role] = count
    cpu_us: dict[tuple[int, str, str], float] = {}
    for arm, role in {(arm, role) for _, arm, role in samples}:
        values = level(series, arm, counter_quantity(f"{role}.cpu_us"))
        cpu_us |= {
            (number, arm, role): float(us) for number, us in zip(values.sessions, values.difference, strict=True)
        }
    return {key: cpu_us[key] / count for key, count in samples.items() if count and key in cpu_us}


def _sums(session: SessionData, keys: Sequence[str]) -> list[tuple[Any, ...]]:
    """Return the keys and the samples of each group; `function` is the innermost of a stack."""
    assert session.stacks is not None
    table = session.stacks.with_columns(function=pl.col("stack").str.split(";").list.last())
    return table.group_by(keys, maintain_order=True).agg(pl.col("samples").sum()).rows()


def _part_values(sessions: Sequence[SessionData], scales: Scales, name_of: Callable[[str], str]) -> PartValues:
    """Return the values of the parts that `name_of` makes of functions; 0 where a part has no samples."""
    counts: dict[Part, Counter[tuple[int, str]]] = {}
    for session in sessions:
        for arm, role, function, count in _sums(session, ["arm", "role", "function"]):
            counts.setdefault((role, name_of(function)), Counter())[session.record.session, arm] += count
    us: dict[Part, dict[int, dict[str, Series]]] = {part: {} for part in counts}
    samples: dict[Part, Counter[str]] = {part: Counter() for part in counts}
    for (number, arm, role), scale in scales.items():
        for part, by_place in counts.items():
            if part[0] == role:
                us[part].setdefault(number, {})[arm] = np.array([scale * by_place[number, arm]])
                samples[part][arm] += by_place[number, arm]
    return PartValues(us, samples)


def _judged_parts(evidence: RunEvidence, pair: ArmPair, values: PartValues, least: int) -> tuple[ProfilePart, ...]:
    """Return the parts with at least `least` samples in both arms together, the largest difference first."""
    parts = {
        f"{role} {name}": (role, name)
        for (role, name), samples in values.samples.items()
        if sum(samples[arm] for arm in pair) >= max(least, 1)
    }
    given = {key: values.us[part] for key, part in parts.items()}
    series = RunSeries(evidence.records, given, experiment=evidence.experiment)
    contrasts = [
        Contrast(METRIC, *pair, METRIC, (difference(pair, Quantity(key, lambda _: None, "mean")),), "amount", key)
        for key in parts
    ]
    judged = judge_contrasts(
        evidence,
        contrasts,
        correction=benjamini_hochberg,
        values_of=lambda contrast: session_values(series, contrast.terms),
    )
    with_numbers = [
        _part(effect, parts[effect.contrast.label], values) for effect in judged if effect.judgement.us is not None
    ]
    return tuple(sorted(with_numbers, key=lambda part: -abs(part.us.value)))


def _part(effect: JudgedContrast, part: Part, values: PartValues) -> ProfilePart:
    pair, numbers = (effect.contrast.arm, effect.contrast.against), effect.judgement
    arm_us, against_us = (
        fmean(float(by_arm[arm][0]) for by_arm in values.us[part].values() if arm in by_arm) for arm in pair
    )
    return ProfilePart.model_validate(
        {
            "role": part[0],
            "name": part[1].removesuffix(KERNEL_SUFFIX),
            "us": Interval(value=numbers.us or 0.0, low=numbers.us_low, high=numbers.us_high),
            "arm_us": arm_us,
            "against_us": against_us,
            "samples": sum(values.samples[part][arm] for arm in pair),
            "p": numbers.p,
            "p_adjusted": numbers.p_adjusted,
            "verdict": effect.fields["verdict"],
        }
    )
