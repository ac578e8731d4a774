"""Writes a run as pyperf's own file, so that `python -m pyperf stats`, `hist`, `check`, `compare_to` read it."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.across.contrast import flattened
from harness.errors import HarnessError
from harness.model import Arm, Plan, Record, VisitRow

if TYPE_CHECKING:
    from pyperf import Benchmark, Run  # type: ignore[import-untyped]  # it has no types

Metadata = dict[str, str | int]
Session = tuple[Record, Sequence[VisitRow]]  # an arm's visits in it, in the order of the rounds


def render_pyperf(plan: Plan, records: Sequence[Record], host: Mapping[str, Any]) -> str:
    """The text of pyperf.json: a Benchmark for each arm, a Run for each session, a value for each burst.

    A value is the mean time of a burst's requests in seconds, and pyperf's `loops` are those requests. A session's
    first burst is given as warm-up: what really warms a stack up is not timed. Metadata are what pyperf collected on
    the host, the arm's settings, and the session. Raises HarnessError when no arm has any value.

    What compare_to makes of two such files ignores that bursts were paired with their neighbours, and sessions. It
    tests for significance only where both have as many values: the same sessions and rounds.
    """
    from pyperf import BenchmarkSuite

    benchmarks = [
        _benchmark(answered, _of_run(plan, host) | _of_arm(arm))
        for arm in plan.experiment.arms
        if (answered := _answered(arm, records))
    ]
    if not benchmarks:
        raise HarnessError("No request of any arm was answered right: there is nothing for pyperf to read.")
    stream = io.StringIO()
    BenchmarkSuite(benchmarks).dump(stream)
    return stream.getvalue()


def has_values(plan: Plan, records: Sequence[Record]) -> bool:
    """Whether any arm has a value: a search for a capacity leaves none, nor does a run in which all failed."""
    return any(_answered(arm, records) for arm in plan.experiment.arms)


def _answered(arm: Arm, records: Sequence[Record]) -> list[Session]:
    """The sessions with visits that have a time."""
    sessions = ((record, [visit for visit in record.visits if visit.arm == arm.name]) for record in records)
    timed = ((record, [visit for visit in visits if visit.mean_us]) for record, visits in sessions)
    return [(record, sorted(visits, key=lambda visit: visit.round)) for record, visits in timed if visits]


def _benchmark(sessions: Sequence[Session], metadata: Metadata) -> "Benchmark":
    from pyperf import Benchmark

    return Benchmark([_run(record, visits, metadata) for record, visits in sessions])


def _run(record: Record, visits: Sequence[VisitRow], metadata: Metadata) -> "Run":
    from pyperf import Run

    warm_ups, counted = (visits[:1], visits[1:]) if visits[1:] else ([], visits)
    loops = max(visit.requests for visit in visits)
    return Run(
        values=[_seconds(visit) for visit in counted],
        warmups=[(visit.requests, _seconds(visit)) for visit in warm_ups],
        metadata={**metadata, "loops": loops, "barehop_session": record.session, "date": record.started_utc},
        collect_metadata=False,
    )


def _seconds(visit: VisitRow) -> float:
    assert visit.mean_us
    return visit.mean_us / 1e6


def _of_run(plan: Plan, host: Mapping[str, Any]) -> Metadata:
    """`host["pyperf"]` is what pyperf collected when and where the run was made."""
    ours: Metadata = {"unit": "second", "barehop_experiment": plan.experiment.name}
    return dict(host.get("pyperf", {})) | ours


def _of_arm(arm: Arm) -> Metadata:
    """The settings by their dotted names; pyperf takes no empty ones."""
    settings = flattened(arm.settings.model_dump(mode="json"))
    named = {"name": arm.name, "control_of": arm.control_of or ""} | {
        f"arm_{key}": text for key, text in settings.items()
    }
    return {name: text for name, text in named.items() if text}
