"""Check that the answers of every arm stay the same, between sessions and within a session."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from harness.analysis.statistics.series import SessionData
from harness.errors import StackError, raise_all
from harness.experiment.constraints import OWN_CLIENT
from harness.load.probe import probe_target
from harness.model import Doubt, Experiment, Plan, Reply
from harness.model.http import AnswerShape, answer_shape
from harness.observe.proof import answer_change_problems
from harness.session.session import ResolvedTarget, RunningSession

TOOL_ARM_PROBES = 3  # our client checks its answers itself


def check_answers(first: Mapping[str, AnswerShape], arranged: RunningSession) -> None:
    """Raise StackError unless every arm answers as it did when the run began: `first`, by arm."""
    now = {arm: served.reply.shape for arm, served in arranged.targets.items()}
    raise_all(answer_change_problems(first, now), StackError)


def find_answer_changes(arranged: RunningSession) -> dict[str, str]:
    """Probe every arm again; return, by arm, how its answer differs from the proved one."""
    changes = {arm: _answer_change(arm, served, arranged.experiment) for arm, served in arranged.targets.items()}
    return {arm: change for arm, change in changes.items() if change}


@contextmanager
def require_same_answers(arranged: RunningSession) -> Iterator[None]:
    """Raise StackError if the answer of an arm has changed by the end of the body."""
    yield
    raise_all(_change_problems(find_answer_changes(arranged)), StackError)


def failures_with_changes(
    failures: Mapping[str, Mapping[str, int]], changes: Mapping[str, str]
) -> dict[str, dict[str, int]]:
    """Return the failed requests of a session with one more for each changed answer: the arm gets no verdict."""
    counted = {arm: Counter(kinds) for arm, kinds in failures.items()}
    for arm, change in changes.items():
        counted.setdefault(arm, Counter())[f"{change}, after the visits"] += 1
    return {arm: dict(kinds) for arm, kinds in counted.items()}


def answer_doubts(changes: Mapping[str, str]) -> Iterator[Doubt]:
    """Yield a doubt for each arm with an answer that changed during a session."""
    for arm, change in changes.items():
        yield Doubt(
            kind="answers",
            arm=arm,
            seen=f"Its answer after the visits differs from that before them: {change}.",
            advice="Find the cause, for example a cache, a limit or an error; the times are a mixture of both answers.",
        )


def _answer_change(arm: str, served: ResolvedTarget, experiment: Experiment) -> str:
    times = 1 if experiment.arm(arm).settings.tool == OWN_CLIENT else TOOL_ARM_PROBES
    return next(filter(None, (_answer_difference(served) for _ in range(times))), "")


def _answer_difference(served: ResolvedTarget) -> str:
    try:
        with served.network.enter():
            reply = probe_target(served.target, served.target.path)
    except StackError:
        return "an answer that cannot be read"
    return served.reply.shape.difference(reply.shape) if isinstance(reply, Reply) else reply


def _change_problems(changes: Mapping[str, str]) -> Iterator[str]:
    for arm, change in changes.items():
        yield (
            f"The answer of arm {arm!r} at the end differs from that at the beginning: {change}. One run measures one "
            "answer: find out why the application changes it, and start again."
        )


def first_answers(plan: Plan, sessions: Sequence[SessionData]) -> dict[str, AnswerShape]:
    """Return the answer of each arm at the start of the run: of its pilot, otherwise of the first of `sessions`."""
    recorded = sessions[0].record.proofs if sessions else {}
    proofs = recorded | (plan.pilot.answers if plan.pilot else {})
    return {arm: shape for arm, proof in proofs.items() if (shape := answer_shape(proof))}
