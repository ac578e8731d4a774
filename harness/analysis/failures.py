"""Failed requests of a run: throughput of errors is not throughput."""

from collections import Counter
from collections.abc import Iterable, Mapping

from harness.model import Record


def failures(records: Iterable[Record]) -> dict[str, Counter[str]]:
    """How many requests failed in which way, per arm that had any."""
    found: dict[str, Counter[str]] = {}
    for record in records:
        for arm, kinds in record.failures.items():
            found.setdefault(arm, Counter()).update(kinds)
    return {arm: kinds for arm, kinds in found.items() if kinds.total()}


def counted(kinds: Mapping[str, int]) -> str:
    """`1 failed request (short: 1)`, `3 failed requests (502: 2, short: 1)`."""
    total = sum(kinds.values())
    listed = ", ".join(f"{kind}: {count}" for kind, count in sorted(kinds.items()))
    return f"{total} failed {'request' if total == 1 else 'requests'} ({listed})"


def failure_excuse(arms: Iterable[str], failed: Mapping[str, Mapping[str, int]]) -> str:
    """Why what is said of `arms` deserves no verdict however good the numbers look; empty when it does."""
    counts = " and ".join(f"{arm} had {counted(failed[arm])}" for arm in dict.fromkeys(arms) if arm in failed)
    return f"{counts}; throughput of errors is not throughput." if counts else ""
