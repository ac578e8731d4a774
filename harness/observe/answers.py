"""Checks that answers are of the same kind: those of arms that are compared, and those of an arm during a run."""

from collections.abc import Iterator, Mapping, Sequence

from harness.model import Reply
from harness.model.facts import ArmProof
from harness.model.http import AnswerShape, format_keys

LENGTH_TOLERANCE = 0.1  # of answers other than JSON objects: dates and counters change some bytes


def answer_proof(reply: Reply) -> ArmProof:
    """Return the facts that a record holds of the answer that proved an arm ready."""
    shape = reply.shape
    return {"status": shape.status, "body_bytes": shape.body_bytes, "kind": shape.kind, "keys": shape.keys}


def answer_changes(first: Mapping[str, AnswerShape], now: Mapping[str, AnswerShape]) -> Iterator[str]:
    """Yield a sentence for each arm whose answer differs from its `first`."""
    for arm, shape in now.items():
        difference = first[arm].difference(shape) if arm in first else ""
        if difference:
            yield (
                f"Arm {arm!r} does not answer as it did when the run began: {difference}. All answers of a run must be "
                "alike: restore the application and continue with --resume, or start a new run."
            )


def answer_mismatches(pairs: Sequence[tuple[str, str]], replies: Mapping[str, Reply]) -> Iterator[str]:
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
    keys = f" with {format_keys(answer.keys)}" if answer.keys else ""
    return f"{answer.body_bytes} bytes of {answer.kind or 'no content type'}{keys}"
