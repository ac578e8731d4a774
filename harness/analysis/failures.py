"""Failed requests of a run, and answers that changed in it: throughput of errors is not throughput."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.model import Record
from harness.model.answers import shape_in


def failures(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """How many requests failed in which way, per arm that had any.

    The request that proves an arm ready counts as failed where its answer is not what it was in the first session.
    """
    found: dict[str, Counter[str]] = {}
    every = sorted(records, key=lambda record: record.session)
    for arm, session, change in changes(every):
        found.setdefault(arm, Counter())[f"{change}, from session {session} on"] += 1
    for record in every:
        for arm, kinds in record.failures.items():
            found.setdefault(arm, Counter()).update(kinds)
    return {arm: kinds for arm, kinds in found.items() if kinds.total()}


def changes(records: Sequence[Record]) -> Iterator[tuple[str, int, str]]:
    """(arm, session, what is different) for each arm whose proofs contradict each other, and the first that does."""
    proofs = [(record.session, record.proofs) for record in records]
    for arm in dict.fromkeys(arm for _, of_arms in proofs for arm in of_arms):
        shapes = [(session, shape_in(of_arms.get(arm, {}))) for session, of_arms in proofs]
        known = [(session, shape) for session, shape in shapes if shape]
        for session, shape in known[1:]:
            if difference := known[0][1].difference(shape):
                yield arm, session, difference
                break


def counted(kinds: Mapping[str, int]) -> str:
    """`1 failed request (short: 1)`, `3 failed requests (502: 2, short: 1)`."""
    total = sum(kinds.values())
    listed = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
    return f"{total} failed {'request' if total == 1 else 'requests'} ({listed})"


def failure_excuse(arms: Iterable[str], failed: Mapping[str, Mapping[str, int]]) -> str:
    """Why what is said of `arms` deserves no verdict however good the numbers look; empty when it does."""
    counts = " and ".join(f"{arm} had {counted(failed[arm])}" for arm in dict.fromkeys(arms) if arm in failed)
    return f"{counts}; throughput of errors is not throughput." if counts else ""
