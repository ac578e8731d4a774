"""Doubts of a run, grouped by kind."""

from collections.abc import Sequence
from dataclasses import dataclass

from harness.model import Doubt, Summary
from harness.report.wording import counted, listed

FEW_NUMBERS = 4  # sessions that are listed by number


@dataclass(frozen=True, slots=True)
class Fold:
    """Doubts of one kind: in which arms and sessions, the first observation, and the advice."""

    kind: str
    where: str
    seen: str
    advice: str


def folded(summary: Summary) -> list[Fold]:
    """Return the doubts of the whole run first, then those of sessions, the most frequent first."""
    kinds = dict.fromkeys(doubt.kind for doubt in summary.doubts)
    groups = [[doubt for doubt in summary.doubts if doubt.kind == kind] for kind in kinds]
    groups.sort(key=lambda group: -len(_session_numbers(group)) if _session_numbers(group) else -summary.sessions - 1)
    return [_fold(group, summary) for group in groups]


def _fold(group: Sequence[Doubt], summary: Summary) -> Fold:
    first = group[0]
    are_alike = all(doubt.seen == first.seen for doubt in group)
    where = ", ".join(filter(None, (_arm_names(group), _session_phrase(_session_numbers(group), summary.sessions))))
    text = first.seen.rstrip(".")
    return Fold(
        first.kind, where, text if are_alike else f"{text}; first of {counted(len(group), 'case')}", first.advice
    )


def _session_numbers(group: Sequence[Doubt]) -> list[int]:
    return sorted({doubt.session for doubt in group if doubt.session is not None})


def _arm_names(group: Sequence[Doubt]) -> str:
    arms = list(dict.fromkeys(doubt.arm for doubt in group if doubt.arm and doubt.arm != doubt.kind))
    return listed(arms) if arms else ""


def _session_phrase(sessions: Sequence[int], total: int) -> str:
    """Return `in session 3`, `in sessions 3 and 7` or `in all 12 sessions`; empty for the whole run."""
    if not sessions:
        return ""
    if len(sessions) == total > 1:
        return f"in all {total} sessions"
    if len(sessions) > FEW_NUMBERS:
        return f"in {len(sessions)} of {total} sessions"
    return f"in session{'s' if sessions[1:] else ''} {listed([str(number) for number in sessions])}"
