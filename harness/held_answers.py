"""Sees that every arm goes on answering as it did: from session to session, and through a session."""

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
    """Raise StackError unless every arm answers as it did when the run began."""
    now = {arm: served.reply.shape for arm, served in arranged.served.items()}
    raise_all(changed_answers(first, now), StackError)


def changes_after(arranged: Arranged) -> dict[str, str]:
    """Ask every arm again: those that do not answer as they were proved to, and what is different."""
    found = {arm: _change(arm, served, arranged.experiment) for arm, served in arranged.served.items()}
    return {arm: change for arm, change in found.items() if change}


@contextmanager
def the_same_answers(arranged: Arranged) -> Iterator[None]:
    """What is measured inside is of answers that stay what they are; StackError otherwise."""
    yield
    raise_all(_sentences(changes_after(arranged)), StackError)


def with_changes(failures: Mapping[str, Mapping[str, int]], changes: Mapping[str, str]) -> dict[str, dict[str, int]]:
    """The failed requests of a session, and those asked after its visits: an arm that fails has no verdict."""
    counted = {arm: Counter(kinds) for arm, kinds in failures.items()}
    for arm, change in changes.items():
        counted.setdefault(arm, Counter())[f"{change}, after the visits"] += 1
    return {arm: dict(kinds) for arm, kinds in counted.items()}


def change_doubts(changes: Mapping[str, str]) -> Iterator[Doubt]:
    """One for each arm that answered otherwise after a session's visits than before them."""
    for arm, change in changes.items():
        yield Doubt(
            kind="answers",
            arm=arm,
            seen=f"After the visits it answered otherwise than before them: {change}.",
            advice="Find out what makes it change, as a cache, a limit or an error; what was measured is a mixture.",
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
            f"Arm {arm!r} did not answer at the end as it did at the beginning: {change}. One run measures one answer: "
            "find out what makes the application change, and begin again."
        )


def first_answers(plan: Plan, store: Store) -> dict[str, AnswerShape]:
    """Return the answer of each arm at the start of the run: of its pilot, otherwise of the first recorded session."""
    sessions = store.sessions()
    recorded = store.read_record(sessions[0]).proofs if sessions else {}
    proofs = recorded | (plan.pilot.answers if plan.pilot else {})
    return {arm: shape for arm, proof in proofs.items() if (shape := shape_in(proof))}
