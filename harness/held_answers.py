"""Check that the answers of every arm stay the same, between sessions and within a session."""

from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from harness.arrange import Arranged
from harness.errors import StackError, raise_all
from harness.evidence.answers import changed_answers
from harness.evidence.store import Store
from harness.experiment.limits import CLIENT
from harness.load.ask import ask
from harness.model import Doubt, Experiment, Plan, Reply
from harness.model.answers import AnswerShape, shape_in
from harness.served import Served

TIMES_WITH_A_TOOL = 3  # our client checks its answers itself


def check_answers(first: Mapping[str, AnswerShape], arranged: Arranged) -> None:
    """Raise StackError unless every arm answers as it did when the run began: `first`, by arm."""
    now = {arm: served.reply.shape for arm, served in arranged.served.items()}
    raise_all(changed_answers(first, now), StackError)


def changes_after(arranged: Arranged) -> dict[str, str]:
    """Probe every arm again; return, by arm, how its answer differs from the proved one."""
    changes = {arm: _change(arm, served, arranged.experiment) for arm, served in arranged.served.items()}
    return {arm: change for arm, change in changes.items() if change}


@contextmanager
def the_same_answers(arranged: Arranged) -> Iterator[None]:
    """Raise StackError if the answer of an arm has changed by the end of the body."""
    yield
    raise_all(_sentences(changes_after(arranged)), StackError)


def with_changes(failures: Mapping[str, Mapping[str, int]], changes: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """Return the failed requests of a session with one more for each changed answer: the arm gets no verdict."""
    counted = {arm: Counter(kinds) for arm, kinds in failures.items()}
    for arm, change in changes.items():
        counted.setdefault(arm, Counter())[f"{change}, after the visits"] += 1
    return {arm: dict(kinds) for arm, kinds in counted.items()}


def change_doubts(changes: Mapping[str, str]) -> Iterator[Doubt]:
    """Yield a doubt for each arm with an answer that changed during a session."""
    for arm, change in changes.items():
        yield Doubt(
            kind="answers",
            arm=arm,
            seen=f"Its answer after the visits differs from that before them: {change}.",
            advice="Find the cause, for example a cache, a limit or an error; the times are a mixture of both answers.",
        )


def _change(arm: str, served: Served, experiment: Experiment) -> str:
    times = 1 if experiment.arm(arm).settings.tool == CLIENT else TIMES_WITH_A_TOOL
    return next(filter(None, (_difference(served) for _ in range(times))), "")


def _difference(served: Served) -> str:
    try:
        with served.network.entered():
            reply = ask(served.target, served.target.path)
    except StackError:
        return "an answer that cannot be read"
    return served.reply.shape.difference(reply.shape) if isinstance(reply, Reply) else reply


def _sentences(changes: Mapping[str, str]) -> Iterator[str]:
    for arm, change in changes.items():
        yield (
            f"The answer of arm {arm!r} at the end differs from that at the beginning: {change}. One run measures one "
            "answer: find out why the application changes it, and start again."
        )


def first_answers(plan: Plan, store: Store) -> dict[str, AnswerShape]:
    """Return the answer of each arm at the start of the run: of its pilot, otherwise of the first recorded session."""
    sessions = store.sessions()
    recorded = store.read_record(sessions[0]).proofs if sessions else {}
    proofs = recorded | (plan.pilot.answers if plan.pilot else {})
    return {arm: shape for arm, proof in proofs.items() if (shape := shape_in(proof))}
