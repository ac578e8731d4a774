"""The functions and subsystems that a difference is made of, each with its CPU time per request."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import polars as pl

from harness.analysis.contrasts.engine import RunEvidence, RunSeries, difference, interval_of
from harness.analysis.statistics.series import ArmPair, SessionData
from harness.analysis.statistics.verdict import holm
from harness.analysis.why.quantities import counter_quantity
from harness.analysis.why.samples import (
    Part,
    PartValues,
    all_samples,
    count_samples,
    judge_parts,
    largest_first,
    part_values,
    profiled_series,
    slowdowns,
)
from harness.analysis.why.subsystems import subsystem_of
from harness.model import ROLES, Interval
from harness.model.profile import KERNEL_SUFFIX, ProfileComparison, ProfilePart

# A function with fewer samples in a session, in both arms together, is not judged. Counts are whole numbers: where they
# are small and sessions are few, differences are the same in all sessions by chance, and t is large. Simulations of two
# equal arms with 150 functions call one or more different in 47 % of runs with 4 sessions of 2 samples, in 15 % with 4
# sessions of 8, and in 5 % from 5 sessions of 5 samples on.
LEAST_SAMPLES_PER_SESSION = 5
LEAST_SESSIONS = 5
MOST_SHARED = 0.5  # of the samples of a function with those of another that differs more


def profile_comparisons(evidence: RunEvidence) -> tuple[ProfileComparison, ...]:
    """Return the comparison of each pair of arms by functions and subsystems; empty without enough profiles."""
    sessions = profiled_sessions(evidence.sessions)
    if not sessions:
        return ()
    samples = all_samples(sessions)
    functions, inclusive, subsystems = (
        part_values(evidence, samples, count_samples(samples, parts_of))
        for parts_of in (_own_function, _functions, _subsystem)
    )
    callers = _callers(functions, inclusive)
    under_perf = profiled_series(evidence)
    least = LEAST_SAMPLES_PER_SESSION * len(sessions)
    return tuple(
        ProfileComparison(
            arm=pair[0],
            against=pair[1],
            event=next(record.profile.event for record in evidence.records if record.profile),
            sessions=len(sessions),
            least_samples=least,
            functions=_parts_in_order(judge_parts(evidence, pair, functions, least)),
            inclusive=_mark_overlaps(_parts_in_order(judge_parts(evidence, pair, callers, least)), samples, pair),
            subsystems=_parts_in_order(judge_parts(evidence, pair, subsystems, least, holm)),
            cpu_us=_cpu_differences(evidence.series, pair),
            profiled_cpu_us=_cpu_differences(under_perf, pair),
            slowdowns={role: slowdown.mean for role, slowdown in slowdowns(evidence, pair).items()},
        )
        for pair in evidence.experiment.pairs
    )


def profiled_sessions(sessions: Iterable[SessionData]) -> list[SessionData]:
    """Return the sessions with a profile; none if they are too few to be compared."""
    profiled = [session for session in sessions if session.stacks is not None]
    return profiled if len(profiled) >= LEAST_SESSIONS else []


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


def _functions(stack: str) -> list[str]:
    return stack.split(";")


def _own_function(stack: str) -> list[str]:
    return _functions(stack)[-1:]


def _subsystem(stack: str) -> list[str]:
    return [subsystem_of(name) for name in _own_function(stack)]


def _callers(functions: PartValues, inclusive: PartValues) -> PartValues:
    """Return the functions that call others: without them, a function's own time is all of its time."""
    callers = {part: counts for part, counts in inclusive.counts.items() if counts != functions.counts.get(part)}
    return PartValues(callers, inclusive.totals)


def _parts_in_order(parts: Mapping[Part, ProfilePart]) -> tuple[ProfilePart, ...]:
    """Return the parts as they are told, the largest difference first."""
    named = (part.model_copy(update={"name": part.name.removesuffix(KERNEL_SUFFIX)}) for part in parts.values())
    return tuple(largest_first(named))


def _mark_overlaps(parts: Sequence[ProfilePart], samples: pl.DataFrame, pair: ArmPair) -> tuple[ProfilePart, ...]:
    """Mark what is undecided, and what calls or is called by a function before it in most samples of either."""
    tables = samples.filter(pl.col("arm").is_in(pair)).partition_by("role", as_dict=True, include_key=False)
    stacks = {role: _Stacks.of(table) for (role,), table in tables.items()}
    return tuple(
        part.model_copy(
            update={"overlaps": part.verdict == "undecided" or not stacks[part.role].keep(part.name)},
        )
        for part in parts
    )


@dataclass(slots=True)
class _Stacks:
    """The stacks of a role; `kept` says of functions that do not overlap which of the stacks have them."""

    functions: pl.Series
    counts: pl.Series
    kept: list[pl.Series]

    @classmethod
    def of(cls, samples: pl.DataFrame) -> "_Stacks":
        names = samples["stack"].str.replace_all(KERNEL_SUFFIX, "", literal=True)
        return cls(names.str.split(";"), samples["samples"], [])

    def keep(self, function: str) -> bool:
        """Keep `function` unless it overlaps with those kept before; return whether it was kept."""
        has_it = self.functions.list.contains(function)
        overlaps = any(
            self._sum(has_it & other) > MOST_SHARED * min(self._sum(has_it), self._sum(other)) for other in self.kept
        )
        self.kept += [] if overlaps else [has_it]
        return not overlaps

    def _sum(self, are_in: pl.Series) -> int:
        return int(self.counts.filter(are_in).sum())
