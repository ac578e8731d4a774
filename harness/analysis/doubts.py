"""The doubts about a run: those of its sessions, and those that follow from the whole run."""

import shlex
from collections.abc import Iterator, Mapping, Sequence

from harness.analysis.comparisons import is_control
from harness.analysis.failures import changes, counted
from harness.analysis.judged import FEWEST_SESSIONS
from harness.experiment.left_out import sentences
from harness.experiment.schedule import MIN_SESSIONS
from harness.model import OUT_OF_TIME, Comparison, Difference, Doubt, Experiment, Metric, Plan, Record

METRIC_NAMES: Mapping[Metric, str] = {
    "latency": "median time per request",
    "mean": "mean time per request",
    "cpu": "CPU time per request",
    "throughput": "time from one request to the next",
    "capacity": "time per request at capacity",
}


def percent_with_interval(effect: Difference) -> str:
    """Return a text like `+3.00 % (95 % interval +1.00 to +5.00)`."""
    return (
        f"{effect.percent:+.2f} % "
        f"({100 * effect.confidence:.4g} % interval {effect.percent_low:+.2f} to {effect.percent_high:+.2f})"
    )


def _moved(comparison: Comparison) -> str:
    return "lower" if comparison.verdict == "faster" else "higher"


def differing_controls(experiment: Experiment, comparisons: Sequence[Comparison]) -> list[Comparison]:
    """Return the comparisons in which a control differs from its arm."""
    return [
        comparison
        for comparison in comparisons
        if comparison.verdict in ("faster", "slower") and is_control(experiment, (comparison.arm, comparison.against))
    ]


def control_doubts(differing: Sequence[Comparison]) -> Iterator[Doubt]:
    """Yield a doubt for each metric on which the control differs."""
    for comparison in differing:
        yield Doubt(
            kind="control",
            arm=comparison.arm,
            seen=(
                f"The control is {comparison.against} a second time (an A/A test), but its "
                f"{METRIC_NAMES[comparison.metric]} is {_moved(comparison)}: {percent_with_interval(comparison)}."
            ),
            advice=(
                f"Trust no difference of this size in {METRIC_NAMES[comparison.metric]}; quiet the machine and "
                "measure again."
            ),
        )


def failed_doubts(failed: Mapping[str, Mapping[str, int]]) -> Iterator[Doubt]:
    """Yield a doubt for each arm with failed requests."""
    for arm, kinds in failed.items():
        yield Doubt(
            kind="failed",
            arm=arm,
            seen=f"{counted(kinds)}.",
            advice="Read the logs of its stack and fix the cause: an arm with failed requests has no verdict.",
        )


def changed_doubts(records: Sequence[Record]) -> Iterator[Doubt]:
    """Yield a doubt for each arm whose answer changed between sessions."""
    for arm, session, change in changes(sorted(records, key=lambda record: record.session)):
        yield Doubt(
            kind="answers",
            session=session,
            arm=arm,
            seen=f"Its answer changed since the run began: {change}.",
            advice="Find out what changed it, and measure again: sessions with different answers have no common mean.",
        )


def incomplete_doubts(sessions: int, planned_sessions: int, directory: str) -> Iterator[Doubt]:
    """Yield a doubt if sessions are missing."""
    needed = max(planned_sessions, FEWEST_SESSIONS)
    if sessions < needed:
        yield Doubt(
            kind="incomplete",
            seen=f"{sessions} of {needed} sessions were measured.",
            advice=f"Continue with barehop run --resume {shlex.quote(directory)}.",
        )


def out_of_time_doubts(plan: Plan) -> Iterator[Doubt]:
    """Yield a doubt if the time limit ended the run with too few sessions."""
    done, planned = plan.out_of_time_after, plan.schedule.sessions
    least = min(planned, MIN_SESSIONS)
    if done is not None and done < least:
        yield Doubt(
            kind=OUT_OF_TIME,
            seen=(
                f"The time limit was reached after {done} of {planned} planned sessions. With fewer than {least}, one "
                "unusual session determines the interval."
            ),
            advice="Allow more time with --budget, and measure again.",
        )


def left_out_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """Yield a doubt for each reason why arms were left out."""
    for sentence in sentences(experiment.left_out):
        yield Doubt(
            kind="left-out",
            seen=sentence,
            advice="The other arms were measured. Arms above a missing rung are compared with the rung below it.",
        )


def service_doubts(experiment: Experiment) -> Iterator[Doubt]:
    """Yield a doubt if any arm has a url."""
    names = [arm.name for arm in experiment.arms if arm.settings.url and arm.control_of is None]
    if names:
        yield Doubt(
            kind="url",
            seen=(
                f"The service behind the url of {', '.join(names)} was already running. Its CPUs and limits are "
                "unknown, and sessions do not restart it, so no interval includes the variance between service starts."
            ),
            advice=(
                "Restart it, run again, and compare the two runs with barehop compare. Without pids or cgroup its "
                "processes count as other busy processes."
            ),
        )


def session_doubts(records: Sequence[Record]) -> Iterator[Doubt]:
    """Yield the doubts of each session, with its number."""
    for record in records:
        for doubt in record.doubts:
            yield doubt.model_copy(update={"session": record.session})
