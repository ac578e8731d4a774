"""The reasons to distrust a run: those its sessions noted, and those that only the whole of it shows."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.comparisons import is_control
from harness.analysis.failures import changes, counted
from harness.analysis.judged import FEWEST_SESSIONS
from harness.experiment.left_out import sentences
from harness.experiment.schedule import MIN_SESSIONS
from harness.model import OUT_OF_TIME, Comparison, Doubt, Experiment, Metric, Plan, Record

METRIC_NAMES: Mapping[Metric, str] = {
    "latency": "median time per request",
    "mean": "mean time per request",
    "cpu": "CPU time per request",
    "throughput": "time from one request to the next",
    "capacity": "time per request at capacity",
}


def _moved(found: Comparison) -> str:
    return "lower" if found.verdict == "faster" else "higher"


def differing_controls(experiment: Experiment, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """The control's comparisons that came out as a difference, where there is none."""
    return [
        found
        for found in comparisons
        if found.verdict in ("faster", "slower") and is_control(experiment, (found.arm, found.against))
    ]


def control_doubts(differing: Sequence[Comparison]) -> Iterator[Doubt]:
    """One for each metric on which the control differs."""
    for found in differing:
        yield Doubt(
            kind="control",
            arm=found.arm,
            seen=(
                f"The control is {found.against} a second time, but its {METRIC_NAMES[found.metric]} came out "
                f"{_moved(found)}: {found.percent:+.2f} % "
                f"({100 * found.confidence:.4g} % interval {found.percent_low:+.2f} to {found.percent_high:+.2f})."
            ),
            advice=(
                f"Believe no difference of this size in {METRIC_NAMES[found.metric]}; quiet the machine and measure "
                "again."
            ),
        )


def failed_doubts(failed: Mapping[str, Mapping[str, int]]) -> Iterator[Doubt]:
    """One for each arm with failed requests."""
    for arm, kinds in failed.items():
        yield Doubt(
            kind="failed",
            arm=arm,
            seen=f"{counted(kinds)}.",
            advice="Read the logs of its stack and mend the cause: an arm that fails has no verdict.",
        )


def changed_doubts(records: Sequence[Record]) -> Iterator[Doubt]:
    """One for each arm that did not answer alike in all sessions."""
    for arm, session, change in changes(sorted(records, key=lambda record: record.session)):
        yield Doubt(
            kind="answers",
            session=session,
            arm=arm,
            seen=f"Its answer is not what it was when the run began: {change}.",
            advice="Find out what made it change, and measure again: sessions of two answers have no common mean.",
        )


def incomplete_doubts(sessions: int, planned_sessions: int, directory: str) -> Iterator[Doubt]:
    """One when sessions are missing."""
    needed = max(planned_sessions, FEWEST_SESSIONS)
    if sessions < needed:
        yield Doubt(
            kind="incomplete",
            seen=f"{sessions} of {needed} sessions were measured.",
            advice=f"Continue with barehop run --resume {shlex.quote(directory)}.",
        )


def out_of_time_doubts(plan: Plan) -> Iterator[Doubt]:
    """One when time ended the run with fewer sessions than the least that makes sense."""
    done, planned = plan.out_of_time_after, plan.schedule.sessions
    least = min(planned, MIN_SESSIONS)
    if done is not None and done < least:
        yield Doubt(
            kind=OUT_OF_TIME,
            seen=(
                f"Time was over after {done} of {planned} planned sessions. With fewer than {least}, one odd session "
                "decides the interval."
            ),
            advice="Allow more time with --budget, and measure again.",
        )


def left_out_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """One for each reason why arms could not be had."""
    for sentence in sentences(experiment.left_out):
        yield Doubt(
            kind="left-out",
            seen=sentence,
            advice="The rest was measured. What was to be compared with it is compared with the rung below.",
        )


def service_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """One for all arms with a url, where there are any."""
    names = [arm.name for arm in experiment.arms if arm.settings.url and arm.control_of is None]
    if names:
        yield Doubt(
            kind="url",
            seen=(
                f"What is behind the url of {', '.join(names)} was running before. Its CPUs and limits are not known, "
                "and no session starts it afresh: the luck of its processes is the same in all of them, so no interval "
                "has it in."
            ),
            advice=(
                "Start it anew, run again, and see with barehop compare whether the difference stays. Without pids or "
                "cgroup its processes count as others that are busy."
            ),
        )


def session_doubts(records: Sequence[Record]) -> Iterator[Doubt]:
    """Every session's own, each with its session's number."""
    for record in records:
        for doubt in record.doubts:
            yield doubt.model_copy(update={"session": record.session})
