"""The measurements of this machine that claims are compared with."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Record, Summary
from harness.model.validation import SocketBound


@dataclass(frozen=True, slots=True)
class Ground:
    """A run with its records, the bound of a socket, and the equivalence margin."""

    summary: Summary
    records: Sequence[Record]
    bound: SocketBound | None
    equivalence_percent: float
