"""From samples of a profile to CPU time per request of its parts: functions, subsystems, frames of a flame graph."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean

import numpy as np
import polars as pl

from harness.analysis.contrasts.engine import (
    Contrast,
    JudgedContrast,
    RunEvidence,
    RunSeries,
    difference,
    judge_contrasts,
    session_values,
)
from harness.analysis.statistics.series import ArmPair, Series, SessionData
from harness.analysis.statistics.verdict import benjamini_hochberg
from harness.analysis.why.quantities import counter_quantity, level
from harness.model import ROLES, Interval
from harness.model.metrics import Quantity
from harness.model.profile import ProfilePart

METRIC = "profile"

Part = tuple[str, str]  # role, and the name of the part


@dataclass(frozen=True, slots=True)
class PartValues:
    """The CPU time per request of each part, by session and arm, and the samples of each arm."""

    us: Mapping[Part, Mapping[int, Mapping[str, Series]]]
    samples: Mapping[Part, Mapping[str, int]]


def all_samples(sessions: Iterable[SessionData]) -> pl.DataFrame:
    """Return the samples of the sessions with a profile: columns session, arm, role, stack, samples."""
    return pl.concat(
        session.stacks.with_columns(session=pl.lit(session.record.session))
        for session in sessions
        if session.stacks is not None
    )


def count_samples(samples: pl.DataFrame, parts_of: Callable[[str], Iterable[str]]) -> pl.DataFrame:
    """Return the samples by part: columns session, arm, role, part, samples.

    `parts_of` a stack are those that its samples count for, each of them once.
    """
    stacks = samples["stack"].unique(maintain_order=True)
    parts = pl.DataFrame(
        {"stack": stacks, "part": [list(dict.fromkeys(parts_of(stack))) for stack in stacks]},
        schema={"stack": pl.String, "part": pl.List(pl.String)},
    )
    by_part = samples.join(parts.explode("part"), on="stack", maintain_order="left")
    return by_part.group_by("session", "arm", "role", "part", maintain_order=True).agg(pl.col("samples").sum())


def part_values(series: RunSeries, samples: pl.DataFrame, counts: pl.DataFrame) -> PartValues:
    """Return the values of the parts in `counts`; 0 where a part has no samples.

    A sample stands for the CPU time of a request without a profiler / the samples of the arm, by session and role.
    """
    by_part: dict[Part, dict[tuple[int, str], int]] = {}
    for session, arm, role, part, count in counts.rows():
        by_part.setdefault((role, part), {})[session, arm] = count
    us: dict[Part, dict[int, dict[str, Series]]] = {part: {} for part in by_part}
    totals: dict[Part, dict[str, int]] = {part: {} for part in by_part}
    scales = _us_per_sample(series, samples)
    for part, by_place in by_part.items():
        for (session, arm), scale in scales.get(part[0], {}).items():
            count = by_place.get((session, arm), 0)
            us[part].setdefault(session, {})[arm] = np.array([scale * count])
            totals[part][arm] = totals[part].get(arm, 0) + count
    return PartValues(us, totals)


def _us_per_sample(series: RunSeries, samples: pl.DataFrame) -> Mapping[str, Mapping[tuple[int, str], float]]:
    """Return what a sample stands for, by role, session and arm."""
    scales: dict[str, dict[tuple[int, str], float]] = {}
    totals = samples.group_by("arm", "role", maintain_order=True).agg("session", "samples").rows()
    for arm, role, sessions, counts in totals:
        values = level(series, arm, counter_quantity(f"{role}.cpu_us"))
        cpu_us = dict(zip(values.sessions, values.difference.tolist(), strict=True))
        by_session: dict[int, int] = {}
        for session, count in zip(sessions, counts, strict=True):
            by_session[session] = by_session.get(session, 0) + count
        of_role = scales.setdefault(role, {})
        of_role.update({(s, arm): cpu_us[s] / count for s, count in by_session.items() if count and s in cpu_us})
    return scales


def profiled_series(evidence: RunEvidence) -> RunSeries:
    """Return the values of the bursts under the profiler."""
    profiled = [
        record.model_copy(update={"visits": record.profile.bursts}) for record in evidence.records if record.profile
    ]
    return RunSeries(profiled, experiment=evidence.experiment)


def slowdowns(evidence: RunEvidence, pair: ArmPair) -> dict[str, float]:
    """Return how much CPU time the profiler added to a request, by role, as a share of that without it."""
    shares = {}
    for role in ROLES:
        cpu_us = [
            np.mean([level(series, arm, counter_quantity(f"{role}.cpu_us")).difference.mean() for arm in pair])
            for series in (evidence.series, profiled_series(evidence))
            if any(role in visit.cpu_us for record in series.records for visit in record.visits)
        ]
        if len(cpu_us) > 1:
            shares[role] = max(float(cpu_us[1] / cpu_us[0]) - 1, 0.0)
    return shares


def judge_parts(evidence: RunEvidence, pair: ArmPair, values: PartValues, least: int) -> dict[Part, ProfilePart]:
    """Return the parts with at least `least` samples in both arms together: a family with one correction.

    The time of a part that the profiler does not slow is too small by up to the slowdown of its role, and the time of
    one that it slows more is too large. The ends of intervals lie farther out by that share.
    """
    parts = {
        f"{role} {name}": (role, name)
        for (role, name), samples in values.samples.items()
        if sum(samples.get(arm, 0) for arm in pair) >= max(least, 1)
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
    with_numbers = [effect for effect in judged if effect.judgement.us is not None]
    shares = slowdowns(evidence, pair)
    return {
        part: _part(effect, part, values, shares.get(part[0], 0.0))
        for effect in with_numbers
        for part in [parts[effect.contrast.label]]
    }


def _part(effect: JudgedContrast, part: Part, values: PartValues, slowdown: float) -> ProfilePart:
    pair, numbers = (effect.contrast.arm, effect.contrast.against), effect.judgement
    arm_us, against_us = (
        fmean(float(by_arm[arm][0]) for by_arm in values.us[part].values() if arm in by_arm) for arm in pair
    )
    return ProfilePart.model_validate(
        {
            "role": part[0],
            "name": part[1],
            "us": _widen(numbers.us or 0.0, numbers.us_low, numbers.us_high, slowdown),
            "arm_us": arm_us,
            "against_us": against_us,
            "samples": sum(values.samples[part].get(arm, 0) for arm in pair),
            "p": numbers.p,
            "p_adjusted": numbers.p_adjusted,
            "verdict": effect.fields["verdict"],
        }
    )


def _widen(value: float, low: float | None, high: float | None, share: float) -> Interval:
    """Return the interval with its ends farther out by a share of them, which keeps the sign of both."""
    ends = {"low": low and low - share * abs(low), "high": high and high + share * abs(high)}
    return Interval.model_validate({"value": value} | ends)


def largest_first(parts: Iterable[ProfilePart]) -> Sequence[ProfilePart]:
    """Return the parts in the order of their differences."""
    return sorted(parts, key=lambda part: (-abs(part.us.value), part.role, part.name))
