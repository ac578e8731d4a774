"""What is known here, to hold claims against."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Record, Summary
from harness.model.validation import SocketBound


@dataclass(frozen=True, slots=True)
class Ground:
    """A run with its records, what a socket can cost at most, and the margin of equivalence."""

    summary: Summary
    records: Sequence[Record]
    bound: SocketBound | None
    equivalence_percent: float
