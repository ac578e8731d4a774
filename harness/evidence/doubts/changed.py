"""Doubts about a machine that was changed between the sessions of a resumed run."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.model import Doubt

Changes = tuple[str, ...]


def read_changes(context: Scene) -> Changes:
    """Return a sentence for each fact of the host that has changed since the run began."""
    return context.changes


def change_doubts(_before: Changes, after: Changes) -> Iterator[Doubt]:
    """Yield a doubt where any fact of the host has changed."""
    if after:
        yield Doubt(
            kind="changed",
            seen=f"The run was resumed on a machine that has changed since it began: {' '.join(after)}",
            advice="If that matters to your question, measure from the beginning: `barehop run` without --resume.",
        )
