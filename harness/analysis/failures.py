"""Failed requests and answers that changed during a run; both leave an effect without a verdict."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence

from harness.model import Record
from harness.model.http import answer_shape


def count_failures(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """Return the number of failed requests by kind, for each arm that had any.

    The readiness request of an arm counts as failed if its answer differs from that in the first session.
    """
    kinds_by_arm: dict[str, Counter[str]] = {}
    every = sorted(records, key=lambda record: record.session)
    for arm, session, change in answer_changes(every):
        kinds_by_arm.setdefault(arm, Counter())[f"{change}, from session {session} on"] += 1
    for record in every:
        for arm, kinds in record.failures.items():
            kinds_by_arm.setdefault(arm, Counter()).update(kinds)
    return {arm: kinds for arm, kinds in kinds_by_arm.items() if kinds.total()}


def answer_changes(records: Sequence[Record]) -> Iterator[tuple[str, int, str]]:
    """Yield (arm, session, difference) for the first session in which the answer of an arm had changed."""
    proofs = [(record.session, record.proofs) for record in records]
    for arm in dict.fromkeys(arm for _, of_arms in proofs for arm in of_arms):
        shapes = [(session, answer_shape(of_arms.get(arm, {}))) for session, of_arms in proofs]
        known = [(session, shape) for session, shape in shapes if shape]
        for session, shape in known[1:]:
            if difference := known[0][1].difference(shape):
                yield arm, session, difference
                break


def describe_failures(kinds: Mapping[str, int]) -> str:
    """Return a text like `3 failed requests (502: 2, short: 1)`."""
    total = sum(kinds.values())
    listed = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
    return f"{total} failed {'request' if total == 1 else 'requests'} ({listed})"


def failure_reason(arms: Iterable[str], failed: Mapping[str, Mapping[str, int]]) -> str:
    """Return why an effect of `arms` gets no verdict: failed requests; "" if there are none."""
    counts = " and ".join(f"{arm} had {describe_failures(failed[arm])}" for arm in dict.fromkeys(arms) if arm in failed)
    return f"{counts}; throughput of errors is not throughput." if counts else ""
