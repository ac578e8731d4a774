"""Doubts about memory that went to disk or came from there."""

from collections.abc import Iterator

from harness.evidence.doubts.scene import Scene
from harness.lab.kernelfiles import read
from harness.model import Doubt

# Of 4 KiB mostly. A few pages of somebody's idle memory do no harm; a server that comes from disk needs thousands.
SWAPPED_PAGES = 100

_COUNTERS = ("pswpin", "pswpout")


def read_swap(scene: Scene) -> int:
    """Pages swapped in and out since the machine started."""
    rows = (line.split() for line in (read(scene.roots.proc / "vmstat") or "").splitlines())
    return sum(int(row[1]) for row in rows if row[0] in _COUNTERS)


def swap_doubts(before: int, after: int) -> Iterator[Doubt]:
    if after - before > SWAPPED_PAGES:
        yield Doubt(
            kind="swap",
            seen=f"{after - before} pages of memory were swapped in or out.",
            advice="Memory is short: end what fills it, or use fewer workers, and measure again.",
        )
