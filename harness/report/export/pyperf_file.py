"""A run as a pyperf file, for `python -m pyperf stats`, `hist`, `check` and `compare_to`."""

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from harness.analysis.between_runs.metadata import flatten
from harness.errors import HarnessError
from harness.model import Arm, Plan, Record, VisitRow

if TYPE_CHECKING:
    from pyperf import Benchmark, Run  # type: ignore[import-untyped]  # it has no types


PyperfMetadata = dict[str, str | int]
PyperfSession = tuple[Record, Sequence[VisitRow]]  # an arm's visits in it, in the order of the rounds


def render_pyperf(plan: Plan, records: Sequence[Record], host: Mapping[str, Any], identity: str = "") -> str:
    """Return the text of pyperf.json: a Benchmark for each arm, a Run for each session, a value for each burst.

    A value is the mean time per request of a burst in seconds; pyperf's `loops` is the number of requests. The first
    burst of a session is written as a warm-up. Metadata are those that pyperf collected on the host, the settings of
    the arm, and the session. Raises HarnessError if no arm has any value.

    `compare_to` ignores that bursts are paired and grouped into sessions. It tests for significance only if both files
    have the same number of values.
    """
    from pyperf import BenchmarkSuite

    benchmarks = [
        _benchmark(sessions, _run_metadata(plan, host, identity) | _arm_metadata(arm))
        for arm in plan.experiment.arms
        if (sessions := _timed_sessions(arm, records))
    ]
    if not benchmarks:
        raise HarnessError("No arm has a request with the right answer, so there is nothing to write for pyperf.")
    stream = io.StringIO()
    BenchmarkSuite(benchmarks).dump(stream)
    return stream.getvalue()


def has_values(plan: Plan, records: Sequence[Record]) -> bool:
    """Return whether any arm has a value. A search for a capacity has none, nor a run with failed requests only."""
    return any(_timed_sessions(arm, records) for arm in plan.experiment.arms)


def _timed_sessions(arm: Arm, records: Sequence[Record]) -> list[PyperfSession]:
    """Return the sessions with visits that have a time."""
    sessions = ((record, [visit for visit in record.visits if visit.arm == arm.name]) for record in records)
    timed = ((record, [visit for visit in visits if visit.mean_us]) for record, visits in sessions)
    return [(record, sorted(visits, key=lambda visit: visit.round)) for record, visits in timed if visits]


def _benchmark(sessions: Sequence[PyperfSession], metadata: PyperfMetadata) -> "Benchmark":
    from pyperf import Benchmark

    return Benchmark([_run(record, visits, metadata) for record, visits in sessions])


def _run(record: Record, visits: Sequence[VisitRow], metadata: PyperfMetadata) -> "Run":
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


def _run_metadata(plan: Plan, host: Mapping[str, Any], identity: str) -> PyperfMetadata:
    """Return the metadata of the run; `host["pyperf"]` is what pyperf collected on its machine."""
    ours: PyperfMetadata = {"unit": "second", "barehop_experiment": plan.experiment.name}
    return dict(host.get("pyperf", {})) | ours | ({"barehop_id": identity} if identity else {})


def _arm_metadata(arm: Arm) -> PyperfMetadata:
    """Return the settings by dotted name, without empty ones, which pyperf rejects."""
    settings = flatten(arm.settings.model_dump(mode="json"))
    named = {"name": arm.name, "control_of": arm.control_of or ""} | {
        f"arm_{key}": text for key, text in settings.items()
    }
    return {name: text for name, text in named.items() if text}
