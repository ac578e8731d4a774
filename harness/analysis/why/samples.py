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
from harness.analysis.statistics.verdict import Correction, benjamini_hochberg
from harness.analysis.why.quantities import counter_quantity, level
from harness.model import ROLES, Interval
from harness.model.metrics import Quantity
from harness.model.profile import ProfilePart

METRIC = "profile"

Part = tuple[str, str]  # role, and the name of the part


Place = tuple[int, str]  # session and arm


@dataclass(frozen=True, slots=True)
class RoleTotal:
    """The CPU time of a role per request without a profiler, and its samples under it."""

    cpu_us: float
    samples: int


@dataclass(frozen=True, slots=True)
class PartValues:
    """The samples of each part by session and arm, and the totals of each role."""

    counts: Mapping[Part, Mapping[Place, int]]
    totals: Mapping[str, Mapping[Place, RoleTotal]]

    def samples(self, part: Part, pair: ArmPair) -> int:
        """Return the samples of a part in both arms together."""
        return sum(count for (_, arm), count in self.counts[part].items() if arm in pair)


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


def part_values(evidence: RunEvidence, samples: pl.DataFrame, counts: pl.DataFrame) -> PartValues:
    """Return the values of the parts in `counts`."""
    by_part: dict[Part, dict[Place, int]] = {}
    for session, arm, role, part, count in counts.rows():
        by_part.setdefault((role, part), {})[session, arm] = count
    return PartValues(by_part, _role_totals(evidence, samples))


def _role_totals(evidence: RunEvidence, samples: pl.DataFrame) -> Mapping[str, Mapping[Place, RoleTotal]]:
    """Return the totals of each role, by session and arm."""
    totals: dict[str, dict[Place, RoleTotal]] = {}
    sums = samples.group_by("role", "arm", "session", maintain_order=True).agg(pl.col("samples").sum())
    for (role, arm), table in sums.partition_by("role", "arm", as_dict=True, include_key=False).items():
        values = level(evidence.series, arm, counter_quantity(f"{role}.cpu_us"))
        cpu_us = dict(zip(values.sessions, values.difference.tolist(), strict=True))
        for session, count in table.rows():
            if session in cpu_us and count:
                totals.setdefault(role, {})[session, arm] = RoleTotal(cpu_us[session], count)
    return totals


def _us_by_session(values: PartValues, part: Part) -> Mapping[int, Mapping[str, Series]]:
    """Return the CPU time per request of a part, by session and arm; 0 where it has no samples.

    It is the part's share of the samples of its role times the CPU time of the role without a profiler, so that all
    parts add up to that.
    """
    us: dict[int, dict[str, Series]] = {}
    for (session, arm), total in values.totals.get(part[0], {}).items():
        share = values.counts[part].get((session, arm), 0) / total.samples
        us.setdefault(session, {})[arm] = np.array([share * total.cpu_us])
    return us


def profiled_series(evidence: RunEvidence) -> RunSeries:
    """Return the values of the bursts under the profiler."""
    profiled = [
        record.model_copy(update={"visits": record.profile.bursts}) for record in evidence.records if record.profile
    ]
    return RunSeries(profiled, experiment=evidence.experiment)


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How much CPU time the profiler added to a role, as a share of that without it, in each arm of a pair."""

    arm: float
    against: float

    @property
    def mean(self) -> float:
        """Return the mean of both arms, at least 0."""
        return max((self.arm + self.against) / 2, 0.0)

    @property
    def gap(self) -> float:
        """Return the share by which a function that the profiler slows like its role differs for that reason alone."""
        return abs(self.arm - self.against) / (1 + self.mean)


def slowdowns(evidence: RunEvidence, pair: ArmPair) -> dict[str, Slowdown]:
    """Return the slowdown of each role that has a CPU time with the profiler and without."""
    shares, series = {}, (evidence.series, profiled_series(evidence))
    for role in ROLES:
        if all(role in visit.cpu_us for of_bursts in series for r in of_bursts.records[:1] for visit in r.visits):
            quantity = counter_quantity(f"{role}.cpu_us")
            plain, slowed = (
                [float(level(of_bursts, arm, quantity).difference.mean()) for arm in pair] for of_bursts in series
            )
            shares[role] = Slowdown(slowed[0] / plain[0] - 1, slowed[1] / plain[1] - 1)
    return shares


def judge_parts(
    evidence: RunEvidence, pair: ArmPair, values: PartValues, least: int, correction: Correction = benjamini_hochberg
) -> dict[Part, ProfilePart]:
    """Return the parts with at least `least` samples in both arms together: a family with one correction.

    The time of a part that the profiler does not slow is too small by up to the slowdown of its role, and the time of
    one that it slows more is too large: the ends of intervals lie farther out by that share. If the profiler slows a
    role more in one arm than in the other, all parts of the other arm appear larger. So they lie farther out by that
    share of the part's time as well, and a part whose interval then contains 0 is undecided.
    """
    parts = {f"{role} {name}": (role, name) for role, name in values.counts}
    parts = {key: part for key, part in parts.items() if values.samples(part, pair) >= max(least, 1)}
    us = {key: _us_by_session(values, part) for key, part in parts.items()}
    series = RunSeries(evidence.records, us, experiment=evidence.experiment)
    contrasts = [
        Contrast(METRIC, *pair, METRIC, (difference(pair, Quantity(key, lambda _: None, "mean")),), "amount", key)
        for key in parts
    ]
    judged = judge_contrasts(
        evidence,
        contrasts,
        correction=correction,
        values_of=lambda contrast: session_values(series, contrast.terms),
    )
    shares = slowdowns(evidence, pair)
    return {
        part: _part(effect, part, us[key], values.samples(part, pair), shares.get(part[0], Slowdown(0.0, 0.0)))
        for effect in judged
        if effect.judgement.us is not None
        for key in [effect.contrast.label]
        for part in [parts[key]]
    }


def _part(
    effect: JudgedContrast, part: Part, us: Mapping[int, Mapping[str, Series]], samples: int, slowdown: Slowdown
) -> ProfilePart:
    pair, numbers = (effect.contrast.arm, effect.contrast.against), effect.judgement
    arm_us, against_us = (fmean(float(by_arm[arm][0]) for by_arm in us.values() if arm in by_arm) for arm in pair)
    share, more_us = slowdown.mean, slowdown.gap * (arm_us + against_us) / 2
    low, high = numbers.us_low or 0.0, numbers.us_high or 0.0
    low, high = low - share * abs(low) - more_us, high + share * abs(high) + more_us
    return ProfilePart.model_validate(
        {
            "role": part[0],
            "name": part[1],
            "us": Interval(value=numbers.us or 0.0, low=low, high=high),
            "arm_us": arm_us,
            "against_us": against_us,
            "samples": samples,
            "p": numbers.p,
            "p_adjusted": numbers.p_adjusted,
            "verdict": "undecided" if low <= 0 <= high else effect.fields["verdict"],
        }
    )


def largest_first(parts: Iterable[ProfilePart]) -> Sequence[ProfilePart]:
    """Return the parts in the order of their differences."""
    return sorted(parts, key=lambda part: (-abs(part.us.value), part.role, part.name))
