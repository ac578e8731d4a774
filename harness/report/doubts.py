"""Folds doubts of one kind into one, so that a hundred sessions with one fault read as one fault."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Doubt, Summary
from harness.report.wording import listed

FEW_NUMBERS = 4  # sessions that are told by number


@dataclass(frozen=True, slots=True)
class Fold:
    """Doubts of one kind: where they were met, what was seen first, what to do about them."""

    kind: str
    where: str
    seen: str
    advice: str


def folded(summary: Summary) -> list[Fold]:
    """The doubts of the whole run first, then by the number of sessions that share them."""
    kinds = dict.fromkeys(doubt.kind for doubt in summary.doubts)
    groups = [[doubt for doubt in summary.doubts if doubt.kind == kind] for kind in kinds]
    groups.sort(key=lambda group: -len(_sessions(group)) if _sessions(group) else -summary.sessions - 1)
    return [_fold(group, summary) for group in groups]


def _fold(group: Sequence[Doubt], summary: Summary) -> Fold:
    first = group[0]
    alike = all(doubt.seen == first.seen for doubt in group)
    where = ", ".join(filter(None, (_arms(group), _when(_sessions(group), summary.sessions))))
    seen = first.seen.rstrip(".")
    return Fold(first.kind, where, seen if alike else f"{seen}, and the like", first.advice)


def _sessions(group: Sequence[Doubt]) -> list[int]:
    return sorted({doubt.session for doubt in group if doubt.session is not None})


def _arms(group: Sequence[Doubt]) -> str:
    arms = list(dict.fromkeys(doubt.arm for doubt in group if doubt.arm and doubt.arm != doubt.kind))
    return listed(arms) if arms else ""


def _when(sessions: Sequence[int], of: int) -> str:
    """`in session 3`, `in sessions 3 and 7`, `in all 12 sessions`; nothing for the whole run."""
    if not sessions:
        return ""
    if len(sessions) == of > 1:
        return f"in all {of} sessions"
    if len(sessions) > FEW_NUMBERS:
        return f"in {len(sessions)} of {of} sessions"
    return f"in session{'s' if sessions[1:] else ''} {listed([str(number) for number in sessions])}"
