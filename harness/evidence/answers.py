"""Checks that answers are of the same kind: those of arms that are compared, and those of an arm during a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.evidence.store import Store
from harness.model import Plan, Reply
from harness.model.answers import AnswerShape, listed_keys, shape_in

LENGTH_TOLERANCE = 0.1  # of answers other than JSON objects: dates and counters change some bytes


def answer_proof(reply: Reply) -> dict[str, Any]:
    """Return the facts that a record holds of the answer that proved an arm ready."""
    shape = reply.shape
    return {"status": shape.status, "body_bytes": shape.body_bytes, "kind": shape.kind, "keys": shape.keys}


def first_answers(plan: Plan, store: Store) -> dict[str, AnswerShape]:
    """Return the answer of each arm at the start of the run: of its pilot, otherwise of the first recorded session."""
    sessions = store.sessions()
    recorded = store.read_record(sessions[0]).proofs if sessions else {}
    proofs = recorded | (plan.pilot.answers if plan.pilot else {})
    return {arm: shape for arm, proof in proofs.items() if (shape := shape_in(proof))}


def changed_answers(first: Mapping[str, AnswerShape], now: Mapping[str, AnswerShape]) -> Iterator[str]:
    """Yield a sentence for each arm whose answer differs from its `first`."""
    for arm, shape in now.items():
        difference = first[arm].difference(shape) if arm in first else ""
        if difference:
            yield (
                f"Arm {arm!r} does not answer as it did when the run began: {difference}. All answers of a run must be "
                "alike: restore the application and continue with --resume, or start a new run."
            )


def unlike_answers(pairs: Sequence[tuple[str, str]], replies: Mapping[str, Reply]) -> Iterator[str]:
    """Yield a sentence for each pair whose answers are not of the same kind."""
    for arm, reference in pairs:
        first, second = replies[arm].shape, replies[reference].shape
        if not _is_alike(first, second):
            yield (
                f"{arm!r} answers {_describe(first)} and {reference!r} {_describe(second)}: compared arms must answer "
                "alike. Correct the url, or the path of the other."
            )


def _is_alike(first: AnswerShape, second: AnswerShape) -> bool:
    same_kind = (first.kind, first.keys) == (second.kind, second.keys)
    lengths = sorted((first.body_bytes, second.body_bytes))
    return same_kind and (bool(first.keys) or lengths[1] - lengths[0] <= LENGTH_TOLERANCE * lengths[1])


def _describe(answer: AnswerShape) -> str:
    keys = f" with {listed_keys(answer.keys)}" if answer.keys else ""
    return f"{answer.body_bytes} bytes of {answer.kind or 'no content type'}{keys}"
