"""Profiles as folded stacks, which speedscope, flamegraph.pl and the Firefox profiler read: `profile/<arm>.folded`."""

from collections.abc import Iterator, Sequence

import polars as pl

from harness.analysis.statistics.series import SessionData
from harness.files import file_names


def folded_stacks(sessions: Sequence[SessionData]) -> Iterator[tuple[str, str]]:
    """Yield (path, text) for each arm with a profile: lines `role;outermost;...;innermost samples` of all sessions."""
    tables = [session.stacks for session in sessions if session.stacks is not None]
    if not tables:
        return
    stacks = pl.concat(tables).group_by("arm", "role", "stack").agg(pl.col("samples").sum()).sort("role", "stack")
    names = file_names(sorted(stacks["arm"].unique()))
    for arm, name in names.items():
        rows = stacks.filter(pl.col("arm") == arm).select("role", "stack", "samples").rows()
        yield f"profile/{name}.folded", "".join(f"{role};{stack} {samples}\n" for role, stack, samples in rows)
