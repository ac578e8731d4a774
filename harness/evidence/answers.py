"""Whether answers are of one kind: those of arms that are compared, and those of an arm through a run."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from harness.evidence.store import Store
from harness.model import Plan, Reply
from harness.model.answers import AnswerShape, listed_keys, shape_in

ALIKE_SHARE = 0.1  # of the length of answers that are no JSON objects: dates and counters make some bytes


def answer_proof(reply: Reply) -> dict[str, Any]:
    """What a record says of the answer that proved an arm ready; later ones must be like it."""
    shape = reply.shape
    return {"status": shape.status, "body_bytes": shape.body_bytes, "kind": shape.kind, "keys": shape.keys}


def first_answers(plan: Plan, store: Store) -> dict[str, AnswerShape]:
    """What each arm answered when the run began: in its pilot, or else in the first session that is recorded."""
    recorded = store.sessions()
    of_record = store.read_record(recorded[0]).proofs if recorded else {}
    proofs = of_record | (plan.pilot.answers if plan.pilot else {})
    return {arm: shape for arm, proof in proofs.items() if (shape := shape_in(proof))}


def changed_answers(first: Mapping[str, AnswerShape], now: Mapping[str, AnswerShape]) -> Iterator[str]:
    """A sentence for each arm that does not answer any more as it did `first`."""
    for arm, shape in now.items():
        difference = first[arm].difference(shape) if arm in first else ""
        if difference:
            yield (
                f"Arm {arm!r} does not answer as it did when the run began: {difference}. One run measures one answer: "
                "let the application answer as before and go on with --resume, or begin a new run."
            )


def unlike_answers(pairs: Sequence[tuple[str, str]], replies: Mapping[str, Reply]) -> Iterator[str]:
    """A sentence for each pair whose answers are not of one kind."""
    for arm, against in pairs:
        mine, other = replies[arm], replies[against]
        if not _alike(mine, other):
            yield (
                f"{arm!r} answers {_told(mine)} and {against!r} {_told(other)}: what is compared must answer alike. "
                "Correct the url, or the path of the other."
            )


def _alike(one: Reply, other: Reply) -> bool:
    mine, others = one.shape, other.shape
    same_kind = (mine.kind, mine.keys) == (others.kind, others.keys)
    lengths = sorted((mine.body_bytes, others.body_bytes))
    return same_kind and (bool(mine.keys) or lengths[1] - lengths[0] <= ALIKE_SHARE * lengths[1])


def _told(reply: Reply) -> str:
    seen = reply.shape
    keys = f" with {listed_keys(seen.keys)}" if seen.keys else ""
    return f"{seen.body_bytes} bytes of {seen.kind or 'no content type'}{keys}"
